"""A run of NUTS that is not good enough is repeated: at a smaller step, or for longer; and says so."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors as p
from poolwise.effects import some_rows
from poolwise.engines.nuts import diagnostics
from poolwise.engines.nuts.planned import planned, run
from poolwise.engines.nuts.remedies import careful

MODEL = pw.RandomEffects(mu=p.Normal(0.0, 2.0), tau=p.HalfNormal(0.5))
SHORT = pw.NUTS(draws=150)  # too few draws for 400 effective ones, four times as many are enough


@pytest.fixture(scope="module")
def three():
    return some_rows(pw.datasets.load("bcg"), np.arange(13) < 3)


@pytest.fixture(scope="module")
def longer(three):
    return SHORT.fit(three, MODEL)


def test_a_run_that_diverges_is_repeated_at_a_smaller_step(three):
    result = pw.NUTS(target_accept=0.05).fit(three, MODEL)
    numbers = result.report.diagnostics
    assert numbers["divergences_first_run"] > 0
    assert numbers["divergences"] == 0
    assert numbers["target_accept"] == 0.99
    assert result.report.status == "ok"
    assert "at target_accept = 0.05 and was run again at 0.99." in " ".join(result.report.notes)


def test_a_run_with_too_few_effective_draws_is_repeated_for_four_times_as_many(longer):
    numbers = longer.report.diagnostics
    assert longer.native.stats["lp"].shape == (4, 600)
    assert longer["mu"].law.draws.shape == (4, 600)
    assert dict(longer.to_datatree()["posterior"].sizes)["draw"] == 600
    assert 100 <= numbers["effective_first_run"] < 400
    assert any("NUTS was run again for 600." in note for note in longer.report.notes)
    assert pw.checks.diagnose(longer).passed


def test_what_remains_of_the_error_of_limits_is_said(three):
    longer = pw.NUTS(draws=110).fit(three, MODEL)
    share = max(value for name, value in longer.report.diagnostics.items() if name.startswith("limit_share_"))
    assert share > 0.1
    assert longer.report.status == "noisy_limits"
    assert not longer.report.failed
    assert f"is {share:.2f} posterior sds, above 0.1: raise draws" in longer.report.advice
    assert "limits are noisy" in pw.checks.diagnose(longer).sentence


def test_the_longer_run_agrees_with_the_exact_posterior(three, longer):
    exact = pw.fit(three, MODEL, pw.Exact())
    for name in ("mu", "tau"):
        error = longer.report.diagnostics[f"mcse_mean_{name}"]
        assert longer[name].mean == pytest.approx(exact[name].mean, abs=4 * error)


def test_the_same_seed_gives_the_same_longer_run(three, longer):
    again = SHORT.fit(three, MODEL)
    assert np.array_equal(again["tau"].law.draws, longer["tau"].law.draws)


def test_a_run_too_short_to_be_made_up_for_is_left_as_it_is(three):
    result = pw.NUTS(draws=20, tune=50).fit(three, MODEL)
    assert result.native.stats["lp"].shape == (4, 20)
    assert result.report.status == "not_converged"


@pytest.mark.slow
def test_outliers_whose_tau_is_slow_near_zero_end_with_enough_draws():
    from poolwise.simulate import FAMILIES
    from poolwise.simulate.tables import prior_tables

    family = FAMILIES["random effects with outliers"]
    (made,) = prior_tables(family.model, family.effects, count=1, seed=1, first=34)
    result = pw.fit(made.effects, family.model, pw.NUTS(seed=1))
    assert result.report.status == "ok"


@pytest.mark.parametrize("settings", [SHORT, pw.NUTS(draws=500)], ids=["run again", "gone on with"])
def test_an_interrupt_of_the_second_run_keeps_the_first(three, settings):
    plan = planned(three, MODEL).plan
    seen = []

    def sample(settings, accept):
        if seen:
            raise KeyboardInterrupt
        seen.append(settings)
        return run(plan, settings, accept)

    def read(chains):
        return chains.parameters, diagnostics.diagnostics(chains.parameters, chains.stats, {"mu": 4, "tau": 4})

    drawn, parameters, _ = careful(settings, 0.95, sample, read)
    assert parameters["mu"].shape == (4, settings.draws)
    assert "the draws of the one before it are kept" in drawn.chains.interrupted
