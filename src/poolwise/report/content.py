"""What a report tells: the question, the data, the answers, the prior panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from poolwise.effects import Effects
from poolwise.model import Model
from poolwise.quantities import Distribution
from poolwise.result import Result

if TYPE_CHECKING:
    from poolwise.checks.prior_panel import PriorPanel

FEW = 5


@final
@dataclass(frozen=True, eq=False)
class Content:
    """Everything that the files of one run are made from.

    Attributes
    ----------
    name, title, question, source : str
        Short name, title, question, and the name of the analysis file.
    effects : Effects
        The study table.
    model : Model
        The model, every prior explicit.
    results : tuple of Result
        In the order of the tables.
    panel : PriorPanel, optional
        The same question under other priors on tau.
    prob : float
        Probability of every interval.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.
    evidence : bool
        Whether the log evidence is reported.
    spec_hash : str
        SHA-256 of the analysis file.
    data_notes : tuple of str
        What a reader has to know about the data.
    quick : bool
        Whether fewer draws were taken than the file asks for.
    seconds : float
        Wall time of the fits.
    """

    name: str
    title: str
    question: str
    source: str
    effects: Effects
    model: Model
    results: tuple[Result, ...]
    panel: PriorPanel | None = None
    prob: float = 0.95
    rope: tuple[float, float] | None = None
    evidence: bool = False
    spec_hash: str = ""
    data_notes: tuple[str, ...] = ()
    quick: bool = False
    seconds: float = 0.0

    @property
    def main(self) -> Result:
        """The result that the figures show: the first with a posterior for mu, else the last one."""
        return next((one for one in self.results if isinstance(one["mu"], Distribution)), self.results[-1])

    @property
    def beside(self) -> tuple[Result, ...]:
        """The frequentist results of the same model, drawn beside the main one."""
        others = (one for one in self.results if not isinstance(one["mu"], Distribution))
        return tuple(one for one in others if one is not self.main and type(one.model) is type(self.model))

    @property
    def posterior(self) -> Result | None:
        """The result whose draws are kept: the last one of the main model that has any."""
        candidates = [one for one in self.results if one.tree is not None and one.model == self.main.model]
        return candidates[-1] if candidates else None

    @property
    def few(self) -> bool:
        """Whether there are fewer than 5 studies, so that one prior alone is never shown first."""
        return self.effects.k < FEW

    @property
    def outcome(self) -> str:
        """The outcomes in words; empty when none is named."""
        return ", ".join(dict.fromkeys(name for name in self.effects.outcome if name))

    @property
    def data_label(self) -> str:
        """``"reconstructed"``, ``"reported"`` or ``"simulated"``."""
        return self.main.data_label
