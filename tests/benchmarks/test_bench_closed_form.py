"""Speed of the closed form, absolute and against a fixed piece of NumPy work in the same run."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest

import poolwise as pw
from support.metafor import figures

pytestmark = pytest.mark.benchmark_long

SMALL_FIT = 0.5e-3  # seconds: REML, Hartung-Knapp, k = 13, Result included
LARGE_FIT = 20e-3  # seconds: the same at k = 10,000
# In units of `weighted_mean`: a fit at k = 13 is about 250 calls of NumPy, the unit is 7 of them; a fit at
# k = 10,000 is about 30 weighted means for the scan and as much again for all the rest.
SMALL_RATIO = 120
LARGE_RATIO = 300


def weighted_mean(k: int) -> float:
    """Seconds for one weighted mean with its Q by plain NumPy: the least of many, as of the fits."""
    v, y = np.linspace(0.01, 0.5, k), np.linspace(-1.0, 1.0, k)
    times = []
    for _ in range(500):
        began = perf_counter()
        w = 1.0 / (v + 0.1)
        r = y - (w @ y) / w.sum()
        (w * r) @ r
        times.append(perf_counter() - began)
    return min(times)


def test_reml_at_13_studies(benchmark):
    reference = figures("bcg")
    effects = pw.Effects(reference["y"], v=reference["v"], study=reference["study"])
    benchmark(pw.fit, effects, pw.RandomEffects(), pw.ClosedForm())
    assert benchmark.stats.stats.median < 2 * SMALL_FIT  # twice: the machine may be shared
    assert benchmark.stats.stats.min < SMALL_FIT
    assert benchmark.stats.stats.min < SMALL_RATIO * weighted_mean(13)


def test_reml_at_10000_studies(benchmark):
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.5, 10_000)
    effects = pw.Effects(rng.normal(0.2, np.sqrt(v + 0.05)), v=v)
    benchmark(pw.fit, effects, pw.RandomEffects(), pw.ClosedForm())
    assert benchmark.stats.stats.median < 2 * LARGE_FIT
    assert benchmark.stats.stats.min < LARGE_FIT
    assert benchmark.stats.stats.min < LARGE_RATIO * weighted_mean(10_000)


def test_the_cost_is_linear_in_the_studies(benchmark):
    def seconds(k: int) -> float:
        rng = np.random.default_rng(2)
        v = rng.uniform(0.01, 0.5, k)
        effects = pw.Effects(rng.normal(0.2, np.sqrt(v + 0.05)), v=v)
        times = []
        for _ in range(7):
            began = perf_counter()
            pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())
            times.append(perf_counter() - began)
        return min(times)

    ratio = benchmark.pedantic(lambda: seconds(80_000) / seconds(20_000), rounds=1)
    assert ratio < 8  # 4 when linear, 16 when quadratic
