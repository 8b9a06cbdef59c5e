"""The table, the page and the pictures of a finished run of `calibrate.py`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

import poolwise as pw
from poolwise import simulate

PROB = 0.99
AGREE, RMS = 0.001, 1.35  # Holm-adjusted p-value of mean paired differences, and their root mean square
EXACT = ("exact", "oracle")
PACKAGES = ("poolwise", "pymc", "nutpie", "numpy", "scipy")

WORDS = """# Simulation-based calibration

Made by `make calibrate` ({versions}, seed {seed}); do not edit. `table.csv` has every number.

For each family, {least_done} to {most_done} times: parameters are drawn from the priors, a study table given them, and
the table is fitted by NUTS and by `Exact`, or by an oracle where `Exact` does not answer the model. If model and engine
are right, the place of each true value in its posterior, u = P(quantity < truth | table), is uniform (Talts et al. 2018,
arXiv:1804.06788). The families with their priors and designs are `poolwise.simulate.FAMILIES`: 12 studies with standard errors from 0.1 to 0.4 unless the name
says otherwise, or two arms of 20 to 150 persons or person-years.

- **Exact**: u is the distribution function at the truth, for the log likelihood the rank among 1,000
  independent draws.
- **oracle**: `tests/support/oracle_families.py` states the model anew, in NumPy and SciPy, without code of the
  package; `oracle_weighted.py` weighs some 5,000 to 9,000 Sobol points of an adapted proposal. Baselines and true
  effects of counted events are integrated by quadrature (`oracle_counts.py`, which agrees with nested adaptive
  quadrature to 1e-7). Its Monte Carlo error is that of its effective number of points. It has no `theta` where events
  are counted, and no new study of the design of one whose level is missing.
- **NUTS** at its defaults (4 chains of 1,000 + 1,000): ranks among draws thinned evenly to half the smallest
  effective sample size, bulk or tail, in the report of the fit, which leaves an AR(1) chain with an
  autocorrelation of exp(-4) = 0.02. Every fit has a seed of its own. Ties and the finite number of draws are
  taken care of by randomised ranks (Modrak et al. 2023, 10.1214/23-BA1404). A fit that reports trouble counts
  like any other.
- Finished parts are kept while the version of poolwise stays the same: the numbers of a row may come from different
  commits.
- **Quantities**: all parameters, the true effect `theta` of the first study, the true effects `theta_new` of
  new studies, and the log likelihood of the table with the studies' true effects integrated out, which the
  simulator computes by itself: as one normal law of k dimensions, or by Gauss's rule in many panels where true
  effects or data are not normal. True values of uncertain moderators are quantities too.
- **Band**: the simultaneous 99 % band of Säilynoja, Bürkner & Vehtari 2022 (10.1007/s11222-022-10090-6): the
  curve of one quantity stays inside at all points together with a probability of 99 %. `p` is the probability
  that a calibrated curve goes as far out somewhere; it is below 0.01 exactly when the curve leaves the band.
- **paired**: NUTS gets the tables of `Exact`, or of the oracle. The differences of their places, divided by their
  Monte Carlo standard error, have a mean near 0 and a root mean square (rms) of about 1 when they agree. Chance in the
  tables cancels, so this sees far smaller faults than a curve does; but a fault that both share it does not see.

## How many quantities, how many surprises

The band is for one quantity. There are {quantities} curves (quantities x families x engines), so that
{expected:.1f} outside their 99 % bands are expected of engines without a fault, and rather in clusters: the two
engines share their tables, and quantities of one fit depend on one another. So the rule: a family and engine is
called into question when the smallest p-value of its quantities, adjusted by Holm's method for their number
(which holds however they depend on one another), is below 0.01. It is then run again with another seed, and
what is called into question twice is a fault. Over all {pairs} pairs of family and engine the smallest adjusted
p-value is to be read against 0.01 / {pairs}. Of pairs of engines, a mean difference whose p-value, adjusted likewise, is
below 0.001, or an rms above 1.35, is a fault.

{missing}**Found here**: {outside} of {quantities} curves outside their band{which}; smallest p-value adjusted within its family
{least:.3f} ({where}); {called} pairs called into question. Paired rms from {low:.2f} to {high:.2f}{apart}.

| family | engine | simulations | quantities | outside 99 % | smallest p | adjusted | paired rms | paired mean, adjusted p | fits in trouble | ranked among | s per fit |
|---|---|---|---|---|---|---|---|---|---|---|---|
{rows}

`fits in trouble`: share whose report has a failing status (R-hat, effective sample size, divergences). `ranked
among`: median number of thinned draws. Seconds are those of a busy machine.

## What size of fault these numbers can see

Faults are planted (`power.py`, figures in `power.csv`), and the smallest size is found that the rules above see in nine
of ten calibrations. A posterior draw has the law of the truth given the table, so that the draws of 30 to 100 tables
hold every calibration there can be: a prior of the wrong scale reweights them, other faults move them. The sizes are
for one fault at a time; those of priors hold for all parameters that have the prior. `-`: not seen at any size up to
20, since these tables say so much that the prior does not matter. Shifts are in posterior standard deviations.
`interval`: all distances from the posterior mean times this. `error twice`: a sampling error on top of `theta_new`, how
often it is seen. `se`: how often it is seen that the fit has standard errors 1.1 times too large, or 1.41 times (a
missing factor of sqrt 2).

By curves, at the largest of 300, 1,000 and 2,000 simulations that a family has:

| family | simulations | scale of a prior, below or above | shift of the mean | its interval, below or above | error twice | se 1.1, 1.41 |
|---|---|---|---|---|---|---|
{by_curves}

The same prior of tau at each number of simulations:

| family | 300 | 1,000 | 2,000 |
|---|---|---|---|
{by_number}

By pairs, at 300 simulations{waiting}:

| family | scale of a prior, below or above | shift of the mean | its interval, below or above | error twice |
|---|---|---|---|---|
{by_pairs}

So curves alone see a prior on tau that is wrong by half or twice, not one that is wrong by a tenth; pairs see a few per
cent. What pairs cannot see, a fault that the engine shares with `Exact` or with the oracle, only curves do: for models
of NUTS alone that is a model stated wrongly twice, by people who did not look at one another's statement.

## What calibration has found

- A t or Cauchy prior on mu was not moved along when NUTS moved its origin to the data, in the models of common
  and random effects: the posterior was as if the prior were centred at the data. The curve of mu was still
  inside its band (p = 0.03, sd of u 0.297 against 0.275 by the exact engine, 300 simulations); the
  paired differences reached 0.97. Mended, and tested in `tests/engines/test_nuts_priors_of_the_mean.py`; the
  numbers above are those after.

- Of the first 100 fits of random effects with outliers 15 ended with fewer than 400 effective draws, of three
  studies 4 %, of crossed effects 5 %: near 0, log tau wanders. Four times as many draws mend it (seen on six tables),
  another seed or a longer tuning only now and then; NUTS takes them now by itself, once, and says so.

## Pictures

Solid: exact or oracle; dashed: NUTS.

{pictures}
"""


Places = Mapping[tuple[str, str], pd.DataFrame | None]


def write(out: Path, run: Places, plan: Mapping[str, int], seed: int) -> None:
    """Write all that is made of the places of the truth, by family and engine, None for what is not there.

    Families that are not in the plan keep their rows and pictures.
    """
    places = {task: of for task, of in run.items() if of is not None}
    done = {task: 0 if of is None else of["simulation"].nunique() for task, of in run.items()}
    absent = [f"{', '.join(task)} ({count or 'none'} of {plan[task[0]]})" for task, count in done.items() if count < plan[task[0]]]
    parts = [_tested(*task, of) for task, of in places.items()]
    for name in plan:
        for engine in (engine for engine in EXACT if {(name, engine), (name, "NUTS")} <= set(places)):
            pair = simulate.paired(*_both(places[name, engine], places[name, "NUTS"]))
            pair = pair.assign(family=name, engine="NUTS", paired_rms=pair["rms"], paired_mean=pair["mean"], paired_p=pair["p_holm"])
            parts = [_with_pairs(part, pair) for part in parts]
    old = pd.read_csv(out / "table.csv") if (out / "table.csv").exists() else pd.DataFrame({"family": [], "engine": []})
    table = pd.concat([*parts, old[~old["family"].isin({name for name, _ in places})]], ignore_index=True)
    order = {name: number for number, name in enumerate(simulate.FAMILIES)}
    table = table.sort_values("family", key=lambda of: of.map(order), kind="stable")
    table.round(5).to_csv(out / "table.csv", index=False)
    (out / "pictures").mkdir(exist_ok=True)
    for name in dict.fromkeys(name for name, _ in places):
        _draw(out / _picture(name), name, places)
    read(out, seed, absent)


def read(out: Path, seed: int, absent: list[str] | None = None) -> None:
    """Write the page from `table.csv` and `power.csv`."""
    table, power = pd.read_csv(out / "table.csv"), pd.read_csv(out / "power.csv")
    table = table.reindex(columns=[*table.columns, *({"paired_p", "paired_mean"} - set(table.columns))])
    (out / "calibration.md").write_text(_page(table, power, absent or [], seed), encoding="utf-8")


def _with_pairs(part: pd.DataFrame, pair: pd.DataFrame) -> pd.DataFrame:
    """The rows of NUTS of a family with their paired differences."""
    if (part["family"].iloc[0], part["engine"].iloc[0]) != (pair["family"].iloc[0], "NUTS"):
        return part
    return part.merge(pair[["quantity", "paired_rms", "paired_mean", "paired_p"]], how="left", on="quantity")


def _both(exact: pd.DataFrame, nuts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The simulations and quantities that both have."""
    keys = [set(zip(of["simulation"], of["quantity"], strict=True)) for of in (exact, nuts)]
    both = keys[0] & keys[1]
    return tuple(
        of[[key in both for key in zip(of["simulation"], of["quantity"], strict=True)]] for of in (exact, nuts)
    )  # type: ignore[return-value]


def _tested(name: str, engine: str, places: pd.DataFrame) -> pd.DataFrame:
    frame = simulate.uniformity(places, PROB)
    frame.insert(0, "family", name)
    frame.insert(1, "engine", engine)
    ranked = places["draws"][places["draws"] > 0]
    return frame.assign(draws=ranked.median(), seconds=places["seconds"].mean())


def _picture(name: str) -> str:
    return f"pictures/{name.replace(', ', '-').replace(' ', '_')}.png"


def _draw(path: Path, name: str, places: dict[tuple[str, str], pd.DataFrame]) -> None:
    engines = [engine for of, engine in places if of == name]
    parts = [simulate.ecdf(places[name, engine], PROB).assign(engine=engine) for engine in engines]
    curves = pd.concat(parts, ignore_index=True)
    curves.attrs["prob"] = PROB
    axes = pw.plot.calibration(curves, title=name[0].upper() + name[1:])
    axes.figure.savefig(path, dpi=100, metadata={"Software": None})
    pw.plot.close(axes)


def _page(table: pd.DataFrame, power: pd.DataFrame, absent: list[str], seed: int) -> str:
    groups = list(table.groupby(["family", "engine"], sort=False))
    families = list(dict.fromkeys(table["family"]))
    least = table.loc[table["p_holm"].idxmin()]
    outside = table[~table["inside"]]
    apart = table[(table["paired_p"] < AGREE) | (table["paired_rms"] > RMS)]
    paired = {name for (name, _), of in groups if of["paired_rms"].notna().any()}
    done = table.groupby("family", sort=False)["simulations"].max()
    words = {
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "seed": seed,
        "least_done": f"{done.min():,}",
        "most_done": f"{done.max():,}",
        "quantities": len(table),
        "expected": (1.0 - PROB) * len(table),
        "pairs": len(groups),
        "missing": f"**Not finished** (`make calibrate` goes on): {'; '.join(absent)}.\n\n" if absent else "",
        "outside": len(outside),
        "which": "".join(f"; {row.family}, {row.engine}: {row.quantity}" for row in outside.itertuples()),
        "least": least["p_holm"],
        "where": f"{least['family']}, {least['engine']}: {least['quantity']}",
        "called": sum(of["p_holm"].min() < 1.0 - PROB for _, of in groups),
        "low": table["paired_rms"].min(),
        "high": table["paired_rms"].max(),
        "apart": "".join(f"; apart: {row.family}, {row.quantity}" for row in apart.itertuples()),
        "rows": "\n".join(_row(*names, of) for names, of in groups),
        "by_curves": "\n".join(_seen_by_curves(name, done[name], power) for name in families),
        "by_number": "\n".join(_by_number(name, power) for name in families if _of_tau(name, power)),
        "by_pairs": "\n".join(_seen_by_pairs(name, power) for name in families),
        "waiting": f" (not run yet: {', '.join(name for name in families if name not in paired)})" if set(families) - paired else "",
        "pictures": "\n\n".join(f"![{name}: curves and their band]({_picture(name)})" for name in families),
    }
    return WORDS.format(**words)


def _row(name: str, engine: str, of: pd.DataFrame) -> str:
    rms, p = of["paired_rms"].dropna(), of["paired_p"].dropna()
    cells = (
        name,
        engine,
        str(int(of["simulations"].iloc[0])),
        str(len(of)),
        str(int((~of["inside"]).sum())),
        f"{of['p'].min():.3f}",
        f"{of['p_holm'].min():.2f}",
        f"{rms.min():.2f} to {rms.max():.2f}" if len(rms) else "",
        f"{p.min():.3f}" if len(p) else "",
        f"{100 * of['troubled'].iloc[0]:.1f} %",
        f"{of['draws'].iloc[0]:.0f}",
        f"{of['seconds'].iloc[0]:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _seen_by_curves(name: str, done: int, power: pd.DataFrame) -> str:
    known = power[(power["family"] == name) & (power["by"] == "curves")]
    n = max((n for n in known["simulations"] if n <= done), default=300)
    of = known[known["simulations"] == n]
    errors = of[of["fault"] == "standard errors"]["seen"]
    return f"| {' | '.join((name, str(n), *_sizes(of), ', '.join(f'{share:.0%}' for share in errors)))} |"


def _seen_by_pairs(name: str, power: pd.DataFrame) -> str:
    return f"| {' | '.join((name, *_sizes(power[(power['family'] == name) & (power['by'] == 'pairs')])))} |"


def _by_number(name: str, power: pd.DataFrame) -> str:
    of = power[(power["family"] == name) & (power["by"] == "curves") & (power["of"] == _of_tau(name, power))]
    cells = (_below_or_above(of[of["simulations"] == n]) for n in (300, 1000, 2000))
    return f"| {name}: {_of_tau(name, power)} | {' | '.join(cells)} |"


def _of_tau(name: str, power: pd.DataFrame) -> str:
    """The first prior of a between-study standard deviation; empty for none."""
    of = power[(power["family"] == name) & (power["fault"] == "prior scale")]["of"]
    return next((known for known in of if known.startswith("tau")), "")


def _sizes(of: pd.DataFrame) -> tuple[str, str, str, str]:
    """Cells: scales of priors, shift, interval, and how often an error twice is seen."""
    scales = of[of["fault"] == "prior scale"]
    priors = "; ".join(f"{name} {_below_or_above(scales[scales['of'] == name])}" for name in dict.fromkeys(scales["of"]))
    shift, twice = (of[of["fault"] == fault] for fault in ("shift", "error twice"))
    moved = "".join(_size(size) for size in shift["size"])
    return priors, moved, _below_or_above(of[of["fault"] == "spread"]), "".join(f"{share:.0%}" for share in twice["seen"])


def _below_or_above(of: pd.DataFrame) -> str:
    sizes = {way: of[of["way"] == way]["size"] for way in ("less", "more")}
    return ", ".join(_size(size.iloc[0]) if len(size) else "-" for size in sizes.values())


def _size(size: float) -> str:
    return "-" if np.isnan(size) else f"{size:.2g}" if size < 0.1 else f"{size:.2f}" if size < 10.0 else f"{size:.0f}"
