"""Ranges over tables: every number is the extreme of single fits, and published figures bind what they should."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.checks.ranges import ranges
from poolwise.errors import MissingQuantityError, ModelError

CONTRAST = "mu[custodial] - mu[community]"
MODEL = pw.Subgroups("setting", mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))
REML = pw.ClosedForm(tau2="REML", interval="hartung-knapp")
SAME = 1e-12  # the same fits, summarised twice
PRINTED = 1e-3  # d and SE are printed with 3 decimals: the contrast to twice half a unit of the last
MCSE = 4.0


@pytest.fixture(scope="module")
def rows():
    published = pw.datasets.published("working_alliance")
    return published[published["outcome"] == "recidivism"]


@pytest.fixture(scope="module")
def tables(rows):
    return pw.reconstruct(rows, subgroups="setting", tables=8, seed=3)


@pytest.fixture(scope="module")
def found(tables):
    return ranges(tables, MODEL, pw.Exact(), REML, rope=(-0.1, 0.1))


def made(contrast: float, spread: float) -> pw.Effects:
    """Six studies in two settings whose means differ by this much."""
    y = np.array([0.2, 0.25, 0.15, 0.201, 0.251, 0.151]) + contrast * np.array([0, 0, 0, 1, 1, 1])
    frame = pd.DataFrame({"setting": ["community"] * 3 + ["custodial"] * 3})
    return pw.Effects(y, se=np.full(6, spread), moderators=frame, scale="SMD")


@pytest.mark.parametrize(("label", "engine"), [("exact", pw.Exact()), ("REML, Hartung-Knapp", REML)])
def test_a_range_is_the_lowest_median_and_highest_of_single_fits(tables, found, label, engine):
    single = [pw.fit(effects, MODEL, engine) for effects in tables]
    for name in (CONTRAST, "mu[community]", "theta_new[custodial]", "tau"):
        row = found.row(name, label)
        limits = np.array([result[name].interval(0.95) for result in single])
        columns = {"point": [result[name].point for result in single], "lower": limits[:, 0], "upper": limits[:, 1]}
        for what, values in columns.items():
            expected = [np.min(values), np.median(values), np.max(values)]
            got = [row[f"{what}_{end}"] for end in ("low", "median", "high")]
            np.testing.assert_allclose(got, expected, rtol=0, atol=SAME)
        if name != "tau":
            assert row["excludes_0"] == np.mean((limits[:, 0] > 0) | (limits[:, 1] < 0))
            assert row["all_above"] == np.mean(limits[:, 0] > 0)


def test_probabilities_are_those_of_the_posteriors_and_a_frequentist_fit_has_none(tables, found):
    single = [pw.fit(effects, MODEL, pw.Exact())[CONTRAST] for effects in tables]
    row = found.row(CONTRAST)
    assert row["p_above_low"] == pytest.approx(min(1 - q.cdf(0.0) for q in single), abs=SAME)
    assert row["p_rope_high"] == pytest.approx(max(q.cdf(0.1) - q.cdf(-0.1) for q in single), abs=1e-9)
    assert np.isnan(found.row(CONTRAST, "REML, Hartung-Knapp")["p_above_high"])


def test_without_heterogeneity_every_table_says_what_the_printed_rows_say(tables):
    model = pw.Subgroups("setting", mu=priors.Flat(), tau=priors.HalfNormal(1e-6))
    row = ranges(tables, model).row(CONTRAST)
    se = np.hypot(0.028, 0.081)
    for end in ("low", "high"):
        assert row[f"point_{end}"] == pytest.approx(0.130 - 0.204, abs=PRINTED)
        assert row[f"upper_{end}"] == pytest.approx(0.130 - 0.204 + 1.959964 * se, abs=3 * PRINTED)


def test_the_number_of_studies_by_level_is_counted_over_the_tables(tables, found):
    counts = [list(levels).count("custodial") for levels in tables.levels]
    row = found.levels.set_index("level").loc["custodial"]
    assert (row["fewest"], row["median"], row["most"]) == (min(counts), np.median(counts), max(counts))
    assert row["tables_with_one"] == counts.count(1)
    assert f"custodial {min(counts)} to {max(counts)}" in found.levels_sentence
    assert "not published" in found.levels_sentence


def test_levels_whose_size_is_published_do_not_vary(rows):
    drawn = pw.reconstruct(rows, subgroups="measure", tables=3, seed=1)
    found = ranges(drawn, pw.Subgroups("measure"), REML)
    assert found.levels_sentence == "Studies by measure: DRI-R total 4, WAI total 7, other 4."
    assert len(found.verdicts) == 2


@pytest.mark.parametrize(
    ("contrasts", "words"),
    [
        ([0.0, 0.02], "in none of 2 tables does the 95 % credible interval exclude 0"),
        ([0.5, 0.6], "in every one of 2 tables the 95 % credible interval lies above 0"),
        ([-0.5, -0.6], "in every one of 2 tables the 95 % credible interval lies below 0"),
        ([0.0, 0.6], "in 1 of 2 tables (50.0 %) the 95 % credible interval excludes 0, in the others not"),
        ([-0.5, 0.5], "in 2 of 2 tables (100.0 %) the 95 % credible interval excludes 0, on either side"),
    ],
)
def test_the_verdict_says_what_holds_in_all_in_some_or_in_no_table(contrasts, words):
    found = ranges([made(contrast, 0.03) for contrast in contrasts], MODEL)
    (verdict,) = found.verdicts
    assert words in verdict
    assert ("do not settle it" in verdict) == (len({np.sign(round(c, 1)) for c in contrasts}) > 1)


def test_all_is_marked_as_what_the_tables_are(found):
    assert found.data == "reconstructed"
    assert set(found.frame["data"]) == {"reconstructed"}
    assert "reconstructed data" in found._repr_html_()
    assert repr(found) == "<Ranges by setting: 8 tables of 15 studies, reconstructed data>"


def test_two_fits_of_one_label_are_told_apart_and_a_wrong_name_offers_the_nearest(tables):
    found = ranges(list(tables)[:2], MODEL, pw.Exact(), pw.Exact(draws=10))
    assert set(found.frame["label"]) == {"exact", "exact (2)"}
    with pytest.raises(MissingQuantityError, match=r"did you mean 'mu\[custodial\]'"):
        found.row("mu[custodia]")
    with pytest.raises(MissingQuantityError, match="no fit 'exakt'"):
        found.row(CONTRAST, "exakt")


def test_a_table_that_has_no_such_fit_is_named():
    separate = pw.Subgroups("setting", heterogeneity="separate")
    good = made(0.1, 0.1)
    single = pw.Effects(
        good.y, se=good.se, moderators=pd.DataFrame({"setting": ["community"] * 5 + ["custodial"]}), scale="SMD"
    )
    with pytest.raises(ModelError, match="table 2 of 2: the subgroup 'custodial' has one study"):
        ranges([good, single], separate, REML)


def test_nuts_alone_or_no_table_is_refused(tables):
    with pytest.raises(ModelError, match="NUTS alone"):
        ranges(tables, MODEL, pw.NUTS(seed=1))
    with pytest.raises(ModelError, match="no study table"):
        ranges([], MODEL)


@pytest.mark.slow
def test_nuts_is_within_its_monte_carlo_error_of_the_exact_engine_on_the_same_tables(tables):
    found = ranges(list(tables)[:4], MODEL, pw.Exact(), pw.NUTS(seed=1), nuts_tables=2)
    assert set(found.nuts["table"]) == {1, 2}
    assert set(found.nuts["quantity"]) == {"mu[community]", "mu[custodial]", "tau"}
    assert found.nuts[["mean_apart", "q2.5_apart", "q97.5_apart"]].to_numpy().max() < MCSE
    assert (found.nuts["divergences"] == 0).all()
    assert "NUTS" not in set(found.frame["label"])
    assert found.nuts_sentence.startswith("NUTS on 2 of the tables")
    exact = pw.fit(tables.effects(1), MODEL, pw.Exact())["tau"].mean
    second = found.nuts[(found.nuts["table"] == 2) & (found.nuts["quantity"] == "tau")]
    assert second["exact_mean"].item() == pytest.approx(exact, abs=SAME)


@pytest.mark.slow
def test_fits_by_nuts_are_kept_for_each_table_and_taken_again(tables, tmp_path):
    asked = (list(tables)[:3], MODEL, pw.Exact(), pw.NUTS(draws=500, tune=500, seed=1))
    kept = pw.KeptFits(tmp_path)
    first = ranges(*asked, nuts_tables=2, kept=kept)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert kept.said == []
    files[0].unlink()  # as if killed before it was finished
    written = files[1].stat().st_mtime_ns
    again = pw.KeptFits(tmp_path)
    second = ranges(*asked, nuts_tables=2, kept=again)
    pd.testing.assert_frame_equal(first.nuts, second.nuts)
    assert sorted(tmp_path.iterdir()) == files
    assert files[1].stat().st_mtime_ns == written
    assert len(again.said) == 1
