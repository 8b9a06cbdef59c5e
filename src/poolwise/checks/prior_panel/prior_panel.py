"""Does the prior decide? One data set under a panel of priors on tau, and an honest sentence about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, final, overload

import pandas as pd

from poolwise import show
from poolwise.checks.averaged_again import AveragedAgain, under_each
from poolwise.checks.panel_subject import Subject, subject
from poolwise.checks.prior_panel.rows import panel_rows
from poolwise.checks.prior_panel.words import tau_sentence, verdict_sentence
from poolwise.checks.question import check_threshold, need_effects
from poolwise.checks.tipping import tipped
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.evidence import Averaged, BiasAveraged
from poolwise.model import MetaRegression, RandomEffects, Subgroups
from poolwise.prior_catalogue import Entry, panel
from poolwise.priors import Fixed, Prior
from poolwise.reading import reading_scale
from poolwise.scale import Scale
from poolwise.settings import SMALL_K, check_prob
from poolwise.threads import one_thread

Verdict = Literal["the side does not depend on the prior on tau", "prior-dependent", "no threshold, so no side"]

SAME_SIDE: Verdict = "the side does not depend on the prior on tau"
_LIES = {"above": "above", "below": "below", "no": "included"}
NO_SIDE: Verdict = "no threshold, so no side"
COLUMNS = (
    "prior", "name", "source", "family", "mu_point", "mu_lower", "mu_upper", "theta_new_lower", "theta_new_upper",
    "tau_point", "tau_lower", "tau_upper", "p_positive", "excludes_zero", "flips", "hellinger_tau", "prior_tau_low",
    "threshold", "prob", "interval", "mu_prior", "status", "data", "quantity",
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class PriorPanel:
    """One study table under several priors on tau.

    Attributes
    ----------
    frame : DataFrame
        One row for each prior: prior, name, source, family, mu_point, mu_lower, mu_upper, theta_new_lower,
        theta_new_upper, tau_point, tau_lower, tau_upper, p_positive (P(quantity > threshold)), excludes_zero (where
        the interval lies by the threshold: ``"above"``, ``"below"``, ``"no"``), flips, hellinger_tau, prior_tau_low
        (2.5 % quantile of the prior on tau), threshold, prob, interval, mu_prior, status, data, quantity. The columns
        of mu and ``p_positive`` are about the quantity named: mu, or that of a model with moderators, which has
        no theta_new (NaN).
    verdict : {"the side does not depend on the prior on tau", "prior-dependent", "no threshold, so no side"}
        Whether the interval for the quantity is on the same side of the threshold, or contains it, under every prior.
    sentence : str
        The verdict in words, naming the priors that flip it, with the spread of both limits and of P over the panel.
    tau_sentence : str
        How far the upper limit of tau spreads over the panel, and which priors forbid a tau near 0.
    tipping_point : float
        Scale of a half-normal prior on tau at which the verdict flips; NaN when none does.
    tipping_sentence : str
        The tipping point in words.
    data : str
        ``"reconstructed"`` when the study table is.
    scale : Scale
        Scale of the effects.
    k : int
        Number of studies.
    prob : float
        Probability of the intervals.
    quantity : str
        What the verdict is about: ``"mu"``, ``"beta[ablat]"``.
    threshold : float
        The value on whose side the interval lies or not.

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475.
    """

    frame: pd.DataFrame
    verdict: Verdict
    sentence: str
    tau_sentence: str
    tipping_point: float
    tipping_sentence: str
    data: str
    scale: Scale
    k: int
    prob: float
    quantity: str = "mu"
    threshold: float = 0.0

    @property
    def reading(self) -> Scale:
        """The scale on which the quantity is told in sentences, pictures and reports; the frame is not."""
        return reading_scale(self.quantity, self.scale)

    @property
    def scale_words(self) -> str:
        """The scale on which the quantity is told, in words."""
        return self.scale.label if self.reading.transform == "identity" else self.reading.natural_label

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that the panel has to say, a sentence each."""
        plain = (self.sentence, self.tau_sentence, self.tipping_sentence)
        return (self.caution, *plain) if self.caution else plain

    @property
    def caution(self) -> str:
        """What to bear in mind with fewer than 5 studies; empty with more."""
        if self.k >= SMALL_K:
            return ""
        return (
            f"With k = {self.k} studies (fewer than {SMALL_K}) the between-study sd is barely identified: "
            "read the panel, never one prior alone."
        )

    def __repr__(self) -> str:
        """One line: verdict, priors, studies."""
        verdict = show.greek(self.verdict)
        return f"<PriorPanel: {verdict}, {len(self.frame)} priors on τ, k = {self.k}, {self.data} data>"

    def __str__(self) -> str:
        """What it has to say, wrapped to the width of the terminal."""
        return show.wrapped(self.sentences)

    def _repr_html_(self) -> str:
        """The intervals of mu and tau under each prior, and the sentences, compact."""
        level = show.level(self.prob)
        told = self.reading.back(self.frame[["mu_point", "mu_lower", "mu_upper"]].to_numpy(dtype=float))
        rows = [
            (
                show.prior(row["prior"]),
                show.number(point),
                show.interval(lower, upper),
                show.number(row["tau_point"]),
                show.interval(row["tau_lower"], row["tau_upper"]),
                *([] if math.isnan(self.threshold) else [_LIES[row["excludes_zero"]]]),
            )
            for (_, row), (point, lower, upper) in zip(self.frame.iterrows(), told, strict=True)
        ]
        kind, name = self.frame["interval"].iloc[0], show.symbol(self.quantity)
        heading = name if self.reading.transform == "identity" else f"mean {self.reading.natural_label}"
        at = f"{float(self.reading.back(self.threshold)):.3g}"
        excluded = () if math.isnan(self.threshold) else (f"interval and {at}",)
        return show.card(
            f"Prior panel: {show.greek(self.verdict)}",
            answer=self.sentence,
            facts=(
                f"k = {self.k}",
                f"{self.data} data",
                f"{name} ~ {show.prior(self.frame['mu_prior'].iloc[0])}",
                f"{level} {show.kind(kind)}",
            ),
            header=("prior on τ", heading, f"{level} interval", "τ", f"{level} interval", *excluded),
            rows=rows,
            notes=[each for each in self.sentences if each != self.sentence],
        )


@overload
def prior_panel(
    effects: Averaged | BiasAveraged,
    model: None = None,
    *,
    quantity: None = None,
    priors: Sequence[Prior] | None = None,
    mu: None = None,
    prob: float = 0.95,
    threshold: float = 0.0,
) -> AveragedAgain: ...


@overload
def prior_panel(
    effects: Effects,
    model: RandomEffects | MetaRegression | Subgroups | None = None,
    *,
    quantity: str | None = None,
    priors: Sequence[Prior] | None = None,
    mu: Prior | None = None,
    prob: float = 0.95,
    threshold: float = 0.0,
) -> PriorPanel: ...


@one_thread()
def prior_panel(
    effects: Effects | Averaged | BiasAveraged,
    model: RandomEffects | MetaRegression | Subgroups | None = None,
    *,
    quantity: str | None = None,
    priors: Sequence[Prior] | None = None,
    mu: Prior | None = None,
    prob: float = 0.95,
    threshold: float = 0.0,
) -> PriorPanel | AveragedAgain:
    """Fit a model exactly under a panel of priors on tau, and say what the prior decides.

    The verdict is ``"the side does not depend on the prior on tau"`` when the interval for mu, or the quantity named,
    lies on the same side of the threshold, or includes it, under every prior; else ``"prior-dependent"``. The tipping
    point is the scale s at which the verdict under tau ~ HalfNormal(s) changes.

    Of an average over models (`pw.average`) every model is fitted again under each prior on tau: an `AveragedAgain`,
    with mu averaged and given an effect, and the inclusion Bayes factors. It takes `priors` and `prob` alone.

    Parameters
    ----------
    effects : Effects, Averaged or BiasAveraged
    model : RandomEffects, MetaRegression or Subgroups, optional
        Its priors on mean effects are kept, its prior on tau gives way to the panel; random effects when None.
        Subgroups with a common tau.
    quantity : str, optional
        ``"beta[ablat]"``, ``"mu[a] - mu[b]"``: a coefficient, mean or contrast of the model; when None mu, or the
        coefficient of the only moderator.
    priors : sequence of Prior, optional
        Priors on tau; the catalogue's panel for the scale when None. The first proper one is the reference, or
        the scale's default prior when None.
    mu : Prior, optional
        Prior on mu, the same for all, where no model gives one; the scale's default when None.
    prob : float
        Probability of the equal-tailed intervals.
    threshold : float
        What the verdict is about, on the analysis scale: 0, or an edge of the region of practical equivalence. A
        proportion or a rate is on no side of 0: without a threshold of one's own the panel tells how far the limits
        spread, and no side.

    Returns
    -------
    PriorPanel, or AveragedAgain of an average

    Raises
    ------
    ModelError
        When the scale has no panel and no priors are given, something else than a prior is, or a posterior is
        improper.

    Notes
    -----
    The catalogue's panel goes from half to twice the scale's default, and adds heavy tails, a uniform prior and those
    that were read from collections of meta-analyses, so that it holds what a reader might have chosen. threshold = 0
    asks about the direction of the effect, prob = 0.95 is the probability at which papers report.

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475, on weakly informative priors for tau;
    Lambert et al. 2005, Statistics in Medicine 24:2401, PMID 16015676, on how far priors on a variance decide with
    few studies.

    Examples
    --------
    >>> import poolwise as pw
    >>> panel = prior_panel(pw.datasets.load("working_alliance").select(outcome="misconduct"))
    >>> panel.verdict, round(panel.tipping_point, 3)
    ('prior-dependent', 0.356)
    """
    priors = _given(priors)
    if isinstance(effects, Averaged | BiasAveraged):
        if model is not None or quantity is not None or mu is not None or threshold != 0.0:
            raise ModelError(
                "prior_panel was given an average, and a model, quantity, mu or threshold beside it",
                "priors and prob alone: the average has its models, and the panel is about mu and 0",
            )
        check_prob(prob)
        return under_each(effects, priors, prob)
    need_effects(effects, "prior_panel")
    _check_mu(mu, model)
    check_prob(prob)
    check_threshold(threshold)
    entries = _entries(effects, priors)
    about = subject(effects, RandomEffects(mu=mu, tau=entries[0].prior) if model is None else model, quantity)
    taus = [under.tau for under in (about.under(entry.prior) for entry in entries) if under.tau is not None]
    if about.quantity.startswith("mu") and " - " not in about.quantity:
        threshold = effects.scale.held_against(threshold)
    return _panel(effects, about, entries, taus, prob, threshold)


def _check_mu(mu: Prior | None, model: object) -> None:
    """Refuse a prior on mu beside a model that has one, and a mu that is known."""
    if mu is not None and model is not None:
        raise ModelError(f"both a model and mu = {mu} are given", "one of them", "RandomEffects(mu=...)")
    if isinstance(mu, Fixed):
        raise ModelError(f"mu ~ {mu} is known, and the panel asks what is known of mu", "a prior on mu")


def _entries(effects: Effects, priors: Sequence[Prior] | None) -> tuple[Entry, ...]:
    """The catalogue's panel for the scale, or the priors that are given."""
    if priors is None:
        return panel(effects.scale.name, effects.outcomes)
    if not priors:
        raise ModelError("the panel has no prior", "at least one prior on tau")
    return tuple(Entry(prior, "", "given") for prior in priors)


def _panel(
    effects: Effects, about: Subject, entries: Sequence[Entry], taus: Sequence[Prior], prob: float, threshold: float
) -> PriorPanel:
    """The answers under each prior, and what they come to."""
    rows = panel_rows(about, taus, prob, threshold)
    named = [_named(entry, tau) for entry, tau in zip(entries, taus, strict=True)]
    frame = pd.DataFrame([a | b for a, b in zip(named, rows, strict=True)])
    reference = _reference(entries)
    frame["flips"] = frame["excludes_zero"] != frame["excludes_zero"].iloc[reference]
    columns = frame[list(COLUMNS)]
    verdict: Verdict = "prior-dependent" if frame["flips"].any() else SAME_SIDE
    if math.isnan(threshold):
        verdict = NO_SIDE
    tipping = tipped(about, taus[reference], prob, threshold)
    return PriorPanel(
        frame=columns,
        verdict=verdict,
        sentence=show.greek(verdict_sentence(frame, reference, about)),
        tau_sentence=show.greek(tau_sentence(frame)),
        tipping_point=tipping.value,
        tipping_sentence=show.greek(tipping.sentence),
        data=effects.data_label,
        scale=effects.scale,
        k=effects.k,
        prob=prob,
        quantity=about.quantity,
        threshold=float(threshold),
    )


def _given(priors: object) -> tuple[Prior, ...] | None:
    """The priors as a tuple; a ModelError for anything else."""
    if priors is None:
        return None
    given = tuple(priors) if isinstance(priors, Iterable) else (priors,)
    if isinstance(priors, Prior) or not all(isinstance(one, Prior) for one in given):
        raise ModelError(f"priors is {priors!r}", "a list of priors", "priors=[HalfNormal(0.5), HalfCauchy(0.5)]")
    return given


def _reference(entries: Sequence[Entry]) -> int:
    """The scale's default prior, else the first proper one."""
    proper = next((i for i, entry in enumerate(entries) if entry.prior.proper), 0)
    return next((i for i, entry in enumerate(entries) if entry.name == "default"), proper)


def _named(entry: Entry, prior: Prior) -> dict[str, object]:
    return {"prior": str(entry.prior), "name": entry.name, "source": entry.source, "family": prior.family}
