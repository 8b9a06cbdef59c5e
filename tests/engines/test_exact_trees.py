"""Trees of exact draws of models with subgroups, levels and moderators: their dimensions, likelihoods and laws."""

import math

import arviz as az
import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors

BCG = pw.datasets.load("bcg")
ALLOC = BCG.moderators["alloc"].to_numpy()
NORMAL, HALF = priors.Normal(0, 1), priors.HalfNormal(0.5)
ROUNDING = 1e-12  # nats, of log densities of order 10
FAR = 4.5  # Monte Carlo standard errors; one of some 50 figures is beyond in a run of 3,000
KINDS = ("common", "separate", "exchangeable")


def fitted(heterogeneity):
    return pw.fit(BCG, pw.Subgroups("alloc", NORMAL, HALF, heterogeneity), pw.Exact(draws=2000, chains=2))


@pytest.mark.parametrize("heterogeneity", KINDS)
def test_every_kind_of_subgroups_has_one_dimension_of_subgroups(heterogeneity):
    tree = fitted(heterogeneity).to_datatree()
    whole = ("chain", "draw")
    own = (*whole, "subgroup")
    for group in ("posterior", "prior"):
        assert tree[group]["mu"].dims == tree[group]["theta_new"].dims == own
        assert tree[group]["tau"].dims == (whole if heterogeneity == "common" else own)
        assert tree[group]["subgroup"].values.tolist() == ["alternate", "random", "systematic"]


@pytest.mark.parametrize("heterogeneity", KINDS)
def test_draws_of_subgroups_have_the_exact_laws(heterogeneity):
    result = fitted(heterogeneity)
    posterior = result.to_datatree()["posterior"]
    for name in ("mu", "tau", "theta_new"):
        for level in np.unique(ALLOC):
            whole = "subgroup" not in posterior[name].dims
            draws = posterior[name] if whole else posterior[name].sel(subgroup=level)
            law = result[name if whole else f"{name}[{level}]"]
            for p in (0.025, 0.25, 0.5, 0.75, 0.975):
                share = float((draws <= law.ppf(p)).mean())
                assert abs(share - p) < FAR * math.sqrt(p * (1 - p) / draws.size), (name, level, p)


@pytest.mark.parametrize("heterogeneity", KINDS)
def test_the_likelihood_of_subgroups_has_the_true_effects_integrated_out(heterogeneity):
    tree = fitted(heterogeneity).to_datatree()
    each = [
        tree["posterior"][name].broadcast_like(tree["posterior"]["mu"]).sel(subgroup=ALLOC) for name in ("mu", "tau")
    ]
    mean, tau = (part.transpose("chain", "draw", "subgroup").to_numpy() for part in each)
    expected = stats.norm(mean, np.hypot(BCG.se, tau)).logpdf(BCG.y)
    np.testing.assert_allclose(tree["log_likelihood"]["y"], expected, atol=ROUNDING)


@pytest.mark.parametrize("heterogeneity", ["common", "separate"])
def test_the_log_prior_of_subgroups_is_that_of_each_draw(heterogeneity):
    tree = fitted(heterogeneity).to_datatree()
    for name, law in (("mu", stats.norm(0, 1)), ("tau", stats.halfnorm(scale=0.5))):
        expected = law.logpdf(tree["posterior"][name])
        np.testing.assert_allclose(tree["log_prior"][name], expected, atol=ROUNDING)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_the_likelihood_of_a_cluster_is_that_of_a_dense_matrix(rho):
    effects, model = pw.datasets.load("assink2016"), pw.ThreeLevel(rho=rho)
    tree = pw.fit(effects, model, pw.Exact(draws=5, chains=1)).to_datatree()
    of, draws = np.asarray(model.clusters(effects)), tree["posterior"].isel(chain=0)
    for d in range(5):
        mu, between, within = (float(draws[name][d]) for name in ("mu", "tau_between", "tau_within"))
        for cluster in tree["log_likelihood"]["cluster"].values:
            rows = of == cluster
            se = effects.se[rows]
            covariance = rho * np.outer(se, se) + np.diag((1 - rho) * se**2 + within**2) + between**2
            expected = stats.multivariate_normal(np.full(rows.sum(), mu), covariance).logpdf(effects.y[rows])
            found = tree["log_likelihood"]["y_by_cluster"].sel(cluster=cluster)[0, d]
            assert float(found) == pytest.approx(expected, abs=1e-11)


def test_importance_sampling_of_the_draws_finds_the_exact_leave_one_out():
    model = pw.RandomEffects(NORMAL, HALF)
    found = az.loo(pw.fit(BCG, model, pw.Exact(draws=4000)).to_datatree(), var_name="y", pointwise=True)
    exact = pw.checks.leave_one_out(BCG, model).frame["log_density"].to_numpy()
    assert float(found.pareto_k.max()) < 0.7  # above, it would not be trusted
    np.testing.assert_allclose(found.elpd_i.values, exact, atol=0.05)  # of 16,000 draws, re-weighted


ASSINK = pw.datasets.load("assink2016")
NAMED = {
    "random effects": (BCG, pw.RandomEffects(NORMAL, HALF)),
    "meta-regression": (BCG, pw.MetaRegression(["ablat"], tau=HALF)),
    "location-scale": (BCG, pw.LocationScale(["ablat"], tau=HALF)),
    "three-level": (ASSINK, pw.ThreeLevel(mu=NORMAL, tau_between=HALF, tau_within=HALF)),
}


@pytest.mark.parametrize("name", NAMED)
def test_arviz_summarises_the_very_names_of_the_result(name):
    result = pw.fit(*NAMED[name], pw.Exact(draws=2000, chains=2))
    tree = result.to_datatree()
    told = az.summary(tree, ci_prob=0.95, ci_kind="eti").index
    assert {one for one in told if not one.startswith("theta[")} == set(result)
    for one in set(result) & set(tree["posterior"].data_vars):
        draws = tree["posterior"][one]
        share = float((draws <= result[one].point).mean())
        assert abs(share - 0.5) < FAR * 0.5 / math.sqrt(draws.size), one


def test_the_coefficients_of_log_tau_have_a_dimension():
    tree = pw.fit(*NAMED["location-scale"], pw.Exact(draws=10, chains=1)).to_datatree()
    for group in ("posterior", "log_prior"):
        assert tree[group]["gamma"].dims == ("chain", "draw", "scale_coefficient")
        assert tree[group]["scale_coefficient"].values.tolist() == ["ablat"]


@pytest.mark.parametrize("heterogeneity", ["separate", "exchangeable"])
def test_the_variance_of_each_subgroup_is_the_square_of_its_tau(heterogeneity):
    posterior = fitted(heterogeneity).to_datatree()["posterior"]
    assert posterior["tau2"].dims == ("chain", "draw", "subgroup")
    np.testing.assert_allclose(posterior["tau2"], posterior["tau"] ** 2, rtol=1e-14)
