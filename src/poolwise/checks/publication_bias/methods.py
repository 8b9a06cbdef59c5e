"""The methods of the panel: what each asks and assumes, how it is run, and what of its record is the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, final

from poolwise import bias, show
from poolwise.bias.pet_peese import Robust
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.closed_form.selected import unidentified
from poolwise.engines.exact import Exact
from poolwise.evidence import BiasAveraged, average
from poolwise.fit import fit
from poolwise.model import CommonEffect, RandomEffects, StepSelection, WeightFunction
from poolwise.model.publication import Direction
from poolwise.quantities import Estimate, Quantity, in_words
from poolwise.result import Result

Role = Literal["unadjusted", "test", "adjusted", "sensitivity"]
FIRST_STEP = 0.025  # one-sided p of results that are significant in the direction, at the two-sided level .05


@final
@dataclass(frozen=True, eq=False)
class Asked:
    """What all methods are asked about.

    Attributes
    ----------
    effects : Effects
    direction : {"positive", "negative"}
        In which direction results are likelier to be published.
    prob : float
        Probability of the intervals.
    dependent : bool
        Whether rows share a study, or their errors a known covariance.
    model : RandomEffects or None
        Priors of the Bayesian average; those of RoBMA 3 times the unit when None.
    unit : float or None
        What one standard deviation is in the unit of the effects; the scale's own when None.
    """

    effects: Effects
    direction: Direction
    prob: float
    dependent: bool
    model: RandomEffects | None
    unit: float | None

    @property
    def robust(self) -> Robust | None:
        """Cluster-robust errors where rows are dependent."""
        return "CR2" if self.dependent else None


@final
@dataclass(frozen=True, eq=False)
class Answer:
    """One row of what a method says.

    Attributes
    ----------
    variant : str
        Which of its answers, where a method has several: ``"given an effect"``.
    mean : Quantity or None
        The mean effect, where the method has one to offer.
    tested : str
        What the value is about: ``"no asymmetry"``, ``"mu = 0"``.
    measure : str
        What the value is: ``"p-value"``, ``"S-value"``, ``"log10 Bayes factor"``, ``"fail-safe N"``.
    value : float
        NaN where there is none.
    sentence : str
        The answer in words.
    status, advice : str
        How a fit went; ``"ok"`` with nothing to add.
    prior : str
        In words; empty for confidence intervals.
    assumption : str
        What this answer assumes, where it is not what the method as a whole does.
    """

    variant: str = ""
    mean: Quantity | None = None
    tested: str = ""
    measure: str = ""
    value: float = math.nan
    sentence: str = ""
    status: str = "ok"
    advice: str = ""
    prior: str = ""
    assumption: str = ""


@final
@dataclass(frozen=True, eq=False)
class Method:
    """One method of the panel.

    Attributes
    ----------
    name : str
    role : {"unadjusted", "test", "adjusted", "sensitivity"}
    question : str
        What it tests or estimates.
    assumption : str
        Under which its answer holds, as what follows "if"; empty for a test, which adjusts nothing.
    record : callable
        Runs it: Asked to the record of `poolwise.bias`, a Result, an average.
    answers : callable
        What of the record is an answer.
    rows : {"any", "independent", "dependent"}
        On which tables it is asked: of dependent rows, methods that take them as independent are not.
    instead : str
        What stands in its place where rows are dependent.
    """

    name: str
    role: Role
    question: str
    assumption: str
    record: Callable[[Asked], Any]
    answers: Callable[[Any, Asked], Iterable[Answer]]
    rows: Literal["any", "independent", "dependent"] = "any"
    instead: str = ""


def _pooled(asked: Asked, kind: Literal["random", "common"]) -> Any:
    """The mean as it is without a thought of bias; clustered by study, or with the known covariance of the errors."""
    model = RandomEffects() if kind == "random" else CommonEffect()
    if not asked.dependent:
        return fit(asked.effects, model, ClosedForm())
    if len(set(asked.effects.study_as_given)) < asked.effects.k:
        return bias.s_value(asked.effects, direction=asked.direction, model=kind, prob=asked.prob).observed
    return fit(asked.effects, model, Exact())


def _of_pooled(record: Any, asked: Asked) -> Iterable[Answer]:
    if isinstance(record, Result):
        yield _of_result(record, asked, "mu", "mu = 0", "Unadjusted")
    else:
        sentence = f"Unadjusted: mu = {in_words(record, asked.prob)} ({record.interval_kind()})."
        yield Answer("", record, "mu = 0", "p-value", record.p_value, sentence)


def _of_result(result: Result, asked: Asked, tested_by: str, tested: str, words: str) -> Answer:
    """The mean of a fit, and the p-value of one of its quantities; no p-value of a posterior."""
    mu, test = result["mu"], result[tested_by]
    sentence = f"{words} ({result.label}): mu = {in_words(mu, asked.prob)} ({mu.interval_kind()})."
    status, advice = result.report.status, result.report.advice
    if not isinstance(test, Estimate):
        return Answer("", mu, sentence=sentence, status=status, advice=advice, prior=result.prior)
    if tested != "mu = 0":
        sentence += f" Test of {tested}: p {show.probability(test.p_value)}."
    return Answer("", mu, tested, "p-value", test.p_value, sentence, status, advice)


def _of_selection(result: Result, asked: Asked) -> Iterable[Answer]:
    answer = _of_result(result, asked, "LRT", "no selection", "Adjusted under the model")
    assert result.model.publication is not None
    unknown = unidentified(result.model.publication, result.quantities, float(abs(result.effects.y).max()))
    yield replace(answer, sentence=f"{answer.sentence} {unknown}".strip())


def _of_test(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer(tested="no asymmetry", measure="p-value", value=record.p_value, sentence=record.sentence)


def _of_filled(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer(
        "", record.result["mu"], "studies missing", "number", float(record.k0), record.sentence,
        record.result.report.status, record.result.report.advice,
    )  # fmt: skip


def _of_null_studies(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer(tested="null studies needed", measure="number", value=float(record.n), sentence=record.sentence)


def _of_excess(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer(tested="no excess", measure="p-value", value=record.p_value, sentence=record.sentence)


def _of_precision(record: Any, asked: Asked) -> Iterable[Answer]:
    mean = record.estimate
    yield Answer("", mean, "mu = 0", "p-value", mean.p_value, record.sentence)


def _of_limit(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer("", record.mean, "no small-study effects", "p-value", record.p_small, record.sentence)


def _of_henmi_copas(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer("", record.mean, sentence=record.sentence)


def _of_p_uniform(record: Any, asked: Asked) -> Iterable[Answer]:
    yield Answer("", record.mean, "no publication bias", "p-value", record.p_value, record.sentence)


def _of_worst_case(record: Any, asked: Asked) -> Iterable[Answer]:
    mean = record.mean
    yield Answer("", mean, "estimates not affirmative", "number", float(record.nonaffirmative), record.sentence)


def _of_s_value(record: Any, asked: Asked) -> Iterable[Answer]:
    for variant, value in (("mean", record.point), ("interval's limit", record.limit)):
        yield Answer(variant, None, f"{variant} to 0", "S-value", value, record.sentence)


def _of_assumed_weights(record: Any, asked: Asked) -> Iterable[Answer]:
    for name, result in record.results.items():
        if name != "none":
            yield Answer(
                name, result["mu"], sentence=f"Adjusted under {name} weights that are assumed: mu = "
                f"{in_words(result['mu'], asked.prob)} ({result['mu'].interval_kind()}).",
                status=result.report.status, advice=result.report.advice,
                assumption=f"the weights were those of {name} selection",
            )  # fmt: skip


def _of_average(record: BiasAveraged, asked: Asked) -> Iterable[Answer]:
    factors = {row["question"]: row for row in record.bayes_factors.to_dict("records")}
    share = 1.0 - float(factors["effect"]["posterior"])
    prior = f"{record.prior}; half of the prior weight without bias"
    for variant, mean, which, words in (
        ("averaged", record["mu"], "bias", record.of_mu[0]),
        ("given an effect", record.conditional["mu"], "effect", record.of_mu[1]),
    ):
        factor = record.inclusion[which]
        tested = f"{factor.one} over {factor.other}"
        note = f" {show.percent(share)} of the posterior weight has no effect." if variant != "averaged" else ""
        sentence = f"{words}{note} Inclusion Bayes factor, {tested}: {factor.text} ({factor.strength})."
        yield Answer(variant, mean, tested, "log10 Bayes factor", factor.log10, sentence, prior=prior)


ROBUST_LINE = "PET and PEESE with cluster-robust errors and the multilevel Egger test stand in its place"
NEEDS_ONE = "the S-value and cluster-robust PET-PEESE stand in its place, where errors do not correlate between studies"
TILT = "funnel asymmetry: do smaller studies report other effects?"

METHODS: tuple[Method, ...] = (
    Method(
        "Random effects", "unadjusted", "the mean effect, as if every result had been published",
        "no result was held back", lambda asked: _pooled(asked, "random"), _of_pooled,
    ),
    Method(
        "Common effect", "unadjusted", "the mean weighted by precision alone, which small studies move less",
        "no result was held back and tau = 0", lambda asked: _pooled(asked, "common"), _of_pooled,
    ),
    Method("Egger's test", "test", TILT, "", lambda asked: bias.egger(asked.effects), _of_test, "independent",
           ROBUST_LINE),
    Method("Egger's test, mixed effects", "test", TILT, "", lambda asked: bias.egger(asked.effects, model="rma"),
           _of_test, "independent", ROBUST_LINE),
    Method("Thompson and Sharp's test", "test", TILT, "", lambda asked: bias.thompson_sharp(asked.effects), _of_test,
           "independent", ROBUST_LINE),
    Method("Begg's test", "test", TILT, "", lambda asked: bias.begg(asked.effects), _of_test, "independent",
           ROBUST_LINE),
    Method("Peters's test", "test", f"{TILT} By sample size, for counts", "",
           lambda asked: bias.peters(asked.effects), _of_test, "independent", ROBUST_LINE),
    Method("Harbord's test", "test", f"{TILT} By score and information, for counts", "",
           lambda asked: bias.harbord(asked.effects), _of_test, "independent", ROBUST_LINE),
    Method("Pustejovsky's test", "test", f"{TILT} By errors that do not know the SMD", "",
           lambda asked: bias.pustejovsky(asked.effects), _of_test, "independent", ROBUST_LINE),
    Method("Egger's test, multilevel", "test", TILT, "", lambda asked: bias.multilevel_egger(asked.effects), _of_test,
           "dependent"),
    Method("Excess significance", "test", "are more results significant than their power lets expect?", "",
           lambda asked: bias.excess_significance(asked.effects), _of_excess, "independent", NEEDS_ONE),
    Method("Trim and fill, L0", "adjusted", "the mean with the mirror images of extreme studies filled in",
           "the most extreme results on one side, whatever their p-values, went unpublished",
           lambda asked: bias.trim_and_fill(asked.effects), _of_filled, "independent", ROBUST_LINE),
    Method("Trim and fill, R0", "adjusted", "the mean with the mirror images of extreme studies filled in",
           "the most extreme results on one side, whatever their p-values, went unpublished",
           lambda asked: bias.trim_and_fill(asked.effects, estimator="R0"), _of_filled, "independent", ROBUST_LINE),
    Method("PET", "adjusted", "the effect in a study without sampling error",
           "bias grows in a line with the standard error, and nothing else does",
           lambda asked: bias.pet(asked.effects, robust=asked.robust), _of_precision),
    Method("PEESE", "adjusted", "the effect in a study without sampling error",
           "bias grows in a line with the sampling variance, and nothing else does",
           lambda asked: bias.peese(asked.effects, robust=asked.robust), _of_precision),
    Method("PET-PEESE", "adjusted", "the effect in a study without sampling error, by PEESE where PET shows an effect",
           "bias grows in a line with the standard error (its square where there is an effect), and nothing else does",
           lambda asked: bias.pet_peese(asked.effects, direction=asked.direction, robust=asked.robust), _of_precision),
    Method("Limit meta-analysis", "adjusted", "the effect that a study without sampling error is expected to find",
           "effects are shifted in proportion to their spread, tau included",
           lambda asked: bias.limit_meta_analysis(asked.effects), _of_limit, "independent", ROBUST_LINE),
    Method("Henmi-Copas", "adjusted", "the mean weighted by precision, with an interval under random effects",
           "selection spares the studies that are most precise",
           lambda asked: bias.henmi_copas(asked.effects), _of_henmi_copas, "independent", NEEDS_ONE),
    Method("p-uniform*", "adjusted", "the mean, given which results are significant",
           "publication depends on significance in the direction and on nothing else",
           lambda asked: bias.p_uniform_star(asked.effects, direction=asked.direction), _of_p_uniform, "independent",
           NEEDS_ONE),
    Method("Step selection, ML", "adjusted", "the mean with one weight for results that are not significant",
           "publication depends on one-sided p below or above .025 and on nothing else",
           lambda asked: fit(asked.effects, StepSelection((FIRST_STEP,), direction=asked.direction), ClosedForm()),
           _of_selection, "independent", NEEDS_ONE),
    Method("Beta weight function, ML", "adjusted", "the mean with a smooth weight of p in two parameters",
           "publication follows a function of one-sided p of the Beta family",
           lambda asked: fit(asked.effects, WeightFunction("beta", direction=asked.direction), ClosedForm()),
           _of_selection, "independent", NEEDS_ONE),
    Method("PSMA average", "adjusted", "the mean over 36 models with and without effect, heterogeneity and bias",
           "one of 36 models holds: none, six step functions of p, PET or PEESE, under the priors stated",
           lambda asked: average(asked.effects, asked.model, bias="PSMA", direction=asked.direction, unit=asked.unit),
           _of_average, "independent", NEEDS_ONE),
    Method("Vevea-Woods weights", "sensitivity", "the mean under weights that are assumed", "",
           lambda asked: bias.vevea_woods(asked.effects, direction=asked.direction, prob=asked.prob),
           _of_assumed_weights, "independent", NEEDS_ONE),
    Method("Worst case", "sensitivity", "the mean of the results that are not significant in the direction",
           "significant results in the direction were published without end, and others only as they came",
           lambda asked: bias.worst_case(asked.effects, direction=asked.direction), _of_worst_case),
    Method("S-value", "sensitivity", "how many times likelier must significant results be published to move the mean, "
           "or its limit, to 0?", "publication depends on significance in the direction and on nothing else",
           lambda asked: bias.s_value(asked.effects, direction=asked.direction, prob=asked.prob), _of_s_value),
    Method("Fail-safe N, Rosenthal", "sensitivity", "how many null results in drawers would undo significance?",
           "studies held back average no effect", lambda asked: bias.fail_safe_n(asked.effects), _of_null_studies,
           "independent", NEEDS_ONE),
    Method("Fail-safe N, Rosenberg", "sensitivity", "how many null results in drawers would undo significance?",
           "studies held back average no effect", lambda asked: bias.fail_safe_n(asked.effects, kind="rosenberg"),
           _of_null_studies, "independent", NEEDS_ONE),
)  # fmt: skip
"""Every method of the panel, in the order of its frame."""
