"""What is printed below a forest plot: heterogeneity, probabilities, how each result was made and went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from poolwise import show
from poolwise.plot import _sheet, _text, _words
from poolwise.plot._sheet import Phrase
from poolwise.plot.forest_frame import Block, blocks
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.show import greek, level, probability, symbol

# No-break spaces, so that the line does not break within the brackets.
_INSIDE = "in\N{NO-BREAK SPACE}region"
_EFFECTS = (("mean", "μ"), ("new study", _text.THETA_NEW))


def forest_notes(
    frame: pd.DataFrame,
    results: Sequence[Result],
    *,
    rope: tuple[float, float] | None = None,
    threshold: float = 0.0,
    leaves_axis: bool = False,
) -> list[Phrase]:
    """The paragraphs below a forest plot, in order.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`.
    results : sequence of Result
        Those of the frame, in its order.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.
    threshold : float
        What the probabilities of mean effects are about.
    leaves_axis : bool
        Whether an interval goes on beyond the axis.

    Returns
    -------
    list of Phrase
        Numbers of each result, the region, how each result was made, a key to the marks, and in the colour of
        alarm the status of each result in which something went wrong; that a moment does not exist is a plain note.
    """
    scale = results[0].effects.scale
    places = _words.decimals(scale, frame)
    labels = [_text.escaped(_text.plain(result.label)) for result in results]
    named = [f"{label}: " if len(results) > 1 else "" for label in labels]
    of_results = blocks(frame, results)
    told = [
        (name + (f"{_text.escaped(_text.plain(group))}: " if group else ""), block)
        for name, groups in zip(named, of_results, strict=True)
        for group, block in groups.items()
    ]
    numbers = [name + words for name, block in told if (words := _numbers(block, scale, places, threshold))]
    if rope is not None:
        low, high = (_words.number(float(end), 2) for end in scale.back(list(rope)))
        inside = [name + words for name, block in told if (words := _probabilities(block, "p_in_rope", _INSIDE))]
        numbers.append("; ".join([f"Shaded: region of practical equivalence, {low} to {high}", *inside]))
    notes = [Phrase(words, _sheet.BODY_SIZE, _sheet.INK, math=True) for words in numbers]
    notes += [
        Phrase(name + _made(result, groups, named=bool(name)), math=True)
        for result, name, groups in zip(results, named, of_results, strict=True)
    ]
    notes.append(Phrase(_key(frame, leaves_axis)))
    notes += [
        _status_note(name, result) for name, result in zip(named, results, strict=True) if result.report.status != "ok"
    ]
    return notes


def _numbers(block: Block, scale: Scale, places: int, threshold: float) -> str:
    """Tau and the probabilities, on the analysis scale, and I2; or the coefficients."""
    if any(record["row"] == "coefficient" for record in block.values()):
        return _coefficients(block)
    contrasts = [_contrast(record, places) for record in block.values() if record["row"] == "contrast"]
    tau = f"τ = {_words.estimate(*_triple(block, 'tau'), places=places)}" if "tau" in block else ""
    parts = (tau, _probabilities(block, "p_below_null", f"< {threshold:g}".replace("-", "−")), ";  ".join(contrasts))
    on_analysis_scale = ",  ".join(filter(None, parts))
    if on_analysis_scale and scale.transform != "identity":
        on_analysis_scale += f" on the {scale.label} scale"
    share = f"I² = {_words.percent_interval(*_triple(block, 'I2'))}" if "I2" in block else ""
    return ";  ".join(filter(None, (on_analysis_scale, share)))


def _contrast(record: dict[Any, Any], places: int) -> str:
    """A difference between two groups' means with its interval and, from a posterior, the probability below 0."""
    name = _text.escaped(_text.plain(symbol(str(record["label"])).replace("] - μ[", "] − μ[")))
    below = record["p_below_null"]
    chance = "" if math.isnan(below) else f" (P(< 0) {probability(below)})"
    return f"{name} = {_words.estimate(record['point'], record['lower'], record['upper'], places=places)}{chance}"


def _coefficients(block: Block) -> str:
    """Each coefficient with its interval and, where it is a slope with a posterior, the probability below 0."""
    said = []
    for name, record in block.items():
        called = _text.escaped(_text.plain(symbol(name)))
        numbers = (record["point"], record["lower"], record["upper"])
        below = record["p_below_null"]
        chance = "" if math.isnan(below) else f", P(< 0) {probability(below)}"
        said.append(f"{called} = {show.number(numbers[0])} {show.interval(*numbers[1:])}{chance}")
    return ";  ".join(said)


def _probabilities(block: Block, column: str, event: str) -> str:
    """``P(mu < 0) = 0.998`` for each effect that has a probability, empty when none has."""
    gap = "\N{NO-BREAK SPACE}" if event == _INSIDE else " "
    return ",  ".join(
        f"P({effect}{gap}{event}) {probability(block[row][column])}"
        for row, effect in _EFFECTS
        if row in block and not math.isnan(block[row][column])
    )


def _triple(block: Block, row: str) -> tuple[float, float, float]:
    return block[row]["point"], block[row]["lower"], block[row]["upper"]


def _made(result: Result, groups: dict[str, Block], *, named: bool) -> str:
    records = [record for block in groups.values() for record in block.values()]
    kinds = dict.fromkeys(str(record["interval"]) for record in records if record["interval"])
    model = f"{result.model.label} model, " if named else f"{show.capital(result.model.label)} model, "
    if named and result.label.startswith(result.model.label):
        model = ""
    return (
        f"{model}k = {result.effects.k}; engine: {result.engine_label}; "
        f"prior: {greek(_words.prior(result.prior))}; "
        f"{level(records[0]['prob'])} intervals: {_words.kind(', '.join(kinds))}."
    )


def _key(frame: pd.DataFrame, leaves_axis: bool) -> str:
    studies = frame[frame["row"] == "study"]
    prob = level(float(frame["prob"].iloc[0]))
    words = [f"Square: the study alone, area in proportion to its weight, {prob} confidence interval (Wald)"]
    if studies["point"].notna().any():
        words.append(f"circle: shrunken towards the mean, {studies['interval'].iloc[0]}")
    if studies["fitted"].notna().any():
        words.append("small diamond: mean effect at the study's moderators")
    if (frame["row"] == "mean").any():
        words.append("diamond: mean effect")
    if (frame["row"] == "new study").any():
        words.append("pale bar: true effect in a new study")
    if leaves_axis:
        words.append("arrow: the interval goes on beyond the axis")
    return "; ".join(words) + "."


def _status_note(name: str, result: Result) -> Phrase:
    if result.report.alarming:
        return Phrase(name + _status(result), colour=_sheet.ALARM, bold=True, math=True)
    return Phrase(name + _text.escaped(_text.plain(result.report.advice)), math=True)


def _status(result: Result) -> str:
    return _text.escaped(_text.plain(f"{show.status(result.report.status)}. {result.report.advice}"))
