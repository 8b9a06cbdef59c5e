"""Analysis files that a command is given: loaded and worked on one by one, what is wrong with one told."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poolwise.commands.outcomes import BAD_INPUT, OK, refused, unexpected
from poolwise.errors import AnalysisError, PoolwiseError

if TYPE_CHECKING:
    from poolwise.analysis import Analysis


def loaded_files(paths: Sequence[Path]) -> tuple[list[tuple[Path, Analysis]], int]:
    """The analyses that are in order, each with its path, and the exit code; what is wrong with the others is told."""
    from poolwise.analysis import load_analysis

    loaded, code = [], OK
    for path in paths:
        try:
            loaded.append((path, load_analysis(path)))
        except PoolwiseError as error:
            code = refused(error)
        except Exception:
            code = max(code, unexpected(str(path)))
    return loaded, code


def each[T](loaded: Sequence[tuple[Path, Analysis]], code: int, work: Callable[[Analysis], T]) -> tuple[list[T], int]:
    """What comes of each analysis, and the exit code; what is wrong with one is told, and the others go on."""
    done: list[T] = []
    for _, analysis in loaded:
        try:
            done.append(work(analysis))
        except PoolwiseError as error:
            code = refused(error)
        except OSError as error:
            print(f"poolwise: {analysis.source}: {error.strerror}: {error.filename}", file=sys.stderr)
            code = BAD_INPUT
        except Exception:
            code = max(code, unexpected(analysis.source))
    return done, code


def check_names(names: Sequence[str]) -> None:
    """Refuse two files of one name, whose results would go to one folder."""
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names]  # which some disks take for one name
    twice = [name for name, alike in zip(names, folded, strict=True) if folded.count(alike) > 1]
    if twice:
        raise AnalysisError(
            f"more than one analysis file is called {' and '.join(f"'{name}.toml'" for name in dict.fromkeys(twice))}",
            "another folder of results for each",
            "one poolwise run for each, with its own --out",
        )
