"""Cluster-robust covariances against k x k matrices, and what is known of them in special cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag

from poolwise.closed_form.cluster_robust import FACTORS, robust_fit

MATRIX = 1e-9  # the oracle's pseudo-inverse and its root keep about ten digits of k x k matrices
rng = np.random.default_rng(20)
SIZES = {"several": (3, 1, 4, 2, 2, 1, 5), "pairs": (2,) * 5, "singles": (1,) * 9, "one large": (12, 1, 1, 1)}


def problem(sizes: tuple[int, ...], correlated: bool):
    k = sum(sizes)
    rows = np.split(np.arange(k), np.cumsum(sizes)[:-1])
    X = np.column_stack([np.ones(k), rng.uniform(0.1, 0.6, k)])
    v = rng.uniform(0.01, 0.3, k)
    blocks = [np.diag(v[place]) + (0.05 if correlated else 0.0) for place in rows]
    return rng.normal(size=k), X, rows, blocks


def by_matrices(y, X, rows, blocks, kind):
    """(cov, df of each coefficient) by the definition, with the whole k x k working covariance."""
    k, p = X.shape
    Phi, m = block_diag(*blocks), len(rows)
    W = np.linalg.inv(Phi)
    M = np.linalg.inv(X.T @ W @ X)
    left = np.eye(k) - X @ M @ X.T @ W
    e, meat, G = left @ y, np.zeros((p, p)), []
    for place in rows:
        D = np.linalg.cholesky(Phi[np.ix_(place, place)]).T
        B = D @ (left[place] @ Phi @ left[place].T) @ D.T
        values, vectors = np.linalg.eigh(B)
        root = vectors @ np.diag([1 / np.sqrt(one) if one > 1e-10 * values[-1] else 0.0 for one in values]) @ vectors.T
        A = D.T @ root @ D if kind == "CR2" else np.eye(len(place))
        bread = X[place].T @ W[np.ix_(place, place)] @ A
        meat += np.outer(bread @ e[place], bread @ e[place])
        G.append([left[place].T @ bread.T @ M @ c for c in np.eye(p)])
    factor = {"CR0": 1.0, "CR1": m / (m - 1), "CR1p": m / (m - p), "CR2": 1.0}[kind]
    omega = [np.array([[gi[c] @ Phi @ gj[c] for gj in G] for gi in G]) for c in range(p)]
    return factor * M @ meat @ M, [np.trace(o) ** 2 / np.trace(o @ o) for o in omega], M, omega


@pytest.mark.parametrize("kind", FACTORS)
@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_covariance_and_degrees_of_freedom_are_those_of_the_matrices(sizes, correlated, kind):
    y, X, rows, blocks = problem(SIZES[sizes], correlated)
    fit = robust_fit(y, X, rows, blocks, kind)
    cov, df, M, _ = by_matrices(y, X, rows, blocks, kind)
    np.testing.assert_allclose(fit.cov, cov, rtol=MATRIX)
    np.testing.assert_allclose(fit.working, M, rtol=MATRIX)
    np.testing.assert_allclose([fit.df(c) for c in np.eye(2)], df, rtol=MATRIX)


@pytest.mark.parametrize("sizes", ["several", "pairs", "singles"])
def test_cr2_is_unbiased_where_the_working_covariance_is_right(sizes):
    y, X, rows, blocks = problem(SIZES[sizes], True)
    _, _, M, omega = by_matrices(y, X, rows, blocks, "CR2")
    np.testing.assert_allclose([np.trace(o) for o in omega], np.diag(M), rtol=MATRIX)


def test_cr2_of_single_rows_is_hc2():
    y, X, rows, blocks = problem(SIZES["singles"], False)
    v = np.concatenate([block[0] for block in blocks])
    W, M = np.diag(1 / v), np.linalg.inv(X.T @ np.diag(1 / v) @ X)
    e, h = y - X @ M @ X.T @ W @ y, np.diag(X @ M @ X.T @ W)
    hc2 = M @ X.T @ W @ np.diag(e**2 / (1 - h)) @ W @ X @ M
    np.testing.assert_allclose(robust_fit(y, X, rows, blocks).cov, hc2, rtol=MATRIX)


def test_a_mean_of_equally_precise_clusters_has_one_df_less_than_there_are():
    rows = np.split(np.arange(12), 6)
    fit = robust_fit(rng.normal(size=12), np.ones((12, 1)), rows, [np.eye(2)] * 6)
    assert fit.df(np.ones(1)) == pytest.approx(5.0, rel=1e-12)


def test_neither_the_order_of_clusters_nor_a_common_factor_of_the_working_covariance_matters():
    y, X, rows, blocks = problem(SIZES["several"], True)
    one, other = robust_fit(y, X, rows, blocks), robust_fit(y, X, rows[::-1], [7.0 * b for b in blocks[::-1]])
    np.testing.assert_allclose(one.cov, other.cov, rtol=1e-11)
    assert one.df(np.array([1.0, 0.3])) == pytest.approx(other.df(np.array([1.0, 0.3])), rel=1e-11)


def test_a_cluster_that_decides_a_coefficient_alone_has_leverage_1():
    X = np.column_stack([np.ones(6), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]])
    rows = np.split(np.arange(6), 3)
    fit = robust_fit(rng.normal(size=6), X, rows, [np.eye(2)] * 3)
    assert fit.leverage.tolist() == pytest.approx([0.5, 0.5, 1.0])
