"""Light and dark: every colour of a finished picture is exchanged for one with the same contrast on a dark page."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, described
from poolwise.settings import check_option

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Theme = Literal["light", "dark"]
PAGE = 0.0085  # relative luminance of the dark page, where white stands in the light theme
_BRIGHTEST = 0.88  # relative luminance of the dark theme's ink
_FLARE = 0.05  # what the definition of contrast adds to each luminance
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_current: ContextVar[Theme] = ContextVar("theme of pictures", default="light")
_drawn: ContextVar[list[Figure] | None] = ContextVar("figures drawn by the picture at work", default=None)
_set: WeakKeyDictionary[Artist, dict[str, Any]] = WeakKeyDictionary()  # dark colours, so that none is exchanged twice


@final
class theme:  # noqa: N801, a context manager
    """Draw pictures light or dark within this block.

    Every picture of this package takes the theme at hand. `dark` turns one dark that is drawn already.

    Parameters
    ----------
    name : {"light", "dark"}

    Raises
    ------
    ModelError
        For another theme.

    Examples
    --------
    >>> import poolwise as pw
    >>> with pw.plot.theme("dark"):
    ...     pw.plot.close(pw.plot.funnel(pw.datasets.load("bcg")))
    """

    def __init__(self, name: Theme) -> None:
        check_option("theme", name, ("light", "dark"))
        self.name, self.before = name, _current.get()

    def __enter__(self) -> None:
        self.before = _current.get()
        _current.set(self.name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.set(self.before)


@final
class finished:  # noqa: N801, a context manager
    """Take the theme at hand to all figures that are noted meanwhile; inside another, leave it to that."""

    def __init__(self) -> None:
        self.outer: list[Figure] | None = None

    def __enter__(self) -> None:
        self.outer = _drawn.get()
        if self.outer is None:
            _drawn.set([])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.outer is not None:
            return
        figures = _drawn.get() or []
        _drawn.set(None)
        if kind is None and _current.get() == "dark":
            for figure in figures:
                dark(figure)


def note(figure: Figure) -> None:
    """Tell of a figure that is drawn on, so that it gets the theme at hand when it is finished."""
    figures = _drawn.get()
    if figures is not None and figure not in figures:
        figures.append(figure)


def dark(drawn: Axes | Figure | Iterable[Axes]) -> Any:
    """Turn a picture dark: each colour becomes one whose contrast with the dark page is what it was with the white one.

    With the relative luminance Y of a colour and P of the dark page, Y' + 0.05 = 1.05 (P + 0.05) / (Y + 0.05): white
    becomes the page, the ratio of any two colours (a text on its tile) stays the same up to the lightest ink, and so do
    hues. What is dark already stays.

    Parameters
    ----------
    drawn : Axes, Figure or array of Axes
        What a plot function returned, or its figure; the whole figure turns dark.

    Returns
    -------
    Axes, Figure or array of Axes
        The same.

    Raises
    ------
    InputError
        For anything else.

    References
    ----------
    World Wide Web Consortium 2018, Web Content Accessibility Guidelines 2.1, for relative luminance and contrast.

    Examples
    --------
    >>> import poolwise as pw
    >>> pw.plot.close(pw.plot.dark(pw.plot.funnel(pw.datasets.load("bcg"))))
    """
    for figure in _figures(drawn):
        for artist in figure.findobj():
            _recolour(artist)
    return drawn


def exchanged(colours: Array) -> Array:
    """Colours of the dark theme.

    Parameters
    ----------
    colours : ndarray
        Red, green, blue and opacity from 0 to 1 (sRGB), shape (..., 4).

    Returns
    -------
    ndarray
        The same shape; the opacity stays.
    """
    rgb = np.asarray(colours, dtype=float)[..., :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = (linear @ _WEIGHTS)[..., None]
    wanted = np.minimum((1.0 + _FLARE) * (PAGE + _FLARE) / (y + _FLARE) - _FLARE, _BRIGHTEST)
    scaled = np.where(y > 0.0, linear * wanted / np.maximum(y, 1e-12), wanted)
    most = scaled.max(axis=-1, keepdims=True)
    paler = np.where(most > 1.0, (most - 1.0) / np.maximum(most - wanted, 1e-12), 0.0)  # toward the grey of that Y
    scaled = scaled + paler * (wanted - scaled)
    back = np.where(scaled <= 0.0031308, 12.92 * scaled, 1.055 * np.maximum(scaled, 0.0) ** (1.0 / 2.4) - 0.055)
    return np.concatenate([np.clip(back, 0.0, 1.0), np.asarray(colours, dtype=float)[..., 3:]], axis=-1)


def _figures(drawn: Any) -> list[Figure]:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    several = list(drawn.ravel()) if isinstance(drawn, np.ndarray) else drawn
    several = several if isinstance(several, list | tuple) else [several]
    found: list[Figure] = []
    for each in several:
        figure = each.get_figure(root=True) if isinstance(each, Axes) else each
        if not isinstance(figure, Figure):
            raise InputError(
                f"plot.dark was given {described(each)}", "what a plot function returned, or its figure",
                "plot.dark(plot.forest(result))",
            )  # fmt: skip
        found.append(figure)
    return list(dict.fromkeys(found))


def _recolour(artist: Any) -> None:
    from matplotlib.axis import Axis
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    if isinstance(artist, Axis):
        _recolour_ticks(artist)
    elif isinstance(artist, Text):
        _exchange(artist, "color")
        for part in (artist.get_bbox_patch(), getattr(artist, "arrow_patch", None)):
            if part is not None:
                _recolour(part)
    elif isinstance(artist, Line2D):
        for name in ("markerfacecolor", "markeredgecolor", "color"):
            _exchange(artist, name)
    elif isinstance(artist, Collection) and artist.get_array() is not None:
        if _set.get(artist, {}).get("cmap") is not artist.get_cmap():
            artist.set_cmap(_exchanged_map(artist.get_cmap()))
            _set.setdefault(artist, {})["cmap"] = artist.get_cmap()
    elif isinstance(artist, Patch | Collection):
        for name in ("edgecolor", "facecolor"):
            _exchange(artist, name)


def _exchange(artist: Any, name: str) -> None:
    """Exchange one colour, or one for each part, unless it is the one that was set here before."""
    from matplotlib.colors import to_rgba_array

    now = getattr(artist, f"get_{name}")()
    if now is None or (isinstance(now, str) and now in ("none", "auto")):
        return
    colours = to_rgba_array(now)
    known = _set.get(artist, {}).get(name)
    if not len(colours) or (known is not None and known.shape == colours.shape and np.allclose(known, colours)):
        return
    new = exchanged(colours)
    new[colours[:, 3] == 0.0] = colours[colours[:, 3] == 0.0]
    _set.setdefault(artist, {})[name] = new
    getattr(artist, f"set_{name}")(new if np.ndim(now) == 2 else tuple(new[0].tolist()))


def _exchanged_map(colours: Colormap) -> Colormap:
    from matplotlib.colors import ListedColormap

    return ListedColormap(exchanged(colours(np.arange(colours.N))))


def _recolour_ticks(axis: Axis) -> None:
    """Exchange the colours of ticks, those that are made later included."""
    kinds: tuple[Literal["major", "minor"], ...] = ("major", "minor")
    for which, ticks in zip(kinds, (axis.get_major_ticks(), axis.get_minor_ticks()), strict=True):
        if not ticks:
            continue
        for tick in ticks:
            for part in (tick.tick1line, tick.tick2line, tick.gridline, tick.label1, tick.label2):
                _recolour(part)
        own = [(tick.tick1line.get_color(), tick.label1.get_color()) for tick in ticks]
        axis.set_tick_params(which=which, color=own[0][0], labelcolor=own[0][1])
        for tick, (mark, words) in zip(ticks, own, strict=True):
            for part in (tick.tick1line, tick.tick2line):
                part.set_color(mark)
            tick.label1.set_color(words)
            tick.label2.set_color(words)
