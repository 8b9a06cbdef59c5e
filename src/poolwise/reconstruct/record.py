"""The set of reconstructed tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from poolwise.effects import Effects
from poolwise.errors import InputError
from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.plausible import Plausible
from poolwise.reconstruct.pooled import pooled

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False, repr=False)
class Reconstruction:
    """Study tables that agree with every published aggregate of an outcome.

    The tables are a set, not a posterior sample: report the range of a result over all of them, never
    one table's answer. No row is a real study.

    Attributes
    ----------
    y, se : ndarray
        Estimates and standard errors, shape (tables, k), read-only.
    levels : tuple of tuple of str
        Level of the subgroup factor for every study of every table; empty without subgroups.
    factor : str
        Name of the subgroup factor; empty without subgroups.
    published : Aggregate
        The row of the outcome.
    rows : tuple of Aggregate
        The rows of the levels used; empty without subgroups.
    acceptance : float
        Share of the proposed tables that agreed with every published fact and were plausible.
    rejections : mapping of str to float
        Share of the proposed tables that broke each fact; a table may break several.
    seed, alpha, plausible
        Settings of the draw.
    notes : tuple of str
        What was assumed.

    References
    ----------
    The construction is ours; see `reconstruct`. Manski 2003, Partial Identification of Probability Distributions,
    10.1007/b97478, on answers that are sets.
    """

    y: Array = field(repr=False)
    se: Array = field(repr=False)
    levels: tuple[tuple[str, ...], ...] = field(repr=False)
    factor: str
    published: Aggregate
    rows: tuple[Aggregate, ...]
    acceptance: float
    rejections: Mapping[str, float] = field(repr=False)
    seed: int
    alpha: float
    plausible: Plausible
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """The outcome, and how many tables of how many studies there are."""
        outcome = f" of '{self.published.outcome}'" if self.published.outcome else ""
        return f"<Reconstruction{outcome}: {len(self)} tables of {self.k} studies>"

    def __len__(self) -> int:
        return len(self.y)

    def __iter__(self) -> Iterator[Effects]:
        return (self.effects(i) for i in range(len(self)))

    @property
    def k(self) -> int:
        """Number of studies in each table."""
        return self.y.shape[1]

    def effects(self, i: int) -> Effects:
        """Table i as a study table, marked as reconstructed.

        Parameters
        ----------
        i : int
            Counted from 0; negative ones from the end.

        Returns
        -------
        Effects
            With the level of each study as a moderator, where the studies are divided.

        Raises
        ------
        InputError
            If there is no table i.
        """
        if not -len(self) <= i < len(self):
            raise InputError(f"there is no table {i}", f"0 to {len(self) - 1}")
        moderators = pd.DataFrame({self.factor: self.levels[i]}) if self.factor else None
        return self._table(self.y[i], self.se[i], f"table {i % len(self) + 1} of {len(self)}", moderators)

    def reference(self) -> Effects:
        """The table with equal weights: no chance, and no rounding.

        v_i = k SE^2 for every study and y_i = d + c s_i, where s_i are normal scores
        Phi^-1((i - 1/2) / k) and c = SE sqrt(k Q / sum s^2). d, SE and Q are the printed figures
        themselves (without a printed Q: the middle of those that go with I2). Among tables with equal
        weights the posterior of mu and tau depends on k, d, SE and Q alone, so that the choice of s does
        not matter; the random-effects estimate equals d whatever the paper prints. Levels are ignored.

        It is an optimistic edge and not an answer: for a given sum of weights sum w / (1 + w tau2), the information on
        mu given tau, is concave in the weights, so that no table that fits tells more of mu at a given tau. Where tau
        can be smaller in another table, that one may still have the narrower interval.

        Returns
        -------
        Effects
            Marked as reconstructed.
        """
        row = self.published
        q = row.q.value if row.q is not None else sum(row.q_box()) / 2.0
        y, se = equal_weights(self.k, row.figure("d").value, row.figure("se").value, q)
        return self._table(y, se, "reference with equal weights", None)

    def check(self) -> pd.DataFrame:
        """Every published figure beside the one recomputed from each table.

        Returns
        -------
        DataFrame
            Columns table, level, figure, published (text), recomputed (number), printed (recomputed, with
            the published decimals), agrees.
        """
        frames = [self._check_row(self.published, np.ones(self.y.shape, dtype=bool))]
        frames += [self._check_row(row, np.array(self.levels) == row.name) for row in self.rows]
        return pd.concat(frames, ignore_index=True)

    def _check_row(self, row: Aggregate, member: NDArray[np.bool_]) -> pd.DataFrame:
        recomputed = pooled(self.y, self.se**-2.0, member)
        cells = [
            (i, row.name, name, str(figure), value, figure.like(value))
            for name, figure in row.figures.items()
            for i, value in enumerate(recomputed[name].tolist())
        ]
        if row.k is not None:
            cells += [(i, row.name, "k", str(row.k), k, f"{k:.0f}") for i, k in enumerate(recomputed["k"].tolist())]
        names = ["table", "level", "figure", "published", "recomputed", "printed"]
        frame = pd.DataFrame(cells, columns=names)
        return frame.assign(agrees=frame["published"] == frame["printed"])

    def _table(self, y: Array, se: Array, which: str, moderators: pd.DataFrame | None) -> Effects:
        outcome = self.published.outcome
        name = outcome or "study"
        return Effects(
            y,
            se=se,
            study=[f"{name} {i + 1} (reconstructed)" for i in range(self.k)],
            moderators=moderators,
            outcome=outcome or None,
            scale=self.published.scale,
            provenance="reconstructed",
            title=f"{outcome or 'Study table'} (reconstructed, {which})",
            citation=self.published.citation,
            directions=self.published.directions,
            notes=(f"Reconstructed ({which}): no row is a real study; give ranges over many such tables.",),
        )


def equal_weights(k: int, d: float, se: float, q: float) -> tuple[Array, Array]:
    """Estimates and standard errors with equal weights and given aggregates; see `Reconstruction.reference`.

    Parameters
    ----------
    k : int
        Number of studies, at least 2.
    d, se, q : float
        Common-effect estimate, its standard error, and Cochran's Q.

    Returns
    -------
    y, se : ndarray
        Shape (k,).

    References
    ----------
    DerSimonian & Laird 1986, Controlled Clinical Trials 7:177, 10.1016/0197-2456(86)90046-2, for what is fixed; the
    table is ours.
    """
    scores = ndtri((np.arange(1, k + 1) - 0.5) / k)
    scores = (scores - scores[::-1]) / 2.0
    y = d + scores * np.sqrt(q * k / (scores @ scores)) * se
    return y, np.full(k, se * np.sqrt(k))
