"""Shared normal terms: the loops that numba compiles, the same density from Cholesky factors, and the matrix itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from poolwise.pymc_models.shared_terms_loops import shared_terms

STARTS = np.array([0, 7, 8, 20], dtype=np.int32)


def case(scale: float) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    terms = scale * (rng.random((30, 5)) < 0.4) * rng.normal(size=(30, 5))
    return rng.normal(size=30), rng.uniform(0.1, 2.0, 30), terms, STARTS


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_the_density_is_that_of_the_whole_covariance_matrix(scale: float) -> None:
    y, v, Z, starts = case(scale)
    group = np.searchsorted(starts, np.arange(30), side="right")
    S = np.diag(v) + Z @ Z.T * (group[:, None] == group)
    value = shared_terms(y, v, Z, starts)[0]
    assert value == pytest.approx(multivariate_normal.logpdf(y, np.zeros(30), S), rel=1e-11)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_numba_and_the_graph_of_other_backends_give_the_derivatives_of_the_whole_density(scale: float) -> None:
    import pytensor
    import pytensor.tensor as pt

    from poolwise.pymc_models.shared_terms import SharedTerms, graph

    y, v, Z, starts = case(scale)
    inputs = pt.dvector(), pt.dvector(), pt.dmatrix(), pt.ivector()
    group = np.searchsorted(starts, np.arange(30), side="right")
    S = pt.diag(inputs[1]) + inputs[2] @ inputs[2].T * (group[:, None] == group)
    whole = -0.5 * (inputs[0] @ pt.linalg.solve(S, inputs[0]) + pt.log(pt.linalg.det(S)) + 30 * np.log(2.0 * np.pi))
    expected = pytensor.function(list(inputs[:3]), [whole, *pt.grad(whole, list(inputs[:3]))], mode="FAST_COMPILE")
    mine = SharedTerms()(*inputs)[0]
    loops = pytensor.function(inputs, [mine, *pt.grad(mine, list(inputs[:3]))], mode="NUMBA")
    others = pytensor.function(inputs, list(graph(*inputs)), mode="FAST_COMPILE")
    for right, one, other in zip(expected(y, v, Z), loops(y, v, Z, starts), others(y, v, Z, starts), strict=True):
        np.testing.assert_allclose(one, right, rtol=1e-8, atol=1e-8 * np.abs(right).max())
        np.testing.assert_allclose(other, right, rtol=1e-8, atol=1e-8 * np.abs(right).max())


def test_a_term_of_no_estimate_changes_nothing() -> None:
    y, v, Z, starts = case(1.0)
    without = shared_terms(y, v, Z, starts)
    more = shared_terms(y, v, np.column_stack([Z, np.zeros(30)]), starts)
    assert more[0] == without[0]
    np.testing.assert_array_equal(more[3][:, :-1], without[3])
    assert not more[3][:, -1].any()
