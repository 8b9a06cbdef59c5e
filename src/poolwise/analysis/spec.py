"""What an analysis file may say: the sections, their keys, and what each value must be.

Every field's description is what an error message prints as the expectation, and what the JSON schema tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from poolwise.analysis.data_section import Data
from poolwise.analysis.fields import Flag, Label, MuPrior, Number, Section, TauPrior, Whole, Words
from poolwise.analysis.model_section import ModelSection, Pooling
from poolwise.analysis.simulate_section import Simulate
from poolwise.closed_form.inference import INTERVALS, PREDICTIONS
from poolwise.closed_form.tau2 import ESTIMATORS
from poolwise.errors import ModelError

if TYPE_CHECKING:
    type Tau2 = str
    type Interval = str
    type Prediction = str
else:
    Tau2, Interval, Prediction = (Literal[tuple(names)] for names in (ESTIMATORS, INTERVALS, PREDICTIONS))


class ClosedFormRow(Section):
    """One frequentist fit."""

    label: Label = None
    model: Pooling | None = Field(
        default=None, description="'random-effects' or 'common-effect'; the model's kind when left out"
    )
    tau2: Tau2 | None = Field(default=None, description="an estimator of tau2, such as 'REML', 'DL' or 'PM'")
    interval: Interval | None = Field(
        default=None, description="'wald', 't', 'hartung-knapp' or 'hartung-knapp-adhoc' (the default: with a floor)"
    )
    prediction: Prediction | None = Field(
        default=None, description="convention of the prediction interval: 'z', 't', 'riley'"
    )


class ExactRow(Section):
    """The exact fit."""

    label: Label = None
    model: Pooling | None = Field(
        default=None,
        description="'random-effects' or 'common-effect', beside a model that quadrature does not answer",
    )


class NutsRow(Section):
    """The fit by NUTS."""

    label: Label = None
    draws: Whole = Field(default=1000, ge=4, description="draws kept in each chain, a whole number of at least 4")
    tune: Whole = Field(default=400, ge=1, description="tuning draws in each chain, a whole number above 0")
    chains: Whole = Field(default=4, ge=1, description="number of chains, a whole number above 0")
    seed: Whole = Field(ge=0, description="seed of the draws, a whole number of at least 0")
    target_accept: Number | None = Field(default=None, gt=0, lt=1, description="target acceptance rate between 0 and 1")
    sampler: Literal["nutpie", "pymc", "numpyro"] = Field(
        default="nutpie", description="'nutpie', 'pymc' or 'numpyro'; the last needs the extra poolwise[numpyro]"
    )


class Engines(Section):
    """How the model is computed: each entry is one fit, and one block of rows in the comparison."""

    closed_form: tuple[ClosedFormRow, ...] = Field(default=(), description="a list of frequentist fits")
    exact: ExactRow | None = Field(default=None, description="settings of the exact fit; {} for the defaults")
    nuts: NutsRow | None = Field(default=None, description="settings of NUTS, such as { seed = 1, draws = 1000 }")

    @model_validator(mode="after")
    def _at_least_one(self) -> Engines:
        if not self.closed_form and self.exact is None and self.nuts is None:
            raise ModelError("no fit is asked for", "at least one of closed_form, exact, nuts", "exact = {}")
        return self


class PublicationBias(Section):
    """Every method for publication bias, beside one another."""

    direction: Literal["positive", "negative"] = Field(
        description="'positive' or 'negative': the direction in which results are likelier to be published"
    )
    unit: Number | None = Field(
        default=None,
        gt=0,
        description="what one standard deviation is in the unit of the effects, above 0, for priors of the average",
    )


class Sensitivity(Section):
    """What else could reasonably have been assumed."""

    prior_panel: Flag = Field(default=True, description="true to refit under a panel of priors on tau, false for none")
    tau: tuple[TauPrior, ...] = Field(
        default=(), description="the panel's priors on tau, instead of the scale's own panel"
    )
    mu: tuple[MuPrior, ...] = Field(default=(), description="priors on mu for further exact fits, such as ['Flat']")

    publication_bias: PublicationBias | None = Field(
        default=None, description="every method for publication bias, such as { direction = 'positive' }"
    )
    leave_one_out: Flag = Field(default=False, description="true for the answer without each study in turn")
    cumulative: Words | None = Field(
        default=None, description="the order in which studies enter one by one: a column, 'se', 'effect' or 'as given'"
    )
    specifications: Flag = Field(default=False, description="true for every estimator, interval and prior at once")

    @model_validator(mode="after")
    def _priors_have_a_panel(self) -> Sensitivity:
        if self.tau and not self.prior_panel:
            raise ModelError("'tau' lists priors for a panel and prior_panel is false", "prior_panel = true")
        return self


class Report(Section):
    """What is reported."""

    prob: Number = Field(default=0.95, gt=0, lt=1, description="probability of the intervals, between 0 and 1")
    rope: tuple[Number, Number] | None = Field(
        default=None, description="region of practical equivalence: [lower, upper]"
    )
    threshold: Number = Field(
        default=0.0, description="value of the mean effect that probabilities and the prior panel are about"
    )
    directions: tuple[Words, Words] | None = Field(
        default=None, description="words for effects below and above the null value"
    )
    evidence: Flag = Field(default=False, description="true to report the log evidence, which needs proper priors")

    @model_validator(mode="after")
    def _ordered(self) -> Report:
        if self.rope is not None and not self.rope[0] < 0.0 < self.rope[1]:
            raise ModelError(f"rope runs from {self.rope[0]:g} to {self.rope[1]:g}", "lower < 0 < upper")
        return self


class Spec(Section):
    """One scientific question."""

    title: Words = Field(description="a title in one line")
    question: Words = Field(description="the question in one sentence")
    data: Data = Field(description="which studies")
    model: ModelSection = Field(default_factory=ModelSection, description="what is assumed")
    engines: Engines = Field(description="which fits")
    sensitivity: Sensitivity = Field(default_factory=Sensitivity, description="what else could be assumed")
    simulate: Simulate | None = Field(
        default=None, description="truths on which the methods are tried, such as { tau = [0, 0.1, 0.2, 0.4] }"
    )
    report: Report = Field(default_factory=Report, description="what is reported")


def schema() -> dict[str, Any]:
    """The JSON schema of an analysis file, for editors that check TOML while it is typed.

    Returns
    -------
    dict
        JSON values, by draft 2020-12.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Spec.model_json_schema()
