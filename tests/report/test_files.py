"""A file is whole or not there, and one process at a time writes to a folder, whatever is killed when."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poolwise.errors import AnalysisError
from poolwise.report import files

MOMENTS = (0.02, 0.05, 0.09, 0.14, 0.2)  # seconds after the first file is there, spread over several rewrites
SIZE = 4_000_000  # bytes, so that writing takes long enough to be killed in the middle

# The files alone: to import the whole report takes two seconds of each process.
ALONE = f"""
import sys, types
sys.modules["poolwise.report"] = package = types.ModuleType("poolwise.report")
package.__path__ = [{str(Path(files.__file__).parent)!r}]
"""

WRITER = """
import sys
from pathlib import Path
from poolwise.report import files
path, size = Path(sys.argv[1]), int(sys.argv[2])
letter = 0
while True:
    files.write(path, bytes([65 + letter % 26]) * size)
    letter += 1
"""

HOLDER = """
import sys, time
from pathlib import Path
from poolwise.report import files
with files.claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def started(script: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", ALONE + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_writer_leaves_a_whole_file(tmp_path, moment):
    path = tmp_path / "large.txt"
    writer = started(WRITER, path, SIZE)
    while not path.exists():
        assert writer.poll() is None
        time.sleep(0.005)
    time.sleep(moment)
    killed(writer)
    content = path.read_bytes()
    assert len(content) == SIZE
    assert len(set(content)) == 1


def test_what_a_killed_writer_leaves_is_cleared_by_the_next_run(tmp_path):
    leftover = tmp_path / ".report.html.123.part"
    leftover.write_text("<html>")
    files.finish(tmp_path, (), {"poolwise": "0"})
    with files.claimed(tmp_path, ("report.html",)):
        assert list(tmp_path.iterdir()) == []


def test_a_writer_that_raises_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write(path, "old")

    def broken():
        with files.replacing(path) as part:
            part.write_text("half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        broken()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    holder = started(HOLDER, tmp_path)
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(AnalysisError, match="another process is writing"), files.claimed(tmp_path):
            pass
    finally:
        killed(holder)


def test_a_killed_process_does_not_keep_its_folder(tmp_path):
    holder = started(HOLDER, tmp_path)
    assert holder.stdout.readline() == "held\n"
    killed(holder)
    with files.claimed(tmp_path) as claim:
        assert claim.folder == tmp_path


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(AnalysisError, match="cannot write to the folder"),
        files.claimed(tmp_path / "file" / "run"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(AnalysisError, match="cannot write to the folder"), files.claimed(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write(path, "old")

    def onto_a_full_disk():
        with files.replacing(path) as part:
            part.symlink_to("/dev/full")
            part.write_bytes(b"new")

    with pytest.raises(OSError, match="No space"):
        onto_a_full_disk()
    assert path.read_text() == "old"


def test_a_run_is_complete_when_every_hash_fits(tmp_path):
    files.write(tmp_path / "a.csv", "x\n1\n")
    assert "has not finished" in files.faults(tmp_path)[0]
    files.finish(tmp_path, ("a.csv",), {"seed": 1})
    assert files.faults(tmp_path) == ()
    (tmp_path / "a.csv").write_text("x\n2\n")
    assert "is not the file" in files.faults(tmp_path)[0]
    (tmp_path / "a.csv").unlink()
    assert "is missing" in files.faults(tmp_path)[0]
