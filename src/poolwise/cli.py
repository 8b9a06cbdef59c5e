"""The command line: list, show, check and run analysis files; print their schema."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from poolwise.commands import check, effects, list_files, report, run, schema, show, simulate, template
from poolwise.commands.outcomes import BAD_INPUT, INTERRUPTED, OK, refused, unexpected
from poolwise.errors import PoolwiseError, PoolwiseWarning

COMMANDS = {
    "list": list_files,
    "show": show,
    "check": check,
    "run": run,
    "report": report,
    "simulate": simulate,
    "template": template,
    "effects": effects,
    "schema": schema,
}
"""What may stand behind ``poolwise``, in the order of its help: a new command is a file beside these, and a line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code is 0 (ok), 1 (a fit failed) or 2 (bad input).

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``poolwise``; those of the process when left out.

    Returns
    -------
    int
        Exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks is shown by its number
            stream.reconfigure(errors="backslashreplace")
    chosen = _parser().parse_args(arguments)
    with _notes_on_stderr():
        try:
            code = COMMANDS[chosen.command].run(chosen)
            if sys.stdout is not None:
                sys.stdout.flush()
        except PoolwiseError as error:
            code = refused(error)
        except KeyboardInterrupt as interrupt:
            stop = str(interrupt)
            print(f"poolwise: stopped{stop and f': {stop}'}", file=sys.stderr)
            code = INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = OK
        except OSError as error:
            code = _unprintable(error)
        except Exception:
            code = unexpected(" ".join(["poolwise", *(arguments or sys.argv[1:])]))
    return int(code)


def _unprintable(error: OSError) -> int:
    """What to do when standard output cannot be written to, or a file not be read."""
    print(f"poolwise: {error.strerror}: {error.filename or 'standard output'}", file=sys.stderr)
    if error.filename is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poolwise", description="Bayesian meta-analysis from analysis files.")
    parser.add_argument("--version", action="version", version=f"poolwise {_version()}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.WORDS, description=command.WORDS))
    return parser


def _version() -> str:
    from importlib.metadata import version

    return version("poolwise")


@contextmanager
def _notes_on_stderr() -> Iterator[None]:
    """Show each warning of the package once, as a note; leave other warnings as they are."""
    told: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], filename: str, lineno: int,
                 file: TextIO | None = None, line: str | None = None) -> None:  # fmt: skip
            if not issubclass(category, PoolwiseWarning):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in told:
                told.add(str(message))
                print(f"note: {message}", file=sys.stderr)

        warnings.showwarning = show
        warnings.simplefilter("always", PoolwiseWarning)
        yield


if __name__ == "__main__":
    sys.exit(main())
