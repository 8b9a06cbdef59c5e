"""The sections of a page in the order in which they are printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from poolwise.report.blocks import Block, Paragraph, Table
from poolwise.report.drawings import Drawing
from poolwise.report.section import Passage

# All in points, of a page of A4 as the style sets it; a font of the widest usual kind.
_WHOLE, _HEADING = 750.0, 45.0  # of text; a heading with the room around it
_LINE, _CHARACTERS = 14.5, 95  # a line, and its characters
_LARGE_LINE, _LARGE_CHARACTERS = 17.5, 80  # of an answer
_BOX = 25.0  # the room in and around a banner or the title
_TABLE_LINE, _HEAD_LINES = 12.5, 5  # of a table, with its share of the room between rows; of its caption and head


@final
@dataclass(frozen=True, eq=False)
class Part:
    """A section as it stands on the page.

    Attributes
    ----------
    name : str
        Its anchor.
    passage : Passage
        What it says.
    appendix : bool
        Whether it stands in the appendix.
    end : bool
        Whether it stands below the appendix.
    turned : bool
        Whether it is printed across, for a picture that is too wide for its type to be read upright.
    printed : int
        Its place in print, where sections stand in another order there; 0 otherwise.
    """

    name: str
    passage: Passage
    appendix: bool = False
    end: bool = False
    turned: bool = False
    printed: int = 0

    @property
    def data(self) -> tuple[str, ...]:
        """The files of its numbers."""
        return (*self.passage.tables, *self.passage.draws)


def printed(parts: Sequence[Part], pictures: Mapping[str, Sequence[Drawing]], above: Sequence[str]) -> list[Part]:
    """The sections with their places in print.

    The first picture that has no room below what stands before it goes to the top of the next page; the words for a
    paper, which may be broken over pages, fill the page before it.

    Parameters
    ----------
    parts : sequence of Part
        In the order of the screen.
    pictures : mapping of str to sequence of Drawing
        The drawings of every picture by its name.
    above : sequence of str
        What stands above the sections: title, question, banners.

    Returns
    -------
    list of Part
        In the same order; each with its place where that is another in print.
    """
    at = next((i for i, part in enumerate(parts) if part.passage.figures), len(parts))
    if at == len(parts) or parts[0].name != "answer" or parts[at].appendix:
        return [*parts]
    needed = _HEADING + pictures[next(iter(parts[at].passage.figures))][0].high
    left = _WHOLE - sum(_BOX + _LINE * math.ceil(len(words) / _CHARACTERS) for words in above if words)
    for part in parts[:at]:
        left = _left_below(part, left)
    if needed <= left:
        return [*parts]
    between: list[int] = []
    over = False  # the page
    for i, part in enumerate(parts):
        if i > at and _is_prose(part):
            after = _left_below(part, left)
            over = over or after > left
            if over and after < needed:
                break
            left = after
            between.append(i)
    order = [*range(at), *between, *(i for i in range(at, len(parts)) if i not in between)]
    return [replace(part, printed=order.index(i) + 1) for i, part in enumerate(parts)]


def _is_prose(part: Part) -> bool:
    prose = all(isinstance(block, Paragraph) for block in part.passage.blocks)
    return prose and not part.appendix and not part.end


def _left_below(part: Part, left: float) -> float:
    """Points that a section leaves of the page on which it ends, about, where so many were left before it."""
    left -= _HEADING
    for block in part.passage.blocks:
        high = _high(block)
        whole = isinstance(block, Table) and block.short
        left = _WHOLE - high if whole and high > left else (left - high) % _WHOLE
    return left


def _high(block: Block) -> float:
    """Points of a paragraph or a table, about; nothing is known of others."""
    if isinstance(block, Paragraph):
        line, characters = (_LARGE_LINE, _LARGE_CHARACTERS) if block.answer else (_LINE, _CHARACTERS)
        return line * math.ceil(len(block.text) / characters)
    return _TABLE_LINE * (block.lines + _HEAD_LINES) if isinstance(block, Table) else 0.0
