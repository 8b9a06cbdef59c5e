"""What a report of ranges over reconstructed tables tells."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, final

from poolwise.checks.ranges import Ranges
from poolwise.errors import listing
from poolwise.report.blocks import marked
from poolwise.report.section import Front
from poolwise.show import percent

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis
    from poolwise.analysis.simulation import Simulated
    from poolwise.reconstruct import Reconstruction


@final
@dataclass(frozen=True, eq=False)
class RangesContent:
    """Everything that the files of one run over reconstructed tables are made from.

    Attributes
    ----------
    analysis : Analysis
        The question, the tables, the model.
    ranges : Ranges
        The answers over all tables.
    quick : bool
        Whether fewer draws were taken than the file asks for.
    seconds : float
        Wall time of the fits.
    extremes : Reconstruction, optional
        The tables that the search found.
    characteristics : Simulated, optional
        What the methods do on tables whose truth is known.
    """

    analysis: Analysis
    ranges: Ranges
    quick: bool = False
    seconds: float = 0.0
    extremes: Reconstruction | None = None
    characteristics: Simulated | None = None

    @property
    def drawn(self) -> str:
        """How the tables were drawn, in words."""
        tables = self.analysis.tables
        assert tables is not None
        return (
            f"{len(tables)} tables of {tables.k} studies, seed {tables.seed}: {percent(tables.acceptance)} of the "
            "tables proposed agreed with every published figure and had plausible studies "
            f"(standard errors {tables.plausible.se_min:g} to {tables.plausible.se_max:g}, "
            f"effects up to {tables.plausible.d_max:g})"
        )

    @property
    def leaning(self) -> str:
        """How far the extremes lean on the limits for single studies, in words; empty without a search."""
        tables = self.extremes
        if tables is None:
            return ""
        limits = tables.plausible
        at_se = ((tables.se > _TOUCHING * limits.se_max) | (tables.se * _TOUCHING < limits.se_min)).any(axis=1)
        at_d = (abs(tables.y) > _TOUCHING * limits.d_max).any(axis=1)
        weight = tables.se**-2.0
        extreme = int(at_d.sum())
        share = float((weight.max(axis=1) / weight.sum(axis=1)).max())
        return (
            f"The extremes lean on what a single study is allowed to be: of {len(tables)} tables found, "
            f"{int(at_se.sum())} have a study at a limit for standard errors ({limits.se_min:g} to {limits.se_max:g}) "
            f"and {extreme or 'none'} {'has' if extreme < 2 else 'have'} one at the limit for effects "
            f"({limits.d_max:g}); in the most lopsided one study has {percent(share)} of the weight. Narrower "
            "limits, with a reason for them (se_min, se_max, d_max in the file), give narrower ranges."
        )

    @property
    def data_label(self) -> str:
        """``"reconstructed"``."""
        return self.ranges.data

    def front(self) -> Front:
        """What the page says before and after its sections."""
        return Front(
            kind="Meta-analysis report: ranges over reconstructed tables",
            title_note=f" ({self.ranges.data})",
            banner=self._reconstructed(),
            caution=self._caution(),
            data=marked("hash of all tables <code>{digest}</code>", digest=self.analysis.data_hash),
        )

    def _reconstructed(self) -> str:
        """What a reader has to know first of the tables."""
        ranges = self.ranges
        searched = (
            f"{ranges.tables} drawn at random and {ranges.found} found by search for the lowest and the highest of "
            "every answer, "
            if ranges.found
            else ""
        )
        beyond = f". {self.leaning}" if ranges.found else ", and a table that was not drawn may lie outside a range."
        return (
            f"The study table behind this question is not public. Every fit was run on {ranges.tables + ranges.found} "
            f"tables of {ranges.k} studies, {searched}each of which agrees with every published figure to its "
            "rounding; no row of any of them is a real study. What is given is the range over these tables, never the "
            "answer of one. The tables are a set that the paper does not rule out, not a sample of what is probable: "
            f"a share of them is no probability{beyond}"
        )

    def _caution(self) -> str:
        """What a reader has to know about levels of few studies; empty where none can be that small."""
        levels = self.ranges.levels
        single = levels[levels["tables_with_one"] > 0]["level"].tolist()
        if not single:
            return ""
        return (
            f"In some tables one study is all there is of {listing(single)}. What is said of such a level rests on "
            "that study and on the prior."
        )

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of data, fits, verdicts, seeds and versions; JSON values."""
        analysis, ranges, tables = self.analysis, self.ranges, self.analysis.tables
        assert tables is not None
        packages = ("poolwise", "numpy", "scipy") + (("pymc", "nutpie") if len(ranges.nuts) else ())
        limits = tables.plausible
        return {
            "data": {
                "outcome": tables.published.outcome,
                "moderator": tables.factor,
                "tables": len(tables),
                "found": ranges.found,
                "plausible": {"se": [limits.se_min, limits.se_max], "d_max": limits.d_max},
                "k": tables.k,
                "seed": tables.seed,
                "acceptance": tables.acceptance,
                "scale": analysis.effects.scale.name,
                "label": ranges.data,
                "hash": analysis.data_hash,
                "citation": tables.published.citation,
            },
            "fits": [
                {"label": label, "engine": engine, "settings": settings, "status": status, "seconds": round(seconds, 6)}
                for label, engine, settings, status, seconds in ranges.fits
            ],
            "verdicts": [*filter(None, [ranges.panel_sentence]), *ranges.verdicts],
            "seeds": [tables.seed],
            "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
        }


_TOUCHING = 0.99
