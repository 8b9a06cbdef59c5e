"""Counts in one group, proportions and rates, and rates of two groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import COUNT, PEOPLE, POSITIVE, read, refuse
from poolwise.measures.zeros import ADD, added, positive
from poolwise.settings import check_flag

Array = NDArray[np.float64]


def proportion(*, events: ArrayLike, n: ArrayLike, add: float = ADD, to: str = "only0") -> Estimate:
    """Raw proportion, y = p = events / n, v = p (1 - p) / n (PR).

    Parameters
    ----------
    events, n : array_like
        People with the event, and all people.
    add : float
        What is added to the events and to the others of the rows that `to` names.
    to : str
        ``"only0"``: rows in which nobody, or everybody, has the event; ``"all"``; ``"if0all"``; ``"none"``.

    Returns
    -------
    Estimate
        A proportion.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    x, m, notes = _split("PR", events, n, add, to)
    p = x / (x + m)
    return estimate("PR", p, p * (1.0 - p) / (x + m), notes)


def log_proportion(*, events: ArrayLike, n: ArrayLike, add: float = ADD, to: str = "only0") -> Estimate:
    """Log proportion, y = log(events / n), v = 1/events - 1/n (PLN).

    Parameters
    ----------
    events, n, add, to
        As for `proportion`.

    Returns
    -------
    Estimate
        A log; NaN where there is no event.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    x, m, notes = _split("PLN", events, n, add, to)
    x = positive(x)
    return estimate("PLN", np.log(x / (x + m)), 1.0 / x - 1.0 / (x + m), notes)


def logit_proportion(*, events: ArrayLike, n: ArrayLike, add: float = ADD, to: str = "only0") -> Estimate:
    """Logit proportion, y = log(events / others), v = 1/events + 1/others (PLO).

    Parameters
    ----------
    events, n, add, to
        As for `proportion`.

    Returns
    -------
    Estimate
        A logit; NaN where nobody, or everybody, has the event.

    References
    ----------
    Warton & Hui 2011, Ecology 92:3, 10.1890/10-0340.1.
    """
    x, m, notes = _split("PLO", events, n, add, to)
    x, m = positive(x), positive(m)
    return estimate("PLO", np.log(x / m), 1.0 / x + 1.0 / m, notes)


def probit_proportion(*, events: ArrayLike, n: ArrayLike, add: float = ADD, to: str = "only0") -> Estimate:
    """Probit proportion, y = Phi^-1(p), v = p (1 - p) / (n phi(y)^2) with the normal density phi (PRZ).

    Parameters
    ----------
    events, n, add, to
        As for `proportion`.

    Returns
    -------
    Estimate
        A normal quantile; NaN where nobody, or everybody, has the event.

    References
    ----------
    Sánchez-Meca, Marín-Martínez & Chacón-Moscoso 2003, Psychological Methods 8:448, of whose probit difference it is
    one half, 10.1037/1082-989X.8.4.448.
    """
    x, m, notes = _split("PRZ", events, n, add, to)
    x, m = positive(x), positive(m)
    p = x / (x + m)
    y = special.ndtri(p)
    return estimate("PRZ", y, 2.0 * np.pi * p * (1.0 - p) * np.exp(y**2) / (x + m), notes)


def arcsine_proportion(*, events: ArrayLike, n: ArrayLike, add: float = 0.0, to: str = "only0") -> Estimate:
    """Angular proportion, y = asin(sqrt(p)), v = 1 / (4 n) (PAS).

    Parameters
    ----------
    events, n, add, to
        As for `proportion`; nothing is added by default, since nothing is needed.

    Returns
    -------
    Estimate
        In radians.

    References
    ----------
    Rücker, Schwarzer, Carpenter & Olkin 2009, Statistics in Medicine 28:721, 10.1002/sim.3511.
    """
    x, m, notes = _split("PAS", events, n, add, to)
    return estimate("PAS", np.arcsin(np.sqrt(x / (x + m))), 0.25 / (x + m), notes)


def freeman_tukey_proportion(*, events: ArrayLike, n: ArrayLike, add: float = 0.0, to: str = "only0") -> Estimate:
    """Double arcsine, y = (asin(sqrt(x / (n + 1))) + asin(sqrt((x + 1) / (n + 1)))) / 2, v = 1 / (4 n + 2) (PFT).

    Parameters
    ----------
    events, n, add, to
        As for `proportion`; nothing is added by default.

    Returns
    -------
    Estimate
        In radians. Its way back to a proportion depends on a sample size, and misleads for pooled estimates.

    References
    ----------
    Freeman & Tukey 1950, Annals of Mathematical Statistics 21:607, 10.1214/aoms/1177729756; Schwarzer, Chemaitelly,
    Abu-Raddad & Rücker 2019, Research Synthesis Methods 10:476, on the way back, 10.1002/jrsm.1348.
    """
    x, m, notes = _split("PFT", events, n, add, to)
    n = x + m
    y = (np.arcsin(np.sqrt(x / (n + 1.0))) + np.arcsin(np.sqrt((x + 1.0) / (n + 1.0)))) / 2.0
    return estimate("PFT", y, 1.0 / (4.0 * n + 2.0), notes)


def incidence_rate(*, events: ArrayLike, time: ArrayLike, add: float = ADD, to: str = "only0") -> Estimate:
    """Incidence rate, y = events / time, v = events / time^2 (IR).

    Parameters
    ----------
    events, time : array_like
        Events, and the person-time in which they were counted.
    add : float
        What is added to the events of the rows that `to` names.
    to : str
        ``"only0"``: rows without an event; ``"all"``; ``"if0all"``; ``"none"``.

    Returns
    -------
    Estimate
        Events for one unit of person-time.

    References
    ----------
    Rothman, Greenland & Lash 2008, Modern Epidemiology, 3rd edition, chapter 14.
    """
    x, time, notes = _counted("IR", events, time, add, to)
    return estimate("IR", x / time, x / time**2, notes)


def log_incidence_rate(*, events: ArrayLike, time: ArrayLike, add: float = ADD, to: str = "only0") -> Estimate:
    """Log incidence rate, y = log(events / time), v = 1 / events (IRLN).

    Parameters
    ----------
    events, time, add, to
        As for `incidence_rate`.

    Returns
    -------
    Estimate
        NaN where there is no event.

    References
    ----------
    Rothman, Greenland & Lash 2008, Modern Epidemiology, 3rd edition, chapter 14.
    """
    x, time, notes = _counted("IRLN", events, time, add, to)
    x = positive(x)
    return estimate("IRLN", np.log(x / time), 1.0 / x, notes)


def root_incidence_rate(*, events: ArrayLike, time: ArrayLike, add: float = 0.0, to: str = "only0") -> Estimate:
    """Root of an incidence rate, y = sqrt(events / time), v = 1 / (4 time) (IRS).

    Parameters
    ----------
    events, time, add, to
        As for `incidence_rate`; nothing is added by default, since nothing is needed.

    Returns
    -------
    Estimate

    References
    ----------
    Freeman & Tukey 1950, Annals of Mathematical Statistics 21:607, 10.1214/aoms/1177729756.
    """
    x, time, notes = _counted("IRS", events, time, add, to)
    return estimate("IRS", np.sqrt(x / time), 0.25 / time, notes)


def freeman_tukey_rate(*, events: ArrayLike, time: ArrayLike, add: float = 0.0, to: str = "only0") -> Estimate:
    """Freeman-Tukey rate, y = (sqrt(x / t) + sqrt((x + 1) / t)) / 2 with x events in the time t, v = 1 / (4 t) (IRFT).

    Parameters
    ----------
    events, time, add, to
        As for `incidence_rate`; nothing is added by default, since nothing is needed.

    Returns
    -------
    Estimate

    References
    ----------
    Freeman & Tukey 1950, Annals of Mathematical Statistics 21:607, 10.1214/aoms/1177729756.
    """
    x, time, notes = _counted("IRFT", events, time, add, to)
    return estimate("IRFT", (np.sqrt(x / time) + np.sqrt((x + 1.0) / time)) / 2.0, 0.25 / time, notes)


def relative_excess_heterozygosity(*, a: ArrayLike, b: ArrayLike, c: ArrayLike) -> Estimate:
    """Log relative excess heterozygosity, y = log(b / (2 sqrt(a c))), v = 1/(4 a) + 1/b + 1/(4 c) (REH).

    0 in Hardy-Weinberg equilibrium, above it with more heterozygous people.

    Parameters
    ----------
    a, b, c : array_like
        People who are homozygous for one allele, heterozygous, homozygous for the other.

    Returns
    -------
    Estimate
        NaN where a count is 0.

    References
    ----------
    Ziegler, Van Steen & Wellek 2011, Breast Cancer Research and Treatment 128:197, 10.1007/s10549-010-1295-z.
    """
    counts = read("REH", {"a": (a, COUNT), "b": (b, COUNT), "c": (c, COUNT)})
    a, b, c = (positive(people) for people in counts)
    y = np.log(b) - np.log(2.0) - (np.log(a) + np.log(c)) / 2.0
    return estimate("REH", y, 0.25 / a + 1.0 / b + 0.25 / c)


def incidence_rate_ratio(
    *,
    events1: ArrayLike,
    time1: ArrayLike,
    events2: ArrayLike,
    time2: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Log ratio of incidence rates, y = log(x1 / t1) - log(x2 / t2), v = 1/x1 + 1/x2 (IRR).

    Parameters
    ----------
    events1, time1, events2, time2 : array_like
        Events and person-time of both groups.
    add : float
        What is added to the events of the rows that `to` names.
    to : str
        ``"only0"``: rows without an event in a group; ``"all"``; ``"if0all"``; ``"none"``.
    drop00 : bool
        Leave out (as missing) rows without an event in either group.

    Returns
    -------
    Estimate

    References
    ----------
    Bagos & Nikolopoulos 2009, International Journal of Biostatistics 5(1):21, 10.2202/1557-4679.1168.
    """
    x1, t1, x2, t2, notes = _two_rates("IRR", events1, time1, events2, time2, add, to, drop00)
    x1, x2 = positive(x1), positive(x2)
    return estimate("IRR", np.log(x1 / t1) - np.log(x2 / t2), 1.0 / x1 + 1.0 / x2, notes)


def incidence_rate_difference(
    *,
    events1: ArrayLike,
    time1: ArrayLike,
    events2: ArrayLike,
    time2: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Difference of incidence rates, y = x1 / t1 - x2 / t2, v = x1 / t1^2 + x2 / t2^2 (IRD).

    Parameters
    ----------
    events1, time1, events2, time2, add, to, drop00
        As for `incidence_rate_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Bagos & Nikolopoulos 2009, International Journal of Biostatistics 5(1):21, 10.2202/1557-4679.1168.
    """
    x1, t1, x2, t2, notes = _two_rates("IRD", events1, time1, events2, time2, add, to, drop00)
    return estimate("IRD", x1 / t1 - x2 / t2, x1 / t1**2 + x2 / t2**2, notes)


def root_rate_difference(
    *,
    events1: ArrayLike,
    time1: ArrayLike,
    events2: ArrayLike,
    time2: ArrayLike,
    add: float = 0.0,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Difference of the roots of incidence rates, y = sqrt(x1/t1) - sqrt(x2/t2), v = 1/(4 t1) + 1/(4 t2) (IRSD).

    Parameters
    ----------
    events1, time1, events2, time2, add, to, drop00
        As for `incidence_rate_ratio`; nothing is added by default.

    Returns
    -------
    Estimate

    References
    ----------
    Bagos & Nikolopoulos 2009, International Journal of Biostatistics 5(1):21, 10.2202/1557-4679.1168.
    """
    x1, t1, x2, t2, notes = _two_rates("IRSD", events1, time1, events2, time2, add, to, drop00)
    return estimate("IRSD", np.sqrt(x1 / t1) - np.sqrt(x2 / t2), 0.25 / t1 + 0.25 / t2, notes)


def _split(measure: str, events: ArrayLike, n: ArrayLike, add: float, to: str) -> tuple[Array, Array, tuple[str, ...]]:
    """People with and without the event, after what was added."""
    x, total = np.broadcast_arrays(*read(measure, {"events": (events, COUNT), "n": (n, PEOPLE)}))
    refuse(measure, x > total, "events exceed n", "at most as many events as people", "looking for swapped columns")
    more, notes = added(measure, (x == 0.0) | (x == total), add, to)
    return x + more, total - x + more, notes


def _counted(
    measure: str, events: ArrayLike, time: ArrayLike, add: float, to: str
) -> tuple[Array, Array, tuple[str, ...]]:
    x, time = np.broadcast_arrays(*read(measure, {"events": (events, COUNT), "time": (time, POSITIVE)}))
    more, notes = added(measure, x == 0.0, add, to)
    return x + more, time, notes


def _two_rates(
    measure: str,
    events1: ArrayLike,
    time1: ArrayLike,
    events2: ArrayLike,
    time2: ArrayLike,
    add: float,
    to: str,
    drop00: bool,
) -> tuple[Array, Array, Array, Array, tuple[str, ...]]:
    """Events and times of both groups, after what was added and left out."""
    check_flag("drop00", drop00, error=InputError)
    statistics = {
        "events1": (events1, COUNT),
        "time1": (time1, POSITIVE),
        "events2": (events2, COUNT),
        "time2": (time2, POSITIVE),
    }
    x1, t1, x2, t2 = np.broadcast_arrays(*read(measure, statistics))
    more, notes = added(measure, (x1 == 0.0) | (x2 == 0.0), add, to)
    silent = (x1 + x2 == 0.0) & drop00
    if silent.any():
        notes = (*notes, f"{measure}: {int(silent.sum())} rows without an event are left out")
    gap = np.where(silent, np.nan, 0.0)
    return x1 + more + gap, t1, x2 + more + gap, t2, notes
