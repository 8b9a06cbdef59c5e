"""How much do the outcomes of a joint fit borrow from one another? Each beside a fit of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.engines.exact import Exact
from poolwise.errors import ModelError
from poolwise.model import JointOutcomes, RandomEffects
from poolwise.quantities import Quantity
from poolwise.result import Result
from poolwise.settings import check_prob
from poolwise.threads import one_thread

NOTICED = 0.1  # share of precision borrowed, or shift in sds, from which the sentence says so


@final
@dataclass(frozen=True, eq=False)
class Borrowing:
    """A joint fit of several outcomes beside a fit of each outcome alone.

    Attributes
    ----------
    frame : DataFrame
        One row for each outcome: outcome, k; mu_point, mu_lower, mu_upper from the joint fit and mu_point_alone,
        mu_lower_alone, mu_upper_alone from the fit of that outcome alone; mu_ratio, joint sd over alone sd;
        mu_shift, joint less alone point in alone sds; mu_borrowed, 1 - mu_ratio^2, the share of the joint
        fit's precision that comes from the other outcomes (below 0 where the joint fit is the less certain one);
        the same for tau; spread (``"sd"`` or, where an sd does not exist, ``"interval width"``: what ratio and shift
        are measured in); prob, interval, prior, prior_alone, status, status_alone, data.
    sentence : str
        What was borrowed, in words.
    prob : float
        Probability of the intervals.

    References
    ----------
    Jackson et al. 2017, Statistical Methods in Medical Research 26:2853, 10.1177/0962280215611702, on borrowing of
    strength as a share of precision.
    """

    frame: pd.DataFrame
    sentence: str
    prob: float

    def __repr__(self) -> str:
        """One line: outcomes, data."""
        return f"<Borrowing: {len(self.frame)} outcomes, {self.frame['data'].iloc[0]} data>"

    def __str__(self) -> str:
        """The sentence, wrapped to the width of the terminal."""
        return show.wrapped([show.greek(self.sentence)])

    def _repr_html_(self) -> str:
        """The intervals of mu jointly and alone, and the sentence, compact."""
        level = show.level(self.prob)
        rows = [
            (
                row["outcome"],
                str(row["k"]),
                show.number(row["mu_point"]),
                show.interval(row["mu_lower"], row["mu_upper"]),
                show.number(row["mu_point_alone"]),
                show.interval(row["mu_lower_alone"], row["mu_upper_alone"]),
                show.percent(row["mu_borrowed"]),
            )
            for _, row in self.frame.iterrows()
        ]
        first = self.frame.iloc[0]
        return show.card(
            "Borrowing between outcomes",
            answer=show.greek(self.sentence),
            facts=(f"{first['data']} data", f"{level} {show.kind(first['interval'])}"),
            header=("outcome", "k", "μ, joint", "interval", "μ, alone", "interval", "precision borrowed"),
            rows=rows,
            notes=(f"joint prior: {show.prior(first['prior'])}", f"alone: {show.prior(first['prior_alone'])}"),
        )


@one_thread()
def borrowing(result: Result, *, prob: float = 0.95) -> Borrowing:
    """Set each outcome of a joint fit beside a fit of its own rows alone.

    Alone, an outcome is fitted by `RandomEffects` with the priors that the joint model gives to mu and tau of the
    typical outcome. In the joint fit an outcome's own mean and heterogeneity spread about these, so that its prior is
    the wider one: what narrows is narrowed by the other outcomes, in spite of it.

    Parameters
    ----------
    result : Result
        Of `JointOutcomes` by `Exact`.
    prob : float
        Probability of the intervals.

    Returns
    -------
    Borrowing

    Raises
    ------
    ModelError
        For a result of another model.

    Notes
    -----
    prob = 0.95 is the probability at which papers report, so that the intervals compare with theirs.

    References
    ----------
    Jackson et al. 2017, Statistical Methods in Medical Research 26:2853, 10.1177/0962280215611702, on borrowing of
    strength as a share of precision; Higgins & Whitehead 1996, Statistics in Medicine 15:2733,
    10.1002/(SICI)1097-0258(19961230)15:24<2733::AID-SIM562>3.0.CO;2-0, on borrowing from related analyses.

    Examples
    --------
    >>> import poolwise as pw
    >>> joint = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact())
    >>> borrowing(joint).frame.set_index("outcome")["mu_borrowed"].round(2).to_dict()
    {'dropout': 0.36, 'misconduct': 0.65, 'recidivism': -0.0}
    """
    check_prob(prob)
    if not isinstance(result, Result) or not isinstance(result.model, JointOutcomes):
        raise ModelError(
            f"borrowing was given {result!r}",
            "a result of JointOutcomes",
            "pw.fit(effects, pw.JointOutcomes(), pw.Exact())",
        )
    effects, model = result.effects, result.model
    alone = RandomEffects(mu=model.mu, tau=model.tau)
    engine = Exact(kind=result.engine.kind)
    rows = []
    for name in effects.outcomes:
        own = effects.select(outcome=name, allow_single=True)
        rows.append(_row(name or "none named", own.k, result, engine.fit(own, alone), prob))
    frame = pd.DataFrame(rows)
    return Borrowing(frame, borrowed_sentence(frame), prob)


def _row(name: str, k: int, joint: Result, alone: Result, prob: float) -> dict[str, object]:
    row: dict[str, object] = {"outcome": name, "k": k}
    spreads = set()
    for what in ("mu", "tau"):
        numbers, unit = _compared(what, joint[f"{what}[{name}]"], alone[what], prob)
        row |= numbers
        spreads.add(unit)
    return row | {
        "spread": "sd" if spreads == {"sd"} else "interval width",
        "prob": prob,
        "interval": alone["mu"].interval_kind(),
        "prior": joint.prior,
        "prior_alone": alone.prior,
        "status": joint.report.status,
        "status_alone": alone.report.status,
        "data": joint.data_label,
    }


def _compared(what: str, joint: Quantity, alone: Quantity, prob: float) -> tuple[dict[str, float], str]:
    """Points, intervals, ratio, shift and share borrowed of one quantity, and what they are measured in."""
    (lower, upper), (lower_alone, upper_alone) = joint.interval(prob), alone.interval(prob)
    spread, spread_alone, unit = joint.sd, alone.sd, "sd"
    if math.isnan(spread) or math.isnan(spread_alone):
        spread, spread_alone, unit = upper - lower, upper_alone - lower_alone, "interval width"
    ratio = spread / spread_alone
    return {
        f"{what}_point": joint.point,
        f"{what}_lower": lower,
        f"{what}_upper": upper,
        f"{what}_point_alone": alone.point,
        f"{what}_lower_alone": lower_alone,
        f"{what}_upper_alone": upper_alone,
        f"{what}_ratio": ratio,
        f"{what}_shift": (joint.point - alone.point) / spread_alone,
        f"{what}_borrowed": 1.0 - ratio**2,
    }, unit


def borrowed_sentence(frame: pd.DataFrame, mu: str = "mu") -> str:
    """What was borrowed, in words.

    Parameters
    ----------
    frame : DataFrame
        Of a `Borrowing`.
    mu : str
        How the mean effect is written; the names of the outcomes are put in as they are.
    """
    most = frame.iloc[int(frame["mu_borrowed"].argmax())]
    share, shift = float(most["mu_borrowed"]), float(most["mu_shift"])
    if share < NOTICED:
        text = f"No outcome borrows as much as {show.percent(NOTICED)} of the precision of its {mu} from the others."
    else:
        text = (
            f"Most is borrowed by {most['outcome']} (k = {most['k']}): {show.percent(share)} of the precision "
            f"of its {mu} comes from the other outcomes and from the prior that ties them, which moves it by "
            f"{show.number(shift, 2)} standard deviations."
        )
    lost = frame.loc[frame["mu_borrowed"] < -NOTICED, "outcome"].tolist()
    if lost:
        text += f" Less certain jointly than alone: {', '.join(lost)}."
    moved = frame.loc[(np.abs(frame["mu_shift"]) >= 1.0), "outcome"].tolist()
    if moved:
        text += f" Moved by an sd or more, so that the assumption of exchangeable outcomes decides: {', '.join(moved)}."
    return text
