"""Joint draws of a model whose true effects are normal given its standard deviations, and all that they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.mixed_rows import MixedRows
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.engines.group_moments import joint_moments
from poolwise.engines.heterogeneity import known, known_tau, share_of_variation, typical_variance
from poolwise.engines.means import Means
from poolwise.laws import DrawsLaw
from poolwise.model import Model
from poolwise.model.structure import NewStudies, NormalStructure, Parameters
from poolwise.moments import MOST_MOMENTS
from poolwise.quantities import ByStudy, Estimate, Posterior, Quantity

Array = NDArray[np.float64]
Rng = np.random.Generator
BOUNDED = ("cor[", "pi[", "ICC", "I2")  # whose moments all exist


@final
@dataclass(frozen=True, eq=False)
class NormalDraws:
    """Joint draws on the scale of the effects, S = (chains, draws) of them.

    Attributes
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    means : Means
        Mean effects and the structure of the model.
    coefficients : ndarray
        Shape (*S, p).
    scalars : mapping of str to ndarray
        Other unknowns by the names of the quantities, shape S.
    roots : mapping of str to ndarray
        Cholesky factors of correlations, shape (*S, m, m).
    theta : ndarray
        True effects, shape (*S, k); (*S, 0) where there are none.
    new : mapping of str to ndarray
        True effects in new studies, shape S.
    terms : mapping of str to ndarray
        Random effects that have names, shape S.
    mean, more : ndarray, optional
        Where moderators are uncertain: mean effects given what was observed of them, and the variance that the rest
        adds, shape (*S, k).
    mixed : MixedRows, optional
        The rows whose moderators miss a level.
    moderators : mapping of str to ndarray
        Mean and standard deviation of uncertain moderators over studies, shape S.
    beside : mapping of str to Quantity
        What was learnt about moderators.
    """

    effects: Effects
    model: Model
    means: Means
    coefficients: Array
    scalars: Mapping[str, Array]
    roots: Mapping[str, Array] = field(default_factory=dict)
    theta: Array = field(default_factory=partial(np.empty, (0, 0, 0)))
    new: Mapping[str, Array] = field(default_factory=dict)
    terms: Mapping[str, Array] = field(default_factory=dict)
    mean: Array | None = None
    more: Array | None = None
    mixed: MixedRows | None = None
    moderators: Mapping[str, Array] = field(default_factory=dict)
    beside: Mapping[str, Quantity] = field(default_factory=dict)

    @property
    def structure(self) -> NormalStructure:
        """What the model states on the study table."""
        return self.means.structure

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        chains, draws = self.coefficients.shape[:2]
        return chains, draws

    @property
    def parameters(self) -> Parameters:
        """What the structure's layers depend on, all draws in one row, shape (N, ...)."""
        names = (*self.structure.sds, *self.structure.gammas)
        drawn = {name: self.scalars[name] for name in names if name in self.scalars} | dict(self.roots)
        return {name: flat(x) for name, x in drawn.items()}

    @cached_property
    def law(self) -> NormalLaw:
        """The law of estimates and true effects at these draws."""
        return NormalLaw.of(self.structure, self.parameters, int(np.prod(self.shape)))

    @property
    def fitted(self) -> Array:
        """Mean effect of each row, shape (*S, k)."""
        out = self.coefficients @ self.structure.X.T if self.mean is None else self.mean
        if self.mixed is not None:
            out[..., self.mixed.rows] = self.mixed.expected
        return out

    @property
    def variance(self) -> Array:
        """Variance of each estimate about its mean effect, shape (*S, k)."""
        known = self.law.variance().reshape(*self.shape, -1)
        return known if self.more is None else known + self.more

    @property
    def linear(self) -> dict[str, Array]:
        """Mean effects, coefficients and contrasts by name, shape S."""
        return {name: self.coefficients @ c for name, c in self.structure.linear.items()}

    @property
    def watched(self) -> dict[str, Array]:
        """What was sampled, for diagnosis: coefficients and scalars, without functions of them and known values."""
        own = {name: self.coefficients[..., j] for j, name in enumerate(self.structure.coefficients)}
        drawn, stated = own | dict(self.scalars) | dict(self.moderators), self.structure.stated
        return {name: x for name, x in drawn.items() if name not in stated}

    @property
    def heterogeneity(self) -> dict[str, Array]:
        """Every unknown that is no coefficient, and the variances, totals and shares that follow, shape S."""
        structure, out = self.structure, {}
        squared = {name for layer in structure.layers if layer.scale is None for name in layer.sds}
        for name, x in self.scalars.items():
            out[name] = x
            if name in squared:
                out[name.replace("tau", "tau2", 1)] = x**2
        with np.errstate(invalid="ignore"):
            out |= structure.derived(out)
        typical = self._typical
        if structure.one_heterogeneity and not structure.known and not np.isnan(typical):
            out["I2"] = share_of_variation(out["tau"], typical)
        return out

    @property
    def _typical(self) -> float:
        return typical_variance(self.effects.v, self.structure.own)

    def existing_moments(self) -> dict[str, int]:
        """Highest moment that exists a posteriori, at most 4, of every quantity by name."""
        structure = self.structure
        named = (*self.heterogeneity, *self.terms, *self.moderators)
        if any(group.log for group in structure.exchangeable):
            return self._moments_of_exchangeable()
        each = {spread.name: spread.moments for spread in self.means.spreads}
        least = min(each.values(), default=MOST_MOMENTS)
        mean = self.means.moments(least)
        out = dict.fromkeys(structure.linear, mean)
        for name in named:
            out[name] = MOST_MOMENTS if name.startswith(BOUNDED) else each.get(name, least)
        out |= dict.fromkeys(self.moderators, MOST_MOMENTS) | _of_squares(out)
        return out | {name: min(mean, each.get(name.replace("theta_new", "tau"), least)) for name in self.new}

    def _moments_of_exchangeable(self) -> dict[str, int]:
        structure = self.structure
        priors, mu = structure.priors, structure.coefficients
        moments = joint_moments(
            [int(count) for count in structure.X.sum(axis=0)],
            flat=not priors.get("mu", priors.get(mu[0])).proper,  # type: ignore[union-attr]
            spread=priors.get("mu_spread"),
            tau=priors["tau"],
            tau_spread=priors["tau_spread"],
        )
        out = dict.fromkeys(structure.linear, min(moments.mu))
        each = zip(mu, structure.sds, structure.new.names, moments.mu, moments.tau_of, strict=True)
        for name, tau, new, of_mean, of_tau in each:
            out |= {name: of_mean, tau: of_tau, new: min(of_tau, of_mean)}
        out |= {"mu": moments.mean, "mu_spread": moments.spread}
        return out | {"tau": moments.tau, "tau_spread": moments.tau_spread} | _of_squares(out)

    def quantities(self) -> dict[str, Quantity]:
        """The named quantities of the result, with the names that the exact engine gives them."""
        moments, known = self.existing_moments(), self.structure.known
        drawn = self.linear | self.heterogeneity
        out: dict[str, Quantity] = {name: self._posterior(name, x, moments) for name, x in drawn.items()}
        out |= self._stated()
        out |= known_tau(known["tau"], self._typical) if "tau" in known else {}
        rest = {**self.terms, **self.new, **self.moderators}
        return out | {name: self._posterior(name, x, moments) for name, x in rest.items()} | dict(self.beside)

    def _stated(self) -> dict[str, Quantity]:
        """Mean effects and coefficients that the model states."""
        stated, names = self.structure.stated, self.structure.coefficients
        if not stated:
            return {}
        unknown = np.array([name not in stated for name in names])
        value = np.array([stated.get(name, 0.0) for name in names])
        out: dict[str, Quantity] = {name: known(x) for name, x in stated.items()}
        return out | {name: known(c @ value) for name, c in self.structure.linear.items() if not c[unknown].any()}

    def _posterior(self, name: str, draws: Array, moments: Mapping[str, int]) -> Posterior:
        free = (*self.structure.linear, *self.structure.gammas, *self.new, *self.terms, "mu")
        lower = -np.inf if name in free or name.startswith("mean[") else -1.0 if name.startswith("cor[") else 0.0
        return Posterior(DrawsLaw(draws, moments[name], lower=lower))

    def studies(self) -> ByStudy:
        """Posterior of each theta_i, whose moments all exist."""
        return ByStudy(self.effects.labels, partial(_study, self.theta))

    def weights(self) -> dict[str, float]:
        """Posterior mean of each row's weight in the generalised-least-squares estimate of its mean, if unknown."""
        if set(self.structure.coefficients) <= set(self.structure.stated):
            return {}
        return dict(zip(self.effects.labels, self.law.weights().mean(axis=0).tolist(), strict=True))

    def combination(self, c: Array, *, new: Rng | None = None) -> Quantity:
        """The mean effect c'beta, or, with random numbers to draw it by, the true effect in a new study.

        Of outcomes that correlate it is that combination of their true effects in one study. There is no number where
        the heterogeneity of a new study depends on moderators of its own.
        """
        mean, moments, layers = self.coefficients @ c, self.existing_moments(), self.structure.layers
        if new is None:
            return Posterior(DrawsLaw(mean, min(moments[name] for name in self.structure.linear)))
        if any(layer.scale is not None for layer in layers):
            return Estimate(np.nan)
        if any(layer.root for layer in layers):
            draws = np.stack([*self.new_effects(new).values()], axis=-1) @ c
        else:
            draws = mean + self.law.spread[:, 0].reshape(self.shape) * new.standard_normal(self.shape)
        return Posterior(DrawsLaw(draws, min(moments[name] for name in (*self.structure.linear, *self.scalars))))

    def completed(self, rng: Rng) -> NormalDraws:
        """With true effects, those of new studies and named random effects drawn given the rest."""
        k, fitted = self.structure.k, self.fitted
        theta, terms = flat(fitted), dict[str, Array]()
        if self.structure.layers:
            theta, terms = self.law.draw_effects(theta, self.effects.y, rng)
        named = {name: x.reshape(self.shape) for name, x in terms.items()}
        return replace(self, theta=theta.reshape(*self.shape, k), terms=named, new=self.new_effects(rng))

    def new_effects(self, rng: Rng) -> dict[str, Array]:
        """True effects in new studies by name, one after the other unless they are of one study; shape S."""
        new, beta = self.structure.new, flat(self.coefficients)
        if any(layer.root for layer in new.layers):
            theta = self.law.new_theta(new, beta, rng)
        else:
            each = [_alone(new, j) for j in range(len(new.names))]
            theta = np.concatenate([self.law.new_theta(one, beta, rng) for one in each] or [beta[:, :0]], axis=1)
        return by_name(new.names, theta.reshape(*self.shape, -1))

    def replicates(self, rng: Rng) -> Array:
        """Estimates of new studies with these designs, groups and standard errors, shape (*S, k)."""
        mean, more = self.fitted, 0.0 if self.more is None else flat(self.more)
        if self.mixed is not None:
            mean[..., self.mixed.rows] = self.mixed.drawn_anew(rng)
        return self.law.replicate(flat(mean), rng, more).reshape(*self.shape, -1)

    def log_likelihood(self) -> Array:
        """Log density of the estimates of each independent unit, true effects integrated out; shape (*S, units)."""
        y, more, mixed = self.effects.y, 0.0 if self.more is None else flat(self.more), self.mixed
        logs = self.law.log_density(flat(y - self.fitted), more).reshape(*self.shape, -1)
        if mixed is not None:
            logs[..., mixed.rows] = mixed.log_density(y[mixed.rows], self.variance[..., mixed.rows])
        return logs


def correlations(structure: NormalStructure, roots: Mapping[str, Array]) -> dict[str, Array]:
    """Correlations by name from their Cholesky factors, shape S."""
    out: dict[str, Array] = {}
    for layer in structure.layers:
        if layer.root:
            root, m = roots[layer.root], len(layer.sds)
            pairs = [(root[..., i, :] * root[..., j, :]).sum(axis=-1) for i in range(m) for j in range(i)]
            out |= dict(zip(layer.correlations, pairs, strict=True))
    return out


def flat(draws: Array) -> Array:
    """All draws in one row, shape (N, ...)."""
    return draws.reshape(-1, *draws.shape[2:])


def by_name(names: tuple[str, ...], draws: Array) -> dict[str, Array]:
    """The columns of draws of shape (*S, n), or draws of shape S, by name."""
    columns = [draws] if draws.ndim == 2 else np.moveaxis(draws, -1, 0)
    return dict(zip(names, columns, strict=True))


def _alone(new: NewStudies, j: int) -> NewStudies:
    """One of several new studies."""
    row = np.array([j])
    return NewStudies((new.names[j],), new.X[row], tuple(layer.at(row) for layer in new.layers))


def _of_squares(moments: Mapping[str, int]) -> dict[str, int]:
    """Moments of variances from those of standard deviations."""
    return {name.replace("tau", "tau2", 1): m // 2 for name, m in moments.items()
            if name.startswith("tau") and not name.startswith("tau2")}  # fmt: skip


def _study(theta: Array, row: int) -> Posterior:
    return Posterior(DrawsLaw(theta[..., row]))
