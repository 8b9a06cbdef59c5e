"""Cumulative meta-analysis: each step is the fit of its studies, the prior stands first, ties follow a stated rule."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import InputError, MissingQuantityError, ModelError

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "cumulative.json").read_text())["fits"]
TO_METAFOR = 1e-7  # relative; where the first study stands alone metafor gives its own estimate, and we none
BATCH = 1e-8  # between a batch and single fits, which use other panels
LIMITS = ("mu_point", "mu_lower", "mu_upper", "tau_point", "tau_lower", "tau_upper")
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")


def numbers(result, name="mu"):
    return [result[name].point, *result[name].interval()]


@pytest.fixture(scope="module")
def bcg():
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def exact(bcg):
    return pw.fit(bcg)


@pytest.mark.parametrize("known", REFERENCE, ids=lambda one: f"{one['data']}, {one['method']}")
def test_steps_are_metafors(known):
    effects = pw.Effects(known["y"], se=known["se"], scale="MD")
    result = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(tau2=known["method"], interval="wald"))
    frame = pw.checks.cumulative(result, by="as given").frame.iloc[1:]
    for ours, theirs in (("mu_point", "mu"), ("mu_lower", "lower"), ("mu_upper", "upper")):
        np.testing.assert_allclose(frame[ours], known[theirs][1:], rtol=TO_METAFOR)
    np.testing.assert_allclose(frame["tau_point"] ** 2, known["tau2"][1:], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("engine", [pw.Exact(), pw.Exact(kind="shortest"), pw.ClosedForm(), pw.ClosedForm("DL", "t")])
@pytest.mark.parametrize("model", [pw.RandomEffects(), pw.CommonEffect()])
def test_each_step_is_the_fit_of_its_studies(bcg, engine, model):
    result = pw.fit(bcg, model, engine)
    frame = pw.checks.cumulative(result, by="year").frame
    order = np.argsort(bcg.moderators["year"], kind="stable")
    for j in (2, 7, 13):
        names = [bcg.study[i] for i in order[:j]]
        alone = pw.refit(result, bcg.select(where={"study": names}))
        row = frame[frame["step"] == j].iloc[0]
        expected = numbers(alone) + (numbers(alone, "tau") if "tau" in alone else [])
        np.testing.assert_allclose(row[list(LIMITS[: len(expected)])].to_numpy(float), expected, atol=BATCH)
        assert row["k"] == j
        if isinstance(engine, pw.Exact):
            assert row["p_above"] == pytest.approx(1.0 - float(alone["mu"].cdf(0.0)), abs=1e-10)


def test_the_first_row_is_the_prior(bcg):
    prior = pw.RandomEffects(mu=pw.priors.Normal(0.3, 0.5), tau=pw.priors.HalfNormal(0.4))
    row = pw.checks.cumulative(pw.fit(bcg, prior)).frame.iloc[0]
    assert (row["study"], row["k"], row["interval"]) == ("before any study", 0, "prior (equal-tailed)")
    found = row[["mu_point", "mu_lower", "mu_upper"]].to_numpy(float)
    np.testing.assert_allclose(found, 0.3 + 0.5 * np.array([0.0, -1.959964, 1.959964]), atol=1e-6)
    assert row["p_above"] == pytest.approx(0.7257469, abs=1e-6)
    assert row["tau_upper"] == pytest.approx(0.4 * 2.241403, rel=1e-6)


def test_an_improper_prior_is_told_and_no_number(bcg):
    row = pw.checks.cumulative(pw.fit(bcg, pw.RandomEffects(mu=pw.priors.Flat()))).frame.iloc[0]
    assert np.isnan(row["mu_point"])
    assert row["status"] == "improper_prior"


def test_orders(exact, bcg):
    def first(by):
        return pw.checks.cumulative(exact, by=by).frame["study"].iloc[1]

    assert first("se") == first("precision") == bcg.study[int(np.argmin(bcg.se))]
    assert first("effect") == bcg.study[int(np.argmin(bcg.y))]
    assert first("as given") == bcg.study[0]
    assert first(list(reversed(bcg.study))) == bcg.study[-1]


def test_ties_enter_in_the_order_of_the_table_and_are_told():
    effects = pw.Effects([0.1, 0.5, 0.3], se=[0.2] * 3, study=[*"abc"], scale="SMD")
    found = pw.checks.cumulative(pw.fit(effects), by="se")
    assert found.frame["study"].tolist()[1:] == [*"abc"]
    assert "3 studies share their value" in found.sentence


def test_what_cannot_be_an_order_is_refused_by_name(exact, bcg):
    gaps = pd.DataFrame({"year": [1990.0, np.nan, 2001.0]})
    effects = pw.Effects([0.1, 0.5, 0.3], se=[0.1, 0.2, 0.3], study=[*"abc"], scale="SMD", moderators=gaps)
    with pytest.raises(InputError, match="'year' is missing for b"):
        pw.checks.cumulative(pw.fit(effects), by="year")
    with pytest.raises(MissingQuantityError, match="did you mean 'year'"):
        pw.checks.cumulative(exact, by="yaer")
    with pytest.raises(InputError, match="leaves out"):
        pw.checks.cumulative(exact, by=list(bcg.study[:5]))
    with pytest.raises(InputError, match="more than once"):
        pw.checks.cumulative(exact, by=[*bcg.study, bcg.study[0]])
    for wrong in (None, 3, np.nan):
        with pytest.raises(ModelError, match="cumulative was given by="):
            pw.checks.cumulative(exact, by=wrong)
    with pytest.raises(pw.PoolwiseError, match="cumulative was given Effects"):
        pw.checks.cumulative(bcg)


def test_the_sentence_says_since_when_on_the_reading_scale(exact):
    found = pw.checks.cumulative(exact)
    assert "lies below 1 since Stein & Aronson 1953 entered (study 3 of 13)" in found.sentence
    assert found.settled == 3
    assert "not adjusted" not in found.caveat


def test_a_confidence_interval_says_that_looks_add_up(bcg):
    found = pw.checks.cumulative(pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm()))
    assert "not adjusted for repeated looks" in found.caveat
    assert found.frame["p_above"].isna().all()
    assert found.frame["status"].iloc[0] == "not_estimable"


def test_a_coefficient_waits_until_its_moderator_varies(bcg):
    result = pw.fit(bcg, pw.MetaRegression("~ ablat"))
    frame = pw.checks.cumulative(result).frame
    assert frame["quantity"].unique().tolist() == ["beta[ablat]"]
    assert "for all 1 studies" in frame["reason"].iloc[1]
    last = frame.iloc[-1][["mu_point", "mu_lower", "mu_upper"]].to_numpy(float)
    np.testing.assert_allclose(last, numbers(result, "beta[ablat]"), rtol=1e-12)
    with pytest.raises(ModelError, match="several mean effects"):
        pw.checks.cumulative(pw.fit(bcg, pw.Subgroups("alloc")))


def test_all_effects_of_a_study_enter_together():
    rows = {"study": [f"row {i}" for i in range(4)], "study_as_given": [*"aabc"]}
    effects = pw.Effects([0.1, 0.5, 0.3, 0.2], se=[0.1, 0.2, 0.3, 0.2], scale="SMD", **rows)
    frame = pw.checks.cumulative(pw.fit(effects, pw.RandomEffects()), by="as given").frame
    assert frame["k"].tolist() == [0, 2, 3, 4]


def test_one_study_and_a_scale_without_a_null_value():
    one = pw.Effects([0.3], se=[0.2], scale="log OR", allow_single=True)
    assert "the one study" in pw.checks.cumulative(pw.fit(one), by="se").sentence
    rates = pw.Effects([-2.0, -1.5], se=[0.2, 0.3], scale="logit")
    found = pw.checks.cumulative(pw.fit(rates), by="se")
    assert "no value of no effect" in found.sentence
    assert found.frame["p_above"].isna().all()


def test_reconstructed_studies_are_named_so():
    table = pw.datasets.load("working_alliance").select(outcome="misconduct")
    found = pw.checks.cumulative(pw.fit(table), by="effect")
    assert "reconstructed" in found.sentence
    assert set(found.frame["data"]) == {"reconstructed"}


def test_a_caller_cannot_change_the_record(exact):
    found = pw.checks.cumulative(exact)
    lent = found.frame
    lent.loc[:, "mu_point"] = 0.0
    assert (found.frame["mu_point"].iloc[1:] != 0.0).all()


def test_a_model_of_selection_is_refitted_by_its_own_likelihood(bcg):
    result = pw.fit(bcg, pw.StepSelection(direction="negative"), pw.ClosedForm())
    row = pw.checks.cumulative(result).frame.iloc[-1]
    np.testing.assert_allclose(row[["mu_point", "mu_lower", "mu_upper"]].to_numpy(float), numbers(result), rtol=1e-12)
    assert row["mu_point"] != pytest.approx(pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm())["mu"].point, abs=0.01)


def test_a_contrast_is_held_against_no_difference(bcg):
    result = pw.fit(bcg, pw.Subgroups("alloc"))
    found = pw.checks.cumulative(result, of="mu[random] - mu[alternate]")
    assert "includes 0 " in found.sentence


@pytest.mark.agreement_long
def test_draws_are_taken_anew_and_progress_is_told():
    effects = pw.Effects([0.1, 0.5], se=[0.1, 0.2], study=[*"ab"], scale="SMD")
    result, told = pw.fit(effects, pw.RandomEffects(), pw.NUTS(draws=400, tune=300, chains=2, seed=1)), []
    frame = pw.checks.cumulative(result, by="se", progress=lambda *step: told.append(step)).frame
    exact = pw.checks.cumulative(pw.fit(effects), by="se").frame
    assert [step[2] for step in told] == [*"ab"]
    np.testing.assert_allclose(frame["mu_point"], exact["mu_point"], atol=0.1)  # 5 Monte Carlo standard errors
