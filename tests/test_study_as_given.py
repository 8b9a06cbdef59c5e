"""Which study an effect comes from stays known where labels had to be told apart."""

import warnings

import numpy as np
import pytest

import poolwise as pw
from poolwise import Effects, PoolwiseWarning
from poolwise.errors import InputError

Y, SE = [0.2, 0.5, 0.3, 0.1, 0.4], [0.1, 0.2, 0.1, 0.15, 0.12]
STUDIES = ["Ash", "Ash", "Birch", "Ash", "Cedar"]
LABELS = ("Ash", "Ash (2)", "Birch", "Ash (3)", "Cedar")


def table(**changed) -> Effects:
    return Effects(**{"y": Y, "se": SE, "study": STUDIES, "study_as_given": STUDIES, "scale": "SMD", **changed})


def test_labels_are_told_apart_and_studies_are_not():
    effects = table()
    assert effects.study == LABELS
    assert effects.study_as_given == tuple(STUDIES)


def test_a_table_that_says_which_effects_share_a_study_brings_a_note_and_no_warning():
    assert any("several effects from one study: 'Ash' (rows 1, 2, 4)" in note for note in table().notes)
    with pytest.warns(PoolwiseWarning, match="several effects from one study"):
        untold = table(study_as_given=None)
    assert untold.study_as_given == tuple(STUDIES)
    assert untold.data_hash == table().data_hash


def test_unique_labels_can_share_a_study():
    effects = table(study=list("abcde"), study_as_given=["Ash", "Ash", None, "Ash", ""])
    assert effects.study_as_given == ("Ash", "Ash", "c", "Ash", "e")
    assert effects.data_hash != table(study=list("abcde"), study_as_given=None).data_hash


def test_the_same_names_once_more_change_nothing():
    assert table(study=list("abcde"), study_as_given=list("abcde")).data_hash == (
        table(study=list("abcde"), study_as_given=None).data_hash
    )


def test_parts_of_a_table_keep_their_studies():
    left = table().drop(study="Ash")
    assert (left.study, left.study_as_given) == (LABELS[1:], tuple(STUDIES[1:]))
    one = table().select(where={"study_as_given": ["Ash", "Birch"]})
    assert (one.study, one.study_as_given) == (LABELS[:4], tuple(STUDIES[:4]))


@pytest.mark.parametrize("rows", [slice(None), slice(1, None)])
def test_to_frame_and_back_keeps_the_studies(rows):
    frame = table().to_frame()[rows].reset_index(drop=True)
    again = Effects.from_frame(frame, se="se", scale="SMD")
    assert (again.study, again.study_as_given) == (LABELS[rows], tuple(STUDIES[rows]))


def test_a_frame_of_studies_with_one_effect_each_has_no_column_of_studies():
    assert "study_as_given" not in table(study=list("abcde"), study_as_given=None).to_frame()


def test_rows_that_are_dropped_take_their_study_along():
    with pytest.warns(PoolwiseWarning, match="1 of 5 studies dropped"):
        effects = table(y=[np.nan, *Y[1:]])
    assert effects.study_as_given == tuple(STUDIES[1:])


def test_one_study_for_each_effect_is_asked_for():
    with pytest.raises(InputError, match="study_as_given has 4 entries and y has 5"):
        table(study_as_given=STUDIES[1:])


def test_only_the_rows_that_repeat_are_called_identical():
    notes = " ".join(table(y=[0.2, 0.5, 0.3, 0.2, 0.4], se=[0.1, 0.2, 0.1, 0.1, 0.1]).notes)
    assert "identical rows: 'Ash' (rows 1, 4);" in notes
    assert "several effects from one study: 'Ash' (rows 1, 2, 4);" in notes


# --- models ---


def test_three_levels_cluster_by_the_study_as_given():
    effects = table(moderators={"same": list("xxyxz")})
    by_study, by_column = (pw.fit(effects, pw.ThreeLevel(name), pw.Exact()) for name in ("study", "same"))
    assert by_study["mu"].interval(0.95) == by_column["mu"].interval(0.95)
    assert by_study["tau_between"].point == by_column["tau_between"].point


def test_a_model_of_independent_effects_says_what_it_takes_for_independent():
    with pytest.warns(PoolwiseWarning, match=r"5 effects of 3 studies are taken as independent; ThreeLevel\(\)"):
        result = pw.fit(table(), pw.RandomEffects(), pw.Exact())
    assert any("are taken as independent" in note for note in result.report.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pw.fit(table(), pw.ThreeLevel(), pw.Exact())
