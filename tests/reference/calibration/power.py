"""What size of fault calibration can see: faults are planted, and how often the rules of `calibration.md` see them.

Given a table a posterior draw has the law of the truth. So one set of posterior draws over tables from the priors holds
every calibration there can be: a truth is a draw of it, its place the rank among the others. A fault reweights truths
(the priors of the tables are others), or the draws among which they are ranked (the priors of the fit are), moves the
draws, or takes them from another fit; a calibration with n simulations is n truths, and costs nothing.

>>> pool = pool_of("random effects", tables=30)
>>> power(pool, Fault("prior scale", "tau", 20.0), simulations=300) > 0.9
True
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import poolwise as pw
from poolwise import simulate
from support.oracle_families import question
from support.oracle_places import ALONE, true_values
from support.oracle_weighted import posterior

Array = np.ndarray
TABLES, DRAWS, REPEATS, SURE = 100, 400, 100, 0.9
FEWER = {"joint outcomes": 30, "subgroups, exchangeable taus": 60}  # tables of what costs seconds each
# of the rules: Holm-adjusted p-values of curves and of mean paired differences; root mean square of these
LEVEL, LEVEL_OF_MEANS, RMS = 0.01, 0.001, 1.35
BRACKETS = (1.1, 1.5, 4.0, 20.0)  # a size is searched for between two of them
ERRORS = (1.1, 2.0**0.5)
SIZES = (300, 1000, 2000)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a fit.

    `kind` is one of: "prior scale" (that of `what` times `size`), "shift" (draws of `what` moved by `size` posterior
    sd), "spread" (their distances from the posterior mean times `size`), "error twice" (a sampling error on top of
    `what`), "standard errors" (all of them times `size`; a pool of its own has the draws).
    """

    kind: str
    what: str
    size: float


@dataclass(frozen=True)
class Pool:
    """Posterior draws over tables from the priors, shape (tables, draws, quantities); a typical standard error.

    `priors` has the prior of each name and the quantities that have it; `other` the draws of fits with a fault.
    """

    family: str
    names: tuple[str, ...]
    made: tuple[simulate.Simulated, ...]
    draws: Array
    se: float
    priors: dict[str, tuple[pw.priors.Prior, tuple[str, ...]]]
    other: Array | None = None

    @cached_property
    def order(self) -> Array:
        """The draws of a table by size."""
        return self.draws.argsort(axis=1)

    @cached_property
    def right(self) -> Array:
        """Places of the draws among themselves."""
        return _ranks(self.order, np.ones(self.draws.shape[:2]))

    def of(self, name: str) -> Array:
        """Shape (tables, draws)."""
        return self.draws[:, :, self.names.index(name)]


def pool_of(name: str, *, tables: int = 0, seed: int = 1) -> Pool:
    """The draws of a family: by `Exact`, or by the oracle of a family that NUTS alone answers."""
    family = simulate.FAMILIES[name]
    model = family.model.resolved(family.effects)
    count = tables or FEWER.get(name, TABLES)
    made = tuple(simulate.prior_tables(family.model, family.effects, count=count, seed=seed))
    frames = [_draws(name, one.effects, one) for one in made]
    names = tuple(str(known) for known in frames[0])
    priors = {}
    for prior_name, prior in model.named_priors.items():
        own = [known for known in names if known == prior_name] or [
            known for known in names if known.startswith(f"{prior_name}[") and " - " not in known
        ]
        if own and prior is not None and _centred(prior):
            priors[prior_name] = prior, tuple(own)
    draws = np.stack([frame[list(names)] for frame in frames])
    return Pool(name, names, made, draws, float(np.median(family.effects.se)), priors)


def with_errors(pool: Pool, factor: float) -> Pool:
    """The same tables and truths, and the draws of fits to standard errors that are so many times as large."""
    wrong = (_draws(pool.family, _with_errors(one.effects, factor), one) for one in pool.made)
    return replace(pool, other=np.stack([frame[list(pool.names)] for frame in wrong]))


def faults_of(pool: Pool) -> Iterator[Fault]:
    """What is planted in a family; a size of 0 is searched for."""
    for name in pool.priors:
        yield Fault("prior scale", name, 0.0)
    first = next(name for name in pool.names if name.startswith(("mu", "beta[intercept]")))
    yield Fault("shift", first, 0.0)
    yield Fault("spread", first, 0.0)
    new = [name for name in pool.names if name.startswith("theta_new")]
    if new:
        yield Fault("error twice", new[0], 1.0)


def power(
    pool: Pool, fault: Fault, *, simulations: int, ranked_among: int = 0, repeats: int = REPEATS, seed: int = 1
) -> float:
    """How often a fault is seen by curves; by pairs, where the fit with the fault has `ranked_among` draws."""
    truth, wrong, right = _places(pool, fault)
    rng = np.random.default_rng(seed)
    below = np.cumsum(truth.ravel())
    at = np.searchsorted(below, below[-1] * rng.random((repeats, simulations))).clip(max=truth.size - 1)
    jitter = (rng.random((repeats, simulations, 1)) - 0.5) / truth.shape[1]
    quantities = len(pool.names)
    u = np.clip(wrong.reshape(-1, quantities)[at] + jitter, 0.0, 1.0)
    if not ranked_among:
        return float(_outside(u).mean())
    off = u - np.clip(right.reshape(-1, quantities)[at] + jitter, 0.0, 1.0)
    z = off / np.sqrt(u * (1.0 - u) / ranked_among + 1.0 / (12.0 * ranked_among**2)) + rng.standard_normal(off.shape)
    far = np.abs(z.mean(axis=1)) * np.sqrt(simulations) > special.ndtri(1.0 - 0.5 * LEVEL_OF_MEANS / quantities)
    return float((far | (np.sqrt((z**2).mean(axis=1)) > RMS)).any(axis=1).mean())


def smallest(pool: Pool, fault: Fault, *, more: bool, simulations: int, ranked_among: int = 0) -> float:
    """The smallest size that is seen with a probability of 0.9: above 1 or below it, or a shift above 0; else NaN."""

    def seen(log_size: float) -> bool:
        size = np.exp(log_size if more else -log_size)
        planted = Fault(fault.kind, fault.what, size - 1.0 if fault.kind == "shift" else size)
        return power(pool, planted, simulations=simulations, ranked_among=ranked_among) >= SURE

    ends = [0.0, *np.log(BRACKETS)]
    above = next((i for i, end in enumerate(ends) if i and seen(end)), 0)
    if not above:
        return np.nan
    low, high = ends[above - 1], ends[above]
    for _ in range(5):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if seen(middle) else (middle, high)
    size = float(np.exp(high if more else -high))
    return size - 1.0 if fault.kind == "shift" else size


def table(name: str, *, ranked_among: int, tables: int = 0) -> pd.DataFrame:
    """Every fault of a family: the smallest size that is seen by curves and by pairs, or how often it is seen."""
    pool, rows = pool_of(name, tables=tables), []
    for fault in faults_of(pool):
        for by, among, n in (*(("curves", 0, n) for n in SIZES), ("pairs", ranked_among, SIZES[0])):
            row = {"family": name, "fault": fault.kind, "of": fault.what, "simulations": n, "by": by}
            if fault.size:
                rows.append(row | {"size": fault.size, "seen": power(pool, fault, simulations=n, ranked_among=among)})
                continue
            for more in (True,) if fault.kind == "shift" else (False, True):
                size = smallest(pool, fault, more=more, simulations=n, ranked_among=among)
                rows.append(row | {"way": "more" if more else "less", "size": size, "seen": SURE})
    if name not in FEWER and not name.startswith(("binomial", "Poisson")):
        for size in ERRORS:
            wrong, fault = with_errors(pool, size), Fault("standard errors", "all", size)
            for n in SIZES:
                row = {"family": name, "fault": fault.kind, "of": "all", "simulations": n, "by": "curves"}
                rows.append(row | {"size": size, "seen": power(wrong, fault, simulations=n)})
    return pd.DataFrame(rows)


def write(families: list[str]) -> None:
    """Bring the rows of these families into `power.csv`; the others stay as they are."""
    path = HERE / "power.csv"
    draws = pd.read_csv(HERE / "table.csv").query("engine == 'NUTS'").groupby("family")["draws"].first()
    for name in families:
        start = time.perf_counter()
        rows = table(name, ranked_among=int(draws.get(name, 600))).round(3)
        known = pd.read_csv(path) if path.exists() else rows.iloc[:0]
        parts = [rows if family == name else known[known["family"] == family] for family in simulate.FAMILIES]
        pd.concat(parts, ignore_index=True).to_csv(path, index=False)
        print(f"power, {name}: {time.perf_counter() - start:.0f} s", flush=True)


def _places(pool: Pool, fault: Fault) -> tuple[Array, Array, Array]:
    """Weights of the truths, shape (tables, draws); their places by the fit with the fault, and by the right one."""
    even, right = np.ones(pool.draws.shape[:2]), pool.right
    if fault.kind == "prior scale":
        prior, names = pool.priors[fault.what]
        narrow = prior.scaled(min(fault.size, 1.0 / fault.size))
        log_ratio = sum(narrow.log_pdf(pool.of(name)) - prior.log_pdf(pool.of(name)) for name in names)
        ratio = np.exp(log_ratio - log_ratio.max())
        other = _ranks(pool.order, np.exp(log_ratio - log_ratio.max(axis=1, keepdims=True)))
        # weights stay bounded: tables from a narrower prior than that of the fit, or a fit with a narrower one
        return (ratio, right, other) if fault.size > 1.0 else (even, other, right)
    if fault.kind == "standard errors":
        assert pool.other is not None
        return even, _among(pool.other, pool.draws), right
    q = pool.names.index(fault.what)
    own, moved = pool.draws[:, :, q], pool.draws.copy()
    middle = own.mean(axis=1, keepdims=True)
    if fault.kind == "shift":
        moved[:, :, q] = own + fault.size * own.std(axis=1, keepdims=True)
    elif fault.kind == "spread":
        moved[:, :, q] = middle + fault.size * (own - middle)
    else:
        moved[:, :, q] = own + pool.se * np.random.default_rng(2).standard_normal(own.shape)
    wrong = right.copy()
    wrong[:, :, [q]] = _among(moved[:, :, [q]], pool.draws[:, :, [q]])
    return even, wrong, right


def _ranks(order: Array, weight: Array) -> Array:
    """Weighted share of the draws of a table below each of them, half its own included; from their order."""
    sorted_weight = np.take_along_axis(np.broadcast_to(weight[:, :, None], order.shape), order, axis=1)
    below = (np.cumsum(sorted_weight, axis=1) - 0.5 * sorted_weight) / sorted_weight.sum(axis=1, keepdims=True)
    out = np.empty_like(below)
    np.put_along_axis(out, order, below, axis=1)
    return out


def _among(others: Array, draws: Array) -> Array:
    """Share of other draws of a table below each draw of it."""
    out = np.empty(draws.shape)
    for t in range(draws.shape[0]):
        for q in range(draws.shape[2]):
            out[t, :, q] = np.searchsorted(np.sort(others[t, :, q]), draws[t, :, q]) / others.shape[1]
    return out


def _outside(u: Array) -> Array:
    """Whether a curve of a calibration leaves its band at the level that the number of quantities asks for; (repeats,)."""
    repeats, n, quantities = u.shape
    limits = _band(n, quantities)
    cell = np.ceil(u * n).clip(1, n).astype(np.intp) - 1
    flat = (np.arange(repeats)[:, None, None] * quantities + np.arange(quantities)) * n + cell
    counts = np.bincount(flat.ravel(), minlength=repeats * quantities * n).reshape(repeats, quantities, n).cumsum(axis=2)
    return ((counts < limits.lower) | (counts > limits.upper)).any(axis=(1, 2))


@cache
def _band(n: int, quantities: int) -> simulate.Band:
    return simulate.band(n, 1.0 - LEVEL / quantities)


def _draws(name: str, effects: pw.Effects, made: simulate.Simulated) -> pd.DataFrame:
    """Joint draws of the quantities that are calibrated, of one table."""
    model = simulate.FAMILIES[name].model
    if name in ALONE:
        weighted = posterior(question(model.resolved(effects), effects), seed=1 + made.number, log2_size=11, stages=5)
        rng = np.random.default_rng(made.number)
        rows = rng.choice(len(weighted.weights), DRAWS, p=weighted.weights)
        return pd.DataFrame({known: weighted.values[known][rows] for known in true_values(made) if known in weighted.values})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        tree = pw.fit(effects, model, pw.Exact(draws=DRAWS, chains=1, seed=made.number)).to_datatree()
    flat: dict[str, Array] = {}
    for variable, values in tree["posterior"].data_vars.items():
        known = str(variable).replace("_typical", "")
        if values.ndim == 2:
            flat[known] = values.to_numpy()[0]
        elif variable == "theta":
            flat[known] = values.to_numpy()[0, :, 0]
        else:
            labels = values.coords[values.dims[2]].to_numpy()
            flat |= {f"{known}[{label}]": values.to_numpy()[0, :, i] for i, label in enumerate(labels)}
    logs = tree["log_likelihood"].to_dataset()
    total = sum(values.sum([d for d in values.dims if d not in ("chain", "draw")]).to_numpy()[0] for values in logs.values())
    flat["log likelihood"] = np.asarray(total)
    return pd.DataFrame({known: flat[known] for known in true_values(made) if known in flat})


def _with_errors(effects: pw.Effects, factor: float) -> pw.Effects:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.Effects(
            effects.y, se=effects.se * factor, study=effects.study, moderators=effects.moderators,
            outcome=effects.outcome, scale=effects.scale, provenance="simulated",
        )  # fmt: skip


def _centred(prior: pw.priors.Prior) -> bool:
    """Whether a factor of the scale leaves the prior where it is."""
    kinds = (pw.priors.HalfNormal, pw.priors.HalfCauchy, pw.priors.Gamma)
    lines = (pw.priors.Normal, pw.priors.Cauchy, pw.priors.StudentT)
    return isinstance(prior, kinds) or (isinstance(prior, lines) and prior.lowest < 0.0 and float(prior.cdf(0.0)) == 0.5)


if __name__ == "__main__":
    write(sys.argv[1:] or list(simulate.FAMILIES))
