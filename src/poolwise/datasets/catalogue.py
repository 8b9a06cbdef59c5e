"""Data sets by name: each is one CSV of numbers and one TOML of words."""

from __future__ import annotations

import csv
import io
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, PoolwiseWarning, nearest, shown
from poolwise.intake.rows import EVENTS, TOTALS
from poolwise.measures.tables import log_risk_ratio

Array = NDArray[np.float64]

_FIGURES = ("d", "se", "q", "i2_percent", "d_re")


@final
@dataclass(frozen=True)
class Dataset:
    """What a packaged data set is and whom to cite.

    Attributes
    ----------
    name, title : str
        Name to load it by, and what it is.
    scale : str
        Name of the analysis scale: ``"log RR"``, ``"SMD"``, ``"MD"``.
    k : int
        Number of estimates.
    citation, doi : str
        The paper the numbers come from.
    columns : mapping of str to str
        What each column of `frame` holds, with its unit.
    published : mapping of str to str
        What each column of the published aggregates holds; empty when there are none.
    source, licence : str
        Where the numbers were taken from, and on what footing they are given here.
    provenance : str
        ``"reported"`` or ``"reconstructed"``.
    directions : tuple of str
        Words for effects below and above the null value.
    notes : tuple of str
        What a user has to know before using the numbers.
    roles : mapping
        Which columns `load` makes y, se or v, study, moderators, outcome and n from, and by which measure; of a table
        of statistics the study and the target.
    """

    name: str
    title: str
    scale: str
    k: int
    citation: str
    doi: str
    columns: Mapping[str, str]
    published: Mapping[str, str]
    source: str
    licence: str
    provenance: str
    directions: tuple[str, str]
    notes: tuple[str, ...]
    roles: Mapping[str, Any] = field(repr=False)


def names() -> list[str]:
    """The names of the packaged data sets, in alphabetical order.

    Returns
    -------
    list of str

    Examples
    --------
    >>> names()[:4]
    ['assink2016', 'bcg', 'egger2001', 'eight_schools']
    """
    entries = (files("poolwise.datasets") / "data").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def describe(name: str) -> Dataset:
    """What a data set is: scale, k, citation, columns, source, notes.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If no data set has that name; the message offers the nearest.

    Examples
    --------
    >>> describe("bcg").doi
    '10.1001/jama.1994.03510330076038'
    """
    words = tomllib.loads(_text(name, ".toml"))
    return Dataset(
        name=name,
        title=words["title"],
        scale=words["scale"],
        k=len(frame(name)),
        citation=words["citation"],
        doi=words["doi"],
        columns=MappingProxyType(words["columns"]),
        published=MappingProxyType(words.get("published", {})),
        source=words["source"],
        licence=words["licence"],
        provenance=words["provenance"],
        directions=(words["directions"][0], words["directions"][1]),
        notes=tuple(words["notes"]),
        roles=MappingProxyType(words["roles"]),
    )


def frame(name: str) -> pd.DataFrame:
    """The columns of a data set as packaged: counts, estimates, moderators, one row for each study.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    DataFrame
        Columns as in ``describe(name).columns``.

    Raises
    ------
    InputError
        If no data set has that name; the message offers the nearest.

    Examples
    --------
    >>> frame("bcg")[["tpos", "tneg"]].iloc[0].tolist()
    [4, 119]
    """
    return pd.DataFrame({column: _typed(cells) for column, cells in _columns(name, ".csv").items()})


def load(name: str) -> Effects:
    """A packaged data set as a study table, ready to fit.

    For ``"bcg"`` estimates and variances are computed from the 2 x 2 counts (see ``effect_size("RR", ...)``), for
    ``"molloy2014"`` from correlations, for ``"normand1999"`` from means of two groups and for ``"gibson2002"`` from
    means or tables (see `Effects.from_statistics`; `Effects.explain` tells each number); for the others they are as
    packaged. ``"working_alliance"`` holds three outcomes, to be had one at a time with ``select(outcome=...)``, and is
    reconstructed: see ``describe("working_alliance").notes``. ``"assink2016"`` holds several effects of each study,
    whose names repeat in `Effects.study_as_given`.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Effects
        With scale, moderators, outcome, sample sizes, citation and provenance as packaged.

    Raises
    ------
    InputError
        If no data set has that name; the message offers the nearest.

    Examples
    --------
    >>> load("bcg").k
    13
    """
    words, table = describe(name), frame(name)
    roles = words.roles
    if roles["measure"] == "statistics":
        return _from_statistics(words, table)
    numbers = _MEASURES[roles["measure"]](table, roles)
    return Effects(
        numbers["y"],
        se=numbers.get("se"),
        v=numbers.get("v"),
        study=list(table[roles["study"]]),
        study_as_given=list(table[roles["study"]]),
        moderators=_moderators(table, roles),
        outcome=list(table[roles["outcome"]]) if "outcome" in roles else None,
        n=table[roles["n"]].sum(axis=1).to_numpy(dtype=float) if "n" in roles else None,
        scale=words.scale,
        provenance=words.provenance,
        title=words.title,
        citation=f"{words.citation} doi:{words.doi}",
        directions=words.directions,
        notes=words.notes[:1] if words.provenance == "reconstructed" else (),
    )


def published(name: str) -> pd.DataFrame:
    """The aggregates that a paper printed, with the rounding of each figure.

    Parameters
    ----------
    name : str
        A data set with published aggregates: ``"working_alliance"``.

    Returns
    -------
    DataFrame
        One row for each printed row, columns as in ``describe(name).published``: figures as numbers,
        ``<figure>_decimals`` the decimals that each is printed with, ``p`` as the text printed
        (``"<.001"``). ``attrs`` holds title, citation, scale and directions. Rows of one outcome go
        straight into `poolwise.reconstruct`.

    Raises
    ------
    InputError
        If the data set is unknown or has no published aggregates.

    Examples
    --------
    >>> table = published("working_alliance")
    >>> float(table["q"][1]), int(table["q_decimals"][1])
    (0.94, 3)
    """
    words = describe(name)
    if not words.published:
        having = [other for other in names() if describe(other).published]
        raise InputError(f"no published aggregates are packaged for '{name}'", f"one of {', '.join(having)}")
    table = pd.DataFrame(_columns(name, "_published.csv"))
    printed = {figure: table[figure] for figure in _FIGURES}
    table = table.assign(
        k=pd.to_numeric(table["k"], errors="coerce").astype("Int64"),
        share=pd.to_numeric(table["share"], errors="coerce"),
        **{figure: pd.to_numeric(text, errors="coerce") for figure, text in printed.items()},
        **{f"{figure}_decimals": text.map(_decimals).astype("Int64") for figure, text in printed.items()},
    )
    table.attrs = {
        "title": words.title.removesuffix(" (reconstructed)"),
        "citation": f"{words.citation} doi:{words.doi}",
        "scale": words.scale,
        "directions": words.directions,
    }
    return table


def _from_statistics(words: Dataset, table: pd.DataFrame) -> Effects:
    """A study table from the statistics that its reports print; what is noticed stands in its notes, without warning.

    Packaged numbers have been held against their source: an odd standard deviation is one that was printed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)
        return Effects.from_statistics(
            table,
            target=words.roles["target"],
            study=words.roles["study"],
            moderators=tuple(words.roles.get("moderators", ())),
            title=words.title,
            citation=f"{words.citation} doi:{words.doi}",
            directions=words.directions,
        )


def _moderators(table: pd.DataFrame, roles: Mapping[str, Any]) -> pd.DataFrame | None:
    """The moderators, and the counts of two arms under the names that `BinomialNormal` knows."""
    found = table[roles["moderators"]] if roles.get("moderators") else None
    if "counts" not in roles:
        return found
    a, b, c, d = (table[column] for column in roles["counts"])
    counts = pd.DataFrame(dict(zip((*EVENTS, *TOTALS), (a, c, a + b, c + d), strict=True)))
    return counts if found is None else found.join(counts)


def _from_counts(table: pd.DataFrame, roles: Mapping[str, Any]) -> dict[str, Array]:
    a, b, c, d = (table[column].to_numpy(dtype=float) for column in roles["counts"])
    y, v = log_risk_ratio(a=a, b=b, c=c, d=d)
    return {"y": y, "v": v}


def _from_estimates(table: pd.DataFrame, roles: Mapping[str, Any]) -> dict[str, Array]:
    return {part: table[roles[part]].to_numpy(dtype=float) for part in ("y", "se", "v") if part in roles}


_MEASURES: dict[str, Callable[[pd.DataFrame, Mapping[str, Any]], dict[str, Array]]] = {
    "risk ratio from counts": _from_counts,
    "estimates": _from_estimates,
}


def _decimals(text: str) -> int | None:
    return len(text.partition(".")[2]) if text else None


def _columns(name: str, ending: str) -> dict[str, list[str]]:
    """The cells of a packaged CSV as text, by column."""
    header, *rows = csv.reader(io.StringIO(_text(name, ending)))
    return {column: [row[i] for row in rows] for i, column in enumerate(header)}


def _typed(cells: list[str]) -> list[int] | list[float] | list[str]:
    """Cells as whole numbers or numbers where all of them are, empty ones as NaN; float() reads every digit."""
    try:
        return [int(cell) for cell in cells]
    except ValueError:
        pass
    try:
        numbers = [float(cell) if cell else np.nan for cell in cells]
    except ValueError:
        return cells
    return cells if np.isnan(numbers).all() else numbers


def _text(name: str, ending: str) -> str:
    if not isinstance(name, str) or name not in names():
        raise InputError(f"no data set is called {shown(name)}", advice=nearest(str(name), names()))
    return (files("poolwise.datasets") / "data" / f"{name}{ending}").read_text(encoding="utf-8")
