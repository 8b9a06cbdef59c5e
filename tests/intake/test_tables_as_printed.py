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


WAYS_IN = {
    "Effects": lambda y, path: pw.Effects(y, se=["0.1"] * 4, scale="SMD"),
    "from_frame": lambda y, path: pw.Effects.from_frame({"y": y, "se": ["0.1"] * 4}, se="se", scale="SMD"),
    "read_csv": lambda y, path: pw.read_csv(_csv(path, y), se="se", scale="SMD"),
    "from_correlations": lambda y, path: pw.Effects.from_correlations(y, [40] * 4),
    "from_ratios": lambda y, path: pw.Effects.from_ratios(y, se_log=[0.1] * 4),
    "from_counts": lambda y, path: pw.Effects.from_counts([[5, 6], [3, 4], [y[2], 5], [5, 9]], [[20, 20]] * 4),
    "from_statistics": lambda y, path: pw.Effects.from_statistics({"d": y, "n1": 20, "n2": 20}, target="SMD"),
}  # fmt: skip


def _csv(path, y):
    path.write_text("y,se\n" + "".join(f"{cell},0.1\n" for cell in y))
    return path


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("cell", ["NR", "n.a.", "(n. a.)", "not reported", "ND*", "?", "…", "k. A."])
def test_a_word_of_reviewers_for_a_missing_number_is_one_by_every_way_in(way, cell, tmp_path):
    with pytest.warns(pw.PoolwiseWarning, match="1 of 4 studies dropped: .*row 3"):
        assert WAYS_IN[way](["0.1", "0.2", cell, "0.4"], tmp_path / "table.csv").k == 3


def test_what_was_read_as_missing_is_told_and_a_level_stays_one():
    columns = {"dose": ["1", "NR", "3"], "bias": ["low", "unclear", "high"], "arm": ["a", "n.a.", "b"]}
    with pytest.warns(pw.PoolwiseWarning, match="'dose' is missing for 'B'"):
        effects = pw.Effects([0.1, 0.2, 0.3], se=[0.1] * 3, n=[10, "ND", 30], study=list("ABC"), moderators=columns)
    assert effects.moderators["dose"].dtype == float
    assert np.isnan(effects.n[1])
    assert effects.moderators["bias"].tolist() == ["low", "unclear", "high"]
    assert effects.moderators["arm"].isna().tolist() == [False, True, False]
    for told in ("n is 'ND' for 'B' (row 2), which was read as missing", "'dose' is 'NR'", "is 'unclear' for 'B'"):
        assert any(told in note for note in effects.notes)


def test_not_significant_is_no_missing_number():
    with pytest.raises(InputError, match="would move the mean"):
        pw.Effects([0.1, "n.s.", 0.2], se=[0.1] * 3)


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


def test_a_code_for_a_missing_number_far_from_all_others_is_told():
    columns = {"age": [31, 42, 999, 35], "score": [3, -9, 4, 5], "percent": [88, 93, 99, 80]}
    with pytest.warns(PoolwiseWarning) as said:
        pw.Effects([0.1, 99.0, 0.2, 0.3], se=[0.1] * 4, moderators=columns)
    told = " ".join(str(each.message) for each in said)
    for words in ("the effect is 99 for row 2", "'age' is 999 for row 3", "'score' is -9 for row 2"):
        assert words in told
    assert "percent" not in told


@pytest.mark.parametrize("cell", ["1-Mar", "Mar-40", "2021-01-03", pd.Timestamp("2021-01-03")])
def test_a_date_in_a_column_of_numbers_says_where_it_came_from(cell):
    with pytest.raises(InputError, match="a spreadsheet makes dates"):
        pw.Effects([0.1, cell, 0.3], se=[0.1] * 3)


def test_columns_of_counts_that_contradict_by_name_are_not_matched_by_place():
    events = {"treated": [5, 3], "control": [3, 4]}
    with pytest.raises(InputError, match="totals control, Treated"):
        pw.Effects.from_counts(events, {"control": [20, 30], "Treated": [40, 50]})


def test_columns_called_by_numbers_are_found():
    frame = pd.DataFrame(np.array([[0.1, 0.2], [0.3, 0.4], [0.2, 0.3]]))
    assert pw.Effects.from_frame(frame, y=0, se=1).se.tolist() == [0.2, 0.4, 0.3]


@pytest.mark.parametrize(
    "text",
    [
        "Trial|Drug events (%)|Drug N|Placebo events (%)|Placebo N\nA|5 (50%)|20|9 (43%)|21\nB|12 (15%)|80|20 (25%)|79",
        "Trial|Drug n (%)|Placebo n (%)\nA|5/20 (50%)|9/21 (43%)\nB|12/80 (15.0%)|20/79 (25.3%)",
    ],
)
def test_a_percentage_beside_events_has_to_be_theirs(text):
    with pytest.warns(PoolwiseWarning, match=r"events1 .* 'A' \(row 1\): 5 of 20 are 25.0%, not 50%") as said:
        own = effects(text, "OR")
    assert not any("row 2" in str(each.message) or "events2" in str(each.message) for each in said)
    assert own.y[1] == pytest.approx(np.log(12 * 59 / (68 * 20)), rel=1e-12)


def test_german_and_french_short_names_of_groups_and_spreads_are_known():
    german = effects("Studie|n_EG|M_EG|SD_EG|n_KG|M_KG|SD_KG\nA|20|11.3|2.1|22|10.1|2.2\nB|33|12|3|30|11|2.9", "SMD")
    french = effects("Étude|n1|moy1|ET1|n2|moy2|ET2\nA|20|11.3|2.1|22|10.1|2.2\nB|33|12|3|30|11|2.9", "SMD")
    np.testing.assert_array_equal([german.y, german.se], [french.y, french.se])
    np.testing.assert_allclose(german.y, effects(GROUPS, "SMD").y)
