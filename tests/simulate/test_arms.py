"""Studies made of drawn persons against laws in closed form: noncentral t, chi-squared, and all tables of counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import poolwise as pw
from poolwise.simulate.characteristics.parts import drawn_from
from poolwise.simulate.characteristics.tallies import Known

TABLES, MU = 20_000, 0.5
MCSE = 4.0  # Monte Carlo errors by which a mean of simulated studies may miss its expectation
METHOD = {"DL": (pw.RandomEffects(), pw.ClosedForm(tau2="DL", interval="wald"))}


def studies(design, mechanism=None, tables=TABLES):
    """Studies of many tables without heterogeneity."""
    draw = drawn_from(Known(np.full(tables, MU), np.zeros(tables), pw.simulate.LAWS["normal"]), design)
    draw = draw if mechanism is None else mechanism.applied(draw)
    rng = np.random.default_rng(1)
    return draw(rng, design.errors(rng, tables), np.arange(tables))


def agrees(values, expected):
    error = MCSE * values.std(axis=0) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - expected) < error).all(), (values.mean(axis=0), expected, error)


def test_mean_differences_are_normal_and_their_variances_unbiased():
    found = studies(pw.simulate.Arms(k=2, n1=[6, 30], n2=[14, 10], sd=2.0))
    n = np.array([[6, 30], [14, 10]])
    v = (4.0 / n).sum(axis=0)
    agrees(found.y, MU)
    agrees((found.y - MU) ** 2, v)
    agrees(found.se**2, v)
    agrees((found.se**2 - v) ** 2, (2.0 * 16.0 / (n**2 * (n - 1))).sum(axis=0))


def test_standardised_differences_have_the_moments_of_a_noncentral_t():
    n1, n2 = 6, 14
    found = studies(pw.simulate.Arms(k=2, n1=n1, n2=n2, measure="SMD"))
    df, root = n1 + n2 - 2, np.sqrt(1 / n1 + 1 / n2)
    factor = np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    second = stats.nct(df, MU / root).moment(2) * (root * factor) ** 2
    agrees(found.y, MU)
    agrees(found.y**2, second)
    agrees(found.se**2, root**2 + second / (2 * (n1 + n2)))


@pytest.mark.parametrize(("measure", "variance"), [("MD", "HO"), ("SMD", "LS2"), ("SMD", "UB"), ("SMD", "H0")])
def test_a_study_reports_the_variance_that_is_named(measure, variance):
    usual, named = (
        studies(pw.simulate.Arms(k=2, n1=6, n2=14, measure=measure, variance=x), tables=500) for x in ("LS", variance)
    )
    assert np.array_equal(usual.y, named.y)
    if variance == "H0":
        factor = special.gamma(9.0) / (3.0 * special.gamma(8.5))
        assert named.se**2 == pytest.approx(factor**2 * (1 / 6 + 1 / 14) * 18 / 16)
    elif variance == "UB":
        extra = (usual.se**2 - 1 / 6 - 1 / 14) * 40.0  # g^2
        factor = special.gamma(9.0) / (3.0 * special.gamma(8.5))
        assert named.se**2 == pytest.approx(1 / 6 + 1 / 14 + (1 - 16 / (18 * factor**2)) * extra, rel=1e-6)
    assert not np.allclose(usual.se, named.se)


def test_log_odds_ratios_have_the_mean_of_all_tables_of_counts():
    n1, n2, p2 = 10, 20, 0.2
    p1 = special.expit(special.logit(p2) + MU)
    a, c = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    weight = stats.binom(n1, p1).pmf(a) * stats.binom(n2, p2).pmf(c)
    half = np.where((a == 0) | (c == 0) | (a == n1) | (c == n2), 0.5, 0.0)
    cells = [x + half for x in (a, n1 - a, c, n2 - c)]
    y = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    found = studies(pw.simulate.Arms(k=2, n1=n1, n2=n2, measure="OR", control=p2))
    agrees(found.y, (weight * y).sum())
    agrees(found.se**2, (weight * sum(1 / x for x in cells)).sum())


@pytest.mark.parametrize("measure", ["MD", "SMD", "OR"])
def test_a_study_that_selection_draws_anew_keeps_its_sizes(measure):
    design = pw.simulate.Arms(k=3, n1=[5, 40, 200], n2=[400, 50, 10], measure=measure, control=0.3)
    found = studies(design, pw.simulate.Selection(weights=(1.0, 1.0)), tables=2000)
    plain = studies(design, tables=2000)
    assert np.median(found.se, axis=0) == pytest.approx(np.median(plain.se, axis=0), rel=0.03)
    selected = studies(design, pw.simulate.Selection(weights=(1.0, 0.0)), tables=200)
    assert (selected.y / selected.se > stats.norm.isf(0.025) - 1e-12).all()


@pytest.mark.parametrize("measure", ["MD", "SMD", "OR"])
@pytest.mark.parametrize("n", [2, 3, 1000])
def test_every_table_has_an_answer(measure, n):
    design = pw.simulate.Arms(k=2, n1=n, n2=n, measure=measure, control=0.01)
    answer = pw.simulate.operating_characteristics(
        design, METHOD, truth={"mu": [-3.0, 0.0, 3.0], "tau": [0.0, 1.0]}, replications=500, progress=False
    )
    mean = answer.frame.query("quantity == 'mu'")
    assert (mean["answered"] == mean["tables"]).all()


def test_designs_of_arms_are_told_apart():
    words = {pw.simulate.Arms(k=3, n1=10, n2=n2, measure=measure).key for n2 in (10, 20) for measure in ("MD", "SMD")}
    assert len(words) == 4
    assert pw.simulate.Arms(3, 10, 10, "OR", control=0.2).label == "OR, k = 3, n = 10 and 10, control risk 0.2"
    assert pw.simulate.Arms(3, 10, 10, "OR").scale.name == "log OR"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n1": 1}, "at least 2"),
        ({"n1": 10.5}, "whole numbers"),
        ({"n2": [10, 20]}, "one number, or 3"),
        ({"n2": float("nan")}, "whole numbers"),
        ({"sd": 0.0}, "above 0"),
        ({"control": 1.0}, "between 0 and 1"),
        ({"control": "rare"}, "control"),
        ({"measure": "smd"}, "SMD"),
        ({"measure": "OR", "variance": "UB"}, "LS"),
        ({"k": 1}, "k"),
    ],
)
def test_arms_that_cannot_be_are_refused_in_words(change, words):
    with pytest.raises(pw.PoolwiseError, match=words):
        pw.simulate.Arms(**({"k": 3, "n1": 10, "n2": 10} | change))


def test_standard_errors_of_arms_are_not_dealt_out():
    with pytest.raises(pw.PoolwiseError, match="draws persons"):
        pw.simulate.operating_characteristics(
            pw.simulate.Arms(3, 10, 10), METHOD, truth={"mu": 0.0}, mechanism=pw.simulate.SizesByEffect()
        )
