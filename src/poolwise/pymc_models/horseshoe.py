"""The standard deviations of coefficients with a regularised horseshoe prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwise.priors import RegularizedHorseshoe

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


def horseshoe(prior: RegularizedHorseshoe, p: int) -> TensorVariable:
    """Prior standard deviations s_j of p coefficients b_j ~ Normal(0, s_j), inside a model context.

    s_j = g l_j / sqrt(1 + (g l_j / c)^2), g ~ HalfCauchy(scale), l_j ~ HalfCauchy(1),
    c^2 ~ slab_scale^2 InverseGamma(slab_df / 2, slab_df / 2).

    Parameters
    ----------
    prior : RegularizedHorseshoe
    p : int
        Number of coefficients.

    Returns
    -------
    TensorVariable
        ``shrunk_sd``, shape (p,).

    References
    ----------
    Piironen & Vehtari 2017, Electronic J. Statistics 11:5018, 10.1214/17-EJS1337SI, equation 2.8.
    """
    import pymc as pm

    scale, slab = pm.Data("shrunk_scale", prior.scale), pm.Data("slab_scale", prior.slab_scale)
    half_df = 0.5 * pm.Data("slab_df", prior.slab_df)
    c2 = slab**2 * half_df * pm.InverseGamma("slab", alpha=half_df, beta=1.0)
    wide = scale * pm.HalfCauchy("shrunk_all", beta=1.0) * pm.HalfCauchy("shrunk_each", beta=1.0, shape=p)
    return pm.Deterministic("shrunk_sd", wide / pm.math.sqrt(1.0 + wide**2 / c2))
