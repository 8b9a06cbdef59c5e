"""Prior records as PyMC variables, one line for each family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwise.errors import ModelError
from poolwise.priors import (
    Exponential,
    Flat,
    HalfCauchy,
    HalfNormal,
    HalfT,
    InverseGamma,
    LogNormal,
    LogT,
    Normal,
    Prior,
    Uniform,
)

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


STANDARD: dict[type[Prior], Prior] = {
    Normal: Normal(0.0, 1.0),
    Flat: Flat(),
    HalfNormal: HalfNormal(1.0),
    HalfCauchy: HalfCauchy(1.0),
    HalfT: HalfT(3.0, 1.0),
    Exponential: Exponential(1.0),
    Uniform: Uniform(0.0, 1.0),
    LogNormal: LogNormal(0.0, 1.0),
    InverseGamma: InverseGamma(2.0, 1.0),
    LogT: LogT(5.0, 0.0, 1.0),
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


def prior_on_mu(prior: Prior) -> TensorVariable:
    """The variable ``mu`` with this prior, inside a model context; its parameters may be exchanged later.

    Parameters
    ----------
    prior : Prior
        On the whole line.

    Returns
    -------
    TensorVariable

    Raises
    ------
    ModelError
        For a family that has no line here.
    """
    import pymc as pm

    p = _parameters("mu", prior)
    match prior:
        case Flat():
            return pm.Flat("mu")
        case Normal():
            return pm.Normal("mu", mu=p[0], sigma=p[1])
        case _:
            raise ModelError(f"mu has the prior {prior}", "a prior that PyMC knows here", "Normal(0, 1) or Flat()")


def prior_on_tau(prior: Prior) -> TensorVariable:
    """The variable ``tau`` with this prior, inside a model context; its parameters may be exchanged later.

    Parameters
    ----------
    prior : Prior
        On [0, inf). A log-t prior has the free variable ``log_tau``.

    Returns
    -------
    TensorVariable

    Raises
    ------
    ModelError
        For a family that has no line here.
    """
    import pymc as pm

    p = _parameters("tau", prior)
    match prior:
        case Flat():
            return pm.HalfFlat("tau")
        case HalfNormal():
            return pm.HalfNormal("tau", sigma=p[0])
        case HalfCauchy():
            return pm.HalfCauchy("tau", beta=p[0])
        case HalfT():
            return pm.HalfStudentT("tau", nu=p[0], sigma=p[1])
        case Exponential():
            return pm.Exponential("tau", lam=p[0])
        case Uniform():
            return pm.Uniform("tau", lower=p[0], upper=p[1])
        case LogNormal():
            return pm.LogNormal("tau", mu=p[0], sigma=p[1])
        case InverseGamma():
            return pm.InverseGamma("tau", alpha=p[0], beta=p[1])
        case LogT():
            log_tau = pm.StudentT("log_tau", nu=p[0], mu=p[1], sigma=p[2])
            return pm.Deterministic("tau", pm.math.exp(log_tau))
        case _:
            raise ModelError(f"tau has the prior {prior}", "a prior that PyMC knows here", "HalfNormal(0.5)")


def _parameters(name: str, prior: Prior) -> list[TensorVariable]:
    """The prior's parameters as data of the model, so that another scale needs no new compilation."""
    import pymc as pm

    return [pm.Data(label, value) for label, value in zip(parameter_names(name, prior), prior.parameters, strict=True)]
