"""Effective sample sizes and R-hat against ArviZ, which computes them one by one."""

import arviz as az
import numpy as np
import pytest

from poolwise.engines.nuts.mixing import effective_sizes, r_hat, rank_normalised, split


def series(kind, chains=4, draws=1000):
    steps = np.random.default_rng(1).normal(size=(chains, draws))
    match kind:
        case "independent":
            return steps
        case "slow" | "alternating":
            rho = 0.9 if kind == "slow" else -0.7
            for t in range(1, draws):
                steps[:, t] += rho * steps[:, t - 1]
            return steps
        case "shifted":
            return steps + np.arange(chains)[:, None]
        case "drifting":
            return np.cumsum(steps, axis=1)
        case "ties":
            return np.round(steps, 1)
        case _:
            return np.exp(2.0 * steps)


KINDS = ("independent", "slow", "alternating", "shifted", "drifting", "ties", "skew")


@pytest.mark.parametrize("shape", [(4, 1000), (4, 1001), (2, 7), (1, 100), (3, 4)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_and_ratios_are_those_of_arviz(kind, shape):
    draws = series(kind, *shape)
    scores = rank_normalised(draws)
    (mean,) = effective_sizes(draws[None])
    assert mean == pytest.approx(float(az.ess(draws, method="mean")), rel=1e-9)
    (tail,) = effective_sizes((draws <= np.quantile(draws, 0.05))[None])
    assert tail == pytest.approx(float(az.ess(draws, method="quantile", prob=0.05)), rel=1e-9)
    if len(draws) > 1:
        assert r_hat(draws, scores) == pytest.approx(float(az.rhat(draws, method="rank")), rel=1e-9)


def test_many_series_are_worked_on_at_once_as_alone():
    together = effective_sizes(np.stack([series(kind) for kind in KINDS]))
    alone = np.concatenate([effective_sizes(series(kind)[None]) for kind in KINDS])
    assert together == pytest.approx(alone, rel=1e-9)


def test_sizes_are_free_of_scale_and_a_constant_is_no_trouble():
    draws = series("slow")
    assert effective_sizes(1e-20 * draws[None]) == pytest.approx(effective_sizes(draws[None]), rel=1e-9)
    assert effective_sizes(np.full((1, 4, 100), 0.3)) == [400.0]


def test_draws_that_are_not_finite_have_no_size():
    draws = series("independent")
    draws[0, 0] = np.inf
    assert np.isnan(effective_sizes(draws[None])).all()
    assert split(draws).shape == (8, 500)
