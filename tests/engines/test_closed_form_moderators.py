"""Meta-regression and subgroups in closed form: against metafor, against matrices, and what they refuse."""

import json
import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import InputError, MissingQuantityError, ModelError
from support.matrices import Matrices

FIGURES = json.loads((pathlib.Path(__file__).parents[1] / "reference" / "moderators_metafor_5.json").read_text())
METAFOR = 1e-9  # relative; both sides stop at 1e-11 or less, and a limit near 0 has lost two more digits
INTERVALS = {"z": "wald", "knha": "hartung-knapp"}


def table(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.datasets.load(name)


def quietly(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return make()


def fitted(name, moderators, estimator, interval):
    model = pw.MetaRegression(moderators, tau_fixed=0.0 if estimator == "FE" else None)
    prediction = "z" if interval == "z" else "t"
    engine = pw.ClosedForm(0.0 if estimator == "FE" else estimator, INTERVALS[interval], prediction)
    return quietly(lambda: pw.fit(table(name), model, engine))


ROWS = [(name, key) for name in ("bcg", "raudenbush1985") for key in FIGURES[name]["metareg"] if "noint" not in key]


@pytest.mark.parametrize(("name", "key"), ROWS)
def test_a_meta_regression_is_metafors(name, key):
    theirs, about = FIGURES[name]["metareg"][key], FIGURES[name]
    which, estimator, interval = key.split("_")
    columns = {
        "cont": [about["continuous"]],
        "cat": [about["categorical"]],
        "both": [about["continuous"], about["categorical"]],
    }
    ours = fitted(name, columns[which], estimator, interval)
    beta = [ours[f"beta[{name}]"] for name in ours.design.names]
    np.testing.assert_allclose([one.point for one in beta], theirs["beta"], rtol=METAFOR)
    np.testing.assert_allclose([one.sd for one in beta], theirs["se"], rtol=METAFOR)
    np.testing.assert_allclose(
        [one.interval() for one in beta], np.transpose([theirs["ci_lb"], theirs["ci_ub"]]), rtol=METAFOR
    )
    np.testing.assert_allclose([one.p_value for one in beta], theirs["pval"], rtol=METAFOR)
    assert ours["QE"].point == pytest.approx(theirs["Q"], rel=METAFOR)
    assert ours["QE"].p_value == pytest.approx(theirs["Q_p"], rel=METAFOR)
    assert ours["QM"].point == pytest.approx(theirs["QM"], rel=METAFOR)
    assert ours["QM"].p_value == pytest.approx(theirs["QMp"], rel=METAFOR)
    if estimator == "FE":
        return
    assert ours["tau2"].point == pytest.approx(theirs["tau2"], rel=METAFOR)
    assert ours["tau2"].sd == pytest.approx(theirs["se_tau2"], rel=METAFOR)
    assert ours["I2"].point == pytest.approx(theirs["I2"] / 100, rel=METAFOR)
    assert ours["R2"].point == pytest.approx(theirs["R2"] / 100, rel=METAFOR)
    predicted = pw.predict(ours, ours.effects.moderators[columns[which]])
    np.testing.assert_allclose(predicted["point"], theirs["fitted"], rtol=METAFOR)
    np.testing.assert_allclose(predicted["new_lower"], theirs["pi_lb"], rtol=METAFOR)
    np.testing.assert_allclose(predicted["new_upper"], theirs["pi_ub"], rtol=METAFOR)


@pytest.mark.parametrize("name", ["bcg", "raudenbush1985"])
@pytest.mark.parametrize("interval", ["z", "knha"])
def test_subgroups_with_a_common_tau_are_metafors_regression_without_intercept(name, interval):
    theirs = FIGURES[name]["metareg"][f"cat_noint_REML_{interval}"]
    model = pw.Subgroups(FIGURES[name]["categorical"])
    ours = quietly(lambda: pw.fit(table(name), model, pw.ClosedForm(interval=INTERVALS[interval])))
    means = [one for key, one in ours.quantities.items() if key.startswith("mu[") and " - " not in key]
    np.testing.assert_allclose([one.point for one in means], theirs["beta"], rtol=METAFOR)
    np.testing.assert_allclose([one.sd for one in means], theirs["se"], rtol=METAFOR)
    same = FIGURES[name]["metareg"][f"cat_REML_{interval}"]
    assert ours["Q_between"].point == pytest.approx(same["QM"], rel=METAFOR)
    assert ours["Q_between"].p_value == pytest.approx(same["QMp"], rel=METAFOR)
    contrasts = [one for key, one in ours.quantities.items() if " - " in key]
    np.testing.assert_allclose([one.point for one in contrasts], same["beta"][1:], rtol=METAFOR)
    np.testing.assert_allclose([one.interval()[0] for one in contrasts], same["ci_lb"][1:], rtol=METAFOR)


@pytest.mark.parametrize("name", ["bcg", "raudenbush1985"])
def test_separate_subgroups_are_metafors_fits_of_each(name):
    by = FIGURES[name]["categorical"]
    model = pw.Subgroups(by, heterogeneity="separate")
    ours = quietly(lambda: pw.fit(table(name), model, pw.ClosedForm(interval="wald")))
    for level, theirs in FIGURES[name]["subgroup"].items():
        assert ours[f"mu[{level}]"].point == pytest.approx(theirs["beta"][0], rel=METAFOR)
        assert ours[f"mu[{level}]"].interval()[1] == pytest.approx(theirs["ci_ub"][0], rel=METAFOR)
        assert ours[f"tau2[{level}]"].point == pytest.approx(theirs["tau2"], rel=METAFOR)
        assert ours[f"Q[{level}]"].p_value == pytest.approx(theirs["Q_p"], rel=METAFOR)


def test_between_separate_subgroups_satterthwaite_counts_the_degrees_of_freedom():
    ours = quietly(lambda: pw.fit(table("bcg"), pw.Subgroups("alloc", heterogeneity="separate"), pw.ClosedForm()))
    difference = ours.contrast({"mu[systematic]": 1, "mu[random]": -1})
    a, b = ours["mu[systematic]"], ours["mu[random]"]
    df = (a.sd**2 + b.sd**2) ** 2 / (a.sd**4 / 3 + b.sd**4 / 6)
    assert difference.df == pytest.approx(df, rel=1e-12)
    assert "Satterthwaite" in difference.kind
    assert difference.sd == pytest.approx(np.hypot(a.sd, b.sd), rel=1e-12)


def test_a_contrast_is_matrix_algebra():
    effects = table("bcg")
    X = np.column_stack([np.ones(13), effects.moderators["ablat"].to_numpy(float)])
    result = fitted("bcg", ["ablat"], "REML", "z")
    matrices = Matrices(effects.y, effects.v, X, result["tau2"].point)
    c = np.array([1.0, 30.0])
    contrast = result.contrast({"beta[intercept]": 1.0, "beta[ablat]": 30.0})
    assert contrast.point == pytest.approx(c @ matrices.beta, rel=1e-10)
    assert contrast.sd == pytest.approx(np.sqrt(c @ matrices.cov @ c), rel=1e-10)


def test_blups_shrink_to_the_fitted_means():
    effects = table("bcg")
    result = fitted("bcg", ["ablat"], "REML", "z")
    tau2 = result["tau2"].point
    means = pw.predict(result, effects.moderators[["ablat"]])["point"].to_numpy()
    share = tau2 / (tau2 + effects.v)
    blups = [result.studies[label].point for label in effects.labels]
    np.testing.assert_allclose(blups, share * effects.y + (1 - share) * means, rtol=1e-10)
    assert sum(result.weights.values()) == pytest.approx(1.0)


ALIKE = pw.Effects(
    [0.30, 0.31, 0.29, 0.305, 0.30, 0.31],
    se=[0.2] * 6,
    study=list("abcdef"),
    moderators={"x": [1.0, 2.0, 4.0, 3.0, 6.0, 5.0], "g": list("uuuvvv")},
)
MODELS = [pw.MetaRegression("~ x"), pw.Subgroups("g"), pw.Subgroups("g", heterogeneity="separate")]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
def test_coefficients_groups_and_contrasts_have_the_floor(model):
    floored, wald = (pw.fit(ALIKE, model, pw.ClosedForm(interval=name)) for name in (None, "wald"))
    for name in floored.combinations:
        assert floored[name].sd == pytest.approx(wald[name].sd, rel=1e-12), name  # the factor is 1, never below
        assert floored[name].interval()[1] > wald[name].interval()[1]
    with pytest.warns(pw.PoolwiseWarning, match="narrower than Wald's") as said:
        narrow = pw.fit(ALIKE, model, pw.ClosedForm(interval="hartung-knapp"))
    assert narrow.report.status == "narrower_than_wald"
    assert all(name in str(said[0].message) and narrow[name].wider is not None for name in narrow.combinations)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
def test_estimates_that_are_all_the_same_have_no_omnibus_test_without_the_floor(model):
    same = pw.Effects([0.3] * 6, se=ALIKE.se, study=ALIKE.study, moderators=ALIKE.moderators)
    result = quietly(lambda: pw.fit(same, model, pw.ClosedForm(interval="hartung-knapp")))
    omnibus = next(result[name] for name in ("QM", "Q_between") if name in result)
    assert np.isnan(omnibus.point)
    assert np.isfinite([pw.fit(same, model, pw.ClosedForm())[name].sd for name in result.combinations]).all()


def test_what_cannot_be_fitted_is_said():
    bcg = table("bcg")
    with pytest.raises(ModelError, match="exchangeable tau has no closed form"):
        pw.fit(bcg, pw.Subgroups("alloc", heterogeneity="exchangeable"), pw.ClosedForm())
    with pytest.raises(MissingQuantityError, match="did you mean 'beta\\[ablat\\]'"):
        fitted("bcg", ["ablat"], "REML", "z").contrast({"beta[ablatt]": 1.0})
    with pytest.raises(MissingQuantityError, match="no single mean effect"):
        fitted("bcg", ["ablat"], "REML", "z")["mu"]
    with pytest.raises(MissingQuantityError, match="has no moderators to predict from"):
        pw.predict(pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm()), {"ablat": 10})
    with pytest.raises(InputError, match="no study has alloc = rondom"):
        pw.predict(fitted("bcg", ["alloc"], "REML", "z"), {"alloc": ["rondom"]})
    with pytest.raises(InputError, match="no values for the moderator 'ablat'"):
        pw.predict(fitted("bcg", ["ablat"], "REML", "z"), {"alloc": ["random"]})


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ({"ablat": [], "alloc": []}, "no values of the moderators"),
        ({"ablat": [1.0, np.inf], "alloc": "random"}, "'ablat' is infinite in row\\(s\\) 2"),
        ({"ablat": [1.0, 2.0, 3.0], "alloc": ["random", "random"]}, "different numbers of values: ablat 3, alloc 2"),
        ({"ablat": [[1.0]], "alloc": "random"}, "more than one dimension"),
    ],
)
def test_predictions_at_values_that_are_none_stop(at, words):
    with pytest.raises(InputError, match=words):
        pw.predict(fitted("bcg", ["ablat", "alloc"], "REML", "z"), at)


def test_single_values_of_a_moderator_are_repeated():
    result = fitted("bcg", ["ablat", "alloc"], "REML", "z")
    rows = pw.predict(result, {"ablat": [10, 50], "alloc": "random"})
    pd.testing.assert_frame_equal(rows, pw.predict(result, {"ablat": [10, 50], "alloc": ["random"] * 2}))


def test_a_model_with_a_prior_on_some_coefficients_has_its_closed_form():
    model = pw.MetaRegression(["ablat"], beta={"ablat": pw.priors.Normal(0, 0.1)})
    plain = fitted("bcg", ["ablat"], "REML", "knha")
    assert pw.fit(table("bcg"), model, pw.ClosedForm())["beta[ablat]"].point == plain["beta[ablat]"].point
    with pytest.raises(ModelError, match="did you mean 'ablat'"):
        pw.fit(table("bcg"), pw.MetaRegression(["ablat"], beta={"ablatt": pw.priors.Flat()}), pw.ClosedForm())


@pytest.mark.parametrize("engine", [pw.ClosedForm(), pw.Exact()], ids=lambda engine: engine.label)
def test_subgroups_and_formulas_without_columns_stop_by_every_engine(engine):
    with pytest.raises(InputError, match="did you mean 'alloc'"):
        pw.fit(table("bcg"), pw.Subgroups("aloc"), engine)
    with pytest.raises(ModelError, match="the moderator 'ablat' is numeric"):
        pw.fit(table("bcg"), pw.Subgroups("ablat", heterogeneity="separate"), engine)
    with pytest.raises(ModelError, match="has no coefficient"):
        pw.fit(table("bcg"), pw.MetaRegression("~ 0"), engine)


def test_a_subgroup_of_one_study_has_no_tau_of_its_own():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        effects = pw.Effects([0.1, 0.4, 0.3, 0.5], se=[0.1] * 4, moderators=pd.DataFrame({"g": ["a", "a", "a", "b"]}))
        with pytest.raises(ModelError, match="the subgroup 'b' has one study, 'study 4'"):
            pw.fit(effects, pw.Subgroups("g", heterogeneity="separate"), pw.ClosedForm())
        assert pw.fit(effects, pw.Subgroups("g"), pw.ClosedForm())["mu[b]"].point == pytest.approx(0.5)
