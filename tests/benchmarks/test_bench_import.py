"""What `import poolwise` costs beside NumPy and pandas. Run by `make bench`."""

import subprocess
import sys

import pytest

from benchmarks.yardstick import seconds

pytestmark = pytest.mark.benchmark_long


def importing(*modules):
    return lambda: subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)


def test_import_costs_at_most_twice_numpy_and_pandas(benchmark):
    benchmark.pedantic(importing("poolwise"), rounds=9, warmup_rounds=1)
    base = seconds(importing("numpy", "pandas"), rounds=9)
    ratio = benchmark.stats.stats.median / base
    benchmark.extra_info["times numpy and pandas"] = round(ratio, 2)
    assert ratio < 2.0
