"""The radial plot of Galbraith: standardised estimates against precision, the mean as a line through the origin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from poolwise import show
from poolwise.errors import MissingQuantityError, listing
from poolwise.plot import _axis, _marks, _sheet, _text
from poolwise.plot._chart import effect_words, keyed_chart, name_axes, number_ticks
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import size_of
from poolwise.plot._words import kind, number, prior
from poolwise.result import Result, check_result
from poolwise.settings import check_prob

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
_LINE, _BAND, _OUT = _marks.COLOURS[0], "#dbe9f4", _marks.COLOURS[1]
_HIGH, _RIGHT = 3.7, 0.55  # inches of the chart; at its right for the labels of the arc
_LEAST_SHARE, _BEYOND = 0.5, 1.05  # of the width for the studies; radius of the arc
_APART, _OFF_AXIS = 0.165, 0.1  # inches between labels of the arc, and from the horizontal axis to the lowest
_NAMED, _LISTED = 8, 5  # studies outside the band whose names stand in the picture, in the words below
_LONGEST = 1.6  # inches of a name


def radial_frame(result: Result, *, prob: float = 0.95) -> pd.DataFrame:
    """Every number that `radial` draws.

    x_i = 1 / sqrt(v_i + tau^2) and z_i = y_i x_i, at the point estimate of tau; without heterogeneity in the model
    x_i = 1 / se_i. The line is z = mu x, its band mu x -+ c with the normal quantile c of `prob`.

    Parameters
    ----------
    result : Result
        A fit with one mean effect, by any engine.
    prob : float
        Probability of the band and of the interval of the mean.

    Returns
    -------
    DataFrame
        A row for each study: study, x (precision), z, y, se, expected, lower, upper (the line and its band at x),
        outside; and mu_point, mu_lower, mu_upper, tau, prob, interval, prior, data, which all rows share.

    Raises
    ------
    InputError
        For what is no result.
    MissingQuantityError
        For a result without one mean effect.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Galbraith 1988, Statistics in Medicine 7:889, 10.1002/sim.4780070807; with tau^2 in the precision as in the radial
    plot of random-effects models in Viechtbauer 2010, J. Statistical Software 36:3, 10.18637/jss.v036.i03.
    """
    check_result("plot.radial", result)
    check_prob(prob)
    if result.answers != ("mu",):
        raise MissingQuantityError(
            f"'{result.label}' has no single mean effect, which is the line of a radial plot",
            "a result of a model such as RandomEffects or CommonEffect",
            "pw.plot.forest(result)",
        )
    effects = result.effects
    tau = result["tau"].point if "tau" in result else math.nan
    x = 1.0 / np.hypot(effects.se, 0.0 if math.isnan(tau) else tau)
    mean, half = result["mu"], float(ndtri(0.5 + 0.5 * prob))
    lower, upper = mean.interval(prob)
    frame = pd.DataFrame({"study": list(effects.labels), "x": x, "z": effects.y * x, "y": effects.y, "se": effects.se})
    expected = mean.point * x
    return frame.assign(
        expected=expected,
        lower=expected - half,
        upper=expected + half,
        outside=np.abs(frame["z"] - expected) > half,
        mu_point=mean.point,
        mu_lower=lower,
        mu_upper=upper,
        tau=tau,
        prob=prob,
        interval=mean.interval_kind(),
        prior=result.prior,
        data=result.data_label,
    )


def radial(result: Result, *, prob: float = 0.95, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Radial (Galbraith) plot: standardised estimates against precision, effects on an arc at the right.

    The effect of a study is the slope of the ray from the origin through its point, which meets the arc at its value on
    the reading scale. The line is the mean, its interval a bar on the arc; a share `prob` of the studies would lie
    within the band if mu and tau were known. Studies outside are named. `radial_frame` gives every number drawn.

    Parameters
    ----------
    result : Result
        A fit with one mean effect, by any engine.
    prob : float
        Probability of the band and of the interval of the mean.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For what is no result; axes that are too small.
    MissingQuantityError
        For a result without one mean effect.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Galbraith 1988, Statistics in Medicine 7:889, 10.1002/sim.4780070807; with tau^2 in the precision as in the radial
    plot of random-effects models in Viechtbauer 2010, J. Statistical Software 36:3, 10.18637/jss.v036.i03.

    Examples
    --------
    >>> import poolwise as pw
    >>> pw.plot.close(pw.plot.radial(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())))
    """
    frame = radial_frame(result, prob=prob)
    effects = result.effects
    with plain_text():
        words = _text.plain(effects.title if title is None else title) or "Radial plot"
        made = " — reconstructed data" if effects.reconstructed and "reconstructed" not in words.casefold() else ""
        own = keyed_chart(f"{words}{made}", _notes(result, frame), _keys(result, frame), ax, high=_HIGH)
        radius = _limit(own, frame)
        _draw(own, frame, null=effects.scale.null_value)
        _arc(own, result, frame, radius)
        _name(own, frame)
        number_ticks(own.xaxis)
        own.set_xticks([x for x in own.get_xticks() if x <= float(frame["x"].max()) * _BEYOND])
        number_ticks(own.yaxis)
        root = "se" if math.isnan(frame["tau"].iloc[0]) else "√(se² + τ²)"
        name_axes(own, f"precision 1 / {root}", f"z = estimate / {root}")
    return own


def _limit(ax: Axes, frame: pd.DataFrame) -> float:
    """Set the limits so that the arc lies right of all studies as far as there is room; its radius in inches."""
    wide, high = size_of(ax)
    ends = np.concatenate([frame["z"], frame["lower"], frame["upper"], [-1.0, 1.0]])
    low, top = float(ends.min()), float(ends.max())
    margin = 0.05 * (top - low)
    low, top = low - margin, top + margin
    ax.set_ylim(low, top)
    radius = wide - _RIGHT
    z = np.concatenate([frame["z"], frame["expected"]]) * high / (top - low)
    x = np.concatenate([frame["x"], frame["x"]])
    room = np.sqrt(np.maximum((radius / _BEYOND) ** 2 - z**2, 0.0)) / x
    most = float(frame["x"].max())
    scale = max(float(room.min()), _LEAST_SHARE * radius / most)  # inches for each unit of precision
    ax.set_xlim(0.0, wide / scale)
    return radius


def _draw(ax: Axes, frame: pd.DataFrame, *, null: float | None) -> None:
    mean, half = float(frame["mu_point"].iloc[0]), float(frame["upper"].iloc[0] - frame["expected"].iloc[0])
    ends = np.array([0.0, float(frame["x"].max()) * 1.02])
    ax.fill_between(ends, mean * ends - half, mean * ends + half, color=_BAND, lw=0, zorder=0.3, label="band")
    ax.plot(ends, mean * ends, color=_LINE, lw=1.6, zorder=1.2, label="mean")
    if null is not None:
        ax.plot(ends, null * ends, color=_sheet.SOFT, lw=0.8, ls=(0, (1, 1.5)), zorder=1.0, label="null value")
    size = 6.0 if len(frame) <= 40 else 4.5 if len(frame) <= 120 else 3.5
    for outside, colour, marker, name in (
        (False, _sheet.INK, "o", "within the band"),
        (True, _OUT, "D", "outside the band"),
    ):
        rows = frame[frame["outside"] == outside]
        if len(rows):
            ax.scatter(
                rows["x"], rows["z"], s=size**2, marker=marker, facecolors=colour, edgecolors="white", linewidths=0.5,
                zorder=3.0, clip_on=False, label=name,
            )  # fmt: skip


def _at(ax: Axes, effect: Array, radius: float) -> tuple[Array, Array]:
    """Where the ray of an effect meets the arc of this radius in inches, in data coordinates."""
    wide, high = size_of(ax)
    across = wide / ax.get_xlim()[1]
    down = high / (ax.get_ylim()[1] - ax.get_ylim()[0])
    x = radius / np.hypot(across, effect * down)
    return x, effect * x


def _arc(ax: Axes, result: Result, frame: pd.DataFrame, radius: float) -> None:
    """The scale of effects on an arc, with the mean and its interval."""
    scale = result.effects.scale
    low, high = _span(ax, frame, scale.null_value, radius)
    ax.plot(*_at(ax, np.linspace(low, high, 121), radius), color=_sheet.SOFT, lw=0.9, clip_on=False, label="arc")
    found = _axis.ticks(scale, low, high, inches=10.0, width=lambda words: 0.2)
    down = size_of(ax)[1] / (ax.get_ylim()[1] - ax.get_ylim()[0])
    last = -math.inf
    for effect, words in found:
        inner, outer, far = (_at(ax, np.array([effect]), radius + more) for more in (0.0, 0.05, 0.09))
        height = (float(outer[1][0]) - ax.get_ylim()[0]) * down
        if float(outer[1][0]) * down - last < _APART or height < _OFF_AXIS:
            continue
        last = float(outer[1][0]) * down
        ax.plot([inner[0][0], outer[0][0]], [inner[1][0], outer[1][0]], color=_sheet.SOFT, lw=0.9, clip_on=False)
        ax.text(
            far[0][0], far[1][0], words, fontproperties=_text.font(words, _sheet.TICK_SIZE), color=_sheet.INK,
            va="center", ha="left", parse_math=False,
        )  # fmt: skip
    ends = np.array(frame[["mu_lower", "mu_upper"]].iloc[0], dtype=float)
    if np.isfinite(ends).all():
        lower, upper = ends.clip(low, high).tolist()
        bar = np.linspace(lower, upper, 41)
        ax.plot(
            *_at(ax, bar, radius), color=_LINE, lw=3.5, solid_capstyle="butt", clip_on=False, label="interval of mean"
        )
    at = _at(ax, np.array([frame["mu_point"].iloc[0]]), radius)
    ax.plot(*at, "o", ms=6.0, color=_LINE, mec="white", mew=0.8, clip_on=False, zorder=3.2, label="mean on the arc")


def _span(ax: Axes, frame: pd.DataFrame, null: float | None, radius: float) -> tuple[float, float]:
    """The effects on the arc: those of the studies, the mean and the null value, as far as their rays stay within."""
    wide, high = size_of(ax)
    bottom, top = ax.get_ylim()
    across, down = wide / ax.get_xlim()[1], high / (top - bottom)
    wanted = np.array([*frame["y"], *frame.loc[0, ["mu_lower", "mu_upper"]], *([] if null is None else [null])], float)
    wanted = wanted[np.isfinite(wanted)]
    low, upper = float(wanted.min()), float(wanted.max())
    margin = 0.03 * (upper - low) or 0.1
    ends = []
    for edge in (bottom, top):
        reach = min(abs(edge) * down / radius, 0.999)
        ends.append(math.copysign(reach / math.sqrt(1.0 - reach**2) * across / down, edge))
    return max(low - margin, ends[0]), min(upper + margin, ends[1])


def _name(ax: Axes, frame: pd.DataFrame) -> None:
    """Write the names of the studies outside the band beside their points, where there is room for all of a name."""
    wide, high = size_of(ax)
    across, down = wide / ax.get_xlim()[1], high / (ax.get_ylim()[1] - ax.get_ylim()[0])
    far = float(frame["x"].max()) * across + 0.05
    taken: list[tuple[float, float, float, float]] = []
    rows = frame[frame["outside"]]
    rows = rows.loc[(rows["z"] - rows["expected"]).abs().sort_values(ascending=False).index[:_NAMED]]
    spots = frame[["x", "z"]].to_numpy(dtype=float) * [across, down] - [0.0, ax.get_ylim()[0] * down]
    for _, row in rows.iterrows():
        words = _text.fit(_text.plain(row["study"]), min(_LONGEST, 0.6 * wide), _sheet.NOTE_SIZE)
        long = _text.width(words, _sheet.NOTE_SIZE)
        x, y = row["x"] * across, (row["z"] - ax.get_ylim()[0]) * down
        for start, align in ((x + 0.09, "left"), (x - 0.09 - long, "right")):
            box = (start, y - 0.075, start + long, y + 0.075)
            inside = box[0] > 0.03 and box[2] < far and box[1] > 0.0 and box[3] < high
            over = [(a, b) for a, b in spots if box[0] - 0.03 < a < box[2] + 0.03 and box[1] < b < box[3]]
            if inside and not over and not any(_touch(box, other) for other in taken):
                taken.append(box)
                _write(ax, (row["x"], row["z"]), words, align)
                break


def _touch(one: tuple[float, float, float, float], two: tuple[float, float, float, float]) -> bool:
    return min(one[2], two[2]) > max(one[0], two[0]) and min(one[3], two[3]) > max(one[1], two[1])


def _write(ax: Axes, at: tuple[float, float], words: str, align: str) -> None:
    ax.annotate(
        words, at, (6.5 if align == "left" else -6.5, 0), textcoords="offset points", ha=align, va="center",
        annotation_clip=False, fontproperties=_text.font(words, _sheet.NOTE_SIZE), color=_sheet.INK, parse_math=False,
    )  # fmt: skip


def _keys(result: Result, frame: pd.DataFrame) -> list[Key]:
    prob = show.level(float(frame["prob"].iloc[0]))
    keys = [Key("study", "point", _sheet.INK)]
    if frame["outside"].any():
        keys.append(Key("study outside the band", "point", _OUT, marker="D"))
    keys += [
        Key("mean, its interval on the arc", "line", _LINE),
        Key(f"{prob} of studies, mean and τ known", "patch", _BAND),
    ]
    if result.effects.scale.null_value is not None:
        keys.append(Key("no effect", "line", _sheet.SOFT, dash=(0, (1, 1.5))))
    return keys


def _notes(result: Result, frame: pd.DataFrame) -> list[Phrase]:
    scale, row = result.effects.scale, frame.iloc[0]
    outside = frame.loc[frame["outside"], "study"].tolist()
    level, k = show.level(float(row["prob"])), len(frame)
    if outside:
        answer = f"{len(outside)} of {k} studies {'lies' if len(outside) == 1 else 'lie'} outside the band: "
        cut = [_text.fit(_text.plain(name), 2.2, _sheet.BODY_SIZE) for name in outside[:_LISTED]]
        answer += f"{listing([*cut, *outside[_LISTED:]], _LISTED)}."
    else:
        answer = "The study lies within the band." if k == 1 else f"All {k} studies lie within the band."
    point, lower, upper = (number(float(scale.back(row[f"mu_{end}"])), 2) for end in ("point", "lower", "upper"))
    interval = "" if math.isnan(row["mu_lower"]) else f" [{lower}, {upper}], {level} {kind(row['interval'])}"
    tau = "no heterogeneity in the model" if math.isnan(row["tau"]) else f"τ = {number(row['tau'], 3)}"
    return [
        Phrase(answer, _sheet.BODY_SIZE, _sheet.INK, bold=True),
        Phrase(
            _text.plain(
                f"Arc: {effect_words(scale)}; a study's effect is the slope of the ray from the origin to its point. "
                f"Mean {point}{interval}; {tau}; {result.label}; prior: {show.greek(prior(result.prior))}."
            )
        ),
    ]
