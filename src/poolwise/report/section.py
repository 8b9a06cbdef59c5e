"""A section of a report: what it says, the files that it writes, and when it has nothing to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, final

import pandas as pd

from poolwise.errors import AnalysisError, listing
from poolwise.report.blocks import Block

if TYPE_CHECKING:
    import xarray as xr

    from poolwise.analysis.record import Analysis
    from poolwise.analysis.simulation import Simulated


@final
@dataclass(frozen=True)
class Front:
    """What a page says before and after its sections, besides title and question.

    Attributes
    ----------
    kind : str
        Of which kind the report is.
    title_note : str
        What follows the title in the head of the page.
    banner, caution : str
        What a reader has to know first of the data, and of how much they can say; empty for nothing.
    data : str
        The hash of the data, in words.
    seeds : str, optional
        The seeds of the fits; None where they are told elsewhere.
    """

    kind: str
    title_note: str
    banner: str
    caution: str
    data: str
    seeds: str | None = None


class ReportContent(Protocol):
    """What every report is made from, whatever its kind."""

    @property
    def analysis(self) -> Analysis:
        """The question."""

    @property
    def quick(self) -> bool:
        """Whether fewer draws were taken than the file asks for."""

    @property
    def seconds(self) -> float:
        """Wall time of the fits."""

    @property
    def data_label(self) -> str:
        """The word on the data: ``"reported"``, ``"reconstructed"`` or ``"simulated"``."""

    @property
    def characteristics(self) -> Simulated | None:
        """What the methods do on tables whose truth is known, None where that is not asked for."""

    def front(self) -> Front:
        """What the page says before and after its sections."""

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of data, fits, seeds and versions; JSON values."""


@final
@dataclass(frozen=True, eq=False)
class Figure:
    """A picture of a section.

    Attributes
    ----------
    kind : str
        What it is, as its files say of themselves: ``"Forest plot"``.
    draw : callable
        Draws it without an argument, and returns the axes of a function of `poolwise.plot`: as wide as a page, and
        within ``plot.width("column")`` as wide as a column of print, for a phone.
    """

    kind: str
    draw: Callable[[], Any]


@final
@dataclass(frozen=True, eq=False)
class Passage:
    """What a section says of one run.

    Attributes
    ----------
    title : str
        Its heading.
    blocks : tuple of Block
        What stands below, in this order.
    tables : mapping of str to DataFrame
        The frames of its CSV files, by file name.
    figures : mapping of str to Figure
        Its pictures, by the name of their files without an ending.
    draws : mapping of str to DataTree
        Draws that are written as netCDF, by file name.
    """

    title: str
    blocks: tuple[Block, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    draws: Mapping[str, xr.DataTree] = field(default_factory=dict)


def _always(analysis: Analysis) -> bool:
    return True


@final
@dataclass(frozen=True, eq=False)
class Section[C: ReportContent]:
    """A section of a report of `C`. Names and plan are known before the first fit, what it says after the last.

    Attributes
    ----------
    name : str
        Its anchor on the page.
    passage : callable
        What it says of a run, None where it has nothing to say; called once. A check that no other section needs is
        run here.
    tables, figures, draws : tuple of str
        Names of every file that it may write. The folder of results is searched for them before the first fit, and
        nothing is written under another name.
    planned : callable
        Whether it belongs to the report on an analysis; elsewhere it is not called, and its names are not claimed.
    appendix : bool
        Whether it stands in the appendix, which is folded on a screen and open in print.
    end : bool
        Whether it stands at the end of the page, below the appendix.

    Examples
    --------
    >>> from poolwise.report.blocks import Paragraph
    >>> greeting = Section("greeting", lambda content: Passage("Greeting", (Paragraph("Good day."),)))
    """

    name: str
    passage: Callable[[C], Passage | None]
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()
    planned: Callable[[Analysis], bool] = _always
    appendix: bool = False
    end: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Names of every file that it may write."""
        return (*self.tables, *self.figures, *self.draws)

    def forms(self, figure: str) -> tuple[str, ...]:
        """The forms in which a figure is written: ``("svg", "png")``."""
        return tuple(name.rpartition(".")[2] for name in self.figures if name.rpartition(".")[0] == figure)

    def passage_of(self, content: C) -> Passage | None:
        """What it says of a run, once the names of its files are found to be those that it has stated.

        Parameters
        ----------
        content : ReportContent

        Returns
        -------
        Passage or None

        Raises
        ------
        AnalysisError
            When it would write under a name that was not known before the fits.
        """
        passage = self.passage(content)
        if passage is not None:
            unknown = [name for name in (*passage.tables, *passage.draws) if name not in self.files]
            unknown += [name for name in passage.figures if not self.forms(name)]
            if unknown:
                raise AnalysisError(
                    f"the section '{self.name}' of the report would write {listing(unknown)}",
                    f"names that it has stated: {listing(self.files) or 'none'}",
                    "stating every file in tables, figures or draws of the Section",
                )
        return passage
