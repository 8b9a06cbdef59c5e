"""Evidences and Bayes factors against matrix algebra integrated by scipy, and against bayesmeta."""

import itertools
import json
import math
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolwise as pw
from poolwise import priors
from poolwise.errors import InputError, ModelError
from support.oracle import PRIORS, Oracle
from support.tables import table

AGREEMENT = 1e-10  # what the oracle's adaptive quadrature is good for, in nats
BAYESMETA = 1e-10  # what the reference promises; its adaptive integrals stop at 2^16 eps = 1.5e-11
UNITS = 1e-10  # nats; the quadrature promises 1e-10 of the whole whatever the unit
REFERENCE = json.loads((pathlib.Path(__file__).parents[1] / "reference" / "bayes_factors.json").read_text())
UNIT_NORMAL, HALF_NORMAL = priors.Normal(0.0, 1.0), priors.HalfNormal(0.5)


def four(effects, mu=UNIT_NORMAL, tau=HALF_NORMAL):
    null = priors.Fixed(0.0)
    models = {
        "common null": pw.CommonEffect(mu=null),
        "common effect": pw.CommonEffect(mu=mu),
        "random null": pw.RandomEffects(mu=null, tau=tau),
        "random effect": pw.RandomEffects(mu=mu, tau=tau),
    }
    return {name: pw.fit(effects, model, pw.Exact()) for name, model in models.items()}


@pytest.mark.parametrize("name", ["HalfNormal(0.5)", "HalfCauchy(0.3)", "InverseGamma(1.71, 0.4)"])
@pytest.mark.parametrize("data", ["bcg", "bcg_k2", "eight_schools", "raudenbush1985", "misconduct"])
def test_the_four_evidences_are_those_of_matrix_algebra_and_an_adaptive_rule(data, name):
    effects = table(data)
    family, _, rest = name.partition("(")
    tau = priors.make(family, *(float(number) for number in rest[:-1].split(",")))
    fits = four(effects, priors.Normal(0.0, 2.0), tau)
    for side, s0 in (("null", 0.0), ("effect", 2.0)):
        oracle = Oracle(effects.y, effects.v, PRIORS[name], 0.0, s0)
        assert fits[f"common {side}"].log_evidence == pytest.approx(oracle.given_tau(0.0)[0], abs=AGREEMENT)
        assert fits[f"random {side}"].log_evidence == pytest.approx(oracle.log_evidence, abs=AGREEMENT)


@pytest.mark.parametrize(
    "row", REFERENCE["fits"], ids=lambda row: f"{row['data']}-{row['tau_prior']}-{row['mu_prior']}"
)
def test_bayes_factors_are_those_of_bayesmeta(row):
    """Its bf01 weigh mu = 0 with tau unknown, and tau = 0 with mu unknown, against both unknown."""
    fits = four(table(row["data"]), priors.make(*row["mu_prior"]), priors.make(*row["tau_prior"]))
    no_effect = pw.bayes_factor(fits["random null"], fits["random effect"])
    no_spread = pw.bayes_factor(fits["common effect"], fits["random effect"])
    assert no_effect.log == pytest.approx(math.log(row["mu0"]), abs=BAYESMETA)
    assert no_spread.log == pytest.approx(math.log(row["tau0"]), abs=BAYESMETA)


def test_a_bayes_factor_reads_the_other_way_round_from_the_other_side():
    fits = four(table("bcg"))
    one = pw.bayes_factor(fits["random effect"], fits["random null"])
    other = pw.bayes_factor(fits["random null"], fits["random effect"])
    assert one.log == -other.log
    assert one.reversed() == other
    assert one.favours == other.favours
    assert one.words == other.words
    assert "mu ~ Normal(0, 1)" in one.words


@given(st.floats(-1e9, 1e9))
def test_every_bayes_factor_has_words_and_digits(log):
    factor = pw.BayesFactor(log, "an effect", "no effect")
    assert "inf" not in factor.text + factor.words
    assert "nan" not in factor.text + factor.words
    base, _, exponent = factor.text.partition("10^")
    mantissa = float(base.replace(" × ", "") or 1)
    assert math.log10(mantissa) + float(exponent.replace("−", "-") or 0) == pytest.approx(
        factor.log10, abs=0.5 if not base else 0.01
    )


@pytest.mark.parametrize(
    ("value", "strength"),
    [
        (1.0, "no"), (1.01, "anecdotal"), (2.99, "anecdotal"), (3.0, "moderate"), (9.9, "moderate"), (10.0, "strong"),
        (29.0, "strong"), (30.0, "very strong"), (99.0, "very strong"), (100.0, "extreme"), (1e300, "extreme"),
    ],
)  # fmt: skip
def test_the_words_are_those_of_lee_and_wagenmakers_on_either_side(value, strength):
    for log, side in ((math.log(value), "one"), (-math.log(value), "other")):
        factor = pw.BayesFactor(log, "one", "other")
        assert factor.strength == strength
        assert factor.favours == (side if value > 1.0 else "")


@pytest.mark.parametrize(
    ("log10", "text"),
    [
        (0.0, "1"),
        (1.23, "17"),
        (-2.5, "0.00316"),
        (24.99999, "1.00 × 10^25"),
        (-24.9, "1.26 × 10^−25"),
        (523, "10^523"),
    ],
)
def test_a_bayes_factor_as_text(log10, text):
    assert pw.BayesFactor(log10 * math.log(10.0), "one", "other").text == text


@pytest.mark.parametrize("log", [math.inf, -math.inf, math.nan])
def test_an_infinite_bayes_factor_cannot_be_made(log):
    with pytest.raises(ModelError, match="finite log evidences"):
        pw.BayesFactor(log, "one", "other")


@pytest.mark.parametrize(
    ("model", "engine", "match"),
    [
        (pw.RandomEffects(mu=priors.Flat(), tau=HALF_NORMAL), pw.Exact(), r"mu ~ Flat\(\) is improper.*as large or as"),
        (pw.RandomEffects(tau=priors.Flat()), pw.Exact(), r"tau ~ Flat\(\) is improper"),
        (pw.RandomEffects(), pw.ClosedForm(), "closed form does not give one.*Exact"),
    ],
)
def test_without_an_evidence_there_is_no_bayes_factor(model, engine, match):
    exact = pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact())
    with pytest.raises(ModelError, match=match):
        pw.bayes_factor(pw.fit(table("bcg"), model, engine), exact)


def test_results_on_different_data_have_no_bayes_factor():
    one, other = (pw.fit(table(name), pw.RandomEffects(), pw.Exact()) for name in ("bcg", "raudenbush1985"))
    with pytest.raises(InputError, match="different study tables"):
        pw.bayes_factor(one, other)
    with pytest.raises(InputError, match="given float"):
        pw.bayes_factor(one, 2.0)


@settings(max_examples=15, deadline=None)
@given(st.floats(-8.0, 8.0))
def test_a_change_of_unit_changes_no_bayes_factor(log_unit):
    effects, unit = table("bcg_k3"), math.exp(log_unit)
    moved = pw.Effects(effects.y * unit, se=effects.se * unit, scale="identity")
    here = four(effects)
    there = four(moved, priors.Normal(0.0, unit), HALF_NORMAL.scaled(unit))
    for one, other in itertools.combinations(here, 2):
        expected = pw.bayes_factor(here[one], here[other]).log
        assert pw.bayes_factor(there[one], there[other]).log == pytest.approx(expected, abs=UNITS)
