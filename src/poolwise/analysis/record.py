"""What an analysis file becomes: the study table, the model, and every fit that will be run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from poolwise.coding import Flow, Protocol
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.nuts import NUTS
from poolwise.engines.nuts.run import accepts
from poolwise.fit import Engine
from poolwise.model import Model
from poolwise.model.publication import Direction
from poolwise.priors import Prior
from poolwise.reconstruct import Reconstruction

if TYPE_CHECKING:
    from poolwise.simulate.characteristics import Mechanism


@final
@dataclass(frozen=True)
class PlannedFit:
    """One fit of an analysis: what will be run, and what it will be called.

    Attributes
    ----------
    label : str
        Words for tables and figures; empty for the words that the engine finds.
    model : Model
        The model, every prior explicit where the engine uses priors.
    engine : Engine
        How it is computed.
    """

    label: str
    model: Model
    engine: Engine

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings of the engine that matter here and that a file can choose, by name."""
        names: tuple[str, ...] = ()
        if isinstance(self.engine, ClosedForm):
            names = ("tau2", "interval", "prediction") if self.model.pools else ("tau2", "interval")
            names = names if self.model.varies else ("interval",)
        elif isinstance(self.engine, NUTS):
            names = ("draws", "tune", "chains", "seed")
            names += ("sampler",) if self.engine.sampler != "nutpie" else ()
            chosen = {name: getattr(self.engine, name) for name in names}
            return chosen | {"target_accept": accepts(self.engine, self.model)}
        return {name: getattr(self.engine, name) for name in names}


@final
@dataclass(frozen=True)
class Panel:
    """The prior panel of an analysis.

    Attributes
    ----------
    priors : tuple of Prior, optional
        Priors on tau; the panel of the scale of effect when None.
    mu : Prior
        Prior on the mean effect, the same in every fit of the panel.
    unasked : bool
        Whether the file says that there be no panel, which with so few studies is shown all the same.
    """

    priors: tuple[Prior, ...] | None
    mu: Prior
    unasked: bool = False


@final
@dataclass(frozen=True)
class PlannedRefits:
    """What is fitted again to see how much hangs on one study, on the order of the studies, on one specification.

    Attributes
    ----------
    leave_one_out, specifications : bool
    cumulative : str, optional
        The order in which studies enter; None for no cumulative meta-analysis.
    """

    leave_one_out: bool = False
    cumulative: str | None = None
    specifications: bool = False


@final
@dataclass(frozen=True)
class PlannedBias:
    """The panel of methods for publication bias.

    Attributes
    ----------
    direction : {"positive", "negative"}
        In which direction results are likelier to be published.
    unit : float, optional
        What one standard deviation is in the unit of the effects; the scale's own when None.
    """

    direction: Direction
    unit: float | None = None


@final
@dataclass(frozen=True, eq=False)
class PlannedSimulation:
    """What the fits of a file are tried on: tables with the studies' own standard errors, whose truth is known.

    Attributes
    ----------
    methods : tuple of PlannedFit
        The fits of the file but for NUTS, each under a name of its own.
    designs : mapping of str to Effects
        Study tables that lend their standard errors, by name; several where tables are reconstructed.
    mu : tuple of float or None
        True mean effects on the analysis scale; None stands for the estimate of `main`.
    tau : tuple of float
        True between-study standard deviations.
    laws : tuple of str
        Of true effects.
    mechanisms : mapping of str to tuple of Mechanism
        What comes between studies and the table, by name; the first is none.
    main : PlannedFit
        The fit whose estimate is meant: the first exact one of the stated model, or else the last.
    replications, seed : int
        Tables of each truth, and their seed.
    prob, threshold : float
        Probability of the intervals, and what mu is compared with.
    without_nuts : bool
        Whether the file has a fit by NUTS, which is not tried.
    reconstructed : bool
        Whether the standard errors are those of reconstructed tables.
    """

    methods: tuple[PlannedFit, ...]
    designs: Mapping[str, Effects]
    mu: tuple[float | None, ...]
    tau: tuple[float, ...]
    laws: tuple[str, ...]
    mechanisms: Mapping[str, tuple[Mechanism, ...]]
    main: PlannedFit
    replications: int
    seed: int
    prob: float
    threshold: float
    without_nuts: bool
    reconstructed: bool

    @property
    def truths(self) -> int:
        """How many truths there are for each design."""
        return len(self.mu) * len(self.tau) * len(self.laws) * len(self.mechanisms)


@final
@dataclass(frozen=True, eq=False, repr=False)
class Analysis:
    """One scientific question, checked to the end.

    Attributes
    ----------
    name : str
        The file's name without its ending; the name of the folder of results.
    title, question : str
        The question in a line and in a sentence.
    source : str
        Name of the file.
    effects : Effects
        The study table; where tables are reconstructed, the first of them, which stands for what all have in common.
    model : Model
        The model, every prior explicit where a fit uses priors.
    fits : tuple of PlannedFit
        What will be run, in the order of the tables.
    panel : Panel, optional
        The prior panel, None when none is asked for.
    prob : float
        Probability of every interval.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.
    threshold : float
        Value on the analysis scale that probabilities of mean effects and the prior panel are about.
    evidence : bool
        Whether the log evidence is reported.
    spec_hash : str
        SHA-256 of the file.
    data_notes : tuple of str
        What a reader has to know about the data.
    tables : Reconstruction, optional
        The reconstructed tables, each of which every fit answers; None where there is one study table.
    nuts_tables : int
        Number of reconstructed tables that NUTS answers beside the exact engine.
    inputs : tuple of Path
        The files that it was read from, which no run writes beside.
    restarts : int
        Starts of the search for either end of each answer over reconstructed tables; 0 for no search.
    protocol : Protocol, optional
        The coding protocol that the study table comes from.
    flow : Flow, optional
        The flow of records and reports of the review.
    publication_bias : PlannedBias, optional
        The panel of methods for publication bias, None when none is asked for.
    refits : PlannedRefits
        What is fitted again.
    simulation : PlannedSimulation, optional
        What the methods are tried on, None when that is not asked for.
    """

    name: str
    title: str
    question: str
    source: str
    effects: Effects
    model: Model
    fits: tuple[PlannedFit, ...]
    panel: Panel | None = None
    prob: float = 0.95
    rope: tuple[float, float] | None = None
    threshold: float = 0.0
    evidence: bool = False
    spec_hash: str = field(default="", repr=False)
    data_notes: tuple[str, ...] = field(default=(), repr=False)
    tables: Reconstruction | None = field(default=None, repr=False)
    nuts_tables: int = 3
    inputs: tuple[Path, ...] = field(default=(), repr=False)
    restarts: int = 0
    protocol: Protocol | None = field(default=None, repr=False)
    flow: Flow | None = field(default=None, repr=False)
    publication_bias: PlannedBias | None = None
    refits: PlannedRefits = PlannedRefits()
    simulation: PlannedSimulation | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """The name, the number of studies and of fits."""
        made = ", reconstructed" if self.effects.reconstructed else ""
        panel = " and a prior panel" if self.panel is not None else ""
        fits = f"{len(self.fits)} fit{'s' if len(self.fits) > 1 else ''}"
        if self.tables is not None:
            made = f", {len(self.tables)} reconstructed tables"
        return f"<Analysis '{self.name}': k = {self.effects.k}{made}, {fits}{panel}>"

    @property
    def data_hash(self) -> str:
        """Hash of the study table, or of all reconstructed tables together, 16 hex digits."""
        if self.tables is None:
            return self.effects.data_hash
        return hashlib.sha256("".join(table.data_hash for table in self.tables).encode()).hexdigest()[:16]

    def statement(self) -> tuple[str, ...]:
        """The generative statement of the model that will run, a line each; no priors where no fit uses any."""
        if self.panel is not None or any(not isinstance(fit.engine, ClosedForm) for fit in self.fits):
            return self.model.statement()
        named = ("mu ~", "mu[g] ~", "tau ~", "tau[g] ~", "beta")
        return tuple(line for line in self.model.statement() if not line.startswith(named))
