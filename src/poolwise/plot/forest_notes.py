"""What is printed below a forest plot: heterogeneity, probabilities, how each result was made and went."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import pandas as pd

from poolwise import show
from poolwise.plot import _sheet, _text, _words
from poolwise.plot._sheet import Phrase
from poolwise.plot.forest_frame import Block, blocks, told_apart
from poolwise.result import NO_PRIOR, Result
from poolwise.scale import Scale
from poolwise.show import greek, level, probability, symbol

# No-break spaces, so that the line does not break within the brackets.
_INSIDE = "in\N{NO-BREAK SPACE}region"
_EFFECTS = (("mean", "μ"), ("new study", "new\N{NO-BREAK SPACE}study"))
_LINES = 3  # of short notes


@final
@dataclass(frozen=True)
class Told:
    """Everything that a forest plot has to say, by what it is about; each a sentence with mathtext escapes.

    Attributes
    ----------
    alarms, mild : tuple of str
        What went wrong in a fit; that a moment does not exist.
    numbers : tuple of str
        Heterogeneity and probabilities, for each result and group.
    region : tuple of str
        The region of practical equivalence.
    made : tuple of str
        How each result was made: model, engine, prior, intervals.
    priors : tuple of str
        The same in fewer words.
    key : tuple of str
        What the marks are.
    layout : tuple of str
        Columns for which there was no room; the order of the studies; densities.
    """

    alarms: tuple[str, ...]
    mild: tuple[str, ...]
    numbers: tuple[str, ...]
    region: tuple[str, ...]
    made: tuple[str, ...]
    priors: tuple[str, ...]
    key: tuple[str, ...]
    layout: tuple[str, ...]

    def full(self, size: float) -> list[Phrase]:
        """All of it, in paragraphs."""
        notes = [Phrase(words, size, _sheet.INK, math=True) for words in (*self.numbers, *self.region)]
        notes += [Phrase(words, size, math=True) for words in (*self.made, *self.key, *self.layout, *self.mild)]
        return notes + [Phrase(words, size, _sheet.ALARM, bold=True, math=True) for words in self.alarms]

    def short(self, size: float, inches: float, *, first_layout: bool) -> list[Phrase]:
        """At most three lines: alarms, numbers, prior, then what else has room."""
        alarms = [Phrase(words, size, _sheet.ALARM, bold=True, math=True) for words in self.alarms]
        taken = sum(_lines(each, inches) for each in alarms)
        if taken > 1:
            words = "; ".join(f"{words.partition('.')[0]}: see the caption" for words in self.alarms)
            brief = Phrase(f"{words}.", size, _sheet.ALARM, bold=True, math=True)
            room = _text.fit(brief.words, inches, size, bold=True)
            alarms, taken = [replace(brief, words=room)], 1
        layout = self.layout[:1] if first_layout else ()
        paragraph = ""
        scale = re.compile(r" on the [^;.]* scale")
        first = [scale.sub("", words) for words in self.numbers[:-1]] + list(self.numbers[-1:])  # said once, at the end
        for long, brief_words in [
            *((words, "") for words in layout),
            *((words, "") for words in first[:1]),
            *zip(self.made[:1], self.priors[:1], strict=True),
            *((words, "") for words in (*first[1:], *self.region)),
            *zip(self.made[1:], self.priors[1:], strict=True),
            *((words, "") for words in (*self.mild, *self.key)),
        ]:
            for words in filter(None, (long, brief_words)):
                longer = f"{paragraph} {_ended(words)}".strip()
                if _lines(Phrase(longer, size), inches) <= _LINES - taken:
                    paragraph = longer
                    break
        return [*([Phrase(paragraph, size, _sheet.INK, math=True)] if paragraph else []), *alarms]

    def caption(self) -> str:
        """All of it as text without mathtext."""
        parts = (
            self.numbers, self.region, self.made, self.key, self.layout, self.mild, self.alarms,
        )  # fmt: skip
        return " ".join(_ended(words) for part in parts for words in part).replace(r"\$", "$")


def _ended(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def _lines(phrase: Phrase, inches: float) -> int:
    return len(_text.wrap(phrase.words, inches, phrase.size, bold=phrase.bold))


def forest_notes(
    frame: pd.DataFrame,
    results: Sequence[Result],
    *,
    rope: tuple[float, float] | None = None,
    threshold: float = 0.0,
    leaves_axis: bool = False,
    layout: Sequence[str] = (),
) -> Told:
    """What is told below a forest plot and in its caption.

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
    layout : sequence of str
        What is to be said of columns and order.

    Returns
    -------
    Told
    """
    scale = results[0].effects.scale
    places = _words.decimals(scale, frame)
    labels = [_text.escaped(_text.plain(label)) for label in told_apart(results)]
    named = [f"{label}: " if len(results) > 1 else "" for label in labels]
    of_results = blocks(frame, results)
    told = [
        (name + (f"{_text.escaped(_text.plain(group))}: " if group else ""), block)
        for name, groups in zip(named, of_results, strict=True)
        for group, block in sorted(groups.items(), key=lambda each: each[0] != "")  # what groups share comes first
    ]
    numbers = [name + words for name, block in told if (words := _numbers(block, scale, places, threshold))]
    if len(results) == 1 and "Q" in results[0] and any("Q" in block for _, block in told):
        numbers[-1] += f";  {_cochran(results[0])}"
    region: list[str] = []
    if rope is not None:
        low, high = (_words.number(float(end), 2) for end in scale.back(list(rope)))
        inside = [name + words for name, block in told if (words := _probabilities(block, "p_in_rope", _INSIDE))]
        region.append("; ".join([f"Shaded: region of practical equivalence, {low} to {high}", *inside]))
    triples = list(zip(results, named, of_results, strict=True))
    shown_marks = frame.assign(point=frame["point"].where(frame["row"] != "study", frame["drawn_point"]))
    return Told(
        alarms=tuple(name + _status(result) for result, name, _ in triples if result.report.alarming),
        mild=tuple(
            name + _text.escaped(_text.plain(result.report.advice))
            for result, name, _ in triples
            if result.report.status != "ok" and not result.report.alarming
        ),
        numbers=tuple(numbers),
        region=tuple(region),
        made=tuple(name + _made(result, groups, named=bool(name)) for result, name, groups in triples),
        priors=tuple(name + _prior_alone(result) for result, name, _ in triples),
        key=(_key(shown_marks, leaves_axis),),
        layout=tuple(_text.escaped(words) for words in layout),
    )


def _cochran(result: Result) -> str:
    """``Q = 152.2 (df 12)``."""
    quantity = result["Q"]
    df = getattr(quantity, "df", math.nan)
    return f"Q = {quantity.point:.1f}" + (f" (df {df:.0f})" if math.isfinite(df) else "")


def _prior_alone(result: Result) -> str:
    if result.prior == NO_PRIOR:
        return f"{show.capital(result.model.label)}, {result.engine_label}, no prior"
    return f"Prior: {greek(_words.prior(result.prior))}"


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
    words = []
    if studies["drawn_raw"].notna().any():
        words.append(f"Square: the study alone, area in proportion to its weight, {prob} confidence interval (Wald)")
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
    return show.capital("; ".join(words)) + "."


def _status(result: Result) -> str:
    return _text.escaped(_text.plain(f"{show.status(result.report.status)}. {result.report.advice}"))
