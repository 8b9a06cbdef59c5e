"""What the checks say where they find nothing: that is no proof of anything."""

import pytest

import poolwise as pw
from poolwise import checks
from poolwise.priors import HalfNormal, Normal


def test_an_insensitive_posterior_is_not_called_independent_of_the_prior():
    wide = pw.RandomEffects(mu=Normal(0, 4), tau=HalfNormal(3))
    found = checks.power_scaling(pw.datasets.load("bcg"), wide)
    assert (found.frame["diagnosis"] == "-").all()
    assert "small changes of these priors alone" in found.sentence


def test_a_predictive_check_that_finds_nothing_does_not_show_that_the_model_is_right():
    exact = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    sentence = checks.posterior_predictive(exact).sentence
    assert sentence.startswith("No misfit is seen")
    assert "does not show that it is right" in sentence


def test_a_bayes_factor_for_tau_0_among_three_studies_shows_no_homogeneity():
    agreeing = pw.Effects([0.30, 0.31, 0.29], se=[0.2, 0.2, 0.2], scale="SMD")
    averaged = pw.average(agreeing)
    assert averaged.heterogeneity.favours == "tau = 0"
    assert any("shows no homogeneity" in sentence for sentence in averaged.sentences)


def test_the_influence_of_studies_is_told_under_the_priors_at_hand():
    found = checks.leave_one_out(pw.datasets.load("bcg"))
    told = "no single study decides on which side of no effect a 95 % credible interval lies."
    assert f"Under μ ~ Normal(0, 2), τ ~ HalfNormal(1) {told}" in found.sentences


PRIOR = "μ ~ Normal(0, 1), τ ~ HalfNormal(0.5)"


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_what_is_said_of_two_studies_names_its_prior_and_the_kind_of_its_interval():
    two = pw.Effects([0.1, 0.4], se=[0.1, 0.2], study=["A", "B"], scale="SMD")
    exact = pw.fit(two)
    assert checks.leave_one_out(exact).sentences[-1].endswith("Of two studies, what is left is one, and the priors.")
    one_by_one = checks.cumulative(exact, by="as given")
    assert "credible interval (equal-tailed) for μ" in one_by_one.sentence
    assert f"its prior ({PRIOR})" in one_by_one.caveat
    closed = checks.cumulative(pw.fit(two, pw.RandomEffects(), pw.ClosedForm()), by="as given")
    assert "confidence interval (Hartung-Knapp ad hoc) for μ" in closed.sentence
    assert "under μ ~ Normal(0, 1), τ ~ HalfNormal(0.5)" in repr(pw.average(two))
    assert "μ ~ Normal(0, 1), τ ~ HalfNormal(0.5)" in checks.power_scaling(two).sentence
    assert (
        "an sd of 0.1 to 10 and a half-normal one on τ with a scale of 0.025 to 10"
        in checks.prior_surface(two).sentence
    )
