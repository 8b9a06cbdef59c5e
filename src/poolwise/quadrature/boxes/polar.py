"""Total heterogeneity and its share between clusters, as the polar coordinates of the two standard deviations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Flat, Prior
from poolwise.quadrature.boxes.box_posterior import BoxPosterior
from poolwise.quadrature.boxes.boxes import integrate
from poolwise.quadrature.boxes.variables import Spread
from poolwise.quadrature.one_tau.jobs import TauPriors
from poolwise.quadrature.rules.panel_law import PanelLaw

Array = NDArray[np.float64]
TOLERANCE = 1e-8
ANGLES = np.linspace(0.0, 0.5 * np.pi, 5)


@final
@dataclass(frozen=True, eq=False)
class Angle:
    """An angle between 0 and pi / 2, itself the coordinate."""

    @property
    def edges(self) -> Array:
        """First edges."""
        return ANGLES

    def parameter(self, x: Array) -> Array:
        """X itself."""
        return x

    def coordinate(self, value: Array) -> Array:
        """The angle itself."""
        return np.asarray(value, dtype=float)

    def log_prior(self, x: Array) -> Array:
        """0: the density of the two standard deviations is transformed as a whole."""
        return np.zeros_like(x)

    def log_slope(self, x: Array) -> Array:
        """0."""
        return np.zeros_like(x)


@final
@dataclass(frozen=True, eq=False)
class Polar:
    """The posterior of tau = sqrt(tau_between^2 + tau_within^2) and of the angle whose sine is tau_between / tau.

    Attributes
    ----------
    posterior : BoxPosterior
        Of (tau_between, tau_within).
    priors : tuple of Prior
        On the two.
    """

    posterior: BoxPosterior
    priors: tuple[Prior, Prior]

    @cached_property
    def _turned(self) -> BoxPosterior:
        model = self.posterior.model
        unit = min(variable.unit for variable in self.posterior.variables if isinstance(variable, Spread))
        radius, angle = Spread(Flat(), unit), Angle()

        def evaluate(x: Array) -> Array:
            r, a = radius.parameter(x[0]), x[1]
            phi = np.stack([r * np.sin(a), r * np.cos(a)])
            values = model.given(phi)[:1]
            with np.errstate(divide="ignore"):
                values[0] += np.log(r) + radius.log_slope(x[0])
            values[0] += sum(prior.log_pdf(one) for prior, one in zip(self.priors, phi, strict=True))
            return values

        boxes = integrate(evaluate, [radius.edges, angle.edges], TOLERANCE)
        return BoxPosterior(model, (radius, angle), boxes, self.posterior.moments, self.posterior.mean_moments)

    def total(self) -> PanelLaw:
        """The law of tau."""
        return self._turned.marginal(0)

    def angle(self) -> PanelLaw:
        """The law of the angle."""
        return self._turned.marginal(1)

    def mean_and_sd(self, of: Callable[[Array, Array], Array]) -> tuple[float, float]:
        """Mean and sd of a bounded function of tau and the angle."""
        weight, (r, a), _ = self._turned.nodes
        values = of(r, a)
        mean = float(weight @ values)
        return mean, float(np.sqrt(weight @ (values - mean) ** 2))


def is_sharp(prior: Prior) -> bool:
    """Whether a prior is narrow along a curve of the turned axes, which no panel of theirs would follow."""
    return TauPriors.of([prior]).narrow().size > 0
