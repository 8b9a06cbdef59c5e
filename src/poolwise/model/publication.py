"""What models of publication bias state, and what they ask of a study table: a direction, independent estimates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast, final

from poolwise.effects import Effects
from poolwise.errors import ModelError, listing, shown
from poolwise.model._priors import DEFAULT_SD_OF_MU
from poolwise.priors import Fixed, Prior
from poolwise.selection.intervals import Intervals, Sides
from poolwise.selection.weights import SmoothFunction
from poolwise.settings import check_option

Direction = Literal["positive", "negative"]
NOT_SAID = cast(Direction, "not said")
"""That a caller did not say in which direction results are likelier to be published."""
WITHOUT_NULL = ("logit", "log rate")


@final
@dataclass(frozen=True)
class Publication:
    """The probability that an estimate is published, a function omega of its p-value, as a model states it.

    Attributes
    ----------
    sign : 1.0 or -1.0
        1 where effects above 0 are likelier to be published.
    sides : {1, 2}
        Of the p-values.
    stated : mapping of str to float
        Weights that the model knows by itself, by the names of the quantities; the first one, which is 1, among them.
    free : tuple of str
        Names of the weights, or of the parameters of omega, that are unknown or have a prior that is a value.
    priors : mapping of str to Prior
        Priors on them; none where weights fall.
    nothing : float
        The value of each of them under which nothing is selected.
    intervals : Intervals or None
        Within which omega is constant; None where it is smooth.
    smooth : SmoothFunction or None
        omega where it is smooth.
    """

    sign: float
    sides: Sides
    stated: Mapping[str, float]
    free: tuple[str, ...]
    priors: Mapping[str, Prior]
    nothing: float
    intervals: Intervals | None = None
    smooth: SmoothFunction | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All weights, or parameters of omega."""
        return (*self.stated, *self.free)

    @property
    def known(self) -> tuple[float, ...] | None:
        """The weights where the model knows them all; None where it does not."""
        return None if self.free else tuple(self.stated.values())

    @property
    def values(self) -> dict[str, float]:
        """The value of each by its name, those among them that a prior states; NaN where it is unknown."""
        priors = {name: self.priors.get(name) for name in self.free}
        values = {name: prior.value if isinstance(prior, Fixed) else math.nan for name, prior in priors.items()}
        return {**self.stated, **values}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of those that are unknown."""
        return tuple(name for name, value in self.values.items() if math.isnan(value))


def check_direction(direction: object) -> None:
    """Raise a ModelError for what is no direction of what gets published."""
    if direction == NOT_SAID:
        raise ModelError(
            "no direction is given",
            "the direction in which results are likelier to be published, which is known of the field, not of the data",
            "direction='positive' where effects above 0 are wanted, direction='negative' where those below are",
        )
    check_option("direction", direction, ("positive", "negative"))


def sign_of(direction: Direction) -> float:
    """1 where effects above 0 are likelier to be published, -1 where those below are."""
    return -1.0 if direction == "negative" else 1.0


def check_reported(effects: Effects, what: str, arbitrary: str) -> None:
    """Refuse a study table with reconstructed estimates.

    Parameters
    ----------
    effects : Effects
    what : str
        Words for the model.
    arbitrary : str
        What of them the model looks at, that the reconstruction chose: "their p-values are", ...

    Raises
    ------
    ModelError
        When there are any.
    """
    if effects.reconstructed:
        raise ModelError(
            f"{what} was given a table whose estimates are reconstructed: {arbitrary} a choice of the reconstruction, "
            "so that a model of publication bias would describe it and not the publication of the studies",
            "estimates as they were reported",
            "effects.select(...) of the studies that are reported",
        )


def check_selected(effects: Effects, what: str) -> None:
    """Refuse a study table on which a model of selection would mean nothing.

    Parameters
    ----------
    effects : Effects
    what : str
        Words for the model.

    Raises
    ------
    ModelError
        For reconstructed estimates; several effects of one study; sampling errors with a known covariance; a scale
        without a value of no effect, on which there are no p-values.
    """
    check_reported(effects, what, "their p-values are")
    _check_independent(effects, what)
    if effects.scale.null_value is None:
        raise ModelError(
            f"{what} was given effects on the scale '{effects.scale}', which has no value of no effect, and so no "
            "p-values by which studies could be selected",
            "a scale on which 0 means no effect",
            "a difference or a ratio of two groups",
        )


def _check_independent(effects: Effects, what: str) -> None:
    several = [f"'{study}' ({count})" for study, count in Counter(effects.study_as_given).items() if count > 1]
    if not several and effects.covariance is None:
        return
    found = (
        f"several effects of one study: {listing(several)}" if several else "sampling errors with a known covariance"
    )
    raise ModelError(
        f"{what} was given {found}; its likelihood takes every estimate to be published or not by itself",
        "one independent effect of each study",
        "pw.bias.pet_peese(effects, ...) with cluster-robust standard errors and pw.bias.egger(...) with clusters "
        "(multilevel) take dependent effects; effects.select(...) or an average within studies makes them independent",
    )


def unit_of(effects: Effects) -> float | None:
    """What is an ordinary effect on this scale: the standard deviation of its default prior on mu; None without one."""
    name = effects.scale.name
    return None if name in WITHOUT_NULL else DEFAULT_SD_OF_MU.get(name)


def as_steps(steps: Any) -> tuple[float, ...]:
    """p-values that rise strictly between 0 and 1; a single one may stand by itself.

    Raises
    ------
    ModelError
        For anything else.
    """
    given = [steps] if isinstance(steps, int | float) else steps
    try:
        numbers = tuple(float(step) for step in given)
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    inside = all(0.0 < step < 1.0 for step in numbers)
    if not numbers or isinstance(steps, str) or not inside or any(a >= b for a, b in pairwise(numbers)):
        raise ModelError(
            f"steps = {shown(steps)}", "p-values that rise, between 0 and 1", "steps=(0.025,) or (0.025, 0.05, 0.5)"
        )
    return numbers
