"""The likelihood of step weights, and its integral over them: Newton steps, then a lattice in whitened coordinates.

Given mu and tau an estimate in interval j has the density N(y; mu, s^2 + tau^2) w_j / A, A = sum_j w_j P_j. The
weights fall from w_1 = 1; a priori the ratios r_j = w_{j+1} / w_j of J - 1 ordered uniforms are Beta(J - j, 1), so that
r_j = Phi(x_j)^(1 / (J - j)) with x ~ Normal(0, I). The log likelihood is concave in the log weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from poolwise.selection.intervals import Intervals

Array = NDArray[np.float64]
LOG_2PI = np.log(2.0 * np.pi)
LEAST, MOST = -25.0, 12.0  # of x; beyond, a weight is 0 or 1 in double precision
LONGEST = 2.5  # Newton step of a coordinate
STEPS = 10
AT_ONCE = 1_500_000  # numbers in the arrays of one piece
MOST_FACTORS = 10  # weighted probabilities that are multiplied before a logarithm is taken
LEAST_LOG = -640.0  # of their product: each is at least the smallest weight
ROUND = 2.0  # sds over which a bent coordinate turns; the rule converges as exp(-2 pi ROUND / step)
COARSE, NEAR = 1.1, 4.0  # step and radius of the lattice that finds mean, covariance and skewness
DEEPEST, SHORTEST = 16.0, 3.3  # nats at which a lattice would vanish, and the least radius
PASSES = 2  # the first lattice stands on mode and curvature, which may lie well off


@final
@dataclass(frozen=True, eq=False)
class Lattice:
    """Values on lattices about nodes.

    Attributes
    ----------
    log : ndarray
        Log integral over the weights for each node, shape (N,).
    error : ndarray
        Estimated relative error of each, shape (N,).
    rim : ndarray
        Share of the points on the rim, shape (N,).
    centre, root : ndarray
        Mean and Cholesky factor of the covariance of x in each node, shapes (N, d) and (N, d, d).
    skew : ndarray
        Skewness of the whitened coordinates in each node, shape (N, d).
    """

    log: Array
    error: Array
    rim: Array
    centre: Array
    root: Array
    skew: Array

    @classmethod
    def of_logs(cls, log: Array, error: float = 0.0) -> Lattice:
        """Of integrals that need no lattice."""
        n = len(log)
        return cls(log, np.full(n, error), np.zeros(n), np.zeros((n, 0)), np.zeros((n, 0, 0)), np.zeros((n, 0)))


@final
@dataclass(frozen=True, eq=False)
class StepLikelihood:
    """Estimates selected by steps.

    Attributes
    ----------
    y, se : ndarray
        Estimates in the direction of what gets published, and their standard errors, shape (k,).
    intervals : Intervals
        J of them.
    fixed : ndarray, optional
        Known weights, shape (J,); free ones where None.
    """

    y: Array
    se: Array
    intervals: Intervals
    fixed: Array | None = None

    @property
    def free(self) -> int:
        """How many weights are free, d."""
        return 0 if self.fixed is not None else self.intervals.count - 1

    @property
    def counts(self) -> Array:
        """How many estimates each interval holds, shape (J,)."""
        held = self.intervals.holding(self.y / self.se)
        return np.bincount(held, minlength=self.intervals.count).astype(float)

    @property
    def powers(self) -> Array:
        """A of Beta(a, 1), the prior of each ratio of weights, shape (d,)."""
        return np.arange(self.free, 0.0, -1.0)

    def unselected(self, mu: Array, tau: Array) -> Array:
        """Log likelihood were everything published, shape (N,)."""
        variance = self.se**2 + tau[:, None] ** 2
        return -0.5 * ((self.y - mu[:, None]) ** 2 / variance + np.log(variance)).sum(axis=1) - 0.5 * LOG_2PI * len(
            self.y
        )

    def probabilities(self, mu: Array, tau: Array) -> Array:
        """Probability of each interval for each study in each node, shape (N, k, J), by the nearer tail."""
        cuts = self.intervals.cuts
        cuts = np.concatenate([cuts, -cuts[::-1]]) if self.intervals.sides == 2 else cuts
        spread = np.sqrt(self.se**2 + tau[:, None] ** 2)
        z = (cuts * self.se[:, None] - mu[:, None, None]) / spread[:, :, None]
        above, below = ndtr(-z), ndtr(z)
        inside = np.where(
            z[..., 1:] + z[..., :-1] > 0.0, above[..., 1:] - above[..., :-1], below[..., :-1] - below[..., 1:]
        )
        pieces = np.concatenate([above[..., :1], inside, below[..., -1:]], axis=-1)
        if self.intervals.sides == 1:
            return pieces
        half = len(self.intervals.steps)
        return np.concatenate([pieces[..., :half] + pieces[..., :half:-1], pieces[..., half : half + 1]], axis=-1)

    def log_weights(self, x: Array) -> Array:
        """Log weights at x: (..., d) to (..., J)."""
        ratio = np.log(np.maximum(ndtr(x), 1e-300)) / self.powers
        return np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(ratio, axis=-1)], axis=-1)

    def known(self, P: Array) -> Array:
        """Log of the selection's part of the likelihood at the known weights, shape (N,)."""
        assert self.fixed is not None
        weights = self.fixed
        used = self.counts > 0.0
        with np.errstate(divide="ignore"):
            return float(self.counts[used] @ np.log(weights[used])) - np.log(P @ weights).sum(axis=1)

    def newton(self, P: Array, x: Array | None = None, steps: int = STEPS) -> tuple[Array, Array]:
        """Mode of x and the curvature there, shapes (N, d) and (N, d, d)."""
        tails = np.cumsum(self.counts[::-1])[::-1][1:]
        x = np.zeros((len(P), self.free)) if x is None else x
        for _ in range(steps):
            gradient, curvature = self._slopes(P, x, tails)
            step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
            longest = np.abs(step).max(axis=1, keepdims=True)
            x = np.clip(x + step * np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300)), LEAST, MOST)
            if longest.max() < 1e-3:
                break
        return x, self._slopes(P, x, tails)[1]

    def _slopes(self, P: Array, x: Array, tails: Array) -> tuple[Array, Array]:
        """Gradient and negative Hessian by x of the log posterior of x given a node; kept positive definite."""
        weights = np.exp(self.log_weights(x))
        d = self.free
        # sums over few intervals go through matrix products and loops: NumPy is slow along short last axes
        share = P * weights[:, None, :] / (P @ weights[:, :, None])
        Q = share[..., 1:]  # of the intervals after each, (N, k, d)
        for j in range(d - 2, -1, -1):
            Q[..., j] += Q[..., j + 1]
        hazard = np.exp(-0.5 * x * x - 0.5 * LOG_2PI - log_ndtr(x))
        slope = hazard / self.powers
        sums = (np.ones((1, P.shape[1])) @ Q)[:, 0]
        pull = tails - sums
        later = np.maximum(np.arange(d)[:, None], np.arange(d))
        concave = sums[:, later] - np.swapaxes(Q, 1, 2) @ Q
        curvature = slope[:, :, None] * slope[:, None, :] * concave
        own = 1.0 + np.maximum(slope * (x + hazard) * pull, -0.9)
        curvature[:, np.arange(d), np.arange(d)] += own
        return slope * pull - x, curvature

    def laplace(self, mu: Array, tau: Array) -> Array:
        """Log likelihood with the weights integrated out by Laplace's method, shape (N,)."""
        return np.concatenate([self._laplace(mu[part], tau[part]) for part in self._pieces(len(mu))])

    def _laplace(self, mu: Array, tau: Array) -> Array:
        P = self.probabilities(mu, tau)
        whole = self.unselected(mu, tau)
        if self.fixed is not None:
            return whole + self.known(P)
        x, curvature = self.newton(P, steps=6)
        log = self.counts @ self.log_weights(x).T - np.log(
            np.maximum((P @ np.exp(self.log_weights(x))[:, :, None])[..., 0], 1e-300)
        ).sum(axis=1)
        return whole + log - 0.5 * (x * x).sum(axis=1) - 0.5 * np.linalg.slogdet(curvature)[1]

    def _pieces(self, nodes: int) -> list[slice]:
        size = max(1, AT_ONCE // (len(self.y) * 2 * self.intervals.count))
        return [slice(start, start + size) for start in range(0, nodes, size)]

    def on_points(self, P: Array, x: Array) -> Array:
        """Log of likelihood of the selection and prior of x at points, (N, k, J) and (N, q, d) to (N, q)."""
        return self.at_weights(P, self.log_weights(x), x)

    def at_weights(self, P: Array, logs: Array, x: Array) -> Array:
        """The same at log weights, (N, q, J), that any standard normal coordinates (N, q, d) lead to."""
        weights = np.exp(logs)
        factors = int(np.clip(LEAST_LOG / min(float(logs.min()), -1e-3), 1.0, MOST_FACTORS))
        short = -P.shape[1] % factors
        if short:  # estimates that are published whatever they are, whose A is 1
            P = np.concatenate([P, np.broadcast_to(np.eye(P.shape[2])[0], (len(P), short, P.shape[2]))], axis=1)
        A = np.matmul(P, np.swapaxes(weights, 1, 2))  # (N, k, q)
        product = A.reshape(len(P), -1, factors, x.shape[1]).prod(axis=2)
        total = np.log(product, out=product).sum(axis=1)
        return logs @ self.counts - total - 0.5 * (x * x).sum(axis=2) - 0.5 * self.free * LOG_2PI

    def integrated(self, mu: Array, tau: Array, depth: Array, step: float, radius: float) -> Lattice:
        """Integral over the weights in each node, on a lattice that is the smaller the deeper a node lies.

        Parameters
        ----------
        mu, tau : ndarray
            Nodes, shape (N,).
        depth : ndarray
            How far their logs lie below the highest, shape (N,).
        step, radius : float
            Of the lattice, in standard deviations.
        """
        d, n = self.free, len(mu)
        whole = self.unselected(mu, tau)
        if d == 0:
            log = np.concatenate([self.known(self.probabilities(mu[p], tau[p])) for p in self._pieces(n)])
            return Lattice.of_logs(whole + log)
        log, error, rim = np.empty(n), np.empty(n), np.empty(n)
        centre, root, skew = np.empty((n, d)), np.empty((n, d, d)), np.empty((n, d))
        points = ball(d, step, radius)
        reach = np.maximum(radius * np.sqrt(np.maximum(1.0 - depth / DEEPEST, 0.0)), SHORTEST)
        size = np.searchsorted(np.linalg.norm(points, axis=1), reach + 1e-9)
        for part in self._pieces(n):
            P = self.probabilities(mu[part], tau[part])
            centre[part], root[part], skew[part] = self.moments(P)
            for which in _alike(size[part], len(self.y)):
                at = np.arange(n)[part][which]
                q = points[: size[at].max()]
                bent, log_slope = bent_by(skew[at], q)
                x = centre[at][:, None, :] + bent @ np.swapaxes(root[at], 1, 2)
                values = self.on_points(P[which], x) + log_slope
                log[at], error[at], rim[at] = _summed(values, q, step)
                log[at] += np.log(np.diagonal(root[at], axis1=1, axis2=2)).sum(axis=1) + d * np.log(step)
        return Lattice(whole + log, error, rim, centre, root, skew)

    def moments(self, P: Array) -> tuple[Array, Array, Array]:
        """Mean, root of the covariance and skewness of x in each node, by coarse lattices about mode and mean."""
        x, curvature = self.newton(P)
        root, skew = _root(np.linalg.inv(curvature)), np.zeros_like(x)
        points = ball(self.free, COARSE, NEAR)
        size = max(1, AT_ONCE // (len(points) * len(self.y)))
        for _ in range(PASSES):
            for start in range(0, len(x), size):
                part = slice(start, start + size)
                x[part], root[part], skew[part] = self._shape(P[part], x[part], root[part], skew[part], points)
        return x, root, skew

    def _shape(self, P: Array, centre: Array, root: Array, skew: Array, points: Array) -> tuple[Array, Array, Array]:
        bent, log_slope = bent_by(skew, points)
        at = centre[:, None, :] + bent @ np.swapaxes(root, 1, 2)
        values = self.on_points(P, at) + log_slope
        return moments_of(at, values)


def moments_of(at: Array, values: Array) -> tuple[Array, Array, Array]:
    """Mean, root of the covariance and skewness of whitened coordinates from points and log weights.

    Parameters
    ----------
    at : ndarray
        Shape (N, q, d).
    values : ndarray
        Shape (N, q).
    """
    share = np.exp(values - values.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    mean = np.einsum("nq,nqd->nd", share, at)
    away = at - mean[:, None, :]
    root = _root(np.swapaxes(away * share[..., None], 1, 2) @ away)
    whitened = away @ np.swapaxes(np.linalg.inv(root), 1, 2)
    return mean, root, np.einsum("nq,nqd->nd", share, whitened**3)


def bent_by(skew: Array, z: Array) -> tuple[Array, Array]:
    """Whitened coordinates with a given skewness, (N, d) and (q, d) to (N, q, d), and log slopes, (N, q).

    z cosh(e) + (c^2 + z^2)^(1/2) sinh(e), standardised: its sds at the far left and right differ by exp(2 e).
    """
    line, at = np.unique(z, return_inverse=True)
    at = at.reshape(z.shape)
    e, mean, sd = (x[..., None] for x in _bend(skew))
    root = np.sqrt(ROUND**2 + line * line)
    up, across = np.sinh(e), np.cosh(e)
    bent = (line * across + root * up - mean) / sd
    log_slope = np.log((across + line / root * up) / sd)
    d = z.shape[1]
    total = sum((log_slope[:, j].take(at[:, j], axis=1) for j in range(d)), np.zeros((len(skew), len(z))))
    return np.stack([bent[:, j].take(at[:, j], axis=1) for j in range(d)], axis=2), total


def bent_rows(skew: Array, z: Array) -> tuple[Array, Array]:
    """Bent coordinates of one axis, each of a skewness of its own, and their log slopes; same shapes."""
    e, mean, sd = _bend(skew)
    root = np.sqrt(ROUND**2 + z * z)
    return (z * np.cosh(e) + root * np.sinh(e) - mean) / sd, np.log((np.cosh(e) + z / root * np.sinh(e)) / sd)


def unbent(skew: Array, w: Array) -> Array:
    """The coordinates z whose bent ones are w, of one axis; the two broadcast."""
    e, mean, sd = _bend(skew)
    return ROUND * np.sinh(np.arcsinh((w * sd + mean) / ROUND) - e)


def _bend(skew: Array) -> tuple[Array, Array, Array]:
    """How much to bend for a skewness, and mean and sd before they are standardised."""
    bends, skews, means, sds = _bends()
    e = np.interp(skew, skews, bends)
    return e, np.interp(e, bends, means), np.interp(e, bends, sds)


@cache
def _bends() -> tuple[Array, Array, Array, Array]:
    """Skewness, mean and sd of a bent normal variable by how much it is bent."""
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    weight = weight / weight.sum()
    bends = np.linspace(-1.2, 1.2, 121)
    values = z * np.cosh(bends)[:, None] + np.sqrt(ROUND**2 + z * z) * np.sinh(bends)[:, None]
    mean = values @ weight
    sd = np.sqrt((values - mean[:, None]) ** 2 @ weight)
    return bends, ((values - mean[:, None]) / sd[:, None]) ** 3 @ weight, mean, sd


def _root(covariance: Array) -> Array:
    d = covariance.shape[1]
    return np.linalg.cholesky(covariance + 1e-12 * np.eye(d))


def _alike(size: NDArray[np.intp], k: int) -> list[NDArray[np.intp]]:
    """Rows with lattices of about the same size, in pieces that fit memory."""
    order = np.argsort(size, kind="stable")
    out, start = [], 0
    while start < len(order):
        end = start + 1
        while (
            end < len(order)
            and size[order[end]] <= 1.3 * size[order[start]] + 8
            and ((end + 1 - start) * size[order[end]] * k <= AT_ONCE)
        ):
            end += 1
        out.append(order[start:end])
        start = end
    return out


def _summed(values: Array, points: Array, step: float) -> tuple[Array, Array, Array]:
    """Log sums over points, an estimate of the relative error, and the share of the rim."""
    top = values.max(axis=1, keepdims=True)
    share = np.exp(values - top)
    total = share.sum(axis=1)
    error = np.zeros(len(values))
    for axis in range(points.shape[1]):
        even = np.rint(points[:, axis] / step).astype(int) % 2 == 0
        error += (2.0 * share[:, even].sum(axis=1) / total - 1.0) ** 2
    radii = np.linalg.norm(points, axis=1)
    rim = share[:, radii > radii.max() - step].sum(axis=1) / total
    return np.log(total) + top[:, 0], error, rim


def ball(d: int, step: float, radius: float) -> Array:
    """Points of a cubic lattice within a ball, from the centre outwards, shape (q, d)."""
    return cells((step,) * d, radius)


@cache
def cells(steps: tuple[float, ...], radius: float) -> Array:
    """Points of a lattice with a step along each axis within a ball, from the centre outwards, shape (q, d)."""
    axes = [np.arange(-int(radius / step), int(radius / step) + 1) * step for step in steps]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(steps))
    length = np.linalg.norm(points, axis=1)
    order = np.argsort(length, kind="stable")
    return points[order][length[order] <= radius]
