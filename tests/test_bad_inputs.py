"""Bad inputs, by number: what stops, what warns, what is noted; each message says where."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.design import design
from poolwise.effects import Effects
from poolwise.errors import InputError, MissingQuantityError, ModelError, PoolwiseWarning
from poolwise.intake.files import read_csv
from poolwise.model import RandomEffects
from poolwise.prior_catalogue import panel

Y = [0.2, 0.5, 0.3, 0.1, 0.4]
SE = [0.1, 0.2, 0.1, 0.15, 0.12]
NAMES = ["Ash", "Birch", "Cedar", "Elm", "Fir"]
FRAME = pd.DataFrame({"study": NAMES, "d": Y, "se": SE, "setting": list("aabba")})


def at(row: int, value: object, column: list[float]) -> list[object]:
    """The column with another value in a row, counted from 1."""
    return [value if place == row else x for place, x in enumerate(column, start=1)]


def table(**given: object) -> Effects:
    """The good table with something changed."""
    return Effects(**{"y": Y, "se": SE, "study": NAMES, "scale": "SMD", **given})  # type: ignore[arg-type]


def ratios(**given: object) -> Effects:
    good = {"ratio": [0.5, 1.2, 2.0], "se_log": [0.2, 0.3, 0.2], "study": NAMES[:3]}
    return Effects.from_ratios(**{**good, **given})  # type: ignore[arg-type]


def with_moderator(values: object) -> Effects:
    return table(moderators=pd.DataFrame({"m": values}))


def silently(make: Callable[[], Effects]) -> Effects:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)
        return make()


def quiet_moderator(values: object) -> Effects:
    return silently(lambda: with_moderator(values))


TWINS = pd.DataFrame({"a": [1, 2, 3, 4, 6], "b": [3, 5, 7, 9, 13]})
TWICE = pd.DataFrame([[0.1, 0.2, 0.3]] * 3, columns=["d", "se", "se"])

ERRORS = {
    "1 se = 0": (
        lambda: table(se=at(3, 0.0, SE)),
        "standard error is 0 for 'Cedar' (row 3)",
        "all the weight",
    ),
    "1 v = 0": (lambda: table(se=None, v=at(3, 0.0, SE)), "variance is 0 for 'Cedar' (row 3)"),
    "1 without labels": (lambda: Effects(Y, se=at(3, 0.0, SE)), "standard error is 0 for row 3"),
    "1 square underflows": (lambda: table(se=at(2, 1e-200, SE)), "'Birch' (row 2)", "beyond the range"),
    "2 se < 0": (lambda: table(se=at(2, -0.2, SE)), "negative standard error for 'Birch' (row 2): -0.2"),
    "3 one study left": (
        lambda: table(y=[0.2, math.nan, None, math.nan, math.nan]),
        "4 of 5 studies dropped",
        "'Cedar' (row 3): no effect",
        "has 1 study",
    ),
    "4 infinite effect": (
        lambda: table(y=at(5, math.inf, Y)),
        "effect is infinite for 'Fir' (row 5)",
        "conversion",
    ),
    "4 infinite se": (lambda: table(se=at(5, math.inf, SE)), "standard error is infinite for 'Fir' (row 5)"),
    "6 se and v disagree": (
        lambda: table(v=[0.01, 0.04, 0.02, 0.0225, 0.0144]),
        "se and v disagree for 'Cedar' (row 3)",
        "se^2 = 0.01 and v = 0.02",
    ),
    "8 limits swapped": (
        lambda: ratios(se_log=None, lower=[0.3, 1.5, 1.0], upper=[0.8, 0.9, 4.0]),
        "lower is not below upper for 'Birch' (row 2)",
    ),
    "9 outside the limits": (
        lambda: ratios(se_log=None, lower=[0.3, 1.3, 1.0], upper=[0.8, 1.9, 4.0]),
        "outside its limits for 'Birch' (row 2)",
    ),
    "11 comma decimals": (
        lambda: Effects.from_frame(FRAME.assign(d=["0,39"] + ["0.1"] * 4), y="d", se="se", study="study"),
        "column 'd' is '0,39' for 'Ash' (row 1)",
        "decimal=','",
    ),
    "11 points where commas were told": (
        lambda: Effects.from_frame(FRAME.assign(d=["0,39"] * 4 + ["0.1"]), y="d", se="se", study="study", decimal=","),
        "column 'd' is '0.1' for 'Fir' (row 5)",
        "decimal='.'",
    ),
    "12 a bound": (lambda: table(y=at(4, "<.001", Y)), "y is '<.001' for 'Elm' (row 4)", "bound"),
    "12 words": (lambda: table(y=at(4, "ns", Y)), "y is 'ns' for 'Elm' (row 4)"),
    "13 percent sign": (lambda: table(y=at(4, "39%", Y)), "'39%'", "fraction"),
    "14 |r| > 1": (
        lambda: Effects.from_correlations([0.3, 39], [50, 60], study=["Ash", "Birch"]),
        "r is 39, outside [-1, 1], for 'Birch' (row 2)",
        "percentage",
    ),
    "14 |r| = 1": (
        lambda: Effects.from_correlations([0.3, -1], [50, 60]),
        "exactly 1 or -1 for row 2",
        "infinite",
    ),
    "15 n <= 3": (lambda: Effects.from_correlations([0.3, 0.2], [3, 60]), "n is 3 or less for row 1"),
    "16 ratio <= 0": (
        lambda: ratios(ratio=[0.5, -0.2, 2.0]),
        "ratio is -0.2 for 'Birch' (row 2)",
        "logs already",
    ),
    "16 limit = 0": (
        lambda: ratios(se_log=None, lower=[0.3, 0.0, 1.0], upper=[0.8, 1.9, 4.0]),
        "lower is 0 for 'Birch' (row 2)",
    ),
    "17 se_log contradicts the limits": (
        lambda: ratios(lower=[0.34, 0.667, 1.352], upper=[0.74, 2.16, 5.0]),
        "se_log and the limits disagree for 'Cedar' (row 3)",
    ),
    "22 n not whole": (lambda: table(n=[10, 20, 30.5, 5, 6]), "n is 30.5 for 'Cedar' (row 3)", "whole number"),
    "22 n beyond all people": (lambda: table(n=[10, 1e30, 30, 5, 6]), "n is 1e+30 for 'Birch' (row 2)"),
    "22 n = 0": (lambda: table(n=[10, 20, 0, 5, 6]), "n is 0 for 'Cedar' (row 3)"),
    "36 the whole key twice": (
        lambda: table(
            study=["Ash", "Ash", "Cedar", "Elm", "Fir"],
            moderators=pd.DataFrame({"timepoint": [1, 1, 1, 1, 1], "rater": list("ccccc")}),
        ),
        "same study, outcome, timepoint and rater occur twice: 'Ash' (row 1) and 'Ash' (row 2)",
    ),
    "36 in a frame that names a timepoint": (
        lambda: Effects.from_frame(
            FRAME.assign(study=["Ash", "Ash", *NAMES[2:]], outcome="o", timepoint=1), y="d", se="se", outcome="outcome"
        ),
        "same study, outcome, timepoint occur twice",
    ),
    "17 se_log contradicts coarse limits": (
        lambda: ratios(
            ratio=[0.5, 0.6, 0.7], se_log=[0.123, 0.101, 0.102], lower=[0.3, 0.4, 0.5], upper=[0.7, 0.8, 0.9]
        ),
        "se_log and the limits disagree",
    ),
    "38 no rows": (lambda: Effects([], se=[]), "no studies"),
    "38 empty frame": (lambda: Effects.from_frame(FRAME.head(0), y="d", se="se"), "no rows"),
    "39 one study": (lambda: Effects([0.2], se=[0.1]), "1 study", "allow_single=True", "informative prior"),
    "39 one study selected": (lambda: table(outcome=list("aaaab")).select(outcome="b"), "1 study"),
    "45 mojibake": (
        lambda: table(study=["Müller".encode().decode("cp1252"), *NAMES[1:]]),
        "(row 1) was garbled by a wrong encoding, perhaps 'Müller'",
        "encoding=",
    ),
    "45 replacement character": (lambda: table(study=["M\ufffdller", *NAMES[1:]]), "garbled", "encoding="),
    "44 a label of 5,000 digits": (lambda: table(study=[10**4999, *NAMES[1:]]), "a whole number of 5000 digits"),
    "44 an effect of 5,000 digits": (lambda: table(y=at(2, 10**4999, Y)), "infinite for 'Birch' (row 2)"),
    "44 a dose of 5,000 digits": (lambda: with_moderator([1, 2, 10**4999, 4, 5]), "a whole number of 5000 digits"),
    "44 a dose of 5,000 digits as text": (
        lambda: with_moderator(["1", "2", "9" * 5000, "4", "5"]) and Effects([], se=[]),
        "no studies",
    ),
    "46 control characters in a scale": (lambda: pw.Scale("x", "a\x1b", "identity", "x"), "Scale: label", "U+001B"),
    "46 control characters in notes": (lambda: table(notes=["a\0"]), "U+0000"),
    "47 one column for two roles": (
        lambda: Effects.from_frame(FRAME, y="se", se="se"),
        "the column 'se' is named for y and se",
    ),
    "47 a flag that is none": (lambda: table(allow_single="yes"), "allow_single = 'yes'", "True or False"),
    "47 misspelt column": (
        lambda: Effects.from_frame(FRAME, y="d", se="sei"),
        "no column 'sei' for se",
        "did you mean 'se'?",
    ),
    "47 misspelt moderator": (
        lambda: Effects.from_frame(FRAME, y="d", se="se", moderators=["seting"]),
        "did you mean 'setting'?",
    ),
    "48 column names twice": (lambda: Effects.from_frame(TWICE, y="d", se="se"), "se more than once"),
    "48 moderator names twice": (
        lambda: table(moderators=pd.DataFrame(np.ones((5, 2)), columns=["m", "m"])),
        "moderators has the column name(s) m more than once",
    ),
    "53 moderator missing": (
        lambda: design(quiet_moderator([1.0, 2.0, math.nan, 4.0, 5.0]), ["m"]),
        "moderator 'm' is missing for 'Cedar' (row 3)",
        "drop(study=...)",
    ),
    "53 word missing": (lambda: design(quiet_moderator(["a", "b", None, "a", "b"]), ["m"]), "'Cedar' (row 3)"),
    "53 in a formula": (lambda: design(quiet_moderator([1, 2, math.nan, 4, 5]), "~ m"), "'Cedar' (row 3)"),
    "54 constant": (lambda: design(quiet_moderator([2, 2, 2, 2, 2]), ["m"]), "'m' is 2 for all 5 studies"),
    "56 too many": (
        lambda: design(with_moderator(list("abcde")), ["m"]),
        "5 coefficients (intercept, m[b], m[c], m[d], m[e]) for 5 studies",
    ),
    "57 collinear": (
        lambda: design(silently(lambda: table(moderators=TWINS)), ["a", "b"]),
        "'b' is determined by 'a'",
    ),
    "60 no such moderator": (
        lambda: design(table(moderators=pd.DataFrame({"ablat": [1, 2, 3, 4, 6]})), "~ ablatt"),
        "no moderator 'ablatt'",
        "did you mean 'ablat'?",
    ),
    "62 negative scale": (lambda: pw.priors.HalfNormal(-0.5), "HalfNormal has scale = -0.5", "above 0"),
    "62 zero scale": (lambda: pw.priors.HalfCauchy(0.0), "HalfCauchy has scale = 0.0"),
    "62 zero sd": (lambda: pw.priors.Normal(0.0, 0.0), "Normal has sd = 0.0"),
    "62 infinite scale": (lambda: pw.priors.HalfNormal(math.inf), "scale = inf"),
    "66 unknown prior": (
        lambda: pw.priors.make("HalfNorml", 0.5),
        "unknown prior 'HalfNorml'",
        "did you mean 'HalfNormal'?",
    ),
    "67 no priors for this scale": (
        lambda: panel("MD"),
        "no prior panel for the scale 'MD'",
        "priors in the unit of the effects",
    ),
    "67 no default for this scale": (
        lambda: RandomEffects().resolved(table(scale="MD")),
        "the scale 'MD' has no default",
        "defaults exist for SMD",
    ),
    "11 marks of thousands": (
        lambda: table(n=["1,200", 20, 30, 40, 50]),
        "n is '1,200' for 'Ash' (row 1)",
        "1200 if the comma marks thousands",
    ),
    "11 gaps of thousands": (lambda: table(y=at(1, "1 000", Y)), "the number without marks of thousands, 1000"),
    "25 counts": (
        lambda: Effects.from_counts([[5, 8], [61, 9]], [[50, 40], [60, 60]], study=NAMES[:2]),
        "the counts of 'Birch' (row 2) are impossible: 61 of 60 and 9 of 60",
    ),
    "52 not symmetric": (
        lambda: table(y=Y[:2], study=NAMES[:2], se=None, covariance=[[0.04, 0.01], [0.02, 0.04]]),
        "0.01 and 0.02 for 'Ash' (row 1) and 'Birch' (row 2)",
    ),
    "52 singular": (
        lambda: table(y=Y[:2], study=NAMES[:2], se=None, covariance=[[0.04, 0.04], [0.04, 0.04]]),
        "the least eigenvalue of its correlations is",
    ),
    "48 a moderator without a name": (lambda: table(moderators={" ": Y}), "a moderator has no name"),
    "47 notes that are no text": (lambda: table(notes=[1]), "notes is 1", "a text"),
    "47 labels that are no text": (lambda: table(dropped=3), "dropped is 3", "a text"),
    "47 columns that are no mapping": (
        lambda: Effects.from_statistics({"study": NAMES, "d": Y, "se": SE}, target="SMD", columns="d"),
        "columns = 'd'",
    ),
    "21 an F of several groups": (
        lambda: Effects.from_statistics(
            {"study": ["a"], "F": ["F(2, 38) = 3.0"], "n1": [20], "n2": [20]}, target="SMD"
        ),
        "try means and sds instead, since an F with 2 degrees of freedom compares more than two groups",
    ),
    "68 prior and fixed value": (
        lambda: RandomEffects(tau=pw.priors.HalfNormal(0.5), tau_fixed=0.1),
        "both a prior for tau (HalfNormal(0.5)) and tau_fixed = 0.1",
    ),
}


@pytest.mark.parametrize("number", ERRORS)
def test_stops_and_says_where(number):
    make, *told = ERRORS[number]
    with pytest.raises((InputError, ModelError)) as error:
        make()
    for words in told:
        assert words in str(error.value)


RNG = np.random.default_rng(20240)
BCG = pw.datasets.load("bcg")
SIZES = np.array([20, 40, 60, 100, 200, 400])
RATIOS = np.exp(RNG.normal(0.0, 0.4, 12))

WARNINGS = {
    "3 a missing effect": (
        lambda: table(y=at(2, math.nan, Y), se=at(4, None, SE)),
        "2 of 5 studies dropped: 'Birch' (row 2): no effect, 'Elm' (row 4): no standard error",
    ),
    "5 by name": (
        lambda: Effects.from_frame(FRAME.rename(columns={"se": "vi"}), y="d", se="vi", study="study"),
        "column 'vi' looks like variances; if so, pass it as v=, not as se=",
    ),
    "5 by name, the reverse": (
        lambda: Effects(Y, v=pd.Series(SE, name="sei"), study=NAMES),
        "column 'sei' looks like standard errors; if so, pass it as se=, not as v=",
    ),
    "5 by the sample sizes": (
        lambda: Effects(np.linspace(0, 0.5, 6), se=4.1 / SIZES, n=SIZES, scale="SMD"),
        "fall with 1/n as variances do",
    ),
    "36 an outcome without a name": (
        lambda: table(outcome=["a", None, "a", "b", "b"]),
        "no outcome is named for 'Birch' (row 2), which counts as an outcome of its own",
    ),
    "15 no sample size": (
        lambda: Effects.from_correlations([0.1, 0.2, 0.3, 0.2], [None, 50, 60, 70], study=NAMES[:4]),
        "'Ash' (row 1): no sample size",
    ),
    "17 ratios not logged": (
        lambda: Effects(RATIOS, se=np.full(12, 0.3), scale="log OR"),
        "all 12 effects are above 0 and lie on both sides of 1",
    ),
    "17 bcg without logs": (
        lambda: Effects(np.exp(BCG.y), se=BCG.se, study=BCG.study, scale="log RR"),
        "all 13 effects are above 0 and lie on both sides of 1",
    ),
    "17 by name": (
        lambda: Effects.from_frame(
            pd.DataFrame({"OR": [1.5, 1.6, 1.7], "se": [0.2, 0.1, 0.3]}), y="OR", se="se", scale="log OR"
        ),
        "column 'OR' looks like ratios and the scale 'log OR' wants logs",
    ),
    "18 askew limits": (
        lambda: ratios(se_log=None, lower=[0.3, 0.5, 1.0], upper=[0.83, 2.88, 2.2]),
        "not symmetric about the log ratio for 'Cedar' (row 3)",
    ),
    "5 by name, squared": (
        lambda: Effects(Y, se=pd.Series(SE, name="SE²"), study=NAMES),
        "column 'SE²' looks like variances",
    ),
    "5 standard errors as variances": (
        lambda: Effects(np.linspace(0, 0.5, 6), v=2.1 / np.sqrt(SIZES), n=SIZES, scale="SMD"),
        "if they are standard errors, pass them as se=",
    ),
    "7 symmetric as ratios": (
        lambda: ratios(ratio=[0.5, 1.2, 2.0], se_log=None, lower=[0.3, 0.9, 1.5], upper=[0.7, 1.5, 2.5]),
        "symmetric about the ratios themselves",
    ),
    "10 limits of 5 %": (
        lambda: ratios(se_log=None, lower=[0.34, 0.67, 1.2], upper=[0.74, 2.2, 3.3], prob=0.05),
        "prob=0.95 for 95 %",
    ),
    "34 implausible SMD": (
        lambda: table(y=at(2, 8.0, Y)),
        "effects beyond 5 on the scale 'SMD', check: 'Birch' (row 2)",
    ),
    "34 implausible log OR": (
        lambda: table(y=at(2, -11.0, Y), scale="log OR"),
        "beyond 10 on the scale 'log OR'",
    ),
    "35 identical rows": (
        lambda: table(study=["Ash", "Ash", *NAMES[2:]], y=[0.2, 0.2, 0.3, 0.1, 0.4], se=[0.1] * 5),
        "identical rows: 'Ash' (rows 1, 2)",
    ),
    "35 identical rows without labels": (
        lambda: Effects([0.2, 0.5, 0.2, 0.1, 0.4], se=[0.1, 0.2, 0.1, 0.1, 0.1]),
        "identical rows: rows 1, 3; a study entered twice counts twice",
    ),
    "37 n against the standard error": (
        lambda: Effects([0.1, 0.2, 0.3, 0.15, 0.4], se=[0.1] * 5, n=[103, 103, 30, 103, 103], scale="Fisher z"),
        "with n persons se is 1 / sqrt(n - 3): row 3: se 0.1, n 30",
    ),
    "40 two studies": (lambda: Effects(Y[:2], se=SE[:2]), "only 2 studies"),
    "40 two studies selected": (lambda: table(outcome=list("aaabb")).select(outcome="b"), "only 2 studies"),
    "43 one label, different effects": (
        lambda: table(study=["Ash", "Ash", *NAMES[2:]], outcome="relapse"),
        "several effects from one study: 'Ash' on 'relapse' (rows 1, 2)",
    ),
    "43 a sum among the studies": (
        lambda: table(study=[*NAMES[:4], "Overall"]),
        "a summary rather than a study, by its label: 'Overall' (row 5)",
    ),
    "44 spellings that look alike": (
        lambda: table(study=["A-1", "A–1", *NAMES[2:]]),
        "'A-1' and 'A–1'",
    ),
    "52 correlations as a covariance": (
        lambda: table(se=None, covariance=0.7 * np.eye(5) + 0.3),
        "covariance has 1 throughout its diagonal as correlations have",
    ),
    "53 infinite": (lambda: with_moderator([1.0, 2.0, math.inf, 4.0, 5.0]), "'m' is infinite for 'Cedar' (row 3)"),
    "53 in the table": (
        lambda: with_moderator([1.0, 2.0, math.nan, 4.0, 5.0]),
        "the moderator 'm' is missing for 'Cedar' (row 3); a regression on it needs every value, or missing='model'",
    ),
    "54 in the table": (lambda: with_moderator([2] * 5), "the moderator 'm' is 2 for all studies"),
    "57 in the table": (
        lambda: table(moderators=TWINS),
        "moderators are determined by others, and no regression can hold both: 'b' by 'a'",
    ),
    "55 a level with one study": (
        lambda: design(with_moderator(list("aabbc")), ["m"]),
        "levels with one study: 'm[c]' (only 'Fir')",
    ),
    "55 the reference level": (
        lambda: design(with_moderator(list("abbcc")), "~ m"),
        "levels with one study: 'm[a]' (only 'Ash')",
    ),
    "58 a year": (
        lambda: design(with_moderator([2001, 2003, 2010, 2012, 2015]), ["m"]),
        "centre it: m - 2008",
    ),
    "63 tau beyond all": (
        lambda: pw.fit(table(), RandomEffects(tau=pw.priors.Uniform(10.5, 20)), pw.Exact()).report,
        "99 % of its mass above tau = 10",
    ),
    "64 a prior for another scale": (
        lambda: pw.fit(table(scale="log OR"), RandomEffects(tau=pw.priors.HalfNormal(0.5, "SMD")), pw.Exact()).report,
        "was made for 'SMD' and the effects are 'log OR'",
    ),
}


@pytest.mark.parametrize("number", WARNINGS)
def test_warns_and_goes_on(number):
    make, words = WARNINGS[number]
    with pytest.warns(PoolwiseWarning) as caught:
        kept = make()
    sentences = [str(warning.message) for warning in caught]
    assert len(sentences) == 1
    assert words in sentences[0]
    assert all(warning.filename == __file__ for warning in caught)
    assert sentences[0] in kept.notes


def test_the_same_numbers_on_two_outcomes_are_no_duplicates():
    y, se = [0.2, 0.5, 0.2, 0.5], [0.1, 0.2, 0.1, 0.2]
    assert not any("identical" in note for note in Effects(y, se=se, outcome=list("aabb")).notes)


NOTES = {
    "12 Unicode minus": (
        lambda: table(y=at(1, "−0.2", Y)),
        "read without its marks: '−0.2' as -0.2 for 'Ash'",
    ),
    "12 full-width digits": (lambda: table(y=at(1, "０.２", Y)), "'０.２' as 0.2 for 'Ash'"),
    "12 footnote mark": (lambda: table(y=at(1, ".45*", Y)), "'.45*' as 0.45 for 'Ash' (row 1)"),
    "41 fewer than five": (
        lambda: Effects(Y[:4], se=SE[:4]),
        "only 4 studies, fewer than 5: a prediction interval",
    ),
    "55 in the table": (lambda: with_moderator(list("aabbc")), "levels of moderators with one study: m[c]"),
    "56 in the table": (
        lambda: with_moderator(list("abcde")),
        "all moderators together take 5 coefficients and there are 5 studies",
    ),
    "42 no labels": (
        lambda: Effects(Y, se=SE),
        "no study labels were given; labelled 'study 1' to 'study 5'",
    ),
    "44 label missing": (lambda: table(study=["Ash", None, *NAMES[2:]]), "no study label in row(s) 2"),
    "44 label a number": (
        lambda: table(study=["Ash", 1984, *NAMES[2:]]),
        "not text, in row(s) 2, became text",
    ),
}


@pytest.mark.parametrize("number", NOTES)
def test_goes_on_quietly_and_notes(number):
    make, words = NOTES[number]
    assert any(words in note for note in make().notes)


def test_ordinary_tables_say_nothing():
    assert table().notes == ()
    assert table(outcome=list("aabbb")).notes == ()


def test_nothing_is_dropped_silently():
    left = silently(lambda: table(y=at(2, math.nan, Y), se=at(4, None, SE), n=[1, 2, 3, 4, 5]))
    assert left.study == ("Ash", "Cedar", "Fir")
    assert left.dropped == ("Birch", "Elm")
    assert left.n.tolist() == [1, 3, 5]
    assert any("2 of 5 studies dropped" in note for note in left.notes)


def test_rows_are_counted_as_they_were_handed_in_after_some_were_dropped():
    with pytest.warns(PoolwiseWarning) as caught:
        table(y=[math.nan, 0.5, 0.3, 9.0, 0.4])
    assert "'Elm' (row 4): 9" in str(caught[1].message)


def test_one_study_is_kept_on_request():
    assert Effects([0.2], se=[0.1], allow_single=True).k == 1
    assert table(outcome=list("aaaab")).select(outcome="b", allow_single=True).k == 1


def test_the_same_label_on_different_outcomes_is_fine():
    assert table(study=["Ash", "Ash", *NAMES[2:]], outcome=list("ababa")).notes == ()


def test_effects_at_different_timepoints_are_kept_with_a_warning():
    times = pd.DataFrame({"timepoint": [1, 2, 1, 1, 1]})
    with pytest.warns(PoolwiseWarning, match="several effects from one study"):
        kept = table(study=["Ash", "Ash", *NAMES[2:]], moderators=times)
    assert kept.study == ("Ash", "Ash (2)", "Cedar", "Elm", "Fir")


@pytest.mark.parametrize(
    "label",
    [
        "x" * 5_000,
        r"\textbf{50\% & more}_{i}",
        "<script>alert(1)</script>",
        "كوهين ١٩٨٨",
        "👩‍🔬 2020",
        "naïve Ünal",
        "Ã",
    ],
)
def test_odd_labels_survive_and_cannot_be_markup(label):
    kept = table(study=[label, *NAMES[1:]])
    assert kept.study[0] == label
    assert "<script>" not in kept._repr_html_()
    assert kept.to_frame()["study"][0] == label


def test_true_log_ratios_that_are_all_positive_do_not_warn():
    y = np.random.default_rng(5).normal(0.6, 0.15, 12)
    assert (y > 0).all()
    assert not any("ratios" in note for note in Effects(y, se=np.full(12, 0.15), scale="log OR").notes)


def test_true_standard_errors_do_not_look_like_variances():
    kept = Effects(np.linspace(0, 0.5, 6), se=np.sqrt(4.1 / SIZES), n=SIZES, scale="SMD")
    assert not any("variances" in note for note in kept.notes)


def test_misspelt_names_of_studies_and_outcomes_get_the_nearest():
    with pytest.raises(MissingQuantityError, match="did you mean 'Birch'"):
        table().drop(study="Brich")
    with pytest.raises(MissingQuantityError, match="did you mean 'relapse'"):
        table(outcome="relapse").select(outcome="relaps")


BAD_SHAPES = {
    "lists as moderators": (lambda: table(moderators={"m": [[1], [2], [3], [4], [5]]}), "moderator 'm' holds lists"),
    "one number as moderator": (lambda: table(moderators={"m": 1}), "moderators cannot be made a table"),
    "indexes of a mapping": (
        lambda: table(y=pd.Series(Y, index=NAMES), moderators={"m": pd.Series(Y, index=[*NAMES[:4], "Gum"])}),
        "the labels of moderators['m'] are not the study labels: 'Gum' in moderators['m'], 'Fir' in study",
    ),
    "where is no mapping": (lambda: table().select(where="x"), "where is 'x'"),
    "lengths": (lambda: table(se=SE[:4]), "se has 4 values and y has 5"),
    "labels": (lambda: table(study=NAMES[:4]), "study has 4 labels and y has 5"),
    "one text for labels": (lambda: table(study="abcde"), "a sequence, one entry for each study"),
    "a number": (lambda: Effects(0.3, se=0.1), "one number for each study"),
    "a matrix": (lambda: Effects(np.ones((2, 2)), se=np.ones((2, 2))), "shape (2, 2)"),
    "ragged": (lambda: Effects([[1], [1, 2]], se=SE), "rows of different lengths"),
    "truth values": (lambda: Effects([True, False], se=[1, 1]), "bool"),
    "no standard errors": (lambda: Effects(Y), "no standard errors"),
    "moderators": (lambda: table(moderators=pd.DataFrame({"m": [1, 2]})), "moderators has 2 rows"),
    "own columns": (lambda: table(moderators=FRAME), "se"),
    "other order": (
        lambda: Effects(pd.Series(Y), se=pd.Series(SE, index=[4, 3, 2, 1, 7])),
        "y and se have different indexes, so their rows may not belong together: '7' in se, '0' in y",
    ),
    "provenance": (lambda: table(provenance="recontructed"), "did you mean 'reconstructed'?"),
    "directions": (lambda: table(directions="worse"), "two texts"),
    "scale": (lambda: table(scale="smdd"), "did you mean 'SMD'?"),
}


@pytest.mark.parametrize("shape", BAD_SHAPES)
def test_columns_that_do_not_fit_together_stop(shape):
    make, words = BAD_SHAPES[shape]
    with pytest.raises(InputError) as error:
        make()
    assert words in str(error.value)


FILES = {
    "38 empty": (b"", "is empty"),
    "38 blank": (b"\n  \n", "is empty"),
    "38 header only": (b"study,d,se\n", "a header and no rows"),
    "45 not UTF-8": ("study,d,se\nMüller,0.1,0.2\n".encode("cp1252"), "line 2, is not utf-8 text"),
    "45 UTF-16": ("study,d,se\nA,0.1,0.2\n".encode("utf-16"), "encoding='utf-16'"),
    "48 names twice": (b"study,se,se\nA,0.1,0.2\n", "se more than once"),
    "a cell too many": (
        b"study,d,se\nA,0.1,0.2\nB,0.1,0.2,0.3\n",
        "line 3, has 4 cells and the header has 3",
    ),
    "a cell too few": (b"study,d,se\nA,0.1\n", "line 2, has 2 cells"),
    "no name": (b"study,,se\nA,0.1,0.2\n", "no name for column(s) 2"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_cannot_be_read_stop(case, tmp_path):
    content, words = FILES[case]
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_csv(path, encoding="utf-8")
    assert words in str(error.value)
    assert "mine.csv" in str(error.value)


def test_a_missing_file_stops(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*absent.csv"):
        read_csv(tmp_path / "absent.csv")


def test_ratios_without_logs_are_found_and_logs_left_in_peace():
    """300 simulated tables of 10 studies each: ratios about 1, and logs with a mean of 0 to 0.5.

    A warning for logs means that all ten ratios lie above 1 and some above 2.7: 6 % of these tables.
    """
    rng = np.random.default_rng(17)
    found = {"ratios": 0, "logs": 0}
    for _ in range(300):
        se = rng.uniform(0.1, 0.6, 10)
        deviations = rng.normal(0.0, np.hypot(se, 0.2))
        found["ratios"] += looks_unlogged(np.exp(deviations), se)
        found["logs"] += looks_unlogged(rng.uniform(0.0, 0.5) + deviations, se)
    assert found["ratios"] > 290
    assert found["logs"] < 30


def looks_unlogged(y: np.ndarray, se: np.ndarray) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Effects(y, se=se, scale="log OR")
    return any("lie on both sides of 1" in str(warning.message) for warning in caught)


def test_several_outcomes_in_one_model_warn_and_stand_in_the_report():
    kept = table(outcome=list("aabbb"))
    with pytest.warns(PoolwiseWarning, match=r"2 outcomes \(a, b\) are pooled as one"):
        result = pw.fit(kept, RandomEffects(), pw.Exact())
    assert any("2 outcomes (a, b) are pooled as one" in note for note in result.report.notes)


def test_41_few_studies_for_a_prediction_interval_warn_in_the_fit():
    effects = Effects([0.1, 0.4, 0.3], se=[0.1, 0.2, 0.2], scale="SMD")
    with pytest.warns(PoolwiseWarning, match="The prediction interval rests on 3 studies"):
        pw.fit(effects, RandomEffects(), pw.ClosedForm())


def test_sizes_that_no_two_groups_have_are_noted():
    assert any(
        "2 / sqrt(n): 'Birch' (row 2): se 0.05, n 40" in note
        for note in table(se=at(2, 0.05, SE), n=[900, 40, 900, 900, 900]).notes
    )


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (pw.Subgroups("m"), "groups of 'm' with one study: 'b'"),
        (pw.ThreeLevel(), "every cluster has one effect"),
        (pw.ThreeLevel(cluster="one"), "all effects are in one cluster"),
    ],
)
def test_groups_and_clusters_that_say_nothing_are_told(model, words):
    effects = silently(lambda: table(moderators={"m": list("aaaab"), "one": ["x"] * 5}))
    with pytest.warns(PoolwiseWarning, match=words):
        result = pw.fit(effects, model, pw.Exact())
    assert any(words in note for note in result.report.notes)


@pytest.mark.parametrize("nothing", [3, None, 2.5])
def test_what_holds_no_tables_is_refused(nothing):
    for asked in (lambda: pw.checks.ranges(nothing, RandomEffects()), lambda: pw.reconstruct(nothing)):
        with pytest.raises(pw.PoolwiseError, match="was given"):
            asked()


@pytest.mark.parametrize("none", ["~", "", [], b"~ x", [3]])
def test_a_regression_names_its_moderators(none):
    with pytest.raises(ModelError, match="moderators = "):
        pw.MetaRegression(none)
