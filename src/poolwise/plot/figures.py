"""Closing what was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    figure = drawn.get_figure(root=True) if isinstance(drawn, Axes) else drawn
    pyplot.close(figure)
