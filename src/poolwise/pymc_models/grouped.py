"""Means of groups, and normal terms that estimates share, integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poolwise.pymc_models.sums import summed, times

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


def group_means(
    estimate: TensorVariable, variance: TensorVariable, slope: TensorVariable | float, belongs: TensorVariable
) -> tuple[TensorVariable, TensorVariable]:
    """Inverse-variance mean of each group and its variance; adds what the estimates say beyond it to the model.

    With y_i ~ Normal(slope_i m[g], sqrt(variance_i)) in group g, a group's likelihood is that of its inverse-variance
    mean about m[g], times a factor without m: the densities about the mean itself, over that of the mean at its place.

    Parameters
    ----------
    estimate, variance : TensorVariable
        Independent estimates y and their variances, shape (k,).
    slope : TensorVariable or float
        What a group's mean is multiplied by, shape (k,), or 1.
    belongs : TensorVariable
        1 where an estimate belongs to a group and 0 elsewhere, shape (k, groups).

    Returns
    -------
    tuple of TensorVariable
        Mean and variance of each group, shape (groups,).
    """
    import pymc as pm

    pull = slope / variance
    precision = summed(pull * slope, belongs)
    mean = summed(pull * estimate, belongs) / precision
    about = pm.logp(pm.Normal.dist(slope * times(belongs, mean), variance**0.5), estimate).sum()
    pm.Potential("y_about_means", about - 0.5 * pm.math.log(precision / (2.0 * np.pi)).sum())
    return mean, 1.0 / precision


def normal_terms(
    apart: TensorVariable, variance: TensorVariable, terms: TensorVariable, sd: TensorVariable
) -> TensorVariable:
    """Log density of estimates about their means with u ~ Normal(0, diag(sd^2)) integrated out.

    It is that of Normal(0, S), S = D + Z T Z', D = diag(variance), T = diag(sd^2). With few terms beside the k
    estimates the determinant and the inverse come from the Cholesky factor of I + T^(1/2) Z' D^-1 Z T^(1/2).

    Parameters
    ----------
    apart, variance : TensorVariable
        Estimates less their means, and their own variances, shape (k,).
    terms : TensorVariable
        Z, shape (k, q).
    sd : TensorVariable
        Shape (q,).

    Returns
    -------
    TensorVariable
        A number.
    """
    import pymc as pm
    import pytensor.tensor as pt

    M = pt.eye(terms.shape[1]) + sd[:, None] * (terms.T @ (terms / variance[:, None])) * sd
    root = pt.linalg.cholesky(M)
    explained = pt.linalg.solve_triangular(root, sd * (terms.T @ (apart / variance)), lower=True)
    about = pm.logp(pm.Normal.dist(0.0, variance**0.5), apart).sum()
    return about + 0.5 * (explained**2).sum() - pm.math.log(pt.diagonal(root)).sum()
