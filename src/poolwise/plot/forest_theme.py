"""How a forest plot looks: the colours, squares and brackets of a house style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from poolwise.errors import InputError, nearest, shown
from poolwise.plot import _marks, _sheet


@final
@dataclass(frozen=True)
class Theme:
    """A house style.

    Attributes
    ----------
    name : str
        By which it is asked for.
    raw, face : str
        Colours of a study's own estimate and interval, and within its square.
    shrunken : str
        Colour of the shrunken estimates.
    series : tuple of str
        Colours of the diamonds, one for each result.
    null : str
        Colour of the line at the null value.
    brackets : tuple of str
        What stands before, within and after the limits of an interval in words.
    band : str
        Colour behind every other study; empty for none.
    study : str
        Heading of the studies.
    """

    name: str
    raw: str = _marks.RAW
    face: str = "white"
    shrunken: str = _marks.COLOURS[0]
    series: tuple[str, ...] = _marks.COLOURS
    null: str = _sheet.SOFT
    brackets: tuple[str, str, str] = ("[", ", ", "]")
    band: str = ""
    study: str = "Study"

    def interval(self, words: str) -> str:
        """Words of an estimate with its interval, ``0.49 [0.34, 0.70]``, in the brackets of the style."""
        point, bracket, limits = words.partition(" [")
        if not bracket:
            return words
        opening, between, closing = self.brackets
        ends, _, times = limits.partition("]")
        return f"{point} {opening}{ends.replace(', ', between)}{closing}{times}"


THEMES = {
    theme.name: theme
    for theme in (
        Theme("poolwise"),
        Theme(
            "revman", raw="#1b1b1b", face="#1f4fa3", shrunken="#9a3d00", series=("#000000", "#1f4fa3", "#9a3d00"),
            null="#000000", study="Study or subgroup",
        ),
        Theme(
            "jama", raw="#14304f", face="#14304f", shrunken="#9a4a00", series=("#14304f", "#9a4a00", "#4f6b2a"),
            null="#595959", brackets=("(", " to ", ")"), band="#eef1f5", study="Source",
        ),
        Theme(
            "mono", raw="#6b6b6b", shrunken="#000000", series=("#000000", "#4d4d4d", "#737373"), null="#000000",
        ),
    )
}  # fmt: skip


def theme_of(name: object) -> Theme:
    """The house style of that name, in capitals or not.

    Raises
    ------
    InputError
        When there is none.
    """
    if not isinstance(name, str) or name.casefold() not in THEMES:
        advice = nearest(str(name).casefold(), THEMES) if isinstance(name, str) else 'theme="jama"'
        raise InputError(f"theme = {shown(name)}", f"one of {', '.join(THEMES)}", advice)
    return THEMES[name.casefold()]
