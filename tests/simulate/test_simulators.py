"""Tables drawn from priors: their moments, their likelihood, and what is refused."""

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors, simulate
from poolwise.fit import PAIRS
from poolwise.simulate.families import BIAS_FAMILIES
from poolwise.simulate.simulators import truth

COUNT = 4000
FEW = 500  # of truths whose design is read anew each time


LAWS_OF_THEIR_OWN = (
    "uncertain moderator",
    "missing levels",
    "t random effects",
    "skew-normal random effects",
    "random effects with outliers",
    "binomial, odds ratio",
    "binomial, risk ratio",
    "Poisson, baseline as covariate",
    "binomial, one arm",
    "Poisson, one arm",
)  # see test_truths_that_are_not_normal.py
NORMAL = [name for name in simulate.FAMILIES if name not in LAWS_OF_THEIR_OWN]


@pytest.mark.parametrize("name", NORMAL)
def test_the_likelihood_of_a_truth_is_that_of_the_estimates_drawn_from_it(name):
    """Given a truth, minus twice the log likelihood is a constant plus a chi-square of k degrees of freedom."""
    family, rng = simulate.FAMILIES[name], np.random.default_rng(3)
    (made,) = simulate.prior_tables(family.model, family.effects, seed=8)
    k, true = family.effects.k, made.truth
    assert isinstance(true, simulate.Truth)
    most = true.log_likelihood(true.mean)  # the largest there is
    squares = np.array([2.0 * (most - true.log_likelihood(true.drawn(rng)[1])) for _ in range(COUNT)])
    assert abs(squares.mean() - k) < 4.0 * np.sqrt(2.0 * k / COUNT)
    assert squares.var() == pytest.approx(2.0 * k, rel=0.2)


def _many(name):
    """Truths of a family with their true effects and estimates."""
    family, rng = simulate.FAMILIES[name], np.random.default_rng(2)
    truths = [truth(family.model, family.effects, rng) for _ in range(COUNT)]
    theta, y = np.array([one.drawn(rng) for one in truths]).transpose(1, 0, 2)
    return family.effects, truths, theta, y


def test_estimates_vary_as_priors_and_errors_say():
    design, _, theta, y = _many("random effects")
    expected = np.diag(design.v + 0.25) + 1.0  # mu ~ Normal(0, 1), E tau^2 = 0.25
    np.testing.assert_allclose(np.cov(y.T), expected, atol=4.0 * np.sqrt(2.0) * expected.max() / np.sqrt(COUNT))
    errors = (y - theta) / design.se
    assert errors.std() == pytest.approx(1.0, rel=4.0 / np.sqrt(2.0 * errors.size))


def test_clusters_share_a_true_effect_and_sampling_errors():
    design, truths, theta, y = _many("three levels, correlated errors")
    rows = np.flatnonzero(design.moderators["lab"] == "s")[:2]
    errors = (y - theta)[:, rows]
    assert np.corrcoef(errors.T)[0, 1] == pytest.approx(0.6, abs=4.0 * 0.64 / np.sqrt(COUNT))
    within = np.array([one.scalars["tau_within"] for one in truths])
    apart = np.diff(theta[:, rows]).ravel() / within
    assert apart.std() == pytest.approx(np.sqrt(2.0), rel=4.0 / np.sqrt(2.0 * COUNT))


def test_effects_of_levels_are_shared_by_their_studies_and_vary_as_their_sd_says():
    family, rng = simulate.FAMILIES["pooled levels"], np.random.default_rng(5)
    model = family.model.resolved(family.effects)
    truths = [truth(model, family.effects, rng) for _ in range(FEW)]
    for level in ("p", "new"):
        z = np.array([one.scalars[f"u[lab: {level}]"] / one.scalars["sd[lab]"] for one in truths])
        assert stats.kstest(z, "norm").pvalue > 1e-3
    one, rows = truths[0], np.flatnonzero(family.effects.moderators["lab"] == "s")
    x = family.effects.moderators["x"].to_numpy(dtype=float)
    line = one.scalars["beta[intercept]"] + one.scalars["beta[x]"] * x[rows]
    np.testing.assert_allclose(one.mean[rows] - line, one.scalars["u[lab: s]"], rtol=1e-12)


def test_shrunk_coefficients_have_the_law_of_the_horseshoe():
    family, rng = simulate.FAMILIES["regularised horseshoe"], np.random.default_rng(6)
    prior, x = family.model.beta["x"], family.effects.moderators["x"].to_numpy(dtype=float)
    found = [truth(family.model, family.effects, rng).scalars for _ in range(FEW)]
    joint = prior.joint(3, (COUNT,), rng)  # per standard deviation of the moderator
    slopes = x.std() * np.array([one["beta[x]"] for one in found])
    assert stats.ks_2samp(slopes, joint[:, 0]).pvalue > 1e-3
    # what coefficients share: how large the largest of three is
    sizes = {"x": x.std(), **{f"g[{b}]": (family.effects.moderators["g"] == b).to_numpy().std() for b in "bc"}}
    largest = np.max([[size * abs(one[f"beta[{name}]"]) for name, size in sizes.items()] for one in found], axis=1)
    assert stats.ks_2samp(largest, np.abs(joint).max(axis=1)).pvalue > 1e-3
    assert all(0.0 < one["kappa[x]"] <= 1.0 for one in found)


def test_a_table_depends_on_its_number_alone():
    family = simulate.FAMILIES["subgroups, separate taus"]
    whole = list(simulate.prior_tables(family.model, family.effects, count=5, seed=4))
    (third,) = simulate.prior_tables(family.model, family.effects, count=1, seed=4, first=3)
    np.testing.assert_array_equal(third.effects.y, whole[3].effects.y)
    assert third.truth.scalars == whole[3].truth.scalars
    assert third.effects.moderators.equals(family.effects.moderators)
    assert third.effects.data_label == "simulated"


def test_every_model_that_nuts_answers_has_a_simulator_and_a_family():
    models = {model for model, engines in PAIRS.items() if pw.NUTS in engines}
    assert models <= set(simulate.SIMULATORS)
    families = [*simulate.FAMILIES.values(), *BIAS_FAMILIES.values()]
    assert models <= {type(family.model) for family in families}


@pytest.mark.parametrize(
    "model", [pw.RandomEffects(mu=priors.Flat()), pw.RandomEffects(tau=priors.Jeffreys()), pw.MetaRegression("~ x")]
)
def test_nothing_can_be_drawn_from_an_improper_prior(model):
    with pytest.raises(pw.PoolwiseError, match="improper prior"):
        list(simulate.prior_tables(model, simulate.FAMILIES["random effects"].effects))
