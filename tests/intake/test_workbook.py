"""Workbooks as people keep them: what is seen is read, and what cannot be is told by its cell."""

import datetime

import numpy as np
import openpyxl
import pytest

import poolwise as pw
from poolwise.coding.protocol import read_table
from poolwise.errors import InputError, PoolwiseWarning

pytestmark = pytest.mark.filterwarnings("ignore:only 2 studies")
HEADER = ["Study", "n1", "m1", "sd1", "n2", "m2", "sd2"]
ROWS = [["A", 20, 11.3, 2.1, 22, 10.1, 2.2], ["B", 33, 12, 3, 30, 11, 2.9]]
PLAIN = pw.measures.effect_size(
    "SMD", **{name: [row[place] for row in ROWS] for place, name in enumerate(HEADER) if place}
)


@pytest.fixture
def book():
    return openpyxl.Workbook()


def filled(book, rows, sheet=None):
    own = book.active if sheet is None else book.create_sheet(sheet)
    for row in rows:
        own.append(row)
    return own


def effects(book, tmp_path, target="SMD", *, sheet=None, **words):
    book.save(tmp_path / "reports.xlsx")
    table = read_table(tmp_path / "reports.xlsx", sheet=sheet)
    return pw.Effects.from_statistics(table, target=target, decimal=None, **words)


def blank(cell):
    return None if cell == "" else cell


LAYOUTS = {
    "plain": [HEADER, *ROWS],
    "empty rows and columns around": [[], [], ["", *HEADER], [], *(["", *row] for row in ROWS), []],
    "a title above": [["Table 2. Outcomes"], HEADER, *ROWS],
    "numbers as text, with blanks": [HEADER, *([str(cell) + " " for cell in row] for row in ROWS)],
    "decimal commas as text": [HEADER, *([str(cell).replace(".", ",") for cell in row] for row in ROWS)],
    "two rows of headers": [["Study", "Treatment", "", "", "Control"], ["", "n", "M", "SD", "n", "M", "SD"], *ROWS],
    "cells as printed": [
        ["Study", "N T", "T M (SD)", "N C", "C M (SD)"],
        *([a, n1, f"{m1} ({s1})", n2, f"{m2} ± {s2}"] for a, n1, m1, s1, n2, m2, s2 in ROWS),
    ],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sheet_says_what_a_person_sees_in_it(book, tmp_path, layout):
    filled(book, [[blank(cell) for cell in row] for row in LAYOUTS[layout]])
    own = effects(book, tmp_path)
    np.testing.assert_allclose(own.y, PLAIN.y, rtol=1e-12)
    assert own.study == ("A", "B")


def test_merged_cells_hold_the_same_in_each_of_them(book, tmp_path):
    sheet = filled(book, [["Study", "outcome", "Treatment", None, None, "Control"],
                          [None, None, "n", "M", "SD", "n", "M", "SD"],
                          ["A", "x", *ROWS[0][1:]], [None, "y", *ROWS[1][1:]]])  # fmt: skip
    for area in ("A1:A2", "B1:B2", "C1:E1", "F1:H1", "A3:A4"):
        sheet.merge_cells(area)
    own = effects(book, tmp_path, outcome="outcome")
    assert own.study_as_given == ("A", "A")
    np.testing.assert_allclose(own.y, PLAIN.y, rtol=1e-12)
    assert any("merged cells were filled" in note and "A3:A4" in note for note in own.notes)


def test_a_percentage_is_what_is_seen_of_it(book, tmp_path):
    sheet = filled(book, [["Study", "n1", "events1", "n2", "events2"], ["A", 50, 0.26, 50, 0.4], ["B", 40, 6, 44, 9]])
    sheet["C2"].number_format, sheet["E2"].number_format = "0%", "0.0%"
    plain = pw.measures.effect_size("OR", events1=[13, 6], n1=[50, 40], events2=[20, 9], n2=[50, 44])
    np.testing.assert_allclose(effects(book, tmp_path, "OR").y, plain.y, rtol=1e-12)


def test_a_date_among_numbers_is_told_with_what_made_it(book, tmp_path):
    filled(book, [HEADER, ["A", 20, datetime.datetime(2024, 3, 1), 2.1, 22, 10.1, 2.2], ROWS[1]])
    with pytest.raises(InputError, match=r"'m1' is datetime.* for 'A' \(row 1\): try .*a spreadsheet makes dates"):
        effects(book, tmp_path)


def test_formulas_without_a_stored_result_are_named(book, tmp_path):
    filled(book, [HEADER, ["A", 20, "=5+6", 2.1, 22, 10.1, 2.2], ROWS[1]])
    with pytest.raises(InputError, match=r"C2 hold formulas whose results were never stored"):
        effects(book, tmp_path)


def test_hidden_and_empty_sheets_are_passed_over_and_others_named(book, tmp_path):
    book.active.title = "old"
    filled(book, [["Study", "r", "n"], ["Z", 0.1, 20]]).sheet_state = "hidden"
    book.create_sheet("empty")
    filled(book, [HEADER, *ROWS], "data")
    assert effects(book, tmp_path).study == ("A", "B")
    filled(book, [["code", "meaning"], ["x", "y"]], "codebook")
    with pytest.warns(PoolwiseWarning, match=r"the sheet 'data' of reports.xlsx was read, not 'codebook'"):
        assert effects(book, tmp_path).study == ("A", "B")
    assert effects(book, tmp_path, "ZCOR", sheet="old", allow_single=True).study == ("Z",)
    with pytest.raises(InputError, match=r"no sheet 'dat'.*did you mean 'data'"):
        effects(book, tmp_path, sheet="dat")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no sheet that holds anything"),
        ([HEADER], "has a header and no rows"),
        ([["Study", "n1", None], ["A", 20, 3]], r"column\(s\) 3 without a name"),
        ([["Study", "n1", "n1"], ["A", 20, 3]], "n1 more than once"),
        ([HEADER, ["A", 20, "#DIV/0!", 2.1, 22, 10.1, 2.2]], "'m1' is '#DIV/0!' for 'A'"),
        ([HEADER, ["A", 20, True, 2.1, 22, 10.1, 2.2]], "'m1' is True for 'A'"),
    ],
)
def test_a_sheet_that_holds_no_table_is_refused(book, tmp_path, rows, words):
    filled(book, rows)
    with pytest.raises(InputError, match=words):
        effects(book, tmp_path, allow_single=True)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"Study,n", "cannot be read"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "saving it as .xlsx"),
        ("a.csv", b"Study,n\nA,3", "sheet = 'x'"),
        ("b.xlsx", None, "there is no file"),
    ],
)
def test_what_is_no_workbook_is_told(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_table(tmp_path / name, sheet="x" if name == "a.csv" else None)


BODY = [["A", 20, 11, 2, 22, 10, 2], ["B", 30, 12, 3, 31, 11, 3]]
ARMS = [None, "Treatment", None, None, "Control", None, None]
OF_ARMS = [None, "n", "M", "SD", "n", "M", "SD"]
FLAT = ["Study", "n1", "m1", "sd1", "n2", "m2", "sd2"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([["Table 2. Outcomes"], ["Source", "updated 2020"], FLAT], "passed over above the header: 'Source'"),
        (
            [["Table 2"], ["Study", "Outcome: depression"], ARMS, OF_ARMS],
            "header of three rows: 'Study', 'Outcome: dep",
        ),
        ([["Table 2"], [], ["Study", *ARMS[1:]], OF_ARMS], "passed over above the header: 'Table 2'"),
    ],
)
def test_the_header_below_titles_and_of_three_rows_is_found_and_told(book, tmp_path, rows, told):
    path = tmp_path / "deep.xlsx"
    for row in [*rows, *BODY]:
        book.active.append(row)
    book.save(path)
    own = pw.Effects.from_statistics(read_table(path), target="SMD", allow_single=True)
    expected = pw.measures.effect_size("SMD", **dict(zip(FLAT[1:], np.array(BODY)[:, 1:].T.astype(float), strict=True)))
    np.testing.assert_allclose(own.y, expected.y)
    assert told in " ".join(own.notes)
