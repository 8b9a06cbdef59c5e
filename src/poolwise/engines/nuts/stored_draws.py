"""Runs of a sampler that are kept, so that a batch of fits which was killed need not repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, final

from poolwise.effects import Effects
from poolwise.engines.draws.tree import words_of
from poolwise.engines.environment import versions
from poolwise.engines.nuts.samplers import Chains
from poolwise.engines.nuts.settings import PACKAGES, Settings
from poolwise.model import Model
from poolwise.priors import Density, OfDistribution
from poolwise.pymc_models.tables import table_of

OF_NO_MATTER = ("cores", "progress")
"""Settings that change no draw."""


@final
@dataclass(frozen=True, eq=False)
class Drawn:
    """A run of a sampler, and what belongs to it in a report.

    Attributes
    ----------
    chains : Chains
    notes : tuple of str
        What to tell about the run.
    settings : mapping of str to float
        The settings that it had in the end.
    earlier : float
        Seconds that it took when it was made, where that was earlier.
    """

    chains: Chains
    notes: tuple[str, ...] = ()
    settings: Mapping[str, float] = field(default_factory=dict)
    earlier: float = 0.0


class Place(Protocol):
    """Where the run of one fit is kept."""

    def take(self, facts: Mapping[str, str]) -> Drawn | None:
        """The run that is kept, if it was made from these facts."""

    def put(self, facts: Mapping[str, str], drawn: Drawn) -> None:
        """Keep a run, whole or not at all."""


class Folder(Protocol):
    """Where the runs of several fits are kept: `poolwise.KeptFits`."""

    def place(self, name: str) -> Place:
        """The place of one fit."""


def name_of(model: Model, engine: Settings) -> str:
    """The name of a fit among others of its table.

    It has no label in it: a fit that is only called otherwise is the same fit. A quick run and a whole one keep their
    fits side by side.
    """
    return f"{model.label}, {engine.label}, {engine.draws} + {engine.tune} draws"


def facts(effects: Effects, model: Model, engine: Settings) -> dict[str, str]:
    """All that the draws depend on, in words: the data, the model, the engine with its seed, the versions.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    engine : Settings

    Returns
    -------
    dict of str to str
    """
    settings = {name: value for name, value in vars(engine).items() if name not in OF_NO_MATTER}
    seed = settings.pop("seed")
    took_part = versions("poolwise", "pymc", "numpy", *PACKAGES[engine.sampler])
    return {
        "data": effects.data_hash,
        "model": words_of(model),
        "engine": ", ".join(f"{name} = {value!r}" for name, value in settings.items()),
        "seed": str(seed),
        "unit of the draws": "the sampler's",
        "versions": ", ".join(f"{name} {number}" for name, number in took_part.items()),
    } | _densities(model)


def _densities(model: Model) -> dict[str, str]:
    """A digest of the log densities that the words of a model do not tell; none where there is no such prior."""
    brought = [prior for prior in model.named_priors.values() if isinstance(prior, Density | OfDistribution)]
    tables = [table_of(prior) for prior in brought]
    parts = [part for table in tables for part in (table.edges.tobytes(), table.powers.tobytes())]
    return {"densities": sha256(b"".join(parts)).hexdigest()} if parts else {}
