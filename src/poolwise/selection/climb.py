"""Newton's method towards the top of a log likelihood within bounds, and along the ridge of one held parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.selection.derivatives import Array, Height

Objective = Callable[[Array], Height]

STEPS = 200
DECREMENT = 1e-17  # of a log likelihood: what the next step of Newton's method would still gain
HALVINGS = 30
GROWTH = 0.5
ENDLESS = 1e100  # a step without end, whose share is still a number
FLATTEST = 1e-10  # curvature below this share of the largest, in scaled parameters, is rounding


@final
@dataclass(frozen=True, eq=False)
class Top:
    """Where a climb ended.

    Attributes
    ----------
    theta : ndarray, shape (n,)
    height : Height
        There.
    free : ndarray of bool, shape (n,)
        Which parameters are neither held nor at a bound beyond which the log likelihood would rise.
    settled : bool
        Whether the next step would gain nothing.
    """

    theta: Array
    height: Height
    free: NDArray[np.bool_]
    settled: bool

    @property
    def value(self) -> float:
        """The log likelihood."""
        return self.height.value


def climb(objective: Objective, start: Array, bounds: tuple[Array, Array], reach: Array, held: int = -1) -> Top:
    """Newton's method with a line search, within bounds.

    A direction along which the log likelihood is not concave is followed with the size of its curvature. Steps are cut
    to `reach` in every parameter, or to a share of the way from the start, so that what runs off is soon far away.

    Parameters
    ----------
    objective : callable
        Maps parameters to a Height.
    start : ndarray, shape (n,)
    bounds : tuple of ndarray
        Least and largest values, shape (n,).
    reach : ndarray, shape (n,)
        The longest step in each parameter.
    held : int
        A parameter that stays where it starts.

    Returns
    -------
    Top
    """
    lower, upper = bounds
    theta = start = np.clip(start, lower, upper)
    here, free, last = objective(theta), np.zeros(len(theta), dtype=bool), math.inf
    for _ in range(STEPS):
        g = here.gradient
        free = ~(((theta <= lower) & (g <= 0.0)) | ((theta >= upper) & (g >= 0.0)))
        if held >= 0:
            free[held] = False
        if not math.isfinite(here.value):
            return Top(theta, here, free, False)
        if not free.any():
            return Top(theta, here, free, True)
        step, concave = _step_within(theta, here, free, bounds)
        gain = float(g @ step)
        furthest = np.maximum(reach, GROWTH * np.abs(theta - start))
        step *= min(1.0, float(np.min(furthest / np.maximum(np.abs(step), 1e-300))))
        moved, there = _line_search(objective, theta, here, step, (lower, upper))
        better = there is not None and (there.value > here.value or gain < last)
        if (gain < DECREMENT and concave) or there is None or not better:
            done = there if better and there is not None else here
            return Top(moved if better else theta, done, free, gain < 1e-9 * (1.0 + abs(here.value)))
        theta, here, last = moved, there, gain
    return Top(theta, here, free, False)


def _step_within(
    theta: Array, here: Height, free: NDArray[np.bool_], bounds: tuple[Array, Array]
) -> tuple[Array, bool]:
    """The step of Newton's method in the free parameters that does not leave the bounds where one stands on them."""
    moving, step = free.copy(), np.zeros(len(theta))
    while True:
        step[:] = 0.0
        step[moving], concave = newton(here.gradient[moving], here.hessian[np.ix_(moving, moving)])
        leaving = moving & (((theta <= bounds[0]) & (step < 0.0)) | ((theta >= bounds[1]) & (step > 0.0)))
        if not leaving.any() or (moving & ~leaving).sum() == 0:
            return step, concave
        moving &= ~leaving


def newton(gradient: Array, hessian: Array) -> tuple[Array, bool]:
    """The step of Newton's method in scaled parameters, and whether the log likelihood is concave there."""
    least = max(1e-60 * float(np.abs(hessian).max()), 1e-300)
    scale = np.sqrt(np.maximum(np.abs(np.diagonal(hessian)), least))
    curvature, axes = np.linalg.eigh(-hessian / np.outer(scale, scale))
    floor = FLATTEST * max(float(np.abs(curvature).max()), 1e-100)
    step = axes @ ((axes.T @ (gradient / scale)) / np.maximum(np.abs(curvature), floor))
    with np.errstate(over="ignore"):  # along a direction that is all but flat; the length is bounded by the caller
        return np.clip(step / scale, -ENDLESS, ENDLESS), bool(curvature[0] > floor)


def _line_search(
    objective: Objective, theta: Array, here: Height, step: Array, bounds: tuple[Array, Array]
) -> tuple[Array, Height | None]:
    """The first of ever shorter steps that rises, up to rounding; None where none does."""
    noise = 1e-13 * (1.0 + abs(here.value))
    for halving in range(HALVINGS):
        moved = np.clip(theta + step * 0.5**halving, *bounds)
        there = objective(moved)
        rise = float(here.gradient @ (moved - theta))
        if math.isfinite(there.value) and there.value >= here.value + 1e-4 * rise - noise and rise > -noise:
            return moved, there
    return theta, None
