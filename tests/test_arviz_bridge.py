"""Arrays become a DataTree that ArviZ reads and netCDF keeps."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
import xarray as xr

from poolwise.arviz_bridge import to_datatree
from poolwise.errors import ModelError

CHAINS, DRAWS = 4, 200
STUDIES = ("Ferguson & Simes 1949", "Frimodt-Møller 1973", "研究 <b>3</b> 🙂")
DIMS = {"theta": ("study",), "y": ("study",)}


@pytest.fixture
def tree() -> xr.DataTree:
    rng = np.random.default_rng(1)
    groups = {
        "posterior": {"mu": rng.normal(size=(CHAINS, DRAWS)), "theta": rng.normal(size=(CHAINS, DRAWS, 3))},
        "sample_stats": {"diverging": np.zeros((CHAINS, DRAWS), dtype=bool)},
        "log_likelihood": {"y": 0.1 * rng.normal(size=(CHAINS, DRAWS, 3))},
        "observed_data": {"y": np.array([0.1, 0.2, 0.3])},
        "constant_data": {"tau": np.asarray(0.5)},
    }
    return to_datatree(groups, coords={"study": STUDIES}, dims=DIMS, attrs={"data": "reconstructed", "k": 3})


def test_draws_have_chain_draw_and_named_dimensions(tree):
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "study")
    assert tree["posterior"]["mu"].sizes == {"chain": CHAINS, "draw": DRAWS}
    assert tuple(tree["posterior"]["study"].values) == STUDIES


def test_data_have_no_chains(tree):
    assert tree["observed_data"]["y"].dims == ("study",)
    assert tree["constant_data"]["tau"].dims == ()


def test_a_tree_survives_netcdf_with_every_letter_of_its_labels(tree, tmp_path):
    tree.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf") as again:
        xr.testing.assert_identical(again.load(), tree)
    assert again.attrs == {"data": "reconstructed", "k": 3}


def test_arviz_reads_the_tree(tree):
    shown = az.summary(tree, ci_prob=0.95, ci_kind="eti", round_to="none")
    assert shown.loc["mu", "mean"] == pytest.approx(float(tree["posterior"]["mu"].mean()))
    assert list(shown.index) == ["mu", *(f"theta[{name}]" for name in STUDIES)]
    assert az.loo(tree).n_data_points == 3


def test_an_array_of_the_wrong_shape_is_named():
    with pytest.raises(ModelError, match=r"'theta' in 'posterior' has the shape \(2, 5, 2\)"):
        to_datatree({"posterior": {"theta": np.zeros((2, 5, 2))}}, coords={"study": STUDIES}, dims=DIMS, attrs={})
    with pytest.raises(ModelError, match=r"'mu' in 'posterior' has the shape \(5,\)"):
        to_datatree({"posterior": {"mu": np.zeros(5)}}, coords={}, dims={}, attrs={})
