"""How a table is laid out: its header below a title, headers repeated, one row for each arm; to one row each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from poolwise.errors import InputError, listing, nearest, shown
from poolwise.intake.cells import Remark
from poolwise.intake.columns import Column, column_name
from poolwise.intake.headers import folded, group_of, recognised, study_column
from poolwise.intake.labels import missing

type Columns = dict[str, Column]
type Reference = str | Mapping[str, str] | None

_DEEPEST = 6  # rows above which a header is looked for
_ARM_NAMES = ("arm", "arms", "group", "condition", "treatmentgroup", "treatmentarm", "gruppe", "bedingung", "armlabel")
_CONTROLS = frozenset(
    {
        *("waitlist", "waitinglist", "waitinglistcontrol", "waitlistcontrol", "wl", "wlc", "warteliste"),
        *("usualcare", "careasusual", "treatmentasusual", "tau", "cau", "standardcare", "standardtreatment"),
        *("sham", "shamcontrol", "notreatment", "nointervention"),
    }
)
_OF_ONE_ARM = frozenset(
    {
        *("n", "m", "sd", "sem", "events", "percent", "proportion", "time"),
        *("median", "lower_q", "upper_q", "minimum", "maximum", "pre", "post", "sd_pre", "sd_post"),
    }
)
_CONTROL = 2


@dataclass(frozen=True, eq=False)
class Layout:
    """A table with one row for each result.

    Attributes
    ----------
    columns : dict of str to Column
    statistics : mapping of str to str
        Column by statistic, as far as that is known: as told, and of both arms.
    order : tuple of int
        Place of each row in the table that was handed in, from 0; empty where it is this one.
    remarks : tuple of Remark
    """

    columns: Columns
    statistics: Mapping[str, str]
    order: tuple[int, ...] = ()
    remarks: tuple[Remark, ...] = ()


def laid_out(
    there: Columns,
    columns: Mapping[str, str] | None,
    *,
    study: str | None,
    arm: str | None,
    reference: Reference,
    two_groups: bool,
) -> Layout:
    """A table with its header where it belongs, and the two arms of a study in one row.

    Parameters
    ----------
    there : dict of str to Column
    columns : mapping of str to str or None
        Column by statistic, as told.
    study : str or None
        The column of studies, where it is told.
    arm : str or None
        The column that names the arm of each row; None where it is looked for.
    reference : str, mapping or None
        The control arm, or the control of each arm.
    two_groups : bool
        Whether the target compares two groups.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        For a table on its side, arms of which nobody knows which is the control, studies without two arms.
    """
    if columns is not None and not isinstance(columns, Mapping):
        raise InputError(
            f"columns = {shown(columns)}", "a mapping from statistics to columns", "columns={'n1': 'your column'}"
        )
    layout = _without_repetitions(_below_title(Layout(there, dict(columns or {}))))
    _check_upright(layout.columns)
    if arm is None and reference is not None:
        raise InputError("reference is given without arm", "arm='the column that names the arm of each row'")
    if arm is not None and arm not in layout.columns:
        raise InputError(f"no column '{arm}' for arm", advice=nearest(arm, layout.columns))
    own_study = study or study_column(layout.columns)
    if not (reference is None or isinstance(reference, str | Mapping)) or not (arm is None or isinstance(arm, str)):
        told = f"arm = {arm!r} and reference = {reference!r}"
        raise InputError(told, "names: reference='waitlist', or {'CBT': 'waitlist'} for the control of each arm")
    named = arm or (_arm_column(layout, own_study) if two_groups else None)
    if named is None:
        return layout
    if own_study is None or own_study not in layout.columns:
        raise InputError(f"'{named}' names arms, and no column the studies", "study='your column'")
    return _one_row_each(layout, own_study, named, reference)


def _below_title(layout: Layout) -> Layout:
    """A table whose header stands below a title: in one of the first rows, with a study and two statistics in it."""
    there = layout.columns
    if len(recognised(map(str, there))) > 1 or study_column(there) is not None or layout.statistics:
        return layout
    rows = list(zip(*(column.tolist() for column in there.values()), strict=True))
    for place, row in enumerate(rows[:_DEEPEST]):
        names = [column_name(str(cell)) if not missing(cell) else "" for cell in row]
        known = [name for name in names if name]
        if study_column(known) is None or len(recognised(known)) < 2 or len(set(known)) < len(known):
            continue
        title = next((str(name) for name in there if not str(name).startswith("Unnamed")), "")
        told = f"the header was found in row {place + 1} below {title[:60]!r}: {listing(known, 8)}; header={place + 1}"
        cells = list(zip(*rows[place + 1 :], strict=True)) or [()] * len(names)
        filled = {
            name or f"column {number + 1}": Column(list(own))
            for number, (name, own) in enumerate(zip(names, cells, strict=True))
            if name or not all(map(missing, own))
        }
        remark = Remark(f"{told} in pd.read_csv or read_excel says the same", warn=False)
        return replace(layout, columns=filled, order=tuple(range(place + 1, len(rows))), remarks=(remark,))
    return layout


def _without_repetitions(layout: Layout) -> Layout:
    """A table without rows that are empty, and without those that repeat its header."""
    names = [folded(str(name)) for name in layout.columns]
    rows = list(zip(*(column.tolist() for column in layout.columns.values()), strict=True))
    headers, empty = [], []
    for place, row in enumerate(rows):
        same = [folded(str(cell)) == name for cell, name in zip(row, names, strict=True) if not missing(cell)]
        if not same:
            empty.append(place)
        elif sum(same) > 1 and all(same):
            headers.append(place)
    gone = {*headers, *empty}
    if not gone or len(gone) == len(rows):
        return layout
    own = layout.order or tuple(range(len(rows)))
    remarks = [*layout.remarks]
    for what, places in (("repeat the header", headers), ("are empty", empty)):
        if places:
            numbers = listing(str(own[place] + 1) for place in places)
            remarks.append(Remark(f"passed over since they {what}: row(s) {numbers}", warn=False))
    kept = [place for place in range(len(rows)) if place not in gone]
    return replace(_taken(layout, kept), remarks=tuple(remarks))


def _taken(layout: Layout, rows: Sequence[int]) -> Layout:
    order = layout.order or tuple(range(len(next(iter(layout.columns.values())))))
    columns = {name: column.taken(rows) for name, column in layout.columns.items()}
    return replace(layout, columns=columns, order=tuple(order[row] for row in rows))


def _check_upright(there: Columns) -> None:
    """Refuse a table whose studies stand side by side, with a statistic in each row."""
    first, *rest = there
    cells = [str(cell) for cell in there[first].tolist() if not missing(cell)]
    known = [cell for cell in recognised(cells) if len(cell) > 1]  # studies may be called A, B, C
    if len(known) > 1 and len(recognised(cells)) > len(cells) // 2 and not recognised(map(str, rest)):
        turned = f"frame.set_index({first!r}).T.rename_axis('study').reset_index()"
        raise InputError(
            f"the statistics ({listing(cells, 4)}) stand in rows, the studies in columns",
            "one row for each study",
            f"frame = {turned}",
        )


def _arm_column(layout: Layout, study: str | None) -> str | None:
    """The column that names arms: by its header, where each study has several rows of statistics of one group."""
    there = layout.columns
    named = next((name for name in there if folded(str(name)) in _ARM_NAMES), None)
    if named is None or study is None or named in layout.statistics.values():
        return None
    statistics = {part for own in (*recognised(map(str, there)).values(), *layout.statistics) for part in own.split()}
    labels = _filled_down(there[study].tolist())
    several = len(set(map(str, labels))) < len(labels)
    effect = statistics & (_OF_ONE_ARM - {"n"})
    return named if several and effect and statistics <= _OF_ONE_ARM else None


def _filled_down(cells: Sequence[Any]) -> list[Any]:
    """Labels, blank ones being those above."""
    filled: list[Any] = []
    for cell in cells:
        filled.append(filled[-1] if missing(cell) and filled else cell)
    return filled


def _one_row_each(layout: Layout, study: str, arm: str, reference: Reference) -> Layout:
    """Both arms of each comparison in one row."""
    layout = _with_arms(layout, study)
    there = layout.columns
    arms = [str(cell).strip() if not missing(cell) else "" for cell in there[arm].tolist()]
    labels = [str(cell).strip() for cell in _filled_down(there[study].tolist())]
    order = layout.order or tuple(range(len(arms)))
    nameless = [str(order[row] + 1) for row, name in enumerate(arms) if not name]
    if nameless:
        raise InputError(f"'{arm}' is empty in row {listing(nameless)}", "the arm of each row")
    _check_reference(arm, arms, reference)
    keys = [name for name in there if folded(str(name)) in ("outcome", "timepoint", "rater", "measure")]
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault((label, *(str(there[key].tolist()[row]) for key in keys)), []).append(row)
    pairs = [
        pair
        for key, rows in groups.items()
        for pair in _pairs(key[0], {arms[r]: r for r in rows}, rows, arm, reference)
    ]
    recognised_here = recognised(map(str, there))
    own = {name: parts for name, parts in recognised_here.items() if set(parts.split()) <= _OF_ONE_ARM}
    own = {name: parts for name, parts in own.items() if name not in layout.statistics.values()}
    own |= {name: parts for parts, name in layout.statistics.items() if set(parts.split()) <= _OF_ONE_ARM}
    columns = {
        name: Column([column.tolist()[first] for first, _ in pairs])
        for name, column in there.items()
        if name not in own
    }
    columns[study] = Column([labels[first] for first, _ in pairs])
    statistics = {parts: name for parts, name in layout.statistics.items() if name not in own}
    for name, parts in own.items():
        for group in (1, _CONTROL):
            rows = [pair[group - 1] for pair in pairs]
            called = f"{name} ({'treatment' if group == 1 else 'control'})"
            columns[called] = Column([there[name].tolist()[row] for row in rows])
            statistics[" ".join(f"{part}{group}" for part in parts.split())] = called
    return Layout(
        columns, statistics, tuple(order[first] for first, _ in pairs), (*layout.remarks, *_told(arms, pairs))
    )


def _with_arms(layout: Layout, study: str) -> Layout:
    """The rows that hold more than the label of a study: headings and sums have no arm."""
    rest = [column.tolist() for name, column in layout.columns.items() if name != study]
    kept = [row for row in range(len(rest[0])) if any(not missing(cells[row]) for cells in rest)]
    if len(kept) == len(rest[0]):
        return layout
    labels = listing(repr(str(layout.columns[study].tolist()[row])) for row in range(len(rest[0])) if row not in kept)
    told = Remark(f"passed over since they hold no arm and no number: {labels}", warn=False)
    return replace(_taken(layout, kept), remarks=(*layout.remarks, told))


def _told(arms: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[Remark]:
    """Which arms were compared, and which control arms serve twice."""
    kinds = dict.fromkeys(f"{arms[first]} with {arms[second]}" for first, second in pairs)
    remarks = [Remark(f"one row for each arm was read, and the arms compared: {listing(kinds)}", warn=False)]
    controls = [second for _, second in pairs]
    if len(set(controls)) < len(controls):
        told = "a control arm serves several comparisons, whose errors are correlated"
        remarks.append(Remark(f"{told}: all models but ThreeLevel() treat them as independent"))
    return remarks


def _check_reference(arm: str, arms: Sequence[str], reference: Reference) -> None:
    """Refuse references that no row names."""
    words = [reference] if isinstance(reference, str) else [*(reference or {}), *(reference or {}).values()]
    there = {folded(name) for name in arms}
    for word in words:
        if folded(word) not in there:
            told = f"'{arm}' never names '{word}'"
            raise InputError(told, f"one of {listing(dict.fromkeys(arms))}", nearest(word, dict.fromkeys(arms)))


def _pairs(
    label: str, of_arm: dict[str, int], rows: Sequence[int], arm: str, reference: Reference
) -> list[tuple[int, int]]:
    """The rows of a study that are compared, the treated first."""
    if len(of_arm) < len(rows):
        raise InputError(
            f"'{label}' has {len(rows)} rows for {len(of_arm)} arms",
            "one row for each arm of a study on one outcome",
            f"a column 'outcome' or 'timepoint' that tells them apart, or another '{arm}'",
        )
    if isinstance(reference, Mapping):
        rule = {folded(one): folded(other) for one, other in reference.items()}
        where = {folded(name): row for name, row in of_arm.items()}
        found = [(where[one], where[other]) for one, other in rule.items() if one in where and other in where]
        if found:
            return found
    if len(of_arm) != 2:
        names = sorted(of_arm, key=lambda name: _is_control(name, reference))  # the control last
        example = f"reference={{{', '.join(f'{one!r}: {names[-1]!r}' for one in names[:-1])}}}"
        kept = f"frame[frame['{arm}'].isin({names[:1] + names[-1:]})] keeps two arms"
        advice = f"{example} names the control of each arm (rows that share one are correlated); {kept}"
        raise InputError(
            f"'{label}' has {len(names)} arm{'s' if len(names) > 1 else ''}: {listing(names)}",
            "two arms for each study",
            advice if len(names) > 1 else "a row for its other arm, or no row for it",
        )
    controls = [name for name in of_arm if _is_control(name, reference)]
    if len(controls) != 1:
        told = f"which arm of '{label}' is the control is not known: {listing(of_arm)}"
        raise InputError(told, "arm and reference", f"arm='{arm}', reference='{list(of_arm)[-1]}'")
    (treated,) = (name for name in of_arm if name != controls[0])
    return [(of_arm[treated], of_arm[controls[0]])]


def _is_control(name: str, reference: Reference) -> bool:
    if isinstance(reference, str):
        return folded(name) == folded(reference)
    return group_of(name) == "2" or folded(name) in _CONTROLS
