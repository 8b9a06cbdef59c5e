"""Each family of priors on mu: against scipy.stats, against its own integral, and as the mixture that it is."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise import priors
from poolwise.errors import ModelError

EXACT = 1e-11
MIXED = priors.Mixture((0.8, 0.2), (priors.Normal(-0.3, 0.1), priors.Normal(0.5, 1.2)))
HEAVY = priors.Mixture((0.3, 0.5, 0.2), (priors.StudentT(3, 0, 1), priors.Cauchy(1, 0.4), priors.Normal(0, 1)))

SCIPY = [
    (priors.Normal(0.3, 2.0), stats.norm(0.3, 2.0)),
    (priors.StudentT(5, 0.1, 0.43), stats.t(5, 0.1, 0.43)),
    (priors.StudentT(0.7, 0.1, 0.43), stats.t(0.7, 0.1, 0.43)),
    (priors.StudentT(2, -1.0, 0.13), stats.t(2, -1.0, 0.13)),
    (priors.Cauchy(0.35, 0.707), stats.cauchy(0.35, 0.707)),
    (priors.TruncatedNormal(0.0, 1.0, 0.0), stats.halfnorm()),
    (priors.TruncatedNormal(0.3, 0.5, -1.0, 0.4), stats.truncnorm(-2.6, 0.2, 0.3, 0.5)),
    (priors.TruncatedNormal(0.3, 0.5, -math.inf, 0.4), stats.truncnorm(-math.inf, 0.2, 0.3, 0.5)),
    (priors.TruncatedNormal(0.3, 0.5), stats.norm(0.3, 0.5)),
    (priors.TruncatedNormal(0.0, 1.0, 20.0, 21.0), stats.truncnorm(20.0, 21.0)),
    (priors.TruncatedNormal(0.0, 1.0, -21.0, -20.0), stats.truncnorm(-21.0, -20.0)),
]
ALL = [*(ours for ours, _ in SCIPY), MIXED, HEAVY]
P = np.array([1e-9, 0.001, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9])


def deviation(law):
    """Standard deviation about the median first: scipy.stats takes E x^2 - (E x)^2, which cancels far from 0."""
    ends, about = law.ppf([1e-17, 0.5, 1 - 1e-16]), law.ppf(0.5)
    ends = np.arcsinh(np.clip(ends - about, -1e6, 1e6))

    def moment(power):
        def inside(u):
            return math.sinh(u) ** power * law.pdf(about + math.sinh(u)) * math.cosh(u)

        return sum(integrate.quad(inside, *ends[i : i + 2], epsabs=0, epsrel=1e-12, limit=400)[0] for i in range(2))

    return math.sqrt(moment(2) - moment(1) ** 2)


@pytest.mark.parametrize(("ours", "theirs"), SCIPY, ids=lambda p: str(p) if isinstance(p, priors.Prior) else "")
def test_density_distribution_and_quantiles_are_scipys(ours, theirs):
    x = theirs.ppf(P[1:-1])
    np.testing.assert_allclose(ours.log_pdf(x), theirs.logpdf(x), rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(ours.cdf(x), theirs.cdf(x), rtol=1e-10)
    np.testing.assert_allclose(ours.ppf(P[1:-1]), x, rtol=1e-10, atol=1e-13)
    assert ours.spread == pytest.approx(deviation(theirs) if ours.tail_power > 3.0 else math.inf, rel=1e-9)


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_the_distribution_function_is_the_integral_of_the_density(prior):
    cuts = np.arcsinh(prior.ppf(P))  # heavy tails are short in arcsinh(mu)
    parts = [integrate.quad(lambda u: float(prior.pdf(math.sinh(u))) * math.cosh(u), *cuts[i : i + 2], epsabs=1e-13,
                            limit=400)[0] for i in range(len(cuts) - 1)]  # fmt: skip
    np.testing.assert_allclose(parts, np.diff(P), atol=1e-9)


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_quantiles_invert_the_distribution_function(prior):
    x = prior.ppf(P)
    rounding = 2.0 * np.spacing(np.abs(x)) * prior.pdf(x)  # of x itself: all there is at an end such as mu = 20
    np.testing.assert_array_less(np.abs(prior.cdf(x) - P), 1e-15 + 1e-9 * P + rounding)
    np.testing.assert_array_equal(prior.ppf(np.array([0.0, 1.0])), [prior.lowest, prior.upper])
    assert np.isnan(prior.ppf(np.array([-0.1, 1.1, np.nan]))).all()


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_scaling_by_a_factor_is_a_change_of_unit(prior):
    moved = prior.scaled(1.8)
    np.testing.assert_allclose(moved.ppf(P), 1.8 * prior.ppf(P), rtol=1e-10, atol=1e-13)
    assert moved.spread == pytest.approx(1.8 * prior.spread, rel=1e-9)
    assert prior.for_metric("log OR", 1.8).metric == "log OR"


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_far_out_the_density_falls_with_its_tail_power(prior):
    low, high = prior.log_pdf(np.array([1e28, 1e30]))
    if math.isinf(prior.tail_power):
        assert high == -math.inf or (low - high) / math.log(100.0) > 30.0
    else:
        assert (low - high) / math.log(100.0) == pytest.approx(prior.tail_power, rel=1e-9)


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_a_prior_on_mu_does_not_live_on_the_half_line(prior):
    assert prior.proper
    assert not prior.positive
    found = prior.log_pdf(np.array([-math.inf, math.inf, 1e200, -1e200]))
    np.testing.assert_array_equal(found[:2], [-math.inf, -math.inf])
    assert not np.isnan(found).any()


@pytest.mark.parametrize("prior", [priors.StudentT(5, 0.1, 0.43), priors.StudentT(0.7, 0, 2), priors.Cauchy(0.3, 0.7)],
                         ids=str)  # fmt: skip
def test_a_t_prior_is_a_normal_with_an_sd_of_its_own(prior):
    """p(x) = integral of Normal(x; mean, e^u) p(u) over u = log sd, and the quantiles are those of p(u)."""

    def density(x):
        def inside(u):
            return stats.norm.pdf(x, prior.mean, math.exp(u)) * math.exp(float(prior.log_density_of_log_sd(u)))

        return integrate.quad(inside, -12, 60, points=[-2, 0, 2, 10], epsabs=1e-14, limit=800)[0]

    for x in (-3.0, 0.0, 0.1, 0.9, 20.0):
        assert density(x) == pytest.approx(float(prior.pdf(x)), rel=1e-7)
    for p in (0.01, 0.5, 0.99):
        u = math.log(prior.sd_quantile(p))
        below = integrate.quad(lambda t: math.exp(float(prior.log_density_of_log_sd(t))), -12, u, epsabs=1e-13)[0]
        assert below == pytest.approx(p, abs=1e-10)


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        (priors.TruncatedNormal(0.0, 1.0, 37.0), stats.truncnorm(37.0, math.inf)),
        (priors.TruncatedNormal(0.0, 0.01, 0.5, 0.6), stats.truncnorm(50.0, 60.0, 0.0, 0.01)),
        (priors.TruncatedNormal(10.0, 1.0, -math.inf, 0.0), stats.truncnorm(-math.inf, -10.0, 10.0, 1.0)),
    ],
    ids=["tail", "narrow", "below"],
)
def test_a_normal_cut_far_in_its_tail_keeps_its_digits(prior, law):
    x = law.ppf(np.array([0.01, 0.5, 0.99]))
    np.testing.assert_allclose(prior.log_pdf(x), law.logpdf(x), rtol=1e-9)
    np.testing.assert_allclose(prior.cdf(x), [0.01, 0.5, 0.99], rtol=1e-9)
    np.testing.assert_allclose(prior.ppf([0.01, 0.5, 0.99]), x, rtol=1e-10)
    assert prior.spread == pytest.approx(law.std(), rel=1e-6)


def test_a_mixture_is_the_weighted_sum_of_its_components():
    x = np.array([-4.0, -0.3, 0.0, 0.8, 30.0])
    parts = zip(HEAVY.weights, (stats.t(3), stats.cauchy(1, 0.4), stats.norm()), strict=True)
    density, below = 0.0, 0.0
    for weight, law in parts:
        density, below = density + weight * law.pdf(x), below + weight * law.cdf(x)
    np.testing.assert_allclose(HEAVY.pdf(x), density, rtol=1e-12)
    np.testing.assert_allclose(HEAVY.cdf(x), below, rtol=1e-12)
    assert HEAVY.spread == math.inf
    assert HEAVY.tail_power == 2.0


def test_the_variance_of_a_mixture_is_within_and_between_its_components():
    mean = 0.8 * -0.3 + 0.2 * 0.5
    square = 0.8 * (0.01 + 0.09) + 0.2 * (1.44 + 0.25)
    assert MIXED.spread == pytest.approx(math.sqrt(square - mean**2), rel=1e-14)


def test_a_mixture_of_one_is_that_one():
    single = priors.Mixture((1.0,), (priors.StudentT(4, 0.2, 0.3),))
    np.testing.assert_allclose(single.ppf(P), priors.StudentT(4, 0.2, 0.3).ppf(P), rtol=1e-12)
    assert str(single) == "Mixture(1 StudentT(4, 0.2, 0.3))"


def test_a_known_value_is_all_probability_at_one_point():
    fixed = priors.Fixed(0.2)
    np.testing.assert_array_equal(fixed.cdf([0.1, 0.2, 0.3]), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(fixed.ppf([0.0, 0.5, 1.0]), [0.2, 0.2, 0.2])
    assert (fixed.spread, fixed.lowest, fixed.upper, fixed.proper) == (0.0, 0.2, 0.2, True)
    assert fixed.scaled(3.0) == priors.Fixed(3.0 * 0.2)
    with pytest.raises(ModelError, match="is a known value and has no density"):
        fixed.pdf(0.2)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: priors.StudentT(0, 0, 1), "StudentT has df = 0"),
        (lambda: priors.StudentT(5, math.inf, 1), "StudentT has mean = inf"),
        (lambda: priors.StudentT(5, 0, 0), "StudentT has scale = 0"),
        (lambda: priors.Cauchy(0, -1), "Cauchy has scale = -1"),
        (lambda: priors.Cauchy("0", 1), "Cauchy has mean = '0'"),
        (lambda: priors.TruncatedNormal(0, 0), "TruncatedNormal has sd = 0"),
        (lambda: priors.TruncatedNormal(0, 1, 1, 1), r"limits 1 and 1.*lower < upper.*TruncatedNormal\(0, 1, 0\)"),
        (lambda: priors.TruncatedNormal(0, 1, math.nan), "TruncatedNormal has the limit nan"),
        (lambda: priors.TruncatedNormal(0, 1, None), "TruncatedNormal has the limit None"),
        (lambda: priors.Mixture((), ()), "Mixture has no component"),
        (lambda: priors.Mixture((1.0,), (priors.HalfNormal(1),)), "component HalfNormal"),
        (lambda: priors.Mixture((1.0,), (MIXED,)), "component Mixture"),
        (lambda: priors.Mixture((0.5,), (priors.Normal(), priors.Normal())), "a weight above 0 for each"),
        (lambda: priors.Mixture((1.0, 0.0), (priors.Normal(), priors.Normal())), "a weight above 0 for each"),
        (lambda: priors.Mixture(("1",), (priors.Normal(),)), "a weight above 0 for each"),
        (lambda: priors.Mixture((0.5, 0.6), (priors.Normal(), priors.Normal())), "sum to 1.1.*weights that sum to 1"),
        (lambda: priors.Fixed(math.nan), "Fixed has value = nan"),
    ],
)
def test_impossible_parameters_are_refused(make, match):
    with pytest.raises(ModelError, match=match):
        make()
