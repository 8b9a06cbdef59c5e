"""What a page over several analyses tells."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

from poolwise.report.blocks import marked
from poolwise.report.content import Content
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Front
from poolwise.show import and_list

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

type Part = Content | RangesContent


@final
@dataclass(frozen=True, eq=False)
class JointContent:
    """Several analyses that make one paper.

    Attributes
    ----------
    parts : tuple of Content or RangesContent
        One for each analysis, in the order of the files.
    analysis : Analysis
        The first one, with the titles, questions, files and hashes of all.
    """

    parts: tuple[Part, ...]
    analysis: Analysis

    @property
    def characteristics(self) -> None:
        """Each analysis has its own, on its own page."""
        return None

    @property
    def quick(self) -> bool:
        """Whether any took fewer draws than its file asks for."""
        return any(part.quick for part in self.parts)

    @property
    def seconds(self) -> float:
        """Wall time of all fits."""
        return sum(part.seconds for part in self.parts)

    @property
    def data_label(self) -> str:
        """The words on the data, each once."""
        return and_list([*dict.fromkeys(part.data_label for part in self.parts)])

    def front(self) -> Front:
        """What the page says before and after its sections."""
        made = [part for part in self.parts if part.data_label == "reconstructed"]
        which = "every analysis" if len(made) == len(self.parts) else and_list([part.analysis.title for part in made])
        banner = (
            f"The study tables of {which} were reconstructed from published figures; no row of them is a real study. "
            "Where an analysis ran over many tables, its numbers are ranges, and a share of tables is no probability."
        )
        hashes = ", ".join(part.analysis.data_hash for part in self.parts)
        return Front(
            kind=f"Meta-analysis report over {len(self.parts)} analyses",
            title_note="",
            banner=banner if made else "",
            caution="",
            data=marked("hashes <code>{digest}</code>", digest=hashes),
        )

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of the data, fits and versions of every analysis; JSON values."""
        each = [part.facts() for part in self.parts]
        versions = {name: number for one in each for name, number in one["versions"].items()}
        data = [{"source": part.analysis.source, **one["data"]} for part, one in zip(self.parts, each, strict=True)]
        return {"data": data, "fits": [one["fits"] for one in each], "versions": versions}


def joined(parts: Sequence[Part]) -> JointContent:
    """Several analyses as one.

    Parameters
    ----------
    parts : sequence of Content or RangesContent
        In the order of the page.
    """
    analyses = [part.analysis for part in parts]
    together = replace(
        analyses[0],
        name="report",
        title=" · ".join(one.title for one in analyses) if len(analyses) < 4 else f"{len(analyses)} analyses together",
        question=" ".join(dict.fromkeys(one.question for one in analyses)),
        source=", ".join(one.source for one in analyses),
        spec_hash=hashlib.sha256("".join(one.spec_hash for one in analyses).encode()).hexdigest(),
        inputs=tuple(dict.fromkeys(path for one in analyses for path in one.inputs)),
    )
    return JointContent(tuple(parts), together)
