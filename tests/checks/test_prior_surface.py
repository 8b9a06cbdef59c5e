"""The surface of priors and the tipping point, each against single fits."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import checks, priors
from poolwise.errors import ModelError
from support.tables import table

SAME = 1e-9  # two quadratures of one posterior, in the unit of the effects


@pytest.fixture(scope="module")
def misconduct():
    return checks.prior_surface(table("misconduct"))


@pytest.mark.parametrize("row", [0, 39, 411, 800, 1234, 1560, 1599])
@pytest.mark.parametrize("name", ["misconduct", "bcg"])
def test_every_pair_is_a_single_fit(name, row):
    effects = table(name)
    pair = checks.prior_surface(effects).frame.iloc[row]
    model = pw.RandomEffects(priors.Normal(0, pair["mu_sd"]), priors.HalfNormal(pair["tau_scale"]))
    single = pw.fit(effects, model, pw.Exact())
    lower, upper = single["mu"].interval(0.95)
    found = pair[["mu_point", "mu_lower", "mu_upper", "tau_point", "p_positive"]].to_list()
    wanted = [single["mu"].point, lower, upper, single["tau"].point, 1 - single["mu"].cdf(0.0)]
    assert found == pytest.approx(wanted, abs=SAME)
    assert pair["excludes_zero"] == ("above" if lower > 0 else "below" if upper < 0 else "no")


def test_widths_of_ones_own_and_a_flat_reference():
    effects = table("bcg")
    surface = checks.prior_surface(
        effects, pw.RandomEffects(priors.Flat(), priors.HalfCauchy(0.5)), mu_sd=[3.0, 0.2], tau_scale=[0.1], prob=0.8
    )
    assert surface.frame[["mu_sd", "tau_scale"]].to_numpy().tolist() == [[0.2, 0.1], [3.0, 0.1]]
    assert surface.reference == (np.inf, pytest.approx(0.5 / priors.HalfNormal(1).ppf(0.5)))
    assert set(surface.frame["prob"]) == {0.8}
    model = pw.RandomEffects(priors.Normal(0, 3), priors.HalfNormal(0.1))
    wanted = pw.fit(effects, model, pw.Exact())["mu"].interval(0.8)
    assert surface.frame.loc[1, ["mu_lower", "mu_upper"]].to_list() == pytest.approx(wanted, abs=SAME)


def test_the_grid_is_the_frame(misconduct):
    mu_sd, tau_scale, said = misconduct.grid("excludes_zero")
    assert said.shape == (len(mu_sd), len(tau_scale)) == (40, 40)
    row = misconduct.frame.iloc[3 * 40 + 7]
    assert (row["mu_sd"], row["tau_scale"], row["excludes_zero"]) == (mu_sd[3], tau_scale[7], said[3, 7])
    assert "lies above 0 under some of them and includes 0 under others" in misconduct.sentence
    assert misconduct.data == "reconstructed"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mu_sd": [0.0, 1.0]}, "mu_sd"),
        ({"tau_scale": [np.inf]}, "tau_scale"),
        ({"model": pw.RandomEffects(tau_fixed=0.2)}, "without a prior on tau"),
        ({"model": pw.RandomEffects(priors.StudentT(3, 0, 1))}, "mu ~ StudentT"),
        ({"model": pw.ThreeLevel()}, "prior_surface was given the model"),
    ],
)
def test_what_has_no_surface_is_refused(given, told):
    with pytest.raises(ModelError, match=told):
        checks.prior_surface(table("bcg"), **given)


def test_at_the_tipping_point_the_answer_changes():
    effects = table("misconduct")
    found = checks.tipping_point(effects)
    sides = []
    for scale in (found.value * (1 - 1e-5), found.value * (1 + 1e-5)):
        lower, _ = pw.fit(effects, pw.RandomEffects(tau=priors.HalfNormal(scale)), pw.Exact())["mu"].interval(0.95)
        sides.append("above" if lower > 0 else "no")
    assert sides == [found.narrower, found.wider] == ["above", "no"]
    own = pw.fit(effects, pw.RandomEffects(), pw.Exact())["mu"]
    assert found.margin == pytest.approx(own.cdf(0.0) - 0.025, abs=SAME)
    assert f"{found.value:.3g}" in found.sentence


def test_no_tipping_point_names_the_range_searched():
    found = checks.tipping_point(table("recidivism"))
    assert np.isnan(found.value)
    assert found.narrower == found.wider == "above"
    assert f"from {found.searched[0]:.3g} to {found.searched[1]:.3g}" in found.sentence


def test_a_tipping_point_asks_for_a_normal_prior_on_mu():
    with pytest.raises(ModelError, match="mu ~ Cauchy"):
        checks.tipping_point(table("bcg"), pw.RandomEffects(priors.Cauchy(0, 1)))
    panel = checks.prior_panel(table("bcg"), mu=priors.Cauchy(0, 1))
    assert "No tipping point was sought" in panel.tipping_sentence
    assert panel.frame["hellinger_tau"].dropna().between(0, 1).all()
    assert panel.frame["hellinger_tau"].notna().sum() == sum(p != "Flat()" for p in panel.frame["prior"])


def test_an_answer_that_changes_twice_is_said_to_change_twice():
    """One precise study at 0 against four others: small s follows the one, moderate s the four, large s knows nothing.

    Both scales by bracketing P(mu < 0) = 0.025 with an independent quadrature over log tau.
    """
    y, se = np.r_[0.02, 0.6 + np.linspace(-0.1, 0.1, 4)], [0.02, 0.3, 0.3, 0.3, 0.3]
    effects = pw.Effects(y, se=se, scale="SMD")
    found = pw.checks.tipping_point(effects)
    assert found.value == pytest.approx(0.5400183874339809, rel=1e-6)
    assert found.sentence.startswith("2 tipping points")
    assert found.sentence.endswith("changes again at s = 0.0621.")
