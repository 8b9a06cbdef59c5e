"""Pictures of tables as they come: units of millions and of thousandths, many results, directions in many words."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import poolwise as pw
from poolwise.plot import _axis, _steps, _words
from poolwise.scale import SCALES
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
HIGHEST = 10.4  # inches of a page of A4 within its margins
READABLE = 4.5  # contrast of words, Web Content Accessibility Guidelines 2.1, 1.4.3


@pytest.fixture(params=[1e6, 1.0, 1e-4], ids=["millions", "ones", "tiny"])
def in_units(request) -> pw.Result:
    y, se = np.linspace(4.0, 5.2, 7), np.linspace(0.3, 0.7, 7)
    names = [f"Author {i} et al {1980 + i}" for i in range(7)]
    effects = pw.Effects(request.param * y, se=request.param * se, study=names, scale="MD")
    return pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())


@pytest.mark.parametrize(
    ("numbers", "places", "words"),
    [
        ((4.36e6, 3.94e6, 4.78e6), 0, "4.36 [3.94, 4.78] × 10⁶"),
        ((1.46e-4, 1.07e-4, 1.86e-4), 6, "0.15 [0.11, 0.19] × 10⁻³"),
        ((10.0012, 10.0002, 10.0022), 5, "10.00120 [10.00020, 10.00220]"),  # of its decimals none is to spare
        ((0.45, 0.19, 3.0e9), 2, "0.45 [0.19, 3 × 10⁹]"),
    ],
)
def test_large_and_tiny_estimates_share_one_power_of_ten(numbers, places, words):
    assert _words.estimate(*numbers, places) == words


def test_in_every_unit_effects_have_two_fifths_of_a_column_and_numbers_no_letter_e(in_units):
    ax = pw.plot.forest(in_units, width="column", theme="jama")
    assert ax.get_position().width >= 0.4 - 1e-9
    assert not any("e+0" in words or "e−0" in words for words in figures.words(ax))
    found = figures.boxes(ax, 100)
    assert (figures.overlaps(found), figures.outside(found, ax)) == ([], [])


def test_an_axis_of_large_numbers_tells_its_power_once(in_units):
    power = _axis.power(SCALES["MD"], 0.0, 6.0 * in_units.effects.y[0] / 4.0)
    ax = pw.plot.forest(in_units)
    said = {6: " (× 10⁶)", -6: " (× 10⁻⁶)", -3: " (× 10⁻³)", 0: ""}[power]
    assert ax.get_xlabel() == f"mean difference{said}"
    at, words = ax.get_xticks(), [label.get_text() for label in ax.get_xticklabels()]
    np.testing.assert_allclose([float(each.replace("−", "-")) * 10.0**power for each in words], at)


def test_a_curve_of_specifications_keeps_digits_that_differ(in_units):
    check = pw.checks.specifications(in_units.effects)
    with pw.plot.width("column"):
        ax = pw.plot.specification_curve(check)
    assert figures.overlaps(figures.boxes(ax, 100)) == []
    low, high = str(check).replace("\n", " ").split(" runs from ")[1].split(" to ")[:2]
    assert low != high.partition(" (")[0]


def test_ticks_at_the_end_of_a_chart_stay_within_the_figure(in_units):
    with pw.plot.width("column"):
        ax = pw.plot.funnel(in_units)
    assert figures.outside(figures.boxes(ax, 100), ax) == []


def test_names_of_results_are_dark_enough_to_read(bcg, exact, reml):
    more = [pw.fit(bcg, pw.RandomEffects(tau=pw.priors.HalfNormal(s)), pw.Exact()) for s in (0.1, 0.5)]
    ax = pw.plot.forest(exact, beside=[reml, *more])
    named = [text for text in figures.texts(ax) if text.get_text().startswith(("REML, Hartung", "Bayesian, exact, τ"))]
    assert len(named) >= 3
    for text in named:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(text.get_color())]
        assert 1.05 / (np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05) >= READABLE


def test_long_words_for_directions_have_two_lines_in_a_column(misconduct):
    alliance = pw.datasets.load("working_alliance")
    each = {outcome: pw.fit(alliance.select(outcome=outcome)) for outcome in alliance.outcomes}
    with pw.plot.width("column"):
        ax = pw.plot.summary_forest(each)
    assert figures.overlaps(figures.boxes(ax, 100)) == []


def test_words_of_the_regions_of_a_small_surface_do_not_meet():
    rng = np.random.default_rng(15)
    effects = pw.Effects(rng.normal(0.25, 0.2, 5), se=rng.uniform(0.1, 0.3, 5), scale="log OR")
    with pw.plot.width("column"):
        ax = pw.plot.prior_surface(pw.checks.prior_surface(effects, mu_sd=[0.5, 1, 2], tau_scale=[0.2, 0.5, 1]))
    assert figures.overlaps(figures.boxes(ax, 100)) == []


@pytest.mark.parametrize("width", ["page", "column"])
@pytest.mark.parametrize("k", [40, 300])
def test_rows_leave_a_page_room_for_what_stands_around_them(k, width):
    with pw.plot.width(width):
        assert _steps.pitch(k) * k <= HIGHEST - {"page": 2.4, "column": 4.2}[width]


@pytest.mark.parametrize("draw", [pw.plot.forest, pw.plot.posterior])
def test_a_figure_that_a_user_saves_has_words_as_text(exact, draw, tmp_path):
    figure = draw(exact).figure
    figure.savefig(tmp_path / "picture.svg")
    figure.savefig(tmp_path / "picture.pdf")
    assert ">risk ratio (log axis)</text>" in (tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert b"/FontFile2" in (tmp_path / "picture.pdf").read_bytes()  # TrueType, which editors take, not Type 3
    assert type(pickle.loads(pickle.dumps(figure))) is type(figure)
