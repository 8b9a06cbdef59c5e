"""The study table: estimates, standard errors, names, moderators; checked once, never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from poolwise.scale import Scale, as_scale

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False, init=False)
class Effects:
    """k estimates with known standard errors.

    Attributes
    ----------
    y, se : ndarray
        Estimates and standard errors on the analysis scale, shape (k,), read-only.
    study : tuple of str
        Study labels, length k.
    moderators : DataFrame
        One row for each estimate (no columns when there are none).
    outcome : tuple of str
        Outcome of each estimate, length k.
    n : ndarray
        Sample sizes, shape (k,), NaN where unknown.
    scale : Scale
        What the numbers are.
    provenance : tuple of str
        Where each estimate came from: ``"reported"``, ``"reconstructed"``, ``"simulated"``.
    title, citation : str
        What the table is and whom to cite.
    directions : tuple of str
        Words for the two directions of the axis, below and above the null value.
    notes : tuple of str
        What was noticed while the table was checked; repeated in every fit's report.
    """

    y: Array
    se: Array
    study: tuple[str, ...]
    moderators: pd.DataFrame
    outcome: tuple[str, ...]
    n: Array
    scale: Scale
    provenance: tuple[str, ...]
    title: str
    citation: str
    directions: tuple[str, str]
    notes: tuple[str, ...]

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        v: ArrayLike | None = None,
        study: Sequence[object] | None = None,
        moderators: pd.DataFrame | None = None,
        outcome: Sequence[object] | str | None = None,
        n: ArrayLike | None = None,
        scale: Scale | str = "identity",
        provenance: Sequence[str] | str = "reported",
        title: str = "",
        citation: str = "",
        directions: tuple[str, str] = ("", ""),
        notes: tuple[str, ...] = (),
    ) -> None:
        # PLACEHOLDER without validation
        y = np.asarray(y, dtype=float)
        k = len(y)
        se = np.sqrt(np.asarray(v, dtype=float)) if se is None else np.asarray(se, dtype=float)
        values = {
            "y": y,
            "se": se,
            "study": tuple(str(s) for s in study) if study is not None else tuple(f"study {i + 1}" for i in range(k)),
            "moderators": pd.DataFrame(index=range(k)) if moderators is None else moderators.reset_index(drop=True),
            "outcome": (outcome or "",) * k if outcome is None or isinstance(outcome, str) else tuple(outcome),
            "n": np.full(k, np.nan) if n is None else np.asarray(n, dtype=float),
            "scale": as_scale(scale),
            "provenance": (provenance,) * k if isinstance(provenance, str) else tuple(provenance),
            "title": title,
            "citation": citation,
            "directions": directions,
            "notes": notes,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def v(self) -> Array:
        """Sampling variances se^2, shape (k,)."""
        return self.se**2

    @property
    def k(self) -> int:
        """Number of estimates."""
        return len(self.y)

    @property
    def reconstructed(self) -> bool:
        """Whether any estimate is a reconstruction, so that everything made from the table must say so."""
        return "reconstructed" in self.provenance

    @property
    def data_hash(self) -> str:
        """SHA-256 of the numbers, labels and scale, first 16 hex digits."""
        digest = hashlib.sha256(self.y.tobytes() + self.se.tobytes())
        digest.update(repr((self.study, self.outcome, self.scale.name, self.provenance)).encode())
        return digest.hexdigest()[:16]
