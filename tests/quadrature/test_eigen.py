"""Eigenvectors of covariances whose standard errors are eight orders of magnitude apart."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.quadrature.rules.gaussian import eigen
from support.oracle import PRIORS
from support.oracle_levels import LevelsOracle

SE = np.array([1e-6, 1e2, 0.2, 0.3, 1e-6, 50.0])
ROUNDING = 1e-13
NAMES = ("median", "q025", "q975", "mean", "sd")
AGREEMENT = 1e-6  # half-widths: the promise for two nonlinear parameters


def correlated(rho):
    return (1.0 - rho) * np.eye(len(SE)) + rho


@pytest.mark.parametrize("rho", [0.1, 0.6, 0.95])
def test_the_precision_of_a_common_mean_keeps_its_digits(rho):
    C = correlated(rho)
    values, U = eigen(np.outer(SE, SE) * C)
    scaled = 1.0 / SE  # 1' V^-1 1 = s' C^-1 s, where no digits are lost
    assert (U.sum(axis=0) ** 2 / values).sum() == pytest.approx(scaled @ np.linalg.solve(C, scaled), rel=ROUNDING)
    assert np.log(values).sum() == pytest.approx(2.0 * np.log(SE).sum() + np.linalg.slogdet(C)[1], rel=ROUNDING)
    assert pytest.approx(np.eye(len(SE)), abs=ROUNDING) == U.T @ U


@pytest.mark.parametrize("rho", [0.0, 0.6])
@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_clusters_hold_standard_errors_of_1e_minus_6_beside_100(rho):
    y = np.array([0.1, 3.0, 0.4, 0.6, 0.2, -1.0])
    cluster = np.array(["a", "a", "b", "b", "c", "c"], dtype=object)
    effects = pw.Effects(y, se=SE, study=list(cluster), scale="SMD")
    spread = priors.HalfNormal(0.5)
    result = pw.fit(effects, pw.ThreeLevel("study", priors.Normal(0, 1), spread, spread, rho=rho), pw.Exact())
    log_prior = PRIORS["HalfNormal(0.5)"]
    oracle = LevelsOracle(y, SE**2, cluster, log_prior, log_prior, rho=rho, s0=1.0)
    wanted = oracle.mu.summary()
    half = 0.5 * (wanted["q975"] - wanted["q025"])
    found = [result["mu"].point, *result["mu"].interval(0.95), result["mu"].mean, result["mu"].sd]
    assert found == pytest.approx([wanted[name] for name in NAMES], abs=AGREEMENT * half)
    assert result.log_evidence == pytest.approx(oracle.log_evidence, abs=AGREEMENT)
