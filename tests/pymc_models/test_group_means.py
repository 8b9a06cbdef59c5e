"""What estimates say of the means of their groups: the loops that numba compiles, the graph, and whole densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from poolwise.pymc_models.group_means import group_means

GROUP = np.array([0, 2, 2, 0, 3, 2, 0, 2])  # one group of a single estimate, and one of none


def case(scale: float) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    belongs = (GROUP[:, None] == np.arange(4)).astype(float)
    return scale * (5.0 + rng.normal(size=8)), scale**2 * rng.uniform(0.1, 2.0, 8), belongs, scale**2 * rng.random(4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_the_density_of_a_group_that_shares_a_normal_mean_is_that_of_its_covariance_matrix(scale: float) -> None:
    y, v, belongs, between = case(scale)
    mean, precision, rest = group_means(y, v, belongs, between)[:3]
    centre, spread2 = 5.3 * scale, 0.7 * scale**2
    for g in (0, 2, 3):
        at = g == GROUP
        S = np.diag(v[at] + between[g]) + spread2
        grown = 1.0 + spread2 * precision[g]
        mine = -0.5 * (rest[g] + precision[g] * (mean[g] - centre) ** 2 / grown + np.log(grown))
        assert mine == pytest.approx(multivariate_normal.logpdf(y[at], np.full(at.sum(), centre), S), rel=1e-10)


def test_a_group_of_no_estimates_says_nothing() -> None:
    assert not np.array(group_means(*case(1.0)))[:, 1].any()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_numba_and_the_graph_of_other_backends_give_the_derivatives_of_finite_differences(scale: float) -> None:
    import pytensor
    import pytensor.tensor as pt

    from poolwise.pymc_models.group_means import GroupMeans, graph

    given, h = case(scale), 1e-5 * scale**2
    inputs = pt.dvector(), pt.dvector(), pt.dmatrix(), pt.dvector()
    others = pytensor.function(inputs, list(graph(*inputs)), mode="FAST_COMPILE")(*given)
    found = GroupMeans()(*inputs)[:3]
    slopes = [pt.grad(one.sum(), inputs[3]) for one in found]  # each alone: the others are then disconnected
    loops = pytensor.function(inputs, [*found, *slopes], mode="NUMBA")(*given)
    above, below = (group_means(*given[:3], given[3] + step)[:3] for step in (h, -h))
    for n in range(3):
        little = 1e-12 * np.abs(others[n + 3]).max()  # the mean of a single estimate has no slope, up to rounding
        value, slope = loops[n], loops[n + 3]
        np.testing.assert_allclose(value, others[n], rtol=1e-12)
        np.testing.assert_allclose(slope, others[n + 3], rtol=1e-11, atol=little)
        np.testing.assert_allclose(slope, (above[n] - below[n]) / (2.0 * h), rtol=1e-5, atol=1e4 * little)
