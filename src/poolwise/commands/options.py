"""Options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_forms(parser: argparse.ArgumentParser) -> None:
    """The forms in which a report is written as a document."""
    for form, words in (("docx", "Word"), ("md", "Markdown"), ("latex", "LaTeX")):
        parser.add_argument(
            f"--{form}",
            dest="formats",
            action="append_const",
            const=form,
            default=[],
            help=f"the report for {words}, too",
        )


class Once(argparse.Action):
    """Store an option that may be told once."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        """Store it, or end the program where it is there already."""
        if getattr(namespace, f"{self.dest}_told", False):
            parser.error(f"{option} is told twice. Expected: one folder for all results")
        setattr(namespace, f"{self.dest}_told", True)
        setattr(namespace, self.dest, values)


def add_files(parser: argparse.ArgumentParser) -> None:
    """One analysis file or more."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")


def add_out(parser: argparse.ArgumentParser, usual: str) -> None:
    """Where results go, told once."""
    words = f"folder of results, one folder in it for each file (default: {usual})"
    parser.add_argument("--out", type=Path, action=Once, default=Path(usual), metavar="FOLDER", help=words)


def add_quick(parser: argparse.ArgumentParser) -> None:
    """Fewer draws."""
    parser.add_argument("--quick", action="store_true", help="fewer draws of NUTS, for a first look")
