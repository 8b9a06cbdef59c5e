"""The lattice over step weights, mu and tau against brute force, and what it is made of."""

import numpy as np
import pytest
from scipy.integrate import nquad, quad
from scipy.special import expit, ndtr
from scipy.stats import norm

from poolwise import priors
from poolwise.quadrature.selection.about import About
from poolwise.quadrature.selection.coordinates import Coordinate
from poolwise.quadrature.selection.draws import draws
from poolwise.quadrature.selection.laws import law_of_slope, laws_of_weights
from poolwise.quadrature.selection.posterior import lattice_posterior
from poolwise.quadrature.selection.slopes import SlopeLikelihood
from poolwise.quadrature.selection.smooth import WIDTH, filtered
from poolwise.quadrature.selection.tabulated import TabulatedLaw
from poolwise.quadrature.selection.weights import StepLikelihood, ball, bent_by, unbent
from poolwise.selection.intervals import Intervals

Y, SE = np.array([0.42, 0.1, 0.35, 0.05, -0.1]), np.array([0.15, 0.12, 0.2, 0.1, 0.22])
MU = Coordinate.of_mean(priors.Normal(0.1, 0.8), 1.0, Y, SE)
TAU = Coordinate.of_spread(priors.HalfNormal(0.5), Y, SE)


def normal(x, mean, sd):
    """The normal density, without SciPy's checks: nested quadrature asks it a hundred thousand times."""
    return np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))


def density(mu, tau, weights, cuts, two_sided=False):
    """The likelihood written out: product of weighted normal densities over their integrals."""
    ends = np.concatenate([[np.inf], cuts, [0.0 if two_sided else -np.inf]])
    total = 1.0
    for y, s in zip(Y, SE, strict=True):
        sd = np.hypot(s, tau)
        z = abs(y / s) if two_sided else y / s
        place = int(np.sum(z < cuts))
        P = ndtr((s * ends[:-1] - mu) / sd) - ndtr((s * ends[1:] - mu) / sd)
        if two_sided:
            P = P + ndtr((-s * ends[1:] - mu) / sd) - ndtr((-s * ends[:-1] - mu) / sd)
        total *= normal(y, mu, sd) * weights[place] / (weights @ P)
    return total


def by_gauss(function, *ranges):
    """A plain product rule over ends and numbers of nodes, far finer than the function asks for."""
    rules = [np.polynomial.legendre.leggauss(count) for _, _, count in ranges]
    first, second = (
        [0.5 * (a + b) + 0.5 * (b - a) * z for z in x] for (a, b, _), (x, _) in zip(ranges, rules, strict=True)
    )
    scale = np.prod([0.5 * (b - a) for a, b, _ in ranges])
    table = np.array([[function(w, mu) for mu in second] for w in first])
    return float(scale * rules[0][1] @ table @ rules[1][1])


def test_one_weight_and_a_common_effect_against_adaptive_quadrature():
    cuts = norm.isf([0.05])

    def joint(w, mu):
        return density(mu, 0.0, np.array([1.0, w]), cuts) * normal(mu, 0.1, 0.8)

    brute = by_gauss(joint, (0.0, 1.0, 60), (-1.6, 1.6, 120))
    found = lattice_posterior(StepLikelihood(Y, SE, Intervals(np.array([0.05]), 1)), MU, 0.0)
    assert abs(found.log_evidence - np.log(brute)) < found.error + 1e-9
    assert found.error < 1e-5


@pytest.mark.parametrize(("steps", "sides"), [((0.05, 0.1), 2), ((0.05, 0.5), 1)])
def test_two_weights_at_known_mu_and_tau_against_adaptive_quadrature(steps, sides):
    cuts = norm.isf(np.array(steps) / sides)

    def joint(w3, w2):
        return 2.0 * density(0.2, 0.1, np.array([1.0, w2, w3]), cuts, sides == 2)

    brute = nquad(joint, [lambda w2: (0.0, w2), (0.0, 1.0)], opts={"epsabs": 1e-12, "epsrel": 1e-8})[0]
    found = lattice_posterior(StepLikelihood(Y, SE, Intervals(np.array(steps), sides)), 0.2, 0.1)
    assert abs(found.log_evidence - np.log(brute)) < found.error + 1e-9
    mean = (
        nquad(lambda w3, w2: w3 * joint(w3, w2), [lambda w2: (0.0, w2), (0.0, 1.0)], opts={"epsrel": 1e-8})[0] / brute
    )
    assert laws_of_weights(found)[1].mean == pytest.approx(mean, rel=1e-4)


def test_the_law_of_a_weight_is_the_marginal_of_the_likelihood():
    cuts = norm.isf([0.05])
    whole = quad(lambda w: density(0.2, 0.1, np.array([1.0, w]), cuts), 0.0, 1.0)[0]
    found = lattice_posterior(StepLikelihood(Y, SE, Intervals(np.array([0.05]), 1)), 0.2, 0.1)
    (law,) = laws_of_weights(found)
    for x in (0.05, 0.2, 0.5, 0.9):
        below = quad(lambda w: density(0.2, 0.1, np.array([1.0, w]), cuts), 0.0, x)[0] / whole
        assert float(law.cdf(x)) == pytest.approx(below, abs=1e-5)
        slope = density(0.2, 0.1, np.array([1.0, x]), cuts) / whole  # of the cubics, whose error is of a lower order
        assert float(law.pdf(x)) == pytest.approx(slope, abs=5e-4)
    assert float(law.ppf(law.cdf(0.3))) == pytest.approx(0.3, abs=1e-9)


def test_the_law_of_each_of_two_weights_is_the_marginal_of_the_likelihood():
    """By Gauss-Legendre over the triangle of falling weights, cut where a law is asked for."""
    cuts = norm.isf([0.05, 0.5])
    found = lattice_posterior(StepLikelihood(Y, SE, Intervals(np.array([0.05, 0.5]), 1)), 0.2, 0.1)
    first, second = laws_of_weights(found)
    x, w = np.polynomial.legendre.leggauss(40)

    def over(low, high, function):
        half = 0.5 * (high - low)
        return half * sum(v * function(low + half * (1.0 + u)) for u, v in zip(x, w, strict=True))

    def joint(w2, w3):
        return 2.0 * density(0.2, 0.1, np.array([1.0, w2, w3]), cuts)

    whole = np.exp(found.log_evidence)
    for at in (0.1, 0.4, 0.8):
        below = over(0.0, at, lambda w2: over(0.0, w2, lambda w3, w2=w2: joint(w2, w3))) / whole
        assert float(first.cdf(at)) == pytest.approx(below, abs=2e-5)
        below = over(0.0, at, lambda w3: over(w3, 1.0, lambda w2, w3=w3: joint(w2, w3))) / whole
        assert float(second.cdf(at)) == pytest.approx(below, abs=2e-5)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_coordinates_about_a_weight_are_undone_and_standard_normal(d):
    y = np.random.default_rng(d).standard_normal((20_000, d))
    for j in range(d):
        about = About(d, j)
        logs = about.log_weights(about.weight(y[:, 0]), y)
        np.testing.assert_allclose(about.place(logs), y, atol=1e-6)
        assert (np.diff(logs, axis=1) <= 0.0).all()
        means = np.exp(logs[:, 1:]).mean(axis=0)  # of d ordered uniforms, within five of their errors
        np.testing.assert_allclose(means, np.arange(d, 0, -1) / (d + 1.0), atol=5.0 * 0.3 / np.sqrt(len(y)))


def test_the_law_of_mu_is_the_marginal_of_the_likelihood():
    cuts = norm.isf([0.05])

    def joint(w, mu):
        return density(mu, 0.0, np.array([1.0, w]), cuts) * normal(mu, 0.1, 0.8)

    found = lattice_posterior(StepLikelihood(Y, SE, Intervals(np.array([0.05]), 1)), MU, 0.0)
    kernel = found.of_q
    for x in (-0.3, 0.0, 0.1, 0.2):
        below = by_gauss(joint, (0.0, 1.0, 60), (-1.6, x, 80))
        mine = kernel.weight @ ndtr((x - kernel.centre) / kernel.spread)
        assert mine == pytest.approx(below / np.exp(found.log_evidence), abs=3e-6)


def test_pet_against_adaptive_quadrature():
    prior, power = priors.HalfCauchy(2.0), 1

    def joint(mu, b):
        likelihood = normal(Y, mu + b * SE**power, np.hypot(SE, 0.1)).prod()
        return likelihood * normal(mu, 0.1, 0.8) / (np.pi * (1.0 + 0.25 * b * b))

    brute = nquad(joint, [(-4.0, 3.0), (0.0, 30.0)], opts={"epsabs": 1e-11, "epsrel": 1e-8, "limit": 200})[0]
    closed = lattice_posterior(SlopeLikelihood(Y, SE, SE**power, prior, (0.1, 0.8)), 0.0, 0.1)
    by_nodes = lattice_posterior(SlopeLikelihood(Y, SE, SE**power, prior), MU, 0.1)
    assert closed.log_evidence == pytest.approx(np.log(brute), abs=2e-7)
    assert by_nodes.log_evidence == pytest.approx(closed.log_evidence, abs=by_nodes.error + 1e-9)
    assert law_of_slope([(1.0, closed)]).mean == pytest.approx(
        law_of_slope([(1.0, by_nodes)]).mean, rel=1e-5
    )  # 1e-6 of the nodes is left out


def test_a_stated_error_bounds_what_a_finer_lattice_finds():
    likelihood = StepLikelihood(Y, SE, Intervals(np.array([0.025, 0.05]), 1))
    coarse = lattice_posterior(likelihood, MU, TAU)
    log = likelihood.integrated(coarse.nodes.mu, coarse.nodes.tau, np.zeros(len(coarse.log)), 0.4, 10.0).log
    assert np.logaddexp.reduce(log + coarse.nodes.log_measure) == pytest.approx(coarse.log_evidence, abs=coarse.error)


def test_probabilities_of_intervals_are_those_of_the_logs():
    mu, tau = np.array([-2.0, 0.0, 0.3, 4.0]), np.array([0.0, 0.1, 1.0, 0.3])
    for intervals in (Intervals(np.array([0.025, 0.5]), 1), Intervals(np.array([0.05, 0.1]), 2)):
        mine = StepLikelihood(Y, SE, intervals).probabilities(mu, tau)
        logs = intervals.log_probabilities(mu[:, None], np.hypot(SE, tau[:, None]), SE)
        np.testing.assert_allclose(mine, np.exp(logs), rtol=1e-10, atol=1e-300)
        np.testing.assert_allclose(mine.sum(axis=2), 1.0, rtol=1e-14)


def test_bent_coordinates_have_their_moments_and_are_undone():
    z, w = np.polynomial.hermite_e.hermegauss(60)
    w = w / w.sum()
    for skew in (-0.8, 0.0, 0.5):
        bent, log_slope = bent_by(np.array([[skew]]), z[:, None])
        values = bent[0, :, 0]
        assert [w @ values, w @ values**2, w @ values**3] == pytest.approx([0.0, 1.0, skew], abs=2e-3)
        np.testing.assert_allclose(unbent(np.array([skew]), values), z, atol=1e-9)
        near = bent_by(np.array([[skew]]), z[:, None] + 1e-6)[0][0, :, 0]
        np.testing.assert_allclose((near - values) / 1e-6, np.exp(log_slope[0]), rtol=1e-4)


def test_a_ball_holds_the_lattice_within_its_radius():
    points = ball(3, 0.5, 2.0)
    assert len(points) == sum(1 for _ in points if np.linalg.norm(_) <= 2.0)
    assert abs(len(points) * 0.5**3 - 4.0 / 3.0 * np.pi * 8.0) < 3.0
    assert (np.diff(np.linalg.norm(points, axis=1)) >= -1e-12).all()


def test_kernels_take_the_values_of_a_density_between_its_nodes():
    x = np.arange(-14, 15) * 0.5
    found = filtered(0.5 * np.exp(-x - np.exp(-x)), -14)  # Gumbel's law
    centre = (found.first + np.arange(len(found.weight))) * 0.5
    at = np.linspace(-2.0, 4.0, 41)
    mine = norm.pdf(at[:, None], centre, 0.5 * WIDTH) @ found.weight
    np.testing.assert_allclose(mine, np.exp(-at - np.exp(-at)), atol=2e-4)


def test_draws_are_independent_and_from_the_posterior():
    found = lattice_posterior(StepLikelihood(Y, SE, Intervals(np.array([0.025, 0.5]), 1)), MU, TAU)
    n = 20_000
    drawn = draws(found, n, np.random.default_rng(5))
    for place, law in enumerate(laws_of_weights(found)):
        u = np.sort(law.cdf(drawn.rest[:, place]))
        assert np.abs(u - (np.arange(n) + 0.5) / n).max() < 1.95 / np.sqrt(n)  # 0.1 % of Kolmogorov's law
    assert drawn.mu.mean() == pytest.approx(found.weight @ found.nodes.mu, abs=4.0 * drawn.mu.std() / np.sqrt(n))
    assert abs(np.corrcoef(drawn.mu[1:], drawn.mu[:-1])[0, 1]) < 4.0 / np.sqrt(n)
    assert (np.diff(drawn.rest, axis=1) <= 0.0).all()


def test_coordinates_and_their_inverses():
    q = np.linspace(-3.0, 3.0, 7)
    for prior in (
        priors.Normal(0, 1),
        priors.TruncatedNormal(0, 1, lower=-1.0),
        priors.TruncatedNormal(0, 1, upper=2.0),
    ):
        for sign in (1.0, -1.0):
            place = Coordinate.of_mean(prior, sign, Y, SE)
            np.testing.assert_allclose(place.place(place.value(q)), q, atol=1e-12)
            step = (place.value(q + 1e-6) - place.value(q - 1e-6)) / 2e-6
            np.testing.assert_allclose(place.slope(q), step, rtol=1e-8)
    bounded = Coordinate.of_spread(priors.Uniform(0, 2), Y, SE)
    np.testing.assert_allclose(bounded.value(q), 2.0 * expit(q))


def test_a_tabulated_law_is_its_table():
    x = np.linspace(0.0, 1.0, 80)
    law = TabulatedLaw(x, x**2, 2.0 / 3.0, np.sqrt(1.0 / 18.0))
    at = np.linspace(0.01, 0.99, 33)
    np.testing.assert_allclose(law.cdf(at), at**2, atol=3e-5)
    np.testing.assert_allclose(law.cdf(law.ppf(at)), at, atol=1e-12)
    np.testing.assert_allclose(law.pdf(at), 2.0 * at, atol=2e-2)
    assert np.isnan(law.ppf(np.array([1.5])))
    assert law.cdf(np.array([-1.0, 2.0])).tolist() == [0.0, 1.0]
