"""The numbers of a funnel plot: studies, regions of significance, where a fit expects estimates, lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from poolwise.bias import PetPeese, PrecisionEffect, TrimAndFill
from poolwise.effects import Effects
from poolwise.errors import InputError, shown
from poolwise.plot._given import check_given
from poolwise.result import Result
from poolwise.settings import check_prob

Array = NDArray[np.float64]
Record = TrimAndFill | PrecisionEffect | PetPeese
LEVELS = (0.10, 0.05, 0.01)  # two-sided p-values between which the regions lie
COLUMNS = ("row", "name", "se", "x", "lower", "upper", "prob", "data")
_POINTS = 121
_FAR = 8.0  # median standard errors beyond which a study stands at the foot of the axis


def funnel_frame(
    studies: Result | Effects, *, records: Sequence[Record] | Record = (), prob: float = 0.95
) -> pd.DataFrame:
    """Every number that `funnel` draws, on the analysis scale.

    Parameters
    ----------
    studies : Result or Effects
        A fit, or a study table without one.
    records : sequence, optional
        What `bias.trim_and_fill`, `bias.pet`, `bias.peese` or `bias.pet_peese` returned for the same studies.
    prob : float
        Probability of the envelope.

    Returns
    -------
    DataFrame
        Columns row, name, se, x, lower, upper, prob, data. Rows ``"study"`` and ``"filled"`` (x is the estimate),
        ``"region"`` (lower, upper: the estimates whose two-sided p-value against the null value is `prob`), ``"fit"``
        (x is the mean; lower, upper its envelope) and ``"line"`` (x is what PET or PEESE expects at se).

    Raises
    ------
    InputError
        For what is neither a result nor a study table; for a record of other studies.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Peters et al. 2008, J. Clinical Epidemiology 61:991, 10.1016/j.jclinepi.2007.11.010, for regions of significance.
    """
    check_given("funnel", studies, (Result, Effects))
    check_prob(prob)
    effects = studies if isinstance(studies, Effects) else studies.effects
    se = np.linspace(0.0, deepest(effects.se), _POINTS)
    data = effects.data_label
    rows = [_studies("study", effects)]
    if effects.scale.null_value is not None:
        rows += [_region(level, effects.scale.null_value, se) for level in LEVELS]
    if isinstance(studies, Result) and "mu" in studies:
        rows.append(_envelope(studies, se, prob))
    rows += [_record(record, effects, se) for record in as_records(records)]
    return pd.concat(rows, ignore_index=True).assign(data=data).reindex(columns=list(COLUMNS))


def as_records(records: object) -> tuple[Record, ...]:
    """One record or several as a tuple.

    Raises
    ------
    InputError
        For what is no record that a funnel can show.
    """
    several = (records,) if isinstance(records, Record) else records
    if not isinstance(several, Sequence) or not all(isinstance(record, Record) for record in several):
        raise InputError(
            f"records = {shown(records)}",
            "what bias.trim_and_fill, bias.pet, bias.peese or bias.pet_peese returned, or several of them in a list",
            "records=[pw.bias.pet_peese(effects, direction='positive')]",
        )
    return tuple(several)


def deepest(se: Array) -> float:
    """The foot of the axis of standard errors: below all of them, unless one is far beyond the others."""
    return 1.05 * float(min(se.max(), _FAR * np.median(se)))


def envelope_sd(result: Result, se: Array) -> Array:
    """Standard deviation of an estimate about the mean under a fit: the root of se^2 + tau^2."""
    return np.hypot(se, result["tau"].point if "tau" in result else 0.0)


def _studies(row: str, effects: Effects) -> pd.DataFrame:
    return pd.DataFrame({"row": row, "name": list(effects.labels), "se": effects.se, "x": effects.y})


def _region(level: float, null: float, se: Array) -> pd.DataFrame:
    reach = -ndtri(0.5 * level) * se
    name = f"p = {level:g}"
    return pd.DataFrame(
        {
            "row": "region",
            "name": name,
            "se": se,
            "x": null,
            "lower": null - reach,
            "upper": null + reach,
            "prob": level,
        }
    )


def _envelope(result: Result, se: Array, prob: float) -> pd.DataFrame:
    mean = result["mu"].point
    reach = float(ndtri(0.5 + 0.5 * prob)) * envelope_sd(result, se)
    return pd.DataFrame(
        {"row": "fit", "name": result.label, "se": se, "x": mean, "lower": mean - reach, "upper": mean + reach}
    ).assign(prob=prob)


def _record(record: Record, effects: Effects, se: Array) -> pd.DataFrame:
    own = record.observed.effects if isinstance(record, TrimAndFill) else record.effects
    if own.k != effects.k or not (np.array_equal(own.y, effects.y) and np.array_equal(own.se, effects.se)):
        raise InputError(
            f"a record is of {own.k} other estimates than the {effects.k} of the funnel",
            "records made from the same study table",
            "records=[pw.bias.pet(effects)] beside plot.funnel(pw.fit(effects, ...))",
        )
    if isinstance(record, TrimAndFill):
        return _studies("filled", record.filled).iloc[record.observed.effects.k :]
    chosen = record
    if isinstance(record, PetPeese):
        chosen = record.pet if record.chosen == "PET" else record.peese
    assert isinstance(chosen, PrecisionEffect)
    predictor = se if chosen.method == "PET" else se**2
    x = chosen.estimate.point + chosen.slope * predictor
    return pd.DataFrame({"row": "line", "name": chosen.method, "se": se, "x": x, "prob": math.nan})
