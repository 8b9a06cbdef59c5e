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
    apart: TensorVariable, variance: TensorVariable, terms: TensorVariable, starts: TensorVariable | None = None
) -> TensorVariable:
    """Log density of estimates about their means with independent standard normal terms u integrated out.

    It is that of Normal(0, D + Z Z') in each group, D = diag(variance), Z the group's rows of `terms`.

    Parameters
    ----------
    apart, variance : TensorVariable
        Estimates less their means, and their own variances, shape (k,).
    terms : TensorVariable
        What each u adds to each estimate, shape (k, q): an indicator or a covariate times a standard deviation.
    starts : TensorVariable, optional
        First row of each group, shape (groups,); each has a u of its own. One group where None.

    Returns
    -------
    TensorVariable
        A number.
    """
    from poolwise.pymc_models.shared_terms import SharedTerms

    return SharedTerms()(apart, variance, terms, np.zeros(1, dtype=np.int32) if starts is None else starts)[0]
