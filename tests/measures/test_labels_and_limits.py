"""Statistics that carry labels go by these; what no measure can be is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from poolwise import measures as pm
from poolwise.errors import InputError

HERE, THERE = ["a", "b"], ["b", "a"]


def series(values, index):
    return pd.Series(values, index=index)


BY_LABEL = {
    "sizes of a difference": (
        lambda n: pm.effect_size("SMD", t=series([1.0, 2.0], HERE), n1=series([10, 20], HERE), n2=n).v,
        [30, 10],
    ),
    "sizes of a correlation": (lambda n: pm.effect_size("ZCOR", r=series([0.1, 0.5], HERE), n=n).v, [200, 20]),
    "variances": (lambda v: pm.convert(series([0.1, 0.5], HERE), v, source="SMD", target="log OR").v, [0.02, 0.01]),
    "z values": (lambda z: pm.standard_error(series([0.1, 0.5], HERE), z=z), [2.0, 1.0]),
    "quartiles": (lambda q1: pm.mean_sd(n=series([10, 50], HERE), q1=q1, median=4, q3=5).mean, [1.0, 2.0]),
    "margins": (
        lambda n1: pm.cells_of_margins(n=series([100, 200], HERE), n1=n1, events=30, odds_ratio=2)[0],
        [50, 90],
    ),
    "risks": (lambda p: pm.number_needed_to_treat(series([0.1, 0.5], HERE), base_rate=p), [0.3, 0.2]),
}


@pytest.mark.parametrize("case", BY_LABEL)
def test_statistics_are_put_into_one_order_by_their_labels(case):
    measure, in_order = BY_LABEL[case]
    right = measure(series(in_order, HERE))
    np.testing.assert_array_equal(measure(series(in_order[::-1], THERE)), right)
    np.testing.assert_array_equal(measure(xr.DataArray(in_order[::-1], coords={"study": THERE}, dims="study")), right)
    np.testing.assert_array_equal(measure(in_order), right)


@pytest.mark.parametrize("index", [["b", "c"], ["a", "a"], [0, 1]])
def test_labels_that_are_not_the_same_are_refused(index):
    with pytest.raises(InputError, match="n is labelled"):
        pm.effect_size("ZCOR", r=series([0.1, 0.5], HERE), n=series([20, 200], index))


def test_another_order_beside_what_carries_no_labels_is_refused():
    with pytest.raises(InputError, match="without labels: t"):
        pm.effect_size("SMD", n1=series([10, 20], HERE), n2=series([10, 30], THERE), t=[1.0, 2.0])


@pytest.mark.parametrize(("test", "value"), [("z", 2.0), ("t", 2.0), ("p", 0.5)])
def test_an_estimate_of_0_has_the_same_test_whatever_its_standard_error(test, value):
    more = {"sides": 2} if test == "p" else {}
    with pytest.raises(InputError, match="y is 0"):
        pm.standard_error([0.5, 0.0], **{test: [value, value]}, **more)


@pytest.mark.parametrize(
    ("source", "y", "target"),
    [("r", 1.0, "Fisher z"), ("r", -2.0, "SMD"), ("r2", 1.0, "r"), ("proportion", 1.2, "logit"), ("RD", 2.0, "log RR")],
)
def test_what_a_measure_cannot_be_is_not_converted(source, y, target):
    with pytest.raises(InputError, match=f"y is {y:g}"):
        pm.convert([y], [0.1], source=source, target=target, base_rate=0.2, sign=1)


def test_a_risk_above_1_is_told_and_a_huge_odds_ratio_has_the_largest_risk_ratio():
    above = pm.convert([0.1, 5.0], [0.1, 0.1], source="log RR", target="log OR", base_rate=0.5)
    assert np.isnan(above.y[1])
    assert "1 of 2 estimates have no value on this measure" in above.notes[-1]
    assert pm.convert(1000.0, 0.1, source="log OR", target="log RR", base_rate=0.2).y == pytest.approx(np.log(5.0))
