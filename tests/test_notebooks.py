"""The notebooks are stored without outputs, keep their cells short, and run from top to bottom."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path):
    for cell in cells(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


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
    for cell in cells(tmp_path / "run.ipynb"):
        shown = {kind for output in cell["outputs"] for kind in output.get("data", {})}
        assert ("pw.plot." in "".join(cell["source"])) == ("image/png" in shown)
        assert not any("Traceback" in "".join(output.get("text", "")) for output in cell["outputs"])
