"""Rows that report different statistics, brought to one measure: every way there, and the one that is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.measures import associations
from poolwise.measures.catalogue import MEASURES, Measure
from poolwise.measures.conversions import convert, path_between
from poolwise.measures.disagreement import Answers, doubts
from poolwise.measures.effect_size import effect_size
from poolwise.measures.estimate import Estimate
from poolwise.measures.margins import cells_of_margins, whole_cells
from poolwise.measures.reported import standard_error
from poolwise.measures.statistics import (
    ANY,
    ASSUMED_PROB,
    CORRELATION,
    COUNT,
    NOT_NEGATIVE,
    PEOPLE,
    PERCENTAGE,
    POSITIVE,
    PROPORTION,
    RELIABILITY,
    RISK,
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
    **dict.fromkeys(("m1", "sd1", "m2", "sd2", "m", "sd"), ANY),
    **dict.fromkeys(("pre1", "sd_pre1", "post1", "sd_post1", "pre2", "sd_pre2", "post2", "sd_post2"), ANY),
    **dict.fromkeys(("pre", "sd_pre", "post", "sd_post"), ANY),
    "r_pre_post": CORRELATION,
    **dict.fromkeys(("t", "d"), ANY),
    **dict.fromkeys(("sem1", "sem2", "sem", "se", "time1", "time2", "time"), POSITIVE),
    **dict.fromkeys(("a", "b", "c", "events1", "events2", "events"), COUNT),
    **dict.fromkeys(("percent1", "percent2", "percent"), PERCENTAGE),
    **dict.fromkeys(("proportion1", "proportion2", "proportion"), PROPORTION),
    **{
        f"{part}{group}": ANY
        for group in ("1", "2", "")
        for part in ("minimum", "lower_q", "median", "upper_q", "maximum")
    },
    **dict.fromkeys(("f", "chi2"), NOT_NEGATIVE),
    "v": POSITIVE,
    "auc": RISK,
    "both": PROPORTION,
    **dict.fromkeys(("lowest", "highest"), ANY),
    "phi": CORRELATION,
    **dict.fromkeys(("lower", "upper", "g", "log_or", "log_rr", "log_hr", "fisher_z", "z", "md", "rd"), ANY),
    **dict.fromkeys(("slope", "std_beta"), ANY),
    **dict.fromkeys(("spearman", "kendall"), CORRELATION),
    **dict.fromkeys(("or", "rr", "hr", "irr"), POSITIVE),
    **dict.fromkeys(("r", "partial_r", "semipartial_r"), CORRELATION),
    **dict.fromkeys(("r2", "eta2"), SHARE),
    "p": SIGNED_P,
    "alpha": RELIABILITY,
    "df": POSITIVE,
    "sign": SIGN,
    "level": RISK,
}
"""What a statistic of each name can be."""
DOMAINS |= {name: POSITIVE for name in DOMAINS if name.startswith("sd")}

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
    "slope": ("slope", False),
}
"""Estimates by name: the measure of `convert`, and whether they and their limits are ratios whose logs are meant."""
UNCERTAINTIES = (("se",), ("v",), ("lower", "upper"), ("z",), ("p",))
COEFFICIENTS = ("slope", "log_or", "or", "log_rr", "rr", "log_hr", "hr", "md", "rd", "irr")
"""Estimates of regressions among them, whose t is the estimate (its log) over its standard error."""
_OF_T = ("slope", "md")
"""Those whose intervals and p-values are of Student's t where degrees of freedom are told."""
RULES = ("peterson-brown", "greiner")
"""Conversions that are made only where they are asked for by name."""
"""What tells the standard error of an estimate, in the order in which it is looked for."""

NEIGHBOURS: dict[str, tuple[tuple[str, str], ...]] = {
    "SMD": (("PPC", "SMD"), ("SMD", "SMD"), ("OR", "log OR"), ("ZCOR", "Fisher z")),
    "OR": (("OR", "log OR"), ("PPC", "SMD"), ("SMD", "SMD"), ("ZCOR", "Fisher z")),
    "ZCOR": (("ZCOR", "Fisher z"), ("PPC", "SMD"), ("SMD", "SMD"), ("OR", "log OR")),
    "RR": (("RR", "log RR"), ("OR", "log OR")),
}
"""For a target: the measures that lead to it, nearest first, each with its name among conversions."""
CHANGES = ("MC", "SMCC", "SMCR", "SMCRH", "SMCRP", "SMCRPH", "CLESCN", "POMPMC", "ROMC", "CVRC", "VRC")
"""Measures of the change of one group."""
_CHANGE = {"m1": "post", "m2": "pre", "sd1": "sd_pre", "sd2": "sd_post", "r": "r_pre_post"}
_BASELINES = {"sd1": "sd_pre1", "sd2": "sd_pre2", "r": "r_pre_post"}
_AFTER = {"m1": "post1", "sd1": "sd_post1", "m2": "post2", "sd2": "sd_post2"}
"""What tables with two occasions call what a measure takes: the change of one group, that of two, both groups after."""
_MARGINS = (("or",), ("phi",), ("chi2", "sign"))
"""What tells the cells of a table whose margins n1, n2 and events are known."""
_PLACES = re.compile(r" \(rows? [\d, and]+\)")
_TARGETS = {"SMD": "SMD", "OR": "log OR", "ZCOR": "Fisher z", "RR": "log RR", "HR": "log HR"}
_TARGETS |= {"SLOPE": "slope", "GEN": "slope"}
OWN_TARGETS = ("HR", "SLOPE", "GEN")
"""Targets that are reached from estimates which are reported as such only."""


@dataclass(frozen=True)
class Settings:
    """What rows do not tell by themselves.

    Attributes
    ----------
    prob : float or None
        Probability of reported intervals, where no column `level` tells it; the usual one when nobody does.
    sides : int or None
        1 or 2 for reported p-values; None where none may be used.
    base_rate : float or None
        Risk without treatment, between log OR and log RR.
    responses : str
        As for `convert`.
    rules : tuple of str
        Of `RULES`, those that are asked for.
    """

    prob: float | None = None
    sides: int | None = None
    base_rate: float | None = None
    responses: str = "logistic"
    rules: tuple[str, ...] = ()


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
    rule: str = ""
    unless: str = ""

    def is_open(self, columns: Columns, settings: Settings) -> bool:
        """Whether the columns are there, and what has to be told besides: sides of p, a base rate for risk ratios."""
        told = settings.base_rate is not None or not self.crosses_risk
        told &= (not self.rule or self.rule in settings.rules) and self.unless not in settings.rules
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
    used : tuple of tuple of str
        The statistics that each row's way starts from.
    doubts : mapping of int to str
        By row, the ways of which one gives another answer than the way taken, by more than rounding.
    faults : mapping of int to str
        By row, why statistics that are there cannot be used.
    notes : tuple of str
        What was done to several rows.
    """

    y: Array
    v: Array
    n: Array
    way: tuple[str, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...]
    used: tuple[tuple[str, ...], ...] = ()
    doubts: Mapping[int, str] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)


def targets() -> tuple[str, ...]:
    """Codes of the measures to which rows can be brought."""
    return (*MEASURES, *OWN_TARGETS)


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
    return _ways(target)


@cache
def _ways(target: str) -> tuple[Way, ...]:
    found: list[Way] = []
    for code, name in NEIGHBOURS.get(target, ((target, _TARGETS.get(target, target)),)):
        if code in MEASURES:
            found += [_computed(MEASURES[code], *route, name, target) for route in _routes(MEASURES[code])]
            found += _associated(MEASURES[code], name, target)
    for statistic, (measure, _) in PUBLISHED.items():
        if path_between(measure, _TARGETS.get(target, target)) is not None:
            own = (*UNCERTAINTIES, ("t",)) if statistic in COEFFICIENTS else UNCERTAINTIES
            found += [_published(statistic, uncertainty, target) for uncertainty in own]
    found += _associations(target)
    return tuple(sorted(found, key=lambda way: (way.steps, not {"m1", "post1"} & set(way.needs))))


def reported() -> tuple[str, ...]:
    """Names of the statistics that lead to one of the measures that are reached from one another.

    Returns
    -------
    tuple of str
    """
    needed = {name for target in NEIGHBOURS for way in ways(target) for name in way.needs}
    return tuple(name for name in DOMAINS if name in needed)


def brought_to(target: str, columns: Columns, settings: Settings) -> Converted:
    """Rows that report different statistics, each by the nearest way that its filled columns allow.

    Parameters
    ----------
    target : str
        Code of a measure.
    columns : mapping of str to ndarray
        Statistics by name, shape (k,), NaN where a row does not report them; `level` is the probability of the row's
        interval, where that is told.
    settings : Settings

    Returns
    -------
    Converted
        Estimates are NaN, and the way is "", for rows that allow none.
    """
    k = len(next(iter(columns.values())))
    filled = {name: ~np.isnan(values) for name, values in columns.items()}
    y, v, taken = np.full(k, np.nan), np.full(k, np.nan), np.full(k, -1)
    answers: list[Answers] = []
    words, others, notes = [""] * k, [""] * k, list[str]()
    faults: dict[int, str] = {}
    for way in ways(target):
        rows = _allowed(way, filled, k) if way.is_open(columns, settings) else np.zeros(0, dtype=np.intp)
        for found in _answers(way, rows, columns, settings, faults):
            known = np.isfinite(found.answers.y)
            new = known & (taken[found.answers.rows] < 0)
            chosen = found.answers.rows[new]
            y[chosen], v[chosen], taken[chosen] = found.answers.y[new], found.answers.v[new], len(answers)
            for place in np.flatnonzero(known).tolist():
                row, own = int(found.answers.rows[place]), found.answers.words[place]
                if new[place]:
                    words[row] = own + found.steps
                else:
                    others[row] += f"{'; ' if others[row] else ''}{own}: {found.answers.y[place]:.4g}"
            answers.append(found.answers)
            notes += found.notes
    unused = {row: fault for row, fault in faults.items() if taken[row] < 0}
    doubted = doubts(answers, taken, columns)
    used = tuple(answers[place].needs if place >= 0 else () for place in taken.tolist())
    told = (tuple(words), tuple(others), tuple(dict.fromkeys(notes)))
    return Converted(y, v, _sizes(columns, k), *told, used, doubted, unused)


@dataclass(frozen=True, eq=False)
class _Found:
    """The answers of a way, the conversions on it, and what was done to several rows."""

    answers: Answers
    steps: str
    notes: list[str]


def _answers(
    way: Way, rows: NDArray[np.intp], columns: Columns, settings: Settings, faults: dict[int, str]
) -> Iterator[_Found]:
    """What a way gives for these rows; those that it cannot use join the faults."""
    if not len(rows):
        return
    part = {name: values[rows] for name, values in columns.items()}
    try:
        found = way.compute(part, settings)
    except InputError as error:
        if len(rows) == 1:
            faults.setdefault(int(rows[0]), f"{_figures(way, part, 0)}: {_PLACES.sub('', str(error))}")
            return
        for half in np.array_split(rows, 2):
            yield from _answers(way, half, columns, settings, faults)
        return
    words = tuple(_figures(way, part, place) + _added(way, part, place, found) for place in range(len(rows)))
    compute = partial(_of_columns, way, settings)
    told = [note for note in found.notes if "was added" in note or "not used" in note]
    yield _Found(Answers(way.needs, way.steps, rows, found.y, found.v, words, compute), _steps(found), told)


def _of_columns(way: Way, settings: Settings, columns: Columns) -> Estimate:
    return way.compute(columns, settings)


def _allowed(way: Way, filled: Mapping[str, NDArray[np.bool_]], k: int) -> NDArray[np.intp]:
    """Rows that fill all that the way needs; d is a cell of a table where a, b and c are there too."""
    allowed = np.ones(k, dtype=bool)
    for name in way.needs:
        allowed &= filled[name]
    if "d" in way.needs and "a" not in way.needs and all(name in filled for name in "abc"):
        allowed &= ~(filled["a"] & filled["b"] & filled["c"])
    return np.flatnonzero(allowed)


def _routes(measure: Measure) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """What a measure is computed from, and what tables with two occasions call it."""
    for route in measure.routes:
        if measure.code == "PPC":
            yield route, _BASELINES
            yield route, {"r": "r_pre_post"}
            continue
        yield route, {}
        if measure.code in CHANGES and "r" in route:
            yield route, _CHANGE
        elif {"n1", "m1"} <= set(route):
            yield route, _AFTER


def _computed(measure: Measure, route: tuple[str, ...], called: Mapping[str, str], name: str, target: str) -> Way:
    """A measure that is computed, then converted where it is not the target itself."""
    own_name = {statistic: called.get(statistic, statistic) for statistic in route}

    def compute(columns: Columns, settings: Settings) -> Estimate:
        statistics = {statistic: columns[own] for statistic, own in own_name.items()}
        if "p" in statistics:
            statistics["p"] = _two_sided(statistics["p"], settings)
        own = effect_size(measure.code, **statistics)
        return own if measure.code == target else _to_target(own, name, target, columns, settings)

    return Way(measure.code, tuple(own_name.values()), *_distance(name, target, measure.code), compute)


def _associated(measure: Measure, name: str, target: str) -> Iterator[Way]:
    """A measure of a table from its margins and one measure of association; a correlation from phi or chi-squared."""
    distance = _distance(name, target, measure.code)
    for association in _MARGINS if "a" in measure.needs else ():

        def of_margins(columns: Columns, settings: Settings, association: tuple[str, ...] = association) -> Estimate:
            own = {part: columns[part] for part in association}
            cells = cells_of_margins(
                n=columns["n1"] + columns["n2"],
                n1=columns["n1"],
                events=columns["events"],
                odds_ratio=own.get("or"),
                phi=own.get("phi"),
                chi2=own.get("chi2"),
                sign=own.get("sign"),
                rounded=False,
            )
            found = effect_size(measure.code, **dict(zip("abcd", whole_cells(*cells), strict=True)))
            return found if measure.code == target else _to_target(found, name, target, columns, settings)

        yield Way(f"{measure.code} by margins", (*association, "n1", "n2", "events"), *distance, of_margins)
    for association in _MARGINS[1:] if set(measure.needs) == {"r", "n"} else ():

        def of_phi(columns: Columns, settings: Settings, association: tuple[str, ...] = association) -> Estimate:
            r = columns["phi"] if association == ("phi",) else columns["sign"] * np.sqrt(columns["chi2"] / columns["n"])
            found = effect_size(measure.code, r=r, n=columns["n"])
            return found if measure.code == target else _to_target(found, name, target, columns, settings)

        yield Way(f"{measure.code} by phi", (*association, "n"), *distance, of_phi)


def _published(statistic: str, uncertainty: tuple[str, ...], target: str) -> Way:
    """An estimate that is reported as such, with whatever tells its standard error."""
    measure, ratio = PUBLISHED[statistic]

    def compute(columns: Columns, settings: Settings) -> Estimate:
        y = np.log(columns[statistic]) if ratio else columns[statistic]
        own = uncertainty if "lower" not in uncertainty or "level" not in columns else (*uncertainty, "level")
        df = _degrees(columns) if statistic in _OF_T else np.full(len(y), np.inf)
        v = _variance(y, {name: columns[name] for name in own} | {"df": df}, ratio, settings)
        return _to_target(Estimate(y, v, measure), measure, target, columns, settings)

    return Way(measure, (statistic, *uncertainty), *_distance(measure, target, ""), compute)


def _associations(target: str) -> Iterator[Way]:
    """Rank correlations and standardised slopes, where a correlation leads to the target or is it."""
    raw = target == "COR"
    if not raw and path_between("Fisher z", _TARGETS.get(target, target)) is None:
        return
    steps, crosses = (0, False) if raw else _distance("Fisher z", target, "ZCOR" if target == "ZCOR" else "")
    code = "COR" if raw else "ZCOR"

    def way(words: str, needs: tuple[str, ...], of: Callable[[Columns], Estimate], rule: str = "") -> Way:
        def compute(columns: Columns, settings: Settings) -> Estimate:
            own = of({name: columns[name] for name in needs})
            return _raw(own) if raw else _to_target(own, "Fisher z", target, columns, settings)

        return Way(f"{code} {words}", needs, steps + bool(rule), crosses, compute, rule)

    for uncertainty in (("lower", "upper"), ("se",), ("v",)):

        def of_r(columns: Columns, settings: Settings, told: tuple[str, ...] = uncertainty) -> Estimate:
            own = _of_r(columns, told, settings)
            return _raw(own) if raw else _to_target(own, "Fisher z", target, columns, settings)

        words = f"{code} of a correlation with its {_WITH[uncertainty]}"
        yield Way(words, ("r", *uncertainty), steps, crosses, of_r)
    yield way("of Spearman's rank correlation (Bonett & Wright 2000)", ("spearman", "n"), _of_spearman)
    greiner = "of the correlation r = sin(pi tau / 2) of Kendall's tau (rule 'greiner')"
    yield replace(way(greiner, ("kendall", "n"), _of_greiner, "greiner"), steps=steps)
    itself = way("of Kendall's tau itself (Bonett & Wright 2000)", ("kendall", "n"), _of_kendall)
    yield replace(itself, unless="greiner")
    yield way(
        "of the standardised slope of an only predictor, which is r", ("std_beta", "n", "predictors"), _of_only_beta
    )
    imputed = "of r = .98 beta + .05 (beta >= 0), imputed (rule 'peterson-brown', 2005)"
    yield way(imputed, ("std_beta", "n"), _of_beta, "peterson-brown")


_WITH = {("lower", "upper"): "interval", ("se",): "standard error", ("v",): "variance"}


def _raw(z: Estimate) -> Estimate:
    """The correlation of a Fisher's z."""
    return Estimate(np.tanh(z.y), z.v / np.cosh(z.y) ** 4, "COR", z.notes)


def _of_r(columns: Columns, uncertainty: tuple[str, ...], settings: Settings) -> Estimate:
    """Fisher's z of correlations whose sample sizes are not told, from their limits or standard errors.

    Limits are symmetric on the scale of z. NaN where a size is told, which is the better way, where r is not within its
    limits, and where the limits or standard errors may be those of another estimate of the row.
    """
    r = columns["r"]
    others = [columns[name] for name in ("n", "n1", "df", *PUBLISHED) if name in columns]
    alone = np.all([np.isnan(values) for values in others], axis=0) if others else np.ones(len(r), dtype=bool)
    own = {name: columns[name] for name in uncertainty}
    with np.errstate(invalid="ignore", divide="ignore"):
        if "lower" in own:
            low, high = (np.where(np.abs(own[name]) < 1.0, own[name], np.nan) for name in ("lower", "upper"))
            alone &= (low < r) & (r < high)
            own = {"lower": np.arctanh(low), "upper": np.arctanh(high), "df": np.full(len(r), np.inf)}
            own |= {"level": columns["level"]} if "level" in columns else {}
        v = np.full(len(r), np.nan)
        rows = np.flatnonzero(alone)
        v[rows] = _variance(np.arctanh(r[rows]), {name: values[rows] for name, values in own.items()}, False, settings)
    if "lower" not in own:
        v = v / (1.0 - r**2) ** 2
    return Estimate(np.where(alone, np.arctanh(r), np.nan), v, "Fisher z")


def _of_spearman(columns: Columns) -> Estimate:
    return associations.fisher_z_of_spearman(spearman=columns["spearman"], n=columns["n"])


def _of_kendall(columns: Columns) -> Estimate:
    return associations.fisher_z_of_kendall(kendall=columns["kendall"], n=columns["n"])


def _of_greiner(columns: Columns) -> Estimate:
    return associations.fisher_z_of_greiner(kendall=columns["kendall"], n=columns["n"])


def _of_only_beta(columns: Columns) -> Estimate:
    r = associations.r_of_only_beta(std_beta=columns["std_beta"], predictors=columns["predictors"])
    return effect_size("ZCOR", r=r, n=columns["n"])


def _of_beta(columns: Columns) -> Estimate:
    return effect_size("ZCOR", r=associations.r_of_beta(std_beta=columns["std_beta"]), n=columns["n"])


def _degrees(columns: Columns) -> Array:
    """Degrees of freedom of a regression: as told, else n - predictors - 1; those of the normal law where unknown."""
    unknown = np.full(len(next(iter(columns.values()))), np.nan)
    df = columns.get("df", unknown)
    residual = columns.get("n", unknown) - columns.get("predictors", unknown) - 1.0
    df = np.where(np.isnan(df) & (residual >= 1.0), residual, df)
    return np.where(np.isnan(df), np.inf, df)


def _variance(y: Array, reported: Columns, ratio: bool, settings: Settings) -> Array:
    if "v" in reported:
        return reported["v"]
    if "se" in reported:
        return reported["se"] ** 2
    if "p" in reported:
        return standard_error(y, p=np.abs(reported["p"]), sides=settings.sides, df=reported["df"]) ** 2
    if "t" in reported:
        return standard_error(y, t=reported["t"]) ** 2
    if "z" in reported:
        return standard_error(y, z=reported["z"]) ** 2
    low, high = (np.log(limit) if ratio else limit for limit in (reported["lower"], reported["upper"]))
    middle = (low + high) / 2.0  # whether y lies there is asked, by row, where a table is read
    level = reported.get("level", np.full(len(y), np.nan))
    assumed = ASSUMED_PROB if settings.prob is None else settings.prob
    probs, v = np.where(np.isnan(level), assumed, level), np.full(len(y), np.nan)
    for prob in np.unique(probs):
        rows = probs == prob
        own = {"lower": low[rows], "upper": high[rows], "df": reported["df"][rows]}
        v[rows] = standard_error(middle[rows], prob=float(prob), **own) ** 2
    return v


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
