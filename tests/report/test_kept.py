"""Finished fits are kept: not repeated, not taken for others, not lost when the process is killed."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.analysis import load_analysis
from poolwise.errors import PoolwiseWarning

BCG = pw.datasets.load("bcg")
MODEL = pw.RandomEffects()
ENGINE = pw.NUTS(draws=100, tune=200, chains=2)
SECONDS = re.compile(r'"(seconds|finished|sha256|bytes)": [^\n]*')


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    pw.fit(BCG, MODEL, ENGINE, kept=pw.KeptFits(folder).place("one"))
    return folder


def test_a_fit_that_is_kept_is_the_same_result(folder):
    kept = pw.KeptFits(folder)
    taken = pw.fit(BCG, MODEL, replace(ENGINE, cores=1), kept=kept.place("one"))
    new = pw.fit(BCG, MODEL, ENGINE)
    assert kept.said == ["one: kept from an earlier run"]
    assert pw.summary(taken).equals(pw.summary(new))
    assert taken.to_datatree().equals(new.to_datatree())
    assert taken.report.diagnostics == new.report.diagnostics


def test_a_changed_input_is_noticed_and_named(folder, tmp_path):
    (file,) = folder.iterdir()
    for change, effects, model, engine in (
        ("data", BCG.drop(study="TPT Madras 1980"), MODEL, ENGINE),
        ("model", BCG, pw.RandomEffects(tau=pw.priors.HalfNormal(0.3)), ENGINE),
        ("engine", BCG, MODEL, replace(ENGINE, draws=101)),
        ("seed", BCG, MODEL, replace(ENGINE, seed=2)),
    ):
        (tmp_path / file.name).write_bytes(file.read_bytes())
        kept = pw.KeptFits(tmp_path)
        found = pw.fit(effects, model, engine, kept=kept.place("one"))
        assert kept.said == [f"one: run again, as the {change} changed since the fit was kept"]
        assert pw.summary(found).equals(pw.summary(pw.fit(effects, model, engine)))


def test_a_kept_fit_that_is_damaged_is_put_aside_and_run_again_and_fresh_takes_none(folder, tmp_path):
    (file,) = folder.iterdir()
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / file.name).write_bytes(whole)
    kept = pw.KeptFits(tmp_path)
    pw.fit(BCG, MODEL, ENGINE, kept=kept.place("one"))
    assert kept.said[0] == f"one: run again, as the kept fit '{file.name}' cannot be read"
    assert (tmp_path / f"{file.name}.damaged").read_bytes() == whole
    assert pw.KeptFits(tmp_path).place("one").take({}) is not None
    fresh = pw.KeptFits(folder, fresh=True)
    assert fresh.place("one").take({}) is None


def test_no_flipped_bit_and_no_cut_passes_for_a_kept_fit(folder, tmp_path):
    """A bit in the header of an array once turned step_size into 1e154, with a CRC that agreed."""
    (file,) = folder.iterdir()
    whole, place = file.read_bytes(), pw.KeptFits(tmp_path).place("one")
    assert pw.KeptFits(folder).place("one").take({}) is not None
    rng = np.random.default_rng(1)
    early, late = rng.integers(0, 400, 60), rng.integers(0, len(whole), 100)
    for at in (*early, *late, *range(len(whole) - 90, len(whole))):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        place.path.write_bytes(damaged)
        assert place.take({}) is None
    for length in (0, 1, 77, 78, 79, len(whole) // 2, len(whole) - 1):
        place.path.write_bytes(whole[:length])
        assert place.take({}) is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"[" * 100_000], ids=["empty", "zip", "json", "deep"])
def test_a_sealed_file_that_is_no_fit_is_not_kept(tmp_path, content):
    place = pw.KeptFits(tmp_path).place("one")
    sealed = content + b"\npoolwise sha256:" + hashlib.sha256(content).hexdigest().encode()
    place.path.write_bytes(sealed)
    assert place.take({}) is None


def test_a_fit_that_cannot_be_kept_is_a_warning_and_not_lost(folder, tmp_path):
    drawn = pw.KeptFits(folder).place("one").take({})
    (tmp_path / "fits").mkdir()
    kept = pw.KeptFits(tmp_path / "fits")
    (tmp_path / "fits").rmdir()
    (tmp_path / "fits").write_text("")
    with pytest.warns(PoolwiseWarning, match="could not be kept"):
        kept.place("one").put({}, drawn)
    assert (tmp_path / "fits").read_text() == ""


def test_leave_one_out_by_nuts_agrees_with_exact_and_goes_on_where_it_stopped(tmp_path):
    result = pw.fit(BCG, MODEL, pw.NUTS(draws=500, tune=500, chains=2))
    begun: list[str] = []

    def stop(number: int, total: int, name: str) -> None:
        begun.append(name)
        if number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pw.checks.leave_one_out(result, kept=pw.KeptFits(tmp_path), progress=stop)
    kept = pw.KeptFits(tmp_path)
    found = pw.checks.leave_one_out(result, kept=kept)
    assert kept.said == [f"NUTS without {name}: kept from an earlier run" for name in begun[:3]]
    exact = pw.checks.leave_one_out(BCG, MODEL)
    error = found.frame["mcse"]
    assert (np.abs(found.frame["log_density"] - exact.frame["log_density"]) < 4.0 * error).all()
    assert abs(found.elpd - exact.elpd) < 4.0 * found.elpd_mcse
    assert list(found.influence["left_out"]) == list(exact.influence["left_out"])
    assert exact.elpd_mcse == 0.0


FILE = """
title = "BCG, seed {seed}"
question = "?"

[data]
dataset = "bcg"
scale = "log RR"

[model]
kind = "random-effects"

[engines]
exact = {{}}
nuts = {{ seed = {seed}, draws = 1000, tune = 1000 }}
"""


def plain(folder: Path) -> dict[str, bytes]:
    """Every file of a run by name, without seconds and hashes of files that hold seconds."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    found["manifest.json"] = SECONDS.sub("", found["manifest.json"].decode()).encode()
    del found["report.html"]  # which tells the seconds in words
    return found


@pytest.mark.slow
def test_a_killed_run_goes_on_without_repeating_a_finished_fit(tmp_path):
    files = []
    for seed in (1, 2):
        files.append(tmp_path / f"seed{seed}.toml")
        files[-1].write_text(FILE.format(seed=seed))
    out = tmp_path / "killed"
    words = [sys.executable, "-m", "poolwise.cli", "run", *map(str, files), "--out", str(out)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("seed2") and "NUTS" in line:
                running.send_signal(signal.SIGKILL)
                break
    assert not (out / "seed2" / "manifest.json").exists()
    whole = [pw.run(load_analysis(path), out=tmp_path / "whole" / path.stem) for path in files]
    assert [one.kept for one in whole] == [(), ()]
    again = [pw.run(load_analysis(path), out=out / path.stem) for path in files]
    assert [len(one.kept) for one in again] == [2, 0]  # the fit, and all files of the run that was finished
    assert again[0].kept[0].endswith("kept from an earlier run")
    for one, other in zip(whole, again, strict=True):
        assert plain(one.folder) == plain(other.folder)
        seconds = [json.loads(run.files["manifest.json"].read_text())["fits"] for run in (one, other)]
        assert [fit["label"] for fit in seconds[0]] == [fit["label"] for fit in seconds[1]]
