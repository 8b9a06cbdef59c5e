"""A small drawing of a posterior and its prior for a notebook's card: SVG written directly, in a millisecond."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_WIDE, _HIGH, _TOP, _FOOT, _SIDE = 250, 88, 18, 62, 46
_POSTERIOR = "var(--poolwise-posterior, #3b8ed0)"  # legible on white and on a notebook's dark grey
_TYPE = 11  # pixels


@final
@dataclass(frozen=True, eq=False)
class Strip:
    """What a strip shows.

    Attributes
    ----------
    name : str
        Words below it.
    told : str
        What it tells, for those who do not see it.
    x : ndarray
        Points of an even axis, shape (n,).
    posterior, prior : ndarray or None
        Densities at x, shape (n,).
    interval : tuple of float
        Lower end, point, upper end; NaN where there is none.
    ends : tuple of str
        Words for the ends of the interval.
    null : float
        What it is held against; NaN for nothing.
    null_words : str
    """

    name: str
    told: str
    x: Array
    posterior: Array | None = None
    prior: Array | None = None
    interval: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    ends: tuple[str, str] = ("", "")
    null: float = math.nan
    null_words: str = ""


def svg(strip: Strip) -> str:
    """The strip as a figure of HTML: nothing outside is asked for, colours are those of the page.

    Parameters
    ----------
    strip : Strip

    Returns
    -------
    str
        Every word given is escaped.
    """
    low, high = float(strip.x[0]), float(strip.x[-1])
    head = _TOP if strip.posterior is not None else _FOOT - 14
    scale = (_WIDE - 2 * _SIDE) / (high - low or 1.0)

    def across(x: float) -> float:
        return round(_SIDE + (min(max(x, low), high) - low) * scale, 1)

    densities = [y[np.isfinite(y)] for y in (strip.posterior, strip.prior) if y is not None]
    top = max((float(np.max(y)) for y in densities[:1] if y.size), default=1.0) or 1.0
    parts = [_line(_SIDE, _WIDE - _SIDE, _FOOT, "currentColor", 0.8, opacity=0.5)]
    if strip.posterior is not None:
        path = _path(strip.x, strip.posterior, top, across)
        closed = f"{path} L{across(high)} {_FOOT} L{across(low)} {_FOOT} Z"
        parts.append(f"<path d='{closed}' style='fill:{_POSTERIOR};fill-opacity:.3;stroke:none'/>")
        parts.append(f"<path d='{path}' style='fill:none;stroke:{_POSTERIOR};stroke-width:1.8'/>")
    if strip.prior is not None:
        path = _path(strip.x, np.minimum(strip.prior, 1.05 * top), top, across)
        style = "fill:none;stroke:currentColor;stroke-width:1.1;stroke-dasharray:4 3;opacity:.75"
        parts.append(f"<path d='{path}' style='{style}'/>")
    if low <= strip.null <= high:
        at = across(strip.null)
        parts.append(f"<path d='M{at} {head - 4} V{_FOOT}' style='stroke:currentColor;stroke-width:1'/>")
        parts.append(_text(at, head - 7, strip.null_words, "middle"))
    parts += _interval(strip, across)
    shift = head - _TOP  # what a drawing without a density does not need above
    box = f"width='{_WIDE}' height='{_HIGH - shift}' viewBox='0 {shift} {_WIDE} {_HIGH - shift}'"
    drawing = (
        f"<svg role='img' aria-label='{_escaped(strip.told)}' {box} style='color:inherit;display:block'>"
        f"{''.join(parts)}</svg>"
    )
    caption = f"<figcaption style='font-size:12px;text-align:center'>{_escaped(strip.name)}</figcaption>"
    return f"<figure style='display:inline-block;margin:4px 8px 4px 0;vertical-align:top'>{drawing}{caption}</figure>"


def together(strips: Iterable[Strip]) -> str:
    """Strips side by side, below one another where the page is narrow; nothing for none."""
    drawn = "".join(svg(strip) for strip in strips)
    return f"<div>{drawn}</div>" if drawn else ""


def _path(x: Array, y: Array, top: float, across: Callable[[float], float]) -> str:
    y = np.where(np.isfinite(y), y, top)
    heights = _FOOT - (_FOOT - _TOP) * np.clip(y / top, 0.0, 1.05)
    return "M" + " L".join(f"{across(float(a))} {b:.1f}" for a, b in zip(x, heights, strict=True))


def _interval(strip: Strip, across: Callable[[float], float]) -> list[str]:
    lower, point, upper = strip.interval
    y = _FOOT + 9
    parts = []
    if math.isfinite(lower) and math.isfinite(upper):
        parts.append(_line(across(lower), across(upper), y, _POSTERIOR, 2.4))
        parts.append(_text(across(lower) - 4, y + 4, strip.ends[0], "end"))
        parts.append(_text(across(upper) + 4, y + 4, strip.ends[1], "start"))
    if math.isfinite(point):
        parts.append(f"<circle cx='{across(point)}' cy='{y}' r='3.4' style='fill:{_POSTERIOR}'/>")
    return parts


def _line(start: float, stop: float, y: float, colour: str, width: float, opacity: float = 1.0) -> str:
    return f"<path d='M{start} {y} H{stop}' style='stroke:{colour};stroke-width:{width};opacity:{opacity}'/>"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    style = f"font-size:{_TYPE}px;fill:currentColor;text-anchor:{anchor}"
    return f"<text x='{x}' y='{y}' style='{style}'>{_escaped(words)}</text>" if words else ""


def _escaped(words: str) -> str:
    return html.escape(words).replace("$", "&#36;")
