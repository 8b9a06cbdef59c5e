"""What a method asks of a study table before it is applied, and what it says of few or dependent studies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, listing, shown, warn
from poolwise.fit import check_table
from poolwise.model.publication import check_direction
from poolwise.settings import as_number

Array = NDArray[np.float64]

FEWEST = 3  # a line has two coefficients
FEW = 10  # studies, below which tests of funnel asymmetry are advised against; Sterne et al. 2011, 10.1136/bmj.d4002
LEVEL = 0.05  # at which a sentence reads a p-value
CONSTANT = 1e-9  # relative range below which a predictor is the same for all


def need_reported(effects: object, method: str, *, least: int = FEWEST) -> Effects:
    """The study table, if it has enough rows, none of them reconstructed; several outcomes are warned of.

    Parameters
    ----------
    effects : object
        What was handed in.
    method : str
        Its name, for messages.
    least : int
        Fewest rows with which the method is defined.

    Raises
    ------
    ModelError
        For something other than a study table.
    InputError
        For reconstructed rows, or too few of them.
    """
    check_table(effects, method)
    assert isinstance(effects, Effects)
    if effects.reconstructed:
        rows = effects.rows.names(np.array([one == "reconstructed" for one in effects.provenance]))
        raise InputError(
            f"{method} was given a reconstructed table ({rows}), and which studies of it are large, small or "
            "significant is arbitrary by construction: any asymmetry in it, or none, would be made up",
            "effects that were reported",
            "the studies' own estimates with their standard errors",
        )
    if effects.k < least:
        raise InputError(
            f"{method} was given k = {effects.k} effect{'' if effects.k == 1 else 's'}", f"at least {least}"
        )
    if len(effects.outcomes) > 1:
        names = listing(outcome or "none named" for outcome in effects.outcomes)
        warn(
            f"{method} pools {len(effects.outcomes)} outcomes ({names}) as one; effects.select(outcome=...) answers "
            "each question by itself"
        )
    return effects


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


def need_independent(effects: object, method: str, *, least: int, instead: str = "") -> Effects:
    """The study table, if it has enough rows as reported, each from another study.

    Parameters
    ----------
    effects : object
        What was handed in.
    method : str
        Its name, for messages.
    least : int
        Fewest rows with which the method is defined.
    instead : str
        What takes dependence into account.

    Raises
    ------
    ModelError
        For something other than a study table.
    InputError
        For reconstructed rows, too few of them, or several of one study.
    """
    table = need_reported(effects, method, least=least)
    if not is_dependent(table):
        return table
    repeated = [name for name in dict.fromkeys(table.study_as_given) if table.study_as_given.count(name) > 1]
    what = f"several effects of one study ({listing(repeated)})" if repeated else "correlated sampling errors"
    raise InputError(
        f"{method} takes estimates as independent, and the table has {what}",
        "one estimate of each study",
        instead
        or "one outcome or one effect of each study (effects.select), or pw.bias.s_value(effects, "
        "direction=...), whose standard errors are clustered by study",
    )


def need_errors_within(effects: Effects, method: str, cluster: NDArray[np.intp]) -> None:
    """Raise an InputError where sampling errors correlate between clusters, which clustered errors take as independent.

    Parameters
    ----------
    effects : Effects
    method : str
        Its name, for messages.
    cluster : ndarray of int, shape (k,)
        The cluster of each row, from 0.
    """
    if effects.covariance is not None and effects.covariance[cluster[:, None] != cluster].any():
        raise InputError(
            f"{method} was given sampling errors that correlate between clusters",
            "errors that correlate within studies (or other clusters) at most, by which standard errors are clustered",
        )


def need_no_effect(effects: Effects, method: str) -> None:
    """Raise a ModelError where no value means no effect, so that nothing is significantly above or below it."""
    if effects.scale.null_value is None:
        raise ModelError(
            f"{method} asks which estimates are significant, and the scale '{effects.scale}' has no value of no effect",
            "a difference, a ratio or a correlation",
        )


def sign_of(direction: object) -> float:
    """1 where positive results get published, -1 where negative ones do.

    Raises
    ------
    ModelError
        For anything else: the data cannot tell which results are wanted, so that there is no default.
    """
    check_direction(direction)
    return 1.0 if direction == "positive" else -1.0


def check_alpha(alpha: object) -> float:
    """The significance level, checked to lie strictly between 0 and 1."""
    level = as_number(alpha)
    if not 0.0 < level < 1.0:
        raise ModelError(f"alpha = {shown(alpha)} is no significance level", "a number between 0 and 1", "alpha=0.05")
    return level


def finite(name: str, value: object) -> float:
    """A setting, checked to be a finite number."""
    number = as_number(value)
    if not np.isfinite(number):
        raise ModelError(f"{name} = {shown(value)}", "a finite number on the analysis scale", f"{name}=0.1")
    return number


def few(k: int, what: str = "studies") -> tuple[str, ...]:
    """The sentence about power where there are few studies."""
    if k >= FEW:
        return ()
    return (
        f"With {k} {what}, fewer than {FEW}, there is little power to see bias: "
        "that none is found is no evidence of absence.",
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
