"""Which posterior moments exist: a question of tails that no sampler or grid can answer by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.intake.counts import counts_of, unbounded
from poolwise.model import Counted, Model, called, prior_words
from poolwise.model.structure import Exchangeable, NormalStructure
from poolwise.priors import Prior
from poolwise.quadrature.one_tau.tau_posterior import FARTHEST
from poolwise.result import Finding

MOST_MOMENTS = 4
NEAR = 1e6  # a value of tau from which the likelihood falls as a power, whatever the scale of effect
NEGLIGIBLE = 1e-6  # share of a slow tail that may lie beyond what quadrature reaches
SLOWEST = 0.06  # a tail that converges more slowly than x^-0.06 has more than that beyond


def highest_moment(k: int, mu: Prior, tau: Prior) -> int:
    """Highest moment of tau that can be had a posteriori, at most 4; -1 when the posterior itself is improper.

    Far out the likelihood falls as tau^-k with a proper prior on mu and as tau^-(k - 1) with a flat one, and
    the prior as tau^-a, so that the m-th moment exists if and only if k + a - m > 1, or k - 1 + a - m > 1.
    Moments of theta_new follow those of tau; so do those of mu under a flat prior; under a proper normal
    prior on mu all moments of mu exist. A moment that exists, but converges so slowly that no arithmetic
    reaches it, counts as missing.

    Parameters
    ----------
    k : int
        Number of studies.
    mu, tau : Prior
        The priors.

    Returns
    -------
    int

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A, for posteriors that are improper under flat priors; the
    count of moments is ours.
    """
    return moments_of_tau(k if mu.proper else k - 1, tau)


def moments_of_tau(counted: int, tau: Prior) -> int:
    """What `highest_moment` returns, from the number of studies less that of coefficients with a flat prior.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A, for posteriors that are improper under flat priors; the
    count of moments is ours.
    """
    if math.isfinite(tau.upper):
        return MOST_MOMENTS
    if tau.tail_power <= 1 - counted:
        return -1
    return next((m for m in range(MOST_MOMENTS, 0, -1) if _reached(tau, tau.tail_power - (m + 1 - counted))), 0)


def _reached(tau: Prior, excess: float) -> bool:
    """Whether an integral whose tail converges as x^-excess, under a log-t prior as a power of log x, can be had."""
    if not 0.0 < excess < 1e-9:
        return excess >= SLOWEST
    near, far = 1.0 - tau.cdf(np.array([NEAR, FARTHEST]))
    return bool(far <= NEGLIGIBLE * near)


@final
@dataclass(frozen=True)
class Spread:
    """A between-study standard deviation and what its posterior's tail depends on.

    Attributes
    ----------
    name : str
        ``"tau"``, ``"tau_between"``, ``"tau[random]"``, ...
    prior : Prior
    units : int
        Studies (or clusters) that tell about it.
    flat : int
        Coefficients with a flat prior among those that the same studies estimate.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A, for posteriors that are improper under flat priors; the
    count of moments is ours.
    """

    name: str
    prior: Prior
    units: int
    flat: int

    @cached_property
    def moments(self) -> int:
        """Highest moment of the standard deviation that exists, -1 when its posterior is improper."""
        return moments_of_tau(self.units - self.flat, self.prior)

    @property
    def fewest(self) -> int:
        """Fewest studies with which the posterior is proper under this prior."""
        return next(k for k in count(self.flat) if moments_of_tau(k - self.flat, self.prior) >= 0)


def spreads(effects: Effects, model: Model) -> tuple[Spread, ...]:
    """The unknown between-study standard deviations of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : Model

    Returns
    -------
    tuple of Spread
        None for a common effect or a known tau.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A, for posteriors that are improper under flat priors; the
    count of moments is ours.
    """
    structure = model.before_selection(effects)
    if structure is not None:
        return spreads_of(structure)
    mu, tau = model.named_priors["mu"], model.named_priors["tau"]
    if tau is None:
        return ()
    return (Spread("tau", tau, model.informative(effects), int(mu is not None and not mu.proper)),)


def spreads_of(structure: NormalStructure) -> tuple[Spread, ...]:
    """The unknown standard deviations of a normal model whose priors are explicit, and those between pooled levels.

    Parameters
    ----------
    structure : NormalStructure

    Returns
    -------
    tuple of Spread
        Of each layer, what its groups with this standard deviation tell; a flat coefficient takes from it where it is
        that of any of their rows, and in groups of several rows where it does not differ within them. An exchangeable
        one has the prior of the typical one.
    """
    if not structure.layers and not structure.exchangeable:
        return ()
    flat = np.array([_is_flat(structure, name) for name in structure.coefficients], dtype=bool)
    found = [_between_levels(structure, group, flat) for group in structure.exchangeable if not group.centre]
    for layer in structure.layers:
        for place, name in enumerate(layer.sds):
            shared, rows = structure.shared_prior(name), layer.which == place
            prior = structure.priors.get(name if shared is None else shared.centre)
            if prior is not None and rows.any():
                taken = int((flat & (structure.X[rows] != 0.0).any(axis=0)).sum())
                if taken and layer.shared(np.flatnonzero(rows)):
                    taken = layer.stands_for(structure.X[:, flat], np.flatnonzero(rows))
                found.append(Spread(name, prior, len(np.unique(layer.group[rows])), taken))
    return tuple(found)


def _is_flat(structure: NormalStructure, coefficient: str) -> bool:
    prior = structure.priors.get(coefficient)
    return prior is not None and not prior.proper


def _between_levels(structure: NormalStructure, group: Exchangeable, flat: NDArray[np.bool_]) -> Spread:
    """The standard deviation between pooled levels, of which flat coefficients take what they can stand for as well."""
    of = np.array([name in group.names for name in structure.coefficients]) & structure.X.any(axis=0)
    both = structure.X[:, flat | of]
    shared = int(flat.sum() + of.sum()) - int(np.linalg.matrix_rank(both / np.abs(both).max(axis=0)))
    return Spread(group.spread, structure.priors[group.spread], int(of.sum()), shared if flat.any() else 0)


def refuse_improper(effects: Effects, model: Model, known: tuple[Spread, ...] | None = None) -> None:
    """Refuse a model whose posterior is improper on this study table.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    known : tuple of Spread, optional
        Its `spreads` on this table, where they are at hand.

    Raises
    ------
    ModelError
        Naming k, the priors, and what would make the posterior proper.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A, for posteriors that are improper under flat priors; the
    count of moments is ours.
    """
    _refuse_unbounded(effects, model)
    for one in spreads(effects, model) if known is None else known:
        if one.moments < 0:
            part = one.name.partition("[")[0]
            whose = "" if one.name == "tau" else f" for {one.name}"
            raise ModelError(
                f"with k = {one.units}{whose} the priors {prior_words(model)} give an improper posterior",
                f"a proper prior on {one.name}, or at least {one.fewest} studies under these priors",
                f"{called(model, {part: 'priors.HalfNormal(0.5)'})} in the unit of the effects",
            )


def _refuse_unbounded(effects: Effects, model: Model) -> None:
    """Refuse a flat mean of proportions or rates that nothing keeps from going to 0, or to 1."""
    if not isinstance(model, Counted) or model.measure is None or model.mu is None or model.mu.proper:
        return
    why = unbounded(*counts_of(effects.moderators, model.measure, effects.rows), model.measure)
    if why:
        raise ModelError(
            f"{why}, and the priors {prior_words(model)} give an improper posterior",
            "a proper prior on mu",
            called(model, {"mu": f"priors.Normal(0, {5 if model.measure == 'logit' else 10})"}),
        )


def noticed(error: float, aim: float, sentence: str, missing: Finding | None) -> tuple[Finding, ...]:
    """What there is to say of a quadrature whose error is above what it aims at, and of moments that are missing."""
    coarse = () if error <= aim else (Finding("grid_too_coarse", sentence),)
    return coarse if missing is None else (*coarse, missing)


def missing_moments(moments: int, proper: bool) -> Finding | None:
    """The finding that a mean or sd does not exist, or None; `proper`: the priors on the mean effects are proper."""
    if moments >= MOST_MOMENTS:
        return None
    if moments >= 2:
        return Finding(
            "moment_does_not_exist",
            "A posteriori tau2 has a mean but no standard deviation that could be computed: the tail of tau is too "
            "heavy for so few studies. "
            "Its median and quantiles exist, and so do mean and standard deviation of mu, tau and theta_new.",
        )
    what = "neither mean nor standard deviation" if moments < 1 else "a mean but no standard deviation"
    whose = "tau and theta_new have" if proper else "mu, tau and theta_new have"
    return Finding(
        "moment_does_not_exist",
        f"A posteriori {whose} {what} that could be computed: the tails are too heavy for so few studies. Use the "
        "median and the "
        "quantiles, which do exist, or a prior on tau with a lighter tail.",
    )
