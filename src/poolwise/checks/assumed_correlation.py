"""How far an answer depends on the correlation that is assumed between results of one sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import pandas as pd

from poolwise import show
from poolwise.coding import Average, Protocol
from poolwise.coding.rules import Rule
from poolwise.errors import InputError
from poolwise.fit import Engine, fit
from poolwise.model import Model
from poolwise.settings import check_instance, check_prob

USUAL = (0.0, 0.3, 0.5, 0.7, 0.9)


@final
@dataclass(frozen=True, eq=False)
class AssumedCorrelation:
    """Answers by the assumed correlation.

    Attributes
    ----------
    frame : DataFrame
        One row for each correlation and quantity: r, k, quantity, point, lower, upper, prob, interval, prior.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 24, 10.1002/9780470743386.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        """One line: the correlations, and how far points and limits move over them."""
        moved = "; ".join(
            f"{show.symbol(row['quantity'])} by {show.number(row['point'])}, its limits by {show.number(row['lower'])} "
            f"and {show.number(row['upper'])}"
            for _, row in self.spread.iterrows()
        )
        first, r = self.frame.iloc[0], self.frame["r"]
        kind = f"{show.level(first['prob'])} {show.kind(first['interval'])}"
        return f"<AssumedCorrelation: r from {r.min():g} to {r.max():g} moves {moved} ({kind})>"

    def _repr_html_(self) -> str:
        """How far the answer moves, and each answer, compact."""
        r = self.frame["r"]
        moved = "; ".join(
            f"{show.symbol(row['quantity'])} by {show.number(row['point'])}" for _, row in self.spread.iterrows()
        )
        rows = [
            (f"{row['r']:g}", show.symbol(row["quantity"]), show.number(row["point"]),
             show.interval(row["lower"], row["upper"]))
            for _, row in self.frame.iterrows()
        ]  # fmt: skip
        first = self.frame.iloc[0]
        return show.card(
            "Assumed correlation",
            answer=f"An assumed correlation from {r.min():g} to {r.max():g} moves {moved}.",
            facts=(f"k = {first['k']}", show.prior(str(first["prior"]))),
            header=("r", "quantity", "point", f"{show.level(first['prob'])} {show.kind(first['interval'])}"),
            rows=rows,
        )

    @property
    def spread(self) -> pd.DataFrame:
        """How far points and limits move over the correlations: quantity, point, lower, upper."""
        moved = self.frame.groupby("quantity", sort=False)[["point", "lower", "upper"]]
        return (moved.max() - moved.min()).reset_index()


def assumed_correlation(
    protocol: Protocol,
    *,
    target: str,
    model: Model | None = None,
    engine: Engine | None = None,
    r: Sequence[float] = USUAL,
    rule: Callable[..., Rule] = Average,
    quantities: Sequence[str] = ("mu", "tau"),
    prob: float = 0.95,
    **options: Any,
) -> AssumedCorrelation:
    """The same fit under several correlations between results of one sample.

    Parameters
    ----------
    protocol : Protocol
    target : str
        Code of a measure, as for `Protocol.effects`.
    model, engine : optional
        As for `fit`.
    r : sequence of float
        Correlations, from 0 to below 1.
    rule : callable
        Makes a rule from a correlation: `Average`, `Largest` or `FirstReport`; also for reports that share a sample.
    quantities : sequence of str
        Names of what is compared, those that the result has.
    prob : float
        Probability of the intervals.
    **options
        Further words of `Protocol.effects`.

    Returns
    -------
    AssumedCorrelation

    Raises
    ------
    InputError
        For no correlation, or one outside [0, 1).

    Notes
    -----
    From 0 to .9 by default: the correlation is hardly ever reported, and what an answer owes to it should be seen over
    all that it could be.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 24, 10.1002/9780470743386.
    """
    check_prob(prob)
    check_instance(
        "assumed_correlation", protocol, Protocol, expected="a Protocol", advice="pw.coding.read('results.csv')"
    )
    if not len(r):
        raise InputError("no correlation is given", "one or more", "r=(0, 0.3, 0.5, 0.7, 0.9)")
    rows: list[dict[str, object]] = []
    single = bool(options.pop("allow_single", False))
    overlap = options.pop("overlap", None)
    results = protocol.results(target, **options)
    for value in r:
        own = rule(r=value)
        effects = protocol.combined(results, rule=own, overlap=overlap or own, allow_single=single)
        result = fit(effects, model, engine)
        for name in quantities:
            if name in result.quantities:
                quantity = result[name]
                lower, upper = quantity.interval(prob)
                kind = quantity.interval_kind()
                numbers = {"point": quantity.point, "lower": lower, "upper": upper, "prob": prob, "interval": kind}
                row = {"r": float(value), "k": effects.k, "quantity": name, **numbers, "prior": result.prior}
                rows.append(row)
    return AssumedCorrelation(pd.DataFrame(rows))
