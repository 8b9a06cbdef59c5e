"""The answers that a search climbs on: posterior probabilities and quantiles of many tables, and how they change.

Coarser than the exact engine (a fixed rule over tau, good to about 1e-4 of the answers), and only ever used to find a
table: what is told of it is what the exact engine says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.closed_form.batch import common_effect_batch, q_profile_batch, random_effects_batch
from poolwise.engines.closed_form import ClosedForm
from poolwise.model import Model
from poolwise.priors import Flat, Normal, Prior
from poolwise.show import is_contrast

Array = NDArray[np.float64]
Tables = Callable[[Array], tuple[Array, Array]]

_PANELS, _NODES = 8, 8
_FARTHEST = 60.0  # beyond any quantile that is printed
_EXACT = 1e-9
_KNEE, _TOP = 0.03, 2000.0  # tau = knee (e^x - 1), up to the top: half of the nodes lie below about 2 units of the SMD


@final
@dataclass(frozen=True, eq=False)
class Means:
    """Normal mean effects with a common tau: one for each level, one alone without levels.

    Attributes
    ----------
    member : ndarray
        1 where a study belongs to a mean, shape (k, means).
    prior_mean, prior_precision : ndarray
        Of each mean, precision 0 for a flat prior, shape (means,).
    tau : Prior
        On the between-study standard deviation.
    """

    member: Array = field(repr=False)
    prior_mean: Array
    prior_precision: Array
    tau: Prior

    def mixture(self, y: Array, w: Array, tau: Array) -> tuple[Array, Array, Array]:
        """Log density of tau, and mean and variance of every mean effect given tau, up to a constant.

        p(tau | y) ~ p(tau) prod_i (v_i + tau^2)^-1/2 prod_g P_g^-1/2 exp(-(S_g - B_g^2 / P_g) / 2), with
        P = sum 1 / (v + tau^2) + prior precision, B = sum y / (v + tau^2) + ..., S likewise of y^2.

        Parameters
        ----------
        y, w : ndarray
            Shape (n, k).
        tau : ndarray
            Shape (n or 1, nodes).

        Returns
        -------
        log_density : ndarray
            Shape (n, nodes).
        mean, variance : ndarray
            Shape (n, nodes, means).
        """
        v = 1.0 / w
        inverse = 1.0 / (v[:, None, :] + tau[:, :, None] ** 2)
        weighted = inverse * y[:, None, :]
        precision = inverse @ self.member + self.prior_precision
        total = weighted @ self.member + self.prior_precision * self.prior_mean
        squares = (weighted * y[:, None, :]).sum(axis=2)
        mean = total / precision
        exponent = (squares - (total * mean).sum(axis=2)) / 2.0
        log = 0.5 * np.log(inverse).sum(axis=2) - 0.5 * np.log(precision).sum(axis=2) - exponent
        return log + self.tau.log_pdf(tau), mean, 1.0 / precision


@final
@dataclass(frozen=True, eq=False)
class Quantity:
    """One quantity of one Bayesian fit, as far as a search needs it.

    Attributes
    ----------
    means : Means
    row : ndarray or None
        What each mean effect counts for: (1,) for mu, (-1, 1) for a contrast; None for tau.
    new : bool
        Whether it is the true effect in a new study, which has tau on top.
    """

    means: Means
    row: Array | None
    new: bool = False

    def cdf(self, y: Array, w: Array, at: float | Array) -> Array:
        """P(quantity <= at) of every table, shape (n,).

        Parameters
        ----------
        y, w : ndarray
            Shape (n, k).
        at : float or ndarray
            The same for all tables, or shape (n,).
        """
        if self.row is None:
            return self._cdf_of_tau(y, w, np.broadcast_to(np.asarray(at, dtype=float), (len(y),)))
        share, mean, spread = self._components(y, w)
        return (share * ndtr((np.reshape(at, (-1, 1)) - mean) / spread)).sum(axis=1)

    def quantile(self, y: Array, w: Array, p: float) -> Array:
        """The p quantile of every table, shape (n,).

        Parameters
        ----------
        y, w : ndarray
            Shape (n, k).
        p : float
        """
        return np.array([self._root(y[i : i + 1], w[i : i + 1], p) for i in range(len(y))])

    def _root(self, y: Array, w: Array, p: float) -> float:
        from scipy.optimize import brentq

        if self.row is None:
            share, _ = self._shares(y, w)
            place = int(np.searchsorted(np.cumsum(share[0]), p))
            ends = np.concatenate([[0.0], _RULE[0][0], [_TOP]])[[max(place - 1, 0), min(place + 2, share.size + 1)]]
            below, above = self._cdf_of_tau(np.repeat(y, 2, axis=0), np.repeat(w, 2, axis=0), ends)
            low, high = ends if below < p < above else (0.0, _TOP)
            return float(
                brentq(lambda at: float(self._cdf_of_tau(y, w, np.array([at]))[0]) - p, low, high, xtol=_EXACT)
            )
        share, mean, spread = (part[0] for part in self._components(y, w))
        return float(brentq(lambda at: share @ ndtr((at - mean) / spread) - p, -_FARTHEST, _FARTHEST, xtol=_EXACT))

    def _shares(self, y: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
        """The weight of every node of tau, and mean and variance of the mean effects there."""
        tau, jacobian = _RULE
        log, mean, variance = self.means.mixture(y, w, tau)
        share = np.exp(log - log.max(axis=1, keepdims=True)) * jacobian
        return share / share.sum(axis=1, keepdims=True), (mean, variance)

    def _components(self, y: Array, w: Array) -> tuple[Array, Array, Array]:
        """Weights, means and standard deviations of the normal laws that the quantity is a mixture of."""
        assert self.row is not None
        share, (mean, variance) = self._shares(y, w)
        return share, mean @ self.row, np.sqrt(variance @ self.row**2 + (_RULE[0] ** 2 if self.new else 0.0))

    def _cdf_of_tau(self, y: Array, w: Array, at: Array) -> Array:
        """By a rule below and one above: the density of tau is not a mixture of anything smooth in `at`."""
        rules = [_rule(np.zeros(len(at)), at), _rule(at, np.full(len(at), _TOP))]
        tau, jacobian = (np.concatenate(parts, axis=1) for parts in zip(*rules, strict=True))
        log = self.means.mixture(y, w, tau)[0]
        share = np.exp(log - log.max(axis=1, keepdims=True)) * jacobian
        return share[:, : rules[0][0].shape[1]].sum(axis=1) / share.sum(axis=1)


@final
@dataclass(frozen=True, eq=False)
class Goal:
    """One printed number, to be made as small or as large as the tables allow.

    Attributes
    ----------
    quantity, what : str
        As in a table of ranges: ``"mu"`` and ``"point"``, ``"lower"``, ``"upper"``, ``"p_above"``, ``"p_rope"``.
    value : callable
        Numbers of many tables: (y, w) of shape (n, k) to shape (n,).
    change : callable
        Numbers that change as the answer does near one table: (y, w) of tables near it and the answer there, to shape
        (n,). For a quantile q the probabilities -F(q) / f(q), which need no quantile of their own.
    """

    quantity: str
    what: str
    value: Callable[[Array, Array], Array] = field(repr=False)
    change: Callable[[Array, Array, float], Array] = field(repr=False)


def bayesian_goals(
    model: Model, level: NDArray[np.int64], names: tuple[str, ...], prob: float, rope: tuple[float, float] | None
) -> list[Goal]:
    """The printed numbers of an exact fit; none where the model or a prior is not one that a search can steer by.

    Parameters
    ----------
    model : Model
        Random effects, or subgroups with a common tau; normal or flat priors on mean effects.
    level : ndarray of int
        Which level each study belongs to, shape (k,).
    names : tuple of str
        Names of the levels.
    prob : float
        Probability of the intervals.
    rope : tuple of float, optional
        Region of practical equivalence.

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the model; DerSimonian & Laird 1986, Controlled
    Clinical Trials 7:177, 10.1016/0197-2456(86)90046-2, for the closed form.
    """
    means = _means(model, level, names)
    if means is None:
        return []
    found: list[Goal] = []
    for name, row in _rows(model, names).items():
        mean = Quantity(means, row)
        found += _of_quantity(name, mean, prob) + _probabilities(name, mean, rope)
        if not is_contrast(name):
            new = Quantity(means, row, new=True)
            of_new = f"theta_new{name.removeprefix('mu')}"
            found += _of_quantity(of_new, new, prob) + _probabilities(of_new, new, rope)
    return found + _of_quantity("tau", Quantity(means, None), prob)


def closed_form_goals(model: Model, engine: ClosedForm, prob: float) -> list[Goal]:
    """The printed numbers of mu and tau by a closed form of random or common effects; none for other models.

    Parameters
    ----------
    model : Model
    engine : ClosedForm
    prob : float
        Probability of the intervals.

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the model; DerSimonian & Laird 1986, Controlled
    Clinical Trials 7:177, 10.1016/0197-2456(86)90046-2, for the closed form.
    """
    if not model.pools:
        return []

    def mu(name: str) -> Callable[[Array, Array], Array]:
        def of(y: Array, w: Array) -> Array:
            if not model.varies:
                fits = common_effect_batch(y, 1.0 / w, interval=engine.interval or "wald", prob=prob)
            else:
                how = engine.interval or "hartung-knapp"
                tau2 = engine.estimator(model.tau_fixed)
                fits = random_effects_batch(
                    y, 1.0 / w, tau2=tau2, interval=how, prediction=engine.prediction, prob=prob
                )
            values: Array = getattr(fits, name)
            return values

        return of

    whats = {"mu": {"point": "mu", "lower": "lower", "upper": "upper"}}
    if model.varies:
        whats["theta_new"] = {"lower": "new_lower", "upper": "new_upper"}
    goals = [_itself(name, what, mu(field)) for name, fields in whats.items() for what, field in fields.items()]
    if model.varies:
        goals.append(_itself("tau", "upper", lambda y, w: np.sqrt(q_profile_batch(y, 1.0 / w, prob=prob)[:, 1])))
    return goals


def _means(model: Model, level: NDArray[np.int64], names: tuple[str, ...]) -> Means | None:
    mu, tau = (model.named_priors.get(name) if model.one_tau else None for name in ("mu", "tau"))
    if not isinstance(mu, Normal | Flat) or tau is None or tau.from_variances or (model.strata and not names):
        return None
    alone = np.ones((len(level), 1))
    member = alone if model.strata is None else np.equal.outer(level, np.arange(len(names))).astype(float)
    mean, precision = (mu.mean, mu.sd**-2.0) if isinstance(mu, Normal) else (0.0, 0.0)
    size = member.shape[1]
    return Means(member, np.full(size, mean), np.full(size, precision), tau)


def _rows(model: Model, names: tuple[str, ...]) -> dict[str, Array]:
    if model.strata is None:
        return {"mu": np.ones(1)}
    eye = np.eye(len(names))
    rows = {f"mu[{name}]": eye[g] for g, name in enumerate(names)}
    pairs = [(g, h) for g in range(len(names)) for h in range(len(names)) if g != h]
    return rows | {f"mu[{names[g]}] - mu[{names[h]}]": eye[g] - eye[h] for g, h in pairs}


def _of_quantity(name: str, quantity: Quantity, prob: float) -> list[Goal]:
    ends = {"point": 0.5, "lower": (1.0 - prob) / 2.0, "upper": (1.0 + prob) / 2.0}
    return [_quantile(name, what, quantity, p) for what, p in ends.items()]


def _quantile(name: str, what: str, quantity: Quantity, p: float) -> Goal:
    def change(y: Array, w: Array, at: float) -> Array:
        step = 1e-4
        ends = quantity.cdf(y[:1], w[:1], at + step) - quantity.cdf(
            y[:1], w[:1], max(at - step, 0.0 if quantity.row is None else -np.inf)
        )
        return -quantity.cdf(y, w, at) / max(float(ends[0]) / (2.0 * step), 1e-12)

    return Goal(name, what, lambda y, w: quantity.quantile(y, w, p), change)


def _probabilities(name: str, quantity: Quantity, rope: tuple[float, float] | None) -> list[Goal]:
    goals = [_itself(name, "p_above", lambda y, w: 1.0 - quantity.cdf(y, w, 0.0))]
    if rope is not None:
        low, high = rope
        goals.append(_itself(name, "p_rope", lambda y, w: quantity.cdf(y, w, high) - quantity.cdf(y, w, low)))
    return goals


def _itself(name: str, what: str, value: Callable[[Array, Array], Array]) -> Goal:
    return Goal(name, what, value, lambda y, w, at: value(y, w))


def _rule(low: Array, high: Array, panels: int = _PANELS // 2) -> tuple[Array, Array]:
    """Nodes over tau from low to high and their weights, shape (n, nodes): Gauss-Legendre in log(knee + tau)."""
    first, last = np.log1p(low / _KNEE), np.log1p(np.maximum(high, 1e-12) / _KNEE)
    half = (last - first)[:, None, None] / (2.0 * panels)
    middle = first[:, None, None] + half * (2.0 * np.arange(panels)[:, None] + 1.0)
    x = middle + half * _LEGENDRE[0]
    tau, jacobian = _KNEE * np.expm1(x), half * _LEGENDRE[1] * _KNEE * np.exp(x)
    return tau.reshape(len(low), -1), jacobian.reshape(len(low), -1)


_LEGENDRE = np.polynomial.legendre.leggauss(_NODES)
_RULE = _rule(np.zeros(1), np.full(1, _TOP), _PANELS)
