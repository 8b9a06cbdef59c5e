"""The regularised horseshoe on several coefficients, not centred."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poolwise.priors import RegularizedHorseshoe

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


def horseshoe(prior: RegularizedHorseshoe, p: int) -> TensorVariable:
    """P coefficients per unit of their moderators, inside a model context.

    b_j = z_j g l_j / sqrt(1 + (g l_j / c)^2), z_j ~ Normal(0, 1), g ~ HalfCauchy(scale), l_j ~ HalfCauchy(1), and the
    coefficient is b_j / sd(x_j). A half-Cauchy variable is written |Normal| / sqrt(chi-squared of 1 df), so that no
    unknown has a heavy tail.

    Parameters
    ----------
    prior : RegularizedHorseshoe
    p : int
        Number of coefficients.

    Returns
    -------
    TensorVariable
        Shape (p,). The data ``shrunk_sd``, the standard deviations of the moderators, may be exchanged.

    References
    ----------
    Piironen & Vehtari 2017, Electronic J. Statistics 11:5018, 10.1214/17-EJS1337SI, appendix C.
    """
    import pymc as pm

    scale, slab = pm.Data("shrunk_scale", prior.scale), pm.Data("slab_scale", prior.slab_scale)
    half_df, sd = 0.5 * pm.Data("slab_df", prior.slab_df), pm.Data("shrunk_sd", np.ones(p))
    top = pm.HalfNormal("shrunk_top", shape=p + 1)  # of all coefficients, then of each
    bottom = pm.InverseGamma("shrunk_bottom", alpha=0.5, beta=0.5, shape=p + 1)
    half_cauchy = top * pm.math.sqrt(bottom)
    c2 = slab**2 * half_df * pm.InverseGamma("slab", alpha=half_df, beta=1.0)
    spread = scale * half_cauchy[0] * half_cauchy[1:]
    return pm.Normal("shrunk_z", shape=p) * spread / pm.math.sqrt(1.0 + spread**2 / c2) / sd
