"""Prior distributions as plain records: densities, quantiles, tails, and the scale of effect they are for.

A prior for tau lives on [0, inf); a prior for mu on the whole line. `metric` names the scale of effect
that a prior was made for (``"SMD"``); a prior without one is taken as given for the data at hand.
"""

from __future__ import annotations

from poolwise.errors import ModelError, nearest
from poolwise.priors._base import Prior
from poolwise.priors._half_line import Exponential, HalfCauchy, HalfNormal, HalfT, Uniform
from poolwise.priors._line import Fixed, Flat, Normal
from poolwise.priors._log_line import InverseGamma, LogNormal, LogT

__all__ = [
    "FAMILIES", "Exponential", "Fixed", "Flat", "HalfCauchy", "HalfNormal", "HalfT", "InverseGamma", "LogNormal",
    "LogT", "Normal", "Prior", "Uniform", "make",
]  # fmt: skip

FAMILIES: dict[str, type[Prior]] = {
    family.__name__: family
    for family in (
        Normal, Flat, HalfNormal, HalfCauchy, HalfT, Exponential, Uniform, LogNormal, InverseGamma, LogT,
    )
}  # fmt: skip


def __getattr__(name: str) -> type[Prior]:
    raise AttributeError(f"poolwise.priors has no prior '{name}': {nearest(name, FAMILIES)}")


def make(family: str, *parameters: float) -> Prior:
    """The prior of that family with these parameters, as an analysis file names it.

    Parameters
    ----------
    family : str
        Name of a family, for example ``"HalfNormal"``.
    *parameters : float
        In the order of the family's signature.

    Raises
    ------
    ModelError
        For an unknown family (the message offers the nearest) or a wrong number of parameters.

    Examples
    --------
    >>> print(make("HalfT", 3, 0.5), make("Flat"))
    HalfT(3, 0.5) Flat()
    """
    if family not in FAMILIES:
        raise ModelError(f"unknown prior '{family}'", advice=nearest(family, FAMILIES))
    names = FAMILIES[family].parameter_names()
    if len(parameters) != len(names):
        raise ModelError(f"{family} got {len(parameters)} parameter(s)", f"{len(names)}: {', '.join(names) or 'none'}")
    return FAMILIES[family](*parameters)
