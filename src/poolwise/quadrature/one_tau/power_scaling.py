"""Power-scaling: the posterior when the prior, or the likelihood, counts a little more or less.

p_alpha(mu, tau | y) is proportional to p(mu)^a_mu p(tau)^a_tau p(y | mu, tau)^a_y, where p(y | mu, tau) is the
marginal likelihood, y_i ~ N(mu, v_i + tau^2). With w_i = 1 / (v_i + tau^2), given tau

    precision  A = a_y sum w_i + a_mu / s0^2
    mean       mu_hat = (a_y sum w_i y_i + a_mu m0 / s0^2) / A
    log p_alpha(tau | y) = a_tau log p(tau) + 1/2 [a_y sum log w_i - log A - a_y sum w_i (y_i - mu_hat)^2
                           - a_mu (mu_hat - m0)^2 / s0^2] + constant
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py

from poolwise.quadrature.one_tau.jobs import Studies
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quadrature.rules.refine import with_values

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Powers:
    """Powers to which the parts of a posterior are raised; 1 leaves a part as it is.

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5.
    """

    mu: float = 1.0
    tau: float = 1.0
    likelihood: float = 1.0


def scaled_given_tau(tau: Array, y: Array, v: Array, prior_mu: tuple[float, float], powers: Powers) -> Array:
    """Log likelihood of tau up to a constant, mean and sd of mu given tau, with powers on prior and likelihood.

    Parameters
    ----------
    tau : ndarray
        Shape (J,).
    y, v : ndarray
        Centred estimates and variances, shape (k,).
    prior_mu : tuple of float
        Centred mean and sd of the prior on mu; an infinite sd for the flat one.
    powers : Powers

    Returns
    -------
    ndarray
        Shape (3, J).

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5.
    """
    m0, s0 = prior_mu
    weight = 1.0 / (v + tau[:, None] ** 2)
    own = powers.mu / (s0 * s0)
    a = powers.likelihood
    precision = a * weight.sum(axis=1) + own
    mean = (a * weight @ y + own * m0) / precision
    misfit = a * (weight * (y - mean[:, None]) ** 2).sum(axis=1) + own * (mean - m0) ** 2
    log_density = 0.5 * (a * np.log(weight).sum(axis=1) - np.log(precision) - misfit)
    return np.stack([log_density, mean, 1.0 / np.sqrt(precision)])


def power_scaled(posterior: TauPosterior, powers: Powers) -> TauPosterior:
    """The power-scaled posterior on the panels of the posterior itself.

    Powers near 1 change a density too little for it to outgrow its panels; `posterior` should be made with
    ``halvings=1``, and the error estimate of the panels returned tells.

    Parameters
    ----------
    posterior : TauPosterior
        With one job.
    powers : Powers

    Returns
    -------
    TauPosterior
        Whose panels, mu and theta_new are those of the scaled posterior (its density of tau at other values
        than the nodes is not).

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5.
    """
    studies, panels = posterior.studies, posterior.panels
    assert isinstance(studies, Studies)
    tau = posterior.c[0] * np.sinh(panels.x)
    job = np.zeros(len(tau), dtype=np.intp)
    plain_prior = posterior.priors.log_density(job, tau)
    prior_mu = (float(studies.m0[0]), float(studies.s0[0]))
    found = scaled_given_tau(tau.reshape(-1), studies.y[0], studies.v[0], prior_mu, powers).reshape(3, *tau.shape)
    plain = studies.given_tau(job, tau)[0]
    with np.errstate(invalid="ignore"):
        height = panels.values[0] - plain + (powers.tau - 1.0) * plain_prior + found[0]
    height = np.where(plain_prior > -np.inf, height, -np.inf)
    scaled = with_values(panels.job, panels.left, panels.right, np.stack([height, *found[1:]]), 1)
    return replace(posterior, panels=scaled)


def cjs_distance(p: Array, q: Array, weight: Array) -> float:
    """Cumulative Jensen-Shannon distance of two distribution functions.

    With M = (P + Q) / 2 and r = (Q - P) / (Q + P), the distance of P and Q over an interval is the root of

        integral M [(1 - r) log2(1 - r) + (1 + r) log2(1 + r)] dx / integral (P + Q) dx,

    and the larger one of those for x and for -x counts.

    Parameters
    ----------
    p, q : ndarray
        Distribution functions at the nodes of a quadrature rule, shape (J,).
    weight : ndarray
        Weights of the rule, shape (J,).

    Returns
    -------
    float
        Between 0 and 1.

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5, who normalise the divergence
    of Nguyen & Vreeken 2015 and take the larger of both directions.
    """
    return max(_one_side(p, q, weight), _one_side(1.0 - p, 1.0 - q, weight))


def _one_side(p: Array, q: Array, weight: Array) -> float:
    both = p + q
    ratio = np.divide(q - p, both, out=np.zeros_like(both), where=both > 0.0)
    gain = (xlog1py(1.0 - ratio, -ratio) + xlog1py(1.0 + ratio, ratio)) / np.log(2.0)
    return float(np.sqrt(max(0.5 * (weight * both) @ gain, 0.0) / (weight @ both)))
