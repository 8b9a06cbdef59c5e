"""What a table of statistics keeps beside its effects: ways, sizes of groups, counts, flags."""

import copy
import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import InputError, PoolwiseWarning
from poolwise.measures import cells_of_margins
from poolwise.measures.catalogue import MEASURES

MEANS = {
    "study": list("ABCDE"),
    "n1": [20, 30, 40, 25, 60], "m1": [5.0, 6.0, 7.0, 5.0, 6.6], "sd1": [1.0, 1.2, 1.1, 1.0, 1.3],
    "n2": [11, 29, 55, 20, 64], "m2": [4.5, 5.6, 6.4, 4.8, 6.0], "sd2": [1.0, 1.1, 1.2, 1.1, 1.2],
}  # fmt: skip
TABLES = {
    "trial": list("ABCDE"), "ai": [4, 9, 3, 12, 5], "n1i": [30, 41, 20, 60, 33],
    "ci": [9, 12, 8, 20, 6], "n2i": [31, 40, 22, 58, 30],
}  # fmt: skip


@pytest.mark.parametrize(
    "copied",
    [
        lambda e: pickle.loads(pickle.dumps(e)),
        copy.deepcopy,
        lambda e: dataclasses.replace(e, title="other"),
        lambda e: e.described(title="other"),
        lambda e: e.select(where={"n1": [20.0, 30.0, 40.0]}, allow_single=True),
        lambda e: e.drop(study="E"),
    ],
)
def test_every_copy_tells_the_way_of_its_rows(copied):
    effects = pw.Effects.from_statistics(MEANS, target="SMD")
    kept = copied(effects)
    assert kept.derivation == effects.derivation[: kept.k]
    assert "n1 = 20, m1 = 5" in kept.explain("A")


def test_a_corrected_effect_tells_its_correction():
    effects = pw.Effects.from_statistics(MEANS, target="SMD").disattenuated(0.81)
    assert effects.explain("A").split("; y")[0].endswith("corrected for the reliability 0.81")


def test_sizes_of_groups_reach_the_test_that_asks_for_them():
    effects = pw.Effects.from_statistics(MEANS, target="SMD")
    told = pw.bias.pustejovsky(effects)
    named = pw.bias.pustejovsky(
        pw.Effects(effects.y, se=effects.se, n=effects.n, moderators={"a": MEANS["n1"], "b": MEANS["n2"]}, scale="SMD"),
        arms=("a", "b"),
    )
    assert told.slope == pytest.approx(named.slope, rel=1e-12)
    assert not any("halves" in note for note in told.notes)


def test_sizes_that_one_row_does_not_tell_are_halved_for_it_alone():
    rows = pd.DataFrame(MEANS).assign(r=np.nan, n=np.nan)
    rows.loc[0, ["n1", "m1", "sd1", "n2", "m2", "sd2"]] = np.nan
    rows.loc[0, ["r", "n"]] = 0.2, 50
    told = pw.bias.pustejovsky(pw.Effects.from_statistics(rows, target="SMD"))
    assert any("'A' (row 1) are unknown and were taken as halves" in note for note in told.notes)


def test_counts_under_the_names_of_metafor_reach_the_tests_that_ask_for_them():
    effects = pw.Effects.from_statistics(TABLES, target="OR", study="trial")
    events, totals = (np.column_stack([TABLES[a], TABLES[b]]) for a, b in (("ai", "ci"), ("n1i", "n2i")))
    same = pw.Effects.from_counts(events, totals)
    np.testing.assert_allclose(effects.y, same.y, rtol=1e-12)
    for test in (pw.bias.peters, pw.bias.harbord):
        assert test(effects).p_value == pytest.approx(test(same).p_value, rel=1e-12)


@pytest.mark.filterwarnings("ignore:adjusted and unadjusted estimates are mixed")
def test_a_header_flags_the_rows_that_its_column_tells_and_a_rule_leaves_them_out():
    rows = {"study": list("ABC"), "aOR": [1.5, None, 2.0], "se": [0.2, None, 0.3], "r": [None, 0.2, None], "n": 90}
    effects = pw.Effects.from_statistics(pd.DataFrame(rows), target="OR")
    assert effects.moderators["adjusted"].tolist() == ["yes", "no", "yes"]
    assert ["adjusted" in way for way in effects.derivation] == [True, False, True]
    assert effects.select(where={"adjusted": "no"}, allow_single=True).study == ("B",)


def test_a_mean_of_several_results_may_be_more_precise_than_one_of_as_many_people():
    numbers = {"y": [0.2, 0.3, 0.1], "se": [0.09, 0.15, 0.12], "n": [50, 50, 80], "scale": "Fisher z"}
    with pytest.warns(PoolwiseWarning, match="se and n do not fit together"):
        pw.Effects(**numbers)
    assert pw.Effects(**numbers, combined=[2, 1, 1]).combined == (2, 1, 1)
    with pytest.raises(InputError, match="combined is 0"):
        pw.Effects(**numbers, combined=[0, 1, 1])


@pytest.mark.parametrize(
    "code", ["PR", "PLN", "PRZ", "PAS", "PFT", "IR", "IRLN", "IRS", "MN", "MNLN", "SDLN", "ARAW", "CLES", "CLESN"]
)
def test_what_a_single_group_has_is_on_no_side_of_0(code):
    assert MEASURES[code].scale.null_value is None


def test_limits_of_which_nobody_told_the_level_are_noted():
    limits = {"lower": [0.3, 0.6, 0.6], "upper": [0.83, 1.07, 1.07]}
    untold, told = (pw.Effects.from_ratios([0.5, 0.8, 0.79], **limits, prob=prob) for prob in (None, 0.95))
    assert any("taken as those of 95% intervals" in note for note in untold.notes)
    assert not any("taken as" in note for note in told.notes)
    assert untold.se.tolist() == told.se.tolist()


def test_an_odds_ratio_that_no_table_of_these_margins_has_is_told():
    rows = {"study": list("ABC"), "OR": [50, 2, 0.5], "n1": [20, 30, 40], "n2": [20, 30, 40], "events": [3, 20, 30]}
    with pytest.warns(PoolwiseWarning, match=r"no table of whole people.*'A' \(row 1\): or = 50$"):
        pw.Effects.from_statistics(rows, target="OR")
    with pytest.warns(PoolwiseWarning, match="has the odds ratio 50; the nearest table"):
        assert cells_of_margins(n=40, n1=20, events=3, odds_ratio=50)[0] == 3
    assert cells_of_margins(n=40, n1=20, events=3, odds_ratio=50, rounded=False)[0] < 3


@pytest.mark.parametrize(
    ("rows", "words", "match"),
    [
        ({"OR": [1.5, 2.0], "lower": [0.0, 1.2], "upper": [2.5, 3.4]}, {}, r"'lower' is 0 .*a limit above 0"),
        ({"p": [0.03, 0.02], "n1": 20, "n2": 20}, {"sides": 3}, "sides is 3. Expected: 1 or 2"),
        ({"p": [0.03, 0.02], "n1": 20, "n2": 20}, {"sides": True}, "sides is True"),
        ({"t": [2.0, 1.0], "n1": 20, "n2": 20}, {"base_rate": 2}, "base_rate is 2"),
        ({"yi": [0.2, 0.3], "vi": [0.1, 0.1]}, {}, r"columns=\{'.*': 'yi'\} would name one"),
    ],
)
def test_what_cannot_be_is_refused_before_it_counts(rows, words, match):
    with pytest.raises(InputError, match=match):
        pw.Effects.from_statistics(pd.DataFrame({"study": list("AB")} | rows), target="OR", **words)


def test_degrees_of_freedom_of_another_sample_are_told():
    rows = {"study": list("ABC"), "t": ["t(12) = 2.1", "t(31.5) = 2", "t(38) = 1.1"], "n1": 20, "n2": 20}
    with pytest.warns(PoolwiseWarning, match=r"do not belong to one test: 'A' \(row 1\): df = 12, n = 40; check"):
        pw.Effects.from_statistics(pd.DataFrame(rows), target="SMD")


def test_names_that_mean_another_thing_for_a_measure():
    alphas = {"study": list("ABC"), "ai": [0.93, 0.91, 0.8], "mi": [20, 20, 10], "ni": [60, 80, 70]}
    np.testing.assert_allclose(pw.Effects.from_statistics(alphas, target="ABT").y, -np.log1p([-0.93, -0.91, -0.8]))
    people = {"study": list("ABC"), "ri": [0.3, 0.2, 0.1], "ni": [60, 80, 50], "controls": ["multiple", "none", "no"]}
    assert pw.Effects.from_statistics(people, target="ZCOR").k == 3
