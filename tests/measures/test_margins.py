"""Tables from their margins, and ways to show an effect."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from poolwise.errors import InputError
from poolwise.measures.margins import cells_of_margins
from poolwise.measures.translations import binomial_effect_size_display, cohen_u3, number_needed_to_treat

CELL = st.integers(1, 300)


@given(a=CELL, b=CELL, c=CELL, d=CELL)
def test_a_table_comes_back_from_its_margins_before_rounding(a, b, c, d):
    margins = {"n": a + b + c + d, "n1": a + b, "events": a + c}
    phi = (a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    plain = stats.chi2_contingency([[a, b], [c, d]], correction=False)
    odds = a * d / (b * c)
    root, sign = np.sqrt(odds), 1 if a * d >= b * c else -1
    measures = [{"odds_ratio": odds}, {"phi": phi}, {"chi2": plain[0], "sign": sign}]
    measures += [{"risk_ratio": a / (a + b) / (c / (c + d))}, {"yule_q": (odds - 1) / (odds + 1)}]
    measures += [{"yule_y": (root - 1) / (root + 1)}]
    measures += [{"p": plain[1], "sign": sign}] if plain[1] > 1e-200 else []
    for measure in measures:
        found = cells_of_margins(**margins, **measure, rounded=False)
        # n^2 has at most 7 digits of the 16 that a number has
        np.testing.assert_allclose(found, [a, b, c, d], rtol=1e-10, atol=1e-10)
        assert [int(cell) for cell in cells_of_margins(**margins, **measure)] == [a, b, c, d]


@given(a=CELL, b=CELL, c=CELL, d=CELL)
def test_a_table_comes_back_from_a_test_with_yates_correction(a, b, c, d):
    assume(abs(a * d - b * c) > (a + b + c + d) / 2)
    chi2, p, *_ = stats.chi2_contingency([[a, b], [c, d]], correction=True)
    margins = {"n": a + b + c + d, "n1": a + b, "events": a + c, "sign": np.sign(a * d - b * c), "yates": True}
    assume(p > 1e-200)
    for measure in ({"chi2": chi2}, {"p": p}):
        found = cells_of_margins(**margins, **measure, rounded=False)
        np.testing.assert_allclose(found, [a, b, c, d], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("margins", "measure"),
    [
        ({"n": 20, "n1": 10, "events": 5}, {"yule_q": 1.0}),
        ({"n": 20, "n1": 10, "events": 5}, {"yule_y": 1.0}),
        ({"n": 20, "n1": 10, "events": 5}, {"phi": 5 / np.sqrt(75)}),
    ],
)
def test_a_table_with_an_empty_cell_comes_back(margins, measure):
    assert [int(cell) for cell in cells_of_margins(**margins, **measure)] == [5, 5, 0, 10]


def test_tables_without_events_or_with_nothing_else_are_what_they_are():
    assert [int(x) for x in cells_of_margins(n=20, n1=8, events=0, odds_ratio=2.0)] == [0, 8, 0, 12]
    assert [int(x) for x in cells_of_margins(n=20, n1=8, events=20, chi2=0.0, sign=1, yates=True)] == [8, 0, 12, 0]
    assert np.isnan(cells_of_margins(n=[20, np.nan], n1=8, events=9, odds_ratio=2.0)[0]).tolist() == [False, True]


def test_the_handbook_of_metafors_example_comes_back_from_figures_rounded_to_two_digits():
    # The table of the example of metafor's conv.2x2: 36, 86, 20, 98
    margins = {"n": 240, "n1": 122, "events": 56}
    for measure in ({"odds_ratio": 2.05}, {"phi": 0.15}, {"chi2": 4.61, "sign": 1, "yates": True}):
        assert [int(cell) for cell in cells_of_margins(**margins, **measure)] == [36, 86, 20, 98]


def test_a_measure_that_margins_do_not_allow_is_refused():
    with pytest.raises(InputError, match="impossible with these margins"):
        cells_of_margins(n=100, n1=10, events=50, phi=0.9)
    for test in ({"chi2": 3.0}, {"p": 0.08}):
        with pytest.raises(InputError, match="tells no direction"):
            cells_of_margins(n=100, n1=10, events=50, **test)
    with pytest.raises(InputError, match="has chi2, p"):
        cells_of_margins(n=100, n1=10, events=50, chi2=3.0, p=0.08, sign=1)
    with pytest.raises(InputError, match=r"events is 2\.5"):
        cells_of_margins(n=100, n1=10, events=2.5, phi=0.0)


def test_effects_are_shown_as_they_are_defined():
    assert [float(x) for x in binomial_effect_size_display(0.3)] == [0.65, 0.35]
    assert cohen_u3(0.5) == pytest.approx(stats.norm.cdf(0.5))
    risk = stats.norm.cdf(stats.norm.ppf(0.2) + 0.5)
    assert number_needed_to_treat([0.5, 0.0], base_rate=0.2) == pytest.approx([1 / (risk - 0.2), np.inf])
