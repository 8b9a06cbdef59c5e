"""Leave-one-out by importance sampling and refits equals exact leave-one-out, within Monte Carlo error."""

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors
from poolwise.checks._bridge import left_out_density

MCSE = 4.0  # Monte Carlo standard errors; the seeds are fixed
SMOOTHING = 0.1  # importance sampling with Pareto k below 0.5 has a bias that its Monte Carlo error does not know
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
QUESTIONS = {
    "common effect": ("bcg", pw.CommonEffect()),
    "random effects": ("bcg", pw.RandomEffects()),
    "flat coefficients": ("bcg", pw.MetaRegression("~ ablat", tau=HALF)),
    "separate taus": ("bcg", pw.Subgroups("alloc", UNIT, HALF, "separate")),
    "location and scale": ("bcg", pw.LocationScale("~ ablat", "~ ablat", tau=HALF)),
    "correlated errors": ("assink2016", pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF, rho=0.6)),
}
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


@pytest.fixture(scope="module", params=QUESTIONS)
def asked(request):
    data, model = QUESTIONS[request.param]
    effects = pw.datasets.load(data)
    return effects, model, pw.checks.leave_one_out(effects, model)


def exact_of(told):
    return told.frame.drop_duplicates("unit").set_index("unit")["log_density"]


@pytest.mark.parametrize("engine", [pw.Exact(), pw.NUTS(seed=3)], ids=["exact", "NUTS"])
def test_sum_and_every_unit_are_those_of_exact_leave_one_out(asked, engine):
    effects, model, told = asked
    found = pw.checks.loo(pw.fit(effects, model, engine))
    apart = found.frame.set_index("unit")["elpd"] - exact_of(told)
    assert (apart.abs() < MCSE * found.frame.set_index("unit")["mcse"] + 0.5 * SMOOTHING).all()
    assert abs(found.elpd - told.elpd) < MCSE * found.mcse + SMOOTHING
    assert found.elpd == pytest.approx(found.frame["elpd"].sum(), abs=1e-9)
    assert found.p_loo == pytest.approx(found.frame["p_loo"].sum(), abs=1e-6)


def test_bcg_under_a_common_effect_needs_refits_and_gets_them():
    fit = pw.fit(pw.datasets.load("bcg"), pw.CommonEffect(), pw.Exact())
    plain, found = pw.checks.loo(fit, refit_above=None), pw.checks.loo(fit)
    assert found.elpd == pytest.approx(-93.65, abs=0.1)
    assert plain.elpd > found.elpd + 3.0  # importance sampling is far too hopeful
    assert {"TPT Madras 1980", "Stein & Aronson 1953"} <= set(found.refitted)
    assert set(plain.frame.loc[plain.frame["method"] == "unreliable", "unit"]) <= set(found.refitted)
    assert "Unreliable" in plain.sentence
    assert found.frame["pareto_k"].max() > 0.7  # the k of importance sampling stays to be seen
    refits = found.frame.set_index("unit").loc[list(found.refitted), "elpd"]
    exact = exact_of(pw.checks.leave_one_out(fit.effects, fit.model))
    np.testing.assert_allclose(refits, exact[list(found.refitted)], atol=1e-9)


def test_estimates_with_known_covariance_are_left_out_by_block():
    effects = pw.Effects(
        [0.1, 0.4, 0.3, 0.9], covariance=np.diag([0.01] * 4) + 0.005 * np.kron(np.eye(2), 1 - np.eye(2)), scale="SMD"
    )
    found = pw.checks.loo(pw.fit(effects, pw.RandomEffects(), pw.Exact()), refit_above=-1.0)
    told = exact_of(pw.checks.leave_one_out(effects))
    assert len(found.frame) == 2
    np.testing.assert_allclose(found.frame["elpd"], told, atol=1e-6)


def test_a_unit_that_nothing_else_estimates_has_no_elpd():
    groups = {"g": ["a", "a", "a", "b"]}
    effects = pw.Effects([0.1, 0.4, 0.3, 0.9], se=[0.1, 0.2, 0.1, 0.1], moderators=groups, scale="SMD")
    fit = pw.fit(effects, pw.Subgroups("g", UNIT, HALF), pw.Exact())
    found = pw.checks.loo(fit, refit_above=-1.0)
    assert found.frame["status"].tolist() == ["ok", "ok", "ok", "not_estimable"]
    assert np.isnan(found.elpd)
    assert "cannot tell" in found.sentence
    with pytest.raises(pw.PoolwiseError, match="no elpd"):
        pw.checks.compare_models(found, found)


def test_the_bridge_knows_its_error_where_a_mean_of_likelihoods_is_lost():
    """mu ~ Normal(0, 1) given the others, y ~ Normal(mu, 0.5): p(y) = Normal(0, sqrt(1.25)) at an outlying y."""
    rng, y, shrink = np.random.default_rng(1), 4.5, 1.0 / 1.25
    exact, rows = stats.norm.logpdf(y, 0, np.sqrt(1.25)), []
    for _ in range(60):
        draws = rng.normal(shrink * y, np.sqrt(0.25 * shrink), (4, 250)), rng.standard_normal((4, 250))
        whole, without = (stats.norm.logpdf(y, mu, 0.5) for mu in draws)
        found, error = left_out_density(whole, without)
        rows.append((found - exact, error, np.log(np.exp(without).mean()) - exact))
    off, told, plain = np.sqrt(np.mean(np.square(rows), axis=0))
    assert 0.6 < off / told < 1.6
    assert off < 0.7 * plain


@pytest.mark.parametrize("above", [0.8, True, "0.5"])
def test_a_threshold_above_which_importance_sampling_fails_is_refused(above):
    fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    with pytest.raises(pw.PoolwiseError, match="refit_above"):
        pw.checks.loo(fit, refit_above=above)
