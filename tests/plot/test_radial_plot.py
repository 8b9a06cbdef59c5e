"""The radial plot: metafor's coordinates, the slope of a ray is its effect on the arc, studies outside are named."""

import json
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from plot.test_funnel_plot import axes, check_words
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
METAFOR = json.loads((Path(__file__).parents[1] / "reference" / "radial_labbe.json").read_text())
SAME = 1e-5  # metafor's REML stops at a change of 1e-5 in tau2


def studies(k, **columns):
    rng = np.random.default_rng(5)
    se = rng.uniform(0.05, 0.6, k)
    names = [f"A rather long first author, and a second one {1900 + i}" for i in range(k)]
    y = rng.normal(0.4, 0.3, k) + se * rng.normal(size=k)
    return pw.Effects(y, se=se, study=names, scale="log OR", allow_single=True, **columns)


def fitted(effects):
    return pw.fit(effects, pw.RandomEffects(), pw.Exact())


@pytest.mark.parametrize(("model", "method"), [(pw.RandomEffects(), "REML"), (pw.CommonEffect(), "EE")])
def test_coordinates_are_metafors(bcg, model, method):
    frame = pw.plot.radial_frame(pw.fit(bcg, model, pw.ClosedForm()))
    drawn = METAFOR[f"radial_{method}"]
    np.testing.assert_allclose(frame["x"], drawn["x"], rtol=SAME)
    np.testing.assert_allclose(frame["z"], drawn["y"], rtol=SAME)
    assert frame["mu_point"].iloc[0] == pytest.approx(drawn["mu"], rel=SAME)


def test_the_mean_meets_the_arc_where_its_ray_does(exact):
    ax = pw.plot.radial(exact)
    for name, effects in (
        ("mean on the arc", [exact["mu"].point]),
        ("interval of mean", np.linspace(*exact["mu"].interval(), 41)),
    ):
        (line,) = [line for line in ax.lines if line.get_label() == name]
        np.testing.assert_allclose(line.get_ydata() / line.get_xdata(), effects)


def test_every_point_of_the_arc_is_as_far_from_the_origin(exact):
    ax = pw.plot.radial(exact)
    (arc,) = [line for line in ax.lines if line.get_label() == "arc"]
    on_paper = ax.transData.transform(arc.get_xydata()) - ax.transData.transform((0.0, 0.0))
    distance = np.hypot(*on_paper.T)
    np.testing.assert_allclose(distance, distance[0], rtol=1e-6)
    points = ax.transData.transform(pw.plot.radial_frame(exact)[["x", "z"]]) - ax.transData.transform((0.0, 0.0))
    assert np.hypot(*points.T).max() < distance[0]


def test_studies_outside_the_band_are_those_beyond_z(bcg):
    fit = pw.fit(bcg, pw.CommonEffect(), pw.ClosedForm())
    frame, ax = pw.plot.radial_frame(fit), pw.plot.radial(fit)
    beyond = np.abs((bcg.y - fit["mu"].point) / bcg.se) > 1.959964
    np.testing.assert_array_equal(frame["outside"], beyond)
    np.testing.assert_array_equal(figures.points(ax, "outside the band"), frame.loc[beyond, "x"])
    assert "TPT Madras 1980" in figures.words(ax)
    assert any(f"{beyond.sum()} of 13 studies lie outside the band" in words for words in figures.words(ax))


@pytest.mark.parametrize("k", [1, 3, 300])
def test_words_are_legible_at_any_number_of_studies(k):
    check_words(pw.plot.radial(pw.fit(studies(k), pw.CommonEffect(), pw.ClosedForm())))


@pytest.mark.parametrize("size", [(6.9, 5.0), (3.3, 5.0)])
def test_words_are_legible_on_axes_of_a_page_and_of_a_column(size, bcg):
    check_words(pw.plot.radial(fitted(bcg), ax=axes(size)))
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.radial(fitted(bcg), ax=axes((2.0, 2.0)))


@pytest.mark.parametrize(
    ("y", "se"),
    [([0.2, 0.2, 0.2], [0.1, 0.1, 0.1]), ([9.0, 0.1, -0.3], [0.1, 0.2, 0.3]), ([-5e3, -4e3], [1e3, 2e3]),
     ([3e-4, 1e-4], [1e-4, 2e-4]), ([0.5, 0.4, 0.1], [1e-3, 0.2, 4.0]), ([-2.0, -1.0], [0.1, 0.1])],
)  # fmt: skip
def test_words_are_legible_for_unusual_tables(y, se):
    check_words(pw.plot.radial(pw.fit(pw.Effects(y, se=se), pw.CommonEffect(), pw.ClosedForm())))


def test_reconstructed_tables_say_so_and_proportions_have_no_null_value(misconduct):
    assert "reconstructed data" in " ".join(figures.words(pw.plot.radial(fitted(misconduct), title="Alliance")))
    ax = pw.plot.radial(fitted(pw.Effects([-2.0, -1.5, -1.7], se=[0.2, 0.3, 0.2], scale="logit")))
    assert not [line for line in ax.lines if line.get_label() == "null value"]


def test_what_has_no_line_is_refused_in_words(bcg, exact):
    for wrong in (None, 3, bcg, [exact]):
        with pytest.raises(pw.PoolwiseError, match="was given"):
            pw.plot.radial(wrong)
    for model in (pw.MetaRegression("~ ablat"), pw.Subgroups("alloc")):
        with pytest.raises(pw.PoolwiseError, match="no single mean"):
            pw.plot.radial(pw.fit(bcg, model, pw.ClosedForm()))
    with pytest.raises(pw.PoolwiseError):
        pw.plot.radial(exact, prob=1.5)
