"""Posterior predictive checks: estimates that the fitted model makes anew, beside those at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks.question import need_posterior
from poolwise.effects import Effects
from poolwise.errors import ModelError, shown
from poolwise.result import Result
from poolwise.settings import as_numbers, check_option, check_prob
from poolwise.threads import one_thread

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], Array]
EXTREME = 0.05  # tail probability, two-sided, from which the sentence tells


def _cochran_q(y: Array, se: Array) -> Array:
    weight = se**-2.0
    mean = (y @ weight) / weight.sum()
    return ((y - mean[..., None]) ** 2) @ weight


def _farthest(y: Array, se: Array) -> Array:
    weight = se**-2.0
    mean = (y @ weight) / weight.sum()
    return np.abs((y - mean[..., None]) / se).max(axis=-1)


STATISTICS: dict[str, Statistic] = {
    "smallest": lambda y, se: y.min(axis=-1),
    "largest": lambda y, se: y.max(axis=-1),
    "sd": lambda y, se: y.std(axis=-1, ddof=1) if y.shape[-1] > 1 else np.zeros(y.shape[:-1]),
    "Q": _cochran_q,
    "farthest": _farthest,
}


@final
@dataclass(frozen=True, eq=False)
class PosteriorPredictive:
    """Statistics of the estimates beside those of replicated ones.

    Attributes
    ----------
    frame : DataFrame
        One row for each statistic: statistic, observed, median, lower, upper (of the replications), p (share of
        replications at least as large), mcse (Monte Carlo error of p), prob, interval, prior, draws, data.
    replicated : dict of str to ndarray
        Each statistic of every replication, shape (draws,).
    sentence : str
        Which statistics stand out.

    References
    ----------
    Gelman, Meng & Stern 1996, Statistica Sinica 6:733.
    """

    frame: pd.DataFrame
    replicated: dict[str, Array]
    sentence: str

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<PosteriorPredictive: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The sentence, and each statistic beside its replications, compact."""
        rows = [
            (row["statistic"], show.number(row["observed"]), show.number(row["median"]),
             show.interval(row["lower"], row["upper"]), show.chance(row["p"]))
            for _, row in self.frame.iterrows()
        ]  # fmt: skip
        first = self.frame.iloc[0]
        return show.card(
            "Posterior predictive check",
            answer=show.greek(self.sentence),
            facts=(f"{first['draws']:,} replications", f"{first['data']} data", show.prior(str(first["prior"]))),
            header=("statistic", "observed", "median", f"{show.level(first['prob'])} {first['interval']}", "p"),
            rows=rows,
        )


@one_thread()
def posterior_predictive(
    result: Result, statistics: Mapping[str, Statistic] | tuple[str, ...] = tuple(STATISTICS), *, prob: float = 0.95
) -> PosteriorPredictive:
    """Set statistics of the estimates beside those of estimates that the fitted model makes anew.

    A replication has a new true effect for each study and its standard error: y_rep,i ~ N(mu, tau^2 + v_i), with mu
    and tau drawn from the posterior.

    Parameters
    ----------
    result : Result
        Of `Exact` or `NUTS`.
    statistics : mapping of str to callable, or tuple of str
        Functions of the estimates, shape (draws, k), and their standard errors, shape (k,), that return shape
        (draws,); or names: ``"smallest"``, ``"largest"``, ``"sd"``, ``"Q"`` (Cochran's), ``"farthest"`` (largest
        distance from the inverse-variance mean in standard errors).
    prob : float
        Probability of the equal-tailed interval of the replications.

    Returns
    -------
    PosteriorPredictive

    Raises
    ------
    ModelError
        For a statistic that is not known, or does not return a number for each draw.
    MissingQuantityError
        For a result without a posterior.

    Notes
    -----
    The statistics ask about what the normal law of true effects could get wrong: its tails (smallest, largest,
    farthest) and its spread (sd, Q). prob = 0.95 is the probability at which papers report.

    References
    ----------
    Gelman, Meng & Stern 1996, Statistica Sinica 6:733.

    Examples
    --------
    >>> import poolwise as pw
    >>> check = posterior_predictive(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()), ("Q",))
    >>> check.frame[["observed", "p"]].round(2).iloc[0].tolist()
    [152.23, 0.47]
    """
    check_prob(prob)
    tree = need_posterior(result, "posterior_predictive")
    names = (statistics,) if isinstance(statistics, str) else statistics
    chosen = names if isinstance(names, Mapping) else {name: _known(name) for name in names}
    if not chosen or not all(map(callable, chosen.values())):
        raise ModelError(
            f"statistics = {shown(statistics)}",
            "one function or name at least",
            "{'largest': lambda y, se: y.max(axis=-1)}",
        )
    drawn = tree["posterior_predictive"]["y"].to_numpy()
    y_new = drawn.reshape(-1, drawn.shape[-1])
    effects = result.effects
    rows, replicated = [], {}
    for name, statistic in chosen.items():
        values, own = _replicated(name, statistic, y_new, effects)
        replicated[name] = values
        lower, median, upper = np.quantile(values, [0.5 * (1.0 - prob), 0.5, 0.5 * (1.0 + prob)])
        p = float((values >= own).mean())
        error = float(np.sqrt(p * (1.0 - p) / len(values)))
        rows.append(
            {"statistic": name, "observed": own, "median": median, "lower": lower, "upper": upper}
            | {"p": p, "mcse": error}
        )
    frame = pd.DataFrame(rows).assign(
        prob=prob,
        interval="posterior predictive (equal-tailed)",
        prior=result.prior,
        draws=len(y_new),
        data=result.data_label,
    )
    return PosteriorPredictive(frame, replicated, _sentence(frame))


def _replicated(name: str, statistic: Statistic, y_new: Array, effects: Effects) -> tuple[Array, float]:
    """A statistic of each table of replicates, shape (draws,), and of the table itself."""
    values = as_numbers(f"the statistic '{name}'", statistic(y_new, effects.se))
    own = as_numbers(f"the statistic '{name}'", statistic(effects.y[None], effects.se))
    if values.shape != (len(y_new),) or own.shape != (1,):
        raise ModelError(
            f"the statistic '{name}' returned the shape {values.shape} for {len(y_new)} draws",
            "one number for each draw",
            "lambda y, se: y.max(axis=-1)",
        )
    return values, float(own[0])


def _known(name: str) -> Statistic:
    return STATISTICS[check_option("statistic", name, STATISTICS)]


def _sentence(frame: pd.DataFrame) -> str:
    two_sided = 2.0 * np.minimum(frame["p"], 1.0 - frame["p"])
    far = frame[two_sided < EXTREME]
    if far.empty:
        return (
            f"No misfit is seen: no statistic of {len(frame)} lies in the outer {show.level(EXTREME)} of its "
            "replications. Since the model is fitted to the very estimates that it is held against, and these may be "
            "few, that does not show that it is right."
        )
    names = ", ".join(f"{row['statistic']} (p {show.probability(row['p'])})" for _, row in far.iterrows())
    return f"The model seldom makes estimates like these: {names}."
