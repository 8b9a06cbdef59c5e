"""The exact engine on many study tables, or under many priors, at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from poolwise.engines._cores import available_cores
from poolwise.engines._means import normal_prior
from poolwise.errors import ModelError
from poolwise.exact.jobs import Studies, TauPriors
from poolwise.exact.summaries import summaries
from poolwise.exact.tau_posterior import tau_posterior
from poolwise.model import RandomEffects
from poolwise.moments import MOST_MOMENTS, highest_moment

Array = NDArray[np.float64]
CHUNK = 500  # tables worked on at once: enough to make Python cheap, few enough for the memory
LARGE_BLOCK = 4_000_000  # numbers; without it every array of a chunk would be handed back and mapped anew
TOLERANCE = 1e-9  # of a panel's last Legendre coefficients; limits are then good to about 1e-12 posterior sd


def fit_many(
    y: Array, v: Array, models: Sequence[RandomEffects], *, prob: float, new: bool, chunk: int = CHUNK
) -> dict[str, Array]:
    """Posterior summaries of many tables or many priors, vectorised.

    Parameters
    ----------
    y, v : ndarray
        Estimates and variances, shape (n, k) or (1, k); NaN where a study is missing.
    models : sequence of RandomEffects
        One model, or one for each row; priors explicit.
    prob : float
        Probability of the equal-tailed intervals.
    new : bool
        Whether to summarise theta_new.
    chunk : int
        Tables that are worked on at once; bounds the memory.

    Returns
    -------
    dict of str to ndarray
        As `poolwise.exact.summaries.summaries`; each of shape (n,).
    """
    n = max(len(y), len(models))
    np.empty(LARGE_BLOCK)  # freed at once, never written: the C library then keeps blocks up to this size for reuse

    def one(start: int) -> dict[str, Array]:
        rows = slice(start, min(start + chunk, n))
        return _fit_chunk(
            y if len(y) == 1 else y[rows],
            v if len(v) == 1 else v[rows],
            models if len(models) == 1 else models[rows],
            rows,
            prob,
            new,
        )

    starts = range(0, n, chunk)
    with ThreadPoolExecutor(min(len(starts), available_cores())) as pool:  # NumPy lets go of the lock
        pieces = list(pool.map(one, starts))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _fit_chunk(
    y: Array, v: Array, models: Sequence[RandomEffects], rows: slice, prob: float, new: bool
) -> dict[str, Array]:
    n = rows.stop - rows.start
    mus = [model.mu for model in models]
    taus = [model.tau for model in models]
    m0, s0 = np.array([normal_prior(mu) for mu in mus if mu is not None]).T
    if (s0 == 0.0).any():
        raise ModelError("a known mu has no batch form", "a prior on mu", "pw.fit(effects, model, pw.Exact())")
    if (m0 == m0[0]).all() and (s0 == s0[0]).all():  # one prior on mu: jobs may share what they compute given tau
        m0, s0 = m0[:1], s0[:1]
    studies = Studies.centred(y, v, m0, s0)
    k = np.broadcast_to(np.isfinite(studies.v).sum(axis=1), (n,))
    which = np.zeros(n, dtype=int) if len(models) == 1 else np.arange(n)
    kinds = {(int(a), int(b)): 0 for a, b in zip(k, which, strict=True)}
    for k_i, j in kinds:
        mu, tau = mus[j], taus[j]
        assert mu is not None
        assert tau is not None
        kinds[k_i, j] = highest_moment(k_i, mu, tau)
    moments = np.array([kinds[int(a), int(b)] for a, b in zip(k, which, strict=True)])
    if (moments < 0).any():
        row = int(np.flatnonzero(moments < 0)[0])
        raise ModelError(
            f"row {rows.start + row + 1} with k = {k[row]} has an improper posterior",
            "a proper prior on tau, or more studies",
        )
    wanted = np.minimum(moments, 2)
    posterior = tau_posterior(
        studies, TauPriors.of([t for t in taus if t is not None]), moments=wanted, tolerance=TOLERANCE
    )
    proper = np.broadcast_to(np.isfinite(s0), (n,))
    return summaries(posterior, np.where(proper, MOST_MOMENTS, wanted), prob, new)
