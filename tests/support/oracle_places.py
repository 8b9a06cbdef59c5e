"""Where the truth lies in the oracle's posterior: what `poolwise.simulate.calibration` returns, by importance sampling.

The tables and their true values are the package's; the posterior is not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from poolwise import simulate
from support.oracle_families import question
from support.oracle_weighted import Weighted, posterior

FEW = 12  # log2 of the points where each costs a quadrature over baselines and true effects
ALONE = (
    "uncertain moderator",
    "missing levels",
    "pooled levels",
    "regularised horseshoe",
    "t random effects",
    "skew-normal random effects",
    "random effects with outliers",
    "crossed effects",
    "correlated outcomes",
    "binomial, odds ratio",
    "binomial, risk ratio",
    "Poisson, baseline as covariate",
    "binomial, one arm",
    "Poisson, one arm",
)
"""The families that NUTS alone answers."""


def places(name: str, *, simulations: int, seed: int = 1, first: int = 0) -> pd.DataFrame:
    """A row for each simulation and quantity that the oracle has, as from `calibration`; `draws`: effective ones."""
    family, rows = simulate.FAMILIES[name], []
    for made in simulate.prior_tables(family.model, family.effects, count=simulations, seed=seed, first=first):
        weighted = answer(name, made)
        truths = true_values(made)
        for quantity in (quantity for quantity in truths if quantity in weighted.values):
            rows.append(_row(made.number, quantity, truths[quantity], weighted))
    return pd.DataFrame(rows)


def answer(name: str, made: simulate.Simulated) -> Weighted:
    """The posterior of a simulated table."""
    model = simulate.FAMILIES[name].model.resolved(made.effects)
    costly = name.startswith(("binomial", "Poisson"))
    return posterior(question(model, made.effects), seed=1 + made.number, log2_size=FEW if costly else 13)


def true_values(made: simulate.Simulated) -> dict[str, float]:
    """True values by the names that `calibration` has."""
    predictions = {name: value for name, (_, value) in made.truth.predictions.items()}
    rest = {"theta": float(made.theta[0]), "log likelihood": made.log_likelihood}
    return {**made.truth.scalars, **predictions, **rest}


def _row(number: int, quantity: str, truth: float, weighted: Weighted) -> dict[str, object]:
    u, size = weighted.cdf(quantity, truth), int(weighted.effective)
    row = {"simulation": number, "quantity": quantity, "truth": truth, "u": np.clip(u, 0.0, 1.0)}
    return {**row, "draws": size, "status": "ok"}
