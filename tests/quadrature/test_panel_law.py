"""Laws of positive quantities on panels of a coordinate, against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from poolwise.priors import HalfCauchy, HalfNormal, LogNormal, Uniform
from poolwise.quadrature.boxes.variables import LogScale, OnLine, Spread
from poolwise.quadrature.rules.gauss_rules import panel_nodes, panel_weights
from poolwise.quadrature.rules.panel_law import Exp, PanelLaw, Sinh
from poolwise.quadrature.rules.panels import on_panels, times

ORDER = 12
P = np.array([1e-3, 0.025, 0.5, 0.975])
GAMMA = stats.gamma(3.0, scale=0.2)


def by_sinh(law, unit=0.1):
    edges = np.linspace(0.0, 5.5, 14)
    x = panel_nodes(edges, ORDER)
    mass = law.pdf(unit * np.sinh(x)) * unit * np.cosh(x) * panel_weights(edges, ORDER)
    return PanelLaw.of_panels(on_panels(edges, mass[None], ORDER), Sinh(unit))


def by_log(law, low):
    edges = np.linspace(np.log(low), np.log(20.0), 30)
    x = panel_nodes(edges, ORDER)
    mass = law.pdf(np.exp(x)) * np.exp(x) * panel_weights(edges, ORDER)
    return PanelLaw.of_panels(on_panels(edges, mass[None], ORDER), Exp(), below=float(law.cdf(low)))


@pytest.mark.parametrize("found", [by_sinh(GAMMA), by_log(GAMMA, 1e-4)], ids=["sinh", "log"])
def test_every_question_is_answered_as_by_scipy(found):
    x = np.array([0.02, 0.3, 0.6, 2.0])
    assert found.pdf(x) == pytest.approx(GAMMA.pdf(x), abs=1e-7)
    assert found.cdf(x) == pytest.approx(GAMMA.cdf(x), abs=1e-8)
    assert found.ppf(P) == pytest.approx(GAMMA.ppf(P), abs=1e-7)
    assert (found.mean, found.sd) == pytest.approx(GAMMA.stats("mv") ** np.array([1.0, 0.5]), abs=1e-7)
    mean, sd = found.square_moments()
    fourth = GAMMA.moment(4)
    assert (mean, sd) == pytest.approx((GAMMA.moment(2), np.sqrt(fourth - GAMMA.moment(2) ** 2)), abs=1e-7)


def test_what_lies_below_the_panels_counts_as_uniform():
    law = by_log(GAMMA, 0.2)
    assert law.below == pytest.approx(GAMMA.cdf(0.2))
    assert law.cdf(np.array([0.1, 0.2, -1.0])) == pytest.approx([law.below / 2.0, law.below, 0.0], abs=1e-9)
    assert law.ppf(np.array([law.below / 2.0])) == pytest.approx([0.1])
    assert law.pdf(np.array([0.05, -0.1])) == pytest.approx([law.below / 0.2, 0.0])


def test_ends_and_nan_are_answered():
    law = by_sinh(GAMMA)
    assert law.cdf(np.array([0.0, np.inf])) == pytest.approx([0.0, 1.0], abs=1e-14)
    assert np.isnan([law.cdf(np.array([np.nan])), law.pdf(np.array([np.nan]))]).all()


def test_a_moment_that_does_not_exist_is_nan():
    law = PanelLaw.of_panels(by_sinh(GAMMA).panels, Sinh(0.1), moments=1)
    assert np.isfinite(law.mean)
    assert np.isnan([law.sd, *law.square_moments()]).all()


def test_several_laws_on_the_same_panels_are_each_their_own():
    edges = np.linspace(0.0, 45.0, 46)  # 9, where the beta ends, among them
    x, weight = panel_nodes(edges, ORDER), panel_weights(edges, ORDER)
    laws = stats.gamma(3.0), stats.beta(4.0, 3.0, scale=9.0)
    panels = on_panels(edges, np.stack([7.0 * law.pdf(x) * weight for law in laws]), ORDER)
    for job, law in enumerate(laws):
        assert panels.ppf(np.full(4, job), law.cdf(np.array([1.0, 2.0, 4.0, 6.0]))) == pytest.approx(
            [1.0, 2.0, 4.0, 6.0], abs=1e-9
        )
    assert panels.log_total == pytest.approx(np.log([7.0, 7.0]), abs=1e-12)


@pytest.mark.parametrize("rows", [1, 100, 7_000])
def test_products_in_pieces_are_products(rows):
    rng = np.random.default_rng(rows)
    table, matrix = rng.normal(size=(rows, 16)), rng.normal(size=(16, 5))
    assert times(table, matrix) == pytest.approx(table @ matrix, abs=1e-12)


VARIABLES = {
    "sd": Spread(HalfNormal(0.5), 0.1),
    "heavy sd": Spread(HalfCauchy(0.3), 0.1),
    "sd on a log scale": Spread(LogNormal(-1.0, 0.8), 0.1),
    "sd between limits": Spread(Uniform(0.2, 1.5), 0.1),
    "slope": OnLine(stats.norm(0.3, 0.7).logpdf, 0.3, 0.7, (-12.0, 12.0)),
    "sd of a t": LogScale(lambda log_sd: stats.norm(-1.0, 0.4).logpdf(log_sd), 0.4, 5.0),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_coordinates_lead_there_and_back_and_hold_the_prior(name):
    variable = VARIABLES[name]
    x = panel_nodes(variable.edges, 16)
    value, slope = variable.parameter(x), np.exp(variable.log_slope(x))
    inside = (x > variable.edges[0] + 1e-3) & (x < variable.edges[-1] - 1e-3) & (np.abs(slope) < 1e100)
    assert variable.coordinate(value[inside]) == pytest.approx(x[inside], rel=1e-9, abs=1e-9)
    h = 1e-6
    numeric = (variable.parameter(x + h) - variable.parameter(x - h))[inside] / (2.0 * h)
    assert numeric == pytest.approx(slope[inside], rel=1e-5, abs=1e-9)
    total = panel_weights(variable.edges, 16) @ np.exp(variable.log_prior(x))
    assert total == pytest.approx(1.0, abs=1e-2)  # first edges find a prior, they do not resolve it


@given(st.floats(0.1, 10.0))
def test_a_unit_scales_a_coordinate(unit):
    here, there = Spread(HalfNormal(0.5), 0.1), Spread(HalfNormal(0.5 * unit), 0.1 * unit)
    x = np.linspace(0.0, 10.0, 7)
    assert there.parameter(x) == pytest.approx(unit * here.parameter(x), rel=1e-12)
    assert there.log_prior(x) == pytest.approx(here.log_prior(x), rel=1e-12, abs=1e-9)
