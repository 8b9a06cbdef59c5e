"""Study tables for the methods against publication bias, and metafor's figures for them."""

import json
from pathlib import Path

import numpy as np

import poolwise as pw

FIGURES = json.loads((Path(__file__).parents[1] / "reference" / "publication_bias_studies.json").read_text())["sets"]
SETS = sorted(FIGURES)


def studies(y, se, **columns) -> pw.Effects:
    """A table of independent studies."""
    columns.setdefault("study", [f"study {i}" for i in range(len(y))])
    return pw.Effects(y, se=se, allow_single=True, **columns)


def published(name: str) -> pw.Effects:
    """A data set for which there are figures of metafor."""
    return studies(FIGURES[name]["y"], np.sqrt(FIGURES[name]["v"]))


def turned(effects: pw.Effects, unit: float = -1.0) -> pw.Effects:
    """The table in another unit; mirrored by default."""
    return studies(unit * effects.y, abs(unit) * effects.se, study=effects.study)
