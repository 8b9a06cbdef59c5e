"""How wide pictures are that make a figure of their own: as wide as the text of a page, or as one of its columns."""

from __future__ import annotations

from contextvars import ContextVar
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING, Literal, final

from poolwise.errors import InputError, shown
from poolwise.settings import check_instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE = 6.9  # inches of a page's text: a wider figure is printed smaller, and its type with it
WIDTHS = {"page": PAGE, "column": 3.3}  # inches: the text of a page, one of its two columns
_LEAST, _MOST = 2.4, 30.0
_FULL = 5.5  # inches of width from which a chart has the height that it asks for
_FLATTEST = 0.62
_current: ContextVar[float] = ContextVar("inches of pictures that make a figure of their own", default=PAGE)


@final
class width:  # noqa: N801, a context manager
    """Draw pictures as wide as a page or as a column of print within this block.

    Every picture of this package whose figure is its own is at most as wide; where words or columns have no room, it
    leaves out what its frame and its caption tell. Axes that are given have their own width.

    Parameters
    ----------
    name : {"page", "column"} or float
        6.9 inches, 3.3 inches, or inches.

    Raises
    ------
    InputError
        For another width.

    Examples
    --------
    >>> import poolwise as pw
    >>> with pw.plot.width("column"):
    ...     pw.plot.close(pw.plot.funnel(pw.datasets.load("bcg")))
    """

    def __init__(self, name: Literal["page", "column"] | float) -> None:
        self.inches, self.before = inches_of(name), _current.get()

    def __enter__(self) -> None:
        self.before = _current.get()
        _current.set(self.inches)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.set(self.before)


def inches_of(name: object) -> float:
    """Inches of a width by name or number.

    Raises
    ------
    InputError
        When it is none.
    """
    if isinstance(name, str) and name in WIDTHS:
        return WIDTHS[name]
    if isinstance(name, Real) and not isinstance(name, bool) and _LEAST <= float(name) <= _MOST:
        return float(name)
    raise InputError(
        f"width = {shown(name)}",
        f"'page' ({WIDTHS['page']} inches), 'column' ({WIDTHS['column']}), or inches from {_LEAST} to {_MOST:g}",
        "width='page'",
    )


def at_hand() -> float:
    """Inches that a figure of our own has at most."""
    return _current.get()


def room(ax: Axes | None) -> float:
    """Inches of width that a picture has: of the axes given, or of a figure of its own."""
    if ax is None:
        return at_hand()
    return size_of(ax)[0]


def size_of(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in inches."""
    inches, box = figure_of(ax).get_size_inches(), ax.get_position()
    return float(box.width * inches[0]), float(box.height * inches[1])


def figure_of(ax: Axes) -> Figure:
    """The figure on which axes stand.

    Raises
    ------
    InputError
        When they were removed from it.
    """
    from matplotlib.axes import Axes

    check_instance(
        "ax", ax, Axes, expected="axes of matplotlib", advice="figure, ax = plt.subplots()", error=InputError
    )
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InputError("the axes given are on no figure any more", "axes of a live figure")
    return figure


def height(inches: float, ax: Axes | None) -> float:
    """The height of a chart's axes that is `inches` on a page: less on a narrower figure of its own."""
    return inches if ax is not None else inches * min(max(at_hand() / _FULL, _FLATTEST), 1.0)
