"""What the tests of asymmetry and adjustments by regression refuse, warn of, and never do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import poolwise as pw

TESTS = {
    "begg": pw.bias.begg, "egger": pw.bias.egger, "multilevel_egger": pw.bias.multilevel_egger, "peese": pw.bias.peese,
    "pet": pw.bias.pet, "thompson_sharp": pw.bias.thompson_sharp,
    "pet_peese": lambda effects: pw.bias.pet_peese(effects, direction="positive"),
    "pet_cr2": lambda effects: pw.bias.pet(effects, robust="CR2"),
}  # fmt: skip
ON_COUNTS = {name: getattr(pw.bias, name) for name in ("deeks", "harbord", "macaskill", "peters", "pustejovsky")}
EVERY = TESTS | ON_COUNTS
SE = [0.1, 0.2, 0.3, 0.15, 0.4]
Y = [0.3, 0.1, 0.5, 0.2, 0.6]
every = pytest.mark.parametrize("name", EVERY)
each = pytest.mark.parametrize("name", TESTS)


@every
@pytest.mark.parametrize("what", [[0.1, 0.2], None, "bcg", 3.0])
def test_what_is_no_study_table(name, what):
    with pytest.raises(pw.PoolwiseError, match=r"was given .*Expected: Effects"):
        EVERY[name](what)


@every
def test_a_reconstruction_since_its_pattern_is_arbitrary(name):
    with pytest.raises(pw.PoolwiseError, match="arbitrary by construction"):
        EVERY[name](pw.datasets.load("working_alliance").select(outcome="dropout"))


@every
@pytest.mark.parametrize("k", [1, 2])
def test_fewer_than_three_effects(name, k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        effects = pw.Effects(Y[:k], se=SE[:k], allow_single=True)
    with pytest.raises(pw.PoolwiseError, match=f"k = {k}"):
        EVERY[name](effects)


@each
@pytest.mark.parametrize("nudge", [0.0, 1e-13])
def test_equal_standard_errors_with_the_reason(name, nudge):
    effects = pw.Effects(Y, se=np.array([0.2, 0.2, 0.2, 0.2, 0.2 * (1 + nudge)]))
    with pytest.raises(pw.PoolwiseError, match=r"standard error is the same for all 5 effects \(0\.2\)"):
        TESTS[name](effects)


@each
def test_effects_on_a_line_or_a_right_answer(name):
    effects = pw.Effects(0.1 + 2 * np.array(SE), se=SE)
    if name in ("begg", "thompson_sharp", "peese"):
        assert "p" in str(TESTS[name](effects))
    else:
        with pytest.raises(pw.PoolwiseError, match="straight line exactly"):
            TESTS[name](effects)


@pytest.mark.parametrize("name", ["begg", "egger", "peese", "pet", "thompson_sharp", "pet_peese"])
def test_several_effects_of_a_study_warn_and_are_said(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        effects = pw.Effects(Y, se=SE, study=["A", "A", "B", "C", "D"])
    with pytest.warns(pw.PoolwiseWarning, match="5 effects of 4 studies as independent"):
        test = TESTS[name](effects)
    assert "5 effects of 4 studies as independent" in test.sentence


def test_robust_methods_neither_warn_nor_take_them_as_independent():
    rows = {"y": Y + Y[::-1], "se": [*SE, 0.11, 0.21, 0.31, 0.16, 0.41], "study_as_given": list("AABCDEFFGH")}
    effects = pw.Effects(rows["y"], se=rows["se"], study=list("abcdefghij"), study_as_given=rows["study_as_given"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pw.bias.pet(effects, robust="CR2").clusters == 8
        assert "8 clusters, fewer than 10" in pw.bias.multilevel_egger(effects).sentence


def test_a_known_covariance_is_dependence_too():
    effects = pw.Effects(Y, covariance=np.diag(np.square(SE)) + 0.001)
    with pytest.warns(pw.PoolwiseWarning, match="known covariance"):
        pw.bias.egger(effects)


@pytest.mark.parametrize("name", ["pet_cr2", "multilevel_egger"])
def test_clustered_errors_are_refused_where_errors_correlate_between_clusters(name):
    effects = pw.Effects(Y, covariance=np.diag(np.square(SE)) + 0.001)
    with pytest.raises(pw.PoolwiseError, match="correlate between clusters"):
        EVERY[name](effects)


def test_fewer_than_three_clusters_and_one_that_decides_alone():
    effects = pw.Effects(Y, se=SE, moderators={"lab": list("aabbb"), "one": list("abcde")})
    with pytest.raises(pw.PoolwiseError, match="2 clusters"):
        pw.bias.pet(effects, robust="CR2", cluster="lab")
    alone = pw.Effects(Y, se=[0.2, 0.2, 0.2, 0.2, 0.3])
    with pytest.raises(pw.PoolwiseError, match=r"\(row 5\) decides the line alone"):
        pw.bias.pet(alone, robust="CR2")


@pytest.mark.parametrize(("call", "words"), [
    (lambda e: pw.bias.egger(e, predictor="sei"), "did you mean 'se'"),
    (lambda e: pw.bias.egger(e, predictor="n"), "none of any effect"),
    (lambda e: pw.bias.egger(e, predictor=None), "predictor=None is unknown"),
    (lambda e: pw.bias.egger(e, model="FE"), "one of lm, rma"),
    (lambda e: pw.bias.egger(e, model="rma", tau2=0.1), "tau2=0.1 is unknown"),
    (lambda e: pw.bias.pet(e, robust="HC2"), "did you mean 'CR2'"),
    (lambda e: pw.bias.pet(e, cluster="lab"), "without robust"),
    (lambda e: pw.bias.pet(e, robust="CR2", cluster="lab"), "no column 'lab'"),
    (lambda e: pw.bias.pet(e, robust="CR2", cluster=3), "no column 3"),
    (lambda e: pw.bias.pet_peese(e, direction="up"), "one of positive, negative"),
    (lambda e: pw.bias.pet_peese(e, direction="positive", alpha=np.nan), "alpha = nan"),
    (lambda e: pw.bias.pet_peese(e, direction="positive", alpha=5), "above 0 and below 1"),
    (lambda e: pw.bias.multilevel_egger(e, predictor="modified"), "standardised mean differences"),
    (lambda e: pw.bias.pustejovsky(e), "standardised mean differences"),
    (lambda e: pw.bias.egger(e).slope_interval(1.5), "no probability"),
])  # fmt: skip
def test_settings_that_do_not_exist(call, words):
    with pytest.raises(pw.PoolwiseError, match=words):
        call(pw.Effects(Y, se=SE))


def test_sizes_that_are_unknown_are_named_by_row():
    effects = pw.Effects(Y, se=SE, n=[20, np.nan, 30, np.nan, 50], scale="SMD")
    with pytest.raises(pw.PoolwiseError, match=r"\(row 2\).*\(row 4\)"):
        pw.bias.egger(effects, predictor="sqrtninv")
    wrong = pw.Effects(Y, se=SE, scale="SMD", moderators={"n1": [0, 4, 5, 6, 7], "n2": list("abcde")})
    with pytest.raises(pw.PoolwiseError, match="'n1' has no size"):
        pw.bias.pustejovsky(wrong)
    with pytest.raises(pw.PoolwiseError, match="'n2' holds 'a'"):
        pw.bias.pustejovsky(wrong, arms=("n2", "n2"))


def test_no_confidence_interval_answers_a_probability_question():
    test = pw.bias.egger(pw.Effects(Y, se=SE))
    with pytest.raises(AttributeError, match="no probabilities of parameter values"):
        test.limit.cdf(0.0)
    assert "corrected" not in test.sentence
    assert "adjusted under" in test.sentence


def test_a_scale_whose_standard_error_contains_the_effect_is_told_of_it():
    assert "pustejovsky" in pw.bias.egger(pw.Effects(Y, se=SE, scale="SMD")).sentence
    assert "pw.bias.peters" in pw.bias.egger(pw.Effects(Y, se=SE, scale="log OR")).sentence


def test_a_scale_without_a_value_of_no_effect_has_an_estimate_but_no_test_of_it():
    effects = pw.Effects.from_counts([4, 6, 3, 9], [123, 306, 231, 88])
    pet = pw.bias.pet(effects)
    assert np.isfinite(pet.estimate.point)
    assert np.isnan(pet.estimate.p_value)
    with pytest.raises(pw.PoolwiseError, match="no value of no effect"):
        pw.bias.pet_peese(effects, direction="positive")


def test_several_outcomes_pooled_as_one_are_warned_of():
    effects = pw.Effects(Y, se=SE, outcome=list("aabbb"))
    with pytest.warns(pw.PoolwiseWarning, match="pools 2 outcomes"):
        pw.bias.egger(effects)


def test_standard_errors_that_are_lost_beside_the_variance_between_studies():
    y, se = np.repeat([0.5, 0.1, 0.3, 0.9, 0.2], 2), [1e-9, 1e-9] + [0.2, 0.3] * 4
    effects = pw.Effects(y, se=se, study=list("abcdefghij"), study_as_given=list("aabbccddee"))
    with pytest.raises(pw.PoolwiseError, match=r"\(row 1\).*\(row 2\)"):
        pw.bias.multilevel_egger(effects)
