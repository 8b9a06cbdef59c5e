"""``poolwise template``: an empty coding protocol."""

from __future__ import annotations

import argparse
from pathlib import Path

from poolwise.commands.outcomes import OK

WORDS = "Write an empty coding protocol (.xlsx or .csv), to be filled in."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it is written."""
    parser.add_argument("file", type=Path, metavar="FILE")


def run(chosen: argparse.Namespace) -> int:
    """Write it, and print its path."""
    from poolwise.coding.template import template

    print(template(chosen.file))
    return OK
