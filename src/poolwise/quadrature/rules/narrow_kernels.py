"""A smooth density as a normal mixture with few components: normal kernels whose sum agrees with it at their centres.

On centres x_j = centre + width sinh(h j) with kernels as wide as the centres are apart, K c = f with
K_ij = N(x_i; x_j, s_j^2) gives weights whose mixture agrees with an analytic density f everywhere, to an error that
falls geometrically with 1 / h. Components as wide as their distance stay smooth under any linear map, where point
masses on nodes would not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WIDE = 1.05  # kernel widths over the distance of centres: wider is more exact and worse conditioned
ENOUGH = 1e-8  # probability by which the mixture may miss the whole
MOST = 400  # centres
_ROOT_2PI = np.sqrt(2.0 * np.pi)


@final
@dataclass(frozen=True, eq=False)
class Kernels:
    """Normal kernels and their weights.

    Attributes
    ----------
    centre, spread : ndarray
        Shape (J,).
    weight : ndarray
        Weights for each of T densities, shape (J, T); a few may be slightly below 0.
    error : float
        Sum over the densities of what the weights miss of their totals.
    """

    centre: Array
    spread: Array
    weight: Array
    error: float


def kernels(
    density: Callable[[Array], Array],
    total: Array,
    *,
    ends: tuple[float, float],
    middle: float,
    width: float,
    finest: float,
    enough: float = ENOUGH,
) -> Kernels:
    """Kernels whose mixtures are given densities.

    Parameters
    ----------
    density : callable
        Maps points (J,) to densities, shape (J, T).
    total : ndarray
        Their integrals, shape (T,).
    ends : tuple of float
        Between which the centres lie.
    middle, width : float
        Where, and over what length, the centres stand at equal distances; farther out the distance grows.
    finest : float
        About the shortest length on which a density changes.
    enough : float
        Error at which no closer centres are tried.

    Returns
    -------
    Kernels
    """
    step = min(finest / (3.5 * width), 0.25)
    best = None
    while True:
        low, high = (np.arcsinh((end - middle) / width) for end in ends)
        x = np.arange(low - 2.0 * step, high + 3.0 * step, step)
        centre, spread = middle + width * np.sinh(x), WIDE * step * width * np.cosh(x)
        z = (centre[:, None] - centre) / spread
        weight = np.linalg.solve(np.exp(-0.5 * z * z) / (_ROOT_2PI * spread), density(centre))
        error = float(np.abs(weight.sum(axis=0) - total).sum() / np.abs(total).sum())
        found = Kernels(centre, spread, weight, error)
        best = found if best is None or found.error < best.error else best
        if error < enough or 1.4 * len(x) > MOST:
            return best
        step /= 1.4
