"""Every reconstructed table prints what the paper prints."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from poolwise import datasets
from poolwise.reconstruct import Aggregate, Plausible, Printed, reconstruct
from poolwise.reconstruct.partition import plan_outcome
from poolwise.reconstruct.proposals import Proposals
from poolwise.reconstruct.sampler import verdicts

PUBLISHED = datasets.published("working_alliance")
PAPER = {  # as the paper prints them
    "dropout": {"d": "0.390", "se": "0.067", "q": "13.65", "i2": "41.40", "d_re": "0.38"},
    "misconduct": {"d": "0.374", "se": "0.124", "q": "0.940", "i2": "0.00", "p": "0.003"},
    "recidivism": {"d": "0.196", "se": "0.027", "q": "24.73", "i2": "43.39"},
}
LEVELS = {
    "measure": {"WAI total": (".135", ".059", ".022"), "DRI-R total": (".224", ".086", ".009")},
    "setting": {"community": (".204", ".028", None), "custodial": (".130", ".081", ".111")},
    "role": {
        "client and therapist": (".201", ".030", None),
        "criminal justice supervision": (".173", ".061", ".004"),
    },
    "sample": {
        "general correctional": (".193", ".031", None),
        "specific offending pattern": (".203", ".051", None),
    },
    "jurisdiction": {"United States": (".207", ".029", None), "international": (".137", ".067", ".043")},
}


def rows_of(outcome: str) -> pd.DataFrame:
    return PUBLISHED[PUBLISHED["outcome"] == outcome]


def normal_p(z: float) -> float:
    from math import erfc, sqrt

    return erfc(abs(z) / sqrt(2.0))


def aggregates(y: np.ndarray, se: np.ndarray) -> dict[str, float]:
    """The pooled figures of one table, written out study by study."""
    w = [1.0 / s**2 for s in se]
    total = sum(w)
    d = sum(wi * yi for wi, yi in zip(w, y, strict=True)) / total
    q = sum(wi * (yi - d) ** 2 for wi, yi in zip(w, y, strict=True))
    df = len(y) - 1
    tau2 = max(0.0, (q - df) / (total - sum(wi**2 for wi in w) / total)) if df else 0.0
    soft = [1.0 / (s**2 + tau2) for s in se]
    return {
        "d": d,
        "se": total**-0.5,
        "q": q,
        "i2": 100.0 * (q - df) / q if q > df else 0.0,
        "d_re": sum(wi * yi for wi, yi in zip(soft, y, strict=True)) / sum(soft),
        "p": normal_p(d * total**0.5),
    }


def prints_as(x: float, text: str) -> bool:
    digits = text.partition(".")[2]
    return float(f"{x:.{len(digits)}f}") == float(text)


@pytest.mark.parametrize("outcome", PAPER)
def test_three_hundred_tables_of_each_outcome_print_every_published_figure(outcome):
    tables = reconstruct(rows_of(outcome), tables=300, seed=11)
    assert len(tables) == 300
    for effects in tables:
        recomputed = aggregates(effects.y, effects.se)
        wrong = {
            name: recomputed[name] for name, text in PAPER[outcome].items() if not prints_as(recomputed[name], text)
        }
        assert not wrong


@pytest.mark.parametrize("factor", LEVELS)
def test_two_hundred_divided_tables_print_the_rows_of_every_level_too(factor):
    tables = reconstruct(rows_of("recidivism"), subgroups=factor, tables=200, seed=5)
    for effects in tables:
        whole = aggregates(effects.y, effects.se)
        assert all(prints_as(whole[name], text) for name, text in PAPER["recidivism"].items())
        for level, (d, se, p) in LEVELS[factor].items():
            mine = (effects.moderators[factor] == level).to_numpy()
            part = aggregates(effects.y[mine], effects.se[mine])
            assert prints_as(part["d"], d)
            assert prints_as(part["se"], se)
            assert part["p"] < 0.001 if p is None else prints_as(part["p"], p)


@pytest.mark.parametrize("factor", [None, *LEVELS])
def test_check_finds_agreement_in_every_table(factor):
    tables = reconstruct(rows_of("recidivism"), subgroups=factor, tables=50)
    frame = tables.check()
    assert frame["agrees"].all()
    assert set(frame["table"]) == set(range(50))
    assert set(frame["level"]) == {"overall", *(LEVELS[factor] if factor else ())}


def test_check_finds_the_figures_that_another_table_breaks():
    """A reconstruction of the wrong table must not pass its own check."""
    import dataclasses

    tables = reconstruct(rows_of("dropout"), tables=5)
    moved = dataclasses.replace(tables, y=tables.y + 0.01)
    broken = moved.check().query("not agrees")
    assert set(broken["figure"]) == {"d", "d_re"}


def test_tables_differ_and_their_weights_are_unequal():
    tables = reconstruct(rows_of("dropout"), tables=200)
    assert len({round(float(y), 9) for y in tables.y.ravel()}) == tables.y.size
    assert np.all(np.ptp(tables.se, axis=1) > 0.0)


def test_unrounded_aggregates_fill_their_boxes():
    """Rejection leaves d and SE of recidivism free: uniform in the box up to sampling error."""
    tables = reconstruct(rows_of("recidivism"), tables=2000)
    d = np.array([aggregates(y, s)["d"] for y, s in zip(tables.y, tables.se, strict=True)])
    place = np.sort((d - 0.1955) / 0.001)
    distance = np.abs(place - (np.arange(2000) + 0.5) / 2000).max()
    assert distance < 1.95 / np.sqrt(2000)  # Kolmogorov-Smirnov, p = 0.001


def test_the_seed_decides_and_more_tables_begin_with_the_same_ones():
    few, many = (reconstruct(rows_of("dropout"), tables=n, seed=3) for n in (20, 700))
    np.testing.assert_array_equal(few.y, many.y[:20])
    np.testing.assert_array_equal(few.se, many.se[:20])
    other = reconstruct(rows_of("dropout"), tables=20, seed=4)
    assert not np.any(few.y == other.y)


def test_plausible_limits_hold_and_can_be_set():
    limits = Plausible(se_min=0.1, se_max=0.3, d_max=1.0)
    tables = reconstruct(rows_of("dropout"), tables=100, plausible=limits)
    assert tables.se.min() >= 0.1
    assert tables.se.max() <= 0.3
    assert np.abs(tables.y).max() <= 1.0


def test_a_large_alpha_makes_the_weights_equal():
    loose, tight = (reconstruct(rows_of("recidivism"), tables=100, alpha=a).se for a in (1.0, 50.0))
    assert np.ptp(np.log(tight), axis=1).max() < np.ptp(np.log(loose), axis=1).min()


def test_published_level_sizes_are_kept_and_unpublished_ones_vary():
    measure = reconstruct(rows_of("recidivism"), subgroups="measure", tables=50)
    for table in measure.levels:
        assert (table.count("WAI total"), table.count("DRI-R total"), table.count("other")) == (7, 4, 4)
    setting = reconstruct(rows_of("recidivism"), subgroups="setting", tables=200)
    assert len({table.count("community") for table in setting.levels}) > 5


def test_a_share_told_in_words_holds_to_within_one_study():
    jurisdiction = reconstruct(rows_of("recidivism"), subgroups="jurisdiction", tables=100)
    assert {table.count("United States") for table in jurisdiction.levels} == {9, 10, 11}


def test_what_was_assumed_is_noted():
    notes = " ".join(reconstruct(rows_of("recidivism"), subgroups="measure", tables=5).notes)
    assert "'WAI subscales'" in notes
    assert "'other'" in notes


def test_tables_are_marked_as_reconstructed_and_carry_the_papers_words():
    tables = reconstruct(rows_of("recidivism"), subgroups="setting", tables=3)
    effects = tables.effects(1)
    assert effects.reconstructed
    assert set(effects.provenance) == {"reconstructed"}
    assert "reconstructed, table 2 of 3" in effects.title
    assert effects.study[0] == "recidivism 1 (reconstructed)"
    assert set(effects.outcome) == {"recidivism"}
    assert effects.scale.name == "SMD"
    assert effects.directions == datasets.describe("working_alliance").directions
    assert "10.1177/0306624X261448931" in effects.citation
    assert any("no row is a real study" in note for note in effects.notes)
    np.testing.assert_array_equal(tables.effects(-1).y, tables.y[2])


def test_tables_cannot_be_changed():
    tables = reconstruct(rows_of("misconduct"), tables=3)
    with pytest.raises(ValueError, match="read-only"):
        tables.y[0, 0] = 0.0


@pytest.mark.parametrize("outcome", PAPER)
def test_the_packaged_working_alliance_is_the_reference_table(outcome):
    packaged = datasets.load("working_alliance")
    mine = np.array(packaged.outcome) == outcome
    reference = reconstruct(rows_of(outcome), tables=1).reference()
    assert reference.reconstructed
    assert reference.study == tuple(np.array(packaged.study)[mine])
    # The file holds 17 digits; the formula is the same up to the order of its products.
    np.testing.assert_allclose(reference.y, packaged.y[mine], rtol=1e-13)
    np.testing.assert_allclose(reference.se, packaged.se[mine], rtol=1e-15)


def test_with_equal_weights_the_random_effects_estimate_of_dropout_misses_the_published_one():
    reference = reconstruct(rows_of("dropout"), tables=1).reference()
    recomputed = aggregates(reference.y, reference.se)
    assert f"{recomputed['d_re']:.2f}" == "0.39"
    assert f"{recomputed['i2']:.2f}" == "41.39"


def test_two_studies_are_determined_up_to_weights_and_order():
    tables = reconstruct({"k": 2, "d": "0.30", "se": "0.10", "q": "2.0"}, tables=50)
    for y, se in zip(tables.y, tables.se, strict=True):
        recomputed = aggregates(y, se)
        assert prints_as(recomputed["d"], "0.30")
        assert prints_as(recomputed["q"], "2.0")


def test_i2_stands_in_for_an_unpublished_q():
    tables = reconstruct({"k": 8, "d": "0.30", "se": "0.08", "i2_percent": "55"}, tables=50)
    assert all(prints_as(aggregates(y, s)["i2"], "55") for y, s in zip(tables.y, tables.se, strict=True))


def test_a_published_q_of_a_level_is_reproduced():
    rows = [
        {"level": "a", "d": "0.40", "se": "0.10", "q": "3.10", "k": 4},
        {"level": "b", "d": "0.20", "se": "0.12", "k": 5},
    ]
    whole = {"k": 9, "d": "0.32", "se": "0.077", "q": "12.5"}
    tables = reconstruct(whole, subgroups=rows, tables=100)
    assert tables.factor == "level"
    assert tables.check()["agrees"].all()
    for effects in tables:
        mine = (effects.moderators["level"] == "a").to_numpy()
        assert prints_as(aggregates(effects.y[mine], effects.se[mine])["q"], "3.10")
        assert prints_as(aggregates(effects.y, effects.se)["q"], "12.5")


def test_a_row_of_a_plain_csv_works_as_it_is(tmp_path: Path):
    file = tmp_path / "published.csv"
    file.write_text(
        "outcome,moderator,level,k,d_fe,se_fe,p,q,i2,d_re,decimals,note\n"
        "dropout,,overall,9,0.390,0.067,<.001,13.65,41.40,0.38,3,from the text\n"
    )
    tables = reconstruct(pd.read_csv(file), tables=20)
    assert tables.check()["agrees"].all()
    assert str(tables.published.d) == "0.390"


TRUE_TABLES = st.integers(2, 20).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-1.0, 1.0), min_size=k, max_size=k),
        st.lists(st.floats(0.08, 0.5), min_size=k, max_size=k),
    )
)


@settings(max_examples=60)
@given(table=TRUE_TABLES)
def test_the_true_table_is_never_ruled_out(table):
    """Print a table's aggregates; the rules of rejection accept that table, whatever it is."""
    y, se = np.array(table[0]), np.array(table[1])
    true = aggregates(y, se)
    printed = [1e3 * true[name] for name in ("d", "se", "q", "d_re", "p")] + [1e2 * true["i2"]]
    assume(all(abs(abs(x) % 1.0 - 0.5) > 1e-6 for x in printed))  # what a tie prints as is a matter of taste
    row = Aggregate(
        k=len(y),
        **{name: Printed(float(f"{true[name]:.3f}"), 3) for name in ("d", "se", "q", "d_re", "p")},
        i2_percent=Printed(float(f"{true['i2']:.2f}"), 2),
    )
    plan = plan_outcome(row)
    kept = verdicts(Proposals(y[None], se[None] ** -2.0, np.zeros((1, len(y)), dtype=int)), plan, Plausible())
    assert all(bool(holds[0]) for holds in kept.values())


@settings(max_examples=25)
@given(table=TRUE_TABLES, seed=st.integers(0, 10_000))
def test_the_aggregates_of_any_table_can_be_reconstructed(table, seed):
    y, se = np.array(table[0]), np.array(table[1])
    true = aggregates(y, se)
    row = {"k": len(y), "d": f"{true['d']:.3f}", "se": f"{true['se']:.3f}", "q": f"{true['q']:.2f}"}
    limits = Plausible(se_min=0.0, se_max=np.inf, d_max=np.inf)
    tables = reconstruct(row, tables=10, seed=seed, plausible=limits)
    assert tables.check()["agrees"].all()


def test_a_published_level_called_other_is_not_mixed_with_the_leftover_studies():
    rows = [{"level": "other", "k": 3, "d": "0.40", "se": "0.12"}]
    tables = reconstruct({"k": 9, "d": "0.390", "se": "0.067", "q": "13.65"}, subgroups=rows, tables=20)
    assert tables.check()["agrees"].all()
    assert {table.count("other") for table in tables.levels} == {3}
