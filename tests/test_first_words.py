"""What a new user meets first: defaults, what objects print, and messages for what was meant otherwise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.stats

import poolwise as pw
from poolwise.errors import InputError, ModelError, PoolwiseError


@pytest.fixture(scope="module")
def bcg() -> pw.Effects:
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def exact(bcg):
    return pw.fit(bcg)


@pytest.fixture(scope="module")
def slope(bcg):
    return pw.fit(bcg, pw.MetaRegression("~ ablat"), pw.ClosedForm())


# ---- defaults and arguments ----------------------------------------------------------------------------


def test_a_table_alone_is_answered_by_random_effects_and_quadrature(bcg, exact):
    told = pw.fit(bcg, pw.RandomEffects(), pw.Exact())
    assert exact["mu"].interval() == told["mu"].interval()
    assert pw.fit(bcg, pw.CommonEffect()).engine == pw.Exact()


def test_a_scale_without_default_priors_says_what_to_do():
    table = pw.Effects([1.0, 2.0, 3.0, 2.0, 1.0], se=[1.0] * 5, scale="MD", study=list("abcde"))
    with pytest.raises(ModelError, match=r"'MD' has no default.*HalfNormal\(s\).*ClosedForm\(\)\), which needs no"):
        pw.fit(table)
    assert pw.fit(table, engine=pw.ClosedForm())["mu"].point == pytest.approx(1.8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda e: (e, pw.Exact()), r"fit was given Exact\(.*RandomEffects\(\), Exact\(\)\)"),
        (lambda e: (e, pw.Exact(), pw.RandomEffects()), "first the model, then the engine"),
        (lambda e: (e, pw.RandomEffects, pw.Exact()), r"the class RandomEffects.*Try: RandomEffects\(\)"),
        (lambda e: (e, pw.MetaRegression, pw.Exact()), r"Try: MetaRegression\(\.\.\.\)"),
        (lambda e: (e, pw.RandomEffects(), pw.Exact), r"the class Exact as its engine.*Exact\(\)"),
        (lambda e: (e.to_frame(),), r"DataFrame as its table.*from_frame"),
        (lambda e: (pw.RandomEffects(), e), "RandomEffects as its table.*in this order"),
        (lambda e: (e, "~ ablat"), r"MetaRegression\('~ ablat'\)"),
        (lambda e: (e, "random-effects"), "did you mean 'RandomEffects'"),
        (lambda e: (e, pw.RandomEffects(), "REML"), r"ClosedForm\(tau2='REML'\)"),
        (lambda e: (e, pw.RandomEffects(), "nuts"), "did you mean 'NUTS'"),
    ],
)
def test_arguments_in_another_place_or_form_are_recognised(bcg, arguments, words):
    with pytest.raises(ModelError, match=words):
        pw.fit(*arguments(bcg))


# ---- what is printed -----------------------------------------------------------------------------------


def test_a_quantity_prints_point_interval_kind_and_test(bcg, exact, slope):
    reml = pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm())
    said = "<Estimate: −0.715, 95 % confidence (Hartung-Knapp ad hoc) [−1.108, −0.321]; t = −3.95 on 12 df, p = 0.002>"
    assert repr(reml["mu"]) == said
    assert repr(reml["Q"]) == "<Estimate: 152.233; chi-square on 12 df, p < 0.001>"
    assert repr(slope["QM"]) == "<Estimate: 12.591; F on 1 and 11 df, p = 0.005>"
    assert repr(exact["tau"]) == "<Posterior: median 0.594, 95 % credible (equal-tailed) [0.360, 1.030]>"


def test_a_regression_prints_its_coefficients_in_one_line(slope):
    assert "β[ablat] = −0.029 [−0.047, −0.011]" in repr(slope)


def test_tests_stand_at_the_end_of_the_summary_and_posteriors_have_none(bcg, exact, slope):
    row = pw.summary(slope).set_index("quantity")
    assert list(row.columns[-4:]) == ["statistic", "df", "residual_df", "p"]
    assert row.loc["QM", ["df", "residual_df"]].tolist() == [1.0, 11.0]
    # metafor: rma(yi ~ ablat, vi, test="knha") on dat.bcg, QE(df = 11) = 30.7331, p-val = 0.0012
    assert row.loc["QE", "p"] == pytest.approx(0.0012, abs=5e-5)
    assert row.loc["QM", "statistic"] == pytest.approx(row.loc["beta[ablat]", "statistic"] ** 2)
    assert pw.compare(exact)[["statistic", "df", "p"]].isna().all(axis=None)


def test_each_sentence_once_for_each_line():
    two = pw.Effects([0.1, 0.2, 0.3, 0.4], se=[0.1] * 4, study=list("aabb"), outcome=list("xyxy"), scale="SMD")
    for action in ("always", "default"):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter(action)
            pw.bayes_factor(pw.fit(two), pw.fit(two, pw.CommonEffect()))
        said = [str(one.message) for one in heard]
        assert len(said) == len(set(said)) >= 1


@pytest.mark.parametrize("draw", ["forest", "bubble"])
def test_captions_keep_the_letters_of_a_column(draw):
    moderators = {"HbA1c level": [6.1, 7.0, 8.2, 7.5, 6.6, 9.0]}
    table = pw.Effects([0.1, 0.3, 0.5, 0.4, 0.2, 0.6], se=[0.1] * 6, study=list("abcdef"), moderators=moderators)
    result = pw.fit(table, pw.MetaRegression(["HbA1c level"]), pw.ClosedForm())
    axes = getattr(pw.plot, draw)(result)
    words = [text.get_text() for text in axes.get_figure().findobj(lambda one: hasattr(one, "get_text"))]
    words += [pw.plot.forest_caption(result)] if draw == "forest" else []
    assert "Meta-regression ~ HbA1c level" in " ".join(" ".join(words).split())
    assert not any("hba1c" in text for text in words)
    pw.plot.close(axes)


# ---- what was meant ------------------------------------------------------------------------------------

ELSEWHERE = [
    ("interval", "HK", "hartung-knapp"),
    ("interval", "knha", "hartung-knapp"),
    ("interval", "hksj", "hartung-knapp"),
    ("interval", "adhoc", "hartung-knapp-adhoc"),
    ("interval", "Hartung_Knapp", "hartung-knapp"),
    ("interval", "z", "wald"),
    ("tau2", "reml", "REML"),
    ("tau2", "paule-mandel", "PM"),
    ("tau2", "DerSimonian-Laird", "DL"),
    ("tau2", "hedges", "HE"),
    ("prediction", "HTS", "riley"),
]


@pytest.mark.parametrize(("option", "word", "meant"), ELSEWHERE)
def test_options_are_known_by_their_names_elsewhere(option, word, meant):
    with pytest.raises(ModelError, match=f"{option}='{word}' is unknown.*did you mean '{meant}'"):
        pw.ClosedForm(**{option: word})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pw.Exact(kind="HDI"), "did you mean 'shortest'"),
        (lambda: pw.Subgroups("g", heterogeneity="seperate"), "did you mean 'separate'"),
        (lambda: pw.NUTS(sampler="Nutpie"), "did you mean 'nutpie'"),
        (lambda: pw.MetaRegression("~ x", missing="impute"), "did you mean 'model'"),
        (lambda: pw.BinomialNormal(baseline="exchangable"), "did you mean 'exchangeable'"),
        (lambda: pw.ClosedForm(tau2="FE"), r"CommonEffect\(\)"),
        (lambda: pw.RandomEffects(tau="HalfNormal(0.5)"), r"priors.HalfNormal\(0.5\), an object and not"),
        (lambda: pw.RandomEffects(tau=pw.priors.HalfNormal), "HalfNormal with its parameters"),
        (lambda: pw.RandomEffects(tau=scipy.stats.halfnorm(scale=0.5)), r"halfnorm\(scale=0.5\).*from_distribution"),
        (lambda: pw.CommonEffect(mu=scipy.stats.norm), "from_distribution.*with its parameters"),
        (lambda: pw.BinomialNormal(measure="OR"), "did you mean 'log OR'"),
        (lambda: pw.CrossedEffects(3), "names of columns"),
        (lambda: pw.MetaRegression("~ x", errors=["x"]), "errors={'dose': 'dose_se'}"),
        (lambda: pw.MetaRegression(3), "a formula or the names of columns"),
    ],
)
def test_what_was_meant_is_offered(make, words):
    with pytest.raises(ModelError, match=words):
        make()


def test_predictions_outside_a_spline_name_row_and_range(bcg):
    spline = pw.fit(bcg, pw.MetaRegression("~ bs(ablat, df=4)"), pw.ClosedForm())
    with pytest.raises(InputError, match=r"row\(s\) 2 \(ablat = 70.0\).*bs\(ablat, df=4\) at 13 to 55"):
        pw.predict(spline, {"ablat": [20, 70]})
    with pytest.raises(InputError, match="the values of the moderators are int"):
        pw.predict(spline, 20)


WEIGHTS = [None, ["beta[ablat]"], "beta[ablat]", {"beta[ablat]": "1"}, {"beta[ablat]": np.nan}]
PICTURES = ["forest", "bubble", "prior_panel", "prior_predictive", "prior_surface", "ranges", "ranks"]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_contrast_takes_numbers_by_name(slope, weights):
    with pytest.raises(ModelError, match=r"weights by name|a finite number"):
        slope.contrast(weights)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("other", [42, None, pw.Result, [1]], ids=str)
def test_pictures_of_something_else_are_refused_by_name(name, other):
    with pytest.raises(PoolwiseError, match=f"plot.{name} was given"):
        getattr(pw.plot, name)(other)


def test_draws_in_place_of_a_result_are_recognised(exact):
    with pytest.raises(InputError, match=r"plot.forest was given DataTree.*the Result itself"):
        pw.plot.forest(exact.to_datatree())
    with pytest.raises(InputError, match=r"compare\(\*results\)"):
        pw.compare([exact, exact])
    with pytest.raises(AttributeError, match=r"result\['mu'\]"):
        exact.mu  # noqa: B018
