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
def test_a_table_comes_back_from_its_margins(a, b, c, d):
    margins = {"n": a + b + c + d, "n1": a + b, "events": a + c}
    phi = (a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    chi2, yates = (stats.chi2_contingency([[a, b], [c, d]], correction=on)[0] for on in (False, True))
    sign = 1 if a * d >= b * c else -1
    measures = [{"odds_ratio": a * d / (b * c)}, {"phi": phi}, {"chi2": chi2, "sign": sign}]
    for measure in measures:
        assert [int(cell) for cell in cells_of_margins(**margins, **measure)] == [a, b, c, d]
    assume(yates > 0)
    found = cells_of_margins(**margins, chi2=yates, sign=sign, yates=True)
    assert [int(cell) for cell in found] == [a, b, c, d]


def test_a_measure_that_margins_do_not_allow_is_refused():
    with pytest.raises(InputError, match="impossible with these margins"):
        cells_of_margins(n=100, n1=10, events=50, phi=0.9)
    with pytest.raises(InputError, match="tells no direction"):
        cells_of_margins(n=100, n1=10, events=50, chi2=3.0)


def test_effects_are_shown_as_they_are_defined():
    assert [float(x) for x in binomial_effect_size_display(0.3)] == [0.65, 0.35]
    assert cohen_u3(0.5) == pytest.approx(stats.norm.cdf(0.5))
    risk = stats.norm.cdf(stats.norm.ppf(0.2) + 0.5)
    assert number_needed_to_treat([0.5, 0.0], base_rate=0.2) == pytest.approx([1 / (risk - 0.2), np.inf])
