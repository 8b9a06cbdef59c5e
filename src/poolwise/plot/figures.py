"""Saving and closing what was drawn."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from poolwise.plot._plain import TEXT, settings
from poolwise.plot._text import boxes_warned_of
from poolwise.settings import check_instance

__all__ = ["boxes_warned_of", "close", "saved"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def close(drawn: Axes | Figure) -> None:
    """Close the figure of these axes, so that pyplot lets go of it.

    Parameters
    ----------
    drawn : Axes or Figure
        What a plot function returned, or its figure.
    """
    from matplotlib import pyplot
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    check_instance("plot.close", drawn, (Axes, Figure), expected="what a plot function returned, or its figure")
    figure = drawn.get_figure(root=True) if isinstance(drawn, Axes) else drawn
    pyplot.close(figure)


def saved(axes: Axes, form: str, metadata: Mapping[str, str | None]) -> bytes:
    """The figure of these axes as a file, the same bytes each time.

    As large as it was made: every picture keeps its words within, so that it need not be drawn once more to find out
    what reaches beyond.

    Parameters
    ----------
    axes : Axes
        What a plot function returned.
    form : str
        ``"svg"``, ``"png"`` or ``"pdf"``.
    metadata : mapping
        What the file says of itself.

    Returns
    -------
    bytes
        The whole file.
    """
    buffer = io.BytesIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    with settings({**TEXT, "svg.hashsalt": "poolwise"}):
        figure.savefig(buffer, format=form, metadata=dict(metadata), dpi=200)
    return buffer.getvalue()
