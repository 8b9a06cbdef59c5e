"""A forest plot before it is drawn: what it shows, the heights of its lines, its pages and its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
import pandas as pd

from poolwise.errors import InputError, listing
from poolwise.plot import _axis, _sheet
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot.forest_choices import Choices, Wishes, chosen
from poolwise.plot.forest_eyes import Eye, eyes
from poolwise.plot.forest_frame import forest_frame, results_of
from poolwise.plot.forest_layout import Layout, note_size, sizes_of, wrapped_label
from poolwise.plot.forest_notes import Told, forest_notes
from poolwise.plot.forest_rows import (
    EYE,
    PAGE_HEIGHT,
    Body,
    Steps,
    body,
    deep,
    forest_sheet,
    layout,
    title_of,
    with_cells,
)
from poolwise.result import Result
from poolwise.scale import Scale

_THIN = 6.0  # points of a line of a study, below which two intervals in it would merge
_BETWEEN = 1.2 / 72.0  # inches from line to line within a cell, for each point of type
_LEADING, _LEAST_LEADING = 0.05, 0.01  # inches between rows of two lines, and where they would fill more than a page
_FIXED, _TALLEST = 1.9, 9.8  # inches of all but the rows; of a page of A4 within its margins, below a heading


type Eyes = Mapping[tuple[str, str, str], Eye]


@final
@dataclass(frozen=True, eq=False)
class Page:
    """A page of a forest plot.

    Attributes
    ----------
    lines : Body
        Its lines.
    layout : Layout
        Its columns.
    notes : tuple of Phrase
        What stands below.
    place : str
        Which page of how many; empty for the only one.
    """

    lines: Body
    layout: Layout
    notes: tuple[Phrase, ...]
    place: str


@final
@dataclass(frozen=True, eq=False)
class Picture:
    """A forest plot before it is drawn.

    Attributes
    ----------
    results : tuple of Result
        The first one's studies are shown.
    choices : Choices
        What is shown.
    span : tuple of float
        Limits of the axis on the analysis scale.
    rope : tuple of float or None
        Region of practical equivalence.
    eyes : mapping
        Densities of summaries.
    told : Told
        What is to be said.
    pages : tuple of Page
        At least one.
    title : str
        Words above.
    in_picture : frozenset of str
        What of `told` the notes in the picture tell.
    """

    results: tuple[Result, ...]
    choices: Choices
    span: tuple[float, float]
    rope: tuple[float, float] | None
    eyes: Eyes
    told: Told
    pages: tuple[Page, ...]
    title: str
    in_picture: frozenset[str]


def picture_of(result: Result | Sequence[Result], wishes: Wishes) -> Picture:
    """What is drawn, measured; the studies closer where they would fill more than a page."""
    first, others = results_of(result, wishes.beside)
    results, choices = (first, *others), chosen(wishes, first.effects.k)
    frame = forest_frame(
        results, prob=wishes.prob, by=wishes.by, rope=wishes.rope, threshold=wishes.threshold, sort=choices.sort,
        columns=choices.moderators,
    )  # fmt: skip
    choices = _without_shrinkage(choices, frame)
    studies = frame["row"] == "study"
    frame["drawn_raw"] = frame["raw"].where(studies & choices.raw)
    frame["drawn_point"] = frame["point"].where(studies & choices.shrunken)
    first_way, *closer = _ways(choices)
    picture = _measured(frame, results, first_way, wishes)
    for way in closer:
        if _height(picture) <= _TALLEST:
            break
        nearer = _measured(frame, results, way, wishes)
        if way.compact and not nearer.pages[0].lines.steps.named:  # results alone fill the page
            break
        picture = nearer
    return picture


def _ways(choices: Choices) -> list[Choices]:
    """The choices, and with less room between studies: rows closer, then thin lines instead of rows of two lines."""
    if choices.compact or choices.pages is not None:
        return [choices]
    return [choices, replace(choices, close=True), replace(choices, compact=True)]


def _measured(frame: pd.DataFrame, results: tuple[Result, ...], choices: Choices, wishes: Wishes) -> Picture:
    first, prob, rope = results[0], wishes.prob, wishes.rope
    span = _span(frame, first.effects.scale, rope, choices)
    found = eyes(results, prob, span) if choices.density else {}
    steps = _steps(frame, choices, found, stacked=choices.raw and choices.shrunken, wrapped=1)
    lines = body(frame, results, choices, steps)
    columns = layout(frame, lines, first.effects, choices)
    steps = _steps(frame, choices, found, stacked=columns.stacked, wrapped=_wraps(lines, columns, choices))
    if deep(lines, columns, choices):
        # A third line below the name of a summary; studies keep their height in inches.
        taller = steps.pitch + sizes_of(choices.inches).body * _BETWEEN
        less = steps.pitch / taller
        steps = replace(steps, pitch=taller, study=steps.study * less, apart=steps.apart * less, deep=True)
    told = forest_notes(
        frame, results, rope=rope, threshold=wishes.threshold, leaves_axis=_leaves(frame, span, choices),
        layout=_said(columns, choices, first, steps, found=bool(found)),
    )  # fmt: skip
    notes, in_picture = _notes(told, choices, columns, named=steps.named)
    pages = []
    parts = _parts(frame, choices)
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        own = body(part, results if last else (), choices, steps)
        where = f"({number} of {len(parts)})" if len(parts) > 1 else ""
        pages.append(Page(own, with_cells(columns, part, own, first.effects, choices), notes if last else (), where))
    title = title_of(wishes.title, first.effects)
    return Picture(results, choices, span, rope, found, told, tuple(pages), title, in_picture)


def _height(picture: Picture) -> float:
    """Inches of the only page of a picture."""
    (page,) = picture.pages
    sheet = forest_sheet(
        page.layout, page.lines, picture.results[0].effects, picture.choices, page.notes, picture.title
    )
    return _sheet.place(sheet).height


def forest_caption(
    result: Result | Sequence[Result],
    *,
    beside: Sequence[Result] = (),
    prob: float = 0.95,
    by: str | None = None,
    rope: tuple[float, float] | None = None,
    threshold: float = 0.0,
    sort: str | None = None,
    columns: Sequence[str] | None = None,
    show: Literal["both", "raw", "shrunken"] = "both",
    density: bool = False,
    width: Literal["page", "column"] | float = "page",
    theme: str = "poolwise",
    notes: Literal["short", "full", "none"] = "short",
    pages: int | None = None,
    title: str | None = None,
) -> str:
    """The caption of a forest plot: what has to be said of it and does not stand below the effects, as text.

    Parameters
    ----------
    result, beside, prob, by, rope, threshold, sort, columns, show, density, width, theme, notes, pages, title
        As they were given to `forest`.

    Returns
    -------
    str
        Title and number of studies, and of these what the notes in the picture do not tell: heterogeneity and
        probabilities; the region; model, engine, priors and kind of the intervals; what the marks are; order, and
        columns for which there was no room; what went wrong in a fit. All of it with ``notes="none"``.

    Raises
    ------
    InputError
        As `forest` does.

    Notes
    -----
    A figure holds three lines of notes, because a reader looks at the effects; a journal sets the rest below it. Each
    fact stands once, in the picture or in its caption.

    References
    ----------
    Page et al. 2021, BMJ 372:n160, 10.1136/bmj.n160, item 20: what is reported of each synthesis.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    >>> pw.plot.forest_caption(fit).startswith("BCG")
    True
    """
    wishes = Wishes(
        beside, prob, by, rope, threshold, sort, columns, show, density, width, theme, notes, pages, title
    )  # fmt: skip
    with plain_text():
        picture = picture_of(result, wishes)
    head = f"{picture.title.rstrip('.')}: forest plot" if picture.title else "Forest plot"
    return f"{head} of {picture.results[0].effects.counted}. {picture.told.caption(picture.in_picture)}".rstrip()


def _without_shrinkage(choices: Choices, frame: pd.DataFrame) -> Choices:
    """The choices without shrunken estimates where there are none."""
    if frame.loc[frame["row"] == "study", "point"].notna().any() or not choices.shrunken:
        return choices
    if not choices.raw:
        raise InputError("show = 'shrunken' of a model that does not shrink its studies", "'raw'", 'show="raw"')
    return replace(choices, shrunken=False)


def _parts(frame: pd.DataFrame, choices: Choices) -> list[pd.DataFrame]:
    """The frame of each page; the last one has the rows that are no studies."""
    studies, rest = frame[frame["row"] == "study"], frame[frame["row"] != "study"]
    size = choices.pages or len(studies)
    parts = [studies.iloc[start : start + size] for start in range(0, len(studies), size)]
    return [*parts[:-1], pd.concat([parts[-1], rest])]


def _steps(frame: pd.DataFrame, choices: Choices, found: Eyes, *, stacked: bool, wrapped: int) -> Steps:
    """Heights of the lines: as words need them; of compact ones, as a page allows."""
    size = sizes_of(choices.inches).body
    one, two = size * _BETWEEN + 0.045, 2.0 * size * _BETWEEN + _LEADING
    asides = bool((frame["interval"] != "").any())
    pitch = two if asides else one + 0.02
    both = choices.raw and choices.shrunken
    tight = two - (_LEADING - _LEAST_LEADING) * choices.close
    study = tight if stacked or wrapped == 2 else max(one, 0.225) if both else one + 0.02
    study = max(study, wrapped * size * _BETWEEN + 0.05 if wrapped > 2 else 0.0)
    apart = 0.5 * size * _BETWEEN / pitch if stacked else 0.055 / pitch
    if not choices.compact:
        return Steps(pitch, study / pitch, frozenset(found), apart=apart)
    kinds = frame["row"].value_counts()
    summaries = int(kinds.get("mean", 0)) + int(kinds.get("new study", 0))
    studies = frame[frame["row"] == "study"]
    headings = studies["group"].nunique() + frame["result"].nunique()
    fixed = _FIXED + pitch * (summaries + EYE * len(found) + 1.1 * headings)
    study = min((PAGE_HEIGHT - fixed) / len(studies), one)
    named, thin = study >= size * _BETWEEN, 72.0 * study < _THIN
    return Steps(pitch, max(study, 0.012) / pitch, frozenset(found), named=named, thin=thin, apart=apart)


def _wraps(lines: Body, columns: Layout, choices: Choices) -> int:
    """On how many lines the labels of studies stand."""
    if choices.compact:
        return 1
    size = sizes_of(choices.inches).body
    names = [row.label for row in lines.rows if row.kind == "study"]
    return max((wrapped_label(name, columns.labels, size).count("\n") + 1 for name in names), default=1)


def _notes(told: Told, choices: Choices, columns: Layout, *, named: bool) -> tuple[tuple[Phrase, ...], frozenset[str]]:
    """The notes of the picture, and which facts they tell."""
    size, sizes = note_size(choices.inches), sizes_of(choices.inches)
    if choices.notes == "none":
        return (), frozenset()
    if choices.notes == "full":
        return tuple(told.full(size)), frozenset(told.all)
    wished = not named or (choices.columns is not None and bool(columns.left_out))
    phrases, inside = told.short(size, choices.inches - 2.0 * sizes.margin, first_layout=wished)
    return tuple(phrases), inside


def _said(columns: Layout, choices: Choices, result: Result, steps: Steps, *, found: bool) -> list[str]:
    """What has to be said of columns, order and densities."""
    said, named = [], steps.named
    if columns.left_out:
        said.append(f"No room for: {listing(columns.left_out)}.")
    if not named:
        own = (
            "line and square: as reported; point: shrunken, its interval not drawn"
            if steps.thin
            else "square: as reported; circle: shrunken"
        )
        marks = own if choices.raw and choices.shrunken else "a line each"
        said.insert(0, f"{result.effects.counted}, {choices.order_words} ({marks}); names in the table of studies")
    if named and choices.sort != "as given":
        said.append(f"Studies {choices.order_words}.")
    if found:
        said.append("Densities: posteriors, each as high as its room; dashed: the prior of the mean effect.")
    elif choices.density:
        said.append("No densities: a confidence interval has none.")
    return said


def _span(frame: pd.DataFrame, scale: Scale, rope: tuple[float, float] | None, choices: Choices) -> tuple[float, float]:
    points, lower, upper = _drawn(frame, choices)
    null = () if scale.null_value is None else (scale.null_value,)
    return _axis.limits(points, lower, upper, show=(*null, *(rope or ())))


def _leaves(frame: pd.DataFrame, span: tuple[float, float], choices: Choices) -> bool:
    """Whether anything drawn goes beyond the axis."""
    numbers = np.concatenate(_drawn(frame, choices))
    return bool(np.any((numbers < span[0]) | (numbers > span[1])))


def _drawn(frame: pd.DataFrame, choices: Choices) -> list[np.ndarray]:
    """All points, lower ends and upper ends of what is drawn as marks."""
    effect = frame[frame["row"].isin(["study", "mean", "new study"])]
    own = effect.where(choices.shrunken | (effect["row"] != "study"))
    names = (("raw", "point"), ("raw_lower", "lower"), ("raw_upper", "upper"))
    found = []
    for raw, point in names:
        parts = ([effect[raw]] if choices.raw else []) + [own[point]]
        found.append(np.concatenate([part.to_numpy(dtype=float) for part in parts]))
    return found
