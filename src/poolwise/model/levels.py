"""Levels of factors whose effects share a prior, as columns of a design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError
from poolwise.model.correlated import level_of_rows
from poolwise.priors import Prior
from poolwise.settings import as_names

Pooled = Sequence[str] | Mapping[str, Prior]


def named_factors(pooled: Pooled) -> tuple[str, ...] | dict[str, Prior]:
    """Names of factors as a tuple, or with the priors on their standard deviations as a dict.

    Raises
    ------
    ModelError
        For what is neither.
    """
    if isinstance(pooled, Mapping):
        return dict(pooled)
    names = as_names("pooled", pooled, "pooled=['setting']")
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ModelError(f"pooled = {pooled!r}", "names of columns, each once", "pooled=['setting']")
    return names


def with_levels(design: Design, effects: Effects, factors: Sequence[str]) -> Design:
    """The design with a column of 0 and 1 for each level of each factor, and one of 0 for a level yet unseen.

    Parameters
    ----------
    design : Design
        Of the other moderators.
    effects : Effects
    factors : sequence of str
        ``"study"`` (the studies as given), ``"outcome"``, or names of moderators.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        For a column that does not exist, misses values, or has one level.
    ModelError
        For a factor that is a moderator of the design as well.
    """
    rows = {name: level_of_rows(effects, name) for name in factors}
    for name, values in rows.items():
        if name in design.levels:
            raise ModelError(f"'{name}' is pooled and a moderator of {design.formula}", "one of the two")
        if len(set(values)) < 2:
            raise InputError(f"'{name}' is '{values[0]}' for all effects", "at least two levels")
    pooled = {name: tuple(sorted(set(values))) for name, values in rows.items()}
    extended = replace(
        design,
        names=(*design.names, *(f"{name}: {level}" for name, known in pooled.items() for level in known),
               *(f"{name}: new" for name in pooled)),
        formula=" + ".join([design.formula, *(f"(1 | {name})" for name in pooled)]),
        levels=dict(design.levels) | pooled,
        pooled=pooled,
    )  # fmt: skip
    X = np.column_stack([design.X, extended.level_columns(rows)])
    X.setflags(write=False)
    return replace(extended, X=X)
