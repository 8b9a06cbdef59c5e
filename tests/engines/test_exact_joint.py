"""Exchangeable outcomes and subgroups by the exact engine, against a tensor of trapezoid rules that shares no code."""

import json
import math
import pathlib

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

import poolwise as pw
from poolwise import checks, priors
from poolwise.errors import ModelError

FOUND = json.loads((pathlib.Path(__file__).parents[1] / "reference" / "joint_outcomes.json").read_text())
MODELS = {
    "half-normal": pw.JointOutcomes(
        priors.Normal(0, 1), priors.HalfNormal(0.5), priors.HalfNormal(0.5), priors.HalfNormal(0.5)
    ),
    "half-normal, narrow": pw.JointOutcomes(
        priors.Normal(0.1, 0.3), priors.HalfNormal(0.05), priors.HalfNormal(0.2), priors.HalfNormal(0.01)
    ),
    "flat, other families": pw.JointOutcomes(
        priors.Flat(), priors.HalfNormal(0.3), priors.LogNormal(-1.5, 0.8), priors.Exponential(3.0)
    ),
    "half-Cauchy": pw.JointOutcomes(
        priors.Normal(0, 1), priors.HalfCauchy(0.3), priors.HalfCauchy(0.3), priors.HalfNormal(0.5)
    ),
    "independent means": pw.Subgroups(
        "group", priors.Normal(0, 1), priors.HalfNormal(0.5), "exchangeable", priors.HalfNormal(0.5)
    ),
    "independent flat means": pw.Subgroups(
        "group", priors.Flat(), priors.HalfNormal(0.5), "exchangeable", priors.HalfNormal(0.5)
    ),
}
SEVERAL = ("mu", "mu_spread", "tau", "tau_spread")


@pytest.fixture(scope="module")
def table():
    y, se = np.concatenate(FOUND["y"]), np.concatenate(FOUND["se"])
    group = np.repeat(["one", "two"], [len(part) for part in FOUND["y"]])
    return pw.Effects(y, se=se, outcome=group, moderators=pd.DataFrame({"group": group}), scale="SMD")


@pytest.fixture(scope="module")
def alliance():
    return pw.datasets.load("working_alliance")


@pytest.fixture(scope="module")
def joint(alliance):
    return pw.fit(alliance, pw.JointOutcomes(), pw.Exact(seed=5))


@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_the_tensor_of_trapezoid_rules(table, name):
    wanted = FOUND["cases"][name]
    result = pw.fit(table, MODELS[name], pw.Exact())
    tolerance = 2e-6 + wanted["gap between two resolutions"]
    groups, mean = (("one", "two"), FOUND["x_mu"])
    for o, group in enumerate(groups):
        assert result[f"mu[{group}]"].cdf(np.array(mean[o])) == pytest.approx(wanted[f"mu_{o}"], abs=tolerance)
        assert result[f"theta_new[{group}]"].cdf(np.array(mean[o])) == pytest.approx(wanted[f"new_{o}"], abs=tolerance)
        at = np.array(FOUND["x_tau"][o])
        assert result[f"tau[{group}]"].cdf(at) == pytest.approx(wanted[f"tau_{o}"], abs=tolerance)
        assert result[f"tau2[{group}]"].cdf(at**2) == pytest.approx(wanted[f"tau_{o}"], abs=tolerance)
    first = result.studies[result.effects.labels[0]]
    assert first.cdf(np.array(mean[0])) == pytest.approx(wanted["theta_00"], abs=tolerance)
    if "m" in wanted:
        assert result["mu"].cdf(np.array(mean[0])) == pytest.approx(wanted["m"], abs=tolerance)
        if not np.isnan(result["mu_spread"].mean):
            assert result["mu_spread"].mean == pytest.approx(wanted["mean s"], rel=1e-5)
    assert result["tau_spread"].mean == pytest.approx(wanted["mean r"], rel=1e-5)
    if not np.isnan(result["tau"].mean):
        assert result["tau"].mean == pytest.approx(wanted["mean tau"], rel=1e-5)
    if not np.isnan(result.evidence):
        assert result.evidence == pytest.approx(wanted["log_evidence"], abs=tolerance)


@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
@pytest.mark.parametrize("name", MODELS)
def test_combinations_of_means_agree_with_the_tensor(table, name):
    wanted = FOUND["cases"][name]
    result = pw.fit(table, MODELS[name], pw.Exact())
    for combined, weights in FOUND["weights"].items():
        law = result.contrast(dict(zip(("mu[one]", "mu[two]"), weights, strict=True)))
        at = np.array(FOUND["x_combined"][combined])
        gap = np.array(wanted[f"gap of {combined}"])
        assert (np.abs(law.cdf(at) - wanted[combined]) < 2e-6 + gap).all(), combined


def test_a_spike_of_log_tau_is_the_common_tau():
    bcg = pw.datasets.load("bcg")
    mu, tau = priors.Normal(0, 1), priors.HalfNormal(0.5)
    spike = pw.fit(bcg, pw.Subgroups("alloc", mu, tau, "exchangeable", priors.HalfNormal(1e-5)), pw.Exact())
    common = pw.fit(bcg, pw.Subgroups("alloc", mu, tau), pw.Exact())
    for name in ("mu[alternate]", "mu[random]", "mu[systematic]", "theta_new[random]", "tau"):
        assert spike[name].interval(0.95) == pytest.approx(common[name].interval(0.95), abs=2e-6)
    difference = "mu[random] - mu[alternate]"
    assert spike[difference].interval(0.95) == pytest.approx(common[difference].interval(0.95), abs=2e-6)
    three = {"mu[random]": 1.0, "mu[alternate]": -0.5, "mu[systematic]": -0.5}
    assert spike.contrast(three).interval(0.95) == pytest.approx(common.contrast(three).interval(0.95), abs=2e-6)
    assert spike["tau[random]"].interval(0.95) == pytest.approx(common["tau"].interval(0.95), abs=2e-5)
    assert spike.log_evidence == pytest.approx(common.log_evidence, abs=2e-6)


def test_draws_follow_the_laws(joint):
    drawn = joint.to_datatree()["posterior"]
    for name, position in (
        ("mu", "mu[misconduct]"),
        ("tau", "tau[misconduct]"),
        ("theta_new", "theta_new[misconduct]"),
    ):
        x = drawn[name].sel(outcome="misconduct").to_numpy().ravel()
        below = np.array([(x < limit).mean() for limit in joint[position].interval(0.9)])
        assert below == pytest.approx([0.05, 0.95], abs=5 * np.sqrt(0.05 * 0.95 / x.size))
    for name, ours in (("mu_typical", "mu"), ("tau_typical", "tau"), ("mu_spread",) * 2, ("tau_spread",) * 2):
        x = drawn[name].to_numpy().ravel()
        assert (x < joint[ours].point).mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(x.size))
    label = joint.effects.labels[3]
    x = drawn["theta"].sel(study=label).to_numpy().ravel()
    assert (x < joint.studies[label].point).mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(x.size))


@pytest.mark.parametrize(
    "weights",
    [(-1.0, 1.0, 0.0), (0.0, 0.5, 0.5), (-0.5, 1.0, -0.5), (0.0, -2.0, 0.0)],
    ids=["difference", "average", "of three", "of one"],
)
def test_combinations_of_outcomes_follow_the_joint_draws(joint, alliance, weights):
    mu = joint.to_datatree()["posterior"]["mu"]
    x = sum(w * mu.sel(outcome=name).to_numpy().ravel() for name, w in zip(alliance.outcomes, weights, strict=True))
    law = joint.contrast({f"mu[{name}]": w for name, w in zip(alliance.outcomes, weights, strict=True)})
    for p in (0.025, 0.3, 0.5, 0.9, 0.975):
        assert (x < law.ppf(p)).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / x.size))
    assert law.sd == pytest.approx(x.std(), rel=0.05)


def test_arviz_takes_the_tree(joint):
    tree = joint.to_datatree()
    assert {"posterior", "log_likelihood", "log_prior", "posterior_predictive", "prior", "prior_predictive"} <= set(
        tree.children
    )
    assert dict(tree["posterior"]["mu"].sizes) == {"chain": 4, "draw": 1000, "outcome": 3}
    assert az.loo(tree).n_data_points == joint.effects.k
    assert (az.summary(tree, var_names=list(SEVERAL[1:2]))["r_hat"].astype(float) < 1.02).all()


def test_the_smallest_outcome_borrows(joint, alliance):
    report = checks.borrowing(joint)
    frame = report.frame.set_index("outcome")
    model = joint.model
    for name in alliance.outcomes:
        own = pw.fit(alliance.select(outcome=name), pw.RandomEffects(model.mu, model.tau), pw.Exact())
        ratio = joint[f"mu[{name}]"].sd / own["mu"].sd
        assert frame.loc[name, "mu_borrowed"] == pytest.approx(1 - ratio**2, rel=1e-9)
        assert frame.loc[name, "mu_shift"] == pytest.approx(
            (joint[f"mu[{name}]"].point - own["mu"].point) / own["mu"].sd, rel=1e-9
        )
    assert frame["mu_borrowed"].idxmax() == "misconduct"
    assert "misconduct (k = 3)" in report.sentence
    assert set(frame["data"]) == {"reconstructed"}
    assert "misconduct" in report._repr_html_()


def test_weights_are_shares_within_an_outcome(joint, alliance):
    shares = pd.Series([joint.weights[label] for label in alliance.labels]).groupby(list(alliance.outcome)).sum()
    assert shares.to_numpy() == pytest.approx(np.ones(3))


def test_several_outcomes_are_said_to_be_pooled_only_where_they_are(alliance, recwarn):
    pw.fit(alliance, pw.JointOutcomes(), pw.Exact())
    assert not [one for one in recwarn if "pooled as one" in str(one.message)]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (pw.JointOutcomes(mu=priors.StudentT(3, 0, 1)), "mu ~ .* not supported"),
        (pw.JointOutcomes(mu=priors.Fixed(0.0)), "mu ~ .* not supported"),
    ],
)
def test_what_it_cannot_do_it_says(alliance, model, told):
    with pytest.raises(ModelError, match=told):
        pw.fit(alliance, model, pw.Exact())


def test_one_outcome_has_none_to_borrow_from(alliance):
    with pytest.raises(ModelError, match="one outcome"):
        pw.fit(alliance.select(outcome="misconduct"), pw.JointOutcomes(), pw.Exact())


def test_borrowing_asks_for_joint_outcomes(alliance):
    alone = pw.fit(alliance.select(outcome="dropout"), pw.RandomEffects(), pw.Exact())
    with pytest.raises(ModelError, match="borrowing was given"):
        checks.borrowing(alone)


def test_the_typical_mean_is_no_part_of_a_contrast(joint):
    with pytest.raises(pw.PoolwiseError, match="no mean effect or coefficient 'mu'"):
        joint.contrast({"mu": 1.0})


def slope_of_log_tau(scale, at):
    """d log p(log tau_o = x) / dx at a value, tau_o = exp(r z), z standard normal, r ~ HalfNormal(scale)."""

    def log_density(x):
        r, top = math.sqrt(scale * x), -x / scale

        def integrand(u):
            return math.exp(-0.5 * (r * u / scale) ** 2 - 0.5 * (x / (r * u)) ** 2 - top) / u

        return top + math.log(quad(integrand, 0.05, 8.0, points=[1.0], limit=400)[0])

    return (log_density(at + 1e-2) - log_density(at)) / 1e-2


@pytest.mark.parametrize("scale", [0.2, 0.25, 0.5, 0.75])
def test_a_variance_without_an_sd_is_said(scale):
    # Far out p(tau_o | y) falls as tau_o^(slope - 1 - k_o): E[tau_o^4] exists if 4 - k_o + slope < 0.
    model = pw.Subgroups("alloc", priors.Normal(0, 1), priors.HalfNormal(0.5), "exchangeable", priors.HalfNormal(scale))
    effects = pw.datasets.load("bcg")
    result = pw.fit(effects, model, pw.Exact())
    slope = slope_of_log_tau(scale, 400.0)
    assert slope == pytest.approx(-1.0 / scale, abs=2e-3)
    for level in ("alternate", "random", "systematic"):
        k = (effects.moderators["alloc"] == level).sum()
        given = not math.isnan(result[f"tau2[{level}]"].sd)
        assert given == (4 - k + slope < -1), level  # quadrature reaches tails that fall by a power more than needed
        said = any(f"tau2[{level}]" in finding.sentence for finding in result.report.findings)
        assert said != given
    assert (result.report.status == "moment_does_not_exist") == (4 - 2 + slope >= -1)
