"""Tables of a report on paper: columns with widths, and plain ones for Markdown, whose cells hold one line each."""

from __future__ import annotations

import html
import re

_NATURAL = 84  # characters across a page in the type of tables: a wider one gets columns that wrap
_LEAST, _MOST = 6, 48  # characters of a column; what a longer cell has beyond the most counts by its root
_MARGINS = 3  # characters that the margins of a cell of Word take
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr\b[^>]*>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<t[hd]\b([^>]*)>(.*?)</t[hd]>", re.DOTALL)
_BREAK = re.compile(r"\s*<br\s*/?>\s*")
_SPANNING = re.compile(r'<t[hd]\b[^>]*\bcolspan="(\d+)"[^>]*>(.*?)</t[hd]>', re.DOTALL)
_HEAD = re.compile(r"<thead>.*?</thead>", re.DOTALL)


def with_widths(page: str, *, every: bool = False) -> str:
    """The HTML with a width for every column of each table that would be wider than the page, or of every table.

    Parameters
    ----------
    page : str
    every : bool
        Whether tables that fit get widths, too: Word makes all columns alike without.
    """
    return _TABLE.sub(lambda found: _widened(found[0], every), page)


def _widened(table: str, every: bool) -> str:
    lengths: list[int] = []
    spanning = 0
    for row in _ROW.findall(table):
        cells = _CELL.findall(row)
        if any("colspan" in attributes for attributes, _ in cells):
            spanning = max(spanning, *(_length(content) for _, content in cells))
            continue
        lengths += [0] * (len(cells) - len(lengths))
        for place, (_, content) in enumerate(cells):
            lengths[place] = max(lengths[place], *map(_length, _BREAK.split(content)))
    fits = max(sum(lengths), spanning) <= _NATURAL
    if fits and "<br" not in table and not every:
        return table
    room = _MARGINS if every else 0
    columns = [max(min(length, _MOST), _LEAST) + max(length - _MOST, 0) ** 0.5 + room for length in lengths]
    across = max(sum(columns), _NATURAL) if every else sum(columns)
    widths = "".join(f'<col style="width: {100 * width / across:.1f}%">' for width in columns)
    return table.replace("<thead>", f"<colgroup>{widths}</colgroup><thead>", 1)


def _length(text: str) -> int:
    return len(html.unescape(re.sub(r"<[^>]*>", "", text)).strip())


def flat(page: str) -> str:
    """The HTML with one line in each cell and no cell across several columns: what a table of Markdown can hold."""
    return _TABLE.sub(lambda found: _flat(found[0]), page)


def _flat(table: str) -> str:
    whole = _SPANNING.sub(lambda found: f"<td>{found[2]}</td>{'<td></td>' * (int(found[1]) - 1)}", table)
    whole = _HEAD.sub(lambda found: _BREAK.sub(" ", found[0]), whole)
    return _CELL.sub(lambda found: found[0].replace(found[2], _line(found[2])), whole)


def _line(cell: str) -> str:
    """The lines of a cell as one: an interval after its point with a space, all else with a semicolon."""
    first, *rest = _BREAK.split(cell)
    return first + "".join(f" {line}" if line.startswith(("[", "(", "and ")) else f"; {line}" for line in rest)
