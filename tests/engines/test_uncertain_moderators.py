"""Moderators that are missing or measured with error are unknowns of the model."""

import warnings

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import checks, priors

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
HALF = priors.HalfNormal(0.5)
BETA = {"intercept": priors.Normal(0, 1), "lat": priors.Normal(0, 1)}
MODEL = pw.MetaRegression("~ lat", beta=BETA, tau=HALF, missing="model")
KNOWN = pw.MetaRegression("~ lat", beta=BETA, tau=HALF)
SETTINGS = pw.NUTS(draws=1000, tune=1000, chains=4, seed=20)
GONE = 3
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def table(value=np.nan, **columns):
    bcg = pw.datasets.load("bcg")
    latitude = (bcg.moderators["ablat"].to_numpy(dtype=float) - 33.0) / 10.0
    latitude[GONE] = value
    return pw.Effects(bcg.y, se=bcg.se, study=bcg.study, moderators={"lat": latitude} | columns, scale="log RR")


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.fit(table(), MODEL, SETTINGS)


def by_quadrature():
    """Posterior means over the missing value, its law integrated over m and s, the exact engine at each value."""
    seen = np.delete(table().moderators["lat"].to_numpy(), GONE)
    centre, unit = seen.mean(), seen.std(ddof=1)
    m, s = np.meshgrid(np.linspace(-2, 2, 201), np.linspace(0.3, 3.5, 321), indexing="ij")
    z = (seen - centre) / unit
    log = stats.norm(0, 1).logpdf(m) + stats.halfnorm(scale=2).logpdf(s) - len(z) * np.log(s)
    log -= 0.5 * ((z - m[..., None]) ** 2).sum(axis=-1) / s**2
    share = np.exp(log - log.max())
    grid = np.linspace(-5.0, 5.0, 61)
    law = np.array([(share * stats.norm(m, s).pdf(value)).sum() for value in grid])
    fits = [pw.fit(table(centre + unit * value), KNOWN, pw.Exact()) for value in grid]
    evidence = np.array([fit.log_evidence for fit in fits])
    weight = law * np.exp(evidence - evidence.max())
    weight /= weight.sum()
    found = {name: weight @ [fit[name].mean for fit in fits] for name in ("beta[intercept]", "beta[lat]", "tau")}
    less = pw.fit(table(centre).drop(study=table().study[GONE]), KNOWN, pw.Exact()).log_evidence
    density = np.log(law / law.sum() @ np.exp(evidence - less))
    return found, weight @ (centre + unit * grid), np.sqrt(weight @ grid**2 - (weight @ grid) ** 2) * unit, density


@pytest.mark.agreement_long
def test_one_missing_value_agrees_with_the_exact_engine_averaged_over_it(fitted):
    expected, value, sd, _ = by_quadrature()
    numbers = fitted.report.diagnostics
    assert fitted.report.status == "ok"
    assert numbers["divergences"] == 0
    for name, mean in expected.items():
        assert abs(fitted[name].mean - mean) < MCSE * numbers[f"mcse_mean_{name}"], name
    missing = fitted["lat[Hart & Sutherland 1977]"]
    assert missing.mean == pytest.approx(value, abs=MCSE * sd / np.sqrt(2000))
    assert missing.sd == pytest.approx(sd, rel=MCSE / np.sqrt(2 * 2000))


@pytest.mark.agreement_long
def test_predictions_and_trees_work_as_with_known_values(fitted):
    predicted = pw.predict(fitted, {"lat": [0.0, 1.0]})
    assert predicted["point"].iloc[0] == pytest.approx(fitted["beta[intercept]"].point)
    tree = fitted.to_datatree()
    assert tree["log_likelihood"]["y"].sizes["study"] == 13
    assert np.isfinite(tree["posterior_predictive"]["y"].values).all()


@pytest.mark.agreement_long
def test_checks_take_uncertain_numbers_as_the_model_has_them_or_say_why_not(fitted):
    by_importance = checks.loo(fitted, refit_above=None).frame
    refitted = checks.loo(fitted, refit_above=-10.0).frame
    calm = (by_importance["pareto_k"] < 0.4).to_numpy()
    error = np.hypot(by_importance["mcse"], refitted["mcse"])[calm] + 0.005
    assert (np.abs(by_importance["elpd"] - refitted["elpd"])[calm] < MCSE * error).all()
    assert abs(refitted["elpd"][GONE] - by_quadrature()[3]) < MCSE * (refitted["mcse"][GONE] + 0.002)
    with pytest.raises(pw.PoolwiseError, match="no study can be left out where lat is missing"):
        checks.leave_one_out(fitted)
    with pytest.raises(pw.PoolwiseError, match="priors on lat that are made of the observed values"):
        checks.prior_predictive(fitted)


@pytest.mark.slow
def test_errors_that_are_all_but_0_change_nothing():
    effects = table(4.4, error=np.full(13, 1e-6))
    model = pw.MetaRegression("~ lat", beta=BETA, tau=HALF, errors={"lat": "error"})
    sampled = pw.fit(effects, model, SETTINGS)
    exact = pw.fit(effects, pw.MetaRegression("~ lat", beta=BETA, tau=HALF), pw.Exact())
    for name in ("beta[intercept]", "beta[lat]", "tau"):
        assert abs(sampled[name].mean - exact[name].mean) < MCSE * sampled.report.diagnostics[f"mcse_mean_{name}"]


def test_missing_values_are_an_error_that_names_the_way_out():
    with pytest.raises(pw.PoolwiseError, match=r"missing='model'"):
        pw.fit(table(), pw.MetaRegression("~ lat", tau=HALF), pw.NUTS())


@pytest.mark.parametrize(
    ("model", "engine", "said"),
    [
        (MODEL, pw.Exact(), r"NUTS\(\)"),
        (MODEL, pw.ClosedForm(), r"NUTS\(\)"),
        (pw.MetaRegression("~ I(lat**2)", tau=HALF, missing="model"), pw.NUTS(), "not linear in lat"),
        (pw.MetaRegression("~ lat + word", tau=HALF, missing="model"), pw.NUTS(), "made of words"),
        (pw.MetaRegression("~ lat", tau=HALF, missing="model", errors={"lat": "eror"}), pw.NUTS(), "did you mean"),
        (pw.MetaRegression("~ lat", tau=HALF, missing="model", errors={"lt": "error"}), pw.NUTS(), "a moderator of"),
    ],
)
def test_what_cannot_be_modelled_is_refused_with_words(model, engine, said):
    words = ["a", "b", None, *"ababababab"]
    with pytest.raises(pw.PoolwiseError, match=said):
        pw.fit(table(word=words, error=np.full(13, 0.1)), model, engine)


def test_a_known_moderator_may_multiply_an_uncertain_one():
    effects = table(other=np.tile([0.0, 1.0], 7)[:13])
    found = pw.MetaRegression("~ lat * other", tau=HALF, missing="model").uncertain(effects)
    names = found.design.names
    assert found.names == ("lat",)
    at = found.slopes[:, 0, names.index("lat:other")]
    assert at == pytest.approx(effects.moderators["other"].to_numpy() * found.unit[0])
