"""``poolwise check``: analysis files checked to the end."""

from __future__ import annotations

import argparse

from poolwise.commands.files import loaded_files
from poolwise.commands.options import add_files

WORDS = "Check analysis files to the end, without fitting anything."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files."""
    add_files(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print what each file that is in order would fit."""
    loaded, code = loaded_files(chosen.files)
    for path, analysis in loaded:
        count = len(analysis.fits)
        tables = "" if analysis.tables is None else f", on {len(analysis.tables)} reconstructed tables"
        print(f"{path}: ok, {analysis.effects.counted}, {count} {'fit' if count == 1 else 'fits'}{tables}")
    return code
