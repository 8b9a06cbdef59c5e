"""The packaged analysis files, and one that is quick to run."""

from __future__ import annotations

import re
from pathlib import Path

MODELS = Path(__file__).parents[2] / "models"
NAMES = ("bcg", "dropout", "misconduct", "recidivism")  # random effects by every engine
ALL_NAMES = tuple(sorted(path.stem for path in MODELS.glob("*.toml")))
MISCONDUCT = (MODELS / "misconduct.toml").read_text(encoding="utf-8")
WITHOUT_NUTS = re.sub(r"nuts = .*\n", "", MISCONDUCT)
