"""Tiles of models, the S-value's curve, the panel of methods: their numbers are the records', their words legible."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import poolwise as pw
from plot.test_funnel_plot import SIZES, axes, check_words, selected
from support import figures


@pytest.fixture(scope="module")
def averaged():
    return pw.average(selected(15), bias="PSMA", direction="positive")


@pytest.fixture(scope="module")
def panel():
    return pw.checks.publication_bias(selected(15), direction="positive")


def luminance(colour) -> float:
    channel = np.array(to_rgb(colour))
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_tiles_hold_the_probabilities_of_the_models_and_their_sums(averaged):
    frame = pw.plot.model_frame(averaged)
    models = frame[(frame["bias"] != "all") & frame["effect"].notna()]
    np.testing.assert_allclose(models["posterior"], averaged.models["posterior"], rtol=1e-12)
    np.testing.assert_allclose(models[["prior", "posterior"]].sum(), 1.0, rtol=1e-12)
    effect = frame[(frame["bias"] == "all") & (frame["effect"] == True)]  # noqa: E712, an object column
    factors = averaged.bayes_factors.set_index("question")
    assert effect["posterior"].sum() == pytest.approx(factors.loc["effect", "posterior"], rel=1e-12)


def test_the_average_over_four_models_has_four_tiles():
    average = pw.average(selected(15))
    frame = pw.plot.model_frame(average)
    assert len(frame) == 4
    np.testing.assert_allclose(frame["posterior"], [np.exp(each) for each in average.log_posterior.values()])


def test_numbers_are_told_from_their_tiles_at_least_by_4_5_to_1(averaged):
    ax = pw.plot.model_probabilities(averaged)
    tiles = [patch for patch in ax.patches if patch.get_width() == 0.94]
    for text in ax.texts:
        x, y = text.get_position()
        under = [
            tile for tile in tiles if tile.get_x() < x < tile.get_x() + 0.94 and tile.get_y() < y < tile.get_y() + 0.92
        ]
        if under:
            pair = sorted((luminance(text.get_color()), luminance(under[0].get_facecolor()[:3])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


@pytest.mark.parametrize("threshold", [0.0, 0.1])
def test_the_curve_crosses_the_threshold_at_the_s_value(threshold):
    record = pw.bias.s_value(pw.datasets.load("bcg"), direction="negative", threshold=-threshold)
    frame = pw.plot.s_value_frame(record)
    curve = frame[frame["row"] == "curve"]
    assert np.interp(record.limit, curve["eta"], curve["upper"]) == pytest.approx(-threshold, abs=2e-3)
    worst = frame[frame["row"] == "worst case"].iloc[0]
    assert worst["mu"] == record.worst_case.mean.point
    limit = figures.words(pw.plot.s_value(record))
    assert any(words.startswith("S of the limit: ") for words in limit)


def test_the_panel_has_a_row_for_each_mean_the_unadjusted_one_on_top(panel):
    ax, frame = pw.plot.publication_bias(panel), pw.plot.publication_bias_frame(panel)
    assert frame["role"].iloc[0] == "unadjusted"
    for role, rows in frame[frame["point"].notna()].groupby("role"):
        np.testing.assert_array_equal(figures.points(ax, role), rows["point"])
    means = panel.frame[panel.frame["role"].isin(["unadjusted", "adjusted", "sensitivity"])]["point"]
    assert frame["point"].notna().sum() == means.notna().sum()


def test_a_method_without_an_answer_keeps_its_row_and_says_why():
    told = " ".join(
        figures.words(pw.plot.publication_bias(pw.checks.publication_bias(selected(3), direction="positive")))
    )
    assert "no answer" in told
    assert "Beta weight function, ML: " in told


@pytest.mark.parametrize("size", [(6.9, 9.0), (3.3, 10.5)])
def test_words_of_the_panel_are_legible(panel, size):
    check_words(pw.plot.publication_bias(panel, ax=axes(size)))


@pytest.mark.parametrize("size", SIZES)
def test_words_of_tiles_and_curves_are_legible(averaged, size):
    check_words(pw.plot.model_probabilities(averaged, ax=axes(size)))
    check_words(pw.plot.s_value(pw.bias.s_value(averaged.effects, direction="positive"), ax=axes(size)))


@pytest.mark.parametrize("k", [3, 40, 100, 300])
def test_the_s_value_has_its_picture_at_any_number_of_studies(k):
    check_words(pw.plot.s_value(pw.bias.s_value(selected(k), direction="positive")))


def test_what_is_no_record_or_has_no_room_is_refused_in_words(averaged, panel):
    for draw in (pw.plot.model_probabilities, pw.plot.s_value, pw.plot.publication_bias):
        with pytest.raises(pw.PoolwiseError):
            draw(averaged.effects)
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.model_probabilities(averaged, ax=axes((3.0, 2.0)))
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.publication_bias(panel, ax=axes((3.3, 4.0)))


def test_the_answer_of_an_average_is_the_sum_of_its_models_and_a_reconstructed_table_is_marked(misconduct):
    averaged = pw.average(misconduct.described(title="Alliance"))
    frame = pw.plot.model_frame(averaged)
    words = " ".join(figures.words(pw.plot.model_probabilities(averaged)))
    share = 100.0 * frame.loc[frame["effect"] == True, "posterior"].sum()  # noqa: E712, objects
    assert f"of an effect {share:.0f} %" in words.replace("\n", " ")
    assert "before them 50 % each" in words
    assert "reconstructed data" in words
