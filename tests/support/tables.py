"""Study tables that many tests use: real data, and the edge of what k = 3 can say."""

from __future__ import annotations

import warnings
from functools import cache

import poolwise as pw

NAMES = ("bcg", "bcg_k3", "bcg_k2", "eight_schools", "raudenbush1985", "dropout", "misconduct", "recidivism")


@cache
def table(name: str) -> pw.Effects:
    """A study table by name; eight_schools in units of 10 points, so that the priors of the tests fit it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)  # k = 2 and k = 3 warn, as they should
        if name in ("dropout", "misconduct", "recidivism"):
            return pw.datasets.load("working_alliance").select(outcome=name)
        effects = pw.datasets.load(name.removesuffix("_k3").removesuffix("_k2"))
        if name == "eight_schools":
            return pw.Effects(effects.y / 10, se=effects.se / 10, study=effects.study)
        k = {"bcg_k3": 3, "bcg_k2": 2}.get(name, effects.k)
        return pw.Effects(effects.y[:k], se=effects.se[:k], study=effects.study[:k], scale=effects.scale)
