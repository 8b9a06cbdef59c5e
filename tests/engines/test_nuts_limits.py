"""Limits of intervals by NUTS at three studies: how near to the exact ones, and what is said of their error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors as p
from poolwise.engines.nuts.limit_errors import (
    enough,
    limit_bound,
    notes_about,
    printed,
    quantile_error,
    sign_notes,
    too_noisy,
)
from poolwise.engines.nuts.planned import planned, run
from poolwise.laws import DrawsLaw
from poolwise.quantities import Posterior

MODEL = pw.RandomEffects(mu=p.Normal(0.0, 1.0), tau=p.HalfNormal(0.5))
LIMITS = {"q2.5": 0.025, "q97.5": 0.975}
SEEDS = range(1, 9)


def root_mean_square(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.fixture(scope="module")
def misconduct():
    return pw.datasets.load("working_alliance").select(outcome="misconduct")


@pytest.fixture(scope="module")
def exact(misconduct):
    return pw.fit(misconduct, MODEL, pw.Exact())


@pytest.fixture(scope="module")
def by_seed(misconduct):
    return [pw.fit(misconduct, MODEL, pw.NUTS(seed=seed)) for seed in SEEDS]


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new"])
def test_limits_at_three_studies_are_those_of_quadrature(by_seed, exact, name):
    for word, prob in LIMITS.items():
        errors = np.array([float(result[name].ppf(prob)) - float(exact[name].ppf(prob)) for result in by_seed])
        stated = np.array([result.report.diagnostics[f"mcse_{word}_{name}"] for result in by_seed])
        assert root_mean_square(errors / exact[name].sd) <= 0.12
        assert root_mean_square(errors / stated) <= 1.5 * (1.0 + 2.0 / np.sqrt(2 * len(by_seed)))


def test_the_limits_of_all_seeds_together_miss_by_what_they_say(by_seed, exact):
    z = [
        (float(result[name].ppf(prob)) - float(exact[name].ppf(prob)))
        / result.report.diagnostics[f"mcse_{word}_{name}"]
        for result in by_seed
        for name in ("mu", "tau", "theta_new")
        for word, prob in LIMITS.items()
    ]
    assert 0.6 <= root_mean_square(z) <= 1.5


def test_defaults_at_three_studies_do_not_diverge_and_end_well(by_seed):
    assert sum(result.report.diagnostics["divergences"] for result in by_seed) == 0
    assert {result.report.status for result in by_seed} == {"ok"}
    assert not any("divergences_first_run" in result.report.diagnostics for result in by_seed)


@pytest.mark.parametrize("law", [stats.norm(), stats.expon(), stats.t(3)], ids=lambda law: law.dist.name)
def test_the_error_of_a_quantile_is_that_of_theory(law):
    draws = [law.rvs((4, 1000), random_state=seed) for seed in range(40)]
    true = np.sqrt(0.025 * 0.975 / 4000) / law.pdf(law.ppf(0.975))
    stated = np.array([quantile_error(some, 0.975) for some in draws])
    errors = np.array([np.quantile(some, 0.975) for some in draws]) - law.ppf(0.975)
    assert stated.mean() == pytest.approx(true, rel=0.15)
    assert stated.min() > 0.6 * true
    assert root_mean_square(errors / stated) <= 1.0 + 2.0 / np.sqrt(2 * len(draws))


def test_few_studies_allow_no_estimated_error_above_a_tenth_and_more_only_what_it_is_off_by():
    assert [limit_bound(k) for k in (2, 5)] == [0.1, 0.1]
    assert limit_bound(6) == pytest.approx(0.114)
    assert too_noisy({"limit_share_tau": 0.105, "limit_bound": limit_bound(3)})
    assert not too_noisy({"limit_share_tau": 0.105, "limit_bound": limit_bound(13)})
    assert too_noisy({"limit_share_tau": 0.12, "limit_bound": limit_bound(13)})


def test_draws_are_added_down_to_what_an_estimate_of_a_tenth_is_surely_below_on_few_studies():
    assert enough({"limit_bound": limit_bound(3)}) == pytest.approx(0.086)
    assert enough({"limit_bound": limit_bound(13)}) == limit_bound(13)


def test_draws_that_repeat_themselves_have_a_larger_error():
    draws = np.random.default_rng(1).normal(size=(4, 250))
    ratio = quantile_error(np.repeat(draws, 4, axis=1), 0.975) / quantile_error(draws, 0.975)
    assert ratio == pytest.approx(1.0, abs=0.25)


@pytest.fixture(scope="module")
def further(misconduct):
    return pw.fit(misconduct, MODEL, pw.NUTS(draws=500))


def test_a_limit_with_too_large_an_error_has_each_chain_go_on(misconduct, further):
    first = further.report.diagnostics["limit_share_first_run"]
    notes = [note for note in further.report.notes if "NUTS went on for " in note]
    assert first > 0.1
    assert f"500 draws in each chain had a Monte Carlo standard error of {first:.2f} posterior sds at the " in notes[0]
    added = [int(note.split("NUTS went on for ")[1].split()[0]) for note in notes]
    assert further.native.stats["lp"].shape == (4, 500 + sum(added))
    assert further.native.stats["lp"].shape[1] <= 4 * 500


def test_the_draws_of_the_first_run_stay_and_the_further_ones_are_others(misconduct, further):
    one = pw.NUTS(draws=500)
    plan = planned(misconduct, MODEL).plan
    first = plan.unit.unit * run(plan, one, 0.8).parameters["tau"]
    tau = further["tau"].law.draws
    assert np.array_equal(tau[:, :500], first)
    assert not np.isin(tau[:, 500:], first).any()


def test_the_same_seed_gives_the_same_further_draws_and_keeps_them(misconduct, further, tmp_path):
    place = pw.KeptFits(tmp_path).place("NUTS")
    made, taken = (pw.fit(misconduct, MODEL, pw.NUTS(draws=500), kept=place) for _ in range(2))
    for result in (made, taken):
        assert np.array_equal(result["theta_new"].law.draws, further["theta_new"].law.draws)
        assert result.report.notes == further.report.notes
    assert taken.report.diagnostics == made.report.diagnostics


def test_a_limit_near_zero_is_said_to_have_no_sign(misconduct, exact):
    lower = float(exact["mu"].ppf(0.025))
    moved = pw.Effects(misconduct.y - lower, se=misconduct.se)
    result = pw.fit(moved, replace(MODEL, mu=p.Normal(-lower, 1.0)), pw.NUTS())
    (note,) = (note for note in result.report.notes if note.startswith("Within 2 Monte Carlo"))
    assert "the 2.5 % limit of mu (" in note
    assert "the 97.5 % limit of mu" not in note
    assert "noise: raise draws, or use Exact()" in note


@pytest.mark.parametrize(("about", "named"), [(0.0, True), (0.5, False), (-0.3, False)])
def test_a_sign_is_noise_within_two_errors_of_the_value_that_matters(about, named):
    draws = np.random.default_rng(1).normal(size=(4, 1000))
    draws -= np.quantile(draws, 0.025)
    quantities = {"mu": Posterior(DrawsLaw(draws)), "tau": Posterior(DrawsLaw(np.abs(draws), lower=0.0))}
    numbers = {
        f"mcse_{word}_{name}": quantile_error(draws, prob) for word, prob in LIMITS.items() for name in quantities
    }
    found = sign_notes(quantities, numbers, about=about)
    assert bool(found) == named
    assert "tau" not in "".join(found)


def test_a_threshold_takes_the_place_of_zero_in_the_notes_of_a_result(by_seed):
    result = by_seed[0]
    notes = notes_about(result, float(result["mu"].ppf(0.975)))
    assert notes[: len(result.report.notes)] == result.report.notes  # none about 0
    (note,) = notes[len(result.report.notes) :]
    assert "the 97.5 % limit of mu (" in note
    assert "tau" not in note


def test_differences_are_compared_with_zero_whatever_the_threshold():
    draws = np.random.default_rng(1).normal(size=(4, 1000))
    draws -= np.quantile(draws, 0.025)
    numbers = {f"mcse_{word}_mu[b] - mu[a]": quantile_error(draws, prob) for word, prob in LIMITS.items()}
    (note,) = sign_notes({"mu[b] - mu[a]": Posterior(DrawsLaw(draws))}, numbers, about=0.5)
    assert "Within 2 Monte Carlo standard errors of 0:" in note


def test_functions_of_tau_are_judged_by_tau(by_seed):
    assert list(printed(by_seed[0].quantities)) == ["mu", "tau", "theta_new"]
