"""Normal mixtures: quantiles invert the distribution function, whatever the mixture looks like."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from poolwise.quadrature.rules.mixture import NormalMixture, quantiles

# quantiles end when a Newton step is 1e-8 of the width, hence good to about 1e-16 of it; the cdf rounds at 1e-16
INVERSION = 1e-12


def mixture(weight, centre, spread):
    weight = np.asarray(weight, dtype=float)
    return NormalMixture(weight / weight.sum(), np.asarray(centre, dtype=float), np.asarray(spread, dtype=float))


def test_one_component_is_the_normal():
    law, normal = mixture([1], [0.3], [2.0]), stats.norm(0.3, 2.0)
    p, x = np.array([1e-6, 0.025, 0.5, 0.975]), np.linspace(-5, 5, 11)
    np.testing.assert_allclose(law.ppf(p), normal.ppf(p), rtol=1e-13)
    np.testing.assert_allclose(law.cdf(x), normal.cdf(x), rtol=1e-13)
    np.testing.assert_allclose(law.pdf(x), normal.pdf(x), rtol=1e-13)


def test_moments_are_those_of_the_density():
    law = mixture([1, 2, 3], [-1, 0.5, 4], [0.3, 1.0, 2.0])
    mean = quad(lambda x: x * law.pdf(np.array(x)), -30, 30, epsabs=1e-12, points=[-1, 0.5, 4])[0]
    square = quad(lambda x: (x - mean) ** 2 * law.pdf(np.array(x)), -30, 30, epsabs=1e-12, points=[-1, 0.5, 4])[0]
    assert law.mean == pytest.approx(mean, abs=1e-10)
    assert law.sd == pytest.approx(np.sqrt(square), abs=1e-10)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1e-3, 1), st.floats(-50, 50), st.floats(-4, 4).map(lambda e: 10.0**e)),
        min_size=1,
        max_size=6,
    ),
    st.floats(1e-5, 1 - 1e-5),
)
def test_quantiles_invert_the_distribution_function(parts, p):
    law = mixture(*zip(*parts, strict=True))
    x = law.ppf(np.array([p]))
    room = INVERSION + 4 * np.spacing(np.abs(x)) * law.pdf(x)  # x itself is only a double
    assert abs(law.cdf(x)[0] - p) <= room[0]


def test_far_modes_and_heavy_tails_do_not_stop_the_search():
    law = mixture([0.5, 0.499, 0.001], [-1e4, 1e4, 0.0], [1e-3, 1e-3, 1e6])
    p = np.array([1e-4, 0.3, 0.4999, 0.7, 0.9999])
    np.testing.assert_allclose(law.cdf(law.ppf(p)), p, atol=1e-9)


def test_a_sharp_component_between_wide_ones_is_not_stepped_over():
    law = mixture([1, 0.8125, 0.25, 0.34375, 0.46875, 0.125], [0, -49.375, 0, 0, -50, 0], [1, 0.001, 1, 1000, 1, 1])
    x = law.ppf(np.array([0.28125]))
    assert law.cdf(x)[0] == pytest.approx(0.28125, abs=1e-11)


def test_the_ends_are_infinite():
    law = mixture([1, 1], [0, 1], [1, 1])
    assert law.ppf(np.array([0.0]))[0] == -np.inf
    assert law.ppf(np.array([1.0]))[0] == np.inf


def test_many_mixtures_at_once_are_each_as_alone():
    rng = np.random.default_rng(3)
    weight = rng.dirichlet(np.ones(8), 50)
    centre, spread = rng.normal(size=(50, 8)), rng.gamma(2.0, size=(50, 8))
    p = rng.uniform(0.01, 0.99, 50)
    alone = [mixture(w, c, s).ppf(np.array([q]))[0] for w, c, s, q in zip(weight, centre, spread, p, strict=True)]
    np.testing.assert_allclose(quantiles(p, weight, centre, spread), alone, rtol=1e-11)


def test_a_moment_that_does_not_exist_is_nan():
    law = NormalMixture(np.ones(1), np.zeros(1), np.ones(1), moments=1)
    assert law.mean == 0.0
    assert np.isnan(law.sd)


def test_quantiles_are_remembered_for_this_mixture_only():
    one = NormalMixture(np.array([0.4, 0.6]), np.array([0.0, 1.0]), np.array([1.0, 0.5]))
    first = one.ppf(np.array([0.1, 0.5]))
    moved = replace(one, centre=one.centre + 5.0)
    np.testing.assert_allclose(moved.ppf(np.array([0.1, 0.5])), first + 5.0, rtol=1e-13)
    for p in np.linspace(0.01, 0.99, 300):
        one.ppf(np.array([p]))
    assert len(one.known) < 100
    np.testing.assert_array_equal(one.ppf(np.array([0.5, 0.1])), first[::-1])
    assert one.cdf(np.array([60.0]))[0] == 1.0


def test_quantiles_of_a_mixture_of_a_near_point_and_a_very_wide_law():
    weight, spread = np.array([0.2, 0.8 - 1e-30, 1e-30]), np.array([1e-150, 1.0, 1e100])
    law = NormalMixture(weight, np.full(3, 0.3), spread)
    below, above = np.array([0.001, 0.1, 0.35]), np.array([0.65, 0.975])
    wide = stats.norm(0.3, 1.0)  # beside the point it holds all but the point's 0.2
    np.testing.assert_allclose(law.ppf(below), wide.ppf(below / 0.8), rtol=INVERSION)
    np.testing.assert_allclose(law.ppf(above), wide.ppf((above - 0.2) / 0.8), rtol=INVERSION)
    assert law.ppf(np.array([0.45])) == pytest.approx(0.3, abs=1e-15)
