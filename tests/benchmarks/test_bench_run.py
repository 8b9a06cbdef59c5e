"""What `poolwise run` of a file costs whose fits and files are kept. Run by `make bench`."""

import resource
import subprocess
import sys

import pytest

from support.questions import MODELS

pytestmark = pytest.mark.benchmark_long
ROUNDS = 5


def cpu(*words):
    """Seconds of processor time of a Python process: what else the machine does hardly counts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("name", ["bcg", "misconduct"])
def test_a_kept_run_costs_at_most_3_times_the_imports_of_arviz_and_matplotlib(name, tmp_path):
    words = ("-m", "poolwise.cli", "run", str(MODELS / f"{name}.toml"), "--out", str(tmp_path))
    cpu(*words)
    pairs = [(cpu(*words), cpu("-c", "import arviz, matplotlib.pyplot")) for _ in range(ROUNDS)]
    ratio = min(run for run, _ in pairs) / min(imports for _, imports in pairs)
    print(f"\na kept run of {name} costs {ratio:.2f} times the imports of ArviZ and Matplotlib")
    assert ratio < 3.0
