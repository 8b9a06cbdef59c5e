"""The specification curve: every row is a fit by itself, choices are ranked, shares are no probabilities."""

import time

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.closed_form.inference import INTERVALS
from poolwise.closed_form.tau2 import ESTIMATORS, ITERATED
from poolwise.errors import ModelError

NAMES = {"wald": "Wald", "t": "t", "hartung-knapp": "Hartung-Knapp", "hartung-knapp-adhoc": "Hartung-Knapp ad hoc"}
ENDS = ["point", "lower", "upper"]
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")


def numbers(result, name="mu"):
    return [result[name].point, *result[name].interval()]


@pytest.fixture(scope="module")
def bcg():
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def found(bcg):
    return pw.checks.specifications(bcg)


@pytest.mark.parametrize("model", [pw.RandomEffects(), pw.MetaRegression("~ ablat"), pw.Subgroups("alloc")])
def test_every_closed_form_is_the_fit_by_itself(bcg, model):
    of = "mu[random]" if isinstance(model, pw.Subgroups) else None
    frame = pw.checks.specifications(bcg, model, of=of).frame
    rows = frame[(frame["engine"] == "closed form") & (frame["model"] == "random effects")]
    assert len(rows) == (len(ESTIMATORS) - len(ITERATED)) * len(INTERVALS)
    assert not frame.duplicated(["engine", "model", "tau2", "interval", "tau_prior", "mu_prior"]).any()
    for estimator in ("REML", "DL", "SJ"):
        for interval, name in NAMES.items():
            alone = pw.fit(bcg, model, pw.ClosedForm(estimator, interval))
            row = rows[(rows["tau2"] == estimator) & (rows["interval"] == name)].iloc[0]
            np.testing.assert_allclose(row[ENDS].to_numpy(float), numbers(alone, row["quantity"]), rtol=1e-9)
            assert row["tau"] == pytest.approx(alone["tau"].point, rel=1e-9, abs=1e-12)


def test_common_effects_are_fits_by_themselves(bcg, found):
    rows = found.frame[found.frame["model"] == "common effect"]
    for interval, name in NAMES.items():
        row = rows[rows["interval"] == name].iloc[0]
        alone = pw.fit(bcg, pw.CommonEffect(), pw.ClosedForm(interval=interval))
        np.testing.assert_allclose(row[ENDS].to_numpy(float), numbers(alone), rtol=1e-10)


def test_every_posterior_is_the_fit_by_itself(bcg, found):
    exact = found.frame[(found.frame["engine"] == "exact") & (found.frame["model"] == "random effects")]
    for tau in (pw.priors.HalfNormal(1), pw.priors.HalfCauchy(0.5)):
        for mu in (pw.priors.Normal(0, 2), pw.priors.Normal(0, 1), pw.priors.Flat()):
            row = exact[(exact["tau_prior"] == str(tau)) & (exact["mu_prior"] == str(mu))].iloc[0]
            alone = pw.fit(bcg, pw.RandomEffects(mu=mu, tau=tau))
            np.testing.assert_allclose(row[ENDS].to_numpy(float), numbers(alone), atol=1e-8)


def test_the_reference_is_what_a_fit_answers_unasked(bcg, found):
    row = found.frame[found.frame["reference"]]
    assert len(row) == 1
    np.testing.assert_allclose(row.iloc[0][ENDS].to_numpy(float), numbers(pw.fit(bcg)), atol=1e-8)
    stated = pw.checks.specifications(bcg, pw.RandomEffects(tau=pw.priors.HalfNormal(0.3))).frame
    assert stated.loc[stated["reference"], "tau_prior"].tolist() == ["HalfNormal(0.3)"]


def test_choices_are_ranked_by_the_medians_of_their_limits(found):
    frame = found.frame
    first = found.choices.iloc[0]
    assert first["choice"] == "model"
    medians = frame.groupby("model")["lower"].median()
    assert first["moves"] == pytest.approx(np.ptp(medians), rel=1e-12)
    assert "not probabilities" in found.sentence
    assert "Over 65 specifications" in found.sentence


def test_the_frame_is_sorted_and_its_verdicts_follow_from_its_limits(found):
    frame = found.frame
    assert frame["point"].is_monotonic_increasing
    assert frame["id"].is_unique
    sides = np.where(frame["lower"] > 0, "above", np.where(frame["upper"] < 0, "below", "no"))
    np.testing.assert_array_equal(frame["excludes"], sides)


def test_intervals_known_to_be_too_narrow_say_so():
    y, se = [0.30, 0.31, 0.29, 0.305], [0.2] * 4
    frame = pw.checks.specifications(pw.Effects(y, se=se, scale="SMD")).frame
    closed = frame[frame["model"] == "random effects"].set_index(["tau2", "interval"])
    assert "narrower than Wald's" in closed.loc[("DL", "Hartung-Knapp"), "warning"]
    assert closed.loc[("DL", "Hartung-Knapp ad hoc"), "warning"] == ""
    assert "too narrow" in closed.loc[("DL", "Wald"), "warning"]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_studies_have_a_reason_where_they_have_no_answer(k):
    effects = pw.Effects([0.3, 0.5, 0.1][:k], se=[0.2] * k, scale="SMD", allow_single=True)
    frame = pw.checks.specifications(effects).frame
    silent = frame["point"].isna()
    assert (frame["reason"] != "").equals(silent)
    assert silent.any() == (k == 1)
    assert not frame.loc[~silent, ENDS].isna().any().any()


def test_a_scale_without_a_panel_has_closed_forms_and_says_so():
    effects = pw.Effects([3.0, 5.0, 2.0], se=[1.0, 2.0, 1.5], scale="MD")
    found = pw.checks.specifications(effects)
    assert set(found.frame["engine"]) == {"closed form"}
    assert "no specification with a prior" in found.sentence
    priors = [pw.priors.HalfNormal(2.0)]
    assert "exact" in set(pw.checks.specifications(effects, priors=priors).frame["engine"])


def test_parts_of_the_table_are_fits_of_their_studies(bcg):
    frame = pw.checks.specifications(bcg, without="TPT Madras 1980", subsets="alloc").frame
    assert set(frame["studies"]) == {
        "all",
        "without TPT Madras 1980",
        *(f"alloc = {a}" for a in ("random", "alternate", "systematic")),
    }
    row = frame[
        (frame["studies"] == "without TPT Madras 1980") & (frame["tau2"] == "PM") & (frame["interval"] == "Wald")
    ]
    alone = pw.fit(bcg.drop(study="TPT Madras 1980"), pw.RandomEffects(), pw.ClosedForm("PM", "wald"))
    np.testing.assert_allclose(row.iloc[0][ENDS].to_numpy(float), numbers(alone), rtol=1e-10)
    assert set(row["k"]) == {12}


def test_reconstructed_tables_are_named_so():
    table = pw.datasets.load("working_alliance").select(outcome="misconduct")
    found = pw.checks.specifications(table)
    assert "all on one reconstructed table," in found.sentence
    assert set(found.frame["data"]) == {"reconstructed"}


def test_a_mirrored_table_has_mirrored_specifications(bcg):
    mirrored = pw.Effects(-bcg.y, se=bcg.se, study=list(bcg.study), scale=bcg.scale)
    one, two = pw.checks.specifications(bcg).frame, pw.checks.specifications(mirrored).frame
    one, two = one.set_index("id").sort_index(), two.set_index("id").sort_index()
    np.testing.assert_allclose(one["lower"], -two["upper"], atol=1e-9)


def test_what_has_no_curve_is_refused_in_words(bcg):
    for wrong in (pw.fit(bcg), None, bcg.to_frame()):
        with pytest.raises(pw.PoolwiseError):
            pw.checks.specifications(wrong)
    for arguments in ({"without": "nobody"}, {"subsets": "nothing"}, {"without": 3}, {"subsets": 3}, {"priors": 3},
                      {"prob": 95}, {"threshold": np.nan}, {"of": "mu[x]"}, {"model": pw.ThreeLevel()},
                      {"model": pw.RandomEffects(tau_fixed=0.3)},
                      {"model": pw.RandomEffects(mu=pw.priors.Fixed(0.0))}):  # fmt: skip
        with pytest.raises(pw.PoolwiseError):
            pw.checks.specifications(bcg, **arguments)
    with pytest.raises(ModelError, match="several mean effects"):
        pw.checks.specifications(bcg, pw.Subgroups("alloc"))


def test_it_takes_less_than_a_second(bcg):
    times = []
    for _ in range(3):
        began = time.process_time()
        pw.checks.specifications(bcg)
        times.append(time.process_time() - began)
    assert min(times) < 1.0


def test_dependent_effects_are_said_to_be_taken_as_independent():
    rows = {"study": [f"row {i}" for i in range(4)], "study_as_given": [*"aabc"]}
    effects = pw.Effects([0.1, 0.5, 0.3, 0.2], se=[0.1, 0.2, 0.3, 0.2], scale="SMD", **rows)
    found = pw.checks.specifications(effects, without="each")
    assert "taken as independent" in found.sentence
    assert isinstance(found.choices, pd.DataFrame)
