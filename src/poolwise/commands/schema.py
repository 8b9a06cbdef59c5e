"""``poolwise schema``: the JSON schema of analysis files."""

from __future__ import annotations

import argparse

from poolwise.commands.outcomes import OK

WORDS = "The JSON schema of analysis files, for editors."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(chosen: argparse.Namespace) -> int:
    """Print it."""
    import json

    from poolwise.analysis.spec import schema

    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return OK
