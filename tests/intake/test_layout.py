"""Tables with a row for each arm, a header below a title or repeated, on their side: one row each, or told how."""

import io

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore:only", "ignore:several effects from one study")
WIDE = "Study|n1|m1|sd1|n2|m2|sd2\nA|20|11|2|22|10|2.2\nB|33|12|3|30|11|2.9"
LONG = (
    "Study|Arm|n|Mean|SD\nA|CBT|20|11|2\nA|waitlist|22|10|2.2\nB|CBT|33|12|3\nB|waitlist|30|11|2.9"  # one row each arm
)


def effects(text, target="SMD", **words):
    return pw.Effects.from_statistics(pd.read_csv(io.StringIO(text), sep="|"), target=target, **words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LONG, {}),
        (LONG.replace("Arm", "Condition").replace("A|waitlist", "|waitlist"), {}),
        (LONG.replace("waitlist", "EMDR"), {"arm": "Arm", "reference": "EMDR"}),
        (LONG.replace("Arm", "Therapie"), {"arm": "Therapie"}),
        (LONG, {"reference": {"CBT": "waitlist"}, "arm": "Arm"}),
        (LONG.replace("Mean|SD", "Mittel|SA"), {"columns": {"m": "Mittel", "sd": "SA"}}),
        ("Study|arm|n|M (SD)\nA|placebo|22|10 (2.2)\nA|drug|20|11 (2)\nB|drug|33|12 (3)\nB|placebo|30|11 (2.9)", {}),
    ],
)
def test_two_rows_for_two_arms_say_what_one_row_does(text, words):
    own, expected = effects(text, **words), effects(WIDE)
    np.testing.assert_array_equal(own.y, expected.y)
    np.testing.assert_array_equal(own.se, expected.se)
    assert own.study == ("A", "B")
    assert "the arms compared" in " ".join(own.notes)


def test_counts_by_arm_are_tables():
    own = effects("trial|arm|events/total\nA|drug|4/123\nA|placebo|11/139\nB|drug|6/306\nB|placebo|29/303", "RR")
    expected = pw.Effects.from_counts([[4, 11], [6, 29]], [[123, 139], [306, 303]], measure="log RR")
    np.testing.assert_allclose([own.y, own.se], [expected.y, expected.se])


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (LONG.replace("waitlist", "EMDR"), {}, r"which arm of 'A' is the control is not known: CBT, EMDR.*reference="),
        (LONG + "\nB|ACT|31|11.5|3", {}, r"'B' has 3 arms: CBT, ACT, waitlist.*reference=\{'CBT': 'waitlist', 'ACT'"),
        (LONG + "\nC|ACT|31|11.5|3", {}, r"'C' has 1 arm: ACT.*a row for its other arm"),
        (LONG + "\nB|CBT|31|11.5|3", {}, r"'B' has 3 rows for 2 arms.*'outcome' or 'timepoint'"),
        (LONG + "\nC||31|11.5|3", {}, r"'Arm' is empty in row 5"),
        (LONG, {"arm": "Arm", "reference": "waitlst"}, r"'Arm' never names 'waitlst'.*did you mean 'waitlist'"),
        (LONG, {"arm": "Arms"}, r"no column 'Arms' for arm.*'Arm'"),
        (LONG, {"reference": "waitlist"}, r"reference is given without arm"),
        (
            "Statistic|Ash|Birch\nn1|20|30\nm1|5|6\nsd1|1|2\nn2|20|30\nm2|4|4\nsd2|1|2",
            {},
            r"set_index\('Statistic'\)\.T",
        ),
    ],
)
def test_what_cannot_be_paired_tells_how(text, words, told):
    with pytest.raises(InputError, match=told):
        effects(text, **words)


def test_arms_that_share_a_control_are_asked_for_and_warned_of():
    pairs = {"CBT": "waitlist", "ACT": "waitlist"}
    with pytest.warns(pw.errors.PoolwiseWarning, match="a control arm serves several comparisons"):
        own = effects(LONG + "\nB|ACT|31|11.5|3", arm="Arm", reference=pairs)
    assert own.study_as_given == ("A", "B", "B")
    assert "n1 = 31, m1 = 11.5, sd1 = 3, n2 = 30" in own.explain("B (2)")


def test_rows_of_one_arm_stay_rows_where_the_target_is_of_one_group():
    assert effects("Study|arm|events|n\nA|x|4|123\nA|y|9|80\nB|x|11|139", "PLO").k == 3


def test_a_header_below_titles_is_found_and_told():
    text = "Table 1. Studies|Unnamed: 1|Unnamed: 2\n||\nStudy|r|n\nA|.3|50\nB|.2|60"
    own = effects(text, "ZCOR")
    assert "the header was found in row 2 below 'Table 1. Studies'" in own.notes[0]
    assert own.explain("A").startswith("A (row 3): ZCOR from r = 0.3, n = 50")


def test_rows_that_repeat_the_header_or_are_empty_are_passed_over_and_rows_keep_their_numbers():
    text = "Study|r|n\nA|.3|50\nStudy|r|n\n||\nB|.2|60\nC|{}|40"
    own = effects(text.format(".1"), "ZCOR")
    assert "passed over since they repeat the header: row(s) 2" in own.notes
    with pytest.raises(InputError, match=r"'r' is 'abc' for 'C' \(row 5\)"):
        effects(text.format("abc"), "ZCOR")
