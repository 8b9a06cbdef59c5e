"""Truths of models whose true effects correlate across rows: crossed factors, outcomes of one study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.model import CorrelatedOutcomes, CrossedEffects
from poolwise.priors import Prior
from poolwise.simulate.simulators import drawn, numbered, own, sampling_errors, simulates
from poolwise.simulate.truth import Joint, Layer, Truth

Array = NDArray[np.float64]
Rng = np.random.Generator


@simulates(CrossedEffects)
def _crossed(model: CrossedEffects, effects: Effects, rng: Rng) -> Truth:
    priors, levels = cast(Mapping[str, Prior], model.tau), model.levels(effects)
    mu, within = drawn(model.mu, rng, "mu"), drawn(model.tau_within, rng, "tau_within")
    tau = {name: drawn(priors[name], rng, f"tau[{name}]") for name in levels}
    total = float(np.sqrt(within**2 + sum(sd**2 for sd in tau.values())))
    scalars = {"mu": mu, **{f"tau[{name}]": sd for name, sd in tau.items()}, "tau_within": within, "tau": total}
    scalars |= {f"ICC[{name}]": (sd / total) ** 2 for name, sd in tau.items()}
    scalars["theta_new"] = mu + total * rng.standard_normal()
    layers = tuple(Layer(tau[name], numbered(of, of)[1]) for name, of in levels.items())
    return Truth(scalars, np.full(effects.k, mu), (*layers, own(effects, within)), sampling_errors(effects))


@simulates(CorrelatedOutcomes)
def _correlated(model: CorrelatedOutcomes, effects: Effects, rng: Rng) -> Truth:
    outcomes, clusters = model.outcomes(effects), model.clusters(effects)
    names, of = numbered(outcomes, outcomes)
    studies, study = numbered(clusters, clusters)
    m = len(names)
    mu = np.array([drawn(model.mu, rng, "mu") for _ in names])
    tau = np.array([drawn(model.tau, rng, "tau") for _ in names])
    R = lkj(m, model.eta, rng)
    root = tau[:, None] * np.linalg.cholesky(R)
    within = 0.0 if model.tau_within is None else drawn(model.tau_within, rng, "tau_within")
    new = mu + root @ rng.standard_normal(m) + within * rng.standard_normal(m)
    scalars = {} if model.tau_within is None else {"tau_within": within}
    for o, name in enumerate(names):
        scalars |= {f"mu[{name}]": float(mu[o]), f"tau[{name}]": float(tau[o]), f"theta_new[{name}]": float(new[o])}
        scalars |= {f"cor[{names[j]},{name}]": float(R[j, o]) for j in range(o)}
    shared = np.zeros((effects.k, len(studies), m))
    shared[np.arange(effects.k), study] = root[of]
    layers = (Joint(shared.reshape(effects.k, -1)), *((own(effects, within),) if within else ()))
    return Truth(scalars, mu[of], layers, sampling_errors(effects, study, model.rho))


def lkj(m: int, eta: float, rng: Rng) -> Array:
    """A correlation matrix with density proportional to det(R)^(eta - 1), by the onion method.

    Parameters
    ----------
    m : int
        Rows, at least 2.
    eta : float
        Above 0.
    rng : Generator

    Returns
    -------
    ndarray
        Shape (m, m).

    References
    ----------
    Lewandowski, Kurowicka & Joe 2009, J. Multivariate Analysis 100:1989, 10.1016/j.jmva.2009.04.008, section 3.2.
    """
    beta = eta + 0.5 * (m - 2)
    r = 2.0 * rng.beta(beta, beta) - 1.0
    R = np.array([[1.0, r], [r, 1.0]])
    for size in range(2, m):
        beta -= 0.5
        direction = rng.standard_normal(size)
        direction /= np.linalg.norm(direction)
        column = np.linalg.cholesky(R) @ direction * np.sqrt(rng.beta(0.5 * size, beta))
        R = np.block([[R, column[:, None]], [column[None, :], np.ones((1, 1))]])
    return R
