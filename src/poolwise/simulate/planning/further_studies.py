"""How many further studies until the answer is as narrow, or as sure, as is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.batch import fit_batch
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.errors import ModelError
from poolwise.scale import Scale
from poolwise.settings import as_number, check_prob, check_whole
from poolwise.simulate.planning.futures import Belief, belief, errors_to_come, extended, quietly
from poolwise.simulate.planning.words import value, wide

COUNTS = (1, 2, 3, 5, 10, 20, 50)
ENOUGH = 0.8  # of the futures that must be as asked


@final
@dataclass(frozen=True, eq=False)
class FurtherStudies:
    """What further studies would do to the answer, over futures drawn from what is believed now.

    Attributes
    ----------
    frame : DataFrame
        One row for each number of further studies, 0 first: `further`, `k`; `width`, the mean width of the interval of
        mu on the analysis scale; `narrow`, the share of futures in which it is at most as wide as asked; `sure`, the
        share in which the posterior probability of a side of the threshold is at least the one asked; each with its
        Monte Carlo standard error under ``<name>_mcse``.
    width : float or None
    sure : float
    threshold, prob : float
    prior, se : str
        In words.
    scale : Scale

    References
    ----------
    Higgins et al. 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x, section 5, for the effect in a
    new study.
    """

    frame: pd.DataFrame
    width: float | None
    sure: float
    threshold: float
    prob: float
    prior: str
    se: str
    scale: Scale

    def needed(self, share: float = ENOUGH, *, of: str | None = None) -> int | None:
        """The smallest number of further studies, of those tried, with which this share of futures is as asked.

        Parameters
        ----------
        share : float
            Of futures.
        of : str, optional
            ``"narrow"`` or ``"sure"``; narrow where a width was asked.

        Returns
        -------
        int or None
            None when no number that was tried is enough.

        Notes
        -----
        Four futures of five, as studies are planned for a power of 80 %.

        References
        ----------
        Roloff, Higgins & Sutton 2013, Statistics in Medicine 32:11, 10.1002/sim.5502, for planning further studies.
        """
        column = of or ("narrow" if self.width is not None else "sure")
        if column not in ("narrow", "sure") or (column == "narrow" and self.width is None):
            raise ModelError(f"needed(of={of!r})", "'sure', or 'narrow' where a width was asked")
        enough = self.frame[self.frame[column] >= check_prob(share, "share")]
        return None if enough.empty else int(enough["further"].iloc[0])

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<FurtherStudies: {self.sentence}>"

    def __str__(self) -> str:
        """The sentence, wrapped to the width of the terminal."""
        return show.wrapped([self.sentence])

    @property
    def sentence(self) -> str:
        """How wide the interval is now and would be, and how many studies are enough."""
        now, last = self.frame.iloc[0], self.frame.iloc[-1]
        asked = (
            f"the {show.level(self.prob)} credible interval of \N{GREEK SMALL LETTER MU} is at most "
            f"{wide(self.scale, self.width)}"
            if self.width is not None
            else f"\N{GREEK SMALL LETTER MU} is on one side of {value(self.scale, self.threshold)} with a probability "
            f"of {self.sure:g}"
        )
        needed = self.needed()
        if needed is None:
            enough = f"no number up to {int(last['further'])} brings {show.level(ENOUGH)} of futures to where {asked}"
        elif needed == 0:
            enough = f"none more is needed: {asked} already"
        else:
            bring = "1 further study brings" if needed == 1 else f"{needed} further studies bring"
            enough = f"{bring} {show.level(ENOUGH)} of futures to where {asked}"
        return (
            f"With studies of {self.se}, {enough}. The interval is {wide(self.scale, now['width'])} now, and "
            f"{wide(self.scale, last['width'])} on average with {int(last['further'])} more; futures are drawn from "
            f"the posterior under {show.prior(self.prior)}."
        )

    def _repr_html_(self) -> str:
        """The sentence and the frame."""
        columns = [str(name) for name in self.frame if not str(name).endswith("_mcse")]
        rows = [[_cell(name, row[name]) for name in columns] for _, row in self.frame.iterrows()]
        return show.card("Further studies", answer=self.sentence, header=columns, rows=rows)


def further_studies(
    effects: Effects,
    model: Any = None,
    *,
    se: Any = None,
    counts: Sequence[int] = COUNTS,
    width: float | None = None,
    sure: float = 0.975,
    threshold: float = 0.0,
    prob: float = 0.95,
    futures: int = 2000,
    seed: int = 1,
) -> FurtherStudies:
    """How narrow and how sure the answer would be with more studies: futures are drawn from the posterior and fitted.

    Parameters
    ----------
    effects : Effects
        The studies so far.
    model : RandomEffects, optional
        With the default priors of the scale when left out.
    se : float, sequence of float, or distribution, optional
        Standard errors of further studies, on the analysis scale; drawn again from those of the table when left out.
    counts : sequence of int
        Numbers of further studies.
    width : float, optional
        The width of the interval of mu that is asked for, on the analysis scale.
    sure : float
        The posterior probability of a side of the threshold that is asked for.
    threshold, prob : float
    futures : int
        For each number.
    seed : int

    Returns
    -------
    FurtherStudies

    Raises
    ------
    ModelError, InputError
        For dependent rows, another model, and numbers that are none.

    Notes
    -----
    A posterior probability of .975 of one side is where a 95 % interval leaves the threshold. 2,000 futures put the
    Monte Carlo error of a share at one percentage point. The futures follow the model: where its prior on tau is wide,
    so are they.

    References
    ----------
    Roloff, Higgins & Sutton 2013, Statistics in Medicine 32:11, 10.1002/sim.5502, for planning further studies by what
    they do to a meta-analysis.

    Examples
    --------
    >>> import poolwise as pw
    >>> plan = further_studies(pw.datasets.load("bcg"), counts=[5, 20], width=0.5, futures=200)
    >>> bool(plan.frame["width"].is_monotonic_decreasing)
    True
    """
    numbers = sorted({check_whole("counts", count, 1, 5) for count in counts})
    if not numbers:
        raise ModelError("counts is empty", "numbers of further studies", "counts=[1, 5, 20]")
    check_whole("futures", futures, 2, 2000)
    check_whole("seed", seed, 0, 1)
    if width is not None and not as_number(width) > 0:
        raise ModelError(f"width is {width!r}", "a width above 0")
    now = belief(effects, model)
    rows = [
        _row(now, count, se, _asked(width, check_prob(sure, "sure"), threshold, check_prob(prob)), futures, seed)
        for count in (0, *numbers)
    ]
    ends = dict.fromkeys(f"{end:.3g}" for end in (effects.se.min(), effects.se.max()))
    words = f"se {' to '.join(ends)}, drawn from the table" if se is None else f"se {se}"
    return FurtherStudies(pd.DataFrame(rows), width, sure, threshold, prob, now.result.prior, words, effects.scale)


def _asked(width: float | None, sure: float, threshold: float, prob: float) -> dict[str, float]:
    return {"width": np.nan if width is None else width, "sure": sure, "threshold": threshold, "prob": prob}


def _row(now: Belief, count: int, se: Any, asked: dict[str, float], futures: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, count])
    n = futures if count else 1
    errors = errors_to_come(se, now.effects, (n, count), rng)
    mu, tau = now.drawn(n, rng)
    y = mu[:, None] + np.hypot(tau[:, None], errors) * rng.standard_normal((n, count))
    data = quietly(
        lambda: fit_batch(
            *extended(now, y, errors), now.model, Exact(), prob=asked["prob"], threshold=asked["threshold"]
        )
    )
    widths = (data["mu_upper"] - data["mu_lower"]).values
    sides = np.maximum(data["mu_below"].values, 1.0 - data["mu_below"].values)
    row: dict[str, Any] = {"further": count, "k": now.effects.k + count}
    for name, values in (
        ("width", widths),
        ("narrow", np.where(np.isnan(asked["width"]), np.nan, widths <= asked["width"])),
        ("sure", (sides >= asked["sure"]).astype(float)),
    ):
        row[name] = float(values.mean())
        row[f"{name}_mcse"] = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    return row


def _cell(name: str, value: float) -> str:
    if name in ("further", "k"):
        return str(int(value))
    return show.number(value) if name == "width" else show.percent(value)
