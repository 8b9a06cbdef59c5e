"""Clusters, own heterogeneities and known covariances given their parameters, against dense normal densities."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import block_diag

from poolwise.quadrature.boxes.diagonal import Diagonal
from poolwise.quadrature.boxes.levels import Levels
from poolwise.quadrature.one_tau.mixtures import Mixtures
from poolwise.quadrature.one_tau.rotated import Turned, TurnedMixtures, blocks
from poolwise.quadrature.rules.gaussian import combination

RNG = np.random.default_rng(9)
K = 8
CLUSTER = np.array([2, 0, 1, 0, 2, 2, 1, 0])
Y, V = RNG.normal(0.2, 0.5, K), RNG.uniform(0.02, 0.2, K)
X = np.column_stack([np.ones(K), RNG.normal(size=K)])
Z = X[:, 1:] - X[:, 1:].mean()
B, S = np.array([0.1, -0.2]), np.array([0.8, 0.5])
SAME = CLUSTER[:, None] == CLUSTER
PHI = np.array([[0.0, 0.3, 0.0, 0.4], [0.0, 0.0, 0.2, 0.7]])
DIGITS = 1e-10


def errors(rho):
    """Sampling covariance with correlation rho within clusters."""
    return np.outer(np.sqrt(V), np.sqrt(V)) * np.where(SAME, rho, 0.0) + np.diag((1.0 - rho) * V)


def dense(random, sampling, s=S):
    """Log p(y), mean and covariance of beta, and of theta, by one big normal law; random: covariance of theta."""
    prior_theta = random + X @ np.diag(s**2) @ X.T
    total = prior_theta + sampling
    gain = np.linalg.inv(total)
    rest = Y - X @ B
    cross = np.diag(s**2) @ X.T
    beta = B + cross @ gain @ rest, np.diag(s**2) - cross @ gain @ cross.T
    theta = X @ B + prior_theta @ gain @ rest, prior_theta - prior_theta @ gain @ prior_theta
    return stats.multivariate_normal(X @ B, total).logpdf(Y), beta, theta


def agree(model, phi, random, sampling, s=S):
    """What a model says at one phi against the dense law."""
    values = model.given(phi[:, None])
    log_evidence, (mean, covariance), (theta, cov_theta) = dense(random, sampling, s)
    assert values[0, 0] == pytest.approx(log_evidence, rel=DIGITS)
    for c in (*np.eye(2), np.array([1.0, 1.7])):
        centre, sd = combination(values, model.basis.back[0].T @ c)
        assert centre[0] + model.basis.origin[0] @ c == pytest.approx(c @ mean, abs=DIGITS)
        assert sd[0] == pytest.approx(np.sqrt(c @ covariance @ c), rel=DIGITS)
    for i in range(K):
        centre, sd = model.theta(i, phi[:, None], values)
        assert centre[0] == pytest.approx(theta[i], abs=DIGITS)
        assert sd[0] == pytest.approx(np.sqrt(cov_theta[i, i]), rel=1e-7)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("column", range(4))
def test_clusters_are_the_dense_normal_law(rho, column):
    between, within = PHI[:, column]
    random = between**2 * SAME + within**2 * np.eye(K)
    agree(Levels.of(Y, V, X, B, S, CLUSTER, rho), PHI[:, column], random, errors(rho))


def test_weights_of_clustered_estimates_are_those_of_generalised_least_squares():
    found = Levels.of(Y, V, np.ones((K, 1)), B[:1], S[:1], CLUSTER, 0.5).weights(PHI)
    for n, (between, within) in enumerate(PHI.T):
        gain = np.linalg.inv(between**2 * SAME + within**2 * np.eye(K) + errors(0.5)).sum(axis=0)
        assert found[n] == pytest.approx(gain / gain.sum(), abs=DIGITS)


def test_own_heterogeneities_and_own_prior_sds_are_the_dense_normal_law():
    model = Diagonal.of(Y, V, X, B, np.array([0.8, 1.0]), Z, np.array([1]))
    for tau, gamma, s in [(0.0, 0.3, 0.5), (0.4, -1.2, 0.05), (2.0, 0.0, 7.0)]:
        random = np.diag((tau * np.exp(gamma * Z[:, 0])) ** 2)
        agree(model, np.array([tau, gamma, s]), random, np.diag(V), np.array([0.8, s]))
        at = model.spread_at(np.array([[tau], [gamma], [s]]), np.array([0.7]))
        assert at[0] == pytest.approx(tau * np.exp(0.7 * gamma), rel=1e-13)


def test_a_known_tau_needs_no_parameter():
    model = Diagonal.of(Y, V, X, B, np.array([0.8, 1.0]), np.empty((K, 0)), np.array([1]), known_tau=0.3)
    agree(model, np.array([0.5]), 0.09 * np.eye(K), np.diag(V), np.array([0.8, 0.5]))
    assert model.spread_of_new(np.array([[0.5]])).tolist() == [0.3]


def draws_agree(draws, mean, covariance):
    n = len(draws)
    z = np.linalg.solve(np.linalg.cholesky(covariance), (draws - mean).T)
    assert np.abs(z.mean(axis=1)).max() < 4.5 / np.sqrt(n)
    assert np.cov(z) == pytest.approx(np.eye(len(z)), abs=5.0 * np.sqrt(2.0 / n))


@pytest.mark.parametrize("kind", ["clusters", "own"])
def test_draws_of_true_effects_have_the_dense_law(kind):
    n, fitted = 20_000, X @ B
    if kind == "clusters":
        model, phi = Levels.of(Y, V, X, B, S, CLUSTER, 0.5), np.array([0.4, 0.3])
        random, sampling = 0.16 * SAME + 0.09 * np.eye(K), errors(0.5)
    else:
        model, phi = Diagonal.of(Y, V, X, B, S, Z, np.array([], dtype=int)), np.array([0.4, 0.5])
        random, sampling = np.diag((0.4 * np.exp(0.5 * Z[:, 0])) ** 2), np.diag(V)
    many, wide = np.repeat(phi[:, None], n, axis=1), np.repeat(fitted[:, None], n, axis=1)
    gain = random @ np.linalg.inv(random + sampling)
    theta = model.draw_theta(many, wide, Y, np.random.default_rng(3))
    draws_agree(theta, fitted + gain @ (Y - fitted), random - gain @ random)


def test_estimates_that_correlate_through_others_make_a_block():
    covariance = np.diag(np.ones(5))
    for a, b in [(0, 3), (3, 4)]:
        covariance[a, b] = covariance[b, a] = 0.2
    assert blocks(covariance).tolist() == [0, 1, 2, 0, 0]


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("tau", [0.0, 0.35])
def test_a_turned_table_is_the_dense_normal_law(tau, shift):
    sampling = block_diag(errors(0.5)[np.ix_([1, 3, 7], [1, 3, 7])], np.diag(V[:5]))
    level = np.array([shift, 0.0])
    turned = Turned.of(Y + shift, sampling, X)
    nodes = Mixtures.at(turned.table(B + level, S), tau)
    laws = TurnedMixtures(nodes, turned)
    log_evidence, (mean, covariance), (theta, cov_theta) = dense(tau**2 * np.eye(K), sampling)
    digits = DIGITS + 8.0 * np.spacing(shift) / np.sqrt(V.min())
    assert nodes.log_likelihood[0] == pytest.approx(log_evidence, abs=10.0 * digits / np.sqrt(V.min()))
    for c in np.eye(2):
        law = laws.linear(c)
        assert law.mean - c @ level == pytest.approx(c @ mean, abs=digits)
        assert law.sd == pytest.approx(np.sqrt(c @ covariance @ c), rel=DIGITS)
    for i in range(K):
        law = laws.theta(i)
        assert law.mean - shift == pytest.approx(theta[i], abs=digits)
        assert law.sd == pytest.approx(np.sqrt(cov_theta[i, i]), rel=1e-7)


def test_shares_of_correlated_estimates_are_those_of_generalised_least_squares():
    sampling, tau = errors(0.5), np.array([0.2])
    turned = Turned.of(Y, sampling, X)
    gain = np.linalg.inv(sampling + 0.04 * np.eye(K)).sum(axis=0)
    assert turned.shares(np.ones(1), tau) == pytest.approx(gain / gain.sum(), abs=DIGITS)
