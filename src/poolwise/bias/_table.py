"""What every test for small-study effects asks of a study table, and what each says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, listing, warn
from poolwise.settings import check_instance

Array = NDArray[np.float64]

FEWEST = 3  # a line has two coefficients
FEW = 10  # Sterne et al. 2011: with fewer studies tests of asymmetry have too little power to be of use
LEVEL = 0.05  # at which a sentence reads a p-value
CONSTANT = 1e-9  # relative range below which a predictor is the same for all


def check_table(asked: str, effects: Effects) -> None:
    """Refuse what is no study table, a reconstructed one, and fewer than three effects; several outcomes are warned of.

    Raises
    ------
    InputError
        Saying why.
    """
    check_instance(asked, effects, Effects, expected="a study table", advice="pw.Effects(y, se=se)", error=InputError)
    if effects.reconstructed:
        rows = effects.rows.names(np.array([one == "reconstructed" for one in effects.provenance]))
        raise InputError(
            f"{asked} was given a reconstructed table ({rows}), whose pattern of small and large studies is arbitrary "
            "by construction: any asymmetry in it, or none, would be made up",
            "effects that were reported",
            "the studies' own estimates with their standard errors",
        )
    if effects.k < FEWEST:
        raise InputError(
            f"{asked} was given k = {effects.k} effects",
            f"at least {FEWEST}: of fewer no funnel has a shape",
        )
    if len(effects.outcomes) > 1:
        names = listing(outcome or "none named" for outcome in effects.outcomes)
        warn(
            f"{asked} pools {len(effects.outcomes)} outcomes ({names}) as one; effects.select(outcome=...) answers "
            "each question by itself"
        )


def is_dependent(effects: Effects) -> bool:
    """Whether several rows are of one study, or their errors have a known covariance."""
    return len(set(effects.study_as_given)) < effects.k or effects.covariance is not None


def independence(asked: str, effects: Effects, instead: str) -> tuple[str, ...]:
    """What to say where a test takes dependent rows for independent; the same is warned of.

    Parameters
    ----------
    asked : str
        Words for the test.
    effects : Effects
    instead : str
        What to try.
    """
    if not is_dependent(effects):
        return ()
    studies = len(set(effects.study_as_given))
    what = (
        f"{effects.k} effects of {studies} studies"
        if studies < effects.k
        else f"the {effects.k} effects, whose sampling errors have a known covariance,"
    )
    sentence = (
        f"{asked} takes {what} as independent, so that its p-value is too small and its interval too narrow; "
        f"{instead} does not"
    )
    warn(sentence)
    return (f"{sentence}.",)


def few(k: int, what: str = "studies") -> tuple[str, ...]:
    """The sentence about power where there are few studies."""
    if k >= FEW:
        return ()
    return (
        f"With {k} {what}, fewer than {FEW}, such a test has little power: "
        "that it finds nothing is no evidence of absence.",
    )


def check_varies(asked: str, x: Array, words: str, why: str) -> None:
    """Refuse a predictor that is the same for all.

    Raises
    ------
    InputError
        Naming its value and why there is no answer.
    """
    if np.ptp(x) <= CONSTANT * np.abs(x).max():
        raise InputError(
            f"{asked}: the {words} is the same for all {len(x)} effects ({x[0]:.4g}), {why}",
            "studies that differ in it",
            "pw.bias.s_value, which needs no such differences",
        )
