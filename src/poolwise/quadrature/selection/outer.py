"""Quadrature over mu and tau of a function that is integrated over all else: a scan for the extent, then a lattice.

tau is read on log tau, mu on its own scale about a mean and in units of an sd that follow tau. Both are chosen by the
scan; the trapezoidal rule converges geometrically whatever they are, as each row is integrated to its own end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.selection.coordinates import Coordinate

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Rough = Callable[[Array, Array], Array]
ROWS, COLUMNS = 18, 22  # of a scan
FEW = 7  # rows or columns within reach that describe a shape
DEEP = 18.0  # nats below the highest at which nodes are left out
ROUNDS = 14


@final
@dataclass(frozen=True, eq=False)
class Extent:
    """Where the probability lies: rows of a scan over the coordinate of tau.

    Attributes
    ----------
    t : ndarray
        Coordinates of tau, shape (T,); one row of NaN where tau is known.
    log : ndarray
        Log mass of each row, shape (T,).
    mean, sd, low, high : ndarray
        Of the coordinate of mu in each row, shape (T,); NaN where mu is known.
    """

    t: Array
    log: Array
    mean: Array
    sd: Array
    low: Array
    high: Array

    @property
    def sd_of_t(self) -> float:
        """Standard deviation of the coordinate of tau."""
        weight = np.exp(self.log - self.log.max())
        weight /= weight.sum()
        middle = weight @ self.t
        return float(np.sqrt(weight @ (self.t - middle) ** 2))


@final
@dataclass(frozen=True, eq=False)
class Nodes:
    """A lattice over the coordinates of tau and mu.

    Attributes
    ----------
    row, column : ndarray
        Whole numbers of the lattice, shape (N,): its parity tells every second node.
    t, q : ndarray
        Coordinates of tau and mu, shape (N,); NaN for what is known.
    tau, mu : ndarray
        The parameters themselves, shape (N,).
    log_measure : ndarray
        Log of prior density times the lengths of the steps, shape (N,).
    step_t : float
        Of the coordinate of tau.
    step_q : ndarray
        Of the coordinate of mu in the node's row, shape (N,).
    """

    row: Ints
    column: Ints
    t: Array
    q: Array
    tau: Array
    mu: Array
    log_measure: Array
    step_t: float
    step_q: Array

    def kept(self, which: NDArray[np.bool_]) -> Nodes:
        """Some of the nodes."""
        return Nodes(
            self.row[which],
            self.column[which],
            self.t[which],
            self.q[which],
            self.tau[which],
            self.mu[which],
            self.log_measure[which],
            self.step_t,
            self.step_q[which],
        )


def extent(rough: Rough, mu: Coordinate | float, tau: Coordinate | float) -> Extent:
    """Scan a function of mu and tau for where its mass lies.

    Parameters
    ----------
    rough : callable
        Maps mu and tau (N,) to about the log likelihood, the rest integrated out.
    mu, tau : Coordinate or float
        Unknown, or a known value.
    """
    if not isinstance(tau, Coordinate):
        return _rows(rough, mu, tau, np.array([np.nan]), None)
    low, high = tau.start
    found: Extent | None = None
    for _ in range(ROUNDS):
        t = np.linspace(low, high, ROWS)
        found = _rows(rough, mu, tau, t, found)
        lows, highs, enough = _zoomed(t[None], found.log[None])
        low, high = float(lows[0]), float(highs[0])
        if enough[0]:
            break
    assert found is not None
    return found


def _zoomed(x: Array, log: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Narrower or wider ends of each row of equal steps, and whether enough points lie within."""
    count = x.shape[1]
    inside = log > log.max(axis=1, keepdims=True) - DEEP - 2.0
    first, last = inside.argmax(axis=1), count - 1 - inside[:, ::-1].argmax(axis=1)
    rows, step = np.arange(len(x)), x[:, 1] - x[:, 0]
    low, high = x[rows, first] - step, x[rows, last] + step
    wider = 0.25 * (x[:, -1] - x[:, 0])
    at_low, at_high = first == 0, last == count - 1
    low, high = np.where(at_low, low - wider, low), np.where(at_high, high + wider, high)
    return low, high, (last - first + 1 >= FEW) & ~at_low & ~at_high


def _rows(rough: Rough, mu: Coordinate | float, tau: Coordinate | float, t: Array, before: Extent | None) -> Extent:
    T = len(t)
    spread, log_prior = _of_tau(tau, t)
    if not isinstance(mu, Coordinate):
        log = rough(np.full(T, mu), spread) + log_prior
        none = np.full(T, np.nan)
        return Extent(t, log, none, none, none, none)
    low, high = _begin(mu, t, before)
    log, mean, sd = np.full(T, -np.inf), np.zeros(T), np.ones(T)
    open_rows = np.arange(T)
    for _ in range(ROUNDS):
        q = low[open_rows, None] + (high - low)[open_rows, None] * np.linspace(0.0, 1.0, COLUMNS)
        value = rough(mu.value(q).ravel(), np.repeat(spread[open_rows], COLUMNS)).reshape(q.shape) + mu.log_density(q)
        top = value.max(axis=1, keepdims=True)
        share = np.exp(value - top)
        total = share.sum(axis=1)
        log[open_rows] = top[:, 0] + np.log(total * (q[:, 1] - q[:, 0])) + log_prior[open_rows]
        middle = (share * q).sum(axis=1) / total
        mean[open_rows] = middle
        sd[open_rows] = np.sqrt((share * (q - middle[:, None]) ** 2).sum(axis=1) / total)
        new_low, new_high, enough = _zoomed(q, value)
        low[open_rows], high[open_rows] = new_low, new_high
        enough |= log[open_rows] < log.max() - 60.0
        open_rows = open_rows[~enough]
        if open_rows.size == 0:
            break
    return Extent(t, log, mean, np.maximum(sd, 1e-3 * (high - low)), low, high)


def _of_tau(tau: Coordinate | float, t: Array) -> tuple[Array, Array]:
    if isinstance(tau, Coordinate):
        return tau.value(t), tau.log_density(t)
    return np.full(len(t), tau), np.zeros(len(t))


def _begin(mu: Coordinate, t: Array, before: Extent | None) -> tuple[Array, Array]:
    if before is None:
        start = mu.start
        return np.full(len(t), start[0]), np.full(len(t), start[1])
    at = np.clip(np.searchsorted(before.t, t), 1, len(before.t) - 1)
    low = np.minimum(before.low[at - 1], before.low[at])
    return low, np.maximum(before.high[at - 1], before.high[at])


def lattice(found: Extent, mu: Coordinate | float, tau: Coordinate | float, step_t: float, step_u: float) -> Nodes:
    """Nodes of the trapezoidal rule within the extent.

    Parameters
    ----------
    found : Extent
    mu, tau : Coordinate or float
    step_t : float
        Of the coordinate of tau.
    step_u : float
        Of mu, in standard deviations of its row.
    """
    if isinstance(tau, Coordinate):
        rows = np.arange(np.floor(found.t[0] / step_t), np.ceil(found.t[-1] / step_t) + 1.0)
        t = rows * step_t
    else:
        rows, t, step_t = np.zeros(1), found.t, 1.0
    spread, log_prior = _of_tau(tau, t)
    log_prior = log_prior + np.log(step_t)
    if not isinstance(mu, Coordinate):
        known = np.full(len(t), float(mu))
        none = np.full(len(t), np.nan)
        whole = np.zeros(len(t), dtype=np.intp)
        return Nodes(rows.astype(np.intp), whole, t, none, spread, known, log_prior, step_t, none)
    mean, log_sd, low, high = (_along(found, t, x) for x in (found.mean, np.log(found.sd), found.low, found.high))
    step = step_u * np.exp(log_sd)
    first, last = np.floor((low - mean) / step).astype(int), np.ceil((high - mean) / step).astype(int)
    count = last - first + 1
    at = np.repeat(np.arange(len(t)), count)
    column = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
    q = mean[at] + step[at] * column
    measure = log_prior[at] + mu.log_density(q) + np.log(step[at])
    return Nodes(rows.astype(np.intp)[at], column, t[at], q, spread[at], mu.value(q), measure, step_t, step[at])


def _along(found: Extent, t: Array, values: Array) -> Array:
    return np.interp(t, found.t, values) if len(found.t) > 1 else values
