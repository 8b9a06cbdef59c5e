"""Priors on tau that come from the literature: parameters, scale of effect and source of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from poolwise.errors import ModelError
from poolwise.priors import (
    HalfCauchy,
    HalfNormal,
    HalfT,
    InverseGamma,
    LogNormal,
    LogT,
    Prior,
    StudentT,
    Uniform,
)

LOG_OR_TO_SMD = math.sqrt(3.0) / math.pi

_ROEVER = "Röver et al. 2021, Res. Synth. Methods 12:448, 10.1002/jrsm.1475"
_WILLIAMS = "Williams, Rast & Bürkner 2018, 10.31234/osf.io/7tbrm"
_VAN_ERP = "van Erp et al. 2017, J. Open Psychol. Data 5:4, 10.5334/jopd.33"
_BARTOS_2021 = "Bartoš et al. 2021, Stat. Med. 40:6743, 10.1002/sim.9170"
_BARTOS_2023 = "Bartoš et al. 2023, 10.48550/arXiv.2306.11468"
_RHODES = "Rhodes et al. 2015, J. Clin. Epidemiol. 68:52, 10.1016/j.jclinepi.2014.08.012"
_TURNER = "Turner et al. 2015, Stat. Med. 34:984, 10.1002/sim.6381"


@final
@dataclass(frozen=True)
class Entry:
    """One prior of the catalogue.

    Attributes
    ----------
    prior : Prior
        On tau, with its scale of effect as `prior.metric`.
    name : str
        Words for tables: what the prior is about.
    source : str
        Whose it is, with DOI; ``"convention"`` where a panel adds a width of its own.
    outcome : str
        Class of outcomes that the prior is for; ``""`` for any.
    mu : Prior, optional
        The prior on mu that the same source gives beside it; a panel holds the prior on mu fixed and leaves it out.
    default : bool
        Whether a panel takes it unasked; not where a parameter is probably misprinted in its source.
    """

    prior: Prior
    name: str
    source: str
    outcome: str = ""
    mu: Prior | None = None
    default: bool = True


def _turner(location: float, scale: float) -> LogNormal:
    """tau^2 ~ LogNormal(location, scale^2) as a prior on tau."""
    return LogNormal(0.5 * location, 0.5 * scale, metric="log OR")


def _about(metric: str, scale: float, source: str, heavy: float, of_heavy: str = "convention") -> tuple[Entry, ...]:
    """A default, half and twice of it, and a prior with a heavy tail."""
    return (
        Entry(HalfNormal(0.5 * scale, metric), "half of the default", "convention"),
        Entry(HalfNormal(scale, metric), "default", source),
        Entry(HalfNormal(2.0 * scale, metric), "twice the default", "convention"),
        Entry(HalfCauchy(heavy, metric), "heavy tail", of_heavy),
    )


def _of_one_arm(metric: str) -> tuple[Entry, ...]:
    """Proportions or rates of single groups, which differ more than what is compared within studies."""
    about = _about(metric, 2.0, "convention, as of baselines", 1.0)
    return (*about, Entry(Uniform(0.0, 9.0, metric), "uniform", "convention"))


CATALOGUE: tuple[Entry, ...] = (
    Entry(HalfNormal(0.25, "SMD"), "half of the default", "convention"),
    Entry(HalfNormal(0.5, "SMD"), "default", _ROEVER),
    Entry(HalfNormal(1.0, "SMD"), "wide", _ROEVER),
    Entry(HalfCauchy(0.3, "SMD"), "heavy tail", _WILLIAMS),
    Entry(HalfCauchy(0.5, "SMD"), "heavy tail, wide", _WILLIAMS),
    Entry(HalfT(3.0, 0.5, "SMD"), "half-t", "convention"),
    Entry(InverseGamma(1.0, 0.15, "SMD"), "psychology", _VAN_ERP),
    Entry(InverseGamma(1.71, 0.40, "SMD"), "Cochrane, all topics", _BARTOS_2021, mu=StudentT(5.0, 0.0, 0.43, "SMD")),
    Entry(
        InverseGamma(1.62, 0.45, "SMD"),
        "Cochrane, common mental disorders",
        _BARTOS_2021,
        "mental health",
        StudentT(5.0, 0.0, 0.55, "SMD"),
    ),
    Entry(LogT(5.0, -1.72, 1.295, "SMD"), "Cochrane, any outcome", _RHODES),
    Entry(
        LogT(5.0, -1.925, 0.965, "SMD"),
        "mental health, non-pharmacological (location -3.85 of tau^2 probably a misprint for -2.85)",
        _RHODES,
        "mental health",
        default=False,
    ),
    Entry(Uniform(0.0, 2.5, "SMD"), "uniform", "convention"),
    *_about("log OR", 1.0, _ROEVER, 0.5),
    Entry(
        InverseGamma(1.77, 0.55, "log OR"), "Cochrane, all topics", _BARTOS_2023, mu=StudentT(4.0, 0.0, 0.58, "log OR")
    ),
    Entry(_turner(-3.21, 1.91), "withdrawals and drop-outs, non-pharmacological", _TURNER, "dropout"),
    Entry(_turner(-2.92, 1.71), "subjective outcome, non-pharmacological", _TURNER, "subjective"),
    Entry(Uniform(0.0, 4.5, "log OR"), "uniform", "convention"),
    *_about("log RR", 1.0, "convention, as for the log odds ratio", 0.5),
    Entry(
        InverseGamma(1.51, 0.23, "log RR"), "Cochrane, all topics", _BARTOS_2023, mu=StudentT(3.0, 0.0, 0.32, "log RR")
    ),
    Entry(Uniform(0.0, 4.5, "log RR"), "uniform", "convention"),
    *_about("log HR", 1.0, _ROEVER, 0.5),
    Entry(
        InverseGamma(2.42, 0.30, "log HR"), "Cochrane, all topics", _BARTOS_2023, mu=StudentT(2.0, 0.0, 0.13, "log HR")
    ),
    Entry(Uniform(0.0, 4.5, "log HR"), "uniform", "convention"),
    *_about("Fisher z", 0.25, "the default for SMD x 0.5", 0.15, "Williams et al. 2018 for SMD x 0.5"),
    Entry(Uniform(0.0, 1.25, "Fisher z"), "uniform", "convention"),
    *_of_one_arm("logit"),
    *_of_one_arm("log rate"),
)

DEFAULTS: dict[str, Prior] = {
    entry.prior.metric: entry.prior for entry in CATALOGUE if entry.prior.metric and entry.name == "default"
}


def panel(metric: str, outcomes: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    """The catalogue's priors for one scale of effect.

    Parameters
    ----------
    metric : str
        Name of the scale, ``"SMD"``.
    outcomes : tuple of str
        Outcomes of the study table; a prior made for a class of outcomes is in the panel only if its class is
        among them. For ``"SMD"`` the log-odds-ratio prior of such a class is moved by sqrt(3) / pi.

    Returns
    -------
    tuple of Entry

    Raises
    ------
    ModelError
        When the catalogue has nothing for the scale.

    References
    ----------
    Of each prior in its `Entry.source`; Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475.
    """
    classes = {outcome.casefold() for outcome in outcomes}
    fitting = [entry for entry in CATALOGUE if entry.default and (not entry.outcome or entry.outcome in classes)]
    chosen = [entry for entry in fitting if entry.prior.metric == metric]
    if not chosen:
        raise ModelError(
            f"there is no prior panel for the scale '{metric}'",
            "priors in the unit of the effects",
            "prior_panel(effects, priors=[priors.HalfNormal(s), ...])",
        )
    if metric == "SMD":
        chosen += [
            Entry(
                entry.prior.for_metric("SMD", LOG_OR_TO_SMD),
                f"{entry.name}, log OR x 0.55",
                entry.source,
                entry.outcome,
            )
            for entry in fitting
            if entry.prior.metric == "log OR" and entry.outcome
        ]
    return tuple(chosen)
