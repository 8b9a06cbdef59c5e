"""Rows that report different statistics, brought to one measure: every way there, and the one that is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.measures.catalogue import MEASURES, Measure
from poolwise.measures.conversions import convert, path_between
from poolwise.measures.effect_size import effect_size
from poolwise.measures.estimate import Estimate
from poolwise.measures.reported import standard_error
from poolwise.measures.statistics import (
    ANY,
    CORRELATION,
    COUNT,
    NOT_NEGATIVE,
    PEOPLE,
    POSITIVE,
    RELIABILITY,
    SHARE,
    SIGN,
    SIGNED_P,
    Domain,
)
from poolwise.measures.zeros import ADD
from poolwise.settings import check_option

Array = NDArray[np.float64]
type Columns = Mapping[str, Array]

DOMAINS: dict[str, Domain] = {
    **dict.fromkeys(("n1", "n2", "n", "predictors", "items"), PEOPLE),
    **dict.fromkeys(("m1", "m2", "m", "pre1", "post1", "pre2", "post2", "t", "d", "y"), ANY),
    **dict.fromkeys(("sd1", "sd2", "sd", "sem1", "sem2", "sem", "se", "time1", "time2", "time"), POSITIVE),
    **dict.fromkeys(("a", "b", "c", "events1", "events2", "events"), COUNT),
    **dict.fromkeys(("f", "v"), NOT_NEGATIVE),
    **dict.fromkeys(("lower", "upper", "g", "log_or", "log_rr", "log_hr", "fisher_z", "z", "md", "rd"), ANY),
    **dict.fromkeys(("or", "rr", "hr", "irr"), POSITIVE),
    "r": CORRELATION,
    "r2": SHARE,
    "p": SIGNED_P,
    "alpha": RELIABILITY,
    "sign": SIGN,
}
"""What a statistic of each name can be."""

PUBLISHED = {
    "g": ("SMD", False),
    "d": ("SMD", False),
    "log_or": ("log OR", False),
    "or": ("log OR", True),
    "log_rr": ("log RR", False),
    "rr": ("log RR", True),
    "log_hr": ("log HR", False),
    "hr": ("log HR", True),
    "fisher_z": ("Fisher z", False),
    "md": ("MD", False),
    "rd": ("RD", False),
    "irr": ("IRR", True),
}
"""Estimates by name: the measure of `convert`, and whether they and their limits are ratios whose logs are meant."""
UNCERTAINTIES = (("se",), ("v",), ("lower", "upper"), ("z",), ("p",))
"""What tells the standard error of an estimate, in the order in which it is looked for."""

NEIGHBOURS: dict[str, tuple[tuple[str, str], ...]] = {
    "SMD": (("SMD", "SMD"), ("OR", "log OR"), ("ZCOR", "Fisher z")),
    "OR": (("OR", "log OR"), ("SMD", "SMD"), ("ZCOR", "Fisher z")),
    "ZCOR": (("ZCOR", "Fisher z"), ("SMD", "SMD"), ("OR", "log OR")),
    "RR": (("RR", "log RR"), ("OR", "log OR")),
}
"""For a target: the measures that lead to it, nearest first, each with its name among conversions."""
_TARGETS = {"SMD": "SMD", "OR": "log OR", "ZCOR": "Fisher z", "RR": "log RR", "HR": "log HR"}


@dataclass(frozen=True)
class Settings:
    """What rows do not tell by themselves.

    Attributes
    ----------
    prob : float
        Probability of reported intervals.
    sides : int or None
        1 or 2 for reported p-values; None where none may be used.
    base_rate : float or None
        Risk without treatment, between log OR and log RR.
    responses : str
        As for `convert`.
    """

    prob: float = 0.95
    sides: int | None = None
    base_rate: float | None = None
    responses: str = "logistic"


@dataclass(frozen=True)
class Way:
    """One way from statistics to a target.

    Attributes
    ----------
    words : str
        What is reported, for the record.
    needs : tuple of str
        Statistics.
    steps : int
        Conversions between measures on the way.
    crosses_risk : bool
        Whether one of them lies between odds and risks.
    compute : callable
        From columns and settings to the target.
    """

    words: str
    needs: tuple[str, ...]
    steps: int
    crosses_risk: bool
    compute: Callable[[Columns, Settings], Estimate]

    def is_open(self, columns: Columns, settings: Settings) -> bool:
        """Whether the columns are there, and what has to be told besides: sides of p, a base rate for risk ratios."""
        told = settings.base_rate is not None or not self.crosses_risk
        return set(self.needs) <= set(columns) and told and ("p" not in self.needs or settings.sides is not None)


@dataclass(frozen=True, eq=False)
class Converted:
    """Rows on one measure.

    Attributes
    ----------
    y, v, n : ndarray
        Estimates, variances and sample sizes (NaN where unknown), shape (k,).
    way : tuple of str
        What each row reported, and the conversions from there: the record of its path.
    others : tuple of str
        What the other ways that a row allows would have given; "" where there is none.
    notes : tuple of str
        What was done to several rows.
    """

    y: Array
    v: Array
    n: Array
    way: tuple[str, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...]


def targets() -> tuple[str, ...]:
    """Codes of the measures to which rows can be brought."""
    return (*MEASURES, "HR")


def ways(target: str) -> tuple[Way, ...]:
    """All ways to a target, those without conversions first.

    Parameters
    ----------
    target : str
        Code of a measure.

    Returns
    -------
    tuple of Way

    Raises
    ------
    InputError
        For an unknown code.
    """
    check_option("target", target, targets(), error=InputError)
    found: list[Way] = []
    for code, name in NEIGHBOURS.get(target, ((target, _TARGETS.get(target, target)),)):
        if code in MEASURES:
            found += [_computed(MEASURES[code], route, name, target) for route in MEASURES[code].routes]
    for statistic, (measure, _) in PUBLISHED.items():
        if path_between(measure, _TARGETS.get(target, target)) is not None:
            found += [_published(statistic, uncertainty, target) for uncertainty in UNCERTAINTIES]
    return tuple(sorted(found, key=lambda way: way.steps))


def brought_to(target: str, columns: Columns, settings: Settings) -> Converted:
    """Rows that report different statistics, each by the nearest way that its filled columns allow.

    Parameters
    ----------
    target : str
        Code of a measure.
    columns : mapping of str to ndarray
        Statistics by name, shape (k,), NaN where a row does not report them.
    settings : Settings

    Returns
    -------
    Converted
        Estimates are NaN, and the way is "", for rows that allow none.
    """
    k = len(next(iter(columns.values())))
    filled = {name: ~np.isnan(values) for name, values in columns.items()}
    y, v = np.full(k, np.nan), np.full(k, np.nan)
    taken, others, notes = [""] * k, [""] * k, []
    for way in ways(target):
        if not way.is_open(columns, settings):
            continue
        rows = _allowed(way, filled, k)
        if not len(rows):
            continue
        part = {name: values[rows] for name, values in columns.items()}
        found = way.compute(part, settings)
        for place, row in enumerate(rows.tolist()):
            if not np.isfinite(found.y[place]):
                continue
            told = _figures(way, part, place) + _added(way, part, place, found)
            if taken[row]:
                others[row] += f"{'; ' if others[row] else ''}{told}: {found.y[place]:.4g}"
            else:
                y[row], v[row], taken[row] = found.y[place], found.v[place], told + _steps(found)
        notes += [note for note in found.notes if "was added" in note or "not used" in note]
    return Converted(y, v, _sizes(columns, k), tuple(taken), tuple(others), tuple(dict.fromkeys(notes)))


def lacking(target: str, filled: Sequence[str], settings: Settings) -> str:
    """What a row that reports these statistics lacks, by the ways that need least besides."""
    short: dict[str, int] = {}
    for way in ways(target):
        rest = [name for name in way.needs if name not in filled]
        held = len(rest) < len(way.needs)
        if "p" in way.needs and settings.sides is None:
            rest.append("sides=2 or sides=1 for p")
        if way.crosses_risk and settings.base_rate is None:
            rest.append("base_rate=..., the risk without treatment")
        if held:
            short.setdefault(" and ".join(rest), len(rest) - ({"n1", "n2"} <= set(rest)))
    least = min(short.values(), default=0)
    return ", or ".join(words for words, count in short.items() if count == least)


def _allowed(way: Way, filled: Mapping[str, NDArray[np.bool_]], k: int) -> NDArray[np.intp]:
    """Rows that fill all that the way needs; d is a cell of a table where a, b and c are there too."""
    allowed = np.ones(k, dtype=bool)
    for name in way.needs:
        allowed &= filled[name]
    if "d" in way.needs and "a" not in way.needs and all(name in filled for name in "abc"):
        allowed &= ~(filled["a"] & filled["b"] & filled["c"])
    return np.flatnonzero(allowed)


def _computed(measure: Measure, route: tuple[str, ...], name: str, target: str) -> Way:
    """A measure that is computed, then converted where it is not the target itself."""

    def compute(columns: Columns, settings: Settings) -> Estimate:
        statistics = {statistic: columns[statistic] for statistic in route}
        if "p" in statistics:
            statistics["p"] = _two_sided(statistics["p"], settings)
        own = effect_size(measure.code, **statistics)
        return own if measure.code == target else _to_target(own, name, target, columns, settings)

    return Way(measure.code, route, *_distance(name, target, measure.code), compute)


def _published(statistic: str, uncertainty: tuple[str, ...], target: str) -> Way:
    """An estimate that is reported as such, with whatever tells its standard error."""
    measure, ratio = PUBLISHED[statistic]

    def compute(columns: Columns, settings: Settings) -> Estimate:
        y = np.log(columns[statistic]) if ratio else columns[statistic]
        v = _variance(y, {name: columns[name] for name in uncertainty}, ratio, settings)
        return _to_target(Estimate(y, v, measure), measure, target, columns, settings)

    return Way(measure, (statistic, *uncertainty), *_distance(measure, target, ""), compute)


def _variance(y: Array, reported: Columns, ratio: bool, settings: Settings) -> Array:
    if "v" in reported:
        return reported["v"]
    if "se" in reported:
        return reported["se"] ** 2
    if "p" in reported:
        return standard_error(y, p=np.abs(reported["p"]), sides=settings.sides) ** 2
    if "z" in reported:
        return standard_error(y, z=reported["z"]) ** 2
    low, high = (np.log(limit) if ratio else limit for limit in (reported["lower"], reported["upper"]))
    middle = (low + high) / 2.0  # whether y lies there is asked, by row, where a table is read
    return standard_error(middle, lower=low, upper=high, prob=settings.prob) ** 2


def _to_target(own: Estimate, name: str, target: str, columns: Columns, settings: Settings) -> Estimate:
    wanted = _TARGETS.get(target, name)
    if name == wanted:
        return own
    sizes: dict[str, Array] = {}
    if "n1" in columns and "n2" in columns:
        unknown = np.isnan(columns["n1"] + columns["n2"])
        sizes = {size: np.where(unknown, 1.0, columns[size]) for size in ("n1", "n2")}  # of one size, as none is known
    extra = {} if settings.base_rate is None else {"base_rate": settings.base_rate}
    found = convert(own.y, own.v, source=name, target=wanted, responses=settings.responses, **sizes, **extra)
    return Estimate(found.y, found.v, target, (*own.notes, *found.notes))


def _distance(name: str, target: str, code: str) -> tuple[int, bool]:
    """How many conversions lie between, and whether one of them needs a base rate."""
    wanted = _TARGETS.get(target, name)
    path = () if code == target else path_between(name, wanted)
    assert path is not None, f"no path from {name} to {wanted}"
    return len(path), any("base_rate" in step.needs for step in path)


def _two_sided(p: Array, settings: Settings) -> Array:
    """Signed two-sided p-values; of a one-sided one above a half the effect lies on the other side."""
    if settings.sides == 2:
        return p
    size = np.abs(p)
    return np.where(size <= 0.5, np.sign(p) * 2.0 * size, -np.sign(p) * 2.0 * (1.0 - size))


def _figures(way: Way, part: Columns, place: int) -> str:
    """'SMD from n1 = 20, m1 = 11, ...'."""
    figures = ", ".join(f"{name} = {part[name][place]:.6g}" for name in way.needs)
    return f"{way.words} from {figures}"


def _added(way: Way, part: Columns, place: int, found: Estimate) -> str:
    """Whether something was added to the counts of this row, since one of them, or of those beside it, is 0."""
    if not any("was added" in note for note in found.notes):
        return ""
    row = {name: float(part[name][place]) for name in way.needs}
    sizes = {"events": "n", "events1": "n1", "events2": "n2"}
    full = any(row.get(events) == row.get(size) for events, size in sizes.items() if events in row)
    empty = any(row[name] == 0.0 for name in row if name in (*sizes, "a", "b", "c", "d"))
    return f" with {ADD:g} added to each, as a count is empty" if empty or full else ""


def _steps(found: Estimate) -> str:
    steps = [note for note in found.notes if " to " in note.split(":")[0]]
    return "".join(f"; {step}" for step in steps)


def _sizes(columns: Columns, k: int) -> Array:
    """Sample sizes: n, else n1 + n2, else the sum of the cells."""
    unknown = np.full(k, np.nan)
    n = columns.get("n", unknown)
    both = columns.get("n1", unknown) + columns.get("n2", unknown)
    cells = sum((columns.get(cell, unknown) for cell in "abcd"), start=np.zeros(k))
    return np.where(np.isnan(n), np.where(np.isnan(both), cells, both), n)
