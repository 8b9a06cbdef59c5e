"""Smooth weights of p-values, with the study effects integrated out before the selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.selected import log_cdf, log_normal, mean_effects, positive, total_sd
from poolwise.selection.intervals import Sides
from poolwise.selection.weights import TAILS, PValues, log_weight, rule

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def weight_function(
    y: Array,
    se: Array,
    kind: str,
    mean: Prior | Mapping[str, Prior],
    tau: Prior | None,
    delta: Sequence[Prior],
    *,
    sides: Sides = 1,
    X: Array | None = None,
) -> pm.Model:
    """f(y_i) = Normal(y_i; eta_i, se_i^2 + tau^2) omega(p_i) / A_i, A_i by Gauss's rule over z = y / se.

    Parameters
    ----------
    y, se : ndarray
        Estimates and their standard errors, shape (k,).
    kind : str
        Of omega: ``"beta"``, ``"halfnorm"``, ``"negexp"``, ``"logistic"``, ``"power"``.
    mean : Prior or mapping of str to Prior
        Prior on mu, or on each coefficient of X.
    tau : Prior or None
        Prior on the between-study standard deviation; None where it is known (the data ``known_tau``).
    delta : sequence of Prior
        Priors of the parameters of omega.
    sides : {1, 2}
    X : ndarray, optional
        Design, shape (k, p).

    Returns
    -------
    pymc.Model
        With free variables ``mu`` or ``beta[...]``, ``tau`` and ``delta`` (``delta[1]``, ``delta[2]``). The data are
        the estimates, p or the logarithms of p and 1 - p, and ``precision``, by which delta is multiplied.

    References
    ----------
    Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119; Preston, Ashby & Smyth 2004, J. Evaluation
    in Clinical Practice 10:313, 10.1111/j.1365-2753.2003.00457.x.
    """
    import pymc as pm

    names = ("delta",) if len(delta) == 1 else tuple(f"delta[{j + 1}]" for j in range(len(delta)))
    nothing, by = np.zeros(len(y)), rule(kind, sides)
    with pm.Model() as model:
        estimate, error = pm.Data("y", y, dims="study"), pm.Data("se", se, dims="study")
        sign, precision = pm.Data("sign", 1.0), pm.Data("precision", nothing + 1.0, dims="study")
        own = {name: pm.Data(name, nothing + 0.5, dims="study") for name in TAILS.get(kind, ("p",))}
        each = [positive(prior, name) * precision for name, prior in zip(names, delta, strict=True)]
        eta, sd = mean_effects(mean, X) + pm.math.zeros_like(estimate), total_sd(error, tau)
        centre, ratio = (sign * eta / error)[:, None], (sd / error)[:, None]
        wide = [one[:, None] for one in each]
        inside = by.log_width + log_normal(by.z, centre, ratio) + log_weight(kind, by.at, wide, pm.math)
        tails = pm.math.concatenate([log_cdf((-by.end - centre) / ratio), log_cdf((centre - by.end) / ratio)], axis=1)
        beyond = tails + log_weight(kind, by.ends, wide, pm.math)
        published = pm.math.logsumexp(pm.math.concatenate([inside, beyond], axis=1), axis=1, keepdims=False)
        observed = PValues(*(own.get(name) for name in ("p", "log_p", "log_q")))
        weight = log_weight(kind, observed, each, pm.math)
        pm.Potential("y_obs", (log_normal(estimate, eta, sd) + weight - published).sum())
    return model
