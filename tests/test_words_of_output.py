"""What people read: names keep their letters, quantities their symbols, probabilities their side."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPELT = (
    "Roever", "Bartos", "Buerkner", "Schoenbrodt", "Bjorkestol", "Saeilynoja", "Lopez-Lopez", "Fernandez-Castilla",
    "Gotzsche", "Sanchez-Meca", "Marin-Martinez", "Ruecker", "Drmac", "Ozdemir", "Juarez", "Fruehwirth",
)  # fmt: skip


def test_names_of_authors_keep_their_letters():
    files = [ROOT / "README.md", *(ROOT / "src").rglob("*.py"), *(ROOT / "models").glob("*.toml")]
    files += (ROOT / "notebooks").glob("*.ipynb")
    bare = re.compile(rf"\b({'|'.join(SPELT)})\b")
    found = {file.name: names for file in files if (names := bare.findall(file.read_text(encoding="utf-8")))}
    assert not found
