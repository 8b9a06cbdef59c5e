"""The command line: one clear message, the right exit code, and results that survive being killed."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poolwise.cli import main
from poolwise.report import faults
from support.questions import ALL_NAMES, MODELS, ONE_TABLE, WITHOUT_NUTS

MOMENTS = (0.0, 0.3, 0.6, 1.0)  # seconds after the writing of files began; it takes about 1.5


@pytest.fixture
def question(tmp_path):
    path = tmp_path / "question.toml"
    path.write_text(WITHOUT_NUTS, encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "poolwise.cli", *map(str, arguments)]


def test_list_names_every_question_with_its_title(capsys):
    assert main(["list", str(MODELS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line.split()[0]).stem for line in lines] == list(ALL_NAMES)
    assert next(line for line in lines if "bcg.toml" in line).endswith("BCG vaccine against tuberculosis")


def test_list_of_an_empty_folder_is_bad_input(tmp_path, capsys):
    assert main(["list", str(tmp_path)]) == 2
    assert "no analysis file" in capsys.readouterr().err


def test_show_prints_the_generative_statement(capsys):
    assert main(["show", str(ONE_TABLE)]) == 0
    printed = capsys.readouterr().out
    for line in ("y_i ~ Normal(θ_i, se_i)", "θ_i ~ Normal(μ, τ)", "μ ~ Normal(0, 1)"):
        assert line in printed
    assert "τ ~ HalfNormal(0.5)" in printed
    assert "reconstructed" in printed
    assert "(Bayesian, NUTS), draws 1000, tune 1000, chains 4, seed 1" in " ".join(printed.split())


def test_check_accepts_every_packaged_question(capsys):
    assert main(["check", *(str(MODELS / f"{name}.toml") for name in ALL_NAMES)]) == 0
    assert capsys.readouterr().out.count(": ok, ") == len(ALL_NAMES)


def test_check_tells_every_bad_file_and_still_checks_the_good_ones(question, tmp_path, capsys):
    bad = tmp_path / "bad.toml"
    bad.write_text(WITHOUT_NUTS.replace("HalfNormal", "HalfNormale").replace("prob =", "prop ="), encoding="utf-8")
    assert main(["check", str(bad), str(question)]) == 2
    printed = capsys.readouterr()
    assert "question.toml: ok" in printed.out
    assert "bad.toml has 2 problems" in printed.err
    assert "did you mean 'HalfNormal'?" in printed.err
    assert "Traceback" not in printed.err


def test_the_schema_is_json(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Spec"


def test_a_command_that_does_not_exist_is_bad_input():
    with pytest.raises(SystemExit) as caught:
        main(["rnu"])
    assert caught.value.code == 2


def test_run_writes_results_and_ends_with_the_place_of_the_report(question, tmp_path, capsys):
    assert main(["run", str(question), "--out", str(tmp_path / "results")]) == 0
    printed = capsys.readouterr()
    folder = tmp_path / "results" / "question"
    assert printed.out.splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert "question: 1 of 7, common effect (frequentist, closed form)" in printed.err
    assert faults(folder) == ()


def test_run_goes_on_with_the_others_when_one_is_bad(question, tmp_path, capsys):
    bad = tmp_path / "bad.toml"
    bad.write_text("title = 3", encoding="utf-8")
    assert main(["run", str(bad), str(question), "--out", str(tmp_path / "results")]) == 2
    printed = capsys.readouterr()
    assert "1 of 2 analyses ran" in printed.err
    assert faults(tmp_path / "results" / "question") == ()


def test_run_refuses_two_files_of_one_name(question, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(question, other / question.name)
    assert main(["run", str(question), str(other / question.name), "--out", str(tmp_path / "results")]) == 2
    assert "more than one analysis file" in capsys.readouterr().err


def test_run_into_a_place_that_is_no_folder_is_refused_before_the_first_fit(question, tmp_path, capsys):
    (tmp_path / "results").write_text("")
    assert main(["run", str(question), "--out", str(tmp_path / "results")]) == 2
    printed = capsys.readouterr()
    assert "cannot write to the folder" in printed.err
    assert "1 of 7" not in printed.err


def test_a_fit_that_failed_gives_exit_code_1_and_a_report_that_says_so(tmp_path, capsys):
    few = re.sub(r"exact = \{\}", "exact = {}\nnuts = { draws = 10, tune = 10, chains = 2, seed = 1 }", WITHOUT_NUTS)
    (tmp_path / "question.toml").write_text(few, encoding="utf-8")
    assert main(["run", str(tmp_path / "question.toml"), "--out", str(tmp_path / "results")]) == 1
    assert "NUTS: not_converged" in capsys.readouterr().err
    assert "Not converged" in (tmp_path / "results" / "question" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["list", str(MODELS)], ["schema"], ["check", str(MODELS / "bcg.toml")]])
def test_commands_that_fit_nothing_load_no_sampler_and_no_pictures(words):
    script = (
        "import sys; from poolwise.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'pymc', 'pytensor', 'arviz', 'nutpie', 'matplotlib', 'scipy.stats'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_killed_run_leaves_only_whole_files_and_the_next_run_repairs_it(question, tmp_path):
    reference = tmp_path / "reference"
    subprocess.run(command("run", question, "--out", reference), check=True, capture_output=True)
    expected = {path.name: path.read_bytes() for path in (reference / "question").glob("*.csv")}
    folder = tmp_path / "results" / "question"
    for moment in MOMENTS:
        process = subprocess.Popen(
            command("run", question, "--out", tmp_path / "results"), stderr=subprocess.PIPE, text=True
        )
        while "files" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (folder / "manifest.json").exists() or faults(folder) == ()
        for path in folder.glob("[!.]*"):
            assert is_whole(path, expected), f"{path.name}, killed after {moment} s"
    subprocess.run(command("run", question, "--out", tmp_path / "results"), check=True, capture_output=True)
    assert faults(folder) == ()
    assert not list(folder.glob(".*"))


def is_whole(path: Path, expected: dict[str, bytes]) -> bool:
    content = path.read_bytes()
    if path.suffix == ".csv":
        return content == expected[path.name]
    if path.suffix == ".nc":
        import h5py

        with h5py.File(path) as draws:
            return "posterior" in draws
    endings = {".svg": b"</svg>", ".html": b"</html>", ".json": b"}", ".png": b"IEND\xaeB`\x82"}
    return content.rstrip().endswith(endings[path.suffix])
