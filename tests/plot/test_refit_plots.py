"""Pictures of refits: their marks are the frames' numbers, their words legible at any number of studies."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

import poolwise as pw
from plot.test_funnel_plot import axes, check_words
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
SMALLEST = 6.5  # points of type
KINDS = ["cumulative", "leave_one_out", "specification_curve"]


def table(k):
    rng = np.random.default_rng(7)
    se = rng.uniform(0.1, 0.6, k)
    return pw.Effects(
        rng.normal(-0.4, 0.4, k) + se * rng.normal(size=k),
        se=se,
        study=[f"A rather long first author, and a second one {1950 + i}" for i in range(k)],
        scale="log OR",
        allow_single=True,
        title="A treatment with a rather long name against another one",
        moderators=pd.DataFrame({"year": 1950 + np.arange(k) // 2}),
    )


def drawn(kind, effects, ax=None):
    if kind == "specification_curve":
        return pw.plot.specification_curve(pw.checks.specifications(effects), ax=ax)
    result = pw.fit(effects, pw.RandomEffects(), pw.Exact())
    if kind == "cumulative":
        return pw.plot.cumulative(pw.checks.cumulative(result, by="se"), ax=ax)
    return pw.plot.leave_one_out(pw.checks.leave_one_out(result), ax=ax)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 3, 40])
def test_words_are_legible_at_any_number_of_studies(kind, k):
    if kind == "leave_one_out" and k == 1:
        return
    ax = drawn(kind, table(k))
    check_words(ax)
    assert min(text.get_fontsize() for text in figures.texts(ax)) >= SMALLEST
    assert ax.figure.get_size_inches()[1] < 11.7  # a page


def test_of_a_hundred_studies_every_other_row_has_words():
    ax = drawn("cumulative", table(100))
    check_words(ax)
    assert sum(words.startswith("+ ") for words in figures.words(ax)) in range(45, 55)


@pytest.mark.parametrize("kind", ["cumulative", "leave_one_out"])
@pytest.mark.parametrize("size", [(6.9, 7.5), (3.4, 7.5)])
def test_words_are_legible_on_axes_of_a_page_and_of_a_column(kind, size):
    check_words(drawn(kind, table(12), axes(size)))


def test_the_curve_fits_a_page_and_tells_when_it_does_not():
    check_words(drawn("specification_curve", table(12), axes((6.9, 9.7))))
    for kind in KINDS:
        with pytest.raises(pw.PoolwiseError, match="too small"):
            drawn(kind, table(12), axes((3.0, 2.0)))


def test_marks_of_a_cumulative_analysis_are_its_numbers():
    check = pw.checks.cumulative(pw.fit(pw.datasets.load("bcg")))
    frame, ax = pw.plot.cumulative_frame(check), pw.plot.cumulative(check)
    told = frame[(frame["step"] > 0) & (frame["excludes"] == "below")]
    np.testing.assert_array_equal(figures.points(ax, "excludes the threshold"), told["mu_point"])
    np.testing.assert_array_equal(figures.points(ax, "prior"), frame["mu_point"].iloc[:1])
    np.testing.assert_allclose(figures.intervals(ax, "excludes the threshold"), told[["mu_lower", "mu_upper"]])
    assert frame.loc[frame["settled"], "study"].tolist() == ["Stein & Aronson 1953"]
    assert any("cumulative by year" in words for words in figures.words(ax))


@pytest.mark.parametrize("sort", ["table", "effect", "influence"])
def test_marks_of_leave_one_out_are_its_numbers_in_the_order_asked_for(sort):
    check = pw.checks.leave_one_out(pw.datasets.load("bcg"))
    frame, ax = pw.plot.leave_one_out_frame(check, sort=sort), pw.plot.leave_one_out(check, sort=sort)
    np.testing.assert_array_equal(figures.points(ax, "same verdict"), frame["mu_point"].iloc[1:])
    assert frame["left_out"].iloc[0] == "none"
    assert sort != "effect" or frame["mu_point"].iloc[1:].is_monotonic_increasing
    assert sort != "influence" or frame["shift"].iloc[1:].abs().is_monotonic_decreasing


def test_a_study_that_flips_the_verdict_is_marked():
    effects = pw.Effects([0.3, 0.25, 0.3, 0.35, -0.5], se=[0.1, 0.1, 0.1, 0.1, 0.1], study=[*"abcde"], scale="SMD")
    check = pw.checks.leave_one_out(effects)
    frame, ax = pw.plot.leave_one_out_frame(check), pw.plot.leave_one_out(check)
    assert frame["flips"].any()
    np.testing.assert_array_equal(figures.points(ax, "other verdict"), frame.loc[frame["flips"], "mu_point"])


def test_marks_of_the_curve_are_its_numbers_and_kinds_differ_by_shape_and_colour():
    check = pw.checks.specifications(pw.datasets.load("bcg"))
    frame, ax = pw.plot.specification_curve_frame(check), pw.plot.specification_curve(check)
    for engine, kind in (("closed form", "confidence"), ("exact", "credible")):
        rows = frame[frame["engine"] == engine]
        np.testing.assert_array_equal(figures.points(ax, kind), rows["x"])
        lines = [c for c in ax.collections if isinstance(c, LineCollection) and c.get_label() == f"{kind} interval"]
        ends = np.array([segment[:, 1] for segment in lines[0].get_segments()])
        np.testing.assert_allclose(ends, rows[["lower", "upper"]])
    assert any("Shares of specifications are not probabilities" in words for words in figures.words(ax))


def test_two_hundred_specifications_are_drawn_at_the_width_of_a_page():
    check = pw.checks.specifications(pw.datasets.load("bcg"), without="each")
    assert len(check.frame) > 150
    ax = pw.plot.specification_curve(check)
    check_words(ax)
    assert ax.figure.get_size_inches()[0] < 7.0


def test_a_coefficient_and_a_group_have_their_own_axis():
    bcg = pw.datasets.load("bcg")
    line = pw.fit(bcg, pw.MetaRegression("~ ablat"))
    for ax in (
        pw.plot.cumulative(pw.checks.cumulative(line)),
        pw.plot.leave_one_out(pw.checks.leave_one_out(line)),
        pw.plot.specification_curve(pw.checks.specifications(bcg, pw.MetaRegression("~ ablat"))),
        pw.plot.leave_one_out(pw.checks.leave_one_out(pw.fit(bcg, pw.Subgroups("alloc"))), of="mu[random]"),
        pw.plot.specification_curve(pw.checks.specifications(bcg, pw.Subgroups("alloc"), of="mu[random]")),
    ):
        assert figures.words(ax)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_reconstructed_tables_say_so(kind):
    table = pw.datasets.load("working_alliance").select(outcome="misconduct").described(title="Alliance")
    assert "reconstructed data" in " ".join(figures.words(drawn(kind, table)))


def test_proportions_have_no_line_of_no_effect():
    rates = pw.Effects([-2.0, -1.5, -1.7], se=[0.2, 0.3, 0.2], scale="logit")
    for kind in KINDS:
        ax = drawn(kind, rates)
        assert not [line for line in ax.lines if line.get_label() in ("threshold", "null value")]


def test_what_is_no_check_is_refused_in_words():
    for draw in (pw.plot.cumulative, pw.plot.leave_one_out, pw.plot.specification_curve):
        for wrong in (None, 3, pw.datasets.load("bcg"), pd.DataFrame()):
            with pytest.raises(pw.PoolwiseError, match="was given"):
                draw(wrong)
    check = pw.checks.leave_one_out(pw.datasets.load("bcg"))
    for arguments in ({"sort": "year"}, {"of": "mu[x]"}):
        with pytest.raises(pw.PoolwiseError):
            pw.plot.leave_one_out(check, **arguments)
