"""Truths with laws of their own: what is drawn has the density or probability that the record says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise import simulate
from poolwise.simulate.counts import CountsTruth, OneArmTruth
from poolwise.simulate.normal import lkj
from poolwise.simulate.robust import ContaminatedLaw, IndependentTruth, SkewNormalLaw, StudentTLaw
from poolwise.simulate.simulators import truth
from poolwise.simulate.uncertain import _mean_and_sd

CALM = 1e-3  # p-value that a right answer stays above; the seeds are fixed
COUNT, EVENTS = 4000, 1000

LAWS = {
    "t": StudentTLaw(0.3, 0.4, 3.0),
    "t with little heterogeneity": StudentTLaw(0.3, 0.002, 2.0),
    "t with heavy tails": StudentTLaw(0.0, 0.5, 1.2),
    "skewed": SkewNormalLaw(0.3, 0.6, 0.95),
    "skewed the other way": SkewNormalLaw(-0.5, 0.3, -0.7),
    "outliers": ContaminatedLaw(0.1, 0.2, 1.5, 0.2),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_estimates_have_the_density_that_their_law_says(law):
    """The distribution function, by the trapezoid rule in asinh(y), at the estimates is uniform."""
    rng, se = np.random.default_rng(4), 0.2
    _, y = IndependentTruth({}, law, np.full(COUNT, se)).drawn(rng)
    x = np.linspace(-16.0, 16.0, 1601)
    at = 0.3 + se * np.sinh(x)
    density = np.exp([law.log_density(one, se) for one in at]) * se * np.cosh(x)
    below = integrate.cumulative_trapezoid(density, x, initial=0.0)
    assert below[-1] == pytest.approx(1.0, abs=2e-5)  # panels, and what lies farther out than the grid
    assert simulate.p_value(np.clip(np.interp(y, at, below), 0.0, 1.0)[:1000]) > CALM


def test_a_t_with_many_degrees_of_freedom_is_normal():
    normal = stats.norm(0.3, np.hypot(0.4, 0.2))
    for y in (-2.0, 0.3, 1.0):
        assert StudentTLaw(0.3, 0.4, 1e7).log_density(y, 0.2) == pytest.approx(
            normal.logpdf(y), abs=3e-5
        )  # z^4 / (4 nu)


SMALL = {
    "log OR": CountsTruth({"mu": 0.5, "tau": 0.7}, "log OR", np.array([[3.0, 4.0]]), -0.5, 1.0),
    "log RR": CountsTruth({"mu": 0.2, "tau": 0.5}, "log RR", np.array([[3.0, 4.0]]), 0.5, 1.0),
    "log RR, hardly any room": CountsTruth({"mu": 1.5, "tau": 0.05}, "log RR", np.array([[3.0, 4.0]]), 1.0, 0.5),
    "log OR, slope": CountsTruth({"mu": 0.5, "tau": 0.3, "slope": -0.8}, "log OR", np.array([[4.0, 3.0]]), 0.0, 1.0),
    "log IRR": CountsTruth({"mu": 0.3, "tau": 0.4, "slope": 0.5}, "log IRR", np.array([[2.0, 3.0]]), -1.5, 0.5),
}


@pytest.mark.parametrize("true", SMALL.values(), ids=SMALL)
def test_events_come_as_often_as_their_probability_says(true):
    most = (true.totals[0] if true.measure != "log IRR" else np.array([14, 9])).astype(int)
    cells = [(a, c) for a in range(most[0] + 1) for c in range(most[1] + 1)]
    p = np.exp([true.log_likelihood(np.array([cell], dtype=float)) for cell in cells])
    assert p.sum() == pytest.approx(1.0, abs=1e-4 if true.measure == "log IRR" else 1e-6)  # there may be more events
    rng = np.random.default_rng(5)
    many = [tuple(true.drawn(rng)[1][0].astype(int)) for _ in range(EVENTS)]
    seen = np.array([many.count(cell) for cell in cells])
    often = p * EVENTS > 5.0
    expected = np.append(p[often], p[~often].sum()) * EVENTS
    found = np.append(seen[often], EVENTS - seen[often].sum())
    square = ((found - expected) ** 2 / np.maximum(expected, 1e-9)).sum()
    assert stats.chi2.sf(square, len(expected) - 1) > CALM


@pytest.mark.parametrize("measure", ["logit", "log rate"])
def test_events_of_one_arm_come_as_often_as_their_probability_says(measure):
    true = OneArmTruth({"mu": -0.4, "tau": 0.8}, measure, np.array([6.0]))
    most = 7 if measure == "logit" else 500  # a rate of 83, six sds above its mean
    p = np.exp([true.log_likelihood(np.array([float(a)])) for a in range(most)])
    assert p.sum() == pytest.approx(1.0, abs=1e-6)
    rng = np.random.default_rng(11)
    seen = np.bincount([int(true.drawn(rng)[1][0]) for _ in range(EVENTS)], minlength=most)[:7]
    expected, found = (np.append(x, EVENTS - x.sum()) for x in (p[:7] * EVENTS, seen))
    square = ((found - expected) ** 2 / np.maximum(expected, 1e-6)).sum()
    assert stats.chi2.sf(square, 6 if measure == "logit" else 7) > CALM


def test_a_table_of_one_arm_holds_what_was_drawn():
    family = simulate.FAMILIES["Poisson, one arm"]
    (made,) = simulate.prior_tables(family.model, family.effects, seed=3)
    assert made.effects.moderators["events"].tolist() == made.data.tolist()
    assert made.effects.scale.name == "log rate"


def test_a_table_of_counts_holds_what_was_drawn():
    family = simulate.FAMILIES["binomial, risk ratio"]
    (made,) = simulate.prior_tables(family.model, family.effects, seed=3)
    columns = made.effects.moderators[["events_treated", "events_control"]].to_numpy()
    np.testing.assert_array_equal(columns, made.data)
    assert made.effects.scale.name == "log RR"


@pytest.mark.parametrize(("m", "eta"), [(2, 1.0), (3, 2.0), (4, 1.5)])
def test_correlation_matrices_are_lkj(m, eta):
    """Each correlation is 2 b - 1, b ~ Beta(a, a), a = eta + m / 2 - 1."""
    rng = np.random.default_rng(6)
    found = np.array([lkj(m, eta, rng) for _ in range(COUNT)])
    a = eta + 0.5 * m - 1.0
    for i, j in zip(*np.tril_indices(m, -1), strict=True):
        assert stats.kstest(0.5 * (found[:, i, j] + 1.0), stats.beta(a, a).cdf).pvalue > CALM


def test_three_correlations_are_those_of_uniform_ones_kept_with_the_determinant_as_their_chance():
    rng = np.random.default_rng(7)
    r = rng.uniform(-1.0, 1.0, (80_000, 3))
    det = 1.0 - (r**2).sum(axis=1) + 2.0 * r.prod(axis=1)
    kept = (rng.random(len(r)) < det) & (np.abs(r) < 1.0).all(axis=1)  # det < 0 is no correlation matrix
    found = np.linalg.det([lkj(3, 2.0, rng) for _ in range(COUNT)])
    assert stats.ks_2samp(found, det[kept]).pvalue > CALM


def test_mean_and_sd_of_a_moderator_come_from_their_law_given_the_observed_values():
    x, error = np.array([-1.2, 0.1, 0.4, 0.9]), np.array([0.0, 0.3, 0.1, 0.5])
    rng = np.random.default_rng(8)
    m, s = np.array([_mean_and_sd(x, error, rng) for _ in range(1000)]).T

    means, sds = np.linspace(-4.0, 4.0, 201), np.linspace(0.0, 10.0, 401)[1:]
    at_each = stats.norm.logpdf(x, means[:, None, None], np.hypot(sds[:, None], error)).sum(axis=-1)
    grid = np.exp(at_each + stats.norm.logpdf(means)[:, None] + stats.norm.logpdf(sds, scale=2.0))
    for draws, at, axis in ((m, means, 1), (s, sds, 0)):
        below = np.cumsum(grid.sum(axis=axis))
        assert stats.kstest(draws, lambda z, at=at, below=below: np.interp(z, at, below / below[-1])).pvalue > CALM


def test_estimates_on_an_uncertain_moderator_have_the_likelihood_with_it_integrated_out():
    """Over truths drawn anew, minus twice the log likelihood is a constant plus a chi-square, k degrees of freedom."""
    family, rng = simulate.FAMILIES["uncertain moderator"], np.random.default_rng(9)
    model, squares = family.model.resolved(family.effects), []
    for _ in range(200):
        true = truth(model, family.effects, rng)
        top = true.log_likelihood(true.likelihood.args[1])  # at the mean effects, where the density is highest
        squares.append(2.0 * (top - true.log_likelihood(true.drawn(rng)[1])))
    assert np.mean(squares) == pytest.approx(12.0, abs=4.0 * np.sqrt(24.0 / 200))
    assert "x[study 3]" in true.scalars


def test_estimates_of_studies_that_miss_a_level_have_the_likelihood_of_their_mixture():
    """The mean of a likelihood ratio is 1 under its denominator: all else is the same at another residual tau."""
    family, rng = simulate.FAMILIES["missing levels"], np.random.default_rng(10)
    model, ratios = family.model.resolved(family.effects), []
    for _ in range(400):
        true = truth(model, family.effects, rng)
        (given, *rest), y = true.likelihood.args, true.drawn(rng)[1]
        wider = replace(given.law, parameters={"tau": 1.05 * given.law.parameters["tau"]})
        ratios.append(np.exp(true.likelihood.func(replace(given, law=wider), *rest, y) - true.log_likelihood(y)))
    assert np.mean(ratios) == pytest.approx(1.0, abs=4.0 * np.std(ratios) / np.sqrt(400))


def test_level_probabilities_and_missing_levels_come_from_their_law_given_the_reported_ones():
    family, rng = simulate.FAMILIES["missing levels"], np.random.default_rng(11)
    model = family.model.resolved(family.effects)
    truths = [truth(model, family.effects, rng) for _ in range(400)]
    counts = {level: 1.0 + (family.effects.moderators["g"] == level).sum() for level in "abc"}
    for level, count in counts.items():
        pi = np.array([one.scalars[f"pi[g: {level}]"] for one in truths])
        assert stats.kstest(pi, stats.beta(count, sum(counts.values()) - count).cdf).pvalue > CALM
    given = truths[0]
    one, x = given.scalars, family.effects.moderators["x"].to_numpy(dtype=float)
    levels = {"a": 0.0, "b": one["beta[g[b]]"], "c": one["beta[g[c]]"]}
    line = given.mean - one["beta[intercept]"] - one["beta[x]"] * x
    assert all(np.isclose(line[row], list(levels.values())).sum() == 1 for row in (0, 4, 9))
    places = np.array([_level(one, x, 4) for one in truths])
    expected = 400 * np.array(list(counts.values())) / sum(counts.values())
    assert stats.chisquare([(places == level).sum() for level in "abc"], expected).pvalue > CALM


def _level(true, x, row):
    """The true level of a study, from its mean effect."""
    one = true.scalars
    rest = true.mean[row] - one["beta[intercept]"] - one["beta[x]"] * x[row]
    return "abc"[int(np.argmin(np.abs(rest - [0.0, one["beta[g[b]]"], one["beta[g[c]]"]])))]
