"""Packaged data are what their sources say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import datasets
from poolwise.errors import InputError
from support.metafor import figures

METADAT = pd.read_csv(Path(__file__).parent / "reference" / "metadat.csv", dtype=str)
METADAT = METADAT.assign(**{name: METADAT[name].map(float) for name in ("y", "v", "moderator", "n")})
# Variances pass through a square root in Effects and back: two roundings of half a unit in the last place.
ULPS = 2 * np.finfo(float).eps


def rows_of(name: str) -> pd.DataFrame:
    return METADAT[METADAT["dataset"] == name]


def test_the_data_sets_are_packaged():
    names = (
        "assink2016 bcg egger2001 eight_schools gibson2002 molloy2014 normand1999 raudenbush1985 working_alliance "
        "yusuf1985"
    )
    assert datasets.names() == names.split()


@pytest.mark.parametrize(("name", "moderator"), [("bcg", "ablat"), ("raudenbush1985", "weeks"), ("assink2016", "year")])
def test_classic_data_sets_equal_those_of_metadat_digit_by_digit(name, moderator):
    effects, reference = datasets.load(name), rows_of(name)
    assert effects.study_as_given == tuple(reference["study"])
    np.testing.assert_array_equal(effects.y, reference["y"])
    np.testing.assert_allclose(effects.v, reference["v"], rtol=ULPS)
    np.testing.assert_array_equal(effects.moderators[moderator], reference["moderator"])
    np.testing.assert_array_equal(effects.n, reference["n"])


@pytest.mark.parametrize("name", ["egger2001", "yusuf1985"])
def test_trials_of_publication_bias_equal_those_of_metadat(name):
    effects, reference = datasets.load(name), rows_of(name)
    assert effects.study_as_given == tuple(reference["study"])
    np.testing.assert_array_equal(effects.y, reference["y"])
    np.testing.assert_allclose(effects.v, reference["v"], rtol=ULPS)
    np.testing.assert_array_equal(effects.n, reference["n"])


def test_bcg_variances_are_computed_from_counts_digit_by_digit():
    a, b, c, d = datasets.frame("bcg")[["tpos", "tneg", "cpos", "cneg"]].to_numpy(float).T
    for found in (datasets.load("bcg"), pw.measures.effect_size("RR", a=a, b=b, c=c, d=d)):
        np.testing.assert_array_equal(found.y, rows_of("bcg")["y"])
    np.testing.assert_array_equal(found.v, rows_of("bcg")["v"])


def test_a_hundred_effects_come_from_seventeen_studies():
    effects = datasets.load("assink2016")
    assert (effects.k, len(set(effects.study)), len(set(effects.study_as_given))) == (100, 100, 17)
    assert any("all models but ThreeLevel()" in note for note in effects.notes)


def test_eight_schools_are_rubins():
    effects = datasets.load("eight_schools")
    assert effects.y.tolist() == [28, 8, -3, 7, -1, 1, 18, 12]
    assert effects.se.tolist() == [15, 10, 16, 11, 9, 11, 10, 18]


@pytest.mark.parametrize("name", datasets.names())
def test_every_data_set_says_what_it_is(name):
    words, effects = datasets.describe(name), datasets.load(name)
    assert words.k == effects.k
    assert words.scale == effects.scale.name
    assert set(words.columns) == set(datasets.frame(name).columns)
    assert words.doi.startswith("10.")
    assert words.doi in effects.citation
    assert all(effects.directions)
    assert set(effects.provenance) == {words.provenance}


def test_only_the_working_alliance_is_reconstructed():
    reconstructed = [name for name in datasets.names() if datasets.load(name).reconstructed]
    assert reconstructed == ["working_alliance"]
    effects = datasets.load("working_alliance")
    assert "reconstructed" in effects.title
    assert all("reconstructed" in label for label in effects.study)
    assert any("no row is a real study" in note for note in effects.notes)


def test_an_unknown_name_is_answered_with_the_nearest():
    for function in (datasets.load, datasets.describe, datasets.frame, datasets.published):
        with pytest.raises(InputError, match=r"'raudenbush'.*did you mean 'raudenbush1985'"):
            function("raudenbush")


def test_a_data_set_without_aggregates_says_which_has_some():
    with pytest.raises(InputError, match=r"'bcg'.*working_alliance"):
        datasets.published("bcg")


def test_published_aggregates_keep_the_rounding_of_each_figure():
    table = datasets.published("working_alliance")
    assert len(table) == 18
    assert set(table.columns) - set(datasets.describe("working_alliance").published) == {
        "se_decimals",
        "q_decimals",
        "i2_percent_decimals",
        "d_re_decimals",
    }
    misconduct = table[table["outcome"] == "misconduct"].iloc[0]
    assert (misconduct["q"], misconduct["q_decimals"]) == (0.94, 3)
    assert (misconduct["i2_percent"], misconduct["i2_percent_decimals"]) == (0.0, 2)
    assert misconduct["p"] == ".003"
    juvenile = table[table["level"] == "juvenile"].iloc[0]
    assert np.isnan(juvenile["se"])
    assert juvenile["se_decimals"] is pd.NA


PRINTED = {
    "dropout": (9, "0.390", "0.067", "13.65", "41.4", 2),
    "misconduct": (3, "0.374", "0.124", "0.940", "0.0", 3),
    "recidivism": (15, "0.196", "0.027", "24.73", "43.4", 2),
}


@pytest.mark.parametrize("outcome", PRINTED)
def test_the_reference_reconstruction_prints_the_papers_common_effect_row(outcome):
    effects = datasets.load("working_alliance")
    mine = np.array(effects.outcome) == outcome
    y, w = effects.y[mine], effects.se[mine] ** -2.0
    d, q = np.average(y, weights=w), np.sum(w * (y - np.average(y, weights=w)) ** 2)
    i2 = max(0.0, 1.0 - (mine.sum() - 1) / q)
    decimals = PRINTED[outcome][5]
    printed = (int(mine.sum()), f"{d:.3f}", f"{w.sum() ** -0.5:.3f}", f"{q:.{decimals}f}", f"{100 * i2:.1f}")
    assert printed == PRINTED[outcome][:5]


@pytest.mark.parametrize("outcome", PRINTED)
def test_the_reference_reconstruction_has_equal_weights_and_lies_symmetrically_about_d(outcome):
    effects = datasets.load("working_alliance")
    mine = np.array(effects.outcome) == outcome
    d = float(PRINTED[outcome][1])
    assert len(set(effects.se[mine])) == 1
    # Seventeen digits in the file: round-off of a few units of 1e-16.
    np.testing.assert_allclose(effects.y[mine] - d, d - effects.y[mine][::-1], atol=1e-15)


def test_the_notes_admit_where_the_reference_reconstruction_differs_from_the_paper():
    notes = " ".join(datasets.describe("working_alliance").notes)
    for fact in (
        "0.39 where the paper has 0.38",
        "41.39 %, not the published 41.40",
        "p = 0.037",
        "Arbitrary",
    ):
        assert fact in notes


@pytest.mark.parametrize("name", ["molloy2014", "normand1999"])
def test_reported_statistics_are_carried_to_the_pooled_result(name):
    effects, reference = datasets.load(name), figures(name)
    assert list(effects.study) == reference["study"]
    np.testing.assert_allclose(effects.y, reference["y"], rtol=1e-12)
    np.testing.assert_allclose(effects.v, reference["v"], rtol=1e-12)
    fit = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(tau2="REML"))
    w = np.array(reference["fits"]["REML"]["weights"])
    assert fit["tau"].point ** 2 == pytest.approx(reference["fits"]["REML"]["tau2"], rel=1e-6)
    assert fit["mu"].point == pytest.approx(w @ reference["y"], rel=1e-6)
    assert effects.derivation[0].startswith(f"{reference['measure']} from ")


MIXED = json.loads((Path(__file__).parents[1] / "reference" / "mixed_statistics.json").read_text(encoding="utf-8"))


def test_means_and_tables_of_one_review_become_one_scale():
    effects, reference = datasets.load("gibson2002"), MIXED["gibson2002"]
    assert list(effects.study) == reference["study"]
    table = pd.DataFrame(reference["table"]).rename(columns=lambda name: name.removesuffix("i"))
    pd.testing.assert_frame_equal(
        datasets.frame("gibson2002").drop(columns="study").astype(float), table.astype(float), check_names=False
    )
    np.testing.assert_allclose(effects.y, reference["y"], rtol=1e-12)
    np.testing.assert_allclose(effects.v, reference["v"], rtol=1e-12)
    kinds = [way.split(" from ")[0] for way in effects.derivation]
    assert kinds == ["SMD"] * 13 + ["OR"] * 2
    assert "other ways: OR from a = 34" in effects.explain("Heard 1999")
    assert "a = 0, b = 12, c = 16, d = 17 with 0.5 added to each" in effects.explain("Brewin 1995")
    assert "added" not in effects.explain("Yoon 1993")
    assert any("look like standard errors of means: 'Ignacio-Garcia 1995'" in note for note in effects.notes)


def test_the_pooled_difference_of_means_and_tables_is_metafors():
    effects, reference = datasets.load("gibson2002"), MIXED["gibson2002"]
    common = pw.fit(effects, pw.CommonEffect(), pw.ClosedForm())["mu"]
    random = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(tau2="REML", interval="wald"))["mu"]
    for found, expected in ((common, reference["common"]), (random, reference["reml"])):
        # REML of both packages ends where tau2 no longer moves
        np.testing.assert_allclose([found.point, *found.interval(0.95)], expected, rtol=1e-6)


def test_the_risk_ratio_of_days_off_is_that_of_the_review():
    table = datasets.frame("gibson2002").dropna(subset="a")
    a, b, c, d = (table[name].to_numpy() for name in "abcd")
    n = a + b + c + d
    ratio = (a * (c + d) / n).sum() / (c * (a + b) / n).sum()  # Mantel & Haenszel's
    assert ratio == pytest.approx(MIXED["gibson2002"]["risk_ratio_mantel_haenszel"][0], rel=1e-12)
    assert round(float(ratio), 2) == 0.79  # Gibson et al. 2002, abstract: 0.79 (0.67 to 0.93)


def test_the_correlation_of_conscientiousness_with_adherence_is_that_of_the_paper():
    mean = pw.fit(datasets.load("molloy2014"), pw.RandomEffects(), pw.ClosedForm(tau2="DL", interval="wald"))["mu"]
    found = np.tanh([mean.point, *mean.interval(0.95)])
    np.testing.assert_allclose(found, MIXED["molloy2014"]["correlation_dersimonian_laird"], rtol=1e-10)
    assert found.round(2).tolist() == [0.15, 0.09, 0.21]  # Molloy, O'Carroll & Ferguson 2014, abstract
