"""Pictures of posteriors, of the mean given tau, and of shrinkage: their numbers and their words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy.integrate import trapezoid
from scipy.stats import norm

import poolwise as pw
from poolwise.errors import InputError, MissingQuantityError, ModelError, PoolwiseError
from poolwise.priors import Flat, HalfNormal, InverseGamma, Normal, StudentT
from support import figures

PICTURES = (pw.plot.posterior, pw.plot.conditional, pw.plot.shrinkage)


def check_words(ax):
    """No two texts overlap or leave the figure, none is smaller than 6.5 points."""
    found = figures.boxes(ax, 100)
    assert figures.overlaps(found) == []
    assert figures.outside(found, ax) == []
    assert min(text.get_fontsize() for text in figures.texts(ax)) >= 6.5


def by_matrices(effects, X, prior_sd, tau):
    """Mean and covariance of beta, and of theta, given tau: everything jointly normal, nothing simplified."""
    k, p = X.shape
    V = np.diag(effects.v) if effects.covariance is None else effects.covariance
    joint = np.block(
        [[X @ X.T * prior_sd**2 + tau**2 * np.eye(k), X * prior_sd**2], [X.T * prior_sd**2, np.eye(p) * prior_sd**2]]
    )
    gain = joint[:, :k] @ np.linalg.inv(joint[:k, :k] + V)
    return gain @ effects.y, joint - gain @ joint[:k, :]


@pytest.mark.parametrize("formula", [None, "~ ablat"])
def test_given_tau_mean_and_studies_are_those_of_matrix_algebra(bcg, formula):
    prior = Normal(0, 2)
    model = pw.RandomEffects(mu=prior) if formula is None else pw.MetaRegression(formula, beta=prior)
    X = np.ones((bcg.k, 1)) if formula is None else np.column_stack([np.ones(bcg.k), bcg.moderators["ablat"]])
    frame = pw.plot.conditional_frame(pw.fit(bcg, model, pw.Exact()), prob=0.9)
    mean = frame.query("row == 'mean'").iloc[[10, 90]]
    for _, row in mean.iterrows():
        expected, covariance = by_matrices(bcg, X, 2.0, row["tau"])
        assert row["x"] == pytest.approx(expected[bcg.k], rel=1e-8)
        assert row["upper"] == pytest.approx(norm(expected[bcg.k], covariance[bcg.k, bcg.k] ** 0.5).ppf(0.95), rel=1e-7)
        if formula is None:
            theta = frame[(frame["row"] == "study") & (frame["tau"] == row["tau"])]["x"]
            np.testing.assert_allclose(theta, expected[: bcg.k], rtol=1e-8)


def test_given_tau_correlated_errors_are_those_of_matrix_algebra():
    se = np.array([0.1, 0.2, 0.3, 0.25])
    V = np.outer(se, se) * (0.4 + 0.6 * np.eye(4))
    effects = pw.Effects([0.1, 0.5, 0.3, -0.2], covariance=V, scale="SMD")
    frame = pw.plot.conditional_frame(
        pw.fit(effects, pw.RandomEffects(mu=Normal(0, 1), tau=HalfNormal(0.5)), pw.Exact())
    )
    tau = frame.query("row == 'mean'")["tau"].iloc[70]
    expected, _ = by_matrices(effects, np.ones((4, 1)), 1.0, tau)
    np.testing.assert_allclose(frame[(frame["row"] == "study") & (frame["tau"] == tau)]["x"], expected[:4], rtol=1e-8)


@pytest.mark.parametrize("threshold", [0.0, 0.1])
def test_the_interval_meets_the_threshold_at_the_tipping_tau(misconduct, threshold):
    result = pw.fit(misconduct, pw.RandomEffects(mu=Normal(0, 1)), pw.Exact())
    frame = pw.plot.conditional_frame(result, threshold=threshold)
    (tip,) = frame.query("row == 'tipping'").to_dict("records")
    expected, covariance = by_matrices(misconduct, np.ones((3, 1)), 1.0, tip["tau"])
    assert expected[3] - norm.ppf(0.975) * covariance[3, 3] ** 0.5 == pytest.approx(threshold, abs=1e-9)
    assert tip["p"] == pytest.approx(float(result["tau"].cdf(tip["tau"])), rel=1e-12)


def test_an_interval_that_never_meets_the_threshold_says_so(misconduct):
    result = pw.fit(misconduct, pw.RandomEffects(mu=Normal(0, 1), tau=HalfNormal(0.5)), pw.Exact())
    assert "tipping" not in set(pw.plot.conditional_frame(result, threshold=0.37)["row"])
    words = " ".join(figures.words(pw.plot.conditional(result, threshold=0.37)))
    assert "holds 0.37 at every τ" in words.replace("\n", " ")


def test_without_priors_the_band_is_a_confidence_interval_and_nothing_is_said_of_how_probable_tau_is(bcg, reml):
    frame = pw.plot.conditional_frame(reml)
    assert frame.query("row == 'mean'")["interval"].unique() == ["confidence (Wald), given tau"]
    assert frame["p"].isna().all()
    assert "posterior" not in set(frame["row"])
    at = frame.query("row == 'mean'").iloc[50]
    w = 1.0 / (bcg.v + at["tau"] ** 2)
    assert at["x"] == pytest.approx((w @ bcg.y) / w.sum(), rel=1e-12)


@pytest.mark.parametrize(
    "model",
    [pw.CommonEffect(), pw.RandomEffects(mu=StudentT(3, 0, 1)), pw.Subgroups("alloc", heterogeneity="separate")],
)
def test_what_is_not_normal_given_one_tau_is_refused_in_words(bcg, model):
    with pytest.raises(ModelError, match=r"Expected: (a model with one tau|normal, flat or known)"):
        pw.plot.conditional(pw.fit(bcg, model, pw.Exact()))


@pytest.mark.parametrize("tau", [HalfNormal(0.5), InverseGamma(1, 0.15)])
def test_densities_of_an_exact_result_have_the_area_that_its_distribution_function_says(misconduct, tau):
    result = pw.fit(misconduct, pw.RandomEffects(mu=StudentT(3, 0, 1), tau=tau), pw.Exact())
    frame = pw.plot.posterior_frame(result).query("row == 'posterior'")
    for name, rows in frame.groupby("quantity"):
        x = rows["x"].to_numpy()
        area = float(result[name].cdf(x[-1])) - float(result[name].cdf(x[0]))
        assert trapezoid(rows["density"].fillna(0.0), x) == pytest.approx(area, abs=2e-3)
        assert area > 0.99


def test_the_point_mass_of_an_average_is_its_own_row_and_the_density_holds_the_rest(misconduct):
    averaged = pw.average(misconduct)
    frame = pw.plot.posterior_frame(averaged, of="mu")
    p = frame.query("row == 'atom'")["p"].item()
    rows = frame.query("row == 'posterior'")
    assert p == pytest.approx(averaged.probabilities["common null"] + averaged.probabilities["random null"], rel=1e-12)
    assert trapezoid(rows["density"], rows["x"]) == pytest.approx(1.0 - p, abs=5e-3)
    assert "arrow" in " ".join(figures.words(pw.plot.posterior(averaged)))


@pytest.mark.agreement_long
def test_draws_of_a_mean_are_drawn_as_the_mixture_of_its_laws_given_tau(misconduct):
    model = pw.RandomEffects(mu=Normal(0, 1), tau=HalfNormal(0.5))
    exact = pw.fit(misconduct, model, pw.Exact())
    drawn = pw.fit(misconduct, model, pw.NUTS(draws=1000, tune=500, chains=2, seed=1))
    rows = pw.plot.posterior_frame(drawn, of="mu").query("row == 'posterior'")
    expected = exact["mu"].pdf(rows["x"].to_numpy())
    # tau's draws alone are random here: their effective number is some 1,000, of a density that varies by half with tau
    assert np.abs(rows["density"] - expected).max() < 0.05 * expected.max()
    tau = pw.plot.posterior_frame(drawn, of="tau").query("row == 'posterior'")
    assert tau["x"].min() == 0.0
    assert tau["density"].iloc[0] == pytest.approx(float(exact["tau"].pdf(0.0)), rel=0.25)  # a kernel's bias at its end


def test_probabilities_are_of_the_side_of_the_median_in_the_words_of_directions(bcg, exact):
    words = " ".join(figures.words(pw.plot.posterior(exact, rope=(-0.1, 0.1)))).replace("\n", " ")
    assert f"P(below 1) = {float(exact['mu'].cdf(0.0)):.3f}, favours vaccination" in words
    assert "0.905 to 1.11" in words
    mirrored = pw.Effects(-bcg.y, se=bcg.se, scale="log RR", directions=("worse", "better"))
    words = " ".join(figures.words(pw.plot.posterior(pw.fit(mirrored, pw.RandomEffects(), pw.Exact()))))
    assert "P(above 1)" in words
    assert "better" in words


def test_a_closed_form_has_no_density_and_the_message_says_what_to_call(reml):
    with pytest.raises(MissingQuantityError, match=r"confidence distribution is not one.*plot\.forest"):
        pw.plot.posterior(reml)


def test_what_the_model_states_has_no_density_and_is_left_out(bcg):
    result = pw.fit(bcg, pw.RandomEffects(tau_fixed=0.3), pw.Exact())
    assert set(pw.plot.posterior_frame(result)["quantity"]) == {"mu", "theta_new"}
    with pytest.raises(MissingQuantityError, match="the model states"):
        pw.plot.posterior(result, of="tau")


@pytest.mark.parametrize("unit", [1e6, 1e-6])
def test_ticks_of_any_unit_keep_apart(unit):
    table = pw.Effects(unit * np.array([0.3, 0.1, 0.5, -0.2]), se=[0.3 * unit] * 4, scale="MD")
    model = pw.RandomEffects(mu=Normal(0, 2 * unit), tau=HalfNormal(0.5 * unit))
    check_words(pw.plot.posterior(pw.fit(table, model, pw.Exact())))


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("asked", [None, 3, "mu", pd.DataFrame()])
def test_what_is_no_result_is_refused(picture, asked):
    with pytest.raises(InputError):
        picture(asked)


@pytest.mark.parametrize(
    "settings",
    [
        {"prob": 1.5},
        {"threshold": np.nan},
        {"threshold": "0"},
        {"rope": (0.1, -0.1)},
        {"rope": 3},
        {"of": "nu"},
        {"of": []},
    ],
)
def test_senseless_settings_are_refused(exact, settings):
    with pytest.raises(PoolwiseError):
        pw.plot.posterior(exact, **settings)


def test_several_outcomes_stand_on_one_axis():
    result = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact())
    ax = pw.plot.posterior(result)
    check_words(ax)
    assert {"posterior of mu[misconduct]", "posterior of mu[dropout]"} <= {line.get_label() for line in ax.lines}


@pytest.mark.parametrize("k", [1, 3, 15, 40, 100, 300])
@pytest.mark.parametrize("width", [None, 3.4])
def test_words_keep_apart_and_inside_for_any_number_of_studies(study_table, k, width):
    single = pw.Effects([0.3], se=[0.2], study=["A long name of a study"], scale="SMD", allow_single=True)
    table = single if k == 1 else study_table(k, enormous=k < 100)
    result = pw.fit(table, pw.RandomEffects(mu=Normal(0, 1), tau=HalfNormal(0.5)), pw.Exact())
    for picture in PICTURES if width is None or k in (1, 15, 300) else ():
        ax = None if width is None else plt.figure(figsize=(width, 8.5)).add_axes((0.0, 0.0, 1.0, 1.0))
        check_words(picture(result, ax=ax))


@pytest.mark.parametrize("picture", PICTURES)
def test_axes_too_small_are_refused(exact, picture):
    with pytest.raises(InputError, match="too small"):
        picture(exact, ax=plt.figure(figsize=(2.0, 1.5)).add_axes((0.0, 0.0, 1.0, 1.0)))


def test_shrinkage_is_the_share_of_the_way_to_the_mean(reml, bcg):
    frame = pw.plot.shrinkage_frame(reml).set_index("study")
    expected = bcg.v / (bcg.v + reml["tau2"].point)
    np.testing.assert_allclose(frame.loc[list(bcg.labels), "share"], expected, rtol=1e-8)
    assert frame["raw"].is_monotonic_increasing


def test_a_flat_prior_has_no_outline(misconduct):
    result = pw.fit(misconduct, pw.RandomEffects(mu=Flat(), tau=HalfNormal(0.5)), pw.Exact())
    assert set(pw.plot.posterior_frame(result).query("row == 'prior'")["quantity"]) == {"tau"}
