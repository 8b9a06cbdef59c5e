"""The notebooks show what their code shows, keep their cells short, and run from top to bottom."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_are_those_of_the_code(path):
    code = "\0".join("".join(cell["source"]) for cell in cells(path))
    stored = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("poolwise", {}).get("outputs_of")
    assert stored == hashlib.sha256(code.encode()).hexdigest(), "make notebooks"
    assert [cell["execution_count"] for cell in cells(path)] == list(range(1, len(cells(path)) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_function_is_longer_than_ten_lines(path):
    for cell in cells(path):
        source = "".join(cell["source"])
        for part in source.split("def ")[1:]:
            body = part.split("\n\n")[0]
            assert body.count("\n") <= 10


RUN = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": "notebooks"}}).execute()
nbformat.write(notebook, sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom_and_shows_every_figure(path, tmp_path):
    command = [sys.executable, "-c", RUN, str(path), str(tmp_path / "run.ipynb")]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"POOLWISE_QUICK": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    run, stored = cells(tmp_path / "run.ipynb"), cells(path)
    for cell, kept in zip(run, stored, strict=True):
        shown = {kind for output in cell["outputs"] for kind in output.get("data", {})}
        assert ("pw.plot." in "".join(cell["source"])) == ("image/png" in shown)
        assert not any("Traceback" in "".join(output.get("text", "")) for output in cell["outputs"])
        assert words(cell) == words(kept), "make notebooks"


def words(cell):
    """What a cell shows in words, each number as # since draws and machines differ in digits."""
    outputs = [output for output in cell["outputs"] if output.get("name") != "stderr"]  # which is not stored
    texts = ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in outputs]
    plain = re.sub(r"[−-]?(\d[\d,]*)?\.?\d+(e[−+-]?\d+)?", "#", "\n".join(texts))
    return " ".join(re.sub(r"<.*?>|0x[0-9a-f]*|[-+|:=]{3,}", "", plain).split())
