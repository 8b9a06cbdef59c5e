"""What psychologists print and expect to be read: pre-post tests, percentages, medians, chi-squared, marks, levels."""

import io

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import measures as pm
from poolwise.errors import InputError, PoolwiseWarning
from poolwise.intake.headers import recognised

pytestmark = pytest.mark.filterwarnings("ignore:only . stud")
TWO = "A|20|11.3|2.1|22|10.1|2.2\nB|33|12|3|30|11|2.9"


def effects(text, target, **words):
    frame = pd.read_csv(io.StringIO(text), sep="|", dtype=str)
    return pw.Effects.from_statistics(frame, target=target, decimal=words.pop("decimal", None), **words)


def same(own, estimate):
    np.testing.assert_allclose(own.y, estimate.y, rtol=1e-12)
    np.testing.assert_allclose(own.v, estimate.v, rtol=1e-12)


@pytest.mark.parametrize(
    "header",
    [
        "n|M pre|SD pre|M post|SD post|r",
        "N|m_pre|sd_pre|m_post|sd_post|r_pre_post",
        "n|Pretest M|Pretest SD|Post-test M|Post-test SD|pre-post correlation",
        "n|Baseline mean|Baseline SD|Endpoint mean|Endpoint SD|r",
        "n|PreMean|PreSD|PostMean|PostSD|r (pre-post)",
    ],
)
def test_pre_and_post_of_one_group_are_a_change(header):
    own = effects(f"Study|{header}\nA|40|12|4|10|3.8|.6\nB|30|13|4.2|9|4|.5", "SMCR")
    same(own, pm.effect_size("SMCR", n=[40, 30], m1=[10, 9], m2=[12, 13], sd1=[4, 4.2], r=[0.6, 0.5]))


GROUPS = {
    "plain": "n_t|m_pre_t|sd_pre_t|m_post_t|sd_post_t|n_c|m_pre_c|sd_pre_c|m_post_c|sd_post_c",
    "words": "N treatment|Pre M treatment|Pre SD treatment|Post M treatment|Post SD treatment|N control|Pre M control|"
    "Pre SD control|Post M control|Post SD control",
}
TESTED = "A|40|12|4|10|3.8|41|12.2|4.1|11.9|4{}\nB|30|13|4.2|9|4|28|13|4|12|4{}"


@pytest.mark.parametrize("header", GROUPS.values())
def test_with_a_control_group_they_are_a_difference_of_changes_and_without_r_one_of_post_tests(header):
    own = effects(f"Study|{header}|r\n{TESTED.format('|.6', '|.5')}", "SMD")
    before = {"n1": [40, 30], "pre1": [12, 13], "post1": [10, 9], "sd1": [4, 4.2]}
    control = {"n2": [41, 28], "pre2": [12.2, 13], "post2": [11.9, 12], "sd2": [4.1, 4], "r": [0.6, 0.5]}
    same(own, pm.effect_size("PPC", **before, **control))
    after = effects(f"Study|{header}\n{TESTED.format('', '')}", "SMD")
    means = {"n1": [40, 30], "m1": [10, 9], "sd1": [3.8, 4], "n2": [41, 28], "m2": [11.9, 12], "sd2": [4, 4]}
    same(after, pm.effect_size("SMD", **means))
    assert f"{after.y[0]:.4g}" in own.explain("A")
    assert any("pre-tests are not used for 'A' (row 1), 'B' (row 2)" in note for note in after.notes)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ("Study|N T|Events T|N C|Events C\nA|50|26%|50|20\nB|120|36|118|41.5%", {}),
        ("Study|N T|% T|N C|% C\nA|50|26|50|40\nB|120|30.0|118|41.5", {}),
        ("Study|N T|Events (%) T|N C|Events (%) C\nA|50|13 (26%)|50|40%\nB|120|36 (30.0)|118|49 (41.5)", {}),
        ("Studie|N IG|Prozent IG|N KG|Prozent KG\nA|50|26,0|50|40,0\nB|120|30,0|118|41,5", {}),
        ("Study|N T|Proportion T|N C|Proportion C\nA|50|.26|50|.40\nB|120|.300|118|.415", {}),
        ("Study|Drop-outs T|Drop-outs C\nA|13/50|20 of 50\nB|36/120 (30%)|49 out of 118",
         {"columns": {"events1 n1": "Drop-outs T", "events2 n2": "Drop-outs C"}}),
    ],
)  # fmt: skip
def test_percentages_of_n_are_numbers_of_events(events, words):
    own = effects(events, "OR", **words)
    same(own, pm.effect_size("OR", events1=[13, 36], n1=[50, 120], events2=[20, 49], n2=[50, 118]))


def test_a_percentage_that_several_numbers_have_is_told_and_one_that_none_has_is_refused():
    with pytest.warns(PoolwiseWarning, match=r"'A' \(row 1\): 12.3% of n1 = 2000, 246 give or take 1"):
        effects("Study|N T|% T|N C|Events C\nA|2000|12.3|1000|100", "OR", allow_single=True)
    with pytest.raises(InputError, match=r"30% of n1 = 9 for 'A' \(row 1\) are no whole people \(2 are 22.2% and 3"):
        effects("Study|N T|% T|N C|Events C\nA|9|30|9|1", "OR", allow_single=True)


@pytest.mark.parametrize(
    "text",
    [
        "Study|n1|Median (IQR) T|n2|Median (IQR) C\nA|40|12 (10–15)|38|10 [8; 12]",
        "Study|n1|Median T [Q1-Q3]|n2|Median C [Q1-Q3]\nA|40|12 (IQR 10 to 15)|38|10 (8, 12)",
        "Study|n1|Median T|Q1 T|Q3 T|n2|Median C|Q1 C|Q3 C\nA|40|12|10|15|38|10|8|12",
    ],
)
def test_medians_with_quartiles_are_means_and_sds_and_told(text):
    own = effects(text, "MD", allow_single=True)
    one, two = pm.mean_sd(n=40, q1=10, median=12, q3=15), pm.mean_sd(n=38, q1=8, median=10, q3=12)
    same(own, pm.effect_size("MD", n1=[40], m1=one.mean, sd1=one.sd, n2=[38], m2=two.mean, sd2=two.sd))
    assert "from lower_q 10, median 12, upper_q 15, Luo et al. 2018" in own.explain("A")


@pytest.mark.parametrize("cells", ["χ²(1) = 4.3|1", "χ2(1, N = 100) = 4.30, p = .04|+", "4.3*|positive"])
def test_chi_squared_of_one_degree_is_phi_with_its_sign(cells):
    own = effects(f"Study|N|χ² (df = 1)|sign\nA|100|{cells}", "ZCOR", allow_single=True)
    same(own, pm.effect_size("ZCOR", r=[np.sqrt(0.043)], n=[100]))


@pytest.mark.parametrize(("header", "value"), [("chi2|sign", "2.2|-1"), ("phi", "-.159"), ("OR", ".5")])
def test_margins_with_a_measure_of_association_are_the_table(header, value):
    own = effects(f"Study|n1|n2|events|{header}\nA|42|45|32|{value}", "RR", allow_single=True)
    same(own, pm.effect_size("RR", a=[12], b=[30], c=[20], d=[25]))


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("n|M pre|SD pre|M post|SD post\nA|40|12|4|10|3.8", "SMCR", r"lacks r_pre_post \(the correlation of pre- and"),
        ("n|M pre|SD pre|M post|SD post|r\nA|40|12|4|10|3.8|.5", "SMD", "no SMD; the same of a control group, or targ"),
        ("% T|% C\nA|12|10", "OR", "reports percent1, percent2: lacks n1 and n2"),
        ("n1|n2|Events (%) T|Events (%) C\nA|40|40|5|4", "OR", r"'5%' if it is a percentage, columns=\{'events1'"),
        ("Median (IQR) T|Median (IQR) C\nA|3 (2-4)|2 (1-3)", "SMD", "lacks n1 and n2"),
        ("n1|n2|Median T|Median C\nA|9|9|3 (2-4)|2 (1-3)", "SMD", "'Median.*, which tells what the brackets hold"),
        ("n1|n2|Median (IQR) T|m2|sd2\nA|9|9|5 (2-4)|2|1", "SMD", r"median1 lies outside its limits for 'A' \(row 1\)"),
        ("n1|n2|Median (IQR) T|m2|sd2\nA|4|9|3 (2-4)|2|1", "SMD", r"n1 = 4 and limits 2 to 4 .* at least 5 people"),
        ("N|chi2\nA|100|4.3", "ZCOR", r"lacks sign \(1 or -1, the direction of the effect\)"),
        ("N|chi2|sign\nA|100|χ²(2) = 4.3|1", "ZCOR", "chi-squared with 2 degrees of freedom"),
        ("N|chi2|sign\nA|40|50|1", "ZCOR", "r is 1.118"),
        ("n1|n2|p\nA|20|20|*", "SMD", r"'p' is '\*', a bound: the exact p"),
        ("OR|95% CI\nA|1.5|1.0 2.25", "OR", "try 'to' or ';' between the limits"),
        ("ES|SE\nA|.3|.1", "SMD", r"not known as statistics: ES; columns=\{'g': 'ES'\} would name one"),
        ("Events T|Person-years T|Events C|Person-years C\nA|3|1,200|4|900.5", "IRR", r"ambiguous: .* has '1,200'"),
        ("Dropout treatment (%)|Dropout control (%)\nA|12|10", "OR", r"perhaps columns=\{'percent1': 'Dropout treatm"),
    ],
)
def test_what_is_not_unique_tells_what_to_add(text, target, words):
    with pytest.raises(InputError, match=words):
        effects(f"Study|{text}", target, allow_single=True)


@pytest.mark.parametrize(
    ("text", "target", "plain"),
    [
        ("Study|N|r\nA|1,204|.45a\nB|80|−0.12**", "ZCOR", {"r": [0.45, -0.12], "n": [1204, 80]}),
        ("Studie|N|r\nA|1.204|0,45*\nB|80|−,12", "ZCOR", {"r": [0.45, -0.12], "n": [1204, 80]}),
        ("Étude|n traitement|n témoin|t\nA|20|22|1,58\nB|30|28|−0,50", "SMD",
         {"t": [1.58, -0.5], "n1": [20, 30], "n2": [22, 28]}),
        ("Studie|n interventie|n controle|Gem (SD) interventie|Gem (SD) controle\nA|20|22|11,3 (2,1)|10,1 (2,2)\n"
         "B|33|30|12 (3)|11 (2,9)", "SMD",
         {"n1": [20, 33], "m1": [11.3, 12], "sd1": [2.1, 3], "n2": [22, 30], "m2": [10.1, 11], "sd2": [2.2, 2.9]}),
        ("Study|n1|n2|Mean T (SE)|Mean C (SE)\nA|25|16|5 (.4)|4 (.5)\nB|25|16|6 (.2)|6 (.25)", "SMD",
         {"n1": 25, "m1": [5, 6], "sd1": [2, 1], "n2": 16, "m2": [4, 6], "sd2": [2, 1]}),
        ("Study|N|r\nA|120|r(118) = .45, p < .001\nB|80|r = −.12", "ZCOR", {"r": [0.45, -0.12], "n": [120, 80]}),
        ("Study|T M (SD)|C M (SD)\nA|11.3 (2.1), n = 20|10.1 ± 2.2 (n=22)\nB|12 (3), n=33|11 (2.9); N = 30", "SMD",
         {"n1": [20, 33], "m1": [11.3, 12], "sd1": [2.1, 3], "n2": [22, 30], "m2": [10.1, 11], "sd2": [2.2, 2.9]}),
        ("Study|Treatment|Control\nA|12/45 (26.7%)|9/44 (20.5 %)\nB|10 of 50|14/52", "OR",
         {"events1": [12, 10], "n1": [45, 50], "events2": [9, 14], "n2": [44, 52]}),
        ("Study|N (T/C)|p|t\nA|20/22|*|1.58\nB|30/28|.6|t = −.5, p = .6", "SMD",
         {"t": [1.58, -0.5], "n1": [20, 30], "n2": [22, 28]}),
    ],
)  # fmt: skip
def test_marks_and_languages_change_nothing(text, target, plain):
    same(effects(text, target), pm.effect_size(target, **plain))


@pytest.mark.parametrize(
    "header",
    ["prec", "posts", "Prevalence", "Pressure M", "Post hoc power", "Predictor", "Level", "X2", "Female (%)", "Max",
     "% female", "Mean age treatment", "Percent male", "Test anxiety", "Statistical power", "Year (pre 2000)",
     "M change", "SD change"],
)  # fmt: skip
def test_what_only_looks_like_a_statistic_is_none(header):
    assert recognised([header]) == {}


def test_cells_that_name_their_statistic_are_read_by_that_name():
    cells = ["t(38) = 2.10, p = .04", "F(1, 58) = 4.20", "r(78) = −.20", "d = 0.35"]
    rows = "\n".join(f"{study}|{cell}|{n}|{n}|{sign}" for study, cell, n, sign in
                     zip("ABCD", cells, (20, 30, 40, 30), (1, -1, "", ""), strict=True))  # fmt: skip
    own = effects(f"Study|Test statistic|n1|n2|sign\n{rows}", "SMD")
    each = [pm.effect_size("SMD", n1=20, n2=20, t=2.1), pm.effect_size("SMD", n1=30, n2=30, f=4.2, sign=-1),
            pm.effect_size("SMD", n1=40, n2=40, r=-0.2), pm.effect_size("SMD", n1=30, n2=30, d=0.35)]  # fmt: skip
    np.testing.assert_allclose(own.y, [float(one.y) for one in each], rtol=1e-12)


LEVELS = {
    "Study|OR|90% CI LL|90% CI UL\nA|2|1|4\nB|3|1.5|6": (0.9, 0.9),
    "Study|OR (90% CI)\nA|2 [1, 4]\nB|3 [1.5, 6]": (0.9, 0.9),
    "Study|OR|ci90_lower|ci90_upper\nA|2|1|4\nB|3|1.5|6": (0.9, 0.9),
    "Study|OR|lower|upper|CI level\nA|2|1|4|90\nB|3|1.5|6|99%": (0.9, 0.99),
    "Study|OR\nA|2 (90% CI 1 to 4)\nB|3 (99%-KI 1.5; 6)": (0.9, 0.99),
}


@pytest.mark.parametrize("text", LEVELS)
def test_intervals_are_of_the_level_that_header_cell_or_column_tells(text):
    own = effects(text, "OR")
    expected = [pm.standard_error(0.0, lower=-np.log(2), upper=np.log(2), prob=prob) for prob in LEVELS[text]]
    np.testing.assert_allclose(own.se, expected, rtol=1e-12)


def test_an_interval_of_a_level_that_nobody_told_is_taken_as_the_usual_one_and_said():
    text = "Study|OR|lower|upper\nA|2 (90% CI 1 to 4)||\nB|3|1.5|6"
    with pytest.warns(PoolwiseWarning, match=r"not told were taken as 95% intervals for 'B' \(row 2\); prob=0.95"):
        effects(text, "OR")
    effects("Study|OR|lower|upper\nA|2|1|4\nB|3|1.5|6", "OR", prob=0.95)
    with pytest.raises(InputError, match=r"tells intervals of 90%, prob is 0.95"):
        effects("Study|OR (90% CI)\nA|2 [1, 4]\nB|3 [1.5, 6]", "OR", prob=0.95)


PAIRS = {
    "t and p": ("n1|n2|t|p\nA|20|20|2.1|{}", ".042", ".2", "SMD"),
    "means and t": ("n1|m1|sd1|n2|m2|sd2|t\nA|20|11.0|2.0|20|10.0|2.0|{}", "1.58", "3.1", "SMD"),
    "means and d": ("n1|m1|sd1|n2|m2|sd2|d\nA|20|11.0|2.0|20|10.0|2.0|{}", "0.50", "0.85", "SMD"),
    "d and g with se": ("n1|n2|d|g|se\nA|20|20|.50|{}|.32", ".49", ".70", "SMD"),
    "r and t": ("n|r|t\nA|50|.30|{}", "2.18", "1.18", "ZCOR"),
    "cells and OR": ("a|b|c|d|OR (95% CI)\nA|10|20|5|30|{}", "3.0 (0.9 to 10.0)", "1.3 (0.4 to 4.3)", "OR"),
    "cells and means": ("a|b|c|d|n1|m1|sd1|n2|m2|sd2\nA|10|20|5|30|30|{}|1.2|35|4.2|1.3", "5.0", "3.1", "SMD"),
    "se and limits": ("OR|se|95% CI\nA|1.3|{}|.5 to 3.4", ".49", ".2", "OR"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_ways_of_one_row_are_both_shown_and_their_disagreement_warned_of(pair):
    text, agreeing, other, target = PAIRS[pair]
    own = effects(f"Study|{text.format(agreeing)}", target, allow_single=True, sides=2)
    assert "(other ways: " in own.explain("A")
    with pytest.warns(PoolwiseWarning, match=r"do not agree, beyond rounding: 'A' \(row 1\): .*; check the report"):
        effects(f"Study|{text.format(other)}", target, allow_single=True, sides=2)
