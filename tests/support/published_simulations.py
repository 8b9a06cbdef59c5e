"""Designs of published simulation studies, run as they are stated: what the tests and the page of simulations share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import poolwise as pw

HERE = Path(__file__).parents[1] / "reference" / "simulations"
ROUNDING = 0.5  # percentage points, of figures printed as whole percents
PRINTED = ("bias", "coverage", "rejection")
VARIANCES = {"MD": "LS", "SMD": "UB"}  # of the tables of means, which do not name theirs; with LS g is less biased
DL, HKSJ, MKH = "DL, Wald", "DL, HKSJ", "DL, mKH"
MODEL = pw.RandomEffects()
OF_DL = {
    name: (MODEL, pw.ClosedForm(tau2="DL", interval=interval))
    for name, interval in ((DL, "wald"), (HKSJ, "hartung-knapp"), (MKH, "hartung-knapp-adhoc"))
}
OF_REML = {
    "REML, Wald": (MODEL, pw.ClosedForm(interval="wald", prediction="riley")),
    "REML, Hartung-Knapp": (MODEL, pw.ClosedForm(interval="hartung-knapp", prediction="riley")),
}
TIMES = 10.0  # size of a large trial over that of a small one
SMALL_SE = 1.0  # of a small trial: the unit of tau
HETEROGENEITY = (0.0, 0.5, 1.0, 3.0)  # tau over the standard error of a small trial


def paper(name: str) -> dict[str, Any]:
    """What was read in a paper, and where."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def run(design: Any, methods: dict[str, Any], truth: dict[str, Any], replications: int) -> pd.DataFrame:
    """The frame of the operating characteristics."""
    return pw.simulate.operating_characteristics(
        design, methods, truth=truth, replications=replications, progress=False
    ).frame


def friedrich(replications: int) -> pd.DataFrame:
    """Every printed cell of Friedrich, Adhikari & Beyene 2008 beside ours, in percent, with both Monte Carlo errors."""
    source = paper("friedrich2008")
    printed = pd.DataFrame(source["cells"])
    designs = {
        f"{measure} {n1}/{n2} {k}": pw.simulate.Arms(k=k, n1=n1, n2=n2, measure=measure, variance=VARIANCES[measure])
        for measure, n1, n2, k in printed[["measure", "n1", "n2", "k"]].drop_duplicates().itertuples(index=False)
    }
    truth = {"mu": sorted(printed["mu"].unique()), "tau": sorted(printed["tau"].unique())}
    frame = run(designs, {DL: OF_DL[DL]}, truth, replications).query("quantity == 'mu'")
    printed["design"] = [f"{c.measure} {c.n1}/{c.n2} {c.k}" for c in printed.itertuples()]
    both = printed.merge(frame, on=["design", "mu", "tau", "k"], suffixes=("_printed", ""), validate="one_to_one")
    for name in PRINTED:
        unit = 100.0 / (both["mu"] if name == "bias" else 1.0)
        ours = unit * both[f"{name}_mcse"]
        both[name] = unit * both[name]
        both[f"{name}_error"] = ours * np.sqrt(1.0 + replications / source["replications"])
        both[f"{name}_off"] = (both[name] - both[f"{name}_printed"]).abs() - ROUNDING
    return both


def trials(k: int, large: int) -> pw.simulate.Design:
    """Trials of which this many are ten times as large as the others."""
    size = np.where(np.arange(k) < large, TIMES, 1.0)
    return pw.simulate.Design(k, SMALL_SE / np.sqrt(size), label=f"k = {k}, {large or 'none'} large")


def type_i_errors(ks: tuple[int, ...], replications: int) -> pd.DataFrame:
    """Type I errors in percent of DL, HKSJ and mKH with trials of one size, one large trial, and a quarter of them."""
    designs = [trials(k, large) for k in ks for large in sorted({0, 1, max(1, k // 4)})]
    frame = run({one.label: one for one in designs}, OF_DL, {"mu": 0.0, "tau": HETEROGENEITY}, replications)
    frame = frame.query("quantity == 'mu'").copy()
    frame["large"] = frame["design"].str.extract(r"(none|\d+) large")[0].replace("none", "0").astype(int)
    return frame.assign(error=100.0 * frame["rejection"], mcse=100.0 * frame["rejection_mcse"])


def after_reml(ks: tuple[int, ...], replications: int) -> pd.DataFrame:
    """Coverage in percent of intervals of the mean and of a new effect after REML, sizes alike and varied."""
    designs = {f"k = {k}, {word}": trials(k, large) for k in ks for word, large in (("alike", 0), ("varied", 1))}
    frame = run(designs, OF_REML, {"mu": 0.0, "tau": [0.2, 3.0]}, replications)
    frame = frame.query("quantity in ['mu', 'theta_new']").copy()
    frame["sizes"] = frame["design"].str.split(", ").str[-1]
    return frame.assign(coverage=100.0 * frame["coverage"], mcse=100.0 * frame["coverage_mcse"])
