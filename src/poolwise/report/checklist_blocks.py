"""Checklists as tables of a page, whatever the kind of the report."""

from __future__ import annotations

from collections.abc import Mapping

from poolwise.report.blocks import Block, Column, Paragraph, Table, rows
from poolwise.report.checklists import LISTS, filled, title
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
    for name, (_, key, items) in LISTS.items():
        if key == "prisma" or bayesian:
            frame = filled(items, facts)
            frames[name] = frame.assign(data=data)
            cells = ((str(row["item"]), str(row["asks"]), str(row["told"])) for row in frame.to_dict("records"))
            columns = (Column("Item"), Column("What is to be told"), Column("What was done", head="wide"))
            doi = REFERENCES[key].doi
            blocks.append(Table(columns, rows(cells), f"{title(name)}, {doi}."))
    return Passage("Checklists", tuple(blocks), tables=frames)
