"""Futures and answers against single fits, simulation, and one another."""

from __future__ import annotations

import numpy as np
import pytest

import poolwise as pw
from poolwise.simulate import further_studies, next_study, prior_answers

FEW = pw.Effects([0.31, 0.42, 0.25], se=[0.15, 0.2, 0.18], study=["a", "b", "c"], scale="SMD")
MODEL = pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5))


def with_study(estimate, se):
    """The exact fit with one more study."""
    table = pw.Effects([*FEW.y, estimate], se=[*FEW.se, se], study=["a", "b", "c", "d"], scale="SMD")
    return pw.fit(table, MODEL, pw.Exact())


@pytest.fixture(scope="module")
def coming():
    return next_study(FEW, MODEL, se=0.15)


@pytest.mark.parametrize("row", [0, 22, -1])
def test_the_answer_with_the_next_study_is_that_of_a_fit(coming, row):
    found = coming.frame.iloc[row]
    mu = with_study(found["estimate"], 0.15)["mu"]
    assert (found["lower"], found["upper"]) == pytest.approx(mu.interval(0.95), abs=1e-8)
    assert found["p_above"] == pytest.approx(1 - mu.cdf(0.0), abs=1e-8)


def test_the_next_estimate_has_the_predictive_law(coming):
    new = pw.fit(FEW, MODEL, pw.Exact())["theta_new"].sample(200_000, seed=3)
    estimates = new + 0.15 * np.random.default_rng(4).standard_normal(new.size)
    share = np.mean(estimates[:, None] <= coming.frame["estimate"].to_numpy(), axis=0)
    np.testing.assert_allclose(share, coming.frame["p"], atol=0.02)  # 4,000 draws


def test_a_flip_begins_where_the_limit_meets_the_threshold(coming):
    (flipping,) = coming.flipping
    for end in flipping:
        assert with_study(end, 0.15)["mu"].interval(0.95)[0] == pytest.approx(0.0, abs=1e-6)
    assert coming.now == "holds"
    inside = coming.frame["estimate"].between(*flipping)
    assert (coming.frame.loc[inside, "verdict"] == "above").all()
    p = np.interp(flipping, coming.frame["estimate"], coming.frame["p"])
    assert coming.flips == pytest.approx(p[1] - p[0], abs=0.005)


def test_further_studies_narrow_as_fits_of_drawn_futures_do():
    plan = further_studies(FEW, MODEL, se=0.15, counts=[1], futures=300, seed=5)
    assert plan.frame["width"][0] == pytest.approx(np.diff(pw.fit(FEW, MODEL, pw.Exact())["mu"].interval(0.95))[0])
    rng, posterior = np.random.default_rng(6), pw.fit(FEW, MODEL, pw.Exact())
    new = posterior["theta_new"].sample(100, seed=7) + 0.15 * rng.standard_normal(100)
    widths = [np.diff(with_study(y, 0.15)["mu"].interval(0.95))[0] for y in new]
    error = np.hypot(np.std(widths) / 10, plan.frame["width_mcse"][1])
    assert abs(np.mean(widths) - plan.frame["width"][1]) < 4 * error


def test_the_number_needed_is_the_first_that_is_enough():
    plan = further_studies(FEW, MODEL, se=0.15, counts=[2, 20, 50], width=0.3, futures=200)
    assert plan.needed() == 20
    assert plan.needed(0.999999) in (50, None)
    assert "20 further studies" in str(plan)


def test_a_prior_predictive_answer_is_one_of_operating_characteristics():
    design = pw.simulate.Design(3, [0.1, 0.2, 0.3])
    answers = prior_answers(design, MODEL, tables=4000)
    truth = pw.simulate.operating_characteristics(design, {"e": (MODEL, pw.Exact())}, truth=MODEL, replications=4000)
    mean = truth.frame.query("quantity == 'mu'").iloc[0]
    assert abs(answers.sure - mean["rejection"]) < 4 * np.sqrt(2) * mean["rejection_mcse"]
    assert abs(answers.wrong - mean["type_s"]) < 4 * np.sqrt(2) * mean["type_s_mcse"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: next_study(FEW, MODEL, se=0.0),
        lambda: next_study(FEW, pw.CommonEffect(), se=0.1),
        lambda: next_study([0.1], se=0.1),
        lambda: further_studies(FEW, MODEL, counts=[]),
        lambda: further_studies(FEW, MODEL, width=-1),
        lambda: further_studies(FEW, MODEL, se=[-0.1]),
        lambda: further_studies(FEW, MODEL, counts=[1], futures=5).needed(of="narrow"),
        lambda: prior_answers(FEW, pw.RandomEffects(mu=pw.priors.Flat())),
        lambda: prior_answers(FEW, pw.CommonEffect()),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(ask):
    with pytest.raises(pw.PoolwiseError):
        ask()


def test_ratios_are_told_as_ratios():
    words = str(next_study(pw.datasets.load("bcg"), se=0.1))
    assert "a risk ratio of 1.00" in words
    assert "a factor of" in words


def test_what_is_no_probability_is_called_by_its_name_and_equal_errors_once():
    table = pw.Effects([0.1, 0.2, 0.3], se=[0.2] * 3, scale="SMD")
    with pytest.raises(pw.PoolwiseError, match="sure = 2 is no probability"):
        further_studies(table, sure=2)
    assert further_studies(table, counts=[1], futures=20).se == "se 0.2, drawn from the table"
