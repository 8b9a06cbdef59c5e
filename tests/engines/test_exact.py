"""The exact engine: what it promises, against figures made elsewhere, and against itself."""

import json
import pathlib
import pickle
import warnings

import numpy as np
import pytest
from scipy.integrate import quad

import poolwise as pw
from poolwise import priors
from poolwise.errors import MissingQuantityError, ModelError
from support.oracle import Oracle
from support.tables import table

POSTERIORS = json.loads((pathlib.Path(__file__).parents[1] / "reference" / "posteriors.json").read_text())
QUADRATURE = 1e-8  # what the reference promises for proper priors
BAYESMETA_TAU = 1e-8  # root finding in bayesmeta stops at 2^16 eps = 1.5e-11; its adaptive integrals at the same
BAYESMETA_MU = 4e-3  # posterior sd; bayesmeta's grid for mu promises 1 % of probability, and 2e-3 was measured


def model_of(row):
    return pw.RandomEffects(mu=priors.make(*row["mu_prior"]), tau=priors.make(*row["tau_prior"]))


def ids(row):
    return f"{row['data']}-{row['tau_prior'][0]}{row['tau_prior'][1:]}-{row['mu_prior']}"


@pytest.mark.parametrize("row", POSTERIORS["fits"], ids=ids)
def test_limits_match_the_figures_of_others(row):
    result = pw.fit(table(row["data"]), model_of(row), pw.Exact())
    p = [0.025, 0.5, 0.975]
    if "quadrature" in row:
        for name in ("tau", "mu", "theta_new"):
            other = row["quadrature"][name]
            expected = [other["q025"], other["median"], other["q975"]]
            unit = expected[2] - expected[0]
            np.testing.assert_allclose(result[name].ppf(p), expected, atol=QUADRATURE * unit)
        if row["quadrature"]["log_marginal_likelihood"] is not None:
            assert result.log_evidence == pytest.approx(row["quadrature"]["log_marginal_likelihood"], abs=QUADRATURE)
    if "bayesmeta" in row:
        other, probs = row["bayesmeta"], [0.025, 0.05, 0.25, 0.75, 0.95, 0.975]
        np.testing.assert_allclose(result["tau"].ppf(probs), other["tau_q"], rtol=BAYESMETA_TAU)
        unit = (other["mu_q"][5] - other["mu_q"][0]) / 4
        np.testing.assert_allclose(result["mu"].ppf(probs), other["mu_q"], atol=BAYESMETA_MU * unit)
        if other["marginal_likelihood"] is not None:
            assert np.exp(result.log_evidence) == pytest.approx(other["marginal_likelihood"], rel=BAYESMETA_TAU)


@pytest.fixture(scope="module")
def bcg():
    return pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact())


def test_every_quantity_is_consistent_with_itself(bcg):
    for name in ("mu", "tau", "tau2", "I2", "theta_new"):
        quantity = bcg[name]
        p = np.array([0.05, 0.4, 0.9])
        x = quantity.ppf(p)
        np.testing.assert_allclose(quantity.cdf(x), p, atol=1e-10)
        area = quad(lambda t, q=quantity: float(q.pdf(np.array(t))), x[0], x[2], epsabs=1e-10)[0]
        assert area == pytest.approx(0.85, abs=1e-7)
        assert quantity.point == quantity.ppf(0.5)


@pytest.mark.parametrize(("name", "upper"), [("I2", 1.0), ("tau2", 40.0)])
def test_mean_and_sd_of_i2_and_tau2_are_those_of_their_densities(bcg, name, upper):
    quantity = bcg[name]
    cuts = sorted(quantity.ppf([0.001, 0.1, 0.5, 0.9, 0.999]))

    def moment(power, about):
        def inside(t):
            return (t - about) ** power * float(quantity.pdf(np.array(t)))

        return quad(inside, 0, upper, points=cuts, epsabs=1e-11, limit=200)[0]

    mean = moment(1, 0.0)
    assert quantity.mean == pytest.approx(mean, rel=1e-7)
    assert quantity.sd == pytest.approx(np.sqrt(moment(2, mean)), rel=1e-7)


@pytest.mark.parametrize(
    ("mu", "tau"),
    [
        (priors.Normal(3, 0.2), priors.LogT(5, -1.72, 1.295)),
        (priors.Normal(0, 1), priors.HalfT(0.1, 0.5)),
        (priors.Normal(0, 1), priors.LogNormal(0, 30)),
    ],
    ids=str,
)
def test_the_sd_of_tau2_survives_nodes_whose_fourth_power_overflows(mu, tau):
    """Against a Riemann sum over log tau up to e^170, whose tail falls as e^-0.1u or, for log-t, as u^-6."""
    effects = pw.Effects([0.1, 0.5, -0.2, 0.9], se=[0.1, 0.2, 0.3, 0.15], scale="SMD")
    quantity = pw.fit(effects, pw.RandomEffects(mu=mu, tau=tau), pw.Exact())["tau2"]
    u = np.linspace(-300.0, 170.0, 23_501)
    oracle = Oracle(effects.y, effects.v, lambda t: float(tau.log_pdf(t)), mu.mean, mu.sd)
    height = np.array([oracle.log_density(float(x)) for x in u])
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    mean = weight @ np.exp(2.0 * u)
    assert quantity.mean == pytest.approx(mean, rel=1e-5)
    assert quantity.sd == pytest.approx(np.sqrt((weight * np.exp(4.0 * u)).sum() - mean**2), rel=1e-5)


def test_densities_and_probabilities_take_the_shape_of_what_was_asked(bcg):
    for name in ("mu", "tau", "tau2", "I2", "theta_new"):
        for function in (bcg[name].cdf, bcg[name].pdf, bcg[name].ppf):
            assert np.ndim(function(0.3)) == 0
            assert function([0.2, 0.3]).shape == (2,)
            assert function(np.full((2, 1), 0.3)).shape == (2, 1)
    assert bcg["I2"].pdf(1.0) == 0.0
    assert [bcg[name].pdf(-0.5) for name in ("tau", "tau2", "I2")] == [0.0, 0.0, 0.0]
    assert np.isnan(bcg["tau"].pdf(np.nan))
    assert bcg["tau"].pdf([]).shape == (0,)


def test_draws_of_different_posteriors_are_independent_whatever_the_seed(bcg):
    other = pw.fit(table("recidivism"), pw.RandomEffects(), pw.Exact())
    pairs = [(bcg[a].sample(4000, 1), bcg[b].sample(4000, 1)) for a, b in (("mu", "tau"), ("mu", "theta_new"))]
    pairs.append((bcg["mu"].sample(4000, 1), other["mu"].sample(4000, 1)))
    pairs.append(tuple(result.to_datatree()["posterior"]["mu"].values.ravel() for result in (bcg, other)))
    for one, two in pairs:
        assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(4000)


def test_a_result_survives_pickling(bcg):
    again = pickle.loads(pickle.dumps(bcg))
    for name in bcg.quantities:
        assert again[name].interval(0.9) == bcg[name].interval(0.9)
    assert again.studies["Aronson 1948"].point == bcg.studies["Aronson 1948"].point


def test_the_shortest_interval_holds_its_probability_between_equal_densities(bcg):
    for name in ("mu", "tau", "theta_new"):
        lower, upper = bcg[name].interval(0.9, kind="shortest")
        assert bcg[name].cdf(upper) - bcg[name].cdf(lower) == pytest.approx(0.9, abs=1e-9)
        low, high = bcg[name].pdf([lower, upper])
        assert low == pytest.approx(high, rel=1e-4)
        equal = bcg[name].interval(0.9)
        assert upper - lower <= equal[1] - equal[0]


def test_the_shortest_interval_starts_at_zero_when_the_mode_is_there():
    result = pw.fit(table("misconduct"), pw.RandomEffects(), pw.Exact(kind="shortest"))
    assert result["tau"].interval(0.95)[0] == pytest.approx(0.0, abs=1e-8)
    assert result.interval_kind == "credible (shortest)"


def test_draws_are_exact_and_independent(bcg):
    tree = bcg.to_datatree()
    for name in ("mu", "tau", "theta_new"):
        draws = np.sort(tree["posterior"][name].values.ravel())
        n = draws.size
        distance = np.abs(bcg[name].cdf(draws) - (np.arange(n) + 0.5) / n).max()
        assert distance < 1.95 / np.sqrt(n)  # Kolmogorov-Smirnov, p about 0.001
    theta = tree["posterior"]["theta"].sel(study="Aronson 1948").values.ravel()
    expected = bcg.studies["Aronson 1948"]
    assert abs(theta.mean() - expected.mean) < 4 * expected.sd / np.sqrt(theta.size)


def test_the_same_seed_gives_the_same_draws(bcg):
    again = pw.fit(bcg.effects, pw.RandomEffects(), pw.Exact())
    np.testing.assert_array_equal(bcg.to_datatree()["posterior"]["mu"], again.to_datatree()["posterior"]["mu"])
    np.testing.assert_array_equal(bcg["mu"].sample(5, seed=3), again["mu"].sample(5, seed=3))


def test_a_known_tau_is_the_conjugate_answer():
    effects = table("bcg")
    result = pw.fit(effects, pw.RandomEffects(mu=priors.Normal(0.2, 0.7), tau_fixed=0.4), pw.Exact())
    weight = 1 / (effects.v + 0.16)
    precision = weight.sum() + 1 / 0.49
    assert result["mu"].mean == pytest.approx((weight @ effects.y + 0.2 / 0.49) / precision, rel=1e-12)
    assert result["mu"].sd == pytest.approx(precision**-0.5, rel=1e-12)
    assert result["theta_new"].sd == pytest.approx(np.hypot(precision**-0.5, 0.4), rel=1e-12)
    assert result["tau"].interval(0.95) == (0.4, 0.4)


def test_the_common_effect_is_the_conjugate_answer():
    effects = table("bcg")
    result = pw.fit(effects, pw.CommonEffect(mu=priors.Flat()), pw.Exact())
    weight = 1 / effects.v
    assert result["mu"].mean == pytest.approx(weight @ effects.y / weight.sum(), rel=1e-12)
    assert result["mu"].sd == pytest.approx(weight.sum() ** -0.5, rel=1e-12)
    assert result.studies["Aronson 1948"].point == pytest.approx(result["mu"].point, rel=1e-12)


def test_evidence_of_the_common_effect_is_the_normal_density():
    effects = table("bcg")
    result = pw.fit(effects, pw.CommonEffect(mu=priors.Normal(0.1, 2.0)), pw.Exact())
    covariance = np.diag(effects.v) + 4.0
    residual = effects.y - 0.1
    expected = -0.5 * (
        effects.k * np.log(2 * np.pi)
        + np.linalg.slogdet(covariance)[1]
        + residual @ np.linalg.solve(covariance, residual)
    )
    assert result.log_evidence == pytest.approx(expected, rel=1e-12)


def test_no_evidence_under_an_improper_prior():
    result = pw.fit(table("bcg"), pw.RandomEffects(mu=priors.Flat()), pw.Exact())
    with pytest.raises(MissingQuantityError, match="proper priors"):
        result.log_evidence  # noqa: B018


def test_weights_are_posterior_means_and_sum_to_one(bcg):
    assert sum(bcg.weights.values()) == pytest.approx(1.0, abs=1e-12)
    draws = bcg.to_datatree()["posterior"]["tau"].values.ravel()
    share = 1 / (bcg.effects.v + draws[:, None] ** 2)
    share /= share.sum(axis=1, keepdims=True)
    error = share.std(axis=0) / np.sqrt(len(draws))
    np.testing.assert_array_less(np.abs(share.mean(axis=0) - list(bcg.weights.values())), 5 * error)


def test_moments_that_do_not_exist_are_nan_and_said():
    """k = 2, flat mu, half-Cauchy: (k - 1) + 2 - m > 1 fails for m = 2."""
    result = pw.fit(table("bcg_k2"), pw.RandomEffects(mu=priors.Flat(), tau=priors.HalfCauchy(0.5)), pw.Exact())
    assert result.report.status == "moment_does_not_exist"
    assert np.isnan(result["tau"].sd)
    assert np.isnan(result["mu"].sd)
    assert np.isfinite(result["tau"].mean)
    assert np.isfinite(result["mu"].interval(0.95)).all()
    proper = pw.fit(table("bcg_k2"), pw.RandomEffects(mu=priors.Normal(0, 2), tau=priors.HalfCauchy(0.5)), pw.Exact())
    assert np.isfinite(proper["mu"].sd)


@pytest.mark.parametrize(("k", "proper"), [(2, False), (3, True)])
def test_an_improper_posterior_is_refused(k, proper):
    flat = pw.RandomEffects(mu=priors.Flat(), tau=priors.Flat())
    effects = table(f"bcg_k{k}")
    if proper:
        assert pw.fit(effects, flat, pw.Exact()).report.status == "moment_does_not_exist"
    else:
        with pytest.raises(ModelError, match="improper posterior"):
            pw.fit(effects, flat, pw.Exact())


def test_grid_error_is_reported_and_a_coarse_grid_is_a_status():
    result = pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact())
    assert result.report.diagnostics["grid_error"] < 1e-8
    rough = pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact(tolerance=1e-19))
    assert rough.report.status == "grid_too_coarse"
    with pytest.raises(pw.PoolwiseError, match="grid_too_coarse"):
        pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact(tolerance=1e-19), strict=True)


def test_one_study_with_proper_priors():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        effects = pw.Effects([0.3], se=[0.2], scale="SMD", allow_single=True)
        result = pw.fit(effects, pw.RandomEffects(), pw.Exact())
    assert result["mu"].interval(0.95)[0] < 0.3 < result["mu"].interval(0.95)[1]
    assert "I2" not in result.quantities


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"kind": "hpd"}, "equal-tailed"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"seed": 1.5}, "seed"),
        ({"draws": 0}, "draws"),
    ],
)
def test_wrong_settings_are_refused(settings, match):
    with pytest.raises(ModelError, match=match):
        pw.Exact(**settings)
