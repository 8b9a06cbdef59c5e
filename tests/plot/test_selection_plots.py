"""Weight function and z-plot: their numbers against written-out integrals and simulation, their words legible."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import poolwise as pw
from plot.test_funnel_plot import axes, check_words, selected
from support import figures

DRAWS = 40_000
STEPS = pw.StepSelection((0.025, 0.5), direction="positive")


@pytest.fixture(scope="module")
def by_ml():
    return pw.fit(selected(40), STEPS, pw.ClosedForm())


@pytest.fixture(scope="module")
def exact():
    return pw.fit(selected(15), pw.StepSelection((0.025,), direction="positive"), pw.Exact())


@pytest.fixture(scope="module")
def averaged():
    return pw.average(selected(15), bias="PSMA", direction="positive")


def at(frame, row, z):
    """The row of a curve at the z nearest to this one."""
    curve = frame[frame["row"] == row]
    return curve.loc[(curve["z"] - z).abs().idxmin()]


def test_a_step_weight_is_the_fit_s_with_its_interval(by_ml):
    frame = pw.plot.weight_frame(by_ml)
    name = "omega[.025 < p < .5]"
    rows = frame[frame["name"] == name]
    np.testing.assert_array_equal(rows["point"], by_ml[name].point)
    np.testing.assert_array_equal(rows[["lower", "upper"]].iloc[0], by_ml[name].interval(0.95))
    np.testing.assert_allclose(rows["p"], [0.5, 0.025], rtol=1e-12)
    assert "prior" not in set(frame["row"])


def test_the_prior_of_falling_weights_is_that_of_cumulated_shares():
    model = pw.StepSelection((0.01, 0.025, 0.5), direction="positive")
    frame = pw.plot.weight_frame(pw.fit(selected(3), model, pw.Exact())).query("row == 'prior'")
    shares = np.random.default_rng(1).dirichlet(np.ones(4), DRAWS)
    omega = shares[:, ::-1].cumsum(axis=1)[:, ::-1]
    for j, name in enumerate(model.weight_names):
        low, middle, high = np.quantile(omega[:, j], [0.025, 0.5, 0.975])
        row = frame[frame["name"] == name].iloc[0]
        np.testing.assert_allclose(row[["point", "lower", "upper"]].astype(float), [middle, low, high], atol=0.015)


def test_the_weights_of_an_average_are_those_given_selection(averaged):
    frame = pw.plot.weight_frame(averaged)
    name = "omega[.05 < p < .5]"
    row = frame[(frame["name"] == name) & (frame["row"] == "weight")].iloc[0]
    posterior = averaged.conditional[name]
    assert (row["point"], row["lower"], row["upper"]) == (posterior.point, *posterior.interval(0.95))
    assert any(
        "probability of selection is" in words
        for words in " ".join(figures.words(pw.plot.weight_function(averaged))).split(". ")
    )


def test_a_smooth_weight_is_its_function_at_the_estimate_and_its_limits():
    result = pw.fit(selected(40), pw.WeightFunction("halfnorm", direction="positive"), pw.ClosedForm())
    frame = pw.plot.weight_frame(result).query("row == 'weight'")
    lower, upper = result["delta"].interval(0.95)
    np.testing.assert_allclose(frame["point"], np.exp(-result["delta"].point * frame["p"] ** 2), rtol=1e-10)
    np.testing.assert_allclose(frame["lower"], np.exp(-upper * frame["p"] ** 2), rtol=1e-10)
    np.testing.assert_allclose(frame["upper"], np.exp(-lower * frame["p"] ** 2), rtol=1e-10)


def test_every_study_has_its_p_value_in_the_rug():
    effects = selected(15)
    mirrored = pw.StepSelection((0.025,), direction="negative")
    for model, sign in ((STEPS, 1.0), (mirrored, -1.0)):
        frame = pw.plot.weight_frame(pw.fit(effects, model, pw.Exact()))
        p = frame.loc[frame["row"] == "study", "p"]
        np.testing.assert_allclose(p, norm.sf(sign * effects.y / effects.se), rtol=1e-12)


def test_densities_of_z_are_those_of_the_model_by_quadrature(by_ml):
    frame, effects = pw.plot.z_frame(by_ml), by_ml.effects
    weights = [by_ml[f"omega[{name}]"].point for name in STEPS.interval_names]

    def omega(z):
        return weights[np.searchsorted([0.025, 0.5], norm.sf(z))]

    laws = [norm(by_ml["mu"].point / s, np.hypot(1.0, by_ml["tau"].point / s)) for s in effects.se]
    cuts = [-12.0, 0.0, norm.isf(0.025), 20.0]
    published = [
        sum(quad(lambda z, law=law: law.pdf(z) * omega(z), a, b)[0] for a, b in pairwise(cuts)) for law in laws
    ]
    for z in (-1.0, 0.7, 2.5):
        row = at(frame, "published", z)
        whole = np.mean([law.pdf(row["z"]) / a for law, a in zip(laws, published, strict=True)])
        assert row["point"] == pytest.approx(whole * omega(row["z"]), rel=1e-6)
        assert at(frame, "without bias", z)["point"] == pytest.approx(whole, rel=1e-6)
    held = frame.loc[frame["row"] == "held back", "point"].item()
    assert held == pytest.approx(sum(1.0 / a - 1.0 for a in published), rel=1e-6)


def test_without_selection_there_is_one_density(reml):
    frame = pw.plot.z_frame(reml)
    assert frame.loc[frame["row"] == "held back", "point"].item() == 0.0
    told = " ".join(figures.words(pw.plot.z_plot(reml)))
    assert "both densities are one" in told
    assert "expected without bias" not in told


def test_mirrored_studies_have_the_mirrored_pictures(by_ml):
    turned = pw.Effects(-by_ml.effects.y, se=by_ml.effects.se, scale="SMD")
    mirrored = pw.fit(turned, pw.StepSelection((0.025, 0.5), direction="negative"), pw.ClosedForm())
    for frame in (pw.plot.z_frame, pw.plot.weight_frame):
        np.testing.assert_allclose(frame(by_ml)["point"], frame(mirrored)["point"], rtol=1e-5, atol=1e-9)


def test_words_of_averages_are_legible(averaged):
    for draw in (pw.plot.weight_function, pw.plot.z_plot):
        check_words(draw(averaged, ax=axes((3.3, 6.0))))


@pytest.mark.parametrize("k", [1, 3, 15, 40, 100, 300])
def test_words_are_legible_at_any_number_of_studies(k):
    engine = pw.ClosedForm() if k > 3 else pw.Exact()
    result = pw.fit(selected(k), pw.StepSelection((0.025,), direction="positive"), engine)
    for draw in (pw.plot.weight_function, pw.plot.z_plot):
        check_words(draw(result, ax=axes((3.3, 6.0))))


@pytest.mark.parametrize("kind", ["beta", "negexp", "logistic", "power"])
def test_every_kind_of_weight_function_has_its_pictures(kind):
    result = pw.fit(selected(40), pw.WeightFunction(kind, direction="positive", sides=2), pw.ClosedForm())
    for draw in (pw.plot.weight_function, pw.plot.z_plot):
        check_words(draw(result))


def test_what_has_no_weights_or_no_room_is_refused_in_words(reml, exact, bcg):
    with pytest.raises(pw.PoolwiseError, match="no weights of publication"):
        pw.plot.weight_function(reml)
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.weight_function(exact, ax=axes((2.0, 2.0)))
    with pytest.raises(pw.PoolwiseError, match="no single mean"):
        pw.plot.z_plot(pw.fit(bcg, pw.MetaRegression("~ ablat"), pw.ClosedForm()))
    with pytest.raises(pw.PoolwiseError, match="was given"):
        pw.plot.z_plot(bcg)
