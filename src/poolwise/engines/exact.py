"""The exact engine: quadrature over tau, closed form for all the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, final

from poolwise.effects import Effects
from poolwise.engines._exact_joint import fit_exchangeable, is_exchangeable
from poolwise.engines._exact_posterior import Fitted, quadrature
from poolwise.engines._versions import versions
from poolwise.errors import ModelError
from poolwise.model import CommonEffect, Model, RandomEffects, prior_words, remarks
from poolwise.moments import missing_moments, refuse_improper
from poolwise.quantities import ByStudy, IntervalKind, Posterior
from poolwise.result import Finding, FitReport, Result
from poolwise.settings import check_whole

if TYPE_CHECKING:
    import xarray as xr


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
        if self.kind not in ("equal-tailed", "shortest"):
            raise ModelError(f"interval kind '{self.kind}' is unknown", "'equal-tailed' or 'shortest'")
        if not isinstance(self.tolerance, Real) or not 0.0 < self.tolerance < 1.0:
            raise ModelError(f"tolerance = {self.tolerance!r}", "a number between 0 and 1", "tolerance=1e-8")
        check_whole("draws", self.draws, 1, 1000)
        check_whole("chains", self.chains, 1, 4)
        check_whole("seed", self.seed, 0, 1)

    @property
    def label(self) -> str:
        """Words for tables."""
        return "exact"

    def fit(self, effects: Effects, model: Model) -> Result:
        """The exact posterior of `model` on `effects`.

        Parameters
        ----------
        effects : Effects
        model : CommonEffect or RandomEffects

        Returns
        -------
        Result
            With ``mu``; for random effects also ``tau``, ``tau2``, ``I2``, ``theta_new`` and every theta_i.

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
        assert isinstance(model, CommonEffect | RandomEffects)
        resolved = model.resolved(effects)
        refuse_improper(effects, resolved)
        fitted = quadrature(effects, resolved, self.tolerance)
        findings = _findings(fitted, resolved, self.tolerance)
        report = FitReport(
            findings=findings,
            notes=effects.notes + remarks(resolved, effects),
            diagnostics=fitted.diagnostics(),
            seconds=time.perf_counter() - start,
            versions=versions("poolwise", "numpy", "scipy"),
            seed=self.seed,
            data_hash=effects.data_hash,
        )
        shown = "" if isinstance(model, RandomEffects) else "common effect, "
        result = Result(
            label=f"{shown}exact",
            effects=effects,
            model=resolved,
            engine=self,
            interval_kind=f"credible ({self.kind})",
            quantities=fitted.quantities(self.kind),
            studies=ByStudy(effects.labels, partial(_study, fitted, self.kind)),
            weights=dict(zip(effects.labels, fitted.weights().tolist(), strict=True)),
            report=report,
            prior=prior_words(resolved),
            evidence=fitted.log_evidence(),
            native=fitted,
        )
        return replace(result, tree=_Tree(fitted, self, result.label))


def _study(fitted: Fitted, kind: IntervalKind, row: int) -> Posterior:
    return Posterior(fitted.theta(row), kind)


@final
@dataclass(frozen=True, eq=False)
class _Tree:
    """Makes the DataTree of exact draws."""

    fitted: Fitted
    engine: Exact
    label: str

    def __call__(self) -> xr.DataTree:
        from poolwise.engines._tree import draws_tree, stream

        shape = (self.engine.chains, self.engine.draws)
        rng = stream(self.fitted.effects, self.fitted.model, self.engine.seed)
        flat = self.fitted.draw(shape[0] * shape[1], rng)
        posterior = {name: values.reshape(*shape, *values.shape[1:]) for name, values in flat.items()}
        return draws_tree(self.fitted.effects, self.fitted.model, posterior, label=self.label, rng=rng)


def _findings(fitted: Fitted, model: CommonEffect | RandomEffects, tolerance: float) -> tuple[Finding, ...]:
    findings = []
    if not fitted.limit_error <= tolerance:
        findings.append(
            Finding(
                "grid_too_coarse",
                f"The limits are good to about {fitted.limit_error:.1e} half-widths only, not to {tolerance:.1e}; "
                "check the data for effects on very different scales, or set Exact(tolerance=...).",
            )
        )
    if fitted.posterior is not None and model.mu is not None:
        missing = missing_moments(int(fitted.posterior.moments[0]), model.mu)
        if missing is not None:
            findings.append(missing)
    return tuple(findings)
