"""The order in which studies enter a cumulative meta-analysis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, MissingQuantityError, ModelError, described, listing, nearest, shown

Ints = NDArray[np.intp]
AS_GIVEN, EFFECT, PRECISION = "as given", "effect", ("se", "precision")
EXAMPLE = "by='year', by='se', by='effect', by='as given', or a list of all study labels"


@final
@dataclass(frozen=True, eq=False)
class Step:
    """One study that enters.

    Attributes
    ----------
    name : str
        Its label.
    value : object
        What it was ordered by; None where that is its place alone.
    rows : ndarray of int
        Its rows of the study table: all its effects enter together.
    """

    name: str
    value: Any
    rows: Ints


@final
@dataclass(frozen=True, eq=False)
class Order:
    """Studies in the order in which they enter.

    Attributes
    ----------
    steps : tuple of Step
    words : str
        The order in words: ``"year"``, ``"precision, the most precise study first"``.
    ties : int
        Studies whose value another one has as well; these enter in the order of the table.
    """

    steps: tuple[Step, ...]
    words: str
    ties: int


def order(effects: Effects, by: object) -> Order:
    """The studies in the order that `by` names.

    Parameters
    ----------
    effects : Effects
    by : str or sequence of str
        ``"se"`` or ``"precision"``, ``"effect"``, ``"as given"``, a column of the table, or all labels.

    Returns
    -------
    Order

    Raises
    ------
    MissingQuantityError
        For a column or label that the table does not have; the message offers the nearest.
    InputError
        When values are missing, or a list leaves studies out or names them twice.
    ModelError
        For something else.
    """
    studies = _studies(effects)
    if not isinstance(by, str):
        return _listed(by, studies)
    if by == AS_GIVEN:
        return Order(tuple(Step(name, None, rows) for name, rows in studies), "order of the table", 0)
    values, words = _values(effects, by)
    first = [values[rows[0]] if by != EFFECT else values[rows].mean() for _, rows in studies]
    gaps = [name for (name, _), value in zip(studies, first, strict=True) if pd.isna(value)]
    if gaps:
        raise InputError(
            f"'{by}' is missing for {listing(gaps)}, and a study without it has no place in the order",
            f"a value of '{by}' for each study",
            f"cumulative(pw.refit(result, effects.drop(study={shown(gaps[0])})), by='{by}'), or a list of labels",
        )
    try:
        places = sorted(range(len(first)), key=lambda i: first[i])  # stable: ties stay in the order of the table
    except TypeError:
        raise InputError(f"the values of '{by}' cannot be put in order", "numbers, or words alone", EXAMPLE) from None
    steps = tuple(Step(studies[i][0], first[i], studies[i][1]) for i in places)
    return Order(steps, words, int(pd.Series(first).duplicated(keep=False).sum()))


def _studies(effects: Effects) -> list[tuple[str, Ints]]:
    """Each study with its rows, in the order of the table."""
    several = len(set(effects.study_as_given)) < effects.k
    names = effects.study_as_given if several else effects.labels
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(str(name), []).append(i)
    return [(name, np.array(own)) for name, own in rows.items()]


def _values(effects: Effects, by: str) -> tuple[Any, str]:
    if by in PRECISION:
        return effects.se, "precision, the most precise study first"
    if by == EFFECT:
        return effects.y, "effect, the smallest first"
    frame = effects.to_frame()
    if by not in frame:
        raise MissingQuantityError(
            f"there is no column '{by}' to order the studies by",
            f"'se', 'effect', 'as given', or one of {listing(frame.columns, most=20)}",
            nearest(by, [*frame.columns, AS_GIVEN, EFFECT, *PRECISION]),
        )
    return frame[by].to_numpy(), by


def _listed(by: object, studies: Sequence[tuple[str, Ints]]) -> Order:
    if not isinstance(by, Iterable) or isinstance(by, bytes):
        raise ModelError(f"cumulative was given by={described(by)}", "the name of an order, or study labels", EXAMPLE)
    labels, rows = list(by), dict(studies)
    for label in labels:
        if label not in rows:
            name = label if isinstance(label, str) else shown(label)
            raise MissingQuantityError(f"by names '{name}', and there is no such study", advice=nearest(name, rows))
    twice = list(dict.fromkeys(label for label in labels if labels.count(label) > 1))
    if twice:
        raise InputError(f"by names {listing(twice)} more than once", "each study once")
    absent = [name for name in rows if name not in labels]
    if absent:
        raise InputError(
            f"by leaves out {listing(absent)}",
            f"all {len(rows)} studies, each once",
            "pw.refit(result, effects.drop(study=...)) for an analysis without them",
        )
    return Order(tuple(Step(name, None, rows[name]) for name in labels), "order given", 0)
