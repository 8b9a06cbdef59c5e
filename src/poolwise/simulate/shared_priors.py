"""Truths of meta-regressions whose coefficients share priors: pooled levels, a regularised horseshoe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.model import MetaRegression
from poolwise.priors import Prior, RegularizedHorseshoe
from poolwise.simulate.truth import Layer, Truth

Array = NDArray[np.float64]
Rng = np.random.Generator
Draw = Callable[[Prior | None, Rng, str], float]


def shared_truth(model: MetaRegression, effects: Effects, tau: float, draw: Draw, rng: Rng) -> Truth:
    """The truth of a meta-regression with pooled levels, or a regularised horseshoe, and this residual tau.

    Parameters
    ----------
    model : MetaRegression
        With every prior explicit.
    effects : Effects
    tau : float
    draw : callable
        One value from the prior of a name.
    rng : Generator

    Returns
    -------
    Truth
        Its log likelihood is that given the coefficients, effects of levels among them, as in a DataTree.

    References
    ----------
    Piironen & Vehtari 2017, Electronic J. Statistics 11:5018, 10.1214/17-EJS1337SI, for the horseshoe.
    """
    design = model.design(effects)
    priors = cast(Mapping[str, Prior], model.beta)
    joint = [name for name in design.own if isinstance(priors[name], RegularizedHorseshoe)]
    values = {name: draw(priors[name], rng, f"beta[{name}]") for name in design.own if name not in joint}
    told: dict[str, float] = {}
    if joint:
        slopes, kappa = _horseshoe(design, joint, cast(RegularizedHorseshoe, priors[joint[0]]), effects.v + tau**2, rng)
        values |= slopes
        told |= kappa
    scalars = {f"beta[{name}]": values[name] for name in design.own}
    for factor, levels in design.pooled.items():
        sd = draw(cast(Mapping[str, Prior], model.pooled)[factor], rng, f"sd[{factor}]")
        told[f"sd[{factor}]"] = sd
        for level in (*levels, "new"):
            values[f"{factor}: {level}"] = sd * rng.standard_normal()
            scalars[f"u[{factor}: {level}]"] = values[f"{factor}: {level}"]
    beta = np.array([values[name] for name in design.names])
    new = float(design.X[0] @ beta + tau * rng.standard_normal())
    return Truth(
        scalars | told | ({} if model.tau is None else {"tau": tau}),
        design.X @ beta,
        (Layer(tau, np.arange(effects.k)),),
        np.diag(effects.v),
        {"theta_new at x_1": (design.X[0], new)},
    )


def _horseshoe(
    design: Design, names: list[str], prior: RegularizedHorseshoe, variance: Array, rng: Rng
) -> tuple[dict[str, float], dict[str, float]]:
    """Coefficients that share a horseshoe, and their shrinkage factors 1 / (1 + s_j^2 sum_i z_ij^2 / variance_i).

    z_j is the moderator divided by its standard deviation, s_j the prior sd of the coefficient of z_j.
    """
    x = design.X[:, [design.names.index(name) for name in names]]
    size = x.std(axis=0)
    wide = prior.scale * np.abs(rng.standard_cauchy()) * np.abs(rng.standard_cauchy(len(names)))
    slab = prior.slab_scale * np.sqrt(prior.slab_df / rng.chisquare(prior.slab_df))
    s = wide * slab / np.hypot(slab, wide)
    b = s * rng.standard_normal(len(names)) / size
    kappa = 1.0 / (1.0 + s**2 * ((x / size) ** 2 / variance[:, None]).sum(axis=0))
    return dict(zip(names, b.tolist(), strict=True)), {
        f"kappa[{name}]": value for name, value in zip(names, kappa.tolist(), strict=True)
    }
