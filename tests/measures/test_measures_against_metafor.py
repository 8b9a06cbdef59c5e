"""Each measure, option and transformation against metafor's on the same statistics: `reference/escalc_metafor.json`."""

import json
from pathlib import Path

import numpy as np
import pytest

from poolwise.measures import (
    cells_of_margins,
    cohen_u3,
    convert,
    effect_size,
    mean_sd,
    overlap_coefficient,
    standard_error,
)
from poolwise.measures.catalogue import MEASURES
from poolwise.measures.means import small_sample_factor
from poolwise.measures.translations import binomial_effect_size_display, cohen_u1, cohen_u2

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "escalc_metafor.json").read_text(encoding="utf-8"))
RATES = {"x1": "events1", "t1": "time1", "x2": "events2", "t2": "time2"}
NAMES = {
    "IRR IRD IRSD": RATES,
    "IR IRLN IRS IRFT": {"x1": "events", "t1": "time"},
    "PR PLN PLO PRZ PAS PFT": {"x": "events", "n": "n"},
    "COR UCOR ZCOR": {"r": "r", "n": "n"},
    "PCOR ZPCOR": {"t": "t", "n": "n", "mi": "predictors"},
    "SPCOR ZSPCOR": {"t": "t", "n": "n", "mi": "predictors", "r2": "r2"},
    "R2 ZR2": {"r2": "r2", "f": "f", "n": "n", "mi": "predictors"},
    "MN MNLN CVLN SDLN SMN POMPMN": {"m1": "m", "sd1": "sd", "n1": "n"},
}
ENDS = {"lowest": -20.0, "highest": 200.0}
TOLERANCE = 1e-10  # relative; the reference has 15 digits or more, and bias corrections lose a few of them
NUMERICAL = 1e-8  # of derivatives that conv.delta takes numerically
NEARLY_ZERO = 1e-13
EVERY = {(case["measure"], case["table"]): [] for case in REFERENCE["cases"]}
for one in REFERENCE["cases"]:
    EVERY[one["measure"], one["table"]].append(one)
# Where metafor's numbers are coarser, or end at a limit; tested below.
OTHERWISE = {"RTET", "ZTET"}
ODD = {("UCOR", "cors_odd"), ("RBIS", "groups_odd"), ("CLESN", "areas"), ("CLESN", "areas_odd")}
PLAIN = [key for key in EVERY if key[0] not in OTHERWISE and key not in ODD]


def numbers(values):
    return np.array([np.nan if value is None else value for value in np.atleast_1d(values)], dtype=float)


def statistics(code, table):
    """The statistics of a table that a measure needs, under their names here."""
    columns = REFERENCE["tables"][table]
    named = (names for codes, names in NAMES.items() if code in codes.split())
    names = dict(next(named, {name: name for name in columns}))
    if table == "partials":
        names = {name: own for name, own in names.items() if name != "t"}
        names["r"] = "semipartial_r" if "r2" in names else "partial_r"
    found = {names[name]: numbers(values) for name, values in columns.items() if name in names}
    if code in {"MN", "MNLN", "CVLN"}:
        found["m"] = np.abs(found["m"])
    found |= ENDS if code.startswith("POMP") else {}
    route = next(route for route in MEASURES[code].routes if set(route) <= set(found))
    return {name: found[name] for name in route}


def settings(case):
    options = MEASURES[case["measure"]].options
    chosen = {name: case[name] for name in ("to", "add", "drop00", "correct") if name in case and name in options}
    for name in {"variance", "sampling"} & set(options) if "vtype" in case else ():
        chosen[name] = case["vtype"]
    return chosen


def compared(code, table):
    for case in EVERY[code, table]:
        if case.get("vtype") == "UB" and not case.get("correct", True):
            continue  # below
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


def test_the_unbiased_variance_of_an_uncorrected_d_has_its_bias_where_metafor_has_none():
    (case,) = (one for one in EVERY["SMD", "groups"] if one["vtype"] == "UB" and not one["correct"])
    s = statistics("SMD", "groups")
    df, base = s["n1"] + s["n2"] - 2.0, 1.0 / s["n1"] + 1.0 / s["n2"]
    y, v = effect_size("SMD", **s, variance="UB", correct=False)
    same(numbers(case["v"]), base + 2.0 / df * y**2)
    same(v, base / small_sample_factor(df) ** 2 + (1.0 - (df - 2.0) / (df * small_sample_factor(df) ** 2)) * y**2)
    # E d^2 = m / (m - 2) (base + delta^2) and E d = delta / J, so that the mean of v is the variance of d
    delta, j = 0.7, small_sample_factor(df)
    square = df / (df - 2.0) * (base + delta**2)
    same(base / j**2 + (1.0 - (df - 2.0) / (df * j**2)) * square, square - (delta / j) ** 2)


@pytest.mark.parametrize("code", ["RTET", "ZTET"])
def test_tetrachoric_correlations_are_metafors_to_its_own_precision(code):
    for y, v, expected_y, expected_v in compared(code, "tables"):
        np.testing.assert_allclose(y, np.where(np.isnan(expected_v), np.nan, expected_y), rtol=1e-4)
        np.testing.assert_allclose(v, expected_v, rtol=5e-4)


def test_biserial_correlations_stay_within_their_bounds_where_metafor_leaves_them():
    ((y, v, expected_y, expected_v),) = compared("RBIS", "groups_odd")
    assert np.abs(expected_y).max() > 1.1
    same(y, np.clip(expected_y, -1.0, 1.0))
    same(v, expected_v)
    assert effect_size("RBIS", **statistics("RBIS", "groups_odd")).notes == (
        "RBIS: 3 of 10 lie beyond 1 and were set to it",
    )


def test_the_unbiased_correlation_exists_for_four_people_where_metafor_has_none():
    for y, _, expected_y, _ in compared("UCOR", "cors_odd"):
        known = ~np.isnan(expected_y)
        assert known.sum() == len(y) - 2
        same(y[known], expected_y[known])


@pytest.mark.parametrize(("r", "n"), [(-0.99, 4), (0.069, 8)])  # the second is .07819 by the library of metafor
def test_the_unbiased_correlation_is_its_integral(r, n):
    # Olkin & Pratt 1958, equation 2.3: Euler's integral of the hypergeometric function, t = sin^2
    angle = (np.arange(400_000) + 0.5) / 400_000 * np.pi / 2.0
    weights = np.cos(angle) ** (n - 4)
    expected = r * np.average(1.0 / np.sqrt(1.0 - (1.0 - r**2) * np.sin(angle) ** 2), weights=weights)
    assert effect_size("UCOR", r=r, n=n).y == pytest.approx(expected, rel=1e-9)


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
        "lnortord": converted(x, "log OR", "RD", base_rate=own["pc"]),
        "lnortorr": np.exp(converted(x, "log OR", "log RR", base_rate=own["pc"])),
        "clestod": converted(own["p"], "AUC", "d"),
        "dtocliffd": 2.0 * converted(x, "SMD", "AUC") - 1.0,
        "dtoovl": overlap_coefficient(x),
        "rpbtod": converted(own["r"], "r", "d", **sizes),
        "lnortod_norm": converted(x, "log OR", "SMD", responses="normal"),
        "lnortod_logis": converted(x, "log OR", "SMD"),
        "dtolnor_norm": converted(x, "SMD", "log OR", responses="normal"),
        "dtolnor_logis": converted(x, "SMD", "log OR"),
        "dtobesd": binomial_effect_size_display(converted(x, "SMD", "r"))[0],
        "dtou1": cohen_u1(x),
        "dtou2": cohen_u2(x),
        "dtou3": cohen_u3(x),
    }.items():
        same(found, numbers(t[name]))


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("ztor", "Fisher z", "r"),
        ("ilogit", "logit", "proportion"),
        ("dtocles", "d", "AUC"),
        ("iabt", "ABT", "alpha"),
    ],
)
def test_variances_of_the_delta_method_are_those_of_conv_delta(name, source, target):
    x = numbers(REFERENCE["transf"]["values"]["x"])
    expected = numbers(REFERENCE["transf"][f"delta_{name}"])
    known = (expected > 0.0) & (x != 0.0)  # transf.iabt is 0 below 0, where its derivative has two sides
    same(convert(x, 0.04, source=source, target=target).v[known], expected[known], rtol=NUMERICAL)


def test_what_follows_from_other_statistics_is_metafors():
    for case in (case for case in REFERENCE["from"] if case["measure"] != "CLESN"):
        y, v = effect_size(case["measure"], **{name: numbers(values) for name, values in case["statistics"].items()})
        expected = numbers(case["y"])
        same(y, np.clip(expected, -1.0, 1.0) if case["measure"] == "RBIS" else expected)
        same(v, numbers(case["v"]))


def test_superiority_of_one_spread_is_the_conversion_of_d():
    for case in (case for case in REFERENCE["from"] if case["measure"] == "CLESN"):
        s = {name: numbers(values) for name, values in case["statistics"].items()}
        sizes = {"n1": s["n1"], "n2": s["n2"]}
        d, v = effect_size("SMD", **s, correct=False)
        found = convert(d, v, source="d", target="AUC", **sizes)
        same(found.y, numbers(case["y"]))
        same(found.v, numbers(case["v"]))


def test_tables_from_margins_are_those_of_conv_2x2():
    m = {name: numbers(values) for name, values in REFERENCE["margins"].items() if not name.startswith("of_")}
    chi2 = {"chi2": np.abs(m["chi2"]), "sign": np.sign(m["chi2"])}
    for name, measure in {
        "of_or": {"odds_ratio": m["or"]},
        "of_phi": {"phi": m["phi"]},
        "of_chi2": chi2,
        "of_yates": {**chi2, "yates": True},
    }.items():
        cells = cells_of_margins(n=m["n"], n1=m["n1"], events=m["events"], **measure)
        np.testing.assert_array_equal(cells, [REFERENCE["margins"][name][cell] for cell in "abcd"])


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("range", "minimum median maximum"),
        ("quartiles", "q1 median q3"),
        ("all", "minimum q1 median q3 maximum"),
    ],
)
def test_means_from_order_statistics_are_those_of_conv_fivenum(name, order):
    reported, expected = REFERENCE["fivenum"], REFERENCE["fivenum"]["norm"][name]
    called = {"q1": "lower_q", "q3": "upper_q"}
    found = mean_sd(n=reported["n"], **{part: numbers(reported[called.get(part, part)]) for part in order.split()})
    same(found.mean, expected["mean"])
    same(found.sd, expected["sd"])
    assert found.skewed.tolist() == expected["skewed"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ci95", {"lower": "lower", "upper": "upper"}),
        ("ci90", {"lower": "lower", "upper": "upper", "prob": 0.90}),
        ("upper99", {"upper": "upper", "prob": 0.99}),
        ("of_z", {"z": "z"}),
        ("of_p", {"p": "p", "sides": 2}),
    ],
)
def test_standard_errors_are_those_of_conv_wald(name, told):
    wald = REFERENCE["wald"]
    sources = {key: numbers(wald[value]) if isinstance(value, str) else value for key, value in told.items()}
    same(standard_error(numbers(wald["y"]), **sources), wald[name])
