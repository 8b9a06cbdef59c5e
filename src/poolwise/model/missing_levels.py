"""Moderators of words that are missing for some studies: a design for every level that these may have."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.design import INTERCEPT, Design, matrix
from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, listing
from poolwise.formulas import variables_of
from poolwise.intake.moderators import aliased, both
from poolwise.intake.roles import numbers_in_text
from poolwise.model.uncertain import check_errors, is_words, with_moderators

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
MOST = 200  # combinations of levels; a run of 4000 draws keeps a number of each for every incomplete study


@final
@dataclass(frozen=True, eq=False)
class MissingLevels:
    """A design in which some studies miss the level of a moderator, or of several.

    A combination is one level of each of the J moderators; there are C. Where a study reports a moderator, all levels
    of it in the combinations stand for the reported one, each with an equal share.

    Attributes
    ----------
    names : tuple of str
        The J moderators.
    levels : tuple of tuple of str
        Of each, those that studies report.
    design : Design
        With the expected row of each study that misses a level: pi at its mean given the reported levels.
    codes : ndarray of int
        Number of each study's level, -1 where it is missing, shape (k, J).
    X : ndarray
        Rows of the design at every combination, of the m studies that miss a level, shape (m, C, p).

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., 10.1002/9781119482260.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    design: Design
    codes: Codes
    X: Array

    @property
    def here(self) -> NDArray[np.bool_]:
        """Whether each study misses a level, shape (k,)."""
        return np.asarray((self.codes < 0).any(axis=1))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all Q levels, ``"setting: school"``, those of the first moderator first."""
        return tuple(f"{name}: {level}" for name, own in zip(self.names, self.levels, strict=True) for level in own)

    @property
    def concentrations(self) -> tuple[Array, ...]:
        """Of the law of pi given the reported levels, Dirichlet(1 + how often each is reported), by moderator."""
        return tuple(
            np.asarray(1.0 + np.bincount(column[column >= 0], minlength=len(own)), dtype=np.float64)
            for column, own in zip(self.codes.T, self.levels, strict=True)
        )

    @property
    def takes(self) -> Array:
        """1 where a combination gives a study a level that it misses, shape (m, C, Q)."""
        combinations = itertools.product(*(np.eye(len(own)) for own in self.levels))
        whole = np.array([np.concatenate(rows) for rows in combinations])
        missed = np.repeat(self.codes[self.here] < 0, [len(own) for own in self.levels], axis=1)
        return whole * missed[:, None, :]

    @property
    def log_share(self) -> Array:
        """Minus log of the number of combinations that are alike for each study, shape (m,)."""
        sizes = np.log([len(own) for own in self.levels])
        return -(np.where(self.codes[self.here] < 0, 0.0, sizes)).sum(axis=1)

    def log_weights(self, log_pi: Array) -> Array:
        """Log probabilities of the combinations, shape (..., m, C), from those of all levels, shape (..., Q)."""
        m, C, Q = self.takes.shape
        weights = log_pi @ self.takes.reshape(m * C, Q).T
        return weights.reshape(*log_pi.shape[:-1], m, C) + self.log_share[:, None]

    def kept(self, keep: NDArray[np.bool_]) -> MissingLevels:
        """The studies where the mask is true, in the levels of the whole table."""
        return replace(self, codes=self.codes[keep], X=self.X[keep[self.here]])


def missing_levels(
    effects: Effects, moderators: str | Sequence[str], errors: Mapping[str, str]
) -> MissingLevels | None:  # fmt: skip
    """What a meta-regression takes from moderators of words that miss values; None where none does.

    Parameters
    ----------
    effects : Effects
    moderators : str or sequence of str
        As in `poolwise.design`.
    errors : mapping of str to str
        Of moderators that are measured with error.

    Returns
    -------
    MissingLevels or None

    Raises
    ------
    ModelError
        Where numbers are uncertain too; for errors of a moderator of words; for too many combinations of levels.
    InputError
        For a moderator of which one level is reported; for coefficients that studies which miss no level do not
        determine.

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., 10.1002/9781119482260.
    """
    frame, names = effects.moderators, words_with_gaps(effects, moderators)
    if not names:
        return None
    wanted = [name for name in variables_of(moderators) if name in frame]
    gaps = [name for name in wanted if frame[name].isna().any()]
    check_errors(frame[wanted], errors)
    numbers = [name for name in dict.fromkeys((*gaps, *errors)) if name not in names]
    if numbers:
        raise ModelError(
            f"{both(names)}, made of words, and {both(numbers)}, made of numbers, are uncertain in one model",
            "one kind of them",
            f"a level 'unknown' of {both(names)}, or a model without some of them",
        )
    known = frame.copy()
    for name in names:
        known[name] = _filled(frame[name])
    design = matrix(with_moderators(effects, known), moderators)
    levels = tuple(_levels(design, known[name], name) for name in names)
    if (combinations := math.prod(map(len, levels))) > MOST:
        raise ModelError(
            f"{both(names)} have {combinations} combinations of levels",
            f"at most {MOST}",
            "fewer levels, or moderators",
        )
    codes = np.column_stack(
        [_codes(frame[name], [str(level) for level in own]) for name, own in zip(names, levels, strict=True)]
    )
    _check_determined(design, codes, names, effects)
    table = pd.DataFrame({name: _column(effects, known, name, own) for name, own in design.levels.items()})
    X = _at_each(design, table, names, levels, codes)
    said = tuple(tuple(str(level) for level in own) for own in levels)
    incomplete = MissingLevels(names, said, design, codes, X)
    return replace(incomplete, design=_expected(incomplete))


def words_with_gaps(effects: Effects, moderators: str | Sequence[str]) -> tuple[str, ...]:
    """The moderators of words that some studies miss.

    Raises
    ------
    InputError
        For text that is made of numbers.
    """
    frame = effects.moderators
    named = [name for name in variables_of(moderators) if name in frame]
    incomplete = tuple(name for name in named if frame[name].isna().any() and is_words(frame[name]))
    for name in incomplete:
        if frame[name].dtype == "str" and numbers_in_text(frame[name].tolist()) is not None:
            raise InputError(
                f"the moderator '{name}' is text whose cells are numbers, and some studies miss it",
                "numbers, or words",
                f"pd.to_numeric(frame['{name}']), or levels that are called otherwise",
            )
    return incomplete


def _filled(column: pd.Series) -> pd.Series:
    """The column with the level that most studies report in the place of missing ones."""
    seen = column.dropna()
    counts = Counter(seen.tolist())
    if len(counts) < 2:
        said = f"is {seen.tolist()[0]!r} for all {len(seen)} studies that report it" if len(seen) else "is never there"
        raise InputError(
            f"the moderator '{column.name}' {said}",
            "at least two levels",
            "leaving it out: a constant explains no differences",
        )
    most = counts.most_common(1)[0][0]
    return column.where(column.notna(), most)


def _levels(design: Design, column: pd.Series, name: str) -> tuple[object, ...]:
    """As the design knows them; yes and no are numbers to it."""
    return design.levels[name] or tuple(sorted(set(column.tolist())))


def _codes(column: pd.Series, levels: Sequence[str]) -> Codes:
    missing = column.isna()
    return np.array([-1 if gone else levels.index(str(value)) for value, gone in zip(column, missing, strict=True)])


def _check_determined(design: Design, codes: Codes, names: Sequence[str], effects: Effects) -> None:
    """Refuse coefficients about which only studies that miss a level say something.

    Then some levels of these might leave a coefficient without any study, and the posterior under a flat prior would
    be improper.
    """
    here = (codes < 0).any(axis=1)
    X = design.X[~here]
    constant = design.names[:1] == (INTERCEPT,)
    determined = aliased(X, design.names, constant=constant) if len(X) else dict.fromkeys(design.names)
    if determined or len(X) < design.p:
        raise InputError(
            f"without {effects.rows.names(here)}, which miss{'es' if here.sum() == 1 else ''} {both(names)}, "
            f"{effects.k - int(here.sum())} studies do not determine {listing(determined or design.names)}",
            "each coefficient determined by studies that miss no level",
            "fewer moderators, or fewer levels",
        )


def _at_each(
    design: Design, rows: pd.DataFrame, names: Sequence[str], levels: Sequence[Sequence[object]], codes: Codes
) -> Array:
    """Rows of the design at every combination of levels, reported ones left as they are; shape (m, C, p)."""
    here = np.flatnonzero((codes < 0).any(axis=1))
    rows_at = []
    for combination in itertools.product(*levels):
        there = rows.iloc[here].copy()
        for j, (name, level) in enumerate(zip(names, combination, strict=True)):
            reported = there[name].astype(object)
            there[name] = reported.where(codes[here, j] >= 0, level)
        rows_at.append(design.at(there))
    return np.stack(rows_at, axis=1)


def _expected(gaps: MissingLevels) -> Design:
    """The design with each incomplete row at the mean of its combinations."""
    mean = np.concatenate([a / a.sum() for a in gaps.concentrations])
    weight = np.exp(gaps.log_weights(np.log(mean)))
    X = np.array(gaps.design.X)
    X[gaps.here] = np.einsum("mc,mcp->mp", weight, gaps.X)
    X.setflags(write=False)
    return replace(gaps.design, X=X)


def _column(effects: Effects, known: pd.DataFrame, name: str, levels: Sequence[object] | None) -> list[object]:
    """A moderator of each study; words as the design writes them."""
    values = known[name].tolist() if name in known else list(getattr(effects, name))
    return values if levels is None else [value if value in levels else str(value) for value in values]
