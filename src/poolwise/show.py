"""How numbers read in pages, figures and notebooks, and the compact HTML with which objects show themselves."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

NOTHING = "–"
_CELL = "padding:2px 6px"
_RULE = "border-top:1px solid #999"
_NOTE = "opacity:.8;font-size:max(90%, 11px)"
_GREEK = {
    "beta": "β",
    "gamma": "γ",
    "kappa": "κ",
    "mu": "μ",
    "nu": "ν",
    "pi": "π",
    "tau": "τ",
    "tau2": "τ²",
    "theta_new": "θ_new",
    "theta_i": "θ_i",
    "theta": "θ",
}
# What stands in brackets, which a name may have within, or in quotation marks are names of the user's.
_INNERMOST = r"\[[^\[\]]*+\]"
_IN_BRACKETS = rf"\[(?:[^\[\]]|\[(?:[^\[\]]|{_INNERMOST})*+\])*+\]"
_IN_QUOTES = r"(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*+'(?!\w)"
_NAMES = re.compile(rf"{_IN_BRACKETS}|{_IN_QUOTES}|\b(?:{'|'.join(_GREEK)})\b")
_CONTRAST = re.compile(r"(\w+)\[(.*)\] - (\1)\[(.*)\]")
_OF_ONE = re.compile(r"(\w+)\[(.*)\]")


def number(value: float, digits: int = 3) -> str:
    """A number with this many decimals, or as many significant digits when it is small or large.

    A dash stands for NaN, which a frame keeps as NaN; a true minus sign stands for a hyphen.

    Examples
    --------
    >>> number(-0.71453), number(0.0004321), number(26465.2), number(math.nan)
    ('−0.715', '0.00043', '26,465', '–')
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 10.0**digits:
        text = f"{value:,.0f}" if size < 1e7 else f"{value:.{digits}g}"
    elif 0.0 < size < 10.0**-digits:
        text = f"{value:.{max(digits - 1, 1)}g}"
    else:
        text = f"{value:.{digits}f}"
    return text.replace("-", "−")


def interval(lower: float, upper: float, digits: int = 3) -> str:
    """Two limits in brackets, or a dash when there is no interval."""
    if math.isnan(lower) and math.isnan(upper):
        return NOTHING
    return f"[{number(lower, digits)}, {number(upper, digits)}]"


def percent(share: float) -> str:
    """A share as a percentage with one decimal: ``"92.2 %"``; a dash for NaN, no sign for a zero."""
    return NOTHING if math.isnan(share) else f"{100.0 * share:z.1f} %".replace("-", "−")


def level(prob: float) -> str:
    """The probability of an interval as a percentage: ``"95 %"``."""
    return f"{100.0 * prob:g} %"


def chance(value: float) -> str:
    """A probability with 3 decimals that never rounds to 0 or 1; a dash for NaN.

    Examples
    --------
    >>> chance(0.25), chance(0.9999), chance(0.0)
    ('0.250', '> 0.999', '< 0.001')
    """
    if math.isnan(value):
        return NOTHING
    text = f"{value:.3f}"
    return {"0.000": "< 0.001", "1.000": "> 0.999"}.get(text, text)


def probability(value: float) -> str:
    """A probability as it follows its symbol in ``P(mu < 0) = 0.930``: ``"= 0.930"``, ``"> 0.999"``."""
    text = chance(value)
    return text if text[0] in "<>" else f"= {text}"


def capital(text: str) -> str:
    """Text with its first letter in upper case and the rest as it is: a name of the user's keeps its own letters.

    Examples
    --------
    >>> capital("meta-regression ~ HbA1c")
    'Meta-regression ~ HbA1c'
    """
    return text[:1].upper() + text[1:]


def status(name: str) -> str:
    """A status in words: ``"Narrower than Wald"``."""
    return capital(status_within(name))


def status_within(name: str) -> str:
    """A status in words as it stands within a sentence: ``"narrower than Wald"``."""
    return name.replace("_", " ").replace("wald", "Wald")


def is_contrast(name: str) -> bool:
    """Whether a quantity is a difference between two means; a level's own name may have a dash in it.

    Examples
    --------
    >>> is_contrast("mu[custody] - mu[community]"), is_contrast("mu[in - out]")
    (True, False)
    """
    return _CONTRAST.fullmatch(name) is not None


def symbol(name: str) -> str:
    """The name of one quantity with its symbol in Greek, and the user's name in the brackets as it is.

    Examples
    --------
    >>> symbol("mu[tau - pi] - mu[rho]"), symbol("tau2"), symbol("beta[a] mu]")
    ('μ[tau - pi] - μ[rho]', 'τ²', 'β[a] mu]')
    """
    if pair := _CONTRAST.fullmatch(name):
        return f"{greek(pair[1])}[{pair[2]}] - {greek(pair[3])}[{pair[4]}]"
    if single := _OF_ONE.fullmatch(name):
        return f"{greek(single[1])}[{single[2]}]"
    return greek(name)


def greek(text: str) -> str:
    """Text of the package's own with the names of the parameters in Greek; what is in brackets or quotes stays.

    A word of the user's that stands outside of both is put in after the translation, never before it.

    Examples
    --------
    >>> greek("mu ~ Normal(0, 1)"), greek("beta[pi]")
    ('μ ~ Normal(0, 1)', 'β[pi]')
    """
    return _NAMES.sub(lambda found: _GREEK.get(found[0], found[0]), text)


def card(
    title: str,
    *,
    answer: str = "",
    facts: Sequence[str] = (),
    header: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    strips: str = "",
    notes: Sequence[str] = (),
) -> str:
    """A titled table as one piece of HTML, in the colours of its page, be they dark or light.

    Parameters
    ----------
    title : str
        First line, in bold.
    answer : str
        A sentence that tells the result, on the scale on which people read it.
    facts : sequence of str
        Joined by dots.
    header, rows : sequences
        Column names and cells, as plain words; the first column is aligned left, the others right.
    strips : str
        HTML of drawings, from `density_strip`, which stands as it is.
    notes : sequence of str
        A line each below.

    Returns
    -------
    str
        HTML in which every word given is escaped.
    """
    parts = [f"<div style='line-height:1.35;max-width:100%'><b>{_plain(title)}</b>"]
    if answer:
        parts.append(f"<div>{_plain(answer)}</div>")
    if known := " · ".join(fact for fact in facts if fact):
        parts.append(f"{'' if answer else '<br>'}<span style='opacity:.8'>{_plain(known)}</span>")
    if rows:
        parts.append(
            "<div style='overflow-x:auto'><table style='border-collapse:collapse;margin:4px 0;font-size:13px'>"
        )
        parts.append(f"<thead>{_row(header, heading=True)}</thead><tbody>")
        parts.extend(_row(row) for row in rows)
        parts.append("</tbody></table></div>")
    parts.append(strips)
    parts.extend(f"<div style='{_NOTE}'>{_plain(note)}</div>" for note in notes if note)
    return "".join(parts) + "</div>"


def _row(cells: Sequence[str], *, heading: bool = False) -> str:
    words = []
    for position, cell in enumerate(cells):
        align = "left" if position == 0 else "right"
        tag = "th scope='col'" if heading else "td"
        words.append(f"<{tag} style='text-align:{align};{_CELL};{_RULE}'>{_plain(cell)}</{tag[:2]}>")
    return f"<tr>{''.join(words)}</tr>"


def _plain(words: object) -> str:
    # Notebooks typeset $...$ in HTML output as TeX, so the dollar sign is written as an entity within a span.
    return html.escape(str(words)).replace("$", "<span>&#36;</span>")
