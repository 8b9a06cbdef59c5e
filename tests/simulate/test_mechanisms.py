"""Selection, p-hacking and the like against probabilities in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import poolwise as pw
from poolwise.simulate import LAWS
from poolwise.simulate.characteristics.mechanisms import as_mechanisms
from poolwise.simulate.characteristics.parts import drawn_from
from poolwise.simulate.characteristics.tallies import Known

TABLES, K, SE, MU, TAU = 20_000, 4, 0.2, 0.1, 0.1


def studies(mechanism, tau=TAU, se=SE):
    """Studies of many tables of one truth."""
    draw = drawn_from(Known(np.full(TABLES, MU), np.full(TABLES, tau), LAWS["normal"]))
    for one in as_mechanisms(mechanism):
        draw = one.applied(draw)
    return draw(np.random.default_rng(1), np.broadcast_to(se, (TABLES, K)).copy(), np.arange(TABLES))


def test_selected_estimates_have_the_mean_of_a_weighted_law():
    found = studies(pw.simulate.Selection(weights=(1.0, 0.3)))
    law = stats.norm(MU, np.hypot(SE, TAU))
    cut = stats.norm.isf(0.025) * SE
    published = law.sf(cut) + 0.3 * law.cdf(cut)
    above = law.expect(lambda y: y, lb=cut)
    expected = (above + 0.3 * (MU - above)) / published
    assert found.y.mean() == pytest.approx(expected, abs=4 * found.y.std() / np.sqrt(found.y.size))


def test_selection_by_direction_and_by_two_sides():
    toward = studies(pw.simulate.Selection(weights=(1.0, 0.0), direction="negative"))
    assert (toward.y / toward.se < -stats.norm.isf(0.025) + 1e-12).all()
    both = studies(pw.simulate.Selection(weights=(1.0, 0.0), steps=(0.05,), sides=2))
    assert (np.abs(both.y / both.se) > stats.norm.isf(0.025) - 1e-12).all()


@pytest.mark.parametrize("r", [0.0, 0.5, 1.0])
def test_hacked_studies_are_significant_as_often_as_the_best_of_several(r):
    found = studies(pw.simulate.PHacking(share=1.0, tries=3, correlation=r), tau=0.0)
    cut = stats.norm.isf(0.025) - MU / SE
    corr = np.full((3, 3), r) + (1 - r) * np.eye(3)
    none = stats.norm.cdf(cut) if r == 1.0 else stats.multivariate_normal(np.zeros(3), corr).cdf(np.full(3, cut))
    share = np.mean(found.y / found.se > stats.norm.isf(0.025))
    assert share == pytest.approx(1 - none, abs=4 * np.sqrt(none * (1 - none) / found.y.size) + 1e-4)


def test_small_studies_have_larger_effects():
    se = np.array([0.1, 0.2, 0.3, 0.4])
    found = studies(pw.simulate.SmallStudyEffects(slope=0.5), se=se)
    error = 4 * np.hypot(se, TAU) / np.sqrt(TABLES)
    assert (np.abs(found.y.mean(axis=0) - MU - 0.5 * (se - 0.1)) < error).all()


@pytest.mark.parametrize("correlation", [-1.0, 0.0, 1.0])
def test_sizes_follow_true_effects(correlation):
    se = np.array([0.1, 0.2, 0.3, 0.4])
    found = studies(pw.simulate.SizesByEffect(correlation), se=se)
    assert (np.sort(found.se, axis=1) == se).all()
    ranks = [np.argsort(np.argsort(x, axis=1), axis=1) for x in (found.theta, found.se)]
    by_rank = np.corrcoef(ranks[0].ravel(), ranks[1].ravel())[0, 1]
    assert by_rank == pytest.approx(correlation, abs=0.02)


def test_misreported_errors_are_a_share_by_a_factor():
    found = studies(pw.simulate.MisreportedErrors(share=0.25, factor=0.5))
    assert set(np.unique(found.se)) == {0.1, 0.2}
    assert np.mean(found.se == 0.1) == pytest.approx(0.25, abs=0.01)
    assert found.y.std() == pytest.approx(np.hypot(SE, TAU), rel=0.01)
    estimated = studies(pw.simulate.MisreportedErrors(share=0.0, df=10))
    assert (estimated.se**2).mean() == pytest.approx(SE**2, rel=0.02)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pw.simulate.Selection(weights=(1.0,)),
        lambda: pw.simulate.Selection(weights=(1.0, 1.2)),
        lambda: pw.simulate.Selection(steps=(0.5, 0.1), weights=(1, 1, 1)),
        lambda: pw.simulate.Selection(direction="up"),
        lambda: pw.simulate.PHacking(share=2),
        lambda: pw.simulate.PHacking(tries=1),
        lambda: pw.simulate.MisreportedErrors(factor=0),
        lambda: pw.simulate.SizesByEffect(2),
        lambda: pw.simulate.SmallStudyEffects(float("nan")),
        lambda: as_mechanisms([pw.simulate.Selection(), pw.simulate.SizesByEffect()]),
    ],
)
def test_what_is_no_mechanism_is_refused(make):
    with pytest.raises(pw.PoolwiseError):
        make()


def test_selection_that_nothing_passes_is_told():
    never = pw.simulate.Selection(weights=(1.0, 0.0), steps=(1e-14,))
    with pytest.raises(pw.PoolwiseError, match="none was published"):
        never.applied(drawn_from(Known(np.zeros(1), np.zeros(1), LAWS["normal"])))(
            np.random.default_rng(1), np.full((1, 2), 0.2), np.arange(1)
        )
