"""Odd analysis files and odd tables end in a sentence with the line and what to write, never in a raw exception."""

import gzip
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest

import poolwise as pw
from poolwise.analysis.syntax import parsed
from poolwise.cli import main
from poolwise.errors import AnalysisError, InputError, PoolwiseWarning
from poolwise.intake.files import read_csv

TABLE = "study,y,se\nAsh,0.1,0.1\nBirch,0.3,0.2\nCedar,0.5,0.15\n"

SYNTAX = {
    "panel = True": "line 1, column 9: `panel = True`. Expected: true in lower case. Try: panel = true.",
    "panel = FALSE": "Try: panel = false.",
    "prob = 0,95": "line 1, column 9: `prob = 0,95`. Expected: a decimal point. Try: prob = 0.95.",
    "tau = .5": "Try: tau = 0.5.",
    "tau = 5.": "Try: tau = 5.0.",
    "seed = 007": "Try: seed = 7",
    "mu = −1": "Try: mu = -1.",
    "prob = 95%": "a fraction instead of a percentage",
    "rope = (0, 1)": "Try: rope = [0, 1].",
    "tau = None": "leaving the key out",
    "scale = SMD": 'Try: scale = "SMD".',
    "scale = “SMD”": 'straight quotes. Try: scale = "SMD".',
    'a = 1\nscale = "SMD\nb = 2': 'line 2, column 9: `scale = "SMD`',
    'a = """SMD\nb = 2\n': "line 1, column 5",
    "title: x": "Try: title = x.",
    "two words = 1": 'Try: "two words" = 1.',
    "[data]\na = 1\n[model]\n[data]": "line 4, column 1: `[data]`. Expected: each section once: [data] is in line 1",
    "a = 1\n\na = 2\n\n": "line 3, column 1: `a = 2`. Expected: each key once in a section: 'a' is told in line 1",
    'csv = "C:\\Users\\x.csv"': "Try: csv = 'C:\\Users\\x.csv'.",
    "nuts = { seed = 1\n[report]": "line 1, column 8: `nuts = { seed = 1`. Expected: a } for this {",
    "by = ['a', 'b'\n[report]\nprob = 1": "line 1, column 6: `by = ['a', 'b'`. Expected: a ] for this [",
    "tau = { HalfNormal = 1, }": "a comma between two parts, and none after the last",
    "[data": "Try: [data].",
    "[data] csv = 'x'": "a section alone on its line",
    '{"title": "x"}': "TOML, not JSON",
    "a = 1\rb = 2\r": "bare carriage return",
    "a\N{NO-BREAK SPACE}= 1": "instead of U+00A0",
    'a = "\x1b"': "control character",
}


@pytest.mark.parametrize("text", SYNTAX)
def test_what_is_not_toml_is_quoted_with_its_line_and_what_to_write(text):
    with pytest.raises(AnalysisError) as caught:
        parsed(Path("question.toml"), text.encode())
    assert str(caught.value).startswith("question.toml is not valid TOML, line ")
    assert SYNTAX[text] in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["a=" + "[" * 20_000 + "]" * 20_000, "a=" + "{a=" * 20_000, ".".join("a" * 20_000) + " = 1", f"[{'a.' * 99}a]"],
    ids=["lists", "braces", "dots", "header"],
)
def test_deep_nesting_is_an_error_in_words(text):
    with pytest.raises(AnalysisError, match=r"line 1: tables or lists lie more than 30 deep"):
        parsed(Path("question.toml"), text.encode())


def test_numbers_of_thousands_of_digits_and_other_encodings_are_errors_in_words():
    for content, words in (
        (b"a = 1\nb = " + b"9" * 5000, "line 2: a number of more than 4000 digits"),
        ("a = 1".encode("utf-16"), "not UTF-8 text but UTF-16"),
        ("a = 1".encode("utf-16-le"), "not UTF-8 text but UTF-16"),
        ("a = 1\nb = 'Ü'".encode("cp1252"), r"not UTF-8 text \(line 2, byte 11\): `b = 'Ü'`"),
    ):
        with pytest.raises(AnalysisError, match=words):
            parsed(Path("question.toml"), content)


QUESTION = """
title = "Alliance"
question = "Does it help?"
[data]
csv = "studies.csv"
scale = "SMD"
[model]
kind = "random-effects"
[engines]
closed_form = [{}]
[sensitivity]
prior_panel = false
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Alliance", r"Alli\u001bance", r"title: .*holds U\+001B, a control character"),
        ("Alliance", r"Alli\u202Eance", r"title: .*holds U\+202E, a mark that turns the direction"),
        ("studies.csv", r"new\table.csv", r"'new\\table.csv'\. Expected: the path of a file"),
        ("studies.csv", ".", "is a folder"),
        ("studies.csv", "/dev/zero", "is a pipe or a device"),
        ('"random-effects"', '"random-effects"\ntau = { HalfNormal = ' + "9" * 400 + " }", "more digits"),
    ],
)
def test_words_paths_and_numbers_that_no_file_can_use_are_refused(tmp_path, old, new, words):
    (tmp_path / "question.toml").write_text(QUESTION.replace(old, new))
    with pytest.raises(AnalysisError, match=words):
        pw.load_analysis(tmp_path / "question.toml")


ODD = {
    "gzip": (gzip.compress(TABLE.encode()), "packed by gzip"),
    "Excel": (b"PK\x03\x04" + b"\0" * 30, "an Excel workbook"),
    "UTF-16": (TABLE.encode("utf-16-le"), r"line 1, holds a NUL .*encoding='utf-16-le'"),
    "NUL": (TABLE.replace("Birch", "Bi\0rch").encode(), r"line 3, holds a NUL"),
    "a surrogate": (TABLE.replace("Birch", "\ud800").encode(errors="surrogatepass"), "line 3, is not utf-8 text"),
    "an open quote": (TABLE.replace("Birch", '"Birch').encode(), "line 3, opens a quote that nothing closes"),
    "an open quote in the last column": (b'y,se,study\n1,1,"Ash\n2,1,Birch\n3,1,Cedar\n', "line 2, opens a quote"),
    "a quote inside": (TABLE.replace("Birch", '"Bi"rch').encode(), "line 3, has a quote inside"),
    "commas only": (b",,\n,,\n", "no cell that holds anything"),
    "ESC in the header": (TABLE.replace("study", "st\x1budy").encode(), r"column 1 holds U\+001B"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_tables_are_errors_with_their_line(tmp_path, case):
    (tmp_path / "studies.csv").write_bytes(ODD[case][0])
    with pytest.raises(InputError, match=ODD[case][1]):
        read_csv(tmp_path / "studies.csv")


@pytest.mark.parametrize("delimiter", ['"', "\n", "\0", "a", ".", ""])
def test_what_cannot_separate_cells_is_refused(tmp_path, delimiter):
    (tmp_path / "studies.csv").write_text(TABLE)
    with pytest.raises(InputError, match=r"delimiter = "):
        read_csv(tmp_path / "studies.csv", delimiter=delimiter)


@pytest.mark.parametrize("encoding", ["undefined", "idna", "punycode", "base64", "rot13", "unicode_escape", "", "a\0b"])
def test_what_is_no_encoding_of_text_is_refused(tmp_path, encoding):
    (tmp_path / "studies.csv").write_text(TABLE)
    with pytest.raises(InputError, match="unknown encoding"):
        read_csv(tmp_path / "studies.csv", encoding=encoding)


def test_pipes_folders_and_huge_files_are_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(10**10)
    (tmp_path / "link").symlink_to("nowhere")
    words = {"pipe": "is a pipe", "folder": "is a folder", "huge": "10,000 MB large", "link": "link to nothing"}
    for name, told in words.items():
        with pytest.raises(InputError, match=told):
            read_csv(tmp_path / name)
        with pytest.raises(AnalysisError, match=told):
            pw.load_analysis(tmp_path / name)


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x9b", "\ud800", "\ufffe"])
def test_characters_that_nobody_sees_and_no_file_holds_are_refused_by_row(character):
    odd, table = ["Ash", f"Bi{character}rch", "Cedar"], {"y": [0.1, 0.2, 0.3], "se": [0.1, 0.1, 0.1]}
    number = f"U\\+{ord(character):04X}"
    with pytest.raises(InputError, match=f"study: .* in row 2 holds {number}"):
        pw.Effects(**table, study=odd)
    with pytest.raises(InputError, match=f"the moderator 'g': .* in row 2 holds {number}"):
        pw.Effects(**table, study=list("abc"), moderators=pd.DataFrame({"g": pd.Series(odd, dtype=object)}))
    with pytest.raises(InputError, match=f"title .* holds {number}"):
        pw.Effects(**table, study=list("abc"), title=odd[1])


def test_list_tells_what_it_cannot_read_and_goes_on(tmp_path, capsys):
    (tmp_path / "a.toml").write_text("a=" + "[" * 30_000)
    os.mkfifo(tmp_path / "b.toml")
    (tmp_path / "c.toml").mkdir()
    (tmp_path / "d.toml").write_text(QUESTION)
    assert main(["list", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "30 deep" in lines[0] and "is a pipe" in lines[1] and "is a folder" in lines[2]  # noqa: PT018
    assert lines[3].endswith("Alliance")


@pytest.mark.parametrize("name", ["...toml", "a\x1bb.toml", "a\nb.toml", b"a\xffb.toml"])
def test_a_file_whose_name_can_be_no_folder_is_refused(tmp_path, name):
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), os.fsencode(name))))
    path.write_text(QUESTION.replace('csv = "studies.csv"', 'dataset = "bcg"').replace("SMD", "log RR"))
    with pytest.raises(AnalysisError, match="name"):
        pw.load_analysis(path)


def test_results_go_to_one_place_and_each_to_its_own(tmp_path, capsys):
    for name in ("one/question.toml", "two/Question.toml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(QUESTION)
        (tmp_path / name).with_name("studies.csv").write_text(TABLE)
    both = [str(tmp_path / "one/question.toml"), str(tmp_path / "two/Question.toml")]
    assert main(["run", *both, "--out", str(tmp_path / "out")]) == 2
    assert "'question.toml' and 'Question.toml'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", both[0], "--out", "a", "--out", "b"])
    assert "told twice" in capsys.readouterr().err


def test_characters_without_a_font_are_told_once_before_the_fits(tmp_path, monkeypatch):
    monkeypatch.setattr("poolwise.plot._text._MORE_FAMILIES", ())
    (tmp_path / "studies.csv").write_text(
        TABLE.replace("Ash", "王 2010").replace("Birch", "鈴木 2011"), encoding="utf-8"
    )
    (tmp_path / "question.toml").write_text(QUESTION.replace("Alliance", "研究"), encoding="utf-8")
    analysis, told = pw.load_analysis(tmp_path / "question.toml"), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PoolwiseWarning)
        pw.run(analysis, out=tmp_path / "out", progress=lambda step: told.append(len(caught)))
        axes = pw.plot.forest(pw.fit(analysis.effects, pw.RandomEffects(), pw.ClosedForm()))
    pw.plot.close(axes)
    fonts = [str(one.message) for one in caught if "No installed font" in str(one.message)]
    assert len(fonts) == 2  # of the run, and of the figure
    assert all(character in fonts[0] for character in "研究王鈴木")
    assert "Noto Sans CJK" in fonts[0]
    assert told[0] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_a_sentence():
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "poolwise.cli", "schema"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "poolwise: No space left on device: standard output\n"
