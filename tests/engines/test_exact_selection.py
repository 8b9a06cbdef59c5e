"""Step weights by the exact engine: without selection it is the usual model, mirrored, by NUTS's own likelihood."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
PRIORS = {"mu": priors.Normal(0, 2), "tau": priors.HalfNormal(1)}


def steps(*cuts, **kw):
    return pw.StepSelection(cuts or (0.025,), **({"direction": "negative"} | PRIORS | kw))


@pytest.fixture(scope="module")
def fitted():
    return pw.fit(BCG, steps(0.025, 0.5), pw.Exact())


def test_weights_of_one_give_the_model_without_selection():
    ones, usual = pw.fit(BCG, steps(weights=(1, 1)), pw.Exact()), pw.fit(BCG, pw.RandomEffects(**PRIORS), pw.Exact())
    assert ones.log_evidence == pytest.approx(usual.log_evidence, abs=1e-7)
    for name in ("mu", "tau", "tau2", "theta_new"):
        assert ones[name].interval() == pytest.approx(usual[name].interval(), rel=2e-6)
        assert ones[name].sd == pytest.approx(usual[name].sd, rel=1e-5)
    for label in BCG.labels[:3]:
        assert ones.studies[label].interval() == pytest.approx(usual.studies[label].interval(), rel=1e-6)


def test_the_mirrored_table_gives_the_mirrored_answer(fitted):
    turned = pw.Effects(-BCG.y, se=BCG.se, scale=BCG.scale)
    mirrored = pw.fit(turned, steps(0.025, 0.5, direction="positive"), pw.Exact())
    assert mirrored.log_evidence == fitted.log_evidence
    for name in ("mu", "theta_new"):
        lower, upper = fitted[name].interval(0.8)
        assert mirrored[name].interval(0.8) == (-upper, -lower)
        assert mirrored[name].probability(lower=0.1) == fitted[name].probability(upper=-0.1)
        assert (mirrored[name].mean, mirrored[name].sd) == (-fitted[name].mean, fitted[name].sd)
        assert (mirrored[name].sample(5, 1) == -fitted[name].sample(5, 1)).all()
    assert mirrored.studies[turned.labels[0]].point == -fitted.studies[BCG.labels[0]].point
    for name in ("omega[p > .5]", "tau"):
        assert mirrored[name].interval() == fitted[name].interval()


@pytest.mark.parametrize("model", [pw.PET, pw.PEESE])
def test_regressions_on_the_standard_error_are_mirrored_to_the_last_bit(model):
    turned = pw.Effects(-BCG.y, se=BCG.se, scale=BCG.scale)
    one = pw.fit(BCG, model(direction="negative", **(PRIORS | {"mu": priors.Normal(-0.2, 1)})), pw.Exact())
    other = pw.fit(turned, model(direction="positive", **(PRIORS | {"mu": priors.Normal(0.2, 1)})), pw.Exact())
    assert one.log_evidence == other.log_evidence
    assert [-x for x in reversed(one["mu"].interval(0.8))] == list(other["mu"].interval(0.8))
    assert one["mu"].point == -other["mu"].point


def test_the_posterior_is_that_of_the_likelihood_that_nuts_samples(fitted):
    """Importance weights of exact draws under the row likelihood are all the same."""
    tree = fitted.to_datatree()
    whole = tree.log_likelihood["y"].sum("study") + sum(tree.log_prior[name] for name in ("mu", "tau"))
    drawn = tree.posterior
    at = {name: drawn[name].values.ravel()[:40] for name in fitted.native.likelihood.free}
    inner = fitted.native.posterior.inner
    x = np.stack([at["omega[.025 < p < .5]"], at["omega[p > .5]"]], axis=-1)
    logs = np.log(np.concatenate([np.ones((40, 1)), x], axis=1))
    P = inner.probabilities(-at["mu"], at["tau"])
    mine = inner.unselected(-at["mu"], at["tau"]) + logs @ inner.counts
    mine -= np.log(np.einsum("nkj,nj->nk", P, np.exp(logs))).sum(axis=1)
    own = priors.Normal(0, 2).log_pdf(at["mu"]) + priors.HalfNormal(1).log_pdf(at["tau"])
    np.testing.assert_allclose(mine + own, whole.values.ravel()[:40], rtol=1e-10)
    assert float(drawn["mu"].mean()) == pytest.approx(fitted["mu"].mean, abs=4.5 * fitted["mu"].sd / np.sqrt(4000))


def test_four_free_weights_are_answered_and_five_refused():
    four = pw.fit(pw.Effects(BCG.y[:5], se=BCG.se[:5], scale="log RR"), steps(0.005, 0.025, 0.05, 0.5), pw.Exact())
    assert four.report.status == "ok"
    assert four.native.posterior.error < 2e-4
    points = [four[name].point for name in four.model.free_weights]
    assert points == sorted(points, reverse=True)
    with pytest.raises(ModelError, match="5 free weights"):
        pw.fit(BCG, steps(0.005, 0.01, 0.025, 0.05, 0.5), pw.Exact())


@pytest.mark.parametrize(
    ("kw", "words"),
    [
        ({"mu": priors.Flat()}, "improper"),
        ({"tau": priors.Flat()}, "improper"),
        ({"moderators": "~ ablat", "mu": None}, "moderators"),
        ({"weights": priors.Beta(1, 1)}, "prior of its own"),
    ],
)
def test_what_the_lattice_does_not_know_is_refused_in_words(kw, words):
    with pytest.raises(ModelError, match=words):
        pw.fit(BCG, steps(**kw), pw.Exact())


@pytest.mark.parametrize("kw", [{"tau": None, "tau_fixed": 0.0}, {"mu": priors.Fixed(0)}, {"tau": 0.3}], ids=str)
def test_known_means_and_spreads(kw):
    result = pw.fit(BCG, steps(**kw), pw.Exact())
    assert np.isfinite(result.log_evidence)
    assert result["omega[p > .025]"].interval()[1] <= 1.0
    assert ("theta_new" in result) == (kw.get("tau_fixed") != 0.0)
    assert all(np.isfinite(q.point) for q in result.studies.values())
    assert result.to_datatree().posterior["theta"].shape == (4, 1000, 13)


def test_the_engine_that_is_chosen_is_the_one_that_knows_the_weights():
    assert isinstance(pw.fit(BCG, steps()).engine, pw.Exact)
    assert pw.bayes_factor(pw.fit(BCG, steps()), pw.fit(BCG, pw.RandomEffects(**PRIORS), pw.Exact())).log < 3.0
