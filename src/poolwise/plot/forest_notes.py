"""What is printed below a forest plot: heterogeneity, probabilities, how each result was made and went."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import pandas as pd

from poolwise import show
from poolwise.plot import _sheet, _text, _words
from poolwise.plot._sheet import Phrase
from poolwise.plot.forest_frame import Block, blocks, told_apart
from poolwise.result import NO_PRIOR, Result
from poolwise.scale import Scale, as_scale
from poolwise.show import greek, level, probability, symbol

# No-break spaces, so that the line does not break within the brackets.
_INSIDE = "in\N{NO-BREAK SPACE}region"
_EFFECTS = (("mean", "μ"), ("new study", "new\N{NO-BREAK SPACE}study"))
_LINES = 3  # of short notes
_FITTED = "◆ mean at a study's moderators."


@final
@dataclass(frozen=True)
class Told:
    """Everything that a forest plot has to say, by what it is about; each a sentence with mathtext escapes.

    Attributes
    ----------
    names : tuple of str
        The results, as their sentences begin where there are several: ``"Bayesian, exact: "``.
    alarms, mild : tuple of str
        What went wrong in a fit; that a moment does not exist.
    numbers : tuple of str
        Heterogeneity and probabilities, for each result and group.
    region : tuple of str
        The region of practical equivalence.
    priors : tuple of str
        The prior of each result.
    made : tuple of str
        How each result was made: model, engine, intervals.
    marks : tuple of str
        What marks are that no reader expects: those of a regression.
    key : tuple of str
        What the other marks are.
    layout : tuple of str
        Columns for which there was no room; the order of the studies; densities.
    """

    names: tuple[str, ...]
    alarms: tuple[str, ...]
    mild: tuple[str, ...]
    numbers: tuple[str, ...]
    region: tuple[str, ...]
    priors: tuple[str, ...]
    made: tuple[str, ...]
    marks: tuple[str, ...]
    key: tuple[str, ...]
    layout: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every fact, in the order in which a caption tells them."""
        told = (
            self.numbers, self.region, self.priors, self.made, self.marks, self.key, self.layout, self.mild, self.alarms
        )  # fmt: skip
        return tuple(words for part in told for words in part if words)

    def full(self, size: float) -> list[Phrase]:
        """All of it, in paragraphs."""
        notes = [Phrase(words, size, _sheet.INK, math=True) for words in (*self.numbers, *self.region)]
        pairs = zip(self.priors, self.made, strict=True)
        notes += [Phrase(" ".join(self._once(filter(None, pair))), size, math=True) for pair in pairs]
        notes += [Phrase(words, size, math=True) for words in (*self.marks, *self.key, *self.layout, *self.mild)]
        return notes + [Phrase(words, size, _sheet.ALARM, bold=True, math=True) for words in self.alarms]

    def short(self, size: float, inches: float, *, first_layout: bool) -> tuple[list[Phrase], frozenset[str]]:
        """At most three lines: alarms, odd marks, numbers, prior, then what has room; and which facts they are."""
        alarms = [Phrase(words, size, _sheet.ALARM, bold=True, math=True) for words in self.alarms]
        taken, inside = sum(_lines(each, inches) for each in alarms), set(self.alarms)
        if taken > 1:
            heads = [words.partition(".")[0] for words in self.alarms]
            longer, shorter = ("; ".join(head + more for head in heads) + "." for more in (": see the caption", ""))
            words = longer if _text.width(longer, size, bold=True) <= inches else shorter
            brief = Phrase(words, size, _sheet.ALARM, bold=True, math=True)
            brief = replace(brief, words=_text.fit(brief.words, inches, size, bold=True))
            alarms, taken, inside = [brief], 1, set()
        scale = re.compile(r" on the [^;.]* scale")
        paragraph, last = "", ""
        room = _LINES - taken
        for words in (
            *(self.layout[:1] if first_layout else ()), *self._lead(size, inches, room), *self.numbers, *self.region,
            *self.priors, *self.made, *self.mild, *self.key,
        ):  # fmt: skip
            if words in inside or (words in self.made and self._of(words) != last):
                continue  # told, or it would name its result once more
            shorter = scale.sub("", words) if scale.search(paragraph) else words  # said once
            longer = f"{paragraph} {self._after(last, _ended(shorter))}".strip()
            if words and _lines(Phrase(longer, size), inches) <= room:
                paragraph, last = longer, self._of(words)
                inside.add(words)
        return [*([Phrase(paragraph, size, _sheet.INK, math=True)] if paragraph else []), *alarms], frozenset(inside)

    def _lead(self, size: float, inches: float, room: int) -> tuple[str, ...]:
        """What odd marks are, the numbers of the first result and its prior; the marks at least where room is short."""
        marks, numbers, prior = self.marks[:1], self.numbers[:1], self.priors[:1]
        for words in ((*marks, *numbers, *prior), (*marks, *numbers), (*marks, *prior)):
            if _lines(Phrase(" ".join(self._once(filter(None, words))), size), inches) <= room:
                return words
        return marks

    def caption(self, inside: frozenset[str]) -> str:
        """What does not stand in the picture, as text without mathtext."""
        return " ".join(self._once(words for words in self.all if words not in inside)).replace(r"\$", "$")

    def _once(self, sentences: Iterable[str]) -> Iterator[str]:
        """Sentences with the name of a result only where the one before was not about it."""
        last = ""
        for words in sentences:
            yield self._after(last, _ended(words))
            last = self._of(words)

    def _after(self, last: str, words: str) -> str:
        return show.capital(words.removeprefix(last)) if last and words.startswith(last) else words

    def _of(self, words: str) -> str:
        """The name of the result that a sentence is about; empty for one of all."""
        return next((name for name in self.names if name and words.startswith(name)), "")


def _ended(words: str) -> str:
    return words if words.endswith(".") or not words else f"{words}."


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
    labels = [_own(show.method(label)) for label in told_apart(results)]
    sides = Sides(scale, threshold, results[0].effects.directions)
    named = [f"{label}: " if len(results) > 1 else "" for label in labels]
    of_results = blocks(frame, results)
    told = [
        (name + (f"{_own(group)}: " if group else ""), block)
        for name, groups in zip(named, of_results, strict=True)
        for group, block in sorted(groups.items(), key=lambda each: each[0] != "")  # what groups share comes first
    ]
    numbers = _worded_once([name + words for name, block in told if (words := _numbers(block, places, sides))], sides)
    if len(results) == 1 and "Q" in results[0] and any("Q" in block for _, block in told):
        numbers[-1] += f";  {_cochran(results[0])}"
    triples = list(zip(results, named, of_results, strict=True))
    shown_marks = frame.assign(point=frame["point"].where(frame["row"] != "study", frame["drawn_point"]))
    return Told(
        names=tuple(named),
        alarms=tuple(name + _status(result) for result, name, _ in triples if result.report.alarming),
        mild=tuple(
            name + _own(result.report.advice)
            for result, name, _ in triples
            if result.report.status != "ok" and not result.report.alarming
        ),
        numbers=tuple(numbers),
        region=() if rope is None else (_region(scale, rope, told),),
        priors=tuple(_prior(result, name) for result, name, _ in triples),
        made=tuple(name + _made(result, groups, named=bool(name)) for result, name, groups in triples),
        marks=(_FITTED,) if frame["fitted"].notna().any() else (),
        key=(_key(shown_marks, leaves_axis),),
        layout=tuple(_text.escaped(words) for words in layout),
    )


def _worded_once(numbers: Sequence[str], sides: Sides) -> list[str]:
    """The user's words for a direction only where they are told first: the axis has them, too."""
    once, said = [], set()
    for words in numbers:
        for own in filter(None, sides.directions):
            bracket = f" ({_own(own)})"
            words = words.replace(bracket, "") if bracket in said else words
            said |= {bracket} if bracket in words else set()
        once.append(words)
    return once


def _own(words: object) -> str:
    """Words of the user, or of a fit, in a line with mathtext."""
    return _text.escaped(_text.plain(words))


def _region(scale: Scale, rope: tuple[float, float], told: Sequence[tuple[str, Block]]) -> str:
    """The region of practical equivalence, and the probability of each effect to be in it."""
    inside = [name + words for name, block in told if (words := _inside(block))]
    low, high = (_words.number(float(end), 2) for end in scale.back(list(rope)))
    return "; ".join([f"Shaded: region of practical equivalence, {low} to {high}", *inside])


def _cochran(result: Result) -> str:
    """``Q = 152.2 (df 12)``."""
    quantity = result["Q"]
    df = getattr(quantity, "df", math.nan)
    return f"Q = {quantity.point:.1f}" + (f" (df {df:.0f})" if math.isfinite(df) else "")


@final
@dataclass(frozen=True)
class Sides:
    """What probabilities are about: a value on the reading scale, its sides in the user's words."""

    scale: Scale
    threshold: float
    directions: tuple[str, str]

    @property
    def differences(self) -> Scale:
        """Where differences of effects are read: ratios for those of logarithms, others as they are."""
        return self.scale if self.scale.transform == "log" else as_scale("identity")

    def chance(self, below: float, name: str = "", *, worded: bool = False) -> str:
        """``P(μ below 1) = 0.998 (favours vaccination)``: of the side on which the median lies; empty without one."""
        if math.isnan(below):
            return ""
        side, size = show.likelier(1.0 - below)
        at = f"{float(self.scale.back(self.threshold)):.3g}".replace("-", "−")
        own = _own(self.directions[side == "above"]) if worded and self.threshold == 0.0 else ""
        return f"P({f'{name} ' if name else ''}{side} {at}) {probability(size)}" + (f" ({own})" if own else "")

    def of_difference(self, below: float) -> str:
        """``P(below 0) = 0.998`` of a contrast or a coefficient, ``P(below 1)`` of a ratio of ratios."""
        return Sides(self.differences, 0.0, ("", "")).chance(below)


def _prior(result: Result, name: str) -> str:
    """The prior of a result; its label tells when it has none."""
    return "" if result.prior == NO_PRIOR else f"{name}prior: {_own_prior(result)}" if name else (
        f"Prior: {_own_prior(result)}"
    )  # fmt: skip


def _own_prior(result: Result) -> str:
    return greek(_words.prior(result.prior))


def _numbers(block: Block, places: int, sides: Sides) -> str:
    """The probabilities of sides, tau on the analysis scale, and I2; or the coefficients."""
    scale = sides.scale
    analysis = "" if scale.transform == "identity" else f" on the {scale.label} scale"
    if any(record["row"] == "coefficient" for record in block.values()):
        return f"{_coefficients(block)}{analysis}"
    contrasts = [_contrast(record, places, sides) for record in block.values() if record["row"] == "contrast"]
    tau = f"τ = {_words.estimate(*_triple(block, 'tau'), places=places)}{analysis}" if "tau" in block else ""
    chances = [
        sides.chance(block[row]["p_below_null"], effect, worded=row == "mean")
        for row, effect in _EFFECTS if row in block
    ]  # fmt: skip
    share = f"I² = {_words.percent_interval(*_triple(block, 'I2'))}" if "I2" in block else ""
    return ";  ".join(filter(None, (",  ".join(filter(None, chances)), ";  ".join(contrasts), tau, share)))


def _contrast(record: dict[Any, Any], places: int, sides: Sides) -> str:
    """A difference between two groups' means with its interval and, from a posterior, the probability of its side."""
    ratio = sides.differences.transform == "log"
    name = symbol(str(record["label"])).replace("] - μ[", "] − μ[")
    name = _own(name.replace("] − μ[", "] / μ[") if ratio else name)
    point, lower, upper = sides.differences.back([record["point"], record["lower"], record["upper"]]).tolist()
    chance = sides.of_difference(record["p_below_null"])
    return f"{name} = {_words.estimate(point, lower, upper, places)}" + (f" ({chance})" if chance else "")


def _coefficients(block: Block) -> str:
    """Each coefficient with its interval and, where it is a slope with a posterior, the probability of its side."""
    said = []
    for name, record in block.items():
        called = _own(symbol(name))
        numbers = (record["point"], record["lower"], record["upper"])
        chance = _ON_ANALYSIS_SCALE.chance(record["p_below_null"])
        said.append(
            f"{called} = {show.number(numbers[0])} {show.interval(*numbers[1:])}{f', {chance}' if chance else ''}"
        )
    return ";  ".join(said)


_ON_ANALYSIS_SCALE = Sides(as_scale("identity"), 0.0, ("", ""))


def _inside(block: Block) -> str:
    """``P(mu in region) = 0.998`` for each effect that has a probability, empty when none has."""
    return ",  ".join(
        f"P({effect}\N{NO-BREAK SPACE}{_INSIDE}) {probability(block[row]['p_in_rope'])}"
        for row, effect in _EFFECTS
        if row in block and not math.isnan(block[row]["p_in_rope"])
    )


def _triple(block: Block, row: str) -> tuple[float, float, float]:
    return block[row]["point"], block[row]["lower"], block[row]["upper"]


def _made(result: Result, groups: dict[str, Block], *, named: bool) -> str:
    records = [record for block in groups.values() for record in block.values()]
    kinds = dict.fromkeys(str(record["interval"]) for record in records if record["interval"])
    own = _own(_words.model(result.model.label))
    model = "" if named and result.label.startswith(result.model.label) else f"{own} model, "
    engine = show.engine(result.engine_label)
    how = "" if named and show.method(result.label).startswith(engine) else f"{engine}; "
    words = (
        f"{model}k = {result.effects.k}; {how}{level(records[0]['prob'])} intervals: {_words.kind(', '.join(kinds))}."
    )
    return words if named else show.capital(words)


def _key(frame: pd.DataFrame, leaves_axis: bool) -> str:
    studies = frame[frame["row"] == "study"]
    prob = level(float(frame["prob"].iloc[0]))
    words = []
    if studies["drawn_raw"].notna().any():
        words.append(f"Square: the study alone, area in proportion to its weight, {prob} confidence interval (Wald)")
    if studies["point"].notna().any():
        words.append(f"circle: shrunken towards the mean, {studies['interval'].iloc[0]}")
    if (frame["row"] == "mean").any():
        words.append("diamond: mean effect")
    if (frame["row"] == "new study").any():
        words.append("pale bar: true effect in a new study")
    if leaves_axis:
        words.append("arrow: the interval goes on beyond the axis")
    return show.capital("; ".join(words)) + "."


def _status(result: Result) -> str:
    return _own(f"{show.status(result.report.status)}. {result.report.advice}")
