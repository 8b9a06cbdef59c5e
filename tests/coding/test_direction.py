"""The law of directions: a sign tells the side of what is reported, a protocol's direction turns it, each once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolwise.coding import Protocol
from poolwise.errors import InputError

SIZES = {"n1": 30, "n2": 40, "n": 70}
SIGNED = {
    "t": {"t": 1.7},
    "d": {"d": 0.4},
    "g with se": {"g": 0.4, "se": 0.2},
    "r": {"r": 0.25},
    "log OR": {"log_or": 0.5, "se": 0.3},
    "means": {"m1": 6.0, "sd1": 2.0, "m2": 5.2, "sd2": 2.1},
    "pre and post": {"pre1": 9.0, "post1": 7.0, "sd_pre1": 2.0, "pre2": 9.0, "post2": 9.5, "sd_pre2": 2.0, "r": 0.5},
}
UNSIGNED = {"F": {"f": 2.9}, "chi-squared": {"chi2": 3.4}, "p": {"p": 0.03}, "one-sided p": {"p": 0.97}}
MINUS = {"or": lambda x: 1 / x}


def opposite(statistics):
    """The same report with the groups (or one variable) the other way round."""
    if "m1" in statistics:
        return {**statistics, "m1": statistics["m2"], "sd1": statistics["sd2"], "m2": statistics["m1"],
                "sd2": statistics["sd1"]}  # fmt: skip
    names = [name for name in statistics if name not in ("se", "n", "r_pre_post") and not name.startswith("sd")]
    kept = {"r"} if "pre1" in statistics else set()
    return {name: -value if name in names and name not in kept else value for name, value in statistics.items()}


def estimate(statistics, direction="same", *, sides=2, target="SMD", **fields):
    sizes = {**SIZES, "n1": 40, "n2": 30} if fields.pop("swapped", False) else SIZES
    row = {"report": "A", "study": "A", "outcome": "o", "direction": direction, **sizes, **statistics, **fields}
    found = Protocol(pd.DataFrame([row])).results(target, sides=sides)
    return float(found.y[0]), float(found.se[0])


@pytest.mark.parametrize("target", ["SMD", "OR", "ZCOR"])
@pytest.mark.parametrize("kind", SIGNED)
def test_reversed_numbers_the_other_way_round_are_the_same_result(kind, target):
    same = estimate(SIGNED[kind], target=target)
    again = estimate(opposite(SIGNED[kind]), "reversed", target=target, swapped=kind == "means")
    np.testing.assert_allclose(again, same, rtol=1e-12)
    np.testing.assert_allclose(estimate(SIGNED[kind], "reversed", target=target)[0], -same[0], rtol=1e-12)


@pytest.mark.parametrize("direction", ["same", "reversed"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", UNSIGNED)
def test_a_sign_gives_its_side_to_what_has_none_and_a_direction_turns_it(kind, sign, direction):
    sides = 1 if kind == "one-sided p" else 2
    y, se = estimate(UNSIGNED[kind], direction, sides=sides, sign=sign)
    assert np.sign(y) == sign * (1 if direction == "same" else -1)
    np.testing.assert_allclose((abs(y), se), estimate(UNSIGNED[kind], sides=sides, sign=1), rtol=1e-12)


@pytest.mark.parametrize("kind", SIGNED)
@pytest.mark.parametrize("direction", ["same", "reversed"])
def test_a_sign_beside_a_statistic_that_has_one_confirms_or_contradicts_it(kind, direction):
    y = estimate(SIGNED[kind], direction)[0]
    if kind == "pre and post":
        y, sign = estimate(SIGNED[kind], direction)[0], -1
    else:
        sign = 1
    assert estimate(SIGNED[kind], direction, sign=sign)[0] == y
    with pytest.raises(InputError, match=r"and the sign .* disagree: one of the two"):
        estimate(SIGNED[kind], direction, sign=-sign)


@given(st.floats(-6, 6), st.sampled_from(["same", "reversed"]), st.sampled_from(["t", "d", "log_or", "p"]))
@settings(max_examples=60, deadline=None)
def test_whatever_the_number_reversing_it_twice_changes_nothing(value, direction, name):
    value = value / 7 if name == "p" else value
    if abs(value) < 1e-6:
        return
    extra = {"se": 0.3} if name == "log_or" else {}
    one = estimate({name: value, **extra}, direction)
    two = estimate({name: -value, **extra}, {"same": "reversed", "reversed": "same"}[direction])
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_a_ratio_on_the_other_side_of_one_than_its_sign_is_refused():
    odds = {"or": 1.6, "lower": 1.0, "upper": 2.56}
    row = {"report": "A", "study": "A", "outcome": "o", "direction": "same", **odds}
    with pytest.raises(InputError, match=r"or = 1.6 and the sign -1 for 'A' \(row 1\) disagree"):
        Protocol(pd.DataFrame([{**row, "sign": -1}])).results("OR", prob=0.95)
    turned = Protocol(pd.DataFrame([{**row, "sign": 1, "direction": "reversed"}])).results("OR", prob=0.95)
    assert turned.y[0] == pytest.approx(-np.log(1.6))


def test_what_has_no_direction_cannot_be_reversed_and_superiority_turns_about_a_half():
    row = {"report": "A", "study": "A", "outcome": "o", "direction": "reversed", "events": 5, "n": 20}
    with pytest.raises(InputError, match=r"'direction' is 'reversed' in row 1, and PR has no direction"):
        Protocol(pd.DataFrame([row])).results("PR")
    means = {"n1": 30, "m1": 6.0, "sd1": 2.0, "n2": 30, "m2": 5.0, "sd2": 2.0}
    y = [estimate(means, direction, target="CLESN")[0] for direction in ("same", "reversed")]
    assert sum(y) == pytest.approx(1.0)
