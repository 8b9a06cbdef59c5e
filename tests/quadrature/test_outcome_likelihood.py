"""What a group of studies says of its hyperparameters, against quadrature over its mean written out here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from poolwise.quadrature.groups.outcome_likelihood import ORDER, Group, Table, first_edges, halved, unresolved
from poolwise.quadrature.rules.gauss_rules import lagrange

GROUP = Group(np.array([0.4, 0.1, -0.3, 0.6]), np.array([0.04, 0.09, 0.05, 0.1]))
QUADRATURE = 1e-9
EDGES = np.array([-14.0, -4.0, -1.0, 1.0, 3.0])


def by_quadrature(of, m, s, tau):
    """Integral over mu of of(mu) x prod N(y; mu, v + tau^2) x N(mu; m, s^2), flat for s = inf."""

    def integrand(mu):
        prior = stats.norm.pdf(mu, m, s) if np.isfinite(s) else 1.0
        return of(mu) * prior * stats.norm.pdf(GROUP.y, mu, np.sqrt(GROUP.v + tau**2)).prod()

    reach = 12.0 * np.sqrt(1.0 / (1.0 / (GROUP.v + tau**2)).sum())
    middle = float(GROUP.y @ (1.0 / (GROUP.v + tau**2)) / (1.0 / (GROUP.v + tau**2)).sum())
    return quad(integrand, middle - reach, middle + reach, points=[middle, m], epsabs=1e-13, limit=300)[0]


@pytest.mark.parametrize(("m", "s"), [(0.0, np.inf), (0.3, 0.2), (-1.0, 2.0)])
def test_the_mean_is_integrated_out(m, s):
    table = Table.at(GROUP, EDGES)
    for t in (0, 5, 20, 30, 47):
        tau = table.tau[t]
        total = by_quadrature(lambda mu: 1.0, m, s, tau)
        first = by_quadrature(lambda mu: mu, m, s, tau) / total
        square = by_quadrature(lambda mu, first=first: (mu - first) ** 2, m, s, tau) / total
        row = np.array([m]), np.array([s])
        mean, sd = table.mu_given(*row)
        assert table.log_joint(*row)[0, t] == pytest.approx(np.log(total), abs=QUADRATURE)
        assert (mean[0, t], sd[0, t]) == pytest.approx((first, np.sqrt(square)), rel=1e-6, abs=QUADRATURE)


def test_a_mean_that_is_all_but_known_is_the_prior_mean():
    table = Table.at(GROUP, EDGES)
    mean, sd = table.mu_given(np.array([0.3]), np.array([1e-9]))
    assert mean[0] == pytest.approx(np.full(len(table.tau), 0.3), abs=1e-15)
    assert sd[0] == pytest.approx(np.full(len(table.tau), 1e-9), rel=1e-12)


@given(st.floats(-1e3, 1e3), st.floats(-4.0, 4.0).map(lambda e: 10.0**e))
def test_shift_and_unit_of_the_estimates(shift, unit):
    tau = np.array([0.0, 0.2, 3.0])
    here = GROUP.given_tau(tau)
    there = Group(unit * (GROUP.y + shift), unit**2 * GROUP.v).given_tau(unit * tau)
    digits = 1e-9 + 1e-10 * shift**2  # y^2 is summed without centring: `exchangeable` centres the groups
    assert there[0] == pytest.approx(here[0] - (len(GROUP.y) - 1) * np.log(unit), abs=digits)
    assert there[1] / unit - shift == pytest.approx(here[1], abs=1e-11)
    assert there[2] / unit == pytest.approx(here[2], rel=1e-12)


def test_first_panels_begin_where_tau_counts_as_0_and_end_where_the_likelihood_has_vanished():
    edges = first_edges([GROUP], longest=1.0, highest=100.0)
    assert (np.diff(edges) > 0.0).all()
    ends = GROUP.given_tau(np.exp(edges[[0, -1]]))[0]
    assert ends[0] == pytest.approx(GROUP.given_tau(np.zeros(1))[0, 0], abs=1e-8)
    assert ends[1] < GROUP.given_tau(np.zeros(1))[0, 0] - 15.0
    assert first_edges([GROUP], longest=1.0, highest=2.0)[-1] == 2.0


def test_panels_are_halved_until_their_polynomials_are_the_likelihood():
    edges, m, s = first_edges([GROUP], longest=1.0, highest=20.0), np.array([0.2]), np.array([0.1])
    for _ in range(20):
        table = Table.at(GROUP, edges)
        height = table.log_joint(m, s)
        mass = np.full(height.shape, 1.0 / height.size)
        bad = unresolved(height, mass)
        if not bad.any():
            break
        edges = halved(edges, bad)
    u = np.linspace(edges[0], edges[-1], 300)
    exact = GROUP.given_tau(np.exp(u))
    variance = s**2 + exact[2] ** 2
    wanted = np.exp(exact[0] + stats.norm.logpdf(exact[1], m, np.sqrt(variance)) - height.max())
    assert lagrange(edges, ORDER, u) @ np.exp(height[0, 1:] - height.max()) == pytest.approx(wanted, abs=1e-5)


def test_a_panel_without_posterior_probability_is_not_judged():
    height = Table.at(GROUP, np.array([-14.0, 3.0])).log_joint(np.zeros(1), np.ones(1))
    assert unresolved(height, np.ones(height.shape)).all()
    assert not unresolved(height, np.zeros(height.shape)).any()
    assert halved(np.array([0.0, 1.0, 3.0]), np.array([False, True])) == pytest.approx([0.0, 1.0, 2.0, 3.0])
