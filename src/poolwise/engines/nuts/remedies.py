"""A run of NUTS, and the remedies that it gets when it is not good enough: another run, or more of the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.nuts.diagnostics import ESS_PER_CHAIN, R_HAT_LIMIT, starting
from poolwise.engines.nuts.limit_errors import enough, noisiest, noisy_limit
from poolwise.engines.nuts.samplers import Chains
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.stored_draws import Drawn

CAREFUL = 0.99
"""The target_accept of the next run, when one diverged."""
LONGER = 4
"""How many times as many draws the next run has, when one had too few effective ones; the most for limits."""
SPARE = 1.1
"""How many times as many draws limits get as the largest of their estimated errors asks for, itself off by 14 %."""
FURTHER_RUNS = 3
"""How often draws are added for the sake of limits: what they need is known better with more of them."""
TUNING_SHARE, LEAST_TUNING = 3, 333
"""A further run is tuned for a third as long, or for so many draws where the first one has as many: after 200 draws
risk ratios of extreme counts diverge twice as often."""

_INTERRUPTED = "Interrupted in a further run; the draws of the one before it are kept."

type Sample = Callable[[Settings, float], Chains]
"""A run with some settings, at a target_accept."""
type Reader[T] = Callable[[Chains], tuple[T, Mapping[str, float]]]
"""What draws mean, and what they say of their own convergence (`_diagnose.diagnostics`, or nothing)."""


def careful[T](
    settings: Settings, accept: float, sample: Sample, read: Reader[T]
) -> tuple[Drawn, T, Mapping[str, float]]:
    """A run with its remedies, each used where it can be expected to help; and what to tell about it.

    One that diverged, or has too few effective draws, is run again, each at most once. Where the limit of an interval
    has a Monte Carlo standard error above 0.1 posterior standard deviations, beyond what the estimate of that error
    itself is off by (`enough`), a further run is joined to it, chain by chain, at most three times and up to four
    times the draws.

    Parameters
    ----------
    settings : Settings
    accept : float
        Acceptance rate that the step size aims at.
    sample : callable
    read : callable

    Returns
    -------
    tuple
        The run that counts, how it reads, and its diagnostics.
    """
    chains, again, further = sample(settings, accept), settings, 0
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
            next_run = partial(sample, again, accept)
        elif not chains.divergences and again is settings and _too_short(numbers, chains.count):
            again = replace(settings, draws=LONGER * settings.draws)
            notes.append(_longer(numbers, settings.draws, again.draws))
            told["effective_first_run"] = _least(numbers)
            next_run = partial(sample, again, accept)
        elif (
            further < FURTHER_RUNS and _noisy(numbers, chains) and (more := _more(numbers, settings.draws, again.draws))
        ):
            further += 1
            notes.append(_continued(numbers, again.draws, more))
            told.setdefault("limit_share_first_run", noisiest(numbers)[1])
            next_run = partial(_joined, chains, sample, _next(settings, more, further), accept)
            again = replace(again, draws=again.draws + more)
        else:
            break
        try:
            chains = next_run()
        except KeyboardInterrupt:
            chains = replace(chains, interrupted=_INTERRUPTED)
        reading, numbers = read(chains)
    return Drawn(chains, tuple(notes), told | {"target_accept": accept}), reading, numbers


def _too_short(numbers: Mapping[str, float], chains: int) -> bool:
    """Whether few draws are effective, though not so few that LONGER would not make up for it."""
    return chains > 1 and few(numbers, chains) and _least(numbers) >= ESS_PER_CHAIN * chains / LONGER


def _noisy(numbers: Mapping[str, float], chains: Chains) -> bool:
    """Whether draws that are good leave a limit too large an error."""
    good = chains.count > 1 and not chains.divergences and not few(numbers, chains.count)
    return good and noisiest(numbers)[1] > enough(numbers)


def _more(numbers: Mapping[str, float], first: int, draws: int) -> int:
    """How many further draws each chain needs, after `draws` of them; at most LONGER times the first in all."""
    needed = math.ceil(SPARE * draws * (noisiest(numbers)[1] / enough(numbers)) ** 2)
    return min(needed, max(LONGER * first, draws)) - draws


def _next(settings: Settings, more: int, further: int) -> Settings:
    """The settings of a further run: a seed of its own, and less to tune."""
    seed = np.random.SeedSequence([settings.seed, further]).generate_state(1)[0]
    tune = max(settings.tune // TUNING_SHARE, min(settings.tune, LEAST_TUNING))
    return replace(settings, draws=more, tune=tune, seed=int(seed))


def _joined(chains: Chains, sample: Sample, settings: Settings, accept: float) -> Chains:
    """Each chain followed by its further run; an interrupted one is not joined."""
    added = sample(settings, accept)
    if added.interrupted:
        return replace(chains, interrupted=_INTERRUPTED)

    def after(first: Mapping[str, NDArray], then: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return {name: np.concatenate([values, then[name]], axis=1) for name, values in first.items()}

    return Chains(after(chains.parameters, added.parameters), after(chains.stats, added.stats))


def few(numbers: Mapping[str, float], chains: int) -> bool:
    """Whether too few draws are effective, or the chains do not agree."""
    return not (_least(numbers) >= ESS_PER_CHAIN * chains and _largest(numbers) <= R_HAT_LIMIT)


def _longer(numbers: Mapping[str, float], draws: int, more: int) -> str:
    """Why the run was repeated, in words."""
    return (
        f"{draws} draws in each chain had an effective sample size of {_least(numbers):.0f} and an R-hat of "
        f"{_largest(numbers):.3f}; NUTS was run again for {more}."
    )


def _continued(numbers: Mapping[str, float], draws: int, more: int) -> str:
    """Why draws were added, in words."""
    return (
        f"{draws} draws in each chain had a Monte Carlo standard error of {noisiest(numbers)[1]:.2f} posterior sds at "
        f"{noisy_limit(numbers)}; NUTS went on for {more} more."
    )


def _least(numbers: Mapping[str, float]) -> float:
    """The smallest effective sample size, NaN where one is; infinite where there is none."""
    return float(np.min(list(starting(numbers, "ess_").values()), initial=np.inf))


def _largest(numbers: Mapping[str, float]) -> float:
    return float(np.max(list(starting(numbers, "r_hat_").values()), initial=1.0))
