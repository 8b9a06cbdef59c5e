"""In short: the answer in sentences."""

from __future__ import annotations

import math

from poolwise.checks.borrowing import borrowed_sentence
from poolwise.quantities import Distribution, Quantity
from poolwise.report import words
from poolwise.report.blocks import answers
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.result import NO_PRIOR
from poolwise.scale import Scale
from poolwise.show import chance, greek, interval, level, number


def _passage(content: Content) -> Passage:
    sentences = [*headline(content)]
    if content.panel is not None:
        sentences.append(greek(content.panel.sentence))
    if content.borrowed is not None:
        sentences.append(borrowed_sentence(content.borrowed.frame, mu="μ"))
    if content.publication_bias is not None:
        sentences.append(greek(content.publication_bias.in_short))
    return Passage("In short", answers(sentences))


SECTION = Section("answer", _passage)


def headline(content: Content) -> tuple[str, ...]:
    """The answer in sentences: the mean effect, a new study, heterogeneity, with interval kind and prior."""
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    if result.answers != ("mu",):
        return _headlines(content)
    mu = result["mu"]
    under = "" if result.prior == NO_PRIOR else f", under {greek(result.prior)}"
    sentences = [f"The mean effect ({scale.label}) is {_stated(mu, prob)}{under}."]
    if scale.transform != "identity":
        point, lower, upper = scale.back([mu.point, *mu.interval(prob)])
        digits = words.natural_digits(scale, point)
        natural = f"{number(point, digits)} {interval(lower, upper, digits)}"
        sentences.append(f"As a {scale.natural_label} that is {natural}.")
    threshold = scale.held_against(content.analysis.threshold)
    if isinstance(mu, Distribution) and not math.isnan(threshold):
        sentences.append(f"The posterior probability that it is {_likelier_side(mu, threshold, scale)}.")
    if "theta_new" in result.quantities and "tau" in result.quantities:
        sentences.append(
            f"The true effect in a new study is {_stated(result['theta_new'], prob)}; the "
            f"between-study standard deviation is {_stated(result['tau'], prob)}."
        )
    return tuple(sentences)


def _likelier_side(quantity: Distribution, threshold: float, scale: Scale) -> str:
    """``"above 0 is 0.94"``: the side of the threshold that has more than half of the probability, and that."""
    below = float(quantity.cdf(threshold))
    side, size = ("below", below) if below > 0.5 else ("above", 1.0 - below)
    return f"{side} {_threshold(threshold, scale)} is {chance(size)}"


def _headlines(content: Content) -> tuple[str, ...]:
    """A sentence for each group or coefficient."""
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    under = "" if result.prior == NO_PRIOR else f" All under {greek(result.prior)}."
    sentences = []
    for name in result.answers:
        title = words.quantity(name)[0]
        said = f"{title} ({scale.label}): {_stated(result[name], prob)}"
        quantity = result[name]
        effect = name.startswith("mu[")
        threshold = scale.held_against(content.analysis.threshold) if effect else 0.0
        if isinstance(quantity, Distribution) and name != "beta[intercept]" and not math.isnan(threshold):
            said += f"; the posterior probability that it is {_likelier_side(quantity, threshold, scale)}"
        sentences.append(f"{said}.")
    return (*sentences[:-1], sentences[-1] + under)


def _threshold(threshold: float, scale: Scale) -> str:
    at = words.signed(threshold)
    if scale.is_ratio or scale.null_value is None:
        return f"{at} (a {scale.natural_label} of {words.ratio(threshold, scale)})"
    return at


def _stated(quantity: Quantity, prob: float) -> str:
    limits = interval(*quantity.interval(prob)).replace(" ", "\u00a0")
    return f"{number(quantity.point)}, {level(prob)} {words.kind(quantity.interval_kind())} {limits}"
