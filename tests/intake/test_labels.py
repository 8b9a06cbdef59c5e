"""What carries labels is matched by them, or refused by a message that names them; never by place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import poolwise as pw
from poolwise import Effects
from poolwise.errors import InputError

ABC = list("ABC")
Y, SE = [0.1, 0.5, 0.3], [0.1, 0.2, 0.3]
KNOWN = 5e-5  # the figures below have four decimals


def series(cells: list, index: object) -> pd.Series:
    return pd.Series(cells, index=index if isinstance(index, pd.Index) else list(index))


def table(**given: object) -> Effects:
    return Effects(**{"y": Y, "se": SE, "study": ABC, **given})  # type: ignore[arg-type]


def test_correlations_meet_their_own_sample_sizes():
    """0.2833 [-0.0820, 0.6487] is metafor's answer by REML and Hartung-Knapp for (.1, 50), (.5, 20), (.3, 200)."""
    r, n = series([0.1, 0.5, 0.3], "abc"), series([200, 20, 50], "cba")
    with pytest.warns(pw.PoolwiseWarning, match="rests on 3 studies"):
        fit = pw.fit(Effects.from_correlations(r, n), pw.RandomEffects(), pw.ClosedForm(interval="hartung-knapp"))
    assert fit["mu"].point == pytest.approx(0.2833, abs=KNOWN)
    assert fit["mu"].interval(0.95) == pytest.approx((-0.0820, 0.6487), abs=KNOWN)


V = np.diag([0.01, 0.04, 0.09])
COVARIANCES = {
    "frame": pd.DataFrame(V, index=list("CBA"), columns=list("CBA")),
    "columns in another order": pd.DataFrame(V, index=list("CBA"), columns=list("CBA"))[list("BAC")],
    "columns alone": pd.DataFrame(V, columns=list("CBA")),
    "xarray": xr.DataArray(V, coords={"row": list("CBA"), "column": list("CBA")}, dims=("row", "column")),
}


@pytest.mark.parametrize("covariance", COVARIANCES.values(), ids=COVARIANCES)
def test_a_labelled_covariance_is_put_into_the_order_of_the_studies(covariance):
    effects = table(se=None, covariance=covariance)
    assert effects.v == pytest.approx([0.09, 0.04, 0.01], rel=1e-15)
    weights = 1 / effects.v
    fit = pw.fit(effects, pw.CommonEffect(mu=pw.priors.Flat()), pw.Exact())
    assert fit["mu"].point == pytest.approx(np.sum(weights * Y) / weights.sum(), rel=1e-9)


BY_LABEL = {
    "se": (lambda: table(y=series(Y, "ABC"), se=series(SE[::-1], "CBA")).se, SE),
    "se, study named in another order": (
        lambda: table(y=series(Y, "ABC"), se=series(SE, "ABC"), study=list("CBA")).se,
        SE[::-1],
    ),
    "no study: the index of text is taken": (lambda: Effects(series(Y, "ABC"), se=series(SE[::-1], "CBA")).study, ABC),
    "n beside lists": (lambda: table(n=series([30, 10, 20], "CAB")).n, [10, 20, 30]),
    "outcome": (lambda: table(outcome=series(list("zxy"), "CAB")).outcome, list("xyz")),
    "a mapping": (lambda: table(moderators={"x": series([3, 1, 2], "CAB"), "z": [7, 8, 9]}).moderators["x"], [1, 2, 3]),
    "a frame": (lambda: table(moderators=pd.DataFrame({"x": [3, 1, 2]}, index=list("CAB"))).moderators["x"], [1, 2, 3]),
    "a named series": (lambda: table(moderators=series([3, 1, 2], "CAB").rename("x")).moderators["x"], [1, 2, 3]),
    "numbers of rows": (
        lambda: Effects(Y, se=SE, moderators={"x": series([1, 2, 3], [2, 1, 0]), "z": pd.Series([1, 2, 3])}).moderators[
            "x"
        ],
        [3, 2, 1],
    ),
    "rows of a larger frame": (
        lambda: Effects(series(Y, [4, 7, 9]), se=series(SE[::-1], [9, 7, 4]), study=ABC).se,
        SE,
    ),
    "study with an index": (
        lambda: Effects(series(Y, [4, 7, 9]), se=series(SE, [4, 7, 9]), study=series(ABC, [9, 7, 4])).y,
        Y[::-1],
    ),
    "xarray": (
        lambda: (
            Effects(
                xr.DataArray(Y, coords={"s": ABC}, dims="s"),
                se=xr.DataArray(SE[::-1], coords={"s": ABC[::-1]}, dims="s"),
            ).se
        ),
        SE,
    ),
    "counts": (
        lambda: (
            Effects.from_counts(
                pd.DataFrame([[4, 11], [6, 29], [3, 11]], index=ABC),
                pd.DataFrame([[231, 220], [306, 303], [123, 139]], index=list("CBA")),
            ).n
        ),
        [262, 609, 451],
    ),
    "ratios": (
        lambda: Effects.from_ratios(series([0.5, 0.8, 0.7], "ABC"), se_log=series(SE[::-1], "CBA")).se,
        SE,
    ),
    "limits": (
        lambda: np.exp(
            Effects.from_ratios(
                series([0.5, 0.8, 0.7], "ABC"),
                lower=series([0.5, 0.6, 0.3], "CBA"),
                upper=series([0.98, 1.07, 0.83], "CBA"),
            ).se
            * 2
            * 1.959963984540054
        ),
        [0.83 / 0.3, 1.07 / 0.6, 0.98 / 0.5],
    ),
    "reliabilities": (
        lambda: table(scale="SMD").disattenuated(series([0.25, 0.64, 1.0], "CBA")).se,
        [0.1, 0.25, 0.6],
    ),
    "a frame's index called study": (
        lambda: Effects.from_frame(pd.DataFrame({"y": Y, "se": SE}, index=pd.Index(ABC, name="study")), se="se").study,
        ABC,
    ),
    "a mapping of labelled columns": (
        lambda: Effects.from_frame({"y": series(Y, "ABC"), "se": series(SE[::-1], "CBA")}, se="se").se,
        SE,
    ),
}


@pytest.mark.parametrize("case", BY_LABEL)
@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
def test_by_label(case):
    made, expected = BY_LABEL[case]
    found = list(made())
    assert found == (expected if isinstance(expected[0], str) else pytest.approx(expected, rel=1e-12))


REFUSED = {
    "partial overlap": (lambda: table(y=series(Y, "ABC"), se=series(SE, "ABD"), study=None), "'D' in se, 'C' in y"),
    "a stranger beside study": (lambda: table(n=series([1, 2, 3], "ABX")), "'X' in n, 'C' in study"),
    "other names": (
        lambda: table(moderators=pd.DataFrame({"x": [1, 2, 3]}, index=list("xyz"))),
        "'x', 'y', 'z' in moderators",
    ),
    "capitals": (lambda: table(n=series([1, 2, 3], "abc")), "did you mean 'A'?"),
    "a covariance of others": (
        lambda: table(se=None, covariance=pd.DataFrame(V, index=list("XYZ"), columns=list("XYZ"))),
        "the labels of covariance are not the study labels",
    ),
    "rows and columns of a covariance": (
        lambda: table(se=None, covariance=pd.DataFrame(V, index=ABC, columns=list("ABD"))),
        "the columns of covariance are labelled A, B, D and its rows A, B, C",
    ),
    "labels twice": (
        lambda: table(se=None, study=list("AAB"), covariance=pd.DataFrame(V, index=list("ABA"), columns=list("ABA"))),
        "labels repeat",
    ),
    "an order that a list cannot follow": (
        lambda: table(y=series(Y, "CBA")),
        "y is labelled in another order than study; without such labels: se",
    ),
    "a permuted index beside lists": (
        lambda: Effects(Y, se=SE, moderators={"x": series([1, 2, 3], [2, 1, 0])}),
        "moderators['x'] is indexed 2, 1, 0; without an index: y, se",
    ),
    "names beside numbers": (lambda: Effects(pd.Series(Y), se=series(SE, "ABC")), "y and se have different indexes"),
    "study against its own index": (lambda: table(study=series(ABC, "CBA")), "its own index says C, B, A"),
    "events and totals": (
        lambda: Effects.from_counts(
            pd.DataFrame([[1, 2], [3, 4]], index=list("AB")), pd.DataFrame([[9, 9], [9, 9]], index=list("AC"))
        ),
        "'C' in totals, 'B' in events",
    ),
    "reliabilities": (lambda: table(scale="SMD").disattenuated(series([0.5, 0.6, 0.7], "ABX")), "'X' in reliability"),
    "index and column called study": (
        lambda: Effects.from_frame(
            pd.DataFrame({"y": Y, "se": SE, "study": ABC}, index=pd.Index(list("xyz"), name="study")), se="se"
        ),
        "a column 'study' and an index 'study' that differ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_labels_that_disagree_are_named(case):
    make, words = REFUSED[case]
    with pytest.raises(InputError) as error:
        make()
    assert words in str(error.value)


def test_an_index_in_the_same_order_may_hold_a_study_twice():
    twice = pd.Index(list("AAB"))
    with pytest.warns(pw.PoolwiseWarning, match="several effects from one study"):
        effects = table(
            y=series(Y, twice), se=None, study=list("AAB"), covariance=pd.DataFrame(V, index=twice, columns=twice)
        )
    assert effects.study_as_given == ("A", "A", "B")
    assert effects.v == pytest.approx([0.01, 0.04, 0.09], rel=1e-15)


def test_an_invented_label_is_no_label_of_another_study():
    assert table(study=["study 2", None, "C"]).study == ("study 2", "unlabelled study 2", "C")


def test_labels_that_are_missing_are_told_aloud_where_most_are():
    with pytest.warns(pw.PoolwiseWarning, match="3 of 3 study labels are missing"):
        table(study=[None, "", float("nan")])
    assert any("no study label in row(s) 2" in note for note in table(study=["A", "NA", "C"]).notes)


def test_many_tables_in_one_array_are_matched_by_their_labels():
    model = pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5))
    y = pd.DataFrame([Y, Y[::-1]], columns=ABC, index=["first", "second"])
    se = pd.DataFrame([SE, SE], columns=ABC, index=["first", "second"])
    whole = pw.fit_batch(y.to_numpy(), se.to_numpy(), model, pw.Exact())
    mixed = pw.fit_batch(y, se[list("CAB")].iloc[::-1], model, pw.Exact())
    np.testing.assert_array_equal(whole["mu"], mixed["mu"])
    with pytest.raises(InputError, match="the columns of se are labelled A, B, X"):
        pw.fit_batch(y, se.set_axis(list("ABX"), axis=1), model, pw.Exact())
