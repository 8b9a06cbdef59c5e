"""``poolwise report``: the report as a document, of results as they stand or of analyses that are run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poolwise.commands.options import add_forms, add_out, add_quick
from poolwise.commands.outcomes import OK
from poolwise.commands.run import run_files
from poolwise.errors import AnalysisError

if TYPE_CHECKING:
    from poolwise.runs import Run

WORDS = (
    "The report as a document: of a folder of results as it stands, or of analysis files, which are run (fits that "
    "are kept are taken); of several files one page together, too, in the folder 'report' of the results."
)
_TOGETHER = "report"  # the folder of a page over several analyses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which folders or files, and in which forms."""
    parser.add_argument("targets", nargs="+", type=Path, metavar="FOLDER|FILE")
    add_out(parser, "results")
    add_quick(parser)
    add_forms(parser)
    parser.set_defaults(fresh=False)


def run(chosen: argparse.Namespace) -> int:
    """Write the documents, and print where they are."""
    from poolwise.report import documented

    folders = [target for target in chosen.targets if target.is_dir()]
    chosen.files = [target for target in chosen.targets if target not in folders]
    if not chosen.formats and (folders or len(chosen.files) < 2):
        raise AnalysisError(
            "report was told no form of document", "--docx, --md or --latex", "poolwise report results/bcg --docx"
        )
    for folder in folders:
        for path in documented(folder, tuple(chosen.formats)):
            print(path)
    if not chosen.files:
        return OK
    done, code = run_files(chosen, apart=(_TOGETHER,) if len(chosen.files) > 1 else ())
    if len(chosen.files) > 1 and len(done) == len(chosen.files):
        _together(done, chosen)
    elif len(chosen.files) > 1:
        print("poolwise: no page over all analyses is written, as not all of them ran", file=sys.stderr)
    return code


def _together(done: Sequence[Run], chosen: argparse.Namespace) -> None:
    """Write one page over several runs."""
    from poolwise.report import write_joint

    parts = [one.content for one in done if one.content is not None]
    files = write_joint(parts, chosen.out / _TOGETHER, tuple(chosen.formats))
    for name in files:
        if name.startswith("report."):
            print(f"together: {files[name]}")
