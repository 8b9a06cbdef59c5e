"""What methods for publication bias cost where there is none, and what they gain where there is: `make panel`.

Tables of 10 or 30 published studies of a standardised mean difference are simulated by `tests/support/published_tables.py`
with and without selection, and every method answers them. Parts of 20 tables (of 5 for the averages) are kept in `results/publication_bias/`, so
that a run that was stopped goes on where it was. The averages over 36 models take most of the time and answer the first
tables only. At the end `panel.csv` and `panel.md` beside this script are made of what is finished.

    bias_panel.py --replications 300 --averages 40
    bias_panel.py --page            # the table and the page of the parts that are there
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import poolwise as pw
from support.published_tables import Truth, published

PART, SEED = 20, 1
AT_ONCE = {"single": PART, "averages": 5}  # tables of a part
FEWEST, MOST = 15, 200  # persons in each arm
UNLIKELY = 0.2  # probability of publication of a result with one-sided p > .025, under selection
ALPHA_OF_TESTS, LARGE_BAYES_FACTOR = 0.10, 3.0
SIDE = {"direction": "positive"}
Answer = tuple[float, float, float, bool]  # estimate, limits, whether the method found what it asks about
NOT_ASKED = (np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Cell:
    """One design: number of studies, truth, whether results are selected."""

    k: int
    mu: float
    tau: float
    selected: bool

    @property
    def truth(self) -> Truth:
        """The parameters."""
        return Truth("", self.mu, self.tau, (1.0, *[UNLIKELY if self.selected else 1.0] * 5))


CELLS = [Cell(*values) for values in itertools.product((10, 30), (0.0, 0.3), (0.1, 0.3), (False, True))]


def main() -> None:
    """Run what is missing, then write the table and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=300, help="tables of each cell")
    parser.add_argument("--averages", type=int, default=40, help="how many of them the averages answer")
    parser.add_argument("--work", type=Path, default=Path("results/publication_bias"), help="where parts are kept")
    parser.add_argument("--page", action="store_true", help="run nothing: the page of what is there")
    asked = parser.parse_args()
    tables = {"single": asked.replications, "averages": asked.averages}
    plan = [(group, first) for group, count in tables.items() for first in range(0, count, AT_ONCE[group])]
    for (group, first), (number, cell) in itertools.product([] if asked.page else plan, enumerate(CELLS)):
        path = part(asked.work, group, number, first)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_suffix(".half")
            replications(cell, group, range(first, first + AT_ONCE[group])).to_csv(half, index=False)
            half.replace(path)
            print(f"{group}, {first + AT_ONCE[group]} of cell {number + 1}", flush=True)
    from bias_panel_page import write  # beside this script

    paths = [part(asked.work, group, number, first) for group, first in plan for number in range(len(CELLS))]
    write(HERE, pd.concat([pd.read_csv(path) for path in paths if path.exists()], ignore_index=True))


def part(work: Path, group: str, number: int, first: int) -> Path:
    """Where a part is kept; the digest tells what it depends on."""
    stated = (pw.__version__, CELLS, PART, SEED, FEWEST, MOST, UNLIKELY, ALPHA_OF_TESTS, LARGE_BAYES_FACTOR)
    digest = hashlib.sha256(repr(stated).encode()).hexdigest()[:12]
    return work / f"panel-{digest}" / f"{group}-{number:02d}-{first:04d}.csv"


def replications(cell: Cell, group: str, numbers: range) -> pd.DataFrame:
    """What the methods of a group say of these tables: a row for each table and method."""
    rows = []
    for number in numbers:
        effects = table(cell, number)
        for name, method in GROUPS[group].items():
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", pw.PoolwiseWarning)  # the same on every table of this size
                try:
                    answers, refused = method(effects), ""
                except pw.PoolwiseError as error:
                    answers, refused = {name: (*NOT_ASKED, False)}, str(error).splitlines()[0]
            seconds = time.process_time() - start
            for of, (point, lower, upper, found) in answers.items():
                numbers_of = {"point": point, "lower": lower, "upper": upper, "found": found, "refused": refused}
                rows.append(vars(cell) | {"replication": number, "method": of} | numbers_of | {"seconds": seconds})
    return pd.DataFrame(rows)


def table(cell: Cell, number: int) -> pw.Effects:
    """One table: arms from a law that is even in log n, and the estimates that were published."""
    rng = np.random.default_rng([SEED, CELLS.index(cell), number])
    persons = np.exp(rng.uniform(np.log(FEWEST), np.log(MOST), cell.k)).round()
    se = np.sqrt(2.0 / persons)
    return pw.Effects(published(cell.truth, se, rng), se=se, scale="SMD", provenance="simulated")


def _mean(name: str, estimate: Callable[[pw.Effects], object]) -> Callable[[pw.Effects], dict[str, Answer]]:
    """A method whose estimate has a point and an interval; it finds an effect where 0 is outside."""

    def answered(effects: pw.Effects) -> dict[str, Answer]:
        return {name: _answer(estimate(effects))}

    return answered


def _answer(estimate, point: float | None = None) -> Answer:
    lower, upper = estimate.interval(0.95)
    return (estimate.point if point is None else point), lower, upper, not lower <= 0.0 <= upper


def _test(name: str, test: Callable[[pw.Effects], float]) -> Callable[[pw.Effects], dict[str, Answer]]:
    return lambda effects: {name: (*NOT_ASKED, test(effects) < ALPHA_OF_TESTS)}


def _s_value(effects: pw.Effects) -> dict[str, Answer]:
    """Whether a selection ratio as strong as that of the selected cells would move the mean, or its limit, to 0."""
    s = pw.bias.s_value(effects, **SIDE)
    ratio = 1.0 / UNLIKELY
    return {"S-value of the mean": (*NOT_ASKED, s.point < ratio), "S-value of the limit": (*NOT_ASKED, s.limit < ratio)}


def _psma(effects: pw.Effects) -> dict[str, Answer]:
    averaged = pw.average(effects, bias="PSMA", **SIDE)
    inclusion = averaged.inclusion
    return {
        "PSMA, averaged": _answer(averaged["mu"], averaged["mu"].mean),
        "PSMA, given an effect": _answer(averaged.conditional["mu"], averaged.conditional["mu"].mean),
        "PSMA, Bayes factor of an effect": (*NOT_ASKED, inclusion["effect"].log > np.log(LARGE_BAYES_FACTOR)),
        "PSMA, Bayes factor of bias": (*NOT_ASKED, inclusion["bias"].log > np.log(LARGE_BAYES_FACTOR)),
    }


def _methods() -> Iterator[tuple[str, Callable[[pw.Effects], dict[str, Answer]]]]:
    b = pw.bias
    means = {
        "random effects, REML, Hartung-Knapp": lambda e: pw.fit(e, pw.RandomEffects(), pw.ClosedForm())["mu"],
        "trim and fill, L0": lambda e: b.trim_and_fill(e).result["mu"],
        "PET": lambda e: b.pet(e).estimate,
        "PEESE": lambda e: b.peese(e).estimate,
        "PET-PEESE": lambda e: b.pet_peese(e, **SIDE).estimate,
        "limit meta-analysis": lambda e: b.limit_meta_analysis(e).mean,
        "Henmi-Copas": lambda e: b.henmi_copas(e).mean,
        "p-uniform*": lambda e: b.p_uniform_star(e, **SIDE).mean,
        "selection by one step, ML": lambda e: pw.fit(e, pw.StepSelection(**SIDE), pw.ClosedForm())["mu"],
        "worst case": lambda e: b.worst_case(e, **SIDE).mean,
    }
    for name, estimate in means.items():
        yield name, _mean(name, estimate)
    yield "Egger's test", _test("Egger's test", lambda e: b.egger(e).p_value)
    yield "Begg's test", _test("Begg's test", lambda e: b.begg(e).p_value)
    yield "S-value of the mean", _s_value


GROUPS = {"single": dict(_methods()), "averages": {"PSMA, averaged": _psma}}


if __name__ == "__main__":
    main()
