"""The specification curve of a meta-analysis: every estimator, interval and prior that one could defend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks.panel_subject import Asked, subject
from poolwise.checks.question import check_threshold, need_effects, side
from poolwise.checks.specifications.closed_forms import RANDOM, closed_forms
from poolwise.checks.specifications.posteriors import common_posteriors, posteriors, under_other_means
from poolwise.checks.specifications.words import (
    NOT_PROBABILITIES,
    choices_sentence,
    is_mean,
    spread_sentence,
)
from poolwise.effects import Effects, some_rows
from poolwise.engines.means import means
from poolwise.errors import ModelError, PoolwiseError, described, nearest, shown
from poolwise.lent import Lent
from poolwise.model import DEFAULT_PRIORS, MetaRegression, RandomEffects
from poolwise.prior_catalogue import panel
from poolwise.priors import Flat, HalfNormal, Prior
from poolwise.settings import check_instance, check_prob
from poolwise.threads import one_thread

ALL = "all"
CORE = (("REML", "DL", "PM"), ("wald", "hartung-knapp-adhoc"))  # of parts of the table
COLUMNS = (
    "id", "engine", "model", "tau2", "interval", "tau_prior", "mu_prior", "studies", "k", "point", "lower", "upper",
    "tau", "excludes", "flips", "reference", "kind", "prob", "threshold", "quantity", "warning", "status", "reason",
    "data",
)  # fmt: skip
TEXTS = ("tau2", "interval", "tau_prior", "mu_prior", "kind", "warning", "reason")
NUMBERS = ("point", "lower", "upper", "tau")


@final
@dataclass(frozen=True, eq=False, repr=False)
class Specifications:
    """One study table under every specification.

    Attributes
    ----------
    frame : DataFrame
        One row for each specification, from the lowest estimate to the highest, those without an answer last: id,
        engine (``"closed form"``, ``"exact"``), model, tau2 (estimator), interval, tau_prior, mu_prior (empty where a
        specification has none), studies (``"all"``, or which), k; point, lower, upper of the quantity, tau (point),
        excludes (where the interval lies by the threshold: ``"above"``, ``"below"``, ``"no"``), flips (whether that
        differs from the reference), reference, kind, prob, threshold, quantity, warning (why an interval is known to
        be too narrow), status, reason (why there is no answer), data. A new copy each time it is asked for.
    choices : DataFrame
        One row for each option of each choice: choice, option, specifications, point_median, lower_median,
        upper_median, and of the choice moves (the larger range of the median limits over its options, on the analysis
        scale) and limit (``"lower"`` or ``"upper"``, whose range that is); the choice that moves them most first.
    sentences : tuple of str
        The spread, which choices move the limits most, and what shares are not.
    effects : Effects
    quantity : str
    threshold, prob : float

    References
    ----------
    Voracek, Kossmeier & Tran 2019, Zeitschrift fuer Psychologie 227:64, 10.1027/2151-2604/a000357; Simonsohn, Simmons
    & Nelson 2020, Nature Human Behaviour 4:1208, 10.1038/s41562-020-0912-z.
    """

    frame: pd.DataFrame = field(repr=False)
    choices: pd.DataFrame = field(repr=False)
    sentences: tuple[str, ...]
    effects: Effects
    quantity: str
    threshold: float
    prob: float

    @property
    def sentence(self) -> str:
        """All that there is to say."""
        return " ".join(self.sentences)

    def __str__(self) -> str:
        """The sentences, wrapped to the width of the terminal."""
        return show.wrapped(self.sentences)

    def __repr__(self) -> str:
        """One line: how many, and from where to where the limits run."""
        frame = self.frame
        told = frame[frame["point"].notna()]
        ends = f"{show.number(told['lower'].min())} to {show.number(told['upper'].max())}" if len(told) else "none"
        silent = f", {len(frame) - len(told)} without an answer" if len(told) < len(frame) else ""
        made = ", reconstructed" if self.effects.reconstructed else ""
        return f"<Specifications: {len(frame)}{silent}, limits {ends}, k = {self.effects.k}{made}>"

    def _repr_html_(self) -> str:
        """The options with their median limits, and the sentences, compact."""
        rows = [
            (
                _CHOICES.get(row["choice"], row["choice"]),
                _option(row["choice"], row["option"]),
                str(row["specifications"]),
                show.number(row["point_median"]),
                show.interval(row["lower_median"], row["upper_median"]),
            )
            for row in self.choices.to_dict("records")
        ]
        return show.card(
            "Specifications",
            answer=self.sentences[0],
            facts=(self.effects.title, self.effects.counted, f"{self.effects.data_label} data"),
            header=("choice", "option", "number", f"median {show.symbol(self.quantity)}", "median limits"),
            rows=rows,
            notes=self.sentences[1:],
        )


_CHOICES = {
    "model": "model",
    "engine": "engine",
    "tau2": "estimator of τ²",
    "interval": "interval",
    "mu_prior": "prior on μ",
    "tau_prior": "prior on τ",
}


def _option(choice: str, option: str) -> str:
    """An option as people read it; a study that is left out and a level keep their own names."""
    if choice == "engine":
        return show.engine(option)
    return show.prior(option) if choice in ("mu_prior", "tau_prior") else option


for _name in ("frame", "choices"):
    setattr(Specifications, _name, Lent(_name))


@one_thread()
def specifications(
    effects: Effects,
    model: Asked | None = None,
    *,
    of: str | None = None,
    priors: Sequence[Prior] | None = None,
    without: str | Sequence[str] = (),
    subsets: str | None = None,
    prob: float = 0.95,
    threshold: float = 0.0,
) -> Specifications:
    """Answer one question under every estimator of tau2, interval and prior, and say which choices decide.

    In closed form every estimator of tau2 with every interval, and a common effect with every interval; exactly every
    prior on tau of the panel under the prior on mu, a flat one and one half as wide, and a common effect under these.
    With `without` or `subsets` a smaller set on parts of the table as well: REML, DerSimonian and Laird, Paule and
    Mandel with two intervals, a common effect, and the reference prior. About 80 specifications, in a second at most.

    Parameters
    ----------
    effects : Effects
        With independent sampling errors.
    model : RandomEffects, MetaRegression or Subgroups, optional
        Whose mean effects are asked about, with one tau; random effects when None. Its prior on tau, if it states
        one, is the reference and joins the panel.
    of : str, optional
        ``"beta[ablat]"``, ``"mu[a] - mu[b]"``: the quantity, where the model has several.
    priors : sequence of Prior, optional
        Priors on tau; the catalogue's panel for the scale when None. A scale without one (mean differences) then has
        closed forms alone, and the sentence says so.
    without : str or sequence of str
        Studies to leave out, one at a time; ``"each"`` for every one.
    subsets : str, optional
        A moderator: the studies of each of its levels by themselves.
    prob : float
        Probability of the intervals; credible ones are equal-tailed.
    threshold : float
        On the analysis scale.

    Returns
    -------
    Specifications

    Raises
    ------
    ModelError
        For something other than a study table, known covariances, a model with several taus or without a panel, an
        unknown quantity, study or moderator.

    Notes
    -----
    prob = 0.95 is the probability at which papers report, threshold = 0 asks about the direction. Nothing is left out
    of `without` and `subsets` unasked, since which parts make sense is the reader's to say. The list is long since
    each of these is used in published meta-analyses; that an interval is in it does not make it a good one:
    the column warning says which are known to be too narrow.

    References
    ----------
    Voracek, Kossmeier & Tran 2019, Zeitschrift fuer Psychologie 227:64, 10.1027/2151-2604/a000357; Simonsohn, Simmons
    & Nelson 2020, Nature Human Behaviour 4:1208, 10.1038/s41562-020-0912-z.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = specifications(pw.datasets.load("bcg"))
    >>> len(found.frame), found.frame["excludes"].unique().tolist()
    (65, ['below'])
    """
    need_effects(effects, "specifications")
    check_prob(prob)
    check_threshold(threshold)
    asked = RandomEffects() if model is None else model
    taus, told = _priors_on_tau(effects, asked, priors)
    stated, bayesian = _stated(effects, asked, taus)
    about = subject(effects, stated, of, check="specifications", option="of")
    quantity = about.quantity
    if is_mean(quantity):
        threshold = effects.scale.held_against(threshold)
    variants = under_other_means(about.model) if bayesian else ()
    rows = _rows(effects, asked, variants, taus, quantity, prob)
    parts = _parts(effects, without, subsets)
    for name, keep in parts:
        rows += _on_part(effects, keep, asked, variants[:1], taus[:1], quantity, prob, name)
    frame = _frame(rows, effects, quantity, prob, threshold)
    choices = _choices(frame)
    sentences = (
        spread_sentence(frame, effects, quantity),
        choices_sentence(choices, effects, quantity),
        NOT_PROBABILITIES,
        told,
        _dependence(effects),
    )
    return Specifications(frame, choices, tuple(filter(None, sentences)), effects, quantity, float(threshold), prob)


def _priors_on_tau(effects: Effects, model: object, priors: object) -> tuple[tuple[Prior, ...], str]:
    """Priors on tau, the reference first; and what is to be said where there are none."""
    own = model.tau if hasattr(model, "tau") and isinstance(model.tau, Prior) else None
    if priors is not None:
        given = tuple(priors) if isinstance(priors, Iterable) else (priors,)
        if isinstance(priors, Prior) or not all(isinstance(one, Prior) for one in given):
            raise ModelError(f"priors is {shown(priors)}", "a list of priors on tau", "priors=[HalfNormal(0.5)]")
        listed = given
    else:
        try:
            entries = panel(effects.scale.name, effects.outcomes)
        except ModelError:
            entries = ()
        entries = tuple(sorted(entries, key=lambda entry: entry.name != "default"))
        listed = tuple(entry.prior for entry in entries)
    if own is not None:
        listed = (own, *(one for one in listed if str(one) != str(own)))
    if listed:
        return listed, ""
    return (), (
        f"There is no specification with a prior: the scale '{effects.scale}' has no panel of them, and none is given "
        "(priors=[HalfNormal(...), ...] in the unit of the effects)."
    )


def _stated(effects: Effects, model: Asked, taus: Sequence[Prior]) -> tuple[Asked, bool]:
    """The model with its priors explicit where it can have them, and whether it can."""
    check_instance(
        "specifications",
        model,
        Asked.__args__,
        expected="RandomEffects, MetaRegression or Subgroups",
        advice="RandomEffects(), among whose specifications common effects are",
    )
    if model.tau_fixed is not None:
        raise ModelError("specifications was given a model with a known tau", "tau left to the specifications")
    tau = taus[0] if taus else HalfNormal(1.0)  # which no specification uses, so that the question can be stated
    if isinstance(model, MetaRegression):
        return replace(model, tau=tau), bool(taus)
    mu = model.mu if model.mu is not None or effects.scale.name in DEFAULT_PRIORS else Flat()
    return replace(model, mu=mu, tau=tau), bool(taus)


def _rows(
    effects: Effects, model: Asked, variants: Sequence[Asked], taus: Sequence[Prior], quantity: str, prob: float,
    core: bool = False,
) -> list[dict[str, object]]:  # fmt: skip
    few = dict(zip(("estimators", "intervals"), CORE, strict=True)) if core else {}
    bare = means(effects, model)
    rows = [{"engine": "closed form", **row} for row in closed_forms(effects.y, effects.v, bare, quantity, prob, **few)]
    exact: Iterator[dict[str, object]] = posteriors(effects, variants, taus, quantity, prob)
    rows += [{"engine": "exact", **row} for row in exact]
    if variants and model.pools and not core:
        mus = [one.mu for one in variants if isinstance(one, RandomEffects) and one.mu is not None]
        rows += [{"engine": "exact", **row} for row in common_posteriors(effects, mus, prob)]
    return [{"studies": ALL, "k": effects.k, **row} for row in rows]


def _on_part(
    effects: Effects, keep: np.ndarray, model: Asked, variants: Sequence[Asked], taus: Sequence[Prior],
    quantity: str, prob: float, name: str,
) -> list[dict[str, object]]:  # fmt: skip
    """The smaller set of specifications on some of the studies."""
    part = some_rows(effects, keep)
    try:
        rows = _rows(part, model, variants, taus, quantity, prob, core=True)
    except (PoolwiseError, KeyError) as error:
        rows = [{"engine": "closed form", "model": RANDOM, "k": part.k, "reason": str(error)}]
    return [{**row, "studies": name} for row in rows]


def _parts(effects: Effects, without: object, subsets: object) -> list[tuple[str, np.ndarray]]:
    names = list(dict.fromkeys(effects.study_as_given))
    asked = names if without == "each" else [without] if isinstance(without, str) else list(_listed(without))
    parts = []
    for study in asked:
        rows = np.array([study in pair for pair in zip(effects.study_as_given, effects.labels, strict=True)])
        if not rows.any():
            raise ModelError(f"without names '{study}', and there is no such study", advice=nearest(str(study), names))
        if not rows.all():
            parts.append((f"without {study}", ~rows))
    if subsets is None:
        return parts
    frame = effects.to_frame()
    if not isinstance(subsets, str) or subsets not in frame:
        raise ModelError(f"subsets={shown(subsets)} is no column", advice=nearest(str(subsets), frame.columns))
    levels = frame[subsets].dropna().unique().tolist()
    if len(levels) > 12:
        raise ModelError(f"'{subsets}' has {len(levels)} values", "a moderator with at most 12 levels")
    return parts + [(f"{subsets} = {level}", (frame[subsets] == level).to_numpy(dtype=bool)) for level in levels]


def _listed(without: object) -> Iterable[object]:
    if isinstance(without, Iterable):
        return without
    raise ModelError(f"without is {described(without)}", "labels of studies, or 'each'", "without='each'")


def _frame(
    rows: list[dict[str, object]], effects: Effects, quantity: str, prob: float, threshold: float
) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name]) if name in frame else np.nan
    for name in TEXTS:
        frame[name] = frame[name].fillna("") if name in frame else ""
    frame["status"] = frame["status"].fillna("ok") if "status" in frame else "ok"
    frame.loc[frame["reason"] != "", "status"] = "no_answer"
    limits = list(zip(frame["lower"], frame["upper"], strict=True))
    silent = [math.isnan(low) or math.isnan(threshold) for low, _ in limits]
    sides = ["" if no else side(low, high, threshold) for no, (low, high) in zip(silent, limits, strict=True)]
    frame = frame.assign(
        id=range(1, len(frame) + 1), excludes=sides, prob=prob, threshold=float(threshold), quantity=quantity,
        data=effects.data_label,
    )  # fmt: skip
    reference = _reference(frame)
    frame["reference"] = frame["id"] == reference
    verdict = frame.loc[frame["reference"], "excludes"].iloc[0]
    frame["flips"] = (frame["excludes"] != "") & (frame["excludes"] != verdict)
    ordered = frame.sort_values(["point", "lower", "id"], kind="stable", na_position="last")
    return ordered[list(COLUMNS)].reset_index(drop=True)


def _reference(frame: pd.DataFrame) -> int:
    """The first prior under the stated prior on the mean; without priors REML with what a fit takes by itself."""
    exact = frame[(frame["engine"] == "exact") & (frame["studies"] == ALL) & frame["point"].notna()]
    if len(exact):
        return int(exact["id"].iloc[0])
    usual = frame[(frame["tau2"] == "REML") & (frame["interval"] == "Hartung-Knapp ad hoc") & frame["point"].notna()]
    return int((usual if len(usual) else frame)["id"].iloc[0])


def _choices(frame: pd.DataFrame) -> pd.DataFrame:
    whole = frame[(frame["studies"] == ALL) & frame["point"].notna()]
    varied = whole[whole["model"] == RANDOM]
    among = {
        "engine": varied,
        "model": whole,
        "tau2": varied,
        "interval": varied,
        "tau_prior": varied,
        "mu_prior": varied,
        "studies": frame[frame["point"].notna()] if (frame["studies"] != ALL).any() else frame.iloc[:0],
    }
    parts = [part for name, rows in among.items() if (part := _options(name, rows)) is not None]
    empty = ["choice", "option", "specifications", "point_median", "lower_median", "upper_median", "moves", "limit"]
    if not parts:
        return pd.DataFrame(columns=empty)
    return pd.concat(parts).sort_values("moves", ascending=False, kind="stable").reset_index(drop=True)


def _options(choice: str, rows: pd.DataFrame) -> pd.DataFrame | None:
    """The options of one choice; None where there is no choice."""
    rows = rows[rows[choice] != ""]
    if rows[choice].nunique() < 2:
        return None
    grouped = rows.groupby(choice, sort=False)
    medians = grouped[["point", "lower", "upper"]].median().add_suffix("_median")
    ranges = {end: float(np.ptp(medians[f"{end}_median"])) for end in ("lower", "upper")}
    limit = max(ranges, key=lambda end: ranges[end])
    return medians.assign(choice=choice, option=medians.index, specifications=grouped.size()).assign(
        moves=ranges[limit], limit=limit
    )[["choice", "option", "specifications", "point_median", "lower_median", "upper_median", "moves", "limit"]]


def _dependence(effects: Effects) -> str:
    studies = len(set(effects.study_as_given))
    if len(effects.outcomes) > 1:
        return f"Effects on {len(effects.outcomes)} outcomes are pooled as one in every specification."
    if studies == effects.k:
        return ""
    return f"All {effects.k} effects of {studies} studies are taken as independent in every specification."
