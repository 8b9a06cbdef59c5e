"""An average over models without each study, and under other priors: what moves, effect by effect and odds by odds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import pandas as pd

from poolwise import show
from poolwise.checks.question import KIND, interval_words, said, side
from poolwise.errors import ModelError, listing
from poolwise.evidence import Averaged, BiasAveraged
from poolwise.evidence.averaging import again
from poolwise.evidence.mixed_law import sides
from poolwise.prior_catalogue import panel
from poolwise.priors import Prior
from poolwise.quantities import Posterior
from poolwise.reading import digits, mean_words
from poolwise.scale import Scale

NONE = "none"  # left out: no study


@final
@dataclass(frozen=True, eq=False)
class AveragedAgain:
    """An average over models beside those that follow from other studies or other priors.

    Attributes
    ----------
    frame : DataFrame
        A row for each average, the one that was given first: ``changed`` (the study left out, or the prior on tau;
        ``"none"``), quantity and posterior (mu, averaged and given an effect: two rows each) with point, lower, upper,
        p_exactly (probability of mu = 0), excludes_zero, flips; log10_bf[...] for each inclusion Bayes factor, and
        changes[...]: by how much its log10 differs from the first; numerical_error of the Bayes factors (NaN where
        every evidence is in closed form); prob, interval, prior, data.
    sentences : tuple of str
        What changes the answer, and what does not, on the reading scale.
    scale : Scale
    by_prior : bool
        Whether the prior on tau was changed, or a study left out.

    References
    ----------
    Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594.
    """

    frame: pd.DataFrame
    sentences: tuple[str, ...]
    scale: Scale
    by_prior: bool

    def __str__(self) -> str:
        """The sentences, wrapped to the width of the terminal."""
        return show.wrapped(self.sentences)

    def __repr__(self) -> str:
        """One line: how many averages, what they are about."""
        return f"<AveragedAgain: {len(self.frame) // 2} averages; {self.sentences[0]}>"

    def _repr_html_(self) -> str:
        """Both posteriors of mu and the Bayes factors, compact."""
        factors = _factors(self.frame)
        rows = [
            (
                show.prior(row["changed"]) if self.by_prior else row["changed"],
                row["posterior"],
                show.number(row["point"]),
                show.interval(row["lower"], row["upper"]),
                *(show.number(row[name], 2) for name in factors),
            )
            for _, row in self.frame.iterrows()
        ]
        first = self.frame.iloc[0]
        return show.card(
            f"Average over models {'under other priors on τ' if self.by_prior else 'without each study'}",
            answer=self.sentences[0],
            facts=(
                f"{first['data']} data",
                f"{show.level(first['prob'])} {show.kind(first['interval'])}",
                show.prior(str(first["prior"])),
                f"table: {self.scale.label}",
            ),
            header=(
                "prior on τ" if self.by_prior else "left out",
                "posterior of μ",
                "median",
                "interval",
                *map(_factor, factors),
            ),
            rows=rows,
            notes=self.sentences[1:],
        )


def _factor(column: str) -> str:
    """The head of a column of Bayes factors: ``"log10 BF, effect"``."""
    return f"log10 BF, {column.removeprefix('log10_bf[').removesuffix(']')}"


def without_each(
    averaged: Averaged | BiasAveraged, prob: float, progress: Callable[[int, int, str], None] | None = None
) -> AveragedAgain:
    """The average without each study in turn, all models fitted anew.

    Parameters
    ----------
    averaged : Averaged or BiasAveraged
    prob : float
        Probability of the equal-tailed intervals.
    progress : callable, optional
        Told of each average as it begins: its number, how many there are, what is left out.

    Returns
    -------
    AveragedAgain

    Raises
    ------
    ModelError
        For a single study.
    """
    effects = averaged.effects
    if effects.k < 2:
        raise ModelError("with k = 1 no study can be left out", "at least two studies")
    rows = _rows(averaged, NONE, prob)
    studies = tuple(dict.fromkeys(effects.study_as_given))
    if len(studies) < 2:
        raise ModelError(f"all {effects.k} effects are of one study", "at least two studies")
    for number, study in enumerate(studies, start=1):
        if progress is not None:
            progress(number, len(studies), study)
        less = again(averaged, effects.drop(study=study, allow_single=True), averaged.model)
        rows += _rows(less, study, prob)
    return _record(rows, f"whichever of {len(studies)} studies is left out", effects.scale, by_prior=False)


def under_each(averaged: Averaged | BiasAveraged, priors: Sequence[Prior] | None, prob: float) -> AveragedAgain:
    """The average under each prior on tau of a panel.

    Parameters
    ----------
    averaged : Averaged or BiasAveraged
    priors : sequence of Prior, optional
        Proper ones; those of the catalogue's panel for the scale when None.
    prob : float

    Returns
    -------
    AveragedAgain

    Raises
    ------
    ModelError
        When the scale has no panel, a prior is improper, or something else than a prior is given.

    Notes
    -----
    Improper priors of the catalogue's panel are left out: under them there is no evidence.
    """
    effects = averaged.effects
    if priors is None:
        entries = panel(effects.scale.name, effects.outcomes)
        taus = [entry.prior for entry in entries if entry.prior.proper]
    else:
        taus = list(priors)
    if not taus:
        raise ModelError("the panel has no prior", "at least one proper prior on tau", "priors=[HalfNormal(0.5)]")
    improper = [prior for prior in taus if not prior.proper]
    if improper:
        raise ModelError(
            f"tau ~ {improper[0]} is improper: under it no model has an evidence to be averaged by",
            "proper priors on tau",
            "priors=[HalfNormal(0.5), HalfCauchy(0.5)]",
        )
    rows = _rows(averaged, NONE, prob)
    for tau in taus:
        model = replace(averaged.model, tau=tau).resolved(effects)
        rows += _rows(again(averaged, effects, model), str(tau), prob)
    return _record(rows, f"whichever of {len(taus)} other priors on τ is taken", effects.scale, by_prior=True)


def _rows(averaged: Averaged | BiasAveraged, changed: str, prob: float) -> list[dict[str, object]]:
    factors = {f"log10_bf[{name}]": factor.log10 for name, factor in averaged.inclusion.items()}
    error = averaged.numerical_error if isinstance(averaged, BiasAveraged) else float("nan")
    made: list[dict[str, object]] = []
    for words, posterior in (("averaged", averaged["mu"]), ("given an effect", averaged.conditional["mu"])):
        lower, upper = posterior.interval(prob)
        made.append(
            {
                "changed": changed,
                "quantity": "mu",
                "posterior": words,
                "point": posterior.point,
                "lower": lower,
                "upper": upper,
                "p_exactly": _at_zero(posterior),
                "excludes_zero": side(lower, upper),
                **factors,
                "numerical_error": error,
                "prob": prob,
                "interval": KIND,
                "prior": averaged.prior,
                "data": averaged.data_label,
            }
        )
    return made


def _at_zero(posterior: Posterior) -> float:
    return sides(posterior.law)[1]


def _factors(frame: pd.DataFrame) -> list[str]:
    """The columns of inclusion Bayes factors."""
    return [str(name) for name in frame if str(name).startswith("log10_bf[")]


def _record(rows: list[dict[str, object]], same: str, scale: Scale, *, by_prior: bool) -> AveragedAgain:
    frame = pd.DataFrame(rows)
    factors = _factors(frame)
    place = frame.columns.get_loc("numerical_error")
    assert isinstance(place, int)
    for offset, name in enumerate(factors):
        changes = frame[name] - frame[name].iloc[0]
        frame.insert(place + offset, name.replace("log10_bf", "changes"), changes)
    first = frame.groupby("posterior")["excludes_zero"].transform("first")
    frame.insert(int(frame.columns.get_loc("excludes_zero")) + 1, "flips", frame["excludes_zero"] != first)  # type: ignore[arg-type]
    other = _under if by_prior else _without
    told = (_of_mu(frame, same, other, scale), *(_of_factor(frame, name, other) for name in factors))
    return AveragedAgain(frame, told, scale, by_prior)


def _of_mu(frame: pd.DataFrame, same: str, other: Callable[..., str], scale: Scale) -> str:
    given = frame[frame["posterior"] == "given an effect"]
    flipped = given.loc[given["flips"], "changed"].tolist()
    null, *ends = scale.back([0.0, given["point"].min(), given["point"].max()]).tolist()
    low, high = (show.number(end, digits(scale)) for end in ends)
    what = f"Given an effect, {interval_words(float(given['prob'].iloc[0]), mean_words('mu', scale))}"
    where, spread = said(given["excludes_zero"].iloc[0], null), f"its median runs from {low} to {high}"
    if not flipped:
        return f"{what} {where}, {same}; {spread}."
    return f"{what} {where}, and no longer so {other(*flipped)}; {spread}."


def _without(*studies: str) -> str:
    return f"without {listing(studies, most=20)}"


def _under(*priors: str) -> str:
    return f"under τ ~ {listing([show.prior(prior) for prior in priors], most=20)}"


def _of_factor(frame: pd.DataFrame, name: str, other: Callable[..., str]) -> str:
    about = name.removeprefix("log10_bf[").removesuffix("]")
    each = frame.drop_duplicates("changed")
    first = float(each[name].iloc[0])
    worst = each.iloc[int((each[name] - first).abs().to_numpy().argmax())]
    return (
        f"The log10 of the inclusion Bayes factor of {about} is {show.number(first, 2)}, and runs from "
        f"{show.number(float(each[name].min()), 2)} to {show.number(float(each[name].max()), 2)}; it moves furthest "
        f"{other(worst['changed'])}, to {show.number(float(worst[name]), 2)}."
    )
