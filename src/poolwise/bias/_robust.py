"""Lines whose errors are robust to whatever dependence there is within clusters."""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poolwise.bias.requirements import FEWEST, need_errors_within
from poolwise.closed_form.cluster_robust import RobustFit
from poolwise.closed_form.inference import p_value
from poolwise.effects import Effects
from poolwise.engines.closed_form.quantities import symmetric
from poolwise.errors import InputError, nearest, shown
from poolwise.quantities import Estimate

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Robust = Literal["CR0", "CR1", "CR1p", "CR2"]

UNRELIABLE_DF = 4.0  # Tipton 2015: below it the t approximation of a robust test is not to be trusted
ALONE = 1.0 - 1e-6  # leverage from which a cluster decides the line by itself
EXACT = 1e-9  # of the working standard error: below it residuals are rounding


def clusters(asked: str, effects: Effects, cluster: str | None) -> list[Ints]:
    """The rows of each cluster: of each study, or of each value of a column.

    Raises
    ------
    InputError
        For a column that is not there or has gaps, for fewer than three clusters, and for sampling errors that
        correlate between clusters.
    """
    if cluster is None:
        names = list(effects.study_as_given)
    else:
        frame = effects.to_frame()
        if not isinstance(cluster, str) or cluster not in frame:
            advice = nearest(str(cluster), frame.columns)
            raise InputError(f"there is no column {shown(cluster)}", "the name of a column with clusters", advice)
        gaps = frame[cluster].isna().to_numpy()
        if gaps.any():
            raise InputError(
                f"column '{cluster}' names no cluster for {effects.rows.names(gaps)}", "a name in each row"
            )
        names = frame[cluster].tolist()
    places: dict[object, list[int]] = {}
    for row, name in enumerate(names):
        places.setdefault(name, []).append(row)
    if len(places) < FEWEST:
        raise InputError(
            f"{asked} was given effects of {len(places)} cluster{'s' if len(places) > 1 else ''}",
            f"at least {FEWEST}: robust errors compare whole clusters",
        )
    code = np.empty(effects.k, dtype=np.intp)
    for number, rows in enumerate(places.values()):
        code[rows] = number
    need_errors_within(effects, asked, code)
    return [np.array(rows, dtype=np.intp) for rows in places.values()]


def check_leverage(asked: str, effects: Effects, rows: list[Ints], fit: RobustFit) -> None:
    """Refuse a line that one cluster decides alone, since its residuals say nothing of the line's error.

    Raises
    ------
    InputError
        Naming the rows of that cluster.
    """
    most = int(np.argmax(fit.leverage))
    if fit.leverage[most] > ALONE:
        alone = np.zeros(effects.k, dtype=bool)
        alone[rows[most]] = True
        raise InputError(
            f"{asked}: {effects.rows.names(alone)} decides the line alone, so that its residual says nothing of the "
            "line's error, and no cluster-robust one exists",
            "two clusters or more that differ in the predictor from the others",
            "robust=None",
        )


def robust_estimate(asked: str, fit: RobustFit, kind: str | None, c: Array) -> Estimate:
    """The combination c'beta with its robust error, or with that of the working model, and the test that it is 0.

    Parameters
    ----------
    asked : str
        Who asks, for the message.
    fit : RobustFit
    kind : str or None
        ``"CR2"``, ...: t by Satterthwaite's degrees of freedom; None for the working model, normal.
    c : ndarray, shape (p,)

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        When nothing is left over from the line.

    References
    ----------
    Bell & McCaffrey 2002, Survey Methodology 28:169.
    """
    point, working = float(c @ fit.beta), math.sqrt(float(c @ fit.working @ c))
    if kind is None:
        sd, df, words = working, math.inf, "three-level model, Wald"
    else:
        sd, df, words = fit.sd(c), fit.df(c), f"{kind} cluster-robust, t, Satterthwaite df"
    if sd < EXACT * working:
        raise InputError(f"{asked}: the effects lie on a straight line exactly", "effects that scatter", "robust=None")
    limits = partial(symmetric, point, sd, df)
    return Estimate(point, sd, limits, f"confidence ({words})", point / sd, df, float(p_value(point / sd, df)))


def low_df(*dfs: float) -> tuple[str, ...]:
    """The sentence about degrees of freedom that are too few for the t approximation.

    References
    ----------
    Tipton 2015, Psychological Methods 20:375, 10.1037/met0000011.
    """
    least = min(dfs)
    if least >= UNRELIABLE_DF:
        return ()
    return (
        f"Satterthwaite's degrees of freedom are as few as {least:.2g}: below {UNRELIABLE_DF:g} the law of the robust "
        "statistic is not to be trusted.",
    )
