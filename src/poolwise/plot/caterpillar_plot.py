"""Caterpillar and orchard: true effects in order with the mean behind them, and all estimates by group as fruit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.errors import MissingQuantityError
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet, _steps, _text, _words
from poolwise.plot._chart import refuse_small
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot._width import room
from poolwise.plot.caterpillar_frame import caterpillar_frame
from poolwise.result import Result
from poolwise.settings import check_option

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Style = Literal["caterpillar", "orchard"]
_EFFECT = Look("true effects", _marks.COLOURS[0], width=1.2)
_MEAN = Look("mean", _sheet.INK, width=3.6, marker="D")
_NEW = Look("new study", _sheet.INK, width=1.1)
_FRUIT = Look("estimates", _marks.COLOURS[0])
_BAND, _PALE = "#c9dff0", "#e9f1f8"
_PLOT_INCHES, _LONGEST, _MARKER, _NARROW = 3.0, 2.2, 5.0, 5.5
_TREE, _MOST_HIGH = 0.8, 8.2  # inches of a group's row; of all
_BIGGEST, _SMALLEST = 11.0, 2.2  # points of the diameters of estimates
_GOLDEN = 0.6180339887498949


def caterpillar(
    result: Result,
    *,
    style: Style = "caterpillar",
    by: str | None = None,
    prob: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the true effects in order with their intervals, or as an orchard all estimates by group.

    A caterpillar has a line for each true effect, or for each level of `by` the mean of its true effects; behind them
    lie the mean with its interval (dark) and a new study (pale). An orchard has a row for each group: each estimate as
    a point whose area is its precision, spread up and down so that they come apart (the same each time), a thick
    interval of the group's mean and a thin one of a new study. `caterpillar_frame` gives every number drawn; with more
    rows than can be read, every second or third one has words.

    Parameters
    ----------
    result : Result
        A fit by any engine whose model has true effects of studies.
    style : {"caterpillar", "orchard"}
        What is drawn.
    by : str, optional
        ``"study"`` (the study as given, of several effects), ``"outcome"`` or a moderator: the levels of a caterpillar,
        of posteriors, or the groups of an orchard; those of the model when None.
    prob : float
        Probability of the intervals.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For what is no result; for a `by` that the table does not have; axes that are too small.
    MissingQuantityError
        For a result without true effects of studies; for levels of a closed form, which has no joint law of them.
    ModelError
        For an unknown `style`, a `prob` that is no probability.

    References
    ----------
    Nakagawa et al. 2021, Research Synthesis Methods 12:4, 10.1002/jrsm.1424, for the orchard.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.Subgroups("alloc"), pw.Exact())
    >>> pw.plot.close(pw.plot.caterpillar(fit, style="orchard"))
    """
    check_option("style", style, ("caterpillar", "orchard"))
    frame = caterpillar_frame(result, by=by, prob=prob)
    rows = _drawn(result, frame, style, by)
    with plain_text():
        narrow = room(ax) < _NARROW
        sheet = _table(result, frame, rows, (style, title), narrow=narrow)
        if ax is not None:
            refuse_small(sheet, ax, (1.0, 0.6 * sheet.rows * sheet.pitch))
        axes, placed = _canvas.draw(sheet, ax)
        axes[0].set_xlim(*_limits(frame, rows, result))
        _dress.dress(axes[0], placed, result.effects.scale)
        _behind(axes[0], frame, rows, result)
        if style == "orchard":
            _orchard(axes[0], frame, rows)
        else:
            _crawl(axes[0], rows)
    return axes[0]


def _drawn(result: Result, frame: pd.DataFrame, style: Style, by: str | None) -> pd.DataFrame:
    """The rows of the body with their heights: effects or levels, and of an orchard its groups."""
    if style == "orchard":
        groups = list(dict.fromkeys(frame.loc[frame["row"] == "effect", "group"].sort_index()))
        groups = sorted(groups, key=_order(result, groups).index)
        means = frame[frame["row"] == "mean"].drop_duplicates("group").set_index("group")
        rows = means.reindex(groups).rename_axis("group").reset_index()
        counts = frame.loc[frame["row"] == "effect", "group"].value_counts()
        rows["k"] = [int(counts[group]) for group in groups]
        return rows.assign(y=np.arange(len(rows)) + 0.5)
    rows = frame[frame["row"] == ("effect" if by is None else "level")]
    if by is not None and not len(rows):
        raise MissingQuantityError(
            f"'{result.label}' has no joint law of true effects, whose mean each level of '{by}' has",
            "a result of Exact or NUTS",
            "caterpillar(result), or style='orchard'",
        )
    return rows.assign(y=_steps.places(len(rows), first=False)).reset_index(drop=True)


def _order(result: Result, groups: list[str]) -> list[str]:
    """Groups as the model names them, then as they appear."""
    own = [name.removeprefix("mu[").removesuffix("]") for name in result.answers if name.startswith("mu[")]
    return [*(group for group in own if group in groups), *(group for group in groups if group not in own)]


def _limits(frame: pd.DataFrame, rows: pd.DataFrame, result: Result) -> tuple[float, float]:
    """Limits of the axis: of an orchard by its estimates, of a caterpillar by its rows, of both by the means."""
    null = result.effects.scale.null_value
    means, effects = frame[frame["row"] == "mean"], frame[frame["row"] == "effect"]
    orchard = not rows["row"].isin(["effect", "level"]).all()
    points, own = (effects["raw"], means) if orchard else (rows["point"], rows)
    ends = [pd.concat([own[f"{end}er"], means[f"new_{end}er"], means[f"{end}er"]]) for end in ("low", "upp")]
    low, high = (each.to_numpy(dtype=float) for each in ends)
    return _axis.limits(points.to_numpy(dtype=float), low, high, show=[] if null is None else [null])


def _behind(ax: Axes, frame: pd.DataFrame, rows: pd.DataFrame, result: Result) -> None:
    """The null value, and the one mean of the model with its bands where no row has it."""
    null = result.effects.scale.null_value
    low, high = ax.get_xlim()
    means = frame[frame["row"] == "mean"]
    if _is_behind(rows, means):
        mean = means.iloc[0]
        for name, ends, colour in (("new study", "new_", _PALE), ("mean, interval", "", _BAND)):
            span = np.array([mean[f"{ends}lower"], mean[f"{ends}upper"]], dtype=float)
            if np.isfinite(span).all():
                start, stop = span.clip(low, high).tolist()
                ax.axvspan(start, stop, color=colour, lw=0, zorder=0.2, label=name)
        ax.axvline(float(mean["point"]), color=_sheet.INK, lw=1.0, ls=(0, (4, 2)), zorder=1.0, label="mean")
    if null is not None:
        ax.axvline(null, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")


def _is_behind(rows: pd.DataFrame, means: pd.DataFrame) -> bool:
    return len(means) == 1 and bool(rows["row"].isin(["effect", "level"]).all() or rows["point"].isna().all())


def _crawl(ax: Axes, rows: pd.DataFrame) -> None:
    look = replace(_EFFECT, width=_steps.line_width(len(rows), _EFFECT.width))
    _marks.intervals(ax, rows["lower"], rows["upper"], rows["y"], look)
    size = _MARKER if len(rows) <= 45 else 0.6 * _MARKER if len(rows) <= 120 else 0.35 * _MARKER
    _marks.points(ax, rows["point"], rows["y"], size, look)


def _orchard(ax: Axes, frame: pd.DataFrame, rows: pd.DataFrame) -> None:
    effects = frame[frame["row"] == "effect"]
    few = math.sqrt(min(1.0, 60.0 / len(effects)))
    precision = 1.0 / effects["se"]
    sizes = np.maximum(_BIGGEST * np.sqrt(precision / precision.max()) * max(few, 0.4), _SMALLEST)
    low, high = ax.get_xlim()
    for _, row in rows.iterrows():
        own = effects["group"] == row["group"]
        x = effects.loc[own, "raw"].to_numpy(dtype=float)
        y = float(row["y"]) + 0.36 * spread(x, high - low)
        inside = (x >= low) & (x <= high)
        ax.scatter(
            x[inside], y[inside], s=sizes[own].to_numpy()[inside] ** 2, facecolors=_FRUIT.colour, alpha=0.5,
            edgecolors=_sheet.INK, linewidths=0.4, zorder=2.2, label=_FRUIT.name,
        )  # fmt: skip
        _marks.arrows(ax, y[x < low], "left", _FRUIT)
        _marks.arrows(ax, y[x > high], "right", _FRUIT)
    told = rows[rows["point"].notna()]
    _marks.intervals(ax, told["new_lower"], told["new_upper"], told["y"], _NEW)
    _marks.intervals(ax, told["lower"], told["upper"], told["y"], _MEAN)
    _marks.points(ax, told["point"], told["y"], 6.5, replace(_MEAN, face="white"))


def spread(x: Array, width: float) -> Array:
    """How far up or down points are moved so that they come apart, from -1 to 1, the same each time.

    Points in order take the steps of the golden ratio, whose any few in a row lie apart, as far as there are others
    near them.

    Parameters
    ----------
    x : ndarray
        Positions, shape (m,).
    width : float
        Width of the axis, a thirtieth of which is near.

    Returns
    -------
    ndarray
        Shape (m,); 0 for a point alone.
    """
    near = np.exp(-0.5 * ((x[:, None] - x[None, :]) / (width / 30.0)) ** 2).sum(axis=1) - 1.0
    order = np.empty(len(x))
    order[np.argsort(x, kind="stable")] = np.arange(len(x))
    most = max(float(near.max()), 3.0) if len(x) else 1.0
    return (2.0 * np.mod(0.5 + order * _GOLDEN, 1.0) - 1.0) * np.minimum(
        1.0, np.sqrt((near + 0.4 * (len(x) > 1)) / most)
    )


def _table(
    result: Result, frame: pd.DataFrame, rows: pd.DataFrame, words: tuple[Style, str | None], *, narrow: bool
) -> Sheet:
    style, title = words
    effects, orchard = result.effects, style == "orchard"
    pitch = min(_TREE if len(rows) > 1 else 2.0 * _TREE, _MOST_HIGH / len(rows)) if orchard else _steps.pitch(len(rows))
    every = max(1, math.ceil(_steps.LEAST_PITCH / pitch))
    kept = [i for i in range(len(rows)) if i % every == 0] if orchard else _steps.worded(len(rows))
    told = [rows.iloc[i] for i in kept]
    long, size = (1.4, _sheet.COMPACT.body) if narrow else (_LONGEST, _sheet.BODY_SIZE)
    names = [_name(row, orchard=orchard, reconstructed=effects.reconstructed) for row in told]
    heading = "" if orchard else "Level" if (rows["row"] == "level").any() else "Study"
    columns: list[Column | Plot] = [
        Column(heading, tuple(_text.fit(name, long, size) for name in names)),
    ]
    if orchard or (rows["k"] > 1).any():
        columns.append(Column("k", tuple(f"{int(row['k']):,}" for row in told), align="right"))
    columns.append(Plot(_PLOT_INCHES))
    if not narrow and rows["point"].notna().any():
        ends = {"point": "mu_point", "lower": "mu_lower", "upper": "mu_upper"}
        cells = [
            "" if math.isnan(row["point"]) else _steps.on_reading_scale(row.rename(ends), effects.scale, mean=True)
            for row in told
        ]
        what = "Mean" if orchard else "True effect" if heading == "Study" else "Mean"
        columns.append(Column(f"{what} [{show.level(float(frame['prob'].iloc[0]))}]", tuple(cells), align="right"))
    own = _text.plain(effects.title if title is None else title)
    return Sheet(
        title=_steps.titled(
            own, "estimates and means" if orchard else "true effects", reconstructed=effects.reconstructed
        ),
        lines=tuple(Line(float(row["y"])) for row in told),
        rows=float(rows["y"].iloc[-1]) + (0.5 if orchard else 0.6),
        pitch=pitch,
        columns=tuple(columns),
        notes=tuple(_notes(result, frame, rows, orchard=orchard, worded=len(kept))),
        below=0.5,
    )


def _name(row: pd.Series, *, orchard: bool, reconstructed: bool) -> str:
    if orchard:
        return _text.plain(row["group"]) or "All estimates"
    return _steps.study_name(row["name"], reconstructed=reconstructed)


def _notes(result: Result, frame: pd.DataFrame, rows: pd.DataFrame, *, orchard: bool, worded: int) -> list[Phrase]:
    prob = show.level(float(frame["prob"].iloc[0]))
    means = frame[frame["row"] == "mean"]
    new = [_words.kind(each) for each in dict.fromkeys(means["new_interval"].dropna()) if each]
    kinds = [_words.kind(each) for each in dict.fromkeys(means["interval"].dropna()) if each]
    said = []
    if orchard:
        said.append(f"Points: the {result.effects.counted}, area by precision 1/se, moved up or down to come apart.")
        thick, thin = ("Dark band", "Pale band") if _is_behind(rows, means) else ("Thick", "Thin")
        if kinds:
            said.append(f"{thick}: mean, {prob} {', '.join(kinds)}.")
        if new:
            said.append(f"{thin}: a new study, {', '.join(new)}.")
        if rows["point"].isna().any():
            said.append("The model has no mean of its own for groups without a thick line.")
    else:
        what = "true effects" if (rows["row"] == "effect").all() else "means of the true effects of a level, by draws"
        said.append(f"{show.capital(what)} in order; {prob} intervals: {_words.kind(str(rows['interval'].iloc[0]))}.")
        if len(means) == 1:
            behind = f"Dashed line and dark band: mean, {', '.join(kinds)}"
            said.append(f"{behind}{'; pale band: a new study, ' + ', '.join(new) if new else ''}.")
    model, engine = show.capital(_words.model(result.model.label)), show.engine(result.engine_label)
    said.append(f"{model}, {engine}; prior: {show.greek(_words.prior(result.prior))}.")
    if worded < len(rows):
        said.append(f"{worded} of {len(rows)} rows have words.")
    low, high = _limits(frame, rows, result)
    drawn = frame.loc[frame["row"] == "effect", "raw"] if orchard else pd.concat([rows["lower"], rows["upper"]])
    if ((drawn < low) | (drawn > high)).any():
        said.append("Arrow: it lies, or goes on, beyond the axis.")
    return [
        Phrase(_text.plain(_answer(result, rows, means, orchard=orchard)), _sheet.BODY_SIZE, _sheet.INK, bold=True),
        Phrase(_text.plain(" ".join(said))),
    ]


def _answer(result: Result, rows: pd.DataFrame, means: pd.DataFrame, *, orchard: bool) -> str:
    scale = result.effects.scale
    null = scale.null_value
    if orchard:
        told = means if len(means) == 1 else rows[rows["point"].notna()]
        if not len(told):
            return f"{len(rows)} groups of estimates; the model has no single mean."
        ends = {"point": "mu_point", "lower": "mu_lower", "upper": "mu_upper"}
        if len(told) == 1:
            return f"Mean {scale.natural_label} {_steps.on_reading_scale(told.iloc[0].rename(ends), scale, mean=True)}."
        low, high = (_words.number(float(scale.back(each)), 2) for each in (told["point"].min(), told["point"].max()))
        return f"Means of groups: {scale.natural_label} from {low} to {high}."
    low, high = (_words.number(float(scale.back(each)), 2) for each in (rows["point"].min(), rows["point"].max()))
    what = "true effects" if (rows["row"] == "effect").all() else "levels"
    span = f"{len(rows)} {what} from {low} to {high}" if len(rows) > 1 else f"One true effect, {low}"
    if null is None:
        return f"{span}."
    below, above = int((rows["upper"] < null).sum()), int((rows["lower"] > null).sum())
    at = f"{float(scale.back(null)):g}"
    return f"{span}; {below or 'no'} interval{'' if below == 1 else 's'} below {at}, {above or 'none'} above."
