"""Bands and p-values for uniform numbers: exact against enumeration and against simulation."""

import math

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import simulate
from poolwise.simulate.uniform import coverage

SAMPLES = 20_000


def _outside(samples, found):
    counts = np.stack([np.searchsorted(np.sort(one), found.z, side="right") for one in samples])
    return ((counts < found.lower) | (counts > found.upper)).any(axis=1)


def test_the_coverage_is_that_of_every_way_to_put_four_numbers_into_four_cells():
    lower, upper = np.array([0, 1, 2, 4]), np.array([2, 3, 4, 4])
    inside = 0.0
    for cells in np.ndindex(5, 5, 5, 5):
        if sum(cells) == 4 and np.all((np.cumsum(cells) >= lower) & (np.cumsum(cells) <= upper)):
            inside += math.factorial(4) / math.prod(math.factorial(m) for m in cells) / 4.0**4
    assert coverage(lower, upper) == pytest.approx(inside, rel=1e-13)


@pytest.mark.parametrize("n", [2, 20, 300, 1000])
def test_without_limits_the_coverage_is_one(n):
    assert coverage(np.append(np.zeros(n - 1, int), n), np.full(n, n)) == pytest.approx(
        1.0, rel=1e-11
    )  # logarithms near 7,000 cancel


@pytest.mark.parametrize(("n", "prob"), [(30, 0.9), (100, 0.99)])
def test_uniform_samples_leave_the_band_as_often_as_it_says(n, prob):
    found = simulate.band(n, prob)
    share = _outside(np.random.default_rng(5).random((SAMPLES, n)), found).mean()
    assert abs(share - (1.0 - found.coverage)) < 4.0 * math.sqrt(prob * (1.0 - prob) / SAMPLES)
    assert prob <= found.coverage < prob + 0.1 * (1.0 - prob)


def test_p_values_of_uniform_samples_are_uniform_and_agree_with_the_band():
    n, samples = 40, np.random.default_rng(6).random((2000, 40))
    p = np.array([simulate.p_value(one) for one in samples])
    assert ((p <= 0.05) == _outside(samples, simulate.band(n, 0.95))).all()
    for level in (0.01, 0.1, 0.5):
        assert abs((p <= level).mean() - level) < 4.0 * math.sqrt(level * (1.0 - level) / len(p)) + 0.01  # 0.01: steps


BENT = {
    "too low": lambda u: u**1.6,
    "too narrow": lambda u: 0.5 + 0.6 * (u - 0.5),
    "too wide": lambda u: np.where(u < 0.5, 2.0 * u**2, 1.0 - 2.0 * (1.0 - u) ** 2),
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT)
def test_numbers_that_lie_too_low_or_too_narrow_or_too_wide_leave_the_band(bend):
    u = np.random.default_rng(7).random(300)
    frame = simulate.uniformity(pd.DataFrame({"quantity": ["true"] * 300 + ["bent"] * 300, "u": [*u, *bend(u)]}))
    assert frame.set_index("quantity")["inside"].to_dict() == {"true": True, "bent": False}
    curve = simulate.ecdf(pd.DataFrame({"quantity": "bent", "u": bend(u)}))
    assert not curve["inside"].all()
    beyond = np.maximum(curve["difference"] - curve["upper"], curve["lower"] - curve["difference"])
    assert ((beyond > 1e-12) == ~curve["inside"]).all()


def test_holm_multiplies_the_smallest_by_their_number_and_keeps_their_order():
    np.testing.assert_allclose(simulate.holm([0.04, 0.01, 0.03, 0.5]), [0.09, 0.04, 0.09, 0.5])


@pytest.mark.parametrize("u", [[0.5], [0.2, 1.2], [0.2, np.nan], 0.3])
def test_what_are_no_places_is_refused(u):
    with pytest.raises(pw.PoolwiseError, match="places"):
        simulate.p_value(u)
