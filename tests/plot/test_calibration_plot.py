"""Calibration as a picture: a panel for each quantity, its band, its curves, its words."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import simulate
from support import figures

NAMES = ["mu", "tau", "theta_new", "theta", "log likelihood"]


@pytest.fixture
def curves():
    rng = np.random.default_rng(4)
    parts = []
    for engine in ("exact", "NUTS"):
        u = rng.random((len(NAMES), 100))
        u[1] = u[1] ** 2 if engine == "NUTS" else u[1]
        places = pd.DataFrame({"quantity": np.repeat(NAMES, 100), "u": u.ravel()})
        parts.append(simulate.ecdf(places).assign(engine=engine))
    made = pd.concat(parts, ignore_index=True)
    made.attrs["prob"] = 0.99
    return made


def test_each_panel_has_the_curves_of_its_quantity_and_what_is_outside_is_thick(curves):
    ax = pw.plot.calibration(curves, title="Random effects")
    panels = [panel for panel in ax.figure.axes if panel.collections]
    assert [panel.get_title(loc="left") for panel in panels] == ["μ", "τ", "θ_new", "θ", "log likelihood"]
    for panel, name in zip(panels, NAMES, strict=True):
        exact, nuts = (line for line in panel.lines if line.get_label() in ("exact", "NUTS"))
        own = curves[(curves["quantity"] == name) & (curves["engine"] == "NUTS")]
        np.testing.assert_allclose(nuts.get_ydata(), own["difference"])
        assert exact.get_linewidth() < 2
        assert (nuts.get_linewidth() > 2) == (name == "tau")
    said = " ".join(figures.words(ax))
    assert "Outside, and drawn thick: τ." in said.replace("\n", " ")
    assert "99 % band" in said
    assert {"quantile z of the posterior", "share below z, less z"} <= set(figures.words(ax))


def test_words_do_not_run_into_each_other_or_off_the_sheet(curves):
    ax = pw.plot.calibration(curves)
    found = [(words, box) for words, box in figures.boxes(ax, 100) if not words.strip("−").replace(".", "").isdigit()]
    assert figures.overlaps(found) == []
    assert figures.outside(found, ax) == []


def test_a_frame_of_something_else_is_refused():
    with pytest.raises(pw.PoolwiseError, match="no column z, difference"):
        pw.plot.calibration(pd.DataFrame({"quantity": ["mu"]}))
