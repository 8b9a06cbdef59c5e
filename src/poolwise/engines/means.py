"""The mean effects of a model as linear combinations of coefficients: design, priors, names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model import Model
from poolwise.model.missing_levels import MissingLevels
from poolwise.model.structure import NormalStructure
from poolwise.priors import Fixed, Flat, Normal, Prior, RegularizedHorseshoe

if TYPE_CHECKING:
    from poolwise.moments import Spread

Array = NDArray[np.float64]
Split = tuple[tuple[str, ...], tuple[NDArray[np.intp], ...]]


@final
@dataclass(frozen=True, eq=False)
class Means:
    """Mean effects X beta.

    Attributes
    ----------
    structure : NormalStructure
        All that the model states.
    priors : tuple of Prior
        One for each coefficient; empty where the model leaves them open.
    """

    structure: NormalStructure
    priors: tuple[Prior, ...]

    @property
    def X(self) -> Array:  # noqa: N802 - the symbol of the field
        """Design, shape (k, p)."""
        return self.structure.X

    @cached_property
    def linear(self) -> Mapping[str, Array]:
        """Weights of the coefficients in each named mean effect or contrast, shape (p,)."""
        return self.structure.linear

    @cached_property
    def new(self) -> Mapping[str, Array]:
        """The same for the true effects in new studies."""
        return dict(zip(self.structure.new.names, self.structure.new.X, strict=True))

    @property
    def design(self) -> Design | None:
        """What X was made from, where there are moderators."""
        return self.structure.design

    @property
    def absent(self) -> Mapping[str, str]:
        """Why a quantity that other models have is not here."""
        return self.structure.absent

    @property
    def Z(self) -> Array | None:  # noqa: N802
        """Moderators of log tau, centred, shape (k, r), of a location-scale model."""
        return next((layer.scale for layer in self.structure.layers if layer.scale is not None), None)

    @property
    def gaps(self) -> MissingLevels | None:
        """Where moderators of words miss values; the rows of X are then expected ones there."""
        return self.structure.gaps

    def kept(self, keep: NDArray[np.bool_]) -> Means:
        """The mean effects of the rows where the mask is true, in the coefficients of the whole table."""
        return replace(self, structure=self.structure.at(np.flatnonzero(keep)))

    def without(self, names: Iterable[str], reason: str) -> Means:
        """The same where quantities that the model has are not answered, with the reason."""
        absent = {**self.absent, **dict.fromkeys(names, reason)}
        return replace(self, structure=replace(self.structure, absent=absent))

    @property
    def certain(self) -> Array:
        """The columns of X that are not of pooled levels, of the rows whose levels are all known."""
        own = self.structure.own
        return own if self.gaps is None else own[~self.gaps.here]

    @cached_property
    def spreads(self) -> tuple[Spread, ...]:
        """The unknown standard deviations, and what the tails of their posteriors depend on."""
        from poolwise.moments import spreads_of  # here, since `import poolwise` needs no quadrature

        return spreads_of(self.structure)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return self.structure.p

    @property
    def proper(self) -> bool:
        """Whether every coefficient has a proper prior."""
        return all(prior.proper for prior in self.priors)

    def moments(self, of_spreads: int) -> int:
        """Highest moment of the coefficients that exists, at most 2, from that of the standard deviations.

        Under a flat prior it follows theirs. Under a t prior the coefficient returns to its prior as tau grows, so
        that its m-th moment exists if m < df, or else if tau has its moment m - df (its first one where m = df).
        """

        def exists(m: int, prior: Prior) -> bool:
            if not prior.proper:
                return m <= of_spreads
            df = _degrees_of_freedom(prior)
            return m < df or of_spreads >= max(1, math.ceil(m - df))

        return max((m for m in (1, 2) if all(exists(m, prior) for prior in self.priors)), default=0)

    def normal_priors(self) -> tuple[Array, Array]:
        """Means and standard deviations of normal priors, infinite for flat ones, shape (p,) each.

        Raises
        ------
        ModelError
            For a prior that is neither.
        """
        pairs = [normal_prior(prior, name) for name, prior in zip(self.linear, self.priors, strict=False)]
        b, s = np.array(pairs, dtype=float).T
        return b, s


def normal_prior(prior: Prior, name: str = "mu") -> tuple[float, float]:
    """Mean and sd of a prior on a coefficient; an infinite sd for the flat one, 0 for a known value."""
    if isinstance(prior, Flat):
        return 0.0, np.inf
    if isinstance(prior, Fixed):
        return prior.value, 0.0
    if isinstance(prior, Normal):
        return prior.mean, prior.sd
    raise ModelError(f"{name} ~ {prior} is not supported for this model", "a normal or flat prior", "Normal(0, 1)")


def _degrees_of_freedom(prior: Prior) -> float:
    """Of a t prior, or of one whose tail falls like that of a t, on one side of 0 or both; infinite for light tails."""
    return prior.slab_df if isinstance(prior, RegularizedHorseshoe) else prior.tail_power - 1.0


def means(effects: Effects, model: Model) -> Means:
    """The mean effects of a model.

    Parameters
    ----------
    effects : Effects
    model : Model
        With or without its priors explicit.

    Returns
    -------
    Means

    Raises
    ------
    ModelError
        When true effects are not normal given the standard deviations.
    """
    structure = model.structure(effects)
    if structure is None:
        raise ModelError(f"{model.label}: true effects are not normal given their standard deviations")
    return means_of(structure)


def means_of(structure: NormalStructure) -> Means:
    """The mean effects of what a model states.

    Parameters
    ----------
    structure : NormalStructure

    Returns
    -------
    Means
    """
    priors = (structure.priors[name] for name in structure.coefficients if name in structure.priors)
    return Means(structure, tuple(priors))
