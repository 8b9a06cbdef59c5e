"""Posteriors over two nonlinear parameters, against a tensor rule over densities written out here."""

import numpy as np
import pytest
from scipy import stats

from poolwise.priors import HalfNormal, LogNormal, Uniform
from poolwise.quadrature.boxes.box_posterior import box_posterior, reachable
from poolwise.quadrature.boxes.diagonal import Diagonal
from poolwise.quadrature.boxes.levels import Levels
from poolwise.quadrature.boxes.polar import Polar, is_sharp
from poolwise.quadrature.boxes.variables import OnLine, Spread

Y = np.array([0.5, 0.1, -0.2, 0.8, 0.3, 0.6])
V = np.array([0.04, 0.09, 0.05, 0.06, 0.03, 0.1])
CLUSTER = np.array([0, 0, 1, 1, 2, 2])
SAME = CLUSTER[:, None] == CLUSTER
ONES = np.ones((6, 1))
MU = np.ones(1)
PROMISE = 1e-6  # half-widths and nats, for two nonlinear parameters
P = np.array([0.025, 0.5, 0.975])


@pytest.fixture(scope="module")
def levels():
    model = Levels.of(Y, V, ONES, np.zeros(1), np.ones(1), CLUSTER, 0.0)
    units = model.units()
    variables = [Spread(HalfNormal(0.5), units[0]), Spread(HalfNormal(0.3), units[1])]
    return box_posterior(model, variables, [MU], [MU], moments=4, mean_moments=2, tolerance=1e-9)


@pytest.fixture(scope="module")
def grid():
    """Weights of (tau_between, tau_within) on Gauss-Legendre nodes, and mean and variance of mu there."""
    t, w = np.polynomial.legendre.leggauss(100)
    between, within = 2.5 * (1.0 + t), 1.5 * (1.0 + t)  # 10 prior sds
    a, b = (axis.ravel() for axis in np.meshgrid(between, within, indexing="ij"))
    total = a[:, None, None] ** 2 * SAME + (b[:, None] ** 2 + V)[:, :, None] * np.eye(6)
    gain = np.linalg.inv(total)
    precision = gain.sum(axis=(1, 2)) + 1.0
    mean = gain.sum(axis=1) @ Y / precision
    misfit = np.einsum("i,nij,j->n", Y, gain, Y) - mean**2 * precision
    logs = -0.5 * (np.linalg.slogdet(total)[1] + np.log(precision) + misfit + 6.0 * np.log(2.0 * np.pi))
    prior = stats.halfnorm(0, 0.5).pdf(a) * stats.halfnorm(0, 0.3).pdf(b)
    weight = np.outer(w * 2.5, w * 1.5).ravel() * prior * np.exp(logs)
    return weight, a, b, mean, precision**-0.5


def test_evidence_and_moments_are_those_of_the_tensor_rule(levels, grid):
    (posterior, error), (weight, a, b, mean, sd) = levels, grid
    total = weight.sum()
    assert posterior.log_total == pytest.approx(np.log(total), abs=PROMISE)
    mu = posterior.linear(MU)
    assert mu.mean == pytest.approx(weight @ mean / total, abs=PROMISE)
    assert mu.sd**2 == pytest.approx(weight @ (sd**2 + (mean - mu.mean) ** 2) / total, abs=PROMISE)
    new = posterior.new(MU)
    assert new.sd**2 == pytest.approx(weight @ (sd**2 + a**2 + b**2 + (mean - mu.mean) ** 2) / total, abs=PROMISE)
    for axis, values in enumerate((a, b)):
        law = posterior.marginal(axis)
        centre = weight @ values / total
        assert (law.mean, law.sd**2) == pytest.approx((centre, weight @ (values - centre) ** 2 / total), abs=PROMISE)
        assert law.square_moments()[0] == pytest.approx(weight @ values**2 / total, abs=PROMISE)
    assert error < PROMISE


def test_the_error_estimate_is_above_the_error_of_the_limits(levels, grid):
    (posterior, error), (weight, _, _, mean, sd) = levels, grid
    law = posterior.linear(MU)
    at = law.ppf(P)
    below = stats.norm.cdf((at[:, None] - mean) / sd) @ weight / weight.sum()
    missed = np.abs(below - P) / law.pdf(at) / (0.5 * (at[2] - at[0]))
    assert missed.max() <= error + 1e-11  # what the test's own rule is good for


def test_a_remote_density_is_finite_and_the_near_one_that_of_the_mixture(levels, grid):
    posterior, (weight, _, _, mean, sd) = levels[0], grid
    for at in (0.0, 0.4):
        wanted = weight @ stats.norm.pdf(at, mean, sd) / weight.sum()
        assert posterior.log_density(MU, at) == pytest.approx(np.log(wanted), abs=PROMISE)
    assert -1e5 < posterior.log_density(MU, 50.0) < -100.0


def test_laws_of_the_parameters_invert_and_differentiate(levels):
    for axis in range(2):
        law = levels[0].marginal(axis)
        x = law.ppf(P)
        assert law.cdf(x) == pytest.approx(P, abs=1e-9)
        h = 1e-5 * x
        assert law.pdf(x) == pytest.approx((law.cdf(x + h) - law.cdf(x - h)) / (2.0 * h), rel=1e-5)
        assert law.pdf(np.array([-1.0]))[0] == 0.0
        assert np.isnan(law.pdf(np.array([np.nan]))[0])


def test_joint_draws_follow_the_laws(levels):
    posterior = levels[0]
    phi, beta, _ = posterior.draw(2000, np.random.default_rng(6))
    for drawn, law in [
        (phi[0], posterior.marginal(0)),
        (phi[1], posterior.marginal(1)),
        (beta[0], posterior.linear(MU)),
    ]:
        assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


def test_moments_that_do_not_exist_are_nan(levels):
    model = levels[0].model
    variables = levels[0].variables
    found, _ = box_posterior(model, variables, [MU], [], moments=0, mean_moments=1, tolerance=1e-3)
    assert np.isnan([found.marginal(0).mean, found.marginal(0).sd, *found.marginal(0).square_moments()]).all()
    assert np.isfinite(found.linear(MU).mean)
    assert np.isnan(found.linear(MU).sd)


def test_total_heterogeneity_and_its_share_are_those_of_the_tensor_rule(levels, grid):
    posterior, (weight, a, b, _, _) = levels[0], grid
    polar = Polar(posterior, (HalfNormal(0.5), HalfNormal(0.3)))
    weight = weight / weight.sum()
    total = polar.total()
    assert total.square_moments()[0] == pytest.approx(weight @ (a**2 + b**2), abs=PROMISE)
    share = a**2 / (a**2 + b**2)
    mean, sd = polar.mean_and_sd(lambda r, angle: np.sin(angle) ** 2)
    assert mean == pytest.approx(weight @ share, abs=1e-5)  # a ratio has no derivative at the origin of the grid
    assert sd**2 == pytest.approx(weight @ (share - weight @ share) ** 2, abs=1e-5)
    assert polar._turned.log_total == pytest.approx(posterior.log_total, abs=PROMISE)
    assert polar.angle().cdf(np.array([0.0, 0.5 * np.pi])) == pytest.approx([0.0, 1.0], abs=1e-9)


def test_a_location_scale_posterior_is_that_of_the_tensor_rule():
    z = np.array([-1.0, -0.5, 0.0, 0.2, 0.5, 0.8])
    model = Diagonal.of(Y, V, ONES, np.zeros(1), np.ones(1), z[:, None], np.array([], dtype=int))
    slope = OnLine(stats.norm(0.0, 0.5).logpdf, 0.0, 0.5, (-10.0, 10.0))
    found, error = box_posterior(
        model, [Spread(HalfNormal(0.5), 0.1), slope], [MU], [MU], moments=2, mean_moments=2, tolerance=1e-9
    )  # fmt: skip
    t, w = np.polynomial.legendre.leggauss(80)
    tau, gamma = (axis[..., None] for axis in np.meshgrid(2.0 * (1.0 + t), 4.0 * t, indexing="ij"))
    total = V + (tau * np.exp(gamma * z)) ** 2
    precision = (1.0 / total).sum(axis=-1) + 1.0
    mean = (Y / total).sum(axis=-1) / precision
    logs = -0.5 * (np.log(2.0 * np.pi * total).sum(axis=-1) + np.log(precision))
    logs -= 0.5 * ((Y**2 / total).sum(axis=-1) - mean**2 * precision)
    prior = stats.halfnorm(0, 0.5).pdf(tau[..., 0]) * stats.norm(0, 0.5).pdf(gamma[..., 0])
    weight = np.outer(2.0 * w, 4.0 * w) * prior * np.exp(logs)
    assert found.log_total == pytest.approx(np.log(weight.sum()), abs=PROMISE)
    assert found.marginal(1).mean == pytest.approx((weight * gamma[..., 0]).sum() / weight.sum(), abs=PROMISE)
    assert error < PROMISE


def test_a_tolerance_below_reach_is_the_reachable_one():
    assert [reachable(1e-15, d) for d in (1, 2, 3)] == [1e-10, 1e-9, 1e-6]
    assert reachable(1e-3, 3) == 1e-3


def test_priors_that_are_narrow_along_a_curve_of_the_turned_axes_are_named():
    assert is_sharp(LogNormal(0.0, 0.001))
    assert is_sharp(Uniform(0.5, 0.500001))
    assert not is_sharp(HalfNormal(0.5))
