"""What the checks say where they find nothing: that is no proof of anything."""

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
    assert "Under these priors no single study decides on which side of no effect an interval lies." in found.sentences
