"""The surface of priors as a picture: its words, its border, its star."""

import numpy as np
import pytest

import poolwise as pw
from support import figures
from support.tables import table


@pytest.fixture(scope="module")
def misconduct():
    return pw.checks.prior_surface(table("misconduct"))


def test_regions_and_border_are_those_of_the_frame(misconduct):
    ax = pw.plot.prior_surface(misconduct)
    words = figures.words(ax)
    assert "interval above 0" in words
    assert "interval includes 0" in words
    assert "interval below 0" not in words
    bold = [one for one in ax.collections if one.get_linewidth().max() > 2]
    (border,) = [path.vertices for one in bold for path in one.get_paths() if len(path.vertices)]
    at = border[len(border) // 2]
    model = pw.RandomEffects(pw.priors.Normal(0, at[1]), pw.priors.HalfNormal(at[0]))
    lower, upper = pw.fit(table("misconduct"), model, pw.Exact())["mu"].interval(0.95)
    assert abs(lower) < 2e-3 * (upper - lower)  # the border is interpolated between the pairs of the frame


def test_the_star_stands_at_the_reference_and_the_data_are_marked(misconduct):
    ax = pw.plot.prior_surface(misconduct)
    (star,) = [line for line in ax.lines if line.get_label() == "reference"]
    assert (star.get_ydata()[0], star.get_xdata()[0]) == misconduct.reference
    assert any("reconstructed data" in words for words in figures.words(ax))


def test_a_flat_reference_has_no_star_and_one_answer_no_border():
    surface = pw.checks.prior_surface(
        table("bcg"), pw.RandomEffects(pw.priors.Flat()), mu_sd=[1, 2], tau_scale=[0.5, 1.0]
    )
    ax = pw.plot.prior_surface(surface)
    assert not [line for line in ax.lines if line.get_label() == "reference"]
    assert not [one for one in ax.collections if np.max(one.get_linewidth(), initial=0) > 2]


def test_a_line_is_no_surface():
    with pytest.raises(pw.PoolwiseError, match="single width"):
        pw.plot.prior_surface(pw.checks.prior_surface(table("bcg"), mu_sd=[1.0]))


def test_words_do_not_run_into_each_other(misconduct):
    ax = pw.plot.prior_surface(misconduct)
    found = [(words, box) for words, box in figures.boxes(ax, 100) if not words.replace(".", "").isdigit()]
    assert figures.overlaps(found) == []


def test_the_threshold_of_a_ratio_is_told_where_it_is_read(bcg):
    told = figures.words(pw.plot.prior_surface(pw.checks.prior_surface(bcg, mu_sd=[0.5, 1, 2], tau_scale=[0.2, 1])))
    assert "interval below 1" in told
    assert "P(the mean risk ratio < 1)" in " ".join(told)
