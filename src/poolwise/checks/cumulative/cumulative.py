"""When did the answer settle? The studies enter one by one, in whichever order is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import pandas as pd

from poolwise import show
from poolwise.checks.cumulative.order import Order, order
from poolwise.checks.cumulative.steps import answers, before
from poolwise.checks.cumulative.words import caveat, settled_sentence, ties_sentence
from poolwise.checks.question import side
from poolwise.effects import Effects
from poolwise.engines.nuts.read_draws import ReadDraws
from poolwise.errors import ModelError
from poolwise.lent import Lent
from poolwise.result import NO_PRIOR, Result, check_result
from poolwise.settings import check_option, check_prob
from poolwise.threads import one_thread

PRIOR_ROW = "before any study"
COLUMNS = (
    "step", "study", "by", "k", "mu_point", "mu_lower", "mu_upper", "tau_point", "tau_lower", "tau_upper", "p_above",
    "excludes", "changes", "quantity", "threshold", "prob", "interval", "prior", "status", "reason", "data",
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False, repr=False)
class Cumulative:
    """The answer after each study.

    Attributes
    ----------
    frame : DataFrame
        One row for each step: step, study (the one that entered; ``"before any study"`` for the prior, step 0), by
        (what it was ordered by), k (effects so far), mu_point, mu_lower, mu_upper (of the quantity named), tau_point,
        tau_lower, tau_upper, p_above (posterior probability of a value above the threshold; NaN for a closed form),
        excludes (on which side of the threshold the interval lies: ``"above"``, ``"below"``, ``"no"``), changes
        (whether that differs from the last step with an answer), quantity, threshold, prob, interval (kind), prior,
        status, reason (why a step has no answer), data. On the analysis scale; a new copy each time it is asked for.
    sentence : str
        From which study on the answer no longer changed.
    caveat : str
        What looking after each study does to these intervals.
    effects : Effects
        All studies.
    label : str
        Words for the fit: ``"exact"``, ``"REML, Hartung-Knapp ad hoc"``.
    order : str
        The order in words.
    quantity : str
    threshold, prob : float
    settled : int
        The step from which on the interval stays on the same side of the threshold, or includes it.

    References
    ----------
    Lau et al. 1992, New England Journal of Medicine 327:248, 10.1056/NEJM199207233270406.
    """

    frame: pd.DataFrame = field(repr=False)
    sentence: str
    caveat: str
    effects: Effects
    label: str
    order: str
    quantity: str
    threshold: float
    prob: float
    settled: int

    def __str__(self) -> str:
        """The sentence and the caveat, wrapped to the width of the terminal."""
        return show.wrapped([self.sentence, self.caveat])

    def __repr__(self) -> str:
        """One line: steps, order, and from which study on the answer stands."""
        frame = self.frame
        name = frame.loc[frame["step"] == self.settled, "study"].iloc[0]
        made = ", reconstructed" if self.effects.reconstructed else ""
        return (
            f"<Cumulative by {self.order}: {int(frame['step'].max())} steps, k = {self.effects.k}{made}, the answer "
            f"about {show.symbol(self.quantity)} stands since step {self.settled} ({name})>"
        )

    def _repr_html_(self) -> str:
        """The steps and the sentence, compact."""
        rows = [
            (
                row["study"],
                str(row["k"]),
                show.number(row["mu_point"]),
                show.interval(row["mu_lower"], row["mu_upper"]),
                show.number(row["tau_point"]),
                show.chance(row["p_above"]),
            )
            for row in self.frame.to_dict("records")
        ]
        header = ("study added", "k", show.symbol(self.quantity), f"{show.level(self.prob)} interval", "τ")
        return show.card(
            f"Cumulative by {self.order}",
            answer=self.sentence,
            facts=(
                self.effects.title,
                show.method(self.label),
                f"{self.effects.data_label} data",
                f"table: {self.effects.scale.label}",
            ),
            header=(*header, f"P(> {show.plain(self.threshold)})"),
            rows=rows,
            notes=(self.caveat,),
        )


Cumulative.frame = Lent("frame")  # type: ignore[assignment]


@one_thread()
def cumulative(
    result: Result,
    *,
    by: str | Sequence[str] = "year",
    of: str | None = None,
    prob: float = 0.95,
    threshold: float = 0.0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Cumulative:
    """Fit the first study, the first two, and so on, and say when the answer settled.

    Step j is what `pw.refit` answers on the first j studies, p(mu, tau | y_1, ..., y_j), with the model and the priors
    of the result; before any study stands the prior. All effects of one study enter together. Studies with the same
    value enter in the order of the table, and the sentence says how many there are.

    A closed form, and random effects by `Exact` with a normal or flat prior on mu, are answered in one batch, in
    milliseconds. Other models by `Exact` are refitted, 10 to 100 ms a step and more; a result of NUTS is sampled anew
    at each step, which takes as many times its own seconds as there are studies.

    Parameters
    ----------
    result : Result
        Of any engine.
    by : str or sequence of str
        ``"se"`` or ``"precision"`` (the most precise first), ``"effect"`` (the smallest first), ``"as given"``; the
        name of a column of the table, from its lowest value on: ``"year"``; or the labels of all studies in order.
    of : str, optional
        ``"beta[ablat]"``, ``"mu[a]"``: the quantity, where the model has several; when None mu, or the coefficient of
        the only moderator. Moderators are coded and centred anew at each step.
    prob : float
        Probability of the intervals.
    threshold : float
        On the analysis scale. Proportions and rates are on no side of 0: there it takes one of the user's own.
    progress : callable, optional
        Told of each refit as it begins: its number, how many there are, which study enters.

    Returns
    -------
    Cumulative

    Raises
    ------
    ModelError
        For something other than a result, draws that were made elsewhere, a quantity that the result has not.
    MissingQuantityError
        For a column or a study that the table does not have; the message offers the nearest.
    InputError
        Where studies have no value to be ordered by, naming them, or a list leaves studies out.

    Notes
    -----
    by = "year" is the order in which the evidence came to be known, which is what a cumulative meta-analysis usually
    asks about; prob = 0.95 is the probability at which papers report; threshold = 0 asks about the direction. Priors
    that are made from the sampling variances stay those of the whole table. A step that has no answer (one study by a
    closed form of random effects, a moderator that does not vary yet) keeps its row, with the reason.

    References
    ----------
    Lau et al. 1992, New England Journal of Medicine 327:248, 10.1056/NEJM199207233270406.

    Examples
    --------
    >>> import poolwise as pw
    >>> result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    >>> found = cumulative(result, by="year")
    >>> found.settled, len(found.frame)
    (3, 14)
    """
    result = check_result("cumulative", result)
    if isinstance(result.engine, ReadDraws):
        raise ModelError("cumulative cannot refit draws that were made elsewhere", "a result of pw.fit")
    check_prob(prob)
    quantity = _quantity(result, of)
    threshold = _threshold(result.effects, quantity, threshold)
    entering = order(result.effects, by)
    rows = answers(result, entering.steps, quantity, prob, threshold, progress)
    prior = [] if result.prior == NO_PRIOR else [before(result, quantity, prob, threshold)]
    frame = _frame(result, entering, [*prior, *rows], threshold).assign(quantity=quantity, prob=prob)
    settled = _settled(frame)
    said = [settled_sentence(frame, settled, entering.words, result.effects), ties_sentence(entering.ties)]
    return Cumulative(
        frame=frame[list(COLUMNS)],
        sentence=" ".join(filter(None, said)),
        caveat=caveat(result, prob),
        effects=result.effects,
        label=result.label,
        order=entering.words,
        quantity=quantity,
        threshold=threshold,
        prob=prob,
        settled=settled,
    )


def _quantity(result: Result, of: str | None) -> str:
    """The quantity asked about."""
    names = result.answers
    if of is None:
        slopes = [name for name in names if name != "beta[intercept]"]
        if len(slopes) == 1:
            return slopes[0]
        raise ModelError("the result has several mean effects and none is named", "of=" + " or ".join(names))
    return check_option("of", of, [name for name in result.quantities if name.startswith(("mu", "beta"))])


def _threshold(effects: Effects, quantity: str, threshold: float) -> float:
    from poolwise.checks.question import check_threshold

    check_threshold(threshold)
    return effects.scale.held_against(threshold) if quantity.startswith("mu") and " - " not in quantity else threshold


def _frame(result: Result, entering: Order, rows: Sequence[dict[str, object]], threshold: float) -> pd.DataFrame:
    frame = pd.DataFrame(rows).rename(columns={name: f"mu_{name}" for name in ("point", "lower", "upper")})
    first = len(rows) - len(entering.steps)  # 1 where a prior stands before the studies
    names = [PRIOR_ROW] * first + [step.name for step in entering.steps]
    values = [None] * first + [step.value for step in entering.steps]
    sizes = [0] * first + [len(step.rows) for step in entering.steps]
    limits = zip(frame["mu_lower"], frame["mu_upper"], strict=True)
    sides = [side(low, high, threshold) if not math.isnan(low) else "" for low, high in limits]
    told = [one if not math.isnan(threshold) else "" for one in sides]
    return frame.assign(
        step=range(1 - first, len(rows) + 1 - first),
        study=names,
        by=pd.Series(values, dtype=object),
        k=pd.Series(sizes).cumsum(),
        excludes=told,
        changes=_changes(told),
        threshold=threshold,
        prior=result.prior,
        data=result.data_label,
    )


def _changes(told: Sequence[str]) -> list[bool]:
    """Whether each step's verdict differs from that of the last step that has one."""
    changes, last = [], ""
    for one in told:
        changes.append(bool(one and last and one != last))
        last = one or last
    return changes


def _settled(frame: pd.DataFrame) -> int:
    """The step from which on the verdict stays what it is."""
    changed = frame.loc[frame["changes"], "step"]
    if len(changed):
        return int(changed.iloc[-1])
    with_answer = frame.loc[frame["mu_lower"].notna() & (frame["step"] > 0), "step"]
    return int(with_answer.iloc[0]) if len(with_answer) else int(frame["step"].max())
