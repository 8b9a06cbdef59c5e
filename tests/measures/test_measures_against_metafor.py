"""Each measure, option and transformation against metafor's on the same statistics: `reference/escalc_metafor.json`."""

import json
from pathlib import Path

import numpy as np
import pytest

from poolwise.measures import cohen_u3, convert, effect_size
from poolwise.measures.catalogue import MEASURES
from poolwise.measures.means import small_sample_factor
from poolwise.measures.translations import binomial_effect_size_display, cohen_u1, cohen_u2

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "escalc_metafor.json").read_text(encoding="utf-8"))
RATES = {"x1": "events1", "t1": "time1", "x2": "events2", "t2": "time2"}
NAMES = {
    "IRR IRD IRSD": RATES,
    "IR IRLN IRS IRFT": {"x1": "events", "t1": "time"},
    "PR PLN PLO PAS PFT": {"x": "events", "n": "n"},
    "COR UCOR ZCOR": {"r": "r", "n": "n"},
    "PCOR ZPCOR SPCOR": {"t": "t", "n": "n", "mi": "predictors", "r2": "r2"},
    "MN MNLN CVLN SDLN SMN": {"m1": "m", "sd1": "sd", "n1": "n"},
}
TOLERANCE = 1e-10  # relative; the reference has 15 digits or more, and bias corrections lose a few of them
NEARLY_ZERO = 1e-13
EVERY = {(case["measure"], case["table"]): [] for case in REFERENCE["cases"]}
for one in REFERENCE["cases"]:
    EVERY[one["measure"], one["table"]].append(one)
# What later versions of metafor changed, or this one rounds; tested below.
OTHERWISE = {"SMDH", "SMD1H", "SMCRH", "RTET", "ZPCOR", "CVR"}
PLAIN = [key for key in EVERY if key[0] not in OTHERWISE and key not in {("UCOR", "cors_odd"), ("RBIS", "groups_odd")}]


def numbers(values):
    return np.array([np.nan if value is None else value for value in np.atleast_1d(values)], dtype=float)


def statistics(code, table):
    """The statistics of a table that a measure needs, under their names here."""
    columns = REFERENCE["tables"][table]
    named = (names for codes, names in NAMES.items() if code in codes.split())
    names = next(named, {name: name for name in columns})
    found = {names[name]: numbers(values) for name, values in columns.items() if name in names}
    if code in {"MN", "MNLN", "CVLN"}:
        found["m"] = np.abs(found["m"])
    route = next(route for route in MEASURES[code].routes if set(route) <= set(found))
    return {name: found[name] for name in route}


def settings(case):
    chosen = {name: case[name] for name in ("to", "add", "drop00") if name in case}
    if case["measure"] in {"PHI", "RPB"}:
        chosen["sampling"] = case["vtype"]
    elif case.get("vtype", "LS") != "LS":
        chosen["variance"] = case["vtype"]
    return chosen | ({"correct": False} if case["measure"] in {"ROM", "ROMC"} else {})


def compared(code, table):
    for case in EVERY[code, table]:
        y, v = effect_size(code, **statistics(code, table), **settings(case))
        yield y, v, numbers(case["y"]), numbers(case["v"])


def same(found, expected, rtol=TOLERANCE):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=NEARLY_ZERO)


@pytest.mark.parametrize(("code", "table"), PLAIN)
def test_estimates_and_variances_are_metafors(code, table):
    for y, v, expected_y, expected_v in compared(code, table):
        missing = np.isnan(expected_y) | np.isnan(expected_v)
        same(y, np.where(missing, np.nan, expected_y))
        same(v, np.where(missing, np.nan, expected_v))


@pytest.mark.parametrize("table", ["groups", "groups_odd"])
def test_cvr_is_metafors_with_the_bias_of_the_log_means_that_this_version_leaves_in(table):
    s = statistics("CVR", table)
    bias = 0.5 * ((s["sd1"] / s["m1"]) ** 2 / s["n1"] - (s["sd2"] / s["m2"]) ** 2 / s["n2"])
    ((y, v, expected_y, expected_v),) = compared("CVR", table)
    same(y + bias, expected_y)
    same(v, np.where(np.isnan(expected_y), np.nan, expected_v))


@pytest.mark.parametrize(
    ("code", "table"), [("SMDH", "groups"), ("SMDH", "groups_odd"), ("SMCRH", "paired"), ("SMCRH", "paired_odd")]
)
def test_variances_without_a_further_small_sample_factor_from_version_4_6_on(code, table):
    ((y, v, expected_y, expected_v),) = compared(code, table)
    s = statistics(code, table)
    df = s["n1"] + s["n2"] - 2.0 if code == "SMDH" else s["n"] - 1.0
    same(y, expected_y)
    same(v * small_sample_factor(df) ** 2, expected_v)


@pytest.mark.parametrize("table", ["groups", "groups_odd"])
def test_glass_delta_has_n_less_one_from_version_4_6_on(table):
    ((y, v, expected_y, expected_v),) = compared("SMD1H", table)
    s = statistics("SMD1H", table)
    ratio, n1, n2 = (s["sd1"] / s["sd2"]) ** 2, s["n1"], s["n2"]
    same(y, expected_y)
    same(expected_v, ratio / n1 + (1.0 + y**2 / 2.0) / n2)
    same(v, ratio / (n1 - 1.0) + (1.0 + y**2 / 2.0) / (n2 - 1.0))


def test_partial_z_has_two_people_less_from_version_4_0_on():
    ((y, v, expected_y, expected_v),) = compared("ZPCOR", "cors")
    same(y, expected_y)
    same(1.0 / v + 1.0, 1.0 / expected_v)


def test_tetrachoric_correlations_are_metafors_to_its_own_precision():
    for y, v, expected_y, expected_v in compared("RTET", "tables"):
        np.testing.assert_allclose(y, np.where(np.isnan(expected_v), np.nan, expected_y), rtol=1e-4)
        np.testing.assert_allclose(v, expected_v, rtol=5e-4)


def test_biserial_correlations_stay_within_their_bounds_where_metafor_leaves_them():
    ((y, v, expected_y, expected_v),) = compared("RBIS", "groups_odd")
    assert np.abs(expected_y).max() > 1.1
    same(y, np.clip(expected_y, -1.0, 1.0))
    same(v, expected_v)


def test_the_unbiased_correlation_exists_for_four_people_where_metafor_has_none():
    for y, _, expected_y, _ in compared("UCOR", "cors_odd"):
        known = ~np.isnan(expected_y)
        assert known.sum() == len(y) - 2
        same(y[known], expected_y[known])
    # Olkin & Pratt 1958, equation 2.3, by quadrature of the integral of the hypergeometric function for n = 4
    r = -0.99
    x = (np.arange(400_000) + 0.5) / 400_000
    expected = r * np.mean(1.0 / np.sqrt(1.0 - (1.0 - r**2) * np.sin(np.pi / 2.0 * x) ** 2))
    assert effect_size("UCOR", r=r, n=4).y == pytest.approx(expected, rel=1e-10)


def test_transformations_are_metafors():
    t, own = REFERENCE["transf"], REFERENCE["transf"]["values"]
    x = numbers(own["x"])

    def converted(values, source, target, **extras):
        return convert(values, 0.01, source=source, target=target, **extras).y

    sizes = {"n1": own["n1"], "n2": own["n2"]}
    for name, found in {
        "ztor": converted(x, "Fisher z", "r"),
        "rtoz": converted(own["r"], "r", "Fisher z"),
        "logit": converted(own["p"], "proportion", "logit"),
        "ilogit": converted(x, "logit", "proportion"),
        "arcsin": converted(own["p"], "proportion", "arcsine"),
        "abt": converted(own["alpha"], "alpha", "ABT"),
        "ahw": converted(own["alpha"], "alpha", "AHW"),
        "dtocles": converted(x, "SMD", "AUC"),
        "dtorpb": converted(x, "d", "r"),
        "dtorpb_n": converted(x, "d", "r", **sizes),
        "logortord": converted(x, "log OR", "RD", base_rate=own["pc"]),
        "logortorr": np.exp(converted(x, "log OR", "log RR", base_rate=own["pc"])),
        "dtobesd": binomial_effect_size_display(converted(x, "SMD", "r"))[0],
        "dtou1": cohen_u1(x),
        "dtou2": cohen_u2(x),
        "dtou3": cohen_u3(x),
    }.items():
        same(found, numbers(t[name]))
