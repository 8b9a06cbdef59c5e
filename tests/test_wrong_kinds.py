"""What is handed in as something else than it should be: refused in words, whatever the door."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import poolwise as pw

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")

BCG = pw.datasets.load("bcg")
ONE = pw.Effects([0.1], se=[0.1], study=["A"], scale="SMD", allow_single=True)
CODES = pd.DataFrame({"unit": ["a", "b"], "code": [1, 2]})


def exact():
    return pw.fit(BCG)


def raising(_: object) -> object:
    return 1 / 0


WRONG = {
    "no statistic to foretell": (lambda _: pw.checks.posterior_predictive(exact(), ()), "statistics = "),
    "a number as statistic": (lambda _: pw.checks.posterior_predictive(exact(), {"a": 3}), "statistics = "),
    "text of a statistic": (
        lambda _: pw.checks.posterior_predictive(exact(), {"a": lambda y, se: "x"}),
        "the statistic 'a' was given 'x'",
    ),
    "the one study left out": (lambda _: pw.checks.loo(pw.fit(ONE)), "with k = 1 no study can be left out"),
    "the one study without the others": (lambda _: pw.checks.leave_one_out(ONE), "the others tell no mean effect"),
    "a result as the table of a panel": (lambda _: pw.checks.prior_panel(exact()), "Try: prior_panel(result.effects"),
    "a result as the table of an average": (lambda _: pw.average(exact()), "Try: pw.average(result.effects"),
    "a result to plan from": (lambda _: pw.simulate.next_study(exact(), se=0.1), "next_study(result.effects"),
    "a frame to plan from": (lambda _: pw.simulate.further_studies(CODES), "Effects.from_frame(frame"),
    "a number as limits of a reconstruction": (
        lambda _: pw.reconstruct({"k": 5, "d": 0.3, "se": 0.1, "q": 6.0}, plausible=3),
        "plausible is int",
    ),
    "a number as protocol": (lambda _: pw.checks.assumed_correlation(3, target="SMD"), "was given int"),
    "a density that raises": (lambda _: pw.priors.Density(raising, "broken"), "division by zero"),
    "a number as path": (lambda _: pw.coding.read(3), "a table was to be read from 3"),
    "a number as flow": (lambda _: pw.coding.prisma(3), "the flow is 3"),
    "a number as codes": (lambda _: pw.coding.agreement(CODES, 3, key="unit"), "the second coder's table is int"),
    "a number as coded studies": (lambda _: pw.coding.characteristics(3), "characteristics was given int"),
    "a number as results": (lambda _: pw.coding.study_results(3), "study_results was given int"),
    "a number as table": (lambda folder: pw.coding.write_table(3, folder / "a.csv"), "write_table was given int"),
    "no folder": (lambda folder: pw.coding.write_table(CODES, folder / "no" / "a.csv"), "cannot be written"),
    "a number as place of a table": (lambda _: pw.coding.write_table(CODES, 3), "was to be written to 3"),
    "axes that are a number": (lambda _: pw.plot.forest(exact(), ax=3), "ax was given int"),
    "a threshold that is text": (lambda _: pw.plot.forest(exact(), threshold="x"), "threshold = 'x'"),
    "a picture of a number": (lambda _: pw.plot.prisma(3), "plot.prisma was given int"),
}


@pytest.mark.parametrize("case", WRONG)
def test_another_kind_of_thing_is_refused_in_words(case, tmp_path: Path):
    ask, words = WRONG[case]
    with pytest.raises(pw.PoolwiseError) as error:
        ask(tmp_path)
    assert words in str(error.value)


COLUMNS = {"y": 3, "moderators": 3, "cluster": [1], "study": ["a"], "n": True}


@pytest.mark.parametrize("role", COLUMNS)
def test_what_names_no_column_of_a_file_is_refused(role, tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_text("study,y,se\na,0.1,0.1\nb,0.2,0.1\n")
    with pytest.raises(pw.PoolwiseError, match=f"{role} = "):
        pw.read_csv(path, **{role: COLUMNS[role]})
    with pytest.raises(pw.PoolwiseError, match="y is None"):
        pw.read_csv(path, y=None)


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n"])
def test_the_delimiter_that_excel_writes_above_the_header_is_taken(first, tmp_path: Path):
    path = tmp_path / "excel.csv"
    path.write_bytes((first + "study;y;se\na;0,1;0,1\nb;0,2;0,1\nc;0,4;0,2\n").encode())
    np.testing.assert_allclose(pw.read_csv(path).y, [0.1, 0.2, 0.4])
    path.write_bytes((first + "study;y;se\na;0,1;0,1;9\n").encode())
    with pytest.raises(pw.PoolwiseError, match="line 3, has 4 cells"):
        pw.read_csv(path)


PLACES = pd.DataFrame({"quantity": ["mu"], "u": [0.5]})
BEYOND = {
    "simulations": (
        lambda: pw.simulate.operating_characteristics(
            BCG, {"REML": (pw.RandomEffects(), pw.ClosedForm())}, truth={"mu": [0]}, replications=10**12
        ),
        "1000000000000 replications would take at least",
    ),
    "studies": (lambda: pw.simulate.Design(k=10**10, se=0.1), "a design of 10000000000 studies would take at least"),
    "no frame": (lambda: pw.simulate.uniformity(3), "uniformity was given int"),
    "another frame": (lambda: pw.simulate.ecdf(CODES), "without the column(s) quantity, u"),
    "half a pair": (lambda: pw.simulate.paired(PLACES, 3), "without the column(s) simulation, truth"),
    "no model": (lambda: pw.simulate.prior_tables(3, BCG), "prior_tables was given int as its model"),
    "no protocol": (lambda: pw.coding.Protocol(3), "Protocol was given int"),
}


@pytest.mark.parametrize("case", BEYOND)
def test_simulations_ask_for_memory_and_for_what_they_can_use(case):
    ask, words = BEYOND[case]
    with pytest.raises(pw.PoolwiseError) as error:
        ask()
    assert words in str(error.value)
