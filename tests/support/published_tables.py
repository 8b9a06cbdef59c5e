"""Study tables of which only some results are published, and the prior of PSMA, stated anew in NumPy and SciPy.

Nothing of poolwise is used. A study draws its true effect and its estimate until one is published, which depends on the
one-sided p-value of the estimate alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
CUTS = (0.025, 0.05, 0.5, 0.95, 0.975)  # one-sided p-values at which any weight function of PSMA changes
# Which weight each of the six intervals of p has: 0 is that of the most significant results.
STEPS = {
    "two-sided (.05)": (0, 1, 1, 1, 1, 0),
    "two-sided (.05, .1)": (0, 1, 2, 2, 1, 0),
    "one-sided (.05)": (0, 0, 1, 1, 1, 1),
    "one-sided (.025, .05)": (0, 1, 2, 2, 2, 2),
    "one-sided (.05, .5)": (0, 0, 1, 2, 2, 2),
    "one-sided (.025, .05, .5)": (0, 1, 2, 3, 3, 3),
}
BIASES = {"none": 0.5} | dict.fromkeys(STEPS, 0.25 / 6) | {"PET": 0.125, "PEESE": 0.125}
TAU_SCALE, PET_SCALE, PEESE_SCALE = 0.15, 1.0, 5.0
AT_ONCE, MOST = 2000, 10_000_000  # estimates of a study that are made for the one that is published


@dataclass(frozen=True)
class Truth:
    """Parameters: estimates have the mean mu + pet se + peese se^2, and are published with probability omega.

    Attributes
    ----------
    bias : str
        Name of the bias, a key of `BIASES` where it was drawn from the prior of PSMA.
    mu, tau, pet, peese : float
    omega : tuple of float
        Of the six intervals of p between `CUTS`, most significant first.
    """

    bias: str
    mu: float
    tau: float
    omega: tuple[float, ...] = (1.0,) * 6
    pet: float = 0.0
    peese: float = 0.0


def from_prior(rng: np.random.Generator) -> Truth:
    """One of the 36 models by its prior probability, and its parameters from their priors (Bartoš et al. 2023)."""
    bias = str(rng.choice(list(BIASES), p=list(BIASES.values())))
    mu = float(rng.standard_normal()) if rng.random() < 0.5 else 0.0
    tau = float(TAU_SCALE / rng.gamma(1.0)) if rng.random() < 0.5 else 0.0
    if bias == "PET":
        return Truth(bias, mu, tau, pet=float(PET_SCALE * np.abs(rng.standard_cauchy())))
    if bias == "PEESE":
        return Truth(bias, mu, tau, peese=float(PEESE_SCALE * np.abs(rng.standard_cauchy())))
    if bias == "none":
        return Truth(bias, mu, tau)
    which = np.array(STEPS[bias])
    falling = np.cumsum(rng.dirichlet(np.ones(which.max() + 1)))[::-1]
    return Truth(bias, mu, tau, tuple(np.append(1.0, falling[1:])[which].tolist()))


def published(truth: Truth, se: Array, rng: np.random.Generator) -> Array:
    """One published estimate for each standard error, shape (k,)."""
    y, waiting = np.empty(len(se)), np.arange(len(se))
    mean, omega = truth.mu + truth.pet * se + truth.peese * se**2, np.array(truth.omega)
    for _ in range(MOST // AT_ONCE):
        shape, own = (len(waiting), AT_ONCE), waiting[:, None]
        theta = mean[own] + truth.tau * rng.standard_normal(shape)
        made = theta + se[own] * rng.standard_normal(shape)
        seen = rng.random(shape) < omega[intervals(made / se[own])]
        found = seen.any(axis=1)
        y[waiting[found]] = made[found, seen.argmax(axis=1)[found]]
        waiting = waiting[~found]
        if not len(waiting):
            return y
    raise RuntimeError(f"of {MOST} simulated studies none was published: {truth}")


def intervals(z: Array) -> NDArray[np.intp]:
    """In which interval of the one-sided p-value z lies; a p-value at a cut counts as the more significant."""
    return np.searchsorted(np.array(CUTS), special.ndtr(-z), side="left")


def log_likelihood(y: Array, se: Array, mu: Array, tau: Array, omega: Array, pet: Array, peese: Array) -> Array:
    """Log density of published estimates, shape (n,), at n parameters; omega has shape (n, 6)."""
    mean = mu[:, None] + pet[:, None] * se + peese[:, None] * se**2
    sd = np.hypot(tau[:, None], se)
    edges = np.concatenate([[-np.inf], np.sort(special.ndtri(CUTS)), [np.inf]])  # of z, ascending
    inside = np.diff(special.ndtr((edges * se[:, None] - mean[..., None]) / sd[..., None]), axis=-1)[..., ::-1]
    some = (inside * omega[:, None, :]).sum(axis=-1)
    density = -0.5 * ((y - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
    with np.errstate(divide="ignore"):
        return (density + np.log(omega[:, intervals(y / se)]) - np.log(some)).sum(axis=1)
