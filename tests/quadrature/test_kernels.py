"""Normal kernels that stand for a density: the mixture is the density, and its error is said."""

import numpy as np
import pytest
from scipy import stats

from poolwise.quadrature.rules.mixture import ENOUGH, MOST_CENTRES, kernels

GAMMA = stats.gengamma(3.0, 2.0)  # smooth, skew, all but 0 at 0


def mixture_pdf(found, x, column=0):
    return stats.norm.pdf(x[:, None], found.centre, found.spread) @ found.weight[:, column]


def of(*laws, ends, middle, width, finest, **settings):
    def density(x):
        return np.stack([law.pdf(x) for law in laws], axis=1)

    return kernels(density, np.ones(len(laws)), ends=ends, middle=middle, width=width, finest=finest, **settings)


def test_the_mixture_is_the_density_between_its_centres():
    law = stats.norm(0.7, 1.3)
    found = of(law, ends=(-8.0, 9.0), middle=0.7, width=2.0, finest=1.3)
    x = np.linspace(-6.0, 7.0, 501)
    assert found.error < ENOUGH
    assert mixture_pdf(found, x) == pytest.approx(law.pdf(x), abs=1e-8)


def test_moments_and_probabilities_are_those_of_the_density():
    law = stats.t(9, 0.5, 2.0)
    found = of(law, ends=(-300.0, 300.0), middle=0.5, width=2.0, finest=2.0)
    weight = found.weight[:, 0]
    assert weight.sum() == pytest.approx(1.0, abs=2.0 * ENOUGH)
    assert weight @ found.centre == pytest.approx(0.5, abs=1e-6)
    x = law.ppf([0.025, 0.3, 0.975])
    below = stats.norm.cdf(x[:, None], found.centre, found.spread) @ weight
    assert below == pytest.approx([0.025, 0.3, 0.975], abs=2.0 * ENOUGH)


def test_several_densities_share_their_kernels():
    laws = stats.norm(-1.0, 1.0), stats.norm(2.0, 0.6)
    found = of(*laws, ends=(-9.0, 9.0), middle=0.0, width=2.0, finest=0.6)
    x = np.linspace(-5.0, 5.0, 101)
    for column, law in enumerate(laws):
        assert mixture_pdf(found, x, column) == pytest.approx(law.pdf(x), abs=1e-7)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_a_change_of_unit_changes_only_the_unit(unit):
    here = of(stats.norm(0.2, 1.0), ends=(-8.0, 8.0), middle=0.0, width=1.0, finest=1.0)
    there = of(stats.norm(0.2 * unit, unit), ends=(-8.0 * unit, 8.0 * unit), middle=0.0, width=unit, finest=unit)
    assert there.centre == pytest.approx(unit * here.centre, rel=1e-9, abs=1e-12 * unit)
    assert there.weight == pytest.approx(here.weight, abs=1e-6)


def test_a_density_with_a_jump_is_said_to_be_missed():
    """No smooth mixture is a uniform density; the estimate does not claim it."""
    found = of(stats.uniform(0.0, 1.0), ends=(-0.5, 1.5), middle=0.5, width=0.5, finest=0.3)
    assert found.error > ENOUGH
    assert len(found.centre) <= MOST_CENTRES


def test_centres_draw_together_until_the_error_is_small_enough():
    rough = of(GAMMA, ends=(-1.0, 8.0), middle=1.5, width=1.5, finest=4.0, enough=1.0)
    fine = of(GAMMA, ends=(-1.0, 8.0), middle=1.5, width=1.5, finest=4.0)
    assert fine.error < rough.error
    assert len(fine.centre) > len(rough.centre)
