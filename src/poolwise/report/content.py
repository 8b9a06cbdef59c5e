"""What a report tells: the analysis, the answers, the prior panel, what outcomes borrow from one another."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, final

from poolwise.checks.borrowing import Borrowing
from poolwise.checks.prior_panel import PriorPanel
from poolwise.checks.publication_bias import PublicationBias, publication_bias
from poolwise.effects import Effects
from poolwise.quantities import Distribution
from poolwise.report import words
from poolwise.report.blocks import marked
from poolwise.report.section import Front
from poolwise.result import Result
from poolwise.settings import SMALL_K
from poolwise.show import method

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis
    from poolwise.analysis.simulation import Simulated


@final
@dataclass(frozen=True, eq=False)
class Content:
    """Everything that the files of one run are made from.

    Attributes
    ----------
    analysis : Analysis
        The question, the study table, the model, and what is to be reported.
    results : tuple of Result
        In the order of the tables.
    panel : PriorPanel, optional
        The same question under other priors on tau.
    borrowed : Borrowing, optional
        Each outcome of a joint fit beside a fit of its own.
    quick : bool
        Whether fewer draws were taken than the file asks for.
    seconds : float
        Wall time of the fits.
    characteristics : Simulated, optional
        What the methods do on tables whose truth is known.
    """

    analysis: Analysis
    results: tuple[Result, ...]
    panel: PriorPanel | None = None
    borrowed: Borrowing | None = None
    quick: bool = False
    seconds: float = 0.0
    characteristics: Simulated | None = None

    @property
    def effects(self) -> Effects:
        """The study table."""
        return self.analysis.effects

    @cached_property
    def publication_bias(self) -> PublicationBias | None:
        """What every method says of publication bias, where the file asks for it."""
        wanted = self.analysis.publication_bias
        if wanted is None:
            return None
        prob = self.analysis.prob
        return publication_bias(self.effects, direction=wanted.direction, unit=wanted.unit, prob=prob)

    @property
    def main(self) -> Result:
        """The result that the figures show: the first posterior of the stated model, else its last result."""
        stated = [one for one in self.results if type(one.model) is type(self.analysis.model)]
        posteriors = [one for one in (*stated, *self.results) if _is_posterior(one)]
        return posteriors[0] if posteriors else (stated or self.results)[-1]

    @property
    def beside(self) -> tuple[Result, ...]:
        """The frequentist result of the same model, or else of any, drawn beside the main one; the table has all."""
        others = [one for one in self.results if not _is_posterior(one) and one is not self.main]
        alike = [one for one in others if type(one.model) is type(self.analysis.model)]
        return tuple((alike or others)[:1])

    @property
    def posterior(self) -> Result | None:
        """The result whose draws are kept: the last one of the main model that has any."""
        candidates = [one for one in self.results if one.tree is not None and one.model == self.main.model]
        return candidates[-1] if candidates else None

    @property
    def few(self) -> bool:
        """Whether there are fewer than 5 studies, so that one prior alone is never shown first."""
        return self.effects.k < SMALL_K

    @property
    def outcome(self) -> str:
        """The outcomes in words; empty when none is named."""
        return ", ".join(filter(None, self.effects.outcomes))

    @property
    def data_label(self) -> str:
        """``"reconstructed"``, ``"reported"`` or ``"simulated"``."""
        return self.main.data_label

    @property
    def caption_note(self) -> str:
        """What a caption adds where the data are reconstructed."""
        return " (reconstructed data)" if self.effects.reconstructed else ""

    def front(self) -> Front:
        """What the page says before and after its sections."""
        seeded = [result for result in self.results if result.report.seed is not None]
        seeds = [f"{method(result.label)}: {result.report.seed}" for result in seeded]
        return Front(
            kind="Meta-analysis report",
            title_note=" (reconstructed)" if self.effects.reconstructed else "",
            banner=words.RECONSTRUCTED if self.effects.reconstructed else "",
            caution=words.few(self.effects.k, self.panel is not None) if self.few else "",
            data=marked("hash <code>{digest}</code>", digest=self.effects.data_hash),
            seeds="; ".join(seeds) or "none needed",
        )

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of data, fits, seeds and versions; JSON values."""
        versions = {name: number for result in self.results for name, number in result.report.versions.items()}
        return {
            "data": {
                "title": self.effects.title,
                "outcome": self.outcome,
                "k": self.effects.k,
                "scale": self.effects.scale.name,
                "label": self.data_label,
                "hash": self.effects.data_hash,
                "citation": self.effects.citation,
            },
            "fits": [
                {
                    "label": result.label,
                    "model": result.model.label,
                    "engine": result.engine_label,
                    "settings": repr(result.engine),
                    "prior": result.prior,
                    "status": result.report.status,
                    "seed": result.report.seed,
                    "seconds": round(result.report.seconds, 6),
                }
                for result in self.results
            ],
            "seeds": [result.report.seed for result in self.results if result.report.seed is not None],
            "versions": {"poolwise": version("poolwise"), "python": platform.python_version()} | versions,
        }


def _is_posterior(result: Result) -> bool:
    """Whether its answers are posteriors."""
    return isinstance(result[result.answers[0]], Distribution)
