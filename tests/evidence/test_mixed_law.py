"""Laws with a point mass: jump, flat part, moments and draws, against sums written out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from poolwise.evidence.mixed_law import MixedLaw, sides
from poolwise.laws import Mirrored
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quantities import Posterior

INVERSION = 1e-12  # the distribution function rounds at 1e-16, and no density below is under 1e-3


def normal(mean, sd):
    return NormalMixture(np.ones(1), np.array([float(mean)]), np.array([float(sd)]))


LAW = MixedLaw((normal(-0.5, 0.4), normal(1.0, 2.0)), np.array([0.5, 0.2]), 0.0, 0.3)
PARTS = (stats.norm(-0.5, 0.4), stats.norm(1.0, 2.0))
BEFORE = 0.5 * PARTS[0].cdf(0.0) + 0.2 * PARTS[1].cdf(0.0)


def test_the_distribution_function_jumps_at_the_atom():
    assert float(LAW.cdf(np.array(0.0))) == pytest.approx(BEFORE + 0.3, abs=1e-15)
    assert float(LAW.before(np.array(0.0))) == pytest.approx(BEFORE, abs=1e-15)
    for x in (-2.0, -0.1, 0.1, 5.0):
        by_hand = 0.5 * PARTS[0].cdf(x) + 0.2 * PARTS[1].cdf(x) + 0.3 * (x >= 0)
        assert float(LAW.cdf(np.array(x))) == pytest.approx(by_hand, abs=1e-15)
        assert float(LAW.before(np.array(x))) == pytest.approx(by_hand, abs=1e-15)


def test_the_quantile_function_is_flat_where_the_atom_is():
    inside = BEFORE + np.array([1e-9, 0.15, 0.3 - 1e-9])
    np.testing.assert_array_equal(LAW.ppf(inside), 0.0)
    assert LAW.ppf(np.array([BEFORE - 1e-6]))[0] < 0.0 < LAW.ppf(np.array([BEFORE + 0.3 + 1e-6]))[0]
    assert tuple(LAW.ppf(np.array([0.0, 1.0]))) == (-np.inf, np.inf)


@given(st.floats(1e-6, 1 - 1e-6))
def test_beside_the_atom_quantiles_invert_the_distribution_function(p):
    if not BEFORE - 1e-6 < p < BEFORE + 0.3 + 1e-6:
        x = LAW.ppf(np.array([p]))
        assert LAW.cdf(x)[0] == pytest.approx(p, abs=INVERSION)


def test_the_density_is_that_of_the_continuous_part():
    area = quad(lambda x: float(LAW.pdf(np.array(x))), -20, 20, points=[-0.5, 0, 1], epsabs=1e-12)[0]
    assert area == pytest.approx(1 - LAW.atom_probability, abs=1e-10)


def test_mean_and_sd_hold_the_point_mass():
    mean = 0.5 * -0.5 + 0.2 * 1.0
    second = 0.5 * (0.4**2 + 0.5**2) + 0.2 * (2.0**2 + 1.0)
    assert LAW.mean == pytest.approx(mean)
    assert LAW.sd == pytest.approx(np.sqrt(second - mean**2))


def test_draws_hold_the_atom_as_often_as_it_is_probable():
    draws = LAW.sample(20_000, np.random.default_rng(1))
    hits = int((draws == 0.0).sum())
    assert stats.binomtest(hits, 20_000, 0.3).pvalue > 1e-3
    rest = draws[draws != 0.0]
    continuous = lambda x: (0.5 * PARTS[0].cdf(x) + 0.2 * PARTS[1].cdf(x)) / 0.7  # noqa: E731
    assert stats.kstest(rest, continuous).pvalue > 1e-3


def test_a_law_without_atom_is_a_plain_mixture():
    plain = MixedLaw((normal(0, 1), normal(3, 1)), np.array([0.4, 0.6]))
    together = NormalMixture(np.array([0.4, 0.6]), np.array([0.0, 3.0]), np.ones(2))
    p = np.array([0.0, 0.01, 0.5, 0.99, 1.0])
    np.testing.assert_allclose(plain.ppf(p), together.ppf(p), rtol=INVERSION)
    assert plain.sd == pytest.approx(together.sd)


def test_a_law_that_is_all_atom_or_whose_parts_have_no_weight_left():
    certain = MixedLaw((normal(0, 1),), np.zeros(1), 0.0, 1.0)
    np.testing.assert_array_equal(certain.ppf(np.array([0.0, 0.3, 1.0])), 0.0)
    assert (certain.mean, certain.sd) == (0.0, 0.0)
    np.testing.assert_array_equal(certain.sample(5, np.random.default_rng(0)), 0.0)
    tiny = MixedLaw((normal(0, 1), normal(50, 0.1)), np.array([0.0, 1.0]))
    assert tiny.ppf(np.array([0.5]))[0] == pytest.approx(50.0, rel=INVERSION)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(1e-3, 20), st.floats(0.01, 1)), min_size=1, max_size=3),
    st.floats(0.0, 1.0),
)
def test_quantiles_rise_and_meet_the_distribution_function(parts, atom):
    total = sum(weight for *_, weight in parts) + atom
    law = MixedLaw(
        tuple(normal(mean, sd) for mean, sd, _ in parts),
        np.array([weight for *_, weight in parts]) / total,
        0.0,
        atom / total,
    )
    p = np.linspace(0.001, 0.999, 37)
    x = law.ppf(p)
    assert (np.diff(x) >= 0).all()
    assert (law.cdf(x) >= p - 1e-11).all()
    assert all(float(law.before(np.array(float(one)))) <= q + 1e-11 for one, q in zip(x, p, strict=True))


def test_the_mirror_image_has_every_number_mirrored():
    image, x = Posterior(Mirrored(LAW)), np.array([-0.7, 0.0, 0.2])
    lower, upper = Posterior(LAW).interval(0.9)
    assert image.interval(0.9) == (-upper, -lower)
    np.testing.assert_array_equal(image.pdf(-x), LAW.pdf(x))
    np.testing.assert_array_equal(image.cdf(-x), 1.0 - LAW.before(x))
    assert image.probability(lower=-0.7, upper=0.2) == pytest.approx(
        float(LAW.before(np.array(0.7)) - LAW.before(np.array(-0.2))), abs=1e-15
    )
    assert sides(image.law) == tuple(reversed(sides(LAW)))
    assert (image.sample(5, 1) == -Posterior(LAW).sample(5, 1)).all()
