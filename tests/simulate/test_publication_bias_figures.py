"""Calibration and operating characteristics under publication bias: the scripts run, and what is committed holds."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

import poolwise as pw
from poolwise.simulate.families import BIAS_FAMILIES
from support.published_tables import BIASES, Truth, from_prior, intervals, log_likelihood, published

HERE = Path(__file__).parents[1] / "reference" / "publication_bias"
sys.path.append(str(HERE))
import bias_calibration as of_models  # noqa: E402
import bias_calibration_page  # noqa: E402
import bias_panel as panel  # noqa: E402
import bias_panel_page as panel_page  # noqa: E402

FAULT = 0.01  # Holm-adjusted p-value within a family, the rule of calibration.md
LEAST = 100  # tables
TRUTH = Truth("", 0.1, 0.2, (1.0, 0.7, 0.5, 0.3, 0.3, 0.6), pet=0.5, peese=0.2)


def density(y, se):
    at = [np.array([value]) for value in (TRUTH.mu, TRUTH.tau, TRUTH.omega, TRUTH.pet, TRUTH.peese)]
    return np.exp(log_likelihood(np.array([y]), np.array([se]), *at)[0])


def shares(se):
    """Probability of each interval of p, by adaptive quadrature of the density."""
    edges = se * np.array([9.0, 1.959964, 1.644854, 0.0, -1.644854, -1.959964, -9.0])
    return [integrate.quad(density, low, high, args=(se,))[0] for high, low in pairwise(edges)]


def test_what_is_published_has_the_density_by_which_it_is_ranked():
    size = 1500
    y = published(TRUTH, np.full(size, 0.3), np.random.default_rng(4))
    seen = np.bincount(intervals(y / 0.3), minlength=6) / size
    expected = np.array(shares(0.3))
    assert expected.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(seen - expected).max() < 4.0 * 0.5 / np.sqrt(size)


def test_the_prior_is_that_of_the_average():
    average = pw.average(
        pw.Effects([0.1, 0.2, 0.3], se=[0.1, 0.2, 0.3], scale="SMD"), bias="PSMA", direction="positive"
    )
    shares = average.models.groupby("bias", sort=False)["prior"].sum()
    assert list(shares) == pytest.approx(list(BIASES.values()))
    rng = np.random.default_rng(5)
    drawn = pd.Series([from_prior(rng).bias for _ in range(2000)]).value_counts(normalize=True)
    assert [drawn[name] for name in BIASES] == pytest.approx(list(BIASES.values()), abs=4.0 * 0.5 / np.sqrt(2000))


def test_the_average_is_ranked_and_the_page_is_written(tmp_path):
    rows = pd.concat([of_models.places(range(2), 1).assign(family="average"), one_model()])
    assert rows["u"].between(0.0, 1.0).all()
    assert {"averaged", "draws", "model", "law"} <= set(rows["by"])
    models = rows[(rows["by"] == "model") & (rows["simulation"] == 1)].set_index("quantity")["u"]
    of_biases = models[[name for name in models.index if name.startswith("bias: ")]]
    assert of_biases.sum() == pytest.approx(models["bias"])
    bias_calibration_page.write(tmp_path, pd.concat([rows] * 5), 1)
    assert "| one step | law | mu | 10 |" in (tmp_path / "calibration.md").read_text(encoding="utf-8")


def one_model():
    family = BIAS_FAMILIES["one step"]
    places = pw.simulate.calibration(family.model, pw.Exact(draws=50, chains=1), family.effects, simulations=2)
    return places.assign(by=np.where(places["draws"] > 0, "draws", "law"), family="one step")


def test_every_method_of_the_panel_answers(tmp_path):
    cells = [panel.CELLS[number] for number in (1, 14)]
    answers = pd.concat([panel.replications(cell, "single", range(2)) for cell in cells])
    assert answers["method"].nunique() == 14
    answers.to_csv(tmp_path / "answers.csv", index=False)
    (tmp_path / "panel_seen.md").write_text("", encoding="utf-8")
    panel_page.write(tmp_path, pd.read_csv(tmp_path / "answers.csv"))
    table = pd.read_csv(tmp_path / "panel.csv")
    assert (table["tables"] == 2).all()
    assert table.loc[table["none"] == 0.0, "found"].notna().all()


def test_no_model_of_publication_bias_is_called_into_question():
    table = pd.read_csv(HERE / "calibration.csv")
    assert table["adjusted"].min() > FAULT
    assert (
        {"average", *of_models.EXACT} <= set(table["family"]) <= {"average", *BIAS_FAMILIES}
    )  # each by Exact at least
    assert table.loc[table["by"].isin(["averaged", "law"]), "tables"].min() >= LEAST


def test_probabilities_of_models_come_true():
    bins = pd.read_csv(HERE / "reliability.csv")
    assert pw.simulate.holm(bins["p"]).min() > FAULT


def test_the_panel_has_every_design_and_method():
    table = pd.read_csv(HERE / "panel.csv")
    assert len(table.groupby(panel_page.BY)) == len(panel.CELLS)
    averaged = table["method"].str.startswith("PSMA")
    assert table[~averaged].groupby("method").size().eq(len(panel.CELLS)).all()
    assert table.loc[~averaged, "tables"].min() >= LEAST
    unbiased = table[(table["method"] == "random effects, REML, Hartung-Knapp") & ~table["selected"]]
    assert (unbiased["coverage"] - 0.95).abs().lt(4.0 * unbiased["coverage_mcse"] + 0.01).all()
