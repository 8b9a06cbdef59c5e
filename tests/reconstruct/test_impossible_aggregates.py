"""What no study table can have is refused with its reason."""

import pytest

from poolwise import datasets
from poolwise.errors import InputError
from poolwise.reconstruct import Plausible, reconstruct

PUBLISHED = datasets.published("working_alliance")
RECIDIVISM = PUBLISHED[PUBLISHED["outcome"] == "recidivism"]
GOOD = {"k": 9, "d": "0.390", "se": "0.067", "q": "13.65"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"q": "-1.2"}, "negative"),
        ({"k": 1}, "k = 1; a single study has no Q"),
        ({"k": 1, "q": None, "i2": "0"}, "k = 1"),
        ({"k": None}, "no k is published"),
        ({"d": None}, "no d is published"),
        ({"se": None}, "no se is published"),
        ({"q": None}, "neither Q nor I2"),
        ({"se": "0.000"}, "says nothing of its size"),
        ({"i2": "101"}, "I2 = 101 %"),
        ({"i2": "60.0"}, r"no Q agrees with Q = 13.65, I2 = 60.0 % and k = 9.*41.39 %"),
        ({"i2": "0.41"}, r"no Q agrees.*in percent"),
        ({"p": ".20"}, "p = 0.20 does not go with d = 0.390"),
        ({"d": "0.100", "p": "<.001"}, "p = <0.001 does not go with"),
        ({"q": "5.00", "d_re": "0.45"}, "random-effects estimate 0.45 beside common-effect 0.390"),
        ({"d": "2.100"}, "outside the plausible effects"),
        ({"d": "1.400", "q": "400"}, "single effects larger than 1.5"),
        ({"se": "0.700"}, "standard errors around 2.1"),
        ({"se": "0.005"}, "standard errors around 0.015"),
    ],
)
def test_impossible_rows_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        reconstruct({**GOOD, **change})


def test_the_figure_that_rejects_most_is_named():
    with pytest.raises(InputError, match=r"only 0 of 500000 .*'overall: d_re = 0.80' rejects 100 %"):
        reconstruct({**GOOD, "d_re": "0.80"})


def test_limits_that_reject_everything_are_named():
    tight = Plausible(se_min=0.2009, se_max=0.2011)
    with pytest.raises(InputError, match=r"'plausible standard errors, 0.2009 to 0.2011' rejects 100 %"):
        reconstruct(GOOD, plausible=tight)


def test_levels_that_share_studies_are_refused():
    with pytest.raises(InputError, match=r"'client', 'service provider or observer' of 'rater' overlap.*1477.*1424"):
        reconstruct(RECIDIVISM, subgroups="rater")


def test_levels_without_a_standard_error_are_refused():
    with pytest.raises(InputError, match=r"'juvenile' of 'developmental group' is published without its standard"):
        reconstruct(RECIDIVISM, subgroups="developmental group")


def level(name, d, se, **more):
    return {"level": name, "d": d, "se": se, **more}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([level("a", ".39", ".09", k=8), level("b", ".39", ".1", k=4)], "hold at least 12 studies"),
        ([level("a", ".50", ".095"), level("b", ".60", ".095")], "average to between"),
        ([level("a", ".39", ".2", k=5), level("b", ".39", ".2", k=4)], "hold all 9 studies but weigh"),
        ([level("a", None, None, k=4)], "no level has a published d and SE"),
        ([level("a", ".39", ".09"), level("a", ".39", ".09")], "'a' is published twice"),
        (
            [level("a", ".39", ".095", share=0.9), level("b", ".39", ".095", share=0.8)],
            "cannot hold 9 studies",
        ),
        ([level("a", ".39", ".3", k=1, q="2.0"), level("b", ".39", ".07", k=8)], "a single study has no Q"),
    ],
)
def test_levels_that_contradict_the_outcome_are_refused(rows, words):
    with pytest.raises(InputError, match=words):
        reconstruct(GOOD, subgroups=rows)


def test_rows_of_several_outcomes_are_refused():
    with pytest.raises(InputError, match=r"3 overall rows.*'dropout', 'misconduct', 'recidivism'"):
        reconstruct(PUBLISHED)


def test_an_unknown_moderator_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"'settings'.*did you mean 'setting'"):
        reconstruct(RECIDIVISM, subgroups="settings")


@pytest.mark.parametrize(
    "settings",
    [{"tables": 0}, {"tables": 2.5}, {"seed": -1}, {"seed": 1.5}, {"alpha": 0.0}, {"alpha": float("inf")}],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        reconstruct(GOOD, **settings)


@pytest.mark.parametrize("limits", [{"se_min": 0.6, "se_max": 0.1}, {"d_max": 0.0}, {"se_min": -1.0}])
def test_impossible_limits_are_refused(limits):
    with pytest.raises(InputError, match=r"plausible"):
        Plausible(**limits)


def test_there_is_no_table_beyond_the_last():
    tables = reconstruct(GOOD, tables=3)
    with pytest.raises(InputError, match=r"no table 3.*0 to 2"):
        tables.effects(3)
