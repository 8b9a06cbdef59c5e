"""A printed figure stands for the numbers that round to it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.errors import InputError
from poolwise.reconstruct import Aggregate
from poolwise.reconstruct.printed import Printed, as_printed


@pytest.mark.parametrize(
    ("text", "value", "decimals", "below"),
    [
        ("0.940", 0.94, 3, False),
        (".003", 0.003, 3, False),
        ("<.001", 0.001, 3, True),
        ("= .05", 0.05, 2, False),
        ("−0.12", -0.12, 2, False),
        ("41.40 %", 41.4, 2, False),
        ("13", 13.0, 0, False),
    ],
)
def test_text_keeps_its_decimals(text, value, decimals, below):
    assert as_printed(text, "q") == Printed(value, decimals, below)


@pytest.mark.parametrize("nothing", [None, "", "  ", np.nan])
def test_nothing_printed_is_none(nothing):
    assert as_printed(nothing, "q") is None


@pytest.mark.parametrize("wrong", ["n.s.", "0,39", ">.5x", [1.0], float("inf")])
def test_what_is_no_figure_is_refused(wrong):
    with pytest.raises(InputError, match="published se"):
        as_printed(wrong, "se")


@given(value=st.integers(-99_999, 99_999), decimals=st.integers(0, 5), u=st.floats(0.0, 1.0))
def test_every_number_inside_the_box_prints_as_the_figure(value, decimals, u):
    figure = Printed(value / 10.0**decimals, decimals)
    low, high = figure.inside
    x = low + u * (high - low)
    assert figure.like(min(max(x, low), high)) == str(figure)


def test_numbers_outside_or_at_the_edge_of_the_box_are_not_held():
    figure = Printed(0.39, 3)
    assert figure.holds([0.3895, 0.3905, 0.3896, 0.3904, np.nan]).tolist() == [
        False,
        False,
        True,
        True,
        False,
    ]
    bound = Printed(0.001, 3, below=True)
    assert bound.holds([0.0, 1e-20, 0.00099, 0.001]).tolist() == [True, True, True, False]


def test_zero_is_never_printed_with_a_minus():
    assert Printed(0.0, 2).like(-0.001) == "0.00"


def test_numbers_have_the_decimals_said_or_needed_and_d_and_se_share_theirs():
    row = Aggregate.of({"k": 9, "d": 0.39, "se": 0.067, "q": 13.65, "i2": 41.4})
    assert (row.d.decimals, row.se.decimals, row.q.decimals, row.i2_percent.decimals) == (3, 3, 2, 1)
    row = Aggregate.of({"k": 9, "d_fe": 0.39, "se_fe": 0.07, "q": 0.94, "decimals": 3, "q_decimals": 4})
    assert (str(row.d), str(row.se), str(row.q)) == ("0.390", "0.070", "0.9400")


def test_a_series_and_a_mapping_give_the_same_row():
    cells = {"k": 3, "d": "0.374", "se": "0.124", "q": "0.940", "p": ".003", "d_re": pd.NA}
    assert Aggregate.of(pd.Series(cells)) == Aggregate.of(cells)


def test_more_decimals_than_said_are_refused():
    with pytest.raises(InputError, match=r"0\.3904.*3 decimals"):
        Aggregate.of({"k": 9, "d": 0.3904, "se": 0.067, "decimals": 3})


def test_a_misspelt_column_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"'d_er'.*did you mean 'd_re'"):
        Aggregate.of({"k": 9, "d_er": "0.38"})


@pytest.mark.parametrize("k", [2.5, 0, "nine", -1])
def test_k_must_be_a_whole_number(k):
    with pytest.raises(InputError, match="published k"):
        Aggregate.of({"k": k})


def test_q_and_i2_narrow_one_another():
    row = Aggregate.of({"k": 9, "q": "13.65", "i2_percent": "41.40"})
    low, high = row.q_box()
    assert low == pytest.approx(8 / (1 - 0.41395), rel=1e-8)  # the box without its edge, 1e-6 of its width
    assert high == pytest.approx(8 / (1 - 0.41405), rel=1e-8)
    for q in (low, high):
        assert f"{100 * (q - 8) / q:.2f}" == "41.40"
        assert f"{q:.2f}" == "13.65"
