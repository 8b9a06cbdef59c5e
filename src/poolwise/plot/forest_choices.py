"""What is asked of a forest plot: one record of wishes, and the choices they make, every default in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from poolwise.errors import InputError, nearest, shown
from poolwise.plot import _width
from poolwise.plot.forest_frame import SORTS
from poolwise.plot.forest_theme import Theme, theme_of
from poolwise.result import Result
from poolwise.settings import check_flag

ROWS = 40  # of studies, beyond which they are drawn as thin lines on one page
SHOW = ("both", "raw", "shrunken")
NOTES = ("short", "full", "none")
COLUMNS = ("n", "events", "weight", "estimate")
EVENTS = {
    "Treated": ("events_treated", "total_treated"),
    "Control": ("events_control", "total_control"),
    "All": ("events", "total"),
}
_ORDER = {
    "as given": "in the order of the table", "effect": "by their estimates", "precision": "by precision",
    "se": "by precision", "weight": "by weight", "label": "by name",
}  # fmt: skip


@final
@dataclass(frozen=True)
class Choices:
    """What is shown, and how.

    Attributes
    ----------
    sort : str
        Order of the studies.
    columns : tuple of str or None
        Columns beside labels and axes; None for n, estimate and weight as far as they are known.
    raw, shrunken : bool
        Which estimates of the studies are drawn.
    density : bool
        Whether densities stand above the summaries.
    inches : float
        Width of the whole.
    theme : Theme
        The house style.
    notes : str
        How much is said below.
    pages : int or None
        Studies on a page.
    compact : bool
        Whether studies are thin lines on one page.
    close : bool
        Whether there is less room between their rows.
    """

    sort: str
    columns: tuple[str, ...] | None
    raw: bool
    shrunken: bool
    density: bool
    inches: float
    theme: Theme
    notes: str
    pages: int | None
    compact: bool
    close: bool = False

    @property
    def order_words(self) -> str:
        """How the studies are put in order."""
        return _ORDER.get(self.sort, f"by {self.sort}")

    @property
    def moderators(self) -> tuple[str, ...]:
        """Those of the columns that are moderators."""
        return tuple(name for name in self.columns or () if name not in COLUMNS)


@final
@dataclass(frozen=True)
class Wishes:
    """What `forest` and `forest_caption` are asked, as it was given; their docstrings tell what each means."""

    beside: Sequence[Result]
    prob: float
    by: str | None
    rope: tuple[float, float] | None
    threshold: float
    sort: str | None
    columns: Sequence[str] | str | None
    show: str
    density: bool
    width: str | float
    theme: str
    notes: str
    pages: int | None
    title: str | None


def chosen(wishes: Wishes, k: int) -> Choices:
    """The choices for a table of k studies, checked.

    Raises
    ------
    InputError
        For a value that none of them has.
    """
    for name, value, known in (("show", wishes.show, SHOW), ("notes", wishes.notes, NOTES)):
        if value not in known:
            raise InputError(f"{name} = {shown(value)}", f"one of {', '.join(known)}", nearest(str(value), known))
    check_flag("density", wishes.density)
    columns, pages, compact = wishes.columns, wishes.pages, k > ROWS and wishes.pages is None
    if pages is not None and (not isinstance(pages, int) or isinstance(pages, bool) or pages < 1):
        raise InputError(f"pages = {shown(pages)}", "how many studies a page holds, 1 or more", "pages=30")
    if isinstance(columns, str):
        columns = (columns,)
    if columns is not None and not (isinstance(columns, Sequence) and all(isinstance(each, str) for each in columns)):
        raise InputError(f"columns = {shown(columns)}", "names of columns", 'columns=["n", "estimate", "weight"]')
    return Choices(
        sort=wishes.sort if wishes.sort is not None else "effect" if compact else SORTS[0],
        columns=None if columns is None else tuple(columns),
        raw=wishes.show != "shrunken",
        shrunken=wishes.show != "raw",
        density=wishes.density,
        inches=_width.at_hand() if wishes.width == "page" else _width.inches_of(wishes.width),
        theme=theme_of(wishes.theme),
        notes=wishes.notes,
        pages=pages,
        compact=compact,
    )
