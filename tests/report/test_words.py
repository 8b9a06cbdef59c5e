"""Words of a report: remarks as sentences, what symbols mean, what was watched."""

from __future__ import annotations

import pytest

from poolwise.report import words
from poolwise.report.sections.model import meanings
from poolwise.scale import SCALES


def test_a_remark_on_the_page_is_a_sentence_without_names_of_code():
    note = "interval='hartung-knapp-adhoc' does not go below it, nor does Exact(): y = -0.3 of 'a - 1'"
    assert (
        words.remark("It is 0. Exact() with a prior; t, k - 1.")
        == "It is 0. The exact posterior with a prior; t, k − 1."
    )
    assert (
        words.remark(note)
        == "The ad hoc version does not go below it, nor does the exact posterior: y = −0.3 of 'a - 1'."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("r_hat_tau_between", "R-hat τ_between"),
        ("mcse_q2.5_theta_new[a_b]", "MCSE of 2.5 % limit of θ_new[a_b]"),
        ("limit_share_mu", "limit share μ"),
        ("max_depth_hits", "max depth hits"),
    ],
)
def test_what_was_watched_of_a_quantity_has_its_symbol(name, said):
    assert words.watched(name) == said


def test_a_scale_is_named_once():
    assert words.scale(SCALES["Fisher z"]) == "Fisher z"
    assert words.scale(SCALES["log RR"]) == "log risk ratio (log RR)"


@pytest.mark.parametrize(
    ("statement", "told", "untold"),
    [
        ("y_i ~ Normal(θ_i, se_i)\nθ_i ~ Normal(μ, τ)\nμ ~ Flat()\nτ ~ Flat()", "τ is their standard deviation", "β"),
        ("θ_i ~ Normal(x_i β, τ), x ~ dose\nβ[dose] ~ Flat()\nτ ~ Flat()", "the true effects about it", "μ"),
        ("θ_ij ~ Normal(μ_j, τ_within)\nμ_j ~ Normal(μ, τ_between)", "μ is the mean of the true effects", "their"),
        ("θ_i ~ StudentT(ν, μ, τ)\nμ ~ Flat()\nτ ~ Flat()", "θ is the true effect", "standard deviation"),
    ],
)
def test_symbols_of_a_model_are_told_as_it_has_them(statement, told, untold):
    assert told in meanings(statement)
    assert untold not in meanings(statement)
