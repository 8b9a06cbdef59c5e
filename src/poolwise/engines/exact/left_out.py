"""Exact posteriors without some rows of a study table, and what they expect of the estimates in those rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects, some_rows
from poolwise.engines.exact.choice import quadrature
from poolwise.engines.exact.groups import Grouped, grouped, groups, is_exchangeable, refuse_covariance
from poolwise.engines.exact.posterior import Fitted
from poolwise.engines.exact.rows import RowFit, fitted_rows, has_rows
from poolwise.engines.means import Means, Split, means
from poolwise.errors import listing
from poolwise.laws import with_error
from poolwise.model import Model, SkewNormalRandomEffects
from poolwise.moments import spreads
from poolwise.priors import Fixed
from poolwise.quadrature.boxes.box_posterior import BoxPosterior
from poolwise.quadrature.boxes.diagonal import Diagonal
from poolwise.quadrature.groups.exchangeable import TOLERANCE
from poolwise.quantities import Law, Posterior, Quantity
from poolwise.threads import one_thread

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

LIMIT = 1e-8  # half-widths of an interval to which limits are worked out


@final
@dataclass(frozen=True)
class Unit:
    """Rows that are left out together, because their estimates depend on one another given the parameters.

    Attributes
    ----------
    name : str
    rows : ndarray
        Shape (n,).
    """

    name: str
    rows: Ints


@final
@dataclass(frozen=True, eq=False)
class Without:
    """The posterior of some rows.

    Attributes
    ----------
    log_total : float
        Log integral of prior times likelihood.
    coarse : bool
        Whether the quadrature says that it missed its tolerance.
    quantities : mapping of str to Posterior
        What a study can move, by name.
    expected : callable
        Maps a row of the whole table to the law of an estimate with that row's standard error, in a new study with
        that row's mean effect and heterogeneity.
    """

    log_total: float
    coarse: bool
    quantities: Mapping[str, Posterior]
    expected: Callable[[int], Law]


class Refits(Protocol):
    """Fits of one model to parts of one study table."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """What can be left out."""

    def status(self, keep: Mask) -> str:
        """``"ok"``, or why these rows cannot tell what to expect of the others."""

    def fit(self, keep: Mask) -> Without:
        """The posterior of the rows where the mask is true."""


def refits(effects: Effects, model: Model) -> Refits:
    """Fits of a model to parts of a study table; moderators and priors stay what they are on the whole table.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.

    Returns
    -------
    Refits
    """
    if is_exchangeable(model):
        refuse_covariance(effects, model)
        return _OfGroups(effects, model)
    if has_rows(model):
        return _OfRows(effects, model)
    return _OfOneDesign(effects, model)


@final
@dataclass(frozen=True, eq=False)
class _OfOneDesign:
    """Models whose mean effects have one design."""

    effects: Effects
    model: Model

    @cached_property
    def means(self) -> Means:
        """Of the whole table."""
        return means(self.effects, self.model)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Clusters; estimates whose sampling errors correlate; else single rows."""
        labels = self.effects.labels
        units = self.means.structure.units
        correlated = self.effects.covariance is not None
        names = [listing(labels[i] for i in rows) for rows in units.rows] if correlated else units.names
        parts = (Unit(name, rows) for name, rows in zip(names, units.rows, strict=True))
        return tuple(sorted(parts, key=lambda unit: int(unit.rows[0])))

    def status(self, keep: Mask) -> str:
        """Whether every coefficient can be had from these rows, and the posterior is proper."""
        mean = self.means.kept(keep)
        X = mean.certain
        if len(X) == 0 or np.linalg.matrix_rank(X) < X.shape[1]:
            return "not_estimable"
        proper = all(one.moments >= 0 for one in mean.spreads)
        return "ok" if proper else "improper_posterior"

    @one_thread()
    def fit(self, keep: Mask) -> Without:
        """By quadrature."""
        fitted = quadrature(some_rows(self.effects, keep), self.model, LIMIT, self.means.kept(keep))
        coarse = not fitted.limit_error <= fitted.aim(LIMIT)
        return Without(fitted.log_total, coarse, self._moved(fitted), partial(self._expected, fitted))

    def _moved(self, fitted: Fitted) -> dict[str, Posterior]:
        mean = self.means
        stated = all(isinstance(prior, Fixed) for prior in mean.priors)
        laws = {} if stated else {name: fitted.nodes.linear(c) for name, c in mean.linear.items()}
        found = {name: Posterior(law) for name, law in laws.items()}
        for name, law in fitted.spreads.items():
            if name.startswith(("tau", "gamma")) and "tau2" not in name and not isinstance(law, Quantity):
                found[name] = Posterior(law)
        return found

    def _expected(self, fitted: Fitted, row: int) -> Law:
        same = self.means.Z is None
        law = fitted.nodes.new(self.means.X[row]) if same else self._with_own_tau(fitted, row)
        return with_error(law, float(self.effects.se[row]))

    def _with_own_tau(self, fitted: Fitted, row: int) -> Law:
        """The true effect in a new study with this row's moderators, those of log tau too."""
        source, Z = fitted.source, self.means.Z
        assert Z is not None
        assert isinstance(source, BoxPosterior)
        assert isinstance(source.model, Diagonal)
        return source.about(self.means.X[row], source.model.spread_at(source.nodes[1], Z[row]))


@final
@dataclass(frozen=True, eq=False)
class _OfGroups:
    """Exchangeable groups."""

    effects: Effects
    model: Model

    @cached_property
    def groups(self) -> Split:
        """Names of the groups, and the rows of each, in the whole table."""
        return groups(self.effects, self.model)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Single rows: a study within its group."""
        return _single(self.effects.labels)

    def status(self, keep: Mask) -> str:
        """Whether every group keeps a study."""
        return "ok" if all(keep[rows].any() for rows in self.groups[1]) else "not_estimable"

    @one_thread()
    def fit(self, keep: Mask) -> Without:
        """By quadrature over the hyperparameters."""
        names, rows = self.groups
        place = np.cumsum(keep) - 1
        split = names, tuple(place[mine[keep[mine]]] for mine in rows)
        found = grouped(some_rows(self.effects, keep), self.model, TOLERANCE, split)
        everything = found.quantities("equal-tailed")
        moved = {name: one for name, one in everything.items() if name.startswith(("mu[", "tau["))}
        coarse = not found.posterior.error <= TOLERANCE
        total = found.posterior.fine_means.log_total
        return Without(total, coarse, moved, partial(self._expected, found))  # type: ignore[arg-type]

    def _expected(self, found: Grouped, row: int) -> Law:
        (o,) = (o for o, rows in enumerate(self.groups[1]) if row in rows)
        return with_error(found.theta_new(o), float(self.effects.se[row]))


@final
@dataclass(frozen=True, eq=False)
class _OfRows:
    """Models whose rows have likelihoods of their own."""

    effects: Effects
    model: SkewNormalRandomEffects

    @property
    def units(self) -> tuple[Unit, ...]:
        """Single rows."""
        return _single(self.effects.labels)

    def status(self, keep: Mask) -> str:
        """Whether a study is left, and the posterior is proper."""
        if not keep.any():
            return "not_estimable"
        proper = all(one.moments >= 0 for one in spreads(some_rows(self.effects, keep), self.model))
        return "ok" if proper else "improper_posterior"

    @one_thread()
    def fit(self, keep: Mask) -> Without:
        """By quadrature."""
        found = fitted_rows(some_rows(self.effects, keep), self.model)
        moved = {name: Posterior(law) for name, law in (("mu", found.mu), ("tau", found.tau), ("delta", found.delta))}
        coarse = not found.limit_error <= found.aim(LIMIT)
        return Without(found.log_total, coarse, moved, partial(self._expected, found))

    def _expected(self, found: RowFit, row: int) -> Law:
        return with_error(found.new, float(self.effects.se[row]))


def _single(labels: tuple[str, ...]) -> tuple[Unit, ...]:
    return tuple(Unit(label, np.array([i])) for i, label in enumerate(labels))
