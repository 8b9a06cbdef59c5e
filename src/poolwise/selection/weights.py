"""Smooth weight functions of p-values, and the probability that a result which they select is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri, roots_legendre

from poolwise.selection.intervals import Sides

Array = NDArray[np.float64]
Kind = Literal["beta", "halfnorm", "negexp", "logistic", "power"]

LEAST_P = 1e-5
"""p-values nearer to 0 or 1 count as this far from them, where a weight would be infinite or 0 there."""
CENSORED = ("beta", "power")
TAILS = {"beta": ("log_p", "log_q"), "power": ("log_q",)}
"""Of which logarithms a weight is a function; the others of p alone."""
FAR = 8.5  # z beyond which p is 0 or 1 to rounding
ORDER = 8  # nodes of Gauss's rule in a panel
WIDTH = 1.0  # of a panel in z, of at most one standard deviation of z: sd(z) is 1 or more


@final
@dataclass(frozen=True, eq=False)
class PValues:
    """p-values with the logarithms of both tails, which rounding leaves whole.

    Attributes
    ----------
    p, log_p, log_q : ndarray
        p, log p and log(1 - p).
    """

    p: Any
    log_p: Any
    log_q: Any


def p_values(z: Array, sides: Sides, kind: str) -> PValues:
    """p-values of z, which points in the direction of what gets published, as a weight function takes them.

    Parameters
    ----------
    z : ndarray
        y / se in that direction.
    sides : {1, 2}
    kind : str
        Of the weight function: p is kept `LEAST_P` from 0 and 1 for ``"beta"`` and ``"power"``.

    References
    ----------
    Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119, for p-values that are kept from 0 and 1.
    """
    z = np.asarray(z, dtype=float)
    if sides == 1:
        log_p, log_q = log_ndtr(-z), log_ndtr(z)
    else:
        log_p = np.minimum(np.log(2.0) + log_ndtr(-np.abs(z)), 0.0)
        with np.errstate(divide="ignore"):
            log_q = np.log1p(-2.0 * ndtr(-np.abs(z)))
    if kind in CENSORED:
        least = np.log(LEAST_P), np.log1p(-LEAST_P)
        log_p, log_q = np.clip(log_p, *least), np.clip(log_q, *least)
    return PValues(np.exp(log_p), log_p, log_q)


def log_weight(kind: str, at: PValues, delta: Sequence[Any], math: Any = np) -> Any:
    """Log of omega(p).

    Parameters
    ----------
    kind : str
    at : PValues
    delta : sequence
        The parameters: delta[1] and delta[2] of the beta function, delta of the others; they broadcast with p.
    math : module
        `numpy`, or `pymc.math`.

    References
    ----------
    Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119, for ``"beta"``; Preston, Ashby & Smyth
    2004, J. Evaluation in Clinical Practice 10:313, 10.1111/j.1365-2753.2003.00457.x, for the others but ``"power"``.
    """
    first = delta[0]
    match kind:
        case "beta":
            return (first - 1.0) * at.log_p + (delta[1] - 1.0) * at.log_q
        case "halfnorm":
            return -first * at.p**2
        case "negexp":
            return -first * at.p
        case "logistic":
            return np.log(2.0) - first * at.p - math.log(1.0 + math.exp(-first * at.p))
        case _:
            return first * at.log_q


@final
@dataclass(frozen=True)
class SmoothFunction:
    """A weight function of p-values, its parameters left open.

    Attributes
    ----------
    kind : {"beta", "halfnorm", "negexp", "logistic", "power"}
    sides : {1, 2}
        Of its p-values.
    by_precision : bool
        Whether delta is multiplied by se / max(se).
    """

    kind: Kind
    sides: Sides
    by_precision: bool = False

    @property
    def rule(self) -> Rule:
        """Where it is looked at for its normalising constant."""
        return rule(self.kind, self.sides)

    def p_values(self, z: Array) -> PValues:
        """p-values of z, which points in the direction of what gets published."""
        return p_values(z, self.sides, self.kind)

    def log_weight(self, at: PValues, delta: Sequence[Any]) -> Any:
        """Log of omega(p), given delta."""
        return log_weight(self.kind, at, delta)


@final
@dataclass(frozen=True, eq=False)
class Rule:
    """Where a weight function is looked at for its normalising constant: Gauss's rule in panels between two ends.

    Attributes
    ----------
    z, log_width : ndarray, shape (Q,)
        Nodes and the logarithms of their weights.
    at : PValues
        p-values at the nodes.
    end : float
        Beyond -end and end the weight is constant.
    ends : PValues
        p-values at -end and end, shape (2,).
    """

    z: Array
    log_width: Array
    at: PValues
    end: float
    ends: PValues


@cache
def rule(kind: str, sides: Sides) -> Rule:
    """The rule of a weight function, whose panels meet where it has kinks: at its ends and, for two sides, about 0.

    Panels are at most one standard deviation of z wide; eight nodes in each leave a relative error of the normalising
    constant below 1e-9 for the usual parameters (see the tests for what the errors are where weights are steep).
    """
    end = FAR if kind not in CENSORED else float(-ndtri(LEAST_P / sides))
    x, w = roots_legendre(ORDER)
    edges = _edges(end, sharp=sides == 2 and kind in CENSORED)
    half = 0.5 * np.diff(edges)[:, None]
    z = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * x).ravel()
    log_width = np.log(half * w).ravel()
    return Rule(z, log_width, p_values(z, sides, kind), end, p_values(np.array([-end, end]), sides, kind))


def _edges(end: float, *, sharp: bool) -> Array:
    """Edges of the panels, the same on both sides of 0; towards 0 ever closer where 1 - p goes to 0 there."""
    near = float(-ndtri(0.5 * (1.0 - LEAST_P)))  # within it 1 - p is censored
    inner = near * 4.0 ** np.arange(9) if sharp else np.zeros(0)
    start = inner[-1] if sharp else 0.0
    outer = np.linspace(start, end, int(np.ceil((end - start) / WIDTH)) + 1)[1:]
    half = np.concatenate([inner, outer])
    return np.concatenate([-half[::-1], [0.0], half])


def log_published(mean: Array, ratio: Array, nodes: Array, ends: Array, by: Rule) -> Array:
    """Log of the expected weight of an estimate, A, the integral of Normal(z; mean, ratio) omega(p(z)) over z.

    Parameters
    ----------
    mean, ratio : ndarray
        Mean and standard deviation of z = y / se in the direction of what gets published, shape (n,).
    nodes, ends : ndarray
        Log weights at the nodes of the rule, shape (n, Q), and at its ends, (n, 2).
    by : Rule

    Returns
    -------
    ndarray
        Shape (n,).
    """
    off = (by.z - mean[:, None]) / ratio[:, None]
    inside = by.log_width - 0.5 * off**2 - np.log(ratio)[:, None] - 0.5 * np.log(2.0 * np.pi) + nodes
    below, above = log_ndtr((-by.end - mean) / ratio), log_ndtr((mean - by.end) / ratio)
    logs = np.column_stack([inside, ends[:, 0] + below, ends[:, 1] + above])
    top = logs.max(axis=1)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]).sum(axis=1)))
