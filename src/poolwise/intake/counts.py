"""Two arms with counted events: effects from counts, and the counts back from a study table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import Rows, study_labels

if TYPE_CHECKING:
    from poolwise.effects import Effects

Array = NDArray[np.float64]
EVENTS = ("events_treated", "events_control")
TOTALS = ("total_treated", "total_control")
MEASURES = ("log OR", "log RR", "log IRR")
CORRECTION = 0.5


def from_counts(
    cls: type[Effects],
    events: ArrayLike,
    totals: ArrayLike,
    *,
    measure: str = "log OR",
    study: Sequence[object] | None = None,
    moderators: pd.DataFrame | Mapping[str, Any] | None = None,
) -> Effects:
    """Two-arm studies from their events, as log ratios with standard errors; the counts stay in the table.

    log OR = log(a d / (b c)), v = 1/a + 1/b + 1/c + 1/d; log RR = log(a / n1) - log(c / n2), v = 1/a - 1/n1 + 1/c -
    1/n2; log IRR = log(a / t1) - log(c / t2), v = 1/a + 1/c. Tables with an empty cell get 0.5 in every cell for these
    figures; `BinomialNormal` and `PoissonNormal` use the counts themselves.

    Parameters
    ----------
    events : array_like
        Persons with the event (events, for a rate) of the treated and of the controls, shape (k, 2).
    totals : array_like
        All persons of the two arms, or their person-time for ``"log IRR"``, shape (k, 2).
    measure : str
        ``"log OR"``, ``"log RR"`` or ``"log IRR"``.
    study, moderators
        As for the class.

    Returns
    -------
    Effects
        On that scale, with the columns ``events_treated``, ``events_control``, ``total_treated``, ``total_control``
        beside the moderators.

    Raises
    ------
    InputError
        For counts that are negative, not whole, or more than there are persons, naming the rows.

    References
    ----------
    Higgins et al. (2023), Cochrane Handbook for Systematic Reviews of Interventions, chapter 10.4.

    Examples
    --------
    >>> from poolwise import Effects
    >>> events, totals = [[4, 11], [6, 29], [3, 11]], [[123, 139], [306, 303], [231, 220]]
    >>> Effects.from_counts(events, totals, measure="log RR").y.round(3).tolist()
    [-0.889, -1.585, -1.348]
    """
    rows = Rows(study_labels(study)[0])
    found, sizes = _checked(events, "events", rows), _checked(totals, "totals", rows)
    if found.shape != sizes.shape:
        raise InputError(f"events has the shape {found.shape} and totals {sizes.shape}", "(k, 2) for both")
    check_counts(found, sizes, measure, rows)
    y, v = log_ratio(found, sizes, measure)
    columns = dict(zip((*EVENTS, *TOTALS), (*found.T, *sizes.T), strict=True))
    given = {} if moderators is None else {str(name): list(column) for name, column in moderators.items()}
    empty = np.flatnonzero(_empty(found, sizes, measure))
    notes = [f"0.5 was added to the cells of {len(empty)} tables with an empty one, for the effects shown"]
    return cls(
        y,
        v=v,
        study=study,
        moderators=pd.DataFrame({**given, **columns}),
        n=None if measure == "log IRR" else sizes.sum(axis=1),
        scale=measure,
        notes=notes if len(empty) else (),
    )


def log_ratio(events: Array, totals: Array, measure: str) -> tuple[Array, Array]:
    """Log ratios and their sampling variances, shape (..., k), from counts of shape (..., k, 2)."""
    more = np.where(_empty(events, totals, measure), CORRECTION, 0.0)[..., None]
    a, rest = events + more, totals - events + more
    if measure == "log OR":
        logs, v = np.log(a) - np.log(rest), 1.0 / a + 1.0 / rest
    elif measure == "log RR":
        logs, v = np.log(a) - np.log(a + rest), 1.0 / a - 1.0 / (a + rest)
    else:
        logs, v = np.log(a) - np.log(totals), 1.0 / a
    return logs[..., 0] - logs[..., 1], v.sum(axis=-1)


def _empty(events: Array, totals: Array, measure: str) -> NDArray[np.bool_]:
    """Which tables have an empty cell."""
    none = (events == 0).any(axis=-1)
    return none if measure == "log IRR" else none | (events == totals).any(axis=-1)


def informative(events: Array, totals: Array, measure: str) -> int:
    """How many tables say how large an effect may be in both directions: those without an empty cell."""
    return int((~_empty(events, totals, measure)).sum())


def counts_of(effects: Effects, measure: str) -> tuple[Array, Array]:
    """Events and totals of a study table, shape (k, 2).

    Raises
    ------
    InputError
        When it has no such columns, or they are no counts.
    """
    columns = effects.moderators
    missing = [name for name in (*EVENTS, *TOTALS) if name not in columns]
    if missing:
        raise InputError(
            f"the table has no column {listing(missing)}",
            "counts of both arms",
            "pw.Effects.from_counts(events, totals)",
        )
    events, totals = (columns[list(names)].to_numpy(dtype=float) for names in (EVENTS, TOTALS))
    check_counts(events, totals, measure, effects.rows)
    return events, totals


def check_counts(events: Array, totals: Array, measure: str, rows: Rows) -> None:
    """Refuse what cannot be counts.

    Raises
    ------
    InputError
        Naming the rows.
    """
    if measure not in MEASURES:
        raise InputError(f"measure = {measure!r}", " or ".join(f"'{one}'" for one in MEASURES))
    persons = measure != "log IRR"
    wrong = ~(np.isfinite(events) & np.isfinite(totals) & (events >= 0) & (totals > 0) & (events == np.round(events)))
    if persons:
        wrong |= (events > totals) | (totals != np.round(totals))
    bad = wrong.any(axis=1)
    if bad.any():
        most = "whole numbers with 0 <= events <= persons" if persons else "whole events and a person-time above 0"
        raise InputError(f"the counts of {rows.names(bad)} are impossible", most)


def _checked(values: ArrayLike, name: str, rows: Rows) -> Array:
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name} holds something that is no number", "counts, shape (k, 2)") from None
    if found.ndim != 2 or found.shape[1] != 2:
        raise InputError(f"{name} has the shape {found.shape}", "a column for the treated and one for the controls")
    return found
