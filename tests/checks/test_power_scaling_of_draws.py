"""Power-scaling of draws: the exact sensitivities within Monte Carlo error, and never those of the true effects."""

import warnings

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors

NOISE = 0.035  # sensitivities of 4,000 draws scatter by about a third of this about the exact ones
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
OWN = {
    "random": ("bcg", pw.RandomEffects(), {"mu", "tau"}),
    "common": ("bcg", pw.CommonEffect(), {"mu"}),
    "regression": ("bcg", pw.MetaRegression("~ ablat", tau=HALF), {"beta", "tau"}),
    "known tau": ("bcg", pw.MetaRegression("~ ablat", tau_fixed=0.2), {"beta"}),
    "subgroups": ("bcg", pw.Subgroups("alloc", UNIT, HALF, "exchangeable"), {"mu", "tau_typical", "tau_spread"}),
    "levels": ("assink2016", pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF),
               {"mu", "tau_between", "tau_within"}),
    "scale": ("bcg", pw.LocationScale("~ ablat", "~ ablat", tau=HALF), {"beta", "tau", "gamma"}),
    "joint": ("working_alliance", pw.JointOutcomes(), {"mu_typical", "mu_spread", "tau_typical", "tau_spread"}),
}  # fmt: skip


@pytest.mark.parametrize("engine", [pw.Exact(), pw.NUTS()], ids=["exact", "NUTS"])
def test_draws_of_random_effects_say_what_the_exact_laws_say(engine):
    bcg = pw.datasets.load("bcg")
    exact = pw.checks.power_scaling(bcg).frame.set_index("quantity")
    found = pw.checks.power_scaling(pw.fit(bcg, pw.RandomEffects(), engine)).frame.set_index("quantity")
    columns = ["prior", "prior_mu", "prior_tau", "likelihood"]
    np.testing.assert_allclose(found.loc[exact.index, columns], exact[columns], atol=NOISE)


@pytest.fixture(scope="module", params=OWN)
def sampled(request):
    data, model, own = OWN[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.fit(pw.datasets.load(data), model, pw.NUTS(draws=250, tune=500)), own


def test_every_model_of_nuts_has_both_predictive_checks(sampled):
    fit, own = sampled
    found = pw.checks.posterior_predictive(fit).frame
    assert found["p"].between(0.0, 1.0).all()
    if "beta" in own:  # flat priors
        with pytest.raises(pw.PoolwiseError, match="improper prior"):
            pw.checks.prior_predictive(fit)
        return
    frame = pw.checks.prior_predictive(fit).frame
    assert set(frame.loc[frame["kind"] == "new study", "name"]) == {one for one in fit if one.startswith("theta_new")}


def test_only_parameters_with_a_prior_of_their_own_are_scaled(sampled):
    fit, own = sampled
    assert {str(one) for one in fit.to_datatree()["log_prior"].data_vars} == own
    frame = pw.checks.power_scaling(fit).frame
    scaled = {column.removeprefix("prior_") for column in frame if column.startswith("prior_")} - {"words"}
    assert scaled == (own if len(own) > 1 else set())
    assert (frame[["prior", "likelihood"]] >= 0.0).all().all()
    assert not frame["quantity"].str.startswith("theta[").any()
    if "prior_beta" in frame:
        assert (frame["prior_beta"] == 0.0).all()  # a flat prior moves nothing


def test_a_result_has_its_model_with_it():
    fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    with pytest.raises(pw.PoolwiseError, match="a result and a model"):
        pw.checks.power_scaling(fit, pw.RandomEffects())
