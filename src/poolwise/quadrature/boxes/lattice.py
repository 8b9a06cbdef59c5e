"""Densities along one variable, given others, on lattices of equal steps; and as sums of normal kernels.

The trapezoidal rule on a lattice integrates an analytic density that falls off at both ends to an error of order
exp(-c / step), and normal kernels about as wide as their distance agree with it everywhere as exactly. A sum of kernels
stays smooth where a law about it is narrower than the steps, as point masses would not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

SIZES = (48, 96, 192, 384, 768)  # points of a lattice, the fewest that resolve a density
FIRST_LOOK = 16  # points of a coarse look at where a density is
MOST_LOOKS = 14
NARROWED = 0.6  # share of the width that is left where another look pays
NATS = 38.0  # below the maximum at which a density is left out: 3e-17
HIGHER = 1.25  # times as high a density may be as the straight line between two points
WIDE = 1.05  # widths of kernels over their distance: wider is more exact and worse conditioned
REACH = 160  # points beyond which no kernel's weight depends on a density: 0.64^80 = 3e-16 on either side
TINY = np.finfo(float).tiny
_ROOT_2PI = np.sqrt(2.0 * np.pi)


class Line(Protocol):
    """A density along z for each of N values of the other parameters phi, shape (d, N)."""

    def log_density(self, z: Array, phi: Array) -> Array:
        """Log density at z of shape (N, M)."""

    def reach(self, phi: Array) -> tuple[Array, Array]:
        """Ends between which the density lies, shape (N,) each, however generous."""


@final
@dataclass(frozen=True, eq=False)
class Lattice:
    """Log densities at first + step q, q = 0, ..., M - 1.

    Attributes
    ----------
    first, step : ndarray
        Shape (N,).
    log_density : ndarray
        Shape (N, M).
    """

    first: Array
    step: Array
    log_density: Array

    @property
    def z(self) -> Array:
        """The points, shape (N, M)."""
        return self.first[:, None] + self.step[:, None] * np.arange(self.log_density.shape[1])

    @property
    def log_total(self) -> Array:
        """Log integrals by the trapezoidal rule, shape (N,)."""
        return np.asarray(logsumexp(self.log_density, axis=1) + np.log(self.step))

    @property
    def mismatch(self) -> Array:
        """How far the three rules on every third point differ, relative to their sum; shape (N,).

        The size of the density's spectrum at two thirds of the highest frequency that the points tell, wherever they
        lie: the error of the rule on all points is its cube, or less.
        """
        height = np.exp(self.log_density - self.log_density.max(axis=1, keepdims=True))
        a, b, c = (height[:, start::3].sum(axis=1) for start in range(3))
        return np.sqrt(0.5 * ((a - b) ** 2 + (b - c) ** 2 + (c - a) ** 2)) / (a + b + c)

    def at(self, rows: Ints | NDArray[np.bool_]) -> Lattice:
        """Some of the densities."""
        return Lattice(self.first[rows], self.step[rows], self.log_density[rows])

    def relative(self) -> Array:
        """Density x step, that sums to 1; shape (N, M)."""
        return np.exp(self.log_density - (self.log_total - np.log(self.step))[:, None])


def lattices(line: Line, phi: Array, enough: float) -> Iterator[tuple[Ints, Lattice]]:
    """Lattices on which the densities are resolved, with the numbers of the densities; together they have each once.

    Parameters
    ----------
    line : Line
    phi : ndarray
        Shape (d, N).
    enough : float
        Mismatch at which a density counts as resolved.

    Yields
    ------
    tuple of ndarray and Lattice
        A density that the longest lattice does not resolve is among the last.
    """
    low, high = (np.array(end, dtype=float) for end in line.reach(phi))
    rows = np.arange(phi.shape[1])
    for look, size in enumerate((SIZES[0], *SIZES)):  # the first time without a look at where the density is
        if look == 1:
            low[rows], high[rows] = _placed(line, phi[:, rows], low[rows], high[rows])
        step = (high[rows] - low[rows]) / (size - 1)
        z = low[rows][:, None] + step[:, None] * np.arange(size)
        found = Lattice(low[rows], step, line.log_density(z, phi[:, rows]))
        done = found.mismatch <= enough if size < SIZES[-1] else np.ones(len(rows), dtype=bool)
        if done.any():
            yield rows[done], found.at(done)
        rows = rows[~done]
        if not len(rows):
            return


def kernel_weights(density: Array, about: Array | None = None) -> Array:
    """Weights of normal kernels of spread WIDE x step on a lattice whose sum agrees with densities there.

    Parameters
    ----------
    density : ndarray
        Density x step at the points, shape (N, M).
    about : ndarray, optional
        Density x step of a law convolved with the kernel, shape (N, L), at points as far apart.

    Returns
    -------
    ndarray
        Shape (N, M), or (N, M + L - 1) for the convolution of both; a few may be slightly below 0.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    length = density.shape[1] + (0 if about is None else about.shape[1] - 1)
    size = next_fast_len(length + REACH, real=True)
    apart = np.minimum(np.arange(size), size - np.arange(size)) / WIDE
    kernel = rfft(np.exp(-0.5 * apart * apart) / (_ROOT_2PI * WIDE))
    spectrum = rfft(density, size, axis=1) / kernel
    if about is not None:
        spectrum *= rfft(about, size, axis=1) / kernel
    return irfft(spectrum, size, axis=1)[:, :length]


def drawn(line: Line, lattice: Lattice, phi: Array, rng: np.random.Generator) -> Array:
    """A draw of each density, by rejection from straight lines between its points; exact whatever the step.

    Parameters
    ----------
    line : Line
    lattice : Lattice
    phi : ndarray
        Of its densities, shape (d, N).
    rng : Generator

    Returns
    -------
    ndarray
        Shape (N,).
    """
    height = lattice.log_density - lattice.log_density.max(axis=1, keepdims=True)
    f = np.exp(height)
    below = np.cumsum(f[:, 1:] + f[:, :-1], axis=1)
    out, above = np.full(len(f), np.nan), HIGHER
    while (left := np.flatnonzero(np.isnan(out))).size:
        cell = (rng.random(len(left))[:, None] * below[left, -1:] >= below[left]).sum(axis=1)
        a, b = f[left, cell], f[left, cell + 1]
        u, mixed = rng.random(len(left)), rng.random(len(left)) * (a + b) < a
        share = np.where(mixed, 1.0 - np.sqrt(u), np.sqrt(u))  # the line is a mixture of two triangles
        z = lattice.first[left] + lattice.step[left] * (cell + share)
        top = lattice.log_density[left].max(axis=1)
        ratio = np.exp(line.log_density(z[:, None], phi[:, left])[:, 0] - top) / (a + (b - a) * share)
        if (ratio > above).any():  # the lines lie lower than was thought: begin anew
            above, out = 1.5 * float(ratio.max()), np.full(len(f), np.nan)
            continue
        accepted = rng.random(len(left)) * above < ratio
        out[left[accepted]] = z[accepted]
    return out


def _placed(line: Line, phi: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Ends beyond which the densities are negligible, found by coarse looks that close in."""
    rows, share = np.arange(len(low)), np.linspace(0.0, 1.0, FIRST_LOOK)
    low, high = low.copy(), high.copy()
    for _ in range(MOST_LOOKS):
        width = high[rows] - low[rows]
        z = low[rows][:, None] + width[:, None] * share
        height = line.log_density(z, phi[:, rows])
        held = height > height.max(axis=1, keepdims=True) - NATS
        first = np.maximum(held.argmax(axis=1) - 1, 0)
        last = np.minimum(FIRST_LOOK - held[:, ::-1].argmax(axis=1), FIRST_LOOK - 1)
        at = np.arange(len(rows))
        low[rows], high[rows] = z[at, first], z[at, last]
        rows = rows[(high[rows] - low[rows]) < NARROWED * width]
        if not len(rows):
            break
    return low, high
