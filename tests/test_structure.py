"""What normal models state: names, who shares what, and which rows are independent."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import model as models
from poolwise import priors, simulate
from poolwise.design import matrix
from poolwise.engines.means import means
from poolwise.engines.nuts.plans import plan
from poolwise.engines.nuts.shared_plans import shared_plan
from poolwise.errors import ModelError
from poolwise.model import NORMAL_MODELS, CorrelatedOutcomes, CrossedEffects, JointOutcomes
from poolwise.moments import spreads

NORMAL = {name: family for name, family in simulate.FAMILIES.items() if isinstance(family.model, NORMAL_MODELS)}


def stated(name):
    family = NORMAL[name]
    model = family.model.resolved(family.effects)
    return family.effects, model, model.structure(family.effects)


def means_of(effects, model):
    """Mean effects as the engines have them."""
    if isinstance(model, CrossedEffects | CorrelatedOutcomes):
        return shared_plan(effects, model).means
    return plan(effects, model).means if isinstance(model, JointOutcomes) else means(effects, model)


@pytest.mark.parametrize("name", NORMAL)
def test_coefficients_contrasts_and_new_studies_are_those_of_the_engines(name):
    effects, model, structure = stated(name)
    known = means_of(effects, model)
    np.testing.assert_array_equal(structure.X, known.X)
    assert list(structure.linear) == list(known.linear)
    assert all((structure.linear[one] == c).all() for one, c in known.linear.items())
    assert structure.new.names == tuple(known.new)
    np.testing.assert_array_equal(structure.new.X, np.array(list(known.new.values())).reshape(-1, structure.p))
    assert tuple(structure.priors[one] for one in structure.coefficients if one in structure.priors) == known.priors
    assert known.absent.items() <= structure.absent.items()


@pytest.mark.parametrize("name", NORMAL)
def test_priors_and_structure_made_together_are_those_made_apart(name):
    effects, model, structure = stated(name)
    resolved, together = models.stated(effects, NORMAL[name].model)
    assert resolved == model
    assert (together.coefficients, together.priors, together.units.word) == (
        structure.coefficients, structure.priors, structure.units.word
    )  # fmt: skip
    np.testing.assert_array_equal(together.X, structure.X)


@pytest.mark.parametrize("name", NORMAL)
def test_means_know_what_the_tails_of_their_spreads_depend_on(name):
    effects, model, _ = stated(name)
    assert means_of(effects, model).spreads == spreads(effects, model)


@pytest.mark.parametrize("formula", ["~ x", ["x"]])
def test_a_fit_makes_its_design_once(formula, monkeypatch):
    made = []
    monkeypatch.setattr("poolwise.model.regression.matrix", lambda *given: made.append(given) or matrix(*given))
    effects = simulate.FAMILIES["meta-regression"].effects
    pw.fit(effects, pw.MetaRegression(formula, tau=priors.HalfNormal(0.5)), pw.Exact())
    assert len(made) == 1


@pytest.mark.parametrize("name", NORMAL)
def test_every_parameter_is_known_or_has_a_prior_of_its_own_or_in_common(name):
    _, model, structure = stated(name)
    hyper = {one for group in structure.exchangeable for one in (group.centre, group.spread) if one}
    for one in {*structure.coefficients, *structure.sds, *structure.gammas, *hyper}:
        homes = (one in structure.known, one in structure.priors, structure.shared_prior(one) is not None)
        assert sum(homes) == 1
    assert set(structure.priors.values()) == set(model.named_priors.values())


@pytest.mark.parametrize("name", NORMAL)
def test_rows_of_different_units_share_nothing(name):
    _, _, structure = stated(name)
    of, rows = structure.units.of, np.arange(structure.k)
    apart = of[:, None] != of
    for layer in structure.layers:
        assert not (apart & (layer.group[:, None] == layer.group)).any()
    assert (structure.errors.among(rows)[apart] == 0.0).all()
    assert [of[mine].tolist() for mine in structure.units.rows] == [
        [j] * int((of == j).sum()) for j in range(len(structure.units.names))
    ]


def test_a_structure_without_priors_is_that_of_a_model_with_open_ones():
    effects = NORMAL["meta-regression"].effects
    open_ones = pw.MetaRegression("~ x").structure(effects)
    assert open_ones.coefficients == ("beta[intercept]", "beta[x]")
    assert open_ones.sds == ("tau",)
    assert not open_ones.priors


def test_a_known_standard_deviation_is_stated():
    effects = NORMAL["random effects"].effects
    structure = pw.RandomEffects(tau_fixed=0.3).structure(effects)
    assert structure.known == {"tau": 0.3}
    assert structure.sds == ("tau",)


def test_a_known_covariance_makes_blocks_of_rows():
    V = np.diag([0.1, 0.2, 0.1, 0.3, 0.2])
    V[0, 3] = V[3, 0] = V[3, 4] = V[4, 3] = 0.05
    effects = pw.Effects([0.1, 0.2, 0.3, 0.4, 0.5], covariance=V, scale="SMD")
    units = pw.RandomEffects().structure(effects).units
    assert units.word == "block"
    assert [rows.tolist() for rows in units.rows] == [[0, 3, 4], [1], [2]]


def test_crossed_factors_connect_rows_through_others():
    frame = {"a": list("ppqqrr"), "b": list("uvvwxx")}
    effects = pw.Effects(np.arange(6) / 10, se=[0.1] * 6, moderators=frame, scale="SMD")
    structure = pw.CrossedEffects(["a", "b"]).structure(effects)
    assert [rows.tolist() for rows in structure.units.rows] == [[0, 1, 2, 3], [4, 5]]
    assert structure.layers[0].terms == ("u[a: p]", "u[a: q]", "u[a: r]")


def test_some_rows_keep_the_coefficients_and_groups_of_the_whole_table():
    _, _, structure = stated("three levels, correlated errors")
    rows = np.array([1, 2, 4, 9])
    part = structure.at(rows)
    np.testing.assert_array_equal(part.errors.among(np.arange(4)), structure.errors.among(rows))
    assert part.units.names == tuple(structure.units.names[j] for j in np.unique(structure.units.of[rows]))
    assert (part.layers[0].group == structure.layers[0].group[rows]).all()


@pytest.mark.parametrize("prior", [priors.Cauchy(0.0, 1.0), priors.Mixture((0.5, 0.5), (priors.Normal(0, 1),) * 2)])
def test_priors_that_are_not_normal_have_no_mean_and_sd(prior):
    effects = NORMAL["random effects"].effects
    model = pw.RandomEffects(prior, priors.HalfNormal(0.5))
    with pytest.raises(ModelError, match="mu ~ "):
        means(effects, model).normal_priors()


def test_flat_means_take_from_what_is_known_of_effects_within_outcomes():
    """Far out the likelihood falls as tau_within^-(rows - outcomes), whose priors are flat."""
    effects = NORMAL["three levels"].effects
    within = priors.HalfCauchy(0.5)
    model = pw.CorrelatedOutcomes("g", "lab", priors.Flat(), priors.HalfNormal(0.5), tau_within=within)
    found = {one.name: (one.units, one.flat) for one in spreads(effects, model.resolved(effects))}
    assert found["tau_within"] == (12, 3)
    assert found["tau[c]"] == (2, 1)
