"""Normal terms that estimates share, integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


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
