"""Posteriors of regression, three-level, location-scale and non-normal models by the oracles of tests/support.

From the root of the repository, with tests/ on the path: python tests/reference/posteriors_general.py
[regression] [levels] [location_scale] [mu_prior]; without names all. Each group of rows is a file of its own.
"""

from __future__ import annotations

import csv
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from support.oracle import PRIORS
from support.oracle_levels import LevelsOracle, share
from support.oracle_location_scale import LocationScaleOracle, identity
from support.oracle_mu_prior import MuPriorOracle, TruncatedOracle, normal_mixture, student_t
from support.oracle_regression import RegressionOracle
from support.oracle_t_prior import TPriorOracle
from support.trapezoid import Axis, Weighted

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "src" / "poolwise" / "datasets" / "data"
ABOUT = {
    "regression": "y ~ N(X beta, diag(v) + tau^2 I); adaptive quadrature at 1e-12 over log tau. A flat prior on beta "
    "has density 1, so that log_evidence is then a log integral. I2 = tau2 / (tau2 + (k - p) / tr P).",
    "levels": "y ~ N(mu, V + tau_within^2 I + tau_between^2 ZZ'), V correlated by rho within a cluster; trapezoidal rule "
    "over log tau_between x log tau_within (log total x logit ICC for total and icc). theta_new: a new effect in a new "
    "cluster; mu_new: the mean of a new cluster; mu[<cluster>]: the mean of a cluster; theta_new[<cluster>]: a new "
    "effect in it.",
    "location_scale": "y ~ N(X beta, diag(v_i + tau_i^2)), log tau_i = log tau + (z_i - mean of z) gamma; trapezoidal rule "
    "over log tau and gamma. theta_new: at the moderators in `at` and `scale_at`, the means.",
    "mu_prior": "y ~ N(mu, v + tau^2) with a t, Cauchy, mixture or truncated normal prior on mu, by a trapezoidal rule over "
    "log tau and mu (truncated: closed forms given tau), and regressions with t priors as scale mixtures. "
    "StudentT(df, centre, scale), Cauchy(centre, scale), NormalMixture([[weight, mean, sd], ...]), "
    "TruncatedNormal(mean, sd of the parent, lower, upper), null where open. theta_new of a regression is at `at`.",
}
Row = dict[str, Any]
Steps = tuple[tuple[float, float], tuple[float, float]]  # fine, and coarse for the error
TWO = (0.06, 0.04), (0.08, 0.05)  # of log tau, and of gamma in prior sds
THREE = (0.09, 0.09), (0.1, 0.11)


# ---- data: estimates as metafor gives them, moderators as packaged ----


def table(name: str) -> Row:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    columns = {column: [row[column] for row in rows] for column in rows[0]}
    if "y" in columns:
        y, v = (np.array([float(cell) for cell in columns[column]]) for column in ("y", "v"))
    else:
        figures = json.loads((HERE / f"metafor_{name}.json").read_text(encoding="utf-8"))
        y, v = np.array(figures["y"]), np.array(figures["v"])
    return {**columns, "y": y, "v": v}


def first(data: Row, k: int) -> Row:
    return {column: cells[:k] for column, cells in data.items()}


def dummies(cells: list[str], name: str) -> dict[str, np.ndarray]:
    """A column of 0 and 1 for each level but the first in sorted order."""
    return {f"{name}[{level}]": np.array([float(c == level) for c in cells]) for level in sorted(set(cells))[1:]}


def numeric(data: Row, name: str) -> dict[str, np.ndarray]:
    return {name: np.array([float(cell) for cell in data[name]])}


def matrix(columns: dict[str, np.ndarray], k: int) -> tuple[list[str], np.ndarray]:
    return ["intercept", *columns], np.column_stack([np.ones(k), *columns.values()])


def parsed(prior: str) -> list[Any]:
    """["HalfNormal", 0.5] from "HalfNormal(0.5)"."""
    family, _, rest = prior.partition("(")
    return [family, *(float(number) for number in rest[:-1].split(","))]


# ---- regression ----

COEFFICIENTS: dict[str, tuple[str, list[dict[str, tuple[float, float]]]]] = {
    # data and formula: normal priors by coefficient, flat for those not named
    "bcg_ablat": ("~ ablat", [{}, {"intercept": (0, 2), "ablat": (0, 0.1)}]),
    "raudenbush1985_weeks": ("~ weeks", [{}, {"intercept": (0, 1), "weeks": (0, 0.05)}]),
    "bcg_ablat_alloc": ("~ ablat + alloc", [{}, {"intercept": (0, 2), "ablat": (0, 0.1)}]),
    "raudenbush1985_setting": ("~ setting", [{}, {"intercept": (0, 1), "setting[indiv]": (0, 1)}]),
}
TAUS = ("HalfNormal(0.5)", "HalfCauchy(0.3)", "InverseGamma(1.71, 0.4)")


def designs() -> dict[str, tuple[str, Row, list[str], np.ndarray]]:
    bcg, raudenbush = table("bcg"), table("raudenbush1985")
    made = {
        "bcg_ablat": ("bcg", bcg, numeric(bcg, "ablat")),
        "bcg_ablat_alloc": ("bcg", bcg, numeric(bcg, "ablat") | dummies(bcg["alloc"], "alloc")),
        "raudenbush1985_weeks": ("raudenbush1985", raudenbush, numeric(raudenbush, "weeks")),
        "raudenbush1985_setting": ("raudenbush1985", raudenbush, dummies(raudenbush["setting"], "setting")),
    }
    return {key: (name, data, *matrix(columns, len(data["y"]))) for key, (name, data, columns) in made.items()}


def regression() -> Iterator[Row]:
    for key, (name, data, names, X) in designs().items():
        formula, priors = COEFFICIENTS[key]
        for beta in priors:
            for tau in TAUS if X.shape[1] == 2 else TAUS[:1]:
                yield regression_row(name, data, formula, names, X, beta, tau)


def regression_row(
    name: str, data: Row, formula: str, names: list[str], X: np.ndarray, beta: dict[str, tuple[float, float]], tau: str
) -> Row:
    b, s = np.array([beta.get(column, (0.0, np.inf)) for column in names], dtype=float).T
    oracle = RegressionOracle(data["y"], data["v"], X, PRIORS[tau], b, s)
    at = X.mean(axis=0)
    normal = {f"beta[{name}]": oracle.combination(c) for name, c in zip(names, np.eye(len(names)), strict=True)}
    normal |= {"mu": oracle.combination(at), "theta_new": oracle.theta_new(at)}
    normal |= {f"theta[{i}]": oracle.theta(i) for i in (0, 3)}
    of_tau = {"tau": lambda t: t, "tau2": np.square, "I2": oracle.i2}
    adaptive = {
        "log_evidence": oracle.log_evidence,
        "quantities": {quantity: oracle.summary(given) for quantity, given in normal.items()}
        | {quantity: oracle.summary_of_tau(of) for quantity, of in of_tau.items()},
    }
    return {
        "data": name, "model": "MetaRegression", "moderators": formula, "names": names, "X": X.tolist(),
        "priors": {"beta": {c: ["Normal", *beta[c]] if c in beta else ["Flat"] for c in names}, "tau": parsed(tau)},
        "at": at.tolist(), **adaptive, "error": difference(adaptive, regression_by_trapezoid(oracle, normal, of_tau)),
    }  # fmt: skip


def regression_by_trapezoid(oracle: RegressionOracle, normal: dict[str, Any], of_tau: dict[str, Any]) -> Row:
    """The same figures by another rule."""
    axis = Axis(-40.0, 12.0, 0.04)
    grid = Weighted((axis,), np.array([oracle.log_density(u) for u in axis.nodes.tolist()]))
    quantities = {}
    for quantity, given in normal.items():
        mean, sd = np.array([given(t) for t in np.exp(axis.nodes).tolist()]).T
        quantities[quantity] = grid.mixture(mean, sd).summary()
    for quantity, of in of_tau.items():
        quantities[quantity] = grid.along(0).summary(lambda u, of=of: of(np.exp(u)))
    return {"log_evidence": grid.log_total, "quantities": quantities}


# ---- three levels ----

STEPS = 0.065, 0.09  # fine, and coarse for the error; a narrower posterior needs smaller ones


def levels() -> Iterator[Row]:
    whole = table("assink2016")
    five = first(whole, 25)
    half = "HalfNormal(0.5)"
    for rho in (0.0, 0.6):
        yield levels_row("assink2016", five, rho, (half, half), (0.0, 1.0))
    yield levels_row("assink2016", five, 0.6, (half, half), (0.0, np.inf))
    yield levels_row("assink2016", five, 0.0, ("InverseGamma(1.71, 0.4)", "HalfCauchy(0.3)"), (0.0, 1.0))
    yield levels_row("assink2016", five, 0.6, ("LogNormal(-1.07, 0.87)", "HalfT(3, 0.5)"), (0.0, 1.0))
    for rho in (0.0, 0.6):
        yield levels_row("assink2016", whole, rho, (half, half), (0.0, 1.0), steps=(0.02, 0.03))


def levels_row(
    name: str, data: Row, rho: float, tau: tuple[str, str], mu: tuple[float, float], steps: tuple[float, float] = STEPS
) -> Row:
    fine, coarse = (levels_figures(data, rho, tau, mu, step) for step in steps)
    return {
        "data": name, "rows": len(data["y"]), "model": "ThreeLevel", "cluster": data["study"], "rho": rho,
        "priors": {
            "mu": ["Normal", *mu] if np.isfinite(mu[1]) else ["Flat"],
            "tau_between": parsed(tau[0]), "tau_within": parsed(tau[1]),
        },
        **fine, "error": difference(fine, coarse),
    }  # fmt: skip


def levels_figures(data: Row, rho: float, tau: tuple[str, str], mu: tuple[float, float], step: float) -> Row:
    cluster = np.array(data["study"], dtype=object)
    priors = PRIORS[tau[0]], PRIORS[tau[1]]
    high = 12.0 if "HalfCauchy" in " ".join(tau) or "HalfT" in " ".join(tau) else 4.0
    oracle = LevelsOracle(data["y"], data["v"], cluster, *priors, rho, mu[0], mu[1], step, high=high)
    names = list(dict.fromkeys(data["study"]))
    quantities = {
        "mu": oracle.mu.summary(),
        "tau_between": oracle.tau_between.summary(),
        "tau_within": oracle.tau_within.summary(),
        "total": oracle.total.summary(),
        "icc": oracle.icc.summary(share),
        "theta_new": oracle.theta_new.summary(),
        "mu_new": oracle.mu_of_new_cluster.summary(),
    }
    quantities |= {f"theta[{i}]": oracle.theta(i).summary() for i in (0, 7)}
    quantities |= {f"mu[{names[j]}]": oracle.cluster_mean(j).summary() for j in (0, 2)}
    quantities |= {f"theta_new[{names[j]}]": oracle.new_in_cluster(j).summary() for j in (0,)}
    return {"log_evidence": oracle.log_evidence, "log_evidence_polar": oracle.polar.log_total, "quantities": quantities}


def difference(fine: Row, coarse: Row) -> float:
    """Largest difference of any figure, in posterior standard deviations (log evidence: as it is)."""
    apart = [abs(fine["log_evidence"] - coarse["log_evidence"])]
    for name, figures in fine["quantities"].items():
        other = coarse["quantities"][name]
        apart += [abs(figures[key] - other[key]) / figures["sd"] for key in figures]
    return float(max(apart))


# ---- location and scale ----


def location_scale() -> Iterator[Row]:
    raudenbush, bcg = table("raudenbush1985"), table("bcg")
    weeks, tester = numeric(raudenbush, "weeks"), dummies(raudenbush["tester"], "tester")
    ablat = numeric(bcg, "ablat")
    for beta in ({"intercept": (0.0, 1.0)}, {}):
        for tau in ("HalfNormal(0.5)", "HalfCauchy(0.3)"):
            yield location_scale_row("raudenbush1985", raudenbush, ("~ 1", {}), ("~ weeks", weeks), beta, tau)
    beta = {"intercept": (0.0, 1.0), "weeks": (0.0, 0.05)}
    yield location_scale_row("raudenbush1985", raudenbush, ("~ weeks", weeks), ("~ weeks", weeks), beta, "HalfNormal(0.5)")
    yield location_scale_row("bcg", bcg, ("~ ablat", ablat), ("~ ablat", ablat), {}, "InverseGamma(1.71, 0.4)")
    both = ("~ weeks + tester", weeks | tester)
    beta = {"intercept": (0.0, 1.0)}
    yield location_scale_row("raudenbush1985", raudenbush, ("~ 1", {}), both, beta, "HalfNormal(0.5)", THREE)


def location_scale_row(
    name: str, data: Row, location: tuple[str, Row], scale: tuple[str, Row], beta: Row, tau: str, steps: Steps = TWO
) -> Row:
    names, X = matrix(location[1], len(data["y"]))
    Z = np.column_stack(list(scale[1].values()))
    sg = 1 / Z.std(axis=0, ddof=1)
    b, s = np.array([beta.get(column, (0.0, np.inf)) for column in names], dtype=float).T
    at = X.mean(axis=0), Z.mean(axis=0)

    def figures(steps: tuple[float, float]) -> Row:
        oracle = LocationScaleOracle(
            data["y"], data["v"], X, Z, PRIORS[tau], b, s, np.zeros(len(sg)), sg, steps,
            high=12.0 if tau.startswith("HalfCauchy") else 6.0,
        )  # fmt: skip
        quantities = {f"gamma[{name}]": oracle.gamma(j).summary(identity) for j, name in enumerate(scale[1])}
        for column, c in zip(names, np.eye(len(names)), strict=True):
            quantities[f"beta[{column}]"] = oracle.combination(c).summary()
        quantities |= {f"theta[{i}]": oracle.theta(i).summary() for i in (0, 3)}
        quantities["mu"] = oracle.combination(at[0]).summary()
        quantities["theta_new"] = oracle.theta_new(*at).summary()
        return {"log_evidence": oracle.log_evidence, "quantities": quantities | {"tau": oracle.tau.summary()}}

    fine, coarse = (figures(step) for step in steps)
    return {
        "data": name, "model": "LocationScale", "moderators": location[0], "scale": scale[0],
        "names": names, "X": X.tolist(), "scale_names": list(scale[1]), "Z": Z.tolist(),
        "priors": {
            "beta": {c: ["Normal", *beta[c]] if c in beta else ["Flat"] for c in names}, "tau": parsed(tau),
            "gamma": {c: ["Normal", 0.0, float(sd)] for c, sd in zip(scale[1], sg, strict=True)},
        },
        "at": at[0].tolist(), "scale_at": at[1].tolist(), **fine, "error": difference(fine, coarse),
    }  # fmt: skip


# ---- priors on mu that are not normal ----


MIXTURE = [[0.5, 0.0, 0.1], [0.5, -0.5, 0.5]]
T_PRIORS = {("Cauchy", 0.0, 0.5): 1.0, ("StudentT", 5.0, 0.0, 0.43): 5.0}


def mu_prior() -> Iterator[Row]:
    for k in (13, 3):
        data = first(table("bcg"), k)
        for tau in ("HalfNormal(0.5)", "HalfCauchy(0.3)"):
            for prior, df in T_PRIORS.items():
                yield t_row(data, prior, df, tau)
        yield mixture_row(data, "HalfNormal(0.5)")
        for cut in ((-np.inf, 0.0), (-1.0, 0.5)):
            yield truncated_row(data, 0.0, 1.0, cut, "HalfNormal(0.5)")
    bcg, raudenbush = table("bcg"), table("raudenbush1985")
    yield t_regression_row("bcg", bcg, "ablat", {"intercept": (5.0, 0.0, 2.0), "ablat": (1.0, 0.0, 0.05)})
    yield t_regression_row("raudenbush1985", raudenbush, "weeks", {"weeks": (3.0, 0.0, 0.02)})


def t_row(data: Row, prior: tuple[str, float, ...], df: float, tau: str) -> Row:
    """Figures by the grid over (tau, mu), the error against the scale mixture."""
    k, (centre, scale), high = len(data["y"]), prior[-2:], 12.0 if tau.startswith("HalfNormal") else 30.0
    direct = grid_figures(data, tau, student_t(df, centre, scale), (0.06, 0.04), high)
    mixed = TPriorOracle(
        data["y"], data["v"], np.ones((k, 1)), PRIORS[tau], np.array([df]), np.array([centre]), np.array([scale]),
        high=high,
    )  # fmt: skip
    other = {"mu": mixed.combination([1.0]), "theta_new": mixed.theta_new([1.0]), "tau": mixed.tau}
    other |= {f"theta[{i}]": mixed.theta(i) for i in (0, 2)}
    figures = {"log_evidence": mixed.log_evidence, "quantities": {name: law.summary() for name, law in other.items()}}
    return mu_row(data, list(prior), tau, direct, figures)


def mixture_row(data: Row, tau: str) -> Row:
    """The error against normal priors one by one, mixed by their evidence: log evidence and limits of the laws."""
    density = normal_mixture([tuple(part) for part in MIXTURE])
    fine, coarse = (grid_figures(data, tau, density, steps, 12.0) for steps in ((0.05, 0.02), (0.06, 0.03)))
    return mu_row(data, ["NormalMixture", MIXTURE], tau, fine, coarse)


def grid_figures(data: Row, tau: str, density: Any, steps: tuple[float, float], high: float) -> Row:
    oracle = MuPriorOracle(
        data["y"], data["v"], PRIORS[tau], density, float(np.mean(data["y"])), 0.3, steps, high=high
    )
    quantities = {"mu": oracle.mu_summary(), "tau": oracle.tau.summary(), "theta_new": oracle.new_summary()}
    quantities |= {f"theta[{i}]": oracle.theta_summary(i) for i in (0, 2)}
    return {"log_evidence": oracle.log_evidence, "quantities": quantities}


def truncated_row(data: Row, m: float, s: float, cut: tuple[float, float], tau: str) -> Row:
    def figures(step: float) -> Row:
        oracle = TruncatedOracle(data["y"], data["v"], PRIORS[tau], m, s, *cut, step=step)
        return {"log_evidence": oracle.log_evidence, "quantities": oracle.summaries((0, 2))}

    ends = [None if np.isinf(end) else end for end in cut]
    return mu_row(data, ["TruncatedNormal", m, s, *ends], tau, figures(0.05), figures(0.07))


def mu_row(data: Row, prior: list[Any], tau: str, figures: Row, other: Row) -> Row:
    return {
        "data": "bcg", "rows": len(data["y"]), "model": "RandomEffects", "priors": {"mu": prior, "tau": parsed(tau)},
        **figures, "error": difference(figures, other),
    }  # fmt: skip


def t_regression_row(name: str, data: Row, moderator: str, beta: dict[str, tuple[float, float, float]]) -> Row:
    names, X = matrix(numeric(data, moderator), len(data["y"]))
    df, b, s = np.array([beta.get(column, (np.inf, 0.0, np.inf)) for column in names]).T
    tau, at = "HalfNormal(0.5)", X.mean(axis=0)

    def figures(steps: tuple[float, float]) -> Row:
        oracle = TPriorOracle(data["y"], data["v"], X, PRIORS[tau], df, b, s, steps)
        laws = {f"beta[{column}]": oracle.combination(c) for column, c in zip(names, np.eye(2), strict=True)}
        laws |= {"mu": oracle.combination(at), "theta_new": oracle.theta_new(at), "tau": oracle.tau}
        laws |= {f"theta[{i}]": oracle.theta(i) for i in (0, 3)}
        return {"log_evidence": oracle.log_evidence, "quantities": {q: law.summary() for q, law in laws.items()}}

    fine, coarse = figures((0.06, 0.15)), figures((0.08, 0.2))
    return {
        "data": name, "model": "MetaRegression", "moderators": f"~ {moderator}", "names": names, "X": X.tolist(),
        "priors": {
            "beta": {c: ["StudentT", *beta[c]] if c in beta else ["Flat"] for c in names}, "tau": parsed(tau),
        },
        "at": at.tolist(), **fine, "error": difference(fine, coarse),
    }  # fmt: skip


# ---- writing ----

GROUPS = {"regression": regression, "levels": levels, "location_scale": location_scale, "mu_prior": mu_prior}


def write(group: str) -> None:
    made_by = {
        "script": "posteriors_general.py", "python": platform.python_version(), "numpy": np.__version__,
        "scipy": scipy.__version__,
    }  # fmt: skip
    rows = []
    for row in GROUPS[group]():
        print(group, row["data"], row["priors"], f"error {row['error']:.1e}", flush=True)
        rows.append(row)
    tables = {name: {column: list(cells) for column, cells in table(name).items()} for name in {r["data"] for r in rows}}
    record = {"about": ABOUT[group], "made_by": made_by, "tables": tables, "rows": rows}
    (HERE / f"posteriors_{group}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or list(GROUPS):
        write(chosen)
