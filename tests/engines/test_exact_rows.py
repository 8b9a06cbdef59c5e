"""Skew-normal random effects by quadrature: against the trapezoidal rule, the normal model, NUTS, and themselves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import checks, priors
from poolwise.engines.draws.robust_likelihood import RobustLikelihood
from poolwise.engines.exact.rows import Skewed
from poolwise.quadrature.boxes.lattice import lattices
from support.oracle_skew import delta_of, skew_oracle, tau_of
from support.trapezoid import Axis

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
LIMIT = 1e-5  # half-widths to which limits are worked out
EVIDENCE = 1e-8  # the boxes' tolerance of 1e-5 leaves errors 1e4 times smaller
Y, SE = np.array([0.1, 0.3, 0.2, 1.6]), np.array([0.15, 0.2, 0.15, 0.2])
MU, TAU = priors.Normal(0.0, 1.0), priors.HalfNormal(0.5)
MODEL = pw.SkewNormalRandomEffects(MU, TAU)
SAME = [("mu", lambda x: x), ("tau", tau_of), ("delta", delta_of)]


def table(y=Y, se=SE, **more):
    return pw.Effects(y, se=se, study=list("ABCDEFGH")[: len(y)], **more)


@pytest.fixture(scope="module")
def exact():
    return pw.fit(table(), MODEL, pw.Exact())


@pytest.fixture(scope="module")
def oracle():
    axes = Axis(-5.0, 6.0, 0.1), Axis(-3.8, 1.8, 0.08), Axis(-3.2, 3.2, 0.1)
    return skew_oracle(Y, SE, stats.norm(0.0, 1.0).logpdf, stats.halfnorm(scale=0.5).logpdf, axes)


def test_the_evidence_is_that_of_the_trapezoidal_rule(exact, oracle):
    assert exact.report.status == "ok"
    assert exact.evidence == pytest.approx(oracle.weighted.log_total, abs=EVIDENCE)


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["mu", "tau", "delta"])
def test_limits_are_those_of_the_trapezoidal_rule_within_the_error_that_is_said(exact, oracle, axis):
    name, of = SAME[axis]
    expected, found = oracle.weighted.along(axis).summary(of), exact[name]
    half = 0.5 * (expected["q975"] - expected["q025"])
    said = exact.report.diagnostics["grid_error"]
    assert said < LIMIT
    limits = dict(zip(("q025", "q975"), found.interval(), strict=True))
    for key, x in {"median": found.point, "mean": found.mean, "sd": found.sd, **limits}.items():
        assert abs(x - expected[key]) < said * half, key


def test_true_effects_are_those_of_the_trapezoidal_rule(exact, oracle):
    for p, x in zip((0.025, 0.5, 0.975), exact["theta_new"].ppf([0.025, 0.5, 0.975]), strict=True):
        assert oracle.new_below(float(x)) == pytest.approx(p, abs=1e-7)
    for i, label in enumerate("ABCD"):
        assert exact.studies[label].mean == pytest.approx(oracle.theta_mean(i), abs=1e-7)


def test_at_delta_0_the_likelihood_is_the_normal_one():
    bcg = pw.datasets.load("bcg")
    rows = Skewed(RobustLikelihood(bcg, MODEL))
    taus = np.array([0.0, 0.01, 0.5, 3.0])
    found = np.full(len(taus), np.nan)
    for which, lattice in lattices(rows, np.stack([taus, np.zeros(4)]), 1e-4):
        found[which] = lattice.log_total
    for tau, total in zip(taus, found, strict=True):
        covariance = np.diag(bcg.v + tau**2) + 1.0  # mu ~ Normal(0, 1) integrated out
        assert total == pytest.approx(stats.multivariate_normal(cov=covariance).logpdf(bcg.y), abs=1e-9)


def test_without_heterogeneity_it_is_the_normal_model():
    tight = replace(MODEL, tau=priors.HalfNormal(1e-4))
    skew, normal = (pw.fit(table(), model, pw.Exact()) for model in (tight, pw.RandomEffects(MU, tight.tau)))
    assert skew.evidence == pytest.approx(normal.evidence, abs=1e-7)
    assert skew["mu"].interval() == pytest.approx(normal["mu"].interval(), abs=1e-7)
    assert skew.studies["A"].interval() == pytest.approx(normal.studies["A"].interval(), abs=1e-6)
    assert skew.weights == pytest.approx(normal.weights, abs=1e-9)


@pytest.mark.parametrize("unit", [-1.0, 1e6, 1e-6])
def test_answers_move_with_the_unit_and_the_mirror(exact, unit):
    scaled = pw.SkewNormalRandomEffects(MU.scaled(abs(unit)), TAU.scaled(abs(unit)))
    moved = pw.fit(table(unit * Y, abs(unit) * SE), scaled, pw.Exact())
    assert moved.evidence == pytest.approx(exact.evidence - 4.0 * np.log(abs(unit)), abs=EVIDENCE)
    half = 0.5 * np.ptp(exact["mu"].interval())
    assert sorted(np.array(moved["mu"].interval()) / unit) == pytest.approx(exact["mu"].interval(), abs=LIMIT * half)
    assert np.sign(unit) * moved["delta"].point == pytest.approx(exact["delta"].point, abs=1e-6)


@pytest.mark.filterwarnings("ignore:only 2 studies:poolwise.PoolwiseWarning")
@pytest.mark.parametrize(
    ("y", "se", "mu", "tau"),
    [
        ([0.3, 0.5], [0.1, 0.2], MU, priors.HalfCauchy(0.5)),
        ([0.3, 0.5, 0.1], [0.1, 0.2, 0.3], priors.Flat(), TAU),
        ([0.3] * 6, [0.1] * 6, MU, TAU),
        ([0.1, 0.2, 0.15, 0.1, 0.2, 5.0], [0.1] * 6, MU, TAU),
        ([0.3, 0.5, 0.9, -0.2], [1e-4, 1.0, 0.1, 0.3], MU, TAU),
        ([0.3, 0.5, 0.4], [0.1, 0.2, 0.1], priors.Normal(10.0, 0.01), TAU),
    ],
    ids=["two studies", "flat mean", "equal", "one far away", "uneven errors", "a prior far away"],
)
def test_laws_are_whole_and_independent_draws_agree_with_them(y, se, mu, tau):
    result = pw.fit(table(y, se), pw.SkewNormalRandomEffects(mu, tau), pw.Exact(draws=25))
    assert result.report.status in ("ok", "moment_does_not_exist")
    tree = result.to_datatree()["posterior"]
    for name in ("mu", "tau", "delta", "theta_new"):
        below = result[name].cdf(tree[name].to_numpy().ravel())
        assert stats.kstest(below, "uniform").pvalue > 1e-4, name
    last = list(result.studies.values())[-1]
    assert last.probability() == pytest.approx(1.0, abs=1e-7)
    assert stats.kstest(last.cdf(tree["theta"].to_numpy()[..., -1].ravel()), "uniform").pvalue > 1e-4


def test_skewness_is_a_function_of_delta_with_intervals_of_both_kinds(exact):
    p = np.array([0.1, 0.5, 0.9])
    delta = exact["delta"].ppf(p)
    expected = stats.skewnorm(delta / np.sqrt(1.0 - delta**2)).stats("s")
    assert exact["skewness"].ppf(p) == pytest.approx(expected, abs=1e-9)
    low, high = exact["skewness"].interval(kind="shortest")
    assert exact["skewness"].probability(low, high) == pytest.approx(0.95, abs=1e-6)
    assert high - low <= np.ptp(exact["skewness"].interval())


@pytest.mark.slow
def test_nuts_agrees_within_its_monte_carlo_error():
    bcg = pw.datasets.load("bcg")
    exact, nuts = pw.fit(bcg, pw.SkewNormalRandomEffects()), pw.fit(bcg, pw.SkewNormalRandomEffects(), pw.NUTS(seed=5))
    assert (exact.label, nuts.label) == ("skew-normal random effects, exact", "skew-normal random effects, NUTS")
    assert list(exact.quantities) == list(nuts.quantities)
    for name in ("mu", "tau", "delta"):
        numbers = nuts.report.diagnostics
        assert abs(nuts[name].mean - exact[name].mean) < MCSE * numbers[f"mcse_mean_{name}"], name
        for limit, key in ((0.025, "q2.5"), (0.975, "q97.5")):
            assert abs(nuts[name].ppf(limit) - exact[name].ppf(limit)) < MCSE * numbers[f"mcse_{key}_{name}"], name
    assert set(nuts.to_datatree().children) - set(exact.to_datatree().children) == {"sample_stats"}
    assert nuts.weights == pytest.approx(exact.weights, abs=0.002)


def test_a_study_left_out_has_the_density_that_evidences_and_laws_both_give():
    found = checks.leave_one_out(table(), MODEL)
    assert set(found.influence["quantity"]) == {"mu", "tau", "delta"}
    for i, density in ((0, found.frame["log_density"][0]), (3, found.frame["log_density"][3])):
        rest = table(np.delete(Y, i), np.delete(SE, i))
        new = pw.fit(rest, MODEL, pw.Exact())["theta_new"].law
        x = np.linspace(-8.0, 8.0, 401)  # the estimate's normal density falls off, so that few points are exact
        expected = np.trapezoid(new.pdf(x) * stats.norm.pdf(Y[i], x, SE[i]), x)
        assert np.exp(density) == pytest.approx(expected, abs=1e-6)  # laws are worked out to 1e-5 half-widths


@pytest.mark.slow
@pytest.mark.parametrize("engine", [pw.Exact(), pw.NUTS(draws=500)], ids=["exact", "NUTS"])
def test_loo_refits_what_importance_sampling_cannot_leave_out(engine):
    loo = checks.loo(pw.fit(table(), MODEL, engine), refit_above=0.2)
    assert "D" in loo.refitted
    expected = checks.leave_one_out(table(), MODEL).frame["log_density"]
    for (_, row), right in zip(loo.frame.iterrows(), expected, strict=True):
        assert abs(row["elpd"] - right) < MCSE * row["mcse"] + 1e-6, row["unit"]


@pytest.mark.filterwarnings("ignore:only 2 studies:poolwise.PoolwiseWarning")
def test_what_the_quadrature_does_not_know_is_refused():
    with pytest.raises(pw.PoolwiseError, match="a normal or flat prior"):
        pw.fit(table(), replace(MODEL, mu=priors.Cauchy(0.0, 1.0)), pw.Exact())
    correlated = pw.Effects(Y, covariance=np.diag(SE**2) + 0.01, study=list("ABCD"))
    with pytest.raises(pw.PoolwiseError, match="known covariance"):
        pw.fit(correlated, MODEL, pw.Exact())
    with pytest.raises(pw.PoolwiseError, match="improper"):
        pw.fit(table(Y[:2], SE[:2]), replace(MODEL, mu=priors.Flat(), tau=priors.Flat()), pw.Exact())
