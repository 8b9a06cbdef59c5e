"""Light and dark: in every picture each text has a contrast of at least 4.5 : 1 with what it stands on."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.lines import Line2D

import poolwise as pw
from poolwise.plot._marks import COLOURS
from poolwise.plot._theme import PAGE, exchanged
from support import figures
from support.pictures import PICTURES

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
LEAST = 4.5


def luminance(rgb):
    """Relative luminance, written out from the definition."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    """The ratio of two colours, of which the first lies on the second where it is not opaque."""
    mixed = [one[3] * a + (1.0 - one[3]) * b for a, b in zip(one[:3], two[:3], strict=True)]
    high, low = sorted((luminance(mixed), luminance(two[:3])), reverse=True)
    return (high + 0.05) / (low + 0.05)


def faint(ax):
    """Texts with less contrast than is asked for, each on the uppermost opaque patch below it or on the page."""
    page = to_rgba(ax.figure.get_facecolor())
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    patches = [
        (patch.get_window_extent(renderer), patch.get_facecolor())
        for axes in ax.figure.axes
        for patch in axes.patches
        if patch.get_facecolor()[3] == 1.0 and patch.get_visible()
    ]
    found = []
    for text in figures.texts(ax):
        x, y = text.get_window_extent(renderer).get_points().mean(axis=0)
        below = [colour for box, colour in patches if box.contains(x, y)]
        ratio = contrast(to_rgba(text.get_color()), below[-1] if below else page)
        if ratio < LEAST - 0.01:
            found.append((text.get_text(), round(ratio, 2)))
    return found


GUIDES = {"#b3b3b3", "#ececec"}  # rules of tables and the grid of a matrix of choices, which tell nothing


def pale(ax):
    """Lines and points with less than 3 : 1 against the page, guides left out; of a point its edge or its inside."""
    page, found = to_rgba(ax.figure.get_facecolor()), []
    guides = [tuple(colour) for colour in (to_rgba_array(list(GUIDES)), exchanged(to_rgba_array(list(GUIDES))))]
    for artist in ax.figure.findobj(lambda one: isinstance(one, Line2D | LineCollection | PathCollection)):
        if isinstance(artist, Line2D) and artist.get_linestyle() != "None":
            colours = [to_rgba(artist.get_color(), artist.get_alpha())]
        elif isinstance(artist, Line2D):
            colours = to_rgba_array([artist.get_markeredgecolor(), artist.get_markerfacecolor()])
        else:
            colours = [*artist.get_edgecolors(), *artist.get_facecolors()]
        ratio = max((contrast(tuple(one), page) for one in colours), default=21.0)
        told = not any(np.allclose(one, guide, atol=0.01) for one in colours for each in guides for guide in each)
        if artist.get_visible() and told and 1.02 < ratio < 2.99:
            found.append((artist.get_label(), round(float(ratio), 2)))
    return found


SLOW = {"publication bias", "prior panel", "specification curve", "ranges", "prior surface", "calibration"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.agreement_long] if name in SLOW else []) for name in PICTURES]
)
def test_texts_and_marks_are_told_from_what_they_stand_on_in_both_themes(name, bcg, exact):
    ax = PICTURES[name](bcg, exact)
    assert faint(ax) == []
    assert pale(ax) == []
    assert luminance(to_rgba(ax.figure.get_facecolor())[:3]) > 0.99
    pw.plot.dark(ax)
    assert faint(ax) == []
    assert pale(ax) == []
    assert luminance(to_rgba(ax.figure.get_facecolor())[:3]) == pytest.approx(PAGE, abs=1e-6)


def test_every_colour_of_the_palette_is_seen_on_the_page():
    assert min(contrast(to_rgba(colour), (1.0, 1.0, 1.0, 1.0)) for colour in COLOURS) >= 3.0


def test_contrast_with_the_page_and_between_colours_stays():
    light = np.column_stack([np.random.default_rng(1).uniform(0.2, 1.0, (200, 3)), np.ones(200)])
    dark, white = exchanged(light), (1.0, 1.0, 1.0, 1.0)
    page = exchanged(np.array(white))
    for one, two, new_one, new_two in zip(light, light[::-1], dark, dark[::-1], strict=True):
        if contrast(one, white) < 14.0 and contrast(two, white) < 14.0:  # beyond, the ink is as light as it gets
            assert contrast(new_one, page) == pytest.approx(contrast(one, white), rel=1e-6)
            assert contrast(new_one, new_two) == pytest.approx(contrast(one, two), rel=1e-6)


def colours(ax):
    """Every colour on a figure, in the order of its artists."""
    found = []
    for artist in ax.figure.findobj():
        for name in ("color", "facecolor", "edgecolor", "markerfacecolor"):
            if hasattr(artist, f"get_{name}"):
                found.append(np.ravel(mpl.colors.to_rgba_array(getattr(artist, f"get_{name}")())).round(6).tolist())
    return found


@pytest.mark.parametrize("name", ["funnel", "trace", "prisma"])
def test_under_the_theme_a_picture_is_what_dark_makes_of_it_and_dark_twice_is_dark_once(name, bcg, exact):
    made = pw.plot.dark(PICTURES[name](bcg, exact))
    once = colours(made)
    assert colours(pw.plot.dark(made)) == once
    with pw.plot.theme("dark"):
        themed = PICTURES[name](bcg, exact)
    assert colours(themed) == once
    assert luminance(to_rgba(PICTURES[name](bcg, exact).figure.get_facecolor())[:3]) > 0.99


def test_two_pictures_on_one_figure_turn_dark_once_each(exact, reml):
    figure = plt.figure(figsize=(8.0, 14.0))
    left, right = figure.add_axes((0.0, 0.5, 1.0, 0.5)), figure.add_axes((0.0, 0.0, 1.0, 0.5))
    with pw.plot.theme("dark"):
        ax = pw.plot.funnel(exact, ax=left)
        pw.plot.funnel(reml, ax=right)
    assert faint(ax) == []


def test_ticks_that_are_made_later_are_dark_as_well(exact):
    ax = pw.plot.dark(pw.plot.funnel(exact))
    ax.set_xticks([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0])
    ax.set_yticks(np.linspace(0.0, 0.6, 13))
    assert faint(ax) == []


def test_pictures_are_saved_dark(tmp_path, exact):
    with pw.plot.theme("dark"):
        ax = pw.plot.radial(exact)
    ax.figure.savefig(tmp_path / "dark.png", dpi=20)
    corner = plt.imread(tmp_path / "dark.png")[0, 0]
    assert luminance(corner[:3]) == pytest.approx(PAGE, abs=1e-3)


def test_the_width_of_pictures_ends_with_its_block_and_what_is_none_is_refused(bcg):
    with pw.plot.width("column"), pw.plot.width(5.0):
        assert pw.plot.funnel(bcg).figure.get_size_inches()[0] == pytest.approx(5.0)
    assert pw.plot.funnel(bcg).figure.get_size_inches()[0] > 5.5
    for wrong in ("wide", 1.0, None, True):
        with pytest.raises(pw.PoolwiseError, match="width"):
            pw.plot.width(wrong)


def test_what_is_no_picture_or_theme_is_refused_in_words():
    for wrong in (None, 3, "forest", [3]):
        with pytest.raises(pw.PoolwiseError, match="was given"):
            pw.plot.dark(wrong)
    for wrong in ("black", None, 3):
        with pytest.raises(pw.PoolwiseError, match="theme"):
            pw.plot.theme(wrong)
