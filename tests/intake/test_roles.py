"""A column is read by its role: names never pass through a float, and a cell that is no number is named."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import Effects
from poolwise.errors import InputError, PoolwiseWarning
from poolwise.intake.labels import text_of

Y = [0.2, 0.5, -0.1, 0.8, 0.35, 0.6, 0.1, 0.45]
SE = [0.1, 0.2, 0.15, 0.3, 0.12, 0.25, 0.2, 0.18]
DOSES = [1.5, 2.5, 3.5, 1.5, 2.5, 3.5, 1.5, 2.5]


def table(**moderators: object) -> Effects:
    return Effects(Y, se=SE, study=list("ABCDEFGH"), moderators=moderators, scale="SMD")


def commas(cells: list[float]) -> list[str]:
    return [str(cell).replace(".", ",") for cell in cells]


def test_a_moderator_with_decimal_commas_is_one_slope():
    """The slope -0.04133 and tau2 0.04442 are metafor's, by REML."""
    frame = pd.DataFrame({"y": commas(Y), "se": commas(SE), "dose": commas(DOSES)})
    effects = Effects.from_frame(frame, se="se", moderators=["dose"], decimal=",")
    fit = pw.fit(effects, pw.MetaRegression("~ dose"), pw.ClosedForm(tau2="REML"))
    assert fit["beta[dose]"].point == pytest.approx(-0.04133, abs=5e-6)
    assert fit["tau2"].point == pytest.approx(0.04442, abs=5e-6)


NUMBERS = {
    "text": list(map(str, DOSES)),
    "years": [str(year) for year in range(2001, 2009)],
    "a Unicode minus": ["−1", "2", "3", "4", "5", "6", "7", "8"],
    "footnotes": ["1*", "2", "3†", "4", "5", "6", "7", "8"],
    "decimals": [Decimal("1.10"), Decimal("1.1"), *map(Decimal, range(6))],
    "fractions": [Fraction(1, 3), *range(7)],
    "mixed": ["1", 2, 3.5, Decimal(4), Fraction(5), np.float32(6), 7, "8"],
    "arrow": pd.array(DOSES, dtype="double[pyarrow]"),
    "sparse": pd.Series(pd.arrays.SparseArray(DOSES)),
    "a gap": ["1", None, "3", "-", "5", "NA", "7", "8"],
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.filterwarnings("ignore:the moderator 'dose' is missing")
def test_numbers_are_numbers_however_they_are_written(kind):
    column = table(dose=NUMBERS[kind]).moderators["dose"]
    assert column.dtype == np.float64
    assert column[7] == float(list(NUMBERS[kind])[7])


@pytest.mark.parametrize("odd", ["<5", "1,200", "5 mg", "ca. 3", "1-2", "0x10", "١"])
def test_the_cell_that_is_no_number_is_named(odd):
    with pytest.warns(PoolwiseWarning, match="the moderator 'dose' holds 6 numbers and") as caught:
        effects = table(dose=["1", "2", odd, "1", odd, "2", "1", "2"])
    assert f"{odd!r} for 'C' (row 3)" in str(caught[0].message)
    for moderators in ("~ dose", ["dose"]):
        with pytest.raises(InputError) as error:
            pw.fit(effects, pw.MetaRegression(moderators), pw.ClosedForm())
        assert f"{odd!r} for 'C' (row 3)" in str(error.value)
    assert "beta[C(dose)[2]]" in pw.fit(effects, pw.MetaRegression("~ C(dose)"), pw.ClosedForm())


def test_columns_of_decimal_commas_without_a_word_are_named():
    with pytest.warns(PoolwiseWarning, match=r"holds '1,5' for 'A' \(row 1\).*decimal=','"):
        table(dose=commas(DOSES))


@pytest.mark.parametrize("column", ["y", "dose"])
def test_a_mark_that_may_be_of_thousands_is_ambiguous(column):
    frame = pd.DataFrame({"y": commas(Y), "se": commas(SE), "dose": commas(DOSES)})
    frame.loc[2, column] = "1.234"
    with pytest.raises(InputError, match=r"is '1.234' for row 3, ambiguous with the decimal mark ','"):
        Effects.from_frame(frame, se="se", moderators=["dose"], decimal=",")


CLUSTERS = {
    "trailing zeros": ["1.1", "1.10", "1.2", "1.20", "2.1", "2.10"],
    "leading zeros": ["007", "7", "07", "8", "08", "9"],
    "17 digits": [f"1234567890123456{digit}" for digit in range(4, 10)],
    "exponents": ["1e3", "1000", "1.0e3", "10e2", "2", "3"],
}
TOML = """
title = "Clusters"
question = "Are names names?"
[data]
csv = "own.csv"
scale = "SMD"
[model]
kind = "three-level"
cluster = "lab"
[engines]
exact = {}
"""


@pytest.mark.parametrize("kind", CLUSTERS)
def test_clusters_are_names_by_every_way_in(kind, tmp_path):
    names = CLUSTERS[kind] * 2
    y, se = [*Y, 0.0, 0.9, 0.3, -0.2], [*SE, 0.1, 0.2, 0.3, 0.15]
    pd.DataFrame({"y": y, "se": se, "lab": names}).to_csv(tmp_path / "own.csv", index=False)
    (tmp_path / "q.toml").write_text(TOML)
    tables = [
        pw.load_analysis(tmp_path / "q.toml").effects,
        pw.read_csv(tmp_path / "own.csv", cluster="lab", scale="SMD"),
        pw.read_csv(tmp_path / "own.csv", moderators="lab", scale="SMD"),
        Effects(y, se=se, moderators={"lab": names}, scale="SMD"),
        Effects(y, se=se, study=names, study_as_given=names, scale="SMD"),
    ]
    for effects in tables[:4]:
        assert pw.ThreeLevel(cluster="lab").clusters(effects) == tuple(names)
    assert tables[4].study_as_given == tuple(names)
    lettered = Effects(y, se=se, moderators={"lab": [f"v{name}" for name in names]}, scale="SMD")
    expected = pw.fit(lettered, pw.ThreeLevel(cluster="lab"), pw.Exact())["tau_between"].point
    assert pw.fit(tables[0], pw.ThreeLevel(cluster="lab"), pw.Exact())["tau_between"].point == expected


def test_large_whole_numbers_of_python_stay_apart():
    for ids in ([10**20 + row for row in range(8)], [2**60 + row for row in range(8)]):
        assert len(set(pw.ThreeLevel(cluster="id").clusters(table(id=ids)))) == 8
        assert len(set(Effects(Y, se=SE, study=ids).study)) == 8


def test_text_that_is_more_than_its_number_stays_text_and_a_regression_reads_numbers():
    effects = table(x=["1.1", "1.10", "2", "3", "4", "5", "6", "7"])
    assert any("'1.1', '1.10' are the same numbers: kept as text" in note for note in effects.notes)
    assert "beta[x]" in pw.fit(effects, pw.MetaRegression("~ x"), pw.ClosedForm())


def test_groups_are_cleaned_as_labels_are():
    """The figures are metafor's, by REML with a common tau2 and Hartung-Knapp."""
    spelled = ["rct", "rct ", "obs", "obs\u200b", " rct", "rct\u00a0", "obs", "\ufeffobs"]
    fit = pw.fit(table(g=spelled), pw.Subgroups("g"), pw.ClosedForm(interval="hartung-knapp"))
    assert fit["mu[rct]"].point == pytest.approx(0.3705, abs=5e-5)
    assert fit["mu[rct]"].interval(0.95) == pytest.approx((0.0466, 0.6944), abs=5e-5)
    assert fit["mu[obs]"].point == pytest.approx(0.2389, abs=5e-5)
    assert fit["mu[obs]"].interval(0.95) == pytest.approx((-0.1189, 0.5967), abs=5e-5)


def test_spellings_that_differ_in_capitals_are_told_once_with_both():
    with pytest.warns(PoolwiseWarning) as caught:
        Effects(
            Y, se=SE, outcome=["Pain", "pain"] * 4, moderators={"g": pd.Categorical(["RCT", "rct", "obs", "obs"] * 2)}
        )
    assert len(caught) == 1
    assert "outcome 'Pain' and 'pain'; 'g' 'RCT' and 'rct'" in str(caught[0].message)


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        (" Smith\u00a0 2010\n", "Smith 2010"),
        ("Mu\u0308ller", "Müller"),
        ("zero\u200bwidth\u2060", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("left\u200e mark", "left mark"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        (3.0, "3"),
        (Decimal("1.10"), "1.10"),
        (b"caf\xc3\xa9", "café"),
        (np.str_("x "), "x"),
        (pd.Timestamp("2020-01-02"), "2020-01-02"),
    ],
)
def test_a_name_is_one_line_of_what_can_be_seen(written, clean):
    assert text_of(written) == clean


def test_groups_given_as_numbers_are_groups():
    for groups in ([1, 2] * 4, ["1", "2"] * 4, [1.0, 2.0] * 4, np.array([True, False] * 4)):
        assert len(pw.Subgroups("g").levels(table(g=groups))) == 2
    with pytest.raises(pw.PoolwiseError, match="the moderator 'g' is numeric"):
        pw.Subgroups("g").levels(table(g=range(8)))


WAYS = {
    "se": lambda cells: Effects(Y, se=cells),
    "y": lambda cells: Effects(cells, se=SE),
    "n": lambda cells: Effects(Y, se=SE, n=cells),
    "moderator": lambda cells: table(x=cells),
    "correlation": lambda cells: Effects.from_correlations([0.5] * 8, cells),
    "ratio": lambda cells: Effects.from_ratios(cells, se_log=SE),
    "reliability": lambda cells: table().disattenuated(cells),
    "frame": lambda cells: Effects.from_frame({"y": cells, "se": SE}, se="se"),
}
EIGHT = [1, 1, 0.5, 1, 0.75, 1, 1, 0.9]


@pytest.mark.parametrize("way", ["se", "y", "n", "moderator", "reliability", "frame"])
@pytest.mark.parametrize("holder", [list, np.array, iter])
def test_a_complex_cell_is_an_error_that_names_its_row(way, holder):
    cells = [*EIGHT[:2], 0.5 + 0.5j, *EIGHT[3:]]
    row = 1 if holder is np.array else 3  # all cells of an array are complex
    with pytest.raises(InputError, match=rf"j\) for .*row {row}"):
        WAYS[way](holder(cells))


def test_complex_counts_and_covariances_name_their_row():
    with pytest.raises(InputError, match="events is 6j for row 2"):
        Effects.from_counts([[4, 11], [6j, 29]], [[123, 139], [306, 303]])
    with pytest.raises(InputError, match=r"covariance is 0\.1j for row 1"):
        Effects([0.1, 0.2], covariance=[[0.1, 0.1j], [-0.1j, 0.1]])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
def test_a_masked_cell_is_a_missing_cell(way):
    said = []
    for cells in (
        np.ma.masked_array([*EIGHT[1:], 0.123], mask=[False] * 7 + [True]),
        [*EIGHT[1:], None],
        [*EIGHT[1:], np.ma.masked],
        pd.array([*EIGHT[1:], None], dtype="Float64"),
    ):
        try:
            effects = WAYS[way](cells)
            said.append((effects.data_hash, effects.k))
        except InputError as error:
            said.append(str(error))
    assert len(set(said)) == 1


def test_masked_counts_and_covariances_are_missing_too():
    events = np.ma.masked_array([[4, 11], [6, 29], [3, 11]], mask=[[0, 0], [1, 0], [0, 0]])
    with pytest.warns(PoolwiseWarning, match="1 of 4 studies dropped: row 2: a count is missing"):
        assert Effects.from_counts([*events, [5, 5]], [[123, 139], [306, 303], [231, 220], [90, 90]]).k == 3
    with pytest.raises(InputError, match="covariance is not a number for row 1, row 2"):
        Effects([0.1, 0.2], se=[1, 1], covariance=np.ma.masked_array([[1, 0.2], [0.2, 1]], mask=[[0, 1], [1, 0]]))


@pytest.mark.parametrize("cells", [{"a", "b"}, frozenset("ab"), {"a": 1}, "abcdefgh", b"abcdefgh", 3, None, object()])
@pytest.mark.parametrize("role", ["y", "study", "se"])
def test_what_has_no_order_or_no_rows_is_no_column(role, cells):
    given = {"y": Y, "se": SE, role: cells}
    if cells is None and role == "study":
        return
    with pytest.raises(InputError, match=rf"{role} is |no standard errors"):
        Effects(**given)


def test_iterators_are_read_once():
    rows = [{"d": cell, "o": "a"} for cell in [Decimal("0.2"), None, "0.3", 0.1]]
    with pytest.warns(PoolwiseWarning, match="1 of 4 studies dropped: row 2"):
        effects = Effects((row["d"] for row in rows), se=iter([0.1] * 4), outcome=(row["o"] for row in rows))
    assert effects.y.tolist() == [0.2, 0.3, 0.1]
    assert effects.outcome == ("a", "a", "a")
