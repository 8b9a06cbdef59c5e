"""Bayes factors: how much better one model predicted the data than another one did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from poolwise import show
from poolwise.errors import InputError, ModelError, listing
from poolwise.model import prior_words
from poolwise.result import Result

# least Bayes factor of each strength; Lee & Wagenmakers 2013, Bayesian Cognitive Modeling, 10.1017/CBO9781139087759
STRENGTHS = ((100.0, "extreme"), (30.0, "very strong"), (10.0, "strong"), (3.0, "moderate"), (1.0, "anecdotal"))
PLAIN = 3.0  # |log10| below which a Bayes factor reads best as a plain number
DIGITS = 100.0  # |log10| from which its leading digits say nothing


@final
@dataclass(frozen=True)
class BayesFactor:
    """A Bayes factor on the log scale: log p(y | one) - log p(y | other).

    It is kept as a logarithm, so that it is a finite number however strong the evidence is.

    Attributes
    ----------
    log : float
        Natural logarithm; above 0 the data favour `one`, below 0 `other`.
    one, other : str
        Words for the two sides.

    Raises
    ------
    ModelError
        When the logarithm is not a finite number.

    References
    ----------
    Kass & Raftery 1995, J. American Statistical Association 90:773, 10.1080/01621459.1995.10476572; Lee & Wagenmakers
    2013, Bayesian Cognitive Modeling, 10.1017/CBO9781139087759, for the words of `strength`.

    Examples
    --------
    >>> import math
    >>> BayesFactor(math.log(12.0), "an effect", "no effect")
    <BayesFactor 12 (log10 1.079): strong evidence for an effect over no effect>
    >>> BayesFactor(-1200.0, "an effect", "no effect").text
    '10^−521'
    """

    log: float
    one: str
    other: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.log):
            raise ModelError(
                f"the log Bayes factor of {self.one} over {self.other} is {self.log}", "finite log evidences"
            )

    @property
    def log10(self) -> float:
        """Logarithm to base 10."""
        return self.log / math.log(10.0)

    @property
    def text(self) -> str:
        """The Bayes factor itself as words: ``"12.3"``, ``"1.07 × 10^25"``, ``"10^523"``."""
        return _text(self.log10)

    @property
    def strength(self) -> str:
        """``"anecdotal"``, ``"moderate"``, ``"strong"``, ``"very strong"`` or ``"extreme"``; ``"no"`` for exactly 1.

        The categories begin at Bayes factors of 1, 3, 10, 30 and 100, for either side alike: Lee & Wagenmakers
        2013, Bayesian Cognitive Modeling, 10.1017/CBO9781139087759, after Jeffreys. They are words, not tests.
        """
        if self.log == 0.0:
            return "no"
        return next(name for least, name in STRENGTHS if abs(self.log) >= math.log(least))

    @property
    def favours(self) -> str:
        """The side that the data favour; empty for exactly 1."""
        return self.one if self.log > 0.0 else self.other if self.log < 0.0 else ""

    @property
    def words(self) -> str:
        """The strength and the side: ``"strong evidence for an effect over no effect"``."""
        if self.log == 0.0:
            return f"no evidence for either of {self.one} and {self.other}"
        sides = (self.one, self.other) if self.log > 0.0 else (self.other, self.one)
        return f"{self.strength} evidence for {sides[0]} over {sides[1]}"

    def reversed(self) -> BayesFactor:
        """The same evidence, read from the other side."""
        return BayesFactor(-self.log, self.other, self.one)

    def __repr__(self) -> str:
        """One line: the Bayes factor, its logarithm, the words."""
        return f"<BayesFactor {self.text} (log10 {show.number(self.log10)}): {show.prior(self.words)}>"

    def _repr_html_(self) -> str:
        """The Bayes factor and its words, compact."""
        return show.card(
            f"Bayes factor: {show.prior(self.words)}",
            header=("of", "over", "Bayes factor", "log10"),
            rows=(
                (
                    show.prior(show.method(self.one)),
                    show.prior(show.method(self.other)),
                    self.text,
                    show.number(self.log10),
                ),
            ),
            notes=("A Bayes factor depends on the priors of both models.",),
        )


def factor_row(question: str, factor: BayesFactor) -> dict[str, object]:
    """A row of the Bayes factors of an average."""
    return {
        "question": question,
        "of": factor.one,
        "over": factor.other,
        "log10": factor.log10,
        "bayes_factor": factor.text,
        "strength": factor.strength,
        "favours": factor.favours,
    }


def inclusion(what: str, factor: BayesFactor, event: str, before: float, after: float) -> str:
    """A sentence on an inclusion Bayes factor, and on the probability of an event before and after the data."""
    favoured = factor if factor.log >= 0.0 else factor.reversed()
    return (
        f"{what}: {favoured.words} (inclusion Bayes factor {favoured.text}, log10 {favoured.log10:.2f}); "
        f"P({event}) {show.probability(before)} before and {show.probability(after)} after the data."
    )


def bayes_factor(one: Result, other: Result) -> BayesFactor:
    """The Bayes factor of two results on the same data.

    BF = p(y | one) / p(y | other), the ratio of the marginal likelihoods. It depends on the priors of both models.

    Parameters
    ----------
    one, other : Result
        Of `Exact`, with proper priors, on the same study table.

    Returns
    -------
    BayesFactor
        Above 1 (its logarithm above 0) when the data favour `one`.

    Raises
    ------
    InputError
        When something other than results is given, or results on different data.
    ModelError
        When a result has no marginal likelihood: a prior is improper, or the engine has none.

    References
    ----------
    Kass & Raftery 1995, J. American Statistical Association 90:773, 10.1080/01621459.1995.10476572.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> random = pw.fit(bcg, pw.RandomEffects(), pw.Exact())
    >>> null = pw.fit(bcg, pw.RandomEffects(mu=pw.priors.Fixed(0)), pw.Exact())
    >>> round(bayes_factor(random, null).log10, 3), bayes_factor(random, null).strength
    (1.31, 'strong')
    """
    for result in (one, other):
        if not isinstance(result, Result):
            raise InputError(
                f"bayes_factor was given {type(result).__name__}", "two results of pw.fit(..., pw.Exact())"
            )
    if one.effects.data_hash != other.effects.data_hash:
        raise InputError(
            f"'{one.label}' and '{other.label}' are fits to different study tables",
            "two models of the same data: the studies, their errors, outcomes and the scale alike",
        )
    return BayesFactor(_evidence(one) - _evidence(other), _name(one), _name(other))


def refuse_improper_priors(result: Result) -> None:
    """Raise a ModelError when a prior of the result's model leaves its evidence undefined."""
    improper = [f"{name} ~ {prior}" for name, prior in result.model.named_priors.items() if not _is_proper(prior)]
    if improper:
        raise ModelError(
            f"the prior {listing(improper)} is improper: it is known up to a factor only, and so would be the Bayes "
            "factor, which could be made as large or as small as one likes",
            "a proper prior on every parameter",
            "priors.Normal(0, s) on mu and priors.HalfNormal(s) on tau, with s in the unit of the effects",
        )


def _is_proper(prior: object) -> bool:
    return bool(getattr(prior, "proper", True))


def _evidence(result: Result) -> float:
    if not math.isfinite(result.evidence):
        refuse_improper_priors(result)
        raise ModelError(
            f"'{result.label}' has no marginal likelihood: {result.engine_label} does not give one",
            "a result of pw.Exact()",
        )
    return result.evidence


def _name(result: Result) -> str:
    return f"{result.model.label} ({prior_words(result.model)})"


def _text(log10: float) -> str:
    if abs(log10) < PLAIN:
        return f"{10.0**log10:.3g}"
    if abs(log10) >= DIGITS:
        return f"10^{log10:.0f}".replace("-", "−")
    mantissa, exponent = f"{10.0 ** (log10 % 1.0):.2e}".split("e")  # the mantissa may round up to 10
    return f"{mantissa} × 10^{math.floor(log10) + int(exponent)}".replace("-", "−")
