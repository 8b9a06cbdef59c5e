"""The prior predictive of the answer: what an analysis would say, were its own prior the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.batch import fit_batch
from poolwise.engines.exact import Exact
from poolwise.errors import ModelError, described
from poolwise.model import RandomEffects
from poolwise.scale import Scale, as_scale
from poolwise.settings import check_prob, check_whole
from poolwise.simulate.characteristics.designs import as_designs
from poolwise.simulate.characteristics.parts import drawn_from
from poolwise.simulate.characteristics.truths import as_cells
from poolwise.simulate.planning.futures import quietly
from poolwise.simulate.planning.words import spread, value, wide

LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)


@final
@dataclass(frozen=True, eq=False)
class PriorAnswers:
    """Answers to tables drawn from the model's own prior.

    Attributes
    ----------
    frame : DataFrame
        Quantiles (columns) of the posterior `median` of mu, the `width` of its interval, `p_above` = P(mu > threshold)
        and the median of `tau` (rows).
    sure : float
        Share of tables in which one side of the threshold has at least the probability (1 + prob) / 2.
    wrong : float
        Share of those in which it is the wrong one.
    tables : int
    prob, threshold : float
    prior : str
    scale : Scale

    References
    ----------
    Gelman, Simpson & Betancourt 2017, Entropy 19:555, 10.3390/e19100555, for judging a prior by what data it expects.
    """

    frame: pd.DataFrame
    sure: float
    wrong: float
    tables: int
    prob: float
    threshold: float
    prior: str
    scale: Scale

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<PriorAnswers: {self.sentence}>"

    def __str__(self) -> str:
        """The sentence, wrapped to the width of the terminal."""
        return show.wrapped([self.sentence])

    @property
    def sentence(self) -> str:
        """How wide and how sure answers are, before any data."""
        widths = self.frame.loc["width", ["2.5 %", "50 %", "97.5 %"]].to_numpy(dtype=float)
        low, median, high = (float(width) for width in widths)
        mean = f"{show.level(self.prob)} credible interval of \N{GREEK SMALL LETTER MU}"
        return (
            f"Were {show.prior(self.prior)} the truth, tables of this design would give a {mean} "
            f"{wide(self.scale, median)} (the median; {spread(self.scale, low, high)} in the middle 95 %); "
            f"{show.percent(self.sure)} of them would leave one side of {value(self.scale, self.threshold)} a "
            f"probability of at least {0.5 * (1 + self.prob):g}, {show.percent(self.wrong)} of those the wrong one."
        )

    def _repr_html_(self) -> str:
        """The sentence and the frame."""
        rows = [
            [_ROWS.get(str(name), show.symbol(str(name))), *map(show.chance if name == "p_above" else show.number, row)]
            for name, row in self.frame.iterrows()
        ]
        return show.card(
            "Prior predictive of the answer", answer=self.sentence, header=["", *map(str, self.frame)], rows=rows
        )


_ROWS = {"p_above": "P(above the threshold)", "median": "median of μ", "width": "width of the interval"}


def prior_answers(
    design: Any,
    model: RandomEffects,
    *,
    tables: int = 2000,
    threshold: float = 0.0,
    prob: float = 0.95,
    seed: int = 1,
) -> PriorAnswers:
    """What an analysis would say of tables that its own prior expects, on this design.

    Parameters
    ----------
    design : Effects, Design or Arms
    model : RandomEffects
        Priors left open are the defaults of the design's scale.
    tables : int
    threshold, prob : float
    seed : int

    Returns
    -------
    PriorAnswers

    Raises
    ------
    ModelError
        For an improper prior, which expects nothing.

    Notes
    -----
    2,000 tables put the error of a share at one percentage point; the seed is always the same.

    References
    ----------
    Gelman, Simpson & Betancourt 2017, Entropy 19:555, 10.3390/e19100555.

    Examples
    --------
    >>> import poolwise as pw
    >>> answers = prior_answers(pw.simulate.Design(k=3, se=0.2), pw.RandomEffects(), tables=200)
    >>> bool(answers.frame.loc["width", "2.5 %"] > 0)
    True
    """
    check_whole("tables", tables, 2, 2000)
    check_prob(prob)
    if not isinstance(model, RandomEffects):
        raise ModelError(f"model is {described(model)}", "RandomEffects(...) with proper priors")
    (plan,) = as_designs(design).values()
    model = model.resolved(plan.example())
    (cell,) = as_cells(model)
    rng = np.random.default_rng(check_whole("seed", seed, 0, 1))
    known = cell.drawn(rng, tables)
    studies = drawn_from(known, plan)(rng, plan.errors(rng, tables), np.arange(tables))
    data = quietly(lambda: fit_batch(studies.y, studies.se, model, Exact(), prob=prob, threshold=threshold))
    above = 1.0 - data["mu_below"].values
    of = {"median": data["mu"].values, "width": (data["mu_upper"] - data["mu_lower"]).values}
    of |= {"p_above": above, "tau": data["tau"].values}
    frame = pd.DataFrame({f"{100 * p:g} %": {name: np.quantile(x, p) for name, x in of.items()} for p in LEVELS})
    enough = 0.5 * (1.0 + prob)
    up, down = above >= enough, above <= 1.0 - enough
    wrong = (up & (known.mu < threshold)) | (down & (known.mu > threshold))
    sure = up | down
    share = float(wrong.sum() / sure.sum()) if sure.any() else float("nan")
    return PriorAnswers(
        frame, float(sure.mean()), share, tables, prob, threshold, str(data.attrs["prior"]), as_scale(plan.scale)
    )
