"""The mean effects of a model as linear combinations of coefficients: design, priors, names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model import Model
from poolwise.model.missing_levels import MissingLevels
from poolwise.model.structure import NormalStructure
from poolwise.priors import Cauchy, Fixed, Flat, Normal, Prior, RegularizedHorseshoe, StudentT

Array = NDArray[np.float64]
Split = tuple[tuple[str, ...], tuple[NDArray[np.intp], ...]]


@final
@dataclass(frozen=True, eq=False)
class Means:
    """Mean effects X beta.

    Attributes
    ----------
    X : ndarray
        Design, shape (k, p).
    priors : tuple of Prior
        One for each coefficient; empty where the model leaves them open.
    linear : mapping of str to ndarray
        Weights of the coefficients in each named mean effect or contrast, shape (p,).
    new : mapping of str to ndarray
        The same for the true effects in new studies.
    design : Design, optional
        What X was made from, where there are moderators.
    absent : mapping of str to str
        Why a quantity that other models have is not here.
    Z : ndarray, optional
        Moderators of log tau, centred, shape (k, r), of a location-scale model.
    levels : int
        How many of the last coefficients are effects of pooled levels.
    gaps : MissingLevels, optional
        Where moderators of words miss values; the rows of X are then expected ones there.
    structure : NormalStructure
        All that the model states.
    """

    X: Array
    priors: tuple[Prior, ...]
    linear: Mapping[str, Array]
    new: Mapping[str, Array]
    design: Design | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    Z: Array | None = None
    levels: int = 0
    gaps: MissingLevels | None = None
    structure: NormalStructure = field(kw_only=True)

    @property
    def own(self) -> Array:
        """The columns of X that are not of pooled levels, shape (k, p - levels)."""
        return self.X[:, : self.p - self.levels]

    def kept(self, keep: NDArray[np.bool_]) -> Means:
        """The mean effects of the rows where the mask is true, in the coefficients of the whole table."""
        gaps = None if self.gaps is None else self.gaps.kept(keep)
        Z, structure = None if self.Z is None else self.Z[keep], self.structure.at(np.flatnonzero(keep))
        return replace(self, X=self.X[keep], Z=Z, gaps=gaps, structure=structure)

    @property
    def certain(self) -> Array:
        """The rows of `own` whose levels are all known."""
        return self.own if self.gaps is None else self.own[~self.gaps.here]

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return self.X.shape[1]

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
        names = list(self.linear)
        pairs = [normal_prior(prior, names[j]) for j, prior in enumerate(self.priors)]
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
    """Of a t prior; infinite for the others."""
    if isinstance(prior, RegularizedHorseshoe):
        return prior.slab_df
    return prior.df if isinstance(prior, StudentT) else 1.0 if isinstance(prior, Cauchy) else math.inf


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
    scales = [layer.scale for layer in structure.layers if layer.scale is not None]
    return Means(
        X=structure.X,
        priors=tuple(structure.priors[name] for name in structure.coefficients if name in structure.priors),
        linear=structure.linear,
        new=dict(zip(structure.new.names, structure.new.X, strict=True)),
        design=structure.design,
        absent=structure.absent,
        Z=scales[0] if scales else None,
        levels=sum(len(group.names) for group in structure.exchangeable if not group.centre),
        gaps=structure.gaps,
        structure=structure,
    )
