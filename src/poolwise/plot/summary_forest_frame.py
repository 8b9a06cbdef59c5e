"""The numbers of a summary forest: a row for each mean effect of one or several results."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from poolwise.errors import InputError, MissingQuantityError, described, listing, shown
from poolwise.quantities import Distribution, Quantity, convention
from poolwise.result import Result
from poolwise.settings import check_prob

Results = Result | Mapping[str, Result] | Sequence[Result]
COLUMNS = (
    "result",
    "group",
    "k",
    "studies",
    "mu_point",
    "mu_lower",
    "mu_upper",
    "new_lower",
    "new_upper",
    "tau_point",
    "tau_lower",
    "tau_upper",
    "side",
    "p_side",
    "excludes_null",
    "kind",
    "interval",
    "new_interval",
    "prior",
    "engine",
    "status",
    "prob",
    "data",
)
_ADVICE = "plot.summary_forest({'dropout': first, 'misconduct': second})"


def summary_forest_frame(results: Results, *, prob: float = 0.95) -> pd.DataFrame:
    """Every number that `summary_forest` draws, on the analysis scale.

    Parameters
    ----------
    results : Result, mapping of str to Result, or sequence of Result
        One result of several outcomes or subgroups, or several results on one scale by name.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        A row for each mean effect: result (its name), group (``""`` where a result has one mean), k (effects), studies,
        mu_point, mu_lower, mu_upper, new_lower, new_upper (a new study; NaN without one), tau_point, tau_lower,
        tau_upper, side (``"below"`` or ``"above"`` the null value, where the median lies), p_side (its probability; NaN
        unless the mean is a posterior), excludes_null, kind (``"credible"`` or ``"confidence"``), interval,
        new_interval (their kinds), prior, engine, status, prob, data.

    Raises
    ------
    InputError
        For what are no results, none, two names alike, or results on several scales.
    MissingQuantityError
        For a result without mean effects, whose moderators leave only coefficients.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Higgins et al. 2019, Cochrane Handbook for Systematic Reviews of Interventions, 2nd ed., chapter 12,
    10.1002/9781119536604, for one line of a mean for each outcome.
    """
    check_prob(prob)
    rows = [
        _row(name, result, quantity, prob) for name, result in named(results).items() for quantity in _means(result)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def named(results: Results) -> dict[str, Result]:
    """The results by name; those of a sequence by their study tables' titles, or by their labels where these differ.

    Parameters
    ----------
    results : Result, mapping of str to Result, or sequence of Result

    Returns
    -------
    dict of str to Result

    Raises
    ------
    InputError
        For what are no results, none, two names alike, or results on several scales.
    """
    if isinstance(results, Result):
        several: dict[str, Result] = {results.label: results}
    elif isinstance(results, Mapping):
        several = dict(results)
    elif isinstance(results, Sequence) and not isinstance(results, str):
        _check_each(results)
        several = dict(zip(_names(results), results, strict=True))
    else:
        raise InputError(f"plot.summary_forest was given {described(results)}", "results by name", _ADVICE)
    if not several:
        raise InputError("plot.summary_forest was given no result", "at least one", _ADVICE)
    _check_each(list(several.values()))
    wrong = [name for name in several if not isinstance(name, str)]
    if wrong:
        raise InputError(f"a result is named {shown(wrong[0])}", "words", _ADVICE)
    scales = {name: str(result.effects.scale) for name, result in several.items()}
    if len({result.effects.scale for result in several.values()}) > 1:
        told = listing([f"'{name}' in {scale}" for name, scale in scales.items()], 4)
        raise InputError(
            f"the results are on several scales: {told}", "results on one scale", "a summary_forest for each scale"
        )
    return several


def _check_each(results: Sequence[object]) -> None:
    for result in results:
        if not isinstance(result, Result):
            raise InputError(f"plot.summary_forest was given {described(result)} among the results", "results", _ADVICE)


def _names(results: Sequence[Result]) -> list[str]:
    titles, labels = [result.effects.title for result in results], [result.label for result in results]
    names = titles if len(set(titles)) > 1 and all(titles) else labels
    if len(set(names)) < len(names):
        names = [f"{title}: {label}" if title else label for title, label in zip(titles, labels, strict=True)]
    met: Counter[str] = Counter()
    unlike = []
    for name in names:
        met[name] += 1
        unlike.append(name if met[name] == 1 else f"{name} ({met[name]})")
    return unlike


def _means(result: Result) -> list[str]:
    """The mean effects of a result: of each group, and the one over groups where the model has it."""
    grouped = [name for name in result.answers if name.startswith("mu[")]
    if grouped:
        return [*grouped, *(["mu"] if "mu" in result else [])]
    if "mu" in result:
        return ["mu"]
    raise MissingQuantityError(
        f"'{result.label}' has no mean effect: {result.absent.get('mu', 'it has coefficients')}",
        "results with mean effects, such as of RandomEffects or Subgroups",
        "pw.plot.forest(result), or a result without moderators",
    )


def _row(name: str, result: Result, quantity: str, prob: float) -> dict[str, object]:
    mean = result[quantity]
    group = quantity.removeprefix("mu[").removesuffix("]") if quantity != "mu" else ""
    of = f"[{group}]" if group else ""
    lower, upper = mean.interval(prob)
    new = next((result[each] for each in (f"theta_new{of}",) if each in result), None)
    taus = () if quantity == "mu" and result.answers != ("mu",) else (f"tau{of}", "tau")  # groups have their own
    tau = next((result[each] for each in taus if each in result), None)
    members = _members(result, group)
    null = result.effects.scale.null_value
    side, chance = _side(mean, null)
    new_ends, tau_ends = _ends(new, prob), _ends(tau, prob)
    return {
        "result": name,
        "group": group,
        "k": int(members.sum()),
        "studies": len({study for study, own in zip(result.effects.study_as_given, members, strict=True) if own}),
        "mu_point": mean.point,
        "mu_lower": lower,
        "mu_upper": upper,
        "new_lower": new_ends[0],
        "new_upper": new_ends[1],
        "tau_point": math.nan if tau is None else tau.point,
        "tau_lower": tau_ends[0],
        "tau_upper": tau_ends[1],
        "side": side,
        "p_side": chance,
        "excludes_null": null is not None and (lower > null or upper < null),
        "kind": "credible" if isinstance(mean, Distribution) else "confidence",
        "interval": convention(mean),
        "new_interval": "" if new is None else convention(new),
        "prior": result.prior,
        "engine": result.engine_label,
        "status": result.report.status,
        "prob": prob,
        "data": _data(result, members),
    }


def _members(result: Result, group: str) -> np.ndarray:
    effects, strata = result.effects, result.model.strata
    if not group or strata is None:
        return np.ones(effects.k, dtype=bool)
    values = effects.outcome if strata == "outcome" else effects.moderators[strata].astype(str)
    return np.array([str(value) == group for value in values])


def _side(mean: Quantity, null: float | None) -> tuple[str, float]:
    if null is None:
        return "", math.nan
    if not isinstance(mean, Distribution):
        return "below" if mean.point < null else "above", math.nan
    below, above = float(mean.cdf(np.nextafter(null, -np.inf))), 1.0 - float(mean.cdf(null))
    return ("below", below) if below >= above else ("above", above)


def _ends(quantity: Quantity | None, prob: float) -> tuple[float, float]:
    return (math.nan, math.nan) if quantity is None else quantity.interval(prob)


def _data(result: Result, members: np.ndarray) -> str:
    sources = {source for source, own in zip(result.effects.provenance, members, strict=True) if own}
    return "reconstructed" if "reconstructed" in sources else " and ".join(sorted(sources))
