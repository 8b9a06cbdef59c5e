"""How the studies of an outcome divide into published levels, or why they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.feasible import check_row
from poolwise.reconstruct.printed import Printed

OTHER = "other"
_MOST_SIZES = 1_000_000


@final
@dataclass(frozen=True, eq=False)
class Plan:
    """What is drawn for each table.

    Attributes
    ----------
    overall : Aggregate
        The row of the whole outcome.
    levels : tuple of Aggregate
        Rows whose d and SE are drawn in their boxes; the overall row itself without subgroups.
    sizes : ndarray of int
        Every way of dividing the k studies over the levels, shape (ways, levels), with a last column
        for the studies outside every published level when there are such.
    factor : str
        What the studies are divided by; empty without subgroups.
    notes : tuple of str
        What was assumed.
    """

    overall: Aggregate
    levels: tuple[Aggregate, ...]
    sizes: NDArray[np.int64] = field(repr=False)
    factor: str = ""
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.sizes[0].sum())

    @property
    def remainder(self) -> bool:
        """Whether some studies belong to no published level."""
        return self.sizes.shape[1] > len(self.levels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of `sizes`."""
        published = tuple(level.name for level in self.levels)
        rest = OTHER if OTHER not in published else f"{OTHER} (unpublished)"
        return (*published, rest) if self.remainder else published


def plan_outcome(overall: Aggregate, rows: Sequence[Aggregate] = ()) -> Plan:
    """The plan for an outcome, divided by the published levels if there are any.

    Levels divide the studies completely when their k add up to the outcome's, or, where k is not
    printed, when their weights SE^-2 can add up to the outcome's; else the studies left over form
    another level, ``"other"``, with what d, SE and k are left.

    Parameters
    ----------
    overall : Aggregate
        The outcome's row.
    rows : sequence of Aggregate
        Rows of the levels of one moderator; none for an undivided outcome.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If the levels overlap, contradict the outcome's row, or lack a figure.
    """
    k = overall.studies
    if not rows:
        return Plan(overall, (overall,), np.array([[k]]))
    levels, notes = _usable(rows)
    factor = levels[0].moderator or "level"
    remainder = _has_remainder(overall, levels, factor)
    if not remainder:
        _check_mean(overall, levels, factor)
    bounds = [_size_bounds(level, k) for level in levels]
    if remainder:
        bounds.append((1, k - 1))
        notes.append(f"the levels of '{factor}' leave studies over: they form the level '{OTHER}'")
    return Plan(overall, levels, _all_sizes(bounds, k, factor), factor, tuple(notes))


def _usable(rows: Sequence[Aggregate]) -> tuple[tuple[Aggregate, ...], list[str]]:
    """The rows with figures, and a note for each row without any."""
    notes = []
    for row in rows:
        if (row.d is None) != (row.se is None):
            missing = "d" if row.d is None else "standard error"
            raise InputError(
                f"level '{row.name}' of '{row.moderator}' is published without its {missing}",
                "d and SE of every level, since SE^-2 is the level's share of the weight",
                "another moderator, or rows without this one",
            )
        if row.d is None:
            notes.append(f"level '{row.name}' of '{row.moderator}' has no published figures and is left out")
        check_row(row)
    levels = tuple(row for row in rows if row.d is not None)
    if not levels:
        raise InputError("no level has a published d and SE", "at least one subgroup row with both")
    repeated = [level.name for level in levels if sum(other.name == level.name for other in levels) > 1]
    if repeated:
        raise InputError(f"level '{repeated[0]}' is published twice", "rows of one moderator, each level once")
    return levels, notes


def weight_box(se: Printed) -> tuple[float, float]:
    """Smallest and largest weight SE^-2 that agrees with a printed SE."""
    low, high = se.inside
    return high**-2.0, low**-2.0


def _sum_of_weights(levels: Sequence[Aggregate]) -> tuple[float, float]:
    boxes = [weight_box(level.figure("se")) for level in levels]
    return sum(low for low, _ in boxes), sum(high for _, high in boxes)


def _has_remainder(overall: Aggregate, levels: Sequence[Aggregate], factor: str) -> bool:
    k = overall.studies
    known = sum(level.k for level in levels if level.k is not None)
    unknown = [level for level in levels if level.k is None]
    names = listing(f"'{level.name}'" for level in levels)
    low, high = _sum_of_weights(levels)
    whole_low, whole_high = weight_box(overall.figure("se"))
    if known + len(unknown) > k or low > whole_high:
        reason = (
            f"they weigh (sum of SE^-2) at least {low:.0f}, the whole outcome at most {whole_high:.0f}"
            if low > whole_high
            else f"they hold at least {known + len(unknown)} studies, the whole outcome {k}"
        )
        raise InputError(
            f"the levels {names} of '{factor}' overlap: {reason}",
            "levels that divide the studies, each study in one of them",
            "a moderator whose levels do not share studies",
        )
    if unknown:
        return high < whole_low
    if known == k and high < whole_low:
        raise InputError(
            f"the levels {names} of '{factor}' hold all {known} studies but weigh at most {high:.0f}, "
            f"the whole outcome at least {whole_low:.0f}",
            "SE^-2 of the levels that add up to that of the outcome",
        )
    return known < k


def _check_mean(overall: Aggregate, levels: Sequence[Aggregate], factor: str) -> None:
    """The weighted mean of the levels must be able to print as the overall estimate.

    A weighted mean is monotone in every estimate and every weight, so its extremes lie at corners.
    """
    d = overall.figure("d")
    if len(levels) > 12:
        return
    weights = np.array(list(product(*(weight_box(level.figure("se")) for level in levels))))
    ends = np.array([level.figure("d").inside for level in levels])
    means = weights @ ends / weights.sum(axis=1, keepdims=True)
    low, high = means[:, 0].min(), means[:, 1].max()
    if low > d.inside[1] or high < d.inside[0]:
        raise InputError(
            f"the levels of '{factor}' average to between {low:.4f} and {high:.4f}; the outcome's d is {d}",
            "levels that divide the studies and average to the overall estimate",
        )


def _size_bounds(level: Aggregate, k: int) -> tuple[int, int]:
    """Fewest and most studies of a level: its k, its share rounded, one study more or less, or anything."""
    if level.k is not None:
        return level.k, level.k
    if level.share is not None:
        middle = round(level.share * k)
        return max(1, middle - 1), min(k, middle + 1)
    return 1, k


def _all_sizes(bounds: Sequence[tuple[int, int]], k: int, factor: str) -> NDArray[np.int64]:
    """Every way of dividing k studies over levels within these bounds, shape (ways, levels)."""
    fewest = np.array([low for low, _ in bounds])
    partial = np.zeros((1, 0), dtype=np.int64)
    for i, (low, high) in enumerate(bounds):
        left = k - partial.sum(axis=1) - fewest[i + 1 :].sum()
        steps = np.arange(low, high + 1)
        allowed = steps[None, :] <= left[:, None]
        if i == len(bounds) - 1:
            allowed = steps[None, :] == left[:, None]
        row, step = np.nonzero(allowed)
        partial = np.column_stack([partial[row], steps[step]])
        if len(partial) > _MOST_SIZES:
            raise InputError(f"too many ways of dividing {k} studies by '{factor}'", "k given for more levels")
    if not len(partial):
        raise InputError(
            f"the levels of '{factor}' cannot hold {k} studies together",
            "k or shares that add up to the outcome's k",
        )
    return partial
