r"""What a report needs to be set by LaTeX: letters that its fonts lack, and tables that fit the page.

pdfLaTeX knows no Greek letter in text, and columns without a width are as wide as their longest cell.
"""

from __future__ import annotations

import html
import re
import unicodedata

_SIGNS = {
    "−": "-", "≥": r"\geq", "≤": r"\leq", "≈": r"\approx", "≠": r"\neq", "∞": r"\infty", "→": r"\rightarrow",
    "←": r"\leftarrow", "√": r"\surd", "≪": r"\ll", "≫": r"\gg", "½": r"\tfrac12", "∼": r"\sim", "□": r"\square",
    "●": r"\bullet", "⁰": "^0", "⁴": "^4", "⁵": "^5", "⁶": "^6", "⁷": "^7", "⁸": "^8", "⁹": "^9", "⁻": "^-",
    "₀": "_0", "₁": "_1", "₂": "_2", "ℓ": r"\ell",
}  # fmt: skip
_LATIN = {"ALPHA": "A", "BETA": "B", "EPSILON": "E", "ZETA": "Z", "ETA": "H", "IOTA": "I", "KAPPA": "K", "MU": "M",
          "NU": "N", "RHO": "P", "TAU": "T", "CHI": "X", "OMICRON": "O"}  # fmt: skip
"""Capitals that LaTeX does not have, since they look like Latin ones."""
_NATURAL = 84  # characters across a page in the type of tables: a wider one gets columns that wrap
_LEAST, _MOST = 6, 48  # characters of a column
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr\b[^>]*>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<t[hd]\b([^>]*)>(.*?)</t[hd]>", re.DOTALL)
OPTIONS = ("--variable=geometry:margin=2cm", "--variable=fontsize:10pt")


def header() -> str:
    """Lines of a preamble: every Greek letter and sign of a report, for each engine of LaTeX; tables in small type."""
    letters = {chr(code): _greek(chr(code)) for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)) if code != 0x3A2}
    known = {**letters, **_SIGNS}
    declared = "\n".join(rf"  \DeclareUnicodeCharacter{{{ord(sign):04X}}}{{\ensuremath{{{words}}}}}"
                         for sign, words in known.items())  # fmt: skip
    active = "\n".join(
        rf"  \catcode`{sign}=\active \protected\def {sign}{{\ensuremath{{{words}}}}}" for sign, words in known.items()
    )
    tables = "\\AtBeginEnvironment{longtable}{\\footnotesize\\setlength{\\tabcolsep}{3pt}}"
    return "\n".join(
        (r"\usepackage{iftex,amssymb,etoolbox}", r"\ifPDFTeX", declared, r"\else", active, r"\fi", tables, "")
    )


def _greek(letter: str) -> str:
    """A Greek letter as a command of mathematics."""
    words = unicodedata.name(letter).split()
    name = words[-1]
    if name == "LAMDA":
        name = "LAMBDA"
    if "FINAL" in words:
        return r"\varsigma"
    if "CAPITAL" in words:
        return rf"\mathrm{{{_LATIN[name]}}}" if name in _LATIN else rf"\{name.capitalize()}"
    return "o" if name == "OMICRON" else rf"\{name.lower()}"


def with_widths(page: str) -> str:
    """The HTML with a width for every column of each table that would be wider than the page."""
    return _TABLE.sub(lambda found: _widened(found[0]), page)


def _widened(table: str) -> str:
    lengths: list[int] = []
    for row in _ROW.findall(table):
        cells = _CELL.findall(row)
        if any("colspan" in attributes for attributes, _ in cells):
            continue
        lengths += [0] * (len(cells) - len(lengths))
        for place, (_, content) in enumerate(cells):
            lengths[place] = max(lengths[place], *map(_length, re.split(r"<br\s*/?>", content)))
    if sum(lengths) <= _NATURAL and "<br" not in table:
        return table
    columns = [min(max(length, _LEAST), _MOST) for length in lengths]
    widths = "".join(f'<col style="width: {100 * width / sum(columns):.1f}%">' for width in columns)
    return table.replace("<thead>", f"<colgroup>{widths}</colgroup><thead>", 1)


def _length(text: str) -> int:
    return len(html.unescape(re.sub(r"<[^>]*>", "", text)).strip())
