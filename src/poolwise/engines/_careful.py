"""A run of NUTS, and the remedies that it gets when it is not good enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from poolwise.engines._diagnose import ESS_PER_CHAIN, R_HAT_LIMIT, starting
from poolwise.engines._kept import Drawn
from poolwise.engines._samplers import Chains

if TYPE_CHECKING:
    from poolwise.engines.nuts import NUTS

CAREFUL = 0.99
"""The target_accept of the next run, when one diverged."""
LONGER = 4
"""How many times as many draws the next run has, when one had too few effective ones."""

type Sample = Callable[[NUTS, float], Chains]
"""A run with some settings, at a target_accept."""
type Reader[T] = Callable[[Chains], tuple[T, Mapping[str, float]]]
"""What draws mean, and what they say of their own convergence (`_diagnose.diagnostics`, or nothing)."""


def careful[T](settings: NUTS, accept: float, sample: Sample, read: Reader[T]) -> tuple[Drawn, T, Mapping[str, float]]:
    """A run, repeated where it diverged or has too few effective draws, each at most once; and what to tell about it.

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
        elif not chains.divergences and again is settings and few(numbers, chains.count):
            again = replace(settings, draws=LONGER * settings.draws)
            notes.append(
                f"{settings.draws} draws in each chain had an effective sample size of {_least(numbers):.0f} and an "
                f"R-hat of {_largest(numbers):.3f}; NUTS was run again for {again.draws}."
            )
            told["effective_first_run"] = _least(numbers)
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


def few(numbers: Mapping[str, float], chains: int) -> bool:
    """Whether more draws would do: too few are effective, though not so few that LONGER would not make up for it."""
    size, needed = _least(numbers), ESS_PER_CHAIN * chains
    return chains > 1 and needed / LONGER <= size and not (size >= needed and _largest(numbers) <= R_HAT_LIMIT)


def _least(numbers: Mapping[str, float]) -> float:
    """The smallest effective sample size, NaN where one is; infinite where there is none."""
    return float(np.min(list(starting(numbers, "ess_").values()), initial=np.inf))


def _largest(numbers: Mapping[str, float]) -> float:
    return float(np.max(list(starting(numbers, "r_hat_").values()), initial=1.0))
