"""The flow of a systematic review by PRISMA 2020, with its arithmetic checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import pandas as pd

from poolwise.errors import InputError, closest, listing, shown
from poolwise.settings import check_whole


@final
@dataclass(frozen=True)
class Flow:
    """Records and reports on their way from the search to the synthesis; each number is that of a box of the diagram.

    Attributes
    ----------
    identified : mapping of str to int
        Records found, by source (databases, registers, citations, ...).
    removed : mapping of str to int
        Records removed before screening, by reason (duplicates, ...).
    screened, excluded : int
        Records screened, and excluded by title and abstract.
    sought, not_retrieved : int
        Reports sought, and those that could not be had.
    assessed : int
        Reports assessed for eligibility.
    excluded_reports : mapping of str to int
        Reports excluded, by reason.
    reports, studies, samples : int
        Reports, studies and independent samples in the review: a study may have several reports, and several studies
        share a sample.

    Raises
    ------
    InputError
        Where the numbers do not follow from one another: every box at once, with what was found and expected.

    References
    ----------
    Page et al. 2021, BMJ 372:n71, figure 1, 10.1136/bmj.n71.

    Examples
    --------
    >>> flow = Flow({"databases": 120}, {"duplicates": 20}, 100, 52, 48, 0, 48, {"not eligible": 24}, 24, 21, 21)
    >>> flow.frame.tail(3)["n"].tolist()
    [24, 21, 21]
    """

    identified: Mapping[str, int]
    removed: Mapping[str, int]
    screened: int
    excluded: int
    sought: int
    not_retrieved: int
    assessed: int
    excluded_reports: Mapping[str, int]
    reports: int
    studies: int
    samples: int
    title: str = field(default="")

    def __post_init__(self) -> None:
        for name in ("identified", "removed", "excluded_reports"):
            if not isinstance(getattr(self, name), Mapping):
                raise InputError(f"{name} is {shown(getattr(self, name))}", "numbers by source or reason, {'...': 12}")
            for word, number in getattr(self, name).items():
                check_whole(f"{name}['{word}']", number, 0, 0, error=InputError)
        for name in ("screened", "excluded", "sought", "not_retrieved", "assessed", "reports", "studies", "samples"):
            check_whole(name, getattr(self, name), 0, 0, error=InputError)
        faults = [
            f"{box} is {found}, and {words} make {expected}"
            for box, found, words, expected in self._sums()
            if found != expected
        ]
        if self.studies > self.reports:
            faults.append(f"studies is {self.studies}, more than the {self.reports} reports of them")
        if self.samples > self.studies:
            faults.append(f"samples is {self.samples}, more than the {self.studies} studies of them")
        if faults:
            raise InputError("the flow does not add up: " + "; ".join(faults))

    def _sums(self) -> tuple[tuple[str, int, str, int], ...]:
        """Each box that follows from others: its name, its number, from what, and what it should be."""
        found, gone = sum(self.identified.values()), sum(self.removed.values())
        left, had = sum(self.excluded_reports.values()), self.sought - self.not_retrieved
        return (
            ("screened", self.screened, f"{found} identified less {gone} removed", found - gone),
            ("sought", self.sought, f"{self.screened} screened less {self.excluded}", self.screened - self.excluded),
            ("assessed", self.assessed, f"{self.sought} sought less {self.not_retrieved}", had),
            ("reports", self.reports, f"{self.assessed} assessed less {left} excluded", self.assessed - left),
        )

    def __repr__(self) -> str:
        """One line: the flow in a sentence."""
        return f"<Flow: {self.sentence}>"

    @property
    def sentence(self) -> str:
        """The flow in one sentence."""
        found = sum(self.identified.values())
        shared = f", {self.samples} independent samples" if self.samples != self.studies else ""
        return (
            f"Of {found} records identified, {self.screened} were screened and {self.assessed} reports assessed; "
            f"{self.reports} reports of {self.studies} studies are included{shared}."
        )

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each number: stage, box, n."""
        rows = [("identification", f"identified: {source}", n) for source, n in self.identified.items()]
        rows += [("identification", f"removed: {reason}", n) for reason, n in self.removed.items()]
        rows += [
            ("screening", "records screened", self.screened),
            ("screening", "records excluded", self.excluded),
            ("screening", "reports sought", self.sought),
            ("screening", "reports not retrieved", self.not_retrieved),
            ("screening", "reports assessed", self.assessed),
        ]
        rows += [("screening", f"reports excluded: {reason}", n) for reason, n in self.excluded_reports.items()]
        rows += [("included", name, getattr(self, name)) for name in ("reports", "studies", "samples")]
        return pd.DataFrame(rows, columns=["stage", "box", "n"])


def prisma(numbers: Mapping[str, object], *, title: str = "") -> Flow:
    """The flow of a small table: a number, or numbers by source or reason, for each box.

    Parameters
    ----------
    numbers : mapping of str to int or mapping
        ``identified``, ``removed``, ``screened``, ``excluded``, ``sought``, ``not_retrieved``, ``assessed``,
        ``excluded_reports``, ``reports``, ``studies`` and ``samples``. One number stands for one source or reason;
        ``not_retrieved`` is 0, and ``samples`` as many as ``studies``, where they are left out.
    title : str
        Words above the diagram.

    Returns
    -------
    Flow

    Raises
    ------
    InputError
        For a box that is missing or unknown, and numbers that do not add up.

    References
    ----------
    Page et al. 2021, BMJ 372:n71, 10.1136/bmj.n71.
    """
    if not isinstance(numbers, Mapping):
        raise InputError(
            f"the flow is {shown(numbers)}", "a mapping from the boxes to numbers", "{'screened': 120, ...}"
        )
    known = [name for name in Flow.__dataclass_fields__ if name != "title"]
    for name in numbers:
        if name not in known:
            raise InputError(f"the flow has no box '{name}'", listing(known, 20), closest(str(name), known))
    filled: dict[str, object] = {"not_retrieved": 0, "removed": {}, "samples": numbers.get("studies"), **numbers}
    missing = [name for name in known if filled.get(name) is None]
    if missing:
        raise InputError(f"the flow lacks {listing(missing)}", "a number for each box")
    words = {"identified": "records", "removed": "before screening", "excluded_reports": "not eligible"}
    for name, word in words.items():
        if not isinstance(filled[name], Mapping):
            filled[name] = {word: filled[name]}
    return Flow(**filled, title=title)  # type: ignore[arg-type]
