"""Probabilities of models from their log evidences, on the log scale throughout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]


def log_posterior(log_evidence: Array, prior: Array) -> Array:
    """Log posterior probabilities of models, log p_m + log E_m - log of the sum of p_j E_j.

    Parameters
    ----------
    log_evidence : ndarray
        Log marginal likelihoods, shape (m,).
    prior : ndarray
        Prior probabilities, above 0, shape (m,).

    Returns
    -------
    ndarray
        Shape (m,); finite even where the probability itself is below the smallest double.

    References
    ----------
    Hoeting et al. 1999, Statistical Science 14:382, 10.1214/ss/1009212519, equation 2.
    """
    joint = _joint(log_evidence, prior)
    return joint - logsumexp(joint)


def log_inclusion(log_evidence: Array, prior: Array, inside: NDArray[np.bool_]) -> float:
    """Log inclusion Bayes factor: posterior odds over prior odds of the models inside against those outside.

    Parameters
    ----------
    log_evidence, prior : ndarray
        As in `log_posterior`.
    inside : ndarray of bool
        The models that have what is asked about, shape (m,).

    Returns
    -------
    float

    References
    ----------
    Gronau et al. 2021, Advances in Methods and Practices in Psychological Science 4(3), 10.1177/25152459211031256, for
    inclusion Bayes factors.
    """
    joint = _joint(log_evidence, prior)
    prior_odds = np.log(prior[inside].sum()) - np.log(prior[~inside].sum())
    return float(logsumexp(joint[inside]) - logsumexp(joint[~inside]) - prior_odds)


def shares(log_weight: Array) -> Array:
    """Weights that sum to 1 from their logarithms, which may all be remote from 0; shape (m,).

    References
    ----------
    Gronau et al. 2021, Advances in Methods and Practices in Psychological Science 4(3), 10.1177/25152459211031256, for
    inclusion Bayes factors.
    """
    return np.exp(log_weight - logsumexp(log_weight))


def _joint(log_evidence: Array, prior: Array) -> Array:
    """Log of prior x evidence over the largest evidence, before whose size a sum of logs would lose its digits."""
    return np.log(prior) + (log_evidence - log_evidence.max())
