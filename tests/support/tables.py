"""Study tables that many tests use: real data, and the edge of what two or three studies can say."""

from __future__ import annotations

import json
import pathlib
import warnings
from functools import cache

import numpy as np

import poolwise as pw

REFERENCE = pathlib.Path(__file__).parents[1] / "reference"
PACKAGED = ("bcg", "eight_schools", "raudenbush1985")
RECONSTRUCTED = ("dropout", "misconduct", "recidivism")
UNIT = {
    "eight_schools": 10.0,
    "normand1999": 20.0,
}  # raw scales, brought to where the tests' priors are sensible


@cache
def table(name: str) -> pw.Effects:
    """A study table by name; ``bcg_k3`` is the first three trials of bcg, and so on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)  # k = 2 and k = 3 warn, as they should
        if name in RECONSTRUCTED:
            return pw.datasets.load("working_alliance").select(outcome=name)
        base, _, first = name.partition("_k")
        if base in PACKAGED:
            effects = pw.datasets.load(base)
            y, se, study, scale = effects.y, effects.se, effects.study, effects.scale
        else:
            row = json.loads((REFERENCE / f"metafor_{base}.json").read_text())
            y, se, study, scale = (
                np.array(row["y"], dtype=float),
                np.sqrt(row["v"]),
                tuple(row["study"]),
                "identity",
            )
        unit = UNIT.get(base, 1.0)
        k = int(first or len(y))
        return pw.Effects(y[:k] / unit, se=se[:k] / unit, study=study[:k], scale="identity" if base in UNIT else scale)
