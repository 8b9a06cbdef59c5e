"""Whether a run of NUTS can be believed: numbers, and a sentence for each that is bad."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.nuts.limit_errors import (
    LIMITS,
    MOST_ERROR,
    limit_bound,
    limit_errors,
    noisiest,
    noisy_limit,
    printed,
    too_noisy,
)
from poolwise.engines.nuts.mixing import effective_sizes_of_halves, r_hat, rank_normalised, split
from poolwise.quantities import Quantity
from poolwise.result import Finding

Array = NDArray[np.float64]

R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100.0
E_BFMI_LIMIT = 0.3
DEEP_SHARE = 0.01  # of the draws; a note of cost, no sign that the draws are wrong
SHORTEST_CHAIN = 4
TAILS = (0.05, 0.95)  # quantiles whose effective sample sizes are those of the tails


def diagnostics(
    parameters: Mapping[str, Array],
    stats: Mapping[str, NDArray],
    moments: Mapping[str, int],
    quantities: Mapping[str, Quantity] | None = None,
    *,
    studies: int = 0,
) -> dict[str, float]:
    """What the chains say about their own convergence.

    Parameters
    ----------
    parameters : mapping
        Draws of each sampled parameter, shape (chains, draws).
    stats : mapping
        ``diverging``, ``energy``, ``reached_max_treedepth``, each of shape (chains, draws).
    moments : mapping
        Highest moment of each parameter that exists; without the second the mean has no Monte Carlo error.
    quantities : mapping, optional
        What reports print beside the parameters, such as a new study's true effect.
    studies : int
        Number of rows of the study table, on which the bound of limits' errors depends.

    Returns
    -------
    dict of str to float
        For each parameter rank-normalised R-hat, bulk and tail effective sample size, Monte Carlo standard
        errors (mcse) of its mean and of its 2.5 and 97.5 % quantiles, on the scale of the effects, and the larger one
        of these two in posterior sds (limit_share); of the quantities those of the quantiles alone; then what a
        limit_share may be at most (limit_bound), the number of divergences, the smallest E-BFMI and how often a tree
        reached its largest depth. NaN where chains are too few or too short.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16(2), 10.1214/20-BA1221, section 4; Betancourt 2016,
    arXiv:1604.00695, for E-BFMI.
    """
    numbers: dict[str, float] = {}
    for name, draws in parameters.items():
        numbers |= {f"{key}_{name}": value for key, value in _of_one(draws, moments[name]).items()}
    for name, law in printed(quantities or {}).items():
        if name not in parameters and law.draws.shape[1] >= SHORTEST_CHAIN:
            numbers |= {f"{key}_{name}": value for key, value in limit_errors(law.draws, law.moments).items()}
    numbers["limit_bound"] = limit_bound(studies)
    numbers["divergences"] = float(stats["diverging"].sum())
    numbers["e_bfmi"] = _e_bfmi(stats["energy"])
    numbers["max_depth_hits"] = float(stats["reached_max_treedepth"].sum())
    return numbers


def findings(numbers: Mapping[str, float], *, chains: int, interrupted: str = "") -> tuple[Finding, ...]:
    """A finding for each kind of trouble in the numbers, with a sentence of advice.

    Parameters
    ----------
    numbers : mapping
        From `diagnostics`.
    chains : int
        Number of chains; 100 effective draws are asked of each.
    interrupted : str
        What was kept of a run that was interrupted; empty for a whole one.
    """
    found = [Finding("interrupted", interrupted)] if interrupted else []
    if numbers["divergences"] > 0:
        found.append(
            Finding(
                "divergences",
                f"NUTS diverged {numbers['divergences']:.0f} times and may have missed a part of the "
                "posterior: raise target_accept and tune, or use Exact(), which has no sampler.",
            )
        )
    trouble = _trouble(numbers, chains)
    if trouble:
        found.append(
            Finding(
                "not_converged",
                f"The chains cannot be relied upon: {'; '.join(trouble)}. Raise draws and tune (draws=4000, "
                "tune=2000, chains=4), or use Exact(), which has no sampling error.",
            )
        )
    share = noisiest(numbers)[1]
    if too_noisy(numbers) and not trouble:
        found.append(
            Finding(
                "noisy_limits",
                f"The Monte Carlo standard error of {noisy_limit(numbers)} is {share:.2f} posterior sds, above "
                f"{MOST_ERROR:g}: raise draws, or use Exact(), which has no sampling error.",
            )
        )
    return tuple(found)


def _of_one(draws: Array, moments: int) -> dict[str, float]:
    chains, length = draws.shape
    if length < SHORTEST_CHAIN:
        names = ("r_hat", "ess_bulk", "ess_tail", "mcse_mean", *(f"mcse_{word}" for word in LIMITS), "limit_share")
        return dict.fromkeys(names, np.nan)
    scores = rank_normalised(draws)
    marks = np.stack([draws <= at for at in np.quantile(draws, TAILS)])
    bulk, *tails, mean = effective_sizes_of_halves(np.stack([scores, *map(split, (*marks, draws))]))
    values = {
        "r_hat": r_hat(draws, scores) if chains > 1 else np.nan,
        "ess_bulk": bulk,
        "ess_tail": min(tails),
        "mcse_mean": draws.std(ddof=1) / np.sqrt(mean) if moments >= 2 else np.nan,
    }
    return {name: float(value) for name, value in values.items()} | limit_errors(draws, moments)


def _e_bfmi(energy: Array) -> float:
    """The smallest E-BFMI of the chains: mean squared energy step over energy variance."""
    if energy.shape[1] < SHORTEST_CHAIN:
        return np.nan
    return float(np.min(np.square(np.diff(energy, axis=1)).mean(axis=1) / np.var(energy, axis=1, ddof=1)))


def _trouble(numbers: Mapping[str, float], chains: int) -> list[str]:
    """What is wrong with mixing, in words; a number that is NaN counts as bad."""
    trouble = []
    ratios = starting(numbers, "r_hat_")
    worst = max(ratios, key=lambda name: np.nan_to_num(ratios[name], nan=np.inf))
    if chains == 1:
        trouble.append("R-hat compares chains and there is only 1")
    elif not ratios[worst] <= R_HAT_LIMIT:
        trouble.append(f"R-hat of {worst} is {ratios[worst]:.3f}, above {R_HAT_LIMIT}")
    sizes = starting(numbers, "ess_")
    poorest = min(sizes, key=lambda name: np.nan_to_num(sizes[name], nan=-np.inf))
    needed = ESS_PER_CHAIN * chains
    if not sizes[poorest] >= needed:
        where = poorest.replace("_", " of ")
        trouble.append(f"the {where} has an effective sample size of {sizes[poorest]:.0f}, below {needed:.0f}")
    if not numbers["e_bfmi"] >= E_BFMI_LIMIT:
        trouble.append(f"E-BFMI is {numbers['e_bfmi']:.2f}, below {E_BFMI_LIMIT}")
    return trouble


def starting(numbers: Mapping[str, float], start: str) -> dict[str, float]:
    """The diagnostics of one kind, by what they are about."""
    return {name.removeprefix(start): value for name, value in numbers.items() if name.startswith(start)}
