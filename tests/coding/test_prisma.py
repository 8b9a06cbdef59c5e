"""The flow of a review: its arithmetic, and its picture; the correlation that is assumed in one call."""

import matplotlib as mpl
import numpy as np
import pytest

import poolwise as pw
from coding.test_protocol import ROWS
from poolwise.coding import Average, Protocol, prisma
from poolwise.errors import InputError

mpl.use("agg")
FLOW = {
    "identified": {"databases": 130, "citations": 6},
    "removed": {"duplicates": 30},
    "screened": 106,
    "excluded": 58,
    "sought": 48,
    "assessed": 48,
    "excluded_reports": {"no statistic": 14, "other sample": 10},
    "reports": 24,  # 48 assessed, 24 eligible and 21 studies are those of the working alliance; the rest is made up
    "studies": 21,
}


def test_a_flow_that_adds_up_is_a_frame():
    frame = prisma(FLOW).frame.set_index("box")["n"]
    assert frame[["reports assessed", "reports", "studies", "samples"]].tolist() == [48, 24, 21, 21]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"screened": 107}, "screened is 107, and 136 identified less 30 removed make 106; sought is 48"),
        ({"reports": 25}, "reports is 25, and 48 assessed less 24 excluded make 24"),
        ({"studies": 30}, "studies is 30, more than the 24 reports"),
        ({"samples": 22}, "samples is 22, more than the 21 studies"),
        ({"excluded": -1}, "excluded = -1"),
        ({"assesed": 48}, "no box 'assesed'.*did you mean 'assessed'"),
        ({"assessed": None}, "lacks assessed"),
    ],
)
def test_what_does_not_add_up_is_told_by_its_box(changed, words):
    with pytest.raises(InputError, match=words):
        prisma({**FLOW, **changed})


def test_the_picture_has_each_number_in_a_box():
    ax = pw.plot.prisma(prisma(FLOW, title="Working alliance"))
    words = " ".join(text.get_text() for text in ax.texts).replace("\u00a0", " ")
    for number in (130, 6, 30, 106, 58, 48, 14, 10, 24, 21):
        assert f"(n = {number})" in words
    pw.plot.close(ax)


def test_the_assumed_correlation_moves_standard_errors_in_one_call():
    found = pw.checks.assumed_correlation(
        Protocol(ROWS), target="ZCOR", r=(0.5, 0.9), outcome="dropout", model=pw.CommonEffect(), engine=pw.ClosedForm()
    )
    assert found.frame[["r", "k"]].to_numpy().tolist() == [[0.5, 3], [0.9, 3]]
    own = Protocol(ROWS).effects(target="ZCOR", rule=Average(r=0.9), overlap=Average(r=0.9), outcome="dropout")
    weight = 1 / own.v
    assert found.frame["point"].iloc[1] == pytest.approx((weight @ own.y) / weight.sum(), rel=1e-12)
    assert np.all(found.spread[["lower", "upper"]] > 0)
