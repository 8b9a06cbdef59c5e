"""Columns that carry labels put into one order, by label; never by place while the labels say otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from poolwise.errors import InputError, closest, listing
from poolwise.intake.columns import Block, Column, Labels, Table
from poolwise.intake.labels import entry

BY_PLACE = "one index for all, or .to_numpy() and .reset_index(drop=True) where the order is right as it is"


@dataclass(frozen=True, eq=False)
class Part:
    """One thing handed in: what it is called, how many rows it has, the labels that these carry.

    Attributes
    ----------
    name : str
    size : int
    labels : Labels or None
    """

    name: str
    size: int
    labels: Labels | None


def parts_of(name: str, given: Column | Table | Block) -> list[Part]:
    """The parts whose labels count: a column, a frame as one, a mapping as its columns."""
    if not isinstance(given, Table):
        return [Part(name, len(given), given.labels)]
    if given.labels is not None and given.columns:
        return [Part(name, len(given.labels.names), given.labels)]
    return [Part(own_name(name, own), len(column), column.labels) for own, column in given.columns.items()]


def own_name(name: str, own: str) -> str:
    """What a column of a mapping is called: ``moderators['dose']``."""
    return f"{name}['{own}']"


def orders(parts: Sequence[Part], study: Column | None) -> dict[str, tuple[int, ...]]:
    """For each part whose rows stand in another order, the place of each row in that part.

    Labels are compared with the study labels first; what does not carry study labels is compared with one another.

    Parameters
    ----------
    parts : sequence of Part
        All that has one row for each study, study labels excepted; what is estimated comes first.
    study : Column or None
        The study labels.

    Returns
    -------
    dict of str to tuple of int
        By the name of the part; parts that stand as they are do not occur.

    Raises
    ------
    InputError
        Naming the labels that disagree; for a difference in order where something without labels stands beside it, so
        that nobody knows which order is meant.
    """
    k = parts[0].size
    own = study.labels if study is not None and len(study) == k else None
    labelled = [part for part in parts if part.labels is not None and part.size == k]
    if all(labels is None or labels.kind == "default" for labels in (own, *(part.labels for part in labelled))):
        return {}
    names: tuple[str, ...] = ()
    if study is not None and len(study) == k:
        names = tuple(entry(cell, "study", row) for row, cell in enumerate(study.cells))
    by_study = [part for part in labelled if names and _same_names(part.labels, names)]
    rest = [part for part in labelled if part not in by_study]
    result = {part.name: _order(part.labels, names, part.name, "study") for part in by_study}
    if own is not None and own.kind != "default":
        _check_contradiction(names, own)
        rest = [Part("study", k, own), *rest]
    elif names:
        _check_strangers(rest, by_study, names, parts[0])
    plain = [part.name for part in parts if part.labels is None]
    result |= _by_index(rest, plain, alone=parts[0].labels is None)
    result = {name: order for name, order in result.items() if order != tuple(range(k))}
    beside = plain + [part.name for part in rest if part.labels is not None and part.labels.kind == "default"]
    if parts[0].name in result and beside:
        raise InputError(
            f"{parts[0].name} is labelled in another order than study; without such labels: {listing(beside)}",
            "labels on every column",
            BY_PLACE,
        )
    return result


def _same_names(labels: Labels | None, names: tuple[str, ...]) -> bool:
    """Whether labels are the study labels in some order."""
    if labels is None or labels.kind == "default":
        return False
    return labels.names == names or (len(set(names)) == len(names) and sorted(labels.names) == sorted(names))


def _check_strangers(rest: list[Part], by_study: list[Part], names: tuple[str, ...], first: Part) -> None:
    """Refuse labels that look like study labels and are not those of the table."""
    folded = {name.casefold() for name in names}
    for part in rest:
        labels = part.labels
        if labels is None or labels.kind == "default":
            continue
        shared = any(name.casefold() in folded for name in labels.names)
        alone = labels.kind == "text" and (by_study or first.labels is None or first.labels.kind == "default")
        if not shared and not alone:
            continue
        if sorted(labels.names) == sorted(names):
            raise InputError(
                f"{part.name} is labelled {listing(labels.names)} and study is {listing(names)}, where labels repeat, "
                "so that rows cannot be told by them",
                "the order of study, or labels that occur once",
                BY_PLACE,
            )
        strange = [name for name in labels.names if name not in names]
        absent = [name for name in names if name not in labels.names]
        raise InputError(
            f"the labels of {part.name} are not the study labels: {listing(map(repr, strange or labels.names))} in "
            f"{part.name}, {listing(map(repr, absent or names))} in study",
            "the same labels",
            closest(strange[0], names) if strange and closest(strange[0], names) else BY_PLACE,
        )


def _by_index(labelled: list[Part], plain: list[str], *, alone: bool) -> dict[str, tuple[int, ...]]:
    """Orders of what carries an index, by the index of the first; `alone` where what is estimated carries none."""
    result: dict[str, tuple[int, ...]] = {}
    if not labelled or labelled[0].labels is None:
        return result
    first, reference = labelled[0].name, labelled[0].labels.names
    counted = any(part.labels is not None and part.labels.kind == "default" for part in labelled)
    if counted and plain:
        first, reference = "a column that is indexed 0, 1, 2, ...", tuple(map(str, range(labelled[0].size)))
    for part in labelled:
        order = _order(part.labels, reference, part.name, first)
        result[part.name] = order
        moved = alone and part.labels is not None and _is_permuted(part.labels)
        if plain and not counted and (moved or order != tuple(range(part.size))):
            told = f"{part.name} is indexed {listing(part.labels.names if part.labels else ())}"
            other = "" if part.name == first else f" and {first} in another order"
            raise InputError(
                f"{told}{other}; without an index: {listing(plain)}, so that rows may not belong together",
                "one index for all",
                BY_PLACE,
            )
    return result


def _is_permuted(labels: Labels) -> bool:
    """Whether labels are 0 to k - 1 in another order."""
    return labels.kind == "numbers" and sorted(labels.names) == sorted(map(str, range(len(labels.names))))


def _check_contradiction(names: tuple[str, ...], own: Labels) -> None:
    """Refuse an index of study labels beside study labels that say something else of the same row."""
    if own.kind == "text" and names != own.names and sorted(names) == sorted(own.names):
        raise InputError(
            f"study is {listing(names)} and its own index says {listing(own.names)}", "one of the two", BY_PLACE
        )


def _order(labels: Labels | None, reference: tuple[str, ...], name: str, first: str) -> tuple[int, ...]:
    """The place of each reference label among the labels of a part."""
    assert labels is not None
    if labels.names == reference:
        return tuple(range(len(reference)))
    place = {label: row for row, label in enumerate(labels.names)}
    absent = [label for label in reference if label not in place]
    if absent or len(place) < len(reference):
        known = set(reference)
        strange = [label for label in labels.names if label not in known]
        told = (
            f": {listing(map(repr, strange))} in {name}, {listing(map(repr, absent))} in {first}"
            if absent
            else f": in {name} a label occurs twice"
        )
        raise InputError(
            f"{first} and {name} have different indexes, so their rows may not belong together{told}",
            "columns of one frame",
            f"Effects.from_frame(...), or {BY_PLACE}",
        )
    return tuple(place[label] for label in reference)


def order_of(labels: tuple[str, ...], reference: tuple[str, ...], what: str, other: str) -> list[int]:
    """The place of each reference label.

    Raises
    ------
    InputError
        For labels that are not the same, or occur twice.
    """
    if sorted(labels) != sorted(reference) or len(set(labels)) < len(labels):
        raise InputError(
            f"{what} are labelled {listing(labels)} and {other} {listing(reference)}", "the same labels, each once"
        )
    return [labels.index(label) for label in reference]


def arranged[Given: (Column, Table, Block)](given: Mapping[str, Given], study: Column | None) -> dict[str, Given]:
    """Everything in the order of the study labels, or of the first column that carries labels.

    Parameters
    ----------
    given : mapping of str to Column, Table or Block
        All that has one row for each study, study labels excepted; the first is what is estimated.
    study : Column or None
        The study labels.

    Returns
    -------
    dict
        The same names.

    Raises
    ------
    InputError
        Naming labels that disagree.
    """
    changed = orders([part for name, own in given.items() for part in parts_of(name, own)], study)
    if not changed:
        return dict(given)
    result = {}
    for name, own in given.items():
        if isinstance(own, Table) and name not in changed:
            same = tuple(range(len(next(iter(own.columns.values()), ()))))
            columns = {key: c.taken(changed.get(own_name(name, key), same)) for key, c in own.columns.items()}
            result[name] = Table(columns, own.labels)
        else:
            result[name] = own.taken(changed[name]) if name in changed else own
    return result
