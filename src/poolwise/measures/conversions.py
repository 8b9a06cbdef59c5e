"""From one measure to another, with the variance by the delta method and the path that was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError, listing
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.means import small_sample_factor
from poolwise.measures.standardised import COX, LOGISTIC
from poolwise.measures.statistics import (
    ANY,
    CORRELATION,
    NOT_NEGATIVE,
    PEOPLE,
    PROPORTION,
    RELIABILITY,
    RISK,
    SHARE,
    SIGN,
    Domain,
    in_one_order,
    read,
    refuse_direction,
)
from poolwise.settings import check_option

Array = NDArray[np.float64]
type Arrays = dict[str, Array]
type Change = Callable[[Array, Arrays], tuple[Array, Array]]
"""From y and what else is known to the new y and its derivative by the old one."""

SD_RATIOS = {"logistic": LOGISTIC, "normal": COX}
"""Log odds ratio over standardised difference: of logistic responses, and of normal ones (Cox & Snell 1989)."""
_EXTRAS = {"n1": PEOPLE, "n2": PEOPLE, "base_rate": RISK}
_DOMAINS: dict[str, Domain] = {
    "r": CORRELATION,
    "RD": Domain("a risk difference from -1 to 1", lambda x: np.isfinite(x) & (np.abs(x) <= 1.0)),
    **dict.fromkeys(("r2", "eta2"), SHARE),
    **dict.fromkeys(("AUC", "proportion"), PROPORTION),
    "rate": NOT_NEGATIVE,
    "alpha": RELIABILITY,
}
"""What estimates of a measure can be; any number for the others."""


@dataclass(frozen=True)
class Step:
    """One conversion between neighbouring measures.

    Attributes
    ----------
    source, target : str
    words : str
        The equation and its source, for the record of the path.
    change : callable
        From y (and sizes, a base rate) to the new y and its derivative.
    needs : tuple of str
        Of ``n1``, ``n2``, ``base_rate``: what it cannot do without.
    """

    source: str
    target: str
    words: str
    change: Change
    needs: tuple[str, ...] = ()


def _times(factor: float) -> Change:
    return lambda y, _: (factor * y, np.full_like(y, factor))


def _unequal(extra: Arrays) -> Array:
    """(n1 + n2)^2 / (n1 n2), 4 for groups of one size or of sizes that nobody told."""
    if "n1" not in extra or "n2" not in extra:
        return np.asarray(4.0)
    return (extra["n1"] + extra["n2"]) ** 2 / (extra["n1"] * extra["n2"])


def _d_to_g(y: Array, extra: Arrays) -> tuple[Array, Array]:
    factor = small_sample_factor(extra["n1"] + extra["n2"] - 2.0)
    return factor * y, factor * np.ones_like(y)


def _g_to_d(y: Array, extra: Arrays) -> tuple[Array, Array]:
    factor = small_sample_factor(extra["n1"] + extra["n2"] - 2.0)
    return y / factor, np.ones_like(y) / factor


def _of_one_t(extra: Arrays) -> Array:
    """(n1 + n2 - 2) (1/n1 + 1/n2), for the d and the r of one t; 4 for sizes that nobody told."""
    if "n1" not in extra or "n2" not in extra:
        return np.asarray(4.0)
    return (extra["n1"] + extra["n2"] - 2.0) * (1.0 / extra["n1"] + 1.0 / extra["n2"])


def _difference_to_r(factor: Callable[[Arrays], Array]) -> Change:
    def change(y: Array, extra: Arrays) -> tuple[Array, Array]:
        a = factor(extra)
        return y / np.sqrt(y**2 + a), a / (y**2 + a) ** 1.5

    return change


def _r_to_difference(factor: Callable[[Arrays], Array]) -> Change:
    def change(y: Array, extra: Arrays) -> tuple[Array, Array]:
        a, inside = factor(extra), _within(y, -1.0, 1.0)
        return np.sqrt(a) * inside / np.sqrt(1.0 - inside**2), np.sqrt(a) / (1.0 - inside**2) ** 1.5

    return change


def _r_to_z(y: Array, _: Arrays) -> tuple[Array, Array]:
    inside = _within(y, -1.0, 1.0)
    return np.arctanh(inside), 1.0 / (1.0 - inside**2)


def _z_to_r(y: Array, _: Arrays) -> tuple[Array, Array]:
    r = np.tanh(y)
    return r, 1.0 - r**2


def _odds_to_risk(y: Array, extra: Arrays) -> tuple[Array, Array]:
    base = extra["base_rate"]
    log_scale = np.logaddexp(np.log1p(-base), np.log(base) + y)  # of 1 - p + p OR, for any odds ratio
    return y - log_scale, np.exp(np.log1p(-base) - log_scale)


def _risk_to_odds(y: Array, extra: Arrays) -> tuple[Array, Array]:
    risk = extra["base_rate"] * np.exp(y)
    treated = np.where(risk < 1.0, risk, np.nan)
    return y + np.log1p(-extra["base_rate"]) - np.log1p(-treated), 1.0 / (1.0 - treated)


def _smd_to_auc(y: Array, _: Arrays) -> tuple[Array, Array]:
    z = y / np.sqrt(2.0)
    return special.ndtr(z), np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi) / np.sqrt(2.0)


def _auc_to_smd(y: Array, _: Arrays) -> tuple[Array, Array]:
    z = special.ndtri(_within(y, 0.0, 1.0))
    return np.sqrt(2.0) * z, np.sqrt(2.0) * np.sqrt(2.0 * np.pi) * np.exp(z**2 / 2.0)


def _r_to_share(y: Array, _: Arrays) -> tuple[Array, Array]:
    return y**2, 2.0 * y


def _share_to_r(y: Array, _: Arrays) -> tuple[Array, Array]:
    root = np.sqrt(_within(y, 0.0, 1.0))
    return root, 0.5 / root


def _ratio_to_difference(y: Array, extra: Arrays) -> tuple[Array, Array]:
    risk = extra["base_rate"] * np.exp(y)
    treated = np.where(risk < 1.0, risk, np.nan)
    return treated - extra["base_rate"], treated


def _difference_to_ratio(y: Array, extra: Arrays) -> tuple[Array, Array]:
    treated = _within(extra["base_rate"] + y, 0.0, 1.0)
    return np.log(treated / extra["base_rate"]), 1.0 / treated


def _logit(y: Array, _: Arrays) -> tuple[Array, Array]:
    p = _within(y, 0.0, 1.0)
    return special.logit(p), 1.0 / (p * (1.0 - p))


def _of_logit(y: Array, _: Arrays) -> tuple[Array, Array]:
    p = special.expit(y)
    return p, p * special.expit(-y)


def _angle(y: Array, _: Arrays) -> tuple[Array, Array]:
    p = _within(y, 0.0, 1.0)
    return np.arcsin(np.sqrt(p)), 0.5 / np.sqrt(p * (1.0 - p))


def _of_angle(y: Array, _: Arrays) -> tuple[Array, Array]:
    angle = _within(y, 0.0, np.pi / 2.0)
    return np.sin(angle) ** 2, np.sin(2.0 * angle)


def _log(y: Array, _: Arrays) -> tuple[Array, Array]:
    x = _within(y, 0.0, np.inf)
    return np.log(x), 1.0 / x


def _of_log(y: Array, _: Arrays) -> tuple[Array, Array]:
    return np.exp(y), np.exp(y)


def _root(y: Array, _: Arrays) -> tuple[Array, Array]:
    root = np.sqrt(_within(y, 0.0, np.inf))
    return root, 0.5 / root


def _of_root(y: Array, _: Arrays) -> tuple[Array, Array]:
    root = _within(y, 0.0, np.inf)
    return root**2, 2.0 * root


def _bonett(y: Array, _: Arrays) -> tuple[Array, Array]:
    alpha = _within(y, -np.inf, 1.0)
    return -np.log1p(-alpha), 1.0 / (1.0 - alpha)


def _of_bonett(y: Array, _: Arrays) -> tuple[Array, Array]:
    return -np.expm1(-y), np.exp(-y)


def _hakstian(y: Array, _: Arrays) -> tuple[Array, Array]:
    root = np.cbrt(1.0 - _within(y, -np.inf, 1.0))
    return 1.0 - root, 1.0 / (3.0 * root**2)


def _of_hakstian(y: Array, _: Arrays) -> tuple[Array, Array]:
    root = 1.0 - _within(y, -np.inf, 1.0)
    return 1.0 - root**3, 3.0 * root**2


def _within(x: Array, low: float, high: float) -> Array:
    """Values strictly between two limits, NaN elsewhere."""
    return np.where((x > low) & (x < high), x, np.nan)


def _odds_steps(responses: str) -> tuple[Step, ...]:
    factor = SD_RATIOS[responses]
    shown = "pi / sqrt(3), Hasselblad & Hedges 1995" if responses == "logistic" else "1.65, Cox & Snell 1989"
    there = tuple(Step(name, "log OR", f"{name} times {shown}", _times(factor)) for name in _DIFFERENCES)
    back = tuple(Step("log OR", name, f"log OR over {shown}", _times(1.0 / factor)) for name in _DIFFERENCES)
    return there + back


_DIFFERENCES = ("SMD", "d")
_SIZES, _BASE = ("n1", "n2"), ("base_rate",)
_STEPS = (
    Step("d", "SMD", "d times J(n1 + n2 - 2), Hedges 1981", _d_to_g, _SIZES),
    Step("SMD", "d", "g over J(n1 + n2 - 2), Hedges 1981", _g_to_d, _SIZES),
    Step(
        "SMD",
        "r",
        "r = d / sqrt(d^2 + a), a = (n1 + n2)^2 / (n1 n2), Borenstein et al. 2009, 7.5",
        _difference_to_r(_unequal),
    ),
    Step("r", "SMD", "d = sqrt(a) r / sqrt(1 - r^2), Borenstein et al. 2009, 7.3", _r_to_difference(_unequal)),
    Step(
        "d",
        "r",
        "r = d / sqrt(d^2 + h), h = (n1 + n2 - 2)(1/n1 + 1/n2), Jacobs & Viechtbauer 2017",
        _difference_to_r(_of_one_t),
    ),
    Step("r", "d", "d = sqrt(h) r / sqrt(1 - r^2), Jacobs & Viechtbauer 2017", _r_to_difference(_of_one_t)),
    Step("r", "Fisher z", "atanh(r), Fisher 1921", _r_to_z),
    Step("Fisher z", "r", "tanh(z), Fisher 1921", _z_to_r),
    Step("log OR", "log RR", "RR = OR / (1 - p + p OR) at the base rate p, Zhang & Yu 1998", _odds_to_risk, _BASE),
    Step("log RR", "log OR", "OR = RR (1 - p) / (1 - p RR) at the base rate p, Zhang & Yu 1998", _risk_to_odds, _BASE),
    Step("log RR", "RD", "RD = p (RR - 1) at the base rate p", _ratio_to_difference, _BASE),
    Step("RD", "log RR", "RR = 1 + RD / p at the base rate p", _difference_to_ratio, _BASE),
    *(Step(name, "AUC", "Phi(d / sqrt(2)), McGraw & Wong 1992", _smd_to_auc) for name in _DIFFERENCES),
    *(Step("AUC", name, "sqrt(2) Phi^-1(AUC), McGraw & Wong 1992", _auc_to_smd) for name in _DIFFERENCES),
    Step("r", "r2", "r^2", _r_to_share),
    Step("r", "eta2", "eta^2 = r^2 for two groups", _r_to_share),
    Step("r2", "r", "the root of r^2", _share_to_r),
    Step("eta2", "r", "the root of eta^2, for two groups", _share_to_r),
    Step("proportion", "logit", "log(p / (1 - p))", _logit),
    Step("logit", "proportion", "1 / (1 + exp(-y))", _of_logit),
    Step("proportion", "arcsine", "asin(sqrt(p))", _angle),
    Step("arcsine", "proportion", "sin(y)^2", _of_angle),
    Step("proportion", "log proportion", "log(p)", _log),
    Step("log proportion", "proportion", "exp(y)", _of_log),
    Step("rate", "log rate", "log of the rate", _log),
    Step("log rate", "rate", "exp(y)", _of_log),
    Step("rate", "root rate", "root of the rate", _root),
    Step("root rate", "rate", "y^2", _of_root),
    Step("alpha", "ABT", "-log(1 - alpha), Bonett 2002", _bonett),
    Step("ABT", "alpha", "1 - exp(-y), Bonett 2002", _of_bonett),
    Step("alpha", "AHW", "1 - (1 - alpha)^(1/3), Hakstian & Whalen 1976", _hakstian),
    Step("AHW", "alpha", "1 - (1 - y)^3, Hakstian & Whalen 1976", _of_hakstian),
)
MEASURES = tuple(dict.fromkeys((*_DIFFERENCES, *(step.source for step in _STEPS), "log OR")))
_UNSIGNED = ("r2", "eta2")


def convert(
    y: ArrayLike,
    v: ArrayLike,
    *,
    source: str,
    target: str,
    n1: ArrayLike | None = None,
    n2: ArrayLike | None = None,
    base_rate: ArrayLike | None = None,
    sign: ArrayLike | None = None,
    responses: str = "logistic",
) -> Estimate:
    """Estimates of one measure as those of another, with variances by the delta method.

    The shortest path is taken, and stands in the notes: Fisher z - r - SMD - log OR - log RR - RD, with AUC beside SMD,
    and r^2 and eta^2 beside r. d, the difference that is not corrected for bias, stands where SMD does, with the exact
    relation to the r of the same t where the sizes are told. Single groups have trees of their own: proportion, logit,
    log proportion, arcsine; rate, log rate, root rate; alpha, ABT, AHW. v' = v f'(y)^2 for each step f.

    Parameters
    ----------
    y, v : array_like
        Estimates and sampling variances: logs for ratios, g for ``"SMD"``, not corrected for bias for ``"d"``.
    source, target : str
        ``"SMD"``, ``"d"``, ``"log OR"``, ``"log RR"``, ``"RD"``, ``"r"``, ``"Fisher z"``, ``"AUC"``, ``"r2"``,
        ``"eta2"``; ``"proportion"``, ``"logit"``, ``"log proportion"``, ``"arcsine"``; ``"rate"``, ``"log rate"``,
        ``"root rate"``; ``"alpha"``, ``"ABT"``, ``"AHW"``.
    n1, n2 : array_like, optional
        Sizes of the groups, for r and SMD or d (equal sizes without them) and for d and SMD (asked for).
    base_rate : array_like, optional
        Risk without treatment, which log OR, log RR and RD need of one another; it is never guessed.
    sign : array_like, optional
        1 or -1, the direction of the effect, which r^2 and eta^2 do not tell.
    responses : str
        Of which distribution the responses behind a log OR are: ``"logistic"`` or ``"normal"``.

    Returns
    -------
    Estimate
        NaN where the new measure does not exist (a risk above 1), which a note tells.

    Raises
    ------
    InputError
        For an unknown measure, two measures without a path, estimates that the source cannot have, and where
        the path needs what was not given.

    Notes
    -----
    Logistic responses by default, as in the Cochrane Handbook, section 10.6; normal ones change an SMD by 10 %.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 7, 10.1002/9780470743386; Hasselblad & Hedges 1995,
    Psychological Bulletin 117:167, 10.1037/0033-2909.117.1.167; Zhang & Yu 1998, JAMA 280:1690,
    10.1001/jama.280.19.1690; McGraw & Wong 1992, Psychological Bulletin 111:361, 10.1037/0033-2909.111.2.361; Jacobs &
    Viechtbauer 2017, Research Synthesis Methods 8:161, 10.1002/jrsm.1218; Hakstian & Whalen 1976, Psychometrika 41:219,
    10.1007/BF02291840; Bonett 2002, Journal of Educational and Behavioral Statistics 27:335, 10.3102/10769986027004335.

    Examples
    --------
    >>> convert(0.9069, 0.0676, source="log OR", target="SMD")
    Estimate(SMD: y=0.5, v=0.0205479)
    """
    for name, measure in (("source", source), ("target", target)):
        check_option(name, measure, MEASURES, error=InputError)
    check_option("responses", responses, SD_RATIOS, error=InputError)
    named = {"y": y, "v": v, "n1": n1, "n2": n2, "base_rate": base_rate, "sign": sign}
    given = in_one_order(source, {name: values for name, values in named.items() if values is not None})
    y, v = read(source, {"y": (given.pop("y"), _DOMAINS.get(source, ANY)), "v": (given.pop("v"), NOT_NEGATIVE)})
    sign, missing_before = given.pop("sign", None), np.isnan(y + v)
    extra = _extras(source, given)
    path = path_between(source, target, responses=responses)
    if path is None:
        told = f"{source} and {target} are no measures of one thing"
        raise InputError(told, f"from {source} to {listing(_connected(source), 12)}")
    if sign is not None and not any(name in _UNSIGNED for name in (source, *(step.source for step in path))):
        refuse_direction(source, sign, y, source)
    for step in path:
        missing = [name for name in step.needs if name not in extra]
        if missing:
            raise InputError(f"{step.source} to {step.target} needs {' and '.join(missing)}", step.words)
        with np.errstate(all="ignore"):  # beyond the range of a measure there is no value: NaN
            y, slope = step.change(y, extra)
            v = v * slope**2
        if step.source in _UNSIGNED:
            y = y * _sign(step.source, sign)
    found = estimate(target, y, v, tuple(f"{step.source} to {step.target}: {step.words}" for step in path))
    gone = int((np.isnan(found.y) & ~missing_before).sum())
    if not gone:
        return found
    told = f"{target}: {gone} of {found.y.size} estimates have no value on this measure"
    return replace(found, notes=(*found.notes, told))


def _extras(source: str, extras: dict[str, ArrayLike]) -> Arrays:
    given = {name: (values, _EXTRAS[name]) for name, values in extras.items()}
    return dict(zip(given, read(source, given), strict=True)) if given else {}


def _sign(source: str, sign: ArrayLike | None) -> Array:
    if sign is None:
        raise InputError(f"{source} tells no direction", "sign=1 or sign=-1, the direction of the effect")
    (signs,) = read(source, {"sign": (sign, SIGN)})
    return signs


def path_between(source: str, target: str, *, responses: str = "logistic") -> tuple[Step, ...] | None:
    """The shortest path from one measure to another; None where there is none.

    Parameters
    ----------
    source, target : str
        Measures.
    responses : str
        As for `convert`.

    Returns
    -------
    tuple of Step, or None
        Empty from a measure to itself.
    """
    return _paths(source, (*_STEPS, *_odds_steps(responses))).get(target)


def _connected(source: str) -> list[str]:
    return [name for name in _paths(source, (*_STEPS, *_odds_steps("logistic"))) if name != source]


def _paths(source: str, steps: tuple[Step, ...]) -> dict[str, tuple[Step, ...]]:
    """The shortest path to each measure that can be reached; of two as short ones the first."""
    paths: dict[str, tuple[Step, ...]] = {source: ()}
    reached = [source]
    for here in reached:
        for step in steps:
            if step.source == here and step.target not in paths:
                paths[step.target] = (*paths[here], step)
                reached.append(step.target)
    return paths
