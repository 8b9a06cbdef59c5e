"""True effects that correlate across rows: crossed factors and outcomes of one study."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.engines.nuts import plans
from support.correlated import two_outcomes

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
WEIGHTS = 0.01
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
SETTINGS = pw.NUTS(draws=1000, tune=1000, chains=4, seed=20)
QUICK = pw.NUTS(draws=50, tune=50, chains=2, seed=3)
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")

STUDY = np.array([0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7])
OUTCOME = np.array([0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0])
Y = np.array([0.62, 0.55, 0.05, 0.1, 0.35, 0.12, 0.48, 0.9, 1.02, 0.3, -0.2, -0.15, 0.4])
SE = np.array([0.15, 0.18, 0.2, 0.16, 0.12, 0.22, 0.2, 0.25, 0.21, 0.14, 0.18, 0.19, 0.3])
RHO = 0.5


def table(y=Y, se=SE):
    names = np.array(["a", "b"])[OUTCOME]
    return pw.Effects(y, se=se, study=[f"s{j}" for j in STUDY], outcome=names, scale="SMD")


@pytest.fixture(scope="module")
def pair():
    return pw.fit(table(), pw.CorrelatedOutcomes(mu=UNIT, tau=HALF, rho=RHO), SETTINGS)


@pytest.fixture(scope="module")
def nested():
    effects = pw.datasets.load("assink2016")
    three = pw.fit(effects, pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF), pw.Exact())
    return three, pw.fit(effects, pw.CrossedEffects(["study"], UNIT, HALF, HALF), SETTINGS)


def within_mcse(result, name, mean):
    return abs(result[name].mean - mean) < MCSE * result.report.diagnostics[f"mcse_mean_{name}"]


@pytest.mark.agreement_long
def test_two_outcomes_agree_with_quadrature_over_both_taus_and_their_correlation(pair):
    expected, variance = two_outcomes(
        Y, SE, STUDY, OUTCOME, rho_errors=RHO, mu_sd=1.0, tau_scale=0.5, eta=2.0
    )  # fmt: skip
    assert pair.report.status == "ok"
    assert pair.report.diagnostics["divergences"] == 0
    for name in ("mu[a]", "mu[b]", "tau[a]", "tau[b]", "cor[a,b]"):
        assert within_mcse(pair, name, expected[name]), name
    contrast = pair["mu[b] - mu[a]"]
    assert contrast.mean == pytest.approx(expected["mu[b] - mu[a]"], abs=MCSE * np.sqrt(variance / 2000))
    assert contrast.sd == pytest.approx(np.sqrt(variance), rel=MCSE / np.sqrt(2 * 2000))


@pytest.mark.agreement_long
def test_weights_of_an_outcome_sum_to_one_and_new_effects_correlate(pair):
    weights = np.array(list(pair.weights.values()))
    assert weights @ np.eye(2)[OUTCOME] == pytest.approx([1.0, 1.0])
    tree = pair.to_datatree()
    new = tree["posterior"]["theta_new"].values.reshape(-1, 2)
    assert np.corrcoef(new.T)[0, 1] > 0.3
    assert tree["posterior"]["cor"].dims == ("chain", "draw", "outcome", "outcome_other")
    assert tree["log_likelihood"]["y_by_cluster"].sizes["cluster"] == 8
    assert tree["prior"]["cor"].values[..., 0, 1].mean() == pytest.approx(0.0, abs=MCSE * np.sqrt(0.2 / 1000))
    assert tree["prior"]["cor"].values[..., 0, 1].var() == pytest.approx(0.2, rel=0.2)  # of 2 Beta(2, 2) - 1


@pytest.mark.agreement_long
def test_correlations_that_the_prior_holds_at_0_leave_outcomes_apart():
    both = pw.fit(table(), pw.CorrelatedOutcomes(mu=UNIT, tau=HALF, eta=1e6), SETTINGS)
    for name in ("a", "b"):
        alone = pw.fit(table().select(outcome=name), pw.RandomEffects(UNIT, HALF), pw.Exact())
        for mine, theirs in ((f"mu[{name}]", "mu"), (f"tau[{name}]", "tau")):
            assert within_mcse(both, mine, alone[theirs].mean)
            for label in alone.studies:
                found = both.studies[f"{label}: {name}" if f"{label}: {name}" in both.studies else label]
                assert found.mean == pytest.approx(alone.studies[label].mean, abs=0.15 * alone.studies[label].sd)


@pytest.mark.agreement_long
def test_one_factor_is_the_three_level_model(nested):
    three, crossed = nested
    assert crossed.report.status == "ok"
    assert crossed.report.diagnostics["divergences"] == 0
    for mine, theirs in (("mu", "mu"), ("tau[study]", "tau_between"), ("tau_within", "tau_within")):
        assert within_mcse(crossed, mine, three[theirs].mean)
        for limit, key in ((0.025, "q2.5"), (0.975, "q97.5")):
            far = abs(crossed[mine].ppf(limit) - three[theirs].ppf(limit))
            assert far < MCSE * crossed.report.diagnostics[f"mcse_{key}_{mine}"]
    for name in ("I2", "tau", "theta_new"):
        assert crossed[name].mean == pytest.approx(three[name].mean, abs=0.1 * three[name].sd)
    np.testing.assert_allclose(list(crossed.weights.values()), list(three.weights.values()), atol=WEIGHTS)
    for label in three.studies:
        mine, other = crossed.studies[label], three.studies[label]
        assert abs(mine.mean - other.mean) < MCSE * other.sd / np.sqrt(800), label


@pytest.mark.agreement_long
def test_crossed_factors_agree_with_quadrature():
    rows, columns = (index.ravel() for index in np.indices((4, 3)))
    y = np.array([0.1, 0.5, 0.3, 0.4, 0.9, 0.6, -0.3, 0.2, 0.1, 0.3, 0.6, 0.7])
    se = np.linspace(0.1, 0.25, 12)
    labs = {"lab": [f"l{j}" for j in columns]}
    effects = pw.Effects(y, se=se, study=[f"s{i}" for i in rows], moderators=labs, scale="SMD")
    result = pw.fit(effects, pw.CrossedEffects(["study", "lab"], UNIT, HALF, HALF), SETTINGS)
    x, w = np.polynomial.legendre.leggauss(20)
    tau, weight = 2.5 * (0.5 * (x + 1)) ** 2, w * 2.5 * 0.5 * (x + 1)
    grids = np.meshgrid(tau, tau, tau, indexing="ij")
    a, b, c = (grid.reshape(-1, 1, 1) ** 2 for grid in grids)
    S = np.diag(se**2) + c * np.eye(12) + a * np.equal.outer(rows, rows) + b * np.equal.outer(columns, columns) + 1.0
    square = (y * np.linalg.solve(S, np.broadcast_to(y[:, None], (len(S), 12, 1)))[..., 0]).sum(axis=-1)
    log = -0.5 * (square + np.linalg.slogdet(S)[1]) - 0.5 * (a + b + c)[:, 0, 0] / 0.25
    density = np.exp(log - log.max()) * np.multiply.outer(np.multiply.outer(weight, weight), weight).ravel()
    for name, grid in zip(("tau[study]", "tau[lab]", "tau_within"), grids, strict=True):
        assert within_mcse(result, name, density @ grid.ravel() / density.sum()), name
    assert result.report.diagnostics["divergences"] == 0
    levels = [result[f"u[lab: l{j}]"].mean for j in range(3)]
    assert levels[0] < levels[2] < levels[1]
    assert result.to_datatree()["posterior"]["u"].sizes["level"] == 7


@pytest.mark.agreement_long
def test_other_data_and_other_names_need_no_new_compilation(pair, nested):
    before = plans.compiled_models.cache_info().misses
    pw.fit(table(Y + 1.0), pw.CorrelatedOutcomes(mu=UNIT, tau=priors.HalfNormal(0.2)), QUICK)
    pw.fit(pw.datasets.load("assink2016"), pw.CrossedEffects(["deltype"], UNIT, HALF, HALF), QUICK)
    assert plans.compiled_models.cache_info().misses == before
