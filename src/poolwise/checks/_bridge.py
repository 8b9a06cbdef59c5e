"""Bridge sampling between a posterior and the same posterior without one unit of estimates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]
STEPS, STILL = 1000, 1e-10


def left_out_density(whole: Array, without: Array) -> tuple[float, float]:
    """Log p(y_u | y_-u) from the unit's likelihood L at draws of both posteriors, with its Monte Carlo error.

    The posteriors differ by L alone, so that r = p(y_u | y_-u) is the ratio of their normalising constants,

        r = E_without[L / (a L + b r)] / E_whole[1 / (a L + b r)],    a, b the shares of the two sets of draws,

    which is solved by iteration. The mean of L over the draws without the unit, a = 0, rests on the few draws that
    reach an estimate far from all others; the bridge has the draws with the unit beside them.

    Parameters
    ----------
    whole : ndarray
        Log L at draws given all estimates, shape (chains, draws).
    without : ndarray
        Log L at draws given the others, shape (chains, draws).

    Returns
    -------
    tuple of float
        The log density and its Monte Carlo standard error.

    References
    ----------
    Meng & Wong 1996, Statistica Sinica 6:831, equations 4.1 to 4.3; the error as in Frühwirth-Schnatter 2004,
    Econometrics Journal 7:143, 10.1111/j.1368-423X.2004.00125.x.
    """
    a, b = np.log([whole.size, without.size]) - np.log(whole.size + without.size)
    r = float(logsumexp(without) - np.log(without.size))
    for _ in range(STEPS):
        before = r
        up, down = without - np.logaddexp(a + without, b + r), -np.logaddexp(a + whole, b + r)
        r = float(logsumexp(up) - np.log(up.size) - logsumexp(down) + np.log(down.size))
        if abs(r - before) < STILL:
            break
    return r, float(np.hypot(_relative_error(up), _relative_error(down)))


def _relative_error(logs: Array) -> float:
    """Monte Carlo standard error of a mean of exponentials, over the mean."""
    import arviz as az

    scaled = np.exp(logs - logs.max())
    return float(az.mcse(scaled, method="mean")) / float(scaled.mean())
