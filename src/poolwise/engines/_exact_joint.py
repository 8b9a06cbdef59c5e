"""The exact engine for exchangeable groups: joint outcomes, and subgroups with exchangeable heterogeneity."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeGuard, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines._joint_contrasts import Contrasts
from poolwise.engines._joint_moments import JointMoments, joint_moments
from poolwise.engines._means import Split, groups, normal_prior
from poolwise.engines._versions import versions
from poolwise.errors import ModelError, listing
from poolwise.exact.exchangeable import TOLERANCE, Exchangeable, exchangeable
from poolwise.exact.exchangeable_laws import Laws
from poolwise.exact.hyper_grid import Hyperpriors
from poolwise.exact.marginal_law import MarginalLaw
from poolwise.exact.mixture import NormalMixture
from poolwise.exact.outcome_likelihood import Group
from poolwise.laws import Deferred, TransformedLaw
from poolwise.model import JointOutcomes, Model, Subgroups, prior_words, remarks
from poolwise.priors import Flat, Normal
from poolwise.quantities import ByStudy, IntervalKind, Law, Posterior, Quantity
from poolwise.result import Finding, FitReport, Result

if TYPE_CHECKING:
    import xarray as xr

    from poolwise.engines.exact import Exact

Array = NDArray[np.float64]
Exchanging = JointOutcomes | Subgroups

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
    model: Exchanging
    names: tuple[str, ...]
    rows: tuple[NDArray[np.intp], ...]
    posterior: Exchangeable
    moments: JointMoments

    @cached_property
    def laws(self) -> Laws:
        """The law of every quantity."""
        return Laws(self.posterior)

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
        if isinstance(self.model, JointOutcomes):
            makers["mu"] = self.mean
            makers["mu_spread"] = self.spread
        else:
            contrasts = Contrasts(self, kind)
            makers |= {name: partial(contrasts.law, c) for name, c in contrasts.named.items() if name not in makers}
        makers["tau"] = self.tau
        makers["tau_spread"] = self.tau_spread
        return {name: Posterior(Deferred(make), kind) for name, make in makers.items()}

    def mu(self, o: int) -> NormalMixture:
        """The law of mu in group o."""
        return _limited(self.laws.mu(o), self.moments.mu[o])

    def theta_new(self, o: int) -> NormalMixture:
        """The law of the true effect in a new study of group o."""
        return _limited(self.laws.theta_new(o), min(self.moments.tau_of[o], self.moments.mu[o]))

    def tau_of(self, o: int) -> MarginalLaw:
        """The law of tau in group o."""
        return self._taus[o]

    @cached_property
    def _taus(self) -> tuple[MarginalLaw, ...]:
        return tuple(replace(self.laws.tau_of(o), moments=m) for o, m in enumerate(self.moments.tau_of))

    def tau2_of(self, o: int) -> TransformedLaw:
        """The law of tau^2 in group o."""
        tau = self.tau_of(o)
        return TransformedLaw(tau, np.square, _root, _doubled, tau.square_moments())

    def mean(self) -> NormalMixture:
        """The law of the mean of the means."""
        return _limited(self.laws.mean, self.moments.mean)

    def spread(self) -> MarginalLaw:
        """The law of the spread of the means."""
        return replace(self.laws.spread, moments=self.moments.spread)

    def tau(self) -> MarginalLaw:
        """The law of the typical tau."""
        return replace(self.laws.tau, moments=self.moments.tau)

    def tau_spread(self) -> MarginalLaw:
        """The law of the spread of log tau."""
        return replace(self.laws.tau_spread, moments=self.moments.tau_spread)

    def study(self, kind: IntervalKind, row: int) -> Posterior:
        """The posterior of the true effect in the study of this row."""
        return Posterior(self.laws.theta(*self.places[row]), kind)

    def weights(self) -> dict[str, float]:
        """Posterior mean share of each study in the mean of its own group."""
        shares = np.empty(self.effects.k)
        for o, rows in enumerate(self.rows):
            shares[rows] = self.laws.weights(o)
        return dict(zip(self.effects.labels, shares.tolist(), strict=True))

    def log_evidence(self) -> float:
        """Log marginal likelihood; NaN under a flat prior on mu."""
        proper = all(prior is not None and prior.proper for prior in self.model.named_priors.values())
        return self.posterior.fine_means.log_total if proper else math.nan

    def diagnostics(self) -> dict[str, float]:
        """What the quadrature watched."""
        grid = self.posterior.grid
        panels = sum(max(len(edges) - 1, 0) for edges in (grid.z, grid.s, grid.l, grid.r))
        pairs = len(self.posterior.fine_means.means_mass) * len(self.posterior.fine_means.spreads_mass)
        return {"grid_error": self.posterior.error, "nodes": pairs, "panels": panels}


def is_exchangeable(model: Model) -> TypeGuard[Exchanging]:
    """Whether this is a model of exchangeable groups."""
    return isinstance(model, JointOutcomes) or (isinstance(model, Subgroups) and model.heterogeneity == "exchangeable")


def fit_exchangeable(effects: Effects, model: Exchanging, engine: Exact) -> Result:
    """The exact posterior of joint outcomes, or of subgroups with exchangeable heterogeneity.

    Parameters
    ----------
    effects : Effects
    model : JointOutcomes or Subgroups
    engine : Exact

    Returns
    -------
    Result
        With ``mu[g]``, ``tau[g]``, ``tau2[g]``, ``theta_new[g]`` for each outcome or subgroup g, the
        hyperparameters ``tau`` and ``tau_spread``, for outcomes also ``mu`` and ``mu_spread``, and every theta_i.

    Raises
    ------
    ModelError
        For a table with one outcome, and for a prior that quadrature cannot use.
    """
    start = time.perf_counter()
    if effects.covariance is not None:
        raise ModelError(
            f"the sampling errors have a known covariance, which {model.label} does not take into account",
            "CommonEffect, RandomEffects, MetaRegression or Subgroups with common tau",
        )
    resolved = model.resolved(effects)
    assert isinstance(resolved, JointOutcomes | Subgroups)
    fitted = quadrature(effects, resolved, max(engine.tolerance, TOLERANCE))
    report = FitReport(
        findings=_findings(fitted, max(engine.tolerance, TOLERANCE)),
        notes=effects.notes + remarks(resolved, effects) + _shared(effects, model),
        diagnostics=fitted.diagnostics(),
        seconds=time.perf_counter() - start,
        versions=versions("poolwise", "numpy", "scipy"),
        seed=engine.seed,
        data_hash=effects.data_hash,
    )
    word = "outcome" if isinstance(model, JointOutcomes) else "subgroup"
    absent = {name: sentence.format(word=word) for name, sentence in ABSENT.items()}
    if isinstance(model, Subgroups):
        absent["mu"] = "each subgroup has its own: mu[<subgroup>]"
    contrasts = Contrasts(fitted, engine.kind)
    result = Result(
        label=f"{model.label}, exact",
        effects=effects,
        model=resolved,
        engine=engine,
        interval_kind=f"credible ({engine.kind})",
        quantities=fitted.quantities(engine.kind),
        studies=ByStudy(effects.labels, partial(fitted.study, engine.kind)),
        weights=fitted.weights(),
        report=report,
        prior=prior_words(resolved),
        evidence=fitted.log_evidence(),
        native=fitted,
        absent=absent,
        combinations=contrasts.named,
        linear=contrasts,
    )
    return replace(result, tree=_Tree(fitted, engine, result.label))


@final
@dataclass(frozen=True, eq=False)
class _Tree:
    """Makes the DataTree of exact draws."""

    fitted: Grouped
    engine: Exact
    label: str

    def __call__(self) -> xr.DataTree:
        from poolwise.engines._joint_tree import joint_tree

        return joint_tree(self.fitted, self.engine, self.label)


def quadrature(effects: Effects, model: Exchanging, tolerance: float, split: Split | None = None) -> Grouped:
    """Fit a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : JointOutcomes or Subgroups
    tolerance : float
        Largest estimated error for which the grid is not refined once more.
    split : tuple, optional
        Names of the groups and the rows of each, where they are not to be read from the table.

    Returns
    -------
    Grouped
    """
    assert model.mu is not None
    tau, tau_spread = model.tau, model.tau_spread
    assert tau is not None
    assert tau_spread is not None
    for name, prior in (("tau", tau), ("tau_spread", tau_spread)):
        if not prior.proper:
            raise ModelError(f"{name} has the improper prior {prior}", "a proper prior", "HalfNormal(0.5)")
    names, rows = groups(effects, model) if split is None else split
    spread = model.mu_spread if isinstance(model, JointOutcomes) else None
    if not isinstance(model.mu, Normal | Flat):
        raise ModelError(f"mu ~ {model.mu} is not supported for this model", "a normal or flat prior", "Normal(0, 1)")
    m0, s0 = normal_prior(model.mu)
    found = exchangeable(
        [Group(effects.y[row], effects.v[row]) for row in rows], Hyperpriors(m0, s0, spread, tau, tau_spread), tolerance
    )
    moments = joint_moments(
        [len(row) for row in rows], flat=not math.isfinite(s0), spread=spread, tau=tau, tau_spread=tau_spread
    )
    return Grouped(effects, model, names, rows, found, moments)


def _findings(fitted: Grouped, tolerance: float) -> tuple[Finding, ...]:
    found = []
    error = fitted.posterior.error
    if not error <= tolerance:
        found.append(
            Finding(
                "grid_too_coarse",
                f"Two rules over the hyperparameters disagree by {error:.1e}, more than {tolerance:.1e}; check the "
                "priors on the spreads for very heavy tails, or set Exact(tolerance=...).",
            )
        )
    missing = fitted.moments.finding(fitted.names)
    return (*found, missing) if missing is not None else tuple(found)


def _shared(effects: Effects, model: Exchanging) -> tuple[str, ...]:
    """That studies contribute to several outcomes, and what the model makes of it."""
    if not isinstance(model, JointOutcomes):
        return ()
    outcomes: defaultdict[str, set[str]] = defaultdict(set)
    for study, outcome in zip(effects.study, effects.outcome, strict=True):
        outcomes[study].add(outcome)
    several: Sequence[str] = [study for study, found in outcomes.items() if len(found) > 1]
    if not several:
        return ()
    counted = "1 study contributes" if len(several) == 1 else f"{len(several)} studies contribute"
    return (
        f"{counted} to more than one outcome ({listing(several)}); their effects count as independent given mu and "
        "tau of each outcome, so that what they share in sampling and truth is counted twice",
    )


def _limited(law: NormalMixture, moments: int) -> NormalMixture:
    return replace(law, moments=min(moments, 2))


def _root(x: Array) -> Array:
    return np.sqrt(np.maximum(x, 0.0))


def _doubled(t: Array) -> Array:
    return 2.0 * t
