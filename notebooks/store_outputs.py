"""Run the notebooks and store what they show in them, so that they can be read where nothing runs: `make notebooks`.

What a notebook shows belongs to its code: the hash of the code is stored beside the outputs, and
`tests/test_notebooks.py` holds them to one another. Times and addresses are left out, so that a second run that shows
the same changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import nbclient
import nbformat

HERE = Path(__file__).parent
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def code_hash(notebook: nbformat.NotebookNode) -> str:
    """SHA-256 of the code of all cells, in order."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run from top to bottom, in the folder of the notebooks."""
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(HERE)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [_plain(output) for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata["poolwise"] = {"outputs_of": code_hash(notebook)}
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _plain(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output without addresses in memory, which differ from run to run."""
    if "text" in output:
        output.text = ADDRESS.sub("0x", output.text)
    for kind, words in output.get("data", {}).items():
        if isinstance(words, str) and kind.startswith("text/"):
            output.data[kind] = ADDRESS.sub("0x", words)
    return output


def main(names: list[str]) -> None:
    """Run the notebooks of these names, or all, and write each with its outputs."""
    for path in sorted(HERE.glob("*.ipynb")):
        if not names or path.stem in names:
            notebook = executed(path)
            path.write_text(nbformat.writes(notebook, indent=1) + "\n", encoding="utf-8")
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
