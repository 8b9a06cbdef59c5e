"""Linear combinations of the means of exchangeable groups, by the exact engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.exact.group_contrasts import combination
from poolwise.exact.mixture import NormalMixture
from poolwise.quantities import IntervalKind, Posterior

if TYPE_CHECKING:
    from poolwise.engines._exact_joint import Grouped

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Contrasts:
    """Makes posteriors of linear combinations of the groups' means.

    Attributes
    ----------
    fitted : Grouped
    kind : str
        Of the intervals.
    """

    fitted: Grouped
    kind: IntervalKind

    def __call__(self, c: Array, *, new: bool) -> Posterior:
        """The posterior of c'mu, c of shape (G,); `new` is for models with a design, which these are not."""
        assert not new
        return Posterior(self.law(c), self.kind)

    def law(self, c: Array) -> NormalMixture:
        """The law of c'mu, with the moments that every mean in it has."""
        named = np.flatnonzero(c)
        moments = min(self.fitted.moments.mu[o] for o in named)
        if len(named) > 1:
            return replace(combination(self.fitted.posterior, c), moments=min(moments, 2))
        one, times = self.fitted.mu(int(named[0])), float(c[named[0]])
        return replace(one, centre=times * one.centre, spread=abs(times) * one.spread)

    @property
    def named(self) -> dict[str, Array]:
        """Weights of the groups' means in each of them, and in each difference from the first one."""
        unit = np.eye(len(self.fitted.names))
        first, *others = self.fitted.names
        each = {f"mu[{name}]": unit[o] for o, name in enumerate(self.fitted.names)}
        return each | {f"mu[{name}] - mu[{first}]": unit[o] - unit[0] for o, name in enumerate(others, start=1)}
