"""Numbers that are missing for some studies, or known with an error: what a design takes in their place."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.design import Design, matrix
from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, PoolwiseWarning, nearest
from poolwise.formulas import variables_of
from poolwise.intake.cells import numbers

Array = NDArray[np.float64]
SAME = 1e-8  # relative; of a design that is linear in a moderator


@final
@dataclass(frozen=True, eq=False)
class Uncertain:
    """A design that is linear in moderators whose values are uncertain.

    Attributes
    ----------
    names : tuple of str
        The J uncertain moderators.
    design : Design
        With the observed mean in the place of missing values.
    X, slopes : ndarray
        The design where every uncertain moderator is at its observed mean, shape (k, p), and what one observed
        standard deviation of each adds, shape (k, J, p).
    x, se_x, seen : ndarray
        Observed values and their standard errors in observed standard deviations from the observed mean (0 where
        missing), and 1 where there is one, shape (k, J).
    centre, unit : ndarray
        Observed means and standard deviations, shape (J,).

    References
    ----------
    Carroll et al. 2006, Measurement Error in Nonlinear Models, 2nd ed., chapter 8, 10.1201/9781420010138.
    """

    names: tuple[str, ...]
    design: Design
    X: Array
    slopes: Array
    x: Array
    se_x: Array
    seen: Array
    centre: Array
    unit: Array


def uncertain(
    effects: Effects, moderators: str | Sequence[str], errors: Mapping[str, str], *, missing: bool
) -> Uncertain:
    """What a meta-regression takes from moderators with missing values or errors of measurement.

    Parameters
    ----------
    effects : Effects
    moderators : str or sequence of str
        As in `poolwise.design`; words are known (see `missing_levels`).
    errors : mapping of str to str
        By moderator, the column that holds the standard errors of its values.
    missing : bool
        Whether missing values are unknowns; an error otherwise.

    Returns
    -------
    Uncertain

    Raises
    ------
    ModelError
        For errors of a moderator of words, and a formula that is not linear in an uncertain moderator.
    InputError
        For fewer than three observed values, and standard errors that are none.

    References
    ----------
    Carroll et al. 2006, Measurement Error in Nonlinear Models, 2nd ed., chapter 8, 10.1201/9781420010138.
    """
    frame = effects.moderators
    wanted = [name for name in variables_of(moderators) if name in frame]
    check_errors(frame[wanted], errors)
    gaps = [name for name in wanted if frame[name].isna().any()]
    if gaps and not missing:
        rows = effects.rows.names(frame[gaps[0]].isna().to_numpy(dtype=bool))
        raise InputError(
            f"the moderator '{gaps[0]}' is missing for {rows}",
            "a value for each study",
            "missing='model'",
        )
    names = tuple(name for name in wanted if name in errors or name in gaps)
    values = np.column_stack([_numbers(frame[name], name) for name in names]) if names else np.empty((effects.k, 0))
    seen = np.isfinite(values)
    centre = np.array([column[here].mean() for column, here in zip(values.T, seen.T, strict=True)])
    unit = np.array([column[here].std(ddof=1) for column, here in zip(values.T, seen.T, strict=True)])
    filled = frame.copy()
    for j, name in enumerate(names):
        filled[name] = np.where(seen[:, j], values[:, j], centre[j])
    design = matrix(with_moderators(effects, filled), moderators)
    table = pd.DataFrame({name: _column(effects, filled, name) for name in design.levels})
    at_centre = dict(zip(names, centre.tolist(), strict=True))
    X = design.at(_at(table, at_centre))
    each = [_slope(design, table, names, j, centre, unit) for j in range(len(names))]
    slopes = np.stack(each, axis=1) if names else np.empty((effects.k, 0, design.p))
    se_x = np.column_stack([_errors(effects, name, errors) for name in names]) if names else np.empty((effects.k, 0))
    x = np.where(seen, values - centre, 0.0) / unit
    if not np.allclose(X + (x[..., None] * slopes).sum(axis=1), design.X, rtol=SAME, atol=SAME * np.abs(X).max()):
        raise _not_linear(design, names)
    return Uncertain(names, design, X, slopes, x, se_x / unit, seen.astype(float), centre, unit)


def _slope(
    design: Design, rows: pd.DataFrame, names: tuple[str, ...], j: int, centre: Array, unit: Array
) -> Array:  # fmt: skip
    """Change of the design for one observed sd of moderator j, wherever it stands."""
    others = dict(zip(names, centre.tolist(), strict=True))
    low, mid, high = (design.at(_at(rows, others | {names[j]: centre[j] + step * unit[j]})) for step in (0, 1, 3))
    if not np.allclose(high - low, 3.0 * (mid - low), rtol=SAME, atol=SAME * np.abs(low).max()):
        raise _not_linear(design, names)
    return np.asarray(mid - low)


def _at(rows: pd.DataFrame, values: Mapping[str, float]) -> pd.DataFrame:
    """The rows with these values of some moderators."""
    moved = rows.copy()
    for name, value in values.items():
        moved[name] = value
    return moved


def _not_linear(design: Design, names: tuple[str, ...]) -> ModelError:
    return ModelError(
        f"{design.formula} is not linear in {' and '.join(names)}, whose values are uncertain",
        "each of them by itself, or times moderators that are known",
        "a column with the transformed values, as a moderator of its own",
    )


def _numbers(column: pd.Series, name: str) -> Array:
    values = column.to_numpy(dtype=float)
    if np.isfinite(values).sum() < 3 or np.nanstd(values) == 0.0:
        raise InputError(f"the moderator '{name}' has too few different values", "three observed values or more")
    return values


def _errors(effects: Effects, name: str, errors: Mapping[str, str]) -> Array:
    if name not in errors:
        return np.zeros(effects.k)
    if errors[name] not in effects.moderators:
        columns = [str(column) for column in effects.moderators]
        raise InputError(f"there is no column '{errors[name]}'", advice=nearest(errors[name], columns))
    column = errors[name]
    se, _ = numbers(effects.moderators[column], f"the standard error '{column}'", effects.rows)
    seen = np.isfinite(effects.moderators[name].to_numpy(dtype=float))
    if not (np.isfinite(se[seen]) & (se[seen] >= 0.0)).all():
        raise InputError(
            f"'{errors[name]}' holds no standard error for some values of '{name}'", "numbers of at least 0"
        )
    return np.where(seen, se, 0.0)


def _column(effects: Effects, filled: pd.DataFrame, name: str) -> object:
    return filled[name].to_numpy() if name in filled else list(getattr(effects, name))


def check_errors(frame: pd.DataFrame, errors: Mapping[str, str]) -> None:
    """Refuse errors of what is no moderator among these, or is made of words."""
    for name in errors:
        if name not in frame:
            raise ModelError(f"errors has '{name}'", "a moderator of this model", nearest(name, map(str, frame)))
        if is_words(frame[name]):
            raise ModelError(
                f"errors has '{name}', which is made of words",
                "a moderator made of numbers",
                f"errors without '{name}'",
            )


def is_words(column: pd.Series) -> bool:
    """Whether a moderator is made of words, or of yes and no."""
    return not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def with_moderators(effects: Effects, moderators: pd.DataFrame) -> Effects:
    """The same table with other moderators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)
        return Effects(
            effects.y, se=effects.se, study=effects.study, outcome=effects.outcome, n=effects.n,
            moderators=moderators, scale=effects.scale, allow_single=True,
        )  # fmt: skip
