"""Published rows that no study table can have: refused before anything is drawn."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from poolwise.errors import InputError
from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.plausible import Plausible
from poolwise.reconstruct.printed import Printed


def check_outcome(overall: Aggregate, plausible: Plausible) -> None:
    """Refuse the row of an outcome that cannot be reconstructed.

    Raises
    ------
    InputError
        If k, d, SE or Q is missing, k is below 2, figures contradict one another, or no studies
        within the plausible limits can have these aggregates.
    """
    check_several(overall)
    check_row(overall)
    _check_limits(overall, plausible)


def check_several(overall: Aggregate) -> None:
    """Refuse a row without d, SE or k, or of a single study.

    Raises
    ------
    InputError
        If one of them is missing, or k is 1.
    """
    for name in ("d", "se"):
        overall.figure(name)
    if overall.studies == 1:
        with_q = "; a single study has no Q" if overall.q is not None else ""
        raise InputError(f"{overall.name}: k = 1{with_q}", "at least 2 studies", "take d and SE as the study")


def check_row(row: Aggregate) -> None:
    """Refuse a row whose figures contradict one another.

    Raises
    ------
    InputError
        If SE rounds to 0, Q is negative, I2 is no percentage, or p, Q, I2 or the random-effects estimate
        cannot go with the other figures of the row.
    """
    if row.se is not None and row.se.inside[0] <= 0.0:
        raise InputError(
            f"{row.name}: SE is printed as {row.se}, which says nothing of its size",
            "an SE above 0 with enough decimals",
        )
    if row.q is not None and row.q.value < 0.0:
        raise InputError(f"{row.name}: Q = {row.q} is negative", "a sum of squares")
    if row.k == 1 and row.q is not None and row.q.inside[0] > 0.0:
        raise InputError(f"{row.name}: Q = {row.q} with k = 1; a single study has no Q", "no Q, or another k")
    if row.i2_percent is not None and not 0.0 <= row.i2_percent.value < 100.0:
        raise InputError(f"{row.name}: I2 = {row.i2_percent} %", "a percentage from 0 to below 100")
    if row.k is not None and (row.q is not None or row.i2_percent is not None):
        _check_random_effects(row, row.q_box()[1])
    if row.p is not None and row.d is not None and row.se is not None:
        _check_p(row, row.d, row.se, row.p)


def _check_random_effects(row: Aggregate, q_high: float) -> None:
    """Without heterogeneity (Q <= df) the random-effects estimate is the common-effect one."""
    if row.d_re is None or row.d is None or row.k is None or q_high > row.k - 1:
        return
    if row.d_re.inside[0] > row.d.inside[1] or row.d_re.inside[1] < row.d.inside[0]:
        raise InputError(
            f"{row.name}: random-effects estimate {row.d_re} beside common-effect {row.d}, though Q <= k - 1",
            "equal estimates, since tau2 is 0 there",
        )


def _check_p(row: Aggregate, d: Printed, se: Printed, p: Printed) -> None:
    nearest, farthest = _sizes(d)
    se_low, se_high = se.inside
    p_high = 2.0 * float(ndtr(-nearest / se_high))
    p_low = 2.0 * float(ndtr(-farthest / se_low))
    low, high = p.inside
    if p_low > high or p_high < (0.0 if p.below else low):
        raise InputError(
            f"{row.name}: p = {p} does not go with d = {d} and SE = {se}",
            f"a p from {p_low:.4g} to {p_high:.4g} (two-sided, normal)",
        )


def _sizes(figure: Printed) -> tuple[float, float]:
    """Smallest and largest absolute number that prints as this figure."""
    low, high = figure.inside
    nearest = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
    return nearest, max(abs(low), abs(high))


def _check_limits(overall: Aggregate, plausible: Plausible) -> None:
    d, se, k = overall.figure("d"), overall.figure("se"), overall.studies
    root = np.sqrt(k)
    se_low, se_high = se.inside
    if se_high * root < plausible.se_min or se_low * root > plausible.se_max:
        raise InputError(
            f"{overall.name}: SE = {se} with k = {k} asks for studies with standard errors around "
            f"{se.value * root:.3g}",
            f"standard errors from {plausible.se_min:g} to {plausible.se_max:g}",
            "other limits: plausible=Plausible(se_min=..., se_max=...)",
        )
    smallest, _ = _sizes(d)
    if smallest > plausible.d_max:
        raise InputError(
            f"{overall.name}: d = {d} is outside the plausible effects of single studies",
            f"at most {plausible.d_max:g} in size",
            "another limit: plausible=Plausible(d_max=...)",
        )
    room = (plausible.d_max**2 - smallest**2) / se_low**2
    if overall.q_box()[0] > room:
        raise InputError(
            f"{overall.name}: Q = {overall.q} needs single effects larger than {plausible.d_max:g}",
            f"Q of at most {room:.4g} with these limits",
            "another limit: plausible=Plausible(d_max=...)",
        )
