"""An estimate with its sampling variance: what every measure and every conversion returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimates of one measure with their sampling variances; unpacks as ``y, v = estimate``.

    Attributes
    ----------
    y : ndarray
        Estimates on the scale that is analysed (logs for ratios), of the shape that the statistics broadcast to. NaN
        where a statistic is missing, or the measure does not exist for it.
    v : ndarray
        Sampling variances, same shape.
    measure : str
        Code of the measure: ``"SMD"``, ``"OR"``, ...
    notes : tuple of str
        What was done on the way that a reader should know: counts that were added, rows that have no value.
    """

    y: Array
    v: Array
    measure: str
    notes: tuple[str, ...] = field(default=())

    @property
    def se(self) -> Array:
        """Standard errors, the roots of `v`."""
        return np.sqrt(self.v)

    def __iter__(self) -> Iterator[Array]:
        yield self.y
        yield self.v

    def __repr__(self) -> str:
        if self.y.ndim == 0:
            return f"Estimate({self.measure}: y={self.y:.6g}, v={self.v:.6g})"
        return f"Estimate({self.measure}: {self.y.size} estimates)"


def estimate(measure: str, y: Array, v: Array, notes: tuple[str, ...] = ()) -> Estimate:
    """Estimates and variances in one shape; missing where either is."""
    y, v = np.broadcast_arrays(np.asarray(y, dtype=float), np.asarray(v, dtype=float))
    missing = ~(np.isfinite(y) & np.isfinite(v))
    return Estimate(np.where(missing, np.nan, y), np.where(missing, np.nan, v), measure, notes)


def as_z(measure: str, raw: Estimate) -> Estimate:
    """Fisher's z of correlations, with v / (1 - y^2)^2 by the delta method; missing where a correlation is 1 or -1."""
    inside = np.where(np.abs(raw.y) < 1.0, raw.y, np.nan)
    return estimate(measure, np.arctanh(inside), raw.v / (1.0 - inside**2) ** 2, raw.notes)
