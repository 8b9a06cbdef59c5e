"""The section [data] of an analysis file: which studies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from poolwise.analysis.fields import Arms, FilePath, Number, Section, Whole, Words
from poolwise.errors import ModelError
from poolwise.reconstruct import Plausible

# Fields that several tables have.
Decimal = Annotated[
    Literal[".", ","] | None, Field(description="the decimal mark, '.' or ',', found by itself if left out")
]
Delimiter = Annotated[
    Words | None,
    Field(max_length=1, description="the one character that separates cells, found by itself if left out"),
]
Encoding = Annotated[
    Words | None, Field(description="how the file's text is written, such as 'cp1252'; UTF-8 or UTF-16 if left out")
]
Sides = Annotated[Literal[1, 2] | None, Field(description="sides of reported p-values, 1 or 2")]
Level = Annotated[
    Number | None, Field(gt=0, lt=1, description="probability of reported intervals, as the table tells if left out")
]
BaseRate = Annotated[
    Number | None, Field(gt=0, lt=1, description="risk without treatment, between odds and risk ratios")
]
Responses = Annotated[
    Literal["logistic", "normal"], Field(description="distribution of the responses behind an odds ratio")
]
Columns = Annotated[
    dict[Words, Words], Field(description="column by statistic where names are unusual, as { n1 = 'Patients A' }")
]
Target = Annotated[
    Words, Field(description="code of the measure that all rows are brought to, such as 'SMD', 'OR' or 'ZCOR'")
]


class Table(Section):
    """A CSV file of the user's own, and the names of its columns."""

    file: FilePath = Field(description="path of a CSV file, relative to the analysis file")
    study: Words = Field(default="study", description="name of the column of study labels, used when it is there")
    y: Words = Field(default="y", description="name of the column of estimates on the analysis scale")
    se: Words = Field(default="se", description="name of the column of standard errors")
    v: Words | None = Field(default=None, description="name of the column of sampling variances, instead of se")
    n: Words = Field(default="n", description="name of the column of sample sizes, used when it is there")
    outcome: Words = Field(default="outcome", description="name of the column of outcomes, used when it is there")
    events: Arms | None = Field(
        default=None,
        description="names of the columns of events of the treated and of the controls, or of one arm, instead of y "
        "and se",
    )
    totals: Arms | None = Field(
        default=None, description="names of the columns of all persons, or of person-time, of the two arms, or of one"
    )
    drop00: bool = Field(
        default=True, description="leave out trials without events, or with nothing else, in both arms of counts"
    )
    decimal: Decimal = None
    delimiter: Delimiter = None
    encoding: Encoding = None

    @model_validator(mode="after")
    def _one_of_se_and_v(self) -> Table:
        if self.v is not None and "se" in self.model_fields_set:
            raise ModelError("both se and v name a column", "one of the two")
        return self

    @model_validator(mode="after")
    def _counts_or_effects(self) -> Table:
        if (self.events is None) != (self.totals is None):
            given, missing = ("events", "totals") if self.totals is None else ("totals", "events")
            one = len(self.events or self.totals or ()) == 1
            example = "'column'" if one else "['treated', 'control']"
            raise ModelError(f"'{given}' without '{missing}'", "both", f"{missing} = {example}")
        if self.events is not None and self.totals is not None and len(self.events) != len(self.totals):
            told = f"'events' names {len(self.events)} and 'totals' {len(self.totals)} of the columns"
            raise ModelError(told, "as many in both: two for two arms, one for one")
        beside = sorted({"y", "se", "v"} & self.model_fields_set)
        if self.events is not None and beside:
            raise ModelError(f"'events' and '{beside[0]}' are both given", "counts, or effects with standard errors")
        return self


LEFT_OUT = "leave out estimates that are adjusted for other variables"


class Statistics(Section):
    """A CSV file or workbook whose rows report statistics: means, t, r, tables, odds ratios with intervals."""

    file: FilePath = Field(description="path of a CSV file or a workbook (.xlsx), relative to the analysis file")
    sheet: Words | None = Field(
        default=None, description="name of the sheet of a workbook: 'results', or the first, if left out"
    )
    target: Target
    columns: Columns = Field(default_factory=dict)
    study: Words | None = Field(default=None, description="name of the column of study labels, found if left out")
    outcome: Words | None = Field(default=None, description="name of the column of outcomes")
    adjusted: Words | None = Field(default=None, description="name of the column that tells adjusted estimates")
    without_adjusted: bool = Field(default=False, description=LEFT_OUT)
    prob: Level = None
    sides: Sides = None
    base_rate: BaseRate = None
    responses: Responses = "logistic"
    arm: Words | None = Field(
        default=None, description="name of the column of arms, where each arm has a row of its own; found if left out"
    )
    reference: Words | dict[Words, Words] | None = Field(
        default=None, description="the control arm, or the control of each arm as { CBT = 'waitlist' }"
    )
    rules: tuple[Literal["peterson-brown", "greiner"], ...] = Field(
        default=(), description="conversions that are made only when asked for: 'peterson-brown', 'greiner'"
    )
    decimal: Decimal = None
    delimiter: Delimiter = None
    encoding: Encoding = None


RULES = ("Average", "Largest", "FirstReport")


class Rule(Section):
    """A rule that makes one row of several results of one sample, with the correlation between them."""

    Average: Number | None = Field(
        default=None, ge=0, lt=1, description="the mean of the results; the correlation between them, from 0 to below 1"
    )
    Largest: Number | None = Field(
        default=None, ge=0, lt=1, description="the result of the largest sample; the correlation where several are"
    )
    FirstReport: Number | None = Field(
        default=None, ge=0, lt=1, description="the results of the first report; the correlation where it has several"
    )

    @property
    def choice(self) -> tuple[str, float]:
        """Which rule, and its correlation."""
        ((name, r),) = self.given
        return name, r

    @property
    def given(self) -> tuple[tuple[str, float], ...]:
        """Every rule that has a correlation."""
        pairs = ((name, getattr(self, name)) for name in RULES)
        return tuple((name, r) for name, r in pairs if r is not None)

    @model_validator(mode="after")
    def _one_rule(self) -> Rule:
        if len(self.given) != 1:
            told = " and ".join(name for name, _ in self.given) or "no rule"
            raise ModelError(told, f"one of {', '.join(RULES)}", "{ Average = 0.7 }")
        return self


class CodingProtocol(Section):
    """The coding protocol of a review: every reported result, brought to one measure and one row for each sample."""

    file: FilePath = Field(description="path of a CSV or XLSX protocol, relative to the analysis file")
    target: Target
    rule: Rule | None = Field(
        default=None, description="what makes one row of several results of a sample, as { Average = 0.7 }"
    )
    overlap: Rule | None = Field(
        default=None, description="the rule for samples that several reports share, as { Largest = 0.7 }"
    )
    overlap_of: dict[Words, Rule] = Field(
        default_factory=dict,
        description="rules for single samples that reports share, as { Ash = { Average = 0.7 } }",
    )
    apart: Number | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="keep every result, with this correlation between the sampling errors of one sample",
    )
    columns: Columns = Field(default_factory=dict)
    without_adjusted: bool = Field(default=False, description=LEFT_OUT)
    prob: Level = None
    sides: Sides = None
    base_rate: BaseRate = None
    responses: Responses = "logistic"
    decimal: Decimal = None

    @property
    def outcome(self) -> None:
        """No name of a column: a protocol has one that is called so."""
        return

    @model_validator(mode="after")
    def _rules_or_apart(self) -> CodingProtocol:
        rules = {"rule": self.rule, "overlap": self.overlap, "overlap_of": self.overlap_of}
        if self.apart is not None and any(rules.values()):
            found = f"'apart' and '{next(name for name, rule in rules.items() if rule)}' are both given"
            raise ModelError(found, "one row for each sample by rules, or every result apart")
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

    restarts: Whole = Field(
        default=4,
        ge=0,
        le=50,
        description="starts of the search for either end of each answer, a whole number from 0 (no search) to 50",
    )
    se_min: Number = Field(default=Plausible.se_min, ge=0, description="smallest standard error of a plausible study")
    se_max: Number = Field(default=Plausible.se_max, gt=0, description="largest standard error of a plausible study")
    d_max: Number = Field(default=Plausible.d_max, gt=0, description="largest absolute effect of a plausible study")

    @property
    def plausible(self) -> Plausible:
        """Limits on single studies."""
        return Plausible(self.se_min, self.se_max, self.d_max)

    @model_validator(mode="after")
    def _limits_in_order(self) -> Reconstruct:
        if not self.se_min < self.se_max:
            raise ModelError(f"se_min = {self.se_min:g} and se_max = {self.se_max:g}", "se_min below se_max")
        return self

    @model_validator(mode="after")
    def _enough_tables(self) -> Reconstruct:
        if self.nuts_tables > self.tables:
            found = f"nuts_tables = {self.nuts_tables} of {self.tables} tables"
            raise ModelError(found, "at most as many as there are tables")
        return self


SOURCES = ("dataset", "csv", "statistics", "protocol", "reconstruct")


class Data(Section):
    """Which studies: a packaged data set, a file of effects, statistics or a protocol, or reconstructed tables."""

    dataset: Words | None = Field(default=None, description="name of a packaged data set")
    csv: Annotated[Table | None, BeforeValidator(_as_table, json_schema_input_type=str | Table | None)] = Field(
        default=None,
        description="path of a CSV file with columns study, y, se, or { file = 'my.csv', y = 'd' }",
    )
    statistics: Statistics | None = Field(
        default=None,
        description="a CSV file of reported statistics, as { file = 'reports.csv', target = 'SMD' }",
    )
    protocol: CodingProtocol | None = Field(
        default=None,
        description="a coding protocol, as { file = 'protocol.csv', target = 'SMD', rule = { Average = 0.7 } }",
    )
    flow: dict[Words, Whole | dict[Words, Whole]] | None = Field(
        default=None,
        description="numbers of the PRISMA flow by box, as { identified = { databases = 120 }, screened = 100, ... }",
    )
    reconstruct: Reconstruct | None = Field(
        default=None,
        description="published aggregates, as { published = 'working_alliance', outcome = 'recidivism', seed = 1 }",
    )
    outcome: Words | None = Field(default=None, description="the outcome whose rows are analysed")
    scale: Words | None = Field(default=None, description="scale of the effects, such as 'SMD' or 'log RR'")

    @property
    def own(self) -> Table | Statistics | CodingProtocol | None:
        """The user's own file, where there is one."""
        return self.csv or self.statistics or self.protocol

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            found = (
                f"{' and '.join(map(repr, given))} are {'both' if len(given) == 2 else 'all'} given"
                if given
                else f"none of {', '.join(map(repr, SOURCES[:-1]))} and '{SOURCES[-1]}' is given"
            )
            raise ModelError(found, "one of them", "dataset = 'working_alliance' or csv = 'my.csv'")
        if self.reconstruct is not None and self.flow is not None:
            told = "'flow' is given beside 'reconstruct', whose report shows ranges over tables and no review"
            raise ModelError(told, "no 'flow'")
        if self.reconstruct is not None and self.outcome is not None:
            raise ModelError(
                "'outcome' is given beside 'reconstruct'",
                "the outcome among what is reconstructed",
                f"reconstruct = {{ outcome = '{self.outcome}', ... }}",
            )
        return self
