"""What a sound table may still hide: few studies, variances as standard errors, ratios without logs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import Array, Remark, Rows
from poolwise.scale import Scale

# Names of columns, lower case, letters and digits only.
VARIANCE_NAMES = frozenset({
    "se2", "sei2", "sesq", "sesquared", "squaredse", "vy", "varyi", "vary", "varlogor", "varlogrr", "varz", "sampvar",
    "v", "vi", "vd", "vg", "vz", "vyi", "var", "vari", "vars", "vard", "varg",
    "variance", "variances", "samplingvariance", "samplingvariances", "samplingvar",
})  # fmt: skip
SE_NAMES = frozenset({
    "se", "sei", "ses", "sed", "seg", "sez", "seyi", "stderr", "stderror", "standarderror", "standarderrors",
})  # fmt: skip
RATIO_NAMES = frozenset({
    "or", "rr", "hr", "irr", "oddsratio", "oddsratios", "riskratio", "riskratios", "relativerisk", "hazardratio",
    "hazardratios", "rateratio", "rateratios", "ratio", "ratios", "ori", "rri", "hri", "expb",
})  # fmt: skip
# Labels of rows that sum up others, lower case.
SUMMARY_LABELS = frozenset({
    "total", "totals", "subtotal", "overall", "overall effect", "pooled", "pooled effect", "pooled estimate", "summary",
    "summary effect", "combined", "combined effect", "mean", "mean effect", "average", "grand total", "sum",
    "meta-analysis", "random effects", "fixed effect", "common effect", "all studies",
    "gesamt", "insgesamt", "summe", "mittelwert", "total général", "ensemble", "moyenne", "totale", "media", "promedio",
    "totaal", "gemiddelde", "toplam",
})  # fmt: skip
# Smallest possible variance of an estimate times its total sample size.
VARIANCE_TIMES_N = {"SMD": 4.0, "Fisher z": 1.0, "log OR": 16.0}
INCONSISTENT = 0.2  # of a standard error, beyond what the sample size allows
UNEVEN_ARMS = 3.0  # a standard error that arms of very different sizes or rare events do not explain
CODES = (-9.0, *(sign * float("9" * digits) for sign in (-1.0, 1.0) for digits in range(2, 7)))
FAR_CODE = 3.0  # times the largest other number
EXTREME_RATIO = 1e8  # of sampling variances


def names_tell(y: object, se: object, v: object, scale: Scale) -> tuple[Remark, ...]:
    """What the columns' own names say when variances were passed as standard errors, or ratios as their logs.

    Parameters
    ----------
    y, se, v : object
        As handed in; only what has a name, such as a Series, is looked at.
    scale : Scale
        What the estimates are said to be.

    Returns
    -------
    tuple of Remark
    """
    remarks = []
    for values, telling, looks, right, wrong in (
        (se, VARIANCE_NAMES, "variances", "v", "se"),
        (v, SE_NAMES, "standard errors", "se", "v"),
    ):
        if name := _telling(values, telling):
            remarks.append(Remark(f"column '{name}' looks like {looks}; if so, pass it as {right}=, not as {wrong}="))
    if scale.is_ratio and (name := _telling(y, RATIO_NAMES)):
        remarks.append(
            Remark(
                f"column '{name}' looks like ratios and the scale '{scale}' wants logs; if so, Effects.from_ratios(...)"
            )
        )
    return tuple(remarks)


def sums_up(label: str) -> bool:
    """Whether a row sums up the others by its label.

    Examples
    --------
    >>> sums_up("Total (95% CI)"), sums_up("k = 12"), sums_up("Totaro 2001")
    (True, True, False)
    """
    return _summed(label) in SUMMARY_LABELS or bool(re.fullmatch(r"k\s*=\s*\d+.*", label.strip(), re.IGNORECASE))


def summary_rows(study: Sequence[str], rows: Rows) -> tuple[Remark, ...]:
    """Rows that by their label sum up the others.

    Parameters
    ----------
    study : sequence of str
        Labels, length k.
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    tuple of Remark
    """
    sums = [row for row, label in enumerate(study) if sums_up(label)]
    if not sums:
        return ()
    return (Remark(f"a summary rather than a study, by its label: {rows.names(sums)}; leave such rows out"),)


def _summed(label: str) -> str:
    """A label without what stands in brackets at its end: 'Total (95% CI)'."""
    return re.sub(r"\s*[(\[].*$", "", label.casefold()).rstrip(":.")


def _telling(values: object, names: frozenset[str]) -> str:
    """The column's own name when its letters are one of these; empty when it has none or another."""
    name = getattr(values, "name", None)
    return name if isinstance(name, str) and re.sub("[^a-z0-9]", "", name.casefold().replace("²", "2")) in names else ""


def count_remarks(k: int, allow_single: bool, lost: str = "") -> tuple[Remark, ...]:
    """What few studies mean for the analysis.

    Parameters
    ----------
    k : int
        Number of studies.
    allow_single : bool
        Whether one study is enough.
    lost : str
        The sentence on rows that were dropped.

    Returns
    -------
    tuple of Remark
        None for 5 studies or more.

    Raises
    ------
    InputError
        For no study; for one study unless `allow_single`.
    """
    if k == 0:
        raise InputError(f"{lost}the table has no studies", "at least 2 studies with an effect and a standard error")
    if k == 1 and not allow_single:
        raise InputError(
            f"{lost}the table has 1 study, which says nothing about the spread between studies",
            "at least 2 studies",
            "allow_single=True, together with an informative prior for tau",
        )
    if k == 2:
        return (
            Remark(
                "only 2 studies: tau is all but unidentified, so the answer rests on its prior or, in closed "
                "form, on one degree of freedom; show the prior panel, never one prior alone"
            ),
        )
    if k >= 5:
        return ()
    few = f"only {k} {'study' if k == 1 else 'studies'}, fewer than 5: a prediction interval is very uncertain"
    advice = "the prior on the heterogeneity matters; show the prior panel, never one prior alone"
    return (Remark(f"{few} and {advice}", warn=False),)


def value_remarks(
    y: Array, se: Array, n: Array, scale: Scale, rows: Rows, combined: NDArray[np.intp] | None = None
) -> tuple[Remark, ...]:
    """What the numbers look like when they are something else than the scale says.

    Parameters
    ----------
    y, se, n : ndarray
        Estimates, standard errors and sample sizes (NaN where unknown), shape (k,).
    scale : Scale
        What they are said to be.
    rows : Rows
        What the rows are called in messages.
    combined : ndarray of int, optional
        Of how many results each estimate is the mean, shape (k,): that of several is more precise than one of n people.

    Returns
    -------
    tuple of Remark
    """
    if combined is not None:
        n = np.where(combined > 1, np.nan, n)
    remarks = []
    far = np.abs(y) > scale.plausible_limit
    if far.any():
        values = listing(f"{rows.name(row)}: {y[row]:.4g}" for row in np.flatnonzero(far).tolist())
        remarks.append(Remark(f"effects beyond {scale.plausible_limit:g} on the scale '{scale}', check: {values}"))
    codes = missing_codes(y) & ~far
    if codes.any():
        remarks.append(Remark(f"the effect is {code_words(y, codes, rows)}"))
    if scale.is_ratio and len(y) >= 3 and y.min() > 0.0 and y.min() < 1.0 < y.max():
        remarks.append(
            Remark(
                f"all {len(y)} effects are above 0 and lie on both sides of 1, as ratios do, but the scale "
                f"'{scale}' wants logs; if they are ratios, use Effects.from_ratios(...)"
            )
        )
    if _looks_like_variances(se, n, VARIANCE_TIMES_N.get(scale.name, 0.0)):
        remarks.append(
            Remark(
                "the standard errors are too small for the sample sizes n and fall with 1/n as variances do; "
                "if they are variances, pass them as v=, not as se="
            )
        )
    elif _look_like_roots(se, n, VARIANCE_TIMES_N.get(scale.name, 0.0)):
        remarks.append(
            Remark(
                "the variances are too large for the sample sizes n and fall with the root of n as standard errors do; "
                "if they are standard errors, pass them as se=, not as v="
            )
        )
    else:
        remarks += _against_sizes(y, se, n, scale, rows)
    return (*remarks, *_uneven(se, rows))


def missing_codes(values: Array) -> NDArray[np.bool_]:
    """Which numbers look like a code for a missing one: -9, 99, -999, far from all others.

    Examples
    --------
    >>> missing_codes(np.array([31.0, 42.0, 999.0])), missing_codes(np.array([88.0, 93.0, 99.0]))
    (array([False, False,  True]), array([False, False, False]))
    """
    coded = np.isin(values, CODES)
    others = values[np.isfinite(values) & ~coded]
    if not coded.any() or len(others) < 2:
        return np.zeros(len(values), dtype=bool)
    largest = float(np.abs(others).max())
    alone = (values < 0.0) & (others.min() >= 0.0) & (np.abs(values) > largest)
    return coded & (alone | (np.abs(values) > FAR_CODE * largest))


def code_words(values: Array, codes: NDArray[np.bool_], rows: Rows) -> str:
    """What to tell of numbers that look like codes."""
    told = listing(f"{values[row]:g} for {rows.name(row)}" for row in np.flatnonzero(codes).tolist())
    return f"{told}, as tables code what is missing; if it is, leave the cell empty"


def _against_sizes(y: Array, se: Array, n: Array, scale: Scale, rows: Rows) -> list[Remark]:
    """Standard errors that the sample sizes make impossible, or all but."""
    least = VARIANCE_TIMES_N.get(scale.name)
    if least is None:
        return []
    exact = scale.name == "Fisher z"
    usual = np.sqrt(least / np.maximum(n - (3.0 if exact else 0.0), 1.0))
    odd = se < (1.0 - INCONSISTENT) * usual
    if exact or scale.name == "SMD":
        most = usual if exact else np.sqrt(usual**2 + y**2 / (2.0 * np.maximum(n - 2.0, 1.0)))  # of a large difference
        odd |= se > ((1.0 + INCONSISTENT) if exact else UNEVEN_ARMS) * most
    if not odd.any():
        return []
    told = listing(f"{rows.name(row)}: se {se[row]:.3g}, n {n[row]:g}" for row in np.flatnonzero(odd).tolist())
    words = "1 / sqrt(n - 3)" if exact else f"{np.sqrt(least):g} / sqrt(n)"
    usually = "is" if exact else "of two groups is at least"
    return [Remark(f"se and n do not fit together: with n persons se {usually} {words}: {told}", warn=exact)]


def _uneven(se: Array, rows: Rows) -> tuple[Remark, ...]:
    """The ratio of the largest to the smallest sampling variance, where it is extreme."""
    ratio = (se.max() / se.min()) ** 2 if len(se) else 1.0
    if ratio <= EXTREME_RATIO:
        return ()
    least, most = (rows.name(int(row)) for row in (se.argmin(), se.argmax()))
    sentence = (
        f"the largest sampling variance, of {most}, is {ratio:.2g} times the smallest, of {least}, which counts as all "
        "but exact; check both standard errors, and their unit"
    )
    return (Remark(sentence, warn=False),)


def _looks_like_variances(se: Array, n: Array, least: float) -> bool:
    """Whether se values are impossible as standard errors and possible as variances.

    A variance is at least ``least / n``. Standard errors fall with the root of n, variances with n.
    """
    slope = _slope(se, n) if least else 0.0
    se, n = se[np.isfinite(n)], n[np.isfinite(n)]
    return bool(slope and np.all(se < 0.7 * np.sqrt(least / n)) and np.all(se > 0.8 * least / n) and slope < -0.75)


def _look_like_roots(se: Array, n: Array, least: float) -> bool:
    """Whether the squares of these se are possible as standard errors, and se itself is too large.

    The root of a standard error falls with the fourth root of n.
    """
    slope = _slope(se, n) if least else 0.0
    se, n = se[np.isfinite(n)], n[np.isfinite(n)]
    usual = np.sqrt(least / n) if least else n
    return bool(np.all(se > 1.3 * usual) and np.all(np.abs(se**2 / usual - 1.2) < 0.5) and -0.38 < slope < -0.12)


def _slope(se: Array, n: Array) -> float:
    """Slope of log se on log n; 0 where fewer than three sizes are known, or all are alike."""
    se, n = se[np.isfinite(n)], n[np.isfinite(n)]
    if len(n) < 3:
        return 0.0
    spread = np.log(n) - np.log(n).mean()
    return float(np.sum(spread * np.log(se)) / np.sum(spread**2)) if np.sqrt(np.mean(spread**2)) >= 0.1 else 0.0
