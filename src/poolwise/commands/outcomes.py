"""How a command ends: exit codes, and what is told where it did not end well."""

from __future__ import annotations

import sys
import traceback

from poolwise.errors import PoolwiseError

OK, FIT_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def refused(error: PoolwiseError) -> int:
    """Tell what was wrong with the input; the exit code."""
    print(f"poolwise: {error}", file=sys.stderr)
    return BAD_INPUT


def unexpected(source: str) -> int:
    """Tell of an error that nobody foresaw, with its traceback; the exit code."""
    print(f"poolwise: {source}: unexpected error, please report it", file=sys.stderr)
    traceback.print_exc()
    return FIT_FAILED
