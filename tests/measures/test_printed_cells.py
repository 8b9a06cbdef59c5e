"""Tables as they are printed: cells of several numbers, sizes in headers, bounds, thousands, types in a column."""

import io

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore:only 2 studies")
MEANS = "Study,n1,m1,sd1,n2,m2,sd2\nA,20,11.3,2.1,22,10.1,2.2\nB,33,12,3,30,11,2.9"
COUNTS = "Study,events1,n1,events2,n2\nA,12,1204,20,1190\nB,3,300,7,310"
ODDS = "Study,OR,95% CI lower,95% CI upper\nA,1.52,0.98,2.31\nB,0.8,0.5,1.3"


def effects(text, target, *, decimal=".", **words):
    frame = pd.read_csv(io.StringIO(text), sep="|" if "|" in text else ",")
    return pw.Effects.from_statistics(frame, target=target, decimal=decimal, **words)


@pytest.mark.parametrize(
    ("printed", "plain", "words"),
    [
        ("Study|N T|M (SD) treatment|N C|M (SD) control\nA|20|11.3 (2.1)|22|10.1 ± 2.2\nB|33|12 (SD = 3)|30|11 [2.9]",
         MEANS, {}),
        ("Studie|n IG|MW (SD) IG|n KG|MW (SD) KG\nA|20|11,3 (2,1)|22|10,1 (2,2)\nB|33|12 (3)|30|11 (2,9)",
         MEANS, {"decimal": ","}),
        ("Autor|n|Media (DE) IG|n KG|Media (DE) KG\nA|20|11.3 (2.1)|22|10.1 (2.2)\nB|33|12 (3)|30|11 (2.9)", MEANS,
         {"columns": {"n1": "n", "m1 sd1": "Media (DE) IG", "m2 sd2": "Media (DE) KG"}}),
        ("Study|Treatment n/N|Control events/total\nA|12/1204|20 of 1190\nB|3/300 (1%)|7/310", COUNTS, {}),
        ("Study|Treatment n (%)|N treatment|Control n (%)|N control\nA|12 (1.0)|1,204|20 (1.7%)|1,190\n"
         "B|3 (1)|300|7 (2.3)|310", COUNTS, {}),
        ("Study|OR [95% CI]\nA|1.52 [0.98, 2.31]\nB|0.8 (95% CI 0.5 to 1.3)", ODDS, {}),
        ("Study|Odds ratio|95% CI\nA|1.52|0.98–2.31\nB|0.80*|(0.5-1.3)", ODDS, {}),
        ("Studie|OR (95%-KI)\nA|1,52 [0,98; 2,31]\nB|0,8 (0,5 bis 1,3)", ODDS, {"decimal": ","}),
        ("Study or Subgroup|aOR|Lower 95% CI|Upper limit\nA|1.52|0.98|2.31\nB|.8 ns|0.5|1.3", ODDS, {}),
        ("id|N (treatment/control)|M (SD) trt|M (SD) ctl\nA|20/22|11.3(2.1)|10.1(2.2)\nB|33/30|12(3)|11(2.9)",
         MEANS, {}),
        ("Study|ES type|Effect size|lower 95|upper 95\nA|OR|1.52|0.98|2.31\nB|odds ratio|0.8|0.5|1.3",
         ODDS, {}),
    ],
)  # fmt: skip
def test_a_printed_table_says_what_the_plain_one_does(printed, plain, words):
    target = {MEANS: "SMD", COUNTS: "RR", ODDS: "OR"}[plain]
    own, expected = effects(printed, target, **words), effects(plain, target)
    np.testing.assert_array_equal(own.y, expected.y)
    np.testing.assert_array_equal(own.se, expected.se)


def test_words_and_marks_of_direction_are_signs_and_a_minus_is_not_a_missing_cell():
    rows = "Study|n1|n2|p|direction\nA|20|20|.04|{}\nB|20|20|.2|{}"
    plain = effects(rows.format(-1, 1), "SMD", sides=2)
    np.testing.assert_array_equal(plain.y, effects("Study|n1|n2|p\nA|20|20|-.04\nB|20|20|.2", "SMD", sides=2).y)
    assert (plain.y < 0).tolist() == [True, False]
    for signs in (("-", "+"), ("negative", "positive")):
        np.testing.assert_array_equal(effects(rows.format(*signs), "SMD", sides=2).y, plain.y)


def test_a_difference_or_a_rate_ratio_that_is_printed_with_its_interval_is_its_own_measure():
    own = effects("Study|MD (95% CI)\nA|-0.5 (-0.9 to -0.1)\nB|0.25 [-0.25, 0.75]", "MD")
    np.testing.assert_allclose(own.y, [-0.5, 0.25])
    np.testing.assert_allclose(own.se, np.array([0.4, 0.5]) / 1.959963984540054, rtol=1e-12)
    ratio = effects("Study|IRR (95% CI)\nA|2 (1 to 4)\nB|1 [.5, 2]", "IRR")
    np.testing.assert_allclose(ratio.se, np.log(2) / 1.959963984540054, rtol=1e-12)


def test_standard_errors_of_means_and_sizes_in_headers_are_used_and_told():
    own = effects("Study|Treatment M (SE), n = 25|Control M (SE), n = 16\nA|5 (.4)|4 (.5)\nB|6 (.2)|6 (.25)", "MD")
    np.testing.assert_allclose(own.se, [np.hypot(0.4, 0.5), np.hypot(0.2, 0.25)], rtol=1e-12)
    told = " ".join(own.notes)
    assert "n1 = 25, n2 = 16 in every row, by the headers" in told
    assert "sd1 = se * sqrt(n1) from standard errors of means" in told


def test_a_header_of_two_rows_is_known():
    text = "Study,Treatment,Treatment,Treatment,Control,Control,Control\n,n,M,SD,n,M,SD\n"
    rows = MEANS.partition("\n")[2]
    two = pw.Effects.from_statistics(pd.read_csv(io.StringIO(text + rows), header=[0, 1]), target="SMD")
    assert two.study == ("A", "B")
    np.testing.assert_array_equal(two.y, effects(MEANS, "SMD").y)
    with pytest.raises(InputError, match=r"header=\[0, 1\]"):
        effects("Study|Treatment|x|y\n|n|M|SD\nA|20|10|2", "SMD")


def test_a_bound_of_p_is_refused_where_nothing_else_is_reported_and_told_elsewhere():
    rows = "Study|n1|n2|t|p\nA|20|20|2.5|<.05\nB|22|24|{}|ns"
    with pytest.raises(InputError, match=r"'B' \(row 2\) reports n1, n2: lacks .*'p' is 'ns', a bound: the exact p"):
        effects(rows.format(""), "SMD", sides=2)
    assert "not used: 'p' is '<.05', a bound for 'A'" in " ".join(effects(rows.format(".1"), "SMD", sides=2).notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Study|OR\nA|1,52 [0,98; 2,31]\nB|0,8 (0,5 bis 1,3)", r"decimal=','"),
        ("Study|d\nA|0.35 (0.12)\nB|0.1 (0.2)", r"columns=\{'d se': ...\} if the second number is its standard error"),
        ("Study|OR|lower|upper\nA|2|4|1\nB|2|1|1.5", r"(?s)swapped limits.*'OR' is 2 for 'B' \(row 2\), outside"),
        ("Study|n1|n2|F\nA|20|20|F(2, 38) = 2.1\nB|9|9|2", r"F with 2 degrees of freedom"),
        ("Study|n1|m1|sd1|n2|m2|sd2\nA|1|3|1|9|2|1\nB|9|3|1|9|2|1", r"'n1' is 1 for 'A' \(row 1\), who can have no sd"),
        ("Study|r|n\nA|.2|3\nB|12|40", r"(?s)'r' is 12.*a percentage\?.*'n' is 3 for 'A'.*from 4 persons on"),
        ("Study|events1|n1|events2|n2\nA|26%|50|4|50\nB|2|50|4|1.204", r"1204 with a mark of"),
        ("Study|d|n\nA|.3|30\nB|.2|40", r"'A' \(row 1\) reports d, n: lacks n1 and n2, or se"),
        ("Study|n|beta|SE\nA|9|.3|.1\nB|9|.3|.1", r"Columns that are not known as statistics: beta"),
        ("Study|n1|n2|Median (IQR) treatment\nA|9|9|3 (2-4)\nB|9|9|3 (2-4)", r"lacks m2 and sd2"),
        ("Study|n1|n2|Median (IQR) treatment\nA|9|9|3 (2)\nB|9|9|3 (2-4)", r"both quartiles"),
        ("Study|n1|n2|% events treatment\nA|9|9|30\nB|9|9|20", r"30% of n1 = 9 for 'A' .* 3 are 33.3%"),
        ("Study|n1|n2|t|t.1\nA|9|9|1|2\nB|9|9|2|1", r"'t', 't.1' all look like t"),
        ("Study;r;n\nA;.2;30\nB;.1;20", r"one column, 'Study;r;n'.*sep=';'"),
        ("Study|n1|n2|t|direction\nA|9|9|2|-\nB|9|9|1|+", r"t = 2 and the sign -1 for 'A' \(row 1\) disagree"),
        ("Study|Type|Value|SE\nA|OR|2|.2\nB|beta|.1|.1", r"'Type' names 'beta'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_tells_what_to_try(text, words):
    with pytest.raises(InputError, match=words):
        effects(text, "ZCOR" if "|r|" in text else "SMD", sides=2)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("Study|n1|m1|sd1|n2|m2|sd2\nA|50|12|.3|50|10|.28\nB|60|14|2|60|13|2", "MD", r"'A' \(row 1\): d = 6.89, and 0"),
        ("Study|n1|m1|sd1|n2|m2|sd2\nA|50|12|2|50|11|.3\nB|60|14|2|60|13|2", "MD", r"'A' \(row 1\): 2 and 0.3 in its"),
        ("Study|OR|lower 95|upper 95\nA|1.5|.5|2.5\nB|1.2|.9|1.6", "OR", r"not symmetric .* logs for 'A' \(row 1\)"),
        ("Study|r|n\nA|.1|50\nB|.2|60\nTotal (95% CI)|.15|110", "ZCOR", "a summary rather than a study"),
        ("Study|r|n\nA|.1|50\n|.2|50", "ZCOR", r"'Study' is empty in row 2; if cells were merged, .*ffill"),
    ],
)  # fmt: skip
def test_what_looks_like_something_else_is_warned_of(text, target, words):
    with pytest.warns(pw.errors.PoolwiseWarning, match=words):
        effects(text, target)


@pytest.mark.parametrize(
    ("printed", "plain", "words"),
    [
        ("Study|CBT (n)|CBT M (SD)|WL (n)|WL M (SD)\nA|(20)|11.3 (2.1)|(22)|10.1 (2.2)\nB|[33]|12 (3)|30|11 (2.9)",
         MEANS, {}),
        ("Study|Treatment N|Treatment events n (%)|Control N|Control events n (%)\n"
         "A|1,204|12 (1%)|1,190|20 (1.7%)\nB|300|3 (1%)|310|7 (2.3%)", COUNTS, {}),
        ("Study|OR† (95% CI)\nA|1.52* [0.98; 2.31]\nB|0.8a (0.5–1.3)", ODDS, {}),
        ("Trial|OR (95%CI)\nA|1·52 (0·98–2·31)\nB|0·80‡ (0·50 – 1·30)", ODDS, {}),
        ("Studie|Ereignisse IG|N IG|Ereignisse KG|N KG\nA|12|1204|20|1190\nB|3|300|7|310", COUNTS, {}),
    ],
)  # fmt: skip
def test_marks_brackets_and_raised_points_of_journals_are_read(printed, plain, words):
    target = {MEANS: "SMD", COUNTS: "RR", ODDS: "OR"}[plain]
    own, expected = effects(printed, target, **words), effects(plain, target)
    np.testing.assert_array_equal(own.y, expected.y)
    np.testing.assert_array_equal(own.se, expected.se)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("Study|Treatment|Control\nA|4-Mar|20/41\nB|3/30|7/31", "OR", r"'Treatment' is '4-Mar'.*makes dates of"),
        ("Study|r|n\nA|.3|50\nB|.2|60\nOverall|.25|", "ZCOR", r"'Overall' \(row 3\).*a summary rather than a study"),
    ],
)
def test_days_and_sums_among_studies_tell_what_they_are(text, target, words):
    with pytest.raises(InputError, match=words):
        effects(text, target)
