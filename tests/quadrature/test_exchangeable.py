"""Exchangeable groups by four hyperparameters, against a tensor rule over densities written out here."""

import numpy as np
import pytest
from scipy import stats

from poolwise.priors import HalfNormal
from poolwise.quadrature.groups import exchangeable as module
from poolwise.quadrature.groups.exchangeable import exchangeable
from poolwise.quadrature.groups.hyper_grid import Hyperpriors
from poolwise.quadrature.groups.laws import Laws
from poolwise.quadrature.groups.outcome_likelihood import Group
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quadrature.rules.panel_law import PanelLaw

GROUPS = (
    Group(np.array([0.5, 0.1, 0.3]), np.array([0.04, 0.09, 0.05])),
    Group(np.array([0.8, 1.1]), np.array([0.06, 0.1])),
)
NODES = 20
PROMISE = 1e-5  # sds and nats; the two sums of a posterior may disagree by 2e-6
P = np.array([0.025, 0.5, 0.975])


SPREAD = HalfNormal(0.4)


def fitted(spread=SPREAD, groups=GROUPS, m0=0.2):
    return exchangeable(groups, Hyperpriors(m0, 1.0, spread, HalfNormal(0.5), HalfNormal(0.4)))


@pytest.fixture(scope="module")
def posterior():
    return fitted()


def likelihood(group, m, s, tau_o):
    """Density of a group's estimates with mu_o integrated out; m of shape (M, 1, 1, 1), s (S, 1, 1), tau_o (q, z)."""
    total = group.v + tau_o[..., None] ** 2
    precision = (1.0 / total).sum(axis=-1)
    mean = (group.y / total).sum(axis=-1) / precision
    flat = np.exp(-0.5 * (np.log(2.0 * np.pi * total) + (group.y - mean[..., None]) ** 2 / total).sum(axis=-1))
    return flat * np.sqrt(2.0 * np.pi / precision) * stats.norm.pdf(mean, m, np.sqrt(s**2 + 1.0 / precision))


@pytest.fixture(scope="module")
def rule():
    """Weights over (m, s, tau, r) on mapped Gauss-Legendre nodes, log tau_o on Gauss-Hermite nodes about log tau."""
    (t, w), (x, wx) = (np.polynomial.legendre.leggauss(n) for n in (NODES, 2 * NODES))
    u = 0.5 * (1.0 + t)
    m, s, tau, r = 0.4 + 0.3 * np.sinh(3.4 * x), 3.2 * u**2, 4.0 * u**2, 3.2 * u
    z, h = np.polynomial.hermite_e.hermegauss(NODES)
    tau_o = (tau[:, None, None] * np.exp(r[:, None] * z)).reshape(-1, len(z))
    over_tau = w * 4.0 * u * stats.halfnorm(0, 0.5).pdf(tau)
    weight = np.outer(over_tau, w * 1.6 * stats.halfnorm(0, 0.4).pdf(r)).ravel()
    weight = weight * np.multiply.outer(wx * 1.02 * np.cosh(3.4 * x) * stats.norm(0.2, 1.0).pdf(m),
                                        w * 3.2 * u * stats.halfnorm(0, 0.4).pdf(s))[..., None]  # fmt: skip
    for group in GROUPS:
        for a, at in enumerate(m):
            weight[a] *= likelihood(group, at, s[:, None, None], tau_o) @ (h / h.sum())
    return weight.reshape(len(m), len(s), len(tau), len(r)), m, s, tau, r


def test_evidence_and_hyperparameters_are_those_of_the_tensor_rule(posterior, rule):
    weight, *axes = rule
    laws, total = Laws(posterior), weight.sum()
    assert posterior.fine_means.log_total == pytest.approx(np.log(total), abs=PROMISE)
    for axis, law in enumerate((laws.mean, laws.spread, laws.tau, laws.tau_spread)):
        share = weight.sum(axis=tuple(other for other in range(4) if other != axis)) / total
        mean = share @ axes[axis]
        assert law.mean == pytest.approx(mean, abs=10.0 * PROMISE)
        assert law.sd == pytest.approx(np.sqrt(share @ (axes[axis] - mean) ** 2), abs=10.0 * PROMISE)
    assert posterior.error < 1e-5


@pytest.mark.parametrize("cores", [1, 3])
def test_sums_are_the_same_to_the_last_bit_by_however_many_cores(posterior, monkeypatch, cores):
    monkeypatch.setattr(module, "available_cores", lambda: cores)
    again = fitted()
    for ours, theirs in ((again.fine_means, posterior.fine_means), (again.fine_spreads, posterior.fine_spreads)):
        assert ours.log_total == theirs.log_total
        assert (ours.means_mass == theirs.means_mass).all()
        assert (ours.spreads_mass == theirs.spreads_mass).all()


def test_laws_invert_their_distribution_functions(posterior):
    laws = Laws(posterior)
    for law in (laws.mean, laws.spread, laws.tau, laws.tau_spread, laws.mu(0), laws.tau_of(1), laws.theta(1, 0)):
        assert isinstance(law, PanelLaw | NormalMixture)
        assert law.cdf(law.ppf(P)) == pytest.approx(P, abs=1e-9)


def test_order_of_groups_and_shift_of_everything_change_nothing_else(posterior):
    moved = fitted(groups=tuple(Group(group.y + 5.0, group.v) for group in GROUPS[::-1]), m0=5.2)
    here, there = Laws(posterior), Laws(moved)
    assert moved.fine_means.log_total == pytest.approx(posterior.fine_means.log_total, abs=PROMISE)
    assert there.mu(1).mean - 5.0 == pytest.approx(here.mu(0).mean, abs=PROMISE)
    assert there.tau_of(0).ppf(P) == pytest.approx(here.tau_of(1).ppf(P), abs=PROMISE)


@pytest.mark.parametrize("scale", [1e-6, 1e-13, 1e-17, 1e-60])
def test_a_prior_of_next_to_no_spread_makes_the_means_one(scale):
    """Given s, mu_o is then a spike about m, narrower than any number beside it."""
    laws = Laws(fitted(spread=HalfNormal(scale)))
    assert laws.mu(0).ppf(P) == pytest.approx(laws.mean.ppf(P), abs=1e-5)
    assert laws.mu(0).ppf(P) == pytest.approx(laws.mu(1).ppf(P), abs=1e-5)


def test_groups_with_independent_means_are_each_their_own(posterior):
    """Without a spread the groups share only tau: mu_o has its own normal prior."""
    found = fitted(spread=None)
    laws, variance = Laws(found), np.array([0.09, 0.05])
    assert laws.mu(0).mean < laws.mu(1).mean
    assert np.array([laws.mu(o).sd for o in (0, 1)]).min() > np.sqrt(1.0 / (1.0 / variance).sum()) / 2.0
    shares = laws.weights(0)
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert shares[0] > shares[2] > shares[1]
