"""Every prior of the package by NUTS says what it says by quadrature."""

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors as p
from poolwise.engines.nuts.stored_draws import facts
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
MCSE = 4.5  # Monte Carlo standard errors, of 140 comparisons; the seed is fixed
NUTS = pw.NUTS(draws=1000, tune=600, seed=3)
TAU = (
    p.HalfLogistic(0.5), p.Lomax(2.0, 0.3), p.Rayleigh(0.4), p.Sqrt(), p.Jeffreys(), p.OverallJeffreys(),
    p.BergerDeely(), p.Conventional(), p.DuMouchel(), p.Shrinkage(), p.ISquared(),
    p.Density(lambda tau: np.log(tau) - 3.0 * tau, "Gamma(2, 3)"), p.from_distribution(stats.beta(2.0, 3.0)),
)  # fmt: skip
MU = (
    p.Mixture((0.8, 0.2), (p.Normal(-0.3, 0.1), p.Normal(0.0, 1.0))),
    p.TruncatedNormal(0.0, 1.0, upper=-0.6), p.TruncatedNormal(0.0, 1.0, -1.0, -0.5),
)  # fmt: skip
ROBUST, SHARP = MU[0], p.Lomax(2.0, 0.3)  # so that one compiled model serves all
MODELS = [pw.RandomEffects(ROBUST, tau) for tau in TAU] + [pw.RandomEffects(mu, SHARP) for mu in MU]


@pytest.mark.slow
@pytest.mark.parametrize("model", [*MODELS, pw.RandomEffects(p.Fixed(-0.5), SHARP)], ids=lambda m: f"{m.mu}, {m.tau}")
def test_nuts_and_exact_agree_within_the_error_of_the_draws(model):
    exact, nuts = pw.fit(BCG, model, pw.Exact()), pw.fit(BCG, model, NUTS)
    assert set(nuts.quantities) == set(exact.quantities)
    numbers = nuts.report.diagnostics
    for name in ("mu", "tau", "theta_new"):
        for prob, key in ((0.025, "q2.5"), (0.975, "q97.5")):
            if f"mcse_{key}_{name}" in numbers:
                apart = nuts[name].ppf(prob) - exact[name].ppf(prob)
                assert abs(apart) < MCSE * numbers[f"mcse_{key}_{name}"]
    assert ("prior" in nuts.to_datatree()) == (model.mu.proper and model.tau.proper)


@pytest.mark.slow
def test_a_known_mean_is_a_constant_of_the_tree_and_no_draw():
    nuts = pw.fit(BCG, pw.RandomEffects(p.Fixed(-0.5), SHARP), NUTS)
    tree = nuts.to_datatree()
    assert nuts["mu"].interval(0.95) == (-0.5, -0.5)
    assert float(tree["constant_data"]["mu"]) == -0.5
    assert "mu" not in tree["posterior"]


def test_a_model_that_leaves_nothing_unknown_is_refused():
    with pytest.raises(ModelError, match="nothing unknown"):
        pw.fit(BCG, pw.CommonEffect(p.Fixed(-0.5)), pw.NUTS())


@pytest.mark.parametrize("tau", [p.Sqrt(), p.Jeffreys(), p.BergerDeely()], ids=str)
def test_an_improper_posterior_is_refused_as_by_quadrature(tau):
    one = pw.Effects([0.3], se=[0.1], scale="SMD", allow_single=True)
    for engine in (pw.Exact(), pw.NUTS()):
        with pytest.raises(ModelError):
            pw.fit(one, pw.RandomEffects(p.Flat(), tau), engine)


def test_kept_draws_know_a_density_by_its_values_and_not_by_its_place_in_memory():
    def asked(rate):
        tau = p.Density(lambda tau: np.log(tau) - rate * tau, "a density")
        return facts(BCG, pw.RandomEffects(p.Flat(), tau), NUTS)

    assert asked(3.0) == asked(3.0)
    assert asked(3.0) != asked(4.0)
    assert "densities" not in facts(BCG, MODELS[0], NUTS)
