"""Moderators into a design matrix, checked for everything that makes a meta-regression meaningless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, described, listing, nearest, shown, warn
from poolwise.formulas import SUM_OF_COLUMNS, only_levels, variables_of
from poolwise.intake.labels import text_of
from poolwise.intake.moderators import aliased, both
from poolwise.intake.roles import numbers_in_text, odd_cells
from poolwise.settings import check_instance

Array = NDArray[np.float64]

INTERCEPT = "intercept"
NEW_LEVEL = "new"
FAR_FROM_ZERO = 10.0  # standard deviations
LARGEST = 1e100  # of a moderator, so that sums of squares are numbers


@final
@dataclass(frozen=True, eq=False)
class Beside:
    """A column of a design that is a function of a column of the study table itself, not of a moderator.

    Attributes
    ----------
    name : str
        Of its coefficient.
    of : str
        The column of the study table: ``"se"``.
    function : callable
        From its values to those of the design, 0 at 0.
    """

    name: str
    of: str
    function: Callable[[Array], Array]


@final
@dataclass(frozen=True, eq=False)
class Design:
    """The design matrix of a meta-regression.

    Attributes
    ----------
    X : ndarray
        Shape (k, p), read-only; the intercept first when there is one.
    names : tuple of str
        Names of the p coefficients: ``"intercept"``, ``"ablat"``, ``"setting[custodial]"``.
    formula : str
        What it was made from: ``"~ ablat"``.
    notes : tuple of str
        What was noticed; repeated in the fit's report.
    levels : mapping
        The levels of each moderator that is made of words, None for numbers.
    spec : object, optional
        What formulaic remembers of the formula.
    pooled : mapping
        The levels of each factor whose effects share a prior; the last columns of X are theirs, one for each level,
        then one for a new level of each factor.
    beside : tuple of Beside
        What the last columns of X are where they are no moderators; 0 where no value is given of them.
    """

    X: Array
    names: tuple[str, ...]
    formula: str
    notes: tuple[str, ...] = ()
    levels: Mapping[str, tuple[object, ...] | None] = field(default_factory=dict, repr=False)
    spec: Any = field(default=None, repr=False)
    pooled: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    beside: tuple[Beside, ...] = ()

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return len(self.names)

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the coefficients that are not effects of pooled levels."""
        return self.names[: self.p - sum(len(levels) + 1 for levels in self.pooled.values()) - len(self.beside)]

    def level_columns(self, rows: Mapping[str, Sequence[object]]) -> Array:
        """1 where a row has a pooled level and 0 elsewhere, shape (m, q): known levels, then a new one of each factor.

        Parameters
        ----------
        rows : mapping of str to sequence
            By factor, the level of each row; ``"new"`` for a level that no study has.

        Raises
        ------
        InputError
            For a level that is neither known nor ``"new"``.
        """
        known, new = [], []
        for name, levels in self.pooled.items():
            values = [str(value) for value in rows[name]]
            unseen = [value for value in values if value not in (*levels, NEW_LEVEL)]
            if unseen:
                raise InputError(
                    f"no study has {name} = '{unseen[0]}'",
                    f"a level that the studies have, or '{NEW_LEVEL}'",
                    nearest(unseen[0], levels),
                )
            known += [[value == level for value in values] for level in levels]
            new.append([value == NEW_LEVEL and NEW_LEVEL not in levels for value in values])
        return np.array([*known, *new], dtype=float).T

    def at(self, values: pd.DataFrame | Mapping[str, Any]) -> Array:
        """Rows of the design matrix at other values of the moderators.

        Parameters
        ----------
        values : DataFrame or mapping
            A column for each moderator; a mapping's single values are repeated.

        Returns
        -------
        ndarray
            Shape (m, p).

        Raises
        ------
        InputError
            For a moderator that is not given, misses values, is infinite, or has a level that no study has (of a
            pooled factor, ``"new"`` is such a level); for values at which the formula is not finite; for no rows.

        Examples
        --------
        >>> import poolwise as pw
        >>> design(pw.datasets.load("bcg"), "~ ablat").at({"ablat": [10, 30]}).tolist()
        [[1.0, 10.0], [1.0, 30.0]]
        """
        frame = as_frame(values)
        chosen = pd.DataFrame(index=frame.index)
        of_table = {column.of for column in self.beside}
        for name, levels in self.levels.items():
            if name in of_table:
                continue
            if name not in frame:
                raise InputError(f"no values for the moderator '{name}'", f"a column for each in {self.formula}")
            if name not in self.pooled:
                chosen[name] = _known_values(frame[name], name, levels)
        made = np.column_stack([self._own_at(chosen), *(_column_beside(column, frame) for column in self.beside)])
        if not self.pooled:
            return made
        return np.column_stack([made, self.level_columns({name: frame[name].tolist() for name in self.pooled})])

    def _own_at(self, chosen: pd.DataFrame) -> Array:
        """The columns that are not of pooled levels."""
        if self.spec is None:
            return _from_columns(chosen)[0]
        made = self._evaluated(chosen)
        _check_finite(made, self.own, self.formula)
        return made

    def _evaluated(self, chosen: pd.DataFrame) -> Array:
        """What the formula is at these values, or an error that names the rows at which it is nothing."""
        try:
            return self._evaluate(chosen)
        except Exception as error:  # whatever a function of the formula raises
            reason = str(error).splitlines()[0]
        rows = [row for row in range(len(chosen)) if not self._has_value(chosen.iloc[[row]])] or list(
            range(len(chosen))
        )
        first = ", ".join(f"{name} = {value}" for name, value in chosen.iloc[rows[0]].items())
        state = self.spec.transform_state.items()
        bounds = [f"{name} at {s['lower_bound']:g} to {s['upper_bound']:g}" for name, s in state if "lower_bound" in s]
        raise InputError(
            f"the formula '{self.formula}' has no value in row(s) {listing(np.array(rows) + 1)} ({first})"
            + ("" if bounds else f": {reason}"),
            f"values within those of the studies: {listing(bounds)}" if bounds else "values at which it has one",
            "values in that range, or extrapolation='extend' in the formula" if bounds else "",
        ) from None

    def _evaluate(self, chosen: pd.DataFrame) -> Array:
        with np.errstate(all="ignore"):  # what is not finite is refused by name
            made = self.spec.get_model_matrix(chosen, na_action="ignore")
            return np.asarray(made, dtype=float).reshape(len(chosen), -1)

    def _has_value(self, row: pd.DataFrame) -> bool:
        try:
            self._evaluate(row)
        except Exception:
            return False
        return True


def design(effects: Effects, moderators: str | Sequence[str]) -> Design:
    """The design matrix for some moderators, one row for each estimate.

    A numeric moderator is one column; one of words is a column of 0 and 1 for each level but the first (in
    sorted order, or in the order of a categorical column), so that its coefficients are differences from that
    level. The table's own ``se`` and ``n`` can be moderators too.

    Parameters
    ----------
    effects : Effects
        The study table, k rows.
    moderators : str or sequence of str
        A formula, ``"~ ablat + setting"``, or names of columns, ``["ablat", "setting"]``. A formula is
        evaluated as Python: it comes from a caller's own code only, never from a file.

    Returns
    -------
    Design
        X of shape (k, p), names, formula.

    Raises
    ------
    InputError
        For a moderator that does not exist, misses values, is constant, or is determined by others; for as
        many coefficients as studies. The message names rows or columns.
    ModelError
        For a formula that cannot be read or has a left-hand side.

    Examples
    --------
    >>> import poolwise as pw
    >>> design(pw.datasets.load("bcg"), ["ablat"]).names
    ('intercept', 'ablat')
    """
    made = matrix(effects, moderators)
    for note in made.notes:
        warn(note)
    return made


def matrix(effects: Effects, moderators: str | Sequence[str], *, groups: Sequence[str] = ()) -> Design:
    """What `design` returns, without its warnings: the fit that uses it repeats them as notes.

    The columns in `groups` are names by their role: text, or whole numbers with two studies or more for each.
    """
    check_instance(
        "design", effects, Effects, expected="Effects", advice="pw.design(effects, '~ dose')", error=InputError
    )
    if not isinstance(moderators, Iterable):
        found = f"the moderators are {described(moderators)}"
        raise ModelError(found, "a formula or the names of columns", "'~ dose' or ['dose']")
    if isinstance(moderators, str):
        formula = moderators.strip()
        variables, summed = variables_of(formula), SUM_OF_COLUMNS.fullmatch(formula) is not None
    else:
        variables, summed = list(moderators), True
        formula = "~ " + (" + ".join(variables) or "1")
        twice = sorted({name for name in variables if variables.count(name) > 1})
        if twice:
            raise ModelError(f"the moderator(s) {listing(twice)} are named more than once", "each name once")
    levels = only_levels(moderators) if isinstance(moderators, str) else ()
    frame = _variables(effects, variables, levels, groups)
    X, names, spec = (*_from_columns(frame), None) if summed else _from_formula(formula, frame)
    _check_names(names)
    _check_rank(X, names, effects.k)
    notes = (*_lone_levels(X, names, frame, effects), *_far_from_zero(X, names))
    X.setflags(write=False)
    return Design(X, names, formula, notes, {str(name): _levels(column) for name, column in frame.items()}, spec)


def with_columns_beside(design: Design, columns: tuple[Beside, ...], table: Mapping[str, Array]) -> Design:
    """A design with further columns that are functions of columns of the study table.

    Parameters
    ----------
    design : Design
    columns : tuple of Beside
    table : mapping of str to ndarray
        The columns of the study table by name, shape (k,).

    Raises
    ------
    InputError
        For a column that moderators determine, and for as many coefficients as studies.
    """
    X = np.column_stack([design.X, *(column.function(table[column.of]) for column in columns)])
    X.setflags(write=False)
    names = (*design.names, *(column.name for column in columns))
    _check_names(names)
    _check_rank(X, names, len(X))
    levels = {**design.levels, **{column.of: None for column in columns}}
    formula = " + ".join([design.formula, *(column.of for column in columns)])
    return replace(design, X=X, names=names, formula=formula, levels=levels, beside=columns)


def _column_beside(column: Beside, frame: pd.DataFrame) -> Array:
    if column.of not in frame:
        return np.zeros(len(frame))
    values = _known_values(frame[column.of], column.of, None).to_numpy(dtype=float)
    if (values < 0.0).any():
        rows = listing(np.flatnonzero(values < 0.0) + 1)
        raise InputError(f"'{column.of}' is below 0 in row(s) {rows}", f"values of '{column.of}' of at least 0")
    return column.function(values)


def _levels(column: pd.Series) -> tuple[object, ...] | None:
    return tuple(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else None


def as_frame(values: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Values of moderators as a frame of at least one row; a mapping's single values are repeated.

    Raises
    ------
    InputError
        For columns of different lengths, and for no rows.
    """
    if isinstance(values, pd.DataFrame):
        frame = values
    elif not isinstance(values, Mapping):
        raise InputError(
            f"the values of the moderators are {described(values)}",
            "a DataFrame, or a mapping from names to values",
            "{'moderator': [10, 20]}",
        )
    else:
        columns = {name: one if np.ndim(one) else [one] for name, one in values.items()}
        deep = [name for name, one in columns.items() if np.ndim(one) > 1]
        if deep:
            raise InputError(f"the values of {listing(deep)} have more than one dimension", "one value for each row")
        sizes = {name: len(one) for name, one in columns.items()}
        rows = max(sizes.values(), default=0)
        uneven = any(size not in (1, rows) for size in sizes.values())
        if uneven:
            told = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise InputError(f"the moderators have different numbers of values: {told}", "one for each row, or one")
        frame = pd.DataFrame({name: list(one) * (rows if sizes[name] == 1 else 1) for name, one in columns.items()})
    if len(frame) == 0:
        raise InputError("no values of the moderators are given", "at least one row", "{'moderator': [10, 20]}")
    return frame


def _known_values(column: pd.Series, name: str, levels: tuple[object, ...] | None) -> pd.Series:
    """Numbers, or words among the levels that the studies have."""
    if column.isna().any():
        rows = listing(np.flatnonzero(column.isna()) + 1)
        raise InputError(f"the moderator '{name}' is missing in row(s) {rows}", "a value in each row")
    if levels is None:
        try:
            numbers = column.astype(float)
        except (TypeError, ValueError, OverflowError):
            found = f"the moderator '{name}' is {shown(column.tolist())}"
            raise InputError(found, "numbers that floating point holds") from None
        if np.isinf(numbers).any():
            rows = listing(np.flatnonzero(np.isinf(numbers)) + 1)
            raise InputError(f"the moderator '{name}' is infinite in row(s) {rows}", "finite numbers")
        if (beyond := np.abs(numbers) > LARGEST).any():
            rows = listing(np.flatnonzero(beyond) + 1)
            found = f"the moderator '{name}' is beyond the range of the arithmetic in row(s) {rows}"
            raise InputError(found, f"numbers up to {LARGEST:g}")
        return numbers
    unseen = [value for value in column if value not in levels]
    if unseen:
        raise InputError(
            f"no study has {name} = {listing(dict.fromkeys(unseen))}",
            "levels that the studies have",
            nearest(str(unseen[0]), map(str, levels)),
        )
    return column.astype(pd.CategoricalDtype(list(levels)))


def _variables(effects: Effects, names: Sequence[str], levels: Sequence[str], groups: Sequence[str]) -> pd.DataFrame:
    """The moderators as a frame of numbers and categories, checked one by one."""
    moderators = effects.moderators
    known = [*moderators.columns, "se", "n"]
    frame = pd.DataFrame(index=moderators.index)
    for name in names:
        if name not in [*known, "study", "outcome"]:
            raise InputError(f"no moderator '{name}'", advice=nearest(name, known))
        column = (moderators[name] if name in moderators else column_of(effects, name)).infer_objects()
        gaps = column.isna().to_numpy(dtype=bool)
        if gaps.any():
            raise InputError(
                f"the moderator '{name}' is missing for {effects.rows.names(gaps)}",
                "a value for each study",
                f"effects.drop(study=...) for these rows, a model without '{name}', or "
                "MetaRegression(..., missing='model') by NUTS()",
            )
        if name in groups and _are_groups(column):
            known = [text_of(value) for value in sorted(column.unique())]
            column = pd.Series(pd.Categorical(names_in(column), categories=known), index=column.index)
        text = name in levels or name in groups or name not in moderators
        frame[name] = _as_factor_or_number(column, name, effects, text=text)
        if frame[name].nunique() < 2:
            raise InputError(
                f"the moderator '{name}' is {column.tolist()[0]!r} for all {effects.k} studies",
                "at least two values",
                "leaving it out: a constant explains no differences",
            )
    return frame


def _are_groups(column: pd.Series) -> bool:
    """Whether numbers are names of groups: whole, and two or more studies for each on average."""
    if pd.api.types.is_bool_dtype(column):
        return True
    if not pd.api.types.is_numeric_dtype(column):
        return False
    values = column.to_numpy(dtype=float)
    return bool(
        np.all(np.isfinite(values)) and np.all(values == np.round(values)) and 2 * column.nunique() <= len(column)
    )


def names_in(column: pd.Series) -> tuple[str, ...]:
    """The cells of a column as names, length k: 3.0 is ``"3"``."""
    return tuple(text_of(cell) for cell in column.tolist())


def column_of(effects: Effects, name: str) -> pd.Series:
    """A moderator, or one of the columns that every table has: ``study``, ``outcome``, ``se``, ``n``."""
    moderators = effects.moderators
    return moderators[name] if name in moderators else pd.Series(getattr(effects, name))


def _as_factor_or_number(column: pd.Series, name: str, effects: Effects, *, text: bool) -> pd.Series:
    """Numbers as floats, words as categories without unused levels; text of numbers is numbers, unless `text`."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        values = column.astype(int if pd.api.types.is_integer_dtype(column) else float)
        infinite = np.isinf(values.to_numpy())
        if infinite.any():
            raise InputError(
                f"the moderator '{name}' is infinite for {effects.rows.names(infinite)}",
                "finite numbers",
            )
        size = np.abs(values.to_numpy(dtype=float))
        if size.max() > LARGEST or 0.0 < size.max() < 1.0 / LARGEST:
            found = f"the moderator '{name}' is beyond the range of the arithmetic: its largest value is {size.max():g}"
            raise InputError(found, f"numbers up to {LARGEST:g}, not all below {1.0 / LARGEST:g}", "another unit")
        return values
    if pd.api.types.is_datetime64_any_dtype(column):
        raise InputError(f"the moderator '{name}' holds dates", "numbers or words", "its year as a number")
    if not text:
        cells = column.tolist()
        if (numbers := numbers_in_text(cells)) is not None:
            return pd.Series(numbers, index=column.index)
        _check_words(cells, name, effects)
    return column.astype(str).astype("category")


def _check_words(cells: Sequence[object], name: str, effects: Effects) -> None:
    """Refuse a column of numbers in which some cells are none."""
    odd = odd_cells(cells)
    if odd:
        found = listing(f"{cells[row]!r} for {effects.rows.name(row)}" for row in odd)
        raise InputError(
            f"the moderator '{name}' holds numbers and {found}, which is no number",
            "numbers, or words as levels",
            f"corrected cells; where its values are levels, the formula '~ C({name})', or an astype('category') column",
        )


def _from_columns(frame: pd.DataFrame) -> tuple[Array, tuple[str, ...]]:
    """Intercept, numbers as they are, categories against their first level."""
    columns, names = [np.ones(len(frame))], [INTERCEPT]
    for name, column in frame.items():
        if not isinstance(column.dtype, pd.CategoricalDtype):
            columns.append(column.to_numpy(dtype=float))
            names.append(str(name))
            continue
        codes = column.cat.codes.to_numpy()
        for code, level in enumerate(column.cat.categories[1:], start=1):
            columns.append((codes == code).astype(float))
            names.append(f"{name}[{level}]")
    return np.column_stack(columns), tuple(names)


def _from_formula(formula: str, frame: pd.DataFrame) -> tuple[Array, tuple[str, ...], Any]:
    """What formulaic makes of the formula, under our names."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        with np.errstate(all="ignore"):  # what is not finite is refused below, by name
            made = model_matrix(formula, frame, context={}, na_action="raise")
    except (FormulaicError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the formula '{formula}' cannot be evaluated: {reason}", "'~ a + b'") from None
    X = np.asarray(made, dtype=float).reshape(len(frame), -1)
    names = tuple(INTERCEPT if name == "Intercept" else name.replace("[T.", "[") for name in made.columns)
    _check_finite(X, names, formula)
    return X, names, made.model_spec


def _check_finite(X: Array, names: tuple[str, ...], formula: str) -> None:
    """Refuse columns in which a formula has no finite value, such as the logarithm of 0."""
    bad = [name for name, column in zip(names, X.T, strict=True) if not np.isfinite(column).all()]
    if bad:
        raise InputError(
            f"the formula '{formula}' makes infinite or missing values in {listing(bad)}",
            "a finite number for each row",
            "another transformation, such as log(x + 1) where x is 0",
        )


def _check_names(names: tuple[str, ...]) -> None:
    """Refuse two coefficients of one name, of which tables would show one."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        clash = "a moderator bears the name of the intercept" if twice == [INTERCEPT] else "they cannot be told apart"
        raise InputError(
            f"two coefficients would be called {both(twice)}: {clash}",
            "a name of its own for each",
            "another name for the column, or for the level",
        )


def _check_rank(X: Array, names: tuple[str, ...], k: int) -> None:
    """Refuse columns that others determine, and as many coefficients as studies."""
    p = len(names)
    if p == 0:
        raise ModelError("the model has no coefficient", "an intercept or a moderator", "'~ 1'")
    determined = aliased(X, names, constant=names[:1] == (INTERCEPT,))
    if p >= k:
        also = f"; determined by the others: {listing(determined)}" if determined else ""
        raise InputError(
            f"{p} coefficients ({listing(names)}) for {k} studies{also}",
            "fewer coefficients than studies, best ten studies for each",
            "fewer moderators, or fewer levels",
        )
    if determined:
        told = "; ".join(f"'{name}' is determined by {both(others)}" for name, others in determined.items())
        flat = [name for name, others in determined.items() if list(others) == [INTERCEPT]]
        advice = "leaving one of them out"
        if flat and np.ptp(X[:, names.index(flat[0])]) > 0.0:
            middle = X[:, names.index(flat[0])].mean()
            advice = f"centring it, since it hardly differs from its mean: {flat[0]} - {middle:.16g}"
        raise InputError(f"collinear moderators: {told}", "columns that differ", advice)


def _lone_levels(X: Array, names: tuple[str, ...], frame: pd.DataFrame, effects: Effects) -> tuple[str, ...]:
    """Levels that one study alone has, the reference level of a category included."""
    lone = {
        name: int(np.flatnonzero(column)[0])
        for name, column in zip(names, X.T, strict=True)
        if "[" in name and np.count_nonzero(column) == 1
    }
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            rows = np.flatnonzero(column.cat.codes == 0)
            if len(rows) == 1:
                lone[f"{name}[{column.cat.categories[0]}]"] = int(rows[0])
    if not lone:
        return ()
    told = listing(f"'{name}' (only '{effects.study[row]}')" for name, row in lone.items())
    return (f"levels with one study: {told}; a coefficient that one study alone decides says nothing general",)


def _far_from_zero(X: Array, names: tuple[str, ...]) -> tuple[str, ...]:
    """Numbers such as years, for which the intercept would be an effect in year 0."""
    notes = []
    for name, column in zip(names, X.T, strict=True):
        centre, spread = float(column.mean()), float(column.std())
        if name != INTERCEPT and "[" not in name and abs(centre) > FAR_FROM_ZERO * spread:
            notes.append(
                f"'{name}' lies far from 0 (mean {centre:.5g}, sd {spread:.3g}), so the intercept is an "
                f"effect far outside the data; centre it: {name} - {centre:.4g}"
            )
    return tuple(notes)
