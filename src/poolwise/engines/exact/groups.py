"""What quadrature found for exchangeable groups: joint outcomes, and subgroups with exchangeable heterogeneity."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact.posterior import Draws
from poolwise.engines.exact.spread_laws import square
from poolwise.engines.group_moments import JointMoments, joint_moments
from poolwise.engines.means import Means, Split, means, normal_prior
from poolwise.errors import ModelError, listing
from poolwise.laws import Deferred
from poolwise.model import Model
from poolwise.model.needs import EXCHANGEABLE
from poolwise.moments import noticed
from poolwise.priors import Flat, Normal
from poolwise.quadrature.groups.contrasts import combination
from poolwise.quadrature.groups.draws import draw
from poolwise.quadrature.groups.exchangeable import TOLERANCE, Exchangeable, exchangeable
from poolwise.quadrature.groups.hyper_grid import Hyperpriors
from poolwise.quadrature.groups.laws import Laws
from poolwise.quadrature.groups.outcome_likelihood import Group
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quadrature.rules.panel_law import PanelLaw
from poolwise.quantities import IntervalKind, Law, Posterior, Quantity
from poolwise.result import Finding

Array = NDArray[np.float64]

ABSENT = {
    "theta_new": "each {word} has its own: theta_new[<{word}>]",
    "tau2": "each {word} has its own: tau2[<{word}>]",
    "I2": "a typical sampling variance belongs to one {word}: fit each by RandomEffects for its I2",
}


@final
@dataclass(frozen=True, eq=False)
class Grouped:
    """What quadrature found for exchangeable groups of one study table.

    Attributes
    ----------
    effects : Effects
    model : JointOutcomes or Subgroups
        With every prior explicit.
    names : tuple of str
        The groups, in order of appearance.
    rows : tuple of ndarray
        Rows of each group's studies.
    posterior : Exchangeable
    moments : JointMoments
    """

    effects: Effects
    model: Model
    names: tuple[str, ...]
    rows: tuple[NDArray[np.intp], ...]
    posterior: Exchangeable
    moments: JointMoments

    @cached_property
    def laws(self) -> Laws:
        """The law of every quantity."""
        return Laws(self.posterior)

    @cached_property
    def means(self) -> Means:
        """The mean effects and the structure of the model."""
        return means(self.effects, self.model)

    def draw(self, size: int, rng: np.random.Generator) -> Draws:
        """Exact independent joint draws."""
        drawn, structure = draw(self.posterior, size, rng), self.means.structure
        theta = np.empty((size, self.effects.k))
        for rows, own in zip(self.rows, drawn.theta, strict=True):
            theta[:, rows] = own
        typical = {"mu": drawn.m, "mu_spread": drawn.s} if "mu_spread" in structure.priors else {}
        each = dict(zip(structure.sds, drawn.tau_of.T, strict=True))
        return Draws(each | typical | {"tau": drawn.tau, "tau_spread": drawn.r}, drawn.mu, theta)

    @cached_property
    def places(self) -> dict[int, tuple[int, int]]:
        """Group, and place in it, of each row."""
        return {int(row): (o, i) for o, rows in enumerate(self.rows) for i, row in enumerate(rows)}

    def quantities(self, kind: IntervalKind) -> dict[str, Quantity]:
        """The named quantities of the result, each made when it is first asked about."""
        makers: dict[str, Callable[[], Law]] = {}
        for o, name in enumerate(self.names):
            makers[f"mu[{name}]"] = partial(self.mu, o)
            makers[f"tau[{name}]"] = partial(self.tau_of, o)
            makers[f"tau2[{name}]"] = partial(self.tau2_of, o)
            makers[f"theta_new[{name}]"] = partial(self.theta_new, o)
        if self.means.structure.exchangeable_means:
            makers["mu"] = self.mean
            makers["mu_spread"] = self.spread
        else:
            makers |= {name: partial(self.contrast, c) for name, c in self.linear.items() if name not in makers}
        makers["tau"] = self.tau
        makers["tau_spread"] = self.tau_spread
        return {name: Posterior(Deferred(make), kind) for name, make in makers.items()}

    @property
    def design(self) -> None:
        """There are no moderators."""

    @property
    def linear(self) -> dict[str, Array]:
        """Weights of the groups' means in each of them, and in each difference from the first one."""
        unit = np.eye(len(self.names))
        first, *others = self.names
        each = {f"mu[{name}]": unit[o] for o, name in enumerate(self.names)}
        return each | {f"mu[{name}] - mu[{first}]": unit[o] - unit[0] for o, name in enumerate(others, start=1)}

    def contrast(self, c: Array) -> NormalMixture:
        """The law of c'mu, c of shape (G,), with the moments that every mean in it has."""
        named = np.flatnonzero(c)
        moments = min(self.moments.mu[o] for o in named)
        if len(named) > 1:
            return replace(combination(self.posterior, c), moments=min(moments, 2))
        one, times = self.mu(int(named[0])), float(c[named[0]])
        return replace(one, centre=times * one.centre, spread=abs(times) * one.spread)

    def combination(self, c: Array, new: bool, kind: IntervalKind) -> Posterior:
        """The posterior of c'mu; `new` is for models with a design, which these are not."""
        assert not new
        return Posterior(self.contrast(c), kind)

    def mu(self, o: int) -> NormalMixture:
        """The law of mu in group o."""
        return _limited(self.laws.mu(o), self.moments.mu[o])

    def theta_new(self, o: int) -> NormalMixture:
        """The law of the true effect in a new study of group o."""
        return _limited(self.laws.theta_new(o), min(self.moments.tau_of[o], self.moments.mu[o]))

    def tau_of(self, o: int) -> PanelLaw:
        """The law of tau in group o."""
        return self._taus[o]

    @cached_property
    def _taus(self) -> tuple[PanelLaw, ...]:
        return tuple(replace(self.laws.tau_of(o), moments=m) for o, m in enumerate(self.moments.tau_of))

    def tau2_of(self, o: int) -> Law:
        """The law of tau^2 in group o."""
        return square(self.tau_of(o))

    def mean(self) -> NormalMixture:
        """The law of the mean of the means."""
        return _limited(self.laws.mean, self.moments.mean)

    def spread(self) -> PanelLaw:
        """The law of the spread of the means."""
        return replace(self.laws.spread, moments=self.moments.spread)

    def tau(self) -> PanelLaw:
        """The law of the typical tau."""
        return replace(self.laws.tau, moments=self.moments.tau)

    def tau_spread(self) -> PanelLaw:
        """The law of the spread of log tau."""
        return replace(self.laws.tau_spread, moments=self.moments.tau_spread)

    def study(self, row: int, kind: IntervalKind) -> Posterior:
        """The posterior of the true effect in the study of this row."""
        return Posterior(self.laws.theta(*self.places[row]), kind)

    def weights(self) -> dict[str, float]:
        """Posterior mean share of each study in the mean of its own group."""
        shares = np.empty(self.effects.k)
        for o, rows in enumerate(self.rows):
            shares[rows] = self.laws.weights(o)
        return dict(zip(self.effects.labels, shares.tolist(), strict=True))

    @property
    def evidence(self) -> float:
        """Log marginal likelihood; NaN under a flat prior on mu."""
        proper = all(prior is not None and prior.proper for prior in self.model.named_priors.values())
        return self.posterior.fine_means.log_total if proper else math.nan

    @property
    def absent(self) -> dict[str, str]:
        """Why a quantity that other models have is not here."""
        word = self.means.structure.groups
        absent = {name: sentence.format(word=word) for name, sentence in ABSENT.items()}
        return absent if word == "outcome" else absent | {"mu": "each subgroup has its own: mu[<subgroup>]"}

    @property
    def notes(self) -> tuple[str, ...]:
        """That studies contribute to several outcomes, and what the model makes of it."""
        if self.model.strata != "outcome":
            return ()
        outcomes: defaultdict[str, set[str]] = defaultdict(set)
        for study, outcome in zip(self.effects.study, self.effects.outcome, strict=True):
            outcomes[study].add(outcome)
        several = [study for study, own in outcomes.items() if len(own) > 1]
        if not several:
            return ()
        named = listing(f"'{study}'" for study in several)
        counted = "1 study contributes" if len(several) == 1 else f"{len(several)} studies contribute"
        return (
            f"{counted} to more than one outcome ({named}); their effects count as independent given mu and "
            "tau of each outcome, so that what they share in sampling and truth is counted twice",
        )

    def findings(self, tolerance: float) -> tuple[Finding, ...]:
        """What went wrong, of an engine that aims at a tolerance."""
        aim, error = max(tolerance, TOLERANCE), self.posterior.error
        sentence = (
            f"Two rules over the hyperparameters disagree by {error:.1e}, more than {aim:.1e}; check the "
            "priors on the spreads for very heavy tails, or set Exact(tolerance=...)."
        )
        return noticed(error, aim, sentence, self.moments.finding(self.names))

    def diagnostics(self) -> dict[str, float]:
        """What the quadrature watched."""
        grid = self.posterior.grid
        panels = sum(max(len(edges) - 1, 0) for edges in (grid.z, grid.s, grid.l, grid.r))
        pairs = len(self.posterior.fine_means.means_mass) * len(self.posterior.fine_means.spreads_mass)
        return {"grid_error": self.posterior.error, "nodes": pairs, "panels": panels}


def is_exchangeable(model: Model) -> bool:
    """Whether this is a model of exchangeable groups."""
    return EXCHANGEABLE in model.needs


def refuse_covariance(effects: Effects, model: Model) -> None:
    """Refuse a known covariance of sampling errors for a model that no quadrature here answers with one."""
    if effects.covariance is not None:
        raise ModelError(
            f"the sampling errors have a known covariance, which {model.label} does not take into account",
            "CommonEffect, RandomEffects, MetaRegression or Subgroups with common tau",
        )


def groups(effects: Effects, model: Model) -> Split:
    """Names of the groups (outcomes in order of appearance, levels of a moderator in theirs), and the rows of each.

    Raises
    ------
    ModelError
        When there is one outcome only.
    """
    structure = means(model.table(effects), model).structure
    return structure.names, structure.groups_of_rows


def grouped(effects: Effects, model: Model, tolerance: float, split: Split | None = None) -> Grouped:
    """Fit a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : JointOutcomes or Subgroups
    tolerance : float
        Largest estimated error for which the grid is not refined once more; at least that of the rules over the
        hyperparameters.
    split : tuple, optional
        Names of the groups and the rows of each, where they are not to be read from the table.

    Returns
    -------
    Grouped
    """
    refuse_covariance(effects, model)
    priors = {name: prior for name, prior in model.named_priors.items() if prior is not None}
    mu, tau, tau_spread = priors["mu"], priors["tau"], priors["tau_spread"]
    for name, prior in (("tau", tau), ("tau_spread", tau_spread)):
        if not prior.proper:
            raise ModelError(f"{name} has the improper prior {prior}", "a proper prior", "HalfNormal(0.5)")
    names, rows = groups(effects, model) if split is None else split
    spread = priors.get("mu_spread")
    if not isinstance(mu, Normal | Flat):
        raise ModelError(f"mu ~ {mu} is not supported for this model", "a normal or flat prior", "Normal(0, 1)")
    m0, s0 = normal_prior(mu)
    found = exchangeable(
        [Group(effects.y[row], effects.v[row]) for row in rows],
        Hyperpriors(m0, s0, spread, tau, tau_spread),
        max(tolerance, TOLERANCE),
    )
    moments = joint_moments(
        [len(row) for row in rows], flat=not math.isfinite(s0), spread=spread, tau=tau, tau_spread=tau_spread
    )
    return Grouped(effects, model, names, rows, found, moments)


def _limited(law: NormalMixture, moments: int) -> NormalMixture:
    return replace(law, moments=min(moments, 2))
