"""Coefficients that share priors: pooled levels, the regularised horseshoe."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.engines.nuts.pooled_levels import pooled_plan, read_pooled
from support.oracle_horseshoe import one_coefficient

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
LEAST_ESS = 400
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
SHRUNK = priors.RegularizedHorseshoe(0.1, 0.5)
SETTINGS = pw.NUTS(draws=1000, tune=1000, chains=4, seed=20)
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def assert_within_mcse(result, name, mean):
    assert abs(result[name].mean - mean) < MCSE * result.report.diagnostics[f"mcse_mean_{name}"], name


@pytest.fixture(scope="module")
def nested():
    effects = pw.datasets.load("raudenbush1985")
    study = np.repeat(["a", "b", "c", "d", "e", "f"], [4, 3, 3, 4, 3, 2])
    effects = pw.Effects(effects.y, se=effects.se, study=study, scale="SMD", moderators={"lab": study})
    exact = pw.fit(
        effects, pw.ThreeLevel(mu=priors.Flat(), tau_between=HALF, tau_within=HALF, cluster="lab"), pw.Exact()
    )
    return exact, pw.fit(effects, pw.MetaRegression("~ 1", pooled={"lab": HALF}, tau=HALF), SETTINGS)


@pytest.mark.agreement_long
def test_pooled_levels_are_the_clusters_of_three_levels(nested):
    exact, pooled = nested
    assert pooled.report.status == "ok"
    assert pooled.report.diagnostics["divergences"] == 0
    for ours, theirs in {"beta[intercept]": "mu", "sd[lab]": "tau_between", "tau": "tau_within"}.items():
        assert_within_mcse(pooled, ours, exact[theirs].mean)
    for study, theta in pooled.studies.items():
        assert theta.mean == pytest.approx(exact.studies[study].mean, abs=MCSE * theta.sd / np.sqrt(1000))


@pytest.mark.agreement_long
def test_a_new_level_has_the_spread_between_levels(nested):
    exact, pooled = nested
    rows = pw.predict(pooled, {"lab": ["new", "a"]})
    assert rows["new_upper"][0] == pytest.approx(exact["theta_new"].interval(0.95)[1], abs=0.1)
    assert rows["sd"][1] < rows["sd"][0]
    assert pooled["u[lab: new]"].sd > pooled["u[lab: a]"].sd
    with pytest.raises(pw.PoolwiseError, match=r"no study has lab = 'z'.*'new'"):
        pw.predict(pooled, {"lab": "z"})


@pytest.mark.agreement_long
def test_draws_have_names_for_levels_and_factors(nested):
    tree = nested[1].to_datatree()
    assert tree["posterior"]["u"].coords["level"].values.tolist()[-2:] == ["lab: f", "lab: new"]
    assert tree["posterior"]["sd"].dims == ("chain", "draw", "factor")
    assert tree["log_prior"]["sd"].shape == tree["posterior"]["sd"].shape  # of the longer run where there was one


@pytest.mark.agreement_long
def test_one_coefficient_under_a_horseshoe_agrees_with_quadrature():
    bcg = pw.datasets.load("bcg")
    model = pw.MetaRegression("~ x", beta=SHRUNK, tau=HALF)
    effects = pw.Effects(bcg.y, se=bcg.se, moderators={"x": bcg.moderators["ablat"]}, scale="log RR")
    fit = pw.fit(effects, model, SETTINGS)
    x = bcg.moderators["ablat"].to_numpy(dtype=float)
    expected, below = one_coefficient(
        bcg.y, bcg.se, x, scale=0.1, slab_scale=0.5, slab_df=4.0, tau_scale=0.5
    )  # fmt: skip
    assert fit.report.status == "ok"
    for name in ("tau", "beta[x]", "kappa[x]"):
        assert_within_mcse(fit, name, expected[name])
    for b in (-0.03, -0.01, 0.0):
        p = below(b)
        assert fit["beta[x]"].cdf(b) == pytest.approx(p, abs=MCSE * np.sqrt(p * (1 - p) / LEAST_ESS))


@pytest.mark.agreement_long
@pytest.mark.parametrize(
    ("data", "formula"), [("bcg", "~ ablat + year + alloc"), ("raudenbush1985", "~ weeks + setting + tester + year")]
)
def test_a_horseshoe_on_several_coefficients_samples_without_divergences(data, formula):
    fit = pw.fit(pw.datasets.load(data), pw.MetaRegression(formula, beta=SHRUNK), pw.NUTS(seed=1))
    numbers = fit.report.diagnostics
    assert fit.report.status == "ok"
    assert numbers["divergences"] == 0
    assert "divergences_first_run" not in numbers
    assert min(value for name, value in numbers.items() if name.startswith("ess_")) > LEAST_ESS
    assert fit.to_datatree()["posterior"]["kappa"].sizes["shrunk_coefficient"] == 4


BETAS = {
    "flat intercept": {"ablat": SHRUNK, "year": SHRUNK},
    "proper intercept": {"intercept": priors.Normal(0.3, 1), "ablat": SHRUNK, "year": priors.Normal(0.001, 0.01)},
    "heavy tail": {"ablat": priors.StudentT(4, 0, 0.1), "year": SHRUNK},
}


@pytest.mark.parametrize("beta", BETAS.values(), ids=BETAS)
def test_integrated_coefficients_have_their_normal_law(beta):
    """At fixed scales the draws have the mean and covariance of the matrix formula on the untransformed design."""
    effects = pw.datasets.load("bcg")
    model = pw.MetaRegression("~ ablat + year", beta=beta, tau=HALF, pooled={"alloc": HALF}).resolved(effects)
    plan, found = pooled_plan(effects, model)
    unit, X = plan.unit.unit, plan.means.X
    tau, sd, s_shrunk = 0.3, 0.4, 0.15
    shape = (1, 20000)
    sampled = {"tau": np.full(shape, tau / unit), "sd[0]": np.full(shape, sd / unit)}
    if len(found.shrunk):
        sampled["shrunk_sd"] = np.full((*shape, len(found.shrunk)), s_shrunk / unit)
    prior_sd, prior_mean = np.full(X.shape[1], np.inf), np.zeros(X.shape[1])
    prior_sd[found.shrunk] = s_shrunk / X[:, found.shrunk].std(axis=0)
    for j in found.normal:
        prior_mean[j], prior_sd[j] = plan.means.priors[j].parameters
    prior_sd[found.levels] = sd
    rng = np.random.default_rng(1)
    b_heavy = 0.02
    sampled["beta"] = np.zeros((*shape, len(found.flat) + len(found.heavy)))
    sampled["beta"][..., len(found.flat) :] = b_heavy / unit
    if len(found.flat):
        _draw_flat(plan, found, sampled, prior_sd, tau, b_heavy, rng)
    drawn = read_pooled(effects, model, plan, found, sampled, rng).coefficients[0]
    known = np.setdiff1d(np.arange(X.shape[1] - 1), found.heavy)
    A = X[:, known]
    precision = A.T @ (A / (effects.v + tau**2)[:, None]) + np.diag(prior_sd[known] ** -2.0)
    y = effects.y - X[:, found.heavy].sum(axis=1) * b_heavy
    right = A.T @ (y / (effects.v + tau**2)) + prior_mean[known] * prior_sd[known] ** -2.0
    mean, cov = np.linalg.solve(precision, right), np.linalg.inv(precision)
    error = np.sqrt(np.diag(cov) / shape[1])
    np.testing.assert_array_less(np.abs(drawn[:, known].mean(axis=0) - mean), MCSE * error)
    np.testing.assert_allclose(drawn[:, known].std(axis=0), np.sqrt(np.diag(cov)), rtol=MCSE / np.sqrt(2 * shape[1]))


def _draw_flat(plan, found, sampled, prior_sd, tau, b_heavy, rng):
    """Turned flat coefficients from their own law, everything else integrated out."""
    data, unit = plan.data, plan.unit.unit
    s = prior_sd[found.integrated] * found.scale[found.integrated] / unit
    S = np.diag(data["v"] + (tau / unit) ** 2) + data["W"] @ np.diag(s**2) @ data["W"].T
    n = len(found.flat)
    F = data["X"][:, :n]
    r = data["y"] - data["X"][:, n:].sum(axis=1) * b_heavy / unit
    cov = np.linalg.inv(F.T @ np.linalg.solve(S, F))
    mean = cov @ F.T @ np.linalg.solve(S, r)
    draws = mean + rng.standard_normal((sampled["beta"].shape[1], n)) @ np.linalg.cholesky(cov).T
    sampled["beta"][0, :, :n] = draws


def test_a_model_says_its_levels():
    model = pw.MetaRegression("~ ablat", tau=HALF, pooled={"alloc": HALF})
    assert model.statement()[1:3] == (
        "theta_i ~ Normal(x_i beta + u_alloc[i], tau), x ~ ablat",
        "u_alloc ~ Normal(0, sd[alloc])",
    )
    assert model.label == "meta-regression ~ ablat + (1 | alloc)"
    design = model.design(pw.datasets.load("bcg"))
    assert design.own == ("intercept", "ablat")
    assert design.names[2:] == ("alloc: alternate", "alloc: random", "alloc: systematic", "alloc: new")
    assert design.at({"ablat": [10, 10], "alloc": ["random", "new"]})[:, 2:].tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("pooled", "engine", "said"),
    [
        (["alloc"], pw.Exact(), r"no pooled levels \(pooled=\).*NUTS\(\)"),
        (["alloc"], pw.ClosedForm(), r"no pooled levels"),
        (["allok"], pw.NUTS(), "alloc"),
        (["ablat"], pw.NUTS(), "pooled and a moderator"),
        ({"alloc": priors.Normal(0, 1)}, pw.NUTS(), r"sd\[alloc\]"),
        (["alloc", "alloc"], pw.NUTS(), "each once"),
    ],
)
def test_levels_that_cannot_be_pooled_are_refused(pooled, engine, said):
    with pytest.raises(pw.PoolwiseError, match=said):
        pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat", pooled=pooled, tau=HALF), engine)


def test_a_horseshoe_stands_neither_on_uncertain_moderators_nor_beside_a_scale():
    with pytest.raises(pw.PoolwiseError, match="location-scale"):
        pw.LocationScale("~ year", "~ ablat", beta=SHRUNK)
    with pytest.raises(pw.PoolwiseError, match="uncertain moderators"):
        pw.MetaRegression("~ ablat", beta=SHRUNK, missing="model")
