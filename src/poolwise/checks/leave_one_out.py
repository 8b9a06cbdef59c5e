"""Exact leave-one-out: what the other studies expect of each estimate, and what each study does to the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks._question import KIND, SAID, need_effects, side
from poolwise.effects import Effects
from poolwise.engines._means import Means, means
from poolwise.errors import ModelError, listing
from poolwise.exact.gaussian import Basis
from poolwise.exact.jobs import Studies, Tables
from poolwise.exact.left_out import LeftOut, left_out, without_each
from poolwise.exact.regression import Regression
from poolwise.model import CommonEffect, MetaRegression, Model, RandomEffects, Subgroups, prior_words
from poolwise.moments import MOST_MOMENTS, moments_of_tau, refuse_improper
from poolwise.priors import Fixed, Flat, Normal, Prior
from poolwise.settings import check_prob

Array = NDArray[np.float64]
PREDICTIVE = "predictive (equal-tailed)"
COARSE = 1e-8  # estimated error of posterior probabilities that is told
ALL = "none"  # left out: no study
INFLUENCE = ("left_out", "quantity", "point", "lower", "upper", "sd", "shift", "ratio", "excludes_zero", "flips")


@final
@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Each study against the others.

    Attributes
    ----------
    frame : DataFrame
        One row for each study: study, y, se, log_density (of y_i given the others), median, lower, upper, sd (of what
        they expect of an estimate with that standard error), pit (probability of a lower estimate), conflict_p
        (two-sided, 2 min(pit, 1 - pit)), prob, interval, prior, status, data.
    influence : DataFrame
        One row for each study left out (``"none"`` first) and each quantity: left_out, quantity, point, lower, upper,
        sd, shift (of the point, in posterior sds with all studies), ratio (of the sds), excludes_zero, flips, prob,
        interval, prior, status, data.
    sentences : tuple of str
        What stands out.
    """

    frame: pd.DataFrame
    influence: pd.DataFrame
    sentences: tuple[str, ...]

    @property
    def elpd(self) -> float:
        """Sum of the log predictive densities log p(y_i | y_-i); NaN where one cannot be had."""
        return float(self.frame["log_density"].sum(skipna=False))

    def __repr__(self) -> str:
        """One line: studies, elpd."""
        return f"<LeaveOneOut: k = {len(self.frame)}, elpd = {show.number(self.elpd)}>"

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
        level = show.percent(first["prob"])
        return show.card(
            "Leave-one-out",
            facts=(f"elpd = {show.number(self.elpd)}", f"{first['data']} data", str(first["prior"])),
            header=("study", "estimate", "expected", f"{level}, {first['interval']}", "conflict p"),
            rows=rows,
            notes=self.sentences,
        )


def leave_one_out(effects: Effects, model: Model | None = None, *, prob: float = 0.95) -> LeaveOneOut:
    """Fit the studies without each one in turn, exactly, and set it beside what the others expect.

    log p(y_i | y_-i) = log p(y) - log p(y_-i); PIT_i = P(y_new <= y_i | y_-i) for an estimate with study i's standard
    error and moderators and a true effect of its own; the conflict p-value is 2 min(PIT_i, 1 - PIT_i).

    Parameters
    ----------
    effects : Effects
        Of at least two studies.
    model : CommonEffect, RandomEffects, MetaRegression or Subgroups with common tau, optional
        With normal or flat priors on its mean effects; random effects with the scale's priors when None.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    ModelError
        For other models, and where no study can be left out.

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
    need_effects(effects, "leave_one_out")
    resolved, tau = _asked(effects, RandomEffects() if model is None else model)
    mean = means(effects, resolved)
    statuses = _statuses(effects, mean, tau)
    told = [i for i, status in enumerate(statuses) if status == "ok"]
    if not told:
        raise ModelError(
            f"with k = {effects.k} no study can be left out: {statuses[0]}", "more studies, or proper priors"
        )
    found, moments = _left_out(effects, mean, tau, told, prob)
    common = {"prior": prior_words(resolved), "data": effects.data_label}
    statuses = _with_errors(statuses, told, found, moments)
    frame = _frame(effects, found, told, prob).assign(**common, status=statuses)
    influence = _influence(effects, found, told, list(_unknown(mean)), prob).assign(**common)
    return LeaveOneOut(frame, influence, _sentences(frame, influence))


def _asked(effects: Effects, model: Model) -> tuple[Model, Prior | float]:
    """The model with every prior explicit, and its prior on tau or the value that is known."""
    separate = isinstance(model, Subgroups) and model.heterogeneity != "common"
    if separate or not isinstance(model, CommonEffect | RandomEffects | MetaRegression | Subgroups):
        raise ModelError(
            f"leave_one_out was given the model {model!r}",
            "CommonEffect, RandomEffects, MetaRegression or Subgroups with common tau",
        )
    resolved = model.resolved(effects)
    refuse_improper(effects, resolved)
    for name, prior in resolved.named_priors.items():
        if name != "tau" and not isinstance(prior, Normal | Flat | Fixed):
            raise ModelError(f"leave_one_out was given {name} ~ {prior}", "a normal or flat prior")
    if isinstance(resolved, CommonEffect):
        return resolved, 0.0
    fixed = None if isinstance(resolved, Subgroups) else resolved.tau_fixed
    tau = resolved.tau if fixed is None else float(fixed)
    assert tau is not None
    return resolved, tau


def _statuses(effects: Effects, mean: Means, tau: Prior | float) -> list[str]:
    """For each study ``"ok"``, or why the others cannot tell what to expect of it."""
    found = []
    flat = sum(not prior.proper for prior in mean.priors)
    proper = not isinstance(tau, Prior) or moments_of_tau(effects.k - 1 - flat, tau) >= 0
    for i in range(effects.k):
        rest = np.delete(mean.X, i, axis=0)
        if len(rest) == 0 or np.linalg.matrix_rank(rest) < mean.p:
            found.append("not_estimable")
        else:
            found.append("ok" if proper else "improper_posterior")
    return found


def _left_out(
    effects: Effects, mean: Means, tau: Prior | float, told: list[int], prob: float
) -> tuple[LeftOut, NDArray[np.intp]]:
    """The batch of fits with all studies and without each of `told`."""
    jobs = [0, *(1 + i for i in told)]
    y, v, X = (without_each(table)[jobs] for table in (effects.y, effects.v, mean.X))
    b, s = (part[None] for part in mean.normal_priors())
    plain = mean.p == 1 and bool((mean.X == 1.0).all())
    tables: Tables = Studies.centred(y, v, b[0], s[0]) if plain else Regression(Basis.of(y, v, X, b, s))
    flat = sum(not prior.proper for prior in mean.priors)
    counted = np.array([effects.k, *[effects.k - 1] * len(told)]) - flat
    moments = np.array([moments_of_tau(n, tau) if isinstance(tau, Prior) else MOST_MOMENTS for n in counted])
    own = (effects.y[told], effects.v[told], mean.X[told])
    return left_out(tables, *own, tau, moments=moments, prob=prob, combinations=_unknown(mean)), moments


def _with_errors(statuses: list[str], told: list[int], found: LeftOut, moments: NDArray[np.intp]) -> list[str]:
    out = list(statuses)
    for place, i in enumerate(told, start=1):
        if found.error[place] > COARSE:
            out[i] = "grid_too_coarse"
        elif moments[place] < 2:
            out[i] = "moment_does_not_exist"
    return out


def _frame(effects: Effects, found: LeftOut, told: list[int], prob: float) -> pd.DataFrame:
    columns = {
        "log_density": found.log_density,
        "median": found.median,
        "lower": found.lower,
        "upper": found.upper,
        "sd": found.sd,
        "pit": found.below,
        "conflict_p": np.minimum(2.0 * np.minimum(found.below, found.above), 1.0),
    }
    frame = pd.DataFrame({"study": effects.labels, "y": effects.y, "se": effects.se})
    for name, values in columns.items():
        whole = np.full(effects.k, np.nan)
        whole[told] = values
        frame[name] = whole
    return frame.assign(prob=prob, interval=PREDICTIVE)


def _unknown(mean: Means) -> Mapping[str, Array]:
    """The mean effects that a study can move, as weights of the coefficients: none where the model states the mean."""
    return {} if all(isinstance(prior, Fixed) for prior in mean.priors) else mean.linear


def _influence(effects: Effects, found: LeftOut, told: list[int], names: list[str], prob: float) -> pd.DataFrame:
    summary = found.summary
    rows = []
    for name in [*names, *(["tau"] if "tau" in summary else [])]:
        points, sds = summary[name], summary[f"{name}_sd"]
        lowers, uppers = summary[f"{name}_lower"], summary[f"{name}_upper"]
        said = [side(low, high) for low, high in zip(lowers, uppers, strict=True)]
        for place, i in enumerate([-1, *told]):
            rows.append(
                {
                    "left_out": ALL if i < 0 else effects.labels[i],
                    "quantity": name,
                    "point": points[place],
                    "lower": lowers[place],
                    "upper": uppers[place],
                    "sd": sds[place],
                    "shift": (points[place] - points[0]) / sds[0],
                    "ratio": sds[place] / sds[0],
                    "excludes_zero": "" if name == "tau" else said[place],
                    "flips": name != "tau" and said[place] != said[0],
                }
            )
    return pd.DataFrame(rows, columns=INFLUENCE).assign(prob=prob, interval=KIND)


def _sentences(frame: pd.DataFrame, influence: pd.DataFrame) -> tuple[str, ...]:
    told = frame.dropna(subset="conflict_p")
    worst = told.iloc[int(told["conflict_p"].argmin())]
    k, p = len(told), float(worst["conflict_p"])
    by_chance = -np.expm1(k * np.log1p(-min(p, 1.0 - 1e-16)))
    out = [
        f"Least expected by the others: {worst['study']}, with a two-sided predictive p of {show.number(p)}; the "
        f"smallest of {k} such p-values falls below that by chance with probability about {show.number(by_chance)}."
    ]
    out.extend(_told_of_influence(influence))
    left = frame.loc[frame["conflict_p"].isna(), "study"]
    if len(left):
        out.append(f"The others cannot tell what to expect of {listing(left, most=20)}: see the column status.")
    return tuple(out)


def _told_of_influence(influence: pd.DataFrame) -> list[str]:
    """Which study moves a mean effect most, and which change an answer; of tau where the model states the mean."""
    without = influence[influence["left_out"] != ALL]
    means_only = without[without["quantity"] != "tau"]
    if without.empty:
        return ["The model states its mean effect and tau, which no study can move."]
    out = [_most_moved(without if means_only.empty else means_only)]
    flips = means_only[means_only["flips"].astype(bool)]
    for quantity, rows in flips.groupby("quantity", sort=False):
        now = influence[(influence["quantity"] == quantity) & (influence["left_out"] == ALL)]["excludes_zero"].iloc[0]
        out.append(
            f"The interval for {quantity} {SAID[now]} with all studies, and the answer changes without "
            f"{listing(rows['left_out'], most=20)}."
        )
    if flips.empty and not means_only.empty:
        out.append("No single study changes whether an interval excludes 0.")
    return out


def _most_moved(rows: pd.DataFrame) -> str:
    measured = rows.dropna(subset="shift")
    if measured.empty:
        return (
            f"By how much a study moves {listing(rows['quantity'].unique())} cannot be told in posterior sds, which "
            "do not exist: see the points."
        )
    most = measured.iloc[int(measured["shift"].abs().argmax())]
    return f"Leaving out {most['left_out']} moves {most['quantity']} most, by {most['shift']:+.2f} posterior sd."
