"""Prior records as PyMC variables: one line for each family that PyMC has, a table of its log density for any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from poolwise.errors import ModelError
from poolwise.priors import (
    Beta,
    Cauchy,
    Exponential,
    Fixed,
    Flat,
    Gamma,
    HalfCauchy,
    HalfLogistic,
    HalfNormal,
    HalfT,
    InverseGamma,
    LogNormal,
    LogT,
    Mixture,
    Normal,
    Prior,
    RegularizedHorseshoe,
    StudentT,
    Uniform,
)
from poolwise.pymc_models.tables import table_of

if TYPE_CHECKING:
    from pymc.distributions.transforms import Transform
    from pytensor.tensor import TensorVariable


STANDARD: dict[type[Prior], Prior] = {
    Normal: Normal(0.0, 1.0),
    Flat: Flat(),
    StudentT: StudentT(4.0, 0.0, 1.0),
    Cauchy: Cauchy(0.0, 1.0),
    HalfNormal: HalfNormal(1.0),
    HalfCauchy: HalfCauchy(1.0),
    HalfT: HalfT(3.0, 1.0),
    Exponential: Exponential(1.0),
    Uniform: Uniform(0.0, 1.0),
    LogNormal: LogNormal(0.0, 1.0),
    InverseGamma: InverseGamma(2.0, 1.0),
    LogT: LogT(5.0, 0.0, 1.0),
    Gamma: Gamma(2.0, 1.0),
    Beta: Beta(1.0, 9.0),
    RegularizedHorseshoe: RegularizedHorseshoe(1.0, 1.0),
    Fixed: Fixed(0.0),
    Mixture: Mixture((1.0,), (Normal(0.0, 1.0),)),
    HalfLogistic: HalfLogistic(1.0),
}
"""One member of each kind, to compile a model from: its start points are then the same for all members.

The mixture stands for every prior on the line that is known by a table, the half-logistic for every such one on
[0, inf).
"""
TABULATED = (Mixture, HalfLogistic)
COEFFICIENTS = {"beta": "coefficient", "gamma": "scale_coefficient"}
"""Dimensions of vectors of coefficients."""


def kind(prior: Prior) -> type[Prior]:
    """The key in `STANDARD` of the priors that one compiled model serves.

    Parameters
    ----------
    prior : Prior
        Of any family, or made by hand.

    Examples
    --------
    >>> kind(HalfT(3.0, 0.5)).__name__, kind(Mixture((1.0,), (Normal(0.0, 1.0),))).__name__
    ('HalfT', 'Mixture')
    """
    if type(prior) in STANDARD:
        return type(prior)
    return HalfLogistic if prior.positive else Mixture


@overload
def standard(prior: Prior) -> Prior: ...
@overload
def standard(prior: None) -> None: ...
def standard(prior: Prior | None) -> Prior | None:
    """The member of the kind of a prior that a model is compiled from; None for none."""
    return None if prior is None else STANDARD[kind(prior)]


def prior_data(name: str, prior: Prior) -> dict[str, Any]:
    """What a model is given of a prior, by the name of the model's data.

    Parameters
    ----------
    name : str
        Name of the variable: ``"mu"`` or ``"tau"``.
    prior : Prior
        Its prior.

    Returns
    -------
    dict of str to float or ndarray
        The parameters, in the order of the family's signature; of a prior that PyMC has no family for the parts of
        its `poolwise.pymc_models.tables.Table`.

    Examples
    --------
    >>> prior_data("tau", HalfT(3.0, 0.5))
    {'tau_df': 3.0, 'tau_scale': 0.5}
    """
    if kind(prior) in TABULATED:
        return table_of(prior).data(name)
    named = zip(prior.parameter_names(), prior.parameters, strict=True)
    return {f"{name}_{parameter}": value for parameter, value in named}


def prior_on_mu(prior: Prior, name: str = "mu", dims: str | None = None) -> TensorVariable:
    """A variable on the whole line with this prior, inside a model context; its parameters may be exchanged later.

    Parameters
    ----------
    prior : Prior
        On the whole line; a known value is no variable but a constant of the model.
    name : str
        Of the variable.
    dims : str, optional
        Dimension along which there is one such variable for each coordinate, independent of one another.

    Returns
    -------
    TensorVariable

    Raises
    ------
    ModelError
        For a prior on [0, inf).
    """
    import pymc as pm

    if prior.positive and not isinstance(prior, Flat):
        raise ModelError(f"{name} has the prior {prior}", "a prior on the whole line", "Normal(0, 1) or Flat()")
    if kind(prior) in TABULATED:
        from poolwise.pymc_models.tabulated import tabulated

        return tabulated(prior, name, dims)
    p = parameters_of(name, prior)
    if isinstance(prior, Fixed):
        value = p[0] if dims is None else pm.math.stack([p[0]]).repeat(pm.modelcontext(None).dim_lengths[dims])
        return pm.Deterministic(name, value, dims=dims)
    law, named = on_the_line(prior, p, name)
    return law(name, **named, dims=dims)


def on_the_line(prior: Prior, p: Sequence[Any], name: str) -> tuple[Any, dict[str, Any]]:
    """PyMC's distribution of a family on the whole line, and its arguments.

    Parameters
    ----------
    prior : Prior
        On the whole line.
    p : sequence
        Its parameters, in the order of its record.
    name : str
        Of the variable, for the error.

    Raises
    ------
    ModelError
        For a family that has no line here.
    """
    import pymc as pm

    match prior:
        case Flat():
            return pm.Flat, {}
        case Normal():
            return pm.Normal, {"mu": p[0], "sigma": p[1]}
        case StudentT():
            return pm.StudentT, {"nu": p[0], "mu": p[1], "sigma": p[2]}
        case Cauchy():
            return pm.Cauchy, {"alpha": p[0], "beta": p[1]}
        case _:
            raise ModelError(f"{name} has the prior {prior}", "a prior that PyMC knows here", "Normal(0, 1) or Flat()")


def prior_on_tau(prior: Prior, name: str = "tau", dims: str | None = None, *, in_unit: bool = True) -> TensorVariable:
    """A variable on [0, inf) with this prior, inside a model context; its parameters may be exchanged later.

    Parameters
    ----------
    prior : Prior
        On [0, inf), of any family. A log-t prior has the free variable ``log_tau``.
    name : str
        Of the variable.
    dims : str, optional
        Dimension along which there is one such variable for each coordinate, independent of one another.
    in_unit : bool
        Whether 1 is an ordinary value of it. Then, with a light tail, what is sampled is like log(tau) near zero and
        like tau far from it; else it is log(tau).

    Returns
    -------
    TensorVariable

    Raises
    ------
    ModelError
        For a prior on the whole line.
    """
    import pymc as pm

    if not prior.positive:
        raise ModelError(f"{name} has the prior {prior}", "a prior on [0, inf)", "HalfNormal(0.5)")
    if kind(prior) in TABULATED:
        from poolwise.pymc_models.tabulated import tabulated

        return tabulated(prior, name, dims)
    p, straight = parameters_of(name, prior), _straight(in_unit=in_unit)
    match prior:
        case Flat():
            return pm.HalfFlat(name, dims=dims)
        case HalfNormal():
            return pm.HalfNormal(name, sigma=p[0], dims=dims, default_transform=straight)
        case HalfCauchy():
            return pm.HalfCauchy(name, beta=p[0], dims=dims)
        case HalfT():
            return pm.HalfStudentT(name, nu=p[0], sigma=p[1], dims=dims)
        case Exponential():
            return pm.Exponential(name, lam=p[0], dims=dims, default_transform=straight)
        case Uniform():
            return pm.Uniform(name, lower=p[0], upper=p[1], dims=dims)
        case LogNormal():
            return pm.LogNormal(name, mu=p[0], sigma=p[1], dims=dims)
        case InverseGamma():
            return pm.InverseGamma(name, alpha=p[0], beta=p[1], dims=dims)
        case Gamma():
            return pm.Gamma(name, alpha=p[0], beta=p[1], dims=dims, default_transform=straight)
        case Beta():
            return pm.Beta(name, alpha=p[0], beta=p[1], dims=dims)
        case LogT():
            log_tau = pm.StudentT(f"log_{name}", nu=p[0], mu=p[1], sigma=p[2], dims=dims)
            return pm.Deterministic(name, pm.math.exp(log_tau), dims=dims)
        case _:
            raise ModelError(f"{name} has the prior {prior}", "a prior of one standard deviation", "HalfNormal(0.5)")


def _straight(*, in_unit: bool) -> Transform:
    from pymc.distributions.transforms import log

    from poolwise.pymc_models.transforms import Straightened

    return Straightened() if in_unit else log


def coefficients(name: str, priors: Mapping[str, Prior]) -> TensorVariable:
    """A vector of coefficients, each with a prior of its own, inside a model context.

    Parameters
    ----------
    name : str
        Of the vector and, with the coefficient in brackets, of each variable: ``beta``, ``beta[ablat]``.
    priors : mapping of str to Prior
        By coefficient; on the whole line, or on [0, inf).

    Returns
    -------
    TensorVariable
        Shape (p,).
    """
    import pymc as pm

    each = [
        (prior_on_tau if prior.positive and not isinstance(prior, Flat) else prior_on_mu)(
            prior, f"{name}[{coefficient}]"
        )
        for coefficient, prior in priors.items()
    ]
    return pm.Deterministic(name, pm.math.stack(each), dims=COEFFICIENTS[name])


def parameters_of(name: str, prior: Prior) -> list[TensorVariable]:
    """The prior's parameters as data of the model, so that another scale needs no new compilation."""
    import pymc as pm

    return [pm.Data(label, value) for label, value in prior_data(name, prior).items()]
