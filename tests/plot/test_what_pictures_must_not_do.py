"""Pictures do not mislead: areas by one rule, fill up to the border, laws and not draws, a line for each level."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colors

import poolwise as pw
from poolwise.plot import _marks
from support import figures


@pytest.fixture(scope="module")
def misconduct():
    return pw.datasets.load("working_alliance").select(outcome="misconduct")


def test_areas_are_in_proportion_to_weight_over_a_whole_picture():
    weights = 1.0 / np.array([0.105, 0.215, 0.3]) ** 2
    area = _marks.areas(weights, 8.0)
    np.testing.assert_allclose(area / area[0], weights / weights[0])
    block = _marks.areas(weights[1:], 8.0, heaviest=weights[0])
    np.testing.assert_array_equal(block, area[1:])  # a block of its own changes nothing


def test_with_an_interaction_each_level_has_a_line_and_a_colour(bcg):
    fit = pw.fit(bcg, pw.MetaRegression("~ ablat * alloc"), pw.Exact())
    ax = pw.plot.bubble(fit)
    lines = {line.get_label(): line.get_color() for line in ax.lines if line.get_label().startswith("mean effect")}
    assert set(lines) == {f"mean effect, {level}" for level in ("random", "alternate", "systematic")}
    assert len(set(lines.values())) == 3
    curve = pw.plot.bubble_frame(fit).query("row == 'curve' and level == 'random'").iloc[[0, -1]]
    wanted = pw.predict(fit, {"ablat": curve["x"], "alloc": ["random"] * 2})
    np.testing.assert_allclose(curve["point"], wanted["point"])
    pw.plot.close(ax)


def test_the_fill_of_a_surface_ends_at_its_border(misconduct):
    surface = pw.checks.prior_surface(misconduct)
    assert "%" not in surface.sentence.replace("95 %", "")
    ax = pw.plot.prior_surface(surface)
    (border,) = [each for each in ax.collections if each.get_linewidth().max() > 2]
    faces = {each: each.get_facecolor() for each in ax.collections if len(each.get_facecolor())}
    (fill,) = [each for each, face in faces.items() if colors.to_hex(face[0]) == "#fbdfc4"]
    edge = {tuple(point) for path in border.get_paths() for point in path.vertices.round(9)}
    assert edge <= {tuple(point) for path in fill.get_paths() for point in path.vertices.round(9)}
    pw.plot.close(ax)


@pytest.mark.parametrize("mu", [pw.priors.Normal(0, 1), pw.priors.Normal(0, 5), pw.priors.Cauchy(0, 1)])
def test_a_symmetric_prior_expects_symmetrically(bcg, mu):
    frame = pw.checks.prior_predictive(pw.fit(bcg, pw.RandomEffects(mu=mu), pw.Exact())).frame
    np.testing.assert_allclose(frame["lower"], -frame["upper"], rtol=1e-6)
    np.testing.assert_allclose(frame["median"], 0.0, atol=1e-6)


def test_orange_is_another_verdict_than_that_of_the_reference_prior(bcg, misconduct):
    for effects in (bcg, misconduct):
        panel = pw.checks.prior_panel(effects)
        ax = pw.plot.prior_panel(panel)
        edges = [each.get_edgecolor() for each in ax.collections]
        orange = [edge for edge in edges if len(edge) and colors.to_hex(edge[0]) == "#d55e00"]
        assert bool(orange) == bool(panel.frame["flips"].any())
        pw.plot.close(ax)


def test_small_units_do_not_run_into_the_words_of_the_axis(bcg):
    small = pw.Effects(bcg.y * 1e-6, se=bcg.se * 1e-6, moderators=bcg.moderators, scale="MD")
    ax = pw.plot.bubble(pw.fit(small, pw.MetaRegression("~ ablat"), pw.ClosedForm()))
    assert "× 10⁻⁶" in ax.get_ylabel()
    assert figures.overlaps(figures.boxes(ax, 100)) == []
    pw.plot.close(ax)


def test_a_missing_character_is_told(study_table):
    effects = study_table(4).to_frame()
    table = pw.Effects(effects["y"], se=effects["se"], study=[f"\U00010380 {i}" for i in range(4)], scale="SMD")
    result = pw.fit(table, pw.RandomEffects(), pw.Exact())
    for draw in (pw.plot.forest, pw.plot.shrinkage, pw.plot.conditional):
        with pytest.warns(pw.PoolwiseWarning, match="No installed font"):
            pw.plot.close(draw(result))
