"""Two variances by restricted likelihood, against k x k matrices and a search that knows nothing of slopes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.optimize import minimize

from poolwise.closed_form.nested import _point, nested_reml

rng = np.random.default_rng(9)
TABLES = {"both": (0.3, 0.2), "between alone": (0.4, 0.0), "within alone": (0.0, 0.4), "none": (0.0, 0.0)}


def table(between: float, within: float, sizes=(3, 1, 4, 2, 2, 1, 5, 6)):
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    k = len(cluster)
    v = rng.uniform(0.01, 0.1, k)
    X = np.column_stack([np.ones(k), np.sqrt(v)])
    noise = rng.normal(size=k) * np.sqrt(v + within**2)
    return 0.3 + between * rng.normal(size=len(sizes))[cluster] + noise, v, X, cluster


def log_likelihood(y, v, X, cluster, between, within):
    S = np.diag(v + within) + between * block_diag(*[np.ones((n, n)) for n in np.bincount(cluster)])
    W = np.linalg.inv(S)
    cross = X.T @ W @ X
    P = W - W @ X @ np.linalg.solve(cross, X.T @ W)
    return -0.5 * (np.linalg.slogdet(S)[1] + np.linalg.slogdet(cross)[1] + y @ P @ y)


@pytest.mark.parametrize("name", TABLES)
def test_no_search_finds_a_higher_restricted_likelihood(name):
    data = table(*TABLES[name])
    best = nested_reml(*data)
    mine = log_likelihood(*data, best.between, best.within)
    for start in ((0.0, 0.0), (0.05, 0.05), (0.3, 0.0), (0.0, 0.3), (0.5, 0.5)):
        search = minimize(
            lambda s: -log_likelihood(*data, *np.abs(s)), start, method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000},
        )  # fmt: skip
        assert mine >= -search.fun - 1e-10


def test_slopes_are_those_of_the_likelihood_of_the_matrices():
    y, v, X, cluster = table(0.3, 0.2)
    at, step = np.array([0.07, 0.03]), 1e-5
    point = _point(y, v, X, cluster, at)
    for i, one in enumerate(np.eye(2) * step):
        both = [log_likelihood(y, v, X, cluster, *(at + sign * one)) for sign in (1, -1)]
        assert point.gradient[i] == pytest.approx((both[0] - both[1]) / (2 * step), rel=1e-6)  # differences


def test_the_unit_does_not_matter():
    y, v, X, cluster = table(0.3, 0.2)
    one, other = nested_reml(y, v, X, cluster), nested_reml(1e3 * y, 1e6 * v, X, cluster)
    assert (other.between, other.within) == pytest.approx((1e6 * one.between, 1e6 * one.within), rel=1e-9)


def test_clusters_of_one_row_know_the_sum_alone():
    y, v, X, _ = table(0.3, 0.2)
    assert nested_reml(y, v, X, np.arange(len(y))).between == 0.0


def test_effects_that_are_all_the_same_have_no_variance():
    _, v, X, cluster = table(0.3, 0.2)
    best = nested_reml(np.full(len(v), 0.4), v, X, cluster)
    assert (best.between, best.within) == (0.0, 0.0)
