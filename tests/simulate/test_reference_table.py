"""The table in the repository: enough simulations, families that exist, nothing called into question."""

from pathlib import Path

import pandas as pd

from poolwise import simulate

HERE = Path(__file__).parents[1] / "reference" / "calibration"
FAULT = 0.01  # Holm-adjusted p-value within a family and engine, the rule of calibration.md
APART = 0.001  # Holm-adjusted p-value of a mean paired difference
AGREE = 1.35  # rms of standardised differences: 1, with a relative sd of 0.04 and thinning that is not exact


def test_no_family_is_called_into_question():
    table = pd.read_csv(HERE / "table.csv")
    assert set(table["family"]) <= set(simulate.FAMILIES)
    assert (table["simulations"] >= 100).all()  # the page names those with fewer than 300
    assert table["p_holm"].min() > FAULT
    assert table["paired_rms"].max() < AGREE
    if "paired_p" in table:  # of a run after the oracles came
        assert table["paired_p"].min() > APART


def test_every_family_of_the_table_has_its_picture():
    page = (HERE / "calibration.md").read_text(encoding="utf-8")
    for family in pd.read_csv(HERE / "table.csv")["family"].unique():
        name = f"pictures/{family.replace(', ', '-').replace(' ', '_')}.png"
        assert f"({name})" in page
        assert (HERE / name).exists()
