"""The one environment of the tests and of every process that they start.

Nobody can list the variables that change a result, so all but these few are removed. So is the
caller's umask.
"""

import os

KEPT = {
    # Where programs, libraries and folders are.
    "PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "SYSTEMROOT", "SYSTEMDRIVE", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
    "LANG", "TERM", "CI",
    # The server that the tests create their databases on.
    "TEST_DATABASE_URL",
}  # fmt: skip
KEPT_PREFIXES = ("PYTEST_", "COVERAGE_")  # set by pytest and coverage for their own processes


def clean() -> None:
    for name in [*os.environ]:
        if name.upper() not in KEPT and not name.startswith(KEPT_PREFIXES):
            del os.environ[name]
    os.umask(0o022)
