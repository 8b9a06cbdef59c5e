"""Priors on tau that are made from sampling variances: densities as Röver 2020 prints them, and what they mean."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise import priors
from poolwise.errors import ModelError

V = np.array([0.04, 0.09, 0.3, 0.01, 0.6])
TAU = np.array([1e-4, 0.03, 0.2, 0.7, 3.0, 400.0])
EXACT = 1e-12
ALL = ("Jeffreys", "OverallJeffreys", "BergerDeely", "Conventional", "DuMouchel", "Shrinkage", "ISquared")


def harmonic(v):
    return math.sqrt(len(v) / sum(1 / v))


def typical(v):
    """(sum w)^2 - sum w^2, written as the sum over pairs that it is, which cancels nothing."""
    w = 1 / v
    return (len(v) - 1) * sum(w) / sum(2 * a * b for a, b in combinations(w, 2))


# Röver 2020, J. Stat. Software 93(6), section 2.4, and bayesmeta's documentation, "Prior specification details"
FORMULAS = {
    "Jeffreys": lambda t, v: math.sqrt(sum((t / (v + t**2)) ** 2)),
    "OverallJeffreys": lambda t, v: math.sqrt(sum(1 / (v + t**2)) * sum((t / (v + t**2)) ** 2)),
    "BergerDeely": lambda t, v: math.prod((t / (v + t**2)) ** (1 / len(v))),
    "Conventional": lambda t, v: math.prod((t / (v + t**2) ** 1.5) ** (1 / len(v))),
    "DuMouchel": lambda t, v: harmonic(v) / (harmonic(v) + t) ** 2,
    "Shrinkage": lambda t, v: 2 * harmonic(v) ** 2 * t / (harmonic(v) ** 2 + t**2) ** 2,
    "ISquared": lambda t, v: 2 * typical(v) * t / (typical(v) + t**2) ** 2,
}


def prior(name, v=V):
    return priors.make(name).for_variances(v)


@pytest.mark.parametrize("name", ALL)
def test_the_density_is_the_printed_formula(name):
    printed = np.array([FORMULAS[name](float(t), V) for t in TAU])
    constant = 1.0
    if name == "Conventional":
        constant = integrate.quad(lambda u: math.exp(u) * FORMULAS[name](math.exp(u), V), -40, 40, epsabs=0, limit=400)[
            0
        ]
    np.testing.assert_allclose(prior(name).pdf(TAU), printed / constant, rtol=EXACT if constant == 1.0 else 1e-9)


def test_jeffreys_prior_is_the_root_of_the_expected_information_on_tau():
    """I(tau) = E[(d log p(y) / d tau)^2], by Gauss-Hermite quadrature; known up to a factor."""
    z, w = np.polynomial.hermite_e.hermegauss(20)

    def information(t):
        score = (t / (V + t**2))[:, None] * (z**2 - 1.0)  # of y = mu + sqrt(v + tau^2) z
        return float((score**2 @ w).sum() / w.sum())

    ratio = prior("Jeffreys").pdf(TAU) / np.sqrt([information(t) for t in TAU])
    np.testing.assert_allclose(ratio, ratio[0], rtol=EXACT)


def test_the_overall_prior_takes_the_information_on_mu_too():
    on_mu = np.sqrt([sum(1 / (V + t**2)) for t in TAU])
    np.testing.assert_allclose(prior("OverallJeffreys").pdf(TAU), on_mu * prior("Jeffreys").pdf(TAU), rtol=EXACT)


@pytest.mark.parametrize("v", [0.04, 2.5])
def test_equal_variances_make_the_closed_forms_coincide(v):
    equal = [v] * 4
    np.testing.assert_allclose(
        prior("Jeffreys", equal).pdf(TAU), 2.0 * prior("BergerDeely", equal).pdf(TAU), rtol=EXACT
    )
    closed = TAU * math.sqrt(v) / (v + TAU**2) ** 1.5
    np.testing.assert_allclose(prior("Conventional", equal).pdf(TAU), closed, rtol=1e-11)
    np.testing.assert_allclose(
        prior("Conventional", equal).cdf(TAU), 1 - math.sqrt(v) / np.sqrt(v + TAU**2), atol=1e-12
    )
    np.testing.assert_allclose(prior("ISquared", equal).pdf(TAU), prior("Shrinkage", equal).pdf(TAU), rtol=EXACT)


def test_half_of_dumouchels_prior_lies_below_the_root_of_the_harmonic_mean():
    assert prior("DuMouchel").ppf(0.5) == pytest.approx(harmonic(V), rel=EXACT)


@pytest.mark.parametrize(("name", "unit"), [("Shrinkage", harmonic(V) ** 2), ("ISquared", typical(V))])
def test_the_share_of_heterogeneity_is_uniform(name, unit):
    tau = prior(name).sample(4000, seed=3)
    assert stats.kstest(tau**2 / (unit + tau**2), stats.uniform.cdf).pvalue > 0.001


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("factor", [1e-6, 1.8, 1e6])
def test_another_unit_of_the_effects_is_another_unit_of_tau(name, factor):
    """Variances in another unit give the density of factor x tau, up to the constant of an improper prior."""
    moved, own = prior(name, V * factor**2), prior(name)
    ratio = factor * moved.pdf(factor * TAU) / own.pdf(TAU)
    np.testing.assert_allclose(ratio, 1.0 if own.proper else ratio[0], rtol=1e-10)
    np.testing.assert_allclose(own.scaled(factor).variances, moved.variances, rtol=EXACT)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_studies_says_nothing(name):
    np.testing.assert_allclose(prior(name, V[::-1]).pdf(TAU), prior(name).pdf(TAU), rtol=1e-11)


@pytest.mark.parametrize("name", ALL)
def test_variances_sixteen_orders_apart_do_no_harm(name):
    v = np.array([1e-8, 1.0, 1e8])
    printed = np.array([FORMULAS[name](float(t), v) for t in TAU])
    found = prior(name, v).pdf(TAU)
    np.testing.assert_allclose(found / found[0], printed / printed[0], rtol=1e-10)
    if name in ("DuMouchel", "Shrinkage", "ISquared", "Conventional"):
        x = prior(name, v).ppf(np.array([0.01, 0.5, 0.99]))
        np.testing.assert_allclose(prior(name, v).cdf(x), [0.01, 0.5, 0.99], rtol=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_one_study_is_enough_except_for_i2(name):
    if name == "ISquared":
        with pytest.raises(ModelError, match=r"given one study.*at least 2: one study has no I2.*Shrinkage\(\)"):
            prior(name, [0.25])
    else:
        assert prior(name, [0.25]).pdf(0.3) == pytest.approx(FORMULAS[name](0.3, np.array([0.25])) * (
            0.5 if name == "Conventional" else 1.0), rel=1e-10)  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_without_variances_there_is_no_density_and_the_message_says_how_to_get_one(name):
    bare = priors.make(name)
    assert bare.awaits_variances
    assert not prior(name).awaits_variances
    with pytest.raises(
        ModelError, match=rf"{name}\(\) is made from the studies' sampling variances.*for_variances\(v\)"
    ):
        bare.pdf(0.3)
    assert bare.scaled(2.0) == bare
    assert str(prior(name)) == f"{name}()"


@pytest.mark.parametrize("v", [[], [[0.1, 0.2]], [0.1, 0.0], [0.1, -0.2], [0.1, math.nan], [math.inf]])
def test_what_are_no_variances_is_refused(v):
    with pytest.raises(ModelError, match="Expected: k finite variances above 0"):
        priors.Jeffreys().for_variances(v)


def test_other_variances_make_another_prior_of_the_same_name():
    one = prior("DuMouchel")
    other = one.for_variances([4.0, 4.0])
    assert other.ppf(0.5) == pytest.approx(2.0)
    assert str(other) == str(one)
    assert other != one


def test_a_prior_that_needs_no_variances_is_left_as_it_is():
    half_normal = priors.HalfNormal(0.5)
    assert half_normal.for_variances(V) is half_normal
    assert not half_normal.awaits_variances
