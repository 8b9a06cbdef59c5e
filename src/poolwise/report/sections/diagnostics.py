"""Diagnostics: how each fit went, the log evidence, what was noticed, and the draws."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import xarray as xr

from poolwise import show
from poolwise.engines.nuts.limit_errors import notes_about
from poolwise.report import words
from poolwise.report.blocks import Block, Body, Cell, Column, Paragraph, Row, Table, folded, lines, notes, numbers, soft
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.result import Result
from poolwise.show import NOTHING, number


def _passage(content: Content) -> Passage:
    blocks: list[Block] = [_table(content)]
    said = [f"Log evidence, {label}: {value}. " for label, value in evidence(content)]
    if said:
        blocks.append(Paragraph("".join(said)))
    blocks.append(notes(_notes(content)))
    draws = {} if content.posterior is None else {"posterior.nc": _draws(content, content.posterior)}
    return Passage("Diagnostics", tuple(blocks), draws=draws)


SECTION = Section("diagnostics", _passage, draws=("posterior.nc",), appendix=True)

_LONG = 400  # characters of what was watched, beyond which it is folded
_MANY = 1000.0  # from which decimals say nothing
_STYLES = {"none": "ok", "note": "plain", "warning": "note", "failed": "failed"}


def _table(content: Content) -> Table:
    columns = (
        Column("Fit", cells="fit"),
        Column("Status"),
        Column("What it means", head="wide"),
        numbers("Time"),
        numbers("Seed"),
    )
    told = tuple(
        Row(_cells(result), below=folded("; ".join(f"{name}: {value}" for name, value in _watched(result)), _LONG))
        for result in content.results
    )
    return Table(columns, (Body(told),), "Each fit, and below it the numbers that were watched.")


def _cells(result: Result) -> tuple[str | Cell, ...]:
    report = result.report
    concern = result.concern(name for name in result if words.quantity(name)[0] and name not in words.SHARES)
    sentences = [finding.sentence for finding in report.findings] or [words.NOTHING_WRONG]
    return (
        _named(result),
        Cell(show.status(report.status), f"w {_STYLES[concern]}"),
        " ".join(words.remark(show.prior(sentence)) for sentence in sentences),
        words.duration(report.seconds),
        NOTHING if report.seed is None else str(report.seed),
    )


def _named(result: Result) -> str:
    """The method, and its engine where the label does not name it."""
    label, engine = show.method(result.label), show.engine(result.engine_label)
    return label if engine in label else lines(label, soft(engine))


def _watched(result: Result) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in result.report.diagnostics.items():
        if isinstance(value, Mapping):
            flat.append((words.watched(name), ", ".join(f"{key} {_plain(part)}" for key, part in value.items())))
        else:
            flat.append((words.watched(name), _plain(value)))
    return flat


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return str(value)
    if float(value).is_integer():
        return words.count(float(value))
    if abs(float(value)) >= _MANY:
        return f"{float(value):,.0f}"
    return f"{float(value):.4g}".replace("-", "−")


def evidence(content: Content) -> tuple[tuple[str, str], ...]:
    """Label and log evidence of each result that has it, when it is asked for."""
    if not content.analysis.evidence:
        return ()
    return tuple(
        (show.method(one.label), number(one.evidence)) for one in content.results if not math.isnan(one.evidence)
    )


def _notes(content: Content) -> tuple[str, ...]:
    """What was noticed in the data and in the fits, limits held against the threshold, each sentence once.

    Those on the data are in the user's words, or quote them, and stay as they are.
    """
    threshold, before = content.analysis.threshold, content.analysis.data_notes
    of_fits = [note for result in content.results for note in notes_about(result, threshold)]
    of_data = [note for note in content.effects.notes if note not in before]
    others = (show.prior(note) for note in of_fits if note not in before and note not in content.effects.notes)
    return tuple(dict.fromkeys(map(words.remark, [*of_data, *others])))


def _draws(content: Content, posterior: Result) -> xr.DataTree:
    """The draws, with the question and the word on the data among the attributes."""
    tree = posterior.to_datatree()
    tree.attrs.update(
        {
            "title": content.analysis.title,
            "data": content.data_label,
            "data_hash": content.effects.data_hash,
            "label": posterior.label,
            "prior": posterior.prior,
        }
    )
    return tree
