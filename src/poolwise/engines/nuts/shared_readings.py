"""From what NUTS drew of a model whose true effects correlate across rows to everything that a result contains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.heterogeneity import share_of_variation, typical_variance
from poolwise.engines.nuts.shared import Block, Given
from poolwise.engines.nuts.shared_plans import SharedPlan
from poolwise.laws import DrawsLaw
from poolwise.model import CorrelatedOutcomes, CrossedEffects
from poolwise.moments import MOST_MOMENTS, spreads_of
from poolwise.quantities import ByStudy, Posterior, Quantity

Array = NDArray[np.float64]
CORRELATION = "cor["


@final
@dataclass(frozen=True, eq=False)
class SharedSample:
    """Joint draws on the scale of the effects.

    Attributes
    ----------
    effects : Effects
    model : CrossedEffects or CorrelatedOutcomes
        With every prior explicit.
    shared : SharedPlan
    coefficients : ndarray
        Mean effects, shape (chains, draws, p).
    scalars : mapping of str to ndarray
        Standard deviations and correlations by the names of the quantities, shape (chains, draws).
    root : ndarray
        Cholesky factor of the outcomes' correlations, shape (chains, draws, m, m); of shape (chains, draws, 0, 0) for
        crossed effects.
    theta : ndarray
        True effects, shape (chains, draws, k).
    terms : ndarray
        Effects of the levels of crossed factors, shape (chains, draws, q).
    new : mapping of str to ndarray
        True effects in a new study, shape (chains, draws).
    """

    effects: Effects
    model: CrossedEffects | CorrelatedOutcomes
    shared: SharedPlan
    coefficients: Array
    scalars: Mapping[str, Array]
    root: Array
    theta: Array
    terms: Array
    new: Mapping[str, Array]

    @property
    def design(self) -> Array:
        """Indicators of the mean effects, shape (k, p)."""
        return self.shared.plan.means.X

    @property
    def linear(self) -> dict[str, Array]:
        """Mean effects and contrasts by name, shape (chains, draws)."""
        return {name: self.coefficients @ c for name, c in self.shared.plan.means.linear.items()}

    @property
    def watched(self) -> dict[str, Array]:
        """What was sampled, for diagnosis: mean effects, standard deviations and correlations."""
        names = list(self.shared.plan.means.linear)[: self.shared.plan.means.p]
        return {name: self.linear[name] for name in names} | dict(self.scalars)

    @property
    def spread(self) -> Array:
        """Standard deviations of the random terms that rows share, shape (chains, draws, q or m)."""
        each = np.stack([self.scalars[f"tau[{name}]"] for name in self.shared.groups], axis=-1)
        return each if isinstance(self.model, CorrelatedOutcomes) else each[..., self.factor_of_levels]

    @property
    def factor_of_levels(self) -> NDArray[np.int64]:
        """Factor of each level of crossed factors, shape (q,)."""
        return np.asarray(self.shared.plan.data["of"])

    @property
    def within(self) -> Array:
        """tau_within, 0 where the model has none, shape (chains, draws)."""
        return self.scalars.get("tau_within", np.zeros(self.coefficients.shape[:2]))

    def given(self, block: Block, flat: slice) -> Given:
        """A block at some of the draws, in one row of them."""
        sd = self.spread.reshape(-1, self.spread.shape[-1])[flat][:, block.columns]
        if isinstance(self.model, CorrelatedOutcomes):
            L = sd[..., None] * self.root.reshape(-1, *self.root.shape[2:])[flat]
        else:
            L = sd[..., None] * np.eye(sd.shape[-1])
        return Given(block, L, self.within.reshape(-1)[flat])

    def residuals(self, block: Block, flat: slice) -> Array:
        """Turned estimates less their means, shape (N, n)."""
        return (self.effects.y[block.rows] - self.fitted(block, flat)) @ block.turn

    def fitted(self, block: Block, flat: slice) -> Array:
        """Mean effects of a block's rows, shape (N, n)."""
        coefficients = self.coefficients.reshape(-1, self.coefficients.shape[-1])[flat]
        return np.asarray(coefficients @ self.design[block.rows].T)


def read(
    effects: Effects,
    model: CrossedEffects | CorrelatedOutcomes,
    shared: SharedPlan,
    drawn: Mapping[str, Array],
    rng: np.random.Generator,
) -> SharedSample:
    """Draws in the sampler's unit as draws on the scale of the effects; true effects drawn given them.

    Parameters
    ----------
    effects : Effects
    model : CrossedEffects or CorrelatedOutcomes
    shared : SharedPlan
    drawn : mapping
        Variables of the PyMC model, shape (chains, draws, ...).
    rng : Generator

    Returns
    -------
    SharedSample
    """
    unit, names = shared.plan.unit, shared.groups
    mu = unit.centre + unit.unit * drawn["mu"]
    scalars = {name: unit.unit * drawn[name] for name in shared.plan.spreads}
    if isinstance(model, CrossedEffects):
        scalars = {f"tau[{name}]": scalars[f"tau[{f}]"] for f, name in enumerate(names)} | {
            "tau_within": scalars["tau_within"]
        }
    root = drawn.get("root", np.empty((*mu.shape[:2], 0, 0)))
    if isinstance(model, CorrelatedOutcomes):
        mine = scalars.pop("tau")
        scalars = {f"tau[{name}]": mine[..., o] for o, name in enumerate(names)} | scalars | correlations(names, root)
    coefficients = mu if mu.ndim == 3 else mu[..., None]
    nothing = np.empty((*coefficients.shape[:2], 0))
    sample = SharedSample(effects, model, shared, coefficients, scalars, root, nothing, nothing, {})
    theta, terms = _true_effects(sample, rng)
    return SharedSample(
        effects, model, shared, coefficients, scalars, root, theta, terms, new_studies(sample, rng)
    )  # fmt: skip


def correlations(names: tuple[str, ...], root: Array) -> dict[str, Array]:
    """Correlation of each pair of outcomes from the Cholesky factor, shape (chains, draws)."""
    return {
        f"{CORRELATION}{names[j]},{names[i]}]": (root[..., i, :] * root[..., j, :]).sum(axis=-1)
        for i in range(len(names))
        for j in range(i)
    }


def _true_effects(sample: SharedSample, rng: np.random.Generator) -> tuple[Array, Array]:
    """Theta, shape (chains, draws, k), and for crossed factors the effects of their levels, (chains, draws, q)."""
    shape = sample.coefficients.shape[:2]
    draws = shape[0] * shape[1]
    theta, terms = np.empty((draws, sample.effects.k)), np.empty((draws, len(sample.shared.levels)))
    for block in sample.shared.blocks:
        for flat in block.steps(draws):
            about, u = sample.given(block, flat).drawn(sample.residuals(block, flat), rng)
            theta[flat, block.rows] = sample.fitted(block, flat) + about
            if sample.shared.levels:
                terms[flat, block.columns] = u
    return theta.reshape(*shape, -1), terms.reshape(*shape, len(sample.shared.levels))


def new_studies(sample: SharedSample, rng: np.random.Generator) -> dict[str, Array]:
    """True effects in a new study (of new levels of all factors) by name, shape (chains, draws).

    Those on several outcomes are of one study and correlate.
    """
    shape = sample.coefficients.shape[:2]
    if isinstance(sample.model, CrossedEffects):
        return {"theta_new": sample.coefficients[..., 0] + total_spread(sample) * rng.standard_normal(shape)}
    shared = (sample.root @ rng.standard_normal((*sample.spread.shape, 1)))[..., 0]
    own = sample.within[..., None] * rng.standard_normal(sample.spread.shape)
    theta = sample.coefficients + sample.spread * shared + own
    return {name: theta[..., o] for o, name in enumerate(sample.shared.plan.means.new)}


def total_spread(sample: SharedSample) -> Array:
    """Standard deviation of a true effect about its mean over all crossed factors, shape (chains, draws)."""
    return np.sqrt(sum(x**2 for x in sample.scalars.values()))


def existing_moments(sample: SharedSample) -> dict[str, int]:
    """Highest moment that exists a posteriori, at most 4, of every quantity by name."""
    means = sample.shared.plan.means
    each = {one.name: one.moments for one in spreads_of(means.structure)}
    least = min(each.values())
    known = dict.fromkeys(means.linear, means.moments(least))
    of = {name: each.get(name, MOST_MOMENTS) for name in sample.scalars}
    return known | of | dict.fromkeys(sample.new, min(least, means.moments(least)))


def quantities(sample: SharedSample) -> dict[str, Quantity]:
    """The named quantities of the result."""
    moments = existing_moments(sample)
    out: dict[str, Quantity] = {name: Posterior(DrawsLaw(x, moments[name])) for name, x in sample.linear.items()}
    for name, draws in sample.scalars.items():
        if name.startswith(CORRELATION):
            out[name] = Posterior(DrawsLaw(draws, MOST_MOMENTS, lower=-1.0))
            continue
        out[name] = Posterior(DrawsLaw(draws, moments[name], lower=0.0))
        out[name.replace("tau", "tau2", 1)] = Posterior(DrawsLaw(draws**2, moments[name] // 2, lower=0.0))
    if isinstance(sample.model, CrossedEffects):
        least = min(moments[name] for name in sample.scalars)
        for name, draws in shares(sample).items():
            out[name] = Posterior(DrawsLaw(draws, least if name == "tau" else MOST_MOMENTS, lower=0.0))
        for level, draws in zip(sample.shared.levels, np.moveaxis(sample.terms, -1, 0), strict=True):
            out[f"u[{level}]"] = Posterior(DrawsLaw(draws, least))
    return out | {name: Posterior(DrawsLaw(draws, moments[name])) for name, draws in sample.new.items()}


def shares(sample: SharedSample) -> dict[str, Array]:
    """Total heterogeneity of crossed effects, each factor's share of its variance (ICC), and I2."""
    tau, typical = total_spread(sample), typical_variance(sample.effects.v)
    out = {"tau": tau} | {f"ICC[{name}]": (sample.scalars[f"tau[{name}]"] / tau) ** 2 for name in sample.shared.groups}
    return out if np.isnan(typical) else out | {"I2": share_of_variation(tau, typical)}


def studies(sample: SharedSample) -> ByStudy:
    """Posterior of each theta_i, whose moments all exist."""
    return ByStudy(sample.effects.labels, partial(_study, sample))


def _study(sample: SharedSample, row: int) -> Posterior:
    return Posterior(DrawsLaw(sample.theta[..., row]))


def combination(sample: SharedSample, c: Array, *, new: np.random.Generator | None = None) -> Quantity:
    """The mean effect c'mu, or, with random numbers to draw it by, that combination of true effects in a new study."""
    moments = existing_moments(sample)
    mean = sample.coefficients @ c
    if new is None:
        return Posterior(DrawsLaw(mean, min(moments[name] for name in sample.linear)))
    values = np.stack(list(new_studies(sample, new).values()), axis=-1) @ c
    return Posterior(DrawsLaw(values, min(moments[name] for name in sample.new)))


def weights(sample: SharedSample) -> dict[str, float]:
    """Posterior mean of each row's weight in the generalised-least-squares estimate of its mean effect.

    The estimates of mean effects are (X' S^-1 X)^-1 X' S^-1 y; the weights of the rows of one outcome sum to 1.
    """
    draws, X = int(np.prod(sample.coefficients.shape[:2])), sample.design
    pulled, total = np.empty((draws, *X.shape)), np.zeros((draws, X.shape[1], X.shape[1]))
    for block in sample.shared.blocks:
        for flat in block.steps(draws):
            own = block.turn @ sample.given(block, flat).pulled(
                np.broadcast_to(block.turn.T @ X[block.rows], (len(range(*flat.indices(draws))), *X[block.rows].shape))
            )
            pulled[flat, block.rows] = own
            total[flat] += X[block.rows].T @ own
    shares = np.linalg.solve(total, pulled.mT).mT
    return dict(zip(sample.effects.labels, (shares * X).sum(axis=-1).mean(axis=0).tolist(), strict=True))
