"""The tables say what the results contain, no more, and say where it came from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import tables
from poolwise.errors import InputError, ModelError, closest

# metafor 5.1-12, dat.bcg, log risk ratio, REML at a threshold of 1e-14, test="knha".
MU, SE, LOWER, UPPER = -0.7145323421581394, 0.18079174409284787, -1.108443713685551, -0.32062097063072803
TAU2 = 0.31324325813648085
WEIGHT_ARONSON = 0.05059482734366632
DIGITS = 1e-8  # both programs iterate to a relative tolerance near 1e-10


@pytest.fixture(scope="module")
def bcg() -> pw.Effects:
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def reml(bcg: pw.Effects) -> pw.Result:
    return pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm())


@pytest.fixture(scope="module")
def exact(bcg: pw.Effects) -> pw.Result:
    return pw.fit(bcg, pw.RandomEffects(), pw.Exact())


def test_summary_reproduces_metafor(reml):
    row = tables.summary(reml).set_index("quantity").loc["mu"]
    np.testing.assert_allclose(
        row[["point", "sd", "lower", "upper"]].astype(float), [MU, SE, LOWER, UPPER], rtol=DIGITS
    )
    assert row["prob"] == 0.95
    assert row["interval"] == "confidence (Hartung-Knapp ad hoc)"
    assert row["prior"] == "none"
    assert row["data"] == "reported"


def test_summary_has_a_row_for_each_quantity_in_the_promised_columns(exact):
    frame = tables.summary(exact)
    assert list(frame.columns) == list(tables.SUMMARY_COLUMNS)
    assert list(frame["quantity"]) == list(exact.quantities)


def test_a_posterior_is_told_by_its_median_and_quantiles(exact):
    row = tables.summary(exact, prob=0.8).set_index("quantity").loc["tau"]
    np.testing.assert_array_equal(
        row[["lower", "point", "upper"]].astype(float), exact["tau"].ppf(np.array([0.1, 0.5, 0.9]))
    )


def test_what_does_not_exist_is_nan_and_not_a_word(reml):
    frame = tables.summary(reml).set_index("quantity")
    assert np.isnan(frame.loc["Q", "lower"])
    numbers = frame[["point", "sd", "lower", "upper", "prob"]]
    assert all(pd.api.types.is_float_dtype(kind) for kind in numbers.dtypes)


def test_compare_stacks_the_summaries_with_label_model_engine_and_status(exact, reml):
    frame = tables.compare(exact, reml, prob=0.9)
    assert list(frame.columns) == list(tables.COMPARE_COLUMNS)
    assert list(dict.fromkeys(frame["label"])) == ["exact", "REML, Hartung-Knapp ad hoc"]
    assert list(dict.fromkeys(frame["engine"])) == ["exact", "closed form"]
    assert set(frame["status"]) == {"ok"}
    own = frame[frame["label"] == "exact"][list(tables.SUMMARY_COLUMNS)]
    pd.testing.assert_frame_equal(own.reset_index(drop=True), tables.summary(exact, prob=0.9))


def test_compare_refuses_what_is_no_result(exact):
    with pytest.raises(InputError, match="list"):
        tables.compare([exact])
    with pytest.raises(InputError, match="nothing"):
        tables.compare()


@pytest.mark.parametrize("reading", [tables.summary, tables.studies, tables.compare])
def test_a_probability_of_95_is_taken_for_a_slip(reml, reading):
    with pytest.raises(ModelError, match=r"0\.95"):
        reading(reml, prob=95)


def test_studies_show_raw_and_shrunken_estimates(reml, bcg):
    frame = tables.studies(reml).set_index("study")
    first = frame.loc["Aronson 1948"]
    v = 0.32558476500396133
    np.testing.assert_allclose(first["y_upper"], bcg.y[0] + 1.959963984540054 * np.sqrt(v), rtol=DIGITS)
    np.testing.assert_allclose(first["shrinkage"], v / (v + TAU2), rtol=DIGITS)
    np.testing.assert_allclose(first["weight"], WEIGHT_ARONSON, rtol=DIGITS)
    # The BLUP lies at that share of the way from the study to the mean.
    np.testing.assert_allclose(first["theta"], bcg.y[0] + first["shrinkage"] * (MU - bcg.y[0]), rtol=DIGITS)


def test_weights_sum_to_one_and_shrunken_estimates_lie_between_study_and_mean(exact):
    frame = tables.studies(exact)
    assert frame["weight"].sum() == pytest.approx(1.0)
    mu = exact["mu"].point
    between = (frame["theta"] - frame["y"]) * (mu - frame["y"])
    assert (between > 0).all()


def test_the_shrinkage_of_a_posterior_is_its_median(exact, bcg):
    draws = exact["tau"].sample(20_000, seed=4)
    shares = bcg.v / (bcg.v + draws[:, None] ** 2)
    # A median of n draws has a rank error of 0.5 / sqrt(n), here 0.35 %; five of those.
    low, high = np.quantile(shares, [0.5 - 0.0177, 0.5 + 0.0177], axis=0)
    found = tables.studies(exact)["shrinkage"]
    assert ((low < found) & (found < high)).all()


def test_a_common_effect_shrinks_all_the_way(bcg):
    result = pw.fit(bcg, pw.CommonEffect(), pw.ClosedForm())
    frame = tables.studies(result)
    np.testing.assert_array_equal(frame["shrinkage"], 1.0)
    np.testing.assert_array_equal(frame["theta"], result["mu"].point)


def test_everything_from_a_reconstruction_says_so():
    effects = pw.datasets.load("working_alliance").select(outcome="dropout")
    result = pw.fit(effects, pw.RandomEffects(), pw.Exact())
    for frame in (tables.summary(result), tables.compare(result), tables.studies(result)):
        assert set(frame["data"]) == {"reconstructed"}


def test_nasty_labels_come_through_unchanged():
    names = ["<b>A</b> & co", "$\\beta_1$ 😀", "שלום"]
    effects = pw.Effects([0.1, 0.2, 0.4], se=[0.1, 0.1, 0.2], study=names, scale="SMD")
    result = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())
    assert list(tables.studies(result)["study"]) == names


def test_predict_without_values_names_the_moderators_and_gives_an_example():
    fit = pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat"), pw.ClosedForm())
    with pytest.raises(InputError, match=r"no values of the moderators.*values of ablat.*at=\{'ablat': \[44, 55\]"):
        pw.predict(fit)


def test_a_name_is_suggested_only_where_it_is_near():
    assert closest("titel", ["title", "report"]) == "did you mean 'title'?"
    assert closest("fit", ["title", "question", "engines"]) == ""
    assert closest("priors", ["report"]) == ""
