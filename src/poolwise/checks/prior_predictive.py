"""Prior predictive check: what the priors expect of the estimates and of a new study, beside the estimates at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks.prior_law import prior_laws
from poolwise.checks.question import need_posterior
from poolwise.errors import ModelError, listing
from poolwise.model.structure import NormalStructure
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.settings import check_prob
from poolwise.threads import one_thread

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
ESTIMATE, NEW = "estimate", "new study"
WIDE = 20.0  # widths of the prior in widths of the data from which the sentence tells
COLUMNS = ("kind", "name", "y", "se", "median", "lower", "upper", "p", "natural_lower", "natural_upper")


@final
@dataclass(frozen=True, eq=False)
class PriorPredictive:
    """What the priors expect, before the data.

    Attributes
    ----------
    frame : DataFrame
        One row for each estimate (kind ``"estimate"``) and for the true effect of a new study, in each group where
        there are groups (kind ``"new study"``): kind, name, y, se (NaN for a new study), median, lower, upper of the
        prior predictive distribution on the analysis scale, p (its probability of a value below y), natural_lower and
        natural_upper (the interval on the reading scale), prob, interval, prior, draws (0 where the law
        itself is known, as of every normal model with independent priors), data.
    sentence : str
        Whether the priors expect effects like these, and how much wider or narrower they are.
    ratio : float
        Median width of the intervals of the estimates over the range of the estimates with their errors,
        max(y + 2 se) - min(y - 2 se).
    scale : Scale
        Scale of the effects.
    prob : float
        Probability of the intervals.

    References
    ----------
    Gabry et al. 2019, JRSS A 182:389, 10.1111/rssa.12378, section 3.
    """

    frame: pd.DataFrame
    sentence: str
    ratio: float
    scale: Scale = field(repr=False)
    prob: float

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<PriorPredictive: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The sentence, and what the priors expect of each estimate, compact."""
        rows = [
            (show.symbol(row["name"]), show.number(row["y"]), show.number(round(row["median"], 9) + 0.0),
             show.interval(row["lower"], row["upper"]), show.chance(row["p"]))
            for _, row in self.frame.iterrows()
        ]  # fmt: skip
        first = self.frame.iloc[0]
        return show.card(
            "Prior predictive check",
            answer=show.greek(self.sentence),
            facts=(self.scale.label, f"{first['data']} data", show.prior(str(first["prior"]))),
            header=("study", "estimate", "median", f"{show.level(self.prob)} {first['interval']}", "P(below it)"),
            rows=rows,
        )


@one_thread()
def prior_predictive(result: Result, *, prob: float = 0.95) -> PriorPredictive:
    """What the priors alone expect, beside the estimates: by the law of a normal model, else by draws.

    theta_new ~ N(x'beta, tau^2) and y_rep,i ~ N(x_i'beta, tau_i^2 + v_i) with beta and tau from their priors. A prior
    that expects effects no one has ever seen is too wide, one that does not expect the estimates too narrow or in the
    wrong place: the scale of effect decides which. It is no test: the data are not to choose the prior.

    Parameters
    ----------
    result : Result
        Of `Exact` or `NUTS`, whose every prior is proper.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    PriorPredictive

    Raises
    ------
    ModelError
        For an improper prior, from which nothing can be drawn; where numbers among the moderators are uncertain.
    MissingQuantityError
        For a closed-form result, which has no prior.

    Notes
    -----
    prob = 0.95 is the probability at which papers report, so that an estimate outside is about as rare as one that a
    paper would call significant.

    References
    ----------
    Gabry et al. 2019, JRSS A 182:389, 10.1111/rssa.12378, section 3.

    Examples
    --------
    >>> import poolwise as pw
    >>> check = prior_predictive(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()))
    >>> print(check.sentence)
    The priors expect effects like these: all 13 estimates lie within their 95 % prior predictive intervals, which are \
1.9 times as wide as the data.
    """
    check_prob(prob)
    tree = need_posterior(result, "prior_predictive")
    structure = result.model.structure(result.effects)
    _refuse_without_prior(result, structure, tree)
    effects = result.effects
    laws = None if structure is None else prior_laws(structure)
    if laws is None or structure is None:
        drawn = tree["prior_predictive"]["y"].to_numpy().reshape(-1, effects.k)
        draws = len(drawn)
        own: list[Law] = [_Draws(values) for values in drawn.T]
        new: dict[str, Law] = {name: _Draws(values) for name, values in _new_studies(tree["prior"]).items()}
    else:
        draws, own = 0, list(laws[0])
        new = dict(zip(structure.new.names, laws[1], strict=True))
    rows = [
        _row(ESTIMATE, name, y, se, law, prob) | {"p": law.cdf(y)}
        for name, y, se, law in zip(effects.labels, effects.y, effects.se, own, strict=True)
    ]
    rows += [_row(NEW, name, np.nan, np.nan, law, prob) for name, law in new.items()]
    frame = pd.DataFrame(rows)
    ends = np.sort(effects.scale.back(frame[["lower", "upper"]].to_numpy()), axis=1)
    frame = frame.assign(natural_lower=ends[:, 0], natural_upper=ends[:, 1])[list(COLUMNS)].assign(
        prob=prob,
        interval="prior predictive (equal-tailed)",
        prior=result.prior,
        draws=draws,
        data=result.data_label,
    )
    return _judged(frame, effects.scale, prob)


def _refuse_without_prior(result: Result, structure: NormalStructure | None, tree: xr.DataTree) -> None:
    """Refuse a result whose priors say nothing of studies before they are seen: improper ones, or made of them."""
    if structure is not None and structure.uncertain is not None:
        names = " and ".join(structure.uncertain.names)
        raise ModelError(
            f"'{result.label}' has priors on {names} that are made of the observed values",
            "known numbers",
            "the same model without missing= and errors=, on the studies that report them",
        )
    if "prior_predictive" not in tree.children:
        raise ModelError(
            f"'{result.label}' has an improper prior ({result.prior}), from which nothing can be drawn",
            "a proper prior on every parameter",
            "RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5)) in the unit of the effects",
        )


class Law(Protocol):
    """What the priors expect of one number."""

    def cdf(self, x: float) -> float:
        """Probability of a value at most x."""

    def ppf(self, p: float) -> float:
        """Quantile at p."""


@final
@dataclass(frozen=True, eq=False)
class _Draws:
    """A law known by its draws, shape (n,)."""

    values: Array

    def cdf(self, x: float) -> float:
        return float((self.values < x).mean())

    def ppf(self, p: float) -> float:
        return float(np.quantile(self.values, p))


def _row(kind: str, name: str, y: float, se: float, law: Law, prob: float) -> dict[str, Any]:
    lower, median, upper = (law.ppf(p) for p in (0.5 * (1.0 - prob), 0.5, 0.5 * (1.0 + prob)))
    return {
        "kind": kind, "name": name, "y": y, "se": se, "median": median, "lower": lower, "upper": upper, "p": np.nan,
    }  # fmt: skip


def _new_studies(prior: Any) -> dict[str, Array]:
    """Draws of the true effect in a new study, by the name of the quantity."""
    if "theta_new" not in prior:
        return {}
    draws = prior["theta_new"]
    if draws.ndim == 2:
        return {"theta_new": draws.to_numpy().ravel()}
    (dim,) = draws.dims[2:]
    return {
        f"theta_new[{level}]": draws.sel({dim: level}).to_numpy().ravel() for level in draws[dim].to_numpy().tolist()
    }


def _judged(frame: pd.DataFrame, scale: Scale, prob: float) -> PriorPredictive:
    own = frame[frame["kind"] == ESTIMATE]
    data = float((own["y"] + 2.0 * own["se"]).max() - (own["y"] - 2.0 * own["se"]).min())
    ratio = float((own["upper"] - own["lower"]).median() / data)
    outside = own.loc[(own["y"] < own["lower"]) | (own["y"] > own["upper"]), "name"]
    width = f"{show.number(ratio, 1)} times as wide as the data"
    if len(outside) > 2.0 * (1.0 - prob) * len(own) + 1.0:
        said = (
            f"The priors hardly expect effects like these: {len(outside)} of {len(own)} estimates "
            f"({listing(outside, most=4)}) lie outside their {show.level(prob)} prior predictive intervals, which are "
            f"{width}."
        )
    else:
        within = f"all {len(own)}" if not len(outside) else f"{len(own) - len(outside)} of {len(own)}"
        verb = "allow" if ratio > WIDE else "expect"
        said = (
            f"The priors {verb} effects like these: {within} estimates lie within their {show.level(prob)} prior "
            f"predictive intervals, which are {width}."
        )
    if ratio > WIDE:
        said += " So wide a prior expects effects far beyond any seen here: is its unit that of the effects?"
    return PriorPredictive(frame, said, ratio, scale, prob)
