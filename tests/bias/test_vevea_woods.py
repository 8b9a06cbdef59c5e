"""The sensitivity table of assumed weights against metafor and against its own models."""

import json
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.errors import ModelError

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "vevea_woods.json").read_text())["sets"]
DIGITS = 2e-6  # of means: what metafor's optimiser leaves of the log likelihood, 1e-11, in standard errors


@pytest.mark.parametrize(("name", "direction"), [("bcg", "negative"), ("raudenbush1985", "positive")])
def test_the_table_has_the_numbers_of_metafor(name, direction):
    frame = pw.bias.vevea_woods(pw.datasets.load(name), direction=direction).frame.set_index("selection")
    for selection, fit in REFERENCE[name].items():
        row = frame.loc[selection]
        assert row["log_likelihood"] >= fit["ll"] - 1e-8
        assert row["mu"] == pytest.approx(fit["mu"], abs=DIGITS)
        assert row["sd"] == pytest.approx(fit["se"], rel=1e-3)
        assert row["tau"] ** 2 == pytest.approx(fit["tau2"], abs=DIGITS)


def test_no_selection_is_random_effects_by_maximum_likelihood():
    bcg = pw.datasets.load("bcg")
    frame = pw.bias.vevea_woods(bcg, direction="negative").frame
    assert frame["selection"].iloc[0] == "none"
    assert frame["mu"].iloc[0] == pytest.approx(pw.fit(bcg, engine=pw.ClosedForm(tau2="ML"))["mu"].point, abs=1e-9)
    np.testing.assert_allclose(frame["change"], frame["mu"] - frame["mu"].iloc[0])


def test_the_sentence_says_what_is_assumed_and_is_never_a_correction():
    record = pw.bias.vevea_woods(pw.datasets.load("bcg"), direction="negative")
    assert "assumed" in str(record)
    assert "corrected" not in str(record)
    assert "3 of the 4 intervals exclude 1" in str(record)  # the risk ratio of no effect
    assert "μ between −0.711 and −0.352" in repr(record)
    assert "severe, one-tailed" in record._repr_html_()


@pytest.mark.parametrize("direction", [None, "up", 1])
def test_a_direction_that_is_none_is_refused(direction):
    with pytest.raises(ModelError, match="direction"):
        pw.bias.vevea_woods(pw.datasets.load("bcg"), direction=direction)


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_two_estimates_are_enough_and_one_is_not():
    two = pw.Effects([0.5, 0.1], se=[0.2, 0.2], scale="SMD")
    assert len(pw.bias.vevea_woods(two, direction="positive").frame) == 5
    with pytest.raises(ModelError, match="at least 2"):
        pw.bias.vevea_woods(pw.Effects([0.5], se=[0.2], scale="SMD", allow_single=True), direction="positive")
    with pytest.raises(ModelError, match="Effects"):
        pw.bias.vevea_woods([0.5, 0.1], direction="positive")
