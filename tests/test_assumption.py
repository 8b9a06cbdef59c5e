"""What models answer of themselves is what they state on a table, so that the rooms above may ask either."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import ModelError, PoolwiseError
from poolwise.model import with_prior
from poolwise.simulate.families import FAMILIES


def stated(name):
    model, effects = FAMILIES[name].model, FAMILIES[name].model.table(FAMILIES[name].effects)
    return model.resolved(effects), effects


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_model_says_of_its_heterogeneity_and_means_is_what_it_states(name):
    model, effects = stated(name)
    structure = model.structure(effects)
    layers = () if structure is None else structure.layers
    alone = [one.uniform and not one.shared(np.arange(effects.k)) for one in layers]
    assert model.varies == (structure is None or bool(layers))
    assert model.one_tau == (structure is not None and alone in ([], [True]))
    assert model.has_coefficients == (structure is not None and structure.design is not None)
    assert model.pools == (model.one_tau and structure.coefficients == ("mu",))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_named_prior_gives_way_to_another(name):
    model, _ = stated(name)
    for parameter, prior in model.named_priors.items():
        assert with_prior(model, parameter, prior) == model
    assert with_prior(pw.RandomEffects(), "tau", priors.HalfNormal(0.3)).tau == priors.HalfNormal(0.3)


def test_joint_outcomes_need_a_second_outcome():
    with pytest.raises(ModelError, match="one outcome"):
        pw.JointOutcomes().table(pw.datasets.load("bcg"))


def test_a_table_without_a_named_column_is_refused():
    for model in (pw.Subgroups("none"), pw.ThreeLevel("none"), pw.CrossedEffects(["none", "study"])):
        with pytest.raises(PoolwiseError, match="none"):
            model.table(pw.datasets.load("bcg"))


@pytest.mark.parametrize(
    ("model", "known", "unknown"),
    [
        (pw.StepSelection((0.025, 0.5), direction="positive"), None, ("omega[.025 < p < .5]", "omega[p > .5]")),
        (pw.StepSelection((0.05,), sides=2, weights=(1.0, 0.2)), (1.0, 0.2), ()),
        (pw.StepSelection((0.05,), sides=2, weights=priors.Fixed(0.2)), None, ()),
        (pw.WeightFunction("negexp", direction="negative"), None, ("delta",)),
        (
            pw.WeightFunction("beta", sides=2, delta={"1": priors.Fixed(1), "2": priors.LogNormal(0, 1)}),
            None,
            ("delta[2]",),
        ),
    ],
)
def test_a_model_of_selection_states_which_weights_are_known_and_which_are_not(model, known, unknown):
    publication = model.publication
    assert (publication.known, publication.unknown) == (known, unknown)
    assert (publication.intervals is None) == (publication.smooth is not None)
    assert set(publication.priors) <= set(publication.free) <= set(publication.names) == set(publication.values)


@pytest.mark.parametrize("name", FAMILIES)
def test_only_models_of_selection_state_a_publication(name):
    model, effects = stated(name)
    selected = model.before_selection(effects) is not None and model.structure(effects) is None
    assert (model.publication is not None) == selected
