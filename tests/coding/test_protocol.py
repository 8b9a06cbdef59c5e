"""A coding protocol: what each row says, how dependent results become one, and what is asked for."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.coding import Average, Chosen, FirstReport, Largest, Protocol, read
from poolwise.coding.rules import Rows
from poolwise.errors import InputError

R = 0.5
ROWS = pd.DataFrame(
    [
        # report, study, sample, outcome, rater, direction, r, n
        ("Ash 2001", "Ash", None, "dropout", "client", "same", 0.20, 80),
        ("Ash 2001", "Ash", None, "dropout", "therapist", "reversed", -0.30, 80),
        ("Ash 2001", "Ash", None, "recidivism", "client", "same", 0.10, 80),
        ("Birch 2003", "Birch", "ward", "dropout", "client", "same", 0.15, 120),
        ("Birch 2005", "Birch", "ward", "dropout", "client", "same", 0.25, 60),
        ("Cedar 2010", "Cedar", None, "dropout", "client", "same", 0.05, 200),
    ],
    columns=["report", "study", "sample", "outcome", "rater", "direction", "r", "n"],
)


@pytest.fixture(scope="module")
def protocol():
    return Protocol(ROWS, directions=("weaker alliance", "stronger alliance"))


def z(r):
    return np.arctanh(np.array(r))


def test_dependent_results_are_averaged_with_the_correlation_that_is_told(protocol):
    effects = protocol.effects(target="ZCOR", rule=Average(r=R), overlap=Largest(r=R), outcome="dropout")
    assert effects.study == ("Ash", "Birch", "Cedar")
    np.testing.assert_allclose(effects.y, [z([0.2, 0.3]).mean(), z(0.15), z(0.05)])
    se = 1 / np.sqrt(77)
    np.testing.assert_allclose(effects.se, [np.sqrt(se**2 * (1 + R) / 2), 1 / np.sqrt(117), 1 / np.sqrt(197)])
    assert effects.directions == ("weaker alliance", "stronger alliance")


def test_each_number_tells_the_results_behind_it(protocol):
    effects = protocol.effects(target="ZCOR", rule=Average(r=R), overlap=Largest(r=R), outcome="dropout")
    told = effects.explain("Ash")
    assert "mean of 2 results with r = 0.5 between them" in told
    assert "[Ash 2001, therapist: ZCOR from r = -0.3, n = 80; direction reversed: 0.3095 (0.114)]" in told
    assert "left out" in effects.explain("Birch")


def test_rules_for_overlap_may_differ_by_sample(protocol):
    rules = {"ward": FirstReport(r=R)}
    effects = protocol.effects(target="ZCOR", rule=Average(r=R), overlap=rules, outcome="dropout")
    assert effects.y[1] == pytest.approx(z(0.15))
    averaged = protocol.effects(target="ZCOR", rule=Average(r=R), overlap=Average(r=R), outcome="dropout")
    assert averaged.y[1] == pytest.approx(z([0.15, 0.25]).mean())


def test_overlap_and_dependence_are_asked_for(protocol):
    assert protocol.overlaps[["sample", "reports"]].to_numpy().tolist() == [["ward", ("Birch 2003", "Birch 2005")]]
    with pytest.raises(InputError, match="Birch 2003, Birch 2005 share the sample 'ward'"):
        protocol.effects(target="ZCOR", rule=Average(r=R))
    with pytest.raises(InputError, match="'Ash' has 2 results on 'dropout'"):
        protocol.effects(target="ZCOR", overlap=Largest(r=R))
    with pytest.raises(TypeError):
        Average()
    with pytest.raises(InputError, match="from 0 to below 1"):
        Average(r=1.0)


def test_results_kept_apart_share_their_sampling_errors(protocol):
    effects = protocol.apart(target="ZCOR", r=R, outcome="dropout")
    se = effects.se
    assert effects.covariance[0, 1] == pytest.approx(R * se[0] * se[1])
    assert effects.covariance[0, 2] == 0.0
    assert effects.study_as_given == ("Ash", "Ash", "Birch", "Birch", "Cedar")
    with pytest.warns(pw.errors.PoolwiseWarning, match="5 effects of 3 studies"):
        fit = pw.fit(effects, pw.RandomEffects(tau=pw.priors.HalfNormal(0.5)), pw.Exact())
    assert fit.report.status == "ok"


def test_what_is_missing_or_misspelt_stands_in_one_error():
    with pytest.raises(InputError, match="no column direction"):
        Protocol(ROWS.drop(columns="direction"))
    bad = ROWS.assign(direction=["same", "sme", "same", "same", "same", None])
    with pytest.raises(InputError, match=r"(?s)'direction' is 'sme' in row 2.*did you mean 'same'.*is empty in row 6"):
        Protocol(bad)


def test_a_protocol_comes_back_from_a_file(tmp_path, protocol):
    path = tmp_path / "protocol.csv"
    ROWS.to_csv(path, index=False)
    again = read(path).effects(target="SMD", rule=Average(r=R), overlap=Largest(r=R))
    first = protocol.effects(target="SMD", rule=Average(r=R), overlap=Largest(r=R))
    np.testing.assert_array_equal(again.y, first.y)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_decimal_mark_of_a_file_is_found_as_in_any_other(tmp_path, protocol, delimiter):
    path = tmp_path / "protocol.csv"
    ROWS.to_csv(path, index=False, sep=delimiter, decimal=",")
    again = read(path).effects(target="ZCOR", rule=Average(r=R), overlap=Largest(r=R))
    np.testing.assert_array_equal(again.y, protocol.effects(target="ZCOR", rule=Average(r=R), overlap=Largest(r=R)).y)
    assert any("the decimal mark ','" in note for note in again.notes)
    with pytest.raises(InputError, match=r"'r' is '0,2' for 'Ash' \(row 1\): try decimal=','"):
        read(path).effects(target="ZCOR", rule=Average(r=R), overlap=Largest(r=R), decimal=".")


def test_two_decimal_marks_in_one_file_are_refused_with_both(tmp_path):
    path = tmp_path / "protocol.csv"
    ROWS.assign(r=["0,2", "-0.3", "0,1", "0,1", "0,1", "0,1"]).to_csv(path, index=False, sep=";")
    with pytest.raises(InputError, match=r"ambiguous: 'r' has '0,2' and 'r' has '-0.3'"):
        read(path).effects(target="ZCOR", rule=Average(r=R), overlap=Largest(r=R))


def test_the_statistics_are_read_once_for_all_correlations(protocol, monkeypatch):
    calls = []
    own = Protocol.results
    monkeypatch.setattr(Protocol, "results", lambda *given, **words: calls.append(1) or own(*given, **words))
    rules = {"rule": Largest, "outcome": "dropout", "r": (0.4, 0.5, 0.9)}
    found = pw.checks.assumed_correlation(protocol, target="ZCOR", engine=pw.ClosedForm(), **rules)
    assert len(calls) == 1
    assert found.frame["r"].nunique() == 3


def test_capitals_and_blanks_of_fields_and_words_do_not_count(protocol):
    header = {name: name.title() for name in ROWS.columns if name not in ("r", "n")}
    loose = ROWS.assign(direction=ROWS["direction"].str.upper() + " ").rename(columns=header)
    rules = {"target": "ZCOR", "rule": Average(r=R), "overlap": Largest(r=R), "outcome": "dropout"}
    np.testing.assert_array_equal(Protocol(loose).effects(**rules).y, protocol.effects(**rules).y)
    assert Protocol(ROWS.assign(adjusted=[True, False, "Yes", "no", 1, 0])).frame["adjusted"].tolist() == (
        ["yes", "no", "yes", "no", "yes", "no"]
    )


def test_a_file_in_another_encoding_is_read_when_told_and_options_are_known(tmp_path, protocol):
    path = tmp_path / "protocol.csv"
    ROWS.replace("Ash", "Äsche").to_csv(path, index=False, encoding="cp1252")
    with pytest.raises(InputError, match="encoding='cp1252'"):
        read(path)
    assert read(path, encoding="cp1252").frame["study"].iloc[0] == "Äsche"
    with pytest.raises(InputError, match=r"no option 'side' of results.*did you mean 'sides'"):
        protocol.results("SMD", side=2)


CODED = {
    "report": ["A 2001", "A 2004", "B 2002", "C 2003", "D 2004", "E 2005"],
    "study": ["A", "A", "B", "C", "D", "E"],
    "outcome": ["x", "x", "y", "x", "x", "x"],
    "definition": ["arrest", "charge", "arrest", "arrest", None, "charge"],
    "follow_up": ["12,0", "24,0", "6,0", None, "1,5", "6,0"],
    "adjusted": ["no", "no", "no", "yes", "no", None],
    "direction": "same",
    "r": ["0,21", "0,11", "0,31", "0,12", "0,22", "0,16"],
    "n": [40, 80, 70, 55, 62, 90],
}


@pytest.mark.filterwarnings("ignore:adjusted and unadjusted estimates are mixed")
def test_the_fields_of_a_row_are_those_of_the_results_that_count():
    protocol = Protocol(pd.DataFrame(CODED))
    largest = protocol.effects(target="ZCOR", overlap=Largest(r=0.5), outcome="x")
    assert largest.moderators["definition"].tolist()[0] == "charge"
    mean = protocol.effects(target="ZCOR", overlap=Average(r=0.5), outcome="x")
    assert mean.moderators["definition"].tolist()[0] == "arrest + charge"
    np.testing.assert_equal(mean.moderators["follow_up"].tolist(), [18.0, np.nan, 1.5, 6.0])
    assert mean.combined == (2, 1, 1, 1)


@pytest.mark.filterwarnings("ignore:adjusted and unadjusted estimates are mixed")
def test_rows_are_counted_as_in_the_protocol():
    effects = Protocol(pd.DataFrame(CODED)).effects(target="ZCOR", overlap=Average(r=0.5), outcome="x")
    assert effects.explain("E").startswith("E (row 6")
    bad = pd.DataFrame(CODED).assign(r=["0,21", "0,11", "0,31", "0,12", "1,22", "0,16"])
    with pytest.raises(InputError, match=r"'r' is 1.22 for 'D' \(row 5\)"):
        Protocol(bad).effects(target="ZCOR", overlap=Average(r=0.5), outcome="x")


def test_adjusted_estimates_are_left_out_before_a_rule():
    protocol = Protocol(pd.DataFrame(CODED)).select({"adjusted": ["no", ""], "outcome": "x"})
    assert protocol.effects(target="ZCOR", overlap=Average(r=0.5)).study == ("A", "D", "E")
    for where, match in (
        ({"adjustd": "no"}, "did you mean 'adjusted'"),
        ({"outcome": "z"}, "no row"),
        ("no", "a mapping"),
    ):
        with pytest.raises(InputError, match=match):
            protocol.select(where)


@pytest.mark.parametrize(("rule", "used"), [(Largest(r=R), (1,)), (FirstReport(r=R), (0,))])
def test_rules_that_choose_are_one_rule_with_two_criteria(rule, used):
    rows = Rows(np.array([0.1, 0.3]), np.array([0.2, 0.1]), np.array([30.0, 90.0]), ("A", "B"))
    assert rule.of(rows).used == used
    assert type(rule) is Chosen
    with pytest.raises(InputError, match="largest sample"):
        Chosen(R, "newest report")


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_trials_that_say_nothing_of_a_ratio_are_left_out_with_the_reason():
    names = {"study": list("abc"), "report": list("abc"), "sample": list("123"), "outcome": "o", "direction": "same"}
    cells = {"ai": [0, 3, 4], "bi": [7, 5, 6], "ci": [0, 1, 2], "di": [8, 10, 8]}
    effects = Protocol(pd.DataFrame({**names, **cells})).effects(target="OR")
    assert effects.study == ("b", "c")
    assert any("of the protocol row 1: no event in either arm" in note for note in effects.notes)


def test_statistics_as_printed_are_read_where_no_column_holds_them():
    rows = {"report": ["A 2001", "B 2002", "C 2003"], "study": ["A", "B", "C"], "outcome": "x", "direction": "same"}
    rows["n"] = [40, 60, 50]
    printed = ["t(38) = 2.10", "r = .25, p = .06", "t(48) = 1.2"]
    of_field = pw.coding.Protocol(pd.DataFrame(rows | {"statistic": printed})).effects(target="SMD")
    of_column = pw.coding.Protocol(pd.DataFrame(rows | {"result": printed})).effects(target="SMD")
    assert of_field.y.tolist() == of_column.y.tolist()
    beside = rows | {
        "statistic": ["t(38) = 2.10", "no test", ""],
        "r": [0.3, 0.25, 0.2],
    }  # words beside numbers stay words
    assert "r = 0.3" in pw.coding.Protocol(pd.DataFrame(beside)).effects(target="COR").explain("A")
