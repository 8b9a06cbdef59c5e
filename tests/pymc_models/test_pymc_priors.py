"""Every prior record and its PyMC variable are the same distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import special, stats

from poolwise import priors as p
from poolwise.errors import ModelError
from poolwise.pymc_models.priors import STANDARD, kind, prior_data, prior_on_mu, prior_on_tau
from poolwise.pymc_models.tables import Moved, table_of

SAME_FORMULA = 1e-10
"""Two double-precision evaluations of one formula, relative to 1 + |log density|."""

LOG_2_IN_SINGLE_PRECISION = float(np.float32(np.log(2.0)) - np.log(2.0))
"""What PyMC's half-Cauchy and half-t add to their log density everywhere; a sampler sees only differences."""

POINTS = np.array([1e-6, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.9, 1.3, 2.0, 2.4, 7.0, 50.0, 1e4])
TAU_PRIORS = [
    p.HalfNormal(0.5),
    p.HalfNormal(3e-4),
    p.HalfCauchy(0.3),
    p.HalfT(3.0, 0.5),
    p.HalfT(1.7, 20.0),
    p.Exponential(2.5),
    p.Uniform(0.0, 2.5),
    p.Uniform(0.2, 1.0),
    p.LogNormal(-1.605, 0.955),
    p.InverseGamma(1.71, 0.40),
    p.LogT(5.0, -1.72, 1.295),
    p.Gamma(2.0, 0.1),
    p.Beta(1.0, 9.0),
]


def log_density_in_pymc(model, name, points):
    """PyMC's log density of a variable at points, by the plain Python backend, which needs no compilation."""
    rv = model[name]
    return pm.logp(rv, points).eval(mode="FAST_COMPILE")


def assert_same(ours, theirs):
    """Both are finite at the same points, and equal there."""
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    inside = np.isfinite(ours)
    assert np.all(np.abs(ours[inside] - theirs[inside]) <= SAME_FORMULA * (1.0 + np.abs(ours[inside])))


@pytest.mark.parametrize("prior", TAU_PRIORS, ids=str)
def test_a_prior_on_tau_has_the_density_of_its_record(prior):
    with pm.Model() as model:
        prior_on_tau(prior)
    if isinstance(prior, p.LogT):
        theirs = log_density_in_pymc(model, "log_tau", np.log(POINTS)) - np.log(POINTS)
    else:
        theirs = log_density_in_pymc(model, "tau", POINTS)
    if isinstance(prior, p.HalfCauchy | p.HalfT):
        theirs = theirs - LOG_2_IN_SINGLE_PRECISION
    assert_same(prior.log_pdf(POINTS), theirs)


@pytest.mark.parametrize("prior", [p.Normal(0.3, 0.7), p.Normal(-4.0, 100.0)], ids=str)
def test_a_prior_on_mu_has_the_density_of_its_record(prior):
    points = np.concatenate([-POINTS, POINTS])
    with pm.Model() as model:
        prior_on_mu(prior)
    assert_same(prior.log_pdf(points), log_density_in_pymc(model, "mu", points))


def test_flat_priors_are_constant_where_they_live_and_nothing_elsewhere():
    with pm.Model() as model:
        prior_on_mu(p.Flat())
        prior_on_tau(p.Flat())
    assert np.all(log_density_in_pymc(model, "mu", np.array([-1e9, 0.0, 3.0])) == 0.0)
    assert np.all(log_density_in_pymc(model, "tau", np.array([1e-9, 3.0])) == 0.0)
    assert log_density_in_pymc(model, "tau", np.array(-0.1)) == -np.inf


def test_the_parameters_of_a_prior_can_be_exchanged_after_the_model_is_built():
    with pm.Model() as model:
        prior_on_tau(p.HalfNormal(0.5))
        pm.set_data({"tau_scale": 2.0})
    assert_same(p.HalfNormal(2.0).log_pdf(POINTS), log_density_in_pymc(model, "tau", POINTS))


def test_the_data_of_a_prior_say_whose_and_which_and_leave_out_the_metric():
    assert prior_data("tau", p.HalfT(3.0, 0.5, "SMD")) == {"tau_df": 3.0, "tau_scale": 0.5}
    assert prior_data("mu", p.Flat()) == {}


V = np.array([0.04, 0.09, 0.3, 0.02])
BY_TABLE = [
    p.HalfLogistic(0.5), p.Lomax(2.0, 0.3), p.Rayleigh(0.4), p.Sqrt(),
    *(family().for_variances(V) for family in (
        p.Jeffreys, p.OverallJeffreys, p.BergerDeely, p.Conventional, p.DuMouchel, p.Shrinkage, p.ISquared
    )),
    p.Density(lambda tau: np.log(tau) - 3.0 * tau, "Gamma(2, 3)"),
    p.Density(lambda tau: -np.abs(tau - 0.4), "kink"),
    p.Density(lambda tau: np.where(tau < 0.5, 0.0, -np.inf), "jump"),
    p.Density(lambda tau: -0.5 * ((tau - 0.3) / 1e-3) ** 2, "peak"),
    p.from_distribution(stats.beta(2.0, 3.0)),
]  # fmt: skip
ON_THE_LINE = [
    p.Mixture((0.8, 0.2), (p.Normal(-0.3, 0.1), p.Normal(0.0, 1.0))),
    p.Mixture((0.5, 0.5), (p.Cauchy(1.0, 0.2), p.StudentT(4.0, -1.0, 0.5))),
    p.TruncatedNormal(0.0, 1.0, 0.0), p.TruncatedNormal(0.3, 1.0, -1.0, 0.5),
    Moved(p.TruncatedNormal(0.0, 1.0, upper=0.0), 0.7, 0.3),
]  # fmt: skip
TABLE = 1e-12
"""Of 1 + |log density|; panels of a table are halved down to 1e-13."""


@pytest.mark.parametrize("prior", BY_TABLE + ON_THE_LINE, ids=str)
def test_a_prior_without_a_family_in_pymc_has_the_density_of_its_record(prior):
    points = np.exp(np.linspace(np.log(1e-6), np.log(1e4), 101))
    points, place = (points, prior_on_tau) if prior.positive else (np.concatenate([-points, points]), prior_on_mu)
    with pm.Model() as model:
        place(prior, "x")
    ours, theirs = prior.log_pdf(points), log_density_in_pymc(model, "x", points)
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    inside = np.isfinite(ours)
    assert np.all(np.abs(ours[inside] - theirs[inside]) <= TABLE * (1.0 + np.abs(ours[inside])))


@pytest.mark.parametrize("prior", [p.Lomax(2.0, 0.3), p.HalfLogistic(0.5), *BY_TABLE[-1:], *ON_THE_LINE[1:]], ids=str)
def test_what_is_sampled_maps_onto_the_support_and_back_with_its_derivative(prior):
    with pm.Model() as model:
        (prior_on_tau if prior.positive else prior_on_mu)(prior, "x")
    law, inputs, x = model.rvs_to_transforms[model["x"]], model["x"].owner.inputs, pt.vector()
    value = law.backward(x, *inputs)
    slope = pt.log(pt.grad(value.sum(), x)) - law.log_jac_det(x, *inputs)
    at = np.array([-9.0, -1.0, 0.0, 2.0, 9.0])
    here, back, off = (out.eval({x: at}, mode="FAST_COMPILE") for out in (value, law.forward(value, *inputs), slope))
    assert np.all((here > prior.lowest) & (here < prior.upper))
    np.testing.assert_allclose(back, at, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(off, 0.0, atol=1e-9)


def test_a_table_may_be_exchanged_and_a_new_family_needs_no_line():
    @dataclass(frozen=True)
    class Maxwell(p.Prior):
        scale: float
        metric: str | None = None

        @staticmethod
        def log_density(x, scale):
            return 2.0 * np.log(x) - 0.5 * (x / scale) ** 2 - 3.0 * np.log(scale) + 0.5 * np.log(2.0 / np.pi)

        @staticmethod
        def quantile(q, scale):
            return scale * np.sqrt(2.0 * special.gammaincinv(1.5, q))

    with pm.Model() as model:
        prior_on_tau(STANDARD[kind(Maxwell(0.5))])
    pm.set_data(prior_data("tau", Maxwell(0.5)), model=model)
    assert_same(Maxwell(0.5).log_pdf(POINTS), log_density_in_pymc(model, "tau", POINTS))


def test_a_density_that_is_nowhere_is_named():
    nowhere = Moved(p.TruncatedNormal(0.0, 1e-3, 10.0), 0.0, 1.0)
    assert table_of(nowhere).lower == 10.0
    with pytest.raises(ModelError, match="is 0 wherever"):
        table_of(_Nowhere())


class _Nowhere(p.Prior):
    proper = False

    def log_density(self, x, *parameters):
        return np.full_like(x, -np.inf)

    parameters = ()


def test_a_known_value_is_a_constant_of_the_model():
    with pm.Model(coords={"group": ["a", "b"]}) as model:
        prior_on_mu(p.Fixed(-0.5), dims="group")
    assert model.free_RVs == []
    np.testing.assert_array_equal(model["mu"].eval(mode="FAST_COMPILE"), [-0.5, -0.5])


def test_every_standard_member_is_of_its_family():
    assert set(STANDARD) <= {*p.FAMILIES.values(), p.RegularizedHorseshoe, p.Mixture}
    assert all(isinstance(prior, family) for family, prior in STANDARD.items())


def test_a_family_in_the_wrong_place_is_named():
    with pm.Model():
        with pytest.raises(ModelError, match=r"mu has the prior HalfNormal\(0.5\)"):
            prior_on_mu(p.HalfNormal(0.5))
        with pytest.raises(ModelError, match=r"tau has the prior Normal\(0, 1\)"):
            prior_on_tau(p.Normal(0.0, 1.0))
