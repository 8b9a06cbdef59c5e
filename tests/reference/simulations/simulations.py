"""Published simulation studies beside ours, as a page: `make simulations` (some minutes) writes simulations.md.

simulations.py --replications 100000
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from support import published_simulations as published
from support.published_simulations import PRINTED

WORDS = {"bias": "bias", "coverage": "coverage", "rejection": "power"}
TABLES_OF_PRINTED = 20_000  # beside 10,000 in print, more would show nothing
KS_OF_TYPE_I, KS_OF_REML = (2, 3, 4, 5, 10, 20), (3, 5, 7, 10)

HEAD = """# Published simulation studies, run again

Made by `make simulations`; do not edit. Ours are tables of
`pw.simulate.operating_characteristics`, {printed:,} of each design in the first and the last section and {replications:,} in
the others; figures are percentages where nothing else is said. The JSON files beside this page hold what was read,
where, and the design as it is stated there. Of the four papers below in which no table could be had, statements and shapes
are compared, not figures. `tests/simulate/test_published_simulations.py` holds a quick run to the same
figures, and to laws that are known exactly (at equal standard errors).

| paper | what was to be had | what is done with it |
|---|---|---|
| Friedrich, Adhikari & Beyene 2008, 10.1186/1471-2288-8-32 | Tables 3 and 7 | every printed figure of MD and SMD that was seen |
| Held, Hofmann & Pawel 2025, arXiv:2408.08135 | the authors' file of results, 12 of its designs | every figure of DL, REML and Hartung-Knapp that was seen |
| IntHout, Ioannidis & Borm 2014, 10.1186/1471-2288-14-25 | abstract; **no table** | the two bounds that it states, and orderings |
| R\u00f6ver, Knapp & Friede 2015, 10.1186/s12874-015-0091-1 | abstract, summaries; **no table** | orderings |
| Partlett & Riley 2017, 10.1002/sim.7140 | two summaries; **no table** | orderings |
| Langan et al. 2019, 10.1002/jrsm.1316 | two sentences of the abstract, summaries; **no table** | signs of biases |
"""

FRIEDRICH = """
## Friedrich, Adhikari & Beyene 2008: means of two arms

k studies with n1/n2 normal persons, a true effect of mu standard deviations, tau = 0 or half a standard deviation; 10,000
tables each in print, as whole percents. Ours: `pw.simulate.Arms`, whose standard errors are estimated in every study, and
DerSimonian-Laird with a normal interval. The tables do not name the pooling: this one reproduces them, and
Hartung-Knapp, whose coverage is near 95 throughout, does not. Nor do they name the sampling variance of g. With the
unbiased one (`variance="UB"`) the figures are reproduced, and it is taken here; with 1/n1 + 1/n2 + g^2 / (2 (n1 + n2)),
whose weights follow g less, the bias with 20 persons in a study is one percent of mu smaller than in print.

| figure | printed cells | within 1 point | within 1 point and rounding | largest difference | largest beyond rounding, in Monte Carlo errors |
|---|---|---|---|---|---|
{summary}

The Monte Carlo error is that of the printed 10,000 tables and ours together: 0.2 for a coverage of 95, 0.5 for a power of
50, and for a bias in percent of mu up to {bias_error:.1f}. {verdict}

{table}

Rows of Table 3 with mu = 0.8 and n = 100/100, and of Table 7 with mu = 0.8 and n = 134/66, were not to be had in full.
The column of ratios of means is left out: how its heterogeneity was drawn was not to be seen.
"""

HELD = """
## Held, Hofmann & Pawel 2025: one or two studies ten times as large

k mean differences between two arms of 50 normal persons each, the first studies of them (large) of 500; true effects normal,
I2 = tau^2 / (tau^2 + the mean sampling variance); standard errors estimated in every study. 20,000 tables each by the authors:
their file of results tells figures to many digits, which no rounding blurs. Ours: `pw.simulate.Arms`, {replications:,} tables.

| figure | cells | within 1 point | largest difference | largest, in Monte Carlo errors | root mean square, in Monte Carlo errors |
|---|---|---|---|---|---|
{summary}

The Monte Carlo error is that of both: 0.2 for a coverage of 95, 0.3 for one of 80. Methods share the tables of a design, and so
their errors. A root mean square of one is what agreement gives. {verdict}

| source | I2 | k | large | method | coverage, theirs | coverage, ours | width, theirs | width, ours | RMSE, theirs | RMSE, ours |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{table}

With unequal sizes the interval of Hartung and Knapp after REML holds the mean in {low:.1f} % at the least ({low_at}), the
normal one in {wald:.1f} % ({wald_at}).
"""

INTHOUT = """
## IntHout, Ioannidis & Borm 2014; R\u00f6ver, Knapp & Friede 2015: type I errors

The abstract of the first: at a level of 5 % the errors of HKSJ "at most doubled, whereas for DL they could be over 30 %",
with 2 to 20 trials, of one size or for example 25 % of them ten times as large. Ours: the largest error of HKSJ is
**{hksj:.1f} %** ({hksj_at}),
that of DL **{dl:.1f} %** ({dl_at}).
For two studies that differ widely DL's error tends to 2 P(t_1 > 1.96) = 30.0 %. Its conclusion, as quoted elsewhere: "extra
caution is needed" with five studies or fewer of very unequal sizes. Ours, the largest error of HKSJ by k:
{by_k}.

The abstract of the second: HKSJ "works well" where precision is comparable and exceeds its level where standard errors vary;
the modification (mKH, q at least 1) is more conservative and closer to the level. The first is seen below in every row; of
the second, that mKH is more conservative in every row, and closer to the level with unequal sizes and heterogeneity. Where
trials are alike HKSJ is exact and mKH too cautious: of two such trials it never rejects here. With two trials it is very
conservative throughout, as summaries of the paper say.

tau is in standard errors of a small trial; no effect, rejection in percent. Their grid was not to be had; this one is ours.

{table}
"""

REML = """
## Partlett & Riley 2017: after REML

As summarised elsewhere: intervals by Hartung and Knapp generally do well, less so where sizes vary and heterogeneity is low;
Wald's have poor coverage with large heterogeneity and few studies; prediction intervals (t with k - 2) do well only with
large heterogeneity and sizes that are alike, and poorly in other settings, in particular with low heterogeneity and varied
sizes. Ours: coverage in percent; I2 as above; trials alike, one ten times as large, or half of them.
{verdict}
Which sizes and values of I2 theirs were was not to be had.

{table}
"""

LANGAN = """
## Langan et al. 2019: estimators of tau squared

The abstract, as quoted elsewhere: DerSimonian-Laird "is negatively biased in scenarios with small studies and in scenarios with
a rare binary outcome"; REML is recommended. As summarised elsewhere: Paule-Mandel is too high where sizes differ much. Ours:
the mean of the estimates over tau^2, less one, in percent, mu = 0.5; the Monte Carlo error is at most {error:.1f}. Twenty studies
with arms of 20 and both values of tau^2 are theirs, by a public script that runs their Figure 2 again, and so is that REML is too
low at the larger value; the other designs are ours.
{verdict}

{table}

What is known exactly is tested besides: at equal standard errors DL, HE, PM and REML are one estimator, ML and HS another with
a lower bias, and the bias of each is an integral over a chi-squared law, with which the simulation agrees.
"""


def table(rows: list[list[str]], head: list[str]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def of_friedrich(frame: pd.DataFrame) -> str:
    """The section of printed figures."""
    summary, errors = [], {}
    for name in PRINTED:
        off = frame[f"{name}_off"]
        errors[name] = float((off.clip(lower=0.0) / frame[f"{name}_error"]).max())
        apart = off + published.ROUNDING
        within = f"{(apart <= 1.0).sum()} | {(off <= 1.0).sum()} | {apart.max():.1f}"
        summary.append(f"| {WORDS[name]} | {len(frame)} | {within} | {errors[name]:.1f} |")
    beyond = [
        f"{c.measure}, n = {c.n1}/{c.n2}, k = {c.k}, mu = {c.mu:g}, tau = {c.tau:g}: {WORDS[name]} "
        f"{getattr(c, name + '_printed')} in print, {getattr(c, name):.1f} here"
        for name in PRINTED
        for c in frame[frame[f"{name}_off"] > 3.0 * frame[f"{name}_error"]].itertuples()
    ]
    verdict = "Beyond three of them: " + ("; ".join(beyond) if beyond else "none") + "."
    head = ["table", "effect", "n", "k", "mu", "tau", *(f"{WORDS[x]}, {y}" for x in PRINTED for y in ("print", "ours"))]
    rows = [
        [str(c.table), c.measure, f"{c.n1}/{c.n2}", str(c.k), f"{c.mu:g}", f"{c.tau:g}"]
        + [text for x in PRINTED for text in (str(getattr(c, f"{x}_printed")), f"{getattr(c, x):.1f}")]
        for c in frame.sort_values(["table", "measure", "n1", "mu", "k", "tau"]).itertuples()
    ]
    worst = float(frame["bias_error"].max())
    return FRIEDRICH.format(summary="\n".join(summary), bias_error=worst, verdict=verdict, table=table(rows, head))


def of_held(frame: pd.DataFrame, replications: int) -> str:
    """The section of figures that no rounding blurs."""
    summary, beyond = [], []
    for name in published.COMPARED:
        apart, errors = frame[f"{name}_off"], frame[f"{name}_off"] / frame[f"{name}_error"]
        within = f"{(apart <= 1.0).sum()}" if name == "coverage" else ""
        largest = f"{apart.max():.2f}" if name == "coverage" else f"{100.0 * (apart / frame[name]).max():.1f} % of it"
        word = "RMSE" if name == "rmse" else name
        spread = (errors**2).mean() ** 0.5
        summary.append(f"| {word} | {len(frame)} | {within} | {largest} | {errors.max():.1f} | {spread:.2f} |")
        beyond += [f"{word} of k = {c.k}, I2 = {c.i2:g}, {c.large} large" for c in frame[errors > 3.0].itertuples()]
    verdict = "Beyond three of them: " + ("; ".join(beyond) if beyond else "none") + "."
    rows = [
        ["held", f"{c.i2:g}", str(c.k), str(c.large), c.method]
        + [f"{value:.{digits}f}" for value, digits in (
            (c.coverage_printed, 2), (c.coverage, 2), (c.width_printed, 4), (c.width, 4), (c.rmse_printed, 4), (c.rmse, 4)
        )]
        for c in frame.itertuples()
    ]  # fmt: skip
    unequal = frame[frame["large"] > 0].set_index("method")
    low, wald = (unequal.loc[name].sort_values("coverage").iloc[0] for name in ("REML, Hartung-Knapp", "REML, Wald"))
    at = [f"k = {x['k']:g}, I2 = {x['i2']:g}" for x in (low, wald)]
    return HELD.format(
        replications=replications, summary="\n".join(summary), verdict=verdict, low=low["coverage"], low_at=at[0],
        wald=wald["coverage"], wald_at=at[1], table="\n".join("| " + " | ".join(row) + " |" for row in rows),
    )  # fmt: skip


def of_type_i(frame: pd.DataFrame) -> str:
    """The section of type I errors."""
    worst = frame.loc[frame.groupby("method")["error"].idxmax()].set_index("method")
    at = {name: f"{row.design}, tau = {row.tau:g}" for name, row in worst.iterrows()}
    by_k = frame[frame["method"] == published.HKSJ].groupby("k")["error"].max()
    wide = frame.pivot_table(index=["k", "large", "tau"], columns="method", values="error")[list(published.OF_DL)]
    rows = [
        [f"{k}", f"{large or 'none'}", f"{tau:g}", *(f"{x:.1f}" for x in values)]
        for (k, large, tau), values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return INTHOUT.format(
        hksj=worst.loc[published.HKSJ, "error"], hksj_at=at[published.HKSJ], dl=worst.loc[published.DL, "error"],
        dl_at=at[published.DL], by_k=", ".join(f"{error:.1f} (k = {k})" for k, error in by_k.items()),
        table=table(rows, ["k", "large trials", "tau", *wide.columns]),
    )  # fmt: skip


def of_reml(frame: pd.DataFrame) -> str:
    """The section of intervals after REML."""
    wide = frame.pivot_table(index=["k", "sizes", "i2"], columns=["quantity", "method"], values="coverage")
    quantities = {"mu": "mean", "theta_new": "new effect"}
    columns = [(quantity, method) for quantity in quantities for method in published.OF_REML]
    rows = [
        [f"{k}", sizes, f"{i2:g}", *(f"{wide.loc[(k, sizes, i2), column]:.1f}" for column in columns)]
        for k, sizes, i2 in wide.index
    ]
    new = wide[("theta_new", "REML, Hartung-Knapp")].drop(index=3, level="k")
    large, other = new.xs(0.9, level="i2"), new.drop(index=0.9, level="i2").groupby("sizes").min()
    verdict = (
        f"With five studies or more the prediction interval holds a new effect in {large.min():.1f} to {large.max():.1f} % "
        f"at I2 = 0.9, and at lower I2 in as few as {other['alike']:.1f} % with trials alike, "
        f"{other['half large']:.1f} % with half of them large and {other['one large']:.1f} % with one; with three studies, "
        "and five at I2 = 0.1, it is too wide."
    )
    head = ["k", "sizes", "I2", *(f"{quantities[quantity]}: {method}" for quantity, method in columns)]
    return REML.format(verdict=textwrap.fill(verdict, 120), table=table(rows, head))


def of_tau2(frame: pd.DataFrame) -> str:
    """The section of estimators of tau squared."""
    wide = frame.pivot_table(index=["design", "tau2"], columns="method", values="bias", sort=False)
    usual = frame[frame["method"] != "SJ"]
    rows = [
        [design, f"{tau2:g}", *(f"{x:.1f}" for x in values)]
        for (design, tau2), values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    below = int((wide["DL"] < wide["REML"]).sum())
    verdict = (
        f"DL is below REML in {below} of {len(wide)} rows, by most with standardised differences that vary much. With a rare "
        "outcome DL is too low in each, and so is REML. PM is the highest of DL, REML and PM in each."
    )
    return LANGAN.format(
        error=usual["mcse"].max(),
        verdict=textwrap.fill(verdict, 120),
        table=table(rows, ["design", "tau squared", *wide.columns]),
    )


def sections(replications: int) -> Iterator[str]:
    """The page, part by part."""
    printed = min(replications, TABLES_OF_PRINTED)
    yield HEAD.format(replications=replications, printed=printed)
    yield of_friedrich(published.friedrich(printed))
    yield of_held(published.held(replications), replications)
    yield of_type_i(published.type_i_errors(KS_OF_TYPE_I, replications))
    yield of_reml(published.after_reml(KS_OF_REML, replications))
    yield of_tau2(published.bias_of_tau2(printed))


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=100_000)
    parser.add_argument("--to", type=Path, default=HERE / "simulations.md")
    given = parser.parse_args()
    given.to.write_text("".join(sections(given.replications)), encoding="utf-8")


if __name__ == "__main__":
    main()
