"""The prior panel: verdicts, tipping point and distances, each against the single fits that it summarises."""

import numpy as np
import pytest
from scipy.integrate import quad

import poolwise as pw
from poolwise import priors
from support.tables import table


@pytest.fixture(scope="module")
def misconduct():
    return pw.checks.prior_panel(table("misconduct"))


def test_misconduct_is_prior_dependent_and_the_flipping_priors_are_named(misconduct):
    assert misconduct.verdict == "prior-dependent"
    flipped = misconduct.frame.loc[misconduct.frame["flips"], "prior"]
    assert 0 < len(flipped) < len(misconduct.frame)
    for name in flipped:
        assert name in misconduct.sentence


@pytest.mark.parametrize("outcome", ["dropout", "recidivism"])
def test_dropout_and_recidivism_are_robust(outcome):
    panel = pw.checks.prior_panel(table(outcome))
    assert panel.verdict == "robust"
    assert np.isnan(panel.tipping_point)
    assert (panel.frame["excludes_zero"] == "above").all()


def test_every_row_is_the_single_fit(misconduct):
    given = [priors.HalfNormal(0.5), priors.HalfCauchy(0.5)]
    panel = pw.checks.prior_panel(table("misconduct"), priors=given, mu=priors.Flat(), prob=0.9)
    for row, prior in enumerate(given):
        single = pw.fit(table("misconduct"), pw.RandomEffects(mu=priors.Flat(), tau=prior), pw.Exact())
        for name in ("mu", "tau", "theta_new"):
            found = panel.frame.loc[row, [f"{name}_lower", f"{name}_upper"]].tolist()
            assert found == pytest.approx(single[name].interval(0.9), abs=1e-9)
        assert panel.frame.loc[row, "p_positive"] == pytest.approx(1 - float(single["mu"].cdf(0.0)))


def test_at_the_tipping_point_the_limit_is_zero(misconduct):
    model = pw.RandomEffects(tau=priors.HalfNormal(misconduct.tipping_point))
    lower, upper = pw.fit(table("misconduct"), model, pw.Exact())["mu"].interval(0.95)
    assert abs(lower) < 1e-5 * (upper - lower)


def test_hellinger_distance_is_the_integral_it_says():
    prior = priors.HalfNormal(0.5)
    panel = pw.checks.prior_panel(table("misconduct"), priors=[prior])
    posterior = pw.fit(table("misconduct"), pw.RandomEffects(tau=prior), pw.Exact())["tau"]
    overlap = quad(lambda t: np.sqrt(float(prior.pdf(t)) * float(posterior.pdf(t))), 0, 20, epsabs=1e-12, limit=400)[0]
    assert panel.frame["hellinger_tau"][0] == pytest.approx(np.sqrt(1 - overlap), abs=1e-8)


def test_the_ratio_of_spreads_says_who_dominates():
    wide = pw.checks.prior_panel(table("recidivism"), priors=[priors.HalfNormal(1.0)])
    assert wide.frame["sd_ratio_tau"][0] < 0.5
    assert "the data dominate" in wide.tau_sentence
    narrow = pw.checks.prior_panel(table("misconduct"), priors=[priors.HalfNormal(0.05)])
    assert narrow.frame["sd_ratio_tau"][0] > 0.5
    assert "the prior dominates" in narrow.tau_sentence


def test_fewer_than_five_studies_are_said_first(misconduct):
    assert "k = 3" in misconduct.sentences[0]
    assert "k = " not in pw.checks.prior_panel(table("dropout")).sentences[0]


def test_a_reconstruction_says_so(misconduct):
    assert misconduct.data == "reconstructed"
    assert (misconduct.frame["data"] == "reconstructed").all()


def test_the_dropout_panel_has_turners_prior_for_dropouts():
    frame = pw.checks.prior_panel(table("dropout")).frame
    assert frame["source"].str.contains("Turner").sum() == 1


def test_an_unknown_scale_wants_priors():
    with pytest.raises(pw.PoolwiseError, match="no prior panel"):
        pw.checks.prior_panel(table("eight_schools"))


@pytest.mark.parametrize("wrong", [priors.HalfNormal(0.5), [None]])
def test_what_is_no_list_of_priors_is_refused(wrong):
    with pytest.raises(pw.PoolwiseError, match="Expected: a list of priors"):
        pw.checks.prior_panel(table("bcg"), priors=wrong)


def test_a_panel_of_improper_priors_takes_the_unit_of_the_scale():
    panel = pw.checks.prior_panel(table("bcg"), priors=[priors.Flat()])
    assert panel.verdict == "robust"
    assert "from 0.02 to 20" in panel.tipping_sentence
