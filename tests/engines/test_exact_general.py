"""Regressions, levels and location-scale models by the exact engine, against quadrature that shares no code with it."""

import json
import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.quadrature.boxes.levels import Levels
from poolwise.quadrature.rules.gaussian import combination

REFERENCE = pathlib.Path(__file__).parents[1] / "reference"
ONE_PARAMETER = 1e-8  # half-widths of the 95 % interval: what the engine promises, for one nonlinear parameter
SEVERAL_PARAMETERS = 1e-6  # for two or three of them


def rows_of(name):
    found = json.loads((REFERENCE / f"posteriors_{name}.json").read_text())
    return found["tables"], found["rows"]


def cases(name):
    tables, rows = rows_of(name)
    return [pytest.param(tables, row, id=f"{row['data']}-{i}") for i, row in enumerate(rows)]


def effects_of(tables, row, moderators):
    table = tables[row["data"]]
    k = row.get("rows", len(table["y"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        v = np.array(table["v"][:k])
        return pw.Effects(table["y"][:k], se=np.sqrt(v), moderators=moderators, scale="SMD")


def prior(row):
    return priors.make(*row)


def coefficients(given):
    return {name: prior(one) for name, one in given.items()}


def columns(names, X):
    """Design columns as numeric moderators of their own, without the intercept."""
    table = np.array(X)
    kept = [j for j, name in enumerate(names) if name != "intercept"]
    return pd.DataFrame({names[j]: table[:, j] for j in kept})


def quietly(effects, model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.fit(effects, model, pw.Exact())


def worst(result, row, named):
    """Largest distance of medians, limits, means and sds from the reference, in half-widths."""
    errors = {}
    for name, wanted in row["quantities"].items():
        found = named(result, name)
        if found is None:
            continue
        half = 0.5 * (wanted["q975"] - wanted["q025"])
        lower, upper = found.interval(0.95)
        pairs = [(found.point, wanted["median"]), (lower, wanted["q025"]), (upper, wanted["q975"])]
        pairs += [(found.mean, wanted["mean"]), (found.sd, wanted["sd"])]
        errors[name] = max(abs(a - b) / half for a, b in pairs if b is not None)
    assert errors
    return errors


def quantity(result, name):
    if name.startswith("theta["):
        return result.studies[result.effects.labels[int(name[6:-1])]]
    ours = {"total": "tau", "icc": "ICC"}.get(name, name)
    return result.quantities.get(ours)


@pytest.mark.parametrize(("tables", "row"), cases("regression"))
def test_a_meta_regression_agrees(tables, row):
    names = [name.replace("[", "_").replace("]", "") for name in row["names"]]
    effects = effects_of(tables, row, columns(names, row["X"]))
    given = dict(zip(names, coefficients(row["priors"]["beta"]).values(), strict=True))
    model = pw.MetaRegression(
        [name for name in names if name != "intercept"], beta=given, tau=prior(row["priors"]["tau"])
    )
    result = quietly(effects, model)
    spelt = dict(zip(row["names"], names, strict=True))

    def named(result, name):
        return quantity(result, f"beta[{spelt[name[5:-1]]}]" if name.startswith("beta[") else name)

    errors = worst(result, row, named)
    assert max(errors.values()) < ONE_PARAMETER, errors
    if all(one.proper for one in (*given.values(), model.tau)):
        assert result.log_evidence == pytest.approx(row["log_evidence"], abs=ONE_PARAMETER)


@pytest.mark.parametrize(("tables", "row"), cases("levels"))
def test_three_levels_agree(tables, row):
    effects = effects_of(tables, row, pd.DataFrame({"cluster": row["cluster"]}))
    given = {name: prior(one) for name, one in row["priors"].items()}
    result = quietly(effects, pw.ThreeLevel("cluster", rho=row["rho"], **given))
    errors = worst(result, row, quantity)
    assert max(errors.values()) < SEVERAL_PARAMETERS, errors
    if given["mu"].proper:
        assert result.log_evidence == pytest.approx(row["log_evidence"], abs=SEVERAL_PARAMETERS)


@pytest.mark.parametrize(("tables", "row"), cases("location_scale"))
def test_location_and_scale_agree(tables, row):
    moderators = columns(row["names"], row["X"])
    scales = columns(row["scale_names"], row["Z"])
    effects = effects_of(
        tables, row, pd.concat([moderators, scales[[c for c in scales if c not in moderators]]], axis=1)
    )
    model = pw.LocationScale(
        list(row["scale_names"]),
        [name for name in row["names"] if name != "intercept"],
        beta=coefficients(row["priors"]["beta"]),
        tau=prior(row["priors"]["tau"]),
        gamma=coefficients(row["priors"]["gamma"]),
    )
    result = quietly(effects, model)
    errors = worst(result, row, quantity)
    assert max(errors.values()) < SEVERAL_PARAMETERS, errors


def clustered():
    rng = np.random.default_rng(5)
    cluster = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    y = rng.normal(0, 0.5, 4)[cluster] + rng.normal(0, 0.4, 8)
    return pw.Effects(y, se=rng.uniform(0.1, 0.4, 8), moderators=pd.DataFrame({"cluster": cluster.astype(str)}))


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_heavy_tails_of_both_spreads_need_few_nodes_under_a_flat_mean(rho):
    # tau_between / tau_within beyond 1e16, where rounding passed for knowledge about mu: boxes without end
    tails = priors.HalfCauchy(0.3), priors.InverseGamma(1.0, 0.15)
    result = quietly(clustered(), pw.ThreeLevel("cluster", priors.Flat(), *tails, rho))
    assert result.report.diagnostics["nodes"] < 100_000
    assert result.report.diagnostics["grid_error"] < 1e-9


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_a_tau_between_that_swamps_everything_leaves_as_many_units_as_clusters(rho):
    effects = clustered()
    cluster = effects.moderators["cluster"].astype(int).to_numpy()
    alone = np.zeros(1), np.full(1, np.inf)
    levels = Levels.of(effects.y, effects.v, np.ones((8, 1)), *alone, cluster, rho)
    between = np.array([1e3, 1e20, 1e60, 1e120])
    values = levels.given(np.stack([between, np.full(4, 0.1)]))
    sd = combination(values, levels.basis.back[0].T @ np.ones(1))[1]
    assert sd == pytest.approx(between / np.sqrt(4), rel=1e-6)


def test_each_subgroup_has_its_own_heterogeneity_whatever_the_order_of_its_levels():
    """Levels of a categorical column have an order of their own, here one against the alphabet."""
    y = np.array([0.9, -1.1, 0.4, 1.6, -0.7, 0.05, 0.0, -0.04, 0.06, 0.02])
    setting = pd.Categorical(list("zzzzzaaaaa"), categories=["z", "a"])
    effects = pw.Effects(y, se=[0.1] * 10, moderators=pd.DataFrame({"setting": setting}), scale="SMD")
    mu, tau = priors.Normal(0, 1), priors.HalfNormal(0.5)
    result = pw.fit(effects, pw.Subgroups("setting", mu, tau, "separate"), pw.Exact())
    for level, rows in (("z", slice(0, 5)), ("a", slice(5, 10))):
        alone = pw.fit(pw.Effects(y[rows], se=[0.1] * 5, scale="SMD"), pw.RandomEffects(mu, tau), pw.Exact())
        for one in ("mu", "tau"):
            assert result[f"{one}[{level}]"].interval(0.95) == pytest.approx(alone[one].interval(0.95), rel=1e-3)
