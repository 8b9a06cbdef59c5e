"""Averages over models without each study and under other priors on tau: the same as averages made by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise import checks, priors, show
from poolwise.errors import ModelError

FIGURES = json.loads((Path(__file__).parents[1] / "reference" / "psma_bem2011.json").read_text())
TABLE = pw.Effects(np.array(FIGURES["y"]), se=np.array(FIGURES["se"]), scale="SMD")
BCG = pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def averaged():
    """Of the reference set, over step functions with two sides, which are quick."""
    return pw.average(TABLE, bias="2w")


@pytest.fixture(scope="module")
def without(averaged):
    """The average without each study."""
    return checks.leave_one_out(averaged)


def test_what_is_left_out_in_turn_is_what_is_left_out_by_hand(without):
    label = TABLE.labels[2]
    by_hand = pw.average(TABLE.drop(study=label), bias="2w")
    rows = without.frame[without.frame["changed"] == label].set_index("posterior")
    for name, factor in by_hand.inclusion.items():
        assert rows[f"log10_bf[{name}]"].iloc[0] == factor.log10
    assert rows.loc["averaged", "point"] == by_hand["mu"].point
    assert rows.loc["given an effect", ["lower", "upper"]].tolist() == list(by_hand.conditional["mu"].interval())
    assert rows.loc["averaged", "p_exactly"] == by_hand["mu"].law.atom_probability


def test_changes_are_from_the_whole_table(without, averaged):
    frame = without.frame
    assert frame["changed"].drop_duplicates().tolist() == ["none", *TABLE.labels]
    assert frame["log10_bf[bias]"].iloc[0] == averaged.inclusion["bias"].log10
    expected = frame["log10_bf[bias]"] - averaged.inclusion["bias"].log10
    np.testing.assert_array_equal(frame["changes[bias]"], expected)
    assert (frame["numerical_error"] < 2e-4).all()


def test_the_sentences_name_the_study_that_moves_the_odds_furthest(without):
    changes = without.frame.drop_duplicates("changed").set_index("changed")["changes[effect]"].abs()
    assert f"it moves furthest without {changes.idxmax()}" in without.sentences[1]
    assert "credible interval (equal-tailed) for μ" in without.sentences[0]
    assert f"<div>{show.greek(without.sentences[0])}</div>" in without._repr_html_()  # above the table
    assert "corrected" not in str(without)


def test_the_panel_is_the_average_under_each_prior(averaged):
    given = [priors.HalfNormal(0.3), priors.HalfCauchy(0.5)]
    found = checks.prior_panel(averaged, priors=given)
    by_hand = pw.average(TABLE, pw.RandomEffects(averaged.model.mu, given[1]), bias="2w")
    row = found.frame.iloc[4]
    assert row["changed"] == "HalfCauchy(0.5)"
    assert row["log10_bf[heterogeneity]"] == pytest.approx(by_hand.inclusion["heterogeneity"].log10, abs=1e-12)
    assert (row["lower"], row["upper"]) == pytest.approx(by_hand["mu"].interval(), rel=1e-10)


def test_one_sided_biases_keep_their_direction_and_prior_weights():
    bias, weights = [None, pw.PET()], dict.fromkeys(("common null", "random null"), 1.0)
    weights |= dict.fromkeys(("common effect", "random effect"), 2.0)
    whole = pw.average(BCG, bias=bias, direction="negative", prior_weights=weights)
    found = checks.prior_panel(whole, priors=[whole.model.tau])
    first, same = found.frame.iloc[0], found.frame.iloc[2]
    for name in ("point", "lower", "upper", "p_exactly", "log10_bf[bias]", "log10_bf[effect]"):
        assert same[name] == first[name]


def test_the_four_model_average_is_taken_as_well():
    averaged = pw.average(BCG)
    found = checks.leave_one_out(averaged)
    by_hand = pw.average(BCG.drop(study=BCG.labels[0]), averaged.model)
    assert found.frame["log10_bf[effect]"].iloc[2] == pytest.approx(by_hand.effect.log10, abs=1e-12)
    panel = checks.prior_panel(averaged).frame
    assert len(panel) > 6
    assert panel["numerical_error"].isna().all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: checks.leave_one_out(a, pw.RandomEffects()), "an average alone"),
        (lambda a: checks.prior_panel(a, quantity="mu"), "priors and prob alone"),
        (lambda a: checks.prior_panel(a, priors=priors.HalfNormal(1)), "a list of priors"),
        (lambda a: checks.prior_panel(a, priors=[priors.Flat()]), "improper"),
        (lambda a: checks.prior_panel(a, priors=[]), "no prior"),
        (lambda a: checks.leave_one_out(a, prob=2.0), "prob"),
    ],
)
def test_what_does_not_belong_beside_an_average_is_refused(averaged, call, words):
    with pytest.raises(ModelError, match=words):
        call(averaged)
