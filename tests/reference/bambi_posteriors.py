"""Posteriors of two data sets by bambi: an independent PyMC model, theta sampled, known standard errors as an offset.

bambi knows no meta-analysis. The response's sd is exp(offset(log se)), so that y_i ~ Normal(theta_i, se_i) with
theta_i = x_i beta + u_i and u_i ~ Normal(0, tau), the group-specific intercept of study i. Predictors are not centred,
so that the priors are those of poolwise. Each row: mean, sd and the quantiles 2.5, 50 and 97.5 %, with the Monte Carlo
standard error of each. Run, with bambi installed: python bambi_posteriors.py > bambi_posteriors.json
"""

import json
import math
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd

DATA = Path(__file__).parents[2] / "src/poolwise/datasets/data"
CHAINS, DRAWS, TUNE, SEED, TARGET = 4, 5_000, 2_000, 20, 0.98
QUANTILES = {"q025": 0.025, "median": 0.5, "q975": 0.975}


def bcg():
    """Log risk ratios."""
    f = pd.read_csv(DATA / "bcg.csv")
    n1, n0 = f["tpos"] + f["tneg"], f["cpos"] + f["cneg"]
    y = np.log(f["tpos"] / n1) - np.log(f["cpos"] / n0)
    v = 1 / f["tpos"] - 1 / n1 + 1 / f["cpos"] - 1 / n0
    return pd.DataFrame({"y": y, "log_se": np.log(v) / 2, "x": f["ablat"], "study": np.arange(len(f)).astype(str)})


def raudenbush():
    """Standardised mean differences."""
    f = pd.read_csv(DATA / "raudenbush1985.csv")
    study = np.arange(len(f)).astype(str)
    return pd.DataFrame({"y": f["y"], "log_se": np.log(f["v"]) / 2, "x": f["weeks"], "study": study})


# data, formula, prior sd of intercept, of slope, scale of the half-normal prior on tau
CASES = {
    "bcg, random effects": (bcg, "y ~ 1 + (1|study)", 2.0, None, 1.0),
    "bcg, ablat": (bcg, "y ~ 1 + x + (1|study)", 2.0, 0.1, 1.0),
    "raudenbush1985, random effects": (raudenbush, "y ~ 1 + (1|study)", 1.0, None, 0.5),
    "raudenbush1985, weeks": (raudenbush, "y ~ 1 + x + (1|study)", 1.0, 0.1, 0.5),
}
NAMES = {"Intercept": "intercept", "x": "slope", "1|study_sigma": "tau"}


def figures(draws):
    """Mean, sd, quantiles and their Monte Carlo standard errors; draws of shape (chains, draws)."""
    flat = np.asarray(draws)
    made = {"mean": flat.mean(), "sd": flat.std(ddof=1)}
    errors = {"mean": az.mcse(flat, method="mean"), "sd": az.mcse(flat, method="sd")}
    for name, prob in QUANTILES.items():
        made[name] = np.quantile(flat, prob)
        errors[name] = az.mcse(flat, method="quantile", prob=prob)
    return {"figures": {k: float(v) for k, v in made.items()}, "mcse": {k: float(v) for k, v in errors.items()}}


def answered(data, formula, intercept, slope, scale):
    import bambi as bmb  # not a dependency, so that the tests can read this file without it

    def normal(sd):
        return bmb.Prior("Normal", mu=0, sigma=sd)

    between = bmb.Prior("Normal", mu=0, sigma=bmb.Prior("HalfNormal", sigma=scale))
    priors = {"Intercept": normal(intercept), "1|study": between} | ({} if slope is None else {"x": normal(slope)})
    whole = bmb.Formula(formula, "sigma ~ 0 + offset(log_se)")
    model = bmb.Model(whole, data, priors=priors, center_predictors=False, noncentered=True)
    tree = model.fit(
        draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=SEED, target_accept=TARGET, progressbar=False
    )
    posterior = tree["posterior"]
    rows = {NAMES[name]: figures(posterior[name]) for name in NAMES if name in posterior}
    rhat = max(float(az.rhat(np.asarray(posterior[name]))) for name in NAMES if name in posterior)
    return {"rows": rows, "divergences": int(tree["sample_stats"]["diverging"].sum()), "r_hat": rhat}


def main():
    made = {}
    for name, (data, formula, intercept, slope, scale) in CASES.items():
        table = data()
        made[name] = answered(table, formula, intercept, slope, scale) | {
            "y": table["y"].tolist(),
            "se": np.exp(table["log_se"]).tolist(),
            "formula": formula,
            "priors": {"intercept_sd": intercept, "slope_sd": slope, "tau_scale": scale},
        }
        print(name, {k: v["figures"] for k, v in made[name]["rows"].items()}, file=sys.stderr)
    assert all(math.isfinite(row["r_hat"]) for row in made.values())
    packages = ("bambi", "pymc", "arviz", "numpy", "pandas")
    by = {name: version(name) for name in packages} | {"python": platform.python_version()}
    settings = {"chains": CHAINS, "draws": DRAWS, "tune": TUNE, "seed": SEED, "target_accept": TARGET}
    print(json.dumps({"made_by": by, "settings": settings, "cases": made}, indent=1))


if __name__ == "__main__":
    main()
