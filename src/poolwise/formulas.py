"""What a formula names: the columns that it asks for, and those that it takes as levels; without its arithmetic."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from poolwise.errors import ModelError, nearest

if TYPE_CHECKING:
    from formulaic.parser.types import Factor

SUM_OF_COLUMNS = re.compile(r"~\s*[^\W\d]\w*(\s*\+\s*[^\W\d]\w*)*")  # what a list of columns says as well


def variables_of(moderators: str | Sequence[str]) -> list[str]:
    """The columns that a formula or a list of moderators asks for."""
    return _formula_variables(moderators.strip()) if isinstance(moderators, str) else list(moderators)


def _formula_variables(formula: str) -> list[str]:
    """The columns that a one-sided formula asks for."""
    if SUM_OF_COLUMNS.fullmatch(formula):
        return list(dict.fromkeys(name.strip() for name in formula.removeprefix("~").split("+")))
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    if "~" not in formula:
        raise ModelError(
            f"'{formula}' is no formula",
            "a formula or a list of columns",
            f"'~ {formula}' or ['{formula}']" if formula else "'~ dose' or ['dose']",
        )
    try:
        parsed = Formula(formula)
    except (FormulaicError, SyntaxError) as error:
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]
        raise ModelError(f"the formula '{formula}' cannot be read: {reason}", "'~ a + b'") from None
    if not isinstance(parsed, SimpleFormula):
        raise ModelError(
            f"the formula '{formula}' has more than one side", "'~ a + b': the effects are the left-hand side"
        )
    _check_operators(formula)
    factors = [factor for term in parsed for factor in term.factors]
    return list(dict.fromkeys(name for factor in factors for name in _names_in(factor)))


_CALL = re.compile(r"[^\W\d][\w.]*\([^()]*\)")
_NO_ARITHMETIC = re.compile(r"\d[\d.]*\s*/\s*[^\W\d]\w*|(?<!\))\b[^\W\d]\w*\s*(?:\*\*|\^)\s*\d+")


def _check_operators(formula: str) -> None:
    """Refuse ``1 / x`` and ``x ** 2``, which are ``x`` in a formula: there / nests terms, and ** crosses them."""
    bare = formula
    while (rest := _CALL.sub(" ", bare)) != bare:
        bare = rest
    found = _NO_ARITHMETIC.search(bare)
    if found:
        told = f"'{found[0]}' in the formula '{formula}' is no arithmetic: / nests terms, and ** crosses them"
        raise ModelError(told, "arithmetic within I(...)", f"I({found[0].replace('^', '**')})")


def _names_in(factor: Factor) -> list[str]:
    """The columns that one factor of a formula asks for: ``center(year)`` asks for ``year``."""
    from formulaic.transforms import TRANSFORMS

    if factor.eval_method.name == "LITERAL":
        return []
    if factor.eval_method.name == "LOOKUP":
        return [factor.expr]
    try:
        nodes = list(ast.walk(ast.parse(factor.expr, mode="eval")))
    except SyntaxError:
        raise ModelError(f"'{factor.expr}' in the formula cannot be read", "names without blanks") from None
    calls = [node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    unknown = [name for name in calls if name not in TRANSFORMS]
    if unknown:
        advice = f"np.{unknown[0]}(...)" if hasattr(np, unknown[0]) else nearest(unknown[0], TRANSFORMS)
        raise ModelError(f"'{factor.expr}' calls '{unknown[0]}', which formulas do not have", "a function", advice)
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    return [name for name in names if name not in TRANSFORMS]


def only_levels(formula: str) -> tuple[str, ...]:
    """Columns that a formula takes as levels only: ``C(dose)``."""
    inside = re.findall(r"\bC\(\s*([^\W\d]\w*)\s*[,)]", formula)
    outside = re.sub(r"\bC\(\s*[^\W\d]\w*\s*[,)]", " ", formula)
    return tuple(name for name in inside if not re.search(rf"\b{name}\b", outside))
