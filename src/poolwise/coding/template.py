"""An empty protocol to fill in: a file with a column for each field and each statistic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poolwise.coding.fields import FIELDS
from poolwise.errors import InputError
from poolwise.measures.reports import DOMAINS, reported

_HEADERS = {"z": "z_value", "level": "ci_level"}  # a column z may be Fisher's, and a level many a thing
STATISTICS = tuple(_HEADERS.get(name, name) for name in (*reported(), "level"))
"""Names that `Effects.from_statistics` reads; a row fills those that its report states, others may be added."""

ROWS = 1000
"""Rows of the workbook that have drop-downs: more results than a protocol holds as a rule."""


def template(path: str | Path) -> Path:
    """Write an empty protocol, to be filled in and handed to `read`.

    Parameters
    ----------
    path : str or Path
        Ending in .xlsx (a sheet `results` with drop-downs, a sheet `fields` that explains them) or .csv (the header).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        For another ending, a file that exists already, and a folder that does not.
    """
    path = Path(path)
    ending = path.suffix.casefold()
    if ending not in (".csv", ".xlsx"):
        raise InputError(f"'{path.name}' as the template", "a name that ends in .xlsx or .csv", "protocol.xlsx")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder '{path.parent}' for the template", "a folder that exists")
    book = _workbook() if ending == ".xlsx" else None
    try:
        with path.open("xb") as file:
            if book is None:
                file.write((",".join(_header()) + "\n").encode())
            else:
                book.save(file)
    except FileExistsError:
        raise InputError(f"'{path}' exists already", "a new file: what was coded is not written over") from None
    return path


def _header() -> list[str]:
    return [*(own.name for own in FIELDS), *STATISTICS]


def _workbook() -> Any:
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    results = book.active
    results.title = "results"
    results.append(_header())
    results.freeze_panes = "A2"
    for place, own in enumerate(FIELDS, start=1):
        if own.words:
            words = DataValidation("list", formula1=f'"{",".join(own.words)}"', allow_blank=not own.needed)
            words.showErrorMessage = True
            letter = get_column_letter(place)
            words.add(f"{letter}2:{letter}{ROWS + 1}")
            results.add_data_validation(words)
    explained = book.create_sheet("fields")
    explained.append(["field", "meaning", "words", "needed"])
    for own in FIELDS:
        explained.append([own.name, own.meaning, ", ".join(own.words), "yes" if own.needed else "no"])
    names = {header: name for name, header in _HEADERS.items()}
    for header in STATISTICS:
        words = DOMAINS[names.get(header, header)].words
        explained.append([header, f"A statistic, where the report states it: {words}", "", "no"])
    return book
