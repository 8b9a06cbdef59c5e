"""The bubble plot of a meta-regression, and forest plots of models with groups or with moderators."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from support import figures


@pytest.fixture(scope="module")
def regression():
    bcg = pw.datasets.load("bcg")
    return pw.fit(bcg, pw.MetaRegression(["ablat", "alloc"], tau=priors.HalfNormal(0.5)), pw.Exact())


@pytest.fixture(scope="module")
def subgroups():
    return pw.fit(pw.datasets.load("bcg"), pw.Subgroups("alloc", heterogeneity="separate"), pw.Exact())


def test_the_curve_is_what_predict_says(regression):
    frame = pw.plot.bubble_frame(regression, prob=0.9)
    curve = frame[frame["row"] == "curve"].reset_index(drop=True)
    at = {"ablat": curve["x"][[0, 30, 60]], "alloc": ["random"] * 3}  # the most frequent level
    wanted = pw.predict(regression, at, prob=0.9)
    for name in ("point", "lower", "upper", "new_lower", "new_upper"):
        np.testing.assert_array_equal(curve[name][[0, 30, 60]], wanted[name])
    studies = frame[frame["row"] == "study"]
    np.testing.assert_array_equal(studies["y"], regression.effects.y)
    assert set(curve["interval"]) == {"credible (equal-tailed)"}


def test_bubbles_stand_at_the_studies_with_areas_in_proportion_to_weight(regression):
    ax = pw.plot.bubble(regression)
    (bubbles,) = [one for one in ax.collections if one.get_label() == "studies"]
    studies = pw.plot.bubble_frame(regression).query("row == 'study'")
    np.testing.assert_array_equal(bubbles.get_offsets(), studies[["x", "y"]])
    area = bubbles.get_sizes()
    big = studies["weight"].to_numpy() > 0.1 * studies["weight"].max()
    np.testing.assert_allclose(area[big] / area.max(), (studies["weight"] / studies["weight"].max())[big], rtol=1e-12)
    words = " ".join(figures.words(ax))
    assert "alloc at 'random'" in words
    assert "HalfNormal(0.5)" in words
    assert figures.overlaps(figures.boxes(ax, 100)) == []


def test_a_frequentist_bubble_plot_says_confidence():
    fit = pw.fit(pw.datasets.load("raudenbush1985"), pw.MetaRegression("~ weeks"), pw.ClosedForm())
    words = " ".join(figures.words(pw.plot.bubble(fit)))
    assert "confidence" in words
    assert "prediction" in words
    assert "prior: none" in words


def test_a_forest_plot_tells_the_contrasts_and_their_probability(subgroups):
    frame = pw.plot.forest_frame(subgroups)
    contrasts = frame[frame["row"] == "contrast"].set_index("label")
    assert list(contrasts.index) == ["mu[random] - mu[alternate]", "mu[systematic] - mu[alternate]"]
    for name, row in contrasts.iterrows():
        assert (row["lower"], row["upper"]) == subgroups[name].interval(0.95)
        assert row["p_below_null"] == subgroups[name].cdf(0.0)
    beside = pw.fit(subgroups.effects, pw.Subgroups("alloc"), pw.ClosedForm())
    words = " ".join(figures.words(pw.plot.forest(subgroups, beside=(beside,), notes="full")))
    ratio = np.exp(subgroups["mu[random] - mu[alternate]"].point)
    assert words.count("μ[random] / μ[alternate] = ") == 2
    assert f"μ[random] / μ[alternate] = {ratio:.2f} [" in words  # a difference of logarithms is a ratio
    assert f"(P(below 1) = {contrasts['p_below_null'].iloc[0]:.3f})" in words
    assert words.count("(P(") == 2  # a confidence interval has no probability to tell


@pytest.mark.parametrize("name", ["alloc", "ablet"])
def test_only_numbers_make_a_horizontal_axis(regression, name):
    with pytest.raises(pw.PoolwiseError, match=f"no numeric moderator '{name}'"):
        pw.plot.bubble(regression, name)


def test_without_moderators_there_is_nothing_to_plot_against():
    result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    with pytest.raises(pw.PoolwiseError, match="no numeric moderator"):
        pw.plot.bubble(result)


def test_every_subgroup_has_its_diamond_and_its_studies(subgroups):
    frame = pw.plot.forest_frame(subgroups)
    means = frame[frame["row"] == "mean"].set_index("group")
    for level in ("alternate", "random", "systematic"):
        assert means.loc[level, "point"] == subgroups[f"mu[{level}]"].point
        assert means.loc[level, "p_below_null"] == pytest.approx(float(subgroups[f"mu[{level}]"].cdf(0.0)))
    studies = frame[frame["row"] == "study"]
    assert studies.groupby("group").size().to_dict() == {"alternate": 2, "random": 7, "systematic": 4}
    ax = pw.plot.forest(subgroups)
    diamonds = [patch for patch in ax.patches if patch.get_label().startswith("mean: ")]
    assert len(diamonds) == 3
    assert figures.overlaps(figures.boxes(ax, 100)) == []


def test_studies_of_a_regression_bear_their_fitted_mean(regression):
    frame = pw.plot.forest_frame(regression)
    studies = frame[frame["row"] == "study"].set_index("label")
    x = regression.effects.moderators.iloc[[4]]
    assert studies["fitted"].iloc[4] == pytest.approx(pw.predict(regression, x)["point"].iloc[0], abs=1e-12)
    named = frame[frame["row"] == "coefficient"].set_index("label")
    assert named.loc["beta[ablat]", "upper"] == regression["beta[ablat]"].interval(0.95)[1]
    ax = pw.plot.forest(regression)
    np.testing.assert_array_equal(figures.points(ax, "fitted mean"), studies["fitted"])
    assert any("β[ablat] =" in words for words in figures.words(ax))
    assert figures.overlaps(figures.boxes(ax, 100)) == []


def test_groups_and_a_single_mean_side_by_side(subgroups):
    reml = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    frame = pw.plot.forest_frame(subgroups, beside=[reml])
    assert frame[frame["row"] == "mean"]["group"].tolist() == ["alternate", "random", "systematic", ""]
    assert figures.overlaps(figures.boxes(pw.plot.forest(subgroups, beside=[reml]), 100)) == []


def test_outcomes_head_the_blocks_of_joint_outcomes():
    result = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact())
    words = figures.words(pw.plot.forest(result))
    assert {"dropout", "misconduct", "recidivism"} <= set(words)
    assert [word.strip() for word in words].count("Mean effect") == 3  # each below its own studies
    assert any("reconstructed" in word for word in words)


def test_shrinkage_is_that_of_the_study_s_own_group(subgroups):
    from poolwise.tables import studies

    frame = studies(subgroups)
    effects = subgroups.effects
    tau = subgroups["tau[random]"].point
    random = (effects.moderators["alloc"] == "random").to_numpy()
    np.testing.assert_allclose(frame["shrinkage"][random], effects.v[random] / (effects.v[random] + tau**2))
    three = pw.fit(effects, pw.ThreeLevel("alloc"), pw.Exact())
    assert studies(three)["shrinkage"].isna().all()
