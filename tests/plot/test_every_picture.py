"""Every kind of picture, asked of its artists: at the width of page and column no text meets another or is small."""

from __future__ import annotations

import html
import inspect
import itertools

import numpy as np
import pytest
from matplotlib import pyplot

import poolwise as pw
from poolwise.errors import InputError
from poolwise.plot.figures import saved
from support import figures
from support.pictures import PICTURES

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
LEAST_TYPE = 6.5  # points that print resolves
PRINTED = 7.0  # points of a figure that is as wide as a page
PAGE, COLUMN = 6.9, 3.3  # inches of a page's text and of one of its two columns
HIGHEST = 10.4  # inches of a page of A4 within its margins
OWN_FIGURE = {"trace", "ranks"}  # panels that ArviZ draws
QUICK = ("funnel", "posterior", "summary forest", "prisma", "ranges")  # the others: make agreement
SLOW = set(PICTURES) - set(QUICK)
EVERY = [pytest.param(name, marks=[pytest.mark.agreement_long] if name in SLOW else []) for name in PICTURES]


def faults(ax):
    """Texts that meet, that leave the figure, or that are too small."""
    found = figures.boxes(ax, 100)
    small = [text.get_text() for text in figures.texts(ax) if text.get_fontsize() < LEAST_TYPE]
    return figures.overlaps(found), figures.outside(found, ax), small


@pytest.mark.parametrize("name", EVERY)
def test_at_the_width_of_a_page_texts_keep_apart_light_dark_and_in_files(name, bcg, exact):
    ax = PICTURES[name](bcg, exact)
    assert faults(ax) == ([], [], [])
    width = ax.figure.get_size_inches()[0]
    assert width <= PAGE + 1e-9  # a wider figure would be printed smaller
    least = LEAST_TYPE if name == "forest" else PRINTED  # the forest has its own
    assert min(text.get_fontsize() for text in figures.texts(ax)) >= least - 1e-9
    files = {form: saved(ax, form, {}) for form in ("png", "pdf", "svg")}
    drawn, inches = ax.figure.get_tightbbox(), ax.figure.get_size_inches()
    assert (
        min(drawn.x0, drawn.y0, inches[0] - drawn.x1, inches[1] - drawn.y1) >= 0.0
    )  # a file is as large as its figure
    assert files["png"].startswith(b"\x89PNG")
    assert files["pdf"].startswith(b"%PDF")
    longest = max((word for words in figures.words(ax) for word in words.split()), key=len)
    assert html.escape(longest, quote=False) in files["svg"].decode()  # words are text, which can be read and found
    pw.plot.dark(ax)
    assert faults(ax) == ([], [], [])


@pytest.mark.parametrize("name", [each for each in EVERY if each.values[0] not in OWN_FIGURE])
def test_axes_as_wide_as_a_column_hold_it_and_smaller_ones_are_refused(name, bcg, exact):
    large, small = (pyplot.figure(figsize=size).add_axes((0.0, 0.0, 1.0, 1.0)) for size in ((COLUMN, 13.0), (1.2, 1.0)))
    with pytest.raises(InputError, match=r"too small .*at least \d"):
        PICTURES[name](bcg, exact, ax=small)
    assert PICTURES[name](bcg, exact, ax=large).figure is large.figure
    assert faults(large) == ([], [], [])


@pytest.mark.parametrize("name", [each for each in EVERY if each.values[0] not in OWN_FIGURE])
def test_its_own_figure_is_as_wide_as_a_column_where_that_is_asked(name, bcg, exact):
    with pw.plot.width("column"):
        ax = PICTURES[name](bcg, exact)
    assert ax.figure.get_size_inches()[0] <= COLUMN + 1e-9
    assert ax.figure.get_size_inches()[1] <= HIGHEST
    assert faults(ax) == ([], [], [])


NUMBERS = {
    "prior_panel": pw.checks.PriorPanel, "prior_surface": pw.checks.PriorSurface,
    "prior_predictive": pw.checks.PriorPredictive,
}  # fmt: skip
FRAMED_ALREADY = {"calibration", "prisma"}  # draw a frame, or a record of whole numbers
OTHER_NAMES = {"model_probabilities": "model_frame", "weight_function": "weight_frame", "z_plot": "z_frame"}
NO_PICTURE = {"close", "dark", "theme", "width", "forest_caption", "numeric_moderators", "ranks", "trace"}


def test_every_picture_has_a_function_or_a_frame_that_tells_its_numbers():
    kinds = [name for name in pw.plot.__all__ if not name.endswith("_frame") and name not in NO_PICTURE]
    assert len(kinds) >= 25
    for kind in kinds:
        frame = OTHER_NAMES.get(kind, f"{kind}_frame")
        fields = getattr(NUMBERS.get(kind), "__dataclass_fields__", {})
        assert frame in pw.plot.__all__ or "frame" in fields or kind in FRAMED_ALREADY
        assert "ax" in inspect.signature(getattr(pw.plot, kind)).parameters


# Viénot, Brettel & Mollon 1999, Color Research & Application 24:243: from linear RGB to cones, one missing, and back.
CONES = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
MISSING = {
    "nobody's": np.eye(3),
    "protanope's": np.array([[0.0, 2.02344, -2.52581], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    "deuteranope's": np.array([[1.0, 0.0, 0.0], [0.494207, 0.0, 1.24827], [0.0, 0.0, 1.0]]),
}
JUST_TOLD_APART = 10.0  # CIE 1976 colour difference; 2.3 is the least that is noticed side by side


def lab(linear):
    """CIE L*a*b* of linear RGB, written out from its definition (D65)."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = [np.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz / (0.9505, 1.0, 1.089)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", MISSING)
@pytest.mark.parametrize("theme", ["poolwise", "revman", "jama", "mono"])
def test_the_colours_of_one_picture_are_told_apart_by_every_eye(theme, eye):
    from matplotlib.colors import to_rgb

    from poolwise.plot.forest_theme import theme_of

    look = theme_of(theme)
    pairs = [(look.raw, look.shrunken), *itertools.combinations(look.series[:4], 2)]  # marks that stand side by side
    seen = {}
    for colour in set(itertools.chain(*pairs)):
        linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])
        seen[colour] = lab(np.clip(np.linalg.inv(CONES) @ MISSING[eye] @ CONES @ linear, 0.0, 1.0))
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in pairs}
    assert min(apart.values()) > JUST_TOLD_APART, apart
