"""What do many possible study tables say together? The range of every answer over a set of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import pandas as pd

from poolwise import show
from poolwise.checks.question import need_effects
from poolwise.checks.ranges import words
from poolwise.checks.ranges.answers import (
    Answered,
    Asked,
    Rope,
    about_zero,
    answered,
    fitted,
    nuts_against_exact,
    of_nuts,
)
from poolwise.checks.ranges.beyond import AGREE, Beyond, Extra, searched, with_edge
from poolwise.checks.ranges.beyond import beyond as _beyond
from poolwise.checks.ranges.table import factor_of, level_counts, main_label, range_rows, reach, span, tables_excluding
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.engines.nuts.stored_draws import Folder
from poolwise.errors import MissingQuantityError, ModelError, nearest
from poolwise.fit import Engine, fit_words
from poolwise.model import Model
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.settings import SMALL_K, check_instance, check_prob, check_whole
from poolwise.threads import one_thread


@final
@dataclass(frozen=True, eq=False)
class Ranges:
    """The answers of one question over a set of study tables: ranges, never the answer of one table.

    Attributes
    ----------
    frame : DataFrame
        One row for each fit and quantity: label, model, engine, quantity, tables (drawn), found (by search);
        point_low, point_median, point_high (lowest and highest over all tables, median over those drawn), likewise
        lower_ and upper_ (limits of the interval); excludes_0, all_above and all_below, the shares of the tables drawn
        whose interval excludes 0, lies above it and lies below it; excludes, what holds over all tables: ``"above"``,
        ``"below"``, ``"none"`` or ``"some"``; p_above_ and p_rope_low, _median, _high, posterior probabilities (NaN for
        a frequentist fit); prob, interval (kind), prior, status (the gravest of any table), data; point_edge,
        lower_edge, upper_edge, p_above_edge, p_rope_edge, what the table with equal weights says, where there is one.
        Shares describe the set of tables; they are no probabilities.
    answers : DataFrame
        One row for each fit, table and quantity: label, table (counted from 1, those found by search after those
        drawn), quantity, point, lower, upper, p_above, p_rope.
    levels : DataFrame
        Number of studies of each level over the tables: level, fewest, median, most, tables_with_one; empty without
        levels.
    nuts : DataFrame
        NUTS beside the exact engine on the same few tables, in Monte Carlo standard errors: table, quantity,
        nuts_mean, exact_mean, mcse, mean_apart, q2.5_apart, q97.5_apart, divergences, r_hat, status; empty
        without NUTS.
    verdicts : tuple of str
        A sentence for each contrast.
    notes : tuple of str
        What was noticed in the fits.
    tables, k : int
        Number of tables drawn, and of studies in each.
    factor : str
        What the studies are divided by; empty when they are not.
    prob : float
        Probability of the intervals.
    scale : Scale
        Scale of the effects.
    data : str
        ``"reconstructed"`` when the tables are.
    failed : tuple of Result
        Fits whose numbers should not be used as they are.
    fits : tuple of (str, str, str, str, float)
        Label, engine, settings, status over the tables, seconds of each fit.
    searches : DataFrame
        One row for each lowest or highest answer that was searched for: fit, quantity, what, end (``"low"``,
        ``"high"``), value, drawn (the same over the tables drawn), restarts, agree (how many end within 0.002 of the
        best), spread (from the best to the worst), beaten (how much farther a table goes that was found for another
        answer), table; empty without a search.
    panel : DataFrame
        The prior panel over all tables, one row for each prior on tau: prior, name, source; point_low, _median, _high
        of mu, likewise lower_, upper_, p_above_ and tau_upper_; excludes_0 and excludes as in `frame`; and with _edge
        what the table with equal weights says. Empty without a panel.

    References
    ----------
    Manski 2003, Partial Identification of Probability Distributions, 10.1007/b97478, on answers that are sets.
    """

    frame: pd.DataFrame
    answers: pd.DataFrame = field(repr=False)
    levels: pd.DataFrame
    nuts: pd.DataFrame
    verdicts: tuple[str, ...]
    notes: tuple[str, ...]
    tables: int
    k: int
    factor: str
    prob: float
    scale: Scale
    data: str
    failed: tuple[Result, ...] = field(repr=False, default=())
    fits: tuple[tuple[str, str, str, str, float], ...] = ()
    searches: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)
    panel: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        """One line: tables, studies, data."""
        by = f" by {self.factor}" if self.factor else ""
        return f"<Ranges{by}: {self.tables} tables of {self.k} studies, {self.data} data>"

    @property
    def levels_sentence(self) -> str:
        """How many studies each level has over the tables, in words; empty without levels."""
        return words.levels(self.levels, self.factor)

    @property
    def nuts_sentence(self) -> str:
        """How far NUTS is from the exact engine, in words; empty without NUTS."""
        return words.nuts(self.nuts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that there is to say, a sentence each; the prior panel first where one prior alone is never read."""
        return self.worded()

    def worded(self, symbols: words.Symbols = str) -> tuple[str, ...]:
        """The same sentences, with the names of quantities and the package's own words as `symbols` writes them.

        Parameters
        ----------
        symbols : callable
            ``show.symbol`` for Greek letters; the user's words are put in as they are.
        """
        answers, panel = self._answers_worded(symbols), symbols(self.panel_sentence)
        said = (panel, *answers) if self.k < SMALL_K else (*answers, panel)
        edge, search = self._edge_worded(symbols), words.searched(self.searches, AGREE, symbols)
        return tuple(filter(None, (*said, edge, search, self.levels_sentence, self.nuts_sentence)))

    def headline(self, symbols: words.Symbols = str) -> tuple[str, ...]:
        """Those of the sentences that answer the question, the prior panel first where it comes first.

        Parameters
        ----------
        symbols : callable
            As of `worded`.
        """
        answers = self._answers_worded(symbols)
        return (symbols(self.panel_sentence), *answers) if self.panel_sentence and self.k < SMALL_K else answers

    def _answers_worded(self, symbols: words.Symbols) -> tuple[str, ...]:
        return words.verdicts(self.frame, main_label(self.frame), self.factor, symbols, self.scale)

    @property
    def found(self) -> int:
        """How many tables a search found beside those drawn."""
        return int(self.frame["found"].max())

    @property
    def panel_sentence(self) -> str:
        """What can be said of mu under each prior of the panel, in words; empty without a panel."""
        return words.priors(self.panel, self.k, self.prob, SMALL_K, self.scale)

    @property
    def edge_sentence(self) -> str:
        """What the table with equal weights says, and what it is; empty where there is none."""
        return self._edge_worded(str)

    def _edge_worded(self, symbols: words.Symbols) -> str:
        main = self.frame[self.frame["label"] == main_label(self.frame)]
        asked_for = words.contrasts(main["quantity"].tolist())
        rows = main[main["quantity"].isin(asked_for)].to_dict("records")
        if len(rows) != 1:
            return ""
        answers = self.answers
        mine = answers[(answers["label"] == rows[0]["label"]) & (answers["quantity"] == rows[0]["quantity"])]
        return words.edge(rows[0], mine["upper"] - mine["lower"], symbols, self.scale)

    def row(self, quantity: str, label: str | None = None) -> pd.Series:
        """The range of one quantity.

        Parameters
        ----------
        quantity : str
            ``"mu[custodial] - mu[community]"``.
        label : str, optional
            Which fit; the first exact one, or else the first, when None.

        Raises
        ------
        MissingQuantityError
            When there is none; the message offers the nearest.
        """
        label = main_label(self.frame) if label is None else label
        labels = list(dict.fromkeys(self.frame["label"]))
        if label not in labels:
            raise MissingQuantityError(f"there is no fit '{label}'", advice=nearest(label, labels))
        rows = self.frame[self.frame["label"] == label]
        known = rows["quantity"].tolist()
        if quantity not in known:
            raise MissingQuantityError(f"'{label}' has no quantity '{quantity}'", advice=nearest(quantity, known))
        return rows.iloc[known.index(quantity)]

    def __str__(self) -> str:
        """What it has to say, wrapped to the width of the terminal."""
        return show.wrapped(self.worded(show.symbol))

    def _repr_html_(self) -> str:
        """The contrasts and means, and the sentences, compact."""
        rows = [
            (
                show.method(row["label"]),
                show.symbol(row["quantity"]),
                span(row, "point"),
                reach(row),
                tables_excluding(row),
            )
            for row in self.frame.to_dict("records")
            if about_zero(row["quantity"]) and not row["quantity"].startswith("theta_new")
        ]
        said = self.worded(show.symbol)
        return show.card(
            f"Ranges over {self.tables + self.found} tables of {self.k} studies",
            answer="".join(said[:1]),
            facts=(f"{self.data} data", f"{show.level(self.prob)} intervals", "lowest to highest, median in brackets"),
            header=("fit", "quantity", "estimate", "limits", "0 excluded in"),
            rows=rows,
            notes=said[1:],
        )


def ranges(
    tables: Iterable[Effects],
    model: Model,
    *engines: Engine,
    prob: float = 0.95,
    rope: tuple[float, float] | None = None,
    nuts_tables: int = 3,
    kept: Folder | None = None,
) -> Ranges:
    """Fit a model to every one of a set of study tables, and give the range of every answer.

    A paper whose study table is not public leaves many tables possible (see `poolwise.reconstruct`). What holds over
    all of them, the published figures say; what holds in some of them, they leave open.

    Parameters
    ----------
    tables : iterable of Effects
        A `Reconstruction`, or any tables of the same scale.
    model : Model
        What is assumed.
    *engines : Engine
        ``Exact()`` when none is given. `NUTS` is a check: it answers the first `nuts_tables` tables only and is set
        beside the exact engine on the same tables.
    prob : float
        Probability of the intervals.
    rope : tuple of float, optional
        Region of practical equivalence, for the posterior probability of lying in it.
    nuts_tables : int
        Number of tables that NUTS answers.
    kept : KeptFits, optional
        Where the draws of each fit by NUTS are kept as soon as it is finished, and taken from when it was finished
        earlier.

    Returns
    -------
    Ranges

    Raises
    ------
    ModelError
        When there is no table, an engine other than NUTS is missing, or a table has no such fit.

    Notes
    -----
    Exact() is the default since it takes milliseconds for each table and has no Monte Carlo error that would widen a
    range. NUTS answers three tables: enough to show that both engines agree, and each costs seconds. prob = 0.95 is the
    probability at which papers report.

    References
    ----------
    Manski 2003, Partial Identification of Probability Distributions, 10.1007/b97478, on answers that are sets; Steegen
    et al. 2016, Perspectives on Psychological Science 11:702, 10.1177/1745691616658637, on analysing every data set
    that could have been.

    Examples
    --------
    >>> import poolwise as pw
    >>> rows = pw.datasets.published("working_alliance").query("outcome == 'recidivism'")
    >>> tables = pw.reconstruct(rows, subgroups="setting", tables=20, seed=1)
    >>> found = ranges(tables, pw.Subgroups("setting"))
    >>> float(found.row("mu[custodial] - mu[community]")["excludes_0"])
    0.0
    """
    questions = [Asked("", model, engine) for engine in (engines or (Exact(),))]
    return ranges_of(tables, questions, prob=prob, rope=rope, nuts_tables=nuts_tables, kept=kept)


@one_thread()
def ranges_of(
    tables: Iterable[Effects],
    asked: Sequence[Asked],
    *,
    prob: float = 0.95,
    rope: Rope = None,
    nuts_tables: int = 3,
    kept: Folder | None = None,
    beyond: Beyond | None = None,
    tell: Callable[[str], None] = lambda words: None,
) -> Ranges:
    """As `ranges`, with a label and a model of its own for each fit.

    Parameters
    ----------
    tables : iterable of Effects
    asked : sequence of Asked
        Models and engines.
    prob, rope, nuts_tables, kept
        As in `ranges`.
    beyond : Beyond, optional
        What is asked beyond the tables drawn: a search for extremes, the table with equal weights, a prior panel.
    tell : callable
        Told what begins, in words.

    Returns
    -------
    Ranges

    References
    ----------
    Manski 2003, Partial Identification of Probability Distributions, 10.1007/b97478, on answers that are sets.
    """
    check_instance("ranges", tables, Iterable, expected="study tables", advice="ranges(pw.reconstruct(...), model)")
    every = list(tables)
    check_prob(prob)
    check_whole("nuts_tables", nuts_tables, 1, 3)
    for effects in every:
        need_effects(effects, "ranges")
    whole = [question for question in asked if not of_nuts(question)]
    if not every or not whole:
        problem = "no study table" if not every else "NUTS alone, which is a check on a few tables"
        raise ModelError(f"ranges was given {problem}", "tables, and Exact() or ClosedForm()", "pw.reconstruct(...)")
    fits: list[list[Result]] = []
    for question in whole:
        tell(f"{words_of(question)}, {len(every)} tables")
        fits.append(fitted(every, question))
    answers = _labelled(fits, whole, prob, rope)
    beyond = Beyond() if beyond is None else beyond
    extra = _beyond(every, whole, answers, beyond, prob=prob, rope=rope, tell=tell)
    both = _labelled([first + more for first, more in zip(fits, extra.fits, strict=True)], whole, prob, rope)
    checks, sampled = [pd.DataFrame()], list[Answered]()
    exact = [
        results[:nuts_tables] if isinstance(question.engine, Exact) else []
        for question, results in zip(whole, fits, strict=True)
    ]
    for question in (question for question in asked if of_nuts(question)):
        tell(f"{words_of(question)}, {min(nuts_tables, len(every))} tables")
        results = fitted(every[:nuts_tables], question, kept)
        sampled.append(_named(answered(results, question, prob, rope), [*both, *sampled]))
        checks.append(nuts_against_exact(results, _exact(every, exact, results, nuts_tables)))
    return _together(every, both, sampled, pd.concat(checks, ignore_index=True), prob, extra)


def words_of(one: Asked) -> str:
    """Words for a fit before it has run."""
    return fit_words(one.model, one.engine, one.label)


def _labelled(fits: Sequence[list[Result]], whole: Sequence[Asked], prob: float, rope: Rope) -> list[Answered]:
    answers = list[Answered]()
    for results, question in zip(fits, whole, strict=True):
        answers.append(_named(answered(results, question, prob, rope), answers))
    return answers


def _named(answer: Answered, before: Sequence[Answered]) -> Answered:
    """With a number behind a label that another fit has already."""
    label = answer.asked.label
    same = sum(other.asked.label == label or other.asked.label.startswith(f"{label} (") for other in before)
    if same == 0:
        return answer
    return replace(answer, asked=replace(answer.asked, label=f"{label} ({same + 1})"))


def _exact(every: list[Effects], known: list[list[Result]], sampled: list[Result], n: int) -> list[Result]:
    """Exact fits of the model that was sampled, to the same tables; those already there where there are any."""
    for results in known:
        if results and results[0].model == sampled[0].model:
            return results
    return fitted(every[:n], Asked("", sampled[0].model, Exact()))


def _together(
    every: list[Effects],
    answers: list[Answered],
    sampled: list[Answered],
    checked: pd.DataFrame,
    prob: float,
    extra: Extra,
) -> Ranges:
    first = every[0]
    factor = factor_of(answers[0].asked.model, every)
    frame = pd.DataFrame([row for answer in answers for row in range_rows(answer, prob, first.data_label, len(every))])
    frame = with_edge(frame, extra.edge)
    counted = [*answers, *sampled]
    rows = pd.concat([answer.rows.assign(label=answer.asked.label) for answer in answers], ignore_index=True)
    return Ranges(
        frame=frame,
        answers=rows[["label", "table", "quantity", "point", "lower", "upper", "p_above", "p_rope"]],
        levels=level_counts(every, factor),
        nuts=checked,
        verdicts=words.verdicts(frame, main_label(frame), factor, scale=first.scale),
        notes=tuple(dict.fromkeys(note for answer in counted for note in answer.notes)),
        tables=len(every),
        k=first.k,
        factor=factor,
        prob=prob,
        scale=first.scale,
        data=first.data_label,
        failed=tuple(result for answer in counted for result in answer.failed),
        fits=tuple(
            (answer.asked.label, answer.engine, repr(answer.asked.engine), _status(answer), answer.seconds)
            for answer in counted
        ),
        searches=searched(extra.searches, pd.concat([rows, extra.of_panel]), len(every)),
        panel=extra.panel,
    )


def _status(answer: Answered) -> str:
    counts = {status: answer.statuses.count(status) for status in dict.fromkeys(answer.statuses)}
    return ", ".join(f"{status} in {count}" for status, count in counts.items())
