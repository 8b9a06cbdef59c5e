"""The highest likelihood of selected estimates against metafor, other optimisers, and searches of their own."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from poolwise.selection.curves import SmoothWeights
from poolwise.selection.derivatives import SelectionLikelihood, Studies
from poolwise.selection.intervals import Intervals, merged
from poolwise.selection.maximum import maximise, no_selection, profile_limits, with_combination
from poolwise.selection.steps import StepWeights
from support.oracle_selection import step_log_likelihood

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "selection_models_ml.json").read_text())["sets"]
FITS = [(name, place) for name, one in REFERENCE.items() for place in range(len(one["fits"]))]
STEP_DIGITS = 1e-8  # of a log likelihood of steps, which metafor has in closed form
INTEGRALS = 1e-3  # of a log likelihood for which metafor integrates over kinks; ours is checked against quad elsewhere
SAME_TOP = 1e-10  # a log likelihood so near is of the same estimates, to the root of twice this in standard errors
ESTIMATES = 1e-5
SLOPE = 1e-7  # of the log likelihood at its top, in units of the parameters
FLAT = 1e-6  # of a log likelihood by an optimiser without derivatives
LIMIT = 0.5 * stats.chi2.ppf(0.95, 1)


def likelihood_of(data, fit):
    """The model of a reference fit, in the direction of what gets published."""
    sign = {"greater": 1.0, "less": -1.0, "two.sided": 1.0}[fit["alternative"]]
    y, v = sign * np.array(data["y"]), np.array(data["v"])
    X = np.ones((len(y), 1))
    if fit["moderated"]:
        X = np.column_stack([X, np.array(data["x"])])
    studies, sides = Studies(y, v, X), 2 if fit["alternative"] == "two.sided" else 1
    if fit["type"] == "stepfun":
        steps = np.atleast_1d(fit["steps"])
        weights = StepWeights(studies, Intervals(steps, sides), np.array([1.0] + [np.nan] * len(steps)))
    else:
        known = (None, None) if fit["type"] == "beta" else (None,)
        weights = SmoothWeights(studies, fit["type"], sides, known, fit["prec"] is not None)
    return SelectionLikelihood(studies, weights, 0.0 if fit["method"] == "EE" else None), sign


@cache
def fitted(name, place):
    likelihood, sign = likelihood_of(REFERENCE[name], REFERENCE[name]["fits"][place])
    return maximise(likelihood), sign


def theta_of(likelihood, fit, sign):
    """The parameters of a reference fit."""
    delta = np.atleast_1d(np.array(fit["delta"], dtype=float))
    psi = np.log(delta) if fit["type"] in ("beta", "stepfun") else np.log1p(delta)
    spread = np.log(likelihood.studies.typical + np.array([fit["tau2"]]))[: likelihood.spreads]
    return np.concatenate([sign * np.array(fit["beta"]), spread, psi])


def simulated(seed, k, mu, tau, kept, steps=(0.025,), p=1):
    """Published studies of a field that keeps a share of its other results."""
    rng = np.random.default_rng(seed)
    rows = []
    while len(rows) < k:
        v, x = rng.uniform(0.01, 0.15), rng.normal(size=p - 1)
        y = mu + rng.normal() * np.sqrt(v + tau**2)
        if y / np.sqrt(v) > 1.96 or rng.random() < kept:
            rows.append((y, v, *x))
    y, v, *x = np.array(rows).T
    studies = Studies(y, v, np.column_stack([np.ones(k), *x]))
    weights = StepWeights(studies, Intervals(np.array(steps), 1), np.array([1.0] + [np.nan] * len(steps)))
    return SelectionLikelihood(studies, weights)


@pytest.mark.parametrize(("name", "place"), FITS)
def test_no_log_likelihood_is_below_that_of_metafor(name, place):
    fit = REFERENCE[name]["fits"][place]
    maximum, sign = fitted(name, place)
    likelihood, steps = maximum.likelihood, fit["type"] == "stepfun"
    theirs = fit["ll"] if steps else likelihood.at(theta_of(likelihood, fit, sign)).value
    assert theirs == pytest.approx(fit["ll"], abs=0.0 if steps else INTEGRALS)
    assert maximum.value >= theirs - STEP_DIGITS
    assert np.abs(maximum.top.height.gradient[maximum.top.free]).max() < SLOPE
    if abs(maximum.value - theirs) < SAME_TOP:
        off = np.abs(maximum.top.theta - theta_of(likelihood, fit, sign))
        errors = np.sqrt(np.nan_to_num(np.diagonal(maximum.covariance)))
        assert (off <= ESTIMATES + math.sqrt(2.0 * SAME_TOP) * errors).all()
        without = maximise(no_selection(likelihood.studies, likelihood.tau2))
        assert 2.0 * (maximum.value - without.value) == pytest.approx(fit["LRT"], abs=1e-8 if steps else INTEGRALS)


def test_most_tops_are_those_of_metafor():
    same = [abs(fitted(*fit)[0].value - REFERENCE[fit[0]]["fits"][fit[1]]["ll"]) < SAME_TOP for fit in FITS]
    assert len(REFERENCE) >= 10
    assert np.mean(same) > 0.6


@pytest.mark.parametrize(("name", "steps", "gain"), [("li2007", 4, 0.70), ("egger2001", 1, 1.53)])
def test_a_higher_top_than_that_of_metafor_is_one(name, steps, gain):
    fits = [fit for fit in REFERENCE[name]["fits"] if fit["type"] == "stepfun" and fit["alternative"] == "less"]
    fit = next(fit for fit in fits if len(np.atleast_1d(fit["steps"])) == steps and not fit["moderated"])
    likelihood, _ = likelihood_of(REFERENCE[name], fit)
    maximum = maximise(likelihood)
    assert len(maximum.tops) == 2
    studies, omega = likelihood.studies, np.append(1.0, np.exp(maximum.psi))
    mean = np.full(len(studies.y), maximum.beta[0])
    value = step_log_likelihood(np.atleast_1d(fit["steps"]), 1, studies.y, studies.v, mean, maximum.tau2, omega)
    assert value == pytest.approx(maximum.value, abs=1e-9)
    assert value > fit["ll"] + gain


@pytest.mark.parametrize("seed", range(6))
def test_no_start_of_another_optimiser_ends_higher(seed):
    likelihood = simulated(seed, (6, 10, 30)[seed % 3], 0.2, (0.0, 0.3)[seed % 2], 0.3)
    maximum, rng = maximise(likelihood), np.random.default_rng(seed)
    least = math.log(likelihood.studies.typical)

    def fall(theta):
        height = likelihood.at(theta)
        return (-height.value, -height.gradient) if math.isfinite(height.value) else (1e10, np.zeros(3))

    for _ in range(15):
        start = rng.normal([0.0, least + 1.0, 0.0], [1.0, 1.0, 2.0])
        end = optimize.minimize(fall, start, jac=True, method="L-BFGS-B", bounds=[(-9, 9), (least, 4), (-12, 12)])
        assert -end.fun <= maximum.value + 1e-8


@pytest.mark.parametrize("j", range(4))
def test_limits_are_where_an_independent_profile_has_dropped(j):
    data = REFERENCE["bcg"]
    fit = next(fit for fit in data["fits"] if fit["steps"] == [0.025, 0.5] and not fit["moderated"])
    likelihood, _ = likelihood_of(data, fit)
    maximum, studies = maximise(likelihood), likelihood.studies

    def fall(others, value):
        mu, log_spread, *psi = np.insert(others, j, value)
        tau2 = math.exp(log_spread) - studies.typical
        if tau2 < 0.0:
            return 1e3
        mean, omega = np.full(len(studies.y), mu), np.exp([0.0, *psi])
        return -step_log_likelihood(np.array([0.025, 0.5]), 1, studies.y, studies.v, mean, tau2, omega)

    options = {"xatol": 1e-7, "fatol": 1e-9, "maxfev": 4000}
    for limit in profile_limits(maximum, j, 0.95):
        start = np.delete(maximum.top.theta, j)
        ends = [optimize.minimize(fall, start + shift, (limit,), "Nelder-Mead", options=options) for shift in (0, 0.2)]
        assert -min(end.fun for end in ends) == pytest.approx(maximum.value - LIMIT, abs=FLAT)


def test_tau_may_lie_on_its_boundary():
    data = REFERENCE["raudenbush1985"]
    fit = next(fit for fit in data["fits"] if fit["steps"] == [0.025, 0.5] and fit["method"] == "ML")
    likelihood, _ = likelihood_of(data, fit)
    maximum = maximise(likelihood)
    assert maximum.tau2 == 0.0
    assert maximum.top.height.gradient[1] < 0.0
    assert profile_limits(maximum, 1, 0.95)[0] == pytest.approx(math.log(likelihood.studies.typical), abs=1e-12)
    common = maximise(SelectionLikelihood(likelihood.studies, likelihood.weights, 0.0))
    np.testing.assert_allclose(common.covariance, maximum.covariance[np.ix_([0, 2, 3], [0, 2, 3])], rtol=1e-6)
    lower, upper = profile_limits(maximum, 0, 0.95)
    within = profile_limits(common, 0, 0.95)
    assert lower <= within[0] + SLOPE
    assert upper >= within[1] - SLOPE


def test_units_of_the_estimates_do_not_matter():
    likelihood = simulated(3, 20, 0.3, 0.2, 0.3, (0.025, 0.5))
    studies = likelihood.studies
    large = Studies(1e6 * studies.y, 1e12 * studies.v, studies.X)
    other = maximise(
        SelectionLikelihood(large, StepWeights(large, likelihood.weights.intervals, likelihood.weights.known))
    )
    maximum = maximise(likelihood)
    np.testing.assert_allclose(other.beta, 1e6 * maximum.beta, rtol=1e-9)
    np.testing.assert_allclose(other.psi, maximum.psi, rtol=1e-8)
    np.testing.assert_allclose(
        profile_limits(other, 0, 0.9), 1e6 * np.array(profile_limits(maximum, 0, 0.9)), rtol=1e-7
    )


def test_the_mean_at_a_moderator_is_the_intercept_where_that_is_0():
    likelihood = simulated(4, 25, 0.3, 0.2, 0.3, p=2)
    studies, x = likelihood.studies, 0.7
    shifted = Studies(studies.y, studies.v, studies.X - [0.0, x])
    other = maximise(
        SelectionLikelihood(shifted, StepWeights(shifted, likelihood.weights.intervals, likelihood.weights.known))
    )
    maximum, j = with_combination(maximise(likelihood), np.array([1.0, x]))
    assert maximum.top.theta[j] == pytest.approx(other.beta[0], abs=1e-9)
    assert maximum.covariance[j, j] == pytest.approx(other.covariance[0, 0], rel=1e-6)
    np.testing.assert_allclose(profile_limits(maximum, j, 0.95), profile_limits(other, 0, 0.95), rtol=1e-7)


def test_limits_at_every_confidence_are_nested():
    maximum = maximise(simulated(1, 12, 0.2, 0.1, 0.2))
    for j in range(3):
        limits = np.array([profile_limits(maximum, j, prob) for prob in (0.01, 0.5, 0.8, 0.95, 0.999)])
        assert (np.diff(limits[:, 0]) <= 0.0).all()
        assert (np.diff(limits[:, 1]) >= 0.0).all()


def test_empty_intervals_are_merged_with_their_neighbours():
    steps = np.array([0.01, 0.025, 0.05, 0.5])
    for counts in ([1, 0, 2, 0, 3], [0, 0, 2, 3, 0], [0, 1, 1, 1, 1]):
        fewer = merged(steps, np.array(counts))
        totals = np.add.reduceat(counts, [0, *(np.searchsorted(steps, fewer) + 1)])
        assert (totals > 0).all()
        assert len(totals) == np.count_nonzero(counts)
    assert len(merged(steps, np.array([0, 4, 0, 0, 0]))) == 0
