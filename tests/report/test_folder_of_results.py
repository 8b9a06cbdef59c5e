"""Nothing of the user's is overwritten or deleted: a run replaces only what an earlier run wrote, byte for byte."""

import hashlib
import json
import os
from pathlib import Path

import pytest

import poolwise as pw
from poolwise.analysis import Analysis
from poolwise.errors import AnalysisError
from poolwise.report import faults, files

TABLE = "study,y,se\nAsh,0.1,0.1\nBirch,0.3,0.2\nCedar,0.5,0.15\nElm,0.2,0.12\nFir,0.35,0.2\n"
QUESTION = """
title = "{title}"
question = "{title}?"
[data]
csv = "studies.csv"
scale = "SMD"
[model]
kind = "random-effects"
[engines]
closed_form = [{{}}]
[sensitivity]
prior_panel = false
"""


@pytest.fixture
def analysis(tmp_path):
    return written(tmp_path / "home")


def written(home: Path, title: str = "Alliance", name: str = "question.toml") -> Analysis:
    home.mkdir(exist_ok=True)
    (home / "studies.csv").write_text(TABLE)
    (home / name).write_text(QUESTION.format(title=title))
    return pw.load_analysis(home / name)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(analysis, out: Path, words: str) -> None:
    """The run is refused before the first fit, and every file is as it was."""
    before, steps = content(out.parent), []
    with pytest.raises(AnalysisError, match=words):
        pw.run(analysis, out=out, progress=steps.append)
    assert steps == []
    assert content(out.parent) == before


def finished(folder: Path, name: str = "estimates.csv", text: str = "ours") -> Path:
    """A folder that an earlier run has left, with one file."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    question = {"source": "question.toml", "title": "Alliance", "question": "Alliance?"}
    files.finish(folder, (name,), {"poolwise": "0", "analysis": question})
    return folder


def test_no_run_writes_where_its_input_lies(analysis, tmp_path, monkeypatch):
    home = tmp_path / "home"
    for name in ("levels.csv", "sensitivity.csv"):
        (home / name).write_text("mine")
    monkeypatch.chdir(home)
    refused(analysis, home, "where 'question.toml' and 'studies.csv' of this analysis lie")
    (tmp_path / "link").symlink_to(home)
    refused(analysis, tmp_path / "link", "where 'question.toml'")
    with pytest.raises(AnalysisError, match=r"where 'question\.toml'"):
        pw.run(analysis, out=".")


def test_the_folder_of_a_linked_table_is_no_place_for_results(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine.csv").write_text(TABLE)
    analysis = written(tmp_path / "home")
    (tmp_path / "home" / "studies.csv").unlink()
    (tmp_path / "home" / "studies.csv").symlink_to(data / "mine.csv")
    refused(analysis, data, "where 'studies.csv' of this analysis lies")


def edited(folder: Path) -> None:
    finished(folder).joinpath("estimates.csv").write_text("edited since")


def linked(folder: Path) -> None:
    folder.mkdir()
    (folder.parent / "mine.csv").write_text("mine")
    (folder / "studies.csv").symlink_to(folder.parent / "mine.csv")


def naming_another_folder(folder: Path) -> None:
    """A manifest whose author wants the run to remove a file outside of the folder, and one in it."""
    folder.mkdir()
    (folder.parent / "mine.csv").write_text("mine")
    (folder / "estimates.csv").write_text("mine")
    facts = {"sha256": hashlib.sha256(b"mine").hexdigest(), "bytes": 4}
    (folder / "manifest.json").write_text(json.dumps({"poolwise": "0", "files": {"../mine.csv": facts}}))


FOREIGN = {
    "a file of the user's": (lambda out: put(out / "estimates.csv"), "holds estimates.csv, which no run wrote"),
    "one edited since": (edited, "holds estimates.csv, which no run wrote there or which changed since"),
    "a link": (linked, "holds studies.csv"),
    "a folder": (lambda out: put(out / "forest.svg" / "mine.txt"), "holds forest.svg"),
    "a manifest of another program": (lambda out: put(out / "manifest.json", '{"name": "app"}'), "manifest.json"),
    "a manifest that is no JSON": (lambda out: put(out / "manifest.json", "[" * 9999), "manifest.json"),
    "a manifest edited since": (
        lambda out: put(finished(out) / "manifest.json", '{"poolwise": "0", "files": {}, "sha256": "0"}'),
        "holds estimates.csv, manifest.json",
    ),
    "a manifest that names another folder": (naming_another_folder, "holds estimates.csv"),
    "a file in the place of the fits": (lambda out: put(out / "fits"), "holds fits"),
    "a file in the place of the folder": (lambda out: put(out), "it is a file"),
    "a link to nothing": (lambda out: out.symlink_to("nowhere"), "it is a link to nothing"),
    "results of another analysis": (
        lambda out: files.finish(put(out / "x").parent, (), {"poolwise": "0", "analysis": {"source": "other.toml"}}),
        r"holds the results of another analysis.*other\.toml",
    ),
}


def put(path: Path, text: str = "mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", FOREIGN)
def test_a_folder_with_what_no_run_wrote_is_refused(analysis, tmp_path, case):
    prepare, words = FOREIGN[case]
    prepare(tmp_path / "out")
    refused(analysis, tmp_path / "out", words)


def test_a_run_replaces_its_own_files_and_leaves_the_others(analysis, tmp_path):
    out = finished(tmp_path / "out")
    mine = {"notes.txt", "levels.csv", "sensitivity.csv", "Estimates.CSV", ".trial", ".film.part", "fits/.film.part"}
    for name in mine:
        put(out / name)
    put(out / ".report.html.123.part", "left by a killed run")
    for _ in range(2):
        done = pw.run(analysis, out=out)
        assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == mine | set(done.files)
        assert all((out / name).read_text() == "mine" for name in mine)
        assert faults(out) == ()


def test_a_refused_run_leaves_the_earlier_one_complete(analysis, tmp_path):
    out = finished(tmp_path / "out")
    words = r"has room for [\d,.]+ MB and the files of this run need about"
    with pytest.raises(AnalysisError, match=words), files.claimed(out, ("levels.csv",), room=10**18):
        pass
    assert faults(out) == ()
    assert {path.name for path in out.iterdir()} == {"estimates.csv", "manifest.json"}


def test_an_edited_file_with_another_title_is_the_same_analysis(tmp_path):
    out = tmp_path / "out"
    pw.run(written(tmp_path / "home"), out=out)
    home = tmp_path / "home"
    (home / "question.toml").write_text(QUESTION.format(title="Alliance").replace('"Alliance"', '"Alliance, again"'))
    assert pw.run(pw.load_analysis(home / "question.toml"), out=out).folder == out
    refused(written(tmp_path / "other", title="Dropout"), out, "holds the results of another analysis")


def test_what_a_stopped_run_wrote_is_known_to_the_next_one(tmp_path):
    out = finished(tmp_path / "out")
    names = ("levels.csv", "ranges.csv")
    with files.claimed(out, names):
        files.add(out, "ranges.csv", "new")
    with (out / files.JOURNAL).open("a") as journal:
        journal.write('{"name": "levels.c')  # killed while writing a line
    with files.claimed(out, names):
        files.add(out, "levels.csv", "new")
        files.add(out, "ranges.csv", "newer")
        files.finish(out, names, {"poolwise": "0"})
    assert faults(out) == ()
    assert not (out / files.JOURNAL).exists()


def test_a_file_that_appears_during_the_fits_is_not_overwritten(tmp_path):
    with files.claimed(tmp_path, ("levels.csv",)):
        (tmp_path / "levels.csv").write_text("mine")
        with pytest.raises(AnalysisError, match=r"holds levels\.csv"):
            files.add(tmp_path, "levels.csv", "ours")
        files.remove(tmp_path, ("levels.csv",))
    assert (tmp_path / "levels.csv").read_text() == "mine"


def test_a_folder_that_vanishes_during_the_fits_is_an_error_in_words(analysis, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(AnalysisError, match="cannot write to the folder"):
        pw.run(analysis, out=out, progress=lambda step: step.label == "files" and os.rmdir(out))


@pytest.mark.parametrize("out", ["a\0b", "x" * 300, "/dev/null/x"])
def test_a_path_that_cannot_be_a_folder_is_an_error_in_words(analysis, out):
    with pytest.raises(AnalysisError, match="cannot write to the folder"):
        pw.run(analysis, out=out)
