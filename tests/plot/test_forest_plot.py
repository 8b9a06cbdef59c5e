"""What a forest plot shows, and that nothing on it overlaps."""

from __future__ import annotations

import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.transforms import Bbox

import poolwise as pw
from poolwise.errors import InputError
from support import figures

SIZES = (3, 13, 40)
RESOLUTIONS = (72, 96, 110, 150, 200)


def test_markers_stand_at_the_numbers_of_the_table(exact):
    ax = pw.plot.forest(exact)
    studies = pw.plot.forest_frame(exact).query("row == 'study'")
    np.testing.assert_array_equal(figures.points(ax, "raw estimate"), studies["raw"])
    np.testing.assert_array_equal(figures.points(ax, "shrunken estimate"), studies["point"])
    ends = figures.intervals(ax, "shrunken interval")
    np.testing.assert_array_equal(ends, studies[["lower", "upper"]])


def test_the_diamond_and_the_bar_span_their_intervals(reml):
    ax = pw.plot.forest(reml)
    spans = {patch.get_label(): patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches}
    for name, quantity in (("mean", reml["mu"]), ("new study", reml["theta_new"])):
        span = spans[f"{name}: REML, Hartung-Knapp ad hoc"]
        np.testing.assert_allclose([span.x0, span.x1], quantity.interval(0.95), rtol=1e-9)


def test_text_columns_read_as_the_published_forest_plot(exact):
    # Viechtbauer 2010, J. Stat. Software 36(3), figure 2: risk ratios of the BCG trials.
    found = figures.words(pw.plot.forest(exact))
    assert {"0.41 [0.13, 1.26]", "0.20 [0.09, 0.49]", "1.56 [0.37, 6.53]", "0.98 [0.58, 1.66]"} <= set(found)


def test_ticks_of_a_ratio_are_round_ratios_at_their_logarithms(exact):
    ax = pw.plot.forest(exact)
    labels = [float(tick.get_text()) for tick in ax.get_xticklabels()]
    assert labels == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
    np.testing.assert_allclose(ax.get_xticks(), np.log(labels), rtol=1e-12)


@pytest.mark.parametrize("k", [3, 13, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("full", [False, True], ids=["plain", "beside, by, rope"])
def test_no_two_texts_overlap_and_none_leaves_the_figure(study_table, k, full):
    effects = study_table(k, enormous=True)
    result = pw.fit(effects, pw.RandomEffects(), pw.Exact())
    extra = {}
    if full:
        reml = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())
        extra = {"beside": (reml,), "by": "setting", "rope": (-0.1, 0.1)}
    ax = pw.plot.forest(result, **extra)
    for dpi in RESOLUTIONS:
        found = figures.boxes(ax, dpi)
        assert figures.overlaps(found) == []
        assert figures.outside(found, ax) == []
        assert figures.covered(found, Bbox(ax.get_window_extent().get_points() / dpi)) == []


def test_a_figure_grows_with_its_rows_at_a_fixed_height_each(study_table):
    heights, sizes = [], (3, 13, 20)  # which a page holds
    for k in sizes:
        ax = pw.plot.forest(pw.fit(study_table(k), pw.RandomEffects(), pw.ClosedForm()))
        heights.append(ax.get_position().height * ax.figure.get_size_inches()[1])
    steps = np.diff(heights) / np.diff(sizes)
    assert steps[0] == pytest.approx(steps[1], rel=1e-9)


def test_an_enormous_interval_becomes_arrows_and_squashes_nothing(study_table):
    fit = pw.fit(study_table(13, enormous=True), pw.RandomEffects(), pw.ClosedForm())
    ax = pw.plot.forest(fit)
    low, high = ax.get_xlim()
    assert high - low < 5.0  # the enormous interval is 15.7 wide, the next 1.9
    assert figures.points(ax, "raw interval, beyond the left edge") == pytest.approx([low])
    assert figures.points(ax, "raw interval, beyond the right edge") == pytest.approx([high])
    assert any("arrow: the interval goes on" in line for line in figures.words(pw.plot.forest(fit, notes="full")))


def test_no_arrow_is_explained_where_none_is_drawn(reml):
    ax = pw.plot.forest(reml)
    assert not any("arrow" in line for line in figures.words(ax))
    assert figures.points(ax, "raw interval, beyond the right edge").size == 0


def test_reconstructed_data_say_so_in_title_and_headings(misconduct):
    result = pw.fit(misconduct, pw.RandomEffects(), pw.Exact())
    found = figures.words(pw.plot.forest(result))
    assert found.count("Study (reconstructed)") == 1
    assert "Working alliance in forensic treatment (reconstructed)" in found
    assert "□ Reconstructed [95 %]" in found
    assert set(pw.plot.forest_frame(result)["data"]) == {"reconstructed"}


def test_reported_data_do_not_speak_of_reconstruction(exact):
    assert not any("econstruct" in line for line in figures.words(pw.plot.forest(exact)))


def test_a_mixed_table_marks_each_reconstructed_study():
    effects = pw.Effects(
        [0.1, 0.3, 0.4, 0.2, 0.3],
        se=[0.1] * 5,
        study=list("ABCDE"),
        scale="SMD",
        provenance=["reported"] * 4 + ["reconstructed"],
    )
    found = figures.words(pw.plot.forest(pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())))
    assert {"Study (some reconstructed)", "E (reconstructed)", "Reconstructed data", "A"} <= set(found)


def test_only_a_posterior_answers_a_probability_question(exact, reml):
    told = " ".join(" ".join(figures.words(pw.plot.forest(exact))).split())
    mean, new = (float(exact[name].cdf(0.0)) for name in ("mu", "theta_new"))
    # On the reading scale, of the side on which the median lies, in the user's words.
    assert f"P(μ below 1) = {mean:.3f} (favours vaccination), P(new study below 1) = {new:.3f}" in told
    assert not any("P(" in words for words in figures.words(pw.plot.forest(reml)))
    assert pw.plot.forest_frame(reml)["p_below_null"].isna().all()


def test_probabilities_are_of_the_side_of_a_threshold_on_which_the_median_lies(exact, study_table):
    told = " ".join(figures.words(pw.plot.forest(exact, threshold=-1.0)))
    assert f"P(μ above 0.368) = {1.0 - float(exact['mu'].cdf(-1.0)):.3f}" in told
    above = pw.fit(study_table(13), pw.RandomEffects(), pw.Exact())
    told = " ".join(figures.words(pw.plot.forest(above)))
    assert "P(μ above 0) " in told
    assert "(favours the treatment group)" in told


def test_model_engine_prior_probability_and_interval_kind_are_printed(exact):
    found = " ".join(figures.words(pw.plot.forest(exact, prob=0.8)))
    for phrase in (
        "Random effects model, k = 13; Bayesian, exact",
        "Prior: μ ~ Normal(0, 2), τ ~ HalfNormal(1)",
        "80 % intervals: credible (equal-tailed)",
        "● Shrunken [80 %]",
    ):
        assert phrase in found


def test_the_marks_of_a_regression_are_told_on_the_figure_at_every_width(bcg):
    result = pw.fit(bcg, pw.MetaRegression("~ ablat"), pw.Exact())
    for width in ("page", "column"):
        found = " ".join(figures.words(pw.plot.forest(result, width=width)))
        assert "◆ mean at a study's moderators." in found
    assert "K = 13" not in found


def test_the_words_of_a_direction_are_told_once_below_the_figure():
    ax = pw.plot.forest(pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact()))
    notes = " ".join(figures.words(ax)).partition("Weight")[2]
    assert notes.count("P(μ above 0)") >= 2
    assert notes.count("(better alliance, better outcome)") == 1


def test_tau_and_i2_are_printed_with_their_intervals(reml):
    # metafor 5.1-12 on these data: tau2 0.3132, Q-profile 0.1197 to 1.1115, so tau 0.5597, 0.3460 to 1.0543.
    found = " ".join(figures.words(pw.plot.forest(reml)))
    assert "τ = 0.56 [0.35, 1.05] on the log risk ratio scale" in found
    assert "I² = 92 % [82, 98]" in found


def test_a_troubled_fit_says_so_on_the_figure(misconduct):
    result = pw.fit(misconduct, pw.RandomEffects(), pw.ClosedForm())
    assert result.report.status == "boundary_tau"
    assert any(words.startswith("Boundary τ: see the caption") for words in figures.words(pw.plot.forest(result)))
    assert "Boundary τ. " in pw.plot.forest_caption(result)


def test_words_for_the_directions_stand_on_their_sides_of_the_null(study_table):
    ax = pw.plot.forest(pw.fit(study_table(13), pw.RandomEffects(), pw.ClosedForm()))
    found = dict(figures.boxes(ax, 100))
    null = ax.transData.transform((0.0, 0.0))[0] / 100
    assert found["← favours the control group"].x1 < null < found["favours the treatment group →"].x0


def test_a_region_of_practical_equivalence_is_shaded_and_its_probability_told(exact):
    ax = pw.plot.forest(exact, rope=(-0.1, 0.1))
    found = " ".join(figures.words(ax))
    inside = float(exact["theta_new"].cdf(0.1) - exact["theta_new"].cdf(-0.1))
    assert "region of practical equivalence, 0.90 to 1.11" in found
    assert f"in region) = {inside:.3f}" in found


@pytest.mark.parametrize("rope", [(0.9, 1.1), (0.1, -0.1)], ids=["ratios, not logarithms", "reversed"])
def test_an_impossible_region_is_refused(exact, rope):
    with pytest.raises(InputError, match="rope"):
        pw.plot.forest(exact, rope=rope)


def test_blocks_gather_the_studies_of_a_moderator_in_order_of_appearance(exact, bcg):
    frame = pw.plot.forest_frame(exact, by="alloc").query("row == 'study'")
    assert list(dict.fromkeys(frame["group"])) == list(dict.fromkeys(bcg.moderators["alloc"]))
    assert set(zip(frame["label"], frame["group"], strict=True)) == set(
        zip(bcg.study, bcg.moderators["alloc"], strict=True)
    )
    assert set(bcg.moderators["alloc"]) <= set(figures.words(pw.plot.forest(exact, by="alloc")))


def test_an_unknown_moderator_gets_the_nearest_name(exact):
    with pytest.raises(InputError, match="did you mean 'alloc'"):
        pw.plot.forest(exact, by="aloc")


def test_results_stand_side_by_side_with_label_and_kind_of_interval(exact, reml):
    ax = pw.plot.forest(exact, beside=(reml,))
    found = figures.words(ax)
    assert {"Bayesian, exact", "REML, Hartung-Knapp ad hoc", "Mean effect"} <= set(found)
    assert "Mean effect credible (equal-tailed)" in " ".join(found)
    assert "Mean effect confidence" in " ".join(found)
    labels = {patch.get_label() for patch in ax.patches}
    assert {"mean: exact", "mean: REML, Hartung-Knapp ad hoc", "new study: exact"} <= labels


def test_results_on_another_scale_or_without_a_tuple_are_refused(exact, reml, study_table):
    other = pw.fit(study_table(5), pw.RandomEffects(), pw.ClosedForm())
    with pytest.raises(InputError, match="'REML, Hartung-Knapp ad hoc' is in SMD"):
        pw.plot.forest(exact, beside=(other,))
    with pytest.raises(InputError, match="a tuple of results"):
        pw.plot.forest(exact, beside=reml)


@pytest.mark.parametrize("interval", ["wald", "t", "hartung-knapp", "hartung-knapp-adhoc"])
def test_no_kind_of_interval_is_cut(misconduct, interval):
    result = pw.fit(misconduct, pw.RandomEffects(), pw.ClosedForm(interval=interval, prediction="riley"))
    found = figures.words(pw.plot.forest(result))
    kind = result["mu"].interval_kind().replace("k - 1", "k − 1")
    assert kind in " ".join(found)
    assert not any("…" in words for words in found)


def test_a_common_effect_has_no_shrunken_studies_and_no_new_study(bcg):
    result = pw.fit(bcg, pw.CommonEffect(), pw.ClosedForm())
    ax = pw.plot.forest(result)
    assert figures.points(ax, "shrunken estimate").size == 0
    assert not any("Shrunken" in words or "New study" in words for words in figures.words(ax))
    assert "0.65 [0.60, 0.70]" in figures.words(ax)  # metafor 5.1-12: exp(-0.4303), exp(-0.5097, -0.3509)


def test_labels_are_drawn_as_they_are_even_with_usetex(study_table):
    result = pw.fit(study_table(3), pw.RandomEffects(), pw.ClosedForm())
    with mpl.rc_context({"text.usetex": True}):
        ax = pw.plot.forest(result)
    assert "3 studies of $x_1$ and <i>y</i>" in figures.words(ax)
    assert any("$\\alpha" in words or "…" in words for words in figures.words(ax))
    ax.figure.savefig(io.BytesIO(), format="png")  # an unknown character would warn, and a warning fails


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_a_figure_is_saved_whole_in_every_format(exact, form):
    buffer = io.BytesIO()
    pw.plot.forest(exact).figure.savefig(buffer, format=form)
    written = buffer.getvalue()
    assert len(written) > 10_000
    if form == "svg":
        assert b"<text" in written  # words can be read, found and set anew


def test_given_axes_are_used_and_stay_within_their_place(study_table):
    result = pw.fit(study_table(5), pw.RandomEffects(), pw.ClosedForm())
    _, (left, right) = pyplot.subplots(1, 2, figsize=(20, 6))
    middle = 0.5 * (left.get_position().x1 + right.get_position().x0) * 20
    assert pw.plot.forest(result, ax=right) is right
    found = [box for words, box in figures.boxes(right, 100) if words.startswith(("A rather", "Mean effect"))]
    assert min(box.x0 for box in found) > middle
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize("size", [(12, 3), (2.0, 20)], ids=["too low", "too narrow"])
def test_axes_too_small_for_the_words_are_refused_with_the_size_needed(study_table, size):
    result = pw.fit(study_table(40), pw.RandomEffects(), pw.ClosedForm())
    _, ax = pyplot.subplots(figsize=size)
    with pytest.raises(pw.PoolwiseError, match=r"too small.*at least \d"):
        pw.plot.forest(result, ax=ax)


def test_close_lets_go_of_the_figure(reml):
    ax = pw.plot.forest(reml)
    assert len(pyplot.get_fignums()) == 1
    pw.plot.close(ax)
    assert pyplot.get_fignums() == []


def test_importing_the_pictures_does_not_load_matplotlib():
    code = "import sys, poolwise.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
