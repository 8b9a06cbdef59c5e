"""``poolwise effects``: the study table that a table of reported statistics makes."""

from __future__ import annotations

import argparse
from pathlib import Path

from poolwise.commands.outcomes import OK

WORDS = "The study table that a table of reported statistics makes (.csv or .xlsx), with the way of each row."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which table, and what it does not tell by itself."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--target", required=True, metavar="CODE", help="measure of all rows: SMD, OR, ZCOR, ...")
    parser.add_argument("--study", metavar="COLUMN", help="column of study labels (found by itself if left out)")
    parser.add_argument("--sides", type=int, choices=(1, 2), help="sides of reported p-values")
    parser.add_argument("--prob", type=float, help="probability of reported intervals (by default as the table tells)")
    parser.add_argument("--base-rate", type=float, help="risk without treatment, between odds and risk ratios")
    parser.add_argument("--decimal", choices=(".", ","), help="the decimal mark (found by itself if left out)")
    parser.add_argument("--sheet", metavar="NAME", help="sheet of a workbook (results, or the first, if left out)")
    parser.add_argument("--encoding", help="how the text of a CSV file is written, such as cp1252 (UTF-8 if left out)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table to this new CSV file, too")


def run(chosen: argparse.Namespace) -> int:
    """Print the way of each row; write the table where that is asked for."""
    from poolwise.coding.protocol import read_table
    from poolwise.effects import Effects

    effects = Effects.from_statistics(
        read_table(chosen.file, sheet=chosen.sheet, encoding=chosen.encoding),
        target=chosen.target,
        study=chosen.study,
        sides=chosen.sides,
        prob=chosen.prob,
        base_rate=chosen.base_rate,
        decimal=chosen.decimal,
        title=chosen.file.name,
        allow_single=True,
    )
    for study in dict.fromkeys(effects.study_as_given):
        print(effects.explain(study))
    for note in effects.notes:
        print(f"note: {note}")
    if chosen.out is not None:
        with chosen.out.open("x", encoding="utf-8", newline="") as file:
            effects.to_frame().assign(derivation=list(effects.derivation)).to_csv(file, index=False)
        print(chosen.out)
    return OK
