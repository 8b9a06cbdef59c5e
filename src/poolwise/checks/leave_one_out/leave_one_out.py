"""Leave-one-out: what the other studies expect of each estimate, and what each study does to the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks.averaged_again import AveragedAgain, without_each
from poolwise.checks.leave_one_out.by_nuts import leave_out_by_nuts
from poolwise.checks.leave_one_out.by_quadrature import Found, leave_out
from poolwise.checks.question import KIND, Side, interval_words, side
from poolwise.checks.question import said as lies
from poolwise.effects import Effects
from poolwise.engines.nuts import NUTS
from poolwise.engines.nuts.read_draws import ReadDraws
from poolwise.engines.nuts.stored_draws import Folder
from poolwise.errors import ModelError, listing
from poolwise.evidence import Averaged, BiasAveraged
from poolwise.fit import check_table
from poolwise.model import Model, RandomEffects, prior_words
from poolwise.model.needs import UNCERTAIN
from poolwise.moments import refuse_improper
from poolwise.reading import mean_words, reading_scale
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.settings import check_prob
from poolwise.threads import one_thread

Array = NDArray[np.float64]
PREDICTIVE = "predictive (equal-tailed)"
ALL = "none"  # left out: no study
INFLUENCE = ("left_out", "quantity", "point", "lower", "upper", "sd", "shift", "ratio", "excludes_zero", "flips")


@final
@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Each study against the others.

    Attributes
    ----------
    frame : DataFrame
        One row for each estimate: study, unit (what it is left out with: itself, its cluster), y, se, log_density (of
        all estimates of the unit, jointly, given the others), median, lower, upper, sd (of what the others expect of
        an estimate with that standard error), pit (probability of a lower estimate), conflict_p (two-sided,
        2 min(pit, 1 - pit)), prob, interval, status, prior, data.
    influence : DataFrame
        One row for each unit left out (``"none"`` first) and each quantity: left_out, quantity, point, lower, upper,
        sd, shift (of the point, in posterior sds with all studies), ratio (of the sds), excludes_zero, flips, prob,
        interval, prior, data.
    sentences : tuple of str
        What stands out.
    effects : Effects
        The study table.

    References
    ----------
    Marshall & Spiegelhalter 2007, Bayesian Analysis 2:409, 10.1214/07-BA218.
    """

    frame: pd.DataFrame
    influence: pd.DataFrame
    sentences: tuple[str, ...]
    effects: Effects = field(repr=False)

    @property
    def elpd(self) -> float:
        """Sum over units of the log predictive densities log p(y_u | y_-u); NaN where one cannot be had."""
        return float(self.frame.drop_duplicates("unit")["log_density"].sum(skipna=False))

    @property
    def elpd_mcse(self) -> float:
        """Monte Carlo standard error of the elpd; 0 where no sampler took part."""
        if "mcse" not in self.frame:
            return 0.0
        return float(np.sqrt(self.frame.drop_duplicates("unit")["mcse"].pow(2).sum(skipna=False)))

    def __repr__(self) -> str:
        """One line: studies, elpd."""
        return f"<LeaveOneOut: k = {len(self.frame)}, elpd = {show.number(self.elpd)}>"

    def __str__(self) -> str:
        """What it has to say, wrapped to the width of the terminal."""
        return show.wrapped(self.sentences)

    def _repr_html_(self) -> str:
        """The estimates beside what the others expect, compact."""
        rows = [
            (
                row["study"],
                show.number(row["y"]),
                show.number(row["median"]),
                show.interval(row["lower"], row["upper"]),
                show.number(row["conflict_p"]),
            )
            for _, row in self.frame.iterrows()
        ]
        first = self.frame.iloc[0]
        level = show.level(first["prob"])
        return show.card(
            "Leave-one-out",
            answer=self.sentences[-1],
            facts=(f"elpd = {show.number(self.elpd)}", f"{first['data']} data", show.prior(str(first["prior"]))),
            header=("study", "estimate", "expected", f"{level} {show.kind(first['interval'])}", "conflict p"),
            rows=rows,
            notes=self.sentences[:-1],
        )


@overload
def leave_one_out(
    effects: Averaged | BiasAveraged,
    model: None = None,
    *,
    prob: float = 0.95,
    kept: None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> AveragedAgain: ...


@overload
def leave_one_out(
    effects: Effects | Result,
    model: Model | None = None,
    *,
    prob: float = 0.95,
    kept: Folder | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> LeaveOneOut: ...


@one_thread()
def leave_one_out(
    effects: Effects | Result | Averaged | BiasAveraged,
    model: Model | None = None,
    *,
    prob: float = 0.95,
    kept: Folder | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> LeaveOneOut | AveragedAgain:
    """Fit the studies without each one in turn, and set it beside what the others expect.

    Exactly; or, for a result of NUTS, by NUTS with its settings: one refit of the compiled model for each study, with
    densities and probabilities averaged over the draws,

        p(y_u | y_-u) = E[p(y_u | parameters) | y_-u],

    true effects integrated out. The frame then has the column mcse, the Monte Carlo standard error of the log density.

    What is left out is a unit u of estimates that is independent of the others given the parameters: a study (within
    its group, where there are groups); a whole cluster of `ThreeLevel`; all estimates whose sampling errors correlate,
    directly or through others, where their covariance is known. With y_-u the other estimates,

        log p(y_u | y_-u) = log p(y) - log p(y_-u),    PIT_i = P(y_new <= y_i | y_-u),    i in u,

    y_new ~ N(theta_new, se_i^2), theta_new ~ N(x_i'beta, tau_i^2) the true effect in a new study (in a new cluster)
    with the moderators, group and heterogeneity of row i; the conflict p-value is 2 min(PIT_i, 1 - PIT_i). The log
    density is that of the unit as a whole; each of its estimates has a PIT of its own, given that the whole unit is
    left out. Moderators keep the coding and the centre that they have on the whole table.

    Of an average over models (`pw.average`), every model is fitted again without each study: an `AveragedAgain`, with
    mu averaged and given an effect, and the inclusion Bayes factors. With ``bias="PSMA"`` that takes about as many half
    seconds as there are studies.

    One tau, independent estimates and normal, flat or known mean effects: all fits in one batch, milliseconds. Else
    one refit for each unit: 10 to 100 ms with t, Cauchy, truncated or mixture priors, separate taus, a location-scale
    model or correlated errors; about 200 ms for 100 effects in clusters; one to three seconds with exchangeable
    groups, whose log densities are good to about 1e-6.

    Parameters
    ----------
    effects : Effects, Result, Averaged or BiasAveraged
        A table of at least two units; a result of `Exact` or `NUTS`, whose model is taken; or an average over models.
    model : Model, optional
        Any that `Exact` answers; random effects with the scale's priors when None.
    prob : float
        Probability of the equal-tailed intervals.
    kept : KeptFits, optional
        Where the draws of each refit by NUTS are kept as soon as it is finished, and taken from when it was finished
        before: ``pw.KeptFits("results/bcg/fits")``.
    progress : callable, optional
        Told of each refit by NUTS, or of an average, as it begins: its number, how many there are, what is left out.

    Returns
    -------
    LeaveOneOut, or AveragedAgain of an average

    Raises
    ------
    ModelError
        For a model or prior that `Exact` refuses, and where no unit can be left out. An estimate whose unit leaves a
        coefficient, a subgroup or an outcome without any estimate has the status ``"not_estimable"``.

    Notes
    -----
    prob = 0.95 is the probability at which papers report. Random effects with the scale's priors are what `fit` assumes
    as well when no model is named.

    References
    ----------
    Marshall & Spiegelhalter 2007, Bayesian Analysis 2:409, 10.1214/07-BA218, for conflict p-values.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = leave_one_out(pw.datasets.load("bcg"))
    >>> round(float(found.frame.set_index("study").loc["Hart & Sutherland 1977", "pit"]), 3)
    0.095
    """
    check_prob(prob)
    if isinstance(effects, Averaged | BiasAveraged):
        if model is not None or kept is not None:
            raise ModelError(
                "leave_one_out was given an average and a model or a folder beside it",
                "an average alone, which has its models",
            )
        return without_each(effects, prob, progress)
    if isinstance(effects, Result) and model is not None:
        raise ModelError("leave_one_out was given a result and a model", "a result alone, which has its model")
    _refuse_selection(effects.model if isinstance(effects, Result) else model)
    if isinstance(effects, Result):
        if isinstance(effects.engine, NUTS):
            refits, mcse = leave_out_by_nuts(effects, prob, kept, progress)
            return _told(effects.effects, effects.model, refits, prob, mcse)
        if isinstance(effects.engine, ReadDraws):
            expected, advice = "a result of pw.fit", "checks.loo(result, refit_above=None), by importance sampling"
            raise ModelError("leave_one_out cannot refit draws that were made elsewhere", expected, advice)
        return _by_quadrature(effects.effects, effects.model, prob)
    check_table(effects, "leave_one_out")
    assert isinstance(effects, Effects)
    return _by_quadrature(effects, RandomEffects() if model is None else model, prob)


def _by_quadrature(effects: Effects, model: object, prob: float) -> LeaveOneOut:
    if not isinstance(model, Model):
        raise ModelError(f"leave_one_out was given {type(model).__name__}", "a model", "RandomEffects(...)")
    if UNCERTAIN in model.needs:
        raise ModelError(
            "leave_one_out by quadrature knows no uncertain moderators (missing=, errors=)",
            "a result of NUTS",
            "leave_one_out(fit(effects, model, NUTS()))",
        )
    resolved = model.resolved(effects)
    refuse_improper(effects, resolved)
    return _told(effects, resolved, leave_out(effects, resolved, prob), prob)


def _refuse_selection(model: Any) -> None:
    """Refuse a model of selection, under which the other studies foretell an estimate only given that it appeared."""
    if getattr(model, "publication", None) is not None:
        raise ModelError(
            f"leave_one_out knows no model of selection ({model.label}): what the others expect of an estimate hangs "
            "there on whether it would have been published",
            "a model without selection, such as RandomEffects(), PET() or PEESE() with a normal prior on b",
            "pw.fit(effects.drop(study='...'), model, engine), for what one study does to the answer; "
            "checks.loo(result), for how well published estimates are foretold",
        )


def _told(effects: Effects, model: Model, refits: Found, prob: float, mcse: Array | None = None) -> LeaveOneOut:
    common = {"prior": prior_words(model), "data": effects.data_label}
    frame = _frame(effects, refits, prob).assign(**common)
    if mcse is not None:
        whole = np.full(effects.k, np.nan)
        whole[refits.rows] = mcse
        frame["mcse"] = whole
    influence = _influence(refits, prob).assign(**common)
    return LeaveOneOut(frame, influence, _sentences(frame, influence, effects.scale), effects)


def _frame(effects: Effects, refits: Found, prob: float) -> pd.DataFrame:
    left = refits.left
    columns = {
        "log_density": left.log_density,
        "median": left.median,
        "lower": left.lower,
        "upper": left.upper,
        "sd": left.sd,
        "pit": left.below,
        "conflict_p": np.minimum(2.0 * np.minimum(left.below, left.above), 1.0),
    }
    unit, status = np.empty(effects.k, dtype=object), np.empty(effects.k, dtype=object)
    for block, word in zip(refits.units, refits.status, strict=True):
        unit[block.rows], status[block.rows] = block.name, word
    given = {"study": effects.labels, "unit": unit, "y": effects.y, "se": effects.se}
    for name, values in columns.items():
        columns[name] = np.full(effects.k, np.nan)
        columns[name][refits.rows] = values
    return pd.DataFrame({**given, **columns, "prob": prob, "interval": PREDICTIVE, "status": status})


def _influence(refits: Found, prob: float) -> pd.DataFrame:
    summary = refits.left.summary
    rows = []
    for name in refits.names:
        points, sds = summary[name], summary[f"{name}_sd"]
        lowers, uppers = summary[f"{name}_lower"], summary[f"{name}_upper"]
        spread = name.startswith("tau")
        said = [side(low, high) for low, high in zip(lowers, uppers, strict=True)]
        for place, u in enumerate([-1, *refits.told]):
            rows.append(
                {
                    "left_out": ALL if u < 0 else refits.units[u].name,
                    "quantity": name,
                    "point": points[place],
                    "lower": lowers[place],
                    "upper": uppers[place],
                    "sd": sds[place],
                    "shift": (points[place] - points[0]) / sds[0],
                    "ratio": sds[place] / sds[0],
                    "excludes_zero": "" if spread else said[place],
                    "flips": not spread and said[place] != said[0],
                }
            )
    return pd.DataFrame(rows, columns=INFLUENCE).assign(prob=prob, interval=KIND)


class _Moved(NamedTuple):
    """What the sentences need of a row of `influence`: plain tuples, as rows of a frame cost as much as the answer."""

    left_out: str
    quantity: str
    shift: float
    flips: bool
    excludes_zero: Side


def _sentences(frame: pd.DataFrame, influence: pd.DataFrame, scale: Scale) -> tuple[str, ...]:
    conflict = frame["conflict_p"].to_numpy()
    told = ~np.isnan(conflict)
    place, k = int(np.nanargmin(conflict)), int(told.sum())
    p = float(conflict[place])
    by_chance = -np.expm1(k * np.log1p(-min(p, 1.0 - 1e-16)))
    # p-values within a unit depend on one another
    about = "about" if len(set(frame["unit"].to_numpy()[told])) == k else "at most about"
    out = [
        f"Least expected by the others: {frame['study'].iloc[place]}, with a two-sided predictive p of "
        f"{show.number(p)}; the smallest of {k} such p-values falls below that by chance with probability {about} "
        f"{show.number(by_chance)}."
    ]
    out.extend(_told_of_influence(influence, scale))
    if k < len(frame):
        left = list(frame["study"][~told])
        out.append(f"The others cannot tell what to expect of {listing(left, most=20)}: see the column status.")
    return tuple(out)


def _told_of_influence(influence: pd.DataFrame, scale: Scale) -> list[str]:
    """Which study moves a mean effect most, and which change an answer; of tau where the model states the mean."""
    rows = [_Moved(*row) for row in zip(*(influence[name] for name in _Moved._fields), strict=True)]
    without = [row for row in rows if row.left_out != ALL]
    means_only = [row for row in without if not row.quantity.startswith("tau")]
    if not without:
        return ["The model states its mean effect and τ, which no study can move."]
    out = [_most_moved(means_only or without)]
    now = {row.quantity: row.excludes_zero for row in rows if row.left_out == ALL}
    level, prior = float(influence["prob"].iloc[0]), show.prior(str(influence["prior"].iloc[0]))
    flipped: dict[str, list[str]] = {}
    for row in means_only:
        if row.flips:
            flipped.setdefault(row.quantity, []).append(row.left_out)
    out.extend(
        f"{show.capital(interval_words(level, mean_words(quantity, scale)))} {_where(quantity, now[quantity], scale)} "
        f"with all studies, and the answer changes without {listing(names, most=20)} (under {prior})."
        for quantity, names in flipped.items()
    )
    if means_only and not flipped:
        told = f"no single study decides on which side of no effect a {show.level(level)} credible interval lies"
        pair = len({row.left_out for row in without}) == 2
        alone = " Of two studies, what is left is one, and the priors." if pair else ""
        out.append(f"Under {prior} {told}.{alone}")
    return out


def _where(quantity: str, where: Side, scale: Scale) -> str:
    """Where an interval lies by the value of no effect, 1 on a scale of ratios."""
    return lies(where, 0.0 if scale.null_value is None else float(reading_scale(quantity, scale).back(0.0)))


def _most_moved(rows: Sequence[_Moved]) -> str:
    measured = [row for row in rows if not np.isnan(row.shift)]
    if not measured:
        names = list(dict.fromkeys(row.quantity for row in rows))
        return (
            f"By how much a study moves {listing(map(show.symbol, names))} cannot be told in posterior sds, which do "
            "not exist: see the points."
        )
    most = max(measured, key=lambda row: abs(row.shift))
    shift = f"{most.shift:+.2f}".replace("-", "−")
    return f"Leaving out {most.left_out} moves {show.symbol(most.quantity)} most, by {shift} posterior sd."
