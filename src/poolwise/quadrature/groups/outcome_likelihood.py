"""What each of several groups of studies says of its own mean and heterogeneity, given the hyperparameters.

Group o has estimates y_i ~ N(mu_o, v_i + tau_o^2) with mu_o ~ N(m, s^2). With mu_o integrated out,

    A_o(m, s, tau_o) = RL_o(tau_o) N(muhat_o(tau_o); m, s^2 + se_o(tau_o)^2),

RL_o the likelihood with a flat mu_o, muhat_o and se_o mean and sd of mu_o under it. A_o is smooth in log tau_o,
and constant where tau_o is far below every standard error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.gauss_rules import gauss_legendre, panel_nodes
from poolwise.quadrature.rules.normal_normal import given_tau

Array = NDArray[np.float64]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
ORDER = 12  # nodes of a panel in log tau_o
BELOW = 10.0  # nats below the least standard error from which tau_o counts as 0: (tau / se)^2 = 2e-9
VANISHED = 25.0  # nats that A_o falls far out before it counts as 0
RESOLVED = 1e-6  # last Legendre coefficients over a panel's height, times the probability of the panel


@final
@dataclass(frozen=True, eq=False)
class Group:
    """Estimates and variances of one group, shape (k,)."""

    y: Array
    v: Array

    def given_tau(self, tau: Array) -> Array:
        """Log RL_o, muhat_o and se_o at tau (any shape (q,)), shape (3, q)."""
        none = np.zeros(1)
        return given_tau(tau[None], self.y[None], self.v[None], none, none + np.inf)[:, 0]


@final
@dataclass(frozen=True, eq=False)
class Table:
    """A group's likelihood at the nodes of its panels in u = log tau_o.

    Attributes
    ----------
    edges : ndarray
        Panel edges in u, shape (panels + 1,).
    tau : ndarray
        Nodes: 0, for all that lies below the panels, then those of the panels, shape (T,).
    log_likelihood, mean, se : ndarray
        log RL_o, muhat_o and se_o at the nodes, shape (T,).
    """

    edges: Array
    tau: Array
    log_likelihood: Array
    mean: Array
    se: Array

    @classmethod
    def at(cls, group: Group, edges: Array) -> Table:
        """The table of a group on these panels."""
        tau = np.append(0.0, np.exp(panel_nodes(edges, ORDER)))
        return cls(edges, tau, *group.given_tau(tau))

    def log_joint(self, m: Array, s: Array) -> Array:
        """Logarithm of A_o at values of m and s, shape (M,) each; s = inf for a flat mu_o; shape (M, T)."""
        if np.isinf(s).all():
            return np.repeat(self.log_likelihood[None], len(m), axis=0)
        distinct, place = np.unique(s, return_inverse=True)  # of a grid of m and s few
        variance = distinct[:, None] ** 2 + self.se**2
        misfit = np.square(self.mean - m[:, None])
        each = variance[place]
        misfit /= each
        misfit += np.take(np.log(variance), place, axis=0, out=each, mode="clip")
        misfit *= -0.5
        misfit += self.log_likelihood - _HALF_LOG_2PI
        return misfit

    def mu_given(self, m: Array, s: Array) -> tuple[Array, Array]:
        """Mean and sd of mu_o given m, s and tau_o at the nodes, shape (M, T) each."""
        if np.isinf(s).all():
            shape = (len(m), len(self.tau))
            return np.broadcast_to(self.mean, shape), np.broadcast_to(self.se, shape)
        to_data = s[:, None] ** 2 / (s[:, None] ** 2 + self.se**2)
        return to_data * self.mean + (1.0 - to_data) * m[:, None], np.sqrt(to_data) * self.se


def first_edges(groups: Sequence[Group], longest: float, highest: float) -> Array:
    """Panel edges in log tau_o, the same for every group, for `unresolved` to judge.

    Parameters
    ----------
    groups : sequence of Group
    longest : float
        Largest distance between effects that counts: beyond it A_o falls as a power of tau_o.
    highest : float
        Largest log tau_o that the priors reach.

    Returns
    -------
    ndarray
    """
    low = 0.5 * math.log(min(float(group.v.min()) for group in groups)) - BELOW
    near = low + BELOW - 3.0
    widest = math.sqrt(max(float(group.v.max()) for group in groups))
    far = max(math.log(max(longest, widest)) + 1.0, near + 3.0)
    high = max(min(far + VANISHED / min(2, *(len(group.y) for group in groups)), highest), far)
    beyond = np.linspace(far, high, 1 + math.ceil((high - far) / 4.0))
    between = np.linspace(near, far, 1 + math.ceil((far - near) / 1.5))
    return np.concatenate([[low, near - 2.5], between, beyond[1:]])


def unresolved(log_joint: Array, mass: Array) -> NDArray[np.bool_]:
    """Panels in log tau_o whose polynomial is not yet A_o where the posterior is.

    Parameters
    ----------
    log_joint : ndarray
        log A_o at some values of m and s, shape (M, T).
    mass : ndarray
        Joint posterior probability of these and the nodes, shape (M, T).

    Returns
    -------
    ndarray
        Shape (panels,).
    """
    heights = log_joint[:, 1:].reshape(len(mass), -1, ORDER)
    top = heights.max(axis=2, keepdims=True)
    tail = np.abs(np.exp(heights - top) @ gauss_legendre(ORDER).to_coefficients[:, -2:]).max(axis=2)
    return (np.abs(mass[:, 1:].reshape(heights.shape).sum(axis=2)) * tail).sum(axis=0) > RESOLVED


def halved(edges: Array, bad: NDArray[np.bool_]) -> Array:
    """Edges of panels of which the bad ones are halved."""
    return np.sort(np.append(edges, 0.5 * (edges[1:] + edges[:-1])[bad]))
