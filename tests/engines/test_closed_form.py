from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import poolwise as pw
from poolwise.closed_form.tau2 import ESTIMATORS, ITERATED
from poolwise.errors import MissingQuantityError, ModelError
from poolwise.quantities import Distribution, Quantity
from support.metafor import NAMES, figures

# metafor ran with thresholds of 1e-15 of the variances; what is left of the tolerance are limits near 0,
# differences of numbers a thousand times their size.
METAFOR = 1e-8
TINY = 1e-14  # for figures that are 0
PREDICTIONS = {
    "wald_z": ("wald", "z"),
    "wald_t": ("wald", "t"),
    "wald_riley": ("wald", "riley"),
    "knapp_t": ("hartung-knapp", "t"),
    "knapp_riley": ("hartung-knapp", "riley"),
}
RE = pw.RandomEffects()
pytestmark = pytest.mark.filterwarnings("ignore:.*stud(y|ies):poolwise.errors.PoolwiseWarning")


def close(theirs: float | None):
    return pytest.approx(math.nan if theirs is None else theirs, rel=METAFOR, abs=TINY, nan_ok=True)


def table(reference) -> pw.Effects:
    return pw.Effects(reference["y"], v=reference["v"], study=reference["study"])


def of(*y: float, se: float = 0.2) -> pw.Effects:
    return pw.Effects(y, se=[se] * len(y))


def check_mean(result, theirs):
    mu = result["mu"]
    lower, upper = mu.interval(0.95)
    ours = {
        "mu": mu.point,
        "se": mu.sd,
        "statistic": mu.statistic,
        "df": math.nan if math.isinf(mu.df) else mu.df,
        "p_value": mu.p_value,
        "lower": lower,
        "upper": upper,
    }
    for name, value in ours.items():
        assert value == close(theirs[name]), name


# ---- metafor -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["EE", *(name for name in ESTIMATORS if name not in ITERATED)])
@pytest.mark.parametrize("name", NAMES)
def test_every_estimator_and_interval_agrees_with_metafor(name, estimator):
    reference = figures(name)
    theirs = reference["fits"][estimator]
    effects, common = table(reference), estimator == "EE"
    for interval, mean in theirs["intervals"].items():
        engine = pw.ClosedForm(tau2="REML" if common else estimator, interval=interval)
        result = pw.fit(effects, pw.CommonEffect() if common else RE, engine)
        check_mean(result, mean)
    assert result["Q"].point == close(theirs["Q"])
    assert result["Q"].p_value == close(theirs["Q_p"])
    assert result["I2"].point == close(theirs["I2"])
    assert result["H2"].point == close(theirs["H2"])
    np.testing.assert_allclose(list(result.weights.values()), theirs["weights"], rtol=METAFOR)
    assert result.report.diagnostics["log_likelihood_ml"] == close(theirs["ll_ml"])
    assert result.report.diagnostics["log_likelihood_reml"] == close(theirs["ll_reml"])
    if not common:
        assert result["tau2"].point == close(theirs["tau2"])
        assert result["tau2"].sd == close(theirs["se_tau2"])


@pytest.mark.parametrize("name", NAMES)
def test_prediction_intervals_agree_with_metafor(name):
    reference = figures(name)
    for key, (interval, prediction) in PREDICTIONS.items():
        theirs, least = (reference["fits"]["REML"][kind] for kind in ("prediction", "intervals"))
        theirs, floor = theirs[key], least["hartung-knapp-adhoc" if interval == "hartung-knapp" else "wald"]
        result = pw.fit(table(reference), RE, pw.ClosedForm(interval=interval, prediction=prediction))
        lower, upper = result["theta_new"].interval(0.95)
        assert lower == close(min(theirs["lower"], floor["lower"])), key
        assert upper == close(max(theirs["upper"], floor["upper"])), key


@pytest.mark.parametrize("name", NAMES)
def test_q_profile_intervals_agree_with_metafor(name):
    reference = figures(name)
    result = pw.fit(table(reference), RE, pw.ClosedForm())
    for quantity, limits in reference["fits"]["REML"]["q_profile"].items():
        lower, upper = result[quantity].interval(0.95)
        assert lower == close(limits[0]), quantity
        assert upper == close(limits[1]), quantity
        assert result[quantity].kind == "confidence (Q-profile)"


@pytest.mark.parametrize("name", NAMES)
def test_shrunken_effects_agree_with_metafor(name):
    reference = figures(name)
    for interval, theirs in reference["fits"]["REML"]["blup"].items():
        result = pw.fit(table(reference), RE, pw.ClosedForm(interval=interval))
        limits = np.array([study.interval(0.95) for study in result.studies.values()])
        points = [study.point for study in result.studies.values()]
        np.testing.assert_allclose(points, theirs["theta"], rtol=METAFOR)
        np.testing.assert_allclose([s.sd for s in result.studies.values()], theirs["sd"], rtol=METAFOR)
        np.testing.assert_allclose(limits, np.column_stack([theirs["lower"], theirs["upper"]]), rtol=METAFOR)


def test_the_printed_figures_of_the_teacher_expectancy_data_are_reproduced():
    """As metafor's rma() prints them for dat.raudenbush1985 (Raudenbush & Bryk 1985, doi:10.3102/10769986010002075)."""
    result = pw.fit(table(figures("raudenbush1985")), RE, pw.ClosedForm(tau2="REML", interval="wald"))
    assert result["tau2"].point == pytest.approx(0.0188, abs=5e-5)
    assert result["mu"].point == pytest.approx(0.0837, abs=5e-5)
    assert result["Q"].point == pytest.approx(35.8295, abs=5e-5)


# ---- the shape of a result -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reml():
    return pw.fit(table(figures("bcg")), RE, pw.ClosedForm())


def test_a_random_effects_result_is_complete(reml):
    assert set(reml.quantities) == {"mu", "tau", "tau2", "theta_new", "I2", "H2", "Q"}
    assert list(reml.studies) == list(reml.weights) == figures("bcg")["study"]
    assert sum(reml.weights.values()) == pytest.approx(1.0, rel=1e-14)
    assert (reml.label, reml.engine_label, reml.prior) == ("REML, Hartung-Knapp ad hoc", "closed form", "none")
    assert reml.interval_kind == "confidence (Hartung-Knapp ad hoc)"
    assert reml.report.status == "ok"
    assert reml.report.data_hash == reml.effects.data_hash
    assert set(reml.report.versions) == {"poolwise", "numpy", "scipy"}
    assert reml.report.seconds > 0
    assert reml.report.diagnostics["local_maxima"] == 1
    assert reml["tau"].point ** 2 == pytest.approx(reml["tau2"].point, rel=1e-14)


def test_a_common_effect_result_is_complete():
    result = pw.fit(table(figures("bcg")), pw.CommonEffect(), pw.ClosedForm())
    assert set(result.quantities) == {"mu", "Q", "I2", "H2"}
    assert (result.label, result.interval_kind) == ("common effect, Wald", "confidence (Wald)")
    points = [study.point for study in result.studies.values()]
    np.testing.assert_allclose(points, result["mu"].point, rtol=1e-14)
    assert next(iter(result.studies.values())).interval() == pytest.approx(result["mu"].interval(), rel=1e-13)
    assert np.isnan(result["I2"].interval()).all()


def test_no_quantity_answers_probability_questions(reml):
    for quantity in (*reml.quantities.values(), *reml.studies.values()):
        assert isinstance(quantity, Quantity)
        assert not isinstance(quantity, Distribution)
    with pytest.raises(MissingQuantityError, match="no log evidence"):
        _ = reml.log_evidence
    with pytest.raises(MissingQuantityError, match="no posterior"):
        reml.to_datatree()


def test_a_misspelt_study_is_answered_with_the_nearest(reml):
    with pytest.raises(MissingQuantityError, match="did you mean 'Aronson 1948'"):
        reml.studies["Aronsen 1948"]


def test_a_result_survives_pickling(reml):
    again = pickle.loads(pickle.dumps(reml))
    assert again["tau2"].interval() == reml["tau2"].interval()
    assert again.studies["Aronson 1948"].interval() == reml.studies["Aronson 1948"].interval()


@pytest.mark.parametrize(
    ("engine", "label"),
    [
        (pw.ClosedForm(tau2="DL", interval="wald"), "DL, Wald"),
        (pw.ClosedForm(tau2="PM", interval="t"), "PM, t"),
        (pw.ClosedForm(interval="hartung-knapp-adhoc"), "REML, Hartung-Knapp ad hoc"),
        (pw.ClosedForm(tau2=0.25), "tau2 = 0.25, Hartung-Knapp ad hoc"),
    ],
)
def test_labels_tell_the_method(engine, label):
    assert pw.fit(of(0.1, 0.5, 0.9, 0.2, -0.3), RE, engine).label == label


@pytest.mark.parametrize(
    ("prediction", "kind"),
    [("z", "prediction (z)"), ("t", "prediction (t, k - 1)"), ("riley", "prediction (Riley, t, k - 2)")],
)
def test_the_prediction_interval_names_its_convention(prediction, kind):
    assert pw.fit(of(0.1, 0.5, 0.9), RE, pw.ClosedForm(prediction=prediction))["theta_new"].kind == kind


@pytest.mark.parametrize("prob", [0.5, 0.8, 0.99])
def test_other_probabilities_nest(reml, prob):
    for name in ("mu", "tau", "tau2", "theta_new", "I2", "H2"):
        inner, outer = sorted((prob, 0.95))
        low, high = reml[name].interval(inner)
        lower, upper = reml[name].interval(outer)
        assert lower <= low <= high <= upper


def test_repeated_labels_on_two_outcomes_stay_apart():
    effects = pw.Effects([0.1, 0.4, 0.2], se=[0.1] * 3, study=["A", "A", "B"], outcome=["x", "y", "x"])
    result = pw.fit(effects, RE, pw.ClosedForm())
    assert list(result.studies) == list(effects.labels)
    assert len(result.weights) == 3


# ---- laws ----------------------------------------------------------------------------------------------


def test_a_vanishing_tau2_gives_the_common_effect():
    effects = table(figures("bcg"))
    common = pw.fit(effects, pw.CommonEffect(), pw.ClosedForm())
    random = pw.fit(effects, RE, pw.ClosedForm(tau2=1e-14, interval="wald"))
    assert random["mu"].point == pytest.approx(common["mu"].point, rel=1e-10)
    assert random["mu"].interval() == pytest.approx(common["mu"].interval(), rel=1e-10)


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_a_change_of_unit_changes_nothing_else(factor):
    reference = figures("bcg")
    home = pw.fit(table(reference), RE, pw.ClosedForm())
    y, v = np.array(reference["y"]) * factor, np.array(reference["v"]) * factor**2
    away = pw.fit(pw.Effects(y, v=v, study=reference["study"]), RE, pw.ClosedForm())
    assert np.array(away["mu"].interval()) / factor == pytest.approx(home["mu"].interval(), rel=1e-10)
    assert np.array(away["tau2"].interval()) / factor**2 == pytest.approx(home["tau2"].interval(), rel=1e-10)
    assert away["I2"].interval() == pytest.approx(home["I2"].interval(), rel=1e-10)


def test_an_offset_of_a_million_moves_mu_alone():
    y = np.round(np.array(figures("bcg")["y"]) * 2**20) / 2**20  # so that y + 1e6 is exact
    v = figures("bcg")["v"]
    home, away = (pw.fit(pw.Effects(x, v=v), RE, pw.ClosedForm()) for x in (y, y + 1e6))
    assert away["mu"].point - 1e6 == pytest.approx(home["mu"].point, abs=1e-9)  # the spacing of doubles there
    assert away["mu"].sd == pytest.approx(home["mu"].sd, rel=1e-10)
    assert away["tau2"].interval() == pytest.approx(home["tau2"].interval(), rel=1e-10)
    theta = [next(iter(result.studies.values())).point for result in (home, away)]
    assert theta[1] - 1e6 == pytest.approx(theta[0], abs=1e-9)


# ---- edges ---------------------------------------------------------------------------------------------


def test_tau2_at_zero_is_a_finding_that_advises_the_exact_engine():
    result = pw.fit(table(figures("eight_schools")), RE, pw.ClosedForm())
    assert result["tau2"].point == 0.0
    assert result.report.status == "boundary_tau"
    assert not result.report.failed
    assert "Exact()" in result.report.advice
    assert result["tau2"].interval()[1] > 0


def test_two_studies_have_no_prediction_interval():
    result = pw.fit(of(0.1, 0.9), RE, pw.ClosedForm())
    assert "theta_new" not in result.quantities
    with pytest.raises(MissingQuantityError, match="it needs at least 3 studies and there are 2"):
        result["theta_new"]
    assert any("needs at least 3 studies and there are 2" in note for note in result.report.notes)
    assert np.isfinite(result["mu"].interval()).all()


def test_few_studies_are_noted():
    few = pw.fit(of(0.1, 0.9, 0.4, 0.2), RE, pw.ClosedForm())
    assert any("rests on 4 studies" in note for note in few.report.notes)
    enough = pw.fit(of(0.1, 0.9, 0.4, 0.2, 0.3), RE, pw.ClosedForm())
    assert not any("rests on" in note for note in enough.report.notes)


WALD, KNAPP = "0.105, 0.497", "0.288, 0.315"  # of the four estimates in statistics.md, by hand


def test_the_default_never_goes_below_the_inverse_variance_standard_error():
    default = pw.fit(of(0.30, 0.31, 0.29, 0.305), RE, pw.ClosedForm())
    assert default["mu"].sd == pytest.approx(0.1, rel=1e-13)
    assert default["mu"].interval() == pytest.approx((-0.016995, 0.619495), abs=1e-6)  # t with 3 df: 3.182446
    assert default.report.status == "boundary_tau"
    assert "Wald" not in repr(default)


def test_an_interval_narrower_than_walds_is_said_aloud_with_both():
    with pytest.warns(pw.PoolwiseWarning, match=f"narrower than Wald's: mu .{KNAPP}., Wald .{WALD}"):
        result = pw.fit(of(0.30, 0.31, 0.29, 0.305), RE, pw.ClosedForm(interval="hartung-knapp"))
    assert result.report.status == "narrower_than_wald"
    for words in (repr(result), result._repr_html_(), pw.compare(result).to_string(), pw.summary(result).to_string()):
        assert WALD in words
    assert result["theta_new"].interval() == pytest.approx((-0.016995, 0.619495), abs=1e-6)
    assert pw.fit(table(figures("bcg")), RE, pw.ClosedForm(interval="hartung-knapp")).report.status == "ok"


@pytest.mark.parametrize("prediction", ["z", "t", "riley"])
@pytest.mark.parametrize("interval", ["wald", "t", "hartung-knapp", "hartung-knapp-adhoc"])
def test_no_prediction_is_narrower_than_the_floored_interval_of_the_mean(interval, prediction):
    table = of(0.30, 0.31, 0.29, 0.305)
    floored = interval.replace("knapp", "knapp-adhoc").replace("adhoc-adhoc", "adhoc")
    mean = pw.fit(table, RE, pw.ClosedForm(interval=floored))["mu"].interval()
    new = pw.fit(table, RE, pw.ClosedForm(interval=interval, prediction=prediction))["theta_new"].interval()
    assert new[0] <= mean[0] + 1e-12
    assert new[1] >= mean[1] - 1e-12


def test_an_empty_q_profile_set_is_noted():
    result = pw.fit(of(0.10, 0.101, 0.0995, 0.1005, 0.1), RE, pw.ClosedForm())
    assert result["tau2"].interval() == (0.0, 0.0)
    assert any("set for tau2 is empty" in note for note in result.report.notes)


def test_several_maxima_are_noted():
    effects = pw.Effects([0.0, 0.05, 9.0, -8.0], v=[1e-3, 1e-3, 1.0, 1.0])
    result = pw.fit(effects, RE, pw.ClosedForm())
    assert result.report.diagnostics["local_maxima"] == 2
    assert any("2 local maxima" in note for note in result.report.notes)


def test_equal_estimates_break_nothing():
    result = pw.fit(of(0.3, 0.3, 0.3), RE, pw.ClosedForm(interval="hartung-knapp"))
    assert result["mu"].sd == pytest.approx(0.0, abs=1e-15)
    assert result["Q"].point == pytest.approx(0.0, abs=1e-15)
    common = pw.fit(of(0.3, 0.3, 0.3), pw.CommonEffect(), pw.ClosedForm())
    assert common["I2"].point == 0.0


def test_one_study_has_a_common_effect_and_no_more():
    one = pw.Effects([0.4], se=[0.2], allow_single=True)
    result = pw.fit(one, pw.CommonEffect(), pw.ClosedForm())
    assert result["mu"].interval() == pytest.approx((0.4 - 0.2 * 1.959963984540054, 0.4 + 0.2 * 1.959963984540054))
    assert result["Q"].p_value == 1.0
    assert math.isnan(result["I2"].point)
    with pytest.raises(ModelError, match=r"at least 2 studies.*CommonEffect"):
        pw.fit(one, RE, pw.ClosedForm())
    with pytest.raises(ModelError, match="at least 2 studies"):
        pw.fit(one, pw.CommonEffect(), pw.ClosedForm(interval="t"))


def test_a_known_tau_has_no_interval():
    effects = table(figures("bcg"))
    by_model = pw.fit(effects, pw.RandomEffects(tau_fixed=0.5), pw.ClosedForm())
    by_engine = pw.fit(effects, RE, pw.ClosedForm(tau2=0.25))
    assert by_model["mu"].interval() == by_engine["mu"].interval()
    assert np.isnan(by_model["tau2"].interval()).all()
    assert by_model["tau2"].kind == ""
    assert by_model.report.status == "ok"
    assert pw.fit(effects, pw.RandomEffects(tau_fixed=0.0), pw.ClosedForm()).report.status == "ok"
    with pytest.raises(ModelError, match="disagree"):
        pw.fit(effects, pw.RandomEffects(tau_fixed=0.5), pw.ClosedForm(tau2=0.3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tau2": "reml"}, "did you mean 'REML'"),
        ({"tau2": "DLL"}, "did you mean 'DL'"),
        ({"tau2": -0.1}, "finite variance of at least 0"),
        ({"tau2": math.nan}, "finite variance of at least 0"),
        ({"tau2": True}, "finite variance of at least 0"),
        ({"tau2": None}, "finite variance of at least 0"),
        ({"interval": "hartung knapp"}, "did you mean 'hartung-knapp'"),
        ({"prediction": "Riley"}, "did you mean 'riley'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ModelError, match=message):
        pw.ClosedForm(**settings)
