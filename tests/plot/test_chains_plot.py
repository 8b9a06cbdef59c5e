"""Rank and trace plots: a panel for each sampled quantity, at one call."""

import re

import numpy as np
import pytest

import poolwise as pw
from support import figures


@pytest.fixture(scope="module")
def joint():
    return pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact(draws=150))


def titles(axes):
    return [ax.get_title() for ax in axes]


@pytest.mark.parametrize("draw", [pw.plot.ranks, pw.plot.trace], ids=["ranks", "trace"])
def test_all_that_was_sampled_has_a_panel(joint, draw):
    axes = draw(joint)
    named = titles(axes)
    assert named[:3] == ["μ[dropout]", "μ[misconduct]", "μ[recidivism]"]
    assert {"mu_typical", "σ_μ", "tau_typical", "σ_logτ"} <= set(named)
    assert len(axes) == 10
    assert any("reconstructed data" in words for words in figures.words(axes[0]))
    assert figures.overlaps(figures.boxes(axes[0], 100)) == []
    pw.plot.close(axes[0])


def test_chosen_quantities_alone(joint):
    assert titles(pw.plot.trace(joint, ["tau"])) == ["τ[dropout]", "τ[misconduct]", "τ[recidivism]"]
    assert titles(pw.plot.ranks(joint, ["mu[dropout]", "tau_spread"])) == ["μ[dropout]", "σ_logτ"]
    with pytest.raises(pw.PoolwiseError, match=r"no draws of 'mu\[drop\]'.*mu\[dropout\]"):
        pw.plot.trace(joint, ["mu[drop]"])


def test_the_trace_is_the_draws(joint):
    (ax,) = pw.plot.trace(joint, ["mu_spread"])
    drawn = joint.to_datatree()["posterior"]["mu_spread"].to_numpy()
    lines = [line.get_ydata() for line in ax.lines if np.size(line.get_ydata()) == drawn.shape[1]]
    np.testing.assert_allclose(lines, drawn)


def test_exact_draws_have_chains_too():
    axes = pw.plot.ranks(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()))
    assert titles(axes) == ["μ", "τ"]
    assert all(re.fullmatch(r"p (= \d\.\d\d|< 0\.01)", text.get_text()) for ax in axes for text in ax.texts)
