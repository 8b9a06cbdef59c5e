"""Simulation-based calibration: where the truth lies in the posterior, over tables drawn from the priors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import PoolwiseWarning
from poolwise.fit import Engine, fit
from poolwise.laws import DrawsLaw
from poolwise.model import Model
from poolwise.quantities import Quantity
from poolwise.result import Result
from poolwise.settings import check_memory, check_whole
from poolwise.simulate.tables import Simulated, prior_tables

Array = NDArray[np.float64]
APART = 2.0
"""Effective draws for each draw that is kept: an AR(1) chain thinned so has an autocorrelation of exp(-4) = 0.02."""


ROW = 40
"""Numbers that the rows of one simulation take at least."""


def calibration(
    model: Model,
    engine: Engine,
    effects: Effects,
    *,
    simulations: int = 300,
    seed: int = 1,
    first: int = 0,
    fitted: Model | None = None,
) -> pd.DataFrame:
    """Where the truth lies in the posterior of tables drawn from the priors: uniform if model and engine are right.

    Parameters are drawn from the priors, a table given them, and the table is fitted. Then the place of each true
    value in its posterior, u = P(quantity < truth | table), is uniform on (0, 1). Where a posterior has an exact law,
    u is its distribution function at the truth; where it has draws, u = (rank + V) / (L + 1), rank the number among L
    draws below the truth and V uniform on (0, 1), which is uniform for independent draws whatever L is. Draws of a
    chain are thinned evenly to half the smallest effective sample size (bulk or tail) in the report of the fit, which
    leaves an AR(1) chain with an autocorrelation of exp(-4) = 0.02. A fit that reports trouble counts like any other.

    Parameters
    ----------
    model : Model
        With proper priors.
    engine : Exact or NUTS
        Each fit has a seed of its own, so that their Monte Carlo errors do not go together.
    effects : Effects
        The design: standard errors, moderators, outcomes, clusters.
    simulations : int
        Number of tables.
    seed : int
        Engines with the same seed get the same tables.
    first : int
        Number of the first simulation, so that a series can be done in parts.
    fitted : Model, optional
        The model of the fits, when it is not the one that made the tables: shows what the wrong one does.

    Returns
    -------
    DataFrame
        A row for each simulation and quantity: `simulation`, `quantity`, the true value `truth`, its place `u`, the
        number of `draws` it was ranked among (0 for a distribution function), and the `status` of the fit. Quantities
        are the parameters, `theta` (true effect of the first study), true effects of new studies, and the `log
        likelihood` of the whole table with the studies' true effects integrated out, which sees a posterior that does
        not use the data, or uses them wrongly, where the parameters alone do not.

    Raises
    ------
    ModelError
        For an improper prior.

    Notes
    -----
    300 simulations leave the mean of a uniform u a standard error of 0.017 and take seconds by `Exact`; a seed of 1
    makes the same tables each time, so that two engines can be set side by side.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, theorem 1 and algorithm 2; Modrak et al. 2023, Bayesian Analysis,
    10.1214/23-BA1404, section 2 for ties and for the likelihood as a quantity.

    Examples
    --------
    >>> import poolwise as pw
    >>> design = pw.datasets.load("bcg")
    >>> places = calibration(pw.RandomEffects(), pw.Exact(), design, simulations=20)
    >>> bool(places["u"].between(0, 1).all())
    True
    """
    check_memory("calibration(simulations)", check_whole("simulations", simulations, 1, 300) * ROW, "simulations=300")
    rows: list[dict[str, Any]] = []
    for made in prior_tables(model, effects, count=simulations, seed=seed, first=first):
        rng = np.random.default_rng([seed, made.number])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolwiseWarning)  # the status says it, in a column
            result = fit(made.effects, fitted or model, _seeded(engine, int(rng.integers(2**31))))
            rows += _rows(made, result, rng)
    return pd.DataFrame(rows)


def _seeded(engine: Engine, seed: int) -> Engine:
    """The engine with another seed, if it has one."""
    return cast(Engine, replace(cast(Any, engine), seed=seed)) if hasattr(engine, "seed") else engine


def _rows(made: Simulated, result: Result, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """A row for each quantity of one simulation."""
    kept = _kept(result)
    for name, value, quantity in _quantities(made, result):
        u, draws = _place(value, quantity, kept, rng)
        yield _row(made, result, name, value, u, draws)
    logs = result.to_datatree()["log_likelihood"].to_dataset()
    total = sum(values.sum([d for d in values.dims if d not in ("chain", "draw")]).values for values in logs.values())
    value = made.log_likelihood
    yield _row(made, result, "log likelihood", value, *_rank(value, np.asarray(total), kept, rng))


def _quantities(made: Simulated, result: Result) -> Iterator[tuple[str, float, Quantity]]:
    """Name, true value and posterior of each quantity."""
    for name, value in made.truth.scalars.items():
        yield name, value, result[name]
    for name, (c, value) in made.truth.predictions.items():
        assert result.linear is not None
        yield name, value, result.linear(c, new=True)
    if made.truth.varied:
        yield "theta", float(made.theta[0]), result.studies[made.effects.labels[0]]


def _row(made: Simulated, result: Result, name: str, value: float, u: float, draws: int) -> dict[str, Any]:
    status = result.report.status
    return {"simulation": made.number, "quantity": name, "truth": value, "u": u, "draws": draws, "status": status}


def _kept(result: Result) -> float:
    """How many of the draws may count as independent: all, unless the report knows better."""
    sizes = [size for name, size in result.report.diagnostics.items() if name.startswith("ess_")]
    return min((size / APART for size in sizes if math.isfinite(size)), default=math.inf)


def _place(value: float, quantity: Any, kept: float, rng: np.random.Generator) -> tuple[float, int]:
    """P(quantity < value), and the number of draws that told it."""
    if isinstance(quantity.law, DrawsLaw):
        return _rank(value, quantity.law.draws, kept, rng)
    return float(quantity.cdf(value)), 0


def _rank(value: float, draws: Array, kept: float, rng: np.random.Generator) -> tuple[float, int]:
    """The randomised rank of a value among evenly thinned draws, divided by its range; and the number of draws."""
    flat = draws.ravel()
    count = max(1, int(min(kept, flat.size)))
    thinned = flat[np.linspace(0, flat.size - 1, count).round().astype(np.intp)]
    below, ties = int((thinned < value).sum()), int((thinned == value).sum())
    return (below + (ties + 1) * rng.random()) / (count + 1), count
