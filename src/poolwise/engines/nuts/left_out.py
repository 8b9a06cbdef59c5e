"""Posteriors by NUTS without some rows of a study table, and what they expect of the estimates in those rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects, some_rows
from poolwise.engines.draws.mixed_rows import MixedRows
from poolwise.engines.draws.normal_draws import NormalDraws, flat
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.engines.means import Means, means
from poolwise.engines.nuts.planned import Linear, fit_planned
from poolwise.engines.nuts.stored_draws import Place
from poolwise.errors import ModelError
from poolwise.laws import DrawsLaw, NormalMixture
from poolwise.model import Model
from poolwise.model.missing_levels import MissingLevels
from poolwise.quantities import Posterior
from poolwise.result import Result
from poolwise.show import is_contrast

if TYPE_CHECKING:
    from poolwise.engines.nuts.engine import NUTS

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class DrawnWithout:
    """Draws given some rows, seen from the whole table.

    Attributes
    ----------
    result : Result
        Of the rows that were kept.
    mean : ndarray
        Mean effect of every row of the whole table, shape (chains, draws, k).
    sd : ndarray
        Standard deviation of the true effect in a new study (in a new cluster) like each row, shape
        (chains, draws, k).
    law : NormalLaw
        Of the whole table.
    groups : tuple of str
        Of each row, where groups have heterogeneities of their own; else empty.
    mixed : MixedRows, optional
        The rows of the whole table whose moderators miss a level.
    """

    result: Result
    mean: Array
    sd: Array
    law: NormalLaw
    groups: tuple[str, ...] = ()
    mixed: MixedRows | None = None

    def expected(self, row: int, se: float) -> NormalMixture:
        """The law of an estimate with this standard error in a new study like this row, mixed over the draws."""
        centre, spread = self.mean[..., row, None], np.hypot(self.sd[..., row], se)[..., None]
        weight = np.ones_like(centre)
        if self.mixed is not None and row in self.mixed.rows:
            i = int(np.searchsorted(self.mixed.rows, row))
            centre, weight = self.mixed.mean[..., i, :], np.exp(self.mixed.log_weight[..., i, :])
        spread = np.broadcast_to(spread, centre.shape)
        moved = self.moved
        own = f"[{self.groups[row]}]" if self.groups else ""
        laws = [one.law for name, one in moved.items() if name.endswith(own)]
        moments = min((law.moments for law in laws if isinstance(law, DrawsLaw)), default=2)
        return NormalMixture((weight / weight.sum()).ravel(), centre.ravel(), spread.ravel(), moments)

    @property
    def moved(self) -> dict[str, Posterior]:
        """What a study can move, by name: mean effects, coefficients, heterogeneities."""
        found = self.result.quantities
        grouped = any(name.startswith("tau[") for name in found) and "tau_spread" in found
        return {
            name: one
            for name, one in found.items()
            if isinstance(one, Posterior)
            and name.startswith(("mu", "beta", "tau", "gamma", "sd["))
            and not name.startswith("tau2")
            and not (grouped and ("[" not in name or is_contrast(name)))
        }

    def log_density(self, effects: Effects, rows: NDArray[np.intp]) -> tuple[float, float]:
        """Log of E[p(y_u | parameters)] over the draws, and its Monte Carlo standard error.

        Parameters
        ----------
        effects : Effects
            The whole table.
        rows : ndarray
            The rows u that were left out together, shape (n,).
        """
        import arviz as az

        log = self._given_parameters(effects, rows)
        top = log.max()
        weight = np.exp(log - top)
        mean = weight.mean()
        return float(top + np.log(mean)), float(az.mcse(weight, method="mean") / mean)

    def _given_parameters(self, effects: Effects, rows: NDArray[np.intp]) -> Array:
        """Log density of the estimates given the parameters, true effects integrated out; (chains, draws)."""
        if self.mixed is not None and rows[0] in self.mixed.rows:
            part = np.isin(self.mixed.rows, rows)
            variance = self.sd[..., self.mixed.rows] ** 2 + effects.v[self.mixed.rows]
            return self.mixed.log_density(effects.y[self.mixed.rows], variance)[..., part].sum(axis=-1)
        law = replace(self.law, structure=self.law.structure.at(rows))
        off = flat(effects.y[rows] - self.mean[..., rows])
        return law.log_density(off).sum(axis=-1).reshape(self.mean.shape[:2])


def whole_means(effects: Effects, model: Model) -> Means:
    """The mean effects of the whole table, in whose coding every part of it is fitted.

    Raises
    ------
    ModelError
        For uncertain numbers: the scale of their priors is that of the whole table, which no part of it has.
    """
    mean = means(effects, model)
    if (uncertain := mean.structure.uncertain) is not None:
        raise ModelError(
            f"no study can be left out where {' and '.join(uncertain.names)} is missing or measured with error",
            "known numbers",
            "checks.loo(result), which keeps the whole table",
        )
    return mean


def drawn_without(
    effects: Effects, model: Model, engine: NUTS, keep: NDArray[np.bool_], whole: Means, kept: Place | None = None
) -> DrawnWithout:
    """Fit the rows where the mask is true; moderators and priors stay what they are on the whole table.

    Parameters
    ----------
    effects : Effects
        The whole table.
    model : Model
        With every prior explicit.
    engine : NUTS
    keep : ndarray of bool
        Shape (k,).
    whole : Means
        From `whole_means`.
    kept : Place, optional
        Where the draws are kept.

    Returns
    -------
    DrawnWithout
    """
    less = some_rows(effects, keep)
    result = fit_planned(less, model, engine, mean=whole.kept(keep), kept=kept)
    assert isinstance(result.linear, Linear)
    draws = result.linear.draws
    mean = draws.coefficients @ whole.X.T
    law = NormalLaw.of(whole.structure, draws.parameters, draws.law.size)
    sd = law.spread.reshape(*draws.shape, -1)
    names = [name.partition("[")[2].removesuffix("]") for name in whole.linear]
    apart = any(name.startswith("tau[") for name in draws.scalars)
    of = tuple(names[int(column)] for column in whole.X.argmax(axis=1)) if apart else ()
    mixed = None if whole.gaps is None else _mixed(whole.gaps, keep, draws)
    return DrawnWithout(result, mean, np.broadcast_to(sd, mean.shape), law, of, mixed)


def _mixed(gaps: MissingLevels, keep: NDArray[np.bool_], draws: NormalDraws) -> MixedRows:
    """The rows that miss a level; without any of them, pi stays as the reported levels have it, at its mean."""
    if draws.mixed is not None:
        pi = np.stack([draws.scalars[f"pi[{label}]"] for label in gaps.labels], axis=-1)
    else:
        pi = np.concatenate([counts / counts.sum() for counts in gaps.kept(keep).concentrations])
        pi = np.broadcast_to(pi, (*draws.coefficients.shape[:2], len(pi)))
    return MixedRows.of(gaps, draws.coefficients, pi)
