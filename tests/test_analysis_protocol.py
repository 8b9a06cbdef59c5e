"""An analysis file whose data are a coding protocol: rules, the flow of the review, and what the report shows of it."""

import json

import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import AnalysisError
from poolwise.report import faults
from support.pages import text_of

PROTOCOL = """report,study,sample,outcome,measure,rater,timepoint,design,jurisdiction,adjusted,direction,page,n1,m1,sd1,n2,m2,sd2,r,n,or,lower,upper
Ash 2001,Ash,Ash cohort,dropout,WAI,client,start,cohort,Canada,no,same,p. 12,20,11.0,2.0,20,10.0,2.0,,,,,
Ash 2001,Ash,Ash cohort,dropout,WAI,therapist,start,cohort,Canada,no,same,p. 12,20,10.6,2.0,20,10.0,2.0,,,,,
Ash 2004,Ash,Ash cohort,dropout,WAI,client,start,cohort,Canada,no,same,p. 3,19,10.9,2.1,18,10.1,2.0,,,,,
Birch 2010,Birch,,dropout,DRI,client,end,randomised,Norway,no,reversed,Table 2,,,,,,,-0.25,90,,,
Cedar 2013,Cedar,,dropout,WAI-SR,client,middle,cohort,Spain,yes,same,Table 4,,,,,,,,,1.8,1.1,2.945
Elm <2015>,Elm <E>,,dropout,WAI,observer,start,cohort,Malta,no,same,p. 7,33,10.5,2.0,35,10.0,2.0,,,,,
Fir 2016,Fir,,misconduct,WAI,client,start,cohort,Malta,no,same,p. 9,40,10.5,2.0,35,10.2,2.1,,,,,
"""  # noqa: E501
ANALYSIS = """title = "Alliance and dropout"
question = "Do clients with a better alliance stay?"

[data]
outcome = "dropout"
protocol = { file = "protocol.csv", target = "SMD", prob = 0.95, rule = { Average = 0.7 }, overlap = { Average = 0.7 } }

[data.flow]
identified = { databases = 120, citations = 14 }
removed = { duplicates = 34 }
screened = 100
excluded = 60
sought = 40
not_retrieved = 2
assessed = 38
excluded_reports = { "no alliance" = 20, "no outcome" = 12 }
reports = 6
studies = 5

[model]
kind = "random-effects"

[engines]
closed_form = [{ tau2 = "REML" }]
exact = {}
"""


pytestmark = pytest.mark.filterwarnings("ignore:adjusted and unadjusted estimates are mixed")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "protocol.csv").write_text(PROTOCOL, encoding="utf-8")
    (tmp_path / "dropout.toml").write_text(ANALYSIS, encoding="utf-8")
    return tmp_path


def test_a_file_reads_what_the_protocol_makes_by_its_rules(folder):
    analysis = pw.load_analysis(folder / "dropout.toml")
    rule = pw.coding.Average(r=0.7)
    protocol = pw.coding.read(folder / "protocol.csv")
    same = protocol.effects(target="SMD", rule=rule, overlap=rule, outcome="dropout", prob=0.95)
    assert analysis.effects.data_hash == same.data_hash
    assert analysis.effects.study == ("Ash", "Birch", "Cedar", "Elm <E>")
    assert analysis.flow.sentence.startswith("Of 134 records identified, 100 were screened and 38 reports assessed")
    assert analysis.inputs[1].name == "protocol.csv"


def test_every_result_may_be_kept_apart_with_their_covariance(folder):
    text = ANALYSIS.replace("rule = { Average = 0.7 }, overlap = { Average = 0.7 }", "apart = 0.6")
    (folder / "dropout.toml").write_text(text.replace('closed_form = [{ tau2 = "REML" }]\n', ""), encoding="utf-8")
    effects = pw.load_analysis(folder / "dropout.toml").effects
    assert effects.k == 6
    assert effects.covariance[0, 1] == pytest.approx(0.6 * effects.se[0] * effects.se[1])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (", rule = { Average = 0.7 }, overlap = { Average = 0.7 }", "", "overlap=..., a rule for samples"),
        ("rule = { Average = 0.7 }", "rule = { Mean = 0.7 }", r"data\.protocol\.rule\.Mean: unknown key"),
        ("rule = { Average = 0.7 }", "rule = {}", r"no rule.*one of Average, Largest, FirstReport"),
        ("rule = { Average = 0.7 }", "rule = { Average = 1.0 }", r"data\.protocol\.rule\.Average"),
        ("rule = { Average = 0.7 }", "apart = 0.3", "'apart' and 'overlap' are both given"),
        ('"protocol.csv"', '"protocl.csv"', "did you mean 'protocol.csv'"),
        ('target = "SMD"', 'target = "SMDD"', "did you mean 'SMD'"),
        ('outcome = "dropout"', 'outcome = "dropuot"', "did you mean 'dropout'"),
        ("screened = 100", "screened = 101", r"data\.flow: the flow does not add up: screened is 101"),
        ("studies = 5", 'studies = "five"', r"data\.flow"),
        ('outcome = "dropout"', 'scale = "SMD"\noutcome = "dropout"', "target = 'SMD' tells it"),
    ],
)
def test_what_is_wrong_with_a_protocol_is_told_with_its_key(folder, old, new, words):
    path = folder / "dropout.toml"
    path.write_text(ANALYSIS.replace(old, new), encoding="utf-8")
    with pytest.raises(AnalysisError, match=words):
        pw.load_analysis(path)


def test_a_flow_beside_reconstructed_tables_is_refused_since_no_report_would_show_it(folder):
    other = "reconstruct = { published = 'working_alliance', outcome = 'dropout', seed = 1 }"
    text = ANALYSIS.replace('outcome = "dropout"\n', "", 1)
    lines = [other if line.startswith("protocol =") else line for line in text.splitlines()]
    (folder / "dropout.toml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(AnalysisError, match="'flow' is given beside 'reconstruct'"):
        pw.load_analysis(folder / "dropout.toml")


def test_the_report_shows_the_flow_the_studies_and_each_way_from_page_to_y(folder):
    done = pw.run(pw.load_analysis(folder / "dropout.toml"), out=folder / "run")
    page = text_of(done.report)
    assert page.index('id="review"') < page.index('id="data"') < page.index('id="derivations"')
    assert "Of 134 records identified" in page
    assert "<summary><span>mean of 3 results with r = 0.7 between them: [Ash 2001" in page
    assert "Elm &lt;2015&gt;" in page
    assert "1 of them is adjusted for other variables" in page
    ways = pd.read_csv(done.files["derivations.csv"])
    assert ways["derivation"][1].startswith("ZCOR from r = -0.25, n = 90; ")
    assert ways["derivation"][1].endswith("; direction reversed")
    assert ways["page"].tolist() == ["p. 12 + p. 3", "Table 2", "Table 4", "p. 7"]
    made = pd.read_csv(done.files["characteristics.csv"])
    assert made[["study", "reports", "n"]].iloc[0].tolist() == ["Ash", "Ash 2001 + Ash 2004", 40]
    files = set(json.loads(done.files["manifest.json"].read_text(encoding="utf-8"))["files"])
    assert files >= {"prisma.svg", "prisma.png", "prisma.csv", "characteristics.csv", "study_results.csv"}
    assert faults(done.folder) == ()


def test_a_report_on_estimates_has_neither_section(tmp_path):
    path = tmp_path / "plain.toml"
    plain = ANALYSIS[: ANALYSIS.index("[data]")] + '[data]\ndataset = "bcg"\n' + ANALYSIS[ANALYSIS.index("[model]") :]
    path.write_text(plain, encoding="utf-8")
    done = pw.run(pw.load_analysis(path), out=tmp_path / "run")
    assert not {"derivations.csv", "prisma.csv", "characteristics.csv"} & set(done.files)
    assert 'id="derivations"' not in text_of(done.report)


def test_a_file_tells_rules_of_single_samples_and_leaves_adjusted_estimates_out(folder):
    text = ANALYSIS.replace("overlap = { Average = 0.7 }", 'overlap_of = { "Ash cohort" = { Largest = 0.5 } }')
    text = text.replace("prob = 0.95,", "prob = 0.95, without_adjusted = true,")
    (folder / "dropout.toml").write_text(text, encoding="utf-8")
    effects = pw.load_analysis(folder / "dropout.toml").effects
    assert effects.study == ("Ash", "Birch", "Elm <E>")
    assert effects.derivation[0].startswith("largest sample, n = 40; mean of 2 results with r = 0.5")
    (folder / "dropout.toml").write_text(text.replace('"Ash cohort"', '"Ash chort"'), encoding="utf-8")
    with pytest.raises(AnalysisError, match=r"overlap_of\.Ash chort: no sample 'Ash chort' is shared.*Ash cohort"):
        pw.load_analysis(folder / "dropout.toml")
