"""The law of linear combinations of the means of exchangeable groups, sum_o a_o mu_o.

Given m, s and every tau_o the means are independent and normal, so that the combination is normal; a mixture over
those is its law. Three measures keep it small and smooth:

- where there would be too many, each tau_o stands on the few nodes of a Gauss rule of its own posterior, in
  xi = (1 + tau_o^2 / v)^-1/2, in which the law of mu_o is smooth from tau_o = 0 to infinity;
- m given s stands on normal kernels instead of points, which would be a comb where s is near 0;
- near s = 0, where a difference of means is a spike of any width, s stands on panels that shrink geometrically.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.groups.exchangeable import CELLS, FINE, Exchangeable, Part, tau_weights
from poolwise.quadrature.rules.gauss_rules import discrete_gauss, lagrange, lagrange_through, panel_nodes, panel_weights
from poolwise.quadrature.rules.mixture import NormalMixture, kernels, trimmed

Array = NDArray[np.float64]

COMPONENTS = 2_000_000  # of a mixture, about, before the least ones are left out
FEWEST, CONDENSED = (
    3,
    8,
)  # nodes of the rule for one tau_o: its Lagrange polynomials must be smooth on the panels of tau_o
NEGLIGIBLE = 1e-8  # probability of all components that are left out
REMOTE = 1e-13  # probability of a node of m or tau_o that does not count
SHRINKING = 4.0  # lengths of neighbouring panels of s near 0
SHRUNK = 10  # panels near 0
INNER = 8  # nodes of those panels
KERNELS = 70  # of m, about
ENOUGH = 3e-8  # probability by which the kernels may miss the whole
KERNEL_WIDTH, KERNEL_FINEST = 2.0, 1.0  # in sds of m given s and every tau_o


@final
@dataclass(frozen=True, eq=False)
class _TauRule:
    """Few nodes that stand for tau_o.

    Attributes
    ----------
    onto : ndarray
        Values at the few nodes -> at all nodes of tau_o, shape (T, n); its transpose takes weights to the few.
    mean, se : ndarray
        muhat_o and se_o at the few nodes, shape (n,).
    """

    onto: Array
    mean: Array
    se: Array

    @classmethod
    def of(cls, posterior: Exchangeable, o: int, size: int) -> _TauRule:
        """At most `size` nodes: all that matter, or the Gauss rule of the posterior of tau_o where they are more."""
        group, table = posterior.groups[o], posterior.tables[o]
        mass = posterior.fine_means.joint(o, table).sum(axis=0)
        held = np.flatnonzero(np.abs(mass) > REMOTE)
        if len(held) <= size:
            return cls(np.eye(len(mass))[:, held], table.mean[held], table.se[held])
        typical = len(group.v) / float((1.0 / group.v).sum())
        xi = np.sqrt(typical / (typical + table.tau**2))
        mass = np.maximum(mass, 0.0)
        _, nodes = discrete_gauss(mass / mass.sum(), xi, min(size, CONDENSED))
        nodes = np.clip(nodes, np.finfo(float).tiny, 1.0)
        _, mean, se = group.given_tau(np.sqrt(typical * (1.0 - nodes**2)) / nodes)
        return cls(lagrange_through(nodes, xi), mean, se)


@final
@dataclass(frozen=True, eq=False)
class _Means:
    """Normal components of m, each at a value of s, and the weights of the few nodes of every tau_o beside them.

    Attributes
    ----------
    centre, spread, s : ndarray
        Shape (J,).
    weight : ndarray
        Shape (J, N).
    """

    centre: Array
    spread: Array
    s: Array
    weight: Array


def combination(posterior: Exchangeable, weights: Array) -> NormalMixture:
    """The law of sum_o a_o mu_o.

    Parameters
    ----------
    posterior : Exchangeable
    weights : ndarray
        a, shape (G,), not all 0.

    Returns
    -------
    NormalMixture
        Good to about 1e-7 of a probability for two groups and 1e-6 for three; each further one costs a digit.
    """
    named = [int(o) for o in np.flatnonzero(weights)]
    rules = {o: _TauRule.of(posterior, o, _size(posterior, len(named))) for o in named}
    means = _smooth(posterior, _joint(posterior, rules))
    index = np.indices([len(rule.mean) for rule in rules.values()]).reshape(len(named), -1)
    centre, from_m, square = np.zeros((3, 1, 1))
    for (o, rule), node in zip(rules.items(), index, strict=True):
        a, mean, se = weights[o], rule.mean[node], rule.se[node]
        to_data = 1.0 / (1.0 + (se / means.s[:, None]) ** 2)
        centre = centre + a * to_data * mean
        from_m = from_m + a * (1.0 - to_data)
        square = square + a * a * to_data * se * se
    centre = centre + from_m * means.centre[:, None]
    spread = np.sqrt(square + (from_m * means.spread[:, None]) ** 2)
    shift = float(weights.sum()) * posterior.shift
    return trimmed(means.weight.ravel(), (centre + shift).ravel(), spread.ravel(), NEGLIGIBLE)


def _size(posterior: Exchangeable, named: int) -> int:
    """Nodes for each tau_o, so that there are not too many components."""
    grid = posterior.grid
    rows = 1 if grid.priors.spread is None else KERNELS * (SHRUNK * INNER + FINE * (len(grid.s) - 1))
    return max(FEWEST, int((COMPONENTS / rows) ** (1.0 / named)))


def _joint(posterior: Exchangeable, rules: dict[int, _TauRule]) -> Array:
    """Posterior weights of (m, s) and the few nodes of the named tau_o, shape (M, N), summed over log tau and r."""
    found = posterior.fine_means
    b = tau_weights(posterior.tables[0].edges, found.spreads)
    parts = [
        Part.of(np.exp(table.log_joint(found.means.first, found.means.second) - top[:, None]), b, many=True)
        for table, top in zip(posterior.tables, found.tops, strict=True)
    ]
    onto = {o: np.einsum("tk,lt,tj->kjl", parts[o].basis, b, rule.onto) for o, rule in rules.items()}
    offset = found.means.log_weight + np.sum(found.tops, axis=0)
    first = np.exp(offset - offset.max())
    second = np.exp(found.spreads.log_weight - found.spreads.log_weight.max())
    out = np.empty((len(first), np.prod([len(rule.mean) for rule in rules.values()])))
    rows = max(1, 10 * CELLS // (len(second) * max(len(rule.mean) for rule in rules.values())))
    for start in range(0, len(first), rows):
        block = slice(start, start + rows)
        others = [part.likelihood(block) for o, part in enumerate(parts) if o not in rules]
        given = reduce(np.multiply, others, first[block, None] * second)[:, None]
        each = [np.tensordot(parts[o].a[block], wide, axes=1) for o, wide in onto.items()]
        for one in each[:-1]:
            given = (given[:, :, None] * one[:, None]).reshape(len(given), -1, len(second))
        out[block] = (given @ each[-1].transpose(0, 2, 1)).reshape(len(given), -1)
    return out / out.sum()


def _smooth(posterior: Exchangeable, joint: Array) -> _Means:
    """Kernels of m instead of its nodes, and more nodes of s near 0."""
    means, grid = posterior.fine_means.means, posterior.grid
    if grid.priors.spread is None:
        nowhere = np.zeros(1)  # mu_o has a flat prior or its own normal one, whose mean is m
        return _Means(means.first, nowhere, means.second, joint)
    whole = means.whole(joint)
    at_z = whole.reshape(means.shape[0], -1)
    density = at_z / panel_weights(grid.z, FINE)[:, None]

    def of_z(z: Array) -> Array:
        inside = (z > grid.z[0]) & (z < grid.z[-1])
        return (lagrange(grid.z, FINE, z) * inside[:, None]) @ density

    held = panel_nodes(grid.z, FINE)[whole.sum(axis=(1, 2)) > REMOTE]
    ends = float(held.min()) - 1.0, float(held.max()) + 1.0
    kernel = kernels(
        of_z, at_z.sum(axis=0), ends=ends, middle=0.0, width=KERNEL_WIDTH, finest=KERNEL_FINEST, enough=ENOUGH
    )  # fmt: skip
    s, weight = _shrunk(grid.s, kernel.weight.reshape(len(kernel.centre), means.shape[1], -1))
    s = grid.s_unit * np.sinh(s)
    centre, width = grid.centre(s)
    m, spread = centre + width * kernel.centre[:, None], width * kernel.spread[:, None]
    return _Means(m.ravel(), spread.ravel(), np.tile(s, len(m)), weight.reshape(m.size, -1))


def _shrunk(edges: Array, weight: Array) -> tuple[Array, Array]:
    """Nodes of the coordinate of s with the first panel cut into ever smaller ones; weights (J, S, N) at them."""
    first = edges[:2]
    cuts = first[0] + (first[1] - first[0]) * SHRINKING ** -np.arange(SHRUNK, -1.0, -1.0)
    cuts = np.concatenate([first[:1], cuts])
    x = panel_nodes(cuts, INNER)
    onto = lagrange(first, FINE, x) / panel_weights(first, FINE) * panel_weights(cuts, INNER)[:, None]
    inner = np.einsum("qs,jsn->jqn", onto, weight[:, :FINE])
    return np.concatenate([x, panel_nodes(edges, FINE)[FINE:]]), np.concatenate([inner, weight[:, FINE:]], axis=1)
