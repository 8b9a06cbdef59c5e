"""Each measure against metafor's escalc on the same statistics: `reference/escalc_metafor.json`."""

import json
from pathlib import Path

import numpy as np
import pytest

from poolwise.measures import effect_size
from poolwise.measures.means import small_sample_factor

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "escalc_metafor.json").read_text(encoding="utf-8"))
FAMILIES = {
    "G": "groups",
    "T": "tables",
    "R": "rates",
    "r": "rates",
    "P": "props",
    "C": "cors",
    "Q": "cors",
    "S": "single",
    "M": "paired",
    "A": "alphas",
}
NAMES = {
    "R": {"x1": "events1", "t1": "time1", "x2": "events2", "t2": "time2"},
    "r": {"x1": "events", "t1": "time"},
    "P": {"x": "events", "n": "n"},
    "C": {"r": "r", "n": "n"},
    "Q": {"t": "t", "n": "n", "mi": "predictors", "r2": "r2"},  # this version counts the other predictors alone
}
ELSEWHERE = {"D2ORN", "D2ORL", "IRS", "IRFT", "CVLN", "SDLN", "CVRC", "AHW"}  # measures that are not here
OTHERWISE = {"SMDH", "SMD1H", "SMCRH", "RTET", "ZPCOR"}  # variances that later versions changed; tested below
TOLERANCE = 1e-10  # relative


def numbers(values):
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def statistics(family):
    columns = REFERENCE[FAMILIES[family]]
    names = NAMES.get(family, {name: name for name in columns})
    return {names[name]: numbers(values) for name, values in columns.items() if name in names}


def settings(code, variance, to):
    chosen = {"to": to[0]} if to else {}
    if variance == "drop":
        chosen["drop00"] = True
    elif code in {"PHI", "RPB"}:
        chosen["sampling"] = variance
    elif variance != "LS":
        chosen["variance"] = variance
    if code in {"ROM", "ROMC"}:
        chosen["correct"] = False
    return chosen


CASES = [key for key in REFERENCE if "_" in key and key.split("_")[1] not in ELSEWHERE | OTHERWISE]


@pytest.mark.parametrize("key", CASES)
def test_estimates_and_variances_are_metafors(key):
    family, code, variance, *to = key.split("_")
    y, v = effect_size(code, **statistics(family), **settings(code, variance, to))
    expected = REFERENCE[key]
    if code == "CVR":
        y = y + 0.5 * _difference_of_squared_variation(statistics(family))
    np.testing.assert_allclose(y, numbers(expected["y"]), rtol=TOLERANCE, atol=1e-13)
    np.testing.assert_allclose(v, numbers(expected["v"]), rtol=TOLERANCE)


def _difference_of_squared_variation(s):
    """The bias of the log means, which this version leaves in."""
    return (s["sd1"] / s["m1"]) ** 2 / s["n1"] - (s["sd2"] / s["m2"]) ** 2 / s["n2"]


def test_variances_that_later_versions_changed_differ_by_the_factor_alone():
    groups, paired = statistics("G"), statistics("M")
    for code, own, df in (
        ("SMDH", groups, groups["n1"] + groups["n2"] - 2.0),
        ("SMCRH", paired, paired["n"] - 1.0),
    ):
        family = "G" if code == "SMDH" else "M"
        y, v = effect_size(code, **own)
        expected = REFERENCE[f"{family}_{code}_LS"]
        np.testing.assert_allclose(y, numbers(expected["y"]), rtol=TOLERANCE)
        np.testing.assert_allclose(v * small_sample_factor(df) ** 2, numbers(expected["v"]), rtol=TOLERANCE)


def test_tetrachoric_correlations_are_metafors_to_its_own_precision():
    full = numbers(REFERENCE["tables"]["a"]) * numbers(REFERENCE["tables"]["b"]) > 0
    y, v = effect_size("RTET", **statistics("T"))
    expected = REFERENCE["T_RTET_LS_only0"]
    np.testing.assert_allclose(y[full], numbers(expected["y"])[full], rtol=1e-4)
    np.testing.assert_allclose(v[full], numbers(expected["v"])[full], rtol=5e-4)
