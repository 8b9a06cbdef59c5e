"""Smooth weight functions omega(p): how the probability of publication falls with the p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr, ndtri

from poolwise.selection.intervals import Sides

Array = NDArray[np.float64]
Kind = Literal["beta", "halfnorm", "negexp", "logistic", "power"]

CENSORED = 1e-5  # p-values nearer to 0 or 1 count as this near where the weight there would be 0 or infinite
CERTAIN = 8.5  # beyond this z the p-value is 0 or 1 to rounding
OF_ZERO = frozenset({"beta", "power"})


@final
@dataclass(frozen=True)
class Curve:
    """A weight function of the p-value.

    ============  =================================================
    kind          omega(p)
    ============  =================================================
    "beta"        p^(delta_1 - 1) (1 - p)^(delta_2 - 1)
    "halfnorm"    exp(-delta prec p^2)
    "negexp"      exp(-delta prec p)
    "logistic"    2 exp(-delta prec p) / (1 + exp(-delta prec p))
    "power"       (1 - p)^(delta prec)
    ============  =================================================

    In the beta and the power function p stays between 1e-5 and 1 - 1e-5, since their weights would else be infinite or
    0 at its ends, and A infinite where the first delta of the beta function is below tau2 / (se^2 + tau2).

    Attributes
    ----------
    kind : str
    sides : 1 or 2
        Whether p is one-sided, of z in the direction of what gets published, or two-sided.

    References
    ----------
    Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119, for the beta function and its censoring;
    Preston, Ashby & Smyth 2004, J. Evaluation in Clinical Practice 10:231, 10.1111/j.1365-2753.2003.00457.x, for the
    others and the part of precision.
    """

    kind: Kind
    sides: Sides = 1

    @property
    def count(self) -> int:
        """How many parameters delta the function has."""
        return 2 if self.kind == "beta" else 1

    @property
    def least_p(self) -> float:
        """p-values stay as far from 0 and 1."""
        return CENSORED if self.kind in OF_ZERO else 0.0

    @property
    def ends(self) -> Array:
        """Where omega as a function of z is not smooth, rising; it is constant below the first and above the last."""
        if self.kind not in OF_ZERO:
            return np.array([-CERTAIN, CERTAIN] if self.sides == 1 else [-CERTAIN, 0.0, CERTAIN])
        outer = -ndtri(CENSORED / self.sides)
        inner = 0.0 if self.sides == 1 else -ndtri((1.0 - CENSORED) / 2.0)
        return np.array([-outer, outer] if self.sides == 1 else [-outer, -inner, inner, outer])

    def p_values(self, z: ArrayLike) -> Array:
        """p-values of z, censored; shape of z."""
        z = np.asarray(z, dtype=float)
        p = ndtr(-z) if self.sides == 1 else 2.0 * ndtr(-np.abs(z))
        return np.clip(p, self.least_p, 1.0 - self.least_p)

    def log_weight(self, p: Array, delta: Array, prec: ArrayLike = 1.0) -> tuple[Array, Array, Array]:
        """Log omega(p) with its first and second derivatives in delta.

        Parameters
        ----------
        p : ndarray
            Censored p-values.
        delta : ndarray, shape (count,)
        prec : array-like
            What multiplies delta, of a shape that broadcasts with p; not used by the beta function.

        Returns
        -------
        tuple of ndarray
            Shapes of p, (count, ...) and (count, count, ...).

        References
        ----------
        Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119.
        """
        if self.kind == "beta":
            first = np.stack([np.log(p), np.log1p(-p)])
            return np.tensordot(delta - 1.0, first, 1), first, np.zeros((2, *first.shape))
        x = np.asarray(prec, dtype=float) * self._measure(p)
        if self.kind == "logistic":
            share = expit(delta[0] * x)
            value = math.log(2.0) - np.logaddexp(0.0, delta[0] * x)
            return value, (-x * share)[None], (-x * x * share * (1.0 - share))[None, None]
        return -delta[0] * x, -x[None], np.zeros((1, 1, *x.shape))

    def _measure(self, p: Array) -> Array:
        """What delta multiplies in -log omega, or for the logistic function in its argument."""
        if self.kind == "power":
            return -np.log1p(-p)
        return p * p if self.kind == "halfnorm" else p
