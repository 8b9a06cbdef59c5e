"""The answer of a report in plain sentences, on the scale on which people read the effect."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from poolwise.effects import Effects
from poolwise.quantities import Distribution, Quantity
from poolwise.report import words
from poolwise.report.content import Content
from poolwise.result import NO_PRIOR, Result
from poolwise.scale import Scale
from poolwise.settings import SMALL_K
from poolwise.show import and_list, chance_said, greek, is_contrast, method, number, side_said
from poolwise.show import level as _level

_INTERCEPT = "beta[intercept]"
type Side = Literal["below", "above"]
SIDES: tuple[Side, ...] = ("below", "above")


def answer(content: Content) -> tuple[str, ...]:
    """The answer in two sentences: the effect with the probability of its side, then what a new study may find.

    Parameters
    ----------
    content : Content
        What the report tells.

    Returns
    -------
    tuple of str
        On the reading scale: ratios, proportions, rates or correlations where the analysis was of their transforms.
    """
    if content.main.answers == ("mu",):
        return (_mean(content), _new_study(content))
    if any(name.startswith("beta[") for name in content.main.answers):
        return _slopes(content)
    return _groups(content)


def conditions(content: Content) -> str:
    """Under what the answer holds, in a line: kinds of interval, priors, the fit; what stands for no effect."""
    result, prob = content.main, content.analysis.prob
    kinds = dict.fromkeys(words.kind(result[name].interval_kind()) for name in _told(content))
    under = "" if result.prior == NO_PRIOR else f", under {words.prior(result.prior)}"
    medians = "; point estimates are medians" if _posterior(content) else ""
    scale = content.effects.scale
    analysed = f" Analysed as {scale.label}." if scale.transform != "identity" else ""
    said = and_list([f"{kind}s" for kind in kinds])
    return f"{level(prob)} {said}{under}{medians}. The fit: {method(result.label)}.{analysed}"


def estimate(quantity: Quantity, scale: Scale, prob: float) -> str:
    """A point and its interval on the reading scale: ``"0.49 (95 % credible interval 0.33 to 0.73)"``."""
    kind = quantity.interval_kind().partition(" (")[0]
    return f"{_point(quantity, scale)} ({level(prob)} {kind} interval {limits(quantity, scale, prob)})"


def level(prob: float) -> str:
    """The probability of an interval as a percentage that no line ends within."""
    return _level(prob).replace(" ", "\u00a0")


def _told(content: Content) -> tuple[str, ...]:
    """The quantities of which the sentences tell."""
    result = content.main
    new = ("theta_new",) if "theta_new" in result.quantities and result.answers == ("mu",) else ()
    return (*result.answers, *new)


def _posterior(content: Content) -> bool:
    return isinstance(content.main[content.main.answers[0]], Distribution)


def _mean(content: Content) -> str:
    mu, scale, prob = content.main["mu"], content.effects.scale, content.analysis.prob
    what = f"typical {scale.natural_label} is " if scale.null_value is None else f"mean effect is {with_article(scale)}"
    said = f"Over {content.effects.counted}, the {what}{estimate(mu, scale, prob)}"
    threshold = scale.held_against(content.analysis.threshold)
    if not isinstance(mu, Distribution) or math.isnan(threshold):
        return f"{said}."
    side, size = likelier(mu, threshold)
    where = place(side, content.effects, threshold)
    return f"{said}; the posterior probability that it is {where} is {chance_said(size)}."


def _new_study(content: Content) -> str:
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    if "theta_new" not in result.quantities:
        return "This takes it that one and the same effect is true in every study."
    new, threshold = result["theta_new"], scale.held_against(content.analysis.threshold)
    reach = limits(new, scale, prob, " and ")
    if not isinstance(new, Distribution):
        kind = new.interval_kind().partition(" (")[0]
        what = f"In a new study like these the true {scale.natural_label}"
        return f"{what} is taken to lie between {reach} ({level(prob)} {kind} interval)."
    said = (
        f"In a new study like these the true {scale.natural_label} would lie between {reach} with {level(prob)} "
        "probability"
    )
    if math.isnan(threshold):
        return f"{said}."
    side, size = likelier(new, threshold)
    return f"{said}, and {side} {at(threshold, scale)} with probability {chance_said(size)}."


def _groups(content: Content) -> tuple[str, ...]:
    """The mean effect of each group or outcome, and the probabilities of their sides."""
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    means = [name for name in result.answers if not is_contrast(name)]
    said = []
    if means:
        kind = result[means[0]].interval_kind().partition(" (")[0]
        each = [
            f"{_point(result[name], scale)} ({limits(result[name], scale, prob)}) for {inside(name)}" for name in means
        ]
        many = "mean" in scale.natural_label.split()  # a mean of standardised mean differences
        what = "mean effect" if many else f"mean {scale.natural_label}"
        measure = f"{scale.natural_label}, " if many else ""
        said.append(
            f"Over {content.effects.counted}, the {what} ({measure}{level(prob)} {kind} interval) is {and_list(each)}."
        )
        said += _sides(means, content)
        said += _few(means, content)
    return (*said, *(_difference(name, content) for name in result.answers if is_contrast(name)))


def _sides(means: list[str], content: Content) -> list[str]:
    """The probability of its likelier side for each mean, in one sentence where all are on one side."""
    threshold = content.effects.scale.held_against(content.analysis.threshold)
    found = by_side(content.main, means, threshold)
    return [
        f"The posterior probability that it is {place(side, content.effects, threshold)} is {found[side]}."
        for side in SIDES
        if side in found
    ]


def by_side(result: Result, means: Iterable[str], threshold: float) -> dict[Side, str]:
    """For each side of the threshold the probability of every mean that likelier lies there; empty without one."""
    each: dict[Side, list[str]] = {}
    for name in [] if math.isnan(threshold) else means:
        if isinstance(quantity := result[name], Distribution):
            side, size = likelier(quantity, threshold)
            each.setdefault(side, []).append(f"{chance_said(size)} for {inside(name)}")
    return {side: and_list(said) for side, said in each.items()}


def _few(means: Sequence[str], content: Content) -> list[str]:
    """A caution where a group with a posterior has fewer than 5 studies of its own."""
    counts = _counts(content)
    small = [(group, counts[group]) for name in means if 0 < counts.get(group := inside(name), 0) < SMALL_K]
    if not small or not _posterior(content):
        return []
    each = [f"{group} ({k} {'study' if k == 1 else 'studies'})" for group, k in small]
    return [f"So few studies say little by themselves: the priors take part in the answer for {and_list(each)}."]


def _counts(content: Content) -> dict[str, int]:
    """How many studies each group has."""
    effects, by = content.effects, content.main.model.strata
    if by is None:
        return {}
    values = effects.moderators[by] if by in effects.moderators.columns else effects.outcome
    return dict(Counter(str(value) for value in values))


def _difference(name: str, content: Content) -> str:
    """A difference between two means, as the ratio of two ratios where they are ratios."""
    quantity, scale, prob = content.main[name], content.effects.scale, content.analysis.prob
    title = words.quantity(name)[0].removeprefix("Contrast: ")
    what = f"Ratio of the {scale.natural_label}s" if scale.is_ratio else "Difference of the means"
    said = f"{what}, {title}: {_of(quantity, scale if scale.is_ratio else None, prob)}"
    if not isinstance(quantity, Distribution):
        return f"{said}."
    side, size = likelier(quantity, 0.0)
    return f"{said}, {side} {1 if scale.is_ratio else 0} with posterior probability {chance_said(size)}."


def _slopes(content: Content) -> tuple[str, ...]:
    """What each coefficient does to the effect, and the probability of its sign."""
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    names = [name for name in result.answers if name != _INTERCEPT]
    if not names:
        return (f"The mean effect is {with_article(scale)}{estimate(result[_INTERCEPT], scale, prob)}.",)
    reading = scale if scale.is_ratio else None
    effect = scale.natural_label if scale.is_ratio else scale.label
    verb = "is multiplied by" if scale.is_ratio else "changes by"
    each = [f"{_of(result[name], reading, prob)} {_per(inside(name))}" for name in names]
    said = [f"Over {content.effects.counted}, the {effect} {verb} {and_list(each)}."]
    found = {name: one for name in names if isinstance(one := result[name], Distribution)}
    signs = [
        f"that it {'falls' if side == 'below' else 'rises'} with {inside(name)} is {chance_said(size)}"
        for name, (side, size) in ((name, likelier(one, 0.0)) for name, one in found.items())
    ]
    said += [f"The posterior probability {and_list(signs)}."] if signs else []
    return tuple(said)


def _per(moderator: str) -> str:
    """What a coefficient is for: a unit of a moderator, or a level of one, which stands in brackets."""
    return f"with {moderator}" if "[" in moderator else f"with each unit of {moderator}"


def _of(quantity: Quantity, scale: Scale | None, prob: float) -> str:
    """A difference or a coefficient: a ratio on a scale of ratios, else as it was analysed."""
    if scale is not None:
        point, lower, upper = scale.back([quantity.point, *quantity.interval(prob)])
    else:
        point, lower, upper = quantity.point, *quantity.interval(prob)
    kind = quantity.interval_kind().partition(" (")[0]
    return f"{number(point)} ({level(prob)} {kind} interval {number(lower)} to {number(upper)})"


def likelier(quantity: Distribution, threshold: float) -> tuple[Side, float]:
    """The side of a threshold, on the analysis scale, that has more than half of the probability, and that."""
    below = float(quantity.cdf(threshold))
    return ("below", below) if below > 0.5 else ("above", 1.0 - below)


def place(side: Side, effects: Effects, threshold: float) -> str:
    """``"below 1 (“favours vaccination”)"``: a side of the threshold on the reading scale, in the user's words."""
    return side_said(side, at(threshold, effects.scale), effects.directions if threshold == 0.0 else ("", ""))


def at(threshold: float, scale: Scale) -> str:
    """A threshold on the reading scale: ``"1"`` for no effect on a ratio, ``"0.2"`` for itself."""
    return words.signed(threshold) if scale.transform == "identity" else words.ratio(threshold, scale)


def with_article(scale: Scale) -> str:
    """``"a risk ratio of "``, or the scale before a number that has no name of its own."""
    name = scale.natural_label
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name} of "


def _point(quantity: Quantity, scale: Scale) -> str:
    point = float(scale.back([quantity.point])[0])
    return number(point, words.natural_digits(scale, point))


def limits(quantity: Quantity, scale: Scale, prob: float, joined: str = " to ") -> str:
    """Both limits of an interval on the reading scale: ``"0.33 to 0.73"``."""
    point, lower, upper = scale.back([quantity.point, *quantity.interval(prob)])
    digits = words.natural_digits(scale, float(point))
    return joined.join((number(lower, digits), number(upper, digits)))


def inside(name: str) -> str:
    """The user's name in the brackets of a quantity."""
    return name.partition("[")[2].removesuffix("]") or greek(name)


def alternative(content: Content, what: str, more: Iterable[str] = ()) -> str:
    """The text alternative of a picture: what it is, then the answer that it shows."""
    return " ".join((f"{what.removesuffix('.')}.", *answer(content), *more))
