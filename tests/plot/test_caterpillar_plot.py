"""Caterpillar and orchard: their marks are the result's numbers, in order, legible from one study to a thousand."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from plot.test_funnel_plot import axes, check_words
from poolwise.plot.caterpillar_plot import spread
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
CLOSED, STYLES = pw.ClosedForm(), ["caterpillar", "orchard"]


def fitted(k):
    rng = np.random.default_rng(5)
    se = rng.uniform(0.05, 0.6, k)
    names = [f"A rather long first author, and a second one {i}" for i in range(k)]
    y = rng.normal(0.4, 0.3, k) + se * rng.normal(size=k)
    table = pw.Effects(y, se=se, study=names, scale="log OR", allow_single=True)
    return pw.fit(table, pw.RandomEffects(), CLOSED if k > 1 else pw.Exact())


@pytest.fixture(scope="module")
def clustered() -> pw.Result:
    return pw.fit(pw.datasets.load("assink2016"), pw.ThreeLevel(), pw.Exact(draws=100))


def test_a_caterpillar_draws_the_true_effects_in_order(exact):
    frame, ax = pw.plot.caterpillar_frame(exact), pw.plot.caterpillar(exact)
    rows = frame[frame["row"] == "effect"]
    assert rows["point"].tolist() == sorted(exact.studies[name].point for name in exact.effects.labels)
    np.testing.assert_array_equal(figures.points(ax, "true effects"), rows["point"])
    np.testing.assert_allclose(figures.intervals(ax, "true effects").max(axis=0)[0], rows["lower"].max())
    mean = frame[frame["row"] == "mean"].iloc[0]
    assert (mean["lower"], mean["upper"]) == exact["mu"].interval()
    assert (mean["new_lower"], mean["new_upper"]) == exact["theta_new"].interval()


def test_an_orchard_draws_every_estimate_and_the_means_of_the_groups(bcg):
    result = pw.fit(bcg, pw.Subgroups("alloc"), pw.Exact())
    frame, ax = pw.plot.caterpillar_frame(result), pw.plot.caterpillar(result, style="orchard")
    assert sorted(figures.points(ax, "estimates")) == sorted(bcg.y)
    means = frame[frame["row"] == "mean"]
    assert means["k"].tolist() == [2, 7, 4]
    np.testing.assert_array_equal(figures.points(ax, "mean"), [result[name].point for name in result.answers])
    np.testing.assert_allclose(figures.intervals(ax, "new study"), means[["new_lower", "new_upper"]])


def test_the_area_of_a_fruit_is_its_precision(reml):
    ax = pw.plot.caterpillar(reml, style="orchard")
    (marks,) = [mark for mark in ax.collections if mark.get_label() == "estimates"]
    se = np.array([reml.effects.se[reml.effects.y == x][0] for x in marks.get_offsets()[:, 0]])
    np.testing.assert_allclose(marks.get_sizes() * se, marks.get_sizes()[0] * se[0])


def test_levels_of_a_moderator_have_the_means_that_a_regression_predicts(bcg):
    result = pw.fit(bcg, pw.MetaRegression("~ alloc"), CLOSED)
    means = pw.plot.caterpillar_frame(result, by="alloc").query("row == 'mean'").set_index("group")
    predicted = pw.predict(result, {"alloc": ["random"]}).iloc[0]
    assert (
        means.loc["random", ["point", "lower", "new_upper"]].tolist()
        == predicted[["point", "lower", "new_upper"]].tolist()
    )
    check_words(pw.plot.caterpillar(result, style="orchard", by="alloc"))


def test_levels_of_a_posterior_are_means_of_the_draws_of_their_true_effects(clustered):
    levels = pw.plot.caterpillar_frame(clustered, by="study").query("row == 'level'").set_index("name")
    theta = clustered.to_datatree()["posterior"]["theta"]
    own = np.array(clustered.effects.study_as_given) == "study 3"
    assert levels.loc["study 3", "k"] == own.sum()
    assert levels.loc["study 3", "point"] == pytest.approx(float(theta[..., own].mean("study").median()))
    ax = pw.plot.caterpillar(clustered, by="study")
    assert len(figures.points(ax, "true effects")) == len(levels) == 17
    check_words(ax)


def test_levels_of_a_closed_form_are_refused_and_those_of_an_orchard_are_not(reml):
    with pytest.raises(pw.PoolwiseError, match="no joint law"):
        pw.plot.caterpillar(reml, by="alloc")
    ax = pw.plot.caterpillar(reml, by="alloc", style="orchard")
    assert [line.get_label() for line in ax.lines].count("mean") == 1  # one mean, which no group has, is behind them
    check_words(ax)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("k", [1, 3, 100])
def test_words_are_legible_at_any_number_of_studies(style, k):
    ax = pw.plot.caterpillar(fitted(k), style=style)
    check_words(ax)
    assert ax.figure.get_size_inches()[1] < 11.7


def test_a_thousand_true_effects_fit_a_page():
    rng = np.random.default_rng(1)
    table = pw.Effects(rng.normal(size=1000), se=rng.uniform(0.1, 0.6, 1000), scale="SMD")
    ax = pw.plot.caterpillar(pw.fit(table, pw.RandomEffects(), pw.ClosedForm(tau2="DL")))
    assert len(figures.points(ax, "true effects")) == 1000
    assert ax.figure.get_size_inches()[1] < 11.7


@pytest.mark.parametrize("style", STYLES)
def test_words_are_legible_on_axes_of_a_column(style, exact):
    check_words(pw.plot.caterpillar(exact, style=style, ax=axes((3.3, 5.0))))
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.caterpillar(exact, style=style, ax=axes((1.5, 1.5)))


def test_fruit_is_moved_the_same_each_time_within_its_row_and_comes_apart():
    x = np.random.default_rng(2).normal(size=200)
    moved = spread(x, 6.0)
    np.testing.assert_array_equal(moved, spread(x, 6.0))
    assert np.abs(moved).max() <= 1.0
    assert len(np.unique(np.column_stack([x, moved]), axis=0)) == 200
    assert spread(np.zeros(20), 6.0).std() > 0.4  # equal estimates come apart
    assert spread(np.array([0.3]), 6.0).tolist() == [0.0]


def test_reconstructed_tables_say_so_and_wrong_arguments_are_refused(misconduct, exact):
    made = pw.fit(misconduct.described(title="Alliance"))
    assert "reconstructed data" in " ".join(figures.words(pw.plot.caterpillar(made)))
    for wrong in (None, 3, exact.effects, [exact], pd.DataFrame()):
        with pytest.raises(pw.PoolwiseError, match="was given"):
            pw.plot.caterpillar(wrong)
    for arguments in ({"style": "tree"}, {"by": "colour"}, {"prob": 0.0}, {"by": 3}):
        with pytest.raises(pw.PoolwiseError):
            pw.plot.caterpillar(exact, **arguments)
