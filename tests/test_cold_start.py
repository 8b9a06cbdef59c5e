"""What is not loaded: packages that a fit which is kept, or the package alone, has no need of."""

import subprocess
import sys

import arviz as az
import numpy as np
import pytest

from poolwise.engines.nuts.diagnostics import _e_bfmi

HEAVY = (
    "arviz",
    "pymc",
    "pytensor",
    "numba",
    "nutpie",
    "matplotlib",
    "scipy.stats",
    "scipy.interpolate",
    "scipy.optimize",
)

DIAGNOSED = """
import numpy as np
from poolwise.engines.nuts.diagnostics import diagnostics
draws = np.random.default_rng(1).normal(size=(4, 500)).round(2)  # with ties, as tau has where it is stated
none = np.zeros((4, 500))
diagnostics({"mu": draws}, {"diverging": none, "energy": draws, "reached_max_treedepth": none}, {"mu": 4})
"""


@pytest.mark.parametrize("code", ["import poolwise", DIAGNOSED], ids=["import poolwise", "diagnostics of kept draws"])
def test_nothing_heavy_is_loaded(code):
    code += "\nimport sys; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_the_roads_of_the_bayesian_engines_come_with_the_first_fit():
    code = "import sys, poolwise; print(*[name for name in sys.modules if name.startswith('poolwise.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    rooms = ("poolwise.quadrature", "poolwise.pymc_models", "poolwise.engines.draws", "poolwise.reconstruct.")
    assert not [name for name in loaded.split() if name.startswith(rooms)]


WRITTEN = """
import sys
from pathlib import Path
import poolwise as pw
import xarray as xr
from poolwise.report.draws_file import write_draws
tree = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()).to_datatree()
write_draws(tree, Path(sys.argv[1]))
print("distributed" in sys.modules)
tree.to_netcdf(sys.argv[1] + ".other", engine="h5netcdf")
print(xr.open_datatree(sys.argv[1]).identical(xr.open_datatree(sys.argv[1] + ".other", engine="h5netcdf")))
"""


def test_draws_are_written_whole_and_without_the_scheduler_of_a_cluster(tmp_path):
    ran = subprocess.run([sys.executable, "-c", WRITTEN, tmp_path / "draws.nc"], capture_output=True, text=True)
    assert ran.stdout.split() == ["False", "True"], ran.stderr


@pytest.mark.parametrize("shape", [(1, 4), (2, 7), (4, 4000)])
def test_e_bfmi_is_that_of_arviz_to_the_last_bit(shape):
    energy = np.random.default_rng(1).normal(30.0, 5.0, shape)
    assert _e_bfmi(energy) == np.min(az.bfmi(energy))


FOREST = """
import poolwise as pw
pw.plot.close(pw.plot.forest(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())))
"""


def test_a_forest_loads_neither_the_checks_nor_what_only_other_pictures_need():
    code = FOREST + "import sys; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    rest = (
        "poolwise.checks",
        "poolwise.coding",
        "poolwise.simulate",
        "scipy.optimize",
        "scipy.stats",
        "arviz",
        "xarray",
    )
    ran = subprocess.run([sys.executable, "-c", code, *rest], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_every_picture_is_found_and_hides_no_other_whichever_is_asked_for_first():
    code = "import poolwise.plot as plot; print(*[name for name in {} if not callable(getattr(plot, name))])"
    for order in ("plot.__all__", "plot.__all__[::-1]"):
        ran = subprocess.run([sys.executable, "-c", code.format(order)], capture_output=True, text=True, check=True)
        assert ran.stdout.split() == []
