"""Trim and fill: how many extreme results a symmetric funnel would lack, and the mean with them filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import FEW, need_independent
from poolwise.closed_form.inference import coefficients
from poolwise.closed_form.least_squares import inverse_variance_fit, prepare
from poolwise.closed_form.tau2 import ESTIMATORS, estimate_tau2
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.errors import InputError
from poolwise.fit import fit
from poolwise.model import CommonEffect, RandomEffects
from poolwise.quantities import in_words
from poolwise.reading import mean_words
from poolwise.result import Result
from poolwise.settings import check_option

Array = NDArray[np.float64]
Side = Literal["left", "right"]
ROUNDS = 100  # of trimming; a number of missing studies that has not settled by then goes round in circles
ROUNDING = 1e-14  # of the largest estimate: distances from the centre that small are none
TIE = 1e-12  # of the largest distance from the centre: distances this close are tied


@final
@dataclass(frozen=True, repr=False)
class TrimAndFill:
    """How many studies are missing on one side of the funnel by its asymmetry, and the mean with them filled in.

    Attributes
    ----------
    k0 : int
        Estimated number of missing studies.
    se_k0 : float
        Its standard error, at the estimate before it is rounded and set to 0 at least; NaN where its square would be
        negative, as it may be with a number far below 0.
    p_value : float
        Of the test that none is missing on that side, with ``"R0"``; NaN otherwise, where there is no test.
    side : {"left", "right"}
        Where they are missing.
    estimator : str
        ``"L0"``, ``"R0"`` or ``"Q0"``.
    filled : Effects
        The studies and, behind them, the filled-in ones: mirror images of the most extreme ones on the other side,
        called ``"<study> (filled)"``, of provenance ``"simulated"``.
    result, observed : Result
        Of `ClosedForm` with and without the filled-in studies.
    sentence : str
        What was found and what it cannot tell.

    References
    ----------
    Duval & Tweedie 2000, Biometrics 56:455, 10.1111/j.0006-341X.2000.00455.x.
    """

    k0: int
    se_k0: float
    p_value: float
    side: Side
    estimator: str
    filled: Effects = field(repr=False)
    result: Result = field(repr=False)
    observed: Result = field(repr=False)
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: the number and the side."""
        return f"<TrimAndFill: k0 = {self.k0} on the {self.side} ({self.estimator})>"

    def _repr_html_(self) -> str:
        """The means with and without the filled-in studies, compact."""
        rows = [
            (words, str(result.effects.k), in_words(result["mu"]))
            for words, result in (("as observed", self.observed), ("with the filled-in studies", self.result))
        ]
        return show.card("Trim and fill", header=("studies", "k", "μ"), rows=rows, answer=show.greek(self.sentence))


def trim_and_fill(
    effects: Effects,
    *,
    estimator: Literal["L0", "R0", "Q0"] = "L0",
    side: Side | None = None,
    tau2: str | None = "REML",
) -> TrimAndFill:
    """Estimate how many studies are missing on one side of the funnel, and refit with their mirror images filled in.

    With the k distances from the centre ranked by size, T the sum of the ranks of those on the fuller side and g the
    number of ranks above the largest one on the other side,

        L0 = (4 T - k (k + 1)) / (2 k - 1),    R0 = g - 1,    Q0 = k - 1/2 - sqrt(2 k^2 - 4 T + 1/4),

    rounded to a whole number k0 of at least 0. The k0 most extreme studies are left out, the centre is estimated anew
    from the others, and so on until k0 stays.

    Parameters
    ----------
    effects : Effects
    estimator : {"L0", "R0", "Q0"}
        Of the number of missing studies.
    side : {"left", "right"}, optional
        Where studies are missing, at the small or the large estimates; the side that Egger's regression on the standard
        error points to when None: left where small studies have the larger estimates.
    tau2 : str, optional
        Estimator of tau2 for centre and fits, as in `ClosedForm`; a common effect when None.

    Returns
    -------
    TrimAndFill

    Raises
    ------
    InputError
        For fewer than 3 studies, several effects of one study, a reconstructed table; for equal standard errors when
        the side is not given; when the estimator does not exist or does not settle.
    ModelError
        For an unknown option.

    Notes
    -----
    L0 is the default since Duval and Tweedie recommend it with R0, and it is the less affected by a single study. REML
    is the estimator of `ClosedForm`. The side has a default, unlike the direction of other methods, since here the
    funnel itself is said to show it.

    References
    ----------
    Duval & Tweedie 2000, Biometrics 56:455, 10.1111/j.0006-341X.2000.00455.x.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.trim_and_fill(pw.datasets.load("bcg"), side="right")
    >>> found.k0, found.filled.k
    (1, 14)
    """
    table = need_independent(effects, "trim_and_fill", least=3)
    check_option("estimator", estimator, MISSING)
    if tau2 is not None:
        check_option("tau2", tau2, ESTIMATORS)
    if side is None:
        where = _emptier_side(table, tau2)
    else:
        where = "left" if check_option("side", side, ("left", "right")) == "left" else "right"
    flip = 1.0 if where == "left" else -1.0
    order = np.argsort(flip * table.y, kind="stable")
    y, v = flip * table.y[order], table.v[order]
    k0, centre, number = _trimmed(y, v, estimator, tau2)
    extreme = order[table.k - k0 :]
    filled = _filled(table, extreme, 2.0 * flip * centre - table.y[extreme]) if k0 else table
    engine = ClosedForm() if tau2 is None else ClosedForm(tau2=tau2)
    model = CommonEffect() if tau2 is None else RandomEffects()
    observed = fit(table, model, engine)
    result = fit(filled, model, engine) if k0 else observed
    se = _se(table.k, number, estimator)
    p_value = 0.5 ** (k0 + 1) if estimator == "R0" else np.nan
    words = _sentence(k0, se, p_value, where, estimator, observed, result)
    return TrimAndFill(k0, se, p_value, where, estimator, filled, result, observed, words)


def _l0(signed: Array) -> float:
    k = len(signed)
    return float((4.0 * signed[signed > 0].sum() - k * (k + 1.0)) / (2.0 * k - 1.0))


def _r0(signed: Array) -> float:
    centred = np.count_nonzero(signed == 0.0)  # which have the lowest ranks
    return float(len(signed) - np.max(-signed[signed < 0], initial=centred) - 1.0)


def _q0(signed: Array) -> float:
    k = len(signed)
    square = 2.0 * k * k - 4.0 * signed[signed > 0].sum() + 0.25
    return float(k - 0.5 - np.sqrt(square)) if square >= 0.0 else np.nan


MISSING: dict[str, Callable[[Array], float]] = {"L0": _l0, "R0": _r0, "Q0": _q0}


def _trimmed(y: Array, v: Array, estimator: str, tau2: str | None) -> tuple[int, float, float]:
    """The number of missing studies, the centre without as many of the largest estimates, and the unrounded number.

    Estimates are sorted, studies missing among the small ones.
    """
    k, k0 = len(y), 0
    seen: list[int] = []
    while len(seen) < ROUNDS:
        seen.append(k0)
        if k - k0 < 1:
            raise InputError(
                f"trim and fill by {estimator} would leave out all {k} studies, so that no centre is left",
                "studies on both sides of a centre",
                "another estimator: " + ", ".join(f"'{name}'" for name in MISSING if name != estimator),
            )
        centre = _centre(y[: k - k0], v[: k - k0], tau2)
        distance = y - centre
        signed = _signed_ranks(np.where(np.abs(distance) <= ROUNDING * np.abs(y).max(), 0.0, distance))
        number = MISSING[estimator](signed)
        if np.isnan(number):
            raise InputError(
                f"{estimator} does not exist: the funnel is so one-sided that it is the root of a negative number",
                "ranks that are less one-sided",
                "estimator='L0' or 'R0', which always exist",
            )
        k0 = max(int(np.rint(number)), 0)
        if k0 == seen[-1]:
            return k0, centre, number
    circle = sorted(set(seen[-10:]))
    raise InputError(
        f"the number of missing studies by {estimator} does not settle: it goes round {circle}",
        "a number that stays when as many studies are left out",
        "another estimator or a common effect, tau2=None",
    )


def _centre(y: Array, v: Array, tau2: str | None) -> float:
    if len(y) == 1:
        return float(y[0])
    data = prepare(y, v)
    weighted = inverse_variance_fit(data) if tau2 is None else estimate_tau2(data, tau2).fit
    return float(coefficients(weighted, "wald").beta[0, 0])


def _signed_ranks(distance: Array) -> Array:
    """Ranks of the sizes, with the sign; of tied sizes the earlier has the lower rank."""
    size = np.abs(distance)
    largest = size.max()
    key = np.rint(size / (TIE * largest)) if largest > 0.0 else size
    ranks = np.empty(len(size))
    ranks[np.argsort(key, kind="stable")] = np.arange(1.0, len(size) + 1.0)
    return np.sign(distance) * ranks


def _se(studies: int, number: float, estimator: str) -> float:
    """Standard error of the number of missing studies at its unrounded estimate (Duval & Tweedie 2000, section 5)."""
    k = float(studies)
    if estimator == "R0":
        return float(np.sqrt(2.0 * max(number, 0.0) + 2.0))
    variance = k * (k + 1.0) * (2.0 * k + 1.0) + 10.0 * number**3 + 27.0 * number**2 + 17.0 * number
    variance = (variance - 18.0 * k * number**2 - 18.0 * k * number + 6.0 * k**2 * number) / 24.0
    square = (k - 0.5) ** 2 - number * (2.0 * k - number - 1.0)
    if variance < 0.0 or square <= 0.0:
        return np.nan
    return float(2.0 * np.sqrt(variance) / ((k - 0.5) if estimator == "L0" else np.sqrt(square)))


def _emptier_side(effects: Effects, tau2: str | None) -> Side:
    """Left where estimates rise with their standard errors (Egger's regression), right otherwise."""
    se = effects.se
    if np.ptp(se) <= TIE * se.max():
        raise InputError(
            "all standard errors are equal, so that no regression on them tells on which side studies are missing",
            "standard errors that differ",
            "side='left' where results above the centre get published, side='right' where those below do",
        )
    try:
        data = prepare(effects.y, effects.v, np.column_stack([np.ones(effects.k), se]))
        weighted = inverse_variance_fit(data) if tau2 is None else estimate_tau2(data, tau2).fit
    except np.linalg.LinAlgError:
        raise InputError(
            f"standard errors from {se.min():.3g} to {se.max():.3g} leave no line to be told, so that no regression "
            "tells on which side studies are missing",
            "standard errors within the reach of the arithmetic",
            "checking the smallest and the largest; side='left' or 'right'",
        ) from None
    return "right" if coefficients(weighted, "wald").beta[0, 1] < 0.0 else "left"


def _filled(effects: Effects, extreme: NDArray[np.intp], mirrored: Array) -> Effects:
    """The table with mirror images of some studies behind it."""
    names = [f"{effects.labels[row]} (filled)" for row in extreme]
    outcome = [*effects.outcome, *(effects.outcome[row] for row in extreme)]
    note = f"{len(extreme)} studies were filled in by trim and fill; they are no data"
    return Effects(
        np.concatenate([effects.y, mirrored]),
        se=np.concatenate([effects.se, effects.se[extreme]]),
        study=[*effects.labels, *names],
        outcome=outcome if any(outcome) else None,
        n=np.concatenate([effects.n, np.full(len(extreme), np.nan)]) if np.isfinite(effects.n).any() else None,
        scale=effects.scale,
        provenance=[*effects.provenance, *["simulated"] * len(extreme)],
        title=effects.title,
        citation=effects.citation,
        directions=effects.directions,
        notes=(*effects.notes, note),
    )


def _sentence(k0: int, se: float, p_value: float, side: str, estimator: str, observed: Result, result: Result) -> str:
    spread = "" if np.isnan(se) else f" (standard error {show.number(se, 1)})"
    test = "" if np.isnan(p_value) else f", p {show.probability(p_value)} for none"
    k, scale = observed.effects.k, observed.effects.scale
    number = f"{k0} {'study' if k0 == 1 else 'studies'} missing on the {side}{spread}{test}"
    kind = observed["mu"].interval_kind()
    if k0:
        mean = f"with mirror images of as many filled in, {_told.mean_is(result['mu'], scale)} instead of "
    else:
        mean = f"so that {mean_words('mu', scale)} stays "
    few = f" With {k} studies, fewer than {FEW}, the number is little more than a guess." if k < FEW else ""
    return (
        f"Trim and fill ({estimator}): {number}; {mean}{_told.mean(observed['mu'], scale)} (95 %, {kind}). This is "
        "adjusted under the model that the most extreme results on one side, whatever their p-values, went "
        f"unpublished; heterogeneity and real differences between small and large studies look the same.{few}"
    )
