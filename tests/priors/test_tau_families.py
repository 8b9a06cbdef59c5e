"""Each family of priors on tau: against scipy.stats, against its own integral, its tails, ends and scaling."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise import priors
from poolwise.errors import ModelError

V = (0.04, 0.09, 0.3, 0.01, 0.6)
EXACT = 1e-11  # both sides are closed forms in double precision
INTEGRAL = 1e-9  # scipy's adaptive rule at 1e-12 in each of ten pieces; the rest is the rounding of quantiles
HEAVIEST = 1e-6  # relative: for the quantiles at 1 - 1e-9, whose probability is known to 1e-16 / 1e-9

SCIPY = [
    (priors.HalfNormal(0.5), stats.halfnorm(scale=0.5)),
    (priors.HalfCauchy(0.3), stats.halfcauchy(scale=0.3)),
    (priors.Lomax(2.5, 0.4), stats.lomax(2.5, scale=0.4)),
    (priors.Lomax(0.7, 3.0), stats.lomax(0.7, scale=3.0)),
    (priors.HalfLogistic(0.3), stats.halflogistic(scale=0.3)),
    (priors.Rayleigh(0.6), stats.rayleigh(scale=0.6)),
    (priors.Exponential(2.0), stats.expon(scale=0.5)),
    (priors.Uniform(0.2, 2.5), stats.uniform(0.2, 2.3)),
    (priors.LogNormal(-1.07, 0.87), stats.lognorm(0.87, scale=math.exp(-1.07))),
    (priors.Gamma(2.0, 5.0), stats.gamma(2.0, scale=0.2)),
    (priors.Gamma(0.7, 0.1), stats.gamma(0.7, scale=10.0)),
    (priors.Beta(1.0, 9.0), stats.beta(1.0, 9.0)),
    (priors.InverseGamma(1.71, 0.4), stats.invgamma(1.71, scale=0.4)),
    (priors.from_distribution(stats.gamma(2, scale=0.2)), stats.gamma(2, scale=0.2)),
    (priors.DuMouchel().for_variances([0.25] * 3), stats.lomax(1.0, scale=0.5)),
    (priors.Shrinkage().for_variances([0.25] * 3), stats.burr12(2.0, 1.0, scale=0.5)),
    (priors.ISquared().for_variances([0.25] * 3), stats.burr12(2.0, 1.0, scale=0.5)),
    (priors.Density(lambda t: np.log(t) - 5.0 * t, "Gamma(2, 5)"), stats.gamma(2, scale=0.2)),
]
OF_VARIANCES = [family().for_variances(V) for family in (priors.Conventional, priors.DuMouchel, priors.Shrinkage)]
PROPER = [
    *(ours for ours, _ in SCIPY),
    *OF_VARIANCES,
    priors.ISquared().for_variances(V),
    priors.HalfT(3.0, 0.5),
    priors.HalfT(0.8, 0.5),
    priors.LogT(5.0, -1.72, 1.295),
]
IMPROPER = [
    priors.Flat(),
    priors.Sqrt(),
    *(f().for_variances(V) for f in (priors.Jeffreys, priors.OverallJeffreys, priors.BergerDeely)),
]
P = np.array([1e-9, 0.001, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9])


def name(prior):
    return f"{prior}{'' if not prior.from_variances else list(prior.variances)}" if hasattr(prior, "log_pdf") else ""


@pytest.mark.parametrize(("ours", "theirs"), SCIPY, ids=name)
def test_density_distribution_and_quantiles_are_scipys(ours, theirs):
    x = theirs.ppf(P[1:-1])
    np.testing.assert_allclose(ours.log_pdf(x), theirs.logpdf(x), rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(ours.cdf(x), theirs.cdf(x), rtol=EXACT)
    np.testing.assert_allclose(ours.ppf(P[1:-1]), x, rtol=1e-10)  # the search for a quantile ends at 1e-13 of log tau


@pytest.mark.parametrize("prior", PROPER, ids=name)
def test_the_distribution_function_is_the_integral_of_the_density_and_ends_at_one(prior):
    cuts = prior.ppf(np.array([1e-9, 1e-5, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-5, 1 - 1e-9]))
    parts = [integrate.quad(lambda u: math.exp(u) * float(prior.pdf(math.exp(u))), *np.log(cuts[i : i + 2]),
                            epsabs=1e-13, epsrel=1e-12, limit=200)[0] for i in range(len(cuts) - 1)]  # fmt: skip
    assert sum(parts) == pytest.approx(1.0 - 2e-9, abs=INTEGRAL)
    np.testing.assert_allclose(np.cumsum(parts) + 1e-9, prior.cdf(cuts[1:]), atol=INTEGRAL)


@pytest.mark.parametrize("prior", PROPER, ids=name)
def test_quantiles_invert_the_distribution_function(prior):
    # of a probability of 1e-9 nine digits, less the rounding of tau itself where the support starts above 0
    np.testing.assert_allclose(prior.cdf(prior.ppf(P[:-1])), P[:-1], rtol=1e-9, atol=1e-16)
    assert 1.0 - prior.cdf(prior.ppf(P[-1])) == pytest.approx(1e-9, rel=HEAVIEST)
    np.testing.assert_array_equal(prior.ppf(np.array([0.0, 1.0])), [prior.lowest, prior.upper])
    assert np.isnan(prior.ppf(np.array([-0.1, 1.1, np.nan]))).all()


@pytest.mark.parametrize("prior", PROPER + IMPROPER, ids=name)
def test_far_out_the_density_falls_with_its_tail_power(prior):
    far = prior.log_pdf(np.array([1e28, 1e30]))
    with np.errstate(invalid="ignore"):  # both ends of a light tail are -inf
        slope = -np.diff(far)[0] / math.log(100.0)
    if math.isfinite(prior.upper):
        assert (far == -math.inf).all()
    elif math.isinf(prior.tail_power):
        assert not slope < 30.0  # NaN where the density is 0 in double precision
    elif isinstance(prior, priors.LogT):  # 1 / (x log(x)^(df + 1))
        assert slope == pytest.approx(1.0 + (prior.df + 1.0) / math.log(1e29 / math.exp(prior.location)), rel=1e-3)
    else:
        assert slope == pytest.approx(prior.tail_power, rel=1e-9)


@pytest.mark.parametrize("prior", PROPER + IMPROPER, ids=name)
def test_without_log_nodes_a_density_starts_as_a_constant_or_in_proportion_to_tau(prior):
    near = prior.log_pdf(prior.lowest + np.array([1e-12, 1e-11]))
    slope = np.diff(near)[0] / math.log(10.0)
    starts_smoothly = any(abs(slope - power) < 1e-6 for power in (0.0, 1.0))
    assert starts_smoothly or prior.needs_log_nodes


@pytest.mark.parametrize("prior", [one for one in PROPER + IMPROPER if not isinstance(one, priors.Beta)], ids=name)
def test_scaling_by_a_factor_is_a_change_of_unit(prior):
    x = np.array([0.01, 0.3, 1.0, 2.2])
    moved = prior.scaled(1.8)
    np.testing.assert_allclose(np.diff(moved.log_pdf(1.8 * x)), np.diff(prior.log_pdf(x)), rtol=1e-9, atol=1e-9)
    assert (moved.tail_power, moved.needs_log_nodes) == (prior.tail_power, prior.needs_log_nodes)
    assert (moved.lowest, moved.upper) == pytest.approx((1.8 * prior.lowest, 1.8 * prior.upper))
    assert moved.spread == pytest.approx(1.8 * prior.spread)
    if prior.proper:
        np.testing.assert_allclose(moved.ppf(P[:-1]), 1.8 * prior.ppf(P[:-1]), rtol=1e-9)


@pytest.mark.parametrize("prior", PROPER, ids=name)
def test_the_spread_is_the_standard_deviation_and_infinite_where_there_is_none(prior):
    if prior.tail_power <= 3.0:
        assert prior.spread == math.inf
        return
    cuts = np.log(prior.ppf(np.array([1e-12, 1e-3, 0.5, 0.99, 1 - 1e-6, 1 - 1e-12])))
    ends = np.concatenate([cuts, [min(math.log(prior.upper), cuts[-1] + 60.0)]])

    def moment(m):
        def inside(u):
            return math.exp((m + 1) * u + float(prior.log_pdf(math.exp(u))))

        return sum(integrate.quad(inside, *ends[i : i + 2], epsabs=1e-13, limit=200)[0] for i in range(len(ends) - 1))

    assert prior.spread == pytest.approx(math.sqrt(moment(2) - moment(1) ** 2), rel=1e-6)


@pytest.mark.parametrize("prior", IMPROPER, ids=name)
def test_an_improper_prior_says_so_and_has_no_probabilities(prior):
    assert not prior.proper
    assert prior.spread == math.inf
    for ask in (lambda: prior.cdf(0.3), lambda: prior.ppf(0.5), lambda: prior.sample(3, 1)):
        with pytest.raises(ModelError, match="improper"):
            ask()


@pytest.mark.parametrize("prior", [p for p in IMPROPER if p.tail_power <= 1.0], ids=name)
def test_the_integral_of_an_improper_density_grows_without_end(prior):
    areas = [integrate.quad(lambda u: math.exp(u) * float(prior.pdf(math.exp(u))), a, a + 20, epsrel=1e-10)[0]
             for a in (10.0, 30.0, 50.0)]  # fmt: skip
    assert areas[1] > (1.0 - 1e-6) * areas[0]
    assert areas[2] > (1.0 - 1e-6) * areas[1]


def test_overall_jeffreys_has_an_integral_that_means_nothing_without_the_flat_mean():
    prior = priors.OverallJeffreys().for_variances(V)
    assert not prior.proper
    assert prior.tail_power == 2.0


@pytest.mark.parametrize("prior", PROPER + IMPROPER, ids=name)
def test_densities_at_the_ends_and_outside(prior):
    found = prior.log_pdf(np.array([0.0, math.inf, math.nan, 1e200, 1e-200]))
    assert not np.isnan(found[[0, 1, 3, 4]]).any()
    assert np.isnan(found[2])
    assert found[1] == (0.0 if isinstance(prior, priors.Flat) else -math.inf)
    if not isinstance(prior, priors.Flat):
        assert prior.pdf(-0.5) == 0.0
    if prior.proper:
        np.testing.assert_array_equal(prior.cdf(np.array([-0.5, 0.0, math.inf])), [0.0, 0.0, 1.0])


@pytest.mark.parametrize("prior", PROPER, ids=name)
def test_answers_have_the_shape_of_the_question(prior):
    for ask in (prior.pdf, prior.cdf, prior.ppf):
        assert np.shape(ask(0.3)) == ()
        assert np.shape(ask([[0.2], [0.3]])) == (2, 1)
        assert np.shape(ask([])) == (0,)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: priors.Lomax(0.0, 1.0), "Lomax has shape = 0.0.*Expected: a finite shape above 0"),
        (lambda: priors.Lomax(1.0, -1.0), "Lomax has scale = -1.0"),
        (lambda: priors.HalfLogistic(math.inf), "HalfLogistic has scale = inf"),
        (lambda: priors.Rayleigh(True), "Rayleigh has scale = True"),
        (lambda: priors.Rayleigh("0.5"), "Rayleigh has scale = '0.5'"),
        (lambda: priors.HalfCauchy(None), "HalfCauchy has scale = None"),
        (lambda: priors.LogT(5, math.nan, 1), "LogT has location = nan"),
        (lambda: priors.Uniform(-1.0, 1.0), "0 <= lower < upper"),
        (lambda: priors.make("Lomax", 1.0), "Lomax got 1 parameter.*Expected: 2: shape, scale"),
        (lambda: priors.make("Jeffreys", 1.0), "Jeffreys got 1 parameter.*Expected: 0: none"),
        (lambda: priors.make("Jefreys"), "did you mean 'Jeffreys'"),
        (lambda: priors.Rayleigh(0.5).for_metric("log OR"), "no factor"),
    ],
)
def test_impossible_parameters_are_refused(make, match):
    with pytest.raises(ModelError, match=match):
        make()


@pytest.mark.parametrize("family", sorted(priors.FAMILIES))
def test_every_family_is_named_by_its_numbers_alone(family):
    kind = priors.FAMILIES[family]
    numbers = {"lower": 0.25, "upper": 2.5, "upper_limit": 2.5}
    given = [numbers.get(parameter, 0.5) for parameter in kind.parameter_names()]
    made = priors.make(family, *given)
    assert made == kind(*given)
    assert str(made).startswith(f"{family}(")


def test_a_share_has_no_unit():
    assert priors.Beta(1, 9).scaled(1.0) == priors.Beta(1, 9)
    with pytest.raises(ModelError, match="has no unit"):
        priors.Beta(1, 9).scaled(2.0)
