"""One table gives one answer by every way in."""

from __future__ import annotations

import csv
import io
import warnings
from collections import deque
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import poolwise as pw
from poolwise import Effects

Frame = dict[str, list]
TOML = """
title = "One table"
question = "Is it the same by every way in?"
[data]
csv = "own.csv"
scale = "SMD"
[model]
kind = "meta-regression"
moderators = ["dose", "setting", "outcome"]
tau = { HalfNormal = 0.5 }
[engines]
exact = {}
"""
SPELLINGS = {
    "as they are": lambda cell: cell,
    "text": lambda cell: cell if isinstance(cell, str) else repr(cell),
    "text with a Unicode minus": lambda cell: cell if isinstance(cell, str) else repr(cell).replace("-", "−"),
    "decimals": lambda cell: cell if isinstance(cell, str) else Decimal(repr(cell)),
}
HOLDERS = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "deque": deque,
    "dict view": lambda cells: dict(enumerate(cells)).values(),
    "series": pd.Series,
    "index": pd.Index,
    "nullable": lambda cells: pd.Series(cells).convert_dtypes(),
    "masked": lambda cells: np.ma.masked_array(np.array(cells, dtype=object), mask=[cell is None for cell in cells]),
    "xarray": lambda cells: xr.DataArray(np.array(cells, dtype=object), dims="row"),
}


@st.composite
def tables(draw: st.DrawFn) -> Frame:
    k = draw(st.integers(6, 12))
    names = draw(st.lists(st.integers(0, 10**6), min_size=k, max_size=k, unique=True))

    def column(cells: st.SearchStrategy) -> list:
        return draw(st.lists(cells, min_size=k, max_size=k))

    return {
        "study": [f"Å {name}" for name in names],
        "y": column(st.floats(-4, 4).map(lambda x: round(x, 3) + 0.0)),
        "se": column(st.floats(0.01, 3).map(lambda x: round(x, 3))),
        "n": column(st.integers(5, 10**6)),
        "outcome": [*"aabb", *column(st.sampled_from("ab"))[4:]],
        "dose": [0.0, 1.0, 3.0, 7.0, *column(st.floats(-1e3, 1e3).map(lambda x: round(x, 2)))[4:]],
        "setting": [*"uvvu", *column(st.sampled_from("uv"))[4:]],
    }


def by_columns(frame: Frame) -> Effects:
    moderators = {name: frame[name] for name in ("dose", "setting")}
    rest = {name: frame[name] for name in ("se", "n", "study", "outcome")}
    return Effects(frame["y"], **rest, moderators=moderators, scale="SMD")


def by_frame(frame: object) -> Effects:
    return Effects.from_frame(frame, se="se", n="n", outcome="outcome", moderators=["dose", "setting"], scale="SMD")


def same(one: Effects, other: Effects) -> bool:
    return (
        one.data_hash == other.data_hash
        and one.study == other.study
        and one.outcome == other.outcome
        and np.array_equal(one.y, other.y)
        and np.array_equal(one.se, other.se)
        and np.array_equal(one.n, other.n)
        and one.moderators.astype(object).equals(other.moderators.astype(object))
    )


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        yield


@settings(max_examples=15, deadline=None)
@given(tables(), st.sampled_from(list(HOLDERS)), st.sampled_from(list(SPELLINGS)))
def test_columns_in_any_container_and_spelling(frame, holder, spelling):
    whole = by_columns(frame)
    spelled = {name: [SPELLINGS[spelling](cell) for cell in cells] for name, cells in frame.items()}
    assert same(by_columns({name: HOLDERS[holder](cells) for name, cells in spelled.items()}), whole)


@settings(max_examples=15, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_labelled_columns_in_any_order_of_their_labels(frame, random):
    def shuffled(cells: list, values: list) -> pd.Series:
        order = random.sample(range(len(cells)), len(cells))
        return pd.Series([values[row] for row in order], index=[cells[row] for row in order])

    loose = {name: shuffled(frame["study"], cells) for name, cells in frame.items() if name != "study"}
    assert same(by_columns({**loose, "study": frame["study"]}), by_columns(frame))


@settings(max_examples=15, deadline=None)
@given(tables())
def test_frames_of_any_library(frame):
    pyarrow = pytest.importorskip("pyarrow")
    whole = by_columns(frame)
    pandas = pd.DataFrame(frame)
    for other in (
        frame,
        pandas,
        pandas.set_index("study"),
        pandas.convert_dtypes(dtype_backend="pyarrow"),
        pandas.to_dict("records"),
        pyarrow.table(frame),
        pandas.set_index("study").to_xarray(),
    ):
        assert same(by_frame(other), whole)


class Frames:
    """As much of a frame of polars as is asked for: names, and columns with a `to_list` each."""

    def __init__(self, columns: Frame) -> None:
        self.columns, self._cells = list(columns), columns

    def get_column(self, name: str) -> object:
        return type("Series", (), {"to_list": lambda _: self._cells[name], "name": name})()


def test_a_frame_with_the_methods_of_polars():
    frame = {"study": list("abc"), "y": [0.1, 0.2, 0.4], "se": [0.1, 0.1, 0.2], "g": ["u", "v", "u"]}
    whole = Effects.from_frame(pd.DataFrame(frame), se="se", moderators=["g"])
    assert Effects.from_frame(Frames(frame), se="se", moderators=["g"]).data_hash == whole.data_hash
    lent = Frames(frame)
    again = Effects(
        lent.get_column("y"), se=lent.get_column("se"), study=list("abc"), moderators=Frames({"g": list("uvu")})
    )
    assert again.data_hash == whole.data_hash


def written(frame: Frame, delimiter: str, decimal: str) -> str:
    file = io.StringIO()
    lines = csv.writer(file, delimiter=delimiter)
    lines.writerow(frame)
    for row in zip(*frame.values(), strict=True):
        lines.writerow([cell if isinstance(cell, str) else repr(cell).replace(".", decimal) for cell in row])
    return file.getvalue()


@settings(max_examples=12, deadline=None)
@given(tables(), st.sampled_from([(",", "."), (";", ","), ("\t", ","), ("|", "."), (",", ",")]), st.booleans())
def test_a_file_from_python_and_from_an_analysis(frame, marks, wide):
    whole = by_columns(frame)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "own.csv"
        path.write_text(written(frame, *marks), encoding="utf-16" if wide else "utf-8")
        said = {} if any(repr(x)[-4:-3] != "." for x in frame["y"] + frame["se"]) else {"decimal": marks[1]}
        assert same(pw.read_csv(path, moderators=["dose", "setting"], scale="SMD", **said), whole)
        (Path(folder) / "q.toml").write_text(
            TOML if not said else TOML.replace('"own.csv"', f"{{ file = 'own.csv', decimal = '{marks[1]}' }}")
        )
        assert same(pw.load_analysis(Path(folder) / "q.toml").effects, whole)


def test_counts_by_every_way_in(tmp_path):
    events, totals = [[4, 11], [6, 29], [3, 11]], [[123, 139], [306, 303], [231, 220]]
    whole = Effects.from_counts(events, totals, study=list("abc"))
    frame = pd.DataFrame(np.hstack([events, totals]), columns=["a", "c", "n1", "n0"], index=list("abc"))
    frame.rename_axis("study").to_csv(tmp_path / "counts.csv")
    read = pw.read_csv(tmp_path / "counts.csv", events=("a", "c"), totals=("n1", "n0"), scale="log OR")
    mirrored = Effects.from_counts(frame[["a", "c"]], frame[["n1", "n0"]].iloc[::-1])
    columns = Effects.from_counts(
        {"t": [4, 6, 3], "c": [11, 29, 11]}, {"c": [139, 303, 220], "t": [123, 306, 231]}, study=list("abc")
    )
    lines = Effects.from_counts((row for row in events), (tuple(row) for row in totals), study=iter("abc"))
    assert {other.data_hash for other in (read, mirrored, columns, lines)} == {whole.data_hash}
