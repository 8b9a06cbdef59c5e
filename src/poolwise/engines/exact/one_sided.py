"""Quadrature where the prior on a coefficient has one side, or whatever other shape: over tau and that coefficient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact.mean_priors import of_boxes
from poolwise.engines.exact.posterior import Fitted
from poolwise.engines.means import Means, normal_prior
from poolwise.errors import ModelError, listing
from poolwise.laws import Deferred
from poolwise.model import Model
from poolwise.moments import MOST_MOMENTS
from poolwise.priors import Fixed, Flat, Normal, Prior, RegularizedHorseshoe, TruncatedNormal
from poolwise.quadrature.boxes.box_posterior import BoxPosterior, box_posterior
from poolwise.quadrature.boxes.stated_slopes import StatedSlopes, lengths
from poolwise.quadrature.boxes.variables import Anchored, Spread, Variable
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quantities import Law

Array = NDArray[np.float64]
MOST = 2  # coefficients that are nonlinear parameters beside tau


def is_one_sided(mean: Means) -> bool:
    """Whether a coefficient beside others has a prior on one side of 0, or a truncated one."""
    return mean.p > 1 and any(_is_bounded(prior) for prior in mean.priors)


def _is_bounded(prior: Prior) -> bool:
    return isinstance(prior, TruncatedNormal) or (
        prior.positive and not isinstance(prior, Flat | Fixed | RegularizedHorseshoe)
    )


def one_sided(effects: Effects, model: Model, mean: Means, tolerance: float) -> Fitted:
    """Fit a model whose slope has a prior on one side of 0, integrated beside tau; the other coefficients are normal.

    Parameters
    ----------
    effects : Effects
    model : Model
        With one tau and every prior explicit.
    mean : Means
    tolerance : float

    Returns
    -------
    Fitted

    Raises
    ------
    ModelError
        When more coefficients have priors that are not normal than boxes have room for.
    """
    given, stated = columns(mean)
    pairs = [normal_prior(p) if isinstance(p, Normal | Flat | Fixed) else (0.0, np.inf) for p in mean.priors]
    b, s = np.array(pairs, dtype=float).T
    unknown = mean.spreads
    known = None if unknown else float(model.tau_fixed or 0.0)
    job = StatedSlopes.of(effects.y, effects.v, mean.X, b, s, given, stated, known)
    unit = lengths(effects.v, mean.X, stated)
    variables: list[Variable] = [job.spread(one.prior) for one in unknown]
    variables += [
        _variable(mean.priors[j], float(unit[j]), at) for j, at in zip(given, job.near[: len(given)], strict=True)
    ]
    moments = unknown[0].moments if unknown else MOST_MOMENTS
    watched = [c for c in mean.linear.values() if np.delete(c, np.concatenate([given, stated])).any()]
    posterior, error = box_posterior(
        job, variables, watched, list(mean.new.values()) if known != 0.0 or watched else [],
        moments=moments, mean_moments=mean.moments(moments), tolerance=tolerance,
    )  # fmt: skip
    nodes = SlopeNodes(posterior, tuple(given), tuple(stated), len(unknown))
    return of_boxes(effects, model, mean, nodes, (posterior, error), unknown)


def columns(mean: Means) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Coefficients that are integrated by boxes, and those whose values are stated.

    Raises
    ------
    ModelError
        When they are more than boxes have room for, or an improper or shrinking prior is among them.
    """
    stated = [j for j, prior in enumerate(mean.priors) if isinstance(prior, Fixed)]
    given = [j for j, prior in enumerate(mean.priors) if not isinstance(prior, Normal | Flat | Fixed)]
    names = [f"{name} ~ {prior}" for name, prior in zip(mean.linear, mean.priors, strict=False)]
    if len(given) > MOST or any(isinstance(mean.priors[j], RegularizedHorseshoe) for j in given):
        raise ModelError(
            f"{len(given)} coefficients have priors that are not normal: {listing(names[j] for j in given)}",
            f"at most {MOST} of them, none with a horseshoe; normal or flat priors on the others",
            "NUTS()",
        )
    return np.array(given, dtype=np.intp), np.array(stated, dtype=np.intp)


def _variable(prior: Prior, unit: float, at: float) -> Variable:
    """A coefficient as a coordinate: from 0 where its prior is positive, else from an end, or where the data put it."""
    if prior.positive:
        return Spread(prior, unit)
    ends = [end for end in (prior.lowest, prior.upper) if np.isfinite(end)]
    return Anchored(prior, min(ends, key=lambda end: abs(end - at)) if ends else at, unit)


@final
@dataclass(frozen=True, eq=False)
class SlopeNodes:
    """Mixtures of what is normal given tau and the slopes, and the laws of the slopes themselves.

    Attributes
    ----------
    posterior : BoxPosterior
    given, stated : tuple of int
        Coefficients that are nonlinear parameters, and stated ones.
    before : int
        How many nonlinear parameters come before them.
    """

    posterior: BoxPosterior
    given: tuple[int, ...]
    stated: tuple[int, ...]
    before: int

    def linear(self, c: Array) -> Law:
        """The posterior of a linear combination of the coefficients; of a slope, its marginal law."""
        own = [j for j in self.given if c[j] != 0.0]
        rest = [j for j in np.flatnonzero(c) if j not in self.given]
        if len(own) == 1 and not rest and c[own[0]] == 1.0:
            axis = self.before + self.given.index(own[0])
            return Deferred(partial(self.posterior.marginal, axis))
        return self.posterior.linear(c)

    def new(self, c: Array) -> NormalMixture:
        """The posterior of the true effect in a new study with the mean effect c'beta."""
        return self.posterior.new(c)

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect in study i."""
        return self.posterior.theta(i)
