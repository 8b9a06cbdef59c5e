"""Leave out every study in turn by NUTS: one refit of the compiled model for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.checks.leave_one_out.by_quadrature import Found, gathered, masks, summary
from poolwise.engines.exact.left_out import refits
from poolwise.engines.nuts.left_out import DrawnWithout, drawn_without, whole_means
from poolwise.engines.nuts.stored_draws import Folder
from poolwise.result import Result

Array = NDArray[np.float64]


def leave_out_by_nuts(
    result: Result, prob: float, kept: Folder | None, progress: Callable[[int, int, str], None] | None
) -> tuple[Found, Array]:
    """Leave out each study, or whatever else is independent of the others given the parameters.

    Parameters
    ----------
    result : Result
        By NUTS, of the whole table.
    prob : float
        Probability of the equal-tailed intervals.
    kept : Folder, optional
        Where the draws of each refit are kept.
    progress : callable, optional
        Told of each refit as it begins: its number, how many there are, what is left out.

    Returns
    -------
    found : Found
    mcse : ndarray
        Monte Carlo standard error of the log density, for each row of `Found.rows`.

    Raises
    ------
    KeyboardInterrupt
        When a refit was interrupted.

    References
    ----------
    Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413, 10.1007/s11222-016-9696-4, for the exact refits.
    """
    effects, model, engine = result.effects, result.model, result.engine
    apart = refits(effects, model)
    units, whole = apart.units, whole_means(effects, model)
    keep, status, expected = masks(effects.k, apart)
    names: tuple[str, ...] = ()
    summaries, columns, errors = [], [], []
    for number, u in enumerate(expected, start=1):
        if progress is not None:
            progress(number, len(expected), units[u].name)
        place = None if kept is None else kept.place(f"{result.label} without {units[u].name}")
        less = drawn_without(effects, model, engine, keep[u], whole, place)
        _go_on(less, number, len(expected))
        if not names:
            names = tuple(less.moved)
            summaries.append(summary({name: result[name] for name in names}, prob))
        summaries.append(summary(less.moved, prob))
        density, error = less.log_density(effects, units[u].rows)
        part = [_expected(less, int(i), effects.y[i], effects.se[i], prob) for i in units[u].rows]
        columns += [(density, *row) for row in part]
        errors += [error] * len(units[u].rows)
        if less.result.report.failed:
            status[u] = less.result.report.status
        elif np.isnan([row[3] for row in part]).any():
            status[u] = "moment_does_not_exist"
    return Found(units, tuple(status), expected, gathered(columns, summaries), names), np.array(errors)


def _go_on(less: DrawnWithout, number: int, total: int) -> None:
    if any(finding.status == "interrupted" for finding in less.result.report.findings):
        raise KeyboardInterrupt(f"leave-one-out was interrupted in refit {number} of {total}")


def _expected(less: DrawnWithout, row: int, y: float, se: float, prob: float) -> tuple[float, ...]:
    """Columns of `LeftOut` from below to upper, for one estimate."""
    law = less.expected(row, float(se))
    z = (y - law.centre) / law.spread
    median, lower, upper = law.ppf(np.array([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)]))
    below, above = float(law.weight @ ndtr(z)), float(law.weight @ ndtr(-z))
    return below, above, law.mean, law.sd, float(median), float(lower), float(upper)
