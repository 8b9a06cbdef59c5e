"""Step weights of p-values, with the study effects integrated out before the selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.selected import log_between, log_cdf, log_normal, mean_effects, positive, total_sd

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor import TensorVariable

Array = NDArray[np.float64]


def step_selection(
    y: Array,
    se: Array,
    cuts: Array,
    mean: Prior | Mapping[str, Prior],
    tau: Prior | None,
    weights: Sequence[Prior] | str,
    *,
    sides: int = 1,
    X: Array | None = None,
) -> pm.Model:
    """f(y_i) = Normal(y_i; eta_i, se_i^2 + tau^2) omega_j(i) / sum_j omega_j P(interval j | eta_i, tau, se_i).

    Parameters
    ----------
    y, se : ndarray
        Estimates and their standard errors, shape (k,).
    cuts : ndarray
        Where steps cut z = y / se in the direction of what gets published (the data ``sign``), or its size with two
        sides; falling, shape (J - 1,).
    mean : Prior or mapping of str to Prior
        Prior on mu, or on each coefficient of X.
    tau : Prior or None
        Prior on the between-study standard deviation; None where it is known (the data ``known_tau``).
    weights : sequence of Prior or {"falling", "known"}
        Priors of the weights but the first, cumulated shares of Dirichlet(1, ..., 1), or known ones (the data
        ``log_omega``).
    sides : {1, 2}
    X : ndarray, optional
        Design, shape (k, p).

    Returns
    -------
    pymc.Model
        With free variables ``mu`` or ``beta[...]``, ``tau``, and for falling weights ``ratio``, of each weight to the
        one before: Beta(J - 1, 1), ..., Beta(1, 1); and the vector ``omega``, whose first element is 1.

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384; Maier, Bartoš & Wagenmakers 2023, Psychological
    Methods, 10.1037/met0000405, for cumulated Dirichlet weights.
    """
    import pymc as pm

    with pm.Model() as model:
        estimate, error = pm.Data("y", y, dims="study"), pm.Data("se", se, dims="study")
        at, sign = pm.Data("cuts", cuts), pm.Data("sign", 1.0)
        place = pm.Data("place", np.zeros(len(y), dtype=np.int64), dims="study")
        eta = mean_effects(mean, X) + pm.math.zeros_like(estimate)
        sd = total_sd(error, tau)
        log_omega = _log_weights(weights, len(cuts) + 1)
        logs = _log_intervals(at, (sign * eta / error)[:, None], (sd / error)[:, None], len(cuts), sides)
        published = pm.math.logsumexp(log_omega + logs, axis=-1, keepdims=False)
        pm.Potential("y_obs", (log_normal(estimate, eta, sd) + log_omega[place] - published).sum())
    return model


def _log_weights(weights: Sequence[Prior] | str, count: int) -> TensorVariable:
    """Logarithms of all weights, the first 0."""
    import pymc as pm

    if weights == "known":
        return pm.Data("log_omega", np.zeros(count))
    zero = np.zeros(1)
    if isinstance(weights, str):
        ratio = pm.Beta("ratio", alpha=np.arange(count - 1.0, 0.0, -1.0), beta=1.0, shape=count - 1)
        log_omega = pm.math.concatenate([zero, pm.math.log(ratio).cumsum()])
    else:
        each = [positive(prior, f"weight[{j}]") for j, prior in enumerate(weights)]
        log_omega = pm.math.concatenate([zero, pm.math.log(pm.math.stack(each))])
    pm.Deterministic("omega", pm.math.exp(log_omega))
    return log_omega


def _log_intervals(
    at: TensorVariable, mean: TensorVariable, ratio: TensorVariable, steps: int, sides: int
) -> TensorVariable:
    """Log probabilities of the intervals of z ~ Normal(mean, ratio), the most significant one first, shape (k, J)."""
    import pymc as pm

    above = (at - mean) / ratio
    parts = [_beyond(above, steps)]
    if sides == 1:
        return pm.math.concatenate([*parts, log_cdf(above[:, steps - 1 :])], axis=1)
    below = (at + mean) / ratio
    outer = pm.math.logaddexp(parts[0], _beyond(below, steps))
    return pm.math.concatenate([outer, log_between(-below[:, steps - 1 :], above[:, steps - 1 :])], axis=1)


def _beyond(cut: TensorVariable, steps: int) -> TensorVariable:
    """Log probabilities above the first cut, and between each and the next, shape (k, J - 1)."""
    import pymc as pm

    first = log_cdf(-cut[:, :1])
    return first if steps == 1 else pm.math.concatenate([first, log_between(cut[:, 1:], cut[:, :-1])], axis=1)
