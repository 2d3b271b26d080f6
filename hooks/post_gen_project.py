"""Runs in the rendered service: spells the chosen variant and, if asked to, sets it up.

It may run again in the same folder, so every step can be repeated.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

# The answers come as JSON in a string literal, so that none of them can end it and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

# The template is written in async Python; these rows, in this order, make it blocking.
SYNC_SPELLING = (
    (r"\basync (def|with) ", r"\1 "),
    (r"\bawait ", ""),
    (r"\bsqlalchemy\.ext\.asyncio import AsyncEngine\b", "sqlalchemy.engine import Engine"),
    (r"\bsqlalchemy\.ext\.asyncio import AsyncSession\b", "sqlalchemy.orm import Session"),
    (r"\bAsyncEngine\b", "Engine"),
    (r"\bAsyncSession\b", "Session"),
    (r"\bcreate_async_engine\b", "create_engine"),
    (r"\basync_sessionmaker\b", "sessionmaker"),
    (r"\.sync_engine\b", ""),
    (r"\bsqlite\+aiosqlite\b", "sqlite"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAbstractAsyncContextManager\b", "AbstractContextManager"),
    (r"\basynccontextmanager\b", "contextmanager"),
)

# Only files of the template are spelled anew: with --overwrite-if-exists there may be others.
SPELLED = (
    "app/api/routes/items.py",
    "app/db/engine.py",
    "app/db/repositories/base.py",
    "app/db/session.py",
    "app/repositories/base.py",
    "app/repositories/store.py",
    "tests/db/conftest.py",
    "tests/db/test_contract.py",
    "tests/db/test_engine.py",
    "tests/db/test_session.py",
    "tests/fakes/base.py",
    "tests/fakes/store.py",
)

# Starlette awaits what these files hand it, so they stay async but for the words named here.
STAYS_ASYNC = {
    "app/api/dependencies.py": (),
    "app/api/errors.py": (),
    "app/api/middleware.py": (),
    "app/api/routes/health.py": (
        (r"async def readyz", "def readyz"),
        (r"await store\.check", "store.check"),
    ),
    "app/main.py": ((r"await opened\.close", "opened.close"),),
}


def spell_sync() -> None:
    for name in SPELLED:
        respell(Path(name), SYNC_SPELLING)
    for name, rows in STAYS_ASYNC.items():
        respell(Path(name), rows)


def respell(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in rows:
        text = re.sub(pattern, replacement, text)
    path.write_text(text, encoding="utf-8", newline="\n")


def remove_empty_folders() -> None:
    """Removes what is left of a folder whose every file belongs to another answer."""
    for folder in (Path(".github/workflows"), Path(".github")):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


class SetupError(Exception):
    """A step of the setup failed; the message shows the command and what it said."""


def run(*command: str) -> None:
    # An activated environment is that of cookiecutter, not that of the new service.
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        command,
        check=False,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        last_lines = done.stdout.strip().splitlines()[-20:]
        raise SetupError("\n  ".join([f"{shlex.join(command)} failed:", *last_lines]))


def succeeds(*command: str) -> bool:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0


def step(name: str, *command: str) -> None:
    """Shows what is running while it runs, then how long it took."""
    print(f" {name}", end="", flush=True)
    began = time.monotonic()
    run(*command)
    print(f" {time.monotonic() - began:.1f}s,", end="", flush=True)


def find_uv() -> str | None:
    # uvx tells its own path; an installer may have put uv beside this interpreter only.
    beside = shutil.which("uv", path=sysconfig.get_path("scripts"))
    return shutil.which("uv") or os.environ.get("UV") or beside


def commit() -> str | None:
    """Returns why there is no first commit, if there is none, and how to make it later."""
    later = "git add --all && git commit -m 'First commit'"
    if not shutil.which("git"):
        return f"git is not installed; later: git init && {later}"
    if succeeds("git", "rev-parse", "--is-inside-work-tree"):
        return f"the folder is in a git repository already; later: {later}"
    if not succeeds("git", "var", "GIT_COMMITTER_IDENT"):
        whom = "git config --global user.name NAME && git config --global user.email ADDRESS"
        return f"git does not know you; later: {whom} && git init && {later}"
    run("git", "-c", "init.defaultBranch=main", "init", "--quiet")
    run("git", "add", "--all")
    step("commit", "git", "commit", "--quiet", "--message", "First commit")
    return None


def checks() -> Iterator[list[str]]:
    """The lines of `make check`, each without its `uv run`; make itself need not be there."""
    makefile = Path("Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ncheck:")[2].partition("\n\n")[0]
    for line in recipe.splitlines()[1:]:
        _uv, _run, *command = shlex.split(line)
        yield command


def set_up() -> Iterator[str]:
    """Locks, installs, commits and checks; yields what was left out, and how to do it later."""
    uv = find_uv()
    if uv is None:
        yield "uv is not installed, so nothing is set up; pip install uv, then: make install check"
        return
    print("Setting up:", end="", flush=True)
    try:
        step("lock", uv, "lock")
        step("install", uv, "sync", "--locked")
        reason = commit()
        for command in checks():
            step(" ".join(command[:2]), uv, "run", "--no-sync", *command)
        print(" done.")
        if reason:
            yield f"There is no first commit: {reason}"
    except SetupError as error:
        print(f"\n{error}")
        yield "The files are complete, the setup is not; when that is mended: make install check"


def main() -> None:
    sys.stdout.reconfigure(errors="replace")  # a name may not fit the terminal's encoding
    if ANSWERS["concurrency"] == "sync":
        spell_sync()
    remove_empty_folders()

    print("{project_name}: {concurrency} on {database}, in {project_slug}".format(**ANSWERS))
    if ANSWERS["setup"] == "full":
        for left_out in set_up():
            print(left_out)
    print(f"""Next:
  cd {ANSWERS["project_slug"]}
  make dev      # serve on http://127.0.0.1:8000, with docs at /docs
  make check    # format, lint, types, migrations and tests""")


main()
