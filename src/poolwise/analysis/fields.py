"""What a value in an analysis file may be: numbers, words, names of columns, priors."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from poolwise import priors
from poolwise.errors import ModelError
from poolwise.model import (
    PET,
    ContaminatedRandomEffects,
    MetaRegression,
    RandomEffects,
    StepSelection,
    WeightFunction,
)
from poolwise.priors import FAMILIES, Prior
from poolwise.settings import unprintable

LARGEST = 2**63 - 1  # beyond it a whole number of a TOML file need not be read exactly (TOML 1.0, "Integer")


def _bounded(number: int) -> int:
    if abs(number) > LARGEST:
        raise ModelError("a whole number of more digits than a file may have", f"at most {LARGEST}")
    return number


Whole = Annotated[int, Field(strict=True), AfterValidator(_bounded)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _printable(text: str) -> str:
    bad = unprintable(text)
    if bad:
        raise ModelError(f"{text[:40]!a} holds {bad}", "text that can be printed", "removing it")
    return text


def _path(text: str) -> str:
    """A path; in double quotes a backslash and a letter may have become a tab or a line break."""
    spelt = text.translate(_ESCAPES)
    if spelt != text:
        told = f"a backslash in double quotes makes a tab, a line break or the like of '{spelt}'"
        raise ModelError(told, "the path of a file", f"single quotes, '{spelt}', or forward slashes")
    return _printable(text)


_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
FilePath = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_path)]
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
    if any(isinstance(number, int) and abs(number) > LARGEST for number in parameters):
        raise ModelError(f"a parameter of {family} has more digits than a number here can have", expected, advice)
    return priors.make(family, *parameters)


def _prior_that(takes: Callable[[Prior], object]) -> PlainValidator:
    """Reads a prior that a model takes there: its own words refuse any other."""

    def read(value: Any) -> Prior:
        prior = _prior(value)
        takes(prior)
        return prior

    return PlainValidator(read)


def _publication_weights(value: Any) -> Any:
    """Known weights in a list, or a prior."""
    if not isinstance(value, list):
        prior = _prior(value)
        StepSelection(sides=2, weights=prior)
        return prior
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in value):
        raise ModelError("the weights are not all numbers", "a list of numbers, or a prior", "[1, 0.5]")
    return tuple(float(number) for number in value)


def _prior_of_coefficient(value: Any) -> Prior:
    prior = _prior(value)
    MetaRegression("~ 1", beta=prior)
    return prior


def _coefficient_priors(value: Any) -> Any:
    """One prior for all coefficients, or priors by coefficient: `{ intercept = { Normal = [0, 1] } }`."""
    if isinstance(value, dict) and not set(value) & set(FAMILIES):
        return {str(name): _prior_of_coefficient(one) for name, one in value.items()}
    return _prior_of_coefficient(value)


def _listed(value: Any) -> Any:
    """Names of columns in a list; a formula would be evaluated as Python, which no file may ask for."""
    given = value if isinstance(value, list) else [value]
    words = [one.strip() for one in given if isinstance(one, str)]
    if any(one.startswith("~") for one in words):
        names = dict.fromkeys(re.findall(r"[^\W\d]\w*(?!\w|\()", " ".join(words)))
        told = "a formula, and formulas come from Python callers only"
        raise ModelError(told, "a list of names of columns", f"[{', '.join(map(repr, names))}]")
    if isinstance(value, str):
        raise ModelError("one text", "a list of names of columns", f"['{value}']")
    return value


def _alone_or_listed(value: Any) -> Any:
    """The name of a column, or names in a list."""
    return _listed([value] if isinstance(value, str) else value)


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


_JOINT = "RegularizedHorseshoe"  # on several coefficients
_ON_LINE = [name for name, family in FAMILIES.items() if (not family.positive or name == "Flat") and name != _JOINT]
_ON_HALF_LINE = [name for name, family in FAMILIES.items() if family.positive]
MuPrior = Annotated[Any, _prior_that(lambda prior: RandomEffects(mu=prior)), WithJsonSchema(_prior_schema(_ON_LINE))]
Coefficients = Annotated[
    Any,
    PlainValidator(_coefficient_priors),
    WithJsonSchema(
        {
            "anyOf": [
                _prior_schema([*_ON_LINE, _JOINT]),
                {"type": "object", "additionalProperties": _prior_schema([*_ON_LINE, _JOINT])},
            ]
        }
    ),
]
Columns = Annotated[
    tuple[Words, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=list[Words])
]
TauPrior = Annotated[
    Any, _prior_that(lambda prior: RandomEffects(tau=prior)), WithJsonSchema(_prior_schema(_ON_HALF_LINE))
]
SharePrior = Annotated[
    Any, _prior_that(lambda prior: ContaminatedRandomEffects(pi=prior)), WithJsonSchema(_prior_schema(["Beta"]))
]
SlopePrior = Annotated[
    Any, _prior_that(lambda prior: PET(b=prior)), WithJsonSchema(_prior_schema([*_ON_LINE, *_ON_HALF_LINE]))
]
DeltaPrior = Annotated[
    Any,
    _prior_that(lambda prior: WeightFunction("negexp", sides=2, delta=prior)),
    WithJsonSchema(_prior_schema(_ON_HALF_LINE)),
]
PublicationWeights = Annotated[
    Any,
    PlainValidator(_publication_weights),
    WithJsonSchema(
        {"anyOf": [{"type": "array", "items": {"type": "number"}, "minItems": 2}, _prior_schema(_ON_HALF_LINE)]}
    ),
]
Arms = Annotated[
    tuple[Words, ...],
    Field(min_length=1, max_length=2),
    BeforeValidator(_alone_or_listed, json_schema_input_type=Words | list[Words]),
]
AnyPrior = Annotated[Any, PlainValidator(_prior), WithJsonSchema(_prior_schema([*_ON_LINE, *_ON_HALF_LINE]))]
_SPELT: dict[Any, Any] = {Prior: AnyPrior, Sequence[str]: Columns, str: Words, float: Number, int: Whole, bool: Flag}


def spelt(annotation: Any) -> Any:
    """How a file spells a value with this annotation: the first of the known ones in it, or the words of a Literal.

    Parameters
    ----------
    annotation : type
        Such as ``Prior | None``, ``str | Sequence[str]`` or ``Literal["a", "b"]``.

    Returns
    -------
    type
        Which pydantic validates.

    Raises
    ------
    TypeError
        For one that no file could spell.
    """
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for member in members:
        if get_origin(member) is Literal:
            return member
    for known, file in _SPELT.items():
        if known in members:
            return file
    raise TypeError(f"no file can spell {annotation}")
