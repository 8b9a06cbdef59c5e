"""What is wrong in an analysis file, all of it in one message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final, get_args

from poolwise.errors import AnalysisError, PoolwiseError, closest, listing, sentence
from poolwise.model import Model
from poolwise.settings import option_meant

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


_MODELS = "|".join(one.__name__ for one in get_args(Model))


@final
@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    key : str
        Path of the key: ``"engines.closed_form[0].tau2"``.
    found, expected, advice : str
        What is there, what should be, what to try.
    """

    key: str
    found: str
    expected: str = ""
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {sentence(self.found, self.expected, self.advice)}"


def of_error(key: str, error: PoolwiseError, value: object = None) -> Problem:
    """The problem that an error of the package tells, at the key whose value led to it."""
    found = error.found if value is None else f"found {shown(value)}: {error.found}"
    return Problem(key, found, error.expected, _as_toml(error.advice))


def _as_toml(advice: str) -> str:
    """Advice that is given as Python, as an analysis file would spell it; left alone where a file has no such key.

    Examples
    --------
    >>> _as_toml("RandomEffects(mu=priors.Flat(), tau=priors.HalfNormal(0.5)) in the unit of the effects")
    "mu = 'Flat', tau = { HalfNormal = 0.5 } in the unit of the effects"
    """

    def prior(match: re.Match[str]) -> str:
        family, given = match.groups()
        if not given:
            return f"'{family}'"
        return f"{{ {family} = [{given}] }}" if "," in given else f"{{ {family} = {given} }}"

    words = re.sub(r"priors\.(\w+)\(([^()]*)\)", prior, advice)
    words = re.sub(r"prior_panel\(effects, priors=(\[.*\])\)", r"sensitivity.tau = \1, or prior_panel = false", words)
    words = re.sub(r"MetaRegression\((\[[^()]*\])\)", r"kind = 'meta-regression', moderators = \1", words)
    words = re.sub(r"Subgroups\(('[^()]*')\)", r"kind = 'subgroups', by = \1", words)
    words = re.sub(rf"(?:{_MODELS})\((?:\.\.\., )?([^()]*=[^()]*)\)", r"\1", words)
    words = re.sub(r"\b((?:mu|tau)(?:_\w+)?|encoding|decimal|delimiter)=(?=\S)", r"\1 = ", words)
    words = words.replace(" in Effects.from_frame", "")
    words = words.replace("effects.drop(study=...) for these rows", "a file without these rows")
    return words.replace("allow_single=True", "in Python Effects(..., allow_single=True)")


def tried[T](key: str, found: list[Problem], make: Callable[[], T]) -> T | None:
    """What `make` makes, or None when it raises an error of the package, which joins what was found.

    Parameters
    ----------
    key : str
        Path of the key whose value led to it.
    found : list of Problem
        What is wrong so far; grows.
    make : callable
        Without arguments.

    Returns
    -------
    object or None
    """
    try:
        return make()
    except PoolwiseError as error:
        found.append(of_error(key, error))
        return None


def of_validation(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """The problems that pydantic found.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    root : type of BaseModel
        What it validated against.

    Returns
    -------
    list of Problem
        Each with the expectation of its field and the nearest known name.
    """
    problems = [_translated(detail, root) for detail in error.errors(include_url=False)]
    return list({(problem.key, problem.found): problem for problem in reversed(problems)}.values())[::-1]


def together(path: Path, problems: Iterable[Problem]) -> AnalysisError:
    """One error that lists every problem of a file."""
    lines = [str(problem) for problem in problems]
    if len(lines) == 1:
        return AnalysisError(f"{path}: {lines[0]}")
    numbered = "\n".join(f"  {number}. {line}" for number, line in enumerate(lines, start=1))
    return AnalysisError(f"{path} has {len(lines)} problems:\n{numbered}")


def shown(value: object) -> str:
    """A value as the file spells it, cut when long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _section_with(owner: type[BaseModel] | None, location: tuple[int | str, ...]) -> str:
    """Where a key belongs that a section within this one has; empty when none has it."""
    name = str(location[-1])
    for section, field in owner.model_fields.items() if owner else ():
        inner = _model_in(field.annotation)
        if inner is not None and name in inner.model_fields:
            return f"'{name}' within [{_path((*location[:-1], section))}], beside its other keys"
    return ""


def _translated(detail: ErrorDetails, root: type[BaseModel]) -> Problem:
    location, value = _without_branch(detail["loc"]), detail["input"]
    key = _path(location)
    if detail["type"] in ("model_type", "model_attributes_type"):
        return Problem(key, f"found {shown(value)}", f"a section [{key}] of keys and values")
    owner = _model_at(root, location[:-1])
    known = list(owner.model_fields) if owner else []
    field = owner.model_fields.get(str(location[-1])) if owner and location else None
    described = _description(root, location)
    if detail["type"] == "extra_forbidden":
        found = f"unknown key, with the value {shown(value)}"
        advice = _section_with(owner, location) or closest(str(location[-1]), known)
        return Problem(key, found, f"one of the keys {listing(known, 20)}", advice)
    if detail["type"] == "missing":
        return Problem(key, "this key is missing", described)
    if detail["type"] == "value_error":
        cause = detail["ctx"]["error"]
        if isinstance(cause, PoolwiseError):
            is_section = field is not None and _model_in(field.annotation) is not None
            return of_error(key or "the file", cause, None if is_section else value)
    if detail["type"] == "literal_error" and field is not None:
        options = [str(option) for option in _literals(field.annotation)]
        advice = option_meant(str(location[-1]), value, options)
        return Problem(key, f"found {shown(value)}", f"one of {listing(options, 20)}", advice)
    return Problem(key, f"found {shown(value)}", described or detail["msg"])


def _without_branch(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A location without the type that pydantic tried there: ``simulate.mu[0]`` of ``simulate.mu[0].float``."""
    last = location[-1] if len(location) > 1 and isinstance(location[-2], int) else None
    branch = isinstance(last, str) and (last in ("float", "int", "str", "bool") or last.startswith("literal["))
    return location[:-1] if branch else location


def _path(location: tuple[int | str, ...]) -> str:
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return words.removeprefix(".")


def _model_at(root: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = root
    for part in location:
        if isinstance(part, str):
            field = model.model_fields.get(part) if model else None
            model = _model_in(field.annotation) if field else None
    return model


def _description(root: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """The description of the innermost named field of a location."""
    names = [part for part in location if isinstance(part, str)]
    for cut in range(len(names), 0, -1):
        owner = _model_at(root, tuple(names[: cut - 1]))
        field: FieldInfo | None = owner.model_fields.get(names[cut - 1]) if owner else None
        if field is not None:
            return field.description or ""
    return ""


def _model_in(annotation: Any) -> type[BaseModel] | None:
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _literals(annotation: Any) -> list[object]:
    parts = get_args(annotation)
    if parts and all(isinstance(part, str) for part in parts):
        return list(parts)
    return next((found for part in parts if (found := _literals(part))), [])
