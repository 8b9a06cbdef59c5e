"""Designs of published simulation studies, run as they are stated: what the tests and the page of simulations share."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import poolwise as pw

Array = NDArray[np.float64]

HERE = Path(__file__).parents[1] / "reference" / "simulations"
PERSONS = 50  # in an arm of a small study of Held, Hofmann & Pawel
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
OF_HELD = {
    f"{tau2}, {word}": (MODEL, pw.ClosedForm(tau2=tau2, interval=interval))
    for word, interval in (("Wald", "wald"), ("Hartung-Knapp", "hartung-knapp"))
    for tau2 in ("DL", "REML")
}
ESTIMATORS = ("DL", "REML", "PM", "HE", "SJ", "ML", "HS")
COMPARED = ("coverage", "width", "rmse")
SHARES_OF_VARIANCE = (0.1, 0.3, 0.5, 0.75, 0.9)  # I2, with the mean of the sampling variances
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


def between(se: Array, i2: float) -> float:
    """The tau at which I2 has this value, the mean of the sampling variances standing for them."""
    return float(np.sqrt(np.mean(se**2) * i2 / (1.0 - i2)))


def held(replications: int) -> pd.DataFrame:
    """Every row of Held, Hofmann & Pawel 2025 that was seen beside ours, with the Monte Carlo errors of both."""
    source = paper("held2025")
    told = pd.DataFrame(source["cells"])
    both = []
    for (i2, k, large), rows in told.groupby(["i2", "k", "large"]):
        persons = np.where(np.arange(k) < large, 10 * PERSONS, PERSONS)
        design = pw.simulate.Arms(k=k, n1=persons, n2=persons)
        frame = run(design, OF_HELD, {"mu": 0.2, "tau": between(design.fixed, i2)}, replications)
        ours = frame.query("quantity == 'mu'")[["method", *COMPARED, *(f"{name}_mcse" for name in COMPARED)]]
        both.append(rows.merge(ours.astype({"method": object}), on="method", suffixes=("_printed", "")))
    found = pd.concat(both, ignore_index=True)
    for name, unit in zip(COMPARED, (100.0, 1.0, 1.0), strict=True):
        found[name] *= unit
        found[f"{name}_error"] = unit * found[f"{name}_mcse"] * np.sqrt(1.0 + replications / source["replications"])
        found[f"{name}_off"] = (found[name] - found[f"{name}_printed"]).abs()
    return found


def after_reml(ks: tuple[int, ...], replications: int) -> pd.DataFrame:
    """Coverage in percent of intervals of the mean and of a new effect after REML, by k, sizes and I2."""
    frames = []
    for k, sizes in itertools.product(ks, ("alike", "one large", "half large")):
        large = {"alike": 0, "one large": 1, "half large": k // 2}[sizes]
        if sizes == "half large" and large == 1:
            continue  # of three trials: one large
        design = trials(k, large)
        taus = {between(design.se, i2): i2 for i2 in SHARES_OF_VARIANCE}
        frame = run(design, OF_REML, {"mu": 0.0, "tau": list(taus)}, replications)
        frame = frame.query("quantity in ['mu', 'theta_new']")
        frames.append(frame.assign(sizes=sizes, i2=frame["tau"].map(taus)))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(coverage=100.0 * frame["coverage"], mcse=100.0 * frame["coverage_mcse"])


def small_and_rare() -> dict[str, tuple[pw.simulate.Arms, tuple[float, ...]]]:
    """Designs with values of tau2: small studies as Langan et al. have them, sizes that differ much, rare events."""
    few = paper("langan2019")["claims"]
    n = few["persons"]
    designs = {}
    for k in (5, 20):
        varied = np.where(np.arange(k) < k // 2, n, 10 * n)
        designs[f"SMD, k = {k}, arms of {n}"] = (pw.simulate.Arms(k, n, n, "SMD"), tuple(few["tau2"]))
        designs[f"SMD, k = {k}, arms of {n} to {10 * n}"] = (
            pw.simulate.Arms(k, varied, varied, "SMD"),
            tuple(few["tau2"]),
        )
    rare = pw.simulate.Arms(k=10, n1=50, n2=50, measure="OR", control=0.05)
    return {**designs, "log OR, k = 10, arms of 50, risk 5 %": (rare, (0.1, 0.5, 1.0))}


def bias_of_tau2(replications: int) -> pd.DataFrame:
    """Mean of the estimates of tau2 over tau2, less one, in percent, with its Monte Carlo error."""
    mu = paper("langan2019")["claims"]["mu"]
    rows = []
    for label, (design, values) in small_and_rare().items():
        for tau2 in values:
            rng = np.random.default_rng(20190101)
            theta = mu + np.sqrt(tau2) * rng.standard_normal((replications, design.k))
            y, se = design.drawn(rng, theta, design.errors(rng, replications))
            for name in ESTIMATORS:
                fits = pw.fit_batch(y, se, MODEL, pw.ClosedForm(tau2=name), provenance="simulated")
                found = 100.0 * (fits["tau"].to_numpy() ** 2 / tau2 - 1.0)
                rows.append((label, tau2, name, found.mean(), found.std() / np.sqrt(replications)))
    return pd.DataFrame(rows, columns=["design", "tau2", "method", "bias", "mcse"])
