"""A CSV file: how it is written is detected and told, or refused where it could be either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.errors import InputError, PoolwiseWarning

PLAIN = "study,y,se\nAsh,0.1,0.2\nBirch,0.3,0.2\nCedar,0.25,0.1\nElm,0.2,0.15\nFir,-0.1,0.3\n"


def read(folder: Path, text: str | bytes, **said: object) -> pw.Effects:
    path = folder / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return pw.read_csv(path, **said)  # type: ignore[arg-type]


WRITTEN = {
    "plain": (PLAIN, ""),
    "byte order mark": ("\ufeff" + PLAIN, ""),
    "semicolon": (PLAIN.replace(",", ";"), "the delimiter ';',"),
    "semicolon, decimal comma": (
        PLAIN.replace(",", ";").replace(".", ","),
        "the delimiter ';' and the decimal mark ',',",
    ),
    "tab": (PLAIN.replace(",", "\t"), r"the delimiter '\t' (a tab),"),
    "bar": (PLAIN.replace(",", "|"), "the delimiter '|',"),
    "UTF-16": (PLAIN.encode("utf-16"), "the encoding utf-16,"),
    "quoted decimal comma": (
        "\n".join(",".join(f'"{x.replace(".", ",")}"' for x in line.split(",")) for line in PLAIN.splitlines()),
        "the decimal mark ',',",
    ),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_how_a_file_is_written_is_detected_and_told(kind, tmp_path):
    text, told = WRITTEN[kind]
    effects = read(tmp_path, text)
    assert effects.y.tolist() == [0.1, 0.3, 0.25, 0.2, -0.1]
    assert effects.study == ("Ash", "Birch", "Cedar", "Elm", "Fir")
    assert effects.notes == ((f"own.csv was read with {told} as it seems to be written",) if told else ())


AMBIGUOUS = {
    "both marks": ("study;y;se\nA;0,1;0.2\nB;0.3;0.2\n", {}, "'y' has '0,1' and 'y' has '0.3'"),
    "points of thousands": ("study;y;se;n\nA;0,1;0,2;1.200\nB;0,3;0,2;900\n", {}, "'n' has '1.200'"),
    "either mark": ("study;y;se\nA;1.234;1.111\nB;2.345;1.222\n", {}, "'y' has '1.234'"),
    "either mark in quotes": ('study,y,se\nA,"1,234","1,111"\nB,"2,345","1,222"\n', {}, "'y' has '1,234'"),
    "a stated mark": ("study;y;se\nA;1.234;1,1\nB;2,3;1,2\n", {"decimal": ","}, "'1.234' for 'A' (row 1), ambiguous"),
    "two delimiters": ("study;y,se\n1;2,3\n", {}, "2 names with each of the delimiters ',' and ';'"),
    "another encoding": (PLAIN.replace("Ash", "Äsh").encode("cp1252"), {}, "encoding='cp1252'"),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_what_could_be_either_is_refused(kind, tmp_path):
    text, said, words = AMBIGUOUS[kind]
    with pytest.raises(InputError) as error:
        read(tmp_path, text, **said)
    assert words in str(error.value)


def test_what_is_said_is_not_detected(tmp_path):
    text = "study;y;se\nÄsh;1,234;1,111\nB;2,345;1,222\nC;3,456;1,333\n".encode("cp1252")
    effects = read(tmp_path, text, decimal=",", delimiter=";", encoding="cp1252")
    assert effects.y.tolist() == [1.234, 2.345, 3.456]
    assert not any("was read with" in note for note in effects.notes)


def test_columns_by_role(tmp_path):
    text = "author,d,vd,total,measure,dose,lab\n007,0.1,0.04,20,pain ,1,1.1\n"
    text += "7,0.3,0.04,30,pain,2,1.10\nC,.2,.09,40,sleep,4,1.1\n"
    names = {"study": "author", "y": "d", "v": "vd", "n": "total", "outcome": "measure"}
    effects = read(tmp_path, text, **names, moderators="dose", cluster=["lab"], scale="SMD")
    assert effects.study == ("007", "7", "C")
    assert effects.outcome == ("pain", "pain", "sleep")
    assert effects.n.tolist() == [20, 30, 40]
    assert effects.se.tolist() == pytest.approx([0.2, 0.2, 0.3], rel=1e-15)
    assert effects.moderators["dose"].tolist() == [1, 2, 4]
    assert effects.moderators["lab"].tolist() == ["1.1", "1.10", "1.1"]
    assert (effects.scale.name, effects.title) == ("SMD", "own.csv")


WRONG = {
    "no such column": ({"y": "d"}, "own.csv has no column 'd'"),
    "a near one": ({"se": "see"}, "did you mean 'se'?"),
    "no such cluster": ({"cluster": "lab"}, "own.csv has no column 'lab'"),
    "events alone": ({"events": ("a", "c")}, "events or totals is given without the other"),
    "counts and errors": ({"events": ("a", "c"), "totals": ("n", "m"), "se": "se"}, "both given"),
    "a decimal mark": ({"decimal": ";"}, "decimal = ';'"),
    "a moderator that the table keeps": ({"moderators": ["y"]}, "moderators has the column(s) y"),
    "counts without a measure": ({"events": ("y", "se"), "totals": ("y", "se")}, "measure='identity' is unknown"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_named(kind, tmp_path):
    said, words = WRONG[kind]
    with pytest.raises(InputError) as error:
        read(tmp_path, PLAIN, **said)
    assert words in str(error.value)


COUNTS = (
    "study,a,c,n1,n0\nAsh,0,0,40,40\nBirch,0,0,60,60\nCedar,5,12,100,100\nElm,2,8,80,80\nFir,1,4,50,50\nGum,3,9,90,90\n"
)
ARMS = {"events": ("a", "c"), "totals": ("n1", "n0"), "scale": "log OR"}


def test_trials_without_events_are_left_out_by_name(tmp_path):
    """OR 0.312 [0.154, 0.632] is metafor's for these trials, with ``drop00``."""
    with pytest.warns(PoolwiseWarning, match=r"2 of 6 .*'Ash' \(row 1\): no event in either arm.*drop00=False"):
        effects = read(tmp_path, COUNTS, **ARMS)
    assert effects.dropped == ("Ash", "Birch")
    with pytest.warns(PoolwiseWarning, match="rests on 4 studies"):
        fit = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(tau2="DL", interval="wald"))
    assert np.exp(fit["mu"].point) == pytest.approx(0.312, abs=5e-4)
    assert np.exp(fit["mu"].interval(0.95)) == pytest.approx((0.154, 0.632), abs=5e-4)


@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
def test_trials_without_events_are_kept_on_request_for_the_likelihood_of_counts(tmp_path):
    kept = read(tmp_path, COUNTS, **ARMS, drop00=False)
    assert kept.k == 6
    assert pw.BinomialNormal().table(kept).k == 6
    assert any("0.5 was added to the cells of 2 tables" in note for note in kept.notes)


@pytest.mark.parametrize(("measure", "k"), [("log OR", 2), ("log RR", 2), ("log IRR", 3)])
@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
def test_trials_of_events_alone_say_nothing_of_a_ratio_of_risks(measure, k):
    events, totals = [[0, 0], [10, 20], [3, 4], [2, 5]], [[10, 20], [10, 20], [10, 10], [10, 10]]
    assert pw.Effects.from_counts(events, totals, measure=measure).k == k


def test_missing_counts_are_dropped_by_name_and_impossible_ones_refused(tmp_path):
    with pytest.warns(PoolwiseWarning, match=r"1 of 4 studies dropped: 'Ash' \(row 1\): a count is missing"):
        rest = read(
            tmp_path,
            COUNTS.replace("Ash,0", "Ash,").replace("Birch,0,0,60,60\n", "").replace("Gum,3,9,90,90\n", ""),
            **ARMS,
        )
    assert rest.study == ("Cedar", "Elm", "Fir")
    with pytest.raises(InputError, match=r"the counts of 'Elm' \(row 4\) are impossible"):
        read(tmp_path, COUNTS.replace("2,8,80", "2,81,80"), **ARMS)


@pytest.mark.parametrize(
    ("written", "meant"), [("OR", "log OR"), ("RR", "log RR"), ("irr", "log IRR"), ("LOG OR", "log OR")]
)
def test_a_measure_without_its_log_is_offered_with_it(written, meant):
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        pw.Effects.from_counts([[1, 2], [3, 4]], [[9, 9], [9, 9]], measure=written)


def test_a_sample_size_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"n is 1.2 for 'A' \(row 1\), no whole number.*marks of thousands"):
        read(tmp_path, "study,y,se,n\nA,0.1,0.2,1.200\nB,0.3,0.2,900\nC,.1,.2,30\n")
