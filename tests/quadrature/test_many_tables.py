"""Many tables and priors at once, left-out studies and raised powers: each is what it is alone, or by a tensor rule."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr

from poolwise.priors import HalfCauchy, HalfNormal, LogNormal, Uniform
from poolwise.quadrature.one_tau.jobs import Studies, TauPriors, distinct_rows
from poolwise.quadrature.one_tau.left_out import left_out, without_each
from poolwise.quadrature.one_tau.power_scaling import Powers, cjs_distance, power_scaled
from poolwise.quadrature.one_tau.tau_posterior import log_density_of_mean, summaries, tau_posterior
from poolwise.quadrature.rules.refine import integrate

Y, V = np.array([0.4, 0.1, -0.3, 0.6, 0.2]), np.array([0.04, 0.09, 0.05, 0.1, 0.03])
FAMILIES = HalfNormal(0.3), HalfCauchy(0.5), HalfNormal(1.0), LogNormal(-1.0, 0.8), Uniform(0.0, 2.0)
P = np.array([0.025, 0.5, 0.975])
AGREEMENT = 1e-8


def posterior(y=Y, v=V, prior=FAMILIES[0], m0=0.1, s0=0.8, **settings):
    studies = Studies.centred(np.atleast_2d(y), np.atleast_2d(v), np.array([m0]), np.array([s0]))
    return tau_posterior(studies, TauPriors.of([prior]), moments=np.array([2]), **settings)


def plane(prior, powers=(1.0, 1.0, 1.0), rows=slice(None)):
    """Weights on Gauss-Legendre nodes of (mu, tau); tau = 6 u^2 keeps more of them near 0."""
    t, w = np.polynomial.legendre.leggauss(120)
    u = 0.5 * (1.0 + t)
    mu, tau = 0.1 + 4.0 * t, 6.0 * u**2
    logs = stats.norm.logpdf(Y[rows], mu[:, None, None], np.sqrt(V[rows] + tau[:, None] ** 2)).sum(axis=-1)
    logs = powers[2] * logs + powers[0] * stats.norm.logpdf(mu, 0.1, 0.8)[:, None] + powers[1] * prior.logpdf(tau)
    return np.exp(logs) * np.outer(4.0 * w, 6.0 * w * u), mu, tau


def test_priors_of_several_families_are_each_as_alone():
    many = TauPriors.of(FAMILIES)
    job, tau = np.array([4, 0, 3, 1, 2, 0]), np.linspace(0.05, 1.9, 18).reshape(6, 3)
    wanted = np.stack([FAMILIES[j].log_pdf(row) for j, row in zip(job, tau, strict=True)])
    assert many.log_density(job, tau) == pytest.approx(wanted, rel=1e-13)
    assert many.quantiles(np.array([0.5]))[0] == pytest.approx(
        [float(prior.ppf(np.array(0.5))) for prior in FAMILIES], rel=1e-12
    )
    assert np.array(many.ends()).T.tolist() == [[prior.lowest, prior.upper] for prior in FAMILIES]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_distinct_rows_make_the_table(kinds):
    table = np.random.default_rng(0).normal(size=(4, 5))[kinds]
    first, row = distinct_rows(table)
    assert (table[first][row] == table).all()
    assert len(first) == len(set(kinds))


def test_rows_with_the_same_ends_are_not_taken_for_one():
    table = np.array([[0.0, 1.0, 2.0], [0.0, 1.5, 2.0]])
    first, row = distinct_rows(table)
    assert (table[first][row] == table).all()


def test_summaries_of_many_tables_are_those_of_each():
    y = np.stack([Y, Y[::-1] * 2.0, Y + 3.0])
    v = np.stack([V, V, 4.0 * V])
    y[1, 4] = np.nan  # a study that one table lacks
    studies = Studies.centred(y, v, np.full(3, 0.1), np.full(3, 0.8))
    many = tau_posterior(studies, TauPriors.of([FAMILIES[0]]), moments=np.full(3, 2))
    found = summaries(many, np.full(3, 2), 0.95, True)
    for job in range(3):
        held = ~np.isnan(y[job])
        alone = posterior(y[job, held], v[job, held])
        nodes = alone.mixtures
        for name, law in [("mu", nodes.linear()), ("theta_new", nodes.new()), ("tau", alone.tau)]:
            row = [found[f"{name}{end}"][job] for end in ("_lower", "", "_upper", "_mean", "_sd")]
            assert row == pytest.approx([*law.ppf(P), law.mean, law.sd], abs=AGREEMENT)
        assert found["log_total"][job] == pytest.approx(alone.panels.log_total[0], abs=AGREEMENT)


def test_a_left_out_study_is_predicted_from_the_others():
    rows = without_each(Y)
    tables = Studies.centred(rows, without_each(V), np.full(6, 0.1), np.full(6, 0.8))
    found = left_out(tables, Y, V, np.ones((5, 1)), FAMILIES[0], moments=np.full(6, 2), prob=0.95)
    assert np.isnan(rows).sum() == 5
    for i in range(5):
        weight, mu, tau = plane(stats.halfnorm(0, 0.3), rows=np.arange(5) != i)
        weight = weight / weight.sum()
        sd = np.sqrt(tau**2 + V[i])
        z = (Y[i] - mu[:, None]) / sd
        assert found.log_density[i] == pytest.approx(np.log((weight * stats.norm.pdf(z) / sd).sum()), abs=AGREEMENT)
        assert found.below[i] == pytest.approx((weight * ndtr(z)).sum(), abs=AGREEMENT)
        assert found.below[i] + found.above[i] == pytest.approx(1.0, abs=1e-12)
        assert found.mean[i] == pytest.approx(weight.sum(axis=1) @ mu, abs=AGREEMENT)


@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_with_a_known_tau_the_prediction_is_a_normal_law(tau):
    tables = Studies.centred(without_each(Y), without_each(V), np.full(6, 0.1), np.full(6, np.inf))
    found = left_out(tables, Y, V, np.ones((5, 1)), tau, moments=np.full(6, 2), prob=0.9)
    for i in range(5):
        rest = np.arange(5) != i
        w = 1.0 / (V[rest] + tau**2)
        law = stats.norm(w @ Y[rest] / w.sum(), np.sqrt(1.0 / w.sum() + tau**2 + V[i]))
        row = [found.log_density[i], found.below[i], found.median[i], found.lower[i], found.upper[i]]
        assert row == pytest.approx([law.logpdf(Y[i]), law.cdf(Y[i]), law.median(), *law.interval(0.9)], abs=1e-10)


@pytest.mark.parametrize("powers", [Powers(mu=1.1), Powers(tau=0.9), Powers(likelihood=1.05), Powers(0.9, 1.1, 0.95)])
def test_raised_powers_are_those_of_the_tensor_rule(powers):
    found = power_scaled(posterior(halvings=1), powers)
    weight, mu, tau = plane(stats.halfnorm(0, 0.3), (powers.mu, powers.tau, powers.likelihood))
    weight = weight / weight.sum()
    law = found.mixtures.linear()
    mean = weight.sum(axis=1) @ mu
    assert (law.mean, law.sd**2) == pytest.approx((mean, weight.sum(axis=1) @ (mu - mean) ** 2), abs=AGREEMENT)
    assert found.tau.mean == pytest.approx(weight.sum(axis=0) @ tau, abs=AGREEMENT)
    assert found.panels.error[0] < AGREEMENT


def test_powers_of_1_change_nothing():
    plain = posterior(halvings=1)
    found = power_scaled(plain, Powers())
    assert found.panels.mass == pytest.approx(plain.panels.mass, abs=1e-13)


def test_the_distance_of_laws_is_0_for_the_same_and_1_for_laws_apart():
    x = np.linspace(-8.0, 8.0, 4001)
    weight, p = np.full(4001, x[1] - x[0]), ndtr(x)
    assert cjs_distance(p, p, weight) == 0.0
    near, far = (cjs_distance(p, ndtr(x - shift), weight) for shift in (0.1, 0.5))
    assert 0.0 < near < far < 1.0
    assert cjs_distance(ndtr(x - 0.5), p, weight) == pytest.approx(far, rel=1e-12)  # symmetric
    assert cjs_distance(np.ones(5), np.zeros(5), np.ones(5)) == pytest.approx(1.0)


@pytest.mark.parametrize("mu", [0.2, 1.0, -3.0])
def test_the_density_of_the_mean_at_one_value(mu):
    weight, _, tau = plane(stats.halfnorm(0, 0.3))
    t, w = np.polynomial.legendre.leggauss(120)
    u = 0.5 * (1.0 + t)
    at_mu = stats.norm.pdf(Y, mu, np.sqrt(V + tau[:, None] ** 2)).prod(axis=-1) * stats.norm.pdf(mu, 0.1, 0.8)
    wanted = np.log((at_mu * stats.halfnorm(0, 0.3).pdf(tau)) @ (6.0 * w * u) / weight.sum())
    assert log_density_of_mean(posterior(), mu) == pytest.approx(wanted, abs=1e-7)


def test_a_law_of_tau_differentiates_its_distribution_function():
    law = posterior().tau
    x = np.array([0.05, 0.2, 0.5])
    h = 1e-5
    assert law.pdf(x) == pytest.approx((law.cdf(x + h) - law.cdf(x - h)) / (2.0 * h), rel=1e-6)
    assert law.pdf(np.array([-0.1]))[0] == 0.0
    assert law.cdf(np.array([-0.1, 0.0, np.inf])).tolist() == [0.0, 0.0, 1.0]
    assert law.ppf(np.array([0.0, 1.0])).tolist() == [0.0, np.inf]
    assert np.isnan(replace(posterior(), moments=np.array([0])).tau.mean)


def test_densities_without_a_reference_and_with_one_are_resolved_together():
    """Jobs differ; tau^2 times the density of the second is resolved as far out as its moment asks."""
    laws = stats.gamma(2.0), stats.invgamma(4.0)

    def evaluate(job, x):
        with np.errstate(divide="ignore"):
            return np.stack([laws[j].logpdf(row) for j, row in zip(job, x, strict=True)])[None]

    def reference(job, x):
        with np.errstate(divide="ignore"):
            return 2.0 * np.log(x) * (job == 1)[:, None]

    edges = np.tile(np.append(0.0, np.geomspace(0.01, 1e8, 40)), (2, 1))
    panels = integrate(evaluate, edges, reference, 1e-11, np.zeros(2))
    assert panels.log_total == pytest.approx([0.0, 0.0], abs=1e-10)
    second = panels.job == 1
    assert (panels.mass * panels.x**2)[second].sum() == pytest.approx(laws[1].moment(2), rel=1e-8)
