"""Every prior record and its PyMC variable are the same distribution."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from poolwise import priors as p
from poolwise.errors import ModelError
from poolwise.pymc_models.priors import STANDARD, parameter_names, prior_on_mu, prior_on_tau

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


def test_parameter_names_say_whose_and_which_and_leave_out_the_metric():
    assert parameter_names("tau", p.HalfT(3.0, 0.5, "SMD")) == ("tau_df", "tau_scale")
    assert parameter_names("mu", p.Flat()) == ()


def test_every_standard_member_is_of_its_family():
    assert set(STANDARD) <= {*p.FAMILIES.values(), p.RegularizedHorseshoe}
    assert all(isinstance(prior, family) for family, prior in STANDARD.items())


def test_a_family_in_the_wrong_place_is_named():
    with pm.Model():
        with pytest.raises(ModelError, match=r"mu has the prior HalfNormal\(0.5\)"):
            prior_on_mu(p.HalfNormal(0.5))
        with pytest.raises(ModelError, match=r"tau has the prior Normal\(0, 1\)"):
            prior_on_tau(p.Normal(0.0, 1.0))
