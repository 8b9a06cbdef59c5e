"""Simulation-based calibration of models of publication bias and of their average: `make calibrate-bias`.

Tables are drawn from the prior of PSMA, selection included (`tests/support/published_tables.py`, which states it anew),
and each is answered by `pw.average(effects, bias="PSMA", direction="positive")`. Parts of 20 tables are kept in
`results/publication_bias/` as they are finished, so that a run that was stopped goes on where it was. At the end
`calibration.csv`, `reliability.csv` and `calibration.md` beside this script are made of what is finished.
Beside it each of `poolwise.simulate.families.BIAS_FAMILIES`, by `poolwise.simulate.calibration`: by `Exact`, or by
`NUTS` where that alone answers it (smooth weights: some seconds for a table).

    bias_calibration.py --simulations 1000 --of-each 300 --sampled 100
    bias_calibration.py --page        # the tables and the page of the parts that are there
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import poolwise as pw
from poolwise import simulate
from poolwise.fit import PAIRS
from poolwise.simulate.families import BIAS_FAMILIES
from support.published_tables import BIASES, Truth, from_prior, log_likelihood, published

PART = 20
DRAWS, EVERY = 9, 4  # exact draws of the average, of every fourth table: they cost as much as 15 distribution functions
FEWEST, MOST = 10, 15  # studies
LEAST_SE, LARGEST_SE = 0.08, 0.5
AVERAGE = "average"
Row = dict[str, object]
EXACT = [name for name, family in BIAS_FAMILIES.items() if pw.Exact in PAIRS[type(family.model)]]
SAMPLED = [name for name in BIAS_FAMILIES if name not in EXACT]


def main() -> None:
    """Run what is missing, then write the tables and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000, help="tables of the average")
    parser.add_argument("--of-each", type=int, default=300, help="tables of each model by itself")
    parser.add_argument("--sampled", type=int, default=100, help="tables of each model that NUTS alone answers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("results/publication_bias"), help="where parts are kept")
    parser.add_argument("--page", action="store_true", help="run nothing: the page of what is there")
    asked = parser.parse_args()
    plan = [(AVERAGE, first) for first in range(0, asked.simulations, PART)]
    plan += [(name, first) for name in EXACT for first in range(0, asked.of_each, PART)]
    plan += [(name, first) for name in SAMPLED for first in range(0, asked.sampled, PART)]
    paths = {(name, first): part(asked.work, name, first, asked.seed) for name, first in plan}
    for (name, first), path in paths.items():
        if asked.page or path.exists():
            continue
        start = time.process_time()
        frame = places(range(first, first + PART), asked.seed) if name == AVERAGE else of_one(name, first, asked.seed)
        frame["seconds"] = (time.process_time() - start) / PART
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        frame.to_csv(half, index=False)
        half.replace(path)
        print(f"{name}: {first + PART}", flush=True)
    from bias_calibration_page import write  # beside this script

    there = [pd.read_csv(path).assign(family=name) for (name, _), path in paths.items() if path.exists()]
    write(HERE, pd.concat(there, ignore_index=True), asked.seed)


def part(work: Path, name: str, first: int, seed: int) -> Path:
    """Where a part is kept; the digest tells what it depends on."""
    stated: tuple[object, ...] = (pw.__version__, BIASES, PART, DRAWS, EVERY, FEWEST, MOST, LEAST_SE, LARGEST_SE, seed)
    if name != AVERAGE:
        family = BIAS_FAMILIES[name]
        stated = (pw.__version__, repr(family.model), family.effects.to_frame().to_csv(), PART, seed)
    digest = hashlib.sha256(repr(stated).encode()).hexdigest()[:12]
    return work / f"{name.replace(', ', '-').replace(' ', '_')}-{digest}" / f"{first:04d}.csv"


def of_one(name: str, first: int, seed: int) -> pd.DataFrame:
    """The places of a family's truths in the posterior by `Exact`, or among the draws of `NUTS`."""
    family = BIAS_FAMILIES[name]
    engine = pw.Exact(draws=1000, chains=1) if name in EXACT else pw.NUTS(chains=2, cores=1)
    frame = simulate.calibration(family.model, engine, family.effects, simulations=PART, seed=seed, first=first)
    return frame.assign(by=np.where(frame["draws"] > 0, "draws", "law"))


def places(numbers: range, seed: int) -> pd.DataFrame:
    """What the average says of the truths of these tables.

    Returns
    -------
    DataFrame
        A row for each table and question: `simulation`; `by`: ``averaged`` or ``conditional`` (place u of the truth in
        the distribution function, at a spike evenly within its jump), ``draws`` (randomised rank among exact draws),
        ``model`` (u is the posterior probability of what `truth`, 0 or 1, says), ``refused``; `quantity`; `truth`; `u`.
    """
    rows: list[Row] = []
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        truth = from_prior(rng)
        se = np.exp(rng.uniform(np.log(LEAST_SE), np.log(LARGEST_SE), int(rng.integers(FEWEST, MOST + 1))))
        y = published(truth, se, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pw.PoolwiseWarning)  # a simulated table may look odd
            effects = pw.Effects(y, se=se, scale="SMD", provenance="simulated")
            try:
                answer = answers(effects, truth, number, rng)
            except pw.PoolwiseError as error:
                answer = [{"by": "refused", "quantity": str(error).splitlines()[0], "truth": np.nan, "u": np.nan}]
        rows += [{"simulation": number} | row for row in answer]
    return pd.DataFrame(rows)


def answers(effects: pw.Effects, truth: Truth, number: int, rng: np.random.Generator) -> list[Row]:
    """The rows of one table."""
    averaged = pw.average(effects, bias="PSMA", direction="positive")
    true = {"mu": truth.mu, "tau": truth.tau, "theta_new": truth.mu + truth.tau * rng.standard_normal()}
    true |= {"PET": truth.pet, "PEESE": truth.peese}
    within = {
        "mu": truth.mu != 0.0, "theta_new": truth.mu != 0.0, "tau": truth.tau > 0.0,
        "PET": truth.bias == "PET", "PEESE": truth.bias == "PEESE",
    }  # fmt: skip
    rows = []
    for name, value in true.items():
        rows.append(_row("averaged", name, value, _place(averaged[name].law, value, rng)))
        if within[name]:
            rows.append(_row("conditional", name, value, _place(averaged.conditional[name].law, value, rng)))
    rows += list(_models(averaged, truth))
    return rows + (list(_ranks(averaged, effects, truth, true, rng)) if number % EVERY == 0 else [])


def _place(law, value: float, rng: np.random.Generator) -> float:
    jump = law.atom_probability if value == law.atom else 0.0
    return min(float(law.before(np.array(value))) + jump * rng.random(), 1.0)


def _models(averaged, truth: Truth) -> Iterator[Row]:
    """Posterior probabilities of what is there, and of every bias."""
    models = averaged.models
    names = dict(zip(models["bias"].unique(), BIASES, strict=True))  # the same order, from none to PEESE
    bias, weight = models["bias"].map(names), models["posterior"]
    selected = ~bias.isin(["none", "PET", "PEESE"])
    asked = {
        "effect": (truth.mu != 0.0, models["effect"].astype(bool)),
        "heterogeneity": (truth.tau > 0.0, models["random"].astype(bool)),
        "bias": (truth.bias != "none", bias != "none"),
        "selection": (truth.bias not in ("none", "PET", "PEESE"), selected),
    } | {f"bias: {name}": (truth.bias == name, bias == name) for name in BIASES if name != "none"}
    for name, (there, inside) in asked.items():
        yield _row("model", name, float(there), float(weight[inside].sum()))


def _ranks(averaged, effects: pw.Effects, truth: Truth, true: dict[str, float], rng: np.random.Generator):
    """Randomised ranks among exact draws: every quantity, weights and the log likelihood of the table among them."""
    drawn = averaged.draws(DRAWS, seed=int(rng.integers(2**31)))
    omega = [name for name in drawn.columns if name.startswith("omega")]
    values = true | dict(zip(omega[1:], truth.omega[1:], strict=True))
    at = [np.array([value]) for value in (truth.mu, truth.tau, truth.omega, truth.pet, truth.peese)]
    values["log likelihood"] = float(log_likelihood(effects.y, effects.se, *at)[0])
    columns = (drawn[name].to_numpy() for name in ("mu", "tau"))
    slopes = (drawn[name].to_numpy() for name in ("PET", "PEESE"))
    logs = log_likelihood(effects.y, effects.se, *columns, drawn[omega].to_numpy(), *slopes)
    for name, value in values.items():
        ranked = logs if name == "log likelihood" else drawn[name].to_numpy()
        below, ties = (ranked < value).sum(), np.isclose(ranked, value, rtol=1e-12, atol=0.0).sum()
        yield _row("draws", name, value, (below + (ties + 1) * rng.random()) / (DRAWS + 1))


def _row(by: str, quantity: str, truth: float, u: float) -> Row:
    return {"by": by, "quantity": quantity, "truth": truth, "u": u}


if __name__ == "__main__":
    main()
