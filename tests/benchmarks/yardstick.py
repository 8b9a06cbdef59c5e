"""A fixed amount of NumPy work, so that speeds read as ratios within one run on any machine."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def yardstick() -> float:
    """Seconds for exponentials and sums over 200 x 2000 numbers: about 4 ms on a machine of 2024."""
    grid = np.linspace(-3.0, 3.0, 400_000).reshape(200, 2000)

    def work() -> float:
        return float(np.exp(-0.5 * grid * grid).sum())

    return seconds(work, rounds=15)


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median time of one call."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))
