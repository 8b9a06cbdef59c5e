"""Trim and fill against metafor, and what it must say of itself."""

import numpy as np
import pytest

import poolwise as pw
from poolwise.bias import trim_and_fill
from poolwise.errors import InputError
from support.biased_studies import FIGURES, SETS, published, studies, turned

EXACT = 1e-10  # relative; metafor runs to a threshold of 1e-14 in tau2
MODELS = {"REML": "REML", "DL": "DL", "EE": None}


@pytest.mark.parametrize("name", SETS)
def test_numbers_sides_and_fits_are_metafors(name):
    effects = published(name)
    for row in FIGURES[name]["trim_and_fill"]:
        side = None if row["asked"] == "chosen" else row["asked"]
        settings = {"estimator": row["estimator"], "side": side, "tau2": MODELS[row["method"]]}
        if "error" in row:
            with pytest.raises(InputError, match="Q0 does not exist"):
                trim_and_fill(effects, **settings)
            continue
        answer = trim_and_fill(effects, **settings)
        assert (answer.k0, answer.side) == (row["k0"], row["side"])
        figures = [row["se_k0"], row["p_value"], row["mu"], *sorted(row["filled"])]
        ours = [answer.se_k0, answer.p_value, answer.result["mu"].point, *sorted(answer.filled.y[effects.k :])]
        np.testing.assert_allclose(ours, np.array(figures, dtype=float), rtol=EXACT)


def test_filled_studies_are_mirror_images_that_carry_their_name():
    answer = trim_and_fill(published("hackshaw1998"))
    new = np.arange(answer.k0) + 37
    origin = [answer.filled.study.index(answer.filled.study[row].removesuffix(" (filled)")) for row in new]
    middle = answer.filled.y[new] + answer.filled.y[origin]
    np.testing.assert_allclose(middle, middle[0])
    np.testing.assert_array_equal(answer.filled.se[new], answer.filled.se[origin])
    assert set(np.array(answer.filled.provenance)[new]) == {"simulated"}


def test_the_result_is_the_fit_of_the_filled_table():
    answer = trim_and_fill(published("hackshaw1998"), tau2="DL")
    again = pw.fit(answer.filled, pw.RandomEffects(), pw.ClosedForm(tau2="DL"))
    assert answer.result["mu"].interval(0.95) == again["mu"].interval(0.95)


@pytest.mark.parametrize("unit", [-1.0, 1e6, -1e-6])
def test_mirrored_or_scaled_studies_have_the_mirrored_or_scaled_answer(unit):
    effects = published("bangertdrowns2004")
    answer, other = trim_and_fill(effects), trim_and_fill(turned(effects, unit))
    assert (other.k0, other.side == answer.side) == (answer.k0, unit > 0)
    assert other.result["mu"].point == pytest.approx(unit * answer.result["mu"].point, rel=1e-9)


def test_nothing_is_missing_among_estimates_that_are_all_the_same():
    effects = studies([0.3] * 5, [0.1, 0.2, 0.3, 0.25, 0.12])
    assert [trim_and_fill(effects, estimator=name, side="right").k0 for name in ("L0", "R0", "Q0")] == [0, 0, 0]


def test_with_equal_standard_errors_the_side_is_asked_for():
    effects = studies([0.1, 0.4, 0.5, 0.2, 0.9], [0.2] * 5)
    with pytest.raises(InputError, match="side='left'"):
        trim_and_fill(effects)
    assert trim_and_fill(effects, side="left").side == "left"


def test_few_studies_are_said_to_be_few():
    assert "fewer than 10" in str(trim_and_fill(published("normand1999")))
    assert "fewer than 10" not in str(trim_and_fill(published("bcg")))
