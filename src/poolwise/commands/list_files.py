"""``poolwise list``: the analysis files in a folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from poolwise.commands.outcomes import OK
from poolwise.errors import AnalysisError, PoolwiseError

WORDS = "The analysis files in a folder, with their titles."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which folder."""
    parser.add_argument("folder", nargs="?", type=Path, default=Path("models"), metavar="FOLDER")


def run(chosen: argparse.Namespace) -> int:
    """Print a line for each file."""
    from poolwise.analysis.read import document

    if chosen.folder.is_file():
        raise AnalysisError(f"'{chosen.folder}' is a file", "a folder of *.toml", f"poolwise show {chosen.folder}")
    if chosen.folder.is_dir() and not os.access(chosen.folder, os.R_OK | os.X_OK):
        raise AnalysisError(f"you may not read the folder '{chosen.folder}'", "a folder of *.toml that you may read")
    files = sorted(chosen.folder.glob("*.toml"))
    if not files:
        raise AnalysisError(
            f"there is no analysis file in '{chosen.folder}'", "a folder of *.toml", "poolwise list FOLDER"
        )
    width = max(len(str(path)) for path in files)
    for path in files:
        try:
            title = str(document(path)[1].get("title", "(no title)"))
        except PoolwiseError as error:
            title = f"(cannot be read: {error})"
        print(f"{path!s:<{width}}  {' '.join(title.split())}")
    return OK
