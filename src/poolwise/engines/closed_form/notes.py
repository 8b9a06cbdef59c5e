"""What a closed-form fit has to say: notes, and the finding that tau2 lies on its boundary."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scipy.special import chdtrc

from poolwise.closed_form.heterogeneity import QTest, q_profile, q_profile_is_empty
from poolwise.closed_form.inference import FLOORED, Coefficients
from poolwise.closed_form.least_squares import quadratic
from poolwise.closed_form.tau2 import Tau2
from poolwise.engines.closed_form.quantities import FEWEST_TO_PREDICT
from poolwise.errors import listing
from poolwise.quantities import Estimate
from poolwise.result import Finding
from poolwise.show import interval as limits


def boundary(estimator: str, tau2: float) -> tuple[Finding, ...]:
    """The finding that the estimate of tau2 is 0."""
    if tau2 > 0.0:
        return ()
    sentence = (
        f"The {estimator} estimate of tau2 is 0, its smallest possible value, which is no evidence that the "
        "studies agree; the prediction interval then allows for no variation between them. Exact() with a prior "
        "on tau averages over the values that the data leave open."
    )
    return (Finding("boundary_tau", sentence),)


def single(k: int) -> tuple[str, ...]:
    """With one study there is no heterogeneity to measure."""
    return ("With 1 study there is no heterogeneity to measure: I2 and H2 are NaN.",) if k == 1 else ()


def prediction(k: int) -> tuple[str, ...]:
    """Too few studies for a prediction interval, or hardly enough."""
    if k < FEWEST_TO_PREDICT:
        return (f"There is no prediction interval: {too_few_to_predict(k)}.",)
    if k < 5:
        return (
            f"The prediction interval rests on {k} studies; below 5 its width says little about the data; Exact() "
            "with a prior on tau says what is assumed.",
        )
    return ()


def too_few_to_predict(k: int) -> str:
    """Why there is no prediction interval."""
    return f"it needs at least {FEWEST_TO_PREDICT} studies and there are {k}"


def narrower(quantities: Mapping[str, Estimate]) -> tuple[Finding, ...]:
    """The finding that Hartung-Knapp intervals are narrower than Wald's, with both."""
    pairs = [
        f"{name} {limits(*quantity.interval(0.95))}, Wald {limits(*quantity.wider(0.95))}"
        for name, quantity in quantities.items()
        if quantity.wider is not None
    ]
    if not pairs:
        return ()
    sentence = (
        f"The unmodified Hartung-Knapp 95 % interval is narrower than Wald's: {listing(pairs, 6, '; ')}. The estimates "
        "agree more closely than their standard errors lead one to expect, which with few studies is mostly chance. "
        f"interval='{FLOORED}', the default, is never narrower."
    )
    return (Finding("narrower_than_wald", sentence),)


def inflation(coef: Coefficients, interval: str) -> tuple[str, ...]:
    """The Hartung-Knapp standard error is below the inverse-variance one."""
    factor = math.sqrt(float(coef.inflation[0]))
    if interval != "hartung-knapp" or factor > 0.995:
        return ()
    if factor == 0.0:
        return ("All estimates are the same, so that the Hartung-Knapp standard error is 0 and its test says nothing.",)
    return (
        f"The Hartung-Knapp standard error of mu is {factor:.2g} times the inverse-variance one; "
        f"interval='{FLOORED}' does not go below it.",
    )


def remarks(quantities: Mapping[str, Estimate]) -> tuple[str, ...]:
    """What is to be known of the limits of single quantities, each sentence once."""
    return tuple(dict.fromkeys(quantity.remark for quantity in quantities.values() if quantity.remark))


def several_maxima(estimator: str, between: Tau2) -> tuple[str, ...]:
    """The likelihood has more than one local maximum in tau2."""
    count = int(between.maxima[0])
    if count == 1:
        return ()
    return (f"The {estimator} likelihood has {count} local maxima in tau2; the highest is reported.",)


def empty_profile(test: QTest) -> tuple[str, ...]:
    """The 95 % Q-profile set is empty."""
    if not q_profile_is_empty(test)[0]:
        return ()
    return (
        f"The 95 % Q-profile set for tau2 is empty: Q = {test.statistic[0]:.3g} on {test.df[0]:g} df is "
        "below the 2.5 % quantile of its law under homogeneity. Its limits are given as 0.",
    )


def outside_profile(estimator: str, between: Tau2, test: QTest) -> tuple[str, ...]:
    """The estimate of tau2 lies outside its 95 % Q-profile interval, as that of another equation may."""
    tau2 = float(between.value[0])
    beyond = float(chdtrc(test.df[0], quadratic(between.fit)[0, 0]))  # probability of a larger Q, which falls in tau2
    below, above = beyond < 0.025, beyond > 0.975 and tau2 > 0.0
    if not (below or above) or q_profile_is_empty(test)[0]:
        return ()
    low, high = q_profile(between.fit.data)[0]
    return (
        f"The {estimator} estimate of tau2, {tau2:.4g}, lies outside its 95 % Q-profile interval, {low:.4g} to "
        f"{high:.4g}: the two belong to different equations, and the weights of these studies differ so much that "
        "their answers do too; tau2='PM' solves the equation of the interval.",
    )
