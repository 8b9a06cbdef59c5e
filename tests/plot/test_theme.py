"""Light and dark: in every picture each text has a contrast of at least 4.5 : 1 with what it stands on."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba

import poolwise as pw
from poolwise import simulate
from poolwise.coding.prisma import prisma
from poolwise.plot._theme import PAGE, exchanged
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
LEAST = 4.5
STEP = pw.StepSelection((0.025,), direction="negative")
ML = pw.ClosedForm()


def _calibration():
    rng = np.random.default_rng(4)
    places = pd.DataFrame({"quantity": np.repeat(["mu", "tau"], 50), "u": rng.random(100)})
    curves = simulate.ecdf(places).assign(engine="exact")
    curves.attrs["prob"] = 0.99
    return curves


def _operating():
    design, methods = pw.simulate.Design(k=3, se=0.2), {"REML, HK": (pw.RandomEffects(), ML)}
    return pw.simulate.operating_characteristics(design, methods, truth={"tau": [0, 0.3]}, replications=20)


def _flow():
    numbers = {"identified": 4, "removed": 1, "screened": 3, "excluded": 1, "sought": 2, "assessed": 2}
    return prisma({**numbers, "excluded_reports": {}, "reports": 2, "studies": 2})


def _ranges():
    from poolwise.checks.ranges import ranges

    rows = pw.datasets.published("working_alliance").query("outcome == 'misconduct'")
    return ranges(pw.reconstruct(rows, tables=2, seed=3), pw.RandomEffects(), pw.Exact(), ML)


def _reml(effects):
    return pw.fit(effects, pw.RandomEffects(), ML)


def _surface(effects):
    return pw.checks.prior_surface(effects, mu_sd=[0.5, 1, 2], tau_scale=[0.2, 0.5, 1])


PICTURES = {
    "forest": lambda bcg, exact: pw.plot.forest(exact, by="alloc"),
    "funnel": lambda bcg, exact: pw.plot.funnel(exact, colour_by="alloc", records=[pw.bias.pet(bcg)]),
    "radial": lambda bcg, exact: pw.plot.radial(pw.fit(bcg, pw.CommonEffect(), ML)),
    "labbe": lambda bcg, exact: pw.plot.labbe(bcg, on="log"),
    "caterpillar": lambda bcg, exact: pw.plot.caterpillar(exact),
    "orchard": lambda bcg, exact: pw.plot.caterpillar(pw.fit(bcg, pw.Subgroups("alloc"), ML), style="orchard"),
    "summary forest": lambda bcg, exact: pw.plot.summary_forest({"exact": exact, "REML": _reml(bcg)}),
    "bubble": lambda bcg, exact: pw.plot.bubble(pw.fit(bcg, pw.MetaRegression("~ ablat"), ML)),
    "posterior": lambda bcg, exact: pw.plot.posterior(exact, rope=(-0.1, 0.1)),
    "conditional": lambda bcg, exact: pw.plot.conditional(exact),
    "shrinkage": lambda bcg, exact: pw.plot.shrinkage(exact),
    "cumulative": lambda bcg, exact: pw.plot.cumulative(pw.checks.cumulative(_reml(bcg))),
    "leave one out": lambda bcg, exact: pw.plot.leave_one_out(pw.checks.leave_one_out(_reml(bcg))),
    "model probabilities": lambda bcg, exact: pw.plot.model_probabilities(pw.average(bcg)),
    "specification curve": lambda bcg, exact: pw.plot.specification_curve(pw.checks.specifications(bcg)),
    "prior panel": lambda bcg, exact: pw.plot.prior_panel(pw.checks.prior_panel(bcg)),
    "prior surface": lambda bcg, exact: pw.plot.prior_surface(_surface(bcg)),
    "prior predictive": lambda bcg, exact: pw.plot.prior_predictive(pw.checks.prior_predictive(exact)),
    "publication bias": lambda bcg, exact: pw.plot.publication_bias(
        pw.checks.publication_bias(bcg, direction="negative")
    ),
    "s value": lambda bcg, exact: pw.plot.s_value(pw.bias.s_value(bcg, direction="negative")),
    "weight function": lambda bcg, exact: pw.plot.weight_function(pw.fit(bcg, STEP, ML)),
    "z plot": lambda bcg, exact: pw.plot.z_plot(pw.fit(bcg, STEP, ML)),
    "trace": lambda bcg, exact: pw.plot.trace(exact, ["mu"])[0],
    "ranks": lambda bcg, exact: pw.plot.ranks(exact, ["mu"])[0],
    "operating characteristics": lambda bcg, exact: pw.plot.operating_characteristics(_operating()),
    "calibration": lambda bcg, exact: pw.plot.calibration(_calibration()),
    "ranges": lambda bcg, exact: pw.plot.ranges(_ranges()),
    "prisma": lambda bcg, exact: pw.plot.prisma(_flow()),
}


def luminance(rgb):
    """Relative luminance, written out from the definition."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    """The ratio of two colours, of which the first lies on the second where it is not opaque."""
    mixed = [one[3] * a + (1.0 - one[3]) * b for a, b in zip(one[:3], two[:3], strict=True)]
    high, low = sorted((luminance(mixed), luminance(two[:3])), reverse=True)
    return (high + 0.05) / (low + 0.05)


def faint(ax):
    """Texts with less contrast than is asked for, each on the uppermost opaque patch below it or on the page."""
    page = to_rgba(ax.figure.get_facecolor())
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    patches = [
        (patch.get_window_extent(renderer), patch.get_facecolor())
        for axes in ax.figure.axes
        for patch in axes.patches
        if patch.get_facecolor()[3] == 1.0 and patch.get_visible()
    ]
    found = []
    for text in figures.texts(ax):
        x, y = text.get_window_extent(renderer).get_points().mean(axis=0)
        below = [colour for box, colour in patches if box.contains(x, y)]
        ratio = contrast(to_rgba(text.get_color()), below[-1] if below else page)
        if ratio < LEAST - 0.01:
            found.append((text.get_text(), round(ratio, 2)))
    return found


SLOW = {"publication bias", "prior panel", "specification curve", "ranges", "prior surface", "calibration"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.agreement_long] if name in SLOW else []) for name in PICTURES]
)
def test_texts_are_told_from_what_they_stand_on_in_both_themes(name, bcg, exact):
    ax = PICTURES[name](bcg, exact)
    assert faint(ax) == []
    assert luminance(to_rgba(ax.figure.get_facecolor())[:3]) > 0.99
    pw.plot.dark(ax)
    assert faint(ax) == []
    assert luminance(to_rgba(ax.figure.get_facecolor())[:3]) == pytest.approx(PAGE, abs=1e-6)


def test_contrast_with_the_page_and_between_colours_stays():
    light = np.column_stack([np.random.default_rng(1).uniform(0.2, 1.0, (200, 3)), np.ones(200)])
    dark, white = exchanged(light), (1.0, 1.0, 1.0, 1.0)
    page = exchanged(np.array(white))
    for one, two, new_one, new_two in zip(light, light[::-1], dark, dark[::-1], strict=True):
        if contrast(one, white) < 14.0 and contrast(two, white) < 14.0:  # beyond, the ink is as light as it gets
            assert contrast(new_one, page) == pytest.approx(contrast(one, white), rel=1e-6)
            assert contrast(new_one, new_two) == pytest.approx(contrast(one, two), rel=1e-6)


def colours(ax):
    """Every colour on a figure, in the order of its artists."""
    found = []
    for artist in ax.figure.findobj():
        for name in ("color", "facecolor", "edgecolor", "markerfacecolor"):
            if hasattr(artist, f"get_{name}"):
                found.append(np.ravel(mpl.colors.to_rgba_array(getattr(artist, f"get_{name}")())).round(6).tolist())
    return found


@pytest.mark.parametrize("name", ["funnel", "trace", "prisma"])
def test_under_the_theme_a_picture_is_what_dark_makes_of_it_and_dark_twice_is_dark_once(name, bcg, exact):
    made = pw.plot.dark(PICTURES[name](bcg, exact))
    once = colours(made)
    assert colours(pw.plot.dark(made)) == once
    with pw.plot.theme("dark"):
        themed = PICTURES[name](bcg, exact)
    assert colours(themed) == once
    assert luminance(to_rgba(PICTURES[name](bcg, exact).figure.get_facecolor())[:3]) > 0.99


def test_two_pictures_on_one_figure_turn_dark_once_each(exact, reml):
    figure = plt.figure(figsize=(8.0, 14.0))
    left, right = figure.add_axes((0.0, 0.5, 1.0, 0.5)), figure.add_axes((0.0, 0.0, 1.0, 0.5))
    with pw.plot.theme("dark"):
        ax = pw.plot.funnel(exact, ax=left)
        pw.plot.funnel(reml, ax=right)
    assert faint(ax) == []


def test_ticks_that_are_made_later_are_dark_as_well(exact):
    ax = pw.plot.dark(pw.plot.funnel(exact))
    ax.set_xticks([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0])
    ax.set_yticks(np.linspace(0.0, 0.6, 13))
    assert faint(ax) == []


def test_pictures_are_saved_dark(tmp_path, exact):
    with pw.plot.theme("dark"):
        ax = pw.plot.radial(exact)
    ax.figure.savefig(tmp_path / "dark.png", dpi=20)
    corner = plt.imread(tmp_path / "dark.png")[0, 0]
    assert luminance(corner[:3]) == pytest.approx(PAGE, abs=1e-3)


def test_what_is_no_picture_or_theme_is_refused_in_words():
    for wrong in (None, 3, "forest", [3]):
        with pytest.raises(pw.PoolwiseError, match="was given"):
            pw.plot.dark(wrong)
    for wrong in ("black", None, 3):
        with pytest.raises(pw.PoolwiseError, match="theme"):
            pw.plot.theme(wrong)
