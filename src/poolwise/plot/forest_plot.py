"""The forest plot: studies as reported and as the model sees them, the mean effect, a new study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from poolwise.errors import InputError
from poolwise.plot import _canvas, _dress, _marks, _sheet, _width
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Placed
from poolwise.plot.forest_choices import Choices, Wishes
from poolwise.plot.forest_eyes import Eye
from poolwise.plot.forest_pages import Page, Picture, picture_of
from poolwise.plot.forest_rows import EYE, Row, Steps, forest_sheet
from poolwise.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BIGGEST, _SMALLEST, _CIRCLE = 8.0, 1.4, 4.4
_TICK = 4.5
_PALE = "#8f8f8f"  # an interval behind points


def forest(
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
    ax: Axes | None = None,
) -> Any:
    """Forest plot of a result from any engine, as wide as a page or a column of a journal.

    A row for each study: its own estimate and interval (square, area in proportion to its weight on one scale for all
    blocks) and, just below, the shrunken theta_i (filled circle). A diamond for mu and a pale bar for the effect in a
    new study stand under their group, the overall ones below all, and those of further results below them. With
    moderators, a small diamond marks the mean effect fitted for each study, and the coefficients are printed below
    (`bubble` draws the regression). Numbers are printed on the reading scale: ratios, not their logarithms.
    Probabilities are printed for posteriors only. `forest_frame` of the same results gives every number drawn,
    `forest_caption` all that has to be said.

    Parameters
    ----------
    result : Result or sequence of Result
        Whose studies are shown; of several, the first, and the others as `beside`.
    beside : sequence of Result
        Further results to set side by side; those of one engine are told apart by what differs.
    prob : float
        Probability of all intervals.
    by : str, optional
        ``"outcome"`` or a moderator whose values head blocks of studies.
    rope : tuple of float, optional
        Region of practical equivalence to shade, on the analysis scale.
    threshold : float
        What the printed probabilities of mean effects are about, on the analysis scale: 0, or a value that matters.
    sort : str, optional
        Order of the studies, within their blocks: ``"as given"``, ``"effect"``, ``"precision"`` (or ``"se"``),
        ``"weight"``, ``"label"``, or a moderator. By default as given; of more than 40, by effect.
    columns : sequence of str, optional
        Exactly these columns: ``"n"``, ``"events"`` (by arm), ``"weight"``, ``"estimate"`` (with its interval), or
        moderators. By default n, estimate and weight as far as they are known.
    show : {"both", "raw", "shrunken"}
        Estimates of the studies. A model without shrinkage has raw ones only.
    density : bool
        Whether the posterior of mu and of the new study's effect stands above its interval, the prior of mu as outline.
    width : {"page", "column"} or float
        6.9 inches, 3.3 inches, or inches. Axes that are given have their own width.
    theme : {"poolwise", "revman", "jama", "mono"}
        House style, in capitals or not.
    notes : {"short", "full", "none"}
        What stands below: at most three lines, all of it, or nothing.
    pages : int, optional
        Studies on a page. Each page is a figure with the axis repeated, the last one has the results.
    title : str, optional
        Words above the figure, instead of the study table's own title; reconstructed data are named in any case.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes, or list of Axes
        Of the effects, on the analysis scale; its ``figure`` can be saved. With `pages` one for each page. A notebook
        shows it by itself; a script that makes many figures closes each by ``plot.close``.

    Raises
    ------
    InputError
        When `by`, `sort` or `columns` name no moderator, an option is unknown, the scales differ, the region does not
        hold the null value, or pages are to stand on axes that are given.

    Notes
    -----
    The effects have at least two fifths of the width. For that, in this order: raw and shrunken estimates share a
    column; long labels stand on two lines; weight, n, events, then moderators from the last on are left out, which is
    said below or in the caption. Type is never smaller than 6.5 points, which print still resolves. Where studies would
    fill more than a page, in a column too, and of more than 40, they are thin lines on one page, without names where
    those would be smaller; `pages` shows all.

    References
    ----------
    Lewis and Clarke (2001), Forest plots, BMJ 322:1479, 10.1136/bmj.322.7300.1479; the bar for a new
    study: Guddat et al. (2012), Systematic Reviews 1:34, 10.1186/2046-4053-1-34.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    >>> axes = pw.plot.forest(fit, sort="year", columns=["events", "estimate"])
    >>> pw.plot.close(axes)
    """
    if ax is not None and pages is not None:
        raise InputError("pages on axes that are given", "one of the two", "pages without ax")
    wide: str | float = width if ax is None else max(_inches(ax), 2.4)
    wishes = Wishes(
        beside, prob, by, rope, threshold, sort, columns, show, density, wide, theme, notes, pages, title
    )  # fmt: skip
    with plain_text():
        picture = picture_of(result, wishes)
        drawn = [_drawn(picture, page, ax) for page in picture.pages]
    return drawn if pages is not None else drawn[0]


def _inches(ax: Axes) -> float:
    whole = _width.figure_of(ax).get_size_inches()[0]  # which refuses what is no axes
    return float(ax.get_position().width * whole)


def _drawn(picture: Picture, page: Page, ax: Axes | None) -> Axes:
    effects, choices, lines = picture.results[0].effects, picture.choices, page.lines
    named = " ".join(filter(None, (picture.title, page.place)))
    sheet = forest_sheet(page.layout, lines, effects, choices, page.notes, named)
    (axes, *_), placed = _canvas.draw(sheet, ax)
    axes.set_xlim(*picture.span)
    _draw_axis(axes, placed, picture)
    look = choices.theme
    studies = pd.DataFrame([{**row.numbers, "y": row.y} for row in lines.rows if row.kind == "study"])
    if look.band and not choices.compact:
        for y in studies["y"].iloc[::2]:
            _band(axes, placed, float(y), 0.5 * lines.steps.study, look.band)
    _draw_studies(axes, studies, choices, lines.steps)
    _draw_pooled(axes, lines.rows, picture)
    for height in lines.rules:
        _canvas.rule(axes, placed, height)
    return axes


def _draw_axis(ax: Axes, placed: Placed, picture: Picture) -> None:
    low, high = ax.get_xlim()
    effects, rope = picture.results[0].effects, picture.rope
    null = effects.scale.null_value
    _dress.dress(ax, placed, effects.scale)
    if rope is not None:
        _marks.region(ax, rope)
    if null is not None and low <= null <= high:
        ax.axvline(null, color=picture.choices.theme.null, lw=0.9, zorder=1.0, label="null value")
        _dress.direct(ax, placed, null, effects.directions)


def _band(ax: Axes, placed: Placed, y: float, half: float, colour: str) -> None:
    """A pale band across the whole sheet behind a study."""
    from matplotlib.patches import Rectangle

    start, length = placed.main
    margin = placed.sheet.sizes.margin
    left, wide = (margin - start) / length, (placed.width - 2.0 * margin) / length
    ax.add_patch(
        Rectangle(
            (left, y - half), wide, 2.0 * half, transform=ax.get_yaxis_transform(), color=colour, lw=0,
            clip_on=False, zorder=0.0, label="band",
        )
    )  # fmt: skip


def _draw_studies(ax: Axes, studies: pd.DataFrame, choices: Choices, steps: Steps) -> None:
    y = studies["y"].to_numpy(dtype=float)
    points = 72.0 * steps.pitch * steps.study  # height of a row in points
    both = choices.raw and choices.shrunken
    thin = steps.thin and both  # two intervals in a line would merge: the shrunken one is a point
    apart = 0.0 if thin or not both else 0.22 * steps.study if choices.compact else steps.apart
    look = choices.theme
    if choices.raw:
        raw = Look("raw interval", _PALE if thin else look.raw, width=min(1.0, (0.45 if thin else 0.3) * points))
        _marks.intervals(ax, studies["raw_lower"], studies["raw_upper"], y - apart, raw)
        square = Look("raw estimate", look.raw, marker="s", face=look.raw if thin else look.face)
        biggest = min(_BIGGEST, (0.5 if both else 0.62) * points) if not choices.compact else min(5.0, 1.1 * points)
        sides = np.sqrt(_marks.areas(studies["area"], biggest, min(_SMALLEST, biggest), heaviest=1.0))
        _marks.points(ax, studies["raw"], y - apart, sides, replace(square, width=min(1.0, 0.2 * points)))
    if choices.shrunken:
        if not thin:
            own = Look("shrunken interval", look.shrunken, width=min(1.5, 0.45 * points))
            _marks.intervals(ax, studies["lower"], studies["upper"], y + apart, own)
        circle = Look("shrunken estimate", look.shrunken, width=min(1.0, 0.2 * points))
        size = np.clip(0.9 * points, 1.6 if thin else 0.0, _CIRCLE if not thin else 3.0)
        _marks.points(ax, studies["point"], y + apart, size, circle)
    if studies["fitted"].notna().any():
        _marks.points(ax, studies["fitted"], y + apart, min(_TICK, points), Look("fitted mean", _sheet.INK, marker="d"))


def _draw_pooled(ax: Axes, rows: Sequence[Row], picture: Picture) -> None:
    means = [row for row in rows if row.kind == "mean"]
    if means and not means[0].numbers["group"]:
        ax.plot(
            [means[0].numbers["point"]] * 2, [0.0, means[0].y], color=means[0].colour, lw=0.8, ls=(0, (1, 2)),
            zorder=0.9, label="line of the mean effect",
        )  # fmt: skip
    for row in rows:
        if row.kind in ("mean", "new study"):
            shape = _marks.diamond if row.kind == "mean" else _marks.bar
            limits = (row.numbers["lower"], row.numbers["upper"])
            name = ", ".join(filter(None, (row.numbers["result"], row.numbers["group"])))
            shape(ax, row.numbers["point"], limits, row.y, Look(f"{row.kind}: {name}", row.colour))
            eye = picture.eyes.get((row.numbers["result"], row.numbers["group"], row.kind))
            if eye is not None:
                _draw_eye(ax, eye, row, name)


def _draw_eye(ax: Axes, eye: Eye, row: Row, name: str) -> None:
    """A density upwards from just above its summary; each as high as its room, the prior on the same scale."""
    low, high = ax.get_xlim()
    base, tall = row.y - 0.36, EYE - 0.1
    scale = tall / float(np.max(eye.density))
    inside = (eye.x >= low) & (eye.x <= high)
    x, heights = eye.x[inside], base - scale * eye.density[inside]
    ax.fill_between(x, base, heights, color=row.colour, alpha=0.28, lw=0, zorder=1.2, label=f"posterior: {name}")
    ax.plot(x, heights, color=row.colour, lw=1.1, zorder=1.5)
    before = (eye.prior_x >= low) & (eye.prior_x <= high)
    if before.any():
        ax.plot(
            eye.prior_x[before], base - scale * np.minimum(eye.prior[before], np.max(eye.density)), color=_sheet.SOFT,
            lw=0.9, ls=(0, (4, 2)), zorder=1.6, label=f"prior: {name}",
        )  # fmt: skip
