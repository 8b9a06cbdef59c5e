"""Calibration: right answers have uniform places; a wrong prior, a wrong model, an unused table are seen."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors, simulate
from poolwise.simulate.calibration import _rank

UNIT, HALF = priors.Normal(0, 1), priors.HalfNormal(0.5)
RIGHT = simulate.FAMILIES["random effects"]
QUICK = pw.Exact(draws=250, chains=1)
SURE = 1e-4  # p-value of a fault that is to be seen without doubt
CALM = 1e-3  # p-value, adjusted, that a right answer stays above; the seeds are fixed


@pytest.mark.parametrize(
    "name",
    ["random effects", "meta-regression, heavy tails", "subgroups, separate taus", "three levels, correlated errors"],
)
def test_places_in_the_exact_posterior_are_uniform(name):
    family = simulate.FAMILIES[name]
    places = simulate.calibration(family.model, QUICK, family.effects, simulations=25, seed=11)
    assert set(places.groupby("quantity").size()) == {25}
    assert simulate.uniformity(places)["p_holm"].min() > CALM


@pytest.fixture(scope="module")
def by_nuts():
    engine = pw.NUTS(draws=400, tune=400, chains=2)
    return simulate.calibration(RIGHT.model, engine, RIGHT.effects, simulations=25, seed=11)


@pytest.mark.slow
def test_nuts_says_what_the_exact_engine_says_of_the_same_tables(by_nuts):
    exact = simulate.calibration(RIGHT.model, QUICK, RIGHT.effects, simulations=25, seed=11)
    assert simulate.uniformity(by_nuts)["p_holm"].min() > CALM
    apart = simulate.paired(exact, by_nuts)
    assert apart["rms"].between(0.5, 1.6).all()  # 1 with a relative sd of 0.14
    assert (by_nuts.loc[by_nuts["simulation"] == 0, "draws"].nunique()) == 1


@pytest.mark.slow
def test_paired_places_show_an_engine_that_is_a_little_off(by_nuts):
    exact = simulate.calibration(RIGHT.model, QUICK, RIGHT.effects, simulations=25, seed=11)
    off = by_nuts.assign(u=np.where(by_nuts["quantity"] == "mu", np.minimum(by_nuts["u"] * 1.15, 1.0), by_nuts["u"]))
    apart = simulate.paired(exact, off).set_index("quantity")
    assert apart.loc["mu", "rms"] > 2.0
    assert apart.loc["tau", "rms"] < 1.5
    with pytest.raises(pw.PoolwiseError, match="different simulations"):
        simulate.paired(exact, by_nuts[by_nuts["simulation"] > 0])


def test_a_prior_on_tau_that_is_too_tight_is_seen_in_tau_and_not_in_mu():
    wrong = pw.RandomEffects(UNIT, priors.HalfNormal(0.08))
    places = simulate.calibration(RIGHT.model, QUICK, RIGHT.effects, simulations=60, seed=1, fitted=wrong)
    p = simulate.uniformity(places).set_index("quantity")["p"]
    assert p["tau"] < SURE
    assert places.loc[places["quantity"] == "tau", "u"].mean() > 0.7  # the truth lies above


def test_heterogeneity_that_is_left_out_makes_intervals_too_narrow():
    effects = RIGHT.effects
    made = list(simulate.prior_tables(RIGHT.model, effects, count=60, seed=1))
    common = pw.CommonEffect(UNIT)
    u = [float(pw.fit(one.effects, common, QUICK)["mu"].cdf(one.truth.scalars["mu"])) for one in made]
    assert simulate.p_value(u) < SURE
    assert np.std(u) > 0.33


def test_a_posterior_that_ignores_the_table_is_seen_by_the_likelihood_alone():
    """Draws from the prior have uniform places of mu and tau; a quantity of the data tells (Modrak et al. 2023)."""
    rng, rows = np.random.default_rng(1), []
    prior = list(simulate.prior_tables(RIGHT.model, RIGHT.effects, count=100, seed=99))
    for made in simulate.prior_tables(RIGHT.model, RIGHT.effects, count=60, seed=1):
        logs = np.array([one.truth.log_likelihood(made.effects.y) for one in prior])
        mus = rng.permutation([one.truth.scalars["mu"] for one in prior])
        rows += [
            {"quantity": "mu", "u": _rank(made.truth.scalars["mu"], mus, np.inf, rng)[0]},
            {"quantity": "log likelihood", "u": _rank(made.log_likelihood, logs, np.inf, rng)[0]},
        ]
    p = simulate.uniformity(pd.DataFrame(rows)).set_index("quantity")["p"]
    assert p["mu"] > CALM
    assert p["log likelihood"] < SURE


def test_parts_of_a_series_make_the_whole():
    whole = simulate.calibration(RIGHT.model, QUICK, RIGHT.effects, simulations=4, seed=3)
    parts = [simulate.calibration(RIGHT.model, QUICK, RIGHT.effects, simulations=2, seed=3, first=n) for n in (0, 2)]
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True))


def test_ranks_among_few_draws_are_uniform_ties_included():
    rng = np.random.default_rng(2)
    u = [_rank(float(x[0]), x[1:].reshape(2, 4).astype(float), 5.0, rng)[0] for x in rng.integers(0, 3, (4000, 9))]
    assert simulate.p_value(u[:500]) > CALM
    assert np.mean(u) == pytest.approx(0.5, abs=4.0 * 0.29 / np.sqrt(4000))
