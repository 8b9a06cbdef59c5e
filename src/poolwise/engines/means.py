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
from poolwise.model import (
    CommonEffect,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    Model,
    RandomEffects,
    Subgroups,
    ThreeLevel,
)
from poolwise.model.missing_levels import MissingLevels
from poolwise.model.regression import explicit
from poolwise.priors import Cauchy, Fixed, Flat, Normal, Prior, RegularizedHorseshoe, StudentT

Array = NDArray[np.float64]
Split = tuple[tuple[str, ...], tuple[NDArray[np.intp], ...]]
NO_SINGLE_MEAN = "with moderators there is no single mean effect; pw.predict(result, at=...) gives it at their values"


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

    @property
    def own(self) -> Array:
        """The columns of X that are not of pooled levels, shape (k, p - levels)."""
        return self.X[:, : self.p - self.levels]

    def kept(self, keep: NDArray[np.bool_]) -> Means:
        """The mean effects of the rows where the mask is true, in the coefficients of the whole table."""
        gaps = None if self.gaps is None else self.gaps.kept(keep)
        return replace(self, X=self.X[keep], Z=None if self.Z is None else self.Z[keep], gaps=gaps)

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
        With or without its priors explicit; any but JointOutcomes, whose outcomes each have a mean.

    Returns
    -------
    Means
    """
    match model:
        case CommonEffect():
            return Means(np.ones((effects.k, 1)), _open(model.mu), {"mu": np.ones(1)}, {}, absent=NO_SPREAD)
        case RandomEffects() | ThreeLevel():
            return Means(np.ones((effects.k, 1)), _open(model.mu), {"mu": np.ones(1)}, {"theta_new": np.ones(1)})
        case MetaRegression() | LocationScale():
            gaps = model.missing_levels(effects) if isinstance(model, MetaRegression) else None
            design = model.design(effects) if gaps is None else gaps.design
            given = explicit(model.beta, design.own, "beta") if isinstance(model.beta, Mapping) else {}
            found = _regression(design, given)
            if isinstance(model, LocationScale):
                return replace(found, Z=_centred(model.scale_design(effects)))
            return replace(found, gaps=gaps)
        case Subgroups():
            return _subgroups(effects, model)
        case _:
            raise ModelError(f"{model.label} has a mean effect for each outcome")


def _open(mu: Prior | None) -> tuple[Prior, ...]:
    return () if mu is None else (mu,)


NO_SPREAD = dict.fromkeys(("tau", "tau2", "theta_new"), "a common effect has no spread between studies")


def _regression(design: Design, beta: Mapping[str, Prior]) -> Means:
    unit = np.eye(design.p)
    own = len(design.own)
    linear = {f"{'beta' if j < own else 'u'}[{name}]": unit[j] for j, name in enumerate(design.names)}
    priors = tuple(beta[name] for name in design.own) if beta else ()
    absent = dict.fromkeys(("mu", "theta_new"), NO_SINGLE_MEAN)
    return Means(design.X, priors, linear, {}, design, absent, levels=design.p - own)


def _centred(scale: Design) -> Array:
    """The moderators of log tau less their means, shape (k, r)."""
    Z = scale.X[:, 1:]
    return np.asarray(Z - Z.mean(axis=0))


def _subgroups(effects: Effects, model: Subgroups) -> Means:
    levels, X = level_columns(effects, model)
    unit = np.eye(len(levels))
    linear = {f"mu[{level}]": unit[j] for j, level in enumerate(levels)}
    for j, level in enumerate(levels[1:], start=1):
        linear[f"mu[{level}] - mu[{levels[0]}]"] = unit[j] - unit[0]
    new = {f"theta_new[{level}]": unit[j] for j, level in enumerate(levels)}
    absent = dict.fromkeys(("mu", "theta_new"), "each subgroup has its own: mu[...], theta_new[...]")
    return Means(X, _open(model.mu) * len(levels), linear, new, absent=absent)


def level_columns(effects: Effects, model: Subgroups) -> tuple[tuple[str, ...], Array]:
    """The subgroups, and a column of 0 and 1 for each, shape (k, L)."""
    levels = model.levels(effects)
    values = np.array(model.groups(effects))
    return levels, np.stack([values == level for level in levels], axis=1).astype(float)


def groups(effects: Effects, model: JointOutcomes | Subgroups) -> Split:
    """Names of the groups (outcomes in order of appearance, levels of a moderator in theirs), and the rows of each.

    Raises
    ------
    ModelError
        When there is one outcome only.
    """
    if isinstance(model, Subgroups):
        levels, columns = level_columns(effects, model)
        return levels, tuple(np.flatnonzero(column) for column in columns.T)
    values = np.array([outcome or "none named" for outcome in effects.outcome])
    names = tuple(dict.fromkeys(values.tolist()))
    if len(names) < 2:
        raise ModelError(
            f"the table has one outcome ({names[0]}), which has none to borrow from",
            "two outcomes or more",
            "RandomEffects(), or Effects(..., outcome=[...])",
        )
    return names, tuple(np.flatnonzero(values == name) for name in names)
