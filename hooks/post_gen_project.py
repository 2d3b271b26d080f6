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
    (
        r"import (Connection, )?(e.*)\nfrom sqlalchemy\.ext\.asyncio .*_engine\n",
        r"import \1Engine, create_engine, \2\n",
    ),
    (r"import (?:Engine, )?(event.*)\n.*asyncio import AsyncEngine\n", r"import Engine, \1\n"),
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

# Only the template's own files are respelled: with --overwrite-if-exists there may be others.
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
    "tests/api/test_middleware.py": (),
}


def spell_sync(kept: set[str]) -> None:
    for name, rows in {**dict.fromkeys(SPELLED, SYNC_SPELLING), **STAYS_ASYNC}.items():
        if name not in kept:
            respell(Path(name), rows)


def kept_files() -> set[str]:
    """What --skip-if-file-exists kept: files that rendering has not written since pre_gen ran."""
    record = Path(".before-rendering.json")
    if not record.exists():
        return set()
    before: dict[str, int] = json.loads(record.read_text(encoding="utf-8"))
    record.unlink()
    return {name for name, time_ns in before.items() if Path(name).stat().st_mtime_ns == time_ns}


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
    try:
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
    except OSError as error:
        raise SetupError(f"{shlex.join(command)} cannot be run: {error}") from error
    if done.returncode:
        last_lines = done.stdout.strip().splitlines()[-20:]
        raise SetupError("\n  ".join([f"{shlex.join(command)} failed:", *last_lines]))


def output(*command: str) -> str | None:
    """What `command` prints, or None if it fails."""
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
    )
    return None if done.returncode else done.stdout.strip()


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
    """Returns why there is no first commit, if there is none."""
    later = f"later: cd {ANSWERS['project_slug']} && git init && git add . && git commit"
    if not shutil.which("git"):
        return f"git is not installed; {later}"
    if around := output("git", "rev-parse", "--show-toplevel"):
        return f"it belongs to the repository at {around}"
    if output("git", "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT") is None:
        return f"git does not know your name (git config --global user.name, user.email); {later}"
    try:
        run("git", "-c", "init.defaultBranch=main", "init", "--quiet")
        run("git", "add", ".")
        step("commit", "git", "commit", "--quiet", "--message", "First commit")
    except SetupError as error:
        return str(error)
    return None


def checks() -> Iterator[list[str]]:
    """The lines of `make check`, each without its `uv run`; make itself need not be there."""
    makefile = Path("Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ncheck:")[2].partition("\n\n")[0]
    return (shlex.split(line) for line in re.findall(r"\tuv run (.*)", recipe))


def set_up() -> Iterator[str]:
    """Locks, installs, commits and checks; yields what was left out, and how to do it later."""
    later = f"later: cd {ANSWERS['project_slug']} && make install check"
    uv = find_uv()
    if uv is None:
        yield f"uv is not installed (https://docs.astral.sh/uv), so nothing else is; {later}"
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
            yield f"Not committed: {reason}"
    except SetupError as error:
        print(f"\n{error}")
        yield f"The files are complete, their setup is not; {later}"
    except KeyboardInterrupt:
        print()
        yield f"Stopped: the files are complete, their setup is not; {later}"


def main() -> None:
    sys.stdout.reconfigure(errors="replace")  # a name may not fit the terminal's encoding
    kept = kept_files()
    if ANSWERS["concurrency"] == "sync":
        spell_sync(kept)
    remove_empty_folders()

    print("{project_name}: {concurrency} on {database}, in {project_slug}".format(**ANSWERS))
    if ANSWERS["setup"] == "full":
        for left_out in set_up():
            print(left_out)
    needs = "; needs the database of DATABASE_URL" if ANSWERS["database"] == "postgres" else ""
    print(f"""Next:
  cd {ANSWERS["project_slug"]}
  make dev      # serve on http://127.0.0.1:8000, with docs at /docs{needs}
  make check    # format, lint, types, migrations and tests""")


main()
