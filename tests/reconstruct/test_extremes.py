"""Extremes over all tables that fit: they fit, they lie beyond random tables, and a dense grid goes no farther."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.checks.ranges import ranges
from poolwise.reconstruct.coordinates import Coordinates
from poolwise.reconstruct.extremes import search
from poolwise.reconstruct.partition import plan_outcome
from poolwise.reconstruct.plausible import Plausible
from poolwise.reconstruct.steering import bayesian_goals, closed_form_goals

MODEL = pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))
STEERING = 1e-4  # the rule that a search steers by, beside the exact engine: 3e-5 over the outcomes of the paper
GRID = 2e-3  # a dense grid of 40 x 40 x 60 tables, refined once, beside the continuum
ROUND_OFF = 1e-9
EVERY = ("point", "lower", "upper", "p_above", "p_rope")


def published(outcome: str) -> pd.DataFrame:
    rows = pw.datasets.published("working_alliance")
    return rows[rows["outcome"] == outcome]


def known_of(drawn, model, wanted: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """The exact answers on the drawn tables, without those that are not to be searched for."""
    answers = ranges(drawn, model, pw.Exact(), rope=(-0.1, 0.1)).answers
    answers = answers[answers["quantity"].isin(wanted)].copy()
    for what in EVERY:
        answers.loc[[what not in wanted[name] for name in answers["quantity"]], what] = np.nan
    return answers


def searched(drawn, model, wanted: dict[str, tuple[str, ...]], **settings):
    known = known_of(drawn, model, wanted)
    goals = {"exact": lambda level, names: bayesian_goals(model, level, names, 0.95, (-0.1, 0.1))}
    return known, search(drawn, known, goals, **settings)


def aggregates(y: np.ndarray, se: np.ndarray) -> dict[str, float]:
    """What a paper would print of these studies, written out."""
    w = [1.0 / s**2 for s in se]
    d = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    q = sum(a * (b - d) ** 2 for a, b in zip(w, y, strict=True))
    tau2 = max(0.0, (q - len(y) + 1) / (sum(w) - sum(a**2 for a in w) / sum(w)))
    star = [1.0 / (s**2 + tau2) for s in se]
    d_re = sum(a * b for a, b in zip(star, y, strict=True)) / sum(star)
    i2 = max(0.0, 100.0 * (q - len(y) + 1) / q)
    return {"d": d, "se": sum(w) ** -0.5, "q": q, "i2_percent": i2, "d_re": d_re}


def assert_fits(row: pd.Series, y: np.ndarray, se: np.ndarray) -> None:
    for name, value in aggregates(y, se).items():
        if pd.notna(row[name]):
            assert round(value, int(row[f"{name}_decimals"])) == pytest.approx(row[name], abs=ROUND_OFF), name


@pytest.fixture(scope="module")
def misconduct():
    drawn = pw.reconstruct(published("misconduct"), tables=60, seed=1)
    return drawn, *searched(drawn, MODEL, {"mu": ("point", "lower", "upper", "p_above"), "tau": ("upper",)})


@pytest.mark.parametrize(
    ("outcome", "by"), [("dropout", None), ("recidivism", None), ("recidivism", "setting"), ("recidivism", "measure")]
)
def test_coordinates_lead_to_the_table_that_they_were_made_from(outcome, by):
    drawn = pw.reconstruct(published(outcome), tables=5, seed=1, subgroups=by)
    plan = plan_outcome(drawn.published, drawn.rows)
    for i in range(5):
        level = np.array([plan.names.index(name) for name in drawn.levels[i]]) if by else np.zeros(drawn.k, int)
        space = Coordinates(plan, drawn.plausible, level)
        y, w = space.table(space.point(drawn.y[i], drawn.se[i] ** -2)[None])
        np.testing.assert_allclose(y[0], drawn.y[i], atol=ROUND_OFF)
        np.testing.assert_allclose(w[0] ** -0.5, drawn.se[i], rtol=ROUND_OFF)


def test_a_step_however_far_leaves_every_study_of_every_subgroup_finite():
    drawn = pw.reconstruct(published("recidivism"), tables=1, seed=1, subgroups="setting")
    plan = plan_outcome(drawn.published, drawn.rows)
    level = np.array([plan.names.index(name) for name in drawn.levels[0]])
    space = Coordinates(plan, drawn.plausible, level)
    far = space.point(drawn.y[0], drawn.se[0] ** -2)
    weights = slice(len(far) - 2 * len(level), len(far) - len(level))
    far[weights] -= 2000.0 * (level == 0)
    y, w = space.table(far[None])
    assert np.isfinite(y).all()
    assert np.isfinite(w).all()


@pytest.mark.parametrize("tau", [priors.HalfNormal(0.5), priors.HalfCauchy(0.5), priors.InverseGamma(1, 0.15)])
@pytest.mark.parametrize(("outcome", "by"), [("misconduct", None), ("recidivism", "setting")])
def test_what_a_search_steers_by_is_what_the_exact_engine_says(outcome, by, tau):
    drawn = pw.reconstruct(published(outcome), tables=1, seed=1, subgroups=by)
    model = pw.Subgroups(by, mu=MODEL.mu, tau=tau) if by else pw.RandomEffects(mu=MODEL.mu, tau=tau)
    names = tuple(dict.fromkeys(drawn.levels[0])) if by else ()
    level = np.array([names.index(name) for name in drawn.levels[0]]) if by else np.zeros(drawn.k, int)
    answers = ranges(drawn, model, pw.Exact(), rope=(-0.1, 0.1)).answers.set_index("quantity")
    goals = [goal for goal in bayesian_goals(model, level, names, 0.95, (-0.1, 0.1)) if goal.quantity in answers.index]
    assert {goal.quantity for goal in goals} == set(answers.index)
    for goal in goals:
        told = goal.value(drawn.y, drawn.se**-2.0)[0]
        assert told == pytest.approx(answers.loc[goal.quantity, goal.what], abs=STEERING)


def test_every_extreme_table_prints_as_the_paper_does_and_has_plausible_studies(misconduct):
    _, _, found = misconduct
    row = published("misconduct").iloc[0]
    for y, se in zip(found.tables.y, found.tables.se, strict=True):
        assert_fits(row, y, se)
        assert ((se >= 0.03) & (se <= 0.6)).all()
        assert (np.abs(y) <= 1.5).all()
    assert found.tables.check()["agrees"].all()


def test_a_printed_random_effects_estimate_and_levels_bind_the_search_too():
    for outcome, by, model in (
        ("dropout", None, MODEL),
        ("recidivism", "setting", pw.Subgroups("setting", mu=MODEL.mu, tau=MODEL.tau)),
    ):
        drawn = pw.reconstruct(published(outcome), tables=20, seed=1, subgroups=by)
        quantity = "mu[custodial] - mu[community]" if by else "mu"
        known, found = searched(drawn, model, {quantity: ("lower",)}, restarts=1)
        row = published(outcome).iloc[0]
        for i, (y, se) in enumerate(zip(found.tables.y, found.tables.se, strict=True)):
            assert_fits(row, y, se)
            for level in found.tables.rows:
                own = np.array(found.tables.levels[i]) == level.name
                assert_fits(published(outcome).set_index("level").loc[level.name], y[own], se[own])
        low = ranges(found.tables, model).row(quantity)["lower_low"]
        assert low < known["lower"].min()


def test_the_extremes_lie_beyond_all_random_tables_and_are_what_the_exact_engine_says(misconduct):
    _, _, found = misconduct
    other = pw.reconstruct(published("misconduct"), tables=2000, seed=7)
    many = pw.fit_batch(other.y, other.se, MODEL, pw.Exact())
    for row in found.frame.itertuples():
        result = pw.fit(found.tables.effects(row.table), MODEL, pw.Exact())[row.quantity]
        exact = {"point": result.point, "lower": result.interval(0.95)[0], "upper": result.interval(0.95)[1]}
        exact["p_above"] = 1.0 - float(result.cdf(0.0))
        assert row.value == pytest.approx(exact[row.what], abs=STEERING)
        sign = 1.0 if row.end == "low" else -1.0
        assert sign * row.value <= sign * row.drawn
        if row.what in ("lower", "upper"):
            values = sign * many[f"{row.quantity}_{row.what}"].to_numpy()
            assert sign * row.value <= values.min() + STEERING


def lower_limits(shares: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The lower limit of mu of the table of three studies with these shares of the weight and residuals, (n,)."""
    d, se, q = 0.374, 0.124, 0.94
    w = shares / se**2
    root = np.sqrt(shares)
    first = np.stack([-root[:, 1], root[:, 0], np.zeros(len(w))], axis=1)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    u = np.sqrt(q) * (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * np.cross(root, first))
    y, errors = d + u / np.sqrt(w), w**-0.5
    good = ((errors >= 0.03) & (errors <= 0.6) & (np.abs(y) <= 1.5)).all(axis=1)
    limits = np.full(len(w), np.nan)
    limits[good] = pw.fit_batch(y[good], errors[good], MODEL, pw.Exact())["mu_lower"].to_numpy()
    return limits


def near(shares: np.ndarray, angle: float, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Tables about one of them, those at the limit for standard errors included, (6000, 3) and (6000,)."""
    rng = np.random.default_rng(1)
    largest = int(shares.argmax())
    about = np.clip(shares + 0.02 * rng.standard_normal((6000, 3)), least, None)
    about[:, largest] = 0.0
    about[:, largest] = 1.0 - about.sum(axis=1)
    return about, angle + 0.1 * rng.standard_normal(6000)


def test_a_dense_grid_over_three_studies_goes_no_farther_than_the_search():
    """Figures printed with so many decimals that only the weights and the residuals are free."""
    exact = {"k": 3, "d": "0.374000", "se": "0.124000", "q": "0.940000"}
    drawn = pw.reconstruct(exact, tables=40, seed=1)
    _, found = searched(drawn, MODEL, {"mu": ("lower",)})
    values = found.frame.set_index("end")["value"]
    least = (0.124 / 0.6) ** 2 * (1.0 + 1e-6)  # the share of a study with the largest plausible standard error
    edges = np.linspace(least, 1.0 - 2.0 * least, 28)
    pairs = [(a, b, 1.0 - a - b) for a, b in itertools.product(edges, edges) if 1.0 - a - b >= least * (1.0 - 1e-7)]
    shares, angles = (
        np.repeat(pairs, 40, axis=0),
        np.tile(np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False), len(pairs)),
    )
    limits = lower_limits(shares, angles)
    for end, sign in (("low", 1.0), ("high", -1.0)):
        best = int(np.nanargmin(sign * limits))
        refined = lower_limits(*near(shares[best], angles[best], least))
        grid = np.nanmin(sign * refined)
        assert sign * values[end] <= grid + STEERING
        assert sign * values[end] == pytest.approx(grid, abs=GRID)


def test_no_random_table_gives_misconduct_a_narrower_interval_than_equal_weights():
    drawn = pw.reconstruct(published("misconduct"), tables=300, seed=2)
    fits = pw.fit_batch(drawn.y, drawn.se, MODEL, pw.Exact())
    lower, upper = pw.fit(drawn.reference(), MODEL, pw.Exact())["mu"].interval(0.95)
    assert float((fits["mu_upper"] - fits["mu_lower"]).min()) > upper - lower


def test_equal_weights_tell_most_of_the_mean_at_a_given_tau():
    """sum w / (1 + w tau2) is concave in the weights, whose sum is published."""
    drawn = pw.reconstruct(published("recidivism"), tables=300, seed=2)
    for tau in (0.05, 0.2, 1.0):
        told = (1.0 / (drawn.se**2 + tau**2)).sum(axis=1)
        se = drawn.se.shape[1] * (drawn.se**-2.0).sum(axis=1) ** -1.0
        assert (told <= drawn.k / (se + tau**2) + ROUND_OFF).all()


def test_the_same_seed_finds_the_same_tables(misconduct):
    drawn, _, found = misconduct
    wanted = {"mu": ("lower",)}
    first, second = (searched(drawn, MODEL, wanted, seed=3)[1] for _ in range(2))
    pd.testing.assert_frame_equal(first.frame, second.frame)
    np.testing.assert_array_equal(first.tables.y, second.tables.y)
    kept = found.frame[(found.frame["quantity"] == "mu") & (found.frame["what"] == "lower")]
    np.testing.assert_allclose(first.frame["value"], kept["value"], atol=2e-3)


def test_narrower_limits_for_single_studies_give_narrower_ranges():
    wide, narrow = Plausible(), Plausible(0.1, 0.4, 1.0)
    ends = []
    for plausible in (wide, narrow):
        drawn = pw.reconstruct(published("misconduct"), tables=30, seed=1, plausible=plausible)
        ends.append(searched(drawn, MODEL, {"mu": ("lower",)}, restarts=2)[1].frame.set_index("end")["value"])
    assert ends[0]["low"] < ends[1]["low"] < ends[1]["high"] <= ends[0]["high"] + STEERING


def test_models_that_a_search_cannot_steer_by_are_not_searched():
    level = np.zeros(3, int)
    assert bayesian_goals(pw.CommonEffect(mu=MODEL.mu), level, (), 0.95, None) == []
    assert bayesian_goals(pw.RandomEffects(mu=MODEL.mu, tau=priors.DuMouchel()), level, (), 0.95, None) == []
    assert bayesian_goals(pw.RandomEffects(mu=priors.StudentT(5, 0, 0.4), tau=MODEL.tau), level, (), 0.95, None) == []
    assert closed_form_goals(pw.Subgroups("setting"), pw.ClosedForm(), 0.95) == []


def test_a_search_goes_without_limits_for_single_studies_too():
    free = Plausible(0.0, 5.0, np.inf)
    drawn = pw.reconstruct(published("misconduct"), tables=10, seed=1, plausible=free)
    known, found = searched(drawn, MODEL, {"mu": ("lower",)}, restarts=1)
    values = found.frame.set_index("end")["value"]
    assert values["low"] < known["lower"].min()
    assert found.tables.check()["agrees"].all()
