"""The template is a file that the protocol is read from."""

import openpyxl
import pytest

import poolwise as pw
from poolwise.coding.fields import FIELDS
from poolwise.coding.template import STATISTICS
from poolwise.errors import InputError
from poolwise.intake.headers import recognised
from poolwise.measures.reports import DOMAINS, NEIGHBOURS
from poolwise.measures.reports import ways as ways_to

CALLED = {"z": "z_value", "level": "ci_level"}


def filled(path):
    header = path.read_text().strip().split(",")
    cells = {"report": "A 2001", "study": "A", "outcome": "dropout", "direction": "same", "r": "0.2", "n": "80"}
    path.write_text(",".join(header) + "\n" + ",".join(cells.get(name, "") for name in header) + "\n")


def test_what_the_template_holds_is_read(tmp_path):
    path = pw.coding.template(tmp_path / "protocol.csv")
    filled(path)
    effects = pw.coding.read(path).effects(target="COR", allow_single=True)
    assert effects.y.tolist() == [0.2]


def test_a_filled_template_is_never_written_over(tmp_path):
    path = pw.coding.template(tmp_path / "protocol.csv")
    with pytest.raises(InputError, match="exists already"):
        pw.coding.template(path)


def test_the_workbook_has_drop_downs_and_explains_each_field(tmp_path):
    book = openpyxl.load_workbook(pw.coding.template(tmp_path / "protocol.xlsx"))
    lists = book["results"].data_validations.dataValidation
    assert len(lists) == sum(bool(own.words) for own in FIELDS)
    assert {own.name for own in FIELDS} <= {row[0].value for row in book["fields"].iter_rows()}


def test_a_filled_workbook_is_read(tmp_path):
    path = pw.coding.template(tmp_path / "protocol.xlsx")
    book = openpyxl.load_workbook(path)
    header = [cell.value for cell in book["results"][1]]
    cells = {"report": "A 2001", "study": "A", "outcome": "dropout", "direction": "reversed", "r": 0.2, "n": 80}
    book["results"].append([cells.get(name) for name in header])
    book.save(path)
    effects = pw.coding.read(path).effects(target="COR", allow_single=True)
    assert effects.y.tolist() == [-0.2]


def test_what_is_no_workbook_is_told(tmp_path):
    path = tmp_path / "protocol.xlsx"
    path.write_text("report,study")
    with pytest.raises(InputError, match=r"'protocol\.xlsx' cannot be read"):
        pw.coding.read(path)


def test_every_statistic_that_leads_to_an_effect_has_its_column_and_no_other():
    ways = {name for target in NEIGHBOURS for way in ways_to(target) for name in way.needs}
    assert set(STATISTICS) == {CALLED.get(name, name) for name in (*ways, "level")}
    assert {"chi2", "phi", "r_pre_post", "sd_pre1", "sign"} <= ways <= set(DOMAINS)


def test_what_stands_in_the_template_is_known_by_its_own_name():
    names = {header: name for name, header in CALLED.items()}
    assert recognised(STATISTICS) == {header: names.get(header, header) for header in STATISTICS}
