"""The environment of the tests and of all processes that they start.

Any variable may change a result, so only the ones listed here are kept. The umask is fixed as
well.
"""

import os

KEPT = {
    # Paths of programs, libraries and folders.
    "PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "SYSTEMROOT", "SYSTEMDRIVE", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
    "LANG", "TERM", "CI",
    # Where the tests create their databases.
    "TEST_DATABASE_URL",
}  # fmt: skip
KEPT_PREFIXES = ("PYTEST_", "COVERAGE_")  # set by pytest and coverage for their child processes


def clean() -> None:
    for name in [*os.environ]:
        if name.upper() not in KEPT and not name.startswith(KEPT_PREFIXES):
            del os.environ[name]
    os.umask(0o022)
