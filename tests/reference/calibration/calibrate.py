"""Simulation-based calibration of every family by both engines: `make calibrate`.

Parts of 50 simulations are kept in `results/calibration/` as they are finished (each file whole or not at all), so that
a run that was stopped goes on where it was; another model, design, engine, seed or version of poolwise starts anew.
At the end `table.csv`, `calibration.md` and the pictures beside this script are made of what is finished; the page
names what is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields, is_dataclass
from itertools import takewhile
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

import poolwise as pw
from poolwise import simulate
from poolwise.fit import PAIRS

HERE = Path(__file__).parent
PART, LEAST = 50, 100
SETTINGS: dict[str, dict[str, int]] = {"exact": {"draws": 1000, "chains": 1}, "NUTS": {"cores": 1}}
ENGINES = {"exact": pw.Exact(**SETTINGS["exact"]), "NUTS": pw.NUTS(**SETTINGS["NUTS"])}


def main() -> None:
    """Run what is missing, then write the table, the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=300, help="tables for each family and engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--family", action="append", help="run these only")
    parser.add_argument("--work", type=Path, default=Path("results/calibration"), help="where finished parts are kept")
    given = parser.parse_args()
    tasks = [(name, engine) for name in given.family or simulate.FAMILIES for engine in engines(name)]
    start = time.perf_counter()
    # A process for each task: what PyMC compiled for one family is given back before the next.
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = {pool.submit(run, *task, given.simulations, given.seed, given.work): task for task in tasks}
        for done, future in enumerate(as_completed(waiting), start=1):
            future.result()
            told, seconds = ", ".join(waiting[future]), time.perf_counter() - start
            print(f"[{done}/{len(tasks)}] {told}: {seconds:.0f} s", flush=True)
    from page import write  # beside this script

    write(HERE, finished(given.simulations, given.seed, given.work), given.simulations, given.seed)


def engines(name: str) -> list[str]:
    """The engines of this script that answer a family's model."""
    model = simulate.FAMILIES[name].model
    alone = isinstance(model, pw.MetaRegression) and (model.takes_uncertain or model.shares_priors)
    known = (pw.NUTS,) if alone else PAIRS[type(model)]
    return [engine for engine, settings in ENGINES.items() if type(settings) in known]


def run(name: str, engine: str, simulations: int, seed: int, work: Path) -> None:
    """The parts of one family and engine that are not there yet."""
    family = simulate.FAMILIES[name]
    for first in range(0, simulations, PART):
        path = part(name, engine, first, min(PART, simulations - first), seed, work)
        if path.exists():
            continue
        start = time.perf_counter()
        count = min(PART, simulations - first)
        places = simulate.calibration(
            family.model, ENGINES[engine], family.effects, simulations=count, seed=seed, first=first
        )
        places["seconds"] = (time.perf_counter() - start) / count
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        places.to_csv(half, index=False)
        half.replace(path)
        print(f"    {name}, {engine}: {first + count}/{simulations}", flush=True)


def part(name: str, engine: str, first: int, count: int, seed: int, work: Path) -> Path:
    """Where one part is kept; the digest tells all that it depends on."""
    family = simulate.FAMILIES[name]
    asked = (pw.__version__, stated(family.model), family.effects.to_frame().to_csv(), SETTINGS[engine], seed, count)
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
    return work / f"{name.replace(', ', '-').replace(' ', '_')}-{engine}" / f"{first:04d}-{digest}.csv"


def stated(thing: object) -> str:
    """A model or prior by what was said of it: a field added later, at its default, does not make it another."""
    if not is_dataclass(thing):
        return repr(thing)
    given = [(field.name, getattr(thing, field.name)) for field in fields(thing) if field.repr]
    defaults = {field.name: field.default for field in fields(thing)}
    said = [f"{name}={stated(value)}" for name, value in given if value != defaults[name]]
    return f"{type(thing).__name__}({', '.join(said)})"


def finished(simulations: int, seed: int, work: Path) -> dict[tuple[str, str], pd.DataFrame | None]:
    """The finished parts of each family and engine; None where there are too few."""
    return {
        (name, engine): kept(name, engine, simulations, seed, work)
        for name in simulate.FAMILIES
        for engine in engines(name)
    }


def kept(name: str, engine: str, simulations: int, seed: int, work: Path) -> pd.DataFrame | None:
    """The parts of one family and engine that are there, from the first; None for fewer than 100 simulations."""
    firsts = range(0, simulations, PART)
    paths = [part(name, engine, first, min(PART, simulations - first), seed, work) for first in firsts]
    there = [pd.read_csv(path) for path in takewhile(Path.exists, paths)]
    together = pd.concat(there, ignore_index=True) if there else pd.DataFrame({"simulation": []})
    return together if together["simulation"].nunique() >= min(LEAST, simulations) else None


if __name__ == "__main__":
    main()
