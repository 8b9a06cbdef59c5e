"""What the next study can change: the answer as a function of its estimate, and how likely each estimate is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from poolwise import show
from poolwise.batch import fit_batch
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.errors import InputError
from poolwise.scale import Scale
from poolwise.settings import as_number, check_prob
from poolwise.simulate.planning.futures import Belief, belief, extended, quietly
from poolwise.simulate.planning.words import value, wide

Array = NDArray[np.float64]
LEVELS = np.concatenate([[0.001, 0.005, 0.01], np.linspace(0.025, 0.975, 39), [0.99, 0.995, 0.999]])
FINE = 400  # estimates on which a flip is looked for
REACH = 4.0  # widths of the middle 95 % of the next estimate that are searched on each side


@final
@dataclass(frozen=True, eq=False)
class NextStudy:
    """The answer with one more study, by what that study finds.

    Attributes
    ----------
    frame : DataFrame
        One row for each probability `p`: `estimate`, the next study's p-quantile on the analysis scale; `point`,
        `lower`, `upper` of mu with it; `p_above`, P(mu > threshold) with it; `verdict`: the interval ``"above"``,
        ``"below"`` or ``"holds"`` the threshold.
    now : str
        The verdict without it.
    flips : float
        Probability, under what is believed now, that the next study changes the verdict.
    flipping : tuple of (float, float)
        Ranges of estimates that would.
    width, expected_width : float
        Of the interval of mu, now and on average with the next study.
    se, threshold, prob : float
    prior : str
    scale : Scale

    References
    ----------
    Higgins et al. 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x, section 5, for the effect in a
    new study.
    """

    frame: pd.DataFrame
    now: str
    flips: float
    flipping: tuple[tuple[float, float], ...]
    width: float
    expected_width: float
    se: float
    threshold: float
    prob: float
    prior: str
    scale: Scale

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<NextStudy: {self.sentence}>"

    def __str__(self) -> str:
        """The sentence, wrapped to the width of the terminal."""
        return show.wrapped([self.sentence])

    @property
    def sentence(self) -> str:
        """How likely the next study changes the verdict, and what it would have to find."""
        found = " or ".join(_range(self.scale, *one) for one in self.flipping)
        how = f", by an estimate {found}" if found else ": no estimate does"
        return (
            f"The {show.level(self.prob)} credible interval of \N{GREEK SMALL LETTER MU} {_VERDICTS[self.now]} "
            f"{value(self.scale, self.threshold)}. A further study of se {self.se:.3g} changes that with a probability "
            f"of {show.chance(self.flips)}{how}. The interval is {wide(self.scale, self.width)} now and "
            f"{wide(self.scale, self.expected_width)} on average with it. Under {show.prior(self.prior)}."
        )

    def _repr_html_(self) -> str:
        """The sentence and the frame."""
        shown = self.frame[self.frame["p"].isin([0.025, 0.25, 0.5, 0.75, 0.975])]
        rows = [
            [
                show.percent(row["p"]),
                show.number(row["estimate"]),
                show.number(row["point"]),
                show.interval(row["lower"], row["upper"]),
                show.chance(row["p_above"]),
            ]
            for _, row in shown.iterrows()
        ]
        header = ["the next study finds at most this in", "its estimate", "μ", "interval"]
        header.append(f"P(> {show.plain(self.threshold)})")
        return show.card("The next study", answer=self.sentence, header=header, rows=rows)


_VERDICTS = {"above": "is above", "below": "is below", "holds": "holds"}


def next_study(
    effects: Effects, model: Any = None, *, se: float, threshold: float = 0.0, prob: float = 0.95
) -> NextStudy:
    """What one more study would make of the answer, for each estimate that it may report.

    Parameters
    ----------
    effects : Effects
        The studies so far.
    model : RandomEffects, optional
        With the default priors of the scale when left out.
    se : float
        Standard error of the next study, on the analysis scale.
    threshold, prob : float

    Returns
    -------
    NextStudy

    Raises
    ------
    ModelError, InputError
        For dependent rows, another model, and a standard error that is none.

    Notes
    -----
    There is no default standard error: what a study can change depends on it most. The next estimate has the law
    Normal(mu, tau^2 + se^2) over the posterior of mu and tau, and the answer is smooth
    in it, so that no future is drawn.

    References
    ----------
    Roloff, Higgins & Sutton 2013, Statistics in Medicine 32:11, 10.1002/sim.5502, for planning further studies by what
    they do to a meta-analysis.

    Examples
    --------
    >>> import poolwise as pw
    >>> coming = next_study(pw.datasets.load("bcg"), se=0.1)
    >>> coming.now, coming.flips < 0.01
    ('below', True)
    """
    if not 0.0 < as_number(se) < np.inf:
        raise InputError(f"se is {se!r}", "a standard error above 0", "se=0.2")
    check_prob(prob)
    now = belief(effects, model, "next_study")
    estimates = _quantiles(now, LEVELS, se)
    frame = _answers(now, estimates, se, threshold, prob).assign(p=LEVELS)
    lower, upper = now.result["mu"].interval(prob)
    verdict = _verdict(np.array([lower]), np.array([upper]), threshold)[0]
    spread = estimates[-1] - estimates[0]
    fine = np.linspace(estimates[0] - REACH * spread, estimates[-1] + REACH * spread, FINE)
    ranges = _flipping(now, fine, se, threshold, prob, verdict)
    flips = float(sum(_below(now, np.array([b]), se)[0] - _below(now, np.array([a]), se)[0] for a, b in ranges))
    widths = (frame["upper"] - frame["lower"]).to_numpy()
    expected = float(np.trapezoid(widths, LEVELS) / (LEVELS[-1] - LEVELS[0]))
    columns = ["p", "estimate", "point", "lower", "upper", "p_above", "verdict"]
    return NextStudy(
        frame[columns], verdict, flips, ranges, upper - lower, expected, float(se), threshold, prob,
        now.result.prior, effects.scale,
    )  # fmt: skip


def _below(now: Belief, y: Array, se: float) -> Array:
    """P(next estimate <= y): normal given each draw of mu and tau."""
    return np.asarray(special.ndtr((y[:, None] - now.mu) / np.hypot(now.tau, se)).mean(axis=1))


def _quantiles(now: Belief, p: Array, se: float) -> Array:
    """Quantiles of the next estimate, by bisection."""
    spread = np.hypot(now.tau, se)
    lower = np.full(len(p), float((now.mu - 10.0 * spread).min()))
    upper = np.full(len(p), float((now.mu + 10.0 * spread).max()))
    for _ in range(60):
        middle = 0.5 * (lower + upper)
        under = _below(now, middle, se) < p
        lower, upper = np.where(under, middle, lower), np.where(under, upper, middle)
    return 0.5 * (lower + upper)


def _answers(now: Belief, estimates: Array, se: float, threshold: float, prob: float) -> pd.DataFrame:
    y, errors = extended(now, estimates[:, None], np.full((len(estimates), 1), se))
    data = quietly(lambda: fit_batch(y, errors, now.model, Exact(), prob=prob, threshold=threshold))
    lower, upper = data["mu_lower"].values, data["mu_upper"].values
    return pd.DataFrame(
        {
            "estimate": estimates,
            "point": data["mu"].values,
            "lower": lower,
            "upper": upper,
            "p_above": 1.0 - data["mu_below"].values,
            "verdict": _verdict(lower, upper, threshold),
        }
    )


def _verdict(lower: Array, upper: Array, threshold: float) -> list[str]:
    words = np.where(lower > threshold, "above", np.where(upper < threshold, "below", "holds"))
    return [str(word) for word in words]


def _flipping(
    now: Belief, fine: Array, se: float, threshold: float, prob: float, verdict: str
) -> tuple[tuple[float, float], ...]:
    """Ranges of estimates with another verdict; their ends by dividing what lies between two points of the grid."""
    answers = _answers(now, fine, se, threshold, prob)
    changed = (answers["verdict"] != verdict).to_numpy()
    edges = np.flatnonzero(np.diff(changed.astype(int)))
    ends = [_crossing(now, (fine[i], fine[i + 1]), se, threshold, prob, verdict) for i in edges]
    ends = ([-np.inf] if changed[0] else []) + ends + ([np.inf] if changed[-1] else [])
    return tuple(zip(ends[::2], ends[1::2], strict=True))


def _crossing(
    now: Belief, between: tuple[float, float], se: float, threshold: float, prob: float, verdict: str
) -> float:
    """Where the verdict changes between two estimates, halving four times by eight."""
    a, b = between
    for _ in range(8):
        grid = np.linspace(a, b, 9)
        changed = (_answers(now, grid, se, threshold, prob)["verdict"] != verdict).to_numpy()
        at = int(np.flatnonzero(np.diff(changed.astype(int)))[0])
        a, b = grid[at], grid[at + 1]
    return float(0.5 * (a + b))


def _range(scale: Scale, lower: float, upper: float) -> str:
    if np.isinf(lower) and np.isinf(upper):
        return "of any size"
    if np.isinf(lower):
        return f"below {value(scale, upper)}"
    return f"above {value(scale, lower)}" + ("" if np.isinf(upper) else f" and below {value(scale, upper)}")
