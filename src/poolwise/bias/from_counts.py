"""Tests of funnel plot asymmetry for odds ratios, by what does not contain the odds ratio itself.

Of a trial with a of n1 and c of n2 persons with the event, N = n1 + n2 and m = a + c: the standard error of its log
odds ratio is small where the odds ratio is near 1, which tilts a funnel from which nothing is missing. Sizes and
margins do not know the odds ratio.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.bias.asymmetry import AsymmetryTest, fit_line, record
from poolwise.bias.egger import NO_LIMIT, ROBUST
from poolwise.bias.requirements import FEWEST, check_varies, independence, need_reported
from poolwise.effects import Effects, some_rows
from poolwise.errors import InputError
from poolwise.intake.counts import RATES, counts_of, log_ratio
from poolwise.quantities import Estimate
from poolwise.scale import as_scale

Array = NDArray[np.float64]
UNIT = as_scale("log OR").label


@final
@dataclass(frozen=True, eq=False)
class TwoArms:
    """Counts of two arms in the rows that tell of an odds ratio.

    Attributes
    ----------
    effects : Effects
        Those rows.
    y : ndarray, shape (k,)
        Log odds ratios.
    n1, n2 : ndarray, shape (k,)
        Persons in each arm.
    a, m : ndarray, shape (k,)
        Events in the first arm, and in both.
    notes : tuple of str
        What was left out or computed anew.
    """

    effects: Effects
    y: Array
    n1: Array
    n2: Array
    a: Array
    m: Array
    notes: tuple[str, ...]

    @property
    def persons(self) -> Array:
        """Persons in both arms, shape (k,)."""
        return self.n1 + self.n2

    @property
    def margin_variance(self) -> Array:
        """1 / m + 1 / (N - m), N persons in all, the variance that the margins alone give, shape (k,)."""
        return 1.0 / self.m + 1.0 / (self.persons - self.m)


def peters(effects: Effects) -> AsymmetryTest:
    """Peters's test: log odds ratios on the inverse of the sample size.

    y_i = b0 + b1 / N_i + e_i with the weights 1 / (1 / m_i + 1 / (N_i - m_i)), m_i the events of both arms;
    t = b1 / se(b1), k - 2 degrees of freedom, multiplicative dispersion.

    Parameters
    ----------
    effects : Effects
        With counts of two arms: `Effects.from_counts`.

    Returns
    -------
    AsymmetryTest

    Raises
    ------
    InputError
        Without counts of persons, for equal sample sizes, and as for `egger`.

    References
    ----------
    Peters et al. 2006, JAMA 295:676, 10.1001/jama.295.6.676.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(peters(pw.datasets.load("bcg")).p_value, 2)
    0.2
    """
    arms = two_arms("peters", effects)
    return _test(
        arms, "Peters's test", 1.0 / arms.persons, arms.margin_variance,
        predictor="inverse of the sample size", weights="weights from the margins",
    )  # fmt: skip


def macaskill(effects: Effects) -> AsymmetryTest:
    """Macaskill's test: log odds ratios on the sample size.

    y_i = b0 + b1 N_i + e_i with the weights 1 / (1 / m_i + 1 / (N_i - m_i)), m_i the events of both arms (the pooled
    variance); t = b1 / se(b1), k - 2 degrees of freedom, multiplicative dispersion.

    Parameters
    ----------
    effects : Effects
        With counts of two arms: `Effects.from_counts`.

    Returns
    -------
    AsymmetryTest
        Without a limit, since the line has no value at an unlimited sample size.

    Raises
    ------
    InputError
        Without counts of persons, for equal sample sizes, and as for `egger`.

    References
    ----------
    Macaskill, Walter & Irwig 2001, Statistics in Medicine 20:641, 10.1002/sim.698.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(macaskill(pw.datasets.load("bcg")).p_value, 4)
    0.0006
    """
    arms = two_arms("macaskill", effects)
    return _test(
        arms, "Macaskill's test", arms.persons, arms.margin_variance,
        predictor="sample size", weights="weights from the margins", rises=False,
    )  # fmt: skip


def deeks(effects: Effects) -> AsymmetryTest:
    """Deeks's test: log (diagnostic) odds ratios on the inverse root of the effective sample size.

    y_i = b0 + b1 / sqrt(E_i) + e_i with the weights E_i = 4 n1_i n2_i / (n1_i + n2_i); t = b1 / se(b1), k - 2 degrees
    of freedom, multiplicative dispersion.

    Parameters
    ----------
    effects : Effects
        With counts of two arms, of diagnostic studies those with and without the condition: `Effects.from_counts`.

    Returns
    -------
    AsymmetryTest

    Raises
    ------
    InputError
        Without counts of persons, for equal effective sample sizes, and as for `egger`.

    References
    ----------
    Deeks, Macaskill & Irwig 2005, J. Clinical Epidemiology 58:882, 10.1016/j.jclinepi.2005.01.016.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(deeks(pw.datasets.load("bcg")).p_value, 2)
    0.1
    """
    arms = two_arms("deeks", effects)
    v = 0.25 * arms.persons / (arms.n1 * arms.n2)
    return _test(
        arms, "Deeks's test", np.sqrt(v), v,
        predictor="inverse root of the effective sample size", weights="weights by effective sample size",
    )  # fmt: skip


def harbord(effects: Effects) -> AsymmetryTest:
    """Harbord's test: efficient scores on their Fisher information.

    With Z_i = a_i - n1_i m_i / N_i and V_i = n1_i n2_i m_i (N_i - m_i) / (N_i^2 (N_i - 1)), score and information of
    the log odds ratio at 0: Z_i / V_i = b0 + b1 / sqrt(V_i) + e_i with the weights V_i; t = b1 / se(b1), k - 2 degrees
    of freedom, multiplicative dispersion. No cell needs a correction.

    Parameters
    ----------
    effects : Effects
        With counts of two arms: `Effects.from_counts`.

    Returns
    -------
    AsymmetryTest
        The limit is on the scale of Peto's log odds ratio Z / V.

    Raises
    ------
    InputError
        Without counts of persons, where all V are equal, and as for `egger`.

    References
    ----------
    Harbord, Egger & Sterne 2006, Statistics in Medicine 25:3443, 10.1002/sim.2380.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(harbord(pw.datasets.load("bcg")).p_value, 2)
    0.23
    """
    arms = two_arms("harbord", effects)
    n1, n2, m, persons = arms.n1, arms.n2, arms.m, arms.persons
    score = arms.a - n1 * m / persons
    v = persons**2 * (persons - 1.0) / (n1 * n2 * m * (persons - m))
    return _test(
        replace(arms, y=score * v), "Harbord's test", np.sqrt(v), v,
        predictor="inverse root of the information", weights="weights by information",
        unit="log odds ratio by score over information",
    )  # fmt: skip


def _test(
    arms: TwoArms, method: str, x: Array, v: Array, *, predictor: str, weights: str, rises: bool = True,
    unit: str = UNIT,
) -> AsymmetryTest:  # fmt: skip
    """A regression of the effects on x with the weights 1 / v."""
    check_varies(method, x, predictor, "so that there is no funnel to be asymmetric")
    line = fit_line(method, arms.y, v, x)
    return record(
        method,
        arms.effects,
        line,
        model=f"weighted regression with multiplicative dispersion, {weights}",
        predictor=predictor,
        limit=None if rises else Estimate(np.nan, remark=NO_LIMIT),
        rises=rises,
        unit=unit,
        notes=(*arms.notes, *independence(method, arms.effects, ROBUST)),
    )


def two_arms(asked: str, effects: Effects) -> TwoArms:
    """The counts of both arms, without the rows that tell nothing of an odds ratio.

    Raises
    ------
    InputError
        Where the table cannot be used, has no counts of persons in two arms, or has fewer than three rows
        that tell of an odds ratio.
    """
    need_reported(effects, asked)
    if effects.scale.name in RATES:
        raise InputError(
            f"{asked} was given effects on the scale '{effects.scale}', whose totals are person-time",
            "persons with and without the event in two arms",
            "pw.bias.egger(effects)",
        )
    events, totals = counts_of(effects.moderators, "log OR", effects.rows)
    both = totals.sum(axis=1)
    m = events.sum(axis=1)
    tells = (m > 0) & (m < both)
    notes: list[str] = []
    part = effects
    if not tells.all():
        notes.append(f"Left out, since nobody or everybody had the event: {effects.rows.names(~tells)}.")
        if tells.sum() < FEWEST:
            raise InputError(
                f"{asked}: only {tells.sum()} of {effects.k} trials had persons with and without the event",
                f"at least {FEWEST}",
            )
        part = some_rows(effects, tells)
        events, totals, m = events[tells], totals[tells], m[tells]
    y = part.y
    if effects.scale.name != "log OR":
        y = log_ratio(events, totals, "log OR")[0]
        notes.append(f"The effects of the table are on the scale '{effects.scale}'; the test used log odds ratios.")
    return TwoArms(part, y, totals[:, 0], totals[:, 1], events[:, 0], m, tuple(notes))
