"""The study table: what goes in comes out, nothing changes it, parts of it keep what belongs to them."""

from __future__ import annotations

import copy
import pickle
import time
import timeit
import warnings
from dataclasses import FrozenInstanceError, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolwise.csv_studies import read_csv
from poolwise.effects import Effects
from poolwise.errors import InputError, PoolwiseWarning
from poolwise.intake import files
from poolwise.intake.remarks import CODES
from poolwise.scale import SCALES

ROUNDING = 1e-15  # relative: one operation in double precision

Y = [0.2, 0.5, 0.3, 0.1, 0.4, 0.25]
SE = [0.1, 0.2, 0.1, 0.15, 0.12, 0.2]
NAMES = ["Ash", "Birch", "Cedar", "Elm", "Fir", "Gum"]
OUTCOMES = ["relapse", "relapse", "relapse", "dropout", "dropout", "dropout"]
MODERATORS = pd.DataFrame({"setting": list("aabbab"), "age": [20.0, 30, 40, 50, 60, 70]}, index=range(6, 0, -1))


def table(**changed: object) -> Effects:
    return Effects(
        **{
            "y": Y,
            "se": SE,
            "study": NAMES,
            "outcome": OUTCOMES,
            "moderators": MODERATORS,
            "n": [50, 60, 70, 80, 90, np.nan],
            "scale": "SMD",
            "title": "A table",
            "citation": "Someone (2020)",
            "directions": ("worse", "better"),
            **changed,
        }  # type: ignore[arg-type]
    )


# Runs of spaces are one in a name that is read: two names that differ in them only would be one study, twice.
names = st.text("abcXYZ äß(2),&<", min_size=1, max_size=12).map(lambda text: " ".join(f"S{text}".split()))
labels = st.lists(names, min_size=5, max_size=30, unique=True)
estimates = st.floats(-4.0, 4.0)
errors = st.floats(1e-3, 5.0)


@st.composite
def tables(draw: st.DrawFn) -> Effects:
    study = draw(labels)
    k = len(study)
    uncoded = st.floats(-1e6, 1e6).filter(lambda x: x not in CODES)  # of which a table warns that it may be missing
    column = st.lists(uncoded, min_size=k, max_size=k).filter(differ)
    words = st.lists(st.sampled_from("uv"), min_size=k, max_size=k).filter(differ)
    return Effects(
        draw(st.lists(estimates, min_size=k, max_size=k)),
        se=draw(st.lists(errors, min_size=k, max_size=k)),
        study=study,
        outcome=draw(st.lists(st.sampled_from(["a", "b"]), min_size=k, max_size=k)),
        n=draw(st.lists(st.integers(1, 10_000) | st.just(np.nan), min_size=k, max_size=k)),
        moderators=pd.DataFrame({"x": draw(column), "w": draw(words)}),
        provenance=draw(st.sampled_from(["reported", "simulated", "reconstructed"])),
        scale="SMD",
    )


def differ(values: list[object]) -> bool:
    return len(set(values)) > 1


def back(frame: pd.DataFrame) -> Effects:
    return Effects.from_frame(
        frame, se="se", study="study", outcome="outcome", n="n", moderators=["x", "w"], scale="SMD"
    )


# --- laws ---


@settings(max_examples=50)
@given(tables())
def test_to_frame_and_back_is_the_same_table(effects):
    again = back(effects.to_frame())
    assert again.data_hash == effects.data_hash
    assert again.study == effects.study
    assert again.provenance == effects.provenance
    pd.testing.assert_frame_equal(again.moderators, effects.moderators)


@settings(max_examples=50)
@given(tables(), st.randoms(use_true_random=False))
def test_rows_keep_together_in_any_order(effects, random):
    order = list(range(effects.k))
    random.shuffle(order)
    shuffled = back(effects.to_frame().iloc[order])
    for place, row in enumerate(order):
        assert shuffled.study[place] == effects.study[row]
        assert shuffled.y[place] == effects.y[row]
        assert shuffled.se[place] == effects.se[row]
        assert shuffled.moderators["x"][place] == effects.moderators["x"][row]


@settings(max_examples=50)
@given(tables(), st.data())
def test_dropping_a_study_leaves_the_others_as_they_were(effects, data):
    gone = data.draw(st.sampled_from(effects.study))
    left = effects.drop(study=gone)
    expected = effects.to_frame().query("study != @gone").reset_index(drop=True)
    pd.testing.assert_frame_equal(left.to_frame(), expected)


@settings(max_examples=50)
@given(tables(), st.data())
def test_the_hash_sees_every_number(effects, data):
    row = data.draw(st.integers(0, effects.k - 1))
    column = data.draw(st.sampled_from(["y", "se", "x"]))
    frame = effects.to_frame()
    frame.loc[row, column] = np.nextafter(frame.loc[row, column], 10.0)
    assert back(frame).data_hash != effects.data_hash


@settings(max_examples=50)
@given(tables())
def test_variances_and_standard_errors_say_the_same(effects):
    from_v = Effects(effects.y, v=effects.v, study=effects.study, outcome=effects.outcome)
    np.testing.assert_allclose(from_v.se, effects.se, rtol=2 * ROUNDING)


# --- the record ---


def test_the_hash_does_not_change_from_run_to_run():
    assert table().data_hash == "c5e2f083677daa12"


def test_titles_and_notes_do_not_change_the_hash():
    assert replace(table(), title="Another", notes=("seen",)).data_hash == table().data_hash


def test_zero_and_minus_zero_are_the_same_data():
    assert table(y=[0.0, *Y[1:]]).data_hash == table(y=[-0.0, *Y[1:]]).data_hash


def test_arrays_cannot_be_changed():
    effects = table()
    for values in (effects.y, effects.se, effects.n):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1.0
    with pytest.raises(FrozenInstanceError):
        effects.y = np.zeros(6)  # type: ignore[misc]


def test_what_was_handed_in_can_change_without_the_table():
    y, moderators = np.array(Y), MODERATORS.copy()
    effects = table(y=y, moderators=moderators)
    y[0], moderators.loc[6, "age"] = 99.0, 99.0
    assert effects.y[0] == 0.2
    assert effects.moderators["age"][0] == 20.0
    assert y.flags.writeable
    assert list(effects.moderators.index) == [0, 1, 2, 3, 4, 5]


def test_moderators_are_lent_as_copies():
    for effects in (table(), table(moderators=None)):
        hashed, shape = effects.data_hash, effects.moderators.shape
        lent = effects.moderators
        lent["x"] = 1.0
        lent.loc[0, "age"] = -1.0
        assert effects.moderators.shape == shape
        assert table(moderators=None).moderators.shape == (6, 0)
        assert replace(effects, title="another").data_hash == hashed
    assert table().moderators["age"][0] != -1.0


def test_copies_are_equal():
    effects = table()
    for other in (copy.deepcopy(effects), pickle.loads(pickle.dumps(effects)), replace(effects)):
        assert other.data_hash == effects.data_hash
        assert other.notes == effects.notes
        assert other.directions == ("worse", "better")
        with pytest.raises(ValueError, match="read-only"):
            other.y[0] = 99.0


def test_extension_columns_are_lent_as_copies_too():
    effects = table(moderators=pd.DataFrame({"x": pd.array([1, 2, 3, 4, 5, 6], dtype="Int64")}))
    effects.moderators["x"].array[0] = 77
    assert effects.moderators["x"][0] == 1


def test_v_is_the_square_of_se():
    np.testing.assert_array_equal(table().v, np.array(SE) ** 2)


@pytest.mark.parametrize(
    "values",
    [
        tuple(Y),
        np.array(Y),
        pd.Series(Y),
        pd.array(Y, dtype="Float64"),
        [str(x) for x in Y],
        pd.Series(Y).astype(object),
    ],
)
def test_numbers_come_in_many_containers(values):
    np.testing.assert_array_equal(Effects(values, se=SE, study=NAMES).y, Y)


def test_missing_values_are_seen_in_every_container():
    for values in (
        pd.array([0.2, None, *Y[2:]], dtype="Float64"),
        np.ma.masked_array(Y, mask=[0, 1, 0, 0, 0, 0]),
        [0.2, None, *Y[2:]],
        ["0.2", "NA", *map(str, Y[2:])],
    ):
        with pytest.warns(PoolwiseWarning, match="1 of 6 studies dropped: 'Birch'"):
            assert Effects(values, se=SE, study=NAMES).k == 5


def test_se_fills_in_where_only_v_is_known():
    effects = Effects(Y, se=[0.1, None, 0.1, 0.1, 0.1, 0.1], v=[0.01, 0.04, None, 0.01, 0.01, 0.01], study=NAMES)
    np.testing.assert_allclose(effects.se, [0.1, 0.2, 0.1, 0.1, 0.1, 0.1], rtol=ROUNDING)


def test_labels_are_text_without_line_breaks():
    effects = Effects(Y, se=SE, study=["a\nb", " c ", 1984, 2.0, "é", None])
    assert effects.study == ("a b", "c", "1984", "2", "é", "study 6")


def test_labels_tell_rows_apart_where_a_study_has_several_outcomes():
    effects = Effects(Y, se=SE, study=["Ash", "Birch", "Cedar"] * 2, outcome=OUTCOMES)
    assert effects.study[:3] == effects.study[3:]
    assert effects.labels[0] == "Ash: relapse"
    assert len(set(effects.labels)) == 6
    assert effects.select(outcome="dropout").labels == ("Ash", "Birch", "Cedar")


def test_repeated_labels_get_a_number_that_is_free():
    with pytest.warns(PoolwiseWarning, match="several effects"):
        effects = Effects(Y, se=SE, study=["Ash", "Ash (2)", "Ash", "Ash", "Elm", "Fir"])
    assert effects.study == ("Ash", "Ash (2)", "Ash (3)", "Ash (4)", "Elm", "Fir")


# --- parts of a table ---


def test_a_part_keeps_what_belongs_to_it():
    part = table(provenance="reconstructed").select(outcome="dropout")
    assert part.study == ("Elm", "Fir", "Gum")
    assert (part.title, part.citation, part.directions) == ("A table", "Someone (2020)", ("worse", "better"))
    assert part.scale is SCALES["SMD"]
    assert part.reconstructed
    assert part.outcomes == ("dropout",)
    assert part.moderators["age"].tolist() == [50.0, 60.0, 70.0]
    assert not part.y.flags.writeable


@pytest.mark.parametrize("collect", [list, tuple, set, np.array, pd.Series, pd.Index])
def test_studies_are_left_out_by_any_collection_of_labels(collect):
    assert table().drop(study=collect(["Birch", "Elm"])).study == ("Ash", "Cedar", "Fir", "Gum")


def test_a_part_recounts_its_studies_and_keeps_the_history():
    with pytest.warns(PoolwiseWarning, match="1 of 6 studies dropped"):
        whole = table(y=[np.nan, *Y[1:]])
    part = whole.drop(study=["Birch"])
    assert part.dropped == ("Ash",)
    assert part.notes[:2] == (
        "1 of 6 studies dropped: 'Ash' (row 1): no effect",
        "left out on request: Birch",
    )
    assert part.notes[2].startswith("only 4 studies, fewer than 5")
    assert "levels of moderators with one study: setting[a]" in part.notes
    assert len(part.notes) == 5
    assert sum("fewer than 5" in note for note in part.drop(study="Fir").notes) == 1


def test_a_part_does_not_warn_again_except_of_two_studies():
    with pytest.warns(PoolwiseWarning, match="check: 'Birch'"):
        whole = table(y=[0.2, 8.0, *Y[2:]])
    part = whole.select(outcome="relapse")
    assert any("check: 'Birch'" in note for note in part.notes)
    assert not any("check" in note for note in whole.select(outcome="dropout").notes)
    with pytest.warns(PoolwiseWarning, match="only 2 studies"):
        part.drop(study="Birch")


def test_replace_does_not_warn_again():
    with pytest.warns(PoolwiseWarning, match="check: 'Birch'"):
        whole = table(y=[0.2, 8.0, *Y[2:]])
    renamed = replace(whole, title="Another")
    assert renamed.title == "Another"
    assert renamed.notes == whole.notes


def test_select_by_moderators():
    assert table().select(where={"setting": "a"}).study == ("Ash", "Birch", "Fir")
    assert table().select(where={"age": [20.0, 40.0, 70.0]}).study == ("Ash", "Cedar", "Gum")
    assert table().select(outcome=["relapse", "dropout"], where={"setting": "b"}).study == (
        "Cedar",
        "Elm",
        "Gum",
    )


def test_select_of_nothing_known_offers_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'setting'"):
        table().select(where={"seting": "a"})
    with pytest.raises(KeyError, match="no study has setting = 'z'"):
        table().select(where={"setting": "z"})


def test_selecting_everything_is_the_same_table():
    effects = table()
    assert effects.select() is effects
    assert effects.drop(study=[]) is effects


# --- from frames, files, correlations, ratios ---


def test_from_frame_reads_the_named_columns():
    frame = MODERATORS.assign(d=Y, vi=np.square(SE), name=NAMES, kind=OUTCOMES, total=50)
    effects = Effects.from_frame(
        frame,
        y="d",
        v="vi",
        study="name",
        outcome="kind",
        n="total",
        moderators=["age"],
        scale="SMD",
        title="T",
    )
    np.testing.assert_allclose(effects.se, SE, rtol=ROUNDING)
    assert effects.study == tuple(NAMES)
    assert effects.outcomes == ("relapse", "dropout")
    assert list(effects.moderators) == ["age"]
    assert (effects.n == 50).all()
    assert effects.title == "T"


def test_from_frame_reads_decimal_commas_when_told():
    frame = pd.DataFrame({"y": ["0,39", "-0,1", "−0,2", ",5", "1"], "se": [0.1] * 5, "study": NAMES[:5]})
    assert Effects.from_frame(frame, se="se", study="study", decimal=",").y.tolist() == [
        0.39,
        -0.1,
        -0.2,
        0.5,
        1.0,
    ]


def test_from_frame_does_not_forget_that_rows_are_reconstructed():
    frame = table(provenance="reconstructed").to_frame()
    assert Effects.from_frame(frame, se="se", study="study").reconstructed


def test_a_csv_file_becomes_a_table(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "\ufeffstudy;d;se;setting;year\n"
        '"Müller; Groß";0,39;0,1;closed;2001\n\nÖz;−0,10;0,2;;2002\nNA;0,2;0,1;open;\nD;;0,1;open;2004\n',
        encoding="utf-8",
    )
    frame = files.read_csv(path)
    assert list(frame) == ["study", "d", "se", "setting", "year"]
    assert frame["d"].tolist() == ["0,39", "−0,10", "0,2", ""]
    with (
        pytest.warns(PoolwiseWarning, match="the moderator 'setting' is missing for 'Öz' \\(row 2\\)"),
        pytest.warns(PoolwiseWarning, match="the moderator 'year' is missing for row 3"),
        pytest.warns(PoolwiseWarning, match="1 of 4 studies dropped: 'D' \\(row 4\\)"),
    ):
        effects = read_csv(path, y="d", moderators=["year", "setting"])
    assert effects.study == ("Müller; Groß", "Öz", "study 3")
    assert effects.y.tolist() == [0.39, -0.1, 0.2]
    assert effects.moderators["year"].tolist()[:2] == [2001.0, 2002.0]
    assert "mine.csv was read with the delimiter ';' and the decimal mark ','" in effects.notes[0]


def test_a_file_in_another_encoding_can_be_read(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes("study,d\nMüller,0.1\nB,0.2\n".encode("cp1252"))
    assert files.read_csv(path, encoding="cp1252")["study"][0] == "Müller"


def test_correlations_become_fisher_z():
    """Borenstein et al. (2009), chapter 6: r = 0.50, n = 100 gives z = 0.5493, variance 0.0103, se 0.1015."""
    effects = Effects.from_correlations([0.5, 0.5, 0.0, -0.5, 0.2], [100, 103, 4, 100, 50], study=NAMES[:5])
    assert effects.scale.name == "Fisher z"
    assert effects.y[0] == pytest.approx(0.5493, abs=5e-5)
    assert effects.v[0] == pytest.approx(0.0103, abs=5e-5)
    assert effects.se[1] == pytest.approx(0.1, rel=ROUNDING)
    assert effects.se[2] == 1.0
    assert effects.y[3] == -effects.y[0]
    assert effects.n[0] == 100
    np.testing.assert_allclose(effects.scale.back(effects.y), [0.5, 0.5, 0.0, -0.5, 0.2], rtol=1e-14)


def test_ratios_become_logs():
    """Ratios and limits that were made from logs and standard errors give them back."""
    y, se = np.array([-0.7, 0.1, 0.5, 1.2, 0.0]), np.array([0.2, 0.3, 0.25, 0.4, 0.1])
    z = 1.959963984540054
    limits = {"lower": np.exp(y - z * se), "upper": np.exp(y + z * se)}
    by_limits = Effects.from_ratios(np.exp(y), **limits, scale="log RR", study=NAMES[:5])
    by_se = Effects.from_ratios(np.exp(y), se_log=se, scale="log RR", study=NAMES[:5])
    both = Effects.from_ratios(np.exp(y), se_log=se, **limits, study=NAMES[:5])
    for effects in (by_limits, by_se, both):
        np.testing.assert_allclose(effects.y, y, atol=1e-15)
        np.testing.assert_allclose(effects.se, se, rtol=1e-12)
    assert by_se.scale.name == "log RR"


def test_limits_rounded_to_two_decimals_are_symmetric_enough():
    y, se = np.log([0.12, 0.5, 1.1, 2.4, 7.5]), np.array([0.6, 0.3, 0.2, 0.4, 0.5])
    lower, upper = np.exp(y - 1.96 * se), np.exp(y + 1.96 * se)
    effects = Effects.from_ratios(np.exp(y).round(2), lower=lower.round(2), upper=upper.round(2), study=NAMES[:5])
    most = (np.log(lower / (lower - 0.005)) + np.log(upper / (upper - 0.005))) / (2 * 1.96)
    assert (np.abs(effects.se - se) < most + 1e-5).all()  # 1e-5: 1.96 for the quantile


def test_ratios_want_a_ratio_scale():
    with pytest.raises(InputError, match="the scale 'SMD' is no log ratio"):
        Effects.from_ratios([1.0, 2.0], se_log=[0.1, 0.1], scale="SMD")


# --- how it looks, how long it takes ---


def test_it_shows_itself():
    effects = table(provenance="reconstructed")
    assert repr(effects) == "Effects(k=6, scale='SMD', title='A table', reconstructed)"
    shown = effects._repr_html_()
    for words in ("A table", "6 studies", "standardised mean difference", "reconstructed", "Ash", "relapse"):
        assert words in shown


def test_a_long_table_shows_its_first_rows():
    k = 40
    shown = Effects(np.arange(float(k)), se=np.ones(k))._repr_html_()
    assert "and 34 more" in shown
    assert shown.count("<tr>") == 1 + 6


@pytest.mark.parametrize(("k", "seconds", "times"), [(13, 1e-3, 50), (10_000, 0.1, 3)])
def test_building_a_table_is_cheap(k, seconds, times):
    """Ten times what an idle machine takes: 0.1 ms at k = 13, 10 ms at k = 10,000."""
    rng = np.random.default_rng(1)
    y, se, study = rng.normal(0, 0.3, k), rng.uniform(0.1, 0.3, k), [f"study {i}" for i in range(k)]
    build = partial(Effects, y, se=se, study=study, scale="SMD")
    taken = timeit.repeat(build, timer=time.process_time, number=times, repeat=3)  # not what others do meanwhile
    assert min(taken) / times < seconds


def test_warnings_can_be_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PoolwiseWarning):
            table(y=[np.nan, *Y[1:]])
