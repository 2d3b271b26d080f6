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


# Without the hooks a sync service would be half async; so this file stops it, until it is spelled.
STOPS_UNLESS_SPELLED = "app/__init__.py"

BEFORE = Path(".before-rendering")


def spell_sync(kept: set[str]) -> None:
    tables = {**dict.fromkeys(SPELLED, SYNC_SPELLING), **STAYS_ASYNC}
    tables[STOPS_UNLESS_SPELLED] = ((r"raise ImportError\(.*\)\n?", ""),)
    for name, rows in tables.items():
        if name not in kept:
            respell(Path(name), rows)


def respell(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in rows:
        text = re.sub(pattern, replacement, text)
    path.write_text(text, encoding="utf-8", newline="\n")


def files_before() -> Iterator[tuple[Path, Path]]:
    """Each file that pre_gen_project.py found here, and its copy."""
    copies = (path for path in sorted(BEFORE.rglob("*")) if path.is_file())
    return ((copy.relative_to(BEFORE), copy) for copy in copies)


def kept_files() -> set[str]:
    """What --skip-if-file-exists kept: files that rendering has not written."""
    return {
        path.as_posix()
        for path, copy in files_before()
        if path.stat().st_mtime_ns == copy.stat().st_mtime_ns
    }


def keep_overwritten() -> list[str]:
    """Puts the old content of each file beside it, unless it is unchanged or git has it."""
    names = []
    for path, copy in files_before():
        if path.read_bytes() != copy.read_bytes() and not is_committed(path, copy):
            numbers = ("", *range(2, 1000))
            beside = (path.with_name(f"{path.name}.orig{number}") for number in numbers)
            names.append(str(copy.rename(next(other for other in beside if not other.exists()))))
    shutil.rmtree(BEFORE)
    return names


def is_committed(path: Path, copy: Path) -> bool:
    committed = output("git", "rev-parse", "--verify", "--quiet", f"HEAD:./{path.as_posix()}")
    return committed is not None and committed == output(
        "git", "hash-object", "--no-filters", str(copy)
    )


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


def output(*command: str, given: str = "") -> str | None:
    """What `command` prints, or None if it fails or is not installed."""
    try:
        done = subprocess.run(
            command, check=False, input=given, capture_output=True, encoding="utf-8"
        )
    except OSError:
        return None
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


def record_template(kept: set[str]) -> str | None:
    """Writes .cruft.json, by which cruft finds the template; returns why if it cannot."""
    if "_commit" in ANSWERS or "pyproject.toml" in kept:
        return None  # cruft writes its own; and files that were skipped are of an older version
    # A relative path was given from where cookiecutter was started.
    template = Path(os.environ.get("PWD", ANSWERS["_output_dir"]), ANSWERS["_repo_dir"])
    git = ("git", "-C", str(template))
    commit = output(*git, "rev-parse", "--verify", "HEAD")
    if commit is None or output(*git, "rev-parse", "--show-prefix") or not is_this(template):
        return "later: uvx cruft link URL"
    url = output(*git, "config", "remote.origin.url") or str(template.resolve())
    url = re.sub(r"(?<=://)[^/@]+:[^/@]+@", "", url)  # a token is nothing to commit
    answers = {name: answer for name, answer in ANSWERS.items() if not name.startswith("_")}
    # The setup is done once: no update shall lock, install and commit anew.
    answers |= {"setup": "files", "_template": url, "_commit": commit}
    record = {
        "template": url,
        "commit": commit,
        "checkout": ANSWERS["_checkout"],
        "context": {"cookiecutter": answers},
        "directory": None,
    }
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    Path(".cruft.json").write_text(text, encoding="utf-8", newline="\n")
    return None


def is_this(template: Path) -> bool:
    """Whether the folder holds this template, not what a wrong guess of a path led to."""
    hook = template / "hooks" / "post_gen_project.py"
    return hook.is_file() and hook.read_text(encoding="utf-8").startswith(f'"""{__doc__}"""')


def lend_a_base() -> None:
    """Gives git these files where `cruft update` was called, so that it can merge.

    Git can merge only what it has, and after the first update no clone has what the template
    alone would render.
    """
    service = Path(os.environ.get("PWD", ""))
    if "_commit" in ANSWERS and (service / ".cruft.json").is_file():
        paths = "\n".join(str(path) for path in Path.cwd().rglob("*") if path.is_file())
        output(
            "git",
            "-C",
            str(service),
            "hash-object",
            "-w",
            "--no-filters",
            "--stdin-paths",
            given=paths,
        )


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


def recipe(target: str) -> list[str]:
    """The lines of `target` in the service's Makefile."""
    makefile = Path("Makefile").read_text(encoding="utf-8")
    lines = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0].splitlines()
    return [line.strip() for line in lines if line.startswith("\t")]


def make(*targets: str) -> str:
    """What to type for `make targets`, also where make is not installed."""
    if shutil.which("make"):
        return " ".join(("make", *targets))
    return " && ".join(line for target in targets for line in recipe(target))


def set_up() -> Iterator[str]:
    """Locks, installs, commits and checks; yields what was left out, and how to do it later."""
    later = f"later: cd {ANSWERS['project_slug']} && {make('install', 'check')}"
    if "_commit" in ANSWERS:
        yield f"cruft writes .cruft.json after this, so nothing is set up yet; {later}"
        return
    uv = find_uv()
    if uv is None:
        yield f"uv is not installed (https://docs.astral.sh/uv), so nothing else is; {later}"
        return
    try:
        print("Setting up:", end="", flush=True)
        step("lock", uv, "lock")
        step("install", uv, "sync", "--locked")
        reason = commit()
        for line in recipe("check"):
            command = shlex.split(line.removeprefix("uv run "))
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
    unrecorded = record_template(kept)
    overwritten = keep_overwritten()
    lend_a_base()

    name = " ".join(ANSWERS["project_name"].split())
    print(name, "{concurrency} on {database}, in {project_slug}".format(**ANSWERS), sep=": ")
    if overwritten:
        print(f"Overwritten, their old content is in {', '.join(overwritten)}")
    if unrecorded:
        print(f"No .cruft.json, as the template came without its git history; {unrecorded}")
    if ANSWERS["setup"] == "full":
        for left_out in set_up():
            print(left_out)
    needs = "; needs the database of DATABASE_URL" if ANSWERS["database"] == "postgres" else ""
    print(f"""Next:
  cd {ANSWERS["project_slug"]}
  {make("dev"):13} # serve on http://127.0.0.1:8000, with docs at /docs{needs}
  {make("check"):13} # format, lint, types, migrations and tests""")


main()
