"""The picture of ranges: its numbers are the frame's, its verdict is in words, no words overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.checks import Ranges
from poolwise.checks.ranges import ranges
from poolwise.errors import InputError
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


@pytest.fixture(scope="module")
def ratios(bcg: pw.Effects) -> Ranges:
    rng = np.random.default_rng(1)
    moved = [pw.Effects(bcg.y + rng.normal(0, 0.05, bcg.k), se=bcg.se, study=bcg.labels, scale="log RR") for _ in "abc"]
    return ranges(moved, pw.RandomEffects(), pw.Exact())


def test_several_answers_stand_in_one_picture_a_line_for_each(found):
    ax, frame = pw.plot.ranges({"recidivism": found, "again": found}), pw.plot.ranges_frame({"a": found, "b": found})
    assert frame["name"].tolist() == ["a", "b"]
    assert set(frame["quantity"]) == {"mu[custodial] - mu[community]"}
    assert set(frame["label"]) == {"exact"}
    np.testing.assert_allclose(figures.intervals(ax, "farthest limits"), frame[["lower_low", "upper_high"]])
    told = " ".join(figures.words(ax))
    assert "The 95 % interval includes 0 in every table for recidivism, again." in told
    assert figures.overlaps(figures.boxes(ax, 72)) == []


def test_ratios_are_read_as_ratios_in_cells_ticks_and_sentences(ratios):
    ax, row = pw.plot.ranges(ratios), ratios.row("mu")
    told = " ".join(figures.words(ax))
    for words in (
        f"{np.exp(row['lower_low']):.2f} to {np.exp(row['upper_high']):.2f}",
        "1 excluded",
        "the 95 % credible interval lies below 1",
        "risk ratio (log axis)",
    ):
        assert words in told
    assert 1.0 in [float(label.get_text()) for label in ax.get_xticklabels()]


def test_probabilities_are_of_the_side_of_the_median_which_the_heading_names(found, ratios):
    told = figures.words(pw.plot.ranges(ratios))
    assert any("P(below 1)" in words for words in told)
    sides = figures.words(pw.plot.ranges(found))
    assert any(words.endswith("(< 0)") for words in sides)
    assert any(words.endswith("(> 0)") for words in sides)


def test_several_scales_names_or_kinds_are_refused(found, ratios):
    for wrong, words in (
        ({"a": found, "b": ratios}, "several scales"),
        ({}, "empty"),
        ({"a": 1}, "as 'a'"),
        ({1: found}, "named"),
    ):
        with pytest.raises(InputError, match=words):
            pw.plot.ranges(wrong)


def test_no_figure_is_wider_than_a_page_so_that_type_keeps_its_size_in_print(found, ratios):
    for each in (found, ratios, {"a": found}):
        assert pw.plot.ranges(each).figure.get_size_inches()[0] <= 6.9 + 1e-9


def test_a_prior_panel_over_the_tables_has_rows_of_its_own(found):
    panel = pd.DataFrame({"prior": ["HalfNormal(0.5)"], "name": ["default"], "source": [""], "excludes": ["none"]})
    row = found.row("mu[community]")
    numbers = {
        name: [row[name]] for name in found.frame.columns if name.endswith(("_low", "_median", "_high", "_edge"))
    }
    with_panel = replace(found, panel=panel.assign(**numbers, excludes_0=0.0, tau_upper_low=0.1, tau_upper_high=0.9))
    frame, ax = pw.plot.ranges_frame(with_panel), pw.plot.ranges(with_panel)
    assert frame["block"].tolist().count("mu, under each prior on tau") == 1
    assert "τ ~ HalfNormal(0.5)" in figures.words(ax)
    assert pw.plot.ranges({"recidivism": with_panel}) is not None


def test_names_in_a_column_are_parted_and_never_cut(found):
    with pw.plot.width("column"):
        ax = pw.plot.ranges(found)
    assert not [words for words in figures.words(ax) if "…" in words]
