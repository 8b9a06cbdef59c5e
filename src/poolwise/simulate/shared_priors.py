"""Parameters of meta-regressions whose coefficients share priors: pooled levels, a regularised horseshoe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolwise.model.structure import NormalStructure
from poolwise.priors import RegularizedHorseshoe
from poolwise.simulate.simulators import drawn
from poolwise.simulate.truth import Values

Array = NDArray[np.float64]
Rng = np.random.Generator


def shared_values(structure: NormalStructure, rng: Rng) -> Values:
    """Values of the parameters of a meta-regression with pooled levels, or a regularised horseshoe.

    Parameters
    ----------
    structure : NormalStructure
    rng : Generator

    Returns
    -------
    dict of str to ndarray
        Coefficients, effects of levels among them; the log likelihood of a truth is that given all of these, as in a
        DataTree.

    References
    ----------
    Piironen & Vehtari 2017, Electronic J. Statistics 11:5018, 10.1214/17-EJS1337SI, for the horseshoe.
    """
    priors, known = structure.priors, structure.known
    tau = known["tau"] if "tau" in known else drawn(priors.get("tau"), rng, "tau")
    own = [name for name in structure.coefficients if structure.shared_prior(name) is None]
    joint = {name: prior for name in own if isinstance(prior := priors[name], RegularizedHorseshoe)}
    values = {name: np.asarray(drawn(priors[name], rng, name)) for name in own if name not in joint}
    values |= _horseshoe(structure, joint, tau, rng) if joint else {}
    for group in structure.exchangeable:
        sd = np.asarray(drawn(priors.get(group.spread), rng, group.spread))
        values |= {group.spread: sd} | {name: np.asarray(sd * rng.standard_normal()) for name in group.names}
    return values | ({} if "tau" in known else {"tau": np.asarray(tau)})


def _horseshoe(structure: NormalStructure, joint: dict[str, RegularizedHorseshoe], tau: float, rng: Rng) -> Values:
    """Coefficients that share a horseshoe, and their shrinkage factors 1 / (1 + s_j^2 sum_i z_ij^2 / variance_i).

    z_j is the moderator divided by its standard deviation, s_j the prior sd of the coefficient of z_j.
    """
    prior, variance = next(iter(joint.values())), structure.errors.v + tau**2
    x = structure.X[:, [structure.coefficients.index(name) for name in joint]]
    size = x.std(axis=0)
    wide = prior.scale * np.abs(rng.standard_cauchy()) * np.abs(rng.standard_cauchy(len(joint)))
    slab = prior.slab_scale * np.sqrt(prior.slab_df / rng.chisquare(prior.slab_df))
    s = wide * slab / np.hypot(slab, wide)
    b = s * rng.standard_normal(len(joint)) / size
    kappa = 1.0 / (1.0 + s**2 * ((x / size) ** 2 / variance[:, None]).sum(axis=0))
    shrinkage = [name.replace("beta", "kappa", 1) for name in joint]
    return dict(zip((*joint, *shrinkage), (*b, *kappa), strict=True))
