"""One door to all measures: a code, and whatever statistics a report gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from poolwise.errors import InputError, closest, listing
from poolwise.measures.catalogue import MEASURES, OPTIONS, Derivation, Measure
from poolwise.measures.estimate import Estimate
from poolwise.measures.statistics import SIGN, SIGNED_P, Array, in_one_order, read, refuse, refuse_direction
from poolwise.settings import check_option

_KNOWN = sorted({name for measure in MEASURES.values() for route in measure.routes for name in route})


def effect_size(measure: str, **statistics: ArrayLike | str | bool) -> Estimate:
    """Effect sizes with their sampling variances, from the statistics that reports give.

    ================  =================================================================================================
    two groups with   MD SMD SMDH SMD1 SMD1H ROM VR CVR CLESN: ``n1 m1 sd1 n2 m2 sd2``; POMPMD: ``lowest highest``
    means             besides; CLES: ``auc n1 n2``, or as CLESN
    SMD, RPB, ZPB,    ``d``, ``t``, ``r``, ``p`` (signed, or with ``sign``), or ``f`` or ``eta2`` with ``sign``; with
    RBIS, ZBIS,       ``n1 n2``
    D2ORL, D2ORN
    also from
    two-by-two        OR RR RD AS PETO PHI ZPHI YUQ YUY RTET ZTET PBIT OR2DL OR2DN: ``a b c d`` or
    tables            ``events1 n1 events2 n2``
    matched pairs     MPRD MPRR MPOR MPORC MPPETO: ``a b c d``; MPORM: ``a b c d r``, or ``both`` for ``r``
    rates             IRR IRD IRSD: ``events1 time1 events2 time2``; IR IRLN IRS IRFT: ``events time``
    correlations      COR UCOR ZCOR: ``r n``, or ``t`` or signed ``p`` with ``n``
    of regressions    PCOR ZPCOR: ``t``, ``p`` or ``partial_r``, with ``n predictors``; SPCOR ZSPCOR: ``t``, ``p`` or
                      ``semipartial_r``, with ``n predictors r2``; R2 ZR2: ``r2`` or ``f``, with ``n predictors``
    one group         PR PLN PLO PRZ PAS PFT: ``events n``; MN MNLN CVLN SMN: ``n m sd``; POMPMN: ``lowest highest``
                      besides; SDLN: ``n sd``; REH: ``a b c``
    change            MC SMCC SMCR SMCRH SMCRP SMCRPH CLESCN ROMC CVRC VRC: ``n m1 m2 sd1 sd2 r``, SMCC also ``t`` or
                      ``p``; POMPMC: ``lowest highest`` besides; PPC: ``n1 pre1 post1 sd1 n2 pre2 post2 sd2 r``
    reliability       ARAW AHW ABT: ``alpha items n``
    ================  =================================================================================================

    Parameters
    ----------
    measure : str
        One of these codes.
    **statistics
        By the names above, numbers or arrays that broadcast; and the settings of the measure (``variance``,
        ``correct``, ``sampling``, ``add``, ``to``, ``drop00``), which are told by the function behind it.

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        For an unknown code, statistics that do not suffice, or suffice twice, numbers that cannot be; the message says
        which rows, and what would do.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapters 4 to 7, 10.1002/9780470743386; the functions behind
    the codes name theirs.

    Examples
    --------
    >>> y, v = effect_size("SMD", n1=[20, 40], m1=[11, 10.4], sd1=[2, 2], n2=[20, 41], m2=[10, 10], sd2=[2, 1.8])
    >>> y.round(3).tolist()
    [0.49, 0.208]
    >>> round(float(effect_size("SMD", t=1.58, n1=20, n2=20).y), 3)
    0.49
    """
    check_option("measure", measure, MEASURES, error=InputError)
    chosen = _estimator(MEASURES[measure], statistics)
    settings = {name: value for name, value in statistics.items() if name in OPTIONS and value is not None}
    values = {name: value for name, value in statistics.items() if name not in OPTIONS and value is not None}
    _check_names(chosen, settings, values)
    values = in_one_order(measure, values)
    route, derivation = _route(chosen, values)
    unused = [name for name in values if name not in route]
    sign = _sign(measure, values) if "sign" in unused else None
    if sign is not None and "p" in route:
        values["p"] = _directed(measure, values["p"], sign)
    reported = [values[name] for name in route]
    with np.errstate(all="ignore"):  # numbers at the edge of what they can be have no value, which a note tells
        if derivation is not None:
            results = derivation.function(**{name: values[name] for name in derivation.needs})
            values |= dict(zip(derivation.gives, results if len(derivation.gives) > 1 else (results,), strict=True))
        found = chosen.function(**{name: values[name] for name in chosen.needs}, **settings)
    notes = (*found.notes, *_without_value(found, reported))
    if sign is not None:
        told = listing(name for name in route if name not in ("n", "n1", "n2"))
        refuse_direction(measure, sign, found.y, told)
        unused.remove("sign")
    if unused:
        notes = (*notes, f"{measure}: {listing(unused)} was not used")
    return replace(found, notes=notes)


def _sign(measure: str, values: Mapping[str, ArrayLike]) -> Array:
    """The direction of the effects, told beside statistics that carry one themselves or, as p, do not."""
    (sign,) = read(measure, {"sign": (values["sign"], SIGN)})
    return sign


def _directed(measure: str, p: ArrayLike, sign: Array) -> Array:
    """p-values with the sign of the effect, from what they are and the sign beside them."""
    (own,) = read(measure, {"p": (p, SIGNED_P)})
    refuse(measure, (own < 0.0) & (sign > 0.0), "p and the sign disagree", "one direction")
    return np.where(np.isnan(sign), own, sign * np.abs(own))


def _estimator(measure: Measure, statistics: Mapping[str, object]) -> Measure:
    """The measure, or the other estimator of the same quantity where the statistics are those of the other one."""
    if not measure.otherwise or any(set(route) <= set(statistics) for route in measure.routes):
        return measure
    other = MEASURES[measure.otherwise]
    return other if any(set(route) <= set(statistics) for route in other.routes) else measure


def _without_value(found: Estimate, reported: Sequence[ArrayLike]) -> tuple[str, ...]:
    """A note on rows that report all that is needed and have no value all the same, where no other note tells why."""
    if any("no ratio" in note or "left out" in note for note in found.notes):
        return ()
    missing = sum((np.isnan(np.asarray(values, dtype=float)) for values in reported), start=np.zeros(found.y.shape))
    gone = int((np.isnan(found.y) & (missing == 0)).sum())
    return (f"{found.measure}: {gone} of {found.y.size} rows have no value by these statistics",) if gone else ()


def _check_names(measure: Measure, settings: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Refuse names that are no statistic, and settings that the measure does not have."""
    for name in values:
        if name not in _KNOWN:
            advice = closest(name, (*_KNOWN, *OPTIONS))
            raise InputError(f"{measure.code}: no statistic is called '{name}'", _expected(measure), advice)
    for name in settings:
        if name not in measure.options:
            has = f"it has {listing(measure.options)}" if measure.options else "it has no settings"
            raise InputError(f"{measure.code} has no setting '{name}'", has)


def _route(measure: Measure, values: Mapping[str, object]) -> tuple[tuple[str, ...], Derivation | None]:
    """What the measure is computed from, and by which derivation, where one is needed."""
    options = [
        (measure.needs, None),
        *((measure.through(derivation), derivation) for derivation in measure.derivations),
    ]
    fitting = [(route, derivation) for route, derivation in options if set(route) <= set(values)]
    if not fitting:
        given = listing(values) if values else "nothing"
        raise InputError(f"{measure.code} cannot be computed from {given}", _expected(measure), _kin(measure, values))
    if len(fitting) > 1:
        twice = " and from ".join(listing(route) for route, _ in fitting)
        raise InputError(f"{measure.code} can be computed from {twice}", "one of these", "leaving one of them out")
    return fitting[0]


def _kin(measure: Measure, values: Mapping[str, object]) -> str:
    """Measures of the same thing that these statistics suffice for."""
    kin = [other for other in MEASURES.values() if other.scale == measure.scale and other is not measure]
    codes = [other.code for other in kin if any(set(route) <= set(values) for route in other.routes)]
    return f"measure='{codes[0]}'" if codes else ""


def _expected(measure: Measure) -> str:
    return "; or ".join(listing(route, most=12) for route in measure.routes)
