"""Meta-regression whose coefficients share priors, those coefficients integrated out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior, RegularizedHorseshoe
from poolwise.pymc_models.horseshoe import horseshoe
from poolwise.pymc_models.normal_terms import normal_terms
from poolwise.pymc_models.priors import coefficients, prior_on_tau
from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def pooled_regression(
    y: Array,
    v: Array,
    X: Array,
    W: Array,
    beta: Mapping[str, Prior],
    tau: Prior | None,
    *,
    shrunk: tuple[RegularizedHorseshoe, int] | None = None,
    known_sd: Sequence[float] = (),
    of: Sequence[int] = (),
    sd: Sequence[Prior] = (),
) -> pm.Model:
    """Y ~ Normal(X beta, diag(v + tau^2) + W diag(s^2) W'), which is X beta + W u with u ~ Normal(0, s) integrated out.

    Columns of W come in this order: those whose s is that of a regularised horseshoe, those whose s is known, and
    levels of factors, whose s is the standard deviation ``sd[f]`` between the levels of their factor.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    X, W : ndarray
        Designs, shape (k, p) and (k, q).
    beta : mapping of str to Prior
        Prior on each coefficient of X.
    tau : Prior or None
        Prior on the residual between-study standard deviation; None where there is none (or a known one, in v).
    shrunk : tuple of RegularizedHorseshoe and int, optional
        The horseshoe and its number of columns.
    known_sd : sequence of float
        Known standard deviations of coefficients.
    of : sequence of int
        Factor of each level.
    sd : sequence of Prior
        Prior on the standard deviation between the levels of each factor.

    Returns
    -------
    pymc.Model
        With ``beta``, ``tau``, ``sd[f]`` and ``shrunk_sd``.

    References
    ----------
    Gelman & Hill 2007, Data Analysis Using Regression and Multilevel/Hierarchical Models, chapter 12,
    10.1017/CBO9780511790942; Piironen & Vehtari 2017, Electronic J. Statistics 11:5018, 10.1214/17-EJS1337SI.
    """
    import pymc as pm

    with pm.Model(coords={"coefficient": list(beta)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        terms = pm.Data("W", W, dims=("study", "term"))
        design = pm.Data("X", X, dims=("study", "coefficient")) if beta else None
        mean = 0.0 if design is None else times(design, coefficients("beta", beta))
        spread = [horseshoe(*shrunk)] if shrunk else []
        spread += [pm.Data("known_sd", np.asarray(known_sd, dtype=float))] if len(known_sd) else []
        if sd:
            factor = pm.Data("of", np.asarray(of, dtype=np.int64))
            spread += [pm.math.stack([prior_on_tau(prior, f"sd[{f}]") for f, prior in enumerate(sd)])[factor]]
        if tau is not None:
            variance = variance + prior_on_tau(tau) ** 2
        pm.Potential("y_obs", normal_terms(estimate - mean, variance, terms * pm.math.concatenate(spread)))
    return model
