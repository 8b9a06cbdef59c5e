"""Speed of averages over models of publication bias, in CPU time. Run by `make bench`."""

import time

import numpy as np
import pytest

import poolwise as pw
from benchmarks.yardstick import yardstick

pytestmark = pytest.mark.benchmark_long


def selected(k):
    """k estimates of which insignificant ones were published less often."""
    rng = np.random.default_rng(0)
    se = rng.uniform(0.05, 0.35, 6 * k)
    y = rng.normal(0.2, np.hypot(0.2, se))
    kept = np.flatnonzero(rng.random(6 * k) < np.where(y / se > 1.96, 1.0, 0.3))[:k]
    return pw.Effects(y[kept], se=se[kept], scale="SMD")


@pytest.mark.parametrize(("k", "limit"), [(15, 1.0), (50, 2.0), (200, 6.0)])
def test_36_models(benchmark, k, limit):
    effects, times = selected(k), []

    def work():
        start = time.process_time()
        averaged = pw.average(effects, bias="PSMA", direction="positive")
        averaged["mu"].interval(), averaged.conditional["mu"].interval()
        times.append(time.process_time() - start)

    benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    benchmark.extra_info["yardsticks"] = round(min(times) / yardstick(), 1)
    assert min(times) < limit
