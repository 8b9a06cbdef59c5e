"""Prior distributions as plain records: densities, quantiles, tails, and the scale of effect they are for.

A prior for tau lives on [0, inf); a prior for mu on the whole line. `metric` names the scale of effect
that a prior was made for (``"SMD"``); a prior without one is taken as given for the data at hand.

On tau: HalfNormal, HalfT, HalfCauchy, HalfLogistic, Exponential, Lomax, Rayleigh, Uniform, LogNormal, LogT,
InverseGamma, Gamma; improper Flat and Sqrt; made from the studies' variances Jeffreys, OverallJeffreys, BergerDeely,
Conventional, DuMouchel, Shrinkage, ISquared; any other as `Density` or by `from_distribution`,
which takes normal, t and Cauchy distributions on mu, too.
On a share: Beta. On mu: Normal, StudentT, Cauchy, TruncatedNormal, Fixed, Flat, and `Mixture` of the first three;
on several coefficients together RegularizedHorseshoe.
"""

from __future__ import annotations

from poolwise.errors import ModelError, nearest
from poolwise.priors._base import Prior
from poolwise.priors._by_typical_variance import DuMouchel, ISquared, Shrinkage
from poolwise.priors._by_variances import BergerDeely, Conventional, Jeffreys, OverallJeffreys
from poolwise.priors._density import Density
from poolwise.priors._distribution import OfDistribution, from_distribution
from poolwise.priors._gamma import Beta, Gamma
from poolwise.priors._half_line import Exponential, HalfCauchy, HalfNormal, HalfT, Uniform
from poolwise.priors._horseshoe import RegularizedHorseshoe
from poolwise.priors._lifetime import HalfLogistic, Lomax, Rayleigh
from poolwise.priors._line import Fixed, Flat, Normal
from poolwise.priors._log_line import InverseGamma, LogNormal, LogT, Sqrt
from poolwise.priors._mixture import Mixture
from poolwise.priors._student import Cauchy, StudentT
from poolwise.priors._truncated import TruncatedNormal

__all__ = [
    "FAMILIES", "BergerDeely", "Beta", "Cauchy", "Conventional", "Density", "DuMouchel", "Exponential", "Fixed", "Flat",
    "Gamma", "HalfCauchy", "HalfLogistic", "HalfNormal", "HalfT", "ISquared", "InverseGamma", "Jeffreys", "LogNormal",
    "LogT", "Lomax", "Mixture", "Normal", "OfDistribution", "OverallJeffreys", "Prior", "Rayleigh",
    "RegularizedHorseshoe", "Shrinkage", "Sqrt", "StudentT", "TruncatedNormal", "Uniform", "from_distribution", "make",
]  # fmt: skip

# What numbers alone describe, so that a file can name it; mixtures and custom densities need more.
FAMILIES: dict[str, type[Prior]] = {
    family.__name__: family
    for family in (
        Normal, StudentT, Cauchy, TruncatedNormal, Fixed, Flat, HalfNormal, HalfCauchy, HalfT, HalfLogistic,
        Exponential, Lomax, Rayleigh, Uniform, LogNormal, InverseGamma, LogT, Sqrt, Jeffreys, OverallJeffreys,
        BergerDeely, Conventional, DuMouchel, Shrinkage, ISquared, Gamma, Beta, RegularizedHorseshoe,
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
