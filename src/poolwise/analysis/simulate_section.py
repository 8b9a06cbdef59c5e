"""The section [simulate] of an analysis file: which truths its methods are tried on, at the table's own precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from poolwise.analysis.fields import LARGEST, Number, Section, Whole
from poolwise.errors import ModelError, listing, nearest

if TYPE_CHECKING:
    from poolwise.simulate.characteristics import Mechanism

ESTIMATE = "estimate"
MOST = 24  # truths, each of which is a panel of the picture
MECHANISMS = ("Selection", "PHacking", "SmallStudyEffects", "SizesByEffect", "MisreportedErrors")
EXAMPLE = "mechanism = { Selection = { weights = [1, 0.2] } }"


def _listed(value: Any) -> Any:
    if value == []:  # not by a smallest length, which counts what is invalid as missing
        raise ModelError("an empty list", "one value or more")
    return value if isinstance(value, list) else [value]


def _mechanism(value: Any) -> tuple[Mechanism, ...]:
    """The mechanisms of a table, in its order: ``{ Selection = { weights = [1, 0.2] } }``."""
    from poolwise import simulate
    from poolwise.simulate.characteristics.mechanisms import as_mechanisms

    if not isinstance(value, dict) or not value:
        raise ModelError("this is no mechanism", f"a table of {listing(MECHANISMS)}", EXAMPLE)
    made = []
    for name, given in value.items():
        if name not in MECHANISMS:
            raise ModelError(f"there is no mechanism '{name}'", listing(MECHANISMS), nearest(name, MECHANISMS))
        made.append(_made(getattr(simulate, name), given))
    return as_mechanisms(made)


def _made(kind: Any, given: Any) -> Mechanism:
    known = {part.name: part.type for part in fields(kind)}
    if not isinstance(given, Mapping):
        raise ModelError(f"{kind.__name__} is not a table of its settings", f"keys among {listing(known)}", "{}")
    for name, setting in given.items():
        if name not in known:
            raise ModelError(f"{kind.__name__} has no '{name}'", listing(known), nearest(name, known))
        values = setting if isinstance(setting, list) else [setting]
        if isinstance(setting, list) != known[name].startswith("Sequence"):
            expected = "a list of numbers" if known[name].startswith("Sequence") else "one value"
            raise ModelError(f"{kind.__name__} has {name} = {setting}", expected)
        if known[name] != "str" and not all(map(_is_number, values)):
            raise ModelError(f"{kind.__name__} has {name} = {setting!r}", "numbers")
    settings = {name: tuple(one) if isinstance(one, list) else one for name, one in given.items()}
    return kind(**settings)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "object"} for name in MECHANISMS},
    "additionalProperties": False,
    "minProperties": 1,
}
Values = BeforeValidator(_listed, json_schema_input_type=Number | Literal["estimate"] | list[Number | str])
Law = Literal["normal", "skewed", "heavy-tailed", "two groups", "outliers"]


class Simulate(Section):
    """Tables with this one's k and standard errors, whose truth is known, on which its methods are tried."""

    mu: Annotated[tuple[Number | Literal["estimate"], ...] | None, Values] = Field(
        default=None,
        description="true mean effects, numbers on the analysis scale or 'estimate' for that of the main fit, such as "
        "[0, 'estimate']",
    )
    tau: Annotated[tuple[Annotated[Number, Field(ge=0)], ...] | None, Values] = Field(
        default=None,
        description="true between-study sds, numbers of at least 0, such as [0, 0.1, 0.2, 0.4]",
    )
    law: Annotated[tuple[Law, ...], BeforeValidator(_listed)] = Field(
        default=("normal",),
        description="laws of the true effects: 'normal', 'skewed', 'heavy-tailed', 'two groups', 'outliers'",
    )
    mechanism: Annotated[Any, PlainValidator(_mechanism), WithJsonSchema(_SCHEMA)] | None = Field(
        default=None,
        description="what comes between studies and the table, beside none, such as { Selection = { weights = [1, "
        "0.2] } }",
    )
    replications: Whole = Field(
        default=2000,
        ge=2,
        le=1_000_000,
        description="simulated tables of each truth, a whole number from 2 to 1000000",
    )
    seed: Whole = Field(default=1, ge=0, description="seed of the tables, a whole number of at least 0")
    tables: Whole = Field(
        default=2,
        ge=1,
        le=20,
        description="where tables are reconstructed, how many lend their standard errors beside equal ones, a whole "
        "number from 1 to 20",
    )

    @model_validator(mode="after")
    def _few_truths(self) -> Simulate:
        for name in ("mu", "tau", "law"):
            values = getattr(self, name) or ()
            if len(set(values)) < len(values):
                raise ModelError(f"'{name}' has a value twice: {list(values)}", "each value once")
        count = len(self.mu or (0, 1)) * len(self.tau or (0,) * 4) * len(self.law) * (1 + (self.mechanism is not None))
        if count > MOST:
            told = f"mu, tau, law and mechanism have {count} truths together"
            raise ModelError(told, f"at most {MOST}, each of which is a panel of a picture", "another file for others")
        return self
