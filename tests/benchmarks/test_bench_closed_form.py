"""Speed of the closed form, absolute and against a fixed piece of NumPy work in the same run."""

from __future__ import annotations

import statistics
from time import perf_counter

import numpy as np
import pytest

import poolwise as pw
from support.metafor import figures

pytestmark = pytest.mark.benchmark_long

SMALL_FIT = 0.5e-3  # seconds: REML, Hartung-Knapp, k = 13, Result included
LARGE_FIT = 20e-3  # seconds: the same at k = 10,000
# One fit at k = 13 is about 250 calls of NumPy; a call on 13 numbers is the unit that a slower machine shares.
SMALL_RATIO = 900
# One fit at k = 10,000 passes about 150 times over arrays of that length, in a dozen kinds of operation.
LARGE_RATIO = 1000


def kernel(k: int) -> float:
    """Seconds of one multiplication and one sum over k numbers: the median of many."""
    x = np.linspace(1.0, 2.0, k)
    times = []
    for _ in range(500):
        began = perf_counter()
        (x * x).sum()
        times.append(perf_counter() - began)
    return statistics.median(times)


def test_reml_at_13_studies(benchmark):
    reference = figures("bcg")
    effects = pw.Effects(reference["y"], v=reference["v"], study=reference["study"])
    benchmark(pw.fit, effects, pw.RandomEffects(), pw.ClosedForm())
    assert benchmark.stats.stats.median < 2 * SMALL_FIT  # twice: the machine may be shared
    assert benchmark.stats.stats.min < SMALL_FIT
    assert benchmark.stats.stats.min < SMALL_RATIO * kernel(13)


def test_reml_at_10000_studies(benchmark):
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.5, 10_000)
    effects = pw.Effects(rng.normal(0.2, np.sqrt(v + 0.05)), v=v)
    benchmark(pw.fit, effects, pw.RandomEffects(), pw.ClosedForm())
    assert benchmark.stats.stats.median < 2 * LARGE_FIT
    assert benchmark.stats.stats.min < LARGE_FIT
    assert benchmark.stats.stats.min < LARGE_RATIO * kernel(10_000)


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
