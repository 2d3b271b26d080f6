"""A hanging test times out, and its processes are ended."""

import os
import re
import sys
from pathlib import Path

from tests.conftest import ROOT, execute

HANGS = '''
import sys
from pathlib import Path

from tests.conftest import execute, start_process

ELSEWHERE = """
import subprocess, time
print("waiting", flush=True)
with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
    try:
        with open("pid", "w") as file:
            file.write(str(process.pid))
        time.sleep(600)
    finally:
        process.kill()
"""
WAIT = (sys.executable, "-c", ELSEWHERE)


def test_waits_for_a_command(tmp_path):
    execute(*WAIT, folder=tmp_path)


def test_waits_for_a_program_beside_it(tmp_path):
    with start_process(*WAIT, folder=tmp_path) as process:
        process.stdout.read()
'''


def test_a_hanging_test_is_named_and_its_processes_are_ended(tmp_path: Path) -> None:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    options = ("--numprocesses=0", "--timeout=4", f"--basetemp={tmp_path / 'temp'}", "-rf")
    rooted = (f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}")
    command = (sys.executable, "-m", "pytest", *options, *rooted, str(tmp_path / "test_hangs.py"))
    output = execute(*command, folder=tmp_path, PYTHONPATH=str(ROOT), COLUMNS="500").stdout
    assert re.search(r"^E +waiting$", output, re.MULTILINE), output
    for name in ("test_waits_for_a_command", "test_waits_for_a_program_beside_it"):
        assert f"::{name} - Failed: Timeout" in output, output
        (pid,) = (tmp_path / "temp").glob(f"{name[:30]}*0/pid")
        assert not is_running(int(pid.read_text()))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
