"""What people read: names keep their letters, quantities their symbols, probabilities their side."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise import bias, checks, show
from poolwise.cli import main
from poolwise.report import words
from poolwise.terminal import print_table

ROOT = Path(__file__).parents[1]
SPELT = (
    "Roever", "Bartos", "Buerkner", "Schoenbrodt", "Bjorkestol", "Saeilynoja", "Lopez-Lopez", "Fernandez-Castilla",
    "Gotzsche", "Sanchez-Meca", "Marin-Martinez", "Ruecker", "Drmac", "Ozdemir", "Juarez", "Fruehwirth",
)  # fmt: skip


def test_names_of_authors_keep_their_letters():
    files = [ROOT / "README.md", *(ROOT / "src").rglob("*.py"), *(ROOT / "models").glob("*.toml")]
    files += (ROOT / "notebooks").glob("*.ipynb")
    bare = re.compile(rf"\b({'|'.join(SPELT)})\b")
    found = {file.name: names for file in files if (names := bare.findall(file.read_text(encoding="utf-8")))}
    assert not found


QUANTITIES = ("mu", "tau", "theta_new", "mu_spread", "tau_spread", "tau_between", "tau_within", "omega", "I2", "H2")
CODE = re.compile(rf"\b(?:{'|'.join([*QUANTITIES, 'beta', 'gamma', 'theta', 'tau2'])})\b")
SCALES = ("SMD", "log OR", "Fisher z", "log rate", "logit", "MD")
MODELS = ("bcg", "bcg_latitude", "magnesium", "adherence", "joint_outcomes", "assink_three_level")


def said(results, panel=None):
    """Every sentence that these objects print."""
    texts = [str(result) for result in results]
    texts += [re.sub(r"<[^>]+>", " ", result._repr_html_()) for result in results]
    if panel is not None:
        texts += [*panel.sentences, repr(panel), re.sub(r"<[^>]+>", " ", panel._repr_html_())]
    return [re.sub(r"\s+", " ", text) for text in texts]


@pytest.fixture(scope="module")
def bcg():
    return pw.datasets.load("bcg")


def check(texts):
    """No sign of inequality after "is" or "from", no name of code, and no probability of the less likely side."""
    for text in texts:
        assert not re.search(r"\b(is|to|from|between|probability) [<>]", text), text
        assert not CODE.search(re.sub(r"\[[^]]*\]|“[^”]*”|<[A-Z]\w+.*", "", text)), text
        for chance in re.findall(r"(?:with probability|probability that .*? is)(?: more than)? (\d\.\d+)", text):
            assert float(chance) >= 0.5, text
        for before in re.findall(r"([^;]*) with probability", re.sub(r"“[^”]*”", "", text)):
            assert re.search(r"(below|above) [−\d.]+ *(\(\))?$", before), text


@pytest.mark.parametrize("name", MODELS)
def test_results_of_the_packaged_questions_speak_in_one_vocabulary(name):
    analysis = pw.load_analysis(ROOT / "models" / f"{name}.toml")
    quick = [fit for fit in analysis.fits if not isinstance(fit.engine, pw.NUTS)]
    check(said([pw.fit(analysis.effects, fit.model, fit.engine) for fit in quick]))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("scale", SCALES)
def test_the_side_that_is_named_is_that_of_the_median(scale, sign):
    y = sign * np.array([0.31, 0.12, 0.44, 0.2])
    effects = pw.Effects(y, se=[0.11, 0.2, 0.19, 0.1], scale=scale, directions=("worse", "better"))
    result = pw.fit(effects, pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5)), pw.Exact())
    tau = [pw.priors.HalfNormal(0.25), pw.priors.HalfNormal(1.0)]
    panel = pw.checks.prior_panel(effects, result.model, priors=tau)
    check(said([result], panel))
    if effects.scale.null_value is not None:
        side = "above" if sign > 0 else "below"
        assert f"{side} " in str(result).replace("\n", " ")
        assert ("“better”" if sign > 0 else "“worse”") in panel.sentence


def test_engines_have_one_name_in_print_and_their_own_in_frames(bcg):
    result = pw.fit(bcg, pw.RandomEffects(), pw.Exact())
    assert str(result).startswith("Bayesian, exact: ")
    assert set(pw.compare(result)["engine"]) == {"exact"}
    assert show.method("meta-regression ~ ablat, NUTS") == "meta-regression ~ ablat (Bayesian, NUTS)"
    assert show.method("exact replications, REML") == "exact replications, REML"  # a user's own words


def test_a_printed_result_fits_the_terminal(bcg, monkeypatch):
    result = pw.fit(bcg, pw.RandomEffects(), pw.Exact())
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        assert max(map(len, str(result).splitlines())) <= width
    assert "In a new study" in str(result)
    assert "τ" in str(result)


def test_a_card_counts_people_in_whole_numbers(bcg):
    assert "262" in bcg._repr_html_()
    assert "262.0" not in bcg._repr_html_()


def test_the_mean_of_a_typical_outcome_is_named_so():
    result = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact())
    assert "μ of a typical outcome" in result._repr_html_()
    assert words.typical("mu")[0] == "Mean effect of a typical outcome"


@pytest.mark.parametrize("width", [40, 80, 100])
def test_show_fits_the_terminal_and_speaks_as_the_report_does(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["show", str(ROOT / "models" / "bcg_latitude.toml")]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    assert "τ ~ HalfNormal(1)" in printed
    assert "(Bayesian, exact)" in " ".join(printed.split())
    check([printed])


def test_the_command_line_is_a_module_too():
    done = subprocess.run([sys.executable, "-m", "poolwise", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("poolwise ")


def test_records_of_checks_and_averages_speak_in_one_vocabulary(bcg):
    model = pw.RandomEffects(mu=pw.priors.Normal(0, 2), tau=pw.priors.HalfNormal(1))
    exact, average = pw.fit(bcg, model, pw.Exact()), pw.average(bcg, model)
    tau, towards = [pw.priors.HalfNormal(1)], {"direction": "negative"}
    records = [
        average, checks.leave_one_out(exact), checks.prior_panel(bcg, model), checks.cumulative(exact, by="year"),
        checks.specifications(bcg, model, priors=tau), bias.trim_and_fill(bcg), bias.henmi_copas(bcg),
        bias.s_value(bcg, **towards), bias.p_uniform_star(bcg, **towards), bias.egger(bcg),
        bias.limit_meta_analysis(bcg), bias.vevea_woods(bcg, **towards), bias.pet_peese(bcg, **towards),
    ]  # fmt: skip
    for record in records:
        card = record._repr_html_()
        words = [str(record), repr(record), re.sub(r"<[^>]+>", " ", card)]
        for text in words:
            bare = re.sub(r"\[[^]]*\]|“[^”]*”|Kendall's tau|<[A-Z]\w+", "", text)
            assert not CODE.search(bare), text
            assert not re.search(r"\d\.0 %,|Ok\b|k - \d", text), text
        before = card.partition("<table")[0]
        assert re.search(r"</b><div>[^<]{30,}\.</div>", before), before  # a sentence stands above the table


def test_a_narrow_terminal_is_told_row_by_row_and_no_label_is_broken(monkeypatch, capsys):
    rows = [
        ("REML, Hartung-Knapp ad hoc", "0.49 [0.33, 0.73]", "0.56"),
        ("Bayesian, exact", "0.49 [0.33, 0.73]", "0.59"),
    ]
    for width in (40, 62, 100):
        monkeypatch.setenv("COLUMNS", str(width))
        print_table("A title\nand a heading", [], ("by", "estimate", "τ"), rows, ["Below."])
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= width
        assert printed.startswith("A title\nand a heading\n")
        assert "Hartung-Knapp" in printed
        assert ("  τ 0.59" in printed) == (width == 40)


def test_an_interval_stays_in_one_line_of_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    row = ("three-level (Bayesian, exact)", "0.42 [0.17, 0.67]", "[−0.75, 1.59]", "0.56", "0.999 (above 0)")
    print_table("Effects", (), ("by", "estimate", "new study", "τ", "P"), [row], ())
    printed = capsys.readouterr().out
    assert all(cell in printed for cell in row[1:])
    assert max(map(len, printed.splitlines())) <= 80
