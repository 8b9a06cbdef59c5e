"""The table, the page and the pictures of a finished run of `calibrate.py`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pandas as pd

import poolwise as pw
from poolwise import simulate

PROB = 0.99
PACKAGES = ("poolwise", "pymc", "nutpie", "numpy", "scipy")

WORDS = """# Simulation-based calibration

Made by `make calibrate` ({versions}, seed {seed}); do not edit. `table.csv` has every number.

For each family, {simulations} times: parameters are drawn from the priors, a study table given them, and the
table is fitted by both engines (by NUTS alone where `Exact` does not answer the model). If model and engine are right, the place of each true value in its posterior, u
= P(quantity < truth | table), is uniform (Talts et al. 2018, arXiv:1804.06788). The families with their priors
and designs are `poolwise.simulate.FAMILIES`: 12 studies with standard errors from 0.1 to 0.4 unless the name
says otherwise, or two arms of 20 to 150 persons or person-years.

- **Exact**: u is the distribution function at the truth, for the log likelihood the rank among 1,000
  independent draws.
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
- **Band**: the simultaneous 99 % band of Saeilynoja, Buerkner & Vehtari 2022 (10.1007/s11222-022-10090-6): the
  curve of one quantity stays inside at all points together with a probability of 99 %. `p` is the probability
  that a calibrated curve goes as far out somewhere; it is below 0.01 exactly when the curve leaves the band.
- **paired rms**: both engines get the same tables. The differences of their places, divided by their Monte
  Carlo standard error, have a root mean square of about 1 when they agree. Chance in the tables cancels, so
  this sees far smaller faults than a curve does.

## How many quantities, how many surprises

The band is for one quantity. There are {quantities} curves (quantities x families x engines), so that
{expected:.1f} outside their 99 % bands are expected of engines without a fault, and rather in clusters: the two
engines share their tables, and quantities of one fit depend on one another. So the rule: a family and engine is
called into question when the smallest p-value of its quantities, adjusted by Holm's method for their number
(which holds however they depend on one another), is below 0.01. It is then run again with another seed, and
what is called into question twice is a fault. Over all {pairs} pairs of family and engine the smallest adjusted
p-value is to be read against 0.01 / {pairs}. The paired differences are looked at whatever the curves say.

{missing}**Found here**: {outside} of {quantities} curves outside their band{which}; smallest p-value adjusted within its family
{least:.3f} ({where}); {called} pairs called into question. Paired rms from {low:.2f} to {high:.2f}.

| family | engine | simulations | quantities | outside 99 % | smallest p | adjusted | paired rms | fits in trouble | ranked among | s per fit |
|---|---|---|---|---|---|---|---|---|---|---|
{rows}

`fits in trouble`: share whose report has a failing status (R-hat, effective sample size, divergences). `ranked
among`: median number of thinned draws. Seconds are those of a busy machine.

## What calibration has found

- A t or Cauchy prior on mu was not moved along when NUTS moved its origin to the data, in the models of common
  and random effects: the posterior was as if the prior were centred at the data. The curve of mu was still
  inside its band (p = 0.03, sd of u 0.297 against 0.275 by the exact engine, {simulations} simulations); the
  paired differences reached 0.97. Mended, and tested in `tests/engines/test_nuts_priors_of_the_mean.py`; the
  numbers above are those after.

- Of the first 100 fits of random effects with outliers 15 ended with fewer than 400 effective draws, of three
  studies 4 %, of crossed effects 5 %: near 0, log tau wanders. Four times as many draws mend it (seen on six tables),
  another seed or a longer tuning only now and then; NUTS takes them now by itself, once, and says so.

## Pictures

Solid: exact; dashed: NUTS.

{pictures}
"""


def write(out: Path, found: dict[tuple[str, str], pd.DataFrame | None], simulations: int, seed: int) -> None:
    """Write everything that is made of the places of the truth, by family and engine; None for what is not there."""
    places = {task: of for task, of in found.items() if of is not None}
    done = {task: 0 if of is None else of["simulation"].nunique() for task, of in found.items()}
    absent = [f"{', '.join(task)} ({count or 'none'} done)" for task, count in done.items() if count < simulations]
    table = pd.concat([_tested(*task, of) for task, of in places.items()], ignore_index=True)
    families = list(dict.fromkeys(name for name, _ in places))
    told = [
        simulate.paired(*_both(places[name, "exact"], places[name, "NUTS"])).assign(family=name, engine="NUTS")
        for name in families
        if {(name, "exact"), (name, "NUTS")} <= set(places)
    ]
    table = table.merge(pd.concat(told)[["family", "engine", "quantity", "rms"]], how="left").rename(
        columns={"rms": "paired_rms"}
    )
    table.round(5).to_csv(out / "table.csv", index=False)
    (out / "pictures").mkdir(exist_ok=True)
    for name in families:
        _draw(out / _picture(name), name, places)
    (out / "calibration.md").write_text(_page(table, families, absent, simulations, seed), encoding="utf-8")


def _both(exact: pd.DataFrame, nuts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The simulations that both engines have."""
    return exact[exact["simulation"].isin(nuts["simulation"])], nuts[nuts["simulation"].isin(exact["simulation"])]


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


def _page(table: pd.DataFrame, families: list[str], absent: list[str], simulations: int, seed: int) -> str:
    groups = list(table.groupby(["family", "engine"], sort=False))
    least = table.loc[table["p_holm"].idxmin()]
    outside = table[~table["inside"]]
    words = {
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "seed": seed,
        "simulations": simulations,
        "quantities": len(table),
        "expected": (1.0 - PROB) * len(table),
        "pairs": len(groups),
        "missing": f"**Fewer than {simulations} simulations so far** (`make calibrate` goes on): {'; '.join(absent)}.\n\n" if absent else "",
        "outside": len(outside),
        "which": "".join(f"; {row.family}, {row.engine}: {row.quantity}" for row in outside.itertuples()),
        "least": least["p_holm"],
        "where": f"{least['family']}, {least['engine']}: {least['quantity']}",
        "called": sum(of["p_holm"].min() < 1.0 - PROB for _, of in groups),
        "low": table["paired_rms"].min(),
        "high": table["paired_rms"].max(),
        "rows": "\n".join(_row(*names, of) for names, of in groups),
        "pictures": "\n\n".join(f"![{name}: curves and their band]({_picture(name)})" for name in families),
    }
    return WORDS.format(**words)


def _row(name: str, engine: str, of: pd.DataFrame) -> str:
    rms = of["paired_rms"].dropna()
    cells = (
        name,
        engine,
        str(int(of["simulations"].iloc[0])),
        str(len(of)),
        str(int((~of["inside"]).sum())),
        f"{of['p'].min():.3f}",
        f"{of['p_holm'].min():.2f}",
        f"{rms.min():.2f} to {rms.max():.2f}" if len(rms) else "",
        f"{100 * of['troubled'].iloc[0]:.1f} %",
        f"{of['draws'].iloc[0]:.0f}",
        f"{of['seconds'].iloc[0]:.2f}",
    )
    return f"| {' | '.join(cells)} |"
