"""A forest plot at every width, theme and number of studies: nothing overlaps or is small, the effects have room."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import poolwise as pw
from poolwise.errors import InputError
from support import figures

LEAST_TYPE = 6.5
THEMES = ("poolwise", "RevMan", "JAMA", "mono")
SIZES = (1, 3, 15, 40, 100, 300)


@pytest.fixture(scope="module")
def fits() -> Callable[[int], pw.Result]:
    kept: dict[int, pw.Result] = {}

    def fit(k: int) -> pw.Result:
        if k not in kept:
            rng = np.random.default_rng(7)
            se = rng.uniform(0.08, 0.5, k)
            effects = pw.Effects(
                rng.normal(0.3, 0.25, k) + se * rng.normal(size=k),
                se=se,
                study=[f"Müller-Lüdenscheidt, van der Berg & Smith {1980 + i}" for i in range(k)],
                n=np.ceil(4.0 / se**2),
                scale="SMD",
                moderators=pd.DataFrame({"year": 1980 + np.arange(k)[::-1]}),
                directions=("favours the control group", "favours the treatment group"),
                allow_single=True,
            )
            kept[k] = pw.fit(effects, pw.RandomEffects(), pw.Exact() if k <= 15 else pw.ClosedForm())
        return kept[k]

    return fit


MANY = 100  # studies from which a picture takes seconds
GRID = list(itertools.product(SIZES, THEMES, ("page", "column")))


def _long(k: int, theme: str, width: str) -> bool:
    """Whether this part of the grid is asked by `make agreement`: all but one theme for each size and width."""
    return k >= MANY or theme != THEMES[(SIZES.index(k) + (width == "page")) % len(THEMES)]


@pytest.mark.parametrize(
    ("k", "theme", "width"),
    [pytest.param(*each, marks=[pytest.mark.agreement_long] if _long(*each) else []) for each in GRID],
)
def test_no_texts_meet_none_is_outside_or_small_and_the_effects_have_two_fifths(fits, k, theme, width):
    ax = pw.plot.forest(fits(k), width=width, theme=theme, density=k in (3, 15))
    for turned in (ax, pw.plot.dark(ax)):
        found = figures.boxes(turned, 100)
        assert figures.overlaps(found) == []
        assert figures.outside(found, turned) == []
    assert min(text.get_fontsize() for text in figures.texts(ax)) >= LEAST_TYPE
    inches = ax.figure.get_size_inches()
    assert inches[0] == pytest.approx({"page": 6.9, "column": 3.3}[width])
    assert inches[1] <= 10.0
    assert ax.get_position().width >= 0.4 - 1e-9


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_writes_its_brackets(exact, theme):
    found = figures.words(pw.plot.forest(exact, theme=theme, show="raw"))
    assert ("0.41 (0.13 to 1.26)" if theme == "JAMA" else "0.41 [0.13, 1.26]") in found


@pytest.mark.parametrize(
    ("sort", "key"),
    [("effect", "raw"), ("year", "year"), ("precision", "width"), ("se", "width"), ("weight", "lighter")],
)
def test_studies_stand_in_the_order_asked_for(exact, sort, key):
    frame = pw.plot.forest_frame(exact, sort=sort, columns=["year"]).query("row == 'study'")
    frame = frame.assign(width=frame["raw_upper"] - frame["raw_lower"], lighter=-frame["weight"])
    assert frame[key].is_monotonic_increasing
    shown = figures.points(pw.plot.forest(exact, sort=sort), "raw estimate")
    np.testing.assert_array_equal(shown, frame["raw"])


def test_the_columns_asked_for_stand_and_no_others(exact):
    found = figures.words(pw.plot.forest(exact, columns=["n", "year"]))
    assert {"n", "Year", "1948", "262"} <= set(found)
    assert "Weight" not in found
    assert any("0.49 [0.33, 0.73], 95 % credible" in words for words in found)  # the mean is told all the same


def test_events_are_told_by_arm(exact):
    found = figures.words(pw.plot.forest(exact, columns=["events", "estimate"], show="raw"))
    assert {"Treated", "Control", "4/123", "11/139"} <= set(found)


def test_columns_without_room_are_named(exact):
    ax = pw.plot.forest(exact, columns=["n", "year", "ablat", "alloc", "estimate", "weight"], width="column")
    assert any("No room for: " in words for words in figures.words(ax))
    assert "No room for: n, weight" in pw.plot.forest_caption(exact, width="column")


def test_raw_or_shrunken_estimates_alone(exact):
    raw, own = (pw.plot.forest(exact, show=show) for show in ("raw", "shrunken"))
    assert figures.points(raw, "shrunken estimate").size == 0
    assert figures.points(own, "raw estimate").size == 0
    np.testing.assert_allclose(figures.points(own, "shrunken estimate")[0], next(iter(exact.studies.values())).point)


def test_a_density_has_the_shape_of_its_law(exact):
    ax = pw.plot.forest(exact, density=True)
    (patch,) = [c for c in ax.collections if c.get_label() == "posterior: exact"][:1]
    x, y = patch.get_paths()[0].vertices.T
    peak = x[np.argmin(y)]
    grid = np.linspace(-1.5, 0.0, 2001)
    assert peak == pytest.approx(grid[np.argmax(np.gradient(exact["mu"].cdf(grid)))], abs=0.02)


def test_pages_repeat_the_axis_and_the_last_has_the_results(fits):
    pages = pw.plot.forest(fits(40), pages=15)
    assert [figures.points(ax, "raw estimate").size for ax in pages] == [15, 15, 10]
    assert len({ax.get_xlim() for ax in pages}) == 1
    assert ["Mean effect" in figures.words(ax) for ax in pages] == [False, False, True]


FACTS = ("HalfNormal(1)", "intervals: credible (equal-tailed)", "τ = ", "I² = ", "P(μ below 1)", "pale bar:", "k = 13")


@pytest.mark.parametrize("width", ["page", "column"])
@pytest.mark.parametrize("notes", ["short", "none", "full"])
def test_each_fact_stands_once_in_the_picture_or_in_its_caption(exact, notes, width):
    ax = pw.plot.forest(exact, notes=notes, width=width)
    foot = ax.get_position().y0 * ax.figure.get_size_inches()[1] - 0.6
    below = [words for words, box in figures.boxes(ax, 100) if box.y1 < foot]
    assert len(below) <= {"short": 3, "none": 0, "full": 30}[notes]
    caption = pw.plot.forest_caption(exact, notes=notes, width=width)
    told = f"{' '.join(below)} {caption}"
    assert {fact: told.count(fact) for fact in FACTS} == dict.fromkeys(FACTS, 1)
    assert "13 studies" in caption


def test_short_notes_name_a_result_once_where_several_follow_one_another(exact, reml):
    ax = pw.plot.forest(exact, beside=[reml])
    below = " ".join(words for words, box in figures.boxes(ax, 100) if box.y1 < 0.6)
    assert below.count("Bayesian, exact: ") == 1
    assert "Prior: μ ~ " in below
    caption = pw.plot.forest_caption(exact, beside=[reml], notes="none")
    assert "Bayesian, exact: prior: μ ~ " in caption  # which stands after the numbers of the other one


def test_a_page_holds_a_forest_whose_rows_stand_closer_or_are_thin_lines_with_names(fits):
    for k, lines in ((25, 2), (30, 1), (40, 1)):
        ax = pw.plot.forest(fits(k))
        assert ax.figure.get_size_inches()[1] <= 10.4
        found = figures.words(ax)
        assert sum(words.startswith("Müller") for words in found) == k
        assert sum("[" in words for words in found) >= lines * k  # estimates, and shrunken ones where they have a line
        assert {"□ Reported [95 %]"} < set(found)
        assert any(words.startswith("● Shrunken") for words in found)


def test_axes_too_low_for_cells_of_two_lines_are_refused(exact):
    for size, holds in (((3.3, 4.6), False), ((3.3, 8.0), True)):
        ax = pyplot.figure(figsize=size).add_axes((0.0, 0.0, 1.0, 1.0))
        if holds:
            assert figures.overlaps(figures.boxes(pw.plot.forest(exact, ax=ax), 100)) == []
        else:
            with pytest.raises(InputError, match="too small"):
                pw.plot.forest(exact, ax=ax)


def test_picture_and_caption_take_the_same_choices():
    picture, caption = (inspect.signature(each).parameters for each in (pw.plot.forest, pw.plot.forest_caption))
    assert {name: each.default for name, each in picture.items() if name != "ax"} == {
        name: each.default for name, each in caption.items()
    }


@pytest.mark.parametrize("k", [13, 20, 22, 28, 40])
@pytest.mark.parametrize("density", [False, True])
def test_a_forest_of_two_results_fits_a_printed_page_below_its_heading(fits, k, density):
    first = fits(k)
    ax = pw.plot.forest(first, beside=[pw.fit(first.effects, pw.RandomEffects(), pw.ClosedForm())], density=density)
    assert ax.figure.get_size_inches()[1] <= 9.84  # 250 mm


def test_a_summary_without_a_density_has_no_room_for_one(exact, reml):
    # With `pages` rows keep their height, however high the picture.
    alone, both = (
        pw.plot.forest(exact, beside=[reml], density=density, pages=exact.effects.k)[0] for density in (False, True)
    )
    taller = both.get_ylim()[0] - alone.get_ylim()[0]
    assert taller == pytest.approx(2 * 1.6)  # mean and new study of the posterior, none of REML


def test_where_two_intervals_in_a_line_would_merge_the_shrunken_ones_are_points(fits):
    ax = pw.plot.forest(fits(100))
    assert figures.points(ax, "shrunken estimate").size == 100
    assert not [c for c in ax.collections if c.get_label() == "shrunken interval"]
    (raw,) = [c for c in ax.collections if c.get_label() == "raw interval"]
    high = 72.0 * ax.get_position().height * ax.figure.get_size_inches()[1] / ax.get_ylim()[0]  # points of a row height
    apart = high * np.diff(sorted(segment[0, 1] for segment in raw.get_segments())).min()
    assert raw.get_linewidth()[0] < 0.6 * apart


def test_results_of_one_engine_are_told_apart_by_what_differs(bcg, exact):
    other = pw.fit(bcg, pw.RandomEffects(tau=pw.priors.HalfNormal(0.25)), pw.Exact())
    labels = set(pw.plot.forest_frame([exact, other])["result"])
    assert labels == {"exact, τ ~ HalfNormal(1)", "exact, τ ~ HalfNormal(0.25)"}


def test_squares_of_joint_outcomes_have_areas_on_one_scale():
    # Weights 1 / (se^2 + tau^2) of blocks that are separate analyses otherwise each sum to one.
    result = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact())
    frame = pw.plot.forest_frame(result).query("row == 'study'")
    se = (frame["raw_upper"] - frame["raw_lower"]).to_numpy()
    assert np.all(np.diff(frame["area"].to_numpy()[np.argsort(se)]) <= 1e-12)
    assert frame["area"].max() == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "yaer"}, {"columns": ["yaer"]}, {"columns": 3}, {"show": "all"}, {"width": 0.5}, {"width": "pages"},
        {"theme": "lancet"}, {"notes": "long"}, {"pages": 0}, {"pages": True}, {"sort": 3}, {"theme": None},
    ],
)  # fmt: skip
def test_what_is_no_choice_is_refused(exact, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        pw.plot.forest(exact, **wrong)


@pytest.mark.filterwarnings("ignore:identical rows|several effects:poolwise.PoolwiseWarning")
def test_how_many_effects_a_compact_picture_shows_is_told_whole_at_every_width():
    result = pw.fit(pw.datasets.load("assink2016"), pw.ThreeLevel(), pw.Exact())
    for width in ("page", "column"):
        ax = pw.plot.forest(result, width=width)
        assert "100 effects of 17 studies" in figures.words(ax)
        pw.plot.close(ax)
