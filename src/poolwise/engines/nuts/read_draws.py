"""Draws that were made elsewhere, as a Result: from a PyMC model of ours, or from any sampler that names them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws
from poolwise.engines.draws.normal_tree import variable
from poolwise.engines.draws.tree import stream
from poolwise.engines.environment import versions
from poolwise.engines.nuts.limit_errors import sign_notes
from poolwise.engines.nuts.open_model import open_model
from poolwise.engines.nuts.planned import Reading, planned, refuse_known
from poolwise.engines.nuts.plans import AS_GIVEN, TYPICAL_MEAN, Plan
from poolwise.engines.nuts.row_models import LATENTS, RowReading, latent_of
from poolwise.engines.nuts.samplers import Chains
from poolwise.errors import ModelError, described, listing, shown
from poolwise.model import CrossedEffects, Model, remarks
from poolwise.model.publication import Publication
from poolwise.model.structure import NormalStructure
from poolwise.result import FitReport, Result

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
ELSEWHERE = "The draws were made elsewhere: what their sampler was given besides model and table is not known here."
NO_STATISTICS = "They came without the sampler's statistics, so that nothing is known of divergences."
OF_NORMAL = ("root", "x_mean", "x_sd", "shrunk_sd")
OF_ROWS = ("delta", "theta", "baseline", "omega", "beta")
SPREADS = ("tau", "sd[", "x_sd", "shrunk_sd", "mu_spread", "base_spread", "nu", "omega")
BOUNDS = {"pi": (0, 1), "delta": (-1, 1)}
WATCHED = {"diverging": (), "energy": (), "reached_max_treedepth": ("maxdepth_reached",)}


@final
@dataclass(frozen=True)
class ReadDraws:
    """What stands in the place of an engine where draws were made elsewhere: it cannot fit.

    Attributes
    ----------
    chains, draws : int
        How many were read.
    seed : int
        Of the true effects that were drawn given them.
    """

    label: ClassVar[str] = "draws from elsewhere"
    chains: int
    draws: int
    seed: int = 1

    def fit(self, effects: Effects, model: Model) -> Result:
        """Raise: no engine of this package made the draws."""
        raise ModelError("draws that were made elsewhere cannot be made again", "an engine", "pw.NUTS(), pw.Exact()")


def result_of(effects: Effects, model: Model, tree: object, seed: int) -> Result:
    """The result that draws of a model make.

    Parameters
    ----------
    effects : Effects
    model : Model
        One that NUTS knows.
    tree : DataTree, Dataset, or mapping of str to array_like
    seed : int
        Of what is drawn given the draws.

    Returns
    -------
    Result
    """
    start = time.perf_counter()
    effects = model.table(effects) if type(model) in LATENTS else effects
    resolved, arrays = model.resolved(effects), Arrays.of(tree)
    own, rng = open_model(effects, model), stream(effects, resolved, seed, use=1)
    theta = arrays.variable("theta", effects.labels) if "theta" in arrays.named else None
    reading: Reading | RowReading
    if type(resolved) in LATENTS:
        row = latent_of(effects, resolved, AS_GIVEN)
        before = resolved.before_selection(effects)
        if resolved.publication is not None and before is not None:
            arrays = _gathered_vectors(arrays, resolved.publication, before.coefficients)
        named = [name for name in resolved.named_priors if not name.startswith(("beta[", "omega["))]  # parts of vectors
        names = dict.fromkeys([*named, *(name for name in OF_ROWS if name in own)])
        drawn = _variables(arrays, own, list(names))
        reading, notes = RowReading.of(row, drawn, rng, theta), row.likelihood.notes
    else:
        road = planned(effects, resolved, unit=AS_GIVEN)
        means = road.plan.means
        refuse_known(means, resolved)
        arrays = _in_names_of_the_model(arrays, means.structure, resolved)
        drawn = _variables(arrays, own, _needed(road.plan, own))
        reading = Reading.of(_as_drawn(road.read(drawn, rng), arrays, theta))
        notes = means.design.notes if means.design is not None else ()
    stats, said = arrays.statistics()
    chains, engine = Chains(drawn, stats), ReadDraws(*arrays.shape, seed)
    numbers = reading.diagnosed(stats)
    report = FitReport(
        findings=reading.findings(numbers, chains),
        notes=(*effects.notes, *notes, *remarks(resolved, effects), *said, *sign_notes(reading.quantities, numbers)),
        diagnostics=numbers,
        seconds=time.perf_counter() - start,
        versions=versions("poolwise", "numpy"),
        seed=seed,
        data_hash=effects.data_hash,
    )
    return reading.result(chains, f"{model.label}, {engine.label}", engine, seed, report)


def _needed(plan: Plan, own: pm.Model) -> list[str]:
    """The variables of the PyMC model that its draws are read by."""
    names = [*plan.measured, *plan.free]
    if TYPICAL_MEAN not in names:
        names += [name for name in ("beta", "mu") if name in own][:1]
    return names + [name for name in own.named_vars if name in OF_NORMAL or name.startswith("pi[")]


def _variables(arrays: Arrays, own: pm.Model, names: Sequence[str]) -> dict[str, Array]:
    """These variables of the PyMC model, each of the shape that it has there.

    Raises
    ------
    ModelError
        When one is missing, of another shape, not finite, or negative where it is a standard deviation.
    """
    missing = [name for name in names if name not in arrays.named]
    if missing:
        raise ModelError(
            f"the draws have no {listing(missing)}; they have {listing(arrays.named)}",
            f"draws of {listing(names)}",
            "pw.pymc_model(effects, model), whose variables they are",
        )
    out = {}
    bounds = {} if "sign" in own else BOUNDS  # delta of a weight function has no upper end
    for name in names:
        dims = own.named_vars_to_dims.get(name)
        if dims is None:
            labels: Sequence[Sequence[object]] = [range(n) for n in own[name].shape.eval(mode="FAST_COMPILE")]
        else:
            labels = [own.coords.get(dim) or range(int(own.dim_lengths[dim].eval())) for dim in dims]
        out[name] = arrays.variable(name, *labels)
        if name.startswith(SPREADS) and not (out[name] >= 0.0).all():
            raise ModelError(f"{name} has draws below 0, the least {out[name].min():g}", "standard deviations")
        low, high = bounds.get(name, (-np.inf, np.inf))
        if not ((out[name] >= low) & (out[name] <= high)).all():
            raise ModelError(f"{name} has draws from {out[name].min():g} to {out[name].max():g}", f"{low} to {high}")
    return out


def _in_names_of_the_model(arrays: Arrays, structure: NormalStructure, model: Model) -> Arrays:
    """Draws as our own trees name them, under the names of the PyMC model: a known mean, factors, correlations."""
    named, stated, names = dict(arrays.named), structure.stated, structure.coefficients
    stem, labels = names[0].partition("[")[0], [name.partition("[")[2].removesuffix("]") for name in names]
    if set(names) <= set(stated):
        values = np.broadcast_to([stated[name] for name in names], (*arrays.shape, len(names)))
        named.setdefault(stem, values if names[0] != stem else values[..., 0])
    if isinstance(model, CrossedEffects) and "tau_of" in named:
        each = np.moveaxis(arrays.variable("tau_of", model.factors), -1, 0)
        named |= {f"tau[{f}]": x for f, x in enumerate(each) if f"tau[{f}]" not in named}
    if "gamma" in named and structure.gammas:
        labels_of_scale = [name.partition("[")[2].removesuffix("]") for name in structure.gammas]
        each = np.moveaxis(arrays.variable("gamma", labels_of_scale), -1, 0)
        named |= {name: x for name, x in zip(structure.gammas, each, strict=True) if name not in named}
    if "pi" in named and structure.gaps is not None:
        pi, first = arrays.variable("pi", structure.gaps.labels), 0
        for j, levels in enumerate(structure.gaps.levels):
            named.setdefault(f"pi[{j}]", pi[..., first : first + len(levels)])
            first += len(levels)
    if "cor" in named and "root" not in named and any(layer.root for layer in structure.layers):
        named["root"] = _roots(arrays.variable("cor", labels, labels))
    return replace(arrays, named=named)


def _gathered_vectors(arrays: Arrays, publication: Publication, coefficients: tuple[str, ...]) -> Arrays:
    """Draws as our own trees name weights and coefficients, one by one, under the names of the PyMC model."""
    named = dict(arrays.named)
    if "beta" not in named and "mu" not in coefficients and set(coefficients) <= set(named):
        named["beta"] = np.stack([arrays.variable(name) for name in coefficients], axis=-1)
    if publication.intervals is not None and "omega" not in named and set(publication.free) <= set(named):
        each = [arrays.variable(name) for name in publication.free]
        named["omega"] = np.stack([np.ones(arrays.shape), *each], axis=-1)
    return replace(arrays, named=named)


def _roots(correlations: Array) -> Array:
    try:
        return np.linalg.cholesky(correlations)
    except np.linalg.LinAlgError:
        raise ModelError("the draws of cor are no correlation matrices", "symmetric and positive definite") from None


def _as_drawn(draws: NormalDraws, arrays: Arrays, theta: Array | None) -> NormalDraws:
    """With what the draws have beside the parameters in the place of what was drawn given them."""
    structure = draws.structure
    if theta is not None and structure.layers:
        draws = replace(draws, theta=theta)
    new = _gathered(arrays, structure, structure.new.names)
    draws = replace(draws, new=new) if new and set(new) == set(draws.new) else draws
    if any(not group.log for group in structure.exchangeable):  # mean effects that were integrated out
        means = _gathered(arrays, structure, structure.coefficients)
        if means:
            draws = replace(draws, coefficients=np.stack([*means.values()], axis=-1))
    return draws


def _gathered(arrays: Arrays, structure: NormalStructure, names: Sequence[str]) -> dict[str, Array]:
    """Quantities by name, from variables as our own trees name them; none where one is missing."""
    places = [variable(structure, name) for name in names]
    if not names or any(stem not in arrays.named for stem, _ in places):
        return {}
    stem, dim = places[0]
    if not dim:
        return {names[0]: arrays.variable(stem)}
    labels = [name.partition("[")[2].removesuffix("]") for name in names]
    return dict(zip(names, np.moveaxis(arrays.variable(stem, labels), -1, 0), strict=True))


@final
@dataclass(frozen=True, eq=False)
class Arrays:
    """Draws by the names of their variables, as they came.

    Attributes
    ----------
    named : mapping of str to object
        Labelled arrays, or arrays of shape (chains, draws, ...).
    stats : mapping of str to object
        The sampler's statistics.
    shape : tuple of int
        Chains and draws.
    """

    named: Mapping[str, Any]
    stats: Mapping[str, Any]
    shape: tuple[int, int]

    @classmethod
    def of(cls, tree: object) -> Arrays:
        """The posterior of a tree, of a data set, or of a mapping of arrays."""
        posterior, stats = _group(tree, "posterior"), _group(tree, "sample_stats")
        posterior = tree if posterior is None and isinstance(tree, Mapping) else posterior
        named = {} if posterior is None else {str(name): x for name, x in _variables_of(posterior).items()}
        if not named:
            raise ModelError(
                f"read_draws was given {described(tree)}, in which there is no posterior",
                "a DataTree with the group posterior, a Dataset, or arrays of shape (chains, draws, ...) by name",
                "pm.sample(model=pw.pymc_model(effects, model))",
            )
        first = next((name for name in named if name.startswith(("mu", "beta", "tau"))), next(iter(named)))
        sizes = _numbers(first, named[first]).shape
        if len(sizes) < 2 or 0 in sizes:
            raise ModelError(f"{first} has the shape {sizes}", "(chains, draws, ...)", "array[None] for one chain")
        return cls(named, {} if stats is None else _variables_of(stats), (sizes[0], sizes[1]))

    def variable(self, name: str, *labels: Sequence[object]) -> Array:
        """A variable with labels along each dimension after chain and draw, in this order.

        Raises
        ------
        ModelError
            When it has another shape or other labels, or is not finite.
        """
        values = self.named[name]
        for dim, expected in zip(getattr(values, "dims", ("chain", "draw"))[2:], labels, strict=False):
            own = [str(label) for label in np.asarray(values.coords[dim])] if dim in values.coords else []
            words = [str(label) for label in expected]
            if own != words and sorted(own) == sorted(words):
                values = values.isel({dim: [own.index(word) for word in words]})
            elif own and own != words and own != [str(i) for i in range(len(words))]:
                raise ModelError(f"{name} has {listing(own)} along {dim}", listing(words))
        drawn = _numbers(name, values)
        expected_shape = (*self.shape, *(len(along) for along in labels))
        if drawn.shape != expected_shape:
            raise ModelError(f"{name} has the shape {drawn.shape}", f"{expected_shape}: chains, draws, then the rest")
        if not np.isfinite(drawn).all():
            chain, draw = (int(i) for i in np.argwhere(~np.isfinite(drawn))[0][:2])
            raise ModelError(f"{name} is not finite in draw {draw} of chain {chain}", "finite draws")
        return drawn

    def statistics(self) -> tuple[dict[str, NDArray], tuple[str, ...]]:
        """What was watched of the sampler, NaN where that is not known, and what to say of it."""
        stats = {name: np.full(self.shape, np.nan) for name in WATCHED}
        for name, others in WATCHED.items():
            for own in (name, *others):
                if own in self.stats and np.shape(self.stats[own]) == self.shape:
                    stats[name] = np.asarray(self.stats[own], dtype=float)
        return stats, (ELSEWHERE, *((NO_STATISTICS,) if np.isnan(stats["diverging"]).any() else ()))


def _group(tree: object, name: str) -> Any:
    """A group of a tree, as its own object; None where there is none."""
    if hasattr(tree, "children") and name in tree.children:
        return tree[name]  # type: ignore[index]
    return None if isinstance(tree, Mapping) and not hasattr(tree, "children") else getattr(tree, name, None)


def _variables_of(group: Any) -> Mapping[str, Any]:
    return dict(getattr(group, "data_vars", group))


def _numbers(name: str, values: Any) -> Array:
    """Draws as numbers, chain and draw first."""
    if hasattr(values, "dims"):
        missing = [dim for dim in ("chain", "draw") if dim not in values.dims]
        if missing:
            raise ModelError(f"{name} has the dimensions {listing(values.dims)}", "chain and draw among them")
        values = values.transpose("chain", "draw", ...)
    numbers = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) if np.ma.isMaskedArray(values) else values
    try:
        array = np.asarray(numbers)
        if array.dtype.kind not in "iufO":
            raise TypeError
        return array.astype(float)
    except (TypeError, ValueError):
        raise ModelError(f"{name} is {shown(values)}", "draws, an array of numbers") from None
