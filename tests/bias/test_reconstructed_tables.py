"""No method against publication bias takes a reconstructed table, by whichever door: the doors are looked up."""

from dataclasses import fields
from inspect import isfunction, signature

import pytest

import poolwise as pw
from poolwise.errors import InputError, ModelError
from poolwise.fit import PAIRS
from support.biased_studies import studies

TABLE = studies(
    [0.5, 0.1, 0.3, -0.2, 0.7, 0.4], [0.1, 0.2, 0.15, 0.3, 0.25, 0.2], scale="SMD", provenance="reconstructed"
)
UP = {"direction": "positive"}
MODELS = [model for model in PAIRS if "direction" in {field.name for field in fields(model)}]
METHODS = [method for name, method in vars(pw.bias).items() if isfunction(method) and not name.startswith("_")]
SELECTIONS = ("PSMA", "2w", "6w", "PP", [None, pw.PET(**UP)])
refused = pytest.raises((InputError, ModelError), match="reconstruct")


def model_of(kind):
    return kind("beta", **UP) if kind is pw.WeightFunction else kind(**UP)


def test_every_model_of_publication_bias_is_looked_at():
    assert set(MODELS) >= {pw.PET, pw.PEESE, pw.StepSelection, pw.WeightFunction}


@pytest.mark.parametrize(("kind", "engine"), [(kind, engine) for kind in MODELS for engine in PAIRS[kind]])
def test_models_refuse_it_by_every_engine(kind, engine):
    with refused:
        pw.fit(TABLE, model_of(kind), engine())


@pytest.mark.parametrize("method", METHODS)
def test_methods_refuse_it(method):
    with refused:
        method(TABLE, **(UP if "direction" in signature(method).parameters else {}))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_averages_refuse_it(selection):
    with refused:
        pw.average(TABLE, bias=selection, **UP)


def test_the_panel_refuses_it():
    with refused:
        pw.checks.publication_bias(TABLE, **UP)


def test_one_reconstructed_row_among_reported_ones_is_enough():
    mixed = studies([0.5, 0.1, 0.3], [0.1, 0.2, 0.3], scale="SMD", provenance=["reported", "reconstructed", "reported"])
    with refused:
        pw.fit(mixed, pw.PEESE(**UP), pw.ClosedForm())
