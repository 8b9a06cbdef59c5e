"""A run of what was run before leaves its files as they are, and writes them anew as soon as anything differs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.errors import AnalysisError
from poolwise.report import basis as bases
from poolwise.report import faults
from poolwise.report.basis import basis, digest_of

TABLE = "study,y,se\nAsh,0.1,0.1\nBirch,0.3,0.2\nCedar,0.5,0.15\nElm,0.2,0.12\nFir,0.35,0.2\n"
QUESTION = """
title = "Alliance"
question = "Alliance?"
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
LEFT = "nothing changed since the last run"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "studies.csv").write_text(TABLE)
    (tmp_path / "question.toml").write_text(QUESTION)
    return tmp_path


def ran(home: Path, out: str = "out", **settings):
    """A run, and whether it left the files as they were: by what it says, and by their inodes and times."""
    before = stamps(home / out)
    done = pw.run(pw.load_analysis(home / "question.toml"), out=home / out, **settings)
    assert faults(home / out) == ()
    assert set(stamps(home / out)) == set(done.files)
    left = any(LEFT in sentence for sentence in done.kept)
    assert left == (stamps(home / out) == before)
    return done, left


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in folder.glob("*") if path.is_file()]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_the_same_run_leaves_every_file_and_gives_the_same_results(home):
    first, left = ran(home)
    assert not left
    again, left = ran(home)
    assert left
    assert list(again.files) == list(first.files)
    for one, other in zip(again.results, first.results, strict=True):
        assert pw.summary(one).equals(pw.summary(other))


def test_every_change_is_seen_and_its_files_are_written(home, monkeypatch):
    ran(home)
    (home / "question.toml").write_text(QUESTION.replace("Alliance?", "Alliance, really?"))
    assert not ran(home)[1]
    (home / "studies.csv").write_text(TABLE.replace("0.35", "0.36"))
    assert not ran(home)[1]
    assert not ran(home, quick=True)[1]
    assert not ran(home)[1]
    assert ran(home)[1]
    assert not ran(home, fresh=True)[1]
    assert not ran(home, out="elsewhere")[1]
    monkeypatch.setattr(bases, "_house", lambda: "another version")
    assert not ran(home)[1]


def test_a_picture_that_was_deleted_is_drawn_again(home):
    first, _ = ran(home)
    whole = first.files["forest.svg"].read_bytes()
    first.files["forest.svg"].unlink()
    assert not ran(home)[1]
    assert first.files["forest.svg"].read_bytes() == whole


def test_a_file_that_was_edited_is_never_overwritten(home):
    done, _ = ran(home)
    done.files["estimates.csv"].write_text("mine")
    with pytest.raises(AnalysisError, match=r"holds estimates\.csv, which no run wrote there or which changed since"):
        ran(home)
    assert done.files["estimates.csv"].read_text() == "mine"


def test_after_a_run_that_was_stopped_every_file_is_written(home):
    ran(home)

    def stop(step):
        if step.label == "files":
            raise KeyboardInterrupt

    (home / "studies.csv").write_text(TABLE.replace("0.35", "0.36"))
    with pytest.raises(KeyboardInterrupt):
        pw.run(pw.load_analysis(home / "question.toml"), out=home / "out", progress=stop)
    (home / "studies.csv").write_text(TABLE)
    assert not ran(home)[1]


def test_a_run_that_is_stopped_where_nothing_changed_leaves_the_folder_complete(home):
    done, _ = ran(home)

    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pw.run(done.analysis, out=done.folder, progress=stop)
    assert faults(done.folder) == ()


def test_the_basis_is_the_same_in_every_process_and_knows_every_field(home):
    analysis = pw.load_analysis(home / "question.toml")
    words = "import poolwise as pw, sys; from poolwise.report.basis import basis; "
    words += "print(basis([pw.load_analysis(sys.argv[1])], ()))"
    told = [
        subprocess.run(
            [sys.executable, "-c", words, str(home / "question.toml")],
            check=True, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert {*told, basis([analysis], ())} == {told[0]}
    others = [replace(analysis, threshold=0.1), replace(analysis, prob=0.9), replace(analysis, rope=(-0.1, 0.1))]
    assert len({basis([one], ()) for one in (analysis, *others)}) == 4


def test_numbers_arrays_and_names_tell_values_apart():
    told = [1, 1.0, "1", True, None, (), ("1",), (("1",),), np.array([1.0]), np.array([1]), {"1": 1}, {"1": 2}]
    assert len({digest_of(value) for value in told}) == len(told)
    assert digest_of(("a", "b"), "c") != digest_of(("a",), "b", "c")
    assert digest_of(lambda: 1) == ""


def test_letters_that_come_from_the_fonts_of_the_machine_are_drawn_each_time():
    assert basis((), ["Röver, τ ≥ 0"])
    assert basis((), ["\N{CJK UNIFIED IDEOGRAPH-4E2D}"]) == ""


def test_a_new_version_of_a_package_is_another_basis(monkeypatch):
    before = digest_of(1)
    bases._house.cache_clear()
    known = metadata.version
    monkeypatch.setattr(bases, "version", lambda name: "99" if name == "matplotlib" else known(name))
    after = digest_of(1)
    bases._house.cache_clear()
    assert before != after
