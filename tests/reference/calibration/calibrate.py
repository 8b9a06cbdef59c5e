"""Simulation-based calibration of every family by its engines and by an oracle: `make calibrate`.

Parts of 50 simulations are kept in `results/calibration/` as they are finished (each file whole or not at all), so that
a run that was stopped goes on where it was; another model, design, engine, seed or version of poolwise starts anew.
At the end `table.csv`, `calibration.md` and the pictures beside this script are made of what is finished; the page
names what is missing. Families that were not asked for keep their rows and pictures.

    calibrate.py --families common_effect,binomial-odds_ratio --simulations 1000
    calibrate.py --page        # the page anew, from table.csv and power.csv
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields, is_dataclass
from itertools import takewhile
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import poolwise as pw
from poolwise import simulate
from poolwise.fit import PAIRS
from support.oracle_places import ALONE, places

PART, LEAST = 50, 100
SETTINGS: dict[str, dict[str, int]] = {"exact": {"draws": 1000, "chains": 1}, "oracle": {}, "NUTS": {"cores": 1}}
ENGINES = {"exact": pw.Exact(**SETTINGS["exact"]), "NUTS": pw.NUTS(**SETTINGS["NUTS"])}
# Tables for each family: as many as cost some ten minutes by NUTS (seconds per fit in table.csv).
USUAL = 300
CHEAP = {
    "common effect": 2000,
    "random effects": 2000,
    "random effects, three studies": 2000,
    "random effects, heavy tails": 1000,
    "meta-regression": 2000,
    "meta-regression, heavy tails": 2000,
    "subgroups, common tau": 2000,
    "subgroups, separate taus": 2000,
    "location and scale": 1000,
    "three levels": 1000,
    "three levels, correlated errors": 1000,
    "uncertain moderator": 1000,
    "pooled levels": 1000,
    "t random effects": 1000,
    "skew-normal random effects": 2000,
    "random effects with outliers": 2000,
}


def main() -> None:
    """Run what is missing, then write the table, the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default="", help="these only, by commas; ', ' in a name is '-', a space '_'")
    parser.add_argument("--simulations", type=int, default=0, help="tables for each family; else CHEAP and 300")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--work", type=Path, default=Path("results/calibration"), help="where finished parts are kept")
    parser.add_argument("--page", action="store_true", help="run nothing: the page anew")
    asked = parser.parse_args()
    from page import read, write  # beside this script

    if asked.page:
        read(HERE, asked.seed)
        return
    names = chosen(parser, asked.families)
    plan = {name: asked.simulations or CHEAP.get(name, USUAL) for name in names}
    tasks = [(name, engine) for name in names for engine in engines(name)]
    start = time.perf_counter()
    # A process for each task: what PyMC compiled for one family is given back before the next.
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = {pool.submit(run, *task, plan[task[0]], asked.seed, asked.work): task for task in tasks}
        for done, future in enumerate(as_completed(waiting), start=1):
            future.result()
            task, seconds = ", ".join(waiting[future]), time.perf_counter() - start
            print(f"[{done}/{len(tasks)}] {task}: {seconds:.0f} s", flush=True)
    write(HERE, {task: kept(*task, plan[task[0]], asked.seed, asked.work) for task in tasks}, plan, asked.seed)


def chosen(parser: argparse.ArgumentParser, names: str) -> list[str]:
    """The families that were asked for: all, or those named as their pictures are."""
    known = {slug(name): name for name in simulate.FAMILIES}
    wanted = [slug(name.strip()) for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"there is no family {unknown[0]!r}, but {', '.join(known)}")
    return [known[name] for name in wanted] or list(known.values())


def slug(name: str) -> str:
    """A family's name without commas and spaces."""
    return name.replace(", ", "-").replace(" ", "_")


def engines(name: str) -> list[str]:
    """What answers a family: the engines of this script, and the oracle where NUTS is alone."""
    if name in ALONE:
        return ["oracle", "NUTS"]
    known = PAIRS[type(simulate.FAMILIES[name].model)]
    return [engine for engine, settings in ENGINES.items() if type(settings) in known]


def run(name: str, engine: str, simulations: int, seed: int, work: Path) -> None:
    """The parts of one family and engine that are not there yet."""
    for first in range(0, simulations, PART):
        count = min(PART, simulations - first)
        path = part(name, engine, first, count, seed, work)
        if path.exists():
            continue
        start = time.perf_counter()
        of = _places(name, engine, count, seed, first)
        of["seconds"] = (time.perf_counter() - start) / count
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        of.to_csv(half, index=False)
        half.replace(path)
        print(f"    {name}, {engine}: {first + count}/{simulations}", flush=True)


def _places(name: str, engine: str, count: int, seed: int, first: int) -> pd.DataFrame:
    if engine == "oracle":
        return places(name, simulations=count, seed=seed, first=first)
    family = simulate.FAMILIES[name]
    return simulate.calibration(
        family.model, ENGINES[engine], family.effects, simulations=count, seed=seed, first=first
    )  # fmt: skip


def part(name: str, engine: str, first: int, count: int, seed: int, work: Path) -> Path:
    """Where one part is kept; the digest tells all that it depends on."""
    family = simulate.FAMILIES[name]
    asked = (pw.__version__, stated(family.model), family.effects.to_frame().to_csv(), SETTINGS[engine], seed, count)
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
    return work / f"{slug(name)}-{engine}" / f"{first:04d}-{digest}.csv"


def stated(thing: object) -> str:
    """A model or prior by what was said of it: a field added later, at its default, does not make it another."""
    if not is_dataclass(thing):
        return repr(thing)
    given = [(field.name, getattr(thing, field.name)) for field in fields(thing) if field.repr]
    defaults = {field.name: field.default for field in fields(thing)}
    said = [f"{name}={stated(value)}" for name, value in given if value != defaults[name]]
    return f"{type(thing).__name__}({', '.join(said)})"


def kept(name: str, engine: str, simulations: int, seed: int, work: Path) -> pd.DataFrame | None:
    """The parts of one family and engine that are there, from the first; None for fewer than 100 simulations."""
    firsts = range(0, simulations, PART)
    paths = [part(name, engine, first, min(PART, simulations - first), seed, work) for first in firsts]
    there = [pd.read_csv(path) for path in takewhile(Path.exists, paths)]
    together = pd.concat(there, ignore_index=True) if there else pd.DataFrame({"simulation": []})
    return together if together["simulation"].nunique() >= min(LEAST, simulations) else None


if __name__ == "__main__":
    main()
