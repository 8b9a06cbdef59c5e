"""Cells that hold several numbers, as tables are printed: a mean with its sd, events of a total, an interval."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from poolwise.intake.cells import NOT_SIGNIFICANT, bare_text, not_reported, number_of

WITH_INTERVAL = (
    *("or", "rr", "hr", "log_or", "log_rr", "log_hr", "d", "g", "r", "fisher_z", "md", "rd", "irr"),
    "slope",
)
"""Estimates that are printed with their interval."""
COMPANIONS: Mapping[str, tuple[str, ...]] = {
    **{f"m{group}": (f"sd{group}",) for group in ("1", "2", "")},
    **{f"{occasion}{group}": (f"sd_{occasion}{group}",) for group in ("1", "2", "") for occasion in ("pre", "post")},
    **{f"events{group}": (f"n{group}",) for group in ("1", "2", "")},
    **dict.fromkeys(WITH_INTERVAL, ("lower", "upper")),
}
"""What may stand in the same cell as a statistic, when its header names it alone."""
COUNTS = frozenset({"n1", "n2", "n", "events1", "events2", "events", "a", "b", "c"})
_BOUND = re.compile(r"(p\s*)?[<>≤≥]=?\s*[\d.,]+(\s*(e|[×x·]\s?10\^?)\s?[-−–]?\d+)?", re.IGNORECASE)
SIGNS = {"+": 1.0, "positive": 1.0, "pos": 1.0, "-": -1.0, "–": -1.0, "−": -1.0, "negative": -1.0, "neg": -1.0}
"""Words for the direction of an effect."""
_FOOTNOTE = re.compile(r"(?<=[\d)\]])\s?[a-d]$|(?<=\d)\s?\([a-d]\)$|(?<=\d),\s*[a-d]$")  # a letter that leads to a note
_INNER_MARK = re.compile(r"(?<=\d)\s?(?:[*†‡§¶#]+|[a-d](?=\s*[(\[]))(?=\s*[(\[,;]|$)")  # '0.31* [0.01; 0.61]'
_SIZE = re.compile(r"\s*[,;(\[]\s*n\s?=\s?(\d+)\s*[)\]]?$", re.IGNORECASE)  # of the group, behind its figures
_BESIDE = re.compile(
    r"\s*(?:[,;]\s*n\.?\s?s\.?|[,;]\s*p\s?[<>=≤≥].*|[(\[]\s*p\s?[<>=≤≥][^)\]]*[)\]])$", re.IGNORECASE
)  # a statistic tells more than its p
GROUPED = re.compile(r"[1-9]\d{0,2}([.,' \u2009\u202f]\d{3})+")
"""A whole number with marks of thousands."""
_TESTED = re.compile(r"(?P<name>[A-Za-zχφρτ][A-Za-z2²]{0,3})\s*(\((?P<df>[^)]*)\))?\s*=\s*(?P<number>.+)")
_FIGURE = re.compile(r"(?<![\d.,])[+-]?\d*[.,]\d+(?![\d.,]*\d)")


@dataclass(frozen=True)
class Reading:
    """What a cell of text holds.

    Attributes
    ----------
    values : mapping of str to float
        Numbers by statistic; empty where the cell cannot be read.
    fault : str
        Why it cannot, and what to try.
    bound : bool
        Whether it tells a p-value only by a bound.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""
    bound: bool = False


def reading(cell: str, roles: Sequence[str], decimal: str, prob: float | None) -> Reading | None:
    """A cell of text by the statistics that its column holds; None where it is nothing of this kind.

    Parameters
    ----------
    cell : str
    roles : sequence of str
        Statistics in the order in which they are printed; one alone may bring those of `COMPANIONS` along.
    decimal : str
        The decimal mark.
    prob : float or None
        Probability of reported intervals, which a level that is printed in the cell must match; None where nobody told
        one, so that the cell may.

    Returns
    -------
    Reading or None

    Examples
    --------
    >>> reading("11.3 (2.1)", ("m1",), ".", 0.95).values
    {'m1': 11.3, 'sd1': 2.1}
    >>> reading("1,52 [0,98; 2,31]", ("or",), ",", 0.95).values
    {'or': 1.52, 'lower': 0.98, 'upper': 2.31}
    """
    text = re.sub(r"^=\s*", "", _FOOTNOTE.sub("", re.sub(r"\s+", " ", bare_text(cell))))
    text = _INNER_MARK.sub("", text)
    group = roles[0][-1] if roles[0][-1] in "12" else ""
    if (size := _SIZE.search(text)) and (group or roles[0] in _OF_PAIRS) and roles[0] not in (*COUNTS, "chi2"):
        rest = reading(text[: size.start()], roles, decimal, prob)
        return None if rest is None or rest.fault else Reading(dict(rest.values) | {f"n{group}": float(size[1])})
    if not_reported(text):
        return Reading(dict.fromkeys(roles[:1], math.nan))
    if roles[0] not in COUNTS and (NOT_SIGNIFICANT.fullmatch(text) or (roles[0] == "p" and _BOUND.fullmatch(text))):
        return Reading(bound=True)
    text = text if roles[0] == "p" else _BESIDE.sub("", text)
    if (plain := _one_number(text, roles, decimal)) is not None:
        return plain
    if named := _TESTED.fullmatch(text):
        return _tested(named, roles, decimal)
    if roles == ("lower", "upper"):
        return _interval(text, roles, decimal, prob, alone=True)
    pair = roles if len(roles) > 1 else (roles[0], *COMPANIONS.get(roles[0], ()))
    if pair[0].startswith("events") or pair == ("n1", "n2"):
        return _share(text, pair, decimal)
    if len(pair) == 3:
        return _interval(text, pair, decimal, prob) or _unclear(text, pair[0], decimal)
    if roles[0].startswith("median"):
        return Reading(fault="'Median (IQR)' or 'Median (range)' as the header, which tells what the brackets hold")
    return _spread(text, pair, decimal) if len(pair) == 2 else None


def _one_number(text: str, roles: Sequence[str], decimal: str) -> Reading | None:
    """A cell of one number with something about it: marks of thousands or notes, brackets, a percent sign."""
    if roles[0] in COUNTS and GROUPED.fullmatch(text.strip("()[] ")):
        return Reading({roles[0]: float(re.sub(r"\D", "", text))})
    if (grouped := _grouped(text, decimal, whole=roles[0].startswith("time"))) is not None:
        return Reading({roles[0]: grouped})
    number = number_of(text.rstrip("% "), decimal) if text.endswith("%") else None
    if number is not None and roles[0].startswith(("events", "percent")):
        return Reading({roles[0].replace("events", "percent"): number[0]})
    if number is not None and roles[0] in ("level", "p", "r2"):
        return Reading({roles[0]: number[0] / 100.0})
    inner = re.fullmatch(r"[(\[]\s*(.+?)\s*[)\]]", text)
    alone = roles[0].startswith(("se", "sd", "v")) or roles[0] in COUNTS  # '(25)' under 'Control (n)'
    if inner and alone and len(roles) == 1:
        text = inner[1]
    bare = re.sub(r"\s+n\.?s\.?$", "", text, flags=re.IGNORECASE)
    value = number_of(bare, decimal)
    if value is None or math.isnan(value[0]):
        return None
    if len(roles) == 2 and roles[1].startswith("percent"):
        return Reading(fault=f"'{text}%' if it is a percentage, columns={{'{roles[0]}': ...}} if a number of people")
    return Reading({roles[0]: value[0]})


def _grouped(text: str, decimal: str, *, whole: bool) -> float | None:
    """A number with marks of thousands, which its decimals tell apart; without them only where most are large.

    Examples
    --------
    >>> _grouped("2,500.5", ".", whole=False), _grouped("1.200", ",", whole=True), _grouped("1,200", ".", whole=False)
    (2500.5, 1200.0, None)
    """
    mark = "," if decimal == "." else "."
    match = re.fullmatch(
        rf"([1-9]\d{{0,2}}(?:[{mark}' \u2009\u202f]\d{{3}})+)(?:{re.escape(decimal)}(\d+))?", text.strip()
    )
    if match is None or not (match[2] or whole):
        return None
    return float(re.sub(r"\D", "", match[1]) + "." + (match[2] or "0"))


def named_statistic(cell: object) -> str:
    """The name in front of a printed statistic, as in 't(38) = 2.10'; empty where there is none.

    Examples
    --------
    >>> named_statistic("F(1, 38) = 4.4, p = .04"), named_statistic("r = .2"), named_statistic("2.1")
    ('F', 'r', '')
    """
    match = _TESTED.fullmatch(_BESIDE.sub("", bare_text(cell))) if isinstance(cell, str) else None
    return match["name"] if match else ""


def is_share(cell: object) -> bool:
    """Whether a cell is a number of events of a total, '12/45 (26.7 %)'."""
    return isinstance(cell, str) and "n" in (_share(bare_text(cell), ("events", "n"), ".") or Reading()).values


def figures(cell: object) -> list[str]:
    """The numbers with decimals in a cell of text, as they are printed, wherever they stand.

    Examples
    --------
    >>> figures("1,52 [0,98; 2,31]"), figures("1.52 (0.98, 2.31)"), figures("F(1, 38) = 4.4")
    (['1,52', '0,98', '2,31'], ['1.52', '0.98', '2.31'], ['4.4'])
    """
    if not isinstance(cell, str):
        return []
    return _FIGURE.findall(re.sub(r"(?<=[A-Za-z²2])\s?\([^)]*\)(?=\s*=)", "", bare_text(cell)))


_WITHIN = {
    **dict.fromkeys(("r", "spearman"), r"^\s*(?:df\s*=\s*)?(\d+)\s*$"),
    "t": r"^\s*(?:df\s*=\s*)?(\d+(?:[.,]\d+)?)\s*$",
    "f": r"[,;]\s*(\d+(?:\.\d+)?)\s*$",
}
"""Degrees of freedom within groups, in the brackets behind a t or an F."""


_CALLED = {"x2": "chi2", "chi": "chi2", "rs": "spearman", "rho": "spearman", "ρ": "spearman", "τ": "kendall"}
_CALLED |= {"tau": "kendall", "taub": "kendall"}
_OF_PAIRS = ("chi2", "r", "spearman", "kendall", "phi")
"""Statistics in whose brackets n may be told."""


def _tested(named: re.Match[str], roles: Sequence[str], decimal: str) -> Reading | None:
    """'t(38) = 2.10', 'p = .03', 'F(1, 38) = 4.4'; of an F with more degrees of freedom there is no one effect."""
    value = number_of(named["number"], decimal)
    name = named["name"].casefold().replace("χ", "chi").replace("φ", "phi").replace("²", "2")
    own = _CALLED.get(name, name)
    if value is None or own not in (roles[0], roles[0].rstrip("12")):
        return None
    df = re.match(r"\s*(?:df\s*=\s*)?(\d+)\s*(?:[,;]|$)", named["df"] or "")
    if roles[0] in ("f", "chi2") and df and df[1] != "1":
        what = "an F" if roles[0] == "f" else "a chi-squared"
        rest = f"since {what} with {df[1]} degrees of freedom compares more than two groups"
        return Reading(fault=f"{'means and sds' if roles[0] == 'f' else 'the 2 x 2 table'} instead, {rest}")
    size = re.search(r"\bn\s*=\s*(\d+)", named["df"] or "", re.IGNORECASE)
    last = _WITHIN.get(roles[0])
    within = re.search(last, named["df"] or "") if last else None
    beside = {"n": float(size[1])} if size and roles[0] in _OF_PAIRS else {}
    if within and roles[0] in ("r", "spearman"):
        beside = {"n": float(within[1]) + 2.0}
    elif within:
        beside |= {"df": float(within[1].replace(",", "."))}
    return Reading({roles[0]: value[0]} | beside)


def _number(decimal: str) -> str:
    mark = re.escape(decimal)
    return rf"([+-]?(?:\d+(?:{mark}\d+)?|{mark}\d+))"


def _interval(
    text: str, roles: Sequence[str], decimal: str, prob: float | None, *, alone: bool = False
) -> Reading | None:
    """'1.52 [0.98, 2.31]', '1.52 (95% CI 0.98 to 2.31)'; the limits alone where the column holds nothing else."""
    number = _number(decimal)
    comma = r",\s+" if decimal == "," else r",\s*"
    between = rf"(?:\s*(?:to|bis|à|a|tot|;)\s*|{comma}|\s+-\s+|-)"
    limits = (
        rf"(?:(\d+(?:[.,]\d+)?)\s?%[\s-]*)?(?:C\.?I\.?|KI|IC|CrI|BI|IQR|range)?\s*[:=,]?\s*{number}{between}{number}"
    )
    if alone and re.fullmatch(rf"[(\[]?\s*{number}\s+{number}\s*[)\]]?", text):
        return Reading(fault="'to' or ';' between the limits")
    whole = rf"[(\[]?\s*{limits}\s*[)\]]?" if alone else rf"{number}\s*[,;]?\s*[(\[]\s*{limits}\s*[)\]]"
    match = re.fullmatch(whole, text, re.IGNORECASE)
    if match is None:
        return None
    level, figures = (
        match[1 if alone else 2],
        [g for place, g in enumerate(match.groups()) if place != (0 if alone else 1)],
    )
    share = float(level.replace(",", ".")) / 100.0 if level else None
    if share is not None and prob is not None and not math.isclose(share, prob):
        return Reading(fault=f"prob={share:g}, since its interval is of {level} %")
    values = dict(zip(roles, _floats(figures, decimal), strict=True))
    return Reading(values if share is None or "lower" not in roles else values | {"level": share})


def _spread(text: str, roles: Sequence[str], decimal: str) -> Reading | None:
    """'11.3 (2.1)', '11.3 ± 2.1', '11.3 (SD = 2.1)'."""
    number = _number(decimal)
    inner = rf"(?:(SD|s|SE|SEM|DS|ET|SA)\s*[=:]?\s*)?{number}"
    match = re.fullmatch(
        rf"{number}\s*[,;]?\s*(?:[(\[]\s*{inner}\s*[)\]]|(?:±|\+/-|\+-)\s*{inner})", text, re.IGNORECASE
    )
    if match is None:
        return None
    word, second = (match[2], match[3]) if match[3] else (match[4], match[5])
    if (word or "").casefold() in {"se", "sem"} and roles[1].startswith("sd"):
        roles = (roles[0], roles[1].replace("sd", "sem"))
    return Reading(dict(zip(roles, _floats([match[1], second], decimal), strict=True)))


def _share(text: str, roles: Sequence[str], decimal: str) -> Reading | None:
    """'12/45', '12 of 45 (26.7 %)'; '12 (26.7 %)' without the total."""
    percent = rf"(?:\s*[(\[]\s*{_number(decimal)}\s?%?\s*[)\]]|\s+{_number(decimal)}\s?%)"
    count = r"([1-9]\d{0,2}(?:[.,' \u2009\u202f]\d{3})+|\d+)"
    if match := re.fullmatch(rf"{count}\s?(?:/|of|out of|von|sur|de|van)\s?{count}{percent}?", text, re.IGNORECASE):
        sizes = [float(re.sub(r"\D", "", part)) for part in (match[1], match[2])]
        return Reading(
            dict(zip(_of_share(roles), sizes, strict=True)) | _printed_share(roles, match.groups()[2:], decimal)
        )
    if match := re.fullmatch(rf"{count}{percent}", text):
        number = float(re.sub(r"\D", "", match[1]))
        return Reading({roles[0]: number} | _printed_share(roles, match.groups()[1:], decimal))
    return None


def _of_share(roles: Sequence[str]) -> tuple[str, str]:
    """The roles of a number and the total that it is of."""
    total = roles[1] if len(roles) > 1 and not roles[1].startswith("percent") else roles[0].replace("events", "n")
    return roles[0], total


def _printed_share(roles: Sequence[str], figures: Sequence[str | None], decimal: str) -> dict[str, float]:
    """The percentage printed beside a number of events, which has to be theirs; nothing where there is none."""
    shares = _floats([figure for figure in figures if figure], decimal)
    return {roles[0].replace("events", "percent"): shares[0]} if shares and roles[0].startswith("events") else {}


def _unclear(text: str, role: str, decimal: str) -> Reading | None:
    """An estimate with one number in brackets, which may be anything."""
    number = _number(decimal)
    if re.fullmatch(rf"{number}\s*[(\[]\s*{number}\s+{number}\s*[)\]]", text):
        return Reading(fault="'to' or ';' between the limits of its interval")
    if _spread(text, (role, "sd"), decimal) is None:
        return None
    if role.startswith("median"):
        return Reading(fault="both quartiles (or minimum and maximum): their distance alone tells no mean")
    return Reading(
        fault=f"columns={{'{role} se': ...}} if the second number is its standard error, '{role} v' if a variance"
    )


def _floats(figures: Sequence[str], decimal: str) -> list[float]:
    return [float(figure.replace(decimal, ".")) for figure in figures]
