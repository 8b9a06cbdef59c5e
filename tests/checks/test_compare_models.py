"""Models are ranked by exact leave-one-out where importance sampling fails, with a word of caution."""

import numpy as np
import pytest

import poolwise as pw


@pytest.fixture(scope="module")
def fits():
    bcg = pw.datasets.load("bcg")
    models = (pw.CommonEffect(), pw.RandomEffects(), pw.MetaRegression("~ ablat"))
    return [pw.fit(bcg, model, pw.Exact()) for model in models]


def test_ranks_and_differences_are_those_of_exact_leave_one_out(fits):
    found = pw.checks.compare_models(*fits)
    exact = {fit.label: pw.checks.leave_one_out(fit.effects, fit.model).elpd for fit in fits}
    ranked = sorted(exact, key=exact.__getitem__, reverse=True)
    assert found.frame["label"].tolist() == ranked
    np.testing.assert_allclose(found.frame["elpd"], [exact[label] for label in ranked], atol=0.15)
    np.testing.assert_allclose(found.frame["elpd_diff"], found.frame["elpd"] - found.frame["elpd"].iloc[0], atol=1e-9)


def test_stacking_weights_maximise_the_log_score(fits):
    each = [pw.checks.loo(fit) for fit in fits]
    frame = pw.checks.compare_models(*each).frame.set_index("label")
    density = np.exp(np.stack([one.frame["elpd"] for one in each], axis=1))
    weight = np.array([frame.loc[one.label, "weight"] for one in each])
    assert weight.sum() == pytest.approx(1.0)
    best = np.log(density @ weight).sum()
    for share in np.linspace(0.0, 1.0, 201):  # between the two that are not hopeless
        assert np.log(density @ [0.0, 1.0 - share, share]).sum() < best + 1e-3


def test_few_studies_are_told(fits):
    told = " ".join(pw.checks.compare_models(*fits).sentences)
    assert "With 13 units" in told
    assert "does not tell models apart" in told


def test_results_of_the_same_label_are_numbered(fits):
    found = pw.checks.compare_models(fits[1], fits[1])
    assert sorted(found.frame["label"]) == ["exact (1)", "exact (2)"]
    assert found.frame["elpd_diff"].abs().max() < 1e-9


def test_other_tables_other_units_and_closed_forms_are_refused(fits):
    effects = pw.datasets.load("bcg").drop(study="Aronson 1948")
    other = pw.fit(effects, pw.RandomEffects(), pw.Exact())
    with pytest.raises(pw.PoolwiseError, match="2 study tables"):
        pw.checks.compare_models(fits[1], other)
    with pytest.raises(pw.PoolwiseError, match="two or more"):
        pw.checks.compare_models(fits[0])
    with pytest.raises(pw.PoolwiseError, match="closed-form"):
        pw.checks.compare_models(fits[1], pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm()))


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_studies_and_clusters_do_not_compare():
    effects = pw.datasets.load("assink2016")
    fits = [pw.fit(effects, model, pw.Exact()) for model in (pw.RandomEffects(), pw.ThreeLevel())]
    with pytest.raises(pw.PoolwiseError, match="different units"):
        pw.checks.compare_models(*[pw.checks.loo(fit, refit_above=None) for fit in fits])
