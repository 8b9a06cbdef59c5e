"""The law of every quantity of exchangeable groups: hyperparameters, means, heterogeneities, true effects.

Where s or tau_o is near 0, mu_o given m, and theta_i given mu_o, are spikes that sums over nodes would turn into
combs. So the density of mu_o at x and the nodes of tau_o is made by product integration over m,

    f(x, t) = RL_o(t) N(x; muhat_o(t), se_o(t)^2) sum_s integral of g(m, s, t) N(x; m, s^2) dm,

g the posterior of m, s and tau_o over A_o; and the density of log tau_o by product integration over log tau.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.quadrature.groups.exchangeable import FINE, Exchangeable
from poolwise.quadrature.groups.outcome_likelihood import ORDER
from poolwise.quadrature.rules.gauss_rules import lagrange, panel_nodes, panel_weights
from poolwise.quadrature.rules.mixture import Kernels, NormalMixture, kernels, trimmed
from poolwise.quadrature.rules.normal_normal import shrinkage
from poolwise.quadrature.rules.panel_law import Exp, PanelLaw, Sinh
from poolwise.quadrature.rules.panels import Panels, on_panels
from poolwise.quadrature.rules.product_rule import normal_weights
from poolwise.quadrature.rules.refine import integrate, unweighted

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

NEGLIGIBLE = 1e-11  # probability of all components that a mixture leaves out
REMOTE = 1e-12  # probability of a node that does not tell how far a quantity reaches
BELOW = 4  # panels of log tau_o, of 4 nats each, below those of the likelihood
_ROOT_2PI = math.sqrt(2.0 * math.pi)


@final
@dataclass(frozen=True, eq=False)
class Laws:
    """Laws of the posterior of exchangeable groups.

    Attributes
    ----------
    posterior : Exchangeable
    """

    posterior: Exchangeable

    @cached_property
    def spread(self) -> PanelLaw:
        """The law of s, the spread of the means."""
        grid, found = self.posterior.grid, self.posterior.fine_means
        mass = found.means.whole(found.means_mass).sum(axis=0)
        return PanelLaw.of_panels(on_panels(grid.s, mass[None], FINE), Sinh(grid.s_unit))

    @cached_property
    def tau_spread(self) -> PanelLaw:
        """The law of r, the spread of log tau_o."""
        grid, found = self.posterior.grid, self.posterior.fine_spreads
        mass = found.spreads.whole(found.spreads_mass).sum(axis=0)
        return PanelLaw.of_panels(on_panels(grid.r, mass[None], FINE), Sinh(grid.r_unit))

    @cached_property
    def tau(self) -> PanelLaw:
        """The law of tau, exp of the mean of log tau_o."""
        grid, found = self.posterior.grid, self.posterior.fine_spreads
        mass = found.spreads.whole(found.spreads_mass).sum(axis=1)
        return PanelLaw.of_panels(on_panels(grid.l, mass[None, :-1], FINE), Exp(), below=float(mass[-1]))

    @cached_property
    def mean(self) -> NormalMixture:
        """The law of m, the mean of the means."""
        found, grid, shift = self.posterior.fine_means, self.posterior.grid, self.posterior.shift
        mass = found.means.whole(found.means_mass)
        s_mass = mass.sum(axis=0)
        centre, width = self._centres()
        panels = on_panels(grid.z, mass.T[s_mass > 0.0], FINE)
        centre, width, s_mass = centre[s_mass > 0.0], width[s_mass > 0.0], s_mass[s_mass > 0.0]

        def density(x: Array) -> Array:
            z = (x[:, None] - centre) / width
            return ((_at(panels, z) / width) @ s_mass)[:, None]

        held = found.means_mass > REMOTE
        m = found.means.first[held]
        kernel = kernels(
            density,
            np.ones(1),
            ends=(float(m.min()), float(m.max())),
            middle=float(found.means_mass @ found.means.first),
            width=float(s_mass @ width),
            finest=float(width.min()),
        )
        return trimmed(kernel.weight[:, 0], kernel.centre + shift, kernel.spread, NEGLIGIBLE)

    def mu(self, o: int) -> NormalMixture:
        """The law of mu_o."""
        centre, spread, weight = self._components(o)
        if self.posterior.grid.priors.spread is not None:  # kernels are the same for every tau_o
            centre, spread, weight = centre[:, 0], spread[:, 0], weight.sum(axis=1)
        return trimmed(weight.ravel(), centre.ravel() + self.posterior.shift, spread.ravel(), NEGLIGIBLE)

    def theta_new(self, o: int) -> NormalMixture:
        """The law of the true effect in a new study of group o, N(mu_o, tau_o^2)."""
        centre, spread, weight = self._components(o)
        wide = np.hypot(spread, self.posterior.tables[o].tau)
        centre = np.broadcast_to(centre, wide.shape)
        return trimmed(weight.ravel(), centre.ravel() + self.posterior.shift, wide.ravel(), NEGLIGIBLE)

    def theta(self, o: int, i: int) -> NormalMixture:
        """The law of the true effect in study i of group o.

        theta_i | mu_o, tau_o ~ N(b_i mu_o + (1 - b_i) y_i, (1 - b_i) v_i), b_i = v_i / (v_i + tau_o^2).
        """
        group, tau2 = self.posterior.groups[o], self.posterior.tables[o].tau ** 2
        mean, sd, weight = self._components(o)
        centre, spread = shrinkage(mean, sd, group.y[i], group.v[i], tau2)
        return trimmed(weight.ravel(), centre.ravel() + self.posterior.shift, spread.ravel(), NEGLIGIBLE)

    def tau_of(self, o: int) -> PanelLaw:
        """The law of tau_o."""
        edges = self.posterior.tables[o].edges
        lower = edges[0] - 4.0 * np.arange(BELOW, 0, -1)
        density = _TauDensity.of(self.posterior, o)
        panels = integrate(density, np.concatenate([lower, edges])[None], unweighted, 1e-8, np.zeros(1))
        below = density.below(float(panels.left[0]))
        return PanelLaw.of_panels(panels, Exp(), below=below / (below + math.exp(float(panels.log_total[0]))))

    def weights(self, o: int) -> Array:
        """Posterior mean share of each study of group o in muhat_o, shape (k,)."""
        table, v = self.posterior.tables[o], self.posterior.groups[o].v
        shares = 1.0 / (v + table.tau[:, None] ** 2)
        mass = self._tau_mass(o)
        return mass @ (shares / shares.sum(axis=1, keepdims=True)) / mass.sum()

    def _tau_mass(self, o: int) -> Array:
        """Weights of the nodes of tau_o, shape (T,)."""
        return self.posterior.fine_means.joint(o, self.posterior.tables[o]).sum(axis=0)

    def _components(self, o: int) -> tuple[Array, Array, Array]:
        """Normal components of mu_o given tau_o: centre and spread, shape (J, T) or (J, 1), and weight, (J, T)."""
        if self.posterior.grid.priors.spread is None:
            found, table = self.posterior.fine_means, self.posterior.tables[o]
            centre, spread = table.mu_given(found.means.first, found.means.second)
            return centre, spread, found.joint(o, table)
        kernel = self._kernels[o]
        return kernel.centre[:, None], kernel.spread[:, None], kernel.weight

    @cached_property
    def _kernels(self) -> tuple[Kernels, ...]:
        """Kernels of mu_o and the nodes of tau_o, for each group."""
        return tuple(self._kernel(o) for o in range(len(self.posterior.groups)))

    def _kernel(self, o: int) -> Kernels:
        found, table = self.posterior.fine_means, self.posterior.tables[o]
        joint = found.joint(o, table)
        centre, spread = table.mu_given(found.means.first, found.means.second)
        middle = float((joint * centre).sum())
        width = float((joint * (np.abs(centre - middle) + 0.8 * spread)).sum())
        held = joint > REMOTE
        ends = float((centre - 6.0 * spread)[held].min()), float((centre + 6.0 * spread)[held].max())
        narrowest = self._centres()[1].min()
        finest = (
            float(1.0 / np.hypot(1.0 / narrowest, 1.0 / table.se[0])) if len(self.posterior.groups) < 2 else narrowest
        )
        return kernels(
            _MeanDensity.of(self.posterior, o),
            joint.sum(axis=0),
            ends=ends,
            middle=middle,
            width=max(width, finest),
            finest=float(finest),
        )

    def _centres(self) -> tuple[Array, Array]:
        """Centre and width of the coordinate of m at the fine nodes of s."""
        grid = self.posterior.grid
        points = grid.means(FINE)
        return grid.centre(points.second[: points.shape[1]])


@final
@dataclass(frozen=True, eq=False)
class _MeanDensity:
    """Joint density of mu_o, and weight of the nodes of tau_o: maps points (J,) to (J, T)."""

    z: Array
    s: Array
    centre: Array
    width: Array
    g: Array
    height: Array
    mean: Array
    se: Array

    @classmethod
    def of(cls, posterior: Exchangeable, o: int) -> _MeanDensity:
        found, table, grid = posterior.fine_means, posterior.tables[o], posterior.grid
        most = float(table.log_likelihood.max())
        lifted = found.over_means[o] * np.exp(most - found.tops[o])[:, None]
        g = found.means.whole(lifted) / panel_weights(grid.z, FINE)[:, None, None]
        s = grid.means(FINE).second[: found.means.shape[1]]
        centre, width = grid.centre(s)
        return cls(grid.z, s, centre, width, g, np.exp(table.log_likelihood - most), table.mean, table.se)

    def __call__(self, x: Array) -> Array:
        count = len(x)
        location = ((x[:, None] - self.centre) / self.width).ravel()
        scale = np.tile(self.s / self.width, count)
        kernels_of_m = normal_weights(self.z, FINE, location, scale).reshape(count, len(self.s), -1)
        over_m = (kernels_of_m / self.width[:, None]).transpose(0, 2, 1).reshape(count, -1)
        smooth = over_m @ self.g.reshape(-1, self.g.shape[2])
        away = (x[:, None] - self.mean) / self.se
        return self.height * np.exp(-0.5 * away * away) / (_ROOT_2PI * self.se) * smooth


@final
@dataclass(frozen=True, eq=False)
class _TauDensity:
    """Log density of log tau_o, as `integrate` asks for it."""

    edges: Array
    found: Array
    lump: Array
    l_edges: Array
    r: Array

    @classmethod
    def of(cls, posterior: Exchangeable, o: int) -> _TauDensity:
        found, grid = posterior.fine_spreads, posterior.grid
        whole = found.spreads.whole(found.over_spreads[o])
        density = whole[:-1] / panel_weights(grid.l, FINE)[:, None, None]
        r = grid.spreads(FINE).second[: found.spreads.shape[1]]
        return cls(posterior.tables[o].edges, density, whole[-1], grid.l, r)

    def __call__(self, job: Ints, x: Array) -> Array:
        flat = x.ravel()
        out = np.empty(len(flat))
        rows = max(1, 400_000 // self.found[..., 0].size)
        for start in range(0, len(flat), rows):
            out[start : start + rows] = self._density(flat[start : start + rows])
        return np.log(np.maximum(out, 1e-300)).reshape(1, *x.shape)

    def _density(self, u: Array) -> Array:
        basis = self._basis(u)
        at = np.tensordot(self.found, basis, axes=(2, 1))
        kernel = normal_weights(self.l_edges, FINE, np.repeat(u, len(self.r)), np.tile(self.r, len(u)))
        return np.einsum("urj,jru->u", kernel.reshape(len(u), len(self.r), -1), at)

    def _basis(self, u: Array) -> Array:
        """Values at the nodes of tau_o -> values at u, shape (U, T); the node at 0 below the panels."""
        out = np.zeros((len(u), self.found.shape[2]))
        under = u < self.edges[0]
        out[~under, 1:] = lagrange(self.edges, ORDER, u[~under])
        out[under, 0] = 1.0
        return out

    def below(self, edge: float) -> float:
        """Probability of log tau_o below the first panels."""
        l, weight = panel_nodes(self.l_edges, FINE), panel_weights(self.l_edges, FINE)  # noqa: E741
        under = ndtr((edge - l[:, None]) / self.r)
        return float((self.found[:, :, 0] * weight[:, None] * under).sum() + self.lump[:, 0].sum())


def _at(panels: Panels, x: Array) -> Array:
    """Normalised densities of n jobs on the same panels at x, shape (q, n); 0 beyond the panels."""
    count = len(panels.left) // panels.jobs
    left, right = panels.left[:count], panels.right[:count]
    panel = np.clip(np.searchsorted(right, x), 0, count - 1)
    t = 2.0 * (x - left[panel]) / (right - left)[panel] - 1.0
    inside = np.abs(t) <= 1.0
    basis = np.polynomial.legendre.legvander(np.where(inside, t, 0.0), panels.coefficients.shape[1] - 1)
    found = panels.coefficients.reshape(panels.jobs, count, -1)[np.arange(panels.jobs), panel]
    return np.where(inside, np.einsum("qni,qni->qn", basis, found), 0.0)
