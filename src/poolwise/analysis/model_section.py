"""The section [model] of an analysis file: what is assumed, and the priors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import MISSING, fields
from dataclasses import Field as Part
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from pydantic import Field, create_model, model_validator

from poolwise.analysis.fields import (
    Coefficients,
    Columns,
    DeltaPrior,
    MuPrior,
    Number,
    PublicationWeights,
    Section,
    SharePrior,
    SlopePrior,
    TauPrior,
    Words,
    spelt,
)
from poolwise.errors import ModelError, listing
from poolwise.model import MODELS, Model

Pooling = Literal["random-effects", "common-effect"]
KINDS: dict[str, type[Model]] = {model.kind_in_files: model for model in MODELS}
"""The models by what a file calls them."""
FIELDS = {"function": "kind"}
"""Fields of models by the key of a file, where a file has another name for one."""
_OF_DATA = ("measure",)  # a field of models that the section [data] tells


def _parts(model: type[Model]) -> dict[str, Part[Any]]:
    """What a file may say of a model, besides `kind`: its fields, by key."""
    keys = {field: key for key, field in FIELDS.items()}
    return {keys.get(part.name, part.name): part for part in fields(model) if part.name not in _OF_DATA}


KEYS: dict[str, tuple[str, ...]] = {kind: tuple(_parts(model)) for kind, model in KINDS.items()}
"""What each kind of model is made of, besides `kind`."""
if TYPE_CHECKING:
    type Kind = str
else:
    Kind = Literal[tuple(KINDS)]


class ModelSection(Section):
    """What is assumed, and the priors; priors left out are the defaults of the scale of effect."""

    # keys in the words of files; what a model has besides these is read from its annotations and its docstring

    kind: Kind = Field(default="random-effects", description="one of " + ", ".join(f"'{kind}'" for kind in KEYS))
    moderators: Columns | None = Field(
        default=None, description="names of the columns that moderate the mean effect, such as ['ablat']"
    )
    by: Words | None = Field(default=None, description="name of the column whose values are the subgroups")
    heterogeneity: Literal["common", "separate", "exchangeable"] | None = Field(
        default=None, description="'common', 'separate' or 'exchangeable' between-study sd of the subgroups"
    )
    cluster: Words | None = Field(
        default=None, description="'study', or name of the column that says which effects belong together"
    )
    rho: Number | None = Field(
        default=None, ge=0, lt=1, description="correlation of sampling errors within a cluster, from 0 to below 1"
    )
    factors: Columns | None = Field(
        default=None, description="names of the columns that group the effects, such as ['study', 'lab']"
    )
    eta: Number | None = Field(
        default=None, gt=0, description="shape of the LKJ prior on correlations of true effects, above 0; 1 is flat"
    )
    pooled: Columns | None = Field(
        default=None, description="names of the columns whose levels are partially pooled, such as ['setting']"
    )
    missing: Literal["error", "model"] | None = Field(
        default=None, description="'error', or 'model' for missing values of moderators as unknowns"
    )
    errors: dict[Words, Words] | None = Field(
        default=None, description="column of standard errors by moderator, such as { dose = 'se_dose' }"
    )
    scale: Columns | None = Field(
        default=None, description="names of one or two columns that moderate the between-study sd"
    )
    mu: MuPrior | None = Field(
        default=None, description="prior on the mean effect, such as { Normal = [0, 1] } or 'Flat'"
    )
    tau: TauPrior | None = Field(
        default=None, description="prior on the between-study sd, such as { HalfNormal = 0.5 }"
    )
    tau_fixed: Number | None = Field(
        default=None, ge=0, description="a known between-study sd of at least 0, instead of tau"
    )
    nu: TauPrior | None = Field(default=None, description="prior on the degrees of freedom of t random effects")
    tau_out: TauPrior | None = Field(default=None, description="prior on the sd that outliers have on top of tau")
    pi: SharePrior | None = Field(default=None, description="prior on the share of outliers, such as { Beta = [1, 9] }")
    baseline: Literal["separate", "exchangeable"] | None = Field(
        default=None, description="'separate' or 'exchangeable' baselines of the controls"
    )
    base: MuPrior | None = Field(
        default=None, description="normal prior on each baseline log odds (log rate), or on their mean"
    )
    base_spread: TauPrior | None = Field(default=None, description="prior on the sd of exchangeable baselines")
    slope: MuPrior | None = Field(
        default=None, description="prior on the change of the effect with the true baseline; none when left out"
    )
    direction: Literal["positive", "negative"] | None = Field(
        default=None,
        description="'positive' or 'negative': the direction in which results are likelier to be published",
    )
    steps: tuple[Number, ...] | None = Field(
        default=None, description="p-values at which the probability of publication changes, such as [0.025, 0.5]"
    )
    sides: Literal[1, 2] | None = Field(default=None, description="1 or 2: whether p-values are one- or two-sided")
    weights: PublicationWeights | None = Field(
        default=None,
        description="known relative probabilities of publication, such as [1, 0.5], or a prior on each but the first",
    )
    function: Literal["beta", "halfnorm", "negexp", "logistic", "power"] | None = Field(
        default=None, description="'beta', 'halfnorm', 'negexp', 'logistic' or 'power': what publication is of p"
    )
    delta: DeltaPrior | None = Field(default=None, description="prior on the parameter(s) of the weight function")
    prec: Literal["sei"] | None = Field(default=None, description="'sei': imprecise studies are selected more strongly")
    b: SlopePrior | None = Field(
        default=None, description="prior on the slope on the standard error (its square), such as { HalfCauchy = 1 }"
    )
    tau_between: TauPrior | None = Field(default=None, description="prior on the sd between clusters")
    tau_within: TauPrior | None = Field(default=None, description="prior on the sd within clusters")
    mu_spread: TauPrior | None = Field(default=None, description="prior on the sd of the outcomes' mean effects")
    tau_spread: TauPrior | None = Field(
        default=None, description="prior on the sd of log tau between outcomes or subgroups"
    )
    beta: Coefficients | None = Field(
        default=None,
        description="a prior on every coefficient, such as { Normal = [0, 1] }, or a table of priors by coefficient",
    )
    gamma: Coefficients | None = Field(
        default=None, description="priors on the coefficients of log tau, as for beta; normal ones"
    )

    @model_validator(mode="after")
    def _parts_of_its_kind(self) -> ModelSection:
        given = [name for name in type(self).model_fields if name != "kind" and getattr(self, name) is not None]
        for name in given:
            if name in KEYS[self.kind] or (self.kind == "common-effect" and name.startswith("tau")):
                continue
            kinds = [kind for kind, keys in KEYS.items() if name in keys]
            raise ModelError(
                f"'{name}' is given, and kind = '{self.kind}' has no such part",
                f"one of the keys {listing(KEYS[self.kind], 20)}",
                f"kind = '{kinds[0]}'",
            )
        for needed, part in _parts(KINDS[self.kind]).items():
            if part.default is MISSING and needed not in given:
                told = type(self).model_fields[needed].description
                raise ModelError(f"kind = '{self.kind}' and no '{needed}'", str(told))
        return self

    @model_validator(mode="after")
    def _one_tau(self) -> ModelSection:
        if self.tau is not None and self.tau_fixed is not None:
            raise ModelError("'tau' and 'tau_fixed' are both given", "one of the two")
        if self.kind == "common-effect" and (self.tau is not None or self.tau_fixed is not None):
            raise ModelError(
                "a common-effect model has no tau", "no 'tau' and no 'tau_fixed'", "kind = 'random-effects'"
            )
        return self


def with_keys_of(section: type[ModelSection], models: Iterable[type[Model]]) -> type[ModelSection]:
    """The section with a key for each field of these models that it does not have yet.

    Parameters
    ----------
    section : type of ModelSection
    models : iterable of type of Model

    Returns
    -------
    type of ModelSection
        The same where it has them all.
    """
    own: dict[str, Any] = {}
    for model in models:
        hints = get_type_hints(model)
        for key, part in _parts(model).items():
            if key not in section.model_fields:
                own[key] = (spelt(hints[part.name]) | None, Field(default=None, description=_said(model, part.name)))
    return create_model("ModelSection", __base__=section, __doc__=section.__doc__, **own) if own else section


def _said(model: type[Model], name: str) -> str:
    """The first sentence on a field in the docstring of its model, as an expectation."""
    found = re.search(rf"^{name} :.*\n((?: {{4}}.*\n?)+)", cleandoc(model.__doc__ or ""), re.MULTILINE)
    if found is None:
        raise TypeError(f"{model.__name__}: no line '{name} : ...' under Attributes")
    sentence = re.split(r"[.;](?:\s|$)", " ".join(found.group(1).split()), maxsplit=1)[0]
    return sentence[0].lower() + sentence[1:]


if not TYPE_CHECKING:
    ModelSection = with_keys_of(ModelSection, MODELS)
_LISTS = tuple(key for key, field in ModelSection.model_fields.items() if field.annotation == Columns | None)
COLUMNS = (*_LISTS, "by", "cluster")
"""Keys whose values are names of columns."""
