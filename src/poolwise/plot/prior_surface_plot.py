"""The surface of priors as a picture: where the interval for mu excludes 0, and P(mu > 0), over two widths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise.checks import PriorSurface
from poolwise.errors import ModelError
from poolwise.plot import _sheet, _text
from poolwise.plot._chart import chart, name_axes
from poolwise.plot._given import check_given
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import size_of
from poolwise.reading import mean_words
from poolwise.show import greek, level, likelier, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVELS = (0.001, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.999)
_CLEAR = 0.5  # of log tau scale that words keep from the star
_WORDS = {"above": "interval above", "below": "interval below", "no": "interval includes"}
_SAME, _OTHER = "#eef3f8", "#fbdfc4"  # the verdict of the reference priors, and another one
_FEWEST = 0.04  # share of the surface from which a region bears its words
_NEAR_EDGE = 0.2  # of an axis, where words stand on its inner side


def prior_surface(surface: PriorSurface, *, ax: Axes | None = None) -> Axes:
    """Draw a surface of priors: the verdict in colour, P of its side in thin lines, the border where it flips in bold.

    All numbers are those of ``surface.frame``; both axes are logarithmic, on the analysis scale.

    Parameters
    ----------
    surface : PriorSurface
        What ``checks.prior_surface`` returned, with at least two widths of each prior.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        Of the surface.

    Raises
    ------
    ModelError
        For a surface with a single width of a prior, which is a line.

    References
    ----------
    Roos et al. 2015, Bayesian Analysis 10:321, 10.1214/14-BA909, on sensitivity to priors of hierarchical models.
    """
    check_given("prior_surface", surface, PriorSurface)
    if min(surface.frame[name].nunique() for name in ("mu_sd", "tau_scale")) < 2:
        raise ModelError("the surface has a single width of one prior", "two or more of each", "mu_sd=[0.5, 1, 2]")
    data = " — reconstructed data" if surface.data == "reconstructed" else ""
    with plain_text():
        own = chart(f"Which priors decide about μ?{data}", _notes(surface), ax)
        _fill(own, surface)
        _axes_words(own, surface)
    return own


def _fill(ax: Axes, surface: PriorSurface) -> None:
    mu_sd, tau_scale, chance = surface.grid("p_positive")
    chance = chance if _above(surface) else 1.0 - chance
    ax.set_xscale("log")
    ax.set_yscale("log")
    said = surface.grid("excludes_zero")[2]
    _regions(ax, surface)
    tail = 0.5 * (1.0 - surface.prob)
    thin = [p for p in _LEVELS if not np.isclose([p, 1.0 - p], tail).any()]  # the bold line stands there
    lines = ax.contour(tau_scale, mu_sd, chance, levels=thin, colors=_sheet.SOFT, linewidths=0.6)
    ax.clabel(lines, fontsize=_sheet.TICK_SIZE - 1.0, fmt=lambda p: f"{p:g}", inline_spacing=3, colors=_sheet.INK)
    for limit in ("mu_lower", "mu_upper"):
        height = surface.grid(limit)[2]
        if height.min() < surface.threshold < height.max():
            ax.contour(tau_scale, mu_sd, height, levels=[surface.threshold], colors=_sheet.INK, linewidths=2.2)
    sd, scale = surface.reference
    starred = mu_sd[0] <= sd <= mu_sd[-1] and tau_scale[0] <= scale <= tau_scale[-1]
    far = np.abs(np.log(tau_scale / scale)) > _CLEAR if starred else np.ones(len(tau_scale), dtype=bool)
    placed: list[tuple[float, ...]] = []
    for answer, start in _WORDS.items():
        held = (said == answer) & far
        if held.mean() >= _FEWEST:
            _write(ax, f"{start} {_threshold(surface)}", held, (mu_sd, tau_scale), placed)
    if starred:
        ax.plot(
            [scale], [sd], marker="*", ms=11, color=_sheet.INK, mec="white", clip_on=False, label="reference", zorder=5
        )


def _write(
    ax: Axes, words: str, held: np.ndarray, grid: tuple[np.ndarray, np.ndarray], placed: list[tuple[float, ...]]
) -> None:
    """Words deep within their region, where they meet none that stand already; their box joins those."""
    mu_sd, tau_scale = grid
    inches = np.array(size_of(ax))
    size = np.array([_text.width(words, _sheet.BODY_SIZE, bold=True) + 0.1, _sheet.BODY_SIZE / 72.0 * 1.5])
    for row, column in _deepest(held):
        thirds = np.array([_third(tau_scale, column), _third(mu_sd, row)])
        at = inches * [_share(tau_scale, column), _share(mu_sd, row)] + 6.0 / 72.0 * (1 - thirds)
        left, foot = at - 0.5 * thirds * size
        box = (left, foot, left + size[0], foot + size[1])
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in placed):
            continue
        placed.append(box)
        ax.annotate(
            words,
            (tau_scale[column], mu_sd[row]),
            tuple(6 * (1 - thirds)),
            textcoords="offset points",
            parse_math=False,
            ha=("left", "center", "right")[thirds[0]],
            va=("bottom", "center", "top")[thirds[1]],
            fontproperties=_text.font(words, _sheet.BODY_SIZE, bold=True),
            color=_sheet.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2.0},
        )
        return


def _regions(ax: Axes, surface: PriorSurface) -> None:
    """Shade where the interval lies above or below the threshold, up to the very line at which its limit meets it."""
    reference = _at_reference(surface)["excludes_zero"]
    ax.set_facecolor(_SAME if reference == "no" else _OTHER)
    for limit, side in (("mu_upper", "below"), ("mu_lower", "above")):
        mu_sd, tau_scale, height = surface.grid(limit)
        beyond = float(height.min()) - 1.0 if side == "below" else float(height.max()) + 1.0
        colour = _SAME if reference == side else _OTHER
        levels = sorted((beyond, surface.threshold))
        if ((height < surface.threshold) if side == "below" else (height > surface.threshold)).any():
            ax.contourf(tau_scale, mu_sd, height, levels=levels, colors=[colour], zorder=0.5)


def _at_reference(surface: PriorSurface) -> pd.Series:
    """The pair of priors nearest to the reference ones."""
    frame, (sd, scale) = surface.frame, surface.reference
    apart = np.abs(np.log(frame["tau_scale"] / scale))
    if np.isfinite(sd):
        apart += np.abs(np.log(frame["mu_sd"] / sd))
    else:
        apart -= np.log(frame["mu_sd"])
    return frame.iloc[int(np.nan_to_num(apart, nan=0.0).argmin())]


def _above(surface: PriorSurface) -> bool:
    """Whether the median lies above the threshold under the reference priors."""
    return likelier(float(_at_reference(surface)["p_positive"]))[0] == "above"


def _deepest(held: np.ndarray) -> Iterator[tuple[int, int]]:
    """The places in a region, those farthest from its border and from the edges of the surface first."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(held, 1))[1:-1, 1:-1]
    for at in np.argsort(-depth, axis=None, kind="stable")[: int(held.sum())]:
        row, column = np.unravel_index(int(at), depth.shape)
        yield int(row), int(column)


def _share(along: np.ndarray, at: int) -> float:
    """How far along a log axis a place lies."""
    return float(np.log(along[at] / along[0]) / np.log(along[-1] / along[0]))


def _third(along: np.ndarray, at: int) -> int:
    """Whether a place lies near the start of a log axis (0), near its end (2), or between (1)."""
    share = _share(along, at)
    return 0 if share < _NEAR_EDGE else 2 if share > 1.0 - _NEAR_EDGE else 1


def _axes_words(ax: Axes, surface: PriorSurface) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis in (ax.xaxis, ax.yaxis):
        low, high = (float(end) for end in axis.get_view_interval())
        every = LogLocator() if high >= 99.0 * low else LogLocator(subs=(1.0, 2.0, 5.0))
        ticks = [x for x in every.tick_values(low, high) if 0.999 * low <= x <= 1.001 * high]
        axis.set_ticks(ticks, labels=[f"{x:g}" for x in ticks])
        axis.set_minor_formatter(NullFormatter())
    name_axes(ax, "scale s of the prior τ ~ HalfNormal(s)", f"sd t of the prior μ ~ Normal({surface.mu_mean:g}, t)")


def _threshold(surface: PriorSurface) -> str:
    """What intervals are held against, where it is read: of a ratio 1 for 0."""
    return plain(float(surface.scale.back(surface.threshold)))


def _notes(surface: PriorSurface) -> tuple[Phrase, ...]:
    kind, at, mean = surface.frame["interval"].iloc[0], _threshold(surface), greek(mean_words("mu", surface.scale))
    side = ">" if _above(surface) else "<"
    key = (
        f"Thin lines: P({mean} {side} {at}). Orange: another verdict than under the reference priors. Bold line: the "
        f"{level(surface.prob)} interval for {mean}, {kind}, begins or ends at {at}."
    )
    star = "" if not np.isfinite(surface.reference[0]) else " Star: the reference priors."
    return (
        Phrase(greek(_text.plain(surface.sentence)), _sheet.BODY_SIZE, _sheet.INK, bold=True),
        Phrase(key + star),
    )
