"""The picture of the prior predictive check: its numbers are the frame's."""

import numpy as np
import pytest

import poolwise as pw
from support import figures


@pytest.fixture(scope="module")
def check():
    return pw.checks.prior_predictive(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()))


def test_estimates_stand_at_their_numbers_on_a_bar_each(check):
    ax = pw.plot.prior_predictive(check)
    own = check.frame[check.frame["kind"] == "estimate"]
    np.testing.assert_array_equal(figures.points(ax, "estimate"), own["y"])
    bars = [patch for patch in ax.patches if patch.get_label() == "prior"]
    np.testing.assert_allclose([patch.get_x() for patch in bars], own["lower"])
    np.testing.assert_allclose([patch.get_x() + patch.get_width() for patch in bars], own["upper"])


def test_sentence_priors_and_new_studies_are_printed(check):
    told = " ".join(figures.words(pw.plot.prior_predictive(check)))
    assert "The priors expect effects like these" in told
    assert "μ ~ Normal(0, 2)" in told
    assert "New study" in told
    row = check.frame.iloc[0]  # numbers on the reading scale, as the axis has them
    assert f"[{np.exp(row['lower']):.2f}, {np.exp(row['upper']):.2f}]" in told


def test_a_prior_far_too_wide_leaves_the_axis_and_the_data_stay_visible():
    fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(mu=pw.priors.Normal(0, 100)), pw.Exact())
    ax = pw.plot.prior_predictive(pw.checks.prior_predictive(fit))
    low, high = ax.get_xlim()
    y = fit.effects.y
    assert (high - low) < 20.0 * np.ptp(np.concatenate([y - 2 * fit.effects.se, y + 2 * fit.effects.se]))


@pytest.mark.parametrize("dpi", [72, 100, 200])
def test_no_two_texts_overlap(check, dpi):
    ax = pw.plot.prior_predictive(check)
    found = figures.boxes(ax, dpi)
    assert figures.overlaps(found) == []
    assert figures.outside(found, ax) == []
