"""The results paragraph: effects on the reading scale, each with the kind and the probability of its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from poolwise.quantities import Distribution, Estimate, Quantity
from poolwise.report import words
from poolwise.report.answers import by_side, estimate, inside, level, likelier, limits, place, with_article
from poolwise.report.said import Said, Told, is_posterior
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.show import and_list, capital, chance_said, is_contrast, method, number, percent

_TESTS = {"Q": "Cochran's test of homogeneity", "QE": "The test of residual heterogeneity"}
_SPREADS = ("tau", "tau_between", "tau_within", "mu_spread", "tau_spread")
"""Standard deviations that are told of, in this order."""


def results(told: Told) -> tuple[Said, ...]:
    """The sentences, in their order: the main fit, the others, the test of homogeneity, what was found besides.

    Parameters
    ----------
    told : Told
        The fits.

    Returns
    -------
    tuple of Said
        Every number is one of a table of the report.
    """
    said = [*_main(told), *_spread(told.main, told.prob)]
    said += _others(told)
    said += [*_tests(told), *told.found]
    return tuple(said)


def _main(told: Told) -> Iterator[Said]:
    names = told.main.answers
    if names == ("mu",):
        yield from _mean(told)
    elif names[0].startswith("beta["):
        yield from _slopes(told, told.main, f"Across {told.main.effects.counted}, ")
    else:
        yield from _groups(told, told.main, f"Across {told.main.effects.counted}, ")
    differences = [name for name in told.main if is_contrast(name)]
    yield from (_difference(told.main, name, told) for name in differences)


def _mean(told: Told) -> Iterator[Said]:
    result, scale = told.main, told.main.effects.scale
    mu = result["mu"]
    what = (
        f"typical {scale.natural_label} was " if scale.null_value is None else f"mean effect was {with_article(scale)}"
    )
    found = estimate(mu, scale, told.prob).removesuffix(")") + _analysed(mu, scale, told.prob) + ")"
    yield Said(f"Across {result.effects.counted}, the {what}{found}{_chance(mu, told, 'that it lay')}")
    if "theta_new" in result:
        yield _new_study(result, told)


def _new_study(result: Result, told: Told) -> Said:
    scale, new = result.effects.scale, result["theta_new"]
    reach = limits(new, scale, told.prob, " and ")
    if not isinstance(new, Distribution):
        return Said(
            f"The {level(told.prob)} prediction interval for the true {scale.natural_label} in a new study lay between "
            f"{reach}"
        )
    text = (
        f"In a new study the true {scale.natural_label} was predicted to lie between {reach} with {level(told.prob)} "
        "probability"
    )
    return Said(f"{text}{_chance(new, told, 'of an effect', ', and')}")


def _chance(quantity: Quantity, told: Told, of: str, joined: str = ";") -> str:
    """The posterior probability of the likelier side of the threshold; nothing for what has none."""
    scale = told.main.effects.scale
    threshold = scale.held_against(told.threshold)
    if not isinstance(quantity, Distribution) or math.isnan(threshold):
        return ""
    side, size = likelier(quantity, threshold)
    return (
        f"{joined} the posterior probability {of} {place(side, told.main.effects, threshold)} was {chance_said(size)}"
    )


def _analysed(quantity: Quantity, scale: Scale, prob: float) -> str:
    """The same on the scale of the analysis, where that is another one."""
    if scale.transform == "identity":
        return ""
    low, high = quantity.interval(prob)
    return f"; {scale.label} {number(quantity.point, 2)}, {number(low, 2)} to {number(high, 2)}"


def _spread(result: Result, prob: float) -> Iterator[Said]:
    """The heterogeneity: standard deviations with their intervals, and I2."""
    of_groups = [name for name in result if name.startswith("tau[")]
    for name in [name for name in _SPREADS if name in result and not (name == "tau" and of_groups)]:
        found = _sd(result, name, prob)
        what = words.quantity(name)[0]
        share = _share(result, prob) if name == "tau" else ""
        if found:
            yield Said(f"The {what[:1].lower() + what[1:]} {_letter(name)}was {found}{share}", ("i2",) if share else ())
    each = [f"{found} for {inside(name)}" for name in of_groups if (found := _sd(result, name, prob))]
    if each:
        yield Said(f"The between-study standard deviation τ was {and_list(each)}")


def _sd(result: Result, name: str, prob: float) -> str:
    """A standard deviation with its interval and its unit; nothing where it has no interval."""
    low, high = result[name].interval(prob)
    kind = result[name].interval_kind().partition(" (")[0]
    if math.isnan(low):
        return ""
    unit = "" if name == "tau_spread" else f"; unit: {result.effects.scale.label}"
    return (
        f"{number(result[name].point, 2)} ({level(prob)} {kind} interval {number(low, 2)} to {number(high, 2)}{unit})"
    )


def _letter(name: str) -> str:
    return "τ " if name == "tau" else ""


def _share(result: Result, prob: float) -> str:
    if "I2" not in result:
        return ""
    low, high = result["I2"].interval(prob)
    return "" if math.isnan(low) else f", and I² was {percent(result['I2'].point)} ({percent(low)} to {percent(high)})"


def _slopes(told: Told, result: Result, before: str) -> Iterator[Said]:
    scale = result.effects.scale
    names = [name for name in result.answers if name != "beta[intercept]"]
    verb = "was multiplied by" if scale.is_ratio else "changed by"
    effect = scale.natural_label if scale.is_ratio else scale.label
    each = [f"{_ratio_or_difference(result[name], scale, told.prob)} per unit of {inside(name)}" for name in names]
    if not each:
        yield Said(f"{before}the mean effect was {estimate(result[result.answers[0]], scale, told.prob)}")
        return
    yield Said(f"{before}the {effect} {verb} {and_list(each)}")
    for name in names:
        quantity = result[name]
        if isinstance(quantity, Distribution):
            side, size = likelier(quantity, 0.0)
            moved = "fell" if side == "below" else "rose"
            yield Said(f"The posterior probability that it {moved} with {inside(name)} was {chance_said(size)}")


def _groups(told: Told, result: Result, before: str) -> Iterator[Said]:
    scale = result.effects.scale
    names = [name for name in result.answers if not is_contrast(name)]
    each = [f"{estimate(result[name], scale, told.prob)} for {inside(name)}" for name in names]
    yield Said(f"{before}the mean {scale.natural_label} was {and_list(each)}")
    yield from _sides(names, told, result)


def _sides(names: Sequence[str], told: Told, result: Result) -> Iterator[Said]:
    """The probability of its likelier side for each mean, in one sentence where all are on one side."""
    threshold = told.main.effects.scale.held_against(told.threshold)
    for side, said in by_side(result, names, threshold).items():
        where = place(side, told.main.effects, threshold)
        yield Said(f"The posterior probability that the mean effect lay {where} was {said}")


def _difference(result: Result, name: str, told: Told) -> Said:
    scale, quantity = result.effects.scale, result[name]
    title = words.quantity(name)[0].removeprefix("Contrast: ")
    what = f"ratio of the {scale.natural_label}s" if scale.is_ratio else "difference of the means"
    said = f"The {what} ({title}) was {_ratio_or_difference(quantity, scale, told.prob)}"
    if isinstance(quantity, Distribution):
        side, size = likelier(quantity, 0.0)
        said += f", {side} {1 if scale.is_ratio else 0} with posterior probability {chance_said(size)}"
    return Said(said)


def _ratio_or_difference(quantity: Quantity, scale: Scale, prob: float) -> str:
    point, low, high = quantity.point, *quantity.interval(prob)
    if scale.is_ratio:
        point, low, high = scale.back([point, low, high])
    kind = quantity.interval_kind().partition(" (")[0]
    return f"{number(point)} ({level(prob)} {kind} interval {number(low)} to {number(high)})"


def _others(told: Told) -> Iterator[Said]:
    """The fits beside the main one; those of one mean effect in one sentence, equal ones together."""
    others = [one for one in told.results if one is not told.main]
    scale = told.main.effects.scale
    alike: dict[str, list[str]] = {}
    for result in (one for one in others if one.answers == ("mu",)):
        alike.setdefault(estimate(result["mu"], scale, told.prob), []).append(_by(result, told))
    if alike:
        each = [f"{found} {and_list(by)}" for found, by in alike.items()]
        yield Said(f"For comparison, the {scale.natural_label} was {'; '.join(each)}")
    for result in (one for one in others if one.answers != ("mu",)):
        before = f"{capital(_by(result, told))}, "
        coefficients = result.answers[0].startswith("beta[")
        yield next(iter((_slopes if coefficients else _groups)(told, result, before)))


def _by(result: Result, told: Told) -> str:
    """By which fit, with its priors where they are not those of the main one."""
    other = is_posterior(result) and result.prior != told.main.prior
    return f"by “{method(result.label)}”{f' ({words.prior(result.prior)})' if other else ''}"


def _tests(told: Told) -> Iterator[Said]:
    """The test of homogeneity of the first fit that has one, with what a large p does not say."""
    for result in told.frequentist:
        for name, title in _TESTS.items():
            test = result.quantities.get(name)
            if isinstance(test, Estimate) and not math.isnan(test.statistic):
                p = words.p_value(test.p_value)
                yield Said(
                    f"{title} gave {name} = {test.statistic:.2f} on {words.count(test.df)} degree"
                    f"{'s' if test.df != 1 else ''} of freedom, {p}",
                    ("cochran",) if name == "Q" else (),
                )
                return
