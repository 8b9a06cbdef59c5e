"""Lattices along one variable: totals, kernels that stand for densities, and draws."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special, stats

from poolwise.quadrature.boxes.lattice import SIZES, WIDE, drawn, kernel_weights, lattices


@dataclass(frozen=True)
class Gumbel:
    """log c - x - e^-x at x = (z - place) / scale: a density with two different tails, and total c scale."""

    c: float = 3.0

    def log_density(self, z, phi):
        place, scale = (part[:, None] for part in phi)
        x = (z - place) / scale
        with np.errstate(over="ignore"):
            return np.log(self.c) - x - np.exp(-x)

    def reach(self, phi):
        return np.full(phi.shape[1], -1e4), np.full(phi.shape[1], 1e4)


PHI = np.array([[0.0, 5.0, -700.0, 1e-3], [1.0, 0.01, 30.0, 1e-3]])


def collected(line, phi, enough):
    return [(int(i), lattice.at(np.array([at]))) for rows, lattice in lattices(line, phi, enough)
            for at, i in enumerate(rows)]  # fmt: skip


def test_totals_are_right_wherever_and_however_narrow_a_density_is():
    found = dict(collected(Gumbel(), PHI, 1e-4))
    assert sorted(found) == [0, 1, 2, 3]
    for i, lattice in found.items():
        assert lattice.log_total[0] == pytest.approx(np.log(3.0 * PHI[1, i]), abs=1e-11)
        assert lattice.log_density.shape[1] < SIZES[-1]


def test_the_mismatch_bounds_the_error_wherever_the_points_lie():
    for place in np.linspace(0.0, 1.0, 7):
        line, phi = Gumbel(), np.array([[place], [1.0]])
        ((_, lattice),) = collected(line, phi, 1e-2)
        assert abs(np.expm1(lattice.log_total[0] - np.log(3.0))) < lattice.mismatch[0] ** 2


def test_kernels_stand_for_the_density():
    ((_, lattice),) = collected(Gumbel(), PHI[:, :1], 1e-6)
    weight, spread = kernel_weights(lattice.relative())[0], WIDE * lattice.step[0]
    x = np.linspace(-3.0, 8.0, 301)
    seen = stats.norm.pdf(x[:, None], lattice.z[0], spread) @ weight
    assert weight.sum() == pytest.approx(1.0, abs=1e-8)
    assert seen == pytest.approx(stats.gumbel_r.pdf(x), abs=1e-7)


def test_kernels_of_a_convolution_stand_for_it_however_narrow_the_law_is():
    ((_, lattice),) = collected(Gumbel(), PHI[:, :1], 1e-6)
    step, spread = lattice.step[0], WIDE * lattice.step[0]
    for sd in (0.0, 0.01, 1.0):
        about = step * np.arange(-60, 61)
        smooth = stats.norm.pdf(about, 0.0, np.hypot(sd, spread)) * step
        weight = kernel_weights(lattice.relative(), smooth[None])[0]
        centre = lattice.first[0] + step * np.arange(-60, len(weight) - 60)
        below = special.ndtr((2.0 - centre) / spread) @ weight
        u = (np.arange(20_000) + 0.5) / 20_000
        expected = stats.gumbel_r.cdf(2.0 - sd * special.ndtri(u)).mean()
        assert below == pytest.approx(expected, abs=1e-7), sd


def test_draws_have_the_law_of_the_density():
    phi = np.tile(PHI[:, :1], 4000)
    for rows, lattice in lattices(Gumbel(), phi, 1e-4):
        draws = drawn(Gumbel(), lattice, phi[:, rows], np.random.default_rng(7))
        assert len(draws) == 4000
        assert stats.kstest(draws, stats.gumbel_r.cdf).pvalue > 1e-3
