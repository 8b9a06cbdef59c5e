"""Prior records as PyMC variables, one line for each family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from poolwise.errors import ModelError
from poolwise.priors import (
    Beta,
    Cauchy,
    Exponential,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfT,
    InverseGamma,
    LogNormal,
    LogT,
    Normal,
    Prior,
    RegularizedHorseshoe,
    StudentT,
    Uniform,
)

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
}
"""One member of each family, to compile a model from: its start points are then the same for all members."""


def parameter_names(name: str, prior: Prior) -> tuple[str, ...]:
    """Names of the prior's parameters in a model, in the order of its record.

    Parameters
    ----------
    name : str
        Name of the variable: ``"mu"`` or ``"tau"``.
    prior : Prior
        Its prior.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> parameter_names("tau", HalfT(3.0, 0.5))
    ('tau_df', 'tau_scale')
    """
    return tuple(f"{name}_{parameter}" for parameter in prior.parameter_names())


def prior_on_mu(prior: Prior, name: str = "mu", dims: str | None = None) -> TensorVariable:
    """A variable on the whole line with this prior, inside a model context; its parameters may be exchanged later.

    Parameters
    ----------
    prior : Prior
        On the whole line.
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
        For a family that has no line here.
    """
    law, p = on_the_line(prior, parameters_of(name, prior), name)
    return law(name, **p, dims=dims)


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
        On [0, inf). A log-t prior has the free variable ``log_tau``.
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
        For a family that has no line here.
    """
    import pymc as pm

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
            raise ModelError(f"{name} has the prior {prior}", "a prior that PyMC knows here", "HalfNormal(0.5)")


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
        By coefficient.

    Returns
    -------
    TensorVariable
        Shape (p,).
    """
    import pymc as pm

    each = [prior_on_mu(prior, f"{name}[{coefficient}]") for coefficient, prior in priors.items()]
    return pm.Deterministic(name, pm.math.stack(each), dims=f"{name}_of")


def parameters_of(name: str, prior: Prior) -> list[TensorVariable]:
    """The prior's parameters as data of the model, so that another scale needs no new compilation."""
    import pymc as pm

    return [pm.Data(label, value) for label, value in zip(parameter_names(name, prior), prior.parameters, strict=True)]
