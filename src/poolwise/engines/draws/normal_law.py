"""The law of estimates and true effects given the standard deviations of any normal model, one for each draw of these.

With S = C + V, C the covariance of the layers and V that of the sampling errors,

    y | beta        ~ Normal(X beta, S)
    theta | y, beta ~ Normal(X beta + C S^-1 (y - X beta), C - C S^-1 C)

Rows that are units of their own are worked on at once. A unit of n rows is turned
onto the eigenvectors U of its V: U'(y - X beta) = G z + w + e, z ~ Normal(0, I_q) what its rows share, w what is each
row's own, e ~ Normal(0, diag(d)). Then S = D + G G', D = diag(d + var w), and S^-1 = D^-1 - D^-1 G M^-1 G' D^-1 with
M = I + G' D^-1 G of size q (Woodbury), log |S| = log |D| + log |M|.

Source: Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., chapter 14, 10.1201/b16018, for the normal linear model;
Hoffman & Ribak 1991, Astrophysical Journal Letters 380:L5, 10.1086/186160, for conditional draws ("Matheron's rule").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.model.structure import Layer, NewStudies, NormalStructure, Parameters
from poolwise.quadrature.rules.gaussian import eigen

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
LOG_2PI = np.log(2.0 * np.pi)
MOST_AT_ONCE = 4_000_000  # numbers in the largest array of one step over the draws


@final
@dataclass(frozen=True, eq=False)
class Unit:
    """A unit of n rows at some draws, turned onto the eigenvectors of its sampling covariance.

    Attributes
    ----------
    turn : ndarray, optional
        Eigenvectors, shape (n, n); None where sampling errors do not correlate, and nothing is turned.
    d : ndarray
        Eigenvalues, shape (n,).
    G : ndarray
        Turned loadings of what its rows share, shape (N, n, q); shape (n, q) where `scale` multiplies its columns.
    own : ndarray
        Variance of what is each row's own beside its sampling error, shape (N, 1).
    scale : ndarray, optional
        Standard deviation of each shared draw, shape (N, q), where it is the same for all rows. Loadings that are those
        of every draw then need no array of N n q numbers.
    """

    turn: Array | None
    d: Array
    G: Array
    own: Array
    scale: Array | None = None

    @cached_property
    def unshared(self) -> Array:
        """Variances that rows do not share, shape (N, n)."""
        return self.d + self.own

    @cached_property
    def inner(self) -> Array:
        """I + G' D^-1 G, shape (N, q, q)."""
        if self.scale is None:
            return np.eye(self.G.shape[-1]) + self.G.mT @ (self.G / self.unshared[..., None])
        a, b = np.nonzero((self.G != 0.0).T.astype(float) @ (self.G != 0.0))  # levels that rows have in common
        out = np.zeros((len(self.own), self.G.shape[1], self.G.shape[1]))
        out[:, a, b] = (1.0 / self.unshared) @ (self.G[:, a] * self.G[:, b]) * self.scale[:, a] * self.scale[:, b]
        return out + np.eye(self.G.shape[1])

    def pulled(self, columns: Array) -> Array:
        """S^-1 times turned columns, shape (N, n, c)."""
        w = columns / self.unshared[..., None]
        return w - self.of(np.linalg.solve(self.inner, self.onto(w))) / self.unshared[..., None]

    def log_density(self, residual: Array) -> Array:
        """Log density of residuals, shape (N, n); returns shape (N,).

        The quadratic form is a sum of squares, r' S^-1 r = |D^-1/2 (r - G z)|^2 + |z|^2 with z = M^-1 G' D^-1 r.
        """
        r = self.turned(residual)
        z = np.linalg.solve(self.inner, self.onto((r / self.unshared)[..., None]))
        left, z = r - self.of(z)[..., 0], z[..., 0]
        square = (left * left / self.unshared).sum(axis=-1) + (z * z).sum(axis=-1)
        log_det = np.log(self.unshared).sum(axis=-1) + np.linalg.slogdet(self.inner)[1]
        return np.asarray(-0.5 * (square + log_det + r.shape[-1] * LOG_2PI))

    def effects(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draws of z, shape (N, q), and of w, shape (N, n)."""
        z = rng.standard_normal((len(self.own), self.G.shape[-1]))
        return z, np.sqrt(self.own) * rng.standard_normal((len(z), len(self.d)))

    def drawn(self, residual: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects about their means, shape (N, n), and z, given the residuals of the estimates.

        With (z*, w*, e*) from the model, z* + G' S^-1 (r - r*) has the law given r, and w likewise.
        """
        z, w = self.effects(rng)
        e = np.sqrt(self.d) * rng.standard_normal(w.shape)
        pull = self.pulled((self.turned(residual) - self.of(z[..., None])[..., 0] - w - e)[..., None])
        z = z + self.onto(pull)[..., 0]
        w = w + self.own * pull[..., 0]
        return self.turned_back(self.of(z[..., None])[..., 0] + w), z

    def turned(self, rows: Array) -> Array:
        """Rows of shape (..., n) turned."""
        return rows if self.turn is None else rows @ self.turn

    def turned_back(self, rows: Array) -> Array:
        """Turned rows of shape (..., n) as they were."""
        return rows if self.turn is None else rows @ self.turn.T

    def solved(self, columns: Array) -> Array:
        """S^-1 times columns of the unit's rows, shape (n, c); returns shape (N, n, c)."""
        turned = self.turned(columns.T).T
        out = self.pulled(np.broadcast_to(turned, (len(self.own), *turned.shape)))
        return out if self.turn is None else self.turn @ out

    def of(self, z: Array) -> Array:
        """Turned rows of what they share: G z, shape (N, q, c) to (N, n, c)."""
        return self.G @ z if self.scale is None else _times(self.G, self.scale[..., None] * z)

    def onto(self, rows: Array) -> Array:
        """G' times turned rows, shape (N, n, c) to (N, q, c)."""
        return self.G.mT @ rows if self.scale is None else self.scale[..., None] * _times(self.G.T, rows)


def _times(matrix: Array, columns: Array) -> Array:
    """One matrix times those of all draws, as a single product: shape (n, q) and (N, q, c) to (N, n, c)."""
    size, q, c = columns.shape
    return (columns.mT.reshape(size * c, q) @ matrix.T).reshape(size, c, len(matrix)).mT


@final
@dataclass(frozen=True, eq=False)
class NormalLaw:
    """A normal structure at N draws (or nodes) of its parameters.

    Attributes
    ----------
    structure : NormalStructure
    parameters : mapping of str to ndarray
        Standard deviations, what scales them, and Cholesky factors of correlations by their names, shape (N, ...).
    size : int
        N, the number of draws.
    """

    structure: NormalStructure
    parameters: Parameters
    size: int

    @classmethod
    def of(cls, structure: NormalStructure, parameters: Parameters, size: int | None = None) -> NormalLaw:
        """At parameters of shape (N, ...), to which those that the model states are added.

        Parameters
        ----------
        structure : NormalStructure
        parameters : mapping of str to ndarray
        size : int, optional
            N, where there are no parameters; 1 when None.
        """
        count = next((len(x) for x in parameters.values()), size or 1)
        return cls(structure, {**{name: np.full(count, x) for name, x in structure.known.items()}, **parameters}, count)

    def mean(self, coefficients: Array) -> Array:
        """X beta for beta of shape (N, p), shape (N, k)."""
        return np.asarray(coefficients @ self.structure.X.T)

    @cached_property
    def spread(self) -> Array:
        """Standard deviation of each true effect about its mean, shape (N, k), or (N, 1) where all have the same."""
        layers = self.structure.layers
        if len(layers) == 1:
            return layers[0].spread(self.parameters)
        return np.sqrt(sum((layer.spread(self.parameters) ** 2 for layer in layers), np.zeros((self.size, 1))))

    @cached_property
    def _alone(self) -> Ints:
        """Rows that are units of their own."""
        of = self.structure.units.of
        return np.flatnonzero(np.bincount(of)[of] == 1)

    @cached_property
    def _several(self) -> tuple[tuple[int, Ints], ...]:
        """Number and rows of each unit of several rows."""
        return tuple((j, rows) for j, rows in enumerate(self.structure.units.rows) if len(rows) > 1)

    def variance(self, rows: Ints | slice = slice(None)) -> Array:
        """Variance of some estimates about their means, shape (N, n)."""
        spread = self.spread if self.spread.shape[1] == 1 else self.spread[:, rows]
        return np.asarray(self.structure.errors.v[rows] + spread**2)

    def _total(self, rows: Ints, more: Array | float) -> Array:
        """Variance of some estimates with what uncertain moderators add to it, shape (N, n)."""
        return self.variance(rows) + (more if np.isscalar(more) else np.asarray(more)[:, rows])

    def units(self, rows: Ints) -> Iterator[tuple[slice, Unit]]:
        """A unit of several rows at all draws, in steps that are small enough to be worked on at once."""
        errors = self.structure.errors.among(rows)
        correlated = bool(np.count_nonzero(errors - np.diag(np.diagonal(errors))))
        d, turn = eigen(errors) if correlated else (np.diagonal(errors), None)
        # What is each row's own may stay beside the turned errors only if it is alike for all of the rows.
        apart = [one for one in self.structure.layers if _of_each_row(one, rows)]
        shared = [one for one in self.structure.layers if one not in apart]
        width = sum(_terms(one, rows) for one in shared)
        step = max(1, MOST_AT_ONCE // (len(rows) * max(width, 1)))
        for start in range(0, self.size, step):
            some = slice(start, start + step)
            given = {name: x[some] for name, x in self.parameters.items()}
            size = len(range(*some.indices(self.size)))
            own = sum((one.spread(given) ** 2 for one in apart), np.zeros((size, 1)))
            if all(one.uniform and not one.root for one in shared):
                levels = [_belongs(one, rows) for one in shared]
                G = np.concatenate([np.zeros((len(rows), 0)), *levels], axis=-1)
                sds = [np.broadcast_to(one.spread(given), (size, _terms(one, rows))) for one in shared]
                scale = np.concatenate([np.zeros((size, 0)), *sds], axis=-1)
                yield some, Unit(turn, d, G if turn is None else turn.T @ G, own, scale)
                continue
            loadings = [_loadings(one, rows, given, size) for one in shared]
            G = np.concatenate([np.zeros((size, len(rows), 0)), *loadings], axis=-1)
            yield some, Unit(turn, d, G if turn is None else turn.T @ G, own)

    def log_density(self, residual: Array, more: Array | float = 0.0) -> Array:
        """Log density of the estimates of each unit, true effects integrated out.

        Parameters
        ----------
        residual : ndarray
            y - X beta, shape (N, k) or (1, k).
        more : ndarray
            Variance that uncertain moderators add to rows that are units of their own, shape (N, k).

        Returns
        -------
        ndarray
            Shape (N, units).
        """
        residual = np.broadcast_to(residual, (self.size, residual.shape[1]))
        out, alone = np.empty((self.size, len(self.structure.units.names))), self._alone
        total = self._total(alone, more)
        out[:, self.structure.units.of[alone]] = -0.5 * (residual[:, alone] ** 2 / total + np.log(total) + LOG_2PI)
        for j, rows in self._several:
            for some, unit in self.units(rows):
                out[some, j] = unit.log_density(residual[some][:, rows])
        return out

    def pulled(self, columns: Array) -> Array:
        """S^-1 times columns of k rows, shape (k, c); returns shape (N, k, c)."""
        out, alone = np.empty((self.size, *columns.shape)), self._alone
        out[:, alone] = columns[alone] / self.variance(alone)[..., None]
        for _, rows in self._several:
            for some, unit in self.units(rows):
                out[some, rows] = unit.solved(columns[rows])
        return out

    def draw_theta(self, mean: Array, y: Array, rng: np.random.Generator) -> Array:
        """A draw of the true effects at each draw of the parameters, given estimates and mean effects of (N, k)."""
        return self.draw_effects(mean, y, rng)[0]

    def draw_effects(self, mean: Array, y: Array, rng: np.random.Generator) -> tuple[Array, dict[str, Array]]:
        """True effects, shape (N, k), and the random effects of layers that name them, shape (N,), given estimates."""
        theta, alone = np.empty(mean.shape), self._alone
        named = {name: np.empty(self.size) for one in self.structure.layers for name in one.terms}
        drawn_together = self.structure.units.rows if named else [rows for _, rows in self._several]
        if len(alone) and not named:
            theta[:, alone] = self._draw_alone(mean[:, alone], y[alone], alone, rng)
        for rows in drawn_together:
            for some, unit in self.units(rows):
                about, z = unit.drawn(y[rows] - mean[some][:, rows], rng)
                theta[some, rows] = mean[some][:, rows] + about
                self._name(named, rows, some, z)
        return theta, named

    def _draw_alone(self, mean: Array, y: Array, rows: Ints, rng: np.random.Generator) -> Array:
        """theta_i ~ Normal(B_i y_i + (1 - B_i) x_i beta, sqrt(B_i v_i)), B_i = tau_i^2 / (tau_i^2 + v_i)."""
        share, se = self._shares(rows), np.sqrt(self.structure.errors.v[rows])
        return mean + share * (y - mean) + np.sqrt(share) * se * rng.standard_normal(mean.shape)

    def _shares(self, rows: Ints) -> Array:
        """tau_i^2 / (tau_i^2 + v_i), shape (N, n) or (N, 1)."""
        spread = self.spread if self.spread.shape[1] == 1 else self.spread[:, rows]
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(1.0 / (1.0 + np.square(np.sqrt(self.structure.errors.v[rows]) / spread)))

    def _name(self, named: dict[str, Array], rows: Ints, some: slice, z: Array) -> None:
        """Put the draws of a unit's random effects, in units of their standard deviations, under their names."""
        at = 0
        for one in self.structure.layers:
            if _of_each_row(one, rows):
                continue
            if one.terms:
                sd = one.spread({name: x[some] for name, x in self.parameters.items()})[:, 0]
                for place, group in enumerate(np.unique(one.group[rows])):
                    named[one.terms[group]][some] = sd * z[:, at + place]
            at += _terms(one, rows)

    def replicate(self, mean: Array, rng: np.random.Generator, more: Array | float = 0.0) -> Array:
        """Estimates of other studies like these, with mean effects and more variance of shape (N, k)."""
        out, alone = np.empty(mean.shape), self._alone
        if len(alone):
            noise = rng.standard_normal((len(mean), len(alone)))
            out[:, alone] = mean[:, alone] + np.sqrt(self._total(alone, more)) * noise
        for _, rows in self._several:
            for some, unit in self.units(rows):
                z = rng.standard_normal((len(unit.own), unit.G.shape[-1], 1))
                about = unit.of(z)[..., 0] + np.sqrt(unit.unshared) * rng.standard_normal(unit.unshared.shape)
                out[some, rows] = mean[some][:, rows] + unit.turned_back(about)
        return out

    def new_theta(self, new: NewStudies, coefficients: Array, rng: np.random.Generator) -> Array:
        """True effects in new studies, coefficients of shape (N, p), shape (N, m).

        What outcomes of one study share is drawn for each layer, what is each one's own for all others together.
        """
        theta, own = coefficients @ new.X.T, np.zeros((self.size, 1))
        for one in new.layers:
            if one.root:
                theta = theta + self.effects_of(one, rng)
            else:
                own = np.hypot(own, one.spread(self.parameters))
        return np.asarray(theta + own * rng.standard_normal(theta.shape))

    def effects_of(self, layer: Layer, rng: np.random.Generator) -> Array:
        """Random effects of the rows of a layer, from the model, shape (N, n)."""
        groups = int(layer.group.max(initial=-1)) + 1
        if not layer.root:
            return np.asarray(layer.spread(self.parameters) * rng.standard_normal((self.size, groups))[:, layer.group])
        loadings = _loadings(layer, np.arange(len(layer.group)), self.parameters, self.size)
        z = rng.standard_normal((self.size, loadings.shape[-1]))
        return (loadings @ z[..., None])[..., 0]

    def weights(self) -> Array:
        """Weight of each row in the generalised-least-squares estimate of one mean effect, shape (N, k); sums to 1.

        Of the mean of its own group, where groups have heterogeneities of their own.
        """
        apart = any(len(one.sds) > 1 for one in self.structure.layers)
        X = self.structure.X if apart else np.ones((self.structure.k, 1))
        if not self._several:  # every row then has a mean in common with those of its own column alone
            precision = 1.0 / self.variance()
            return np.asarray(precision / (precision @ X @ X.T))
        pulled = self.pulled(X)
        shares = np.linalg.solve(X.T @ pulled, pulled.mT).mT
        return np.asarray((shares * X).sum(axis=-1))


def _of_each_row(layer: Layer, rows: Ints) -> bool:
    """Whether each of these rows has a draw of its own of a layer, which has no name in the result."""
    return layer.uniform and not layer.terms and not layer.shared(rows)


def _terms(layer: Layer, rows: Ints) -> int:
    """How many draws some rows have of a layer."""
    groups = len(np.unique(layer.group[rows]))
    return groups * len(layer.sds) if layer.root else groups


def _belongs(layer: Layer, rows: Ints) -> Array:
    """1 where a row is of a group and 0 elsewhere, shape (n, groups)."""
    return (layer.group[rows][:, None] == np.unique(layer.group[rows])).astype(float)


def _loadings(layer: Layer, rows: Ints, parameters: Parameters, size: int) -> Array:
    """What each draw of a layer adds to each of the rows, shape (N, n, q)."""
    spread = layer.spread(parameters)
    sd = spread if spread.shape[1] == 1 else spread[:, rows]
    belongs = _belongs(layer, rows)
    if not layer.root:
        return np.asarray(sd[..., None] * belongs)
    each = sd[..., None] * parameters[layer.root][:, layer.which[rows]]
    return np.asarray((belongs[:, :, None] * each[:, :, None, :]).reshape(size, len(rows), -1))
