"""The picture of the prior panel: its numbers are the frame's, its verdict is in words."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import poolwise as pw
from poolwise.checks import PriorPanel
from poolwise.checks.prior_panel import prior_panel
from support import figures


@pytest.fixture(scope="module")
def dependent() -> PriorPanel:
    """Three studies whose verdict hangs on the prior."""
    return prior_panel(pw.datasets.load("working_alliance").select(outcome="misconduct"))


@pytest.fixture(scope="module")
def settled() -> PriorPanel:
    return prior_panel(pw.datasets.load("bcg"))


def _mu(ax):
    names = ("mu above 0", "mu below 0", "mu includes 0")
    return {name: figures.points(ax, name) for name in names}


def test_markers_stand_at_the_frame_s_numbers_grouped_by_verdict(dependent):
    ax = pw.plot.prior_panel(dependent)
    found = _mu(ax)
    for verdict, name in (("above", "mu above 0"), ("no", "mu includes 0")):
        expected = dependent.frame.loc[dependent.frame["excludes_zero"] == verdict, "mu_point"]
        np.testing.assert_array_equal(found[name], expected)
    assert found["mu below 0"].size == 0


def test_filled_and_hollow_markers_tell_the_verdicts_apart_without_colour(dependent):
    ax = pw.plot.prior_panel(dependent)
    faces = {mark.get_label(): mark.get_facecolor()[0] for mark in ax.collections if len(mark.get_facecolor())}
    assert tuple(faces["mu includes 0"]) == (1.0, 1.0, 1.0, 1.0)
    assert tuple(faces["mu above 0"]) != (1.0, 1.0, 1.0, 1.0)


def test_tau_stands_beside_mu_at_the_frame_s_numbers(settled):
    ax = pw.plot.prior_panel(settled)
    (beside,) = [other for other in ax.figure.axes if other is not ax]
    np.testing.assert_array_equal(figures.points(beside, "tau median"), settled.frame["tau_point"])


def test_every_prior_and_the_verdict_are_printed(dependent):
    found = figures.words(pw.plot.prior_panel(dependent))
    assert {"HalfNormal(0.5)", "HalfCauchy(0.3)"} <= set(found)
    told = " ".join(found)
    assert "prior-dependent" in told
    assert "the answer flips" in told
    assert f"s = {dependent.tipping_point:.3g}" in told


def test_a_panel_of_one_side_has_no_tipping_point_to_print(settled):
    told = " ".join(figures.words(pw.plot.prior_panel(settled)))
    assert "The side does not depend on the prior" in told
    assert np.isfinite(settled.tipping_point) or "ipping point" not in told


def test_a_panel_of_reconstructed_data_says_so(dependent, settled):
    assert any("reconstructed data" in words for words in figures.words(pw.plot.prior_panel(dependent)))
    assert not any("econstruct" in words for words in figures.words(pw.plot.prior_panel(settled)))


@pytest.mark.parametrize("dpi", [72, 100, 200])
def test_no_two_texts_of_the_panel_overlap(dependent, dpi):
    ax = pw.plot.prior_panel(dependent)
    found = figures.boxes(ax, dpi)
    assert figures.overlaps(found) == []
    assert figures.outside(found, ax) == []
    for each in ax.figure.axes:
        assert figures.covered(found, Bbox(each.get_window_extent().get_points() / dpi)) == []


def test_ratios_are_told_as_ratios_by_sentence_numbers_and_axis(settled):
    ax = pw.plot.prior_panel(settled)
    written = "\n".join(text.get_text() for text in ax.figure.findobj(Text))
    point, lower, upper = np.exp(settled.frame.loc[0, ["mu_point", "mu_lower", "mu_upper"]].to_numpy(dtype=float))
    assert f"{point:.2f} [{lower:.2f}, {upper:.2f}]" in written
    assert f"{np.exp(settled.frame['mu_lower'].min()):.2f}" in settled.sentence
    assert "mean risk ratio (log axis)" in written
    assert "P(< 1)" in written
