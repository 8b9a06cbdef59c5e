"""How well chains mix: effective sample sizes and R-hat of many series of draws at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def effective_sizes(series: Array) -> Array:
    """Effective sample sizes of the means of several series, chains split in halves.

    n_eff = N / (-1 + 2 sum_t rho_t), with the sum over pairs of lags cut at the first pair that is not positive and
    made monotone (Geyer), and at most N log10(N). The autocovariances of the halves are averaged before they are
    transformed back, once for each series.

    Parameters
    ----------
    series : ndarray
        Shape (series, chains, draws), at least 4 draws.

    Returns
    -------
    ndarray
        Shape (series,); the number of draws for a constant, NaN where a draw is not finite.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221, sections 3.2 and 4.1; Geyer 1992, Statistical
    Science 7:473, 10.1214/ss/1177011137.
    """
    return effective_sizes_of_halves(split(np.asarray(series, dtype=float)))


def effective_sizes_of_halves(halves: Array) -> Array:
    """The same of chains that are split already, shape (series, 2 chains, draws).

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221.
    """
    from scipy.fft import next_fast_len

    n = halves.shape[-1]
    length = next_fast_len(2 * n, real=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = halves.mean(axis=-1, keepdims=True)
        waves = np.fft.rfft(halves - means, n=length, axis=-1)
        power = (waves.real**2 + waves.imag**2).mean(axis=-2)
        covariance = np.fft.irfft(power, n=length, axis=-1)[:, :n] / n
        total = covariance[:, 0] + means[..., 0].var(axis=-1, ddof=1)
        rho = 1.0 - (covariance[:, :1] * n / (n - 1.0) - covariance) / total[:, None]
    rho[:, 0] = 1.0
    draws = halves[0].size
    times = np.array([_autocorrelation_time(one) for one in rho])
    sizes = draws / np.maximum(times, 1.0 / np.log10(draws))
    return np.where((halves == halves[:, :1, :1]).all(axis=(-2, -1)), float(draws), sizes)


def rank_normalised(draws: Array) -> Array:
    """Normal scores z = Phi^-1((rank - 3/8) / (N + 1/4)) of the halves of chains, ranks over all of them.

    Parameters
    ----------
    draws : ndarray
        Shape (chains, draws).

    Returns
    -------
    ndarray
        Shape (2 chains, draws // 2).

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221.
    """
    return _scores(split(draws))


def r_hat(draws: Array, scores: Array) -> float:
    """Rank-normalised R-hat, the larger one of that of the draws and of their distances from the median.

    Parameters
    ----------
    draws : ndarray
        Shape (chains, draws).
    scores : ndarray
        Of `rank_normalised`.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221.
    """
    halves = split(draws)
    return max(_r_hat(scores), _r_hat(_scores(np.abs(halves - np.median(halves)))))


def split(draws: Array) -> Array:
    """Each chain as two halves, shape (..., 2 chains, draws // 2); the middle draw of an odd number is left out."""
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=-2)


def _autocorrelation_time(rho: Array) -> float:
    """-1 + 2 sum of the autocorrelations, shape (draws,), by Geyer's initial monotone sequence."""
    if not np.isfinite(rho).all():
        return np.nan
    last = max((len(rho) - 3) // 2, 0)
    pairs = rho[0 : 2 * last + 2 : 2] + rho[1 : 2 * last + 2 : 2]
    ended = np.flatnonzero(pairs <= 0.0)
    end = int(ended[0]) if len(ended) else last
    return float(-1.0 + 2.0 * np.minimum.accumulate(pairs[:end]).sum() + max(rho[2 * end], 0.0))


def _scores(draws: Array) -> Array:
    if not np.isfinite(draws).all():
        return np.full_like(draws, np.nan)
    flat = draws.ravel()
    order = np.argsort(flat)
    ordered = flat[order]
    scores = np.empty_like(flat)
    scores[order] = _scores_of_order(len(flat))
    if (ordered[1:] == ordered[:-1]).any():
        from scipy.special import ndtri

        _, place, count = np.unique(flat, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]  # ties share the mean of their ranks
        scores = ndtri((ranks - 0.375) / (len(flat) + 0.25))
    return scores.reshape(draws.shape)


@lru_cache(maxsize=8)
def _scores_of_order(count: int) -> Array:
    """Normal scores of the ranks 1 to `count`."""
    from scipy.special import ndtri

    scores: Array = ndtri((np.arange(1, count + 1) - 0.375) / (count + 0.25))
    scores.flags.writeable = False
    return scores


def _r_hat(scores: Array) -> float:
    n = scores.shape[1]
    within = scores.var(axis=1, ddof=1).mean()
    between = n * scores.mean(axis=1).var(ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt((between / within + n - 1.0) / n))
