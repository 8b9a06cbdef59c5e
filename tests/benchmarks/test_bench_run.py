"""What `poolwise run` of a file costs whose fits are kept, and whose files are, too. Run by `make bench`."""

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


# The steps of a run tell when its fits begin and when its files do; what comes before and after belongs to the report.
BEYOND_THE_FITS = """
import sys
from time import process_time
import poolwise as pw
analysis, steps, began = pw.load_analysis(sys.argv[1]), [], process_time()
pw.run(analysis, out=sys.argv[2], progress=lambda step: steps.append(process_time()))
print(steps[0] - began + process_time() - steps[-1])
"""


@pytest.mark.parametrize("name", ["bcg", "misconduct", "joint_outcomes"])
def test_a_report_is_written_anew_within_3_s_beyond_the_fits(name, tmp_path):
    words = (sys.executable, "-c", BEYOND_THE_FITS, str(MODELS / f"{name}.toml"), str(tmp_path))
    seconds = []
    for _ in range(ROUNDS):
        ran = subprocess.run(words, check=True, capture_output=True, text=True)
        seconds.append(float(ran.stdout))
        (tmp_path / "report.html").unlink()
    print(f"\nthe report of {name}: {min(seconds):.2f} s of the processor beyond its fits, in a process of its own")
    assert min(seconds) < 3.0
