"""Words in a figure: measured in inches, cut or wrapped to fit, and always drawn as they are."""

from __future__ import annotations

import bisect
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, final

import numpy as np

from poolwise.errors import warn
from poolwise.show import tied

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

# Hinting makes the same line up to a tenth wider at one resolution than at another, so the widest one counts.
_RESOLUTIONS = (72.0, 96.0, 100.0, 110.0, 120.0, 144.0, 150.0, 200.0, 300.0)  # dots per inch of screens and print
_SLACK = 1.015
# Which one that is shows in the widths of single characters, but for a hundredth (kerning takes a little more at one
# than at another), and for scripts from Hebrew on, whose letters join or change beside others.
_NEAR = 0.98
_NARROWER, _WIDER = 0.9, 1.02  # what kerning makes of a line, and more
_JOINED = re.compile("[\u0590-\u1fff\ua800-\uffff]")
# Families that are asked for characters which the chosen font lacks, in this order, if they are installed.
_MORE_FAMILIES = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK TC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Noto Sans SC",
    "Noto Sans TC",
    "Noto Sans JP",
    "Noto Sans KR",
    "Noto Serif CJK SC",
    "Source Han Sans SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "AR PL UMing CN",
    "IPAexGothic",
    "IPAGothic",
    "TakaoPGothic",
    "VL Gothic",
    "NanumGothic",
    "UnDotum",
    "PingFang SC",
    "Hiragino Sans",
    "Hiragino Sans GB",
    "Heiti SC",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "SimHei",
    "Yu Gothic",
    "MS Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Thai",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Georgian",
    "Noto Sans Armenian",
    "Noto Sans Ethiopic",
    "Noto Sans Symbols",
    "Noto Sans Symbols 2",
    "Noto Emoji",
    "Segoe UI Symbol",
    "Apple Symbols",
    "Symbola",
    "FreeSans",
    "FreeSerif",
    "Unifont",
)
_MISSING = "▯"
_SCRIPTS = dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH"), "CJK")
_MOST_NAMED = 12
# Ideographs and kana, with the marks that may not begin a line; anything else is a word.
_IDEOGRAPH = r"[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_CLOSING = r"[\u3001\u3002\u3009\u300b\u300d\u300f\u30fb\u30fc\uff01\uff09\uff0c\uff1a\uff1b\uff1f]"
_BREAKS = re.compile(rf"{_IDEOGRAPH}{_CLOSING}*|(?:(?!{_IDEOGRAPH}).)+")
_WHOLE = "\ue000"  # stands for a space at which no line breaks, while lines are made
# How a word is parted: after its hyphens; where it is longer than a line after a slash, too, and before a bracket; then
# within letters, never within a number.
_HYPHENS = re.compile(r"(?<=[^\W\d]-)(?=[^\W\d])")
_PIECES = re.compile(r"\([^-/_(]*[-/_]?|[^-/_(]+[-/_]?|[-/_]")
_NUMBER = r"[−-]?\d[\d.,]*"
_ATOMS = re.compile(rf"{_NUMBER}\W*|.", re.DOTALL)
_LEAST_PIECE = 3  # letters before a hyphen of ours, and after it
_TAIL = re.compile(rf"(?:\([^()]{{1,18}}\)|{_NUMBER}\W?)$")
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


@final
class boxes_warned_of:  # noqa: N801, a context manager; a generator would put contextlib's name on the warning
    """Warn once of all characters that become boxes meanwhile, and of those of `words` at once; inside another, not.

    Parameters
    ----------
    words : iterable of str
        What will be drawn, as far as it is known.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words, self.outer = words, _boxed.get()

    def __enter__(self) -> None:
        if self.outer is None:
            met: dict[str, bool] = {}
            _boxed.set(met)
            for text in self.words:
                plain(text)
            _warn_of(list(met))
            for character in met:
                met[character] = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        met = _boxed.get()
        if self.outer is None and met is not None:
            _boxed.set(None)
            if kind is None:
                _warn_of([character for character, warned in met.items() if not warned])


_boxed: ContextVar[dict[str, bool] | None] = ContextVar("characters that became boxes, and whether told", default=None)


def _warn_of(characters: list[str]) -> None:
    if not characters:
        return
    named = "".join(characters[:_MOST_NAMED]) + ("..." if len(characters) > _MOST_NAMED else "")
    fonts = ", ".join(dict.fromkeys(_font_with(character) for character in characters))
    warn(
        f"No installed font has the character(s) {named}, which stand as {_MISSING} in the picture. Install a font "
        f"that has them ({fonts}), delete matplotlib's list of fonts (in the folder matplotlib.get_cachedir()) and "
        "start Python anew."
    )


def _font_with(character: str) -> str:
    """The name of a free font that has a character, by its script."""
    script = unicodedata.name(character, "SYMBOL").split()[0].split("-")[0]
    if unicodedata.category(character) in ("So", "Sk") or script == "SYMBOL":
        return "Noto Emoji" if ord(character) >= 0x1F000 else "Noto Sans Symbols"
    return f"Noto Sans {_SCRIPTS.get(script, script.title())}"


def escaped(words: str) -> str:
    """Words to stand in a line that is drawn with mathtext: their dollars stay dollars."""
    return words.replace("$", r"\$")


def width(words: str, size: float, *, bold: bool = False) -> float:
    """Width of a line in inches; words in mathtext dollars count as upright words."""
    return _width(_without_math(words), size, bold, tuple(_chosen()))


def fit(words: str, inches: float, size: float, *, bold: bool = False) -> str:
    """Words cut to a width: an ellipsis stands for their end, or for their middle where the last word is short.

    What stands in brackets at the end, and a number there, stay whole: they tell one name from others of its kind.

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
    if _fits(words, inches, size, bold):
        return words
    head, tail = _head_and_tail(words)

    def shortened(length: int) -> str:
        return f"{head[:length].rstrip(' ,;')}… {tail}".rstrip()

    def too_long(length: int) -> bool:
        return not _fits(shortened(length), inches, size, bold)

    # A longer head is wider, so the lengths that are too long form the upper end of the range.
    length = bisect.bisect_left(range(1, len(head) + 1), True, key=too_long)
    return "…" if length == 0 else shortened(length)


def _head_and_tail(words: str) -> tuple[str, str]:
    """What may be cut of a name, and what tells it from others: brackets, a number or a short word at its end."""
    if (found := _TAIL.search(words)) and found.start() > 0:
        return words[: found.start()].rstrip(), found[0]
    head, _, tail = words.rpartition(" ")
    return (words, "") if not head or len(tail) > 10 else (head, tail)


def wrap(words: str, inches: float, size: float, *, bold: bool = False, parted: bool = False) -> list[str]:
    """Words broken at spaces, and between ideographs, into lines of at most this width; a longer word is cut.

    A sign between two numbers, a number and its unit, and short brackets stay on one line where they fit on one.

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
    parted : bool
        Whether a longer word is parted, with a hyphen where it has none, instead of being cut.

    Returns
    -------
    list of str
        The lines, at least one.
    """
    lines: list[str] = []
    parts = [own for part in _parts(words) for own in _within(part, inches, size, bold=bold, parted=parted)]
    while parts:
        count = _fitting(parts, inches, size, bold)
        lines.append(fit(_line(parts[:count]), inches, size, bold=bold))
        parts = list(itertools.dropwhile(lambda part: part[1] == "", parts[count:]))  # no line begins with a space
    return lines


def wrap_to(
    words: str, inches: float, size: float, most: int, *, bold: bool = False, parted: bool = False
) -> list[str]:
    """Words broken as by `wrap` into at most so many lines; the last is cut where the rest is longer."""
    lines = wrap(words, inches, size, bold=bold, parted=parted)
    if len(lines) > most and parted:  # words parted for nothing
        lines = wrap(words, inches, size, bold=bold)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), inches, size, bold=bold)]


def _within(
    part: tuple[str, str], inches: float, size: float, *, bold: bool, parted: bool
) -> Iterator[tuple[str, str]]:
    """A part as it is where it fits on a line; else what was tied together, and pieces of a word, one by one."""
    between, whole = part
    words = whole.replace(_WHOLE, " ")
    if _fits(words, inches, size, bold):
        for piece in _HYPHENS.split(words) if parted else [words]:
            yield between, piece
            between = ""
        return
    for word in whole.split(_WHOLE):
        pieces = [word]
        if parted and not _fits(word, inches, size, bold):
            pieces = [own for piece in _PIECES.findall(word) for own in _hyphenated(piece, inches, size, bold)]
        for piece in pieces:
            yield between, piece
            between = ""
        between = " "


def _hyphenated(word: str, inches: float, size: float, bold: bool) -> Iterator[str]:
    """Pieces of a word that fit on a line, each but the last with a hyphen; numbers stay whole."""
    while not _fits(word, inches, size, bold):
        atoms = _ATOMS.findall(word)
        fitting = [
            n
            for n in range(_LEAST_PIECE, len(atoms) - _LEAST_PIECE + 1)
            if atoms[n - 1].isalpha() and atoms[n].isalpha() and _fits("".join(atoms[:n]) + "-", inches, size, bold)
        ]
        if not fitting:
            break
        head = "".join(atoms[: fitting[-1]])
        yield f"{head}-"
        word = word[len(head) :]
    yield word


def _fitting(parts: Sequence[tuple[str, str]], inches: float, size: float, bold: bool) -> int:
    """How many of these parts fit on a line, at least one: about as many as do so roughly."""
    chosen = tuple(_chosen())
    ends = np.cumsum([_rough(between + word, size, bold, chosen) for between, word in parts], axis=0)
    count = max(1, int(np.searchsorted(_SLACK * ends.max(axis=1), inches)))
    while count < len(parts) and _fits(_line(parts[: count + 1]), inches, size, bold):
        count += 1
    while count > 1 and not _fits(_line(parts[:count]), inches, size, bold):
        count -= 1
    return count


def _fits(words: str, inches: float, size: float, bold: bool) -> bool:
    """Whether a line is at most as wide, measured where its characters alone, unkerned, do not make it plain."""
    plainly = _SLACK * max(_rough(_without_math(words), size, bold, tuple(_chosen())))
    if not _JOINED.search(words) and not _NARROWER * plainly <= inches <= _WIDER * plainly:
        return plainly <= inches
    return width(words, size, bold=bold) <= inches


def _line(parts: Sequence[tuple[str, str]]) -> str:
    return "".join(itertools.chain.from_iterable(parts)).removeprefix(" ")


def _parts(words: str) -> list[tuple[str, str]]:
    """Where a line may break: what stands before each part (a space, or nothing between ideographs), and the part."""
    found = []
    for word in tied(words.lstrip(" "), _WHOLE).split(" "):
        parts = _BREAKS.findall(word) or [""]
        found += [(" " if n == 0 else "", part) for n, part in enumerate(parts)]
    return found


def _without_math(words: str) -> str:
    return words.replace(THETA_NEW, "θ new").replace(r"\$", "$")


@lru_cache(maxsize=1)
def _renderers() -> tuple[RendererAgg, ...]:
    from matplotlib.backends.backend_agg import RendererAgg

    return tuple(RendererAgg(8, 8, dpi) for dpi in _RESOLUTIONS)


@lru_cache(maxsize=8192)
def _width(words: str, size: float, bold: bool, chosen: tuple[str, ...]) -> float:
    rough = _rough(words, size, bold, chosen)
    least = 0.0 if _JOINED.search(words) else _NEAR * max(rough)
    return _SLACK * max(_inches(words, size, bold, [n for n, inches in enumerate(rough) if inches >= least]))


def _rough(words: str, size: float, bold: bool, chosen: tuple[str, ...]) -> tuple[float, ...]:
    """Inches at each resolution without kerning, the sum over the characters, each of which is measured once."""
    alone = (_alone(character, size, bold, chosen) for character in words)
    return tuple(map(sum, zip(*alone, strict=True))) or (0.0,) * len(_RESOLUTIONS)


@lru_cache(maxsize=8192)
def _alone(character: str, size: float, bold: bool, chosen: tuple[str, ...]) -> tuple[float, ...]:
    from matplotlib.backends.backend_agg import get_hinting_flag
    from matplotlib.font_manager import findfont, get_font

    face = get_font(findfont(font(character, size, bold=bold)))
    if not face.get_char_index(ord(character)):
        return tuple(_inches(character, size, bold, range(len(_RESOLUTIONS))))
    advances = []
    for resolution in _RESOLUTIONS:
        face.set_size(size, resolution)
        advances.append(face.load_char(ord(character), flags=get_hinting_flag()).horiAdvance / (64.0 * resolution))
    return tuple(advances)


def _inches(words: str, size: float, bold: bool, resolutions: Iterable[int]) -> list[float]:
    """Measured at some of the resolutions, which takes about 20 microseconds for each character."""
    look, renderers = font(words, size, bold=bold), _renderers()
    return [
        renderers[n].get_text_width_height_descent(words, look, ismath=False)[0] / _RESOLUTIONS[n] for n in resolutions
    ]


def _chosen() -> list[str]:
    from matplotlib import rcParams

    return [str(family) for family in rcParams["font.family"]]


def _drawn(character: str) -> str:
    if _family_for(character) is not None:
        return character
    if unicodedata.category(character).startswith("C") or 0xFE00 <= ord(character) <= 0xFE0F:  # variation selectors
        return ""
    met = _boxed.get()
    if met is not None:
        met.setdefault(character, False)
    return _MISSING


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
