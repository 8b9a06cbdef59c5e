"""Groups of studies that share nothing: one quadrature each, and sums of what they estimate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quadrature.rules.mixture import NormalMixture

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
NEGLIGIBLE = 1e-17  # probability of a pair of nodes that is left out


@final
@dataclass(frozen=True, eq=False)
class Independent:
    """Posteriors of groups with a mean effect and a tau of their own.

    Attributes
    ----------
    groups : tuple of TauPosterior
        One for each group, of a single job with one coefficient.
    group, place : ndarray
        Group of each study, and its row within it, shape (k,).
    """

    groups: tuple[TauPosterior, ...]
    group: Ints
    place: Ints

    def linear(self, c: Array) -> NormalMixture:
        """The posterior of sum_g c_g mu_g."""
        parts = [self._scaled(int(g), float(c[g])) for g in np.flatnonzero(c)]
        return reduce(_sum, parts)

    def new(self, c: Array) -> NormalMixture:
        """The posterior of the true effect in a new study of the one group whose weight is not 0."""
        (g,) = np.flatnonzero(c)
        return self.groups[int(g)].mixtures.new()

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect in study i."""
        return self.groups[int(self.group[i])].mixtures.theta(int(self.place[i]))

    def _scaled(self, g: int, factor: float) -> NormalMixture:
        law = self.groups[g].mixtures.linear()
        return NormalMixture(law.weight, factor * law.centre, abs(factor) * law.spread, law.moments)


def _sum(one: NormalMixture, other: NormalMixture) -> NormalMixture:
    """The law of the sum of two independent mixtures."""
    weight = np.outer(one.weight, other.weight).reshape(-1)
    keep = weight > NEGLIGIBLE
    centre = np.add.outer(one.centre, other.centre).reshape(-1)
    spread = np.hypot.outer(one.spread, other.spread).reshape(-1)
    return NormalMixture(weight[keep], centre[keep], spread[keep], min(one.moments, other.moments))
