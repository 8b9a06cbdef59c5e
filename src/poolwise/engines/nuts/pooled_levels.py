"""Meta-regression whose coefficients share priors by NUTS: the plan, and exact draws of what was integrated out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws
from poolwise.engines.means import Means, means
from poolwise.engines.nuts.plans import TAU, Plan, Unit, compiled, given_parameters
from poolwise.model import Model
from poolwise.priors import Flat, Normal, Prior, RegularizedHorseshoe
from poolwise.pymc_models.pooled_regression import pooled_regression
from poolwise.pymc_models.priors import STANDARD, standard

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
MOST_AT_ONCE = 4_000_000  # numbers in the largest array of one step over the draws


@final
@dataclass(frozen=True, eq=False)
class Pooling:
    """Which coefficients stand where in the model.

    The model's design is turned: flat coefficients are those of orthogonal columns, and what flat coefficients can
    stand for is taken out of every other column, which changes nothing under a flat prior.

    Attributes
    ----------
    means : Means
    unit : Unit
    flat, heavy, shrunk, normal, levels : ndarray of int
        Coefficients with a flat prior, a heavier prior than the normal one, a regularised horseshoe, a normal prior,
        and effects of pooled levels.
    back : ndarray
        Flat coefficients from those of the turned columns, shape (flat, flat).
    taken : ndarray
        What flat coefficients stand for of each coefficient, shape (flat, p).
    scale : ndarray
        What each coefficient is measured by, shape (p,): the standard deviation of the moderator of one with a
        regularised horseshoe, 1 for others.
    shift : ndarray
        Means of the priors of the coefficients that are integrated out, shape (q,).
    constant : ndarray
        Flat coefficients that make every mean effect 1, where there are some; 0 elsewhere. Shape (flat,).
    factors : tuple of str
        Pooled factors.
    of : ndarray of int
        Factor of each level.
    """

    means: Means
    unit: Unit
    flat: NDArray[np.intp]
    heavy: NDArray[np.intp]
    shrunk: NDArray[np.intp]
    normal: NDArray[np.intp]
    levels: NDArray[np.intp]
    back: Array
    taken: Array
    scale: Array
    shift: Array
    constant: Array
    factors: tuple[str, ...]
    of: NDArray[np.int64]

    @property
    def integrated(self) -> NDArray[np.intp]:
        """Coefficients that are integrated out, in the order of the model, length q."""
        return np.r_[self.shrunk, self.normal, self.levels]


def pooled_plan(
    effects: Effects, model: Model, mean: Means | None = None, unit: Unit | None = None
) -> tuple[Plan, Pooling]:
    """The plan of a model whose priors are explicit, and which coefficients stand where in it.

    Parameters
    ----------
    effects : Effects
    model : Model
        With pooled levels, or a regularised horseshoe.
    mean : Means, optional
        The mean effects of these rows in the coding of a larger table.
    unit : Unit, optional
        As in `plan`.

    Returns
    -------
    tuple of Plan and Pooling
    """
    mean = means(effects, model) if mean is None else mean
    assert mean.design is not None
    v = effects.v + mean.structure.known.get("tau", 0.0) ** 2
    X, priors = mean.X, mean.priors
    flat, shrunk, normal = (_which(priors, family) for family in (Flat, RegularizedHorseshoe, Normal))
    heavy = np.array([j for j in range(len(priors)) if j not in {*flat, *shrunk, *normal}], dtype=np.intp)
    pooled = mean.design.pooled
    of = np.repeat(np.arange(len(pooled)), [len(levels) for levels in pooled.values()]).astype(np.int64)
    levels = len(priors) + np.arange(len(of))
    back, taken = _turned(X, flat)
    scale = np.ones(mean.p)
    scale[shrunk] = mean.design.X[:, shrunk].std(axis=0)
    constant = np.linalg.lstsq(X[:, flat], np.ones(effects.k))[0]
    whole = bool(np.allclose(X[:, flat] @ constant, 1.0, atol=1e-9)) if len(flat) else False
    unit = unit or Unit.of(effects.y, v, centred=whole)
    shift = np.zeros(len(shrunk) + len(normal) + len(levels))
    shift[len(shrunk) : len(shrunk) + len(normal)] = [priors[j].parameters[0] for j in normal]
    found = Pooling(
        mean, unit, flat, heavy, shrunk, normal, levels, back, taken, scale, shift, constant * whole, tuple(pooled), of
    )
    return _plan(effects, v, found), found


def _which(priors: tuple[Prior, ...], family: type[Prior]) -> NDArray[np.intp]:
    return np.array([j for j, prior in enumerate(priors) if isinstance(prior, family)], dtype=np.intp)


def _turned(X: Array, flat: NDArray[np.intp]) -> tuple[Array, Array]:
    """What leads from coefficients of orthogonal columns of length sqrt(k) to those of X, and what they take."""
    if not len(flat):
        return np.empty((0, 0)), np.empty((0, X.shape[1]))
    size = np.abs(X[:, flat]).max(axis=0)
    Q, R = np.linalg.qr(X[:, flat] / size)
    taken = np.linalg.solve(R, Q.T @ X) / size[:, None]
    taken[:, flat] = 0.0
    return np.sqrt(len(X)) * np.linalg.inv(R) / size[:, None], taken


def _plan(effects: Effects, v: Array, found: Pooling) -> Plan:
    """The compiled model and its data."""
    unit, mean = found.unit, found.means
    stated = mean.structure.priors
    tau = stated.get("tau")
    X = mean.X - mean.X[:, found.flat] @ found.taken
    A = np.column_stack([mean.X[:, found.flat] @ found.back, X[:, found.heavy]])
    W = X[:, found.integrated] / found.scale[found.integrated]
    heavy = [mean.priors[j].scaled(1.0 / unit.unit) for j in found.heavy]
    sampled: list[Prior] = [*(Flat() for _ in found.flat), *heavy]
    data: dict[str, Any] = {
        "y": (effects.y - unit.centre * bool(found.constant.any()) - W @ found.shift) / unit.unit,
        "v": v / unit.unit / unit.unit,
        "W": W,
    }
    data |= {"X": A} if sampled else {}
    given: dict[str, Prior | None] = {f"beta[{j}]": prior for j, prior in enumerate(sampled)}
    given |= {"tau": None if tau is None else unit.spread(tau)}
    if len(found.shrunk):
        joint = mean.priors[found.shrunk[0]].scaled(1.0 / unit.unit)
        data |= dict(zip(("shrunk_scale", "slab_scale", "slab_df"), joint.parameters, strict=True))
    if len(found.normal):
        data["known_sd"] = np.array([mean.priors[j].parameters[1] for j in found.normal]) / unit.unit
    sds = {f"sd[{f}]": f"sd[{name}]" for f, name in enumerate(found.factors)}
    given |= {own: unit.spread(stated[name]) for own, name in sds.items()}
    data |= {"of": found.of} if sds else {}
    template = (
        tuple(map(standard, sampled)),
        standard(tau),
        len(found.shrunk),
        len(found.normal) > 0,
        tuple(standard(stated[name]) for name in sds.values()),
    )
    ready = partial(compiled, _empty, *template)
    measured = ({} if tau is None else TAU) | {own: (name,) for own, name in sds.items()}
    return Plan(ready, data | given_parameters(given), unit, mean, measured)


def _empty(
    sampled: tuple[Prior, ...], tau: Prior | None, shrunk: int, normal: bool, sds: tuple[Prior, ...]
) -> pm.Model:
    joint = STANDARD[RegularizedHorseshoe]
    assert isinstance(joint, RegularizedHorseshoe)
    of = np.arange(len(sds))
    return pooled_regression(
        np.zeros(2),
        np.ones(2),
        np.zeros((2, len(sampled))),
        np.zeros((2, shrunk + normal + len(of))),
        {str(j): prior for j, prior in enumerate(sampled)},
        tau,
        shrunk=(joint, shrunk) if shrunk else None,
        known_sd=(1.0,) if normal else (),
        of=of.tolist(),
        sd=sds,
    )


def read_pooled(
    effects: Effects,
    model: Model,
    plan: Plan,
    found: Pooling,
    drawn: Mapping[str, Array],
    rng: np.random.Generator,
) -> NormalDraws:
    """Draws on the scale of the effects; coefficients that were integrated out are drawn from their normal law.

    With D = diag(v + tau^2), r what other coefficients leave of the estimates, and s the prior standard deviations,
    u = s z, z ~ Normal(M^-1 s W' D^-1 r, M^-1), M = I + s W' D^-1 W s.

    Parameters
    ----------
    effects : Effects
    model : Model
    plan : Plan
    found : Pooling
    drawn : mapping
        Variables of the PyMC model, shape (chains, draws, ...).
    rng : Generator

    Returns
    -------
    NormalDraws
        Its scalars include the shrinkage factor ``kappa[...]`` of each coefficient with a regularised horseshoe.
    """
    unit, data, structure = plan.unit.unit, plan.data, plan.means.structure
    shape = next(iter(drawn.values())).shape[:2]
    sampled = drawn["beta"] if "beta" in drawn else np.empty((*shape, 0))
    s = _prior_sds(plan, found, drawn, shape)
    left = data["y"] - (sampled @ data["X"].T if "X" in data else 0.0)
    tau = drawn["tau"] if "tau" in drawn else np.zeros(shape)
    precision = 1.0 / (data["v"] + tau[..., None] ** 2)
    u = _given_the_rest(data["W"], s, precision, left * precision, rng)
    scalars = {name: unit * drawn[variable] for variable, (name,) in plan.measured.items()}
    n = len(found.shrunk)
    pull = precision @ data["W"][:, :n] ** 2 * s[..., :n] ** 2
    kappa = [structure.coefficients[j].replace("beta", "kappa", 1) for j in found.shrunk]
    scalars |= dict(zip(kappa, np.moveaxis(1.0 / (1.0 + pull), -1, 0), strict=True))
    coefficients = _coefficients(found, sampled, u)
    new = [scalars[f"sd[{name}]"] * rng.standard_normal(shape) for name in found.factors]
    coefficients[..., plan.means.p - len(new) :] = np.stack(new, axis=-1) if new else 0.0
    return NormalDraws(effects, model, plan.means, coefficients, scalars).completed(rng)


def _prior_sds(plan: Plan, found: Pooling, drawn: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Prior standard deviations s of what was integrated out, shape (chains, draws, q)."""
    parts = [drawn["shrunk_sd"]] if len(found.shrunk) else []
    if len(found.normal):
        parts.append(np.broadcast_to(plan.data["known_sd"], (*shape, len(found.normal))))
    if found.factors:
        parts.append(np.stack([drawn[f"sd[{f}]"] for f in range(len(found.factors))], axis=-1)[..., found.of])
    return np.concatenate(parts, axis=-1)


def _given_the_rest(W: Array, s: Array, precision: Array, pull: Array, rng: np.random.Generator) -> Array:
    """Draws of u, shape (chains, draws, q)."""
    q = W.shape[1]
    products = (W[:, :, None] * W[:, None, :]).reshape(len(W), q * q)
    z = np.empty((s[..., 0].size, q))
    flat_s, flat_precision, flat_pull = (x.reshape(-1, x.shape[-1]) for x in (s, precision, pull))
    size = max(1, MOST_AT_ONCE // (q * q + len(W)))
    for start in range(0, len(z), size):
        part = slice(start, start + size)
        sd = flat_s[part]
        M = np.eye(q) + sd[:, :, None] * (flat_precision[part] @ products).reshape(-1, q, q) * sd[:, None, :]
        root = np.linalg.cholesky(M)
        half = np.linalg.solve(root, (sd * (flat_pull[part] @ W))[..., None])
        z[part] = sd * np.linalg.solve(root.mT, half + rng.standard_normal(half.shape))[..., 0]
    return z.reshape(s.shape)


def _coefficients(found: Pooling, sampled: Array, u: Array) -> Array:
    """All coefficients in their own units, shape (chains, draws, p), those of new levels still 0."""
    unit, n = found.unit, len(found.flat)
    out = np.zeros((*u.shape[:2], found.means.p))
    out[..., found.integrated] = (found.shift + unit.unit * u) / found.scale[found.integrated]
    out[..., found.heavy] = unit.unit * sampled[..., n:]
    own = unit.unit * sampled[..., :n] @ found.back.T + unit.centre * found.constant
    out[..., found.flat] = own - out @ found.taken.T
    return out
