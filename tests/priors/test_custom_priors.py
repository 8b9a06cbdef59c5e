"""Priors on tau that a user brings: any density, any distribution object."""

import math
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytest
from scipy import special, stats

import poolwise as pw
from poolwise import priors
from poolwise.errors import ModelError

LAWS = [
    pytest.param(lambda t: -t, stats.expon(), math.inf, id="exponential"),
    pytest.param(lambda t: np.log(t) - 0.5 * t**2 / 0.09, stats.rayleigh(scale=0.3), math.inf, id="Rayleigh"),
    pytest.param(lambda t: -3.0 * np.log1p(t), stats.lomax(2.0), 3.0, id="Lomax"),
    pytest.param(lambda t: -np.log1p((t / 0.3) ** 2), stats.halfcauchy(scale=0.3), 2.0, id="half-Cauchy"),
    pytest.param(lambda t: -0.7 * np.log(t) - t, stats.gamma(0.3), math.inf, id="gamma that blows up at 0"),
    pytest.param(lambda t: -2.5 * np.log(t) - 0.4 / t, stats.invgamma(1.5, scale=0.4), 2.5, id="inverse gamma"),
    pytest.param(
        lambda t: -0.5 * ((np.log(t) + 1) / 0.9) ** 2 - np.log(t),
        stats.lognorm(0.9, scale=math.exp(-1)),
        math.inf,
        id="log-normal",
    ),
]
P = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.9999])


@pytest.mark.parametrize(("log_density", "law", "tail"), LAWS)
def test_a_density_up_to_a_constant_is_the_law_it_is_proportional_to(log_density, law, tail):
    prior = priors.Density(lambda t: 3.0 + log_density(t), "mine")
    x = law.ppf(P)
    np.testing.assert_allclose(prior.log_pdf(x), law.logpdf(x), atol=1e-11)
    np.testing.assert_allclose(prior.cdf(x), law.cdf(x), rtol=1e-9)
    np.testing.assert_allclose(prior.ppf(P), x, rtol=1e-9)
    assert prior.tail_power == pytest.approx(tail)
    assert prior.spread == pytest.approx(law.std() if tail > 3 else math.inf, rel=1e-9)


def test_a_density_may_be_cut_to_a_part_of_the_line():
    prior = priors.Density(lambda t: -0.5 * t**2, "half-normal from 0.5 to 2", lower=0.5, upper=2.0)
    law = stats.truncnorm(0.5, 2.0)
    x = law.ppf(P)
    np.testing.assert_allclose(prior.cdf(x), law.cdf(x), rtol=1e-9)
    np.testing.assert_allclose(prior.pdf([0.4, 1.0, 2.1]), law.pdf([0.4, 1.0, 2.1]), rtol=1e-11)
    assert (prior.lowest, prior.upper, prior.tail_power) == (0.5, 2.0, math.inf)
    np.testing.assert_array_equal(prior.ppf(np.array([0.0, 1.0])), [0.5, 2.0])


def test_an_improper_density_stays_as_it_is_written():
    prior = priors.Density(lambda t: -0.5 * np.log(t), "tau^-1/2", proper=False)
    x = np.array([0.01, 0.3, 7.0])
    np.testing.assert_allclose(prior.log_pdf(x), priors.Sqrt().log_pdf(x), rtol=1e-14)
    assert prior.tail_power == pytest.approx(0.5)
    for ask in (lambda: prior.cdf(1.0), lambda: prior.ppf(0.5)):
        with pytest.raises(ModelError, match="improper and has no"):
            ask()


def test_a_density_in_another_unit_keeps_its_name():
    moved = priors.Density(lambda t: -t, "Exp(1)").scaled(2.0)
    assert str(moved) == "2 x Exp(1)"
    assert moved.ppf(0.5) == pytest.approx(2.0 * math.log(2.0), rel=1e-11)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: priors.Density(lambda t: -np.log(t), "1 / tau"), "no finite integral near 0"),
        (lambda: priors.Density(lambda t: -np.log(t), "1 / tau", proper=False), "no finite integral near 0"),
        (lambda: priors.Density(lambda t: -0.5 * np.log(t), "tau^-1/2"), "falls too slowly.*proper=False"),
        (lambda: priors.Density(lambda t: np.zeros_like(t), "flat"), "falls too slowly"),
        (lambda: priors.Density(lambda t: np.exp(-t), "not a logarithm"), "falls too slowly.*np.log"),
        (lambda: priors.Density(lambda t: np.full_like(t, np.nan), "nan"), "is NaN for some tau"),
        (lambda: priors.Density(lambda t: np.full_like(t, -np.inf), "nothing"), "is 0 wherever it was looked at"),
        (lambda: priors.Density(lambda t: math.log(t), "scalar"), "fails on an array.*NumPy"),
        (lambda: priors.Density(lambda t: t.sum(), "sum"), "to one of shape"),
        (lambda: priors.Density(lambda t: -t, ""), "was given the name ''"),
        (lambda: priors.Density(lambda t: -t, "x", lower=2.0, upper=1.0), "0 <= lower < upper"),
        (lambda: priors.Density(lambda t: -3 * np.log1p(t), "x", tail_power=4.0), "falls as tau.-3 .*at most 3"),
        (lambda: priors.Density(lambda t: -t, "x", tail_power="high"), "tail_power = 'high'"),
        (
            lambda: priors.Density(lambda t: -3.0 * np.log1p(t) + np.sin(np.log1p(t) / 20), "wavy"),
            "does not settle on a power.*tail_power",
        ),
    ],
)
def test_what_is_no_log_density_is_refused(make, match):
    with pytest.raises(ModelError, match=match):
        make()


FROZEN = [
    pytest.param(stats.gamma(2, scale=0.2), math.inf, id="gamma"),
    pytest.param(stats.halfcauchy(scale=0.3), 2.0, id="half-Cauchy"),
    pytest.param(stats.lomax(1.5, scale=0.2), 2.5, id="Lomax"),
    pytest.param(stats.uniform(0.1, 0.9), math.inf, id="uniform"),
    pytest.param(stats.truncnorm(0, math.inf, scale=0.5), math.inf, id="truncated normal"),
    pytest.param(stats.weibull_min(0.7, scale=0.4), math.inf, id="Weibull"),
]


@pytest.mark.parametrize(("law", "tail"), FROZEN)
def test_a_scipy_distribution_is_taken_as_it_is(law, tail):
    prior = priors.from_distribution(law)
    x = law.ppf(P)
    np.testing.assert_array_equal(prior.pdf(x), np.exp(law.logpdf(x)))
    np.testing.assert_array_equal(prior.cdf(x), law.cdf(x))
    np.testing.assert_array_equal(prior.ppf(P), x)
    assert prior.tail_power == pytest.approx(tail)
    assert prior.spread == pytest.approx(law.std() if tail > 3 else math.inf, rel=1e-8)
    np.testing.assert_allclose(prior.scaled(3.0).ppf(P), 3.0 * x, rtol=1e-14)


def test_a_scipy_distribution_is_named_by_its_arguments():
    assert str(priors.from_distribution(stats.gamma(2, scale=0.2))) == "gamma(2, scale=0.2)"
    assert str(priors.from_distribution(stats.gamma(2, scale=0.2), name="Gamma(2, 5)").scaled(2)) == "2 x Gamma(2, 5)"


@dataclass(frozen=True)
class HalfNormal:
    """As PreliZ has its distributions: vectorised logpdf, cdf and ppf beside plenty else."""

    sigma: float

    def logpdf(self, x):
        return np.where(
            x < 0, -np.inf, 0.5 * math.log(2 / math.pi) - math.log(self.sigma) - 0.5 * (x / self.sigma) ** 2
        )

    def cdf(self, x):
        return np.where(x < 0, 0.0, special.erf(x / (self.sigma * math.sqrt(2))))

    def ppf(self, q):
        return self.sigma * math.sqrt(2) * special.erfinv(q)


def test_an_object_with_the_methods_of_preliz_gives_the_posterior_of_the_family_it_names():
    effects = pw.datasets.load("bcg")
    results = [
        pw.fit(effects, pw.RandomEffects(mu=priors.Normal(0, 1), tau=tau), pw.Exact())
        for tau in (priors.from_distribution(HalfNormal(0.5)), priors.HalfNormal(0.5))
    ]
    assert results[0].prior == "mu ~ Normal(0, 1), tau ~ HalfNormal(sigma=0.5)"
    for name in ("mu", "tau", "theta_new"):
        ours, theirs = (result[name].interval(0.95) for result in results)
        assert ours == pytest.approx(theirs, abs=1e-9 * (theirs[1] - theirs[0]))
    assert results[0].log_evidence == pytest.approx(results[1].log_evidence, abs=1e-10)


@pytest.mark.parametrize(
    ("law", "match"),
    [
        (stats.laplace(0, 1), "puts the probability 0.5 at 0 and below.*truncated at 0"),
        (stats.poisson(3), "has no method logpdf"),
        (stats.gamma, "a distribution with all its parameters|fails"),
        (3.0, "has no method logpdf, cdf, ppf"),
        (stats.skewnorm(3), "on mu a normal, Student's t or Cauchy"),
        (stats.uniform(-1, 2), "probability 0.5 at 0 and below"),
    ],
)
def test_what_is_no_distribution_on_the_half_line_is_refused(law, match):
    with pytest.raises(ModelError, match=match):
        priors.from_distribution(law)


def test_a_density_that_is_not_the_slope_of_its_distribution_function_is_refused():
    @dataclass(frozen=True)
    class Wrong(HalfNormal):
        def logpdf(self, x):
            return super().logpdf(x) + 0.01

    with pytest.raises(
        ModelError, match=r"density that integrates to 0.909.*a distribution function that grows by 0.9"
    ):
        priors.from_distribution(Wrong(0.5))


@dataclass(frozen=True)
class Normal:
    """As PreliZ has it."""

    mu: float
    sigma: float

    def __getattr__(self, name):
        return getattr(stats.norm(self.mu, self.sigma), name)


@pytest.mark.parametrize(
    ("law", "prior"),
    [
        (stats.norm(0, 1), priors.Normal(0, 1)),
        (Normal(0.3, 2.5), priors.Normal(0.3, 2.5)),
        (pm.Normal.dist(0.0, 0.4), priors.Normal(0, 0.4)),
        (stats.t(5, 0, 0.43), priors.StudentT(5, 0, 0.43)),
        (pm.StudentT.dist(nu=2.7, mu=0.1, sigma=0.2), priors.StudentT(2.7, 0.1, 0.2)),
        (stats.cauchy(0.1, 0.3), priors.Cauchy(0.1, 0.3)),
    ],
)
def test_a_law_on_the_whole_line_is_a_prior_on_mu_where_it_is_normal_t_or_cauchy(law, prior):
    own = priors.from_distribution(law, metric="SMD")
    assert type(own) is type(prior)
    assert own.parameters == pytest.approx(prior.parameters, rel=1e-8, abs=1e-12)
    assert own.metric == "SMD"
    assert pw.RandomEffects(mu=own).mu is own


OF_PYMC = {
    "Gamma": (pm.Gamma.dist(2.0, 5.0), stats.gamma(2.0, scale=0.2)),
    "Uniform": (pm.Uniform.dist(0.2, 1.0), stats.uniform(0.2, 0.8)),
    "Weibull": (pm.Weibull.dist(2.0, 0.5), stats.weibull_min(2.0, scale=0.5)),
    "TruncatedNormal": (pm.TruncatedNormal.dist(0.0, 0.5, lower=0.0), stats.halfnorm(scale=0.5)),
    "HalfCauchy": (pm.HalfCauchy.dist(0.3), stats.halfcauchy(scale=0.3)),
}


@pytest.mark.parametrize("family", OF_PYMC)
def test_a_variable_of_pymc_states_a_prior(family):
    variable, law = OF_PYMC[family]
    prior, p = priors.from_distribution(variable), np.array([0.05, 0.5, 0.95])
    np.testing.assert_allclose(prior.ppf(p), law.ppf(p), rtol=1e-10)
    np.testing.assert_allclose(prior.log_pdf(law.ppf(p)), law.logpdf(law.ppf(p)), atol=1e-6)  # PyMC: log 2 in 32 bits
    assert str(prior) == f"PyMC's {family}, median {law.ppf(0.5):.4g}"
    assert prior.tail_power == (2.0 if family == "HalfCauchy" else np.inf)


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        (pm.Laplace.dist(0.0, 1.0), "reaches below 0"),
        (pm.Poisson.dist(2.0), "type int64"),
        (pm.Gamma.dist([1.0, 2.0], 1.0), "1 dimensions"),
        (pm.HalfNormal.dist(pm.HalfNormal.dist(1.0)), "a variable itself"),
        (pm.HalfNormal.dist(-1.0), "no log density"),
    ],
)
def test_a_variable_of_pymc_that_is_no_prior_on_tau_is_refused(variable, words):
    with pytest.raises(ModelError, match=words):
        priors.from_distribution(variable)
