"""Mixtures of priors for mu: the robust meta-analytic-predictive prior and its like."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from poolwise.errors import ModelError, shown
from poolwise.priors._base import Array, Prior
from poolwise.priors._line import Normal
from poolwise.priors._student import Cauchy, StudentT
from poolwise.priors.bisection import bracketed
from poolwise.settings import as_number, as_numbers

SUM_TO_ONE = 1e-9  # weights typed with ten digits are meant to sum to 1
Component = Normal | StudentT | Cauchy


@final
@dataclass(frozen=True)
class Mixture(Prior):
    """Mixture of normal, t and Cauchy priors for mu: density sum_j weight_j p_j(mu).

    A robust MAP prior mixes what earlier studies say with something vague, so that a conflict between the two and
    the data costs little.

    Attributes
    ----------
    weights : tuple of float
        Above 0, summing to 1.
    components : tuple of Normal, StudentT or Cauchy
        As many.

    Notes
    -----
    No weights or components are the default: a robust prior says how far it trusts earlier studies. Without a `metric`
    it is taken as given for the data at hand.

    References
    ----------
    Schmidli et al. 2014, Biometrics 70:1023, 10.1111/biom.12242.

    Examples
    --------
    >>> from poolwise.priors import Normal
    >>> robust = Mixture((0.8, 0.2), (Normal(-0.3, 0.1), Normal(0, 1)))
    >>> print(robust, robust.cdf(0.0).round(3))
    Mixture(0.8 Normal(-0.3, 0.1) + 0.2 Normal(0, 1)) 0.899
    """

    weights: tuple[float, ...]
    components: tuple[Component, ...]
    metric: str | None = None
    positive: ClassVar[bool] = False
    vectorised: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("weights", "components"):
            value = getattr(self, name)
            if not isinstance(value, Iterable):
                raise ModelError(f"Mixture has {name} = {shown(value)}", "one for each component, in a list")
            object.__setattr__(self, name, tuple(value))
        wrong = [part for part in self.components if not isinstance(part, Component)]
        if wrong or not self.components:
            raise ModelError(
                f"Mixture has the component {wrong[0]!r}" if wrong else "Mixture has no component",
                "Normal, StudentT or Cauchy",
                "Mixture((0.8, 0.2), (Normal(-0.3, 0.1), Normal(0, 1)))",
            )
        if len(self.weights) != len(self.components) or not all(as_number(w) > 0.0 for w in self.weights):
            raise ModelError(
                f"Mixture has the weights {shown(self.weights)} for {len(self.components)} components",
                "a weight above 0 for each",
            )
        if not abs(math.fsum(self.weights) - 1.0) < SUM_TO_ONE:
            raise ModelError(f"the weights of Mixture sum to {math.fsum(self.weights):.6g}", "weights that sum to 1")

    @property
    def tail_power(self) -> float:
        """That of the component with the heaviest tail."""
        return min(part.tail_power for part in self.components)

    @property
    def spread(self) -> float:
        """Standard deviation; inf where a component has none."""
        if any(math.isinf(part.spread) for part in self.components):
            return math.inf
        mean = math.fsum(w * part.mean for w, part in zip(self.weights, self.components, strict=True))
        pairs = zip(self.weights, self.components, strict=True)
        return math.sqrt(math.fsum(w * (part.spread**2 + (part.mean - mean) ** 2) for w, part in pairs))

    def log_density(self, x: Array, *parameters: Array | float) -> Array:
        """Log of the weighted sum of the components' densities."""
        parts = np.stack([part.log_pdf(x) for part in self.components], axis=-1)
        return np.asarray(logsumexp(parts + np.log(self.weights), axis=-1))

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return np.stack([part.cdf(x) for part in self.components], axis=-1) @ np.array(self.weights)

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """Quantile at p, by bisection between the components' quantiles; same shape as p."""
        p = as_numbers("p", p)
        ends = np.stack([part.ppf(p) for part in self.components])
        return bracketed(self.cdf, p, ends.min(axis=0), ends.max(axis=0))

    def scaled(self, factor: float) -> Mixture:
        """The mixture of the scaled components."""
        return replace(self, components=tuple(part.scaled(factor) for part in self.components))

    def __str__(self) -> str:
        parts = (f"{w:.6g} {part}" for w, part in zip(self.weights, self.components, strict=True))
        return f"Mixture({' + '.join(parts)})"
