"""The table and the page of a run of `bias_panel.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

BY = ["k", "mu", "tau", "selected"]
TESTS = ("Egger's test", "Begg's test", "S-value of the mean", "S-value of the limit",
         "PSMA, Bayes factor of an effect", "PSMA, Bayes factor of bias")  # fmt: skip

WORDS = """# What methods for publication bias cost and what they gain

Made by `make panel`; do not edit. `panel.csv` has every number with its Monte Carlo standard error. {done}

Published studies of a standardised mean difference with 15 to 200 persons in each arm (even in log n), so that standard
errors run from 0.10 to 0.37; k = 10 or 30 of them are published, true effects are normal with mean mu = 0 or 0.3 and
standard deviation tau = 0.1 or 0.3. Without selection every result is published; with selection a result with one-sided
p > .025 one time in five. Every method answers the same tables.

## What is seen

{seen}

Means over the eight designs without selection and the eight with it (Monte Carlo standard error); `wrong` is `found` where
mu = 0 and `power` is `found` where mu = 0.3, which says little where `wrong` is far from 5 %:

{overview}

**What this does not tell.** One mechanism of selection, and it is the one that p-uniform*, the selection model with one
step and one of the 36 models assume; regressions (PET, PEESE, limit meta-analysis) are thus seen at a disadvantage. Where
results are selected by size or by an opinion, or small studies differ for other reasons, the order may turn (Carter,
Schönbrodt, Gervais & Hilgard 2019, 10.1177/2515245919847196). Sizes of studies do not depend on their effects here, and
no study is outlying.

## Estimates of the mean

`bias` and `RMSE` in standardised mean differences, `coverage` of the 95 % interval in %, `found`: % of tables whose
interval leaves out 0 (the error of the first kind where mu = 0, power where mu = 0.3). Each is followed by its Monte Carlo
standard error. `none`: % of tables without an answer, which stay out of the other columns. Estimates of PSMA are posterior
means, its intervals are credible; given an effect, its interval answers how large the effect is and not whether there is
one, so that `found` is not its test. The worst case is a bound, and no estimate: its bias is meant to be negative.

{means}

## Tests and questions

% of tables (Monte Carlo standard error) in which Egger's and Begg's test have p < 0.10; an S-value is below 5, which is
the ratio by which significant results are likelier to be published in the tables with selection; an inclusion Bayes factor
is above 3.

{tests}
"""


def write(here: Path, answers: pd.DataFrame) -> None:
    """Write `panel.csv` and the page beside the script."""
    table = summary(answers)
    table.round(5).to_csv(here / "panel.csv", index=False)
    by = table.groupby("method", sort=False)["tables"].agg(["min", "max"])
    psma, of_design = "PSMA, averaged", table.groupby(BY)["tables"].max()
    done = f"Each of the 16 designs has {_range(of_design.min(), of_design.max())} tables"
    done += f", of which the averages over 36 models answer {_range(*by.loc[psma])}." if psma in by.index else "."
    seen = (here / "panel_seen.md").read_text(encoding="utf-8").strip()
    means = "\n\n".join(_cell(cell, frame) for cell, frame in table.groupby(BY, sort=False))
    (here / "panel.md").write_text(WORDS.format(done=done, seen=seen, means=means, tests=_tests(table), overview=_overview(table)), encoding="utf-8")


def summary(answers: pd.DataFrame) -> pd.DataFrame:
    """Figures of each design and method, with their Monte Carlo standard errors."""
    return pd.DataFrame(
        [
            dict(zip([*BY, "method"], key, strict=True)) | _figures(frame)
            for key, frame in answers.groupby([*BY, "method"], sort=False)
        ]
    )


def _figures(frame: pd.DataFrame) -> dict[str, float]:
    given = frame[frame["refused"].isna()]
    figures = {"tables": len(frame), "none": 1.0 - len(given) / len(frame)}
    figures |= _share("found", given["found"].to_numpy(float))
    if frame["method"].iloc[0] not in TESTS:
        error, mu = given["point"].to_numpy() - given["mu"].to_numpy(), given["mu"].to_numpy()
        rmse = np.sqrt((error**2).mean())
        root = np.sqrt(len(error))
        figures |= {"bias": error.mean(), "bias_mcse": error.std(ddof=1) / root}
        figures |= {"rmse": rmse, "rmse_mcse": (error**2).std(ddof=1) / root / (2.0 * rmse)}
        figures |= _share("coverage", ((given["lower"] <= mu) & (mu <= given["upper"])).to_numpy(float))
        figures |= {"width": (given["upper"] - given["lower"]).median()}
    return figures | {"seconds": frame["seconds"].median()}


def _share(name: str, holds: np.ndarray) -> dict[str, float]:
    """A share, and its error from (x + 1) / (n + 2), which is not 0 where none or all hold."""
    shrunk = (holds.sum() + 1.0) / (len(holds) + 2.0)
    return {name: holds.mean(), f"{name}_mcse": np.sqrt(shrunk * (1.0 - shrunk) / len(holds))}


def _cell(cell: tuple[object, ...], frame: pd.DataFrame) -> str:
    k, mu, tau, selected = cell
    lines = [
        f"### k = {k}, mu = {mu}, tau = {tau}, {'with' if selected else 'without'} selection",
        "",
        "| method | tables | none | bias | RMSE | coverage | found |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in frame[~frame["method"].isin(TESTS)].itertuples():
        lines.append(
            f"| {row.method} | {row.tables} | {100.0 * row.none:.0f} | {row.bias:+.3f} ({row.bias_mcse:.3f}) | "
            f"{row.rmse:.3f} ({row.rmse_mcse:.3f}) | {_percent(row.coverage, row.coverage_mcse)} | "
            f"{_percent(row.found, row.found_mcse)} |"
        )
    return "\n".join(lines)


def _overview(table: pd.DataFrame) -> str:
    """Means over designs, without and with selection."""
    lines = ["| method | selection | none | bias | RMSE | coverage | wrong | power |", "|---|---|---|---|---|---|---|---|"]
    means = table[~table["method"].isin(TESTS)]
    designs = means.groupby("method")["k"].transform("size")
    means = means[designs == designs.max()]  # of what answered every design so far
    for (name, selected), frame in means.groupby(["method", "selected"], sort=False):
        null, effect = frame[frame["mu"] == 0.0], frame[frame["mu"] != 0.0]
        lines.append(
            f"| {name} | {'yes' if selected else 'no'} | {100.0 * frame['none'].mean():.0f} | "
            f"{_mean(frame, 'bias', '+.3f')} | {_mean(frame, 'rmse', '.3f')} | {_mean(frame, 'coverage', '.0f', 100.0)} | "
            f"{_mean(null, 'found', '.0f', 100.0)} | {_mean(effect, 'found', '.0f', 100.0)} |"
        )
    return "\n".join(lines)


def _mean(frame: pd.DataFrame, name: str, form: str, unit: float = 1.0) -> str:
    """The mean of a figure over designs; its error is that of independent designs. Empty without a design."""
    if frame.empty:
        return ""
    error = np.sqrt((frame[f"{name}_mcse"] ** 2).sum()) / len(frame)
    return f"{unit * frame[name].mean():{form}} ({unit * error:{'.1f' if unit > 1.0 else '.3f'}})"


def _tests(table: pd.DataFrame) -> str:
    lines = [f"| k | mu | tau | selection | {' | '.join(TESTS)} |", f"|---|---|---|---|{'---|' * len(TESTS)}"]
    for (k, mu, tau, selected), frame in table.groupby(BY, sort=False):
        by = frame.set_index("method")
        shares = [_percent(*by.loc[name, ["found", "found_mcse"]]) if name in by.index else "" for name in TESTS]
        lines.append(f"| {k} | {mu} | {tau} | {'yes' if selected else 'no'} | {' | '.join(shares)} |")
    return "\n".join(lines)


def _range(least: int, most: int) -> str:
    return f"{most}" if least == most else f"{least} to {most}"


def _percent(share: float, error: float) -> str:
    return f"{100.0 * share:.0f} ({100.0 * error:.0f})"
