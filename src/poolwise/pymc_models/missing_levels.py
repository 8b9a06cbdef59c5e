"""Meta-regression on moderators of words that some studies miss, the missing levels summed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.pymc_models.priors import coefficients, prior_on_tau
from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    import pymc as pm

    from poolwise.priors import Prior

Array = NDArray[np.float64]


def missing_levels(
    y: Array, v: Array, X: Array, y_gap: Array, v_gap: Array, X_gap: Array, takes: Array, log_share: Array,
    reported: Sequence[Array], beta: Mapping[str, Prior], tau: Prior,
) -> pm.Model:  # fmt: skip
    """y_i ~ sum_c w_ic Normal(x_i(c) beta, sqrt(v_i + tau^2)), c a combination of levels, w_ic = prod_j pi_j[c_j].

    The product runs over the moderators that study i misses; one that it reports is the same in each combination. The
    reported levels are draws from pi_j ~ Dirichlet(1, ..., 1), which makes it Dirichlet(1 + their counts).

    Parameters
    ----------
    y, v, X : ndarray
        Estimates, sampling variances and design of the studies that miss no level, shape (k,), (k,), (k, p).
    y_gap, v_gap : ndarray
        Of those that miss one, shape (m,).
    X_gap : ndarray
        Their design with each combination of levels, shape (m, C, p).
    takes : ndarray
        1 where a combination gives a study a level that it misses, shape (m, C, levels of all moderators).
    log_share : ndarray
        Log weight of combinations that are alike for a study, shape (m,).
    reported : sequence of ndarray
        1 + how often each level is reported, by moderator.
    beta, tau : mapping of str to Prior, and Prior
        Priors on each coefficient, and on the residual between-study standard deviation.

    Returns
    -------
    pymc.Model
        With ``beta``, ``tau`` and the level probabilities of each moderator, ``pi[0]``, ``pi[1]``, ...

    References
    ----------
    Ibrahim 1990, Journal of the American Statistical Association 85:765, 10.1080/01621459.1990.10474938.
    """
    import pymc as pm

    with pm.Model(coords={"coefficient": list(beta)}) as model:
        estimate, variance, design = pm.Data("y", y), pm.Data("v", v), pm.Data("X", X)
        own, error, designs = pm.Data("y_gap", y_gap), pm.Data("v_gap", v_gap), pm.Data("X_gap", X_gap)
        taken, share = pm.Data("takes", takes), pm.Data("log_share", log_share)
        b, between = coefficients("beta", beta), prior_on_tau(tau) ** 2
        pm.Normal("y_obs", times(design, b), pm.math.sqrt(variance + between), observed=estimate)
        pi = [pm.Dirichlet(f"pi[{j}]", pm.Data(f"reported[{j}]", counts)) for j, counts in enumerate(reported)]
        log_weight = share[:, None] + (taken * pm.math.log(pm.math.concatenate(pi))).sum(axis=2)
        spread = pm.math.sqrt(error + between)[:, None]
        each = pm.logp(pm.Normal.dist((designs * b).sum(axis=2), spread), own[:, None])
        pm.Potential("y_gap_obs", pm.math.logsumexp(log_weight + each, axis=1).sum())
    return model
