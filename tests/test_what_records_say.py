"""What every record of an answer prints: one sentence in the vocabulary, true minus signs, ratios as ratios."""

from __future__ import annotations

import dataclasses
import html
import re

import pytest

import poolwise as pw
from poolwise import bias, checks, coding, evidence, simulate
from poolwise.result import FitReport

BELOW = -0.1  # a threshold whose sign is printed
HYPHENATED = re.compile(r"(?<![\w)−-])-(?=\d|inf)")
NEGATIVE = pw.RandomEffects(mu=pw.priors.Normal(-0.5, 2), tau=pw.priors.LogT(5, -1.72, 1.295))


@pytest.fixture(scope="module")
def bcg():
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def exact(bcg):
    return pw.fit(bcg, NEGATIVE, pw.Exact())


@pytest.fixture(scope="module")
def averaged(bcg):
    return pw.average(bcg, NEGATIVE)


RECORDS = {
    "result": lambda bcg, exact, averaged: exact,
    "prior panel": lambda bcg, exact, averaged: checks.prior_panel(bcg, NEGATIVE, threshold=BELOW),
    "panel of one prior": lambda bcg, exact, averaged: checks.prior_panel(bcg, NEGATIVE, priors=[NEGATIVE.tau]),
    "tipping point": lambda bcg, exact, averaged: checks.tipping_point(bcg, NEGATIVE, threshold=BELOW),
    "prior surface": lambda bcg, exact, averaged: checks.prior_surface(bcg, NEGATIVE, threshold=BELOW, mu_sd=[1, 2]),
    "cumulative": lambda bcg, exact, averaged: checks.cumulative(exact, by="year", threshold=BELOW),
    "leave one out": lambda bcg, exact, averaged: checks.leave_one_out(exact),
    "specifications": lambda bcg, exact, averaged: checks.specifications(bcg, NEGATIVE),
    "power scaling": lambda bcg, exact, averaged: checks.power_scaling(exact),
    "prior predictive": lambda bcg, exact, averaged: checks.prior_predictive(exact),
    "average": lambda bcg, exact, averaged: averaged,
    "average under other priors": lambda bcg, exact, averaged: checks.prior_panel(averaged, priors=[NEGATIVE.tau]),
    "Bayes factor": lambda bcg, exact, averaged: pw.bayes_factor(averaged.results["random null"], exact),
    "next study": lambda bcg, exact, averaged: simulate.next_study(bcg, NEGATIVE, se=0.2, threshold=BELOW),
    "further": lambda bcg, exact, averaged: simulate.further_studies(bcg, NEGATIVE, counts=[2], futures=50),
    "prior answers": lambda bcg, exact, averaged: simulate.prior_answers(bcg, NEGATIVE, tables=50, threshold=BELOW),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_prints_one_calm_line_and_true_minus_signs(name, bcg, exact, averaged):
    record = RECORDS[name](bcg, exact, averaged)
    card = getattr(record, "_repr_html_", lambda: "")()
    texts = [str(record), repr(record), html.unescape(re.sub(r"<[^>]*>", " ", card))]
    for text in texts:
        assert not HYPHENATED.search(text), text
    assert repr(record).startswith("<")
    assert "\n" not in repr(record)
    assert not re.search(r"\b(mu|tau) ~", " ".join(texts))


def test_models_and_priors_have_true_minus_signs_on_their_cards():
    assert "Normal(−0.5, 2)" in NEGATIVE._repr_html_()
    assert "LogT(5, −1.72, 1.295)" in NEGATIVE.tau._repr_html_()
    assert str(NEGATIVE.tau) == "LogT(5, -1.72, 1.295)"  # as code and frames have it


def test_no_record_of_an_answer_is_a_dump_of_its_fields():
    """Settings, models and priors print the call that makes them; what was found prints a line of its own."""
    calls = ("Average", "Chosen", "Protocol", "Arms", "Band", "Design", "Family", "Simulated", "Truth")
    mechanisms = ("MisreportedErrors", "PHacking", "Selection", "SizesByEffect", "SmallStudyEffects")
    for room in (bias, checks, coding, evidence, simulate):
        for name in room.__all__:
            record = getattr(room, name)
            if dataclasses.is_dataclass(record) and name not in (*calls, *mechanisms):
                assert "dataclasses.py" not in record.__repr__.__code__.co_filename, name
                assert "<string>" not in record.__repr__.__code__.co_filename, name
    assert repr(FitReport()) == "<FitReport: status ok>"


def test_an_interval_in_one_line_says_its_kind_its_probability_and_its_prior(bcg, exact):
    assert "95 % credible (equal-tailed), prior μ ~ Normal(−0.5, 2), τ ~ LogT(5, −1.72, 1.295)" in repr(exact)
    reml = repr(pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm()))
    assert "95 % confidence (Hartung-Knapp ad hoc), status" in reml
    assert "95 % confidence" in repr(bias.pet(bcg))


def test_sentences_of_checks_and_averages_tell_ratios_as_ratios(exact, averaged):
    told = str(checks.cumulative(exact, by="year")).replace("\n", " ")
    assert "for the mean risk ratio lies below 1" in told
    lower, upper = averaged.effects.scale.back(averaged.conditional["mu"].interval())
    limits = f"[{lower:.2f}, {upper:.2f}]"
    said = str(averaged).replace("\n", " ")
    assert f"the mean risk ratio has the median 0.49 and the 95 % credible interval (equal-tailed) {limits}" in said
    again = checks.prior_panel(averaged, priors=[pw.priors.HalfNormal(1)])
    assert "for the mean risk ratio lies below 1" in again.sentences[0]
    assert again.frame["point"].lt(0).all()  # the frame stays on the analysis scale


def test_tau_is_of_a_typical_outcome_only_where_outcomes_have_their_own(bcg):
    assert "typical" not in pw.fit(bcg, pw.Subgroups("alloc"), pw.Exact())._repr_html_()


@pytest.mark.parametrize("name", ["trim_and_fill", "henmi_copas", "pet", "limit_meta_analysis"])
def test_methods_for_publication_bias_tell_ratios_as_ratios(name, bcg):
    effects = pw.datasets.load("egger2001")
    told = str(getattr(bias, name)(effects))
    assert "the mean risk ratio is 0." in told
    assert "−0." not in told.partition("(t =")[0].partition("t = −")[0]
    differences = pw.Effects(effects.y, se=effects.se, scale="MD")
    assert "ratio" not in str(getattr(bias, name)(differences))
