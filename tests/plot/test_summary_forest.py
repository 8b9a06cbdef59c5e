"""The summary forest: its lines are the means of its results, its marks tell credible from confidence intervals."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from plot.test_funnel_plot import axes, check_words
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
EXACT, CLOSED = pw.Exact(), pw.ClosedForm()


def several(rows, seed=3):
    rng = np.random.default_rng(seed)
    names = [f"The outcome with the rather long name number {i}" for i in range(rows)]
    tables = [pw.Effects(rng.normal(0.3, 0.3, 3), se=[0.1, 0.2, 0.3], scale="SMD") for _ in names]
    return {name: pw.fit(table, pw.RandomEffects(), CLOSED) for name, table in zip(names, tables, strict=True)}


def test_lines_are_the_means_of_the_results(exact, reml):
    frame = pw.plot.summary_forest_frame({"exact": exact, "REML": reml}, prob=0.9)
    for row, result in zip(frame.to_dict("records"), (exact, reml), strict=True):
        assert (row["mu_point"], row["tau_point"], row["k"]) == (result["mu"].point, result["tau"].point, 13)
        assert (row["mu_lower"], row["mu_upper"]) == result["mu"].interval(0.9)
        assert (row["new_lower"], row["new_upper"]) == result["theta_new"].interval(0.9)
    assert frame["kind"].tolist() == ["credible", "confidence"]


def test_only_a_posterior_tells_the_probability_of_a_side(exact, reml):
    frame = pw.plot.summary_forest_frame([exact, reml])
    assert frame["p_side"].iloc[0] == pytest.approx(exact["mu"].cdf(0.0), abs=1e-12)
    assert np.isnan(frame["p_side"].iloc[1])
    words = " ".join(figures.words(pw.plot.summary_forest([exact, reml])))
    assert "← favours vaccination" in words
    assert "A confidence interval tells none" in words


def test_marks_tell_credible_from_confidence_intervals(exact, reml):
    frame, ax = pw.plot.summary_forest_frame([exact, reml]), pw.plot.summary_forest([exact, reml])
    for kind, rows in frame.groupby("kind"):
        np.testing.assert_array_equal(figures.points(ax, kind), rows["mu_point"])
        np.testing.assert_allclose(figures.intervals(ax, kind), rows[["mu_lower", "mu_upper"]])
        np.testing.assert_allclose(figures.intervals(ax, f"{kind}, new study"), rows[["new_lower", "new_upper"]])


def test_subgroups_and_outcomes_have_a_line_each(bcg):
    groups = pw.fit(bcg, pw.Subgroups("alloc"), EXACT)
    frame = pw.plot.summary_forest_frame(groups)
    assert frame["group"].tolist() == ["alternate", "random", "systematic"]
    assert frame["k"].tolist() == [2, 7, 4]
    joint = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), EXACT)
    frame = pw.plot.summary_forest_frame(
        {"joint": joint, "misconduct": pw.fit(joint.effects.select(outcome="misconduct"))}
    )
    assert frame["group"].tolist() == ["dropout", "misconduct", "recidivism", "", ""]
    assert frame["k"].tolist() == [9, 3, 15, 27, 3]
    assert np.isnan(frame["tau_point"].iloc[3])  # of the mean over outcomes, whose taus are the outcomes'
    check_words(pw.plot.summary_forest({"joint": joint, "bare": joint}))


@pytest.mark.parametrize("rows", [1, 15, 100])
def test_words_are_legible_with_any_number_of_lines(rows):
    ax = pw.plot.summary_forest(several(rows))
    check_words(ax)
    assert ax.figure.get_size_inches()[1] < 11.7


@pytest.mark.parametrize("size", [(6.9, 4.0), (3.3, 4.0)])
def test_words_are_legible_on_axes_of_a_page_and_of_a_column(size, exact, reml):
    check_words(pw.plot.summary_forest({"exact": exact, "REML": reml}, ax=axes(size)))
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.summary_forest({"exact": exact}, ax=axes((2.0, 1.0)))


def test_reconstructed_tables_are_marked_and_a_failed_fit_is_told(misconduct):
    made = pw.fit(misconduct.described(title="Alliance"))
    assert "reconstructed data" in " ".join(figures.words(pw.plot.summary_forest(made)))
    assert "(reconstructed)" in " ".join(figures.words(pw.plot.summary_forest([made, *several(1).values()])))


def test_proportions_have_neither_null_nor_sides():
    rates = pw.fit(pw.Effects([-2.0, -1.5, -1.7], se=[0.2, 0.3, 0.2], scale="logit"))
    frame, ax = pw.plot.summary_forest_frame(rates), pw.plot.summary_forest(rates)
    assert frame["p_side"].isna().all()
    assert not frame["excludes_null"].any()
    assert not [line for line in ax.lines if line.get_label() == "null value"]


def test_what_cannot_stand_in_one_picture_is_refused_in_words(bcg, exact, misconduct):
    line = pw.fit(bcg, pw.MetaRegression("~ ablat"))
    for wrong, words in (
        (None, "was given"), ([], "no result"), ({}, "no result"), ([exact, 3], "among the results"),
        ({1: exact}, "is named"), ("exact", "was given"), ([exact, pw.fit(misconduct)], "several scales"),
        (line, "no mean effect"), (bcg, "was given"), (pd.DataFrame(), "was given"),
    ):  # fmt: skip
        with pytest.raises(pw.PoolwiseError, match=words):
            pw.plot.summary_forest(wrong)
    for prob in (0.0, 1.0, np.nan, "x"):
        with pytest.raises(pw.PoolwiseError):
            pw.plot.summary_forest(exact, prob=prob)


def test_in_a_column_long_names_stand_on_several_lines_and_none_is_dots_alone(exact):
    names = ("Magnesium after infarction", "BCG vaccine against tuberculosis")
    with pw.plot.width("column"):
        ax = pw.plot.summary_forest(dict.fromkeys(names, exact))
    told = " ".join(figures.words(ax)).replace("\n", " ")
    assert "BCG vaccine against tuberculosis" in told
    assert "Magnesium after infarction" in told
