"""The picture of ranges: its numbers are the frame's, its verdict is in words, no words overlap."""

from __future__ import annotations

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.checks import Ranges
from poolwise.checks.ranges import ranges
from support import figures


@pytest.fixture(scope="module")
def found() -> Ranges:
    rows = pw.datasets.published("working_alliance").query("outcome == 'recidivism'")
    tables = pw.reconstruct(rows, subgroups="setting", tables=6, seed=3)
    model = pw.Subgroups("setting", mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))
    return ranges(tables, model, pw.Exact(), pw.ClosedForm())


def test_bars_lines_and_markers_stand_at_the_frame_s_numbers(found):
    ax = pw.plot.ranges(found)
    frame = pw.plot.ranges_frame(found)
    np.testing.assert_allclose(figures.intervals(ax, "farthest limits"), frame[["lower_low", "upper_high"]])
    np.testing.assert_allclose(figures.intervals(ax, "median interval"), frame[["lower_median", "upper_median"]])
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches if bar.get_height() == 0.56]
    np.testing.assert_allclose(ends, frame[["point_low", "point_high"]])


def test_a_marker_is_hollow_where_no_table_excludes_0_and_filled_where_all_do(found):
    ax, frame = pw.plot.ranges(found), pw.plot.ranges_frame(found)
    for said, rows in (
        ("0 in every interval", frame[frame["excludes_0"] == 0.0]),
        ("0 in no interval", frame[frame["excludes_0"] == 1.0]),
        ("0 in some intervals", frame[frame["excludes_0"].between(0.0, 1.0, inclusive="neither")]),
    ):
        np.testing.assert_array_equal(figures.points(ax, f"median estimate, {said}"), rows["point_median"])


def test_contrasts_come_first_and_the_words_say_what_the_tables_are(found):
    assert pw.plot.ranges_frame(found)["quantity"].iloc[0] == "mu[custodial] - mu[community]"
    told = " ".join(figures.words(pw.plot.ranges(found, title="By setting")))
    for words in ("6 tables of 15 studies — reconstructed data", "custodial − community", "a set, not a sample"):
        assert words in told
    assert "of 6 reconstructed tables" in told


@pytest.mark.parametrize("dpi", [72, 200])
def test_no_two_texts_overlap(found, dpi):
    ax = pw.plot.ranges(found)
    boxes = figures.boxes(ax, dpi)
    assert figures.overlaps(boxes) == []
    assert figures.outside(boxes, ax) == []


def test_the_priors_of_each_fit_stand_below(found):
    told = " ".join(figures.words(pw.plot.ranges(found)))
    assert "μ[custodial] ~ Normal(0, 1)" in told or "μ ~ Normal(0, 1)" in told
    assert "τ ~ HalfNormal(0.5)" in told
