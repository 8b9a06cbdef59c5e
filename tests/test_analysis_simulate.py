"""The section [simulate]: checked before any fit, and what comes of it is the simulation of the file's own methods."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import runs, simulate
from poolwise.analysis import simulate_section
from poolwise.analysis.simulation import TAU, default_simulation, simulated
from poolwise.cli import main
from poolwise.report import faults
from support.pages import text_of

TABLE = 'data = { csv = "my.csv", scale = "SMD" }'
FILE = """
title = "Three studies"
question = "Is there an effect?"
{data}
model = {{ kind = "{kind}" }}
engines = {{ {engines} }}
{simulate}
"""
ENGINES = (
    'closed_form = [{ tau2 = "REML", interval = "hartung-knapp" }, { tau2 = "DL", interval = "wald" }], exact = {}'
)


def write(folder, simulate="[simulate]", *, data=TABLE, kind="random-effects", engines=ENGINES, csv=None):
    path = folder / "three.toml"
    path.write_text(FILE.format(data=data, kind=kind, engines=engines, simulate=simulate), encoding="utf-8")
    rows = csv or "study,y,se\na,0.3,0.1\nb,0.5,0.2\nc,0.1,0.15\n"
    (folder / "my.csv").write_text(rows, encoding="utf-8")
    return path


def test_the_defaults_are_those_of_the_scale(tmp_path):
    planned = pw.load_analysis(write(tmp_path)).simulation
    assert (planned.mu, planned.tau, planned.laws) == ((0.0, None), TAU, ("normal",))
    ratio = pw.load_analysis(write(tmp_path, data=TABLE.replace("SMD", "log OR"))).simulation
    assert ratio.tau == tuple(2 * tau for tau in TAU)
    z = pw.load_analysis(write(tmp_path, data=TABLE.replace("SMD", "Fisher z"))).simulation
    assert z.tau == tuple(0.5 * tau for tau in TAU)


def test_it_is_the_simulation_of_the_same_methods_by_hand(tmp_path):
    section = "[simulate]\ntau = 0.1\nreplications = 50\nmechanism = { Selection = { weights = [1, 0.5] } }"
    analysis = pw.load_analysis(write(tmp_path, section))
    found = simulated(analysis.simulation)
    methods = {one.label: (one.model, one.engine) for one in analysis.fits}
    names = [one.label for one in analysis.simulation.methods]
    estimate = float(f"{pw.fit(analysis.effects, analysis.model, pw.Exact())['mu'].point:.3g}")
    by_hand = simulate.operating_characteristics(
        analysis.effects,
        dict(zip(names, [(one.model, one.engine) for one in analysis.fits], strict=True)),
        truth={"mu": [0.0, estimate], "tau": 0.1},
        mechanism={"none": None, "Selection": simulate.Selection(weights=(1, 0.5))},
        replications=50,
        progress=False,
    )
    assert len(methods) < len(names) == 3  # a file need not name its fits; here each has a name of its own
    pd.testing.assert_frame_equal(found.answer.frame.drop(columns="design"), by_hand.frame.drop(columns="design"))


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("[simulate]\ntaus = [0]", "simulate.taus: unknown key.*did you mean 'tau'"),
        ("[simulate]\ntau = [-0.1]", "simulate.tau.*found -0.1.*at least 0"),
        ("[simulate]\ntau = []", "simulate.tau: .*an empty list"),
        ("[simulate]\nmu = ['estimates']", r"three\.toml: simulate\.mu\[0\]: found .*'estimate'"),
        ("[simulate]\nmu = [0, 0]", "value twice"),
        ("[simulate]\nlaw = 'skew'", "skewed"),
        ("[simulate]\nmechanism = 'Selection'", "this is no mechanism"),
        ("[simulate]\nmechanism = { Selektion = {} }", "did you mean 'Selection'"),
        ("[simulate]\nmechanism = { Selection = { weight = [1] } }", "did you mean 'weights'"),
        ("[simulate]\nmechanism = { Selection = { weights = 0.2 } }", "a list of numbers"),
        ("[simulate]\nmechanism = { PHacking = { share = '1' } }", "numbers"),
        ("[simulate]\nmechanism = { PHacking = { share = 2 } }", "from 0 to 1"),
        ("[simulate]\nreplications = 1", "from 2 to 1000000"),
        ("[simulate]\nmu = [0, 1, 2, 3, 4, 5, 6]", "28 truths.*at most 24"),
    ],
)
def test_what_it_cannot_say_is_a_problem_with_key_and_expectation(tmp_path, section, words):
    with pytest.raises(
        pw.PoolwiseError, match=f"(?s)three.toml: simulate.*{words}" if "simulate" not in words else words
    ):
        pw.load_analysis(write(tmp_path, section))


DEPENDENT = "study,y,se\na,0.3,0.1\na,0.5,0.2\nc,0.1,0.15\n"


@pytest.mark.filterwarnings("ignore:several effects from one study")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"csv": DEPENDENT}, "several effects of one study"),
        ({"engines": "nuts = { seed = 1 }"}, "NUTS is the only fit.*2,000"),
        ({"data": 'data = { csv = "my.csv", scale = "MD" }', "engines": 'closed_form = [{ tau2 = "DL" }]'}, "'tau' is"),
        ({"kind": 'meta-regression", moderators = ["x"], missing = "error'}, "no single mean effect"),
    ],
)
def test_what_cannot_be_simulated_is_told_with_a_section_and_without(tmp_path, change, words, capsys):
    rows = {"csv": "study,y,se,x\na,0.3,0.1,1\nb,0.5,0.2,2\nc,0.1,0.15,4\nd,0.1,0.15,5\n"} | change
    with pytest.raises(pw.PoolwiseError, match=f"(?s)three.toml: simulate: .*{words}"):
        pw.load_analysis(write(tmp_path, **rows))
    path = write(tmp_path, "", **rows)
    assert main(["simulate", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_words_of_a_file_are_those_of_the_package():
    assert tuple(simulate.LAWS) == simulate_section.Law.__args__
    for name in simulate_section.MECHANISMS:
        assert {part.type for part in fields(getattr(simulate, name))} <= {"Sequence[float]", "float", "int", "str"}


def test_reconstructed_tables_are_more_than_one_design():
    planned = pw.load_analysis("models/misconduct.toml").simulation
    first, *others = planned.designs.values()
    assert np.ptp(first.se) == 0.0
    assert len(others) == 2
    assert all("reconstructed" in name for name in planned.designs)
    shares = [(one.se**-2).max() / (one.se**-2).sum() for one in planned.designs.values()]
    assert shares == sorted(shares)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    path = write(folder, "[simulate]\ntau = [0, 0.3]\nreplications = 40")
    return runs.run(pw.load_analysis(path), out=folder / "out")


def test_a_report_has_sentence_picture_table_and_csv(done):
    page = text_of(done.report)
    section = page[page.index("Can these intervals be trusted here?") :]
    assert "40 simulated tables of each truth" in section
    assert 'role="img"' in section
    frame = pd.read_csv(done.folder / "operating_characteristics.csv").query(
        "quantity == 'mu' and mu == 0 and tau == 0"
    )
    for coverage, error in zip(frame["coverage"], frame["coverage_mcse"], strict=True):
        assert f"{100 * coverage:.1f} ± {100 * error:.1f}" in section
    assert set(frame["standard_errors"]) == {"reported"}
    assert faults(done.folder) == ()


def test_without_the_section_there_is_no_page_of_it(tmp_path):
    done = runs.run(pw.load_analysis(write(tmp_path, "", engines="exact = {}")), out=tmp_path / "out")
    assert "Can these intervals" not in text_of(done.report)
    assert not (done.folder / "operating_characteristics.csv").exists()


def test_the_command_prints_the_table_and_writes_its_files(tmp_path, capsys):
    path, out = write(tmp_path, ""), tmp_path / "out"
    assert main(["simulate", str(path), "--replications", "20", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "τ = 0.4" in printed.out
    assert "20 simulated tables of each truth" in printed.out
    assert "8 of 8 parts" in printed.err
    for form in ("csv", "svg", "png"):
        assert (out / "three" / f"operating_characteristics.{form}").stat().st_size > 1000
    assert faults(out / "three") == ()
    assert main(["simulate", str(path), "--replications", "20", "--out", str(out)]) == 0  # and again, from its parts


def test_nothing_of_the_users_is_overwritten(tmp_path, capsys):
    path, out = write(tmp_path, ""), tmp_path / "out" / "three"
    out.mkdir(parents=True)
    (out / "operating_characteristics.csv").write_text("mine", encoding="utf-8")
    assert main(["simulate", str(path), "--replications", "20", "--out", str(out.parent)]) == 2
    assert "no run wrote" in capsys.readouterr().err
    assert (out / "operating_characteristics.csv").read_text(encoding="utf-8") == "mine"


def test_the_folder_of_a_report_is_left_alone(done, capsys):
    assert main(["simulate", str(done.folder.parent / "three.toml"), "--out", str(done.folder.parent)]) == 0
    with pytest.raises(pw.PoolwiseError, match="results of a run"):
        runs.simulate(done.analysis, out=done.folder, replications=20)
    assert faults(done.folder) == ()


def test_a_killed_simulation_goes_on(tmp_path):
    path, out = write(tmp_path, "[simulate]\nreplications = 3000"), tmp_path / "out"
    command = [sys.executable, "-m", "poolwise.cli", "simulate", str(path), "--out", str(out)]
    parts = out / "three" / "fits" / runs.simulation_run.PARTS
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while running.poll() is None and (not parts.exists() or parts.read_bytes().count(b"\n") < 6):
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = parts.read_bytes().count(b"\n") - 1
    seen = []
    again = runs.simulate(
        pw.load_analysis(path), out=out / "three", progress=lambda done, total: seen.append((done, total))
    )
    assert seen[0] == (kept, 24)
    assert again.found.answer.frame.equals(simulated(default_simulation(again.analysis)).answer.frame)
    lines = parts.read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line).get("part") for line in lines}) == len(lines) == 25


def test_a_fresh_run_simulates_again(done):
    parts = done.folder / "fits" / runs.simulation_run.PARTS
    before = parts.stat().st_mtime_ns
    runs.run(done.analysis, out=done.folder, fresh=True)
    assert parts.stat().st_mtime_ns > before
    assert parts.read_bytes().count(b"\n") == 1 + 4
