"""The tables and the page of a run of `bias_calibration.py`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from poolwise import simulate

PROB = 0.99
FEWEST = 10  # tables of a quantity, below which it is left out of the page
BINS = np.linspace(0.0, 1.0, 6)

WORDS = """# Calibration of models of publication bias

Made by `make calibrate-bias` (seed {seed}); do not edit. `calibration.csv` and `reliability.csv` have the numbers.

**The average over 36 models**: {tables} times a model is drawn by its prior probability (PSMA), its parameters from
their priors, 10 to 15 standard errors from a law that is even in log se from 0.08 to 0.5, and for each standard error
studies are made until one is published. `tests/support/published_tables.py` does that, with NumPy and SciPy and nothing
of the package. `pw.average(effects, bias="PSMA", direction="positive")` answers the table. {refused}

- **averaged**: the place of the true value in the averaged posterior, F(truth), at a spike evenly within its jump. That
  is uniform if models, priors and evidences are right together.
- **conditional**: the place in the posterior given an effect, heterogeneity, PET or PEESE, among the tables in which
  there is one.
- **draws**: the randomised rank among 9 exact draws of the average, in every fourth table: weights too, and the log
  likelihood of the whole table at the draws against that at the truth.
- **law**: the distribution function by `Exact` of one model by itself, on 12 studies; `draws` there are 1,000, and of
  smooth weights, which `NUTS` alone answers, those that its effective sample size leaves.

`p` is the probability that uniform numbers go as far out of their simultaneous band somewhere (Säilynoja, Bürkner &
Vehtari 2022, 10.1007/s11222-022-10090-6), `adjusted` by Holm's method within a family. The rule is that of
`../calibration/calibration.md`: an adjusted p below 0.01 calls a family into question. Quantities with fewer
than 10 tables are left out.

**Found here**: {outside} of {curves} curves outside their 99 % band; smallest adjusted p {least:.3f} ({where}).

| family | by | quantity | tables | mean of u | sd of u | p | adjusted |
|---|---|---|---|---|---|---|---|
{places}

A uniform u has the mean 0.5 and the sd 0.289. With {tables} tables the mean has a Monte Carlo standard error of
{error:.3f}.

## Are posterior probabilities of models right?

Of all tables to which the average gives an effect a probability of about 0.7, in about 70 % there should be one.
`expected` is the sum of the posterior probabilities, `true` the number of tables in which it is so; `z` is their
difference over its standard deviation if the probabilities are right, `z of slope` the same weighted by the distance of
each probability from their mean, which sees probabilities that are too sure or not sure enough. Chance gives values
beyond 2 once in twenty.

| what | tables | expected | true | z | z of slope |
|---|---|---|---|---|---|
{questions}

By posterior probability, mean probability against the share in which it is so (tables):

| what | {bins} |
|---|{rules}
{reliability}

## What these numbers cannot see

By a test of the mean of u at the level of the rule, {tables} tables would show nine times in ten that a posterior is
shifted by {shift:.2f} of its standard deviation, the {ranked} tables with draws by {shift_of_draws:.2f}; and that the probability of
an effect is off by {effect:.2f} on average, of heterogeneity by {heterogeneity:.2f}, of bias by {bias:.2f}. Smaller faults may be
there; what accuracy the evidence of each model has is told by its error and by `tests/evidence`, not here. Slopes given
PET or PEESE rest on an eighth of the tables. Tables of fewer than 10 or more than 15 studies and other priors are not
among them.
"""


def write(here: Path, rows: pd.DataFrame, seed: int) -> None:
    """Write `calibration.csv`, `reliability.csv` and the page beside the script."""
    curves, questions, bins = places(rows), asked(rows), reliability(rows)
    curves.round(5).to_csv(here / "calibration.csv", index=False)
    bins.round(5).to_csv(here / "reliability.csv", index=False)
    average = rows[rows["family"] == "average"]
    tables = average["simulation"].nunique()
    ranked = average.loc[average["by"] == "draws", "simulation"].nunique()
    off = {name: _least_off(rows, name) for name in ("effect", "heterogeneity", "bias")}
    worst = curves.loc[curves["adjusted"].idxmin()]
    words = WORDS.format(
        seed=seed,
        tables=f"{tables:,}",
        refused=refusals(average),
        outside=int((curves["p"] < 1.0 - PROB).sum()),
        curves=len(curves),
        least=worst["adjusted"],
        where=f"{worst['family']}, {worst['by']}: {worst['quantity']}",
        places="\n".join(_line(row, ".3f") for row in curves.itertuples(index=False)),
        error=1.0 / np.sqrt(12.0 * tables),
        questions="\n".join(_line(row, ".2f") for row in questions.itertuples(index=False)),
        bins=" | ".join(f"{low:.1f} to {high:.1f}" for low, high in pairwise(BINS)),
        rules="---|" * (len(BINS) - 1),
        reliability="\n".join(f"| {name} | {_bins(frame)} |" for name, frame in bins.groupby("quantity", sort=False)),
        ranked=ranked,
        shift=_least_shift(tables, len(curves)),
        shift_of_draws=_least_shift(ranked, len(curves)),
        **off,
    )
    (here / "calibration.md").write_text(words, encoding="utf-8")


def refusals(average: pd.DataFrame) -> str:
    """How many tables had no answer, and why."""
    refused = average[average["by"] == "refused"]
    if refused.empty:
        return "None was refused."
    reasons = "; ".join(f"{count} times: {reason}" for reason, count in refused["quantity"].value_counts().items())
    return f"{len(refused)} of them were refused, and stay out ({reasons})."


def places(rows: pd.DataFrame) -> pd.DataFrame:
    """Whether places are uniform, a row for each family, kind of place and quantity."""
    out = []
    placed = rows[~rows["by"].isin(["model", "refused"])]
    for (family, by, quantity), frame in placed.groupby(["family", "by", "quantity"], sort=False):
        u = frame["u"].to_numpy(float)
        if len(u) < FEWEST:
            continue
        out.append((family, by, quantity, len(u), u.mean(), u.std(ddof=1), simulate.p_value(u)))
    frame = pd.DataFrame(out, columns=["family", "by", "quantity", "tables", "mean", "sd", "p"])
    frame["adjusted"] = frame.groupby("family")["p"].transform(lambda p: simulate.holm(p.to_numpy()))
    order = {"averaged": 0, "conditional": 1, "law": 2, "draws": 3}
    return frame.sort_values(["family", "by"], key=lambda c: c.map(order) if c.name == "by" else c, kind="stable")


def asked(rows: pd.DataFrame) -> pd.DataFrame:
    """Posterior probabilities against what is true: sums, and two standardised differences."""
    out = []
    for name, frame in rows[rows["by"] == "model"].groupby("quantity", sort=False):
        p, there = frame["u"].to_numpy(float), frame["truth"].to_numpy(float)
        gap, spread, far = there - p, p * (1.0 - p), p - p.mean()
        z = gap.sum() / np.sqrt(spread.sum())
        out.append((name, len(p), p.sum(), int(there.sum()), z, (gap @ far) / np.sqrt(spread @ far**2)))
    return pd.DataFrame(out, columns=["what", "tables", "expected", "true", "z", "z of slope"])


def reliability(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean posterior probability and share of truths by fifths of the probability."""
    models = rows[rows["by"] == "model"].copy()
    models["bin"] = np.clip(np.searchsorted(BINS, models["u"], side="right"), 1, len(BINS) - 1)
    grouped = models.groupby(["quantity", "bin"], sort=False)
    frame = grouped.agg(tables=("u", "size"), probability=("u", "mean"), share=("truth", "mean")).reset_index()
    spread = grouped["u"].agg(lambda p: np.sqrt((p * (1.0 - p)).sum())).to_numpy()
    frame["mcse"] = spread / frame["tables"]
    z = (frame["share"] - frame["probability"]) / frame["mcse"]
    frame["p"] = 2.0 * special.ndtr(-z.abs())
    order = {name: number for number, name in enumerate(models["quantity"].unique())}
    return frame.sort_values(["quantity", "bin"], key=lambda c: c.map(order) if c.name == "quantity" else c)


def _least_shift(tables: int, curves: int) -> float:
    """Posterior standard deviations by which normal posteriors must be off for the mean of u to tell so nine times in ten.

    A shift of d standard deviations moves the mean of u by d times the integral of the squared normal density.
    """
    needed = special.ndtri(1.0 - 0.5 * (1.0 - PROB) / curves) + special.ndtri(0.9)
    return float(needed / np.sqrt(12.0 * tables) * 2.0 * np.sqrt(np.pi))


def _least_off(rows: pd.DataFrame, name: str) -> float:
    """By how much a probability must be off on average for z to lie beyond its 99 % limits nine times in ten."""
    p = rows.loc[(rows["by"] == "model") & (rows["quantity"] == name), "u"].to_numpy(float)
    return float((special.ndtri(0.5 + 0.5 * PROB) + special.ndtri(0.9)) * np.sqrt((p * (1.0 - p)).sum()) / len(p))


def _bins(frame: pd.DataFrame) -> str:
    by_bin = frame.set_index("bin")
    cells = []
    for number in range(1, len(BINS)):
        row = by_bin.loc[number] if number in by_bin.index else None
        cells.append("" if row is None else f"{row['probability']:.2f}: {row['share']:.2f} ({int(row['tables'])})")
    return " | ".join(cells)


def _line(row: tuple[object, ...], form: str) -> str:
    return "| " + " | ".join(format(x, form) if isinstance(x, float) else str(x) for x in row) + " |"
