"""Operating characteristics as a picture: its marks are its frame, and words do not run into each other."""

import numpy as np
import pytest

import poolwise as pw
from support import figures


@pytest.fixture(scope="module")
def answer():
    methods = {
        f"a method with a rather long name, number {i}, tau {scale:g}": (
            pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(scale)),
            pw.Exact(),
        )
        for i, scale in enumerate((0.1, 0.3, 1.0, 2.0))
    } | {"common": (pw.CommonEffect(), pw.ClosedForm())}
    truth = {"mu": [0.0, 0.3], "tau": [0.0, 0.1, 0.2, 0.4, 0.8]}
    return pw.simulate.operating_characteristics(pw.simulate.Design(3, 0.2), methods, truth=truth, replications=200)


def panels(ax):
    return [each for each in ax.figure.axes if each.get_title(loc="left")]


def test_each_truth_has_a_panel_and_each_method_a_mark(answer):
    ax = pw.plot.operating_characteristics(answer)
    frame = pw.plot.operating_characteristics_frame(answer)
    assert len(panels(ax)) == 10
    for number, panel in enumerate(panels(ax)):
        for _, row in frame[frame["panel"] == number].iterrows():
            (mark,) = (line for line in panel.lines if line.get_label() == row["method"])
            np.testing.assert_allclose((*mark.get_xdata(), *mark.get_ydata()), (row["width"], row["coverage"]))
    assert panels(ax)[0].get_title(loc="left") == "μ = 0, τ = 0"


def test_a_method_keeps_its_sign_from_picture_to_picture(answer):
    signs = []
    for quantity in ("mu", "theta_new"):  # a common effect has no new study
        panel = panels(pw.plot.operating_characteristics(answer, quantity=quantity))[0]
        signs.append({line.get_label(): (line.get_marker(), line.get_color()) for line in panel.lines})
    shared = signs[0].keys() & signs[1].keys()
    assert {name for name in shared if name.startswith("a method")}
    assert all(signs[0][name] == signs[1][name] for name in shared if name.startswith("a method"))


@pytest.mark.parametrize("query", ["mu == mu", "mu == 0", "mu == 0 and tau == 0.2"])
def test_words_do_not_run_into_each_other_or_off_the_sheet(answer, query):
    ax = pw.plot.operating_characteristics(answer.frame.query(query))
    found = figures.boxes(ax, 100)
    assert figures.overlaps(found) == []
    assert figures.outside(found, ax) == []


def test_methods_are_named_in_the_words_of_all_pictures(answer):
    frame = answer.frame.assign(method="exact, flat mu")
    assert "Bayesian, exact, flat μ" in figures.words(pw.plot.operating_characteristics(frame.query("mu == 0")))


def test_in_a_column_two_panels_stand_in_a_row_under_whole_words(answer):
    with pw.plot.width("column"):
        ax = pw.plot.operating_characteristics(answer)
    assert len({round(panel.get_position().x0, 3) for panel in panels(ax)}) == 2
    assert [panel.get_title(loc="left") for panel in panels(ax)][-1] == "μ = 0.3, τ = 0.8"


def test_a_truth_too_long_for_one_line_of_a_column_stands_on_two(answer):
    long = answer.frame.assign(mu=answer.frame["mu"].replace({0.3: -0.706}))
    with pw.plot.width("column"):
        ax = pw.plot.operating_characteristics(long)
    assert [panel.get_title(loc="left") for panel in panels(ax)][-1].split() == ["μ", "=", "−0.706,", "τ", "=", "0.8"]
    found = figures.boxes(ax, 100)
    assert figures.overlaps(found) == figures.outside(found, ax) == []


def test_values_of_one_axis_can_share_a_panel(answer):
    frame = pw.plot.operating_characteristics_frame(answer, together="tau")
    assert frame["panel"].nunique() == 2
    ax = pw.plot.operating_characteristics(answer.frame.query("mu == 0"), together="tau")
    assert len(panels(ax)) == 1
    drawn = [line for line in ax.lines if line.get_label() == "common"]
    assert len(drawn) == 5
    found = figures.boxes(ax, 100)
    assert figures.overlaps(found) == figures.outside(found, ax) == []
    with pytest.raises(pw.PoolwiseError, match="together"):
        pw.plot.operating_characteristics(answer, together="quantity")


def test_something_else_is_refused(answer):
    with pytest.raises(pw.PoolwiseError, match="what simulate"):
        pw.plot.operating_characteristics(3)
    with pytest.raises(pw.PoolwiseError, match="no row of 'I2'"):
        pw.plot.operating_characteristics(answer, quantity="I2")
