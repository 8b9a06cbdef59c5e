"""The PyMC models of moderators, groups and levels say what their statements say."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
from scipy import stats
from scipy.integrate import quad

from poolwise import priors as p
from poolwise.pymc_models.correlated_outcomes import correlated_outcomes
from poolwise.pymc_models.crossed_effects import crossed_effects
from poolwise.pymc_models.horseshoe import horseshoe
from poolwise.pymc_models.joint_outcomes import joint_outcomes
from poolwise.pymc_models.location_scale import location_scale
from poolwise.pymc_models.meta_regression import meta_regression
from poolwise.pymc_models.missing_levels import missing_levels
from poolwise.pymc_models.pooled_regression import pooled_regression
from poolwise.pymc_models.subgroups import subgroups
from poolwise.pymc_models.three_level import three_level
from poolwise.pymc_models.uncertain_moderators import uncertain_moderators
from support.pymc_points import log_posterior

SAME_FORMULA = 1e-10
"""Two double-precision evaluations of one formula, relative."""
SINGLE_LOG_2 = 2 * 2e-9
"""PyMC has log 2 of a half-Cauchy density in single precision, off by 1.9e-9; here are two such densities."""

Y = np.array([0.21, 0.37, 0.55, -0.1])
V = np.array([0.04, 0.05, 0.044, 0.3])
X = np.column_stack([np.ones(4), [0.1, 0.5, -0.4, 1.2]])
OF = np.array([0, 0, 1, 1])
HALF = p.HalfNormal(0.5)


def half_normal(x, scale=0.5):
    return stats.halfnorm(scale=scale).logpdf(x)


def test_a_meta_regression_shifts_the_mean():
    model = meta_regression(Y, V, X, {"intercept": p.Normal(0, 1), "dose": p.StudentT(4, 0, 0.3)}, HALF)
    by_hand = (
        stats.norm(X @ [0.2, 0.3], np.sqrt(V + 0.16)).logpdf(Y).sum()
        + stats.norm(0, 1).logpdf(0.2)
        + stats.t(4, 0, 0.3).logpdf(0.3)
        + half_normal(0.4)
    )
    found = log_posterior(model, **{"beta[intercept]": 0.2, "beta[dose]": 0.3, "tau": 0.4})
    assert found == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_a_location_scale_model_shifts_log_tau_too():
    Z = X[:, 1:] - X[:, 1:].mean()
    model = location_scale(Y, V, X[:, :1], Z, {"intercept": p.Normal(0, 1)}, HALF, {"dose": p.Normal(0, 2)})
    tau = 0.4 * np.exp(0.7 * Z[:, 0])
    by_hand = (
        stats.norm(0.2, np.sqrt(V + tau**2)).logpdf(Y).sum()
        + stats.norm(0, 1).logpdf(0.2)
        + half_normal(0.4)
        + stats.norm(0, 2).logpdf(0.7)
    )
    found = log_posterior(model, **{"beta[intercept]": 0.2, "tau": 0.4, "gamma[dose]": 0.7})
    assert found == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_subgroups_have_means_of_their_own_and_a_tau_of_their_own_or_not():
    mu = np.array([0.2, -0.1])
    means = stats.norm(0, 1).logpdf(mu).sum()
    common = subgroups(Y, V, OF, ("a", "b"), p.Normal(0, 1), HALF, common=True)
    by_hand = stats.norm(mu[OF], np.sqrt(V + 0.16)).logpdf(Y).sum() + means + half_normal(0.4)
    assert log_posterior(common, mu=mu, tau=0.4) == pytest.approx(by_hand, rel=SAME_FORMULA)
    separate = subgroups(Y, V, OF, ("a", "b"), p.Normal(0, 1), HALF)
    tau = np.array([0.4, 0.1])
    by_hand = stats.norm(mu[OF], np.sqrt(V + tau[OF] ** 2)).logpdf(Y).sum() + means + half_normal(tau).sum()
    assert log_posterior(separate, mu=mu, tau=tau) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_exchangeable_subgroups_have_log_normal_taus():
    model = subgroups(Y, V, OF, ("a", "b"), p.Normal(0, 1), HALF, tau_spread=p.HalfNormal(0.3))
    mu, z = np.array([0.2, -0.1]), np.array([0.5, -1.0])
    tau = 0.4 * np.exp(0.2 * z)
    by_hand = (
        stats.norm(mu[OF], np.sqrt(V + tau[OF] ** 2)).logpdf(Y).sum()
        + stats.norm(0, 1).logpdf(np.r_[mu, z]).sum()
        + half_normal(0.4)
        + half_normal(0.2, 0.3)
    )
    found = log_posterior(model, mu=mu, tau_typical=0.4, tau_spread=0.2, log_tau_z=z)
    assert found == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_joint_outcomes_have_their_means_integrated_out():
    model = joint_outcomes(Y, V, np.eye(2)[OF], ("a", "b"), p.Normal(0, 1), HALF, HALF, p.HalfNormal(0.3))
    z, spread = np.array([0.5, -1.0]), 0.25
    tau = 0.4 * np.exp(0.2 * z)

    def outcome(o):
        rows = np.flatnonzero(o == OF)

        def density(mu):
            estimates = stats.norm(mu, np.sqrt(V[rows] + tau[o] ** 2)).pdf(Y[rows])
            return estimates.prod() * stats.norm(0.1, spread).pdf(mu)

        return np.log(quad(density, -4.0, 4.0, epsabs=0.0, epsrel=1e-12, points=[0.0, 0.5])[0])

    by_hand = (
        outcome(0) + outcome(1) + stats.norm(0, 1).logpdf(np.r_[0.1, z]).sum()
        + half_normal(np.array([spread, 0.4])).sum() + half_normal(0.2, 0.3)
    )  # fmt: skip
    point = {"mu_typical": 0.1, "mu_spread": spread, "tau_typical": 0.4, "tau_spread": 0.2}
    assert log_posterior(model, **point, log_tau_z=z) == pytest.approx(by_hand, rel=SAME_FORMULA)


def turned(errors, groups):
    """Eigenvalues and eigenvectors of sampling errors, those of a group together, and the first of each group."""
    values, U = np.linalg.eigh(errors)
    of = np.array([groups[np.argmax(np.abs(column))] for column in U.T])
    order = np.argsort(of, kind="stable")
    return values[order], U[:, order], np.flatnonzero(np.diff(of[order], prepend=-1))


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_three_levels_are_normal_with_the_covariance_of_the_model(rho):
    between, within, same = 0.5, 0.3, np.equal.outer(OF, OF)
    errors = np.outer(np.sqrt(V), np.sqrt(V)) * (rho * same + (1 - rho) * np.eye(4))
    values, U, starts = turned(errors, OF)
    model = three_level(U.T @ Y, values, U.sum(axis=0), starts, p.Normal(0, 1), HALF, HALF)
    total = errors + within**2 * np.eye(4) + between**2 * same
    by_hand = (
        stats.multivariate_normal(np.full(4, 0.2), total).logpdf(Y)
        + stats.norm(0, 1).logpdf(0.2)
        + half_normal(np.array([between, within])).sum()
    )
    found = log_posterior(model, mu=0.2, tau_between=between, tau_within=within)
    assert found == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_names_have_dimensions():
    model = joint_outcomes(Y, V, np.eye(2)[OF], ("a", "b"), p.Normal(0, 1), HALF, HALF, HALF)
    assert model.named_vars_to_dims["tau"] == ("outcome",)
    assert model.named_vars_to_dims["y"] == ("study",)
    regression = meta_regression(Y, V, X, {"intercept": p.Flat(), "dose": p.Flat()}, None)
    assert regression.coords["coefficient"] == ("intercept", "dose")


def test_crossed_effects_are_normal_with_the_covariance_of_their_factors():
    Z = np.column_stack([np.eye(2)[OF], np.eye(3)[[0, 1, 1, 2]]])
    model = crossed_effects(Y, V, Z, np.array([0, 0, 1, 1, 1]), p.Normal(0, 1), {"f": HALF, "g": HALF}, HALF)
    S = np.diag(V + 0.09) + Z @ np.diag([0.16, 0.16, 0.04, 0.04, 0.04]) @ Z.T
    by_hand = stats.multivariate_normal(np.full(4, 0.2), S).logpdf(Y) + stats.norm(0, 1).logpdf(0.2)
    by_hand += half_normal(np.array([0.4, 0.2, 0.3])).sum()
    point = {"mu": 0.2, "tau[f]": 0.4, "tau[g]": 0.2, "tau_within": 0.3}
    assert log_posterior(model, **point) == pytest.approx(by_hand, rel=SAME_FORMULA)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_correlated_outcomes_are_normal_with_the_covariance_of_the_model(rho):
    study, outcome = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 1])
    same, X = np.equal.outer(study, study), np.eye(3)[outcome]
    errors = np.outer(np.sqrt(V), np.sqrt(V)) * (rho * same + (1 - rho) * np.eye(4))
    values, U, starts = turned(errors, study)
    model = correlated_outcomes(U.T @ Y, values, U.T @ X, starts, ("a", "b", "c"), p.Normal(0, 1), HALF, 1.5, HALF)
    mu, tau, b = np.array([0.1, 0.3, -0.2]), np.array([0.4, 0.2, 0.3]), np.array([0.7, 0.4, 0.6])
    r12, r13, partial = 2 * b - 1
    R = np.eye(3)
    R[0, 1] = R[1, 0] = r12
    R[0, 2] = R[2, 0] = r13
    R[1, 2] = R[2, 1] = partial * np.sqrt((1 - r12**2) * (1 - r13**2)) + r12 * r13
    S = errors + 0.01 * np.eye(4) + same * (np.outer(tau, tau) * R)[np.ix_(outcome, outcome)]
    by_hand = stats.multivariate_normal(mu[outcome], S).logpdf(Y) + stats.norm(0, 1).logpdf(mu).sum()
    by_hand += half_normal(np.r_[tau, 0.1]).sum() + stats.beta([2, 2, 1.5], [2, 2, 1.5]).logpdf(b).sum()
    point = {"mu": mu, "tau": tau, "tau_within": 0.1, "partial": b}
    assert log_posterior(model, **point) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_an_uncertain_moderator_is_normal_together_with_the_effect():
    x, se, seen = np.array([0.4, -0.3, 0.0, 1.1]), np.array([0.2, 0.0, 0.0, 0.5]), np.array([1.0, 1.0, 0.0, 1.0])
    base, slope = np.column_stack([np.ones(4), np.zeros(4)]), np.zeros((4, 1, 2))
    slope[:, 0, 1] = 1.0
    beta = {"intercept": p.Normal(0, 1), "x": p.Normal(0, 2)}
    model = uncertain_moderators(Y, V, base, slope, x[:, None], se[:, None], seen[:, None], beta, HALF)
    a, b, tau, m, s = 0.2, 0.7, 0.4, 0.1, 0.8
    by_hand = stats.norm(0, 1).logpdf([a, m]).sum() + stats.norm(0, 2).logpdf(b) + half_normal(tau) + half_normal(s, 2)
    for i in range(4):
        mean, S = np.array([a + b * m, m]), s**2 * np.array([[b * b, b], [b, 1.0]])
        S = S + np.diag([V[i] + tau**2, se[i] ** 2])
        both = stats.multivariate_normal(mean, S).logpdf([Y[i], x[i]])
        by_hand += both if seen[i] else stats.norm(mean[0], np.sqrt(S[0, 0])).logpdf(Y[i])
    point = {"beta[intercept]": a, "beta[x]": b, "tau": tau, "x_mean": [m], "x_sd": [s]}
    assert log_posterior(model, **point) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_missing_levels_are_summed_out():
    """Two moderators with 2 and 3 levels; the third study misses the first of them, the fourth both."""
    one, other = np.array([0.3, 0.7]), np.array([0.2, 0.5, 0.3])
    rows = np.array([[[1.0, a, b] for a in (0.0, 1.0) for b in (0.0, 0.5, -1.0)]] * 2)
    rows[0, :, 2] = 0.5
    takes = np.zeros((2, 6, 5))
    takes[:, np.arange(6), np.arange(6) // 3] = 1.0
    takes[1, np.arange(6), 2 + np.arange(6) % 3] = 1.0
    beta = {name: p.Normal(0, 1) for name in ("intercept", "a", "b")}
    known, reported = np.column_stack([X[:2], [0.5, 0.0]]), [np.array([2.0, 2.0]), np.array([2.0, 1.0, 2.0])]
    share = [-np.log(3.0), 0.0]
    model = missing_levels(
        Y[:2], V[:2], known, Y[2:], V[2:], rows, takes, np.array(share), reported, beta, HALF
    )  # fmt: skip
    b, tau = np.array([0.2, 0.7, -0.4]), 0.4
    by_hand = stats.norm(0, 1).logpdf(b).sum() + half_normal(tau)
    by_hand += stats.norm(known @ b, np.sqrt(V[:2] + tau**2)).logpdf(Y[:2]).sum()
    by_hand += stats.dirichlet(reported[0]).logpdf(one) + stats.dirichlet(reported[1]).logpdf(other)
    third = stats.norm(rows[0, ::3] @ b, np.sqrt(V[2] + tau**2)).pdf(Y[2])
    fourth = stats.norm(rows[1] @ b, np.sqrt(V[3] + tau**2)).pdf(Y[3])
    by_hand += np.log(one @ third) + np.log(np.outer(one, other).ravel() @ fourth)
    point = {f"beta[{name}]": value for name, value in zip(beta, b, strict=True)} | {"tau": tau}
    assert log_posterior(model, **point, **{"pi[0]": one, "pi[1]": other}) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_coefficients_that_share_priors_are_integrated_out():
    W, joint = np.column_stack([X[:, 1], X[:, 1] ** 2, np.eye(2)[OF]]), p.RegularizedHorseshoe(0.1, 0.5, 4.0)
    model = pooled_regression(
        Y, V, X[:, :1], W, {"intercept": p.Normal(0, 1)}, HALF, shrunk=(joint, 1), known_sd=[0.7], of=[0, 0], sd=[HALF]
    )
    g, local, slab, sd, tau = 1.5, 0.8, 0.6, 0.3, 0.4
    wide, c2 = 0.1 * g * local, 0.5**2 * 2.0 * slab
    s = np.array([wide / np.sqrt(1 + wide**2 / c2), 0.7, sd, sd])
    S = np.diag(V + tau**2) + W @ np.diag(s**2) @ W.T
    by_hand = stats.multivariate_normal(np.full(4, 0.2), S).logpdf(Y) + stats.norm(0, 1).logpdf(0.2)
    by_hand += half_normal(np.array([sd, tau])).sum() + stats.halfcauchy.logpdf([g, local]).sum()
    by_hand += stats.invgamma(2.0).logpdf(slab)
    point = {"beta[intercept]": 0.2, "tau": tau, "sd[0]": sd, "slab": slab}
    point |= {"shrunk_all": g, "shrunk_each": [local]}
    assert log_posterior(model, **point) == pytest.approx(by_hand, abs=SINGLE_LOG_2)


def test_a_regularised_horseshoe_has_its_law():
    prior, size = p.RegularizedHorseshoe(0.1, 0.5), (20000,)
    with pm.Model() as model:
        pm.Deterministic("b", pm.Normal("z", shape=3) * horseshoe(prior, 3))
    sampled = pm.draw(model["b"], draws=size[0], random_seed=1)
    ours = prior.joint(3, size, np.random.default_rng(2))
    assert stats.ks_2samp(sampled[:, 0], ours[:, 2]).pvalue > 0.001
    assert stats.ks_2samp(np.abs(sampled).max(axis=1), np.abs(ours).max(axis=1)).pvalue > 0.001
    wide = p.RegularizedHorseshoe(1e6, 0.5, 7.0).joint(2, size, np.random.default_rng(3))
    assert stats.kstest(wide[:, 0], stats.t(7, scale=0.5).cdf).pvalue > 0.001
