"""Parts that models of selection share: mean effects, standard deviations, logarithms of normal probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Fixed, Prior
from poolwise.pymc_models.priors import coefficients, prior_on_mu, prior_on_tau
from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

Array = NDArray[np.float64]


def mean_effects(mean: Prior | Mapping[str, Prior], X: Array | None) -> TensorVariable:
    """mu, or X beta with a prior on each coefficient, inside a model context."""
    import pymc as pm

    if isinstance(mean, Prior):
        return prior_on_mu(mean)
    return times(pm.Data("X", X, dims=("study", "coefficient")), coefficients("beta", mean))


def total_sd(se: TensorVariable, tau: Prior | None) -> TensorVariable:
    """sqrt(se^2 + tau^2), tau with a prior or known (the data ``known_tau``), inside a model context."""
    import pymc as pm

    sd = pm.Data("known_tau", 0.0) if tau is None else prior_on_tau(tau)
    return pm.math.sqrt(se**2 + sd**2)


def positive(prior: Prior, name: str) -> TensorVariable:
    """A variable of at least 0 without a unit; a known value is a constant of the model."""
    return prior_on_mu(prior, name) if isinstance(prior, Fixed) else prior_on_tau(prior, name)


def log_normal(x: TensorVariable, mean: TensorVariable, sd: TensorVariable) -> TensorVariable:
    """Log density of Normal(mean, sd) at x."""
    import pymc as pm

    return -0.5 * (((x - mean) / sd) ** 2 + np.log(2.0 * np.pi)) - pm.math.log(sd)


def log_cdf(x: TensorVariable) -> TensorVariable:
    """Log of the standard normal distribution function, whole in its lower tail."""
    import pymc as pm

    return pm.logcdf(pm.Normal.dist(0.0, 1.0), x)


def log_between(low: TensorVariable, high: TensorVariable) -> TensorVariable:
    """Log of the standard normal probability between two limits, by the tail that is nearer."""
    import pymc as pm

    flip = low + high > 0.0
    lower, upper = pm.math.switch(flip, -high, low), pm.math.switch(flip, -low, high)
    return pm.math.logdiffexp(log_cdf(upper), log_cdf(lower))
