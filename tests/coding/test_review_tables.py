"""Tables 1 and 2 of a review, and their files."""

import numpy as np
import pandas as pd
import pytest

from coding.test_protocol import ROWS, R
from poolwise import coding
from poolwise.errors import InputError


def test_characteristics_have_one_row_for_each_study():
    frame = coding.characteristics(coding.Protocol(ROWS)).set_index("study")
    assert frame.loc["Ash", ["rater", "outcome", "n"]].tolist() == ["client + therapist", "dropout + recidivism", 80]
    assert frame.loc["Birch", "reports"] == "Birch 2003 + Birch 2005"


def test_results_are_told_on_the_scale_that_is_read():
    protocol = coding.Protocol(ROWS)
    rule = coding.Average(r=R)
    effects = protocol.effects(target="ZCOR", rule=rule, overlap=rule, outcome="dropout")
    frame = coding.study_results(effects)
    np.testing.assert_allclose(frame["correlation"], np.tanh(effects.y))
    assert (frame["lower"] < frame["correlation"]).all()
    assert frame["derivation"].str.contains("ZCOR from r").all()


@pytest.mark.parametrize(
    ("ending", "escaped"), [(".csv", "A & B <1>"), (".html", "A &amp; B &lt;1&gt;"), (".tex", r"A \& B")]
)
def test_files_escape_what_their_format_would_read(tmp_path, ending, escaped):
    frame = pd.DataFrame({"study": ["A & B <1>"], "50 %": [0.5]})
    path = coding.write_table(frame, tmp_path / f"table{ending}")
    assert escaped in path.read_text(encoding="utf-8")
    with pytest.raises(InputError, match="exists already"):
        coding.write_table(frame, path)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"one of .csv, .html, .tex"):
        coding.write_table(pd.DataFrame(), tmp_path / "table.docx")
