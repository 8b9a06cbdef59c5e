"""What a section of a report is made of: paragraphs, tables, pictures, lists; ``blocks.html.j2`` makes them HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from markupsafe import Markup, escape


@final
@dataclass(frozen=True)
class Paragraph:
    """Sentences that stand together.

    Attributes
    ----------
    text : str
        Escaped on the page, unless it is Markup.
    answer : bool
        Whether it is one of the answers of the report, set larger.
    fine : bool
        Whether it says how an answer is to be read: its kind, its prior; set smaller.
    """

    shape: ClassVar[str] = "paragraph"
    text: str
    answer: bool = False
    fine: bool = False


@final
@dataclass(frozen=True)
class Column:
    """The head of a column of a table.

    Attributes
    ----------
    title : str
    head, cells : str
        Classes of the style of its head and of its cells: ``"n"`` for numbers, ``"w"`` for what is not to be broken.
    """

    title: str
    head: str = ""
    cells: str = ""


@final
@dataclass(frozen=True)
class Cell:
    """A cell with a style of its own.

    Attributes
    ----------
    text, style : str
    """

    text: str
    style: str


@final
@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    cells : tuple of str or Cell
        One for each column.
    style : str
        Class of the row.
    below : str
        What is said of it at length, on lines of its own as wide as the table.
    """

    cells: tuple[str | Cell, ...]
    style: str = ""
    below: str = ""


@final
@dataclass(frozen=True)
class Body:
    """Rows of a table that belong together, under a heading where it has one.

    Attributes
    ----------
    rows : tuple of Row
    title, note : str
    """

    rows: tuple[Row, ...]
    title: str = ""
    note: str = ""


@final
@dataclass(frozen=True)
class Table:
    """A table as it is read; the frame with all digits is a file of the section.

    Attributes
    ----------
    columns : tuple of Column
    bodies : tuple of Body
    caption : str
    """

    shape: ClassVar[str] = "table"
    columns: tuple[Column, ...]
    bodies: tuple[Body, ...]
    caption: str = ""

    @property
    def short(self) -> bool:
        """Whether it has so few lines that it is held on one page of print."""
        return self.lines <= _ONE_PAGE

    @property
    def lines(self) -> int:
        """About how many lines of print it takes below its head."""
        headings = 2 * sum(bool(body.title) for body in self.bodies)
        return headings + sum(_lines(row) for body in self.bodies for row in body.rows)

    @property
    def broad(self) -> bool:
        """Whether a page of print is too narrow for it unless its numbers are broken over lines.

        A browser prints a page on which anything has no room smaller as a whole, and its type with it.
        """
        return sum(_GAP + _across(column, cells) for column, cells in self._by_column()) > _ACROSS

    def _by_column(self) -> Iterator[tuple[Column, tuple[str, ...]]]:
        rows = [row for body in self.bodies for row in body.rows]
        for i, column in enumerate(self.columns):
            yield column, tuple(_text(row.cells[i]) for row in rows)


@final
@dataclass(frozen=True)
class Picture:
    """A figure of the section, as SVG within the page.

    Attributes
    ----------
    name : str
        Name of the figure's files, without an ending.
    label : str
        What a reader who cannot see it is told: what it is, and the result that it shows, in numbers.
    """

    shape: ClassVar[str] = "picture"
    name: str
    label: str


@final
@dataclass(frozen=True)
class Notes:
    """Sentences in a list, a point each; nothing where there is none.

    Attributes
    ----------
    sentences : tuple of str
    """

    shape: ClassVar[str] = "notes"
    sentences: tuple[str, ...]


@final
@dataclass(frozen=True)
class Terms:
    """Terms, each with its meaning.

    Attributes
    ----------
    pairs : tuple of (str, str)
    """

    shape: ClassVar[str] = "terms"
    pairs: tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True)
class Statement:
    """Lines in the order and with the spaces that they have.

    Attributes
    ----------
    lines : tuple of str
    """

    shape: ClassVar[str] = "statement"
    lines: tuple[str, ...]


_ACROSS = 127.5  # characters of a line of a table in print, in the widest of the usual fonts
_GAP = 1.4  # between two columns, in the same
_ADDRESSES = {"source": 21, "way": 12}  # of columns by the class of their cells: these break anywhere
_ONE_PAGE = 28  # lines, which fill a third of a page of A4
_LINE = 55  # characters of the longest cell of a row


def _lines(row: Row) -> int:
    """About how many lines of print a row takes, two at least."""
    own = max(2, *(-(-len(_text(cell)) // _LINE) for cell in row.cells))
    return own + -(-len(row.below) // (2 * _LINE))


def _text(cell: str | Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _across(column: Column, cells: Iterable[str]) -> int:
    """Characters of what a column does not break: lines of numbers, words of all else but addresses."""
    if column.cells in _ADDRESSES:
        return _ADDRESSES[column.cells]
    parts = [_words(column.title), *(_lines_of(cell) if column.cells == "n" else _words(cell) for cell in cells)]
    return max(len(part) for each in parts for part in each)


def _lines_of(text: str) -> list[str]:
    return [Markup(line).striptags() for line in text.split("<br>")]


def _words(text: str) -> list[str]:
    return " ".join(_lines_of(text)).split() or [""]


type Block = Paragraph | Table | Picture | Notes | Terms | Statement


def answers(sentences: Iterable[str]) -> tuple[Paragraph, ...]:
    """Sentences of the answer, a paragraph each."""
    return tuple(Paragraph(sentence, answer=True) for sentence in sentences)


def notes(sentences: Iterable[str]) -> Notes:
    """Sentences in a list."""
    return Notes(tuple(sentences))


def numbers(title: str) -> Column:
    """A column of numbers."""
    return Column(title, "n", "n")


def rows(cells: Iterable[tuple[str | Cell, ...]]) -> tuple[Body, ...]:
    """The rows of a table that has no headings within."""
    return (Body(tuple(Row(each) for each in cells)),)


def lines(first: str, *others: str) -> Markup:
    """Text on lines below one another; escaped."""
    return Markup("<br>").join([first, *others])


def soft(text: str) -> Markup:
    """Text in the colour of what is said besides; escaped."""
    return Markup('<span class="soft">{}</span>').format(text)


def whole(text: str) -> Markup:
    """Text that is not broken over lines; escaped."""
    return Markup('<span class="w">{}</span>').format(text)


def with_note(text: str, note: str) -> Markup:
    """Text, and below it, softly, a note where there is one; escaped."""
    return lines(text, soft(note)) if note else escape(text)


def folded(text: str, most: int = 110) -> Markup:
    """Text that opens where it is longer than `most` characters, with its beginning as what is always seen; escaped."""
    if len(text) <= most:
        return escape(text)
    beginning = textwrap.shorten(text, most, placeholder=" …")
    return Markup('<details class="more"><summary><span>{}</span></summary>{}</details>').format(beginning, text)


def marked(text: str, **words: str) -> Markup:
    """A sentence of ours with markup in it, into which words of anyone's are put escaped."""
    return Markup(text).format(**words)
