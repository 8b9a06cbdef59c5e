"""Words in a figure: measured in inches, cut or wrapped to fit, and always drawn as they are."""

from __future__ import annotations

import bisect
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

# Hinting makes the same line up to a tenth wider at one resolution than at another, so the widest one counts.
_RESOLUTIONS = (72.0, 100.0, 144.0, 200.0, 300.0)
_SLACK = 1.015
# Families that are asked for characters which the chosen font lacks, in this order, if they are installed.
_MORE_FAMILIES = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Emoji",
    "Segoe UI Symbol",
    "Apple Symbols",
)
_MISSING = "▯"
THETA_NEW = r"θ$_{\mathregular{new}}$"


def font(words: str, size: float, *, bold: bool = False) -> FontProperties:
    """The reader's own font at this size in points, and a further one for each character that it lacks."""
    from matplotlib.font_manager import FontProperties

    families = dict.fromkeys([*_chosen(), *(name for character in words if (name := _family_for(character)))])
    return FontProperties(family=list(families), size=size, weight="bold" if bold else "normal")


def plain(words: object) -> str:
    """Words on one line, with a box for each character that no installed font can draw.

    Control characters and invisible joiners that no font knows are left out.
    """
    return "".join(_drawn(character) for character in " ".join(str(words).split()))


def escaped(words: str) -> str:
    """Words to stand in a line that is drawn with mathtext: their dollars stay dollars."""
    return words.replace("$", r"\$")


def width(words: str, size: float, *, bold: bool = False) -> float:
    """Width of a line in inches; words in mathtext dollars count as upright words."""
    return _width(_without_math(words), size, bold, tuple(_chosen()))


def fit(words: str, inches: float, size: float, *, bold: bool = False) -> str:
    """Words cut to a width: the middle gives way to an ellipsis, and a short last word (a year) stays.

    Parameters
    ----------
    words : str
        One line.
    inches : float
        Its largest width.
    size : float
        Size of the type in points.
    bold : bool
        Whether the type is bold.

    Returns
    -------
    str
        The words as they are when they fit.
    """
    if width(words, size, bold=bold) <= inches:
        return words
    head, _, tail = words.rpartition(" ")
    if not head or len(tail) > 10:
        head, tail = words[:-4], words[-4:]

    def shortened(length: int) -> str:
        return f"{head[:length].rstrip(' ,;')}… {tail}"

    def too_long(length: int) -> bool:
        return width(shortened(length), size, bold=bold) > inches

    # A longer head is wider, so the lengths that are too long form the upper end of the range.
    length = bisect.bisect_left(range(1, len(head) + 1), True, key=too_long)
    return "…" if length == 0 else shortened(length)


def wrap(words: str, inches: float, size: float, *, bold: bool = False) -> list[str]:
    """Words broken at spaces into lines of at most this width; a word that is longer is cut.

    Parameters
    ----------
    words : str
        A paragraph.
    inches : float
        Largest width of a line.
    size : float
        Size of the type in points.
    bold : bool
        Whether the type is bold.

    Returns
    -------
    list of str
        The lines, at least one.
    """
    lines: list[str] = []
    current = ""
    for word in words.split(" "):
        longer = f"{current} {word}" if current else word
        if current and width(longer, size, bold=bold) > inches:
            lines.append(current)
            longer = word
        current = longer
    lines.append(current)
    return [fit(line, inches, size, bold=bold) for line in lines]


def _without_math(words: str) -> str:
    return words.replace(THETA_NEW, "θ new").replace(r"\$", "$")


@lru_cache(maxsize=1)
def _renderers() -> tuple[RendererAgg, ...]:
    from matplotlib.backends.backend_agg import RendererAgg

    return tuple(RendererAgg(8, 8, dpi) for dpi in _RESOLUTIONS)


@lru_cache(maxsize=8192)
def _width(words: str, size: float, bold: bool, chosen: tuple[str, ...]) -> float:
    look = font(words, size, bold=bold)
    pixels = [each.get_text_width_height_descent(words, look, ismath=False)[0] for each in _renderers()]
    return _SLACK * max(width / dpi for width, dpi in zip(pixels, _RESOLUTIONS, strict=True))


def _chosen() -> list[str]:
    from matplotlib import rcParams

    return [str(family) for family in rcParams["font.family"]]


def _drawn(character: str) -> str:
    if _family_for(character) is not None:
        return character
    return "" if unicodedata.category(character).startswith("C") else _MISSING


def _family_for(character: str) -> str | None:
    """The family that draws a character: empty for the chosen font, None when no installed one has it."""
    if character.isascii():
        return "" if character.isprintable() else None
    return None if unicodedata.category(character) == "Cs" else _search(character, tuple(_chosen()))


@lru_cache(maxsize=4096)
def _search(character: str, chosen: tuple[str, ...]) -> str | None:
    from matplotlib.font_manager import FontProperties, findfont, get_font, get_font_names

    def has(family: str) -> bool:
        file = findfont(FontProperties(family=[family]))
        return get_font(file).get_char_index(ord(character)) != 0

    if any(has(family) for family in chosen):
        return ""
    installed = get_font_names()
    return next((family for family in _MORE_FAMILIES if family in installed and has(family)), None)
