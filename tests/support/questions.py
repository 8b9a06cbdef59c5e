"""The packaged analysis files, and one that is quick to run."""

from __future__ import annotations

import re
from pathlib import Path

MODELS = Path(__file__).parents[2] / "models"
NAMES = ("bcg", "dropout", "misconduct", "recidivism")  # random effects by every engine
ALL_NAMES = tuple(sorted(path.stem for path in MODELS.glob("*.toml")))
ONE_TABLE = Path(__file__).with_name("misconduct.toml")  # one table with equal weights, by every engine
MISCONDUCT = ONE_TABLE.read_text(encoding="utf-8")
WITHOUT_NUTS = re.sub(r"nuts = .*\n", "", MISCONDUCT)
