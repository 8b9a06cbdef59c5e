"""What an average over models says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwise import show
from poolwise.evidence.comparison import BayesFactor
from poolwise.quantities import Posterior
from poolwise.settings import SMALL_K

if TYPE_CHECKING:
    from poolwise.evidence.averaged import Averaged

PROB = 0.95
NOTICED = 1e-10  # log10; what the quadrature promises


def sentences(averaged: Averaged) -> tuple[str, ...]:
    """All that an average has to say, a sentence each: effect and heterogeneity first.

    Parameters
    ----------
    averaged : Averaged

    Returns
    -------
    tuple of str
    """
    prior, posterior = averaged.prior_probabilities, averaged.probabilities
    no_effect = ("common null", "random null")
    no_spread = ("common null", "common effect")
    said = [
        _inclusion("Effect", averaged.effect, "mu = 0", sum(prior[m] for m in no_effect), _sum(posterior, no_effect)),
        _inclusion(
            "Heterogeneity",
            averaged.heterogeneity,
            "tau = 0",
            sum(prior[m] for m in no_spread),
            _sum(posterior, no_spread),
        ),
        f"Averaged over all four models, mu {_summary(averaged['mu'])}; this posterior puts a probability of its own "
        f"on mu = 0 exactly ({show.chance(_sum(posterior, no_effect))}), where a limit or the median may come to lie.",
        f"Given an effect, mu {_summary(averaged.conditional['mu'])}: how large it is if there is one, which does not "
        "say whether there is one.",
        f"Averaged over all four models, tau {_summary(averaged['tau'])}; given heterogeneity it "
        f"{_summary(averaged.conditional['tau'])}.",
        f"Averaged over all four models, theta_new, the true effect in a new study, {_summary(averaged['theta_new'])}: "
        "with a common effect it is mu itself, 0 in the common null, and in the random null it varies about 0.",
        f"Bayes factors and model probabilities depend on the priors ({averaged.prior}): a much wider prior on mu "
        "favours mu = 0, a much wider prior on tau favours tau = 0.",
    ]
    if averaged.savage_dickey:
        said.append(_check(max(abs(check.difference) for check in averaged.savage_dickey)))
    if averaged.effects.reconstructed:
        said.append("The study table is reconstructed, and so is all that is said of it.")
    if averaged.effects.k < SMALL_K:
        said.append(
            f"With k = {averaged.effects.k}, fewer than {SMALL_K} studies, the data say little of tau, and the priors "
            "weigh the more: try others."
        )
        if averaged.heterogeneity.log < 0.0:
            said.append("That the data favour tau = 0 is relative to this prior on tau and shows no homogeneity.")
    said.extend(result.report.advice for result in averaged.results.values() if result.report.failed)
    return tuple(said)


def _inclusion(what: str, factor: BayesFactor, null: str, before: float, after: float) -> str:
    favoured = factor if factor.log >= 0.0 else factor.reversed()
    return (
        f"{what}: {favoured.words} (inclusion Bayes factor {favoured.text}, log10 {favoured.log10:.2f}); "
        f"P({null}) {show.probability(before)} before and {show.probability(after)} after the data."
    )


def _check(difference: float) -> str:
    size = f"less than {NOTICED:g}" if difference < NOTICED else f"as much as {difference:.0e}"
    return f"The Savage-Dickey density ratios differ from the ratios of evidences by {size} in log10."


def _summary(posterior: Posterior) -> str:
    limits = show.interval(*posterior.interval(PROB))
    kind = posterior.interval_kind()
    return f"has the median {show.number(posterior.point)} and the {show.level(PROB)} {kind} interval {limits}"


def _sum(probabilities: dict[str, float], names: tuple[str, ...]) -> float:
    return sum(probabilities[name] for name in names)
