"""How far figures lie from an oracle's, in the oracle's posterior standard deviations.

Where there is none, or the oracle has none, the unit is a quarter of the 95 % interval: 0.98 sd of a normal law.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from poolwise.quantities import Distribution
from poolwise.result import Result

LIMITS = {"q025": 0.025, "median": 0.5, "q975": 0.975}


def distances(found: Distribution, wanted: Mapping[str, float], origin: float = 0.0) -> dict[str, float]:
    """Each finite figure of `wanted` (mean, sd, median, q025, q975), all but the sd counted from `origin`."""
    ours = {name: float(found.ppf(p)) - origin for name, p in LIMITS.items()}
    ours |= {"mean": found.mean - origin, "sd": found.sd}
    unit = wanted["sd"] if math.isfinite(wanted["sd"]) else 0.25 * (wanted["q975"] - wanted["q025"])
    return {name: abs(ours[name] - value) / unit for name, value in wanted.items() if math.isfinite(value)}


def of_result(
    result: Result, wanted: Mapping[str, Mapping[str, float]], row: int, origin: float
) -> dict[str, dict[str, float]]:
    """The distances of every named quantity; `theta` is the study of that row; tau and slopes start at 0."""
    found = {name: result.studies[result.effects.labels[row]] if name == "theta" else result[name] for name in wanted}
    return {
        name: distances(found[name], figures, 0.0 if name.startswith(("tau", "beta")) else origin)
        for name, figures in wanted.items()
    }


def worst(apart: Mapping[str, Mapping[str, float]]) -> float:
    """The largest of them; NaN when any is."""
    every = [distance for figures in apart.values() for distance in figures.values()]
    return max(every) if all(distance == distance for distance in every) else float("nan")
