"""The yardsticks are checked before anything is measured with them: against other rules, coordinates and metafor."""

import csv
import json
import math
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import ndtr

from support.metafor import figures
from support.oracle import PRIORS, Oracle
from support.oracle_levels import LevelsOracle, share
from support.oracle_location_scale import LocationScaleOracle
from support.oracle_log_tau import LogTauOracle, log_prior
from support.oracle_mu_prior import MuPriorOracle, TruncatedOracle, normal_mixture, student_t
from support.oracle_regression import RegressionOracle
from support.oracle_t_prior import TPriorOracle
from support.trapezoid import Axis, Weighted

TESTS = Path(__file__).parent
HALF = PRIORS["HalfNormal(0.5)"]
# Two roads of one integral, each to about 1e-14 of the whole; brentq's limits and sums over 1e5 nodes cost two digits.
AGREEMENT = 1e-11
# What nested adaptive quadrature was asked for.
NESTED = 1e-9
# metafor's log likelihoods at stated parameters: matrices of 100 x 100 by another order of operations.
METAFOR = 1e-10


@cache
def packaged(name: str) -> dict[str, list[str]]:
    path = TESTS.parent / "src" / "poolwise" / "datasets" / "data" / f"{name}.csv"
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {column: [row[column] for row in rows] for column in rows[0]}


def estimates(name: str, k: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    source = packaged(name) if name == "assink2016" else figures(name)
    return np.array(source["y"][:k], dtype=float), np.array(source["v"][:k], dtype=float)


def moderators(name: str, formula: str) -> np.ndarray:
    """The columns of a formula without the intercept: numbers, or 0 and 1 for the levels but the first."""
    columns = []
    for word in (word for word in formula.removeprefix("~ ").split(" + ") if word != "1"):
        cells = packaged(name)[word]
        levels = sorted(set(cells))
        numbers = word in ("ablat", "weeks", "year", "pubstatus")
        columns += [cells] if numbers else [[cell == level for cell in cells] for level in levels[1:]]
    return np.array(columns, dtype=float).T.reshape(len(packaged(name)["study"]), -1)


def design(name: str, formula: str) -> np.ndarray:
    Z = moderators(name, formula)
    return np.column_stack([np.ones(len(Z)), Z])


def parsed(prior: str) -> tuple[str, *tuple[float, ...]]:
    """("HalfT", 3.0, 0.5) from "HalfT(3, 0.5)"."""
    family, _, rest = prior.partition("(")
    return (family, *(float(number) for number in rest[:-1].split(",")))


def levels(rows: int, **settings) -> LevelsOracle:
    y, v = estimates("assink2016", rows)
    cluster = np.array(packaged("assink2016")["study"][:rows], dtype=object)
    return LevelsOracle(y, v, cluster, **({"between": HALF, "within": HALF, "s0": 1.0} | settings))


def reference(name: str) -> dict:
    return json.loads((TESTS / "reference" / f"{name}.json").read_text(encoding="utf-8"))


# ---- regression ----


@pytest.mark.parametrize("s0", [math.inf, 2.0])
def test_a_regression_on_nothing_is_the_normal_normal_model(s0):
    y, v = estimates("bcg")
    plain = Oracle(y, v, HALF, 0.1, s0)
    other = RegressionOracle(y, v, np.ones((13, 1)), HALF, np.array([0.1]), np.array([s0]))
    assert other.log_evidence == pytest.approx(plain.log_evidence, abs=AGREEMENT)
    assert other.cdf(other.combination([1.0]), -0.7) == pytest.approx(plain.mu_cdf(-0.7), abs=AGREEMENT)
    assert other.cdf(other.theta(2), -0.7) == pytest.approx(plain.theta_cdf(2, -0.7), abs=AGREEMENT)
    assert other.cdf(other.theta_new([1.0]), -0.7) == pytest.approx(plain.new_cdf(-0.7), abs=AGREEMENT)


def test_the_flat_log_integral_of_a_regression_is_the_restricted_likelihood_of_metafor():
    row, X = figures("bcg")["regression"]["fits"]["REML"], design("bcg", "~ ablat")
    oracle = RegressionOracle(*estimates("bcg"), X, HALF, np.zeros(2), np.full(2, np.inf))
    log_lik, beta, _ = oracle.given_tau(math.sqrt(row["tau2"]))
    assert log_lik + 0.5 * np.linalg.slogdet(X.T @ X)[1] == pytest.approx(row["ll_reml"], abs=METAFOR)
    np.testing.assert_allclose(beta, row["beta"], atol=METAFOR)


@pytest.mark.parametrize("tau", PRIORS)
def test_the_sinc_rule_along_an_axis_is_adaptive_quadrature(tau):
    if tau.startswith("Uniform"):
        pytest.skip("a jump of the density is not for the trapezoidal rule")
    y, v = estimates("bcg", 5)
    oracle = RegressionOracle(y, v, np.ones((5, 1)), PRIORS[tau], np.zeros(1), np.ones(1))
    # a log-t density of log tau falls as a power: 1e-9 of it lies below -40
    axis = Axis(-340.0 if tau.startswith("LogT") else -40.0, 20.0, 0.06)
    grid = Weighted((axis,), np.array([oracle.log_density(u) for u in axis.nodes.tolist()]))
    assert grid.log_total == pytest.approx(oracle.log_evidence, abs=AGREEMENT)
    for x in (0.01, 0.3, 1.5):
        assert grid.along(0).cdf(math.log(x)) == pytest.approx(oracle.over_tau.cdf(x), abs=AGREEMENT)


@pytest.mark.parametrize("tau", PRIORS)
@pytest.mark.parametrize("k", [3, 13])
def test_one_trapezoidal_rule_over_log_tau_is_adaptive_quadrature(k, tau):
    (y, v), (family, *numbers) = estimates("bcg", k), parsed(tau)
    end = numbers[-1] if family == "Uniform" else math.inf
    fast, plain = LogTauOracle(y, v, log_prior(family, *numbers), 0.1, 1.0, end), Oracle(y, v, PRIORS[tau], 0.1, 1.0)
    assert fast.log_evidence == pytest.approx(plain.log_evidence, abs=AGREEMENT)
    found = fast.figures(2)
    cdfs = {"tau": plain.tau_cdf, "mu": plain.mu_cdf, "theta_new": plain.new_cdf}
    for name, cdf in (*cdfs.items(), ("theta", lambda x: plain.theta_cdf(2, x))):
        at = found[name]["q025"] + (0.0 if name == "tau" else float(y[0]))
        assert cdf(at) == pytest.approx(0.025, abs=AGREEMENT), name
    mean, sd = plain.mu_moments()
    assert (found["mu"]["mean"] + y[0], found["mu"]["sd"]) == pytest.approx((mean, sd), abs=AGREEMENT)


@pytest.mark.parametrize("tau", [("HalfNormal", 0.5), ("LogT", 5.0, -1.72, 1.295), ("Uniform", 0.0, 2.5)], ids=str)
def test_halving_the_step_in_log_tau_moves_nothing(tau):
    oracle = LogTauOracle(*estimates("bcg", 3), log_prior(*tau), 0.1, 1.0, tau[2] if tau[0] == "Uniform" else math.inf)
    for name, found in oracle.figures(0).items():
        assert found == pytest.approx(oracle.halved.figures(0)[name], abs=AGREEMENT), name
    assert oracle.log_evidence == pytest.approx(oracle.halved.log_evidence, abs=AGREEMENT)


# ---- three levels ----


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_given_both_tau_the_three_level_model_is_metafors(rho):
    rows = [r for r in reference("rma_mv_assink2016")["at"] if r["moderators"] == "~ 1" and r["rho"] == rho]
    oracle = levels(100, rho=rho, s0=math.inf)
    for row in (row for row in rows if row["method"] == "REML"):
        sigma2 = np.array([row["sigma2_between"]]), np.array([row["sigma2_within"]])
        with np.errstate(divide="ignore"):
            node = oracle.nodes(*(0.5 * np.log(s) for s in sigma2))
        assert node.log_lik[0] + 0.5 * math.log(100) == pytest.approx(row["log_lik"], abs=METAFOR)
        assert (node.mean[0], node.sd[0]) == pytest.approx((*row["beta"], *row["se"]), abs=METAFOR)


def dense(oracle: LevelsOracle, tau_between: float, tau_within: float) -> np.ndarray:
    """The k x k covariance of the estimates given mu."""
    same = oracle.cluster[:, None] == oracle.cluster
    s = np.sqrt(oracle.v)
    errors = np.where(np.eye(len(s), dtype=bool), 1.0, oracle.rho * same) * np.outer(s, s)
    return errors + tau_within**2 * np.eye(len(s)) + tau_between**2 * same


def pinned(oracle: LevelsOracle, tau_between: float, tau_within: float) -> LevelsOracle:
    """The same table with both tau known: all the weight at the middle node of a grid of 3 x 3."""
    axes = tuple(Axis(u - 1.0, u + 1.0, 1.0) for u in np.log([tau_between, tau_within]).tolist())
    log_density = np.full((3, 3), -np.inf)
    log_density[1, 1] = 0.0
    known = replace(oracle)
    vars(known)["plane"] = Weighted(axes, log_density)
    return known


def test_blocks_are_the_k_by_k_matrices_of_the_joint_normal_law():
    oracle, (tb, tw) = levels(25, rho=0.6, m0=0.1), (0.3, 0.2)
    errors, total = dense(oracle, 0.0, 0.0), dense(oracle, tb, tw) + 1.0
    residual = oracle.y - 0.1
    by_hand = -0.5 * (np.linalg.slogdet(2 * math.pi * total)[1] + residual @ np.linalg.solve(total, residual))
    assert oracle.nodes(np.log([tb]), np.log([tw])).log_lik[0] == pytest.approx(by_hand, abs=AGREEMENT)
    # theta ~ Normal(0.1, total - errors), y | theta ~ Normal(theta, errors): its mean and sd at row 7
    prior = total - errors
    gain = prior @ np.linalg.inv(total)
    mean, spread = 0.1 + gain @ residual, prior - gain @ prior
    law = pinned(oracle, tb, tw).theta(7)
    assert (law.mean, law.sd) == pytest.approx((mean[7], math.sqrt(spread[7, 7])), abs=AGREEMENT)


@pytest.mark.oracle_long
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_halving_the_steps_moves_nothing(rho):
    coarse, fine = levels(25, rho=rho, step=0.1), levels(25, rho=rho, step=0.05)
    assert coarse.log_evidence == pytest.approx(fine.log_evidence, abs=AGREEMENT)
    for one, other in (
        (coarse.tau_between.summary(), fine.tau_between.summary()),
        (coarse.icc.summary(share), fine.icc.summary(share)),
        (coarse.mu.summary(), fine.mu.summary()),
        (coarse.theta(0).summary(), fine.theta(0).summary()),
    ):
        assert one == pytest.approx(other, abs=10 * AGREEMENT)


@pytest.mark.oracle_long
def test_both_coordinate_systems_give_one_posterior():
    oracle = levels(25, rho=0.6)
    assert oracle.polar.log_total == pytest.approx(oracle.log_evidence, abs=AGREEMENT)
    squares = [law.summary() for law in (oracle.total, oracle.tau_between, oracle.tau_within)]
    total, between, within = (figure["mean"] ** 2 + figure["sd"] ** 2 for figure in squares)
    assert total == pytest.approx(between + within, abs=AGREEMENT)


@pytest.mark.oracle_long
def test_the_trapezoidal_rule_is_nested_adaptive_quadrature():
    oracle = levels(9, rho=0.6)

    def density(w: float, u: float) -> float:
        node = oracle.nodes(np.array([u]), np.array([w]))
        return math.exp(node.log_lik[0] + HALF(math.exp(u)) + HALF(math.exp(w)) + u + w - oracle.log_evidence)

    whole = dblquad(density, -30.0, 2.5, -30.0, 2.5, epsabs=NESTED, epsrel=NESTED)[0]
    below = dblquad(density, -30.0, math.log(0.3), -30.0, 2.5, epsabs=NESTED, epsrel=NESTED)[0]
    assert whole == pytest.approx(1.0, abs=10 * NESTED)
    assert below == pytest.approx(oracle.tau_between.cdf(math.log(0.3)), abs=10 * NESTED)


# ---- location and scale ----


@pytest.mark.parametrize("row", [r for r in reference("rma_scale")["at"] if r["method"] == "REML"], ids=str)
def test_given_the_scale_the_location_scale_model_is_metafors(row):
    X, Z = design(row["data"], row["moderators"]), moderators(row["data"], row["scale"])
    p, q = X.shape[1], Z.shape[1]
    flat, y, v = np.full(p, np.inf), *estimates(row["data"])
    oracle = LocationScaleOracle(y, v, X, Z, HALF, np.zeros(p), flat, np.zeros(q), np.ones(q))
    gamma = np.array(row["alpha"][1:]) / 2
    coordinates = np.array([row["alpha"][0] / 2 + Z.mean(axis=0) @ gamma, *gamma])[:, None]
    log_lik, beta, spread = oracle.solve(list(coordinates))
    assert log_lik[0] + 0.5 * np.linalg.slogdet(X.T @ X)[1] == pytest.approx(row["log_lik"], abs=METAFOR)
    np.testing.assert_allclose(beta[0], row["beta"], atol=METAFOR)
    np.testing.assert_allclose(np.sqrt(np.diag(spread[0])), row["se"], atol=METAFOR)


def test_a_scale_that_cannot_move_is_a_regression():
    y, v = estimates("bcg")
    Z, one, tiny = moderators("bcg", "~ ablat"), np.ones(1), np.array([1e-9])
    still = LocationScaleOracle(y, v, np.ones((13, 1)), Z, HALF, 0 * one, one, 0 * one, tiny)
    plain = Oracle(y, v, HALF, 0.0, 1.0)
    assert still.log_evidence == pytest.approx(plain.log_evidence, abs=AGREEMENT)
    assert still.tau.cdf(math.log(0.5)) == pytest.approx(plain.tau_cdf(0.5), abs=AGREEMENT)
    assert still.theta(2).cdf(-0.7) == pytest.approx(plain.theta_cdf(2, -0.7), abs=AGREEMENT)


# ---- priors on mu ----


@pytest.mark.parametrize(("k", "df"), list(product((13, 3), (1.0, 5.0))))
def test_a_grid_over_mu_is_the_scale_mixture_of_normal_priors(k, df):
    y, v = estimates("bcg", k)
    direct = MuPriorOracle(y, v, HALF, student_t(df, 0.0, 0.5), float(y.mean()), 0.3)
    mixed = TPriorOracle(y, v, np.ones((k, 1)), HALF, np.array([df]), np.zeros(1), np.array([0.5]))
    assert direct.log_evidence == pytest.approx(mixed.log_evidence, abs=AGREEMENT)
    assert direct.mu_cdf(-0.7) == pytest.approx(mixed.combination([1.0]).cdf(-0.7), abs=AGREEMENT)
    assert direct.theta_cdf(0, -0.7) == pytest.approx(mixed.theta(0).cdf(-0.7), abs=AGREEMENT)
    assert direct.new_cdf(-0.7) == pytest.approx(mixed.theta_new([1.0]).cdf(-0.7), abs=AGREEMENT)


def test_a_mixture_prior_mixes_posteriors_by_their_evidence():
    (y, v), parts = estimates("bcg", 3), [(0.5, 0.0, 0.1), (0.5, -0.5, 0.5)]
    whole = MuPriorOracle(y, v, HALF, normal_mixture(parts), float(y.mean()), 0.3, (0.06, 0.02))
    each = [Oracle(y, v, HALF, m, s) for _, m, s in parts]
    evidence = np.array([w * math.exp(one.log_evidence) for (w, _, _), one in zip(parts, each, strict=True)])
    assert whole.log_evidence == pytest.approx(math.log(evidence.sum()), abs=AGREEMENT)
    for law in ("mu_cdf", "new_cdf"):
        mixed = evidence @ [getattr(one, law)(-0.7) for one in each] / evidence.sum()
        assert getattr(whole, law)(-0.7) == pytest.approx(mixed, abs=AGREEMENT)
    mixed = evidence @ [one.theta_cdf(2, -0.7) for one in each] / evidence.sum()
    assert whole.theta_cdf(2, -0.7) == pytest.approx(mixed, abs=AGREEMENT)


def test_a_prior_cut_off_is_nested_adaptive_quadrature():
    (y, v), (low, high) = estimates("bcg", 3), (-1.0, 0.5)
    oracle = TruncatedOracle(y, v, HALF, 0.0, 1.0, low, high)

    def mean(of, upper: float = high) -> float:
        def density(mu: float, u: float) -> float:
            total = v + math.exp(2 * u)
            log_lik = -0.5 * (np.log(2 * math.pi * total) + (y - mu) ** 2 / total).sum()
            prior = HALF(math.exp(u)) + u - 0.5 * mu * mu - 0.5 * math.log(2 * math.pi)
            return math.exp(log_lik + prior - oracle.log_evidence) / (ndtr(high) - ndtr(low)) * of(mu, math.exp(u))

        return dblquad(density, -30.0, 2.5, low, upper, epsabs=NESTED, epsrel=NESTED)[0]

    assert mean(lambda mu, tau: 1.0) == pytest.approx(1.0, abs=10 * NESTED)
    assert mean(lambda mu, tau: 1.0, -0.6) == pytest.approx(oracle.mu_cdf(-0.6), abs=10 * NESTED)
    new = mean(lambda mu, tau: float(ndtr((-0.6 - mu) / tau)))
    assert new == pytest.approx(oracle.new_cdf(-0.6), abs=10 * NESTED)
    moments = oracle.summaries(())["mu"]
    assert mean(lambda mu, tau: mu) == pytest.approx(moments["mean"], abs=10 * NESTED)
    assert mean(lambda mu, tau: mu**2) == pytest.approx(moments["mean"] ** 2 + moments["sd"] ** 2, abs=10 * NESTED)


def test_a_cut_far_away_cuts_nothing():
    y, v = estimates("bcg", 3)
    oracle, plain = TruncatedOracle(y, v, HALF, 0.0, 1.0, -30.0), Oracle(y, v, HALF, 0.0, 1.0)
    assert oracle.log_evidence == pytest.approx(plain.log_evidence, abs=AGREEMENT)
    assert oracle.new_cdf(-0.7) == pytest.approx(plain.new_cdf(-0.7), abs=AGREEMENT)
    assert oracle.theta_cdf(2, -0.7) == pytest.approx(plain.theta_cdf(2, -0.7), abs=AGREEMENT)
