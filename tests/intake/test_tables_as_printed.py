"""Invented tables as people print them: each reaches what its figures mean, or words that say what to do."""

import io

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import measures as pm
from poolwise.errors import InputError, PoolwiseWarning

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
GROUPS = "Study|n1|m1|sd1|n2|m2|sd2\nA|20|11.3|2.1|22|10.1|2.2\nB|33|12|3|30|11|2.9"


def effects(text, target, **words):
    return pw.Effects.from_statistics(pd.read_csv(io.StringIO(text), sep="|"), target=target, **words)


@pytest.mark.parametrize(("text", "target", "words", "expected"), [
    ("Author (year)|r|N\nAbel (2001)|0.45*|50\nBlum (2003)|.12 n.s.|80", "ZCOR", {}, np.arctanh([0.45, 0.12])),
    ("Study|n|r\nA|50|.30 (p = .03)\nB|80|.20 [p < .10]", "ZCOR", {}, np.arctanh([0.3, 0.2])),
    ("Study|g|SE\nA|−0.45|0.12\nB|−0.10b|0.20", "SMD", {}, [-0.45, -0.10]),
    ("Study|χ²(1, N = 120)|direction\nA|5.2|+\nB|3.1|-", "COR", {}, [np.sqrt(5.2 / 120), -np.sqrt(3.1 / 120)]),
    ("Study|Cases/Total|Prevalence % (95% CI)\nA|12/120|10.0 (5.3–16.8)\nB|30/200|15.0 (10.4–20.7)", "PLO", {},
     np.log([12 / 108, 30 / 170])),
    ("Study|Events|Person-years\nA|12|1,200\nB|30|2,500.5", "IRLN", {}, np.log([0.01, 30 / 2500.5])),
    ("Studie|Ereignisse|Personenjahre\nA|12|1.200\nB|30|2.500,5", "IRLN",
     {"decimal": ",", "columns": {"events": "Ereignisse", "time": "Personenjahre"}}, np.log([0.01, 30 / 2500.5])),
    ("Study|Arm|n|Remission (%)\nA|CBT|50|40%\nA|Waitlist|50|20%\nB|CBT|40|50%\nB|Waitlist|40|25%", "OR",
     {"arm": "Arm", "reference": "Waitlist", "columns": {"percent": "Remission (%)"}},
     np.log([20 * 40 / (30 * 10), 20 * 30 / (20 * 10)])),
    ("Study|partial r|n|predictors\nA|.3|50|3\nB|.2|90|4", "PCOR", {}, [0.3, 0.2]),
    ("Study|AUC|n1|n2\nA|.72|50|60\nB|.66|80|90", "CLES", {}, [0.72, 0.66]),
    ("Study|n1|m1|sd1|n2|m2|sd2|scale min|scale max\nA|20|3|1|20|2|1|1|5\nB|20|30|9|20|25|9|0|100", "POMPMD", {},
     [25.0, 5.0]),
])  # fmt: skip
def test_a_table_as_printed_reaches_what_its_figures_mean(text, target, words, expected):
    np.testing.assert_allclose(effects(text, target, **words).y, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "Study|Exp (mean±SD)|n|Ctrl (mean±SD)|n\nA|11.3±2.1|20|10.1±2.2|22\nB|12±3|33|11±2.9|30",
        "Estudio|Media GE|DE GE|n GE|Media GC|DE GC|n GC\nA|11,3|2,1|20|10,1|2,2|22\nB|12|3|33|11|2,9|30",
        "Studio|Media T|DS T|N T|Media C|DS C|N C\nA|11,3|2,1|20|10,1|2,2|22\nB|12|3|33|11|2,9|30",
    ],
)
def test_groups_whose_sizes_share_a_header_or_whose_headers_are_of_another_language(text):
    own = effects(text, "SMD", decimal="," if "," in text else ".")
    np.testing.assert_array_equal(own.y, effects(GROUPS, "SMD").y)


def test_eta_squared_of_two_groups_is_a_d_with_the_sign_that_is_told():
    own = effects("Study|n1|n2|η²|direction\nA|20|20|.06|+\nB|30|30|.1|-", "SMD")
    f = np.array([0.06, 0.1]) / (1.0 - np.array([0.06, 0.1])) * np.array([38, 58])
    np.testing.assert_allclose(own.y, pm.effect_size("SMD", f=f, sign=[1, -1], n1=[20, 30], n2=[20, 30]).y, rtol=1e-12)


def test_a_column_of_values_that_is_told_to_be_one_statistic_is_not_parted_by_a_column_of_types():
    rows = {"study": ["A", "B"], "Type": ["d", "d"], "Value": [0.1, 0.2], "n1": [20, 30], "n2": [20, 30]}
    told = pw.Effects.from_statistics(rows, target="SMD", columns={"d": "Value"})
    assert told.y.tolist() == pw.Effects.from_statistics(rows, target="SMD").y.tolist()


@pytest.mark.parametrize(("text", "target", "words"), [
    ("Studio|Media T|DS T|N T|Media C|DS C\nA|11|2|20|10|2\nB|12|3|33|11|2", "SMD", "'A' .row 1. reports .*: lacks n2"),
    ("x|Media T|N T|Media C|N C\nA|11|20|10|22\nB|12|33|11|30", "SMD", "row 1 reports .*lacks sd1 and sd2"),
    ("Study|n|r with anxiety|r with stress\nA|50|.3|.2\nB|80|.2|.1", "ZCOR", "perhaps columns=.'r': 'r with"),
    ("Study|n|Arm|Relapse (%)\nA|50|T|3\nA|80|C|2", "OR", "perhaps columns=.'percent': 'Relapse"),
    ("Study|n1|n2|p\nA|20|22|.000\nB|30|31|.04", "SMD", "printed as .000 it is a bound"),
    ("Study|n1|n2|t|p\nA|20|22|3.5|1e-3\nB|30|31||<1e-4", "SMD", "'p' is '<1e-4', a bound: the exact p"),
])  # fmt: skip
def test_what_a_table_lacks_is_told(text, target, words):
    with pytest.raises(InputError, match=words):
        effects(text, target, sides=2)


@pytest.mark.parametrize("label", ["Gesamt", "k = 2", "Totale (IC 95%)"])
def test_rows_that_sum_up_are_told_in_other_languages(label):
    with pytest.warns(PoolwiseWarning, match="a summary rather than a study"):
        effects(f"Study|n|r\nA|50|.3\nB|80|.2\n{label}|130|.24", "ZCOR")


def test_correlations_without_sizes_take_the_limits_or_the_error_that_they_are_printed_with():
    n = np.array([50, 80])
    z, half = np.arctanh([0.3, 0.2]), 1.959963984540054 / np.sqrt(n - 3.0)
    limits = [
        f"{r} [{low}, {high}]" for r, low, high in zip((0.3, 0.2), np.tanh(z - half), np.tanh(z + half), strict=True)
    ]
    own = effects(f"Study|r [95% CI]\nA|{limits[0]}\nB|{limits[1]}", "ZCOR")
    np.testing.assert_allclose(own.se, 1.0 / np.sqrt(n - 3.0), rtol=1e-10)
    raw = effects("Study|r|SE\nA|.3|.1\nB|.2|.05", "COR")
    np.testing.assert_allclose([raw.y, raw.se], [[0.3, 0.2], [0.1, 0.05]], rtol=1e-12)
    mixed = effects("Study|r|n|OR|lower|upper\nA|.3|50||.1|.9\nB|||1.5|1.1|2.1", "ZCOR")
    assert "n = 50" in mixed.derivation[0]


@pytest.mark.parametrize("cell", ["#N/A", "#NV", "n/a", "NA", "NaN", "-", ".", ""])
def test_not_available_in_a_spreadsheet_is_a_missing_number_and_a_missing_level(cell):
    frame = pd.DataFrame({"d": [0.1, 0.2, cell], "se": 0.1, "group": ["a", "#N/A", "b"]})
    with pytest.warns(pw.PoolwiseWarning):
        effects = pw.Effects.from_frame(frame, y="d", se="se", moderators=["group"], scale="SMD")
    assert effects.k == 2
    assert effects.moderators["group"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("cell", "told"),
    [("#DIV/0!", "divided by zero"), ("#WERT!", "text where it needs"), ("#REF!", "is gone"), ("####", "too narrow")],
)
def test_a_formula_that_failed_is_no_missing_number(cell, told):
    with pytest.raises(InputError, match=told):
        pw.Effects([0.1, cell], se=[0.1, 0.1], scale="SMD")


@pytest.mark.parametrize(
    ("header", "cell", "told"),
    [
        ("Deaths (T/C)", "3/20 vs 5/21", "'Deaths treatment' and 'Deaths control'"),
        ("M (SD) T vs C", "3 (1) vs 5 (2)", "'M \\(SD\\) treatment' and"),
        ("M1 [95% CI]", "11 [9, 13]", "standard_error"),
    ],
)
def test_a_header_of_cells_that_hold_too_much_says_what_to_split(header, cell, told):
    with pytest.raises(InputError, match=told):
        pw.Effects.from_statistics({"study": ["A", "B"], header: [cell, cell], "n1": 20, "n2": 21}, target="SMD")
