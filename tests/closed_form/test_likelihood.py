from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from poolwise.closed_form import likelihood
from poolwise.closed_form.least_squares import prepare, weighted_fit, weights
from poolwise.closed_form.likelihood import (
    log_likelihood,
    maximise,
    score,
    score_with_slope,
    upper_bound,
)
from support.matrices import problem

MATRIX = 1e-11  # the oracle's k x k matrices keep 12 digits
BOTH = pytest.mark.parametrize("restricted", [True, False], ids=["REML", "ML"])
# two precise studies that agree, two that do not: a maximum near 0 and another one far from it
TWO_MAXIMA = (np.array([0.0, 0.05, 9.0, -8.0]), np.array([1e-3, 1e-3, 1.0, 1.0]))


def heights(y, v, tau2, *, restricted: bool):
    data = prepare(y, v)
    found = log_likelihood(weighted_fit(data, weights(data, np.atleast_2d(tau2))))
    return (found.reml if restricted else found.ml)[0]


@pytest.mark.parametrize(("seed", "p"), [(0, 1), (1, 2), (2, 3)])
def test_likelihoods_are_normal_densities(seed, p):
    explicit = replace(problem(seed, p=p), tau2=0.2)
    data = prepare(explicit.y, explicit.v, explicit.X)
    found = log_likelihood(weighted_fit(data, weights(data, np.array([[0.2]]))))
    assert found.ml[0, 0] == pytest.approx(explicit.ml, rel=MATRIX)
    assert found.reml[0, 0] == pytest.approx(explicit.reml, rel=MATRIX)


@BOTH
@pytest.mark.parametrize("p", [1, 2])
def test_the_score_and_its_slope_are_derivatives(p, restricted):
    explicit = problem(5, p=p)
    data = prepare(explicit.y, explicit.v, explicit.X)
    step, at = 1e-4, 0.2
    fit = weighted_fit(data, weights(data, np.array([[at - step, at, at + step]])))
    found = log_likelihood(fit)
    height = (found.reml if restricted else found.ml)[0]
    values, slopes = score_with_slope(fit, restricted=restricted)
    # central differences with step h err by about h^2 = 1e-8 times a third derivative of order 100
    assert 2 * (height[2] - height[0]) / (2 * step) == pytest.approx(values[0, 1], rel=1e-5, abs=1e-5)
    assert (values[0, 2] - values[0, 0]) / (2 * step) == pytest.approx(slopes[0, 1], rel=1e-5)
    np.testing.assert_allclose(score(fit, restricted=restricted), values, rtol=1e-12)


@BOTH
@pytest.mark.parametrize(("seed", "p"), [(0, 1), (1, 1), (2, 2), (3, 3)])
def test_the_maximum_is_the_one_that_an_optimiser_finds_on_explicit_matrices(seed, p, restricted):
    explicit = problem(seed, p=p, k=15)
    data = prepare(explicit.y, explicit.v, explicit.X)
    ours = float(maximise(data, restricted=restricted).tau2[0])

    def down(tau2: float) -> float:
        there = replace(explicit, tau2=tau2)
        return -(there.reml if restricted else there.ml)

    best = minimize_scalar(down, bounds=(0.0, 5.0), method="bounded", options={"xatol": 1e-12})
    # a minimiser that sees values only finds a flat minimum to the root of the machine precision
    assert ours == pytest.approx(best.x, rel=1e-6, abs=1e-7)
    assert down(ours) <= best.fun + 1e-13 * abs(best.fun)


@BOTH
def test_the_highest_of_several_maxima_is_found(restricted):
    y, v = TWO_MAXIMA
    found = maximise(prepare(y, v), restricted=restricted)
    assert found.maxima[0] == 2
    grid = np.concatenate([[0.0], np.geomspace(1e-7, 1e3, 4000)])
    best = heights(y, v, grid, restricted=restricted).max()
    assert heights(y, v, found.tau2, restricted=restricted)[0] >= best


@BOTH
def test_no_grid_point_is_higher_in_a_thousand_hard_cases(restricted):
    rng = np.random.default_rng(20)
    several = 0
    for _ in range(1000):
        k = rng.integers(3, 9)
        v = np.exp(rng.normal(0.0, rng.choice([2.0, 4.0, 6.0]), k))
        y = rng.standard_t(2, k) * np.sqrt(v) * rng.choice([1.0, 2.0, 4.0])
        data = prepare(y, v)
        found = maximise(data, restricted=restricted)
        several += int(found.maxima[0] > 1)
        top = max(float(upper_bound(data, restricted=restricted)[0]), v.min())
        grid = np.concatenate([[0.0], np.geomspace(1e-4 * v.min(), 3.0 * top, 300)])
        reached = heights(y, v, found.tau2, restricted=restricted)[0]
        # 1e-13 nats: the rounding of sums of a few logarithms
        assert reached >= heights(y, v, grid, restricted=restricted).max() - 1e-13
    assert several > 100  # so that the claim has been put to the test


@BOTH
def test_no_root_lies_above_the_upper_bound(restricted):
    for seed in range(20):
        explicit = problem(seed, k=6)
        data = prepare(explicit.y, explicit.v)
        top = float(upper_bound(data, restricted=restricted)[0])
        grid = (top + 1e-9) * np.geomspace(1.0, 1e6, 50)
        fit = weighted_fit(data, weights(data, grid[None, :]))
        assert (score(fit, restricted=restricted) < 0.0).all()


def test_equal_variances_have_a_formula():
    rng = np.random.default_rng(3)
    y = rng.normal(0.0, 2.0, 12)
    found = maximise(prepare(y, np.full(12, 0.5)), restricted=True)
    assert found.tau2[0] == pytest.approx(y.var(ddof=1) - 0.5, rel=1e-13)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_convergence_is_relative_at_every_scale(scale):
    explicit = problem(6, k=15)
    home = maximise(prepare(explicit.y, explicit.v), restricted=True)
    away = maximise(prepare(explicit.y * scale, explicit.v * scale**2), restricted=True)
    assert home.tau2[0] > 0
    # the promise is 1e-10; Newton's last step leaves less than 1e-11
    assert away.tau2[0] / scale**2 == pytest.approx(home.tau2[0], rel=1e-11)
    assert away.iterations == home.iterations


def test_the_search_ends_for_a_variance_ratio_of_ten_to_the_eighteenth():
    found = maximise(prepare([-2.58, -3.21], [5.3e-10, 7.1e8]), restricted=True)
    assert found.iterations < 100
    assert np.isfinite(found.tau2[0])


def test_a_scan_in_pieces_is_the_scan_in_one(monkeypatch):
    explicit = problem(7, k=15)
    whole = maximise(prepare(explicit.y, explicit.v), restricted=True)
    monkeypatch.setattr(likelihood, "CACHED", 20)
    assert maximise(prepare(explicit.y, explicit.v), restricted=True).tau2[0] == pytest.approx(whole.tau2[0], rel=1e-13)
