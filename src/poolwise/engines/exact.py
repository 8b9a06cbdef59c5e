"""The exact engine: quadrature over tau, closed form for all the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, final, get_args

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines._exact_joint import fit_exchangeable, is_exchangeable
from poolwise.engines._exact_posterior import Fitted
from poolwise.engines._exact_quadrature import quadrature
from poolwise.engines._versions import versions
from poolwise.errors import ModelError
from poolwise.model import Model, RandomEffects, prior_words, remarks
from poolwise.moments import missing_moments, refuse_improper
from poolwise.quantities import ByStudy, IntervalKind, Quantity
from poolwise.result import Finding, FitReport, Result
from poolwise.settings import NUMBERS_OF_A_DRAW, check_memory, check_option, check_whole
from poolwise.threads import one_thread

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Exact:
    """Exact posterior of the normal-normal model by quadrature over tau.

    Attributes
    ----------
    kind : {"equal-tailed", "shortest"}
        Interval that tables and figures show.
    tolerance : float
        Largest estimated error of the medians and limits of mu, theta_new and theta_i, in half-widths of the
        95 % interval; the grid is refined until it is met.
    draws, chains, seed : int
        Exact independent draws (for each chain) that `Result.to_datatree` makes.

    Examples
    --------
    >>> import poolwise as pw
    >>> result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), Exact(kind="shortest"))
    >>> [round(limit, 3) for limit in result["tau"].interval(0.95)]
    [0.326, 0.966]
    """

    kind: IntervalKind = "equal-tailed"
    tolerance: float = 1e-8
    draws: int = 1000
    chains: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        check_option("kind", self.kind, get_args(IntervalKind))
        if not isinstance(self.tolerance, Real) or not 0.0 < self.tolerance < 1.0:
            raise ModelError(f"tolerance = {self.tolerance!r}", "a number between 0 and 1", "tolerance=1e-8")
        check_whole("draws", self.draws, 1, 1000)
        check_whole("chains", self.chains, 1, 4)
        check_whole("seed", self.seed, 0, 1)
        what = f"{self.chains} chains of {self.draws} draws"
        check_memory(what, self.chains * self.draws * NUMBERS_OF_A_DRAW, "draws=1000")

    @property
    def label(self) -> str:
        """Words for tables."""
        return "exact"

    @one_thread()
    def fit(self, effects: Effects, model: Model) -> Result:
        """The exact posterior of `model` on `effects`.

        Parameters
        ----------
        effects : Effects
        model : Model
            Any of `poolwise.fit.PAIRS`.

        Returns
        -------
        Result
            With ``mu`` (``beta[...]`` where there are moderators, ``mu[...]`` of subgroups), the between-study
            standard deviations, ``theta_new`` and every theta_i.

        Raises
        ------
        ModelError
            When the posterior is improper.

        References
        ----------
        Roever 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06 for the model;
        the quadrature is our own (`poolwise.exact`).
        """
        if is_exchangeable(model):
            return fit_exchangeable(effects, model, self)
        start = time.perf_counter()
        resolved = model.resolved(effects)
        refuse_improper(effects, resolved)
        fitted = quadrature(effects, resolved, self.tolerance)
        design_notes = fitted.means.design.notes if fitted.means.design is not None else ()
        report = FitReport(
            findings=_findings(fitted, fitted.aim(self.tolerance)),
            notes=effects.notes + design_notes + remarks(resolved, effects),
            diagnostics=fitted.diagnostics(),
            seconds=time.perf_counter() - start,
            versions=versions("poolwise", "numpy", "scipy"),
            seed=self.seed,
            data_hash=effects.data_hash,
        )
        shown = "" if isinstance(model, RandomEffects) else f"{model.label}, "
        result = Result(
            label=f"{shown}exact",
            effects=effects,
            model=resolved,
            engine=self,
            interval_kind=f"credible ({self.kind})",
            quantities=fitted.quantities(self.kind),
            studies=ByStudy(effects.labels, partial(_study, fitted, self.kind)),
            weights=fitted.weights(),
            report=report,
            prior=prior_words(resolved),
            evidence=fitted.evidence,
            native=fitted,
            absent=fitted.means.absent,
            combinations=fitted.means.linear,
            linear=_Linear(fitted, self.kind),
            design=fitted.means.design,
        )
        return replace(result, tree=_Tree(fitted, self, result.label))


def log_density_of_mu(result: Result, at: float) -> float:
    """Log posterior density of mu at one value, of an exact result with a prior on mu.

    Parameters
    ----------
    result : Result
        Of `Exact`.
    at : float
        On the analysis scale; however remote, the answer is finite.

    Returns
    -------
    float
    """
    assert isinstance(result.native, Fitted)
    return result.native.log_density_of_mu(at)


def _study(fitted: Fitted, kind: IntervalKind, row: int) -> Quantity:
    return fitted.study(row, kind)


@final
@dataclass(frozen=True, eq=False)
class _Linear:
    """Makes posteriors of linear combinations."""

    fitted: Fitted
    kind: IntervalKind

    def __call__(self, c: Array, *, new: bool) -> Quantity:
        return self.fitted.combination(c, new, self.kind)


@final
@dataclass(frozen=True, eq=False)
class _Tree:
    """Makes the DataTree of exact draws."""

    fitted: Fitted
    engine: Exact
    label: str

    def __call__(self) -> xr.DataTree:
        from poolwise.engines._exact_tree import exact_tree

        return exact_tree(self.fitted, (self.engine.chains, self.engine.draws), self.engine.seed, self.label)


def _findings(fitted: Fitted, tolerance: float) -> tuple[Finding, ...]:
    findings = []
    if not fitted.limit_error <= tolerance:
        findings.append(
            Finding(
                "grid_too_coarse",
                f"The limits are good to about {fitted.limit_error:.1e} half-widths only, not to {tolerance:.1e}; "
                "check the data for effects on very different scales, or set Exact(tolerance=...).",
            )
        )
    missing = missing_moments(fitted.moments, fitted.means.proper)
    return (*findings, *(() if missing is None else (missing,)))
