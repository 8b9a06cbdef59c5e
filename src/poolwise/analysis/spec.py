"""What an analysis file may say: the sections, their keys, and what each value must be.

Every field's description is what an error message prints as the expectation, and what the JSON schema tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from poolwise import priors
from poolwise.closed_form.inference import INTERVALS, PREDICTIONS
from poolwise.closed_form.tau2 import ESTIMATORS
from poolwise.errors import ModelError, listing
from poolwise.model import ContaminatedRandomEffects, RandomEffects
from poolwise.priors import FAMILIES, Prior

Pooling = Literal["random-effects", "common-effect"]
Kind = Literal[
    "random-effects",
    "common-effect",
    "meta-regression",
    "subgroups",
    "three-level",
    "location-scale",
    "joint-outcomes",
    "correlated-outcomes",
    "crossed-effects",
    "student-t",
    "skew-normal",
    "contaminated",
    "binomial-normal",
    "poisson-normal",
]
KEYS: dict[str, tuple[str, ...]] = {
    "common-effect": ("mu",),
    "random-effects": ("mu", "tau", "tau_fixed"),
    "meta-regression": ("moderators", "beta", "tau", "tau_fixed", "missing", "errors"),
    "subgroups": ("by", "heterogeneity", "mu", "tau", "tau_spread"),
    "three-level": ("cluster", "rho", "mu", "tau_between", "tau_within"),
    "location-scale": ("scale", "moderators", "beta", "tau", "gamma"),
    "joint-outcomes": ("mu", "mu_spread", "tau", "tau_spread"),
    "correlated-outcomes": ("by", "cluster", "rho", "eta", "mu", "tau", "tau_within"),
    "crossed-effects": ("factors", "mu", "tau", "tau_within"),
    "student-t": ("mu", "tau", "nu"),
    "skew-normal": ("mu", "tau"),
    "contaminated": ("mu", "tau", "tau_out", "pi"),
    "binomial-normal": ("mu", "tau", "baseline", "base", "base_spread", "slope"),
    "poisson-normal": ("mu", "tau", "baseline", "base", "base_spread", "slope"),
}
"""What each kind of model is made of, besides `kind`."""
NEEDED = {
    "meta-regression": "moderators",
    "subgroups": "by",
    "location-scale": "scale",
    "crossed-effects": "factors",
}
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Label = Annotated[Words | None, Field(description="words for this fit in tables and figures")]


class Section(BaseModel):
    """A table of an analysis file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _prior(value: Any) -> Prior:
    """A prior from `{ HalfNormal = 0.5 }`, `{ Normal = [0, 1] }` or `"Flat"`."""
    expected = "a family with its parameters"
    advice = "{ HalfNormal = 0.5 }, { Normal = [0, 1] } or 'Flat'"
    if isinstance(value, str):
        value = {value: []}
    if not isinstance(value, dict) or len(value) != 1:
        raise ModelError("this is not a prior", expected, advice)
    ((family, given),) = value.items()
    parameters = given if isinstance(given, list) else [given]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in parameters):
        raise ModelError(f"the parameters of {family} are not all numbers", expected, advice)
    return priors.make(family, *parameters)


def _prior_for_mu(value: Any) -> Prior:
    prior = _prior(value)
    RandomEffects(mu=prior)
    return prior


def _prior_for_tau(value: Any) -> Prior:
    prior = _prior(value)
    RandomEffects(tau=prior)
    return prior


def _prior_for_share(value: Any) -> Prior:
    prior = _prior(value)
    ContaminatedRandomEffects(pi=prior)
    return prior


def _coefficient_priors(value: Any) -> Any:
    """One prior for all coefficients, or priors by coefficient: `{ intercept = { Normal = [0, 1] } }`."""
    if isinstance(value, dict) and not set(value) & set(FAMILIES):
        return {str(name): _prior_for_mu(one) for name, one in value.items()}
    return _prior_for_mu(value)


def _listed(value: Any) -> Any:
    """Names of columns in a list; a formula would be evaluated as Python, which no file may ask for."""
    given = value if isinstance(value, list) else [value]
    words = [one.strip() for one in given if isinstance(one, str)]
    if any(one.startswith("~") for one in words):
        names = re.findall(r"[^\W\d]\w*", " ".join(words))
        told = "a formula, and formulas come from Python callers only"
        raise ModelError(told, "a list of names of columns", f"[{', '.join(map(repr, names))}]")
    if isinstance(value, str):
        raise ModelError("one text", "a list of names of columns", f"['{value}']")
    return value


def _prior_schema(families: list[str]) -> dict[str, Any]:
    def parameters(family: str) -> dict[str, Any]:
        count = len(FAMILIES[family].parameter_names())
        listed = {"type": "array", "items": {"type": "number"}, "minItems": count, "maxItems": count}
        return {"anyOf": [{"type": "number"}, listed]} if count == 1 else listed

    tables = [
        {
            "type": "object",
            "properties": {family: parameters(family)},
            "required": [family],
            "additionalProperties": False,
        }
        for family in families
    ]
    return {"anyOf": [{"const": "Flat"}, *tables]}


_ON_LINE = [name for name, family in FAMILIES.items() if not family.positive or name == "Flat"]
_ON_HALF_LINE = [name for name, family in FAMILIES.items() if family.positive]
MuPrior = Annotated[Any, PlainValidator(_prior_for_mu), WithJsonSchema(_prior_schema(_ON_LINE))]
Coefficients = Annotated[
    Any,
    PlainValidator(_coefficient_priors),
    WithJsonSchema(
        {"anyOf": [_prior_schema(_ON_LINE), {"type": "object", "additionalProperties": _prior_schema(_ON_LINE)}]}
    ),
]
Columns = Annotated[
    tuple[Words, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=list[Words])
]
TauPrior = Annotated[Any, PlainValidator(_prior_for_tau), WithJsonSchema(_prior_schema(_ON_HALF_LINE))]
SharePrior = Annotated[Any, PlainValidator(_prior_for_share), WithJsonSchema(_prior_schema(["Beta"]))]
Pair = Annotated[
    tuple[Words, ...],
    Field(min_length=2, max_length=2),
    BeforeValidator(_listed, json_schema_input_type=list[Words]),
]


class Table(Section):
    """A CSV file of the user's own, and the names of its columns."""

    file: Words = Field(description="path of a CSV file, relative to the analysis file")
    study: Words = Field(default="study", description="name of the column of study labels, used when it is there")
    y: Words = Field(default="y", description="name of the column of estimates on the analysis scale")
    se: Words = Field(default="se", description="name of the column of standard errors")
    v: Words | None = Field(default=None, description="name of the column of sampling variances, instead of se")
    n: Words = Field(default="n", description="name of the column of sample sizes, used when it is there")
    outcome: Words = Field(default="outcome", description="name of the column of outcomes, used when it is there")
    events: Pair | None = Field(
        default=None,
        description="names of the columns of events of the treated and of the controls, instead of y and se",
    )
    totals: Pair | None = Field(
        default=None, description="names of the columns of all persons, or of person-time, of the two arms"
    )
    decimal: Literal[".", ","] = Field(default=".", description="the decimal mark, '.' or ','")
    delimiter: Words | None = Field(
        default=None, max_length=1, description="the one character that separates cells, found by itself if left out"
    )
    encoding: Words = Field(default="utf-8", description="how the file's text is written, such as 'utf-8' or 'cp1252'")

    @model_validator(mode="after")
    def _one_of_se_and_v(self) -> Table:
        if self.v is not None and "se" in self.model_fields_set:
            raise ModelError("both se and v name a column", "one of the two")
        return self

    @model_validator(mode="after")
    def _counts_or_effects(self) -> Table:
        if (self.events is None) != (self.totals is None):
            given, missing = ("events", "totals") if self.totals is None else ("totals", "events")
            raise ModelError(f"'{given}' without '{missing}'", "both", f"{missing} = ['treated', 'control']")
        beside = sorted({"y", "se", "v"} & self.model_fields_set)
        if self.events is not None and beside:
            raise ModelError(f"'events' and '{beside[0]}' are both given", "counts, or effects with standard errors")
        return self


def _as_table(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class Reconstruct(Section):
    """A set of study tables that agree with published aggregates, where the study table itself is not public."""

    published: Words = Field(description="name of a packaged data set with published aggregates")
    outcome: Words | None = Field(default=None, description="the published outcome whose studies are reconstructed")
    moderator: Words | None = Field(
        default=None, description="the published moderator whose rows every table has to reproduce too"
    )
    tables: Whole = Field(default=200, ge=2, le=2000, description="number of tables, a whole number from 2 to 2000")
    seed: Whole = Field(ge=0, description="seed of the tables, a whole number of at least 0")
    nuts_tables: Whole = Field(
        default=3,
        ge=1,
        description="number of tables that NUTS answers beside the exact engine, a whole number above 0",
    )

    @model_validator(mode="after")
    def _enough_tables(self) -> Reconstruct:
        if self.nuts_tables > self.tables:
            found = f"nuts_tables = {self.nuts_tables} of {self.tables} tables"
            raise ModelError(found, "at most as many as there are tables")
        return self


class Data(Section):
    """Which studies: a packaged data set, a CSV file, or tables reconstructed from published aggregates."""

    dataset: Words | None = Field(default=None, description="name of a packaged data set")
    csv: Annotated[Table | None, BeforeValidator(_as_table, json_schema_input_type=str | Table | None)] = Field(
        default=None,
        description="path of a CSV file with columns study, y, se, or { file = 'my.csv', y = 'd' }",
    )
    reconstruct: Reconstruct | None = Field(
        default=None,
        description="published aggregates, as { published = 'working_alliance', outcome = 'recidivism', seed = 1 }",
    )
    outcome: Words | None = Field(default=None, description="the outcome whose rows are analysed")
    scale: Words | None = Field(default=None, description="scale of the effects, such as 'SMD' or 'log RR'")

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        given = [name for name in ("dataset", "csv", "reconstruct") if getattr(self, name) is not None]
        if len(given) != 1:
            found = (
                f"{' and '.join(map(repr, given))} are {'both' if len(given) == 2 else 'all'} given"
                if given
                else "none of 'dataset', 'csv' and 'reconstruct' is given"
            )
            raise ModelError(found, "one of the three", "dataset = 'working_alliance' or csv = 'my.csv'")
        if self.reconstruct is not None and self.outcome is not None:
            raise ModelError(
                "'outcome' is given beside 'reconstruct'",
                "the outcome among what is reconstructed",
                f"reconstruct = {{ outcome = '{self.outcome}', ... }}",
            )
        return self


class ModelSection(Section):
    """What is assumed, and the priors; priors left out are the defaults of the scale of effect."""

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
        needed = NEEDED.get(self.kind)
        if needed is not None and needed not in given:
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
    interval: Interval | None = Field(default=None, description="'wald', 't', 'hartung-knapp' or 'hartung-knapp-adhoc'")
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
    tune: Whole = Field(default=1000, ge=1, description="tuning draws in each chain, a whole number above 0")
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


class Sensitivity(Section):
    """What else could reasonably have been assumed."""

    prior_panel: Flag = Field(default=True, description="true to refit under a panel of priors on tau, false for none")
    tau: tuple[TauPrior, ...] = Field(
        default=(), description="the panel's priors on tau, instead of the scale's own panel"
    )
    mu: tuple[MuPrior, ...] = Field(default=(), description="priors on mu for further exact fits, such as ['Flat']")

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
    report: Report = Field(default_factory=Report, description="what is reported")


def schema() -> dict[str, Any]:
    """The JSON schema of an analysis file, for editors that check TOML while it is typed.

    Returns
    -------
    dict
        JSON values, by draft 2020-12.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Spec.model_json_schema()
