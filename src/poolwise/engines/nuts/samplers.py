"""The samplers: nutpie, PyMC's own and numpyro, each given a PyMC model and its data, each read alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.nuts.compilation import compile_model
from poolwise.engines.nuts.settings import Settings
from poolwise.errors import ModelError

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Adaptation = Literal["diag", "low_rank"]
LEAST = 100
"""Draws of each chain below which an interrupted run keeps nothing: R-hat and ESS say nothing below that."""
MAX_DEPTH = 10  # of a trajectory, the default of all three

_ALIKE = ("diverging", "energy", "lp", "tree_depth", "n_steps", "acceptance_rate", "step_size")
_NUTPIE = {
    "lp": "logp",
    "tree_depth": "depth",
    "acceptance_rate": "mean_tree_accept",
    "reached_max_treedepth": "maxdepth_reached",
}


@final
@dataclass(frozen=True, eq=False)
class Template:
    """A PyMC model whose data may be exchanged.

    Attributes
    ----------
    make : callable
        Makes the model on a table of two rows, from the standard member of each family of priors: the start points of
        nutpie's chains then do not depend on which data came first.
    """

    make: Callable[[], pm.Model]

    @cached_property
    def compiled(self) -> Any:
        """The model as nutpie compiles it; once."""
        return compile_model(self.make())

    def with_data(self, **data: Any) -> Ready:
        """The model with these data and parameters of priors."""
        return Ready(self, data)


@final
@dataclass(frozen=True, eq=False)
class Ready:
    """A model with its data."""

    template: Template
    data: Mapping[str, Any]

    def compiled(self) -> Any:
        """For nutpie: compiled once for all data."""
        return self.template.compiled.with_data(**self.data)

    def model(self) -> pm.Model:
        """For the samplers that compile a model for each run."""
        import pymc as pm

        model = self.template.make()
        pm.set_data({name: np.asarray(value) for name, value in self.data.items()}, model=model)
        return model


@final
@dataclass(frozen=True, eq=False)
class Chains:
    """What one run drew.

    Attributes
    ----------
    parameters : mapping
        Draws of every variable of the PyMC model, in the sampler's unit, shape (chains, draws, ...).
    stats : mapping
        ArviZ's names of what the sampler watched, each of shape (chains, draws).
    interrupted : str
        What was kept of a run that was interrupted; empty for a whole one.
    """

    parameters: Mapping[str, Array]
    stats: Mapping[str, NDArray]
    interrupted: str = ""

    @property
    def divergences(self) -> int:
        """How often a trajectory diverged."""
        return int(self.stats["diverging"].sum())

    @property
    def count(self) -> int:
        """Number of chains."""
        return len(self.stats["diverging"])


def sampled(ready: Ready, settings: Settings, target_accept: float, *, adaptation: Adaptation = "diag") -> Chains:
    """One run of the sampler that the settings name.

    nutpie's mass matrix is diagonal, or of low rank beside its diagonal, which follows parameters that correlate: the
    coefficients of a moderator that is not centred took 260 steps a draw with the one and 7 with the other. The other
    samplers adapt a diagonal one.

    Parameters
    ----------
    ready : Ready
        The model with its data.
    settings : Settings
    target_accept : float
        Acceptance rate that the step size aims at.
    adaptation : str
        Of the mass matrix, by nutpie.

    Returns
    -------
    Chains
        In the unit of the model; shorter ones when the run was interrupted.

    Raises
    ------
    ModelError
        When the sampler finds no point to start from.
    KeyboardInterrupt
        When the run was interrupted before each of its chains had 100 draws.
    """
    if settings.sampler == "nutpie":
        return _by_nutpie(ready, settings, target_accept, adaptation)
    run = _by_pymc if settings.sampler == "pymc" else _by_numpyro
    try:
        return run(ready.model(), settings, target_accept)
    except _no_start() as error:
        raise _started_nowhere(error) from error


def _by_nutpie(ready: Ready, settings: Settings, target_accept: float, adaptation: Adaptation) -> Chains:
    import nutpie

    sampler = nutpie.sample(
        ready.compiled(),
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=settings.seed,
        target_accept=target_accept,
        progress_bar=settings.progress,
        adaptation=adaptation,
        save_warmup=False,
        blocking=False,
        return_raw_trace=True,
    )
    try:
        return _read_arrow(sampler.wait(), settings)
    except KeyboardInterrupt:
        return _read_arrow(sampler.abort(), settings)
    except RuntimeError as error:
        raise _started_nowhere(error) from error


def _read_arrow(trace: Any, settings: Settings) -> Chains:
    """The draws in nutpie's tables, one for each chain; a DataTree of them took a third of the time of a small fit."""
    drawn, watched = trace.get_arrow_trace()
    tuned = [int(np.asarray(one.column("tuning")).sum()) for one in watched]
    names = [name for name in drawn[0].column_names if not name.endswith("__")] if drawn else []
    parameters = {name: _columns(drawn, name, tuned) for name in names}
    stats = {name: _columns(watched, _NUTPIE.get(name, name), tuned) for name in _ALIKE}
    stats["reached_max_treedepth"] = _columns(watched, _NUTPIE["reached_max_treedepth"], tuned).astype(bool)
    return _whole(Chains(parameters, stats), settings)


def _columns(tables: Sequence[Any], name: str, tuned: Sequence[int]) -> NDArray:
    """A variable after tuning, shape (chains, draws, ...), filled up with NaN where an interrupted chain is shorter."""
    import pyarrow as pa  # type: ignore[import-untyped]

    columns = [table.column(name) for table in tables]
    shape = [int(n) for n in columns[0].field.metadata.get(b"shape", b"").decode().split(",") if n] if columns else []
    chains = []
    for table, column, first in zip(tables, columns, tuned, strict=True):
        values = pa.array(column)
        flat = values.flatten() if hasattr(values, "flatten") else values
        chains.append(flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, *shape)[first:])
    longest = max((len(one) for one in chains), default=0)
    if all(len(one) == longest for one in chains):
        return np.stack(chains) if chains else np.empty((0, 0))
    out = np.full((len(chains), longest, *shape), np.nan)
    for row, one in zip(out, chains, strict=True):
        row[: len(one)] = one
    return out


def _by_pymc(model: pm.Model, settings: Settings, target_accept: float) -> Chains:
    """One chain after the other, in this process: PyMC's workers would fork a process that has threads."""
    import pymc as pm

    asked, lengths = settings.draws + settings.tune, [0] * settings.chains

    def watch(trace: object, draw: Any) -> None:
        # PyMC ends one chain at an interrupt and begins the next one.
        if draw.chain > 0 and lengths[draw.chain - 1] < asked:
            raise KeyboardInterrupt
        lengths[draw.chain] += 1

    with model, warnings.catch_warnings():
        # A first step that is far too long; it is counted as a divergence, in tuning.
        warnings.filterwarnings("ignore", message="(overflow|invalid value) encountered", category=RuntimeWarning)
        try:
            tree = pm.sample(nuts_sampler="pymc", cores=1, callback=watch, nuts={"target_accept": target_accept},
                             **_same(settings))  # fmt: skip
        except ValueError as error:
            if "Not enough samples" in str(error):
                raise _too_few(0) from None
            raise
    return _read(tree, {"reached_max_treedepth": "reached_max_treedepth"}, settings)


def _by_numpyro(model: pm.Model, settings: Settings, target_accept: float) -> Chains:
    """All chains in one vectorized loop, which gives nothing before it ends."""
    import pymc as pm

    options = {"target_accept": target_accept, "chain_method": "vectorized"}
    with model, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        try:
            tree = pm.sample(nuts_sampler="numpyro", nuts=options, **_same(settings))
        except KeyboardInterrupt:
            raise KeyboardInterrupt("numpyro gives its draws all at once, so that nothing is kept") from None
    return _read(tree, {}, settings)


def _same(settings: Settings) -> dict[str, Any]:
    """What PyMC is told whatever the sampler."""
    return {
        "draws": settings.draws,
        "tune": settings.tune,
        "chains": settings.chains,
        "random_seed": settings.seed,
        "progressbar": settings.progress,
        "quiet": not settings.progress,
        "compute_convergence_checks": False,
    }


def _read(tree: Any, named: Mapping[str, str], settings: Settings) -> Chains:
    """The draws and, under ArviZ's names, what was watched; `named` are the sampler's own names where they differ."""
    found = tree["sample_stats"]
    stats = {name: np.asarray(found[named.get(name, name)].values) for name in _ALIKE}
    depth = named.get("reached_max_treedepth")
    stats["reached_max_treedepth"] = stats["tree_depth"] >= MAX_DEPTH if depth is None else found[depth].values
    drawn = {str(name): np.asarray(values.values) for name, values in tree["posterior"].data_vars.items()}
    return _whole(Chains(drawn, stats), settings)


def _whole(chains: Chains, settings: Settings) -> Chains:
    """The chains as they are, or the largest rectangle of them when the run was interrupted.

    The m longest chains, cut to the shortest of them, with the m that keeps most draws.
    """
    there = ~np.isnan(chains.stats["lp"])  # nutpie fills up what an interrupted chain lacks
    lengths = there.sum(axis=1)
    if there.shape == (settings.chains, settings.draws) and there.all():
        return chains
    order = np.argsort(-lengths, kind="stable")
    kept = lengths[order] * np.arange(1, len(order) + 1)
    m = int(np.argmax(kept)) + 1 if len(order) else 0
    length = int(lengths[order[m - 1]]) if m else 0
    if length < min(LEAST, settings.draws):
        raise _too_few(length)
    rows = np.sort(order[:m])
    told = (
        f"Interrupted: {m * length} of {settings.chains * settings.draws} draws kept, {length} in each of {m} "
        f"{'chain' if m == 1 else 'chains'}; fit again for all of them."
    )

    def cut(arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return {name: array[rows, :length] for name, array in arrays.items()}

    return Chains(cut(chains.parameters), cut(chains.stats), told)


def _too_few(length: int) -> KeyboardInterrupt:
    return KeyboardInterrupt(
        f"interrupted with {length} draws in a chain after tuning; below {LEAST} in each chain nothing is kept"
    )


def _no_start() -> type[Exception]:
    import pymc as pm

    return pm.exceptions.SamplingError


def _started_nowhere(error: Exception) -> ModelError:
    return ModelError(
        f"NUTS could not start near mu = inverse-variance mean of the effects and tau = their spread: {error}",
        "a posterior that is finite near the data",
        "a prior in the unit of the effects, or Exact(), which needs no start",
    )
