"""Scales: the way to the reading scale and back, and where no effect lies."""

from __future__ import annotations

import numpy as np
import pytest

from poolwise.errors import InputError
from poolwise.scale import SCALES, as_scale

ROUND_TRIP = 1e-12  # a transform and its inverse, a few roundings each


@pytest.mark.parametrize("name", SCALES)
def test_there_and_back_is_the_same_number(name):
    x = np.array([-1.2, 0.0, 0.3, 2.0])
    np.testing.assert_allclose(SCALES[name].forward(SCALES[name].back(x)), x, rtol=ROUND_TRIP, atol=ROUND_TRIP)


@pytest.mark.parametrize(("name", "value", "read"), [("log OR", 0.0, 1.0), ("Fisher z", 0.0, 0.0), ("logit", 0.0, 0.5)])
def test_the_reading_scale_is_what_people_read(name, value, read):
    assert SCALES[name].back(value) == read


def test_every_scale_but_those_of_one_group_has_a_null_value():
    without = [name for name, scale in SCALES.items() if scale.null_value is None]
    assert without == ["logit", "log rate"]
    assert {scale.null_value for scale in SCALES.values()} == {0.0, None}


def test_a_scale_is_found_by_name_in_any_case_or_the_nearest_is_offered():
    assert as_scale("smd") is SCALES["SMD"]
    assert as_scale(SCALES["MD"]) is SCALES["MD"]
    with pytest.raises(InputError, match="did you mean 'SMD'"):
        as_scale("SMDD")
