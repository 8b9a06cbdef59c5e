"""One law of all normal models: each form of likelihood, coefficients and true effects that the engines compute."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors, simulate
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.engines.draws.normal_tree import normal_tree
from poolwise.engines.exact.choice import quadrature
from poolwise.engines.means import means, means_of
from poolwise.engines.nuts.missing_levels import levels_plan, read_levels
from poolwise.engines.nuts.planned import planned
from poolwise.engines.nuts.uncertain_moderators import read_uncertain, uncertain_plan
from poolwise.model import NORMAL_MODELS
from poolwise.quadrature.groups.outcome_likelihood import Group
from support import law_of_coefficients
from support.law_of_coefficients import Coefficients, true_effects
from support.normal_points import coefficients, covariances, log_density_in_digits, of_tree, parameters

ROUNDING = 1e-12  # of sums of a dozen terms of size 1 to 100
NORMAL = [name for name, family in simulate.FAMILIES.items() if isinstance(family.model, NORMAL_MODELS)]
EXACT = [
    name
    for name in NORMAL
    if name not in ("uncertain moderator", "missing levels", "pooled levels", "regularised horseshoe")
    and not name.startswith(("crossed", "correlated"))
]


def table(name, seed=1):
    """A simulated table of a family, its model with explicit priors, and the structure of both."""
    family = simulate.FAMILIES[name]
    (made,) = simulate.prior_tables(family.model, family.effects, seed=seed)
    model = family.model.resolved(made.effects)
    return made, model, model.structure(made.effects)


def law_of(structure, values):
    return NormalLaw.of(structure, parameters(structure, values))


def with_covariance(effects):
    """The table with sampling errors that correlate in two blocks."""
    R = np.eye(effects.k)
    R[:4, :4] += 0.4 * (1.0 - np.eye(4))
    R[6, 9] = R[9, 6] = -0.3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.Effects(
            effects.y, covariance=R * np.outer(effects.se, effects.se), study=effects.study,
            moderators=effects.moderators, scale=effects.scale,
        )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", NORMAL)
def test_the_likelihood_is_that_of_a_simulated_truth(name, seed):
    made, _, structure = table(name, seed)
    law, given = law_of(structure, made.truth.scalars), replace(made.truth, likelihood=None)  # nothing integrated out
    mean = law.mean(coefficients(structure, made.truth.scalars))
    if structure.gaps is not None or structure.uncertain is not None:
        mean = given.mean[None]
    found = law.log_density(made.data - mean).sum()
    assert found == pytest.approx(given.log_likelihood(made.data), rel=ROUNDING, abs=ROUNDING)


@pytest.mark.parametrize("name", NORMAL)
def test_true_effects_have_the_law_of_dense_matrices(name):
    made, _, structure = table(name)
    law, X, y = law_of(structure, made.truth.scalars), structure.X, made.data
    C, V = covariances(structure, made.truth.scalars)
    own = Coefficients(np.zeros((1, structure.p)), np.eye(structure.p)[None] * 0.01, np.zeros(1))
    mean, sd = true_effects(law, y, own)
    pull = C @ np.linalg.inv(C + V)
    np.testing.assert_allclose(mean[0], pull @ y, atol=ROUNDING)
    rest = (np.eye(len(y)) - pull) @ X
    np.testing.assert_allclose(sd[0] ** 2, np.diag(C - pull @ C + 0.01 * rest @ rest.T), atol=ROUNDING)


@pytest.mark.parametrize("name", ["location and scale", "three levels, correlated errors", "crossed effects",
                                  "correlated outcomes", "subgroups, separate taus"])  # fmt: skip
def test_draws_given_the_estimates_have_their_law(name):
    made, _, structure = table(name)
    size, y = 40_000, made.data
    one = parameters(structure, made.truth.scalars)
    law = NormalLaw.of(structure, {key: np.repeat(x, size, axis=0) for key, x in one.items()})
    mean = law.mean(np.repeat(coefficients(structure, made.truth.scalars), size, axis=0))
    C, V = covariances(structure, made.truth.scalars)
    pull = C @ np.linalg.inv(C + V)
    expected, covariance = mean[0] + pull @ (y - mean[0]), C - pull @ C
    theta = law.draw_theta(mean, y, np.random.default_rng(3))
    again = law.replicate(mean, np.random.default_rng(4))
    for drawn, centre, spread in ((theta, expected, covariance), (again, mean[0], C + V)):
        sd = np.sqrt(np.diag(spread))
        assert np.abs((drawn.mean(axis=0) - centre) / sd).max() < 4.5 / np.sqrt(size)
        z = (drawn - centre) / sd
        np.testing.assert_allclose(z.T @ z / size, spread / np.outer(sd, sd), atol=4.5 * np.sqrt(2.0 / size))


@pytest.mark.parametrize("name", EXACT)
def test_the_likelihood_is_that_of_exact_draws(name):
    made, model, structure = table(name)
    tree = pw.fit(made.effects, model, pw.Exact(draws=10, chains=2)).to_datatree()
    values = of_tree(tree, structure)
    law = NormalLaw.of(structure, parameters(structure, values), size=20)
    found = law.log_density(made.effects.y - law.mean(coefficients(structure, values)))
    (expected,) = tree["log_likelihood"].to_dataset().values()
    np.testing.assert_allclose(found, expected.values.reshape(found.shape), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("model", [pw.RandomEffects(), pw.CommonEffect(), pw.MetaRegression("~ x", tau_fixed=0.2)])
def test_so_it_is_where_sampling_errors_have_a_known_covariance(model):
    effects = with_covariance(table("meta-regression")[0].effects)
    result = pw.fit(effects, model, pw.Exact(draws=10, chains=2))
    structure, tree = result.model.structure(effects), result.to_datatree()
    values = of_tree(tree, structure)
    law = NormalLaw.of(structure, parameters(structure, values), size=20)
    found = law.log_density(effects.y - law.mean(coefficients(structure, values)))
    expected = tree["log_likelihood"]["y_by_block"].values.reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("tau", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("mu", [priors.Flat(), priors.Normal(0.2, 0.7)])
def test_coefficients_and_true_effects_have_the_law_of_quadrature_at_a_known_tau(mu, correlated, tau):
    effects = table("meta-regression")[0].effects
    effects = with_covariance(effects) if correlated else effects
    model = pw.MetaRegression("~ x", beta={"intercept": mu}, tau_fixed=tau).resolved(effects)
    structure, fitted = model.structure(effects), quadrature(effects, model, 1e-4)
    law = NormalLaw.of(structure, {})
    found = law_of_coefficients.coefficients(law, effects.y, *means_of(structure).normal_priors())
    assert found.log_density[0] == pytest.approx(fitted.log_total, rel=ROUNDING, abs=ROUNDING)
    for c in np.eye(2):
        law_of_c = fitted.nodes.linear(c)
        assert (c @ found.mean[0], np.sqrt(c @ found.covariance[0] @ c)) == pytest.approx(
            (law_of_c.centre[0], law_of_c.spread[0]), abs=ROUNDING
        )
    theta, sd = true_effects(law, effects.y, found)
    each = [fitted.nodes.theta(i) for i in range(effects.k)]
    np.testing.assert_allclose(theta[0], [one.centre[0] for one in each], atol=ROUNDING)
    np.testing.assert_allclose(sd[0], [one.spread[0] for one in each], atol=ROUNDING)


def test_a_known_coefficient_is_taken_off_the_estimates():
    effects = table("meta-regression")[0].effects
    model = pw.MetaRegression("~ x", beta={"intercept": priors.Fixed(0.3), "x": priors.Normal(0.1, 0.4)})
    structure = model.resolved(effects).structure(effects)
    law = NormalLaw.of(structure, {"tau": np.array([0.0, 0.2])})
    found = law_of_coefficients.coefficients(law, effects.y, *means_of(structure).normal_priors())
    x, total = structure.X[:, 1], law.variance()
    S = [np.diag(v) + 0.4**2 * np.outer(x, x) for v in total]
    expected = [stats.multivariate_normal(0.3 + 0.1 * x, each).logpdf(effects.y) for each in S]
    np.testing.assert_allclose(found.log_density, expected, rtol=ROUNDING)
    assert (found.mean[:, 0] == 0.3).all()
    assert (found.covariance[:, 0] == 0.0).all()


@pytest.mark.parametrize("name", ["three levels", "three levels, correlated errors", "location and scale"])
def test_coefficients_and_true_effects_have_the_law_of_boxes(name):
    made, model, structure = table(name)
    fitted = quadrature(made.effects, model, 1e-2)
    boxes, values = fitted.source.model, table(name, seed=3)[0].truth.scalars
    phi = np.stack([np.full(3, values[one]) * [0.01, 1.0, 7.0] for one in (*structure.sds, *structure.gammas)])
    law = NormalLaw.of(structure, dict(zip((*structure.sds, *structure.gammas), phi, strict=True)))
    found, nodes = (
        law_of_coefficients.coefficients(law, made.effects.y, *means_of(structure).normal_priors()),
        boxes.given(phi),
    )
    np.testing.assert_allclose(found.log_density, nodes[0], rtol=ROUNDING)
    theta, sd = true_effects(law, made.effects.y, found)
    each = [boxes.theta(i, phi, nodes) for i in range(made.effects.k)]
    np.testing.assert_allclose(theta, np.stack([mean for mean, _ in each], axis=1), atol=ROUNDING)
    np.testing.assert_allclose(sd, np.stack([spread for _, spread in each], axis=1), atol=ROUNDING)
    if structure.shares:
        np.testing.assert_allclose(law.weights(), boxes.weights(phi), atol=ROUNDING)


@pytest.mark.parametrize("name", ["joint outcomes", "subgroups, exchangeable taus"])
def test_groups_have_the_likelihood_of_quadrature_over_outcomes(name):
    made, _, structure = table(name)
    y, tau = made.effects.y, np.array([0.0, 0.2, 3.0])
    law = NormalLaw.of(structure, dict.fromkeys(structure.sds, tau))
    found = law_of_coefficients.coefficients(law, y, np.zeros(structure.p), np.full(structure.p, np.inf))
    groups = [structure.X[:, g] == 1.0 for g in range(structure.p)]
    each = [Group(y[rows], made.effects.v[rows]).given_tau(tau) for rows in groups]
    np.testing.assert_allclose(found.log_density, sum(one[0] for one in each), rtol=ROUNDING)
    np.testing.assert_allclose(found.mean, np.stack([one[1] for one in each], axis=1), atol=ROUNDING)
    sd = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    np.testing.assert_allclose(sd, np.stack([one[2] for one in each], axis=1), rtol=ROUNDING)


def as_if_drawn(road, rng, shape=(2, 4)):
    """What a sampler might have drawn of a plan's variables."""
    plan, structure = road.plan, road.plan.means.structure
    out = {}
    for name, names in {**plan.measured, **plan.free}.items():
        x = rng.standard_normal((*shape, len(names)) if len(names) > 1 else shape)
        out[name] = x if name.startswith("gamma") or name == "mu_typical" else np.exp(0.5 * x)
    for layer in structure.layers:
        if layer.root:
            m = len(layer.sds)
            R = np.corrcoef(rng.standard_normal((m, 5))) * 0.6 + 0.4 * np.eye(m)
            out[layer.root] = np.broadcast_to(np.linalg.cholesky(R), (*shape, m, m))
    wide = plan.data["X"].shape[1] if "X" in plan.data else structure.p
    out["beta"] = rng.standard_normal((*shape, wide))
    out["mu"] = out["beta"] if structure.p > 1 else out["beta"][..., 0]
    out["shrunk_sd"] = np.exp(rng.standard_normal((*shape, 3)))
    integrated = {"beta"} if "W" in plan.data and "X" not in plan.data else set()
    return {name: x for name, x in out.items() if name not in {"mu" if structure.design else "beta"} | integrated}


BY_NUTS = [name for name in NORMAL if name not in ("uncertain moderator", "missing levels")]


@pytest.mark.parametrize("name", BY_NUTS)
def test_draws_by_nuts_have_the_likelihood_and_the_weights_of_dense_matrices(name):
    made, model, _ = table(name)
    rng, y = np.random.default_rng(5), made.effects.y
    road = planned(made.effects, model)
    draws = road.read(as_if_drawn(road, rng), rng)
    X, structure, shares = draws.structure.X, draws.structure, []
    apart = any(len(layer.sds) > 1 for layer in structure.layers)
    for c, d in np.ndindex(draws.shape):
        S = sum(covariances(structure, {name: x[c, d] for name, x in draws.watched.items()}))
        mean = X @ draws.coefficients[c, d]
        expected = stats.multivariate_normal(mean, S).logpdf(y)
        assert draws.log_likelihood()[c, d].sum() == pytest.approx(expected, rel=ROUNDING, abs=ROUNDING)
        A = X if apart else np.ones((len(y), 1))
        pulled = np.linalg.solve(S, A)
        shares.append((np.linalg.solve(A.T @ pulled, pulled.T).T * A).sum(axis=1))
    np.testing.assert_allclose(list(draws.weights().values()), np.mean(shares, axis=0), atol=ROUNDING)


def test_a_new_study_has_a_true_effect_of_its_own_at_each_draw_where_tau_is_known():
    made = table("meta-regression")[0]
    model, rng = pw.MetaRegression("~ x", tau_fixed=0.4).resolved(made.effects), np.random.default_rng(5)
    road = planned(made.effects, model)
    draws = road.read({"beta": np.zeros((2, 500, 2))}, rng)
    law = draws.combination(np.array([1.0, 0.0]), new=rng).law
    assert law.draws.std() == pytest.approx(0.4, rel=4.5 / np.sqrt(2000))


@pytest.mark.parametrize("name", EXACT)
def test_trees_of_both_engines_have_the_same_variables_and_dimensions(name):
    made, model, _ = table(name)
    road, rng = planned(made.effects, model), np.random.default_rng(5)
    by_nuts = normal_tree(road.read(as_if_drawn(road, rng), rng), "NUTS", rng)
    exact = pw.fit(made.effects, model, pw.Exact(draws=4, chains=2)).to_datatree()
    for group, data in exact.children.items():
        assert {x: v.dims for x, v in data.data_vars.items()} == {
            x: v.dims for x, v in by_nuts[group].data_vars.items()
        }
        for dim, labels in data.coords.items():
            assert dim == "draw" or labels.values.tolist() == by_nuts[group].coords[dim].values.tolist()


def test_uncertain_moderators_add_a_variance():
    rng, shape = np.random.default_rng(5), (2, 4)
    made, model, _ = table("uncertain moderator")
    known, what = uncertain_plan(made.effects, model, means(made.effects, model))
    drawn = {"beta": rng.standard_normal((*shape, 2)), "tau": np.exp(rng.standard_normal(shape))}
    drawn |= {"x_mean": rng.standard_normal((*shape, 1)), "x_sd": np.exp(rng.standard_normal((*shape, 1)))}
    sampled = read_uncertain(made.effects, model, known, what, drawn, rng)
    sd = np.sqrt(made.effects.v + sampled.scalars["tau"][..., None] ** 2 + sampled.more)
    expected = stats.norm(sampled.mean, sd).logpdf(made.effects.y)
    np.testing.assert_allclose(sampled.log_likelihood(), expected, atol=ROUNDING)


def test_rows_that_miss_a_level_mix_laws_of_the_same_variance():
    rng, shape = np.random.default_rng(5), (2, 4)
    made, model, structure = table("missing levels")
    known = levels_plan(made.effects, model, means(made.effects, model))
    levels = len(structure.gaps.levels[0])
    drawn = {"beta": rng.standard_normal((*shape, structure.p)), "tau": np.exp(rng.standard_normal(shape))}
    drawn |= {"pi[0]": rng.dirichlet(np.ones(levels), shape)}
    sampled = read_levels(made.effects, model, known, drawn, rng)
    law = NormalLaw.of(structure, {"tau": sampled.scalars["tau"].ravel()})
    found = law.log_density((made.effects.y - sampled.fitted).reshape(8, -1))
    here, y = structure.gaps.here, made.effects.y
    mixed = sampled.mixed.log_density(y[here], law.variance(np.flatnonzero(here)).reshape(*shape, -1))
    expected = sampled.log_likelihood().reshape(8, -1)
    np.testing.assert_allclose(found[:, ~here], expected[:, ~here], atol=ROUNDING)
    np.testing.assert_allclose(mixed.reshape(8, -1), expected[:, here], atol=ROUNDING)


@pytest.mark.parametrize(
    ("lab", "district"),
    [("aabbc", "xxxyz"), ("aabcd", "xyxyx"), ("abcde", "xxxyz")],
    ids=["a level of one row alone", "levels that rows of a block do not share", "one factor without repeats"],
)
def test_levels_of_single_rows_have_their_law_given_the_estimates_too(lab, district):
    y, se = np.array([0.3, 0.5, -0.1, 0.2, 0.7]), np.array([0.1, 0.2, 0.15, 0.1, 0.3])
    table = pw.Effects(y, se=se, scale="SMD", moderators={"lab": list(lab), "district": list(district)})
    model = pw.CrossedEffects(["lab", "district"], mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5)).resolved(table)
    size, sds = 40_000, {"tau[lab]": 0.4, "tau[district]": 0.2, "tau_within": 0.1}
    law = NormalLaw.of(model.structure(table), {name: np.full(size, sd) for name, sd in sds.items()})
    _, named = law.draw_effects(np.full((size, 5), 0.25), y, np.random.default_rng(1))
    levels = [("lab", level) for level in dict.fromkeys(lab)] + [
        ("district", level) for level in dict.fromkeys(district)
    ]
    rows = {"lab": lab, "district": district}
    Z = np.array([[float(rows[factor][i] == level) for factor, level in levels] for i in range(5)])
    prior = np.diag([sds[f"tau[{factor}]"] ** 2 for factor, _ in levels])
    gain = prior @ Z.T @ np.linalg.inv(Z @ prior @ Z.T + np.diag(se**2 + 0.1**2))
    mean, sd = gain @ (y - 0.25), np.sqrt(np.diag(prior - gain @ Z @ prior))
    draws = np.array([named[f"u[{factor}: {level}]"] for factor, level in levels])
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=4.5 * 0.4 / np.sqrt(size))
    np.testing.assert_allclose(draws.std(axis=1), sd, rtol=4.5 / np.sqrt(2 * size))


def test_random_effects_of_levels_have_their_law_given_the_estimates():
    made, _, structure = table("crossed effects")
    size, one = 40_000, parameters(structure, made.truth.scalars)
    law = NormalLaw.of(structure, {key: np.repeat(x, size) for key, x in one.items()})
    mean = law.mean(np.repeat(coefficients(structure, made.truth.scalars), size, axis=0))
    _, terms = law.draw_effects(mean, made.data, np.random.default_rng(3))
    total = sum(covariances(structure, made.truth.scalars))
    for layer in structure.layers[:2]:
        for group, name in enumerate(layer.terms):
            pull = one[layer.sds[0]][0] ** 2 * (layer.group == group) @ np.linalg.inv(total)
            sd = np.sqrt(one[layer.sds[0]][0] ** 2 * (1.0 - pull @ (layer.group == group)))
            assert abs(terms[name].mean() - pull @ (made.data - mean[0])) < 4.5 * sd / np.sqrt(size)
            assert terms[name].std() == pytest.approx(sd, rel=4.5 / np.sqrt(2.0 * size))


@pytest.mark.parametrize("shared", [0.0, 1e-8, 1.0, 1e6])
@pytest.mark.parametrize("within", [0.0, 1e-4, 1e6])
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.99])
def test_the_likelihood_of_clusters_keeps_its_digits_at_any_size_of_what_is_shared(rho, within, shared):
    plain = simulate.FAMILIES["three levels"].effects
    se, y = plain.se * np.where(np.arange(12) == 5, 1e-4, 1.0), np.random.default_rng(1).standard_normal(12)
    effects = pw.Effects(y, se=se, study=plain.study, moderators=plain.moderators, scale="SMD")
    structure = pw.ThreeLevel("lab", rho=rho).structure(effects)
    law = NormalLaw.of(structure, {"tau_between": np.array([shared]), "tau_within": np.array([within])})
    belongs = np.equal.outer(structure.layers[0].group, np.arange(5))
    V = np.where(np.eye(12) == 1.0, se**2, rho * (belongs @ belongs.T))  # variances, and correlations beside them
    expected = log_density_in_digits([shared * belongs, within * np.eye(12)], V, y)
    assert law.log_density(y[None]).sum() == pytest.approx(expected, rel=1e-13)
