"""What partial pooling does to each study: from its own estimate to what the model makes of its true effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.errors import MissingQuantityError
from poolwise.plot import _axis, _marks, _sheet, _text
from poolwise.plot._chart import effect_ticks, effect_words, keyed_chart, name_axes
from poolwise.plot._given import check_given
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import figure_of, size_of
from poolwise.plot._words import number
from poolwise.result import Result
from poolwise.settings import check_prob

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RAW, _SHRUNK, _LINE = _sheet.SOFT, _marks.COLOURS[0], "#868c94"
_NAMED = 60  # studies with names of their own
_NAME_WIDTH = 1.75  # inches at most
_PITCH, _LEAST_HIGH, _MOST_HIGH = 0.17, 1.7, 8.0


def shrinkage_frame(result: Result, *, prob: float = 0.95) -> pd.DataFrame:
    """Every number that `shrinkage` draws, on the analysis scale.

    Parameters
    ----------
    result : Result
        A fit by any engine whose model has true effects of studies.
    prob : float
        Probability of the intervals of the true effects.

    Returns
    -------
    DataFrame
        A row for each study, the smallest estimate first: study, raw, se, shrunken, lower, upper, moved (how far the
        true effect lies from the estimate), share (of the way from the estimate to the mean; NaN without a single
        mean), mean, prob, interval, prior, data.

    Raises
    ------
    InputError
        For what is no result.
    MissingQuantityError
        For a result without true effects of studies.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Efron & Morris 1975, J. American Statistical Association 70:311, 10.1080/01621459.1975.10479864.
    """
    check_given("shrinkage", result, Result)
    check_prob(prob)
    if not len(result.studies):
        raise MissingQuantityError(
            f"'{result.label}' has no true effects of studies", "a model with heterogeneity, such as RandomEffects"
        )
    labels = [label for label in result.effects.labels if label in result.studies]
    rows = {
        label: (raw, se)
        for label, raw, se in zip(result.effects.labels, result.effects.y, result.effects.se, strict=True)
    }
    thetas = [result.studies[label] for label in labels]
    raw, se = np.array([rows[label] for label in labels]).T
    limits = np.array([theta.interval(prob) for theta in thetas])
    shrunken = np.array([theta.point for theta in thetas])
    mean = result["mu"].point if "mu" in result else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(raw == mean, np.nan, (shrunken - raw) / (mean - raw))
    frame = pd.DataFrame(
        {"study": labels, "raw": raw, "se": se, "shrunken": shrunken, "lower": limits[:, 0], "upper": limits[:, 1]}
    ).assign(moved=shrunken - raw, share=share, mean=mean, prob=prob)
    frame = frame.assign(interval=thetas[0].interval_kind(), prior=result.prior, data=result.data_label)
    return frame.sort_values("raw", kind="stable", ignore_index=True)


def shrinkage(result: Result, *, prob: float = 0.95, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a line for each study from its own estimate to its true effect by the model, and the mean.

    Imprecise studies move farthest: a model in which true effects vary little believes the mean more than them.
    `shrinkage_frame` gives every number drawn.

    Parameters
    ----------
    result : Result
        A fit by any engine whose model has true effects of studies.
    prob : float
        Probability of the intervals of the true effects, which are drawn where there are at most 60 studies.
    title : str, optional
        Words above, instead of the answer.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        The effect on the analysis scale, ticks on its natural one; the smallest estimate is at the foot.

    Raises
    ------
    InputError
        For what is no result; axes that are too small.
    MissingQuantityError
        For a result without true effects of studies.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Efron & Morris 1975, J. American Statistical Association 70:311, 10.1080/01621459.1975.10479864.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    >>> pw.plot.close(pw.plot.shrinkage(fit))
    """
    frame = shrinkage_frame(result, prob=prob)
    k = len(frame)
    high = float(np.clip(_PITCH * k, _LEAST_HIGH, _MOST_HIGH))
    with plain_text():
        words = _text.plain(_answer(frame) if title is None else title)
        made = " — reconstructed data" if result.effects.reconstructed and "reconstructed" not in words else ""
        own = keyed_chart(f"{words}{made}", _notes(frame, result), _keys(frame, result), ax, high=high, fixed=True)
        named = _room_for_names(own, frame)
        points = np.concatenate([frame["raw"], frame["shrunken"], frame["mean"]])
        low, top = frame["lower"].to_numpy(dtype=float), frame["upper"].to_numpy(dtype=float)
        null = result.effects.scale.null_value
        own.set_xlim(*_axis.limits(points, low, top, show=[] if null is None else [null]))
        own.set_ylim(-0.8, k - 0.2)
        _draw(own, frame, null)
        effect_ticks(own, result.effects.scale, "x")
        name_axes(own, effect_words(result.effects.scale), "" if named else "studies, by their estimates")
        own.set_yticks([])
    return own


def _room_for_names(ax: Axes, frame: pd.DataFrame) -> bool:
    """Write the studies' names on the left where each has room for a line, and move the axes right."""
    if len(frame) > _NAMED or size_of(ax)[1] / len(frame) < 0.125:
        return False
    figure, box = figure_of(ax), ax.get_position()
    wide = float(figure.get_size_inches()[0])
    most = min(_NAME_WIDTH, 0.54 * box.width * wide)
    names = [_text.plain(str(name).removesuffix(" (reconstructed)")) for name in frame["study"]]
    cut = [_text.fit(name, most, _sheet.NOTE_SIZE) for name in names]
    room = max(_text.width(name, _sheet.NOTE_SIZE) for name in cut) + 0.12
    shift = max(room - 0.45, 0.0) / wide
    ax.set_position((box.x0 + shift, box.y0, box.width - shift, box.height))
    for i, name in enumerate(cut):
        ax.annotate(
            name, (0.0, i), (-5, 0), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
            va="center", annotation_clip=False, fontproperties=_text.font(name, _sheet.NOTE_SIZE), color=_sheet.INK,
            parse_math=False,
        )  # fmt: skip
    return True


def _draw(ax: Axes, frame: pd.DataFrame, null: float | None) -> None:
    k, at = len(frame), np.arange(len(frame))
    low, high = ax.get_xlim()
    if null is not None and low < null < high:
        ax.axvline(null, color=_sheet.SOFT, lw=0.9, zorder=0.4, label="null value")
    mean = float(frame["mean"].iloc[0])
    if np.isfinite(mean):
        ax.axvline(mean, color=_SHRUNK, lw=1.4, ls=(0, (4, 2)), zorder=0.6, label="mean")
    if k <= _NAMED:
        ends = frame[["lower", "upper"]].to_numpy(dtype=float)
        ax.hlines(at, *ends.clip(low, high).T, color=_SHRUNK, lw=1.0, alpha=0.7, zorder=1.0, label="interval")
    raw = frame["raw"].to_numpy(dtype=float)
    inside = raw.clip(low, high)
    lift = 0.16 if k <= _NAMED else 0.0
    ax.plot(
        np.column_stack([inside, frame["shrunken"].clip(low, high)]).T, np.column_stack([at + lift, at]).T,
        color=_LINE, lw=1.1 if k <= _NAMED else 0.6, zorder=1.5,
    )  # fmt: skip
    size = 22.0 if k <= _NAMED else 7.0
    for beyond, marker in ((raw == inside, "o"), (raw < low, "<"), (raw > high, ">")):
        if beyond.any():
            words = "estimates" if marker == "o" else "estimates beyond"
            face = "white" if marker == "o" else _RAW
            ax.scatter(
                inside[beyond], (at + lift)[beyond], s=size, marker=marker, facecolors=face, edgecolors=_RAW,
                linewidths=1.0 if k <= _NAMED else 0.6, zorder=2.0, clip_on=False, label=words,
            )  # fmt: skip
    ax.scatter(frame["shrunken"], at, s=size, color=_SHRUNK, lw=0, zorder=2.5, clip_on=False, label="true effects")


def _answer(frame: pd.DataFrame) -> str:
    share = frame["share"].to_numpy(dtype=float)
    if not np.isfinite(share).any():
        return "From the studies' estimates to their true effects by the model"
    middle = float(np.nanmedian(share))
    if len(frame) == 1:
        return f"The study moves {100.0 * middle:.0f} % of the way to the mean"
    return f"Half of the studies move at least {100.0 * middle:.0f} % of the way to the mean"


def _keys(frame: pd.DataFrame, result: Result) -> list[Key]:
    keys = [
        Key("estimate of the study", "point", _RAW, face="white"),
        Key("true effect by the model", "point", _SHRUNK),
    ]
    if len(frame) <= _NAMED:
        keys.append(Key(f"its {show.level(frame['prob'].iloc[0])} interval", "line", "#4d9cc9"))
    mean = float(frame["mean"].iloc[0])
    if np.isfinite(mean):
        words = number(float(result.effects.scale.back(mean)), 2)
        keys.append(Key(f"mean {words}", "line", _SHRUNK, dash=(0, (4, 2))))
    return keys


def _notes(frame: pd.DataFrame, result: Result) -> list[Phrase]:
    kind = frame["interval"].iloc[0]
    priors = f"prior: {show.greek(result.prior)}" if result.prior != "none" else "no prior"
    tau = f", τ = {show.number(result['tau'].point, 2)}" if "tau" in result else ""
    told = f"{show.capital(kind)} intervals; {priors}" if len(frame) <= _NAMED and kind else show.capital(priors)
    return [
        Phrase(
            _text.plain(
                f"k = {len(frame)}{tau}. {told}. The less precise a study, and the smaller τ, the more its true effect "
                "is drawn to the mean."
            )
        )
    ]
