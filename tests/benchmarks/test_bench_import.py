"""What `import poolwise` costs beside NumPy and pandas. Run by `make bench`."""

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import poolwise

pytestmark = pytest.mark.benchmark_long
ROUNDS = 11


def importing(*modules):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)
    return time.perf_counter() - start


def test_import_costs_at_most_1_7_times_numpy_and_pandas(benchmark):
    compileall.compile_dir(Path(poolwise.__file__).parent, quiet=1)  # as an installed package is
    base = []
    benchmark.pedantic(
        lambda: importing("poolwise"), setup=lambda: base.append(importing("numpy", "pandas")), rounds=ROUNDS
    )
    ratio = benchmark.stats.stats.median / statistics.median(base)
    benchmark.extra_info["times numpy and pandas"] = round(ratio, 2)
    print(f"\nimport poolwise costs {ratio:.2f} times import numpy, pandas")
    assert ratio < 1.7
