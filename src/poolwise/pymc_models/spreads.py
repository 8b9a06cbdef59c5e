"""Standard deviations that resemble one another: log tau[g] ~ Normal(log tau, tau_spread)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_tau

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


def log_normal_about(typical: TensorVariable, spread: Prior, dims: str) -> TensorVariable:
    """The vector ``tau``, log-normal about the typical one, inside a model context.

    It is not centred: tau[g] = tau_typical exp(tau_spread z[g]), z[g] ~ Normal(0, 1), since few groups say little
    about tau_spread and a centred form has a funnel there.

    Parameters
    ----------
    typical : TensorVariable
        The median of tau[g].
    spread : Prior
        Prior on the sd of log tau[g], the variable ``tau_spread``.
    dims : str
        Dimension of the groups.

    Returns
    -------
    TensorVariable
        Shape (groups,).
    """
    import pymc as pm

    z = pm.Normal("log_tau_z", dims=dims)
    return pm.Deterministic("tau", typical * pm.math.exp(prior_on_tau(spread, "tau_spread") * z), dims=dims)
