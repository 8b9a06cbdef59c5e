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
