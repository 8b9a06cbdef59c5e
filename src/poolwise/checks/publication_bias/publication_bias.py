"""Every method for publication bias on one study table, in one frame, with one verdict."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import pandas as pd

from poolwise import show
from poolwise.bias.requirements import is_dependent, need_reported
from poolwise.checks.publication_bias.methods import METHODS, Answer, Asked, Method
from poolwise.checks.publication_bias.words import in_short, name, verdict
from poolwise.effects import Effects
from poolwise.errors import ModelError, PoolwiseError, PoolwiseWarning, shown
from poolwise.lent import Lent
from poolwise.model import RandomEffects
from poolwise.model.publication import NOT_SAID, Direction, check_direction
from poolwise.settings import as_number, check_instance, check_prob
from poolwise.threads import one_thread

NO_ANSWER = "no answer"
FAILED = "failed"


@final
@dataclass(frozen=True, eq=False, repr=False)
class PublicationBias:
    """What every method says of publication bias in one study table. None of them dominates.

    Attributes
    ----------
    frame : DataFrame
        A row for each answer: method, variant (where it has several), role (``"unadjusted"``, ``"test"``,
        ``"adjusted"``, ``"sensitivity"``), question; point, sd, lower, upper of the mean with prob, interval (kind)
        and prior; moved (from the unadjusted random-effects mean, on the analysis scale) and moved_se (in standard
        errors of that mean); tested, measure, value (p-value, S-value, log10 Bayes factor, number); assumption;
        status (``"no answer"`` where the method has none on this table), reason, sentence, data. NaN where a method
        does not offer the number. A new copy each time it is asked for.
    sentence : str
        The range of the answers, on the reading scale (a ratio, not its logarithm), and the assumptions that would
        overturn the unadjusted one.
    effects : Effects
    direction : {"positive", "negative"}
        In which direction results were taken to be likelier to be published.
    prob : float
        Probability of the intervals.
    records : mapping of str to object
        What each method returned, by method: a record of `poolwise.bias`, a Result, the average; those without an
        answer are not among them.

    References
    ----------
    Carter, Schönbrodt, Gervais & Hilgard 2019, Advances in Methods and Practices in Psychological Science 2:115,
    10.1177/2515245919847196.
    """

    frame: pd.DataFrame = field(repr=False)
    sentence: str
    effects: Effects
    direction: Direction
    prob: float
    records: Mapping[str, Any] = field(repr=False)

    @property
    def in_short(self) -> str:
        """One short sentence: the range of the answers, and how many intervals hold the null value."""
        return in_short(self.frame, self.effects.scale)

    def __str__(self) -> str:
        """The verdict, wrapped to the width of the terminal."""
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: how many methods, and the range of their means."""
        frame = self.frame
        means = frame.loc[frame["role"].isin(("adjusted", "sensitivity")), "point"].dropna()
        among = f", μ between {show.number(means.min())} and {show.number(means.max())}" if len(means) else ""
        silent = int((frame["status"] == NO_ANSWER).sum())
        return f"<PublicationBias: {len(frame)} answers{among}, {silent} without one, k = {self.effects.k}>"

    def _repr_html_(self) -> str:
        """The frame and the verdict, compact."""
        rows = [
            (
                row["method"] + (f" ({row['variant']})" if row["variant"] else ""),
                show.number(row["point"]),
                show.interval(row["lower"], row["upper"]),
                show.number(row["moved"]),
                show.greek(row["tested"]),
                value_words(row["measure"], row["value"]),
                "" if row["status"] == "ok" else show.status_within(row["status"]),
            )
            for row in self.frame.to_dict("records")
        ]
        reasons = [
            f"{name(row)}: {show.greek(row['reason'])}" for row in self.frame.to_dict("records") if row["reason"]
        ]
        return show.card(
            "Publication bias",
            answer=show.greek(self.sentence),
            facts=(self.effects.title, self.effects.counted, f"direction {self.direction}"),
            header=("method", "μ", f"{show.level(self.prob)} interval", "moved", "about", "", "status"),
            rows=rows,
            notes=reasons,
        )


PublicationBias.frame = Lent("frame")  # type: ignore[assignment]


@one_thread()
def publication_bias(
    effects: Effects,
    *,
    direction: Direction = NOT_SAID,
    prob: float = 0.95,
    model: RandomEffects | None = None,
    unit: float | None = None,
) -> PublicationBias:
    """Ask every method for publication bias about one study table.

    No method dominates: each is right where its assumption is, and none is told by the data alone which that is. The
    range of the answers is the message, and what one would have to assume for the unadjusted answer to fall.

    Parameters
    ----------
    effects : Effects
    direction : {"positive", "negative"}
        In which direction results are likelier to be published.
    prob : float
        Probability of the intervals.
    model : RandomEffects, optional
        Priors of the average over 36 models; those of RoBMA 3 times the unit when None.
    unit : float, optional
        What one standard deviation is in the unit of the effects, for these priors; the scale's own when None.

    Returns
    -------
    PublicationBias

    Raises
    ------
    InputError
        For a reconstructed table, whose pattern of small and large studies is arbitrary.
    ModelError
        For something other than a study table, when no direction is given, for impossible arguments.

    Notes
    -----
    The direction has no default: the data cannot tell which results were wanted. prob = 0.95 is the probability at
    which papers report. A method that has no answer on this table (too few studies, equal standard errors, every result
    significant, a scale without a null value) keeps its row, with the reason. Where several effects are of one study,
    methods that take them as independent give way to cluster-robust ones.

    References
    ----------
    Carter, Schönbrodt, Gervais & Hilgard 2019, Advances in Methods and Practices in Psychological Science 2:115,
    10.1177/2515245919847196: no method dominates.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = publication_bias(pw.datasets.load("bcg"), direction="negative")
    >>> found.frame.set_index("method").loc["PET", ["point", "moved"]].round(2).to_dict()
    {'point': -0.19, 'moved': 0.52}
    """
    table = need_reported(effects, "publication_bias", least=1)
    check_direction(direction)
    check_prob(prob)
    if model is not None:
        check_instance("publication_bias", model, RandomEffects, expected="RandomEffects(mu=..., tau=...), or none")
    if unit is not None and not 0.0 < as_number(unit) < math.inf:
        raise ModelError(
            f"unit = {shown(unit)}", "a number above 0: what one standard deviation is in this unit", "unit=1"
        )
    asked = Asked(table, direction, prob, is_dependent(table), model, unit)
    records: dict[str, Any] = {}
    rows = [row for method in METHODS for row in _rows(method, asked, records)]
    frame = _moved(pd.DataFrame(rows))
    return PublicationBias(frame, verdict(frame, asked), table, direction, prob, records)


def _rows(method: Method, asked: Asked, records: dict[str, Any]) -> Iterator[dict[str, object]]:
    """The rows of one method; what it returned goes into `records`."""
    if method.rows == "dependent" and not asked.dependent:
        return
    if method.rows == "independent" and asked.dependent:
        reason = f"it takes estimates as independent, which these are not; {method.instead}"
        yield _row(method, asked, Answer(status=NO_ANSWER, advice=f"No answer: {reason}."))
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolwiseWarning)  # what they say stands in the records' sentences
            record = method.record(asked)
            answers = [_row(method, asked, answer) for answer in method.answers(record, asked)]
    except PoolwiseError as error:
        yield _row(method, asked, Answer(status=NO_ANSWER, advice=f"No answer: {error}"))
    except Exception as error:  # one method that fails does not silence the others
        told = f"No answer, for a reason that was not foreseen ({type(error).__name__}: {error})."
        yield _row(method, asked, Answer(status=FAILED, advice=told))
    else:
        records[method.name] = record
        yield from answers


def _row(method: Method, asked: Asked, answer: Answer) -> dict[str, object]:
    mean = answer.mean
    lower, upper = mean.interval(asked.prob) if mean is not None else (math.nan, math.nan)
    return {
        "method": method.name,
        "variant": answer.variant,
        "role": method.role,
        "question": method.question,
        "point": math.nan if mean is None else mean.point,
        "sd": math.nan if mean is None else mean.sd,
        "lower": lower,
        "upper": upper,
        "prob": asked.prob,
        "interval": "" if mean is None else mean.interval_kind(),
        "prior": answer.prior,
        "tested": answer.tested,
        "measure": answer.measure,
        "value": answer.value,
        "assumption": answer.assumption or method.assumption,
        "status": answer.status,
        "reason": answer.advice,
        "sentence": answer.sentence or answer.advice,
        "data": asked.effects.data_label,
    }


def _moved(frame: pd.DataFrame) -> pd.DataFrame:
    """With the columns that say how far each mean lies from that of random effects."""
    unadjusted = frame.iloc[0]
    moved = frame["point"] - float(unadjusted["point"])
    place = list(frame.columns).index("tested")
    frame.insert(place, "moved", moved)
    frame.insert(place + 1, "moved_se", moved / float(unadjusted["sd"]))
    return frame


def value_words(measure: str, value: float) -> str:
    """A value with what it is; a dash for none.

    Examples
    --------
    >>> value_words("p-value", 0.1887), value_words("S-value", 3.356)
    ('p = 0.189', 'S-value 3.36')
    """
    if math.isnan(value):
        return show.NOTHING
    if measure == "p-value":
        return f"p {show.probability(value)}"
    return f"{measure} {show.number(value, 0 if measure == 'number' else 2)}"
