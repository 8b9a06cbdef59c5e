"""Every method for publication bias in one frame: right numbers, a reason where there is none, one verdict."""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.checks import publication_bias
from poolwise.checks.publication_bias import METHODS, Method
from poolwise.checks.publication_bias.methods import Asked
from poolwise.checks.publication_bias.publication_bias import _rows
from poolwise.errors import InputError, ModelError, PoolwiseWarning
from support.biased_studies import studies

REFERENCE = Path(__file__).parents[1] / "reference"
TO_METAFOR = 1e-6  # of metafor's own iterations for maximum likelihood
LINES = 1e-8  # of least squares and closed forms
Y, SE = [0.5, 0.1, 0.3, -0.2, 0.7, 0.4], [0.1, 0.2, 0.15, 0.3, 0.25, 0.2]
DEPENDENT = {"study": [f"row {i}" for i in range(6)], "study_as_given": [*"aabcde"]}


def figures(file):
    found = json.loads((REFERENCE / f"{file}.json").read_text())
    return (found["data"] if "data" in found else found["sets"])["bcg"]


@pytest.fixture(scope="module")
def bcg():
    return publication_bias(pw.datasets.load("bcg"), direction="negative")


def row(panel, method, variant=""):
    frame = panel.frame
    return frame[(frame["method"] == method) & (frame["variant"] == variant)].iloc[0]


def test_tests_and_lines_are_metafors(bcg):
    lines = {(one["model"], one["predictor"]): one for one in figures("asymmetry_metafor")["regtest"]}
    for method, key in {"Egger's test": ("lm", "se"), "Egger's test, mixed effects": ("rma", "se")}.items():
        assert row(bcg, method)["value"] == pytest.approx(lines[key]["p_value"], rel=TO_METAFOR)
    assert row(bcg, "Begg's test")["value"] == pytest.approx(figures("asymmetry_metafor")["tau_p"], rel=LINES)
    for method, predictor in {"PET": "se", "PEESE": "v"}.items():
        line, found = lines["lm", predictor], row(bcg, method)
        expected = [line["limit"], line["lower"], line["upper"]]
        np.testing.assert_allclose(found[["point", "lower", "upper"]].to_numpy(float), expected, rtol=LINES)


def test_adjusted_means_and_null_studies_are_metafors(bcg):
    known = figures("publication_bias_studies")
    filled = [one for one in known["trim_and_fill"] if one["asked"] == "chosen" and one["method"] == "REML"]
    for one in filled:
        if one["estimator"] != "Q0":
            found = row(bcg, f"Trim and fill, {one['estimator']}")
            assert (found["value"], found["point"]) == (one["k0"], pytest.approx(one["mu"], rel=TO_METAFOR))
    numbers = [row(bcg, f"Fail-safe N, {kind}")["value"] for kind in ("Rosenthal", "Rosenberg")]
    assert numbers == [one["n"] for one in known["fail_safe_n"] if one.get("alpha") == 0.05]
    limits = [known["henmi_copas"][name] for name in ("mu", "lower", "upper")]
    found = row(bcg, "Henmi-Copas")[["point", "lower", "upper"]].to_numpy(float)
    np.testing.assert_allclose(found, limits, rtol=TO_METAFOR)


def test_selection_models_are_metafors(bcg):
    step = next(fit for fit in figures("selection_models_ml")["fits"] if fit["steps"] == [0.025])
    found = row(bcg, "Step selection, ML")
    assert found["point"] == pytest.approx(step["beta"][0], rel=1e-5)  # metafor stops where its likelihood is flat
    assert found["value"] == pytest.approx(step["LRTp"], rel=1e-5)
    for name, one in figures("vevea_woods").items():
        assert row(bcg, "Vevea-Woods weights", name)["point"] == pytest.approx(one["mu"], rel=1e-5)


def test_the_two_answers_of_the_average_are_those_of_the_reference():
    known = json.loads((REFERENCE / "psma_sim15.json").read_text())
    panel = publication_bias(pw.Effects(known["y"], se=known["se"], scale="SMD"), direction=known["direction"])
    for variant, which in {"averaged": "bias", "given an effect": "effect"}.items():
        expected = np.log10(known["inclusion"][which]["BF"])
        assert row(panel, "PSMA average", variant)["value"] == pytest.approx(expected, abs=1e-4)
    limits = [known["conditional"]["mu_quantiles"][p] for p in ("0.025", "0.975")]
    found = row(panel, "PSMA average", "given an effect")[["lower", "upper"]].to_numpy(float)
    np.testing.assert_allclose(found, limits, atol=1e-4)
    assert "% of the posterior weight has no effect" in row(panel, "PSMA average", "given an effect")["sentence"]
    assert row(panel, "PSMA average", "averaged")["prior"].startswith("mu ~ Normal(0, 1)")


def test_how_far_each_answer_moves_is_measured_from_random_effects(bcg):
    frame, first = bcg.frame, pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())["mu"]
    np.testing.assert_array_equal(frame["moved"], frame["point"] - first.point)
    np.testing.assert_allclose(frame["moved_se"], frame["moved"] / first.sd, rtol=1e-15)


def test_every_interval_says_its_kind_and_every_posterior_its_prior(bcg):
    frame = bcg.frame[bcg.frame["point"].notna()]
    assert frame["interval"].str.contains(r"^(?:confidence|credible)").all()
    assert (frame["prior"] != "").equals(frame["interval"].str.startswith("credible"))
    assert not bcg.frame["sentence"].str.contains("correct").any()


def test_the_verdict_names_the_range_and_what_would_overturn_the_answer(bcg):
    frame = bcg.frame[bcg.frame["role"].isin(["adjusted", "sensitivity"])]
    for extreme in (frame["point"].min(), frame["point"].max()):
        assert pw.show.number(np.exp(extreme)) in bcg.sentence
        assert pw.show.number(np.exp(extreme)) in bcg.in_short
    assert "the mean risk ratio is" in bcg.sentence
    assert "the interval lies below 1" in bcg.sentence
    holding = frame[(frame["lower"] <= 0) & (frame["upper"] >= 0)]
    assert f"which {len(holding)} of {frame['lower'].notna().sum()} other intervals do not" in bcg.sentence
    assert "bias grows in a line with the standard error" in bcg.sentence
    assert "3.36 times" in bcg.sentence
    assert bcg.sentence.count(". ") == 2  # the answer, the range of the others, what would overturn it


def test_an_answer_beyond_every_estimate_is_said_to_be():
    panel = publication_bias(studies([0.2, 0.21, 0.22, 0.4], [0.1, 0.1, 0.11, 0.19], scale="SMD"), direction="positive")
    low = panel.frame.loc[panel.frame["role"] != "unadjusted", "point"].min()
    assert low < 0.2
    assert f"{pw.show.number(low)} (" in panel.sentence
    assert ", beyond every estimate)" in panel.sentence


def test_a_mirrored_table_with_the_other_direction_is_mirrored(bcg):
    effects = pw.datasets.load("bcg")
    turned = publication_bias(pw.Effects(-effects.y, se=effects.se, scale="log RR"), direction="positive")
    rows = [row(turned, one["method"], one["variant"]) for one in bcg.frame.to_dict("records")]
    mirrored = np.array([(one["point"], one["lower"], one["upper"]) for one in rows])
    expected = bcg.frame[["point", "upper", "lower"]].to_numpy()
    np.testing.assert_array_equal(mirrored, -expected)


@pytest.mark.parametrize(
    ("y", "se"),
    [([0.5], [0.1]), (Y[:2], SE[:2]), (Y[:3], SE[:3]), (Y, [0.2] * 6), (Y, [1e-6, *SE[1:]]), ([0.3] * 6, SE),
     (np.add(Y, 2), SE), (np.multiply(Y, 0.1), SE)],
    ids=["k = 1", "k = 2", "k = 3", "equal errors", "one huge", "no scatter", "all significant", "none significant"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:only 2 studies")
def test_each_method_keeps_its_row_with_a_number_or_the_reason(y, se):
    panel = publication_bias(studies(y, se, scale="SMD"), direction="positive")
    frame = panel.frame
    assert set(frame["method"]) == {method.name for method in METHODS if method.rows != "dependent"}
    silent = frame["status"] == "no answer"
    assert (frame[silent]["reason"].str.len() > 20).all()
    assert (frame[~silent]["point"].notna() | frame[~silent]["value"].notna()).all()
    assert not (frame["status"] == "failed").any()
    assert "Publication bias" in panel._repr_html_()


def test_of_dependent_rows_robust_methods_take_the_place_of_the_others():
    panel = publication_bias(studies(Y, SE, scale="SMD", **DEPENDENT), direction="positive")
    answered = set(panel.frame[panel.frame["status"] == "ok"]["method"])
    assert {"Random effects", "Egger's test, multilevel", "PET", "PEESE", "PET-PEESE", "S-value"} <= answered
    assert not answered & {"Step selection, ML", "PSMA average", "Egger's test", "p-uniform*"}
    assert "as independent" in row(panel, "PSMA average")["reason"]
    assert row(panel, "PET")["interval"].startswith("confidence (CR2 cluster-robust")


def test_errors_that_correlate_between_studies_leave_the_unadjusted_mean_alone():
    effects = pw.Effects(Y, covariance=np.diag(np.square(SE)) + 0.001, scale="SMD")
    panel = publication_bias(effects, direction="positive")
    assert set(panel.frame[panel.frame["status"] == "ok"]["method"]) == {"Random effects", "Common effect"}
    assert "does not say that it does nothing" in panel.sentence


def test_a_failure_of_one_method_is_a_row():
    broken = Method("Broken", "test", "?", "", lambda asked: 1 / 0, lambda record, asked: ())
    (one,) = _rows(broken, Asked(studies(Y, SE), "positive", 0.95, False, None, None), {})
    assert one["status"] == "failed"
    assert "ZeroDivisionError" in one["reason"]


def test_several_outcomes_are_warned_of_once():
    with pytest.warns(PoolwiseWarning, match="pools 2 outcomes") as heard:
        publication_bias(studies(Y, SE, outcome=[*"aaabbb"], scale="SMD"), direction="positive")
    assert len(heard) == 1


@pytest.mark.parametrize(("options", "words"), [
    ({}, "no direction is given"), ({"direction": "up"}, "one of positive, negative"),
    ({"direction": "positive", "prob": 2}, "no probability"), ({"direction": "positive", "unit": 0}, "unit = 0"),
    ({"direction": "positive", "unit": np.nan}, "unit = nan"), ({"direction": "positive", "unit": True}, "unit = True"),
    ({"direction": "positive", "model": pw.CommonEffect()}, "RandomEffects"),
])  # fmt: skip
def test_arguments_that_do_not_exist(options, words):
    with pytest.raises(ModelError, match=words):
        publication_bias(studies(Y, SE), **options)


def test_what_is_no_reported_table_is_refused_as_a_whole():
    with pytest.raises(ModelError, match="Expected: Effects"):
        publication_bias([0.1, 0.2], direction="positive")
    with pytest.raises(InputError, match="arbitrary by construction"):
        publication_bias(pw.datasets.load("working_alliance").select(outcome="dropout"), direction="positive")


def test_a_raw_scale_asks_for_its_unit_in_the_row_of_the_average():
    effects = studies(np.multiply(Y, 10), np.multiply(SE, 10), scale="MD")
    assert "unit=" in row(publication_bias(effects, direction="positive"), "PSMA average")["reason"]
    panel = publication_bias(effects, direction="positive", unit=10.0)
    small = publication_bias(studies(Y, SE, scale="SMD"), direction="positive")
    pair = [row(one, "PSMA average", "given an effect")["point"] for one in (panel, small)]
    assert pair[0] == pytest.approx(10 * pair[1], rel=1e-5)


def test_thirteen_studies_take_two_seconds_at_most():
    effects, spent = pw.datasets.load("bcg"), []
    for _ in range(2):
        began = time.process_time()
        publication_bias(effects, direction="negative")
        spent.append(time.process_time() - began)
    assert min(spent) < 2.0


def test_it_warns_of_nothing_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        publication_bias(studies(Y, SE, scale="SMD", **DEPENDENT), direction="positive")
