"""How numbers read in pages, figures and notebooks, and the compact HTML with which objects show themselves."""

from __future__ import annotations

import html
import math
import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Literal

NOTHING = "–"
_CELL = "padding:2px 6px"
_RULE = "border-top:1px solid #999"
_NOTE = "opacity:.8;font-size:max(90%, 11px)"
_GREEK = {
    "H2": "H²",
    "I2": "I²",
    "R2": "R²",
    "beta": "β",
    "gamma": "γ",
    "kappa": "κ",
    "mu": "μ",
    "mu_g": "μ_g",
    "mu_i": "μ_i",
    "mu_j": "μ_j",
    "mu_o": "μ_o",
    "mu_spread": "σ_μ",
    "nu": "ν",
    "omega": "ω",
    "pi": "π",
    "rho": "ρ",
    "tau": "τ",
    "tau2": "τ²",
    "tau2_between": "τ²_between",
    "tau2_within": "τ²_within",
    "tau_between": "τ_between",
    "tau_g": "τ_g",
    "tau_i": "τ_i",
    "tau_j": "τ_j",
    "tau_o": "τ_o",
    "tau_out": "τ_out",
    "tau_spread": "σ_logτ",
    "tau_within": "τ_within",
    "theta_new": "θ_new",
    "theta_i": "θ_i",
    "theta_ij": "θ_ij",
    "theta_j": "θ_j",
    "theta_s": "θ_s",
    "theta_so": "θ_so",
    "theta": "θ",
}
# Engines as pages and pictures name them; frames and files keep the engines' own words.
_ENGINES = {"closed form": "frequentist, closed form", "exact": "Bayesian, exact"}
_BY_ENGINE = re.compile(r"(?:^|(, ))(?<!Bayesian, )(exact|NUTS(?: \([a-z]+\))?)(?= \(|,|$)")
_UNDER = re.compile(r"(?<=, )(?:flat mu$|common tau\b|mu ~ |tau ~ )")
_ALONE = {"delta": "δ"}  # quantities whose names are words elsewhere
# What stands in brackets, which a name may have within, or in quotation marks are names of the user's.
_INNERMOST = r"\[[^\[\]]*+\]"
_IN_BRACKETS = rf"\[(?:[^\[\]]|\[(?:[^\[\]]|{_INNERMOST})*+\])*+\]"
_IN_QUOTES = r"(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*+'(?!\w)"
_IN_CURLY_QUOTES = r"“[^”]*+”"
_NAMES = re.compile(rf"{_IN_BRACKETS}|{_IN_QUOTES}|{_IN_CURLY_QUOTES}|\b(?:{'|'.join(_GREEK)})\b(?! weights?\b)")
_CONTRAST = re.compile(r"(\w+)\[(.*)\] - (\1)\[(.*)\]")
_NEGATIVE = re.compile(r"(?<=[(, ])-(?=\d)")
_COLUMN = re.compile(r"(?<== )(.*)(?= of (?:study|sample|row)\b)")
_SHORT_BRACKETS = re.compile(r"\([^()]{1,16}\)")  # which stay on one line
_SIGN = r"(?:[=<>~±≤≥≈]|&[lg]t;)"  # as it is, and escaped
_TIES = re.compile(
    rf" (?={_SIGN} )|(?<= [=<>~±≤≥≈]) |(?<= &[lg]t;) |(?<=\d) (?=%)| (?=− [\dp])|(?<= −) (?=[\dp]\b)"
    r"|(?<=[\d∞],) (?=[−>]?[\d∞ ]+[\d.,∞]*[\])])"
)
_ROOM_FOR_PRIORS = 48  # characters to a line in which a prior is not broken
_OF_ONE = re.compile(r"(\w+)\[(.*)\]")
_MILLIONTH = 6  # decimals down to which a small number is told without a power of ten
_RAISED, _LOWERED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


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
        text = f"{value:,.0f}" if size < 1e7 else in_tens(f"{value:.{digits}g}")
    elif 0.0 < size < 10.0**-digits:
        text = in_tens(f"{value:.{max(digits - 1, 1)}g}")
    else:
        text = f"{value:.{digits}f}"
    return text.replace("-", "−")


def in_tens(text: str) -> str:
    """A number that Python prints with an exponent as people write it: down to a millionth without one.

    Examples
    --------
    >>> in_tens("4.36e+06"), in_tens("3.3e-05"), in_tens("-2e-09"), in_tens("0.25")
    ('4.36 × 10⁶', '0.000033', '−2 × 10⁻⁹', '0.25')
    """
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return text.replace("-", "−")
    if -_MILLIONTH <= int(power) < 0:
        places = len(mantissa.lstrip("-").replace(".", "")) - 1 - int(power)
        return f"{float(text):.{places}f}".replace("-", "−")
    return f"{mantissa} × 10{str(int(power)).translate(_RAISED)}".replace("-", "−")


def number_in(words: str) -> float:
    """The number that some words of `number` or `in_tens` tell.

    Examples
    --------
    >>> number_in("−4.36 × 10⁶"), number_in("26,465")
    (-4360000.0, 26465.0)
    """
    mantissa, _, power = words.replace("−", "-").replace(",", "").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(_LOWERED) or 0)


def thousands(size: float) -> int:
    """The power of ten, by thousands, of a positive size: 6 for 4,360,000."""
    return 3 * math.floor(math.log10(size) / 3)


def times(power: int) -> str:
    """A factor that follows a number: ``" × 10⁶"``, nothing for a power of 0."""
    return f" × 10{str(power).translate(_RAISED)}" if power else ""


def plain(value: float) -> str:
    """A number that the user has set, such as a threshold, with the digits that it needs and a true minus sign.

    Examples
    --------
    >>> plain(0.0), plain(-0.1)
    ('0', '−0.1')
    """
    return in_tens(f"{value:g}")


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


def chance_said(value: float) -> str:
    """A probability as a sentence says it, without a sign of inequality.

    Examples
    --------
    >>> chance_said(0.25), chance_said(0.9999), chance_said(0.0)
    ('0.250', 'more than 0.999', 'less than 0.001')
    """
    return chance(value).replace("> ", "more than ").replace("< ", "less than ")


def and_list(parts: Iterable[str]) -> str:
    """Parts of a sentence.

    Examples
    --------
    >>> and_list("abc"), and_list("a"), and_list("")
    ('a, b and c', 'a', '')
    """
    *others, last = ["", *parts]
    return " and ".join(filter(None, (", ".join(filter(None, others)), last)))


def chances_said(low: float, high: float) -> str:
    """A range of probabilities as a sentence says it.

    Examples
    --------
    >>> chances_said(0.25, 0.5), chances_said(0.9996, 0.9999), chances_said(0.95, 0.9999), chances_said(0.05, 0.9999)
    ('between 0.250 and 0.500', 'more than 0.999', 'at least 0.950', 'anything from 0.050 to more than 0.999')
    """
    first, last = chance(low), chance(high)
    if first == last:
        return chance_said(low)
    if first[0] != "<" and last[0] != ">":
        return f"between {first} and {last}"
    if low >= 0.5:
        return f"at least {first}"
    return f"at most {last}" if high <= 0.5 else f"anything from {chance_said(low)} to {chance_said(high)}"


def likelier(above: float) -> tuple[Literal["below", "above"], float]:
    """The side on which a posterior's median lies, and the probability of that side.

    Examples
    --------
    >>> likelier(0.875), likelier(0.25)
    (('above', 0.875), ('below', 0.75))
    """
    return ("above", above) if above >= 0.5 else ("below", 1.0 - above)


def likelier_range(lowest: float, highest: float) -> tuple[Literal["below", "above"], float, float]:
    """The side that has more of the probability over a range of answers, and the lowest and highest of it.

    Parameters
    ----------
    lowest, highest : float
        Of the probability of a value above the threshold.

    Examples
    --------
    >>> likelier_range(0.125, 0.25)
    ('below', 0.75, 0.875)
    """
    side, _ = likelier(0.5 * (lowest + highest))
    return (side, lowest, highest) if side == "above" else (side, 1.0 - highest, 1.0 - lowest)


def chances_of_side(lowest: float, highest: float) -> str:
    """The same for a cell of a table: ``"0.760 to 0.987 (above 0)"``; a dash for NaN."""
    if math.isnan(lowest):
        return NOTHING
    side, low, high = likelier_range(lowest, highest)
    first, last = chance(low), chance(high)
    return f"{first if first == last else f'{first} to {last}'} ({side} 0)"


def side_said(side: Literal["below", "above"], threshold: str, directions: tuple[str, str] = ("", "")) -> str:
    """A side of a threshold in words, with what the user calls it.

    Examples
    --------
    >>> side_said("below", "1", ("favours vaccination", "favours control"))
    'below 1 (“favours vaccination”)'
    """
    named = directions[side == "above"]
    return f"{side} {threshold}" + (f" (“{named}”)" if named else "")


def numbered(labels: Sequence[str]) -> list[str]:
    """Labels with a number behind every one that comes more than once.

    Examples
    --------
    >>> numbered(["exact", "REML", "exact"])
    ['exact (1)', 'REML', 'exact (2)']
    """
    return [
        f"{label} ({labels[: place + 1].count(label)})" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    ]


def engine(label: str) -> str:
    """An engine in the words of pages, pictures and cards.

    Examples
    --------
    >>> engine("exact"), engine("NUTS (pymc)"), engine("closed form")
    ('Bayesian, exact', 'Bayesian, NUTS (pymc)', 'frequentist, closed form')
    """
    return _ENGINES.get(label, method(label))


def method(label: str) -> str:
    """The label of a result in the words of pages, pictures and cards: ``"Bayesian, exact"`` for ``"exact"``.

    Examples
    --------
    >>> method("exact, flat mu"), method("joint outcomes, exact"), method("REML, Hartung-Knapp")
    ('Bayesian, exact, flat μ', 'joint outcomes (Bayesian, exact)', 'REML, Hartung-Knapp')
    """
    named = _BY_ENGINE.sub(lambda found: f" (Bayesian, {found[2]})" if found[1] else f"Bayesian, {found[2]}", label)
    return _UNDER.sub(lambda found: greek(found[0]), named)


def capital(text: str) -> str:
    """Text with its first letter in upper case and the rest as it is: a name of the user's keeps its own letters.

    A symbol stays as it is.

    Examples
    --------
    >>> capital("meta-regression ~ HbA1c"), capital("k = 13")
    ('Meta-regression ~ HbA1c', 'k = 13')
    """
    return text if re.match(r"\w (?:[=~]|is )", text) else text[:1].upper() + text[1:]


def status(name: str) -> str:
    """A status in words: ``"Narrower than Wald"``."""
    return capital(status_within(name))


def status_within(name: str) -> str:
    """A status in words as it stands within a sentence: ``"narrower than Wald"``, ``"boundary τ"``."""
    return greek(name.replace("_", " ").replace("wald", "Wald"))


def is_contrast(name: str) -> bool:
    """Whether a quantity is a difference between two means; a level's own name may have a dash in it.

    Examples
    --------
    >>> is_contrast("mu[custody] - mu[community]"), is_contrast("mu[in - out]")
    (True, False)
    """
    return _CONTRAST.fullmatch(name) is not None


def is_effect(name: str) -> bool:
    """Whether a quantity is a mean effect, or a true effect in a new study, rather than a difference or a spread."""
    return name.startswith(("mu", "theta_new")) and not is_contrast(name)


def symbol(name: str) -> str:
    """The name of one quantity with its symbol in Greek, and the user's name in the brackets as it is.

    Examples
    --------
    >>> symbol("mu[tau - pi] - mu[rho]"), symbol("tau2"), symbol("beta[a] mu]")
    ('μ[tau - pi] − μ[rho]', 'τ²', 'β[a] mu]')
    """
    if pair := _CONTRAST.fullmatch(name):
        return f"{greek(pair[1])}[{pair[2]}] − {greek(pair[3])}[{pair[4]}]"
    if single := _OF_ONE.fullmatch(name):
        return f"{symbol(single[1])}[{single[2]}]"
    return _ALONE.get(name, greek(name))


def greek(text: str) -> str:
    """Text of the package's own with the names of the parameters in Greek; what is in brackets or quotes stays.

    A word of the user's that stands outside of both is put in after the translation, never before it.

    Examples
    --------
    >>> greek("mu ~ Normal(0, 1)"), greek("beta[pi]")
    ('μ ~ Normal(0, 1)', 'β[pi]')
    """
    return _NAMES.sub(lambda found: _GREEK.get(found[0], found[0]), text)


def kind(interval_kind: str) -> str:
    """The kind of an interval in words, with a true minus sign.

    Examples
    --------
    >>> kind("credible (equal-tailed)"), kind("prediction (t, k - 1)")
    ('credible interval (equal-tailed)', 'prediction interval (t, k − 1)')
    """
    outer, bracket, inner = interval_kind.replace(" - ", " − ").partition(" (")
    return f"{outer} interval{bracket}{inner}" if outer != NOTHING else NOTHING


def statement(line: str) -> str:
    """A line of a model's statement in Greek, with true minus signs; a column of the user's stays as it is.

    Examples
    --------
    >>> statement("theta_i ~ Normal(mu[g], tau), g = tau of study i")
    'θ_i ~ Normal(μ[g], τ), g = tau of study i'
    """
    parts = _COLUMN.split(line)
    return "".join(prior(part) if place % 2 == 0 else part for place, part in enumerate(parts))


def wrapped(paragraphs: Iterable[str], width: int | None = None) -> str:
    """Paragraphs as lines that fit the terminal; 80 characters where there is none.

    Parameters
    ----------
    paragraphs : iterable of str
    width : int, optional
        That of the terminal when None.

    Returns
    -------
    str
    """
    room = shutil.get_terminal_size((80, 24)).columns if width is None else width
    filled = (textwrap.fill(tied(each), room, break_long_words=False, break_on_hyphens=False) for each in paragraphs)
    return "\n".join(filled).replace("\u00a0", " ")


def tied(text: str, by: str = "\u00a0") -> str:
    """Text with no-break spaces, or another character, where a line is not to end.

    Within an equation or a prior, before a percent sign, within the limits of an interval and within short brackets.

    Examples
    --------
    >>> tied("the probability is p = 0.037, or 3.7 %", "_")
    'the probability is p_=_0.037, or 3.7_%'
    """
    return _SHORT_BRACKETS.sub(lambda brackets: brackets[0].replace(" ", by), _TIES.sub(by, text))


def hanging(label: str, text: str, width: int | None = None) -> str:
    """A text that begins after its label, its further lines as far to the right; as wide as the terminal.

    Examples
    --------
    >>> print(hanging("question ", "Does it help?", 16))
    question Does it
             help?
    """
    room = shutil.get_terminal_size((80, 24)).columns if width is None else width
    wide = max(room, len(label) + 12)  # in which a word or two have room
    indent = " " * len(label)
    whole = text
    if wide - len(label) >= _ROOM_FOR_PRIORS:
        text = text.replace(" ~ ", "\u00a0~\u00a0")
        whole = _SHORT_BRACKETS.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    filled = textwrap.fill(
        whole, wide, initial_indent=label, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return filled.replace("\u00a0", " ")


def prior(text: str) -> str:
    """The words of priors, with Greek letters and true minus signs.

    Examples
    --------
    >>> prior("tau ~ LogT(5, -1.72, 1.295)")
    'τ ~ LogT(5, −1.72, 1.295)'
    """
    return with_minus(greek(text))


def with_minus(text: str) -> str:
    """Text whose negative numbers have true minus signs.

    Examples
    --------
    >>> with_minus("SMD from t = -2.1 (row A-3)")
    'SMD from t = −2.1 (row A-3)'
    """
    return _NEGATIVE.sub("−", text)


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
