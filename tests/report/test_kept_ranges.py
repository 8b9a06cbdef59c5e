"""Ranges over reconstructed tables are kept: the same to the last bit, and never taken for others."""

from __future__ import annotations

import pandas as pd
import pytest

import poolwise as pw
from poolwise.report import KeptRanges

FRAMES = ("frame", "answers", "levels", "nuts", "searches", "panel")


@pytest.fixture(scope="module")
def found():
    rows = pw.datasets.published("working_alliance").query("outcome == 'recidivism'")
    tables = pw.reconstruct(rows, subgroups="setting", tables=4, seed=1)
    return tables, pw.checks.ranges(tables, pw.Subgroups("setting"), pw.Exact(), pw.ClosedForm())


def test_kept_ranges_are_the_same(found, tmp_path):
    tables, ranges = found
    KeptRanges(tmp_path / "ranges.kept", "basis").put(ranges, tables)
    kept = KeptRanges(tmp_path / "ranges.kept", "basis")
    taken, extremes = kept.take(tables, ranges.scale)
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(taken, name), getattr(ranges, name), check_exact=True)
    assert (taken.fits, taken.notes, taken.sentences) == (ranges.fits, ranges.notes, ranges.sentences)
    assert (extremes.y == tables.y).all()
    assert (extremes.se == tables.se).all()
    assert extremes.levels == tables.levels
    assert kept.said == ["the ranges over all tables were taken from 'ranges.kept'"]


def test_ranges_of_another_basis_or_damaged_ones_are_not_taken(found, tmp_path):
    tables, ranges = found
    path = tmp_path / "ranges.kept"
    KeptRanges(path, "basis").put(ranges, None)
    assert KeptRanges(path, "another").take(tables, ranges.scale) is None
    assert KeptRanges(path, "basis", fresh=True).take(tables, ranges.scale) is None
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    damaged = KeptRanges(path, "basis")
    assert damaged.take(tables, ranges.scale) is None
    assert damaged.said == ["every table was fitted again, as 'ranges.kept' cannot be read"]


def test_without_a_basis_nothing_is_kept(found, tmp_path):
    _, ranges = found
    KeptRanges(tmp_path / "ranges.kept", "").put(ranges, None)
    assert not (tmp_path / "ranges.kept").exists()
