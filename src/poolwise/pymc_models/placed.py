"""Unknowns of each study, placed where its data say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


def placed(
    name: str,
    mean: TensorVariable | float,
    sd: TensorVariable | float,
    estimate: TensorVariable,
    se: TensorVariable,
    upper: TensorVariable | None = None,
) -> TensorVariable:
    """A vector x_i ~ Normal(mean, sd), cut off at `upper` if there is one, inside a model context.

    What is sampled is z_i: if x_i had been estimated as `estimate` with a normal error of sd `se`, x_i would be
    Normal(centre, scale) given that, and x_i = centre + scale z_i. z_i is then about standard normal whatever the sd
    is, so that there is no funnel at either end; the densities below leave the model as it is stated.

    Parameters
    ----------
    name : str
        Of the variable; z_i is called ``{name}_z``.
    mean, sd : TensorVariable or float
        Of the normal law.
    estimate, se : TensorVariable
        About where the data place x_i, shape (k,).
    upper : TensorVariable, optional
        End of the law, shape (k,). There x_i = upper - scale h exp(-z_i / (1 + h)), where h = (sqrt(t^2 + 4) - t) / 2
        and t = (centre - upper) / scale, which is centre + scale z_i far below the end and never above it.

    Returns
    -------
    TensorVariable
        Shape (k,).
    """
    import pymc as pm

    weight = sd**2 / (sd**2 + se**2)
    centre, scale = mean + weight * (estimate - mean), pm.math.sqrt(weight) * se
    z, law = pm.Normal(f"{name}_z", dims="study"), pm.Normal.dist(mean, sd)
    if upper is None:
        x, log_slope, log_mass = centre + scale * z, pm.math.log(scale), 0.0
    else:
        t = (centre - upper) / scale
        h = 0.5 * (pm.math.sqrt(t**2 + 4.0) - t)
        x = upper - scale * h * pm.math.exp(-z / (1.0 + h))
        log_slope, log_mass = pm.math.log((upper - x) / (1.0 + h)), pm.logcdf(law, upper)
    about_z = pm.logp(pm.Normal.dist(0.0, 1.0), z)
    pm.Potential(f"{name}_law", (pm.logp(law, x) - log_mass + log_slope - about_z).sum())
    return pm.Deterministic(name, x, dims="study")
