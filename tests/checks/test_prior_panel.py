"""The prior panel: verdicts, tipping point and distances, each against the single fits that it summarises."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

import poolwise as pw
from poolwise import priors, show
from support.tables import table


@pytest.fixture(scope="module")
def misconduct():
    return pw.checks.prior_panel(table("misconduct"))


def test_misconduct_is_prior_dependent_and_the_flipping_priors_are_named(misconduct):
    assert misconduct.verdict == "prior-dependent"
    flipped = misconduct.frame.loc[misconduct.frame["flips"], "prior"]
    assert 0 < len(flipped) < len(misconduct.frame)
    for name in flipped:
        assert show.prior(name) in misconduct.sentence


@pytest.mark.parametrize("outcome", ["dropout", "recidivism"])
def test_in_dropout_and_recidivism_the_side_does_not_depend_on_the_prior(outcome):
    panel = pw.checks.prior_panel(table(outcome))
    assert panel.verdict == "the side does not depend on the prior on tau"
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


def test_the_sentences_give_the_spread_of_limits_of_p_and_of_tau(misconduct):
    """tau's upper limit .43 to 1.68, by a factor of 3.9: the published panel; the rest are its single fits."""
    frame = misconduct.frame
    assert "from 0.43 to 1.68 over the panel, by a factor of 3.9" in misconduct.tau_sentence
    for column in ("mu_lower", "mu_upper"):
        low, high = (f"{x:.2f}".replace("-", "\N{MINUS SIGN}") for x in (frame[column].min(), frame[column].max()))
        assert (
            f"limit runs from {low} to {high}" in misconduct.sentence
            or f"limit from {low} to {high}" in misconduct.sentence
        )
    least, most = frame["p_positive"].min(), frame["p_positive"].max()
    assert f"(“better alliance, better outcome”) is between {least:.3f} and {most:.3f}" in misconduct.sentence


def test_a_panel_never_says_robust_or_dominated(misconduct):
    for panel in (misconduct, pw.checks.prior_panel(table("recidivism"))):
        told = " ".join(panel.sentences).casefold()
        assert "robust" not in told
        assert "dominate" not in told
        assert not [name for name in panel.frame if "ratio" in name]


def test_three_studies_far_from_zero_say_how_far_their_limits_spread():
    effects = pw.Effects([1.3, 1.4, 1.5], se=[0.2, 0.2, 0.2], scale="SMD")
    panel = pw.checks.prior_panel(effects)
    assert panel.verdict == "the side does not depend on the prior on tau"
    assert f"lower limit runs from {panel.frame['mu_lower'].min():.2f}" in panel.sentence


@pytest.mark.parametrize(
    ("prior", "forbids"),
    [
        (priors.InverseGamma(1, 0.15), True),
        (priors.InverseGamma(1.71, 0.40), True),
        (priors.HalfNormal(0.5), False),
        (priors.HalfCauchy(0.5), False),
        (priors.Uniform(0, 2.5), False),
        (priors.LogT(5, -1.72, 1.295), False),
    ],
    ids=str,
)
def test_a_prior_that_forbids_tau_near_zero_is_said_to(prior, forbids):
    panel = pw.checks.prior_panel(table("misconduct"), priors=[prior])
    assert ("a τ near 0" in panel.tau_sentence) == forbids
    if forbids:
        expected = prior.scale / gamma.isf(0.025, prior.shape)  # the reciprocal of a gamma variable
        assert panel.frame["prior_tau_low"][0] == pytest.approx(expected, rel=1e-9)


def test_the_verdict_is_about_the_threshold_given():
    effects, at = table("dropout"), 0.2
    panel = pw.checks.prior_panel(effects, threshold=at)
    single = pw.fit(effects, pw.RandomEffects(), pw.Exact())["mu"]
    row = panel.frame.set_index("name").loc["default"]
    assert row["p_positive"] == pytest.approx(1.0 - single.cdf(at), abs=1e-9)
    assert panel.verdict == "prior-dependent"
    assert "The probability that μ is above 0.2 is" in panel.sentence
    moved = pw.fit(effects, pw.RandomEffects(tau=priors.HalfNormal(panel.tipping_point)), pw.Exact())["mu"]
    assert moved.cdf(at) == pytest.approx(0.025, abs=1e-6)
    surface = pw.checks.prior_surface(effects, mu_sd=[1.0], tau_scale=[0.5], threshold=at)
    assert surface.frame["p_positive"][0] == pytest.approx(1.0 - single.cdf(at), abs=1e-9)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, "0", None, True])
@pytest.mark.parametrize("check", [pw.checks.prior_panel, pw.checks.prior_surface, pw.checks.tipping_point])
def test_a_threshold_that_is_no_number_is_refused(check, wrong):
    with pytest.raises(pw.PoolwiseError, match="threshold = "):
        check(table("misconduct"), threshold=wrong)


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
    assert "alone" in panel.sentence
    assert "from 0.02 to 20" in panel.tipping_sentence


def test_a_ratio_is_told_as_a_ratio_by_every_sentence():
    panel = pw.checks.prior_panel(pw.datasets.load("bcg"))
    for sentence in (panel.sentence, panel.tipping_sentence):
        assert "the mean risk ratio lies below 1" in sentence
