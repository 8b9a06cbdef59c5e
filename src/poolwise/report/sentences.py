"""What a report says in sentences and in headings: the answer, the tests, the words for both sides of the null."""

from __future__ import annotations

import math

from poolwise.quantities import Distribution, Estimate, Quantity
from poolwise.report import words
from poolwise.report.content import Content
from poolwise.result import NO_PRIOR
from poolwise.scale import Scale
from poolwise.show import chance, interval, level, number

TESTS = {
    "Q": "Test of homogeneity: Q",
    "QE": "Test of residual heterogeneity: QE",
    "QM": "Test of the moderators",
    "Q_between": "Test of differences between subgroups",
}

FOUND = 0.05  # p of a test of heterogeneity from which it is said that a large p shows no homogeneity


def tests(content: Content) -> tuple[str, ...]:
    """The tests of the frequentist results, a sentence each.

    Returns
    -------
    tuple of str
        Heterogeneity from the first result that has it, and moderators or subgroups from every result that tests them.
    """
    said, told = [], False
    for result in content.results:
        for name, title in TESTS.items():
            test = result.quantities.get(name)
            if not isinstance(test, Estimate) or math.isnan(test.statistic):
                continue
            if name in ("Q", "QE"):
                if not told:
                    said.append(_test(title, test) + _no_absence(test, content.effects.k))
                told = True
            else:
                letter = "F" if math.isfinite(test.residual_df) else "Q"
                said.append(_test(f"{title} ({result.label}): {letter}", test))
    return tuple(said)


def _test(title: str, test: Estimate) -> str:
    residual = f" and {words.count(test.residual_df)}" if math.isfinite(test.residual_df) else ""
    degrees = "degree" if test.df == 1 and not residual else "degrees"
    on = f"{words.count(test.df)}{residual} {degrees} of freedom"
    return f"{title} = {test.statistic:.2f} on {on}, {words.p_value(test.p_value)}."


def _no_absence(test: Estimate, k: int) -> str:
    """What a test of heterogeneity that finds none does not say."""
    if not test.p_value >= FOUND:
        return ""
    return f" With {words.count(k)} studies such a p does not show that τ is 0."


def headline(content: Content) -> tuple[str, ...]:
    """The answer in sentences: the mean effect, a new study, heterogeneity, with interval kind and prior."""
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    if result.answers != ("mu",):
        return _headlines(content)
    mu = result["mu"]
    under = "" if result.prior == NO_PRIOR else f", under {result.prior}"
    sentences = [f"The mean effect ({scale.label}) is {_told(mu, prob)}{under}."]
    if scale.transform != "identity":
        point, lower, upper = scale.back([mu.point, *mu.interval(prob)])
        natural = f"{number(point, 2)} {interval(lower, upper, 2)}"
        sentences.append(f"As a {scale.natural_label} that is {natural}.")
    if isinstance(mu, Distribution):
        threshold = content.analysis.threshold
        sentences.append(f"The posterior probability that it is {_likelier_side(mu, threshold, scale)}.")
    if "theta_new" in result.quantities and "tau" in result.quantities:
        sentences.append(
            f"The true effect in a new study is {_told(result['theta_new'], prob)}; the "
            f"between-study standard deviation is {_told(result['tau'], prob)}."
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
    under = "" if result.prior == NO_PRIOR else f" All under {result.prior}."
    sentences = []
    for name in result.answers:
        title = words.quantity(name)[0]
        said = f"{title} ({scale.label}): {_told(result[name], prob)}"
        quantity = result[name]
        if isinstance(quantity, Distribution) and name != "beta[intercept]":
            threshold = content.analysis.threshold if name.startswith("mu[") else 0.0
            said += f"; the posterior probability that it is {_likelier_side(quantity, threshold, scale)}"
        sentences.append(f"{said}.")
    return (*sentences[:-1], sentences[-1] + under)


def null_words(content: Content) -> dict[str, str]:
    """Headings of the posterior probabilities: below, above and practically at the null value."""
    scale, rope, threshold = content.effects.scale, content.analysis.rope, content.analysis.threshold
    if not scale.is_ratio or _of_coefficients(content):
        limits = "" if rope is None else f"{words.signed(rope[0])} to {words.signed(rope[1])}"
        at = words.signed(threshold)
        return {"below": f"below {at}", "above": f"above {at}", "within": "practically 0", "limits": limits}
    name = scale.natural_label
    low, high = (0.0, 0.0) if rope is None else scale.back(rope)
    limits = "" if rope is None else f"{low:.2f} to {high:.2f}"
    return {
        "below": f"{name} below {words.ratio(threshold, scale)}",
        "above": f"{name} above {words.ratio(threshold, scale)}",
        "within": "practically 1",
        "limits": limits,
    }


def directions(content: Content) -> tuple[str, str]:
    """What an effect below and above 0 means; nothing for coefficients, which are no effects, nor at a threshold."""
    silent = _of_coefficients(content) or content.analysis.threshold != 0.0
    return ("", "") if silent else content.effects.directions


def _of_coefficients(content: Content) -> bool:
    """Whether the answers are coefficients of moderators."""
    return any(name.startswith("beta[") for name in content.main.answers)


def _threshold(threshold: float, scale: Scale) -> str:
    at = words.signed(threshold)
    return f"{at} (a {scale.natural_label} of {words.ratio(threshold, scale)})" if scale.is_ratio else at


def _told(quantity: Quantity, prob: float) -> str:
    limits = interval(*quantity.interval(prob)).replace(" ", "\u00a0")
    return f"{number(quantity.point)}, {level(prob)} {words.kind(quantity.interval_kind())} {limits}"
