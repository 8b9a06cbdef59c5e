"""What is printed below a forest plot: heterogeneity, probabilities, how each result was made and went."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from poolwise.plot import _sheet, _text, _words
from poolwise.plot._sheet import Note
from poolwise.result import Result
from poolwise.scale import Scale

type Block = dict[str, dict[Hashable, Any]]

# No-break spaces, so that the line does not break within the brackets.
_INSIDE = "in\N{NO-BREAK SPACE}region"
_EFFECTS = (("mean", "μ"), ("new study", _text.THETA_NEW))


def forest_notes(
    frame: pd.DataFrame,
    results: Sequence[Result],
    *,
    rope: tuple[float, float] | None = None,
    leaves_axis: bool = False,
) -> list[Note]:
    """The paragraphs below a forest plot, in order."""
    scale = results[0].effects.scale
    places = _words.decimals(scale, frame)
    labels = [_text.escaped(_text.plain(result.label)) for result in results]
    named = [f"{label}: " if len(results) > 1 else "" for label in labels]
    told = list(zip(named, _blocks(frame), strict=True))
    numbers = [name + words for name, block in told if (words := _numbers(block, scale, places))]
    if rope is not None:
        low, high = (_words.number(float(end), 2) for end in scale.back(list(rope)))
        inside = [name + words for name, block in told if (words := _probabilities(block, "p_in_rope", _INSIDE))]
        numbers.append("; ".join([f"Shaded: region of practical equivalence, {low} to {high}", *inside]))
    notes = [Note(words, _sheet.BODY_SIZE, _sheet.INK, math=True) for words in numbers]
    notes += [
        Note(name + _made(result, block, named=bool(name)), math=True)
        for result, (name, block) in zip(results, told, strict=True)
    ]
    notes.append(Note(_key(frame, leaves_axis)))
    notes += [
        Note(name + _status(result), colour=_sheet.ALARM, bold=True, math=True)
        for name, result in zip(named, results, strict=True)
        if result.report.status != "ok"
    ]
    return notes


def _blocks(frame: pd.DataFrame) -> list[Block]:
    """The pooled rows of each result by what they are; each block begins with its mean effect."""
    found: list[Block] = []
    for record in frame[frame["row"] != "study"].to_dict("records"):
        if record["row"] == "mean":
            found.append({})
        found[-1][record["row"]] = record
    return found


def _numbers(block: Block, scale: Scale, places: int) -> str:
    parts, share = [], []
    if "tau" in block:
        parts.append(f"τ = {_words.estimate(*_triple(block, 'tau'), places=places)}")
    if probabilities := _probabilities(block, "p_below_null", "< 0"):
        parts.append(probabilities)
    if "I2" in block:
        share = [f"I² = {_words.percent_interval(*_triple(block, 'I2'))}"]
    on_scale = f" on the {scale.label} scale" if parts and scale.transform != "identity" else ""
    return ";  ".join([",  ".join(parts) + on_scale] * bool(parts) + share)


def _probabilities(block: Block, column: str, event: str) -> str:
    """``P(mu < 0) = 0.998`` for each effect that has a probability, empty when none has."""
    gap = "\N{NO-BREAK SPACE}" if event == _INSIDE else " "
    return ",  ".join(
        f"P({symbol}{gap}{event}) {_words.probability(float(block[row][column]))}"
        for row, symbol in _EFFECTS
        if row in block and not math.isnan(float(block[row][column]))
    )


def _triple(block: Block, row: str) -> tuple[float, float, float]:
    point, lower, upper = (float(block[row][name]) for name in ("point", "lower", "upper"))
    return point, lower, upper


def _made(result: Result, block: Block, *, named: bool) -> str:
    kinds = dict.fromkeys(str(record["interval"]) for record in block.values() if record["interval"])
    level = _words.level(float(block["mean"]["prob"]))
    model = result.model.label if named else result.model.label.capitalize()
    return (
        f"{model} model, k = {result.effects.k}; engine: {result.engine_label}; "
        f"prior: {_words.greek(_words.prior(result.prior))}; "
        f"{level} intervals: {_words.kind(', '.join(kinds))}."
    )


def _key(frame: pd.DataFrame, leaves_axis: bool) -> str:
    studies = frame[frame["row"] == "study"]
    level = _words.level(float(frame["prob"].iloc[0]))
    words = [f"Square: the study alone, area in proportion to its weight, {level} confidence interval (Wald)"]
    if studies["point"].notna().any():
        words.append(f"circle: shrunken towards the mean, {studies['interval'].iloc[0]}")
    words.append("diamond: mean effect")
    if (frame["row"] == "new study").any():
        words.append("pale bar: true effect in a new study")
    if leaves_axis:
        words.append("arrow: the interval goes on beyond the axis")
    return "; ".join(words) + "."


def _status(result: Result) -> str:
    words = result.report.status.replace("_", " ").capitalize()
    return _text.escaped(_text.plain(f"{words}. {result.report.advice}"))
