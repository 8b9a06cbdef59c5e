"""Priors: densities and quantiles against scipy.stats, scaling, catalogue rows against their sources."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from poolwise import priors
from poolwise.errors import ModelError
from poolwise.prior_catalogue import CATALOGUE, panel

SCIPY = [
    (priors.Normal(0.3, 2.0), stats.norm(0.3, 2.0)),
    (priors.HalfNormal(0.5), stats.halfnorm(scale=0.5)),
    (priors.HalfCauchy(0.3), stats.halfcauchy(scale=0.3)),
    (priors.Exponential(2.0), stats.expon(scale=0.5)),
    (priors.Uniform(0.2, 2.5), stats.uniform(0.2, 2.3)),
    (priors.LogNormal(-1.07, 0.87), stats.lognorm(0.87, scale=math.exp(-1.07))),
    (priors.InverseGamma(1.71, 0.4), stats.invgamma(1.71, scale=0.4)),
]
ON_TAU = [priors.HalfT(3, 0.5), priors.LogT(5, -1.72, 1.295), *(ours for ours, _ in SCIPY[1:])]
P = np.array([0.001, 0.1, 0.5, 0.9, 0.999])


@pytest.mark.parametrize(("ours", "theirs"), SCIPY, ids=lambda p: str(p) if isinstance(p, priors.Prior) else "")
def test_density_distribution_and_quantiles_are_scipys(ours, theirs):
    x = theirs.ppf(P)
    np.testing.assert_allclose(ours.log_pdf(x), theirs.logpdf(x), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ours.cdf(x), P, rtol=1e-10)
    np.testing.assert_allclose(ours.ppf(P), x, rtol=1e-10)


def test_half_t_is_a_folded_t():
    ours, t = priors.HalfT(3, 0.5), stats.t(3, scale=0.5)
    x = np.array([0.01, 0.4, 3.0, 50.0])
    np.testing.assert_allclose(ours.pdf(x), 2 * t.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(ours.cdf(x), 2 * t.cdf(x) - 1, rtol=1e-12)
    np.testing.assert_allclose(ours.cdf(ours.ppf(P)), P, rtol=1e-10)


def test_log_t_is_a_t_of_the_logarithm():
    ours, t = priors.LogT(5, -1.72, 1.295), stats.t(5, -1.72, 1.295)
    x = np.array([1e-6, 0.1, 0.7, 20.0])
    np.testing.assert_allclose(ours.pdf(x), t.pdf(np.log(x)) / x, rtol=1e-12)
    np.testing.assert_allclose(ours.cdf(x), t.cdf(np.log(x)), rtol=1e-12)


@pytest.mark.parametrize("prior", ON_TAU, ids=str)
def test_density_is_the_slope_of_the_distribution_function(prior):
    low, high = prior.ppf(np.array([0.2, 0.8]))
    assert quad(lambda x: float(prior.pdf(x)), low, high, epsabs=1e-12)[0] == pytest.approx(0.6, abs=1e-10)


@pytest.mark.parametrize("prior", ON_TAU, ids=str)
def test_scaling_scales_the_quantiles(prior):
    np.testing.assert_allclose(prior.scaled(1.8).ppf(P), 1.8 * prior.ppf(P), rtol=1e-10)
    moved = prior.for_metric("log OR", math.pi / math.sqrt(3))
    assert moved.metric == "log OR"
    assert prior.metric is None


@pytest.mark.parametrize("prior", [p for p in ON_TAU if math.isfinite(p.spread)], ids=str)
def test_spread_is_the_standard_deviation(prior):
    mean = quad(lambda u: float(prior.ppf(u)), 0, 1, epsabs=1e-11, limit=400)[0]
    high = min(prior.upper, float(prior.ppf(1 - 1e-15)) * 50)
    cuts = prior.ppf(np.array([0.1, 0.5, 0.9, 0.999, 1 - 1e-6]))
    square = quad(lambda x: (x - mean) ** 2 * float(prior.pdf(x)), 0, high, points=cuts, limit=500, epsabs=1e-11)[0]
    assert prior.spread == pytest.approx(math.sqrt(square), rel=1e-3 if prior.family == "HalfT" else 1e-5)


def test_outside_the_support_the_density_is_zero():
    for prior in ON_TAU:
        assert prior.pdf(np.array([-0.5]))[0] == 0.0


def test_draws_follow_the_seed_and_the_law():
    draws = priors.HalfNormal(0.5).sample(4000, seed=1)
    assert stats.kstest(draws, stats.halfnorm(scale=0.5).cdf).pvalue > 0.001
    np.testing.assert_array_equal(draws, priors.HalfNormal(0.5).sample(4000, seed=1))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: priors.HalfNormal(0.0), "scale"),
        (lambda: priors.HalfNormal(-1.0), "above 0"),
        (lambda: priors.HalfNormal(math.nan), "finite"),
        (lambda: priors.HalfT(0, 1), "df"),
        (lambda: priors.Uniform(2.0, 1.0), "lower < upper"),
        (lambda: priors.make("HalfNromal", 0.5), "did you mean 'HalfNormal'"),
        (lambda: priors.make("HalfNormal", 0.5, 2.0), "got 2 parameter"),
        (lambda: priors.Flat().ppf(0.5), "improper"),
    ],
)
def test_impossible_priors_are_refused(make, match):
    with pytest.raises(ModelError, match=match):
        make()


# Sources read: the table of priors in the design notes, which cites each paper; parameters as printed there.
PUBLISHED = [
    ("SMD", priors.HalfNormal(0.5), "10.1002/jrsm.1475"),
    ("SMD", priors.HalfNormal(1.0), "10.1002/jrsm.1475"),
    ("log OR", priors.HalfNormal(1.0), "10.1002/jrsm.1475"),
    ("log HR", priors.HalfNormal(1.0), "10.1002/jrsm.1475"),
    ("SMD", priors.HalfCauchy(0.3), "10.31234/osf.io/7tbrm"),
    ("SMD", priors.HalfCauchy(0.5), "10.31234/osf.io/7tbrm"),
    ("SMD", priors.InverseGamma(1.0, 0.15), "10.5334/jopd.33"),
    ("SMD", priors.InverseGamma(1.71, 0.40), "10.1002/sim.9170"),
    ("SMD", priors.InverseGamma(1.62, 0.45), "10.1002/sim.9170"),
    ("log OR", priors.InverseGamma(1.77, 0.55), "10.48550/arXiv.2306.11468"),
    ("log RR", priors.InverseGamma(1.51, 0.23), "10.48550/arXiv.2306.11468"),
    ("log HR", priors.InverseGamma(2.42, 0.30), "10.48550/arXiv.2306.11468"),
    ("SMD", priors.LogT(5, -1.72, 1.295), "10.1016/j.jclinepi.2014.08.012"),
    ("SMD", priors.LogT(5, -1.925, 0.965), "10.1016/j.jclinepi.2014.08.012"),
    ("log OR", priors.LogNormal(-3.21 / 2, 1.91 / 2), "10.1002/sim.6381"),
    ("log OR", priors.LogNormal(-2.92 / 2, 1.71 / 2), "10.1002/sim.6381"),
]


@pytest.mark.parametrize(
    ("metric", "prior", "doi"),
    PUBLISHED,
    ids=str,
)
def test_catalogue_has_the_published_row(metric, prior, doi):
    found = [entry for entry in CATALOGUE if entry.prior == replace(prior, metric=metric)]
    assert len(found) == 1
    assert found[0].source.endswith(doi)


def test_every_row_with_a_source_of_its_own_is_among_the_published_ones():
    cited = {(entry.prior.metric, str(entry.prior)) for entry in CATALOGUE if "10." in entry.source}
    assert cited == {(metric, str(prior)) for metric, prior, _ in PUBLISHED}


@pytest.mark.parametrize(
    ("prior", "metric", "mu"),
    [
        (priors.InverseGamma(1.71, 0.40), "SMD", priors.StudentT(5, 0, 0.43)),
        (priors.InverseGamma(1.62, 0.45), "SMD", priors.StudentT(5, 0, 0.55)),
        (priors.InverseGamma(1.77, 0.55), "log OR", priors.StudentT(4, 0, 0.58)),
        (priors.InverseGamma(1.51, 0.23), "log RR", priors.StudentT(3, 0, 0.32)),
        (priors.InverseGamma(2.42, 0.30), "log HR", priors.StudentT(2, 0, 0.13)),
    ],
    ids=str,
)
def test_bartos_et_al_give_a_prior_on_mu_beside_the_one_on_tau(prior, metric, mu):
    (entry,) = (entry for entry in CATALOGUE if entry.prior == replace(prior, metric=metric))
    assert entry.mu == replace(mu, metric=metric)


def test_the_other_rows_are_conventions_that_say_so():
    others = {entry.source for entry in CATALOGUE if "10." not in entry.source}
    assert all("convention" in source or source.endswith("x 0.5") for source in others)


def test_tau2_log_t_becomes_tau_log_t_by_halving():
    """Rhodes et al.: tau^2 ~ log-t5(-3.44, 2.59); P(tau^2 <= x) must equal P(tau <= sqrt x)."""
    tau = priors.LogT(5, -1.72, 1.295)
    x = np.array([0.001, 0.03, 0.5])
    np.testing.assert_allclose(tau.cdf(np.sqrt(x)), stats.t(5, -3.44, 2.59).cdf(np.log(x)), rtol=1e-12)


def test_a_row_that_is_probably_misprinted_says_so_and_is_in_no_panel():
    (row,) = (entry for entry in CATALOGUE if entry.prior == priors.LogT(5, -1.925, 0.965, "SMD"))
    assert "probably a misprint for -2.85" in row.name
    assert row not in panel("SMD", ("mental health",))


def test_the_panel_takes_an_outcome_class_only_where_it_fits():
    plain = panel("SMD")
    assert panel("SMD", ("",)) == plain  # a table without outcomes has the outcome ""
    dropout = panel("SMD", ("dropout",))
    assert len(dropout) == len(plain) + 1
    moved = dropout[-1].prior
    factor = math.sqrt(3) / math.pi
    assert moved.ppf(0.5) == pytest.approx(factor * math.exp(-3.21 / 2))
    with pytest.raises(ModelError, match="no prior panel"):
        panel("MD")
