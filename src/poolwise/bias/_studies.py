"""What a method asks of a study table before it is applied, and what it cannot say of few studies."""

from __future__ import annotations

from typing import Literal

import numpy as np

from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, listing, shown, warn
from poolwise.settings import as_number, check_option

Direction = Literal["positive", "negative"]
FEW = 10  # studies, below which tests of funnel asymmetry are advised against; Sterne et al. 2011, 10.1136/bmj.d4002


def need_reported(effects: object, method: str, *, least: int) -> Effects:
    """The study table, if it has enough rows, none of them reconstructed; several outcomes are warned of.

    Raises
    ------
    ModelError
        For something other than a study table.
    InputError
        For reconstructed rows, or too few of them.
    """
    if not isinstance(effects, Effects):
        raise ModelError(f"{method} was given {shown(effects)}", "Effects", "pw.datasets.load('bcg')")
    if effects.reconstructed:
        raise InputError(
            f"{method} was given a reconstructed study table, and which studies of it are large, small or significant "
            "is arbitrary by construction: published totals do not tell it",
            "studies as reported",
        )
    if effects.k < least:
        raise InputError(
            f"{method} was given {effects.k} {'study' if effects.k == 1 else 'studies'}", f"at least {least} studies"
        )
    if len(effects.outcomes) > 1:
        names = listing(outcome or "none named" for outcome in effects.outcomes)
        warn(
            f"{method} pools {len(effects.outcomes)} outcomes ({names}) as one; effects.select(outcome=...) answers "
            "each question by itself"
        )
    return effects


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
    if table.covariance is None and len(set(table.study_as_given)) == table.k:
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
    return 1.0 if check_option("direction", direction, ("positive", "negative")) == "positive" else -1.0


def check_alpha(alpha: object, name: str = "alpha") -> float:
    """The significance level, checked to lie strictly between 0 and 1."""
    level = as_number(alpha)
    if not 0.0 < level < 1.0:
        raise ModelError(
            f"{name} = {shown(alpha)} is no significance level", "a number between 0 and 1", f"{name}=0.05"
        )
    return level


def finite(name: str, value: object) -> float:
    """A setting, checked to be a finite number."""
    number = as_number(value)
    if not np.isfinite(number):
        raise ModelError(f"{name} = {shown(value)}", "a finite number on the analysis scale", f"{name}=0.1")
    return number


def powerless(k: int) -> str:
    """What is said of a test with few studies; nothing from 10 studies on."""
    if k >= FEW:
        return ""
    return f" With {k} studies the test has little power: not to see bias is no evidence that there is none."
