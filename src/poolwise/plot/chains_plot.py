"""Chains as pictures: ranks of each chain among all draws, and draws in their order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poolwise.checks.chains import ALPHA, chain_plot
from poolwise.plot import _marks, _sheet, _text, _theme
from poolwise.plot._plain import plain_text
from poolwise.result import Result
from poolwise.show import method, symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_P = re.compile(r"p=(\d*\.?\d+)\s*\(α=[\d.]+\)")
_PANEL = (2.9, 1.75)  # inches
_MOST_COLUMNS = 3
_ABOVE, _BELOW = 0.45, 0.25  # inches for the title, and below the panels
_LEAST, _LINE = 4.4, 0.15  # inches of the narrowest figure, which holds the words, and from line to line of notes


def ranks(result: Result, names: Sequence[str] | None = None) -> NDArray[Any]:
    """Draw how the ranks of each chain among all draws are spread, a panel for each sampled quantity.

    A line is one chain: the share of its draws below a rank, less the share that a chain which samples the same law
    would have there. Lines of chains that mix stay near 0. Above each panel stands the probability p of ranks this
    uneven where all chains sample the same law; below 0.01 the places where chains part are marked. Draws are thinned
    first, by their effective sample size, since that probability is of independent draws.

    Parameters
    ----------
    result : Result
        Of `NUTS`, or of `Exact`, whose draws are independent.
    names : sequence of str, optional
        Quantities (``"mu"``, ``"tau[dropout]"``), or all of one name (``"tau"``). All that were sampled when None.

    Returns
    -------
    ndarray of Axes
        One for each quantity, in a new pyplot figure.

    Raises
    ------
    ModelError
        For a name of which there are no draws.
    MissingQuantityError
        For a closed-form result.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221, section 4.4.
    """
    note = (
        "Lines: chains, each about the ranks of all, thinned until draws hardly depend on one another. p: probability "
        f"of ranks this uneven where all chains sample the same law; below {ALPHA:g} the places where they part are "
        "marked."
    )
    with plain_text():
        return _dressed(chain_plot(result, "ranks", names), result, "Ranks", "fractional rank", note)


def trace(result: Result, names: Sequence[str] | None = None) -> NDArray[Any]:
    """Draw the draws of each chain in their order, a panel for each sampled quantity.

    Chains that mix look alike, without trends or places where one stays; ticks below mark divergences.

    Parameters
    ----------
    result : Result
        Of `NUTS`, or of `Exact`, whose draws are independent.
    names : sequence of str, optional
        Quantities (``"mu"``, ``"tau[dropout]"``), or all of one name (``"tau"``). All that were sampled when None.

    Returns
    -------
    ndarray of Axes
        One for each quantity, in a new pyplot figure.

    Raises
    ------
    ModelError
        For a name of which there are no draws.
    MissingQuantityError
        For a closed-form result.
    """
    diverged = result.report.diagnostics.get("divergences", 0.0) if isinstance(result, Result) else 0.0
    note = f"Lines: chains. {f'{diverged:.0f} divergences, marked below.' if diverged else 'No divergences.'}"
    with plain_text():
        return _dressed(chain_plot(result, "trace", names), result, "Draws", "draw", note)


def _dressed(drawn: Any, result: Result, what: str, x: str, note: str) -> NDArray[Any]:
    """ArviZ's panels at our sizes, under a title that names the result."""
    figure: Figure = drawn.viz["figure"].item()
    panels = {str(name): axes.item() for name, axes in drawn.viz["plot"].data_vars.items()}
    columns = min(len(panels), _MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    wide = max(_PANEL[0], _LEAST / columns)
    width = columns * wide
    lines = _text.wrap(note, width - 0.28, _sheet.NOTE_SIZE)
    foot = _BELOW + _LINE * len(lines)
    height = rows * _PANEL[1] + _ABOVE + foot
    _theme.note(figure)
    figure.set_layout_engine("none")
    figure.set_size_inches(width, height)
    figure.set_facecolor("white")
    for place, (name, ax) in enumerate(panels.items()):
        row, column = divmod(place, columns)
        top = height - _ABOVE - row * _PANEL[1]
        ax.set_position(
            (
                (column * wide + 0.5) / width,
                (top - _PANEL[1] + 0.55) / height,
                (wide - 0.62) / width,
                (_PANEL[1] - 0.8) / height,
            )
        )
        _panel(ax, name, x if place + columns >= len(panels) else "")
    data = " — reconstructed data" if result.effects.reconstructed else ""
    words = _text.plain(f"{what} of each chain: {method(result.label)}{data}")
    title = _text.fit(words, width - 0.28, _sheet.TITLE_SIZE, bold=True)
    figure.text(0.14 / width, 1.0 - 0.2 / height, title, va="center",
                fontproperties=_text.font(title, _sheet.TITLE_SIZE, bold=True), color=_sheet.INK)  # fmt: skip
    for i, line in enumerate(lines):
        figure.text(0.14 / width, (foot - 0.1 - _LINE * (i + 0.5)) / height, line, va="center",
                    fontproperties=_text.font(line, _sheet.NOTE_SIZE), color=_sheet.SOFT)  # fmt: skip
    return np.array(list(panels.values()), dtype=object)


def _told(found: re.Match[str]) -> str:
    """ArviZ's ``p=0.15(α=0.01)`` as we write it: the note below tells what 0.01 is."""
    return f"p = {found[1]}" if float(found[1]) else f"p < 0.{'0' * (len(found[1].partition('.')[2]) - 1)}1"


def _panel(ax: Axes, name: str, x: str) -> None:
    words = _text.plain(symbol(name))
    ax.set_title(words, fontproperties=_text.font(words, _sheet.BODY_SIZE, bold=True), color=_sheet.INK)
    ax.set_xlabel(x, fontproperties=_text.font(x or " ", _sheet.TICK_SIZE), color=_sheet.INK)
    ax.xaxis.set_label_coords(0.5, -0.3 / (_PANEL[1] - 0.8))
    ax.tick_params(labelsize=_sheet.TICK_SIZE - 0.5, color=_sheet.SOFT, labelcolor=_sheet.INK)
    ax.spines[["top", "right"]].set_visible(False)
    chains = [one for one in ax.lines if np.size(one.get_xdata()) > 2]
    for text in ax.texts:
        text.set_text(_P.sub(_told, text.get_text()).rstrip())
        text.set_fontproperties(_text.font(text.get_text(), _sheet.TICK_SIZE - 0.5))
    for line, colour in zip(chains, _marks.COLOURS, strict=False):
        line.set(color=colour, linewidth=0.9, alpha=1.0)
