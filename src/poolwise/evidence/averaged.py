"""What an average over models has to say: probabilities, Bayes factors, and two kinds of posteriors side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import pandas as pd

from poolwise import reading, show
from poolwise.effects import Effects
from poolwise.evidence.comparison import BayesFactor, factor_row, inclusion
from poolwise.evidence.named_posteriors import NamedPosteriors, told_on
from poolwise.model import RandomEffects
from poolwise.quantities import Posterior
from poolwise.result import SEVERITY, Result, Status
from poolwise.settings import SMALL_K

MODELS = ("common null", "common effect", "random null", "random effect")
AVERAGED = "averaged over all four models"
NOTICED = 1e-10  # log10; what the quadrature promises
GIVEN = {"mu": "given an effect", "tau": "given heterogeneity", "theta_new": "given an effect"}


@final
@dataclass(frozen=True)
class SavageDickey:
    """A check of the evidence for an effect: the Savage-Dickey density ratio against the ratio of evidences.

    Within one model BF = p(mu = 0) / p(mu = 0 | y), the prior density of mu at 0 over the posterior one.

    Attributes
    ----------
    model : str
        ``"common effect"`` or ``"random effect"``.
    density_ratio, evidence_ratio : BayesFactor
        For an effect, by either way.

    References
    ----------
    Dickey 1971, Annals of Mathematical Statistics 42:204, 10.1214/aoms/1177693507.
    """

    model: str
    density_ratio: BayesFactor
    evidence_ratio: BayesFactor

    @property
    def difference(self) -> float:
        """log10 of the density ratio minus log10 of the evidence ratio."""
        return self.density_ratio.log10 - self.evidence_ratio.log10


@final
@dataclass(frozen=True, eq=False, repr=False)
class Averaged(NamedPosteriors):
    """Four models of one study table, and what they say together.

    ``averaged["mu"]`` is the posterior over all four models, with a point mass at 0 where two of them put mu;
    ``averaged.conditional["mu"]`` leaves the two null models out: how large the effect is if there is one. The
    first holds the answer "none", the second does not; neither stands for the other.

    Attributes
    ----------
    effects : Effects
    model : RandomEffects
        The priors on mu and tau where they are not stated, explicit.
    results : mapping of str to Result
        The exact fits of ``"common null"``, ``"common effect"``, ``"random null"``, ``"random effect"``.
    prior_probabilities : mapping of str to float
        Of the four models.
    log_posterior : mapping of str to float
        Natural logarithms of their posterior probabilities.
    effect, heterogeneity : BayesFactor
        Inclusion Bayes factors: posterior over prior odds of the models with an effect (with heterogeneity).
    savage_dickey : tuple of SavageDickey
        A check for each of the two models with an effect; none when the prior on mu is 0 at mu = 0.
    quantities : mapping of str to Posterior
        mu, tau and theta_new, averaged over all four models.
    conditional : mapping of str to Posterior
        mu and theta_new given an effect, tau given heterogeneity.

    References
    ----------
    Gronau et al. 2021, Advances in Methods and Practices in Psychological Science 4(3), 10.1177/25152459211031256.
    """

    called: ClassVar[str] = "an average"
    exactly: ClassVar[str] = "p_zero"
    effects: Effects
    model: RandomEffects
    results: Mapping[str, Result]
    prior_probabilities: Mapping[str, float]
    log_posterior: Mapping[str, float]
    effect: BayesFactor
    heterogeneity: BayesFactor
    savage_dickey: tuple[SavageDickey, ...]
    quantities: Mapping[str, Posterior]
    conditional: Mapping[str, Posterior]

    def posteriors(self) -> Mapping[str, Posterior]:
        """mu, tau and theta_new, averaged over all four models."""
        return self.quantities

    @property
    def averaged(self) -> Mapping[str, Posterior]:
        """`quantities`, by the name that an average over biases gives them."""
        return self.quantities

    @property
    def inclusion(self) -> Mapping[str, BayesFactor]:
        """The two inclusion Bayes factors by name: ``effect``, ``heterogeneity``."""
        return {"effect": self.effect, "heterogeneity": self.heterogeneity}

    @property
    def probabilities(self) -> dict[str, float]:
        """Posterior probabilities of the four models, which sum to 1."""
        return {name: math.exp(log) for name, log in self.log_posterior.items()}

    @property
    def status(self) -> Status:
        """The gravest status of the four fits."""
        return max((result.report.status for result in self.results.values()), key=SEVERITY.index)

    @property
    def models(self) -> pd.DataFrame:
        """The four models, a row each.

        Columns model, mu, tau, log_evidence, prior_probability, posterior_probability, log10_posterior (which stays
        finite where the probability rounds to 0), status, data.
        """
        rows = [
            {
                "model": name,
                "mu": "mu = 0" if name.endswith("null") else f"mu ~ {self.model.mu}",
                "tau": "tau = 0" if name.startswith("common") else f"tau ~ {self.model.tau}",
                "log_evidence": result.log_evidence,
                "prior_probability": self.prior_probabilities[name],
                "posterior_probability": self.probabilities[name],
                "log10_posterior": self.log_posterior[name] / math.log(10.0),
                "status": result.report.status,
                "data": self.data_label,
            }
            for name, result in self.results.items()
        ]
        return pd.DataFrame(rows)

    @property
    def bayes_factors(self) -> pd.DataFrame:
        """The inclusion Bayes factors, and those of each pair of models that differ in one thing, a row each.

        Columns question, of, over, log10, bayes_factor (in words), strength, favours.
        """
        named = {"effect, over all models": self.effect, "heterogeneity, over all models": self.heterogeneity}
        for question, first, second in (
            ("effect, if tau = 0", "common effect", "common null"),
            ("effect, if heterogeneity", "random effect", "random null"),
            ("heterogeneity, if mu = 0", "random null", "common null"),
            ("heterogeneity, if an effect", "random effect", "common effect"),
        ):
            named[question] = BayesFactor(
                self.results[first].log_evidence - self.results[second].log_evidence, first, second
            )
        return pd.DataFrame([factor_row(question, factor) for question, factor in named.items()])

    def to_frame(self, *, prob: float = 0.95) -> pd.DataFrame:
        """Averaged and conditional posteriors side by side, two rows for each quantity, on the analysis scale.

        Parameters
        ----------
        prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        DataFrame
            Columns quantity, posterior (over which models), point (median), mean, sd, lower, upper, prob, interval
            (its kind), p_below, p_zero, p_above (probabilities of values below, exactly at and above 0), prior,
            data.

        Raises
        ------
        ModelError
            When `prob` is no probability.
        """
        return self.frame_of(prob, AVERAGED, GIVEN)

    def unknown_before(self, name: str) -> float:
        """The prior probability of the models that leave mu, or tau, unknown."""
        stated = "null" if name == "mu" else "common"
        return sum(share for model, share in self.prior_probabilities.items() if stated not in model)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What there is to say, a sentence each."""
        return _sentences(self)

    @property
    def verdict(self) -> str:
        """What the data say of an effect and of heterogeneity, in two sentences."""
        return " ".join(self.sentences[:2])

    def __repr__(self) -> str:
        """One line: the two inclusion Bayes factors, studies, data."""
        return (
            f"<Averaged: {show.greek(self.effect.words)} (log10 {show.number(self.effect.log10, 2)}), "
            f"{show.greek(self.heterogeneity.words)} (log10 {show.number(self.heterogeneity.log10, 2)}), "
            f"under {show.prior(self.prior)}, k = {self.effects.k}, {self.data_label} data>"
        )

    def __str__(self) -> str:
        """What the data say of an effect and of heterogeneity, and how large the effect is, wrapped."""
        return show.wrapped(self.sentences[:4])

    def _repr_html_(self) -> str:
        """Averaged and conditional posteriors side by side, and the sentences, compact."""
        return show.card(
            "Average over four models",
            answer=reading.sentence(self.effects, "mu", self["mu"]),
            facts=(self.effects.title, f"k = {self.effects.k}", f"{self.data_label} data", "credible (equal-tailed)"),
            header=("quantity", "posterior", "median", "95 % interval", "P(exactly 0)"),
            rows=self.rows_in_words(),
            strips=self.strips(),
            notes=(
                f"table: {self.effects.scale.label}; prior: {show.prior(self.prior)}",
                f"status: {show.status_within(self.status)}",
                *self.sentences,
            ),
        )


def _sentences(averaged: Averaged) -> tuple[str, ...]:
    """All that an average has to say, a sentence each: effect and heterogeneity first."""
    prior, posterior = averaged.prior_probabilities, averaged.probabilities
    no_effect = ("common null", "random null")
    no_spread = ("common null", "common effect")
    told, mean, null, scale = averaged.told, averaged.mean_words, averaged.null, averaged.effects.scale
    new, tau = f"the true {scale.natural_label} in a new study", f"tau{told_on(scale)}"
    said = [
        inclusion("Effect", averaged.effect, "mu = 0", _sum(prior, no_effect), _sum(posterior, no_effect)),
        inclusion(
            "Heterogeneity", averaged.heterogeneity, "tau = 0", _sum(prior, no_spread), _sum(posterior, no_spread)
        ),
        f"Averaged over all four models, {mean} {told('mu', averaged['mu'])}; this posterior puts a probability of its "
        f"own on {null} exactly ({show.chance(_sum(posterior, no_effect))}), where a limit or the median may come to "
        "lie.",
        f"Given an effect, {mean} {told('mu', averaged.conditional['mu'])}: how large it is if there is one, which "
        "does not say whether there is one.",
        f"Averaged over all four models, {tau} {told('tau', averaged['tau'])}; given heterogeneity it "
        f"{told('tau', averaged.conditional['tau'])}.",
        f"Averaged over all four models, {new} {told('theta_new', averaged['theta_new'])}: with a common effect it is "
        f"the mean itself, {null} in the common null, and in the random null it varies about {null}.",
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
    return tuple(map(show.prior, said))


def _check(difference: float) -> str:
    size = f"less than {NOTICED:g}" if difference < NOTICED else f"as much as {difference:.0e}"
    return f"The Savage-Dickey density ratios differ from the ratios of evidences by {size} in log10."


def _sum(probabilities: Mapping[str, float], names: tuple[str, ...]) -> float:
    return sum(probabilities[name] for name in names)
