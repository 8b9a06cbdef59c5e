"""Random effects that are not normal: against sums over every parameter, against exact limits, on real data."""

import numpy as np
import pytest
from scipy import integrate, stats

import poolwise as pw
from poolwise import priors
from poolwise.engines.draws.true_effects import HeavyTailed, skewness
from support import oracle_robust as oracle
from support.oracle_robust import half_line, line

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
Y, SE = np.array([0.1, 0.3, 0.2, 1.6]), np.array([0.15, 0.2, 0.15, 0.2])
LABELS = ["A", "B", "C", "far away"]
MU, TAU = priors.Normal(0.0, 1.0), priors.HalfNormal(0.5)
MU_AXIS = line(-2.0, 3.0, 30, stats.norm(0, 1).logpdf)
TAU_AXIS = half_line(2e-3, 3.0, 20, stats.halfnorm(scale=0.5).logpdf)
QUESTIONS = {
    "t": (
        pw.StudentTRandomEffects(MU, TAU),
        {"mu": MU_AXIS, "tau": TAU_AXIS, "nu": half_line(0.2, 200.0, 14, stats.gamma(2, scale=10).logpdf)},
        oracle.student_t,
    ),
    "skew": (
        pw.SkewNormalRandomEffects(MU, TAU),
        {"mu": MU_AXIS, "tau": TAU_AXIS, "delta": line(-0.95, 0.95, 20, np.zeros_like)},
        oracle.skew_normal,
    ),
    "outliers": (
        pw.ContaminatedRandomEffects(MU, TAU, priors.HalfNormal(1.0), priors.Beta(2, 8)),
        {
            "mu": MU_AXIS,
            "tau": half_line(2e-3, 3.0, 14, stats.halfnorm(scale=0.5).logpdf),
            "tau_out": half_line(1e-2, 4.0, 10, stats.halfnorm(scale=1.0).logpdf),
            "pi": line(0.05, 0.95, 10, stats.beta(2, 8).logpdf),
        },
        oracle.contaminated,
    ),
}  # fmt: skip
SHAPE = {"t": "nu", "skew": "delta", "outliers": "pi"}
SETTINGS = pw.NUTS(draws=1500, seed=20)
GRID = 0.004  # what the coarse grids leave of a mean: finer ones differ by up to 0.003


@pytest.fixture(scope="module")
def effects():
    return pw.Effects(Y, se=SE, study=LABELS, scale="SMD")


@pytest.fixture(scope="module", params=QUESTIONS)
def both(request, effects):
    model, axes, true_effect = QUESTIONS[request.param]
    return request.param, pw.fit(effects, model, SETTINGS), oracle.oracle(Y, SE, axes, true_effect)


@pytest.mark.slow
def test_parameters_are_within_their_monte_carlo_error_of_a_sum_over_all_of_them(both):
    kind, nuts, sums = both
    numbers = nuts.report.diagnostics
    assert nuts.report.status == "ok"
    assert numbers["divergences"] == 0
    for name in ("mu", "tau", SHAPE[kind]):
        slack = GRID * (10.0 if name == "nu" else 1.0)
        assert abs(nuts[name].mean - sums.mean(name)) < MCSE * numbers[f"mcse_mean_{name}"] + slack, name


@pytest.mark.slow
def test_true_effects_are_those_of_the_sum(both):
    _, nuts, sums = both
    for i, label in enumerate(LABELS):
        error = nuts.studies[label].sd / np.sqrt(1000)  # the parameters have an effective sample size above that
        assert abs(nuts.studies[label].mean - sums.theta_mean(i)) < MCSE * error + GRID


@pytest.mark.slow
def test_the_tree_has_every_group_and_its_likelihood_is_the_marginal_one(both):
    kind, nuts, _ = both
    tree = nuts.to_datatree()
    groups = {"posterior", "sample_stats", "log_likelihood", "log_prior", "posterior_predictive", "prior",
              "prior_predictive", "observed_data", "constant_data"}  # fmt: skip
    assert set(tree.children) == groups
    assert tree["log_likelihood"]["y"].dims == ("chain", "draw", "study")
    true_effect = QUESTIONS[kind][2]
    point = {name: np.array([[float(x[0, 7])]]) for name, x in tree["posterior"].data_vars.items() if x.ndim == 2}
    theta = np.linspace(-15, 15, 60001)
    density = np.exp(true_effect(theta, point).ravel()) * stats.norm.pdf(Y[3], theta, SE[3])
    found = float(tree["log_likelihood"]["y"][0, 7, 3])
    assert found == pytest.approx(np.log(integrate.trapezoid(density, theta)), abs=3e-4)


@pytest.mark.slow
def test_a_far_study_pulls_the_mean_less_than_under_normal_random_effects(effects):
    normal = pw.fit(effects, pw.RandomEffects(MU, TAU), pw.Exact())
    result = pw.fit(effects, QUESTIONS["outliers"][0], SETTINGS)
    assert result["mu"].point < normal["mu"].point
    assert result.weights["far away"] < normal.weights["far away"]
    chances = {label: result[f"outlier[{label}]"].point for label in LABELS}
    assert max(chances, key=chances.get) == "far away"
    draws = result.to_datatree()["posterior"]["outlier"]
    assert chances["far away"] == pytest.approx(float(draws.sel(study="far away").mean()), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [pw.StudentTRandomEffects(MU, TAU, priors.Gamma(1e6, 100.0)),
     pw.ContaminatedRandomEffects(MU, TAU, priors.HalfNormal(1.0), priors.Beta(1.0, 1e6))],
    ids=["nu is large", "pi is small"],
)  # fmt: skip
def test_the_limit_is_the_normal_model(model):
    effects = pw.datasets.load("bcg")
    exact, nuts = pw.fit(effects, pw.RandomEffects(MU, TAU), pw.Exact()), pw.fit(effects, model, SETTINGS)
    for name in ("mu", "tau"):
        numbers = {key: nuts.report.diagnostics[f"mcse_{key}_{name}"] for key in ("mean", "q2.5", "q97.5")}
        assert abs(nuts[name].mean - exact[name].mean) < MCSE * numbers["mean"]
        for limit, key in ((0.025, "q2.5"), (0.975, "q97.5")):
            assert abs(nuts[name].ppf(limit) - exact[name].ppf(limit)) < MCSE * numbers[key]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["bcg", "dropout", "misconduct", "recidivism", "raudenbush1985"])
@pytest.mark.parametrize("kind", [pw.StudentTRandomEffects, pw.SkewNormalRandomEffects, pw.ContaminatedRandomEffects])
def test_defaults_never_diverge(kind, data):
    alliance = pw.datasets.load("working_alliance")
    effects = alliance.select(outcome=data) if data in alliance.outcomes else pw.datasets.load(data)
    result = pw.fit(effects, kind(), pw.NUTS())
    assert result.report.status == "ok"
    assert sum(result.weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("nu", [1.0, 1.5, 2.0, 4.0, 10.0, 30.0, 300.0, 1e5])
@pytest.mark.parametrize(
    ("residual", "se", "tau"),
    [(0.0, 0.1, 0.3), (1.0, 0.1, 0.3), (1.6, 0.1, 0.3), (0.6, 0.2, 0.1), (0.5, 0.1, 0.01), (15.0, 0.1, 3.0)],
)
def test_the_density_of_an_estimate_is_the_convolution_of_t_and_normal(residual, se, tau, nu):
    parameters = {"mu": np.zeros((1, 1)), "tau": np.full((1, 1), tau), "nu": np.full((1, 1), nu)}
    found = float(HeavyTailed().log_density(residual, se**2, parameters)[0, 0])
    theta = tau * np.sinh(np.linspace(-14, 14, 40001))
    density = stats.t.pdf(theta, nu, 0.0, tau) * stats.norm.pdf(residual, theta, se)
    assert found == pytest.approx(np.log(integrate.trapezoid(density, theta)), abs=3e-5)


def test_far_from_every_component_no_density_underflows():
    parameters = {"mu": np.zeros((1, 1)), "tau": np.full((1, 1), 0.1), "nu": np.full((1, 1), 1e5)}
    found = float(HeavyTailed().log_density(20.0, 0.01, parameters)[0, 0])
    assert -20000.0 < found < -5000.0  # the normal density is exp(-9998)


def test_skewness_is_scipys():
    for delta in (-0.9, 0.0, 0.5, 0.99):
        expected = stats.skewnorm(delta / np.sqrt(1 - delta**2)).stats("s")
        assert skewness(np.array(delta)) == pytest.approx(float(expected), abs=1e-12)


def test_a_new_study_has_no_mean_where_the_prior_on_nu_allows_nu_below_1(effects):
    result = pw.fit(effects, pw.StudentTRandomEffects(), pw.NUTS(draws=300))
    assert np.isnan(result["theta_new"].mean)
    assert np.isfinite(result["theta_new"].point)
    assert any("neither mean nor standard deviation" in note for note in result.report.notes)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: pw.StudentTRandomEffects(nu=priors.Flat()), "nu has the prior"),
        (lambda: pw.ContaminatedRandomEffects(pi=priors.HalfNormal(1)), "a prior on a share"),
        (lambda: pw.ContaminatedRandomEffects(tau_out=priors.Flat()), "tau_out has the prior"),
        (lambda: pw.RandomEffects(tau=priors.Beta(1, 9)), "tau has the prior"),
    ],
)
def test_impossible_priors_are_refused(make, match):
    with pytest.raises(pw.PoolwiseError, match=match):
        make()


def test_statements_name_every_prior():
    assert pw.ContaminatedRandomEffects().statement()[-1] == "pi ~ Beta(1, 9)"
    assert pw.StudentTRandomEffects().statement()[-1] == "nu ~ Gamma(2, 0.1)"
    assert pw.SkewNormalRandomEffects().statement()[-1] == "delta ~ Uniform(-1, 1)"
