"""One model by one engine on each of many study tables: what it answers, table by table."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import pandas as pd

from poolwise.effects import Effects
from poolwise.engines.nuts import NUTS
from poolwise.engines.nuts.stored_draws import Folder, Place, name_of
from poolwise.errors import ModelError, PoolwiseError, PoolwiseWarning
from poolwise.fit import Engine, fit
from poolwise.model import Model
from poolwise.quantities import Posterior, convention
from poolwise.result import SEVERITY, Result
from poolwise.show import is_contrast

MEANS = re.compile(r"mu|mu\[.*\]|beta\[.*\]|theta_new.*")
_WANTED = re.compile(rf"{MEANS.pattern}|tau|tau\[.*\]|tau_\w+|gamma\[.*\]")
Rope = tuple[float, float] | None


@final
@dataclass(frozen=True)
class Asked:
    """One model by one engine, to be fitted to every table.

    Attributes
    ----------
    label : str
        Words for tables; empty for those that the engine finds.
    model : Model
        Its priors explicit or left to the scale; a prior that is made from sampling variances is made anew for
        each table.
    engine : Engine
        How it is computed.
    """

    label: str
    model: Model
    engine: Engine


@final
@dataclass(frozen=True, eq=False)
class Answered:
    """What one model by one engine answers on every table.

    Attributes
    ----------
    asked : Asked
        With its label found.
    rows : DataFrame
        One row for each table and quantity: table (counted from 1), quantity, point, lower, upper, p_above, p_rope.
    engine, kinds, prior : str, mapping of str to str, str
        Words for the engine, for the kind of interval of each quantity, and for the priors.
    statuses : tuple of str
        Status of each fit.
    notes : tuple of str
        What was noticed in the fits, with the number of tables where it was not in all.
    failed : tuple of Result
        Fits whose numbers should not be used as they are.
    seconds : float
        Time of the fits together.
    """

    asked: Asked
    rows: pd.DataFrame
    engine: str
    kinds: dict[str, str]
    prior: str
    statuses: tuple[str, ...]
    notes: tuple[str, ...]
    failed: tuple[Result, ...]
    seconds: float

    @property
    def status(self) -> str:
        """The gravest status of any table."""
        return max(self.statuses, key=SEVERITY.index)


def fitted(tables: Sequence[Effects], asked: Asked, kept: Folder | None = None) -> list[Result]:
    """The fits of one model by one engine to each table; those by NUTS are kept, and taken where they are kept.

    Raises
    ------
    ModelError
        When a table has no such fit; the message names the table.
    """
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)  # each sentence is among the notes, told once
        for number, effects in enumerate(tables, start=1):
            try:
                result = fit(effects, asked.model, asked.engine, kept=_place(kept, asked, number))
            except PoolwiseError as error:
                raise ModelError(
                    f"table {number} of {len(tables)}: {error.found}", error.expected, error.advice
                ) from None
            if any(finding.status == "interrupted" for finding in result.report.findings):
                raise KeyboardInterrupt(f"{asked.engine.label} on table {number} of {len(tables)}")
            results.append(result)
    return results


def _place(kept: Folder | None, question: Asked, number: int) -> Place | None:
    """A place for each table."""
    if kept is None or not isinstance(question.engine, NUTS):
        return None
    return kept.place(f"table {number}, {name_of(question.model, question.engine)}")


def answered(results: Sequence[Result], asked: Asked, prob: float, rope: Rope) -> Answered:
    """What these fits answer.

    Parameters
    ----------
    results : sequence of Result
        One for each table.
    asked : Asked
        What was fitted.
    prob : float
        Probability of the intervals.
    rope : tuple of float, optional
        Region of practical equivalence.
    """
    first = results[0]
    names = [name for name in first if _WANTED.fullmatch(name) or is_contrast(name)]
    rows = [
        {"table": number, "quantity": name, **_numbers(result, name, prob, rope)}
        for number, result in enumerate(results, start=1)
        for name in names
    ]
    label = asked.label or first.label.removeprefix(f"{first.model.label}, ")
    return Answered(
        asked=replace(asked, label=label, model=first.model),
        rows=pd.DataFrame(rows),
        engine=first.engine_label,
        kinds={name: convention(first[name]) for name in names},
        prior=first.prior,
        statuses=tuple(result.report.status for result in results),
        notes=_notes(results),
        failed=tuple(
            replace(result, label=f"{label}, table {number}")
            for number, result in enumerate(results, start=1)
            if result.report.failed
        ),
        seconds=math.fsum(result.report.seconds for result in results if math.isfinite(result.report.seconds)),
    )


def _numbers(result: Result, name: str, prob: float, rope: Rope) -> dict[str, float]:
    quantity = result[name]
    lower, upper = quantity.interval(prob)
    above = within = math.nan
    if isinstance(quantity, Posterior) and about_zero(name):
        above = 1.0 - float(quantity.cdf(0.0))
        within = math.nan if rope is None else quantity.probability(*rope)
    return {"point": quantity.point, "lower": lower, "upper": upper, "p_above": above, "p_rope": within}


def about_zero(name: str) -> bool:
    """Whether a quantity may lie on either side of 0."""
    return bool(MEANS.fullmatch(name)) or is_contrast(name) or name.startswith("gamma[")


def _notes(results: Sequence[Result]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for result in results:
        every = [*result.report.notes, *(finding.sentence for finding in result.report.findings)]
        for sentence in dict.fromkeys(every):
            if sentence not in result.effects.notes:
                counts[sentence] = counts.get(sentence, 0) + 1
    total = len(results)
    return tuple(
        sentence if count == total else f"In {count} of {total} tables: {sentence}"
        for sentence, count in counts.items()
    )


def nuts_against_exact(sampled: Sequence[Result], exact: Sequence[Result]) -> pd.DataFrame:
    """How far NUTS lies from the exact engine on the same tables, in Monte Carlo standard errors.

    Parameters
    ----------
    sampled, exact : sequence of Result
        Fits of one model to the same tables.

    Returns
    -------
    DataFrame
        One row for each table and sampled parameter: table, quantity, nuts_mean, exact_mean, mcse, and
        mean_apart, q2.5_apart, q97.5_apart: the difference over its Monte Carlo standard error (NaN for a moment
        that does not exist); divergences, r_hat, status.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221, for the Monte Carlo errors of means and quantiles.
    """
    rows = []
    for number, (nuts, other) in enumerate(zip(sampled, exact, strict=True), start=1):
        numbers = nuts.report.diagnostics
        for name in (key.removeprefix("r_hat_") for key in numbers if key.startswith("r_hat_")):
            if name in other and name in nuts:
                rows.append({"table": number, "quantity": name, **_apart(nuts, other, name)})
    return pd.DataFrame(rows)


def _apart(nuts: Result, exact: Result, name: str) -> dict[str, Any]:
    numbers, sampled, integrated = nuts.report.diagnostics, nuts[name], exact[name]
    assert isinstance(sampled, Posterior)
    assert isinstance(integrated, Posterior)
    apart = {"mean_apart": (sampled.mean - integrated.mean) / numbers[f"mcse_mean_{name}"]}
    for key, prob in (("q2.5", 0.025), ("q97.5", 0.975)):
        apart[f"{key}_apart"] = float(sampled.ppf(prob) - integrated.ppf(prob)) / numbers[f"mcse_{key}_{name}"]
    return {
        "nuts_mean": sampled.mean,
        "exact_mean": integrated.mean,
        "mcse": numbers[f"mcse_mean_{name}"],
        **{key: abs(float(np.asarray(value))) for key, value in apart.items()},
        "divergences": int(numbers["divergences"]),
        "r_hat": numbers[f"r_hat_{name}"],
        "status": nuts.report.status,
    }


def of_nuts(asked: Asked) -> bool:
    """Whether it is sampled."""
    return isinstance(asked.engine, NUTS)
