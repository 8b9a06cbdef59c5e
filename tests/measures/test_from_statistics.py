"""Tables as people publish them, to study tables: each row by the nearest way, and what it lacks in words."""

import io

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import measures as pm
from poolwise.errors import InputError

MIXED = """author;N Treatment;N Control;M Treatment;SD Treatment;M Control;SD Control;t;p;r;N;OR;CI lower;CI upper
Ash;20;20;11,0;2,0;10,0;2,0;1,58;;;;;;
Birch;30;28;;;;;;-0,03;;;;;
Cedar;;;;;;;;;0,25;90;;;
Elm;;;;;;;;;;;2,1;0,9;4,9
"""
WITHOUT_WARNINGS = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
pytestmark = WITHOUT_WARNINGS


def frame(text, sep=","):
    return pd.read_csv(io.StringIO(text), sep=sep)


@pytest.fixture(scope="module")
def mixed():
    return pw.Effects.from_statistics(frame(MIXED, ";"), target="SMD", sides=2, decimal=",")


def test_each_row_is_what_its_own_statistics_give(mixed):
    means = pm.effect_size("SMD", n1=20, m1=11, sd1=2, n2=20, m2=10, sd2=2)
    by_p = pm.effect_size("SMD", p=-0.03, n1=30, n2=28)
    r = pm.convert(*pm.effect_size("ZCOR", r=0.25, n=90), source="Fisher z", target="SMD")
    odds = pm.convert(np.log(2.1), (np.log(4.9 / 0.9) / 2 / 1.959964) ** 2, source="log OR", target="SMD")
    expected = [means, by_p, r, odds]
    np.testing.assert_allclose(mixed.y, [float(e.y) for e in expected], rtol=1e-12)
    np.testing.assert_allclose(mixed.v, [float(e.v) for e in expected], rtol=1e-6)
    assert mixed.scale.name == "SMD"


def test_the_way_of_each_row_is_told_with_its_numbers(mixed):
    assert mixed.explain("Ash") == (
        "Ash (row 1): SMD from n1 = 20, m1 = 11, sd1 = 2, n2 = 20, m2 = 10, sd2 = 2 (other ways: SMD from t = 1.58, "
        "n1 = 20, n2 = 20: 0.4897); y = 0.490, se = 0.321 (standardised mean difference)"
    )
    assert "Fisher z to r: tanh(z), Fisher 1921; r to SMD" in mixed.explain("Cedar")
    assert mixed.drop(study="Ash").explain("Elm").startswith("Elm (row 4): log OR from or = 2.1")
    with pytest.raises(pw.errors.MissingQuantityError, match="did you mean 'Cedar'"):
        mixed.explain("Ceder")


@pytest.mark.parametrize(
    ("text", "target", "code", "statistics"),
    [
        ("study,n1i,m1i,sd1i,n2i,m2i,sd2i\nA,20,5,2,22,4,2.5\nB,9,3,1,8,2,1", "MD", "MD", "n1 m1 sd1 n2 m2 sd2"),
        (
            "Author,n.e,mean.e,sd.e,n.c,mean.c,sd.c\nA,20,5,2,22,4,2.5\nB,9,3,1,8,2,1",
            "ROM",
            "ROM",
            "n1 m1 sd1 n2 m2 sd2",
        ),
        ("Author,event.e,n.e,event.c,n.c\nA,5,155,9,156\nB,0,31,7,32", "RR", "RR", "events1 n1 events2 n2"),
        ("trial,ai,bi,ci,di\nA,5,150,9,147\nB,3,28,7,25", "OR", "OR", "a b c d"),
        ("Study ID,Events,Total n\nA,5,150\nB,0,28", "PLO", "PLO", "events n"),
        ("Study,Cronbach's alpha,Items,N\nA,.8,10,150\nB,.7,8,28", "ABT", "ABT", "alpha items n"),
    ],
)
def test_headers_of_other_packages_and_of_people_are_known(text, target, code, statistics):
    table = frame(text)
    effects = pw.Effects.from_statistics(table, target=target)
    columns = dict(zip(statistics.split(), table.to_numpy()[:, 1:].T.astype(float), strict=True))
    y, v = pm.effect_size(code, **columns)
    np.testing.assert_allclose(effects.y, y, rtol=1e-14)
    np.testing.assert_allclose(effects.v, v, rtol=1e-12)


def test_one_sided_p_values_are_twice_as_large_and_may_point_the_other_way():
    rows = {"study": ["A", "B"], "n1": [20, 30], "n2": [20, 30], "p": [0.02, 0.9]}
    one = pw.Effects.from_statistics(rows, target="SMD", sides=1)
    two = pw.Effects.from_statistics({**rows, "p": [0.04, -0.2]}, target="SMD", sides=2)
    np.testing.assert_allclose(one.y, two.y, rtol=1e-12)


def test_a_base_rate_leads_from_odds_to_risks_and_is_asked_for():
    rows = {"study": ["A", "B"], "RR": [1.5, 1.2], "lower": [1.0, 0.9], "upper": [2.25, 1.6]}
    with pytest.raises(InputError, match="base_rate"):
        pw.Effects.from_statistics(rows, target="OR")
    effects = pw.Effects.from_statistics(rows, target="OR", base_rate=0.2)
    assert effects.y[0] == pytest.approx(np.log(1.5 * 0.8 / (1 - 1.5 * 0.2)), rel=1e-12)


def test_adjusted_estimates_among_others_are_told():
    rows = {"study": ["A", "B"], "OR": [2, 1.5], "lower": [1, 1], "upper": [4, 2.25], "adj": ["yes", "no"]}
    assert "adjusted: 'A' (row 1)" in pw.Effects.from_statistics(rows, target="OR", adjusted="adj").notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study,n1,m1,sd1,n2,m2,sd2\nA,20,11,-2,20,10,2\nB,20,abc,2,20.5,10,2\nC,20,11,2,20,10,<.5",
         r"(?s)4 cells cannot be used:.*'m1' is 'abc' for 'B' \(row 2\).*'sd1' is -2 for 'A' \(row 1\): expected a "
         r"number above 0.*'n2' is 20.5.*'sd2' is '<.5' for 'C'.*a bound"),
        ("study,n1,m1,sd1,n2,m2,sd2\nA,20,11,2,20,10,2\nB,20,11,2,20,10,\nC,,11,2,20,10,2",
         r"(?s)2 rows cannot be brought to SMD:.*'B' \(row 2\) reports .*: lacks .*sd2.*'C' \(row 3\).*: lacks n1"),
        ("study,n1,n2,t,p\nA,20,20,1.58,\nB,30,28,,-.03", r"reports n1, n2, p: lacks .*sides=2 or sides=1 for p"),
        ("study,events1,n1,events2,n2\nA,155,5,9,156", r"'events1' exceeds 'n1' for 'A' \(row 1\): swapped columns"),
        ("study,foo,bar\nA,20,11", "no column of study, foo, bar is known"),
        ("study,n1,N treatment,t,n2\nA,20,11,1,10", "'n1', 'N treatment' all look like n1"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_stands_in_one_error(text, words):
    target = "OR" if "events1" in text else "SMD"
    with pytest.raises(InputError, match=words):
        pw.Effects.from_statistics(frame(text), target=target, allow_single=True)


def test_a_row_without_statistics_is_dropped_by_name():
    effects = pw.Effects.from_statistics(
        {"study": ["A", "B", "C"], "n1": [20, 30, None], "n2": 20 * np.ones(3), "t": [1, 2, None]}, target="SMD"
    )
    assert effects.dropped == ("C",)


@pytest.mark.parametrize(("target", "kept"), [("OR", "bc"), ("RR", "bc"), ("SMD", "bc"), ("RD", "abcd")])
@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_trials_that_say_nothing_of_a_ratio_are_left_out_as_by_from_counts(target, kept):
    rows = {"Study": list("abcd"), "ai": [0, 3, 4, 7], "bi": [7, 5, 6, 0], "ci": [0, 1, 2, 8], "di": [8, 10, 8, 0]}
    effects = pw.Effects.from_statistics(rows, target=target)
    assert effects.study == tuple(kept)
    if target == "OR":
        events, totals = [[0, 0], [3, 1], [4, 2], [7, 8]], [[7, 8], [8, 11], [10, 10], [7, 8]]
        assert effects.y.tolist() == pw.Effects.from_counts(events, totals, study=list("abcd")).y.tolist()
        assert any("'a' (row 1): no event in either arm, 'd' (row 4): everybody" in note for note in effects.notes)
