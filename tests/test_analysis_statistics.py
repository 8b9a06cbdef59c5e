"""An analysis file whose data are reported statistics, and the command that shows the study table they make."""

import pandas as pd
import pytest

import poolwise as pw
from poolwise import cli
from poolwise.errors import AnalysisError

REPORTS = """author;N Treatment;N Control;M Treatment;SD Treatment;M Control;SD Control;p;r;N;dose
Ash;20;20;11,0;2,0;10,0;2,0;;;;1
Birch;30;28;;;;;-0,03;;;2
Cedar;;;;;;;;0,25;90;3
Elm;33;35;10,5;2,0;10,0;2,0;;;;4
Fir;40;35;10,5;2,0;10,2;2,1;;;;2
"""
ANALYSIS = """title = "Mixed reports"
question = "What do five mixed reports say?"

[data]
statistics = { file = "reports.csv", target = "SMD", sides = 2, decimal = "," }

[model]
kind = "meta-regression"
moderators = ["dose"]

[engines]
exact = {}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "reports.csv").write_text(REPORTS, encoding="utf-8")
    (tmp_path / "mixed.toml").write_text(ANALYSIS, encoding="utf-8")
    return tmp_path


def test_a_file_reads_what_from_statistics_reads(folder):
    effects = pw.load_analysis(folder / "mixed.toml").effects
    frame = pd.read_csv(folder / "reports.csv", sep=";", dtype=str)
    same = pw.Effects.from_statistics(frame, target="SMD", sides=2, decimal=",", moderators=["dose"])
    assert effects.data_hash == same.data_hash
    assert effects.derivation == same.derivation
    assert effects.scale.name == "SMD"


def test_the_decimal_mark_is_found_where_none_is_told(folder, capsys):
    effects = pw.load_analysis(folder / "mixed.toml").effects
    path = folder / "found.toml"
    path.write_text(ANALYSIS.replace(', decimal = ","', ""), encoding="utf-8")
    assert pw.load_analysis(path).effects.derivation == effects.derivation
    assert cli.main(["effects", str(folder / "reports.csv"), "--target", "SMD", "--sides", "2"]) == 0
    assert "note: the table was read with the delimiter ';' and the decimal mark ','" in capsys.readouterr().out


def test_results_keep_the_way_of_each_study(folder):
    result = pw.fit(pw.load_analysis(folder / "mixed.toml").effects, pw.RandomEffects(), pw.Exact())
    ways = pw.tables.studies(result)["derivation"]
    assert ways[1].startswith("SMD from p = -0.03, n1 = 30, n2 = 28")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ('target = "SMDD"', r"data.statistics: target='SMDD' is unknown.*did you mean 'SMD'"),
        ('target = "SMD", colums = {}', r"data.statistics.colums: unknown key.*did you mean 'columns'"),
        ('target = "SMD", study = "autor"', "no column 'autor'.*did you mean 'author'"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(folder, wrong, words):
    path = folder / "mixed.toml"
    path.write_text(ANALYSIS.replace('target = "SMD"', wrong), encoding="utf-8")
    with pytest.raises(AnalysisError, match=words):
        pw.load_analysis(path)


def test_a_scale_beside_a_target_is_refused(folder):
    path = folder / "mixed.toml"
    path.write_text(ANALYSIS.replace("[data]\n", '[data]\nscale = "SMD"\n'), encoding="utf-8")
    with pytest.raises(AnalysisError, match="target = 'SMD' tells it"):
        pw.load_analysis(path)


def test_the_command_explains_each_row_and_writes_a_new_table_only(folder, capsys):
    out = folder / "effects.csv"
    words = [
        "effects",
        str(folder / "reports.csv"),
        "--target",
        "SMD",
        "--sides",
        "2",
        "--decimal",
        ",",
        "--out",
        str(out),
    ]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "Cedar (row 3): ZCOR from r = 0.25, n = 90; Fisher z to r" in said
    assert pd.read_csv(out)["derivation"].str.len().min() > 10
    assert cli.main(words) != 0
    assert "exists" in capsys.readouterr().err


def test_a_workbook_is_read_by_its_sheet(folder):
    frame = pd.read_csv(folder / "reports.csv", sep=";", dtype=str)
    with pd.ExcelWriter(folder / "reports.xlsx") as book:
        frame.head(1).to_excel(book, sheet_name="codes", index=False)
        frame.to_excel(book, sheet_name="data", index=False)
    path = folder / "book.toml"
    path.write_text(ANALYSIS.replace('"reports.csv",', '"reports.xlsx", sheet = "data",'), encoding="utf-8")
    plain = pw.load_analysis(folder / "mixed.toml").effects
    assert pw.load_analysis(path).effects.y.tolist() == plain.y.tolist()
    path.write_text(ANALYSIS.replace('"reports.csv",', '"reports.xlsx", sheet = "date",'), encoding="utf-8")
    with pytest.raises(AnalysisError, match=r"data.statistics: reports.xlsx has no sheet 'date'.*did you mean 'data'"):
        pw.load_analysis(path)
