"""Models of moderators, groups and levels: NUTS says what the exact engine says."""

import warnings

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.engines.nuts import plans

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
STUDY_ESS = 800  # theta is drawn from its exact law given parameters with at least this effective sample size
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
SETTINGS = pw.NUTS(draws=2000, tune=1000, chains=4, seed=20)
SLOPE = {"intercept": UNIT, "ablat": priors.Normal(0, 0.1)}
QUESTIONS = {
    "slope": ("bcg", pw.MetaRegression("~ ablat", beta=SLOPE, tau=HALF)),
    "flat coefficients, year not centred": ("bcg", pw.MetaRegression("~ alloc + year", tau=HALF)),
    "t coefficient": ("raudenbush1985", pw.MetaRegression("~ weeks", beta={"weeks": priors.StudentT(4, 0, 0.1)})),
    "words times numbers": ("bcg", pw.MetaRegression("~ ablat * alloc", tau=HALF)),
    "numbers times numbers": ("bcg", pw.MetaRegression("~ ablat * year", tau=HALF)),
    "known tau": ("bcg", pw.MetaRegression("~ ablat", tau_fixed=0.2)),
    "common tau": ("bcg", pw.Subgroups("alloc", UNIT, HALF)),
    "separate taus": ("bcg", pw.Subgroups("alloc", UNIT, HALF, "separate")),
    "exchangeable taus": ("bcg", pw.Subgroups("alloc", UNIT, HALF, "exchangeable")),
    "location and scale": ("bcg", pw.LocationScale("~ ablat", "~ ablat", tau=HALF)),
    "joint outcomes": ("working_alliance", pw.JointOutcomes()),
    "joint outcomes, flat mean": ("working_alliance", pw.JointOutcomes(mu=priors.Flat())),
    "three levels": ("assink2016", pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF)),
    "moderators of correlated errors": (
        "assink2016",
        pw.ThreeLevel(tau_between=HALF, tau_within=HALF, rho=0.6, moderators=["deltype", "year"]),
    ),
    "correlated errors": ("assink2016", pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF, rho=0.6)),
}
LONG = (  # another compiled model each, on the road of one of the others
    "flat coefficients, year not centred",
    "numbers times numbers",
    "joint outcomes, flat mean",
    "moderators of correlated errors",
)
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.agreement_long] if name in LONG else []) for name in QUESTIONS],
)
def both(request):
    data, model = QUESTIONS[request.param]
    effects = pw.datasets.load(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.fit(effects, model, pw.Exact()), pw.fit(effects, model, SETTINGS)


@pytest.mark.slow
def test_sampled_parameters_are_within_their_monte_carlo_error(both):
    exact, nuts = both
    numbers = nuts.report.diagnostics
    assert nuts.report.status == exact.report.status
    assert numbers["divergences"] == 0
    watched = [name.removeprefix("ess_bulk_") for name in numbers if name.startswith("ess_bulk_")]
    assert watched
    for name in watched:
        if np.isfinite(exact[name].mean):
            assert abs(nuts[name].mean - exact[name].mean) < MCSE * numbers[f"mcse_mean_{name}"], name
        for limit, key in ((0.025, "q2.5"), (0.975, "q97.5")):
            assert abs(nuts[name].ppf(limit) - exact[name].ppf(limit)) < MCSE * numbers[f"mcse_{key}_{name}"], name


@pytest.mark.slow
def test_names_studies_and_weights_are_the_same(both):
    exact, nuts = both
    assert set(exact) == set(nuts)
    assert np.isnan([q.sd for q in map(exact.__getitem__, exact)]).tolist() == [np.isnan(nuts[n].sd) for n in exact]
    for study in exact.studies:
        mine, other = nuts.studies[study], exact.studies[study]
        assert abs(mine.mean - other.mean) < MCSE * other.sd / np.sqrt(STUDY_ESS), study
        assert mine.sd == pytest.approx(other.sd, rel=MCSE / np.sqrt(STUDY_ESS))
    np.testing.assert_allclose(list(nuts.weights.values()), list(exact.weights.values()), atol=0.01)


@pytest.mark.slow
def test_trees_have_the_same_variables(both):
    exact, nuts = (result.to_datatree() for result in both)
    assert set(nuts.children) == {*exact.children, "sample_stats"}
    for group in exact.children:
        assert set(nuts[group].data_vars) == set(exact[group].data_vars), group
        for name in exact[group].data_vars:
            assert nuts[group][name].dims == exact[group][name].dims, name


def test_a_contrast_and_a_prediction_come_from_the_draws():
    effects = pw.datasets.load("bcg")
    model = pw.MetaRegression("~ ablat", beta=SLOPE, tau=HALF)
    exact, nuts = pw.fit(effects, model, pw.Exact()), pw.fit(effects, model, SETTINGS)
    at = {"beta[intercept]": 1.0, "beta[ablat]": 30.0}
    assert nuts.contrast(at).point == pytest.approx(exact.contrast(at).point, abs=0.1 * exact.contrast(at).sd)
    ours, theirs = (pw.predict(result, at={"ablat": [20.0, 50.0]}) for result in (nuts, exact))
    assert list(ours.columns) == list(theirs.columns)


def test_the_same_seed_gives_the_same_draws_after_other_data():
    effects = pw.datasets.load("bcg")
    model = pw.Subgroups("alloc", UNIT, HALF)
    quick = pw.NUTS(draws=100, tune=100, chains=2, seed=3)
    first = pw.fit(effects, model, quick)["tau"].sample(20, 1)
    pw.fit(effects.drop(study=effects.labels[0]), model, quick)
    assert (pw.fit(effects, model, quick)["tau"].sample(20, 1) == first).all()


def test_a_model_of_levels_is_compiled_once_for_any_number_of_clusters():
    effects = pw.datasets.load("assink2016")
    model, quick = pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF), pw.NUTS(draws=50, tune=50, chains=2)
    pw.fit(effects, model, quick)
    compiled = plans.compiled_models.cache_info().misses
    pw.fit(effects.drop(study=effects.labels[0]), model, quick)
    pw.fit(effects, pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=priors.HalfNormal(0.2), rho=0.5), quick)
    assert plans.compiled_models.cache_info().misses == compiled
