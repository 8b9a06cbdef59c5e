"""What a report tells of the fits themselves: settings, status, what was watched, log evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from poolwise.report import words
from poolwise.report.content import Content
from poolwise.result import Result
from poolwise.show import NOTHING, number


def diagnostics(content: Content) -> tuple[dict[str, object], ...]:
    """How each fit went.

    Returns
    -------
    tuple of dict
        A row for each result: label, engine, settings, status, concern, sentences, seconds, seed, and watched,
        the name and the number of each diagnostic.
    """
    return tuple(
        {
            "label": result.label,
            "engine": result.engine_label,
            "settings": repr(result.engine),
            "status": result.report.status,
            "concern": result.concern(name for name in result if words.quantity(name)[0] and name not in words.SHARES),
            "sentences": [finding.sentence for finding in result.report.findings] or [words.NOTHING_WRONG],
            "seconds": words.duration(result.report.seconds),
            "seed": NOTHING if result.report.seed is None else str(result.report.seed),
            "watched": _watched(result),
        }
        for result in content.results
    )


def _watched(result: Result) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in result.report.diagnostics.items():
        if isinstance(value, Mapping):
            flat.append((words.watched(name), ", ".join(f"{key} {_plain(one)}" for key, one in value.items())))
        else:
            flat.append((words.watched(name), _plain(value)))
    return flat


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return str(value)
    return f"{float(value):.4g}".replace("-", "−")


def evidence(content: Content) -> tuple[tuple[str, str], ...]:
    """Label and log evidence of each result that has it, when it is asked for."""
    if not content.analysis.evidence:
        return ()
    return tuple((one.label, number(one.evidence)) for one in content.results if not math.isnan(one.evidence))
