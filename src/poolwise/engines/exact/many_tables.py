"""The exact engine on many study tables, or under many priors, at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.means import normal_prior
from poolwise.errors import ModelError
from poolwise.model import Model
from poolwise.moments import MOST_MOMENTS, moments_of_tau
from poolwise.priors import Flat, Normal, Prior
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, TauPriors
from poolwise.quadrature.one_tau.regression import Regression
from poolwise.quadrature.one_tau.tau_posterior import MU, below, summaries, tau_posterior
from poolwise.quadrature.rules.gaussian import Basis
from poolwise.threads import available_cores

Array = NDArray[np.float64]
CHUNK = 500  # tables worked on at once: enough to make Python cheap, few enough for the memory
LARGE_BLOCK = 4_000_000  # numbers; without it every array of a chunk would be handed back and mapped anew
TOLERANCE = 1e-9  # of a panel's last Legendre coefficients; limits are then good to about 1e-12 posterior sd


def fit_many(
    y: Array,
    v: Array,
    models: Sequence[Model],
    *,
    prob: float,
    new: bool,
    X: Array | None = None,
    threshold: float | None = None,
) -> dict[str, Array]:
    """Posterior summaries of many tables or many priors, vectorised.

    Parameters
    ----------
    y, v : ndarray
        Estimates and variances, shape (n, k) or (1, k); NaN where a study is missing.
    models : sequence of RandomEffects or of MetaRegression
        One model, or one for each row; priors explicit.
    prob : float
        Probability of the equal-tailed intervals.
    new : bool
        Whether to summarise theta_new.
    X : ndarray, optional
        Designs of meta-regressions, shape (n, k, p) or (1, k, p), NaN where a study is missing.
    threshold : float, optional
        What ``mu_below``, P(mu < threshold), is about; without one there is none.

    Returns
    -------
    dict of str to ndarray
        As `poolwise.quadrature.one_tau.tau_posterior.summaries`, with ``beta0``, ``beta1``, ... for a meta-regression;
        each of shape (n,).
    """
    n = max(len(y), len(models))
    np.empty(LARGE_BLOCK)  # freed at once, never written: the C library then keeps blocks up to this size for reuse

    def one(start: int) -> dict[str, Array]:
        rows = slice(start, min(start + CHUNK, n))
        return _fit_chunk(
            y if len(y) == 1 else y[rows],
            v if len(v) == 1 else v[rows],
            X if X is None or len(X) == 1 else X[rows],
            models if len(models) == 1 else models[rows],
            rows,
            prob,
            new,
            threshold,
        )

    starts = range(0, n, CHUNK)
    with ThreadPoolExecutor(min(len(starts), available_cores())) as pool:  # NumPy lets go of the lock
        pieces = list(pool.map(one, starts))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _fit_chunk(
    y: Array,
    v: Array,
    X: Array | None,
    models: Sequence[Model],
    rows: slice,
    prob: float,
    new: bool,
    threshold: float | None,
) -> dict[str, Array]:
    n = rows.stop - rows.start
    priors, taus = [coefficient_priors(model) for model in models], [_tau(model) for model in models]
    for prior in (one for row in priors for one in row):
        if not isinstance(prior, Normal | Flat):
            raise ModelError(
                f"the prior {prior} on a mean effect has no batch form",
                "a normal or flat prior",
                "pw.fit(effects, model, pw.Exact()), table by table",
            )
    b, s = np.moveaxis(np.array([[normal_prior(one) for one in row] for row in priors]), -1, 0)
    if (b == b[0]).all() and (s == s[0]).all():  # one prior on the means: jobs may share what they compute given tau
        b, s = b[:1], s[:1]
    job = Studies.centred(y, v, b[:, 0], s[:, 0]) if X is None else Regression(Basis.of(y, v, X, b, s))
    moments = _moments(job, n, priors, taus, rows.start)
    wanted = np.minimum(moments, 2)
    posterior = tau_posterior(job, TauPriors.of(taus), moments=wanted, tolerance=TOLERANCE)
    proper = np.broadcast_to(np.isfinite(s).all(axis=1), (n,))
    named = MU if X is None else {f"beta{j}": unit for j, unit in enumerate(np.eye(X.shape[-1]))}
    summary = summaries(posterior, np.where(proper, MOST_MOMENTS, wanted), prob, new, named)
    return summary if threshold is None else summary | {"mu_below": below(posterior, MEAN, threshold)}


def _moments(
    job: Studies | Regression, n: int, priors: Sequence[Sequence[Prior]], taus: Sequence[Prior], first: int
) -> NDArray[np.intp]:
    """Highest moment of tau that exists in each of n tables, or under each prior; an improper posterior is refused."""
    k = np.broadcast_to(np.isfinite(job.v).sum(axis=1), (n,))
    which = np.zeros(n, dtype=int) if len(taus) == 1 else np.arange(n)
    flat = [sum(not one.proper for one in row) for row in priors]
    pairs = list(zip(k.tolist(), which.tolist(), strict=True))
    kinds = {(a, j): moments_of_tau(a - flat[j], taus[j]) for a, j in set(pairs)}
    moments = np.array([kinds[pair] for pair in pairs])
    if (moments < 0).any():
        row = int(np.flatnonzero(moments < 0)[0])
        raise ModelError(
            f"row {first + row + 1} with k = {k[row]} has an improper posterior",
            "a proper prior on tau, or more studies",
        )
    return moments


def coefficient_priors(model: Model) -> tuple[Prior, ...]:
    """The priors on the coefficients of a model whose priors are explicit: mu alone, or beta in order."""
    return tuple(prior for name, prior in model.named_priors.items() if name != "tau" and prior is not None)


def _tau(model: Model) -> Prior:
    prior = model.named_priors["tau"]
    assert prior is not None
    return prior
