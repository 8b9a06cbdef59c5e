"""Checklists as tables of a page, whatever the kind of the report."""

from __future__ import annotations

from collections.abc import Mapping

from poolwise.report.blocks import Block, Column, Paragraph, Table, rows
from poolwise.report.checklists import LISTS, Item, filled, missing, title
from poolwise.report.references import REFERENCES
from poolwise.report.section import Passage

FILES = tuple(LISTS)
_LEAD = (
    "Each item is filled with what ran. What is missing is marked so, with what would answer it; some of it only the "
    "authors can tell."
)


def passage(facts: Mapping[str, str], *, bayesian: bool, data: str) -> Passage:
    """The checklists, those of Bayesian analyses where there is a posterior.

    Parameters
    ----------
    facts : mapping of str to str
        What ran, by the names that `checklists.Item` asks for.
    bayesian : bool
        Whether any fit has a posterior.
    data : str
        The word on the data, which every file says.
    """
    blocks: list[Block] = [Paragraph(_LEAD)]
    frames = {}
    told: dict[str, str] = {}
    for name, (_, key, items) in LISTS.items():
        if key == "prisma" or bayesian:
            frame = filled(items, facts)
            frames[name] = frame.assign(data=data)
            cells = [(one.number, one.asks, _once(one, facts, told, f"{key.upper()} {one.number}")) for one in items]
            columns = (
                Column("Item"),
                Column("What is to be told", head="asked"),
                Column("What was done", head="wide"),
            )
            doi = REFERENCES[key].doi
            blocks.append(Table(columns, rows(cells), f"{title(name)}, {doi}."))
    return Passage("Checklists", tuple(blocks), tables=frames)


def _once(item: Item, facts: Mapping[str, str], told: dict[str, str], place: str) -> str:
    """What answers an item; where an item before it told the same at length, which one. `told` grows."""
    parts = []
    for words in dict.fromkeys(facts[name] for name in item.facts if facts.get(name)):
        if words in told and (len(words) > _LONG or f"As at {told[words]}." in parts):
            parts.append(f"As at {told[words]}.")
        else:
            told.setdefault(words, place)
            parts.append(words)
    return " ".join(dict.fromkeys(parts)) or missing(item)


_LONG = 100
"""Characters above which a fact is told once."""
