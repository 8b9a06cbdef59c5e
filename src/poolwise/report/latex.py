"""What a report needs to be set by LaTeX: letters that its fonts lack, small tables, pictures that stay in place.

pdfLaTeX knows no Greek letter in text.
"""

from __future__ import annotations

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
    pictures = r"\floatplacement{figure}{H}"
    packages = r"\usepackage{iftex,amssymb,etoolbox,float}"
    return "\n".join((packages, r"\ifPDFTeX", declared, r"\else", active, r"\fi", tables, pictures, ""))


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
