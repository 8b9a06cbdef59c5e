"""A run of NUTS, and the remedies that it gets when it is not good enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from poolwise.engines._diagnose import ESS_PER_CHAIN, R_HAT_LIMIT, starting
from poolwise.engines._kept import Drawn
from poolwise.engines._limits import MOST_ERROR, noisiest, noisy_limit
from poolwise.engines._samplers import Chains

if TYPE_CHECKING:
    from poolwise.engines.nuts import NUTS

CAREFUL = 0.99
"""The target_accept of the next run, when one diverged."""
LONGER = 4
"""How many times as many draws the next run has, when one had too few effective ones; the most for limits."""
SPARE = 1.4
"""How many times as many draws limits get as their estimated error asks for, which is itself off by some 15 %."""

type Sample = Callable[[NUTS, float], Chains]
"""A run with some settings, at a target_accept."""
type Reader[T] = Callable[[Chains], tuple[T, Mapping[str, float]]]
"""What draws mean, and what they say of their own convergence (`_diagnose.diagnostics`, or nothing)."""


def careful[T](settings: NUTS, accept: float, sample: Sample, read: Reader[T]) -> tuple[Drawn, T, Mapping[str, float]]:
    """A run, repeated where it diverged or is too short, each at most once; and what to tell about it.

    It is too short where too few of its draws are effective, or where the limit of an interval has a Monte Carlo
    standard error above 0.1 posterior standard deviations.

    Parameters
    ----------
    settings : NUTS
    accept : float
        Acceptance rate that the step size aims at.
    sample : callable
    read : callable

    Returns
    -------
    tuple
        The run that counts, how it reads, and its diagnostics.
    """
    chains, again = sample(settings, accept), settings
    reading, numbers = read(chains)
    notes: list[str] = []
    told: dict[str, float] = {}
    while not chains.interrupted:
        if chains.divergences and accept < CAREFUL:
            notes.append(
                f"NUTS diverged {chains.divergences} times at target_accept = {accept:g} and was run again at "
                f"{CAREFUL:g}."
            )
            told["divergences_first_run"] = float(chains.divergences)
            accept = CAREFUL
        elif not chains.divergences and again is settings and wanting(numbers, chains.count):
            again = replace(settings, draws=_times(numbers, chains.count) * settings.draws)
            told |= _of_first_run(numbers, chains.count)
            notes.append(_longer(numbers, chains.count, settings.draws, again.draws))
        else:
            break
        try:
            chains = sample(again, accept)
        except KeyboardInterrupt:
            chains = replace(
                chains, interrupted="Interrupted in a further run; the draws of the one before it are kept."
            )
        reading, numbers = read(chains)
    return Drawn(chains, tuple(notes), told | {"target_accept": accept}), reading, numbers


def wanting(numbers: Mapping[str, float], chains: int) -> bool:
    """Whether more draws would do: few are effective, though not so few that LONGER would not make up for it.

    Few are too few, or leave a limit too large an error.
    """
    if chains == 1 or not _least(numbers) >= ESS_PER_CHAIN * chains / LONGER:
        return False
    return few(numbers, chains) or noisiest(numbers)[1] > MOST_ERROR


def _times(numbers: Mapping[str, float], chains: int) -> int:
    """How many times as many draws the next run has."""
    if few(numbers, chains):
        return LONGER
    return min(max(2, math.ceil(SPARE * (noisiest(numbers)[1] / MOST_ERROR) ** 2)), LONGER)


def few(numbers: Mapping[str, float], chains: int) -> bool:
    """Whether too few draws are effective, or the chains do not agree."""
    return not (_least(numbers) >= ESS_PER_CHAIN * chains and _largest(numbers) <= R_HAT_LIMIT)


def _of_first_run(numbers: Mapping[str, float], chains: int) -> dict[str, float]:
    if few(numbers, chains):
        return {"effective_first_run": _least(numbers)}
    return {"limit_share_first_run": noisiest(numbers)[1]}


def _longer(numbers: Mapping[str, float], chains: int, draws: int, more: int) -> str:
    """Why the run was repeated, in words."""
    if few(numbers, chains):
        fault = f"an effective sample size of {_least(numbers):.0f} and an R-hat of {_largest(numbers):.3f}"
    else:
        share = noisiest(numbers)[1]
        fault = f"a Monte Carlo standard error of {share:.2f} posterior sds at {noisy_limit(numbers)}"
    return f"{draws} draws in each chain had {fault}; NUTS was run again for {more}."


def _least(numbers: Mapping[str, float]) -> float:
    """The smallest effective sample size, NaN where one is; infinite where there is none."""
    return float(np.min(list(starting(numbers, "ess_").values()), initial=np.inf))


def _largest(numbers: Mapping[str, float]) -> float:
    return float(np.max(list(starting(numbers, "r_hat_").values()), initial=1.0))
