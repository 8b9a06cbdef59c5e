"""How the mean moves under weight functions that are assumed, not estimated: Vevea and Woods' sensitivity table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

import pandas as pd

from poolwise import show
from poolwise.bias import _told
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.fit import check_table, fit
from poolwise.model import StepSelection
from poolwise.model.publication import NOT_SAID, Direction, check_direction
from poolwise.reading import mean_words
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.settings import check_prob

STEPS = (0.005, 0.01, 0.05, 0.1, 0.25, 0.35, 0.5, 0.65, 0.75, 0.9, 0.95, 0.99, 0.995)
"""One-sided p-values at which the weights change; Vevea & Woods 2005, table 1."""
WEIGHTS: dict[str, tuple[float, ...]] = {
    "none": (1.0,) * 14,
    "moderate, one-tailed": (1.0, 0.99, 0.95, 0.8, 0.75, 0.65, 0.6, 0.55, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
    "severe, one-tailed": (1.0, 0.99, 0.9, 0.75, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.1, 0.1, 0.1, 0.1),
    "moderate, two-tailed": (1.0, 0.99, 0.95, 0.9, 0.8, 0.75, 0.6, 0.6, 0.75, 0.8, 0.9, 0.95, 0.99, 1.0),
    "severe, two-tailed": (1.0, 0.99, 0.9, 0.75, 0.6, 0.5, 0.25, 0.25, 0.5, 0.6, 0.75, 0.9, 0.99, 1.0),
}
"""Relative probabilities of publication in the fourteen intervals, from the most significant on; the same table."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class VeveaWoods:
    """The mean effect under four weight functions that are assumed, and without any.

    Attributes
    ----------
    frame : DataFrame
        A row for each weight function, that of no selection first: selection, mu, sd, lower, upper, prob, interval (its
        kind), tau, change (of mu from no selection), log_likelihood.
    direction : str
        In which direction results are taken to be likelier to be published.
    sentence : str
        What the table says, and what it cannot.
    results : mapping of str to Result
        The fit under each weight function.

    References
    ----------
    Vevea & Woods 2005, Psychological Methods 10:428, 10.1037/1082-989X.10.4.428.
    """

    frame: pd.DataFrame
    direction: str
    sentence: str
    results: Mapping[str, Result] = field(repr=False)

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: how far the mean moves."""
        low, high = self.frame["mu"].min(), self.frame["mu"].max()
        return f"<VeveaWoods: μ between {show.number(low)} and {show.number(high)}>"

    def _repr_html_(self) -> str:
        """The table as a card."""
        shown = self.frame.to_dict("records")
        limits = [show.interval(row["lower"], row["upper"]) for row in shown]
        rows = [
            (row["selection"], show.number(row["mu"]), limit, show.number(row["tau"]))
            for row, limit in zip(shown, limits, strict=True)
        ]
        header = ("weights", "μ", f"{show.level(float(self.frame['prob'].iloc[0]))} interval", "τ")
        return show.card("Weights that are assumed", header=header, rows=rows, answer=show.greek(self.sentence))


def vevea_woods(effects: Effects, *, direction: Direction = NOT_SAID, prob: float = 0.95) -> VeveaWoods:
    """The mean effect under moderate and severe selection, one- and two-tailed, by known weights.

    Random effects are fitted by maximum likelihood with the density Normal(y_i; mu, v_i + tau2) omega(p_i) / A_i, omega
    known in fourteen intervals of the one-sided p-value. Since no weight is estimated, few studies suffice.

    Parameters
    ----------
    effects : Effects
    direction : {"positive", "negative"}
        In which direction results are likelier to be published.
    prob : float
        Confidence of the profile-likelihood intervals.

    Returns
    -------
    VeveaWoods

    Raises
    ------
    ModelError
        For a single study, several effects of one study, reconstructed estimates, or a scale without a null value.

    Notes
    -----
    prob = 0.95 is the level at which papers report. The four weight functions are the authors' examples; others are
    ``StepSelection(steps, direction=..., weights=...)``.

    References
    ----------
    Vevea & Woods 2005, Psychological Methods 10:428, 10.1037/1082-989X.10.4.428, table 1.

    Examples
    --------
    >>> import poolwise as pw
    >>> table = pw.bias.vevea_woods(pw.datasets.load("bcg"), direction="negative").frame
    >>> table.set_index("selection")["mu"].round(2).to_dict()["severe, one-tailed"]
    -0.35
    """
    check_table(effects, "vevea_woods")
    check_direction(direction)
    check_prob(prob)
    results = {
        name: fit(effects, StepSelection(STEPS, direction=direction, weights=weights), ClosedForm())
        for name, weights in WEIGHTS.items()
    }
    unadjusted = results["none"]["mu"].point
    frame = pd.DataFrame([_row(name, result, unadjusted, prob) for name, result in results.items()])
    return VeveaWoods(frame, direction, _sentence(frame, direction, prob, effects.scale), MappingProxyType(results))


def _row(name: str, result: Result, unadjusted: float, prob: float) -> dict[str, object]:
    mu = result["mu"]
    lower, upper = mu.interval(prob)
    return {
        "selection": name,
        "mu": mu.point,
        "sd": mu.sd,
        "lower": lower,
        "upper": upper,
        "prob": prob,
        "interval": mu.interval_kind(),
        "tau": result["tau"].point,
        "change": mu.point - unadjusted,
        "log_likelihood": result.report.diagnostics["log_likelihood_ml"],
    }


def _sentence(frame: pd.DataFrame, direction: str, prob: float, scale: Scale) -> str:
    none, rest = frame.iloc[0], frame.iloc[1:]
    furthest = rest.iloc[int(rest["change"].abs().argmax())]
    excludes = rest[(rest["lower"] > 0.0) | (rest["upper"] < 0.0)]
    holds = f"{len(excludes)} of the 4 intervals exclude {float(scale.back(0.0)):g}"
    if not (none["lower"] > 0.0 or none["upper"] < 0.0):
        holds += ", as that without selection does not"
    farther = "" if math.isnan(furthest["lower"]) else f" {_told.limits(furthest['lower'], furthest['upper'], scale)}"
    return (
        f"Adjusted under four weight functions that are assumed, {direction} results being likelier to be published, "
        f"{mean_words('mu', scale)} lies between {_told.at(rest['mu'].min(), scale)} and "
        f"{_told.at(rest['mu'].max(), scale)}, against {_told.at(none['mu'], scale)} "
        f"{_told.limits(none['lower'], none['upper'], scale)} without selection; it moves furthest under "
        f"{furthest['selection']} selection, to {_told.at(furthest['mu'], scale)}{farther} "
        f"({show.level(prob)} profile-likelihood intervals). {holds[0].upper()}{holds[1:]}. The table says how far the "
        "answer depends on selection that may have happened, not whether it did."
    )
