"""The funnel plot: its numbers are the table's and the fit's, its regions those of p, its words do not overlap."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.stats import norm

import poolwise as pw
from support import figures
from support.biased_studies import studies

SIZES = (None, (6.9, 7.2), (3.3, 7.2))


def selected(k: int, **columns) -> pw.Effects:
    """Studies of which those that are not significant were mostly held back."""
    rng = np.random.default_rng(3)
    rows: list[tuple[float, float]] = []
    while len(rows) < k:
        se = rng.uniform(0.08, 0.4)
        y = rng.normal(0.15, 0.15) + se * rng.normal()
        if y / se > 1.96 or rng.uniform() < 0.25:
            rows.append((y, se))
    y, se = np.array(rows).T
    return studies(y, se, scale="SMD", **columns)


def axes(size):
    """Axes of this size that fill their figure; None for a figure of its own."""
    return None if size is None else plt.figure(figsize=size).add_axes((0.0, 0.0, 1.0, 1.0))


def check_words(ax):
    """No two texts overlap or leave the figure, none is smaller than 6.5 points."""
    found = figures.boxes(ax, 100)
    assert figures.overlaps(found) == []
    assert figures.outside(found, ax) == []
    assert min(text.get_fontsize() for text in figures.texts(ax)) >= 6.5


def test_studies_stand_at_their_estimates_and_standard_errors(bcg, reml):
    ax = pw.plot.funnel(reml)
    (marks,) = [mark for mark in ax.collections if mark.get_label() == "studies"]
    np.testing.assert_array_equal(marks.get_offsets(), np.column_stack([bcg.y, bcg.se]))
    assert ax.yaxis.get_inverted()


@pytest.mark.parametrize("level", [0.1, 0.05, 0.01])
def test_the_edge_of_a_region_has_its_p_value(reml, level):
    frame = pw.plot.funnel_frame(reml).query("row == 'region' and prob == @level and se > 0")
    for side in ("lower", "upper"):
        np.testing.assert_allclose(2.0 * norm.sf(np.abs(frame[side]) / frame["se"]), level, rtol=1e-12)


def test_the_envelope_holds_its_share_of_the_estimates_under_the_fit(reml):
    frame = pw.plot.funnel_frame(reml, prob=0.8).query("row == 'fit'")
    law = norm(reml["mu"].point, np.sqrt(reml["tau2"].point + frame["se"] ** 2))
    np.testing.assert_allclose(law.cdf(frame["upper"]) - law.cdf(frame["lower"]), 0.8, rtol=1e-12)


def test_a_common_effect_has_a_funnel_that_ends_in_a_point(bcg):
    fit = pw.fit(bcg, pw.CommonEffect(), pw.ClosedForm())
    top = pw.plot.funnel_frame(fit).query("row == 'fit' and se == 0").iloc[0]
    assert top["lower"] == top["upper"] == fit["mu"].point


def test_a_table_without_a_fit_and_a_regression_have_no_envelope(bcg):
    for subject in (bcg, pw.fit(bcg, pw.MetaRegression("~ ablat"), pw.ClosedForm())):
        assert "fit" not in set(pw.plot.funnel_frame(subject)["row"])
        assert "mean" not in figures.words(pw.plot.funnel(subject))


def test_filled_studies_are_hollow_and_the_line_is_dotted_where_it_is_extrapolated():
    effects = pw.datasets.load("bcg")
    filled, line = pw.bias.trim_and_fill(effects, side="right"), pw.bias.pet(effects)
    ax = pw.plot.funnel(effects, records=[filled, line])
    (hollow,) = [mark for mark in ax.collections if mark.get_label() == "filled in"]
    assert len(hollow.get_offsets()) == filled.k0 > 0
    assert tuple(hollow.get_facecolor()[0]) == (1.0, 1.0, 1.0, 1.0)
    (beyond,) = [each for each in ax.lines if each.get_label() == "PET, extrapolated"]
    assert beyond.get_ydata().max() < effects.se.min()
    assert beyond.get_xdata()[0] == pytest.approx(line.estimate.point, rel=1e-12)


def test_colours_and_shapes_tell_groups_apart_on_request(bcg):
    ax = pw.plot.funnel(bcg, colour_by="alloc")
    groups = [mark for mark in ax.collections if str(mark.get_label()).startswith("alloc: ")]
    assert sum(len(mark.get_offsets()) for mark in groups) == bcg.k
    assert len({tuple(mark.get_facecolor()[0]) for mark in groups}) == len(groups) == 3


def test_a_standard_error_far_beyond_the_others_stands_at_the_foot_and_is_told():
    effects = studies([0.1, 0.2, 0.3, 0.2], [0.1, 0.1, 0.1, 4.0], scale="SMD")
    assert any("1 beyond the axes" in words for words in figures.words(pw.plot.funnel(effects)))


@pytest.mark.parametrize("k", [1, 3, 15, 40, 100, 300])
@pytest.mark.parametrize("size", SIZES)
def test_words_are_legible_at_any_number_of_studies(k, size):
    effects = selected(k)
    subject = effects if k == 1 else pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(prediction="z"))
    records = [] if k < 15 else [pw.bias.pet_peese(effects, direction="positive")]
    check_words(pw.plot.funnel(subject, records=records, ax=axes(size)))


def test_axes_that_are_too_small_are_refused_with_the_size_that_would_do(reml):
    with pytest.raises(pw.PoolwiseError, match=r"2\.0 x 2\.0 inches, too small"):
        pw.plot.funnel(reml, ax=axes((2.0, 2.0)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"records": "pet"}, "records = 'pet'"),
        ({"records": [3]}, "records = "),
        ({"colour_by": "allocation"}, "no moderator"),
        ({"colour_by": "ablat"}, "values"),
        ({"prob": 2.0}, "prob"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(bcg, options, words):
    with pytest.raises(pw.PoolwiseError, match=words):
        pw.plot.funnel(bcg, **options)


def test_a_record_of_other_studies_is_refused(bcg):
    with pytest.raises(pw.PoolwiseError, match="other estimates"):
        pw.plot.funnel(bcg, records=pw.bias.pet(selected(15)))
    with pytest.raises(pw.PoolwiseError, match="result or a study table"):
        pw.plot.funnel(bcg.to_frame())
