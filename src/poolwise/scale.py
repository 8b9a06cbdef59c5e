"""The scale on which effects are analysed, and the way back to the scale on which people read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, closest, shown
from poolwise.settings import check_option, check_words

Array = NDArray[np.float64]

_BACK: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "log": np.exp,
    "fisher z": np.tanh,
    "logit": lambda x: 1.0 / (1.0 + np.exp(-x)),
}
_FORWARD: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "log": np.log,
    "fisher z": np.arctanh,
    "logit": lambda x: np.log(x) - np.log1p(-x),
}


@dataclass(frozen=True)
class Scale:
    """A scale of effect.

    Attributes
    ----------
    name : str
        Short name, as in a table: ``"SMD"``, ``"log RR"``.
    label : str
        Words for an axis on the analysis scale: ``"log risk ratio"``.
    transform : str
        What leads back to the reading scale: ``"identity"``, ``"log"``, ``"fisher z"`` or ``"logit"``.
    natural_label : str
        Words for an axis on the reading scale: ``"risk ratio"``.
    compares : bool
        Whether 0 stands for no effect, as in a difference or a log ratio. False for what a single group has, such as a
        log rate, and in any case for a logit proportion: there is no direction, and nothing to be above or below.

    Raises
    ------
    InputError
        For an unknown transform; the message offers the nearest. For words that cannot be printed.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapters 5 and 6, 10.1002/9780470743386, for log ratios and
    Fisher's z.
    """

    name: str
    label: str
    transform: str
    natural_label: str
    compares: bool = True

    def __post_init__(self) -> None:
        check_option("transform", self.transform, _BACK, error=InputError, whose="Scale: ")
        for name in ("name", "label", "natural_label"):
            check_words(getattr(self, name), f"Scale: {name}")

    def back(self, x: ArrayLike) -> Array:
        """Values on the reading scale: x, exp(x), tanh(x) or 1 / (1 + exp(-x)).

        Parameters
        ----------
        x : array_like
            Values on the analysis scale.

        Returns
        -------
        ndarray
            Same shape as `x`.

        Examples
        --------
        >>> as_scale("log OR").back([0.0, -0.6931]).round(3).tolist()
        [1.0, 0.5]
        """
        return _BACK[self.transform](np.asarray(x, dtype=float))

    def forward(self, x: ArrayLike) -> Array:
        """Values on the analysis scale, the inverse of `back`: x, log(x), atanh(x) or log(x / (1 - x)).

        Parameters
        ----------
        x : array_like
            Values on the reading scale.

        Returns
        -------
        ndarray
            Same shape as `x`; infinite or NaN, with NumPy's warning, where the reading scale ends.
        """
        return _FORWARD[self.transform](np.asarray(x, dtype=float))

    @property
    def null_value(self) -> float | None:
        """The value of no effect on the analysis scale; None on a scale that has none (a proportion, a rate)."""
        return 0.0 if self.compares and self.transform != "logit" else None

    def held_against(self, threshold: float) -> float:
        """What effects are compared with: the threshold, or NaN where it is 0 on a scale without a null value.

        What a single group has is on no side of 0: log odds of 0 are a proportion of one half, a log rate of 0 is one
        event per unit of time. There an effect is compared with the user's threshold, or with nothing.

        Parameters
        ----------
        threshold : float
            On the analysis scale; 0 by default wherever there is one.

        Returns
        -------
        float

        Examples
        --------
        >>> as_scale("log OR").held_against(0.0), as_scale("logit").held_against(0.0)
        (0.0, nan)
        """
        return np.nan if self.null_value is None and threshold == 0.0 else float(threshold)

    @property
    def is_ratio(self) -> bool:
        """Whether the reading scale is a ratio, whose null value is 1."""
        return self.transform == "log" and self.compares

    @property
    def plausible_limit(self) -> float:
        """Absolute effect on the analysis scale above which a row deserves a second look."""
        if self.transform == "log" and not self.compares:  # a rate has the user's unit of time
            return np.inf
        return {"log": 10.0, "logit": 10.0, "fisher z": 3.0}.get(self.transform, 5.0 if self.name == "SMD" else np.inf)

    def __str__(self) -> str:
        return self.name


SCALES = {
    scale.name: scale
    for scale in (
        Scale("identity", "effect", "identity", "effect"),
        Scale("SMD", "standardised mean difference", "identity", "standardised mean difference"),
        Scale("MD", "mean difference", "identity", "mean difference"),
        Scale("log RR", "log risk ratio", "log", "risk ratio"),
        Scale("log OR", "log odds ratio", "log", "odds ratio"),
        Scale("log HR", "log hazard ratio", "log", "hazard ratio"),
        Scale("log IRR", "log incidence rate ratio", "log", "incidence rate ratio"),
        Scale("log ROM", "log ratio of means", "log", "ratio of means"),
        Scale("Fisher z", "Fisher z", "fisher z", "correlation"),
        Scale("logit", "logit proportion", "logit", "proportion", compares=False),
        Scale("log rate", "log incidence rate", "log", "incidence rate", compares=False),
    )
}


# other words for a scale; for an error's advice only, since "OR" may mean numbers without logs
MEANT = {
    **dict.fromkeys(("d", "g", "cohen's d", "hedges' g", "hedges g", "cohen d"), "SMD"),
    **{name: f"log {name.upper()}" for name in ("or", "rr", "hr", "irr", "rom")},
    **{f"log{name}": f"log {name.upper()}" for name in ("or", "rr", "hr", "irr", "rom")},
    **dict.fromkeys(("z", "zcor", "fisher's z", "r", "cor"), "Fisher z"),
    **dict.fromkeys(("odds ratio", "log odds ratio"), "log OR"),
    **dict.fromkeys(("risk ratio", "log risk ratio"), "log RR"),
    **dict.fromkeys(("hazard ratio", "log hazard ratio"), "log HR"),
    **dict.fromkeys(("prop", "proportion", "prevalence", "plo", "logit proportion"), "logit"),
    **dict.fromkeys(("rate", "ir", "irln", "incidence rate", "log incidence rate"), "log rate"),
}


def as_scale(scale: Scale | str) -> Scale:
    """The scale of that name, or the scale itself.

    Parameters
    ----------
    scale : Scale or str
        A scale or its name, in upper or lower case.

    Returns
    -------
    Scale

    Raises
    ------
    InputError
        If no scale has that name; the message offers the nearest.
    """
    if isinstance(scale, Scale):
        return scale
    folded = {name.casefold(): known for name, known in SCALES.items()}
    asked = scale if isinstance(scale, str) else shown(scale)
    word = asked.casefold()
    try:
        return folded[word]
    except KeyError:
        advice = f"did you mean '{MEANT[word]}'?" if word in MEANT else closest(asked, SCALES)
        raise InputError(f"unknown scale '{asked}'", "one of " + ", ".join(SCALES), advice) from None
