"""Runs in the rendered service: rewrites it for the chosen variant and sets it up if requested.

It may run again in the same folder, so every step is idempotent.
"""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

# The answers are JSON in a string literal, so that no answer can end the literal and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

# The template is async Python; these substitutions, in this order, make it sync.
SYNC_SPELLING = (
    (r"\basync (def|with|for) ", r"\1 "),
    (r"\bawait self\.session\.run_sync\(_values, ", "_values(self.session, "),
    (r"\bawait ", ""),
    (r"\bsqlalchemy\.ext\.asyncio import AsyncSession\b", "sqlalchemy.orm import Session"),
    (r"\bAsyncEngine\b", "Engine"),
    (r"\bAsyncSession\b", "Session"),
    (r"\bsession\.stream\(", "session.execute("),
    (r"\bcreate_async_engine\b", "create_engine"),
    (r"\.sync_engine\b", ""),
    (r"\bsqlite\+aiosqlite\b", "sqlite"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAbstractAsyncContextManager\b", "AbstractContextManager"),
    (r"\basynccontextmanager\b", "contextmanager"),
)

# Rewrites only the template's own files: with --overwrite-if-exists there may be others.
SPELLED = (
    "app/api/routes/items.py",
    "app/db/engine.py",
    "app/db/slots.py",
    "app/db/sql/base.py",
    "app/db/sql/columns.py",
    "app/db/session.py",
    "app/repositories/base.py",
    "app/repositories/store.py",
    "docs/api.md",
    "docs/architecture.md",
    "docs/first-month.md",
    "docs/idempotency.md",
    "docs/jobs.md",
    "docs/ownership.md",
    "docs/webhooks.md",
    "tests/db/conftest.py",
    "tests/db/test_contract.py",
    "tests/db/test_engine.py",
    "tests/db/test_pages.py",
    "tests/db/test_references.py",
    "tests/db/test_scope.py",
    "tests/db/test_session.py",
    "tests/fakes/base.py",
    "tests/fakes/store.py",
    "tests/tools/test_seed.py",
    "tests/widgets.py",
    "tools/idempotency/templates/app/db/sql/idempotency.py.mako",
    "tools/idempotency/templates/app/repositories/idempotency.py.mako",
    "tools/idempotency/templates/tests/api/test_idempotency.py.mako",
    "tools/jobs/templates/app/db/sql/jobs.py.mako",
    "tools/jobs/templates/app/db/sql/queue.py.mako",
    "tools/jobs/templates/app/repositories/jobs.py.mako",
    "tools/jobs/templates/app/worker.py.mako",
    "tools/jobs/templates/tests/db/test_jobs.py.mako",
    "tools/jobs/templates/tests/fakes/jobs.py.mako",
    "tools/jobs/templates/tests/jobs.py.mako",
    "tools/jobs/templates/tools/queue.py.mako",
    "tools/resource/templates/owned/repository.py.mako",
    "tools/resource/templates/owned/test.py.mako",
    "tools/resource/templates/routes.py.mako",
    "tools/seed/__main__.py",
    "tools/seed/seed.py",
    "tools/users/templates/app/api/routes/users.py.mako",
    "tools/users/templates/app/services/attempts.py.mako",
    "tools/users/templates/app/services/passwords.py.mako",
    "tools/users/templates/app/services/users.py.mako",
    "tools/users/templates/tools/role.py.mako",
)

# Starlette awaits the functions in these files, so they stay async except for these substitutions.
STAYS_ASYNC = {
    "app/__main__.py": (),
    "app/api/auth.py": (),
    "app/api/dependencies.py": (
        (r"async def get_snapshot", "def get_snapshot"),
        (r"async with", "with"),
        (r"AsyncIterator", "Iterator"),
    ),
    "app/api/errors.py": (),
    "app/api/issuer.py": (),
    "app/api/middleware.py": (),
    "app/api/observation.py": (),
    "app/api/threads.py": (),
    "app/api/users.py": (),
    "app/api/routes/health.py": (
        (r"async def readyz", "def readyz"),
        (r"await store\.check", "store.check"),
    ),
    "app/main.py": (),
    "app/server.py": (),
    "docs/streams.md": (
        (r"async def (add|update|remove|roll_back)\b", r"def \1"),
        (r"async def _publish", "def _publish"),
        (r"async with store", "with store"),
        (r"await (super|self|repositories)\b", r"\1"),
    ),
    "tests/api/test_auth.py": (),
    "tests/api/test_middleware.py": (),
    "tests/api/test_observation.py": (),
    "tests/api/test_threads.py": (),
    "tests/test_workers.py": (),
    "tools/idempotency/templates/app/api/idempotency.py.mako": (
        (r"async def write", "def write"),
        (r"async with", "with"),
        (r"AsyncIterator", "Iterator"),
        (r"asynccontextmanager", "contextmanager"),
        (r"await (repositories|keys)", r"\1"),
    ),
    "tools/users/templates/app/api/access_tokens.py.mako": (),
}

# Without the hooks a sync service would be half async; this file raises until it is rewritten.
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
    """Yields each file that pre_gen_project.py found, and its copy."""
    copies = (path for path in sorted(BEFORE.rglob("*")) if path.is_file())
    return ((copy.relative_to(BEFORE), copy) for copy in copies)


def kept_files() -> set[str]:
    """Returns the files that rendering skipped because of --skip-if-file-exists."""
    return {
        path.as_posix()
        for path, copy in files_before()
        if path.stat().st_mtime_ns == copy.stat().st_mtime_ns
    }


def keep_overwritten() -> list[str]:
    """Moves the old content of each file beside it, unless it is unchanged or committed in git."""
    names = []
    for path, copy in files_before():
        now = path.read_bytes() if path.exists() else b""
        if now != copy.read_bytes() and not is_committed(path, copy):
            numbers = ("", *range(2, 1000))
            candidates = (path.with_name(f"{path.name}.orig{number}") for number in numbers)
            names.append(str(copy.rename(next(each for each in candidates if not each.exists()))))
    shutil.rmtree(BEFORE)
    return names


def is_committed(path: Path, copy: Path) -> bool:
    committed = output("git", "rev-parse", "--verify", "--quiet", f"HEAD:./{path.as_posix()}")
    return committed is not None and committed == output(
        "git", "hash-object", "--no-filters", str(copy)
    )


def remove_empty_folders() -> None:
    """Removes folders that are empty because all their files belong to other answers."""
    manifests = Path("tools/jobs/templates/deploy")
    for folder in (Path(".github/workflows"), Path(".github"), Path("deploy"), manifests):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def echo(text: str, end: str = "\n") -> None:
    """Prints, and ignores a closed standard output: the render must not fail for it."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        sys.stdout = None  # print() does nothing from now on


def output(*command: str, stdin: str = "") -> str | None:
    """Returns what `command` prints, or None if it fails or is not installed."""
    try:
        done = subprocess.run(
            command, check=False, input=stdin, capture_output=True, encoding="utf-8"
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def git_in(folder: Path, *arguments: str, stdin: str = "") -> str | None:
    return output("git", "-C", str(folder), *arguments, stdin=stdin)


def record_template(kept: set[str]) -> Iterator[str]:
    """Writes .cruft.json, by which cruft finds the template; yields warnings."""
    if "_commit" in ANSWERS or "pyproject.toml" in kept:
        return  # cruft writes its own, and skipped files are from an older version
    template = find_template()
    commit = template and git_in(template, "rev-parse", "--verify", "HEAD")
    if not template or not commit or git_in(template, "rev-parse", "--show-prefix"):
        Path(".cruft.json").unlink(missing_ok=True)  # from an earlier render, and wrong now
        yield (
            "No .cruft.json, because the commit of the template is unknown; "
            f"later: cd {here()} && uvx cruft link URL-OF-THE-TEMPLATE"
        )
        return
    is_path = ANSWERS["_repo_dir"] == ANSWERS["_template"]
    if is_path and git_in(template, "status", "--porcelain"):
        yield f".cruft.json names the last commit of {template}, which has uncommitted changes"
    url = source(template, is_path)
    answers = {name: answer for name, answer in ANSWERS.items() if not name.startswith("_")}
    # The setup runs once: an update must not lock, install and commit again.
    answers |= {"setup": "files", "_template": url, "_commit": commit}
    record = {
        "template": url,
        "commit": commit,
        "checkout": None if is_path else ANSWERS["_checkout"],  # cookiecutter checks out URLs only
        "context": {"cookiecutter": answers},
        "directory": None,
    }
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    Path(".cruft.json").write_text(text, encoding="utf-8", newline="\n")


def find_template() -> Path | None:
    """Returns the template's folder; its path may be relative to where cookiecutter was started."""
    for folder in (
        Path(f"/proc/{os.getppid()}/cwd"),  # cookiecutter's working directory, on Linux
        Path(ANSWERS["_output_dir"], ANSWERS["_repo_dir"]),
        Path(os.environ.get("PWD", ""), ANSWERS["_repo_dir"]),
    ):
        hook = folder / "hooks" / "post_gen_project.py"
        if hook.is_file() and hook.read_text(encoding="utf-8").startswith(f'"""{__doc__}"""'):
            return hook.parent.parent.resolve()
    return None


def source(template: Path, is_path: bool) -> str:
    """Returns the template's URL or path, without a password."""
    origin = git_in(template, "config", "remote.origin.url")
    pushed = ("branch", "--remotes", "--contains", "HEAD", "--list", "origin/*")
    is_pushed = not is_path or git_in(template, *pushed)
    if not origin or not is_pushed:
        return str(template)
    if origin.startswith("."):
        return str((template / origin).resolve())
    parts = urlsplit(origin)
    userinfo, _, host = parts.netloc.rpartition("@")
    # The user name is part of an SSH URL; in any other URL it may be a token.
    user = userinfo.partition(":")[0] + "@" if userinfo and parts.scheme == "ssh" else ""
    return parts._replace(netloc=user + host, query="").geturl() if parts.scheme else origin


class Update:
    """Helps `cruft update`, which renders the old and the new version, to merge the two.

    A file that git cannot merge makes cruft abandon the entire merge, so such files are left out.
    The old version is rendered by its own hook, so the format of the note that it leaves for the
    new hook must not change.
    """

    def __init__(self, service: Path) -> None:
        self.service = service
        self.record = service / ".cruft.json"

    def is_running(self) -> bool:
        return "_commit" in ANSWERS and self.record.is_file()

    def help(self) -> Iterator[str]:
        """Prepares the merge; yields messages for the user."""
        path = git_in(self.service, "rev-parse", "--git-path", "template-base")
        if path is None:
            return
        note = self.service / path
        if self._is_old():
            note.write_text(json.dumps(self._base()), encoding="utf-8")
        elif note.is_file():
            base = json.loads(note.read_text(encoding="utf-8"))
            note.unlink()
            yield from self._leave_out(base)

    def _is_old(self) -> bool:
        record = json.loads(self.record.read_text(encoding="utf-8"))
        answers = record["context"]["cookiecutter"].items()
        return record["commit"] == ANSWERS["_commit"] and all(
            ANSWERS.get(name) == answer for name, answer in answers if not name.startswith("_")
        )

    def _base(self) -> dict[str, tuple[str, int]]:
        """Stores the old version in git: after the first update no clone has it any more."""
        return {name: (blob, Path(name).stat().st_mode) for name, blob in self._blobs().items()}

    def _blobs(self) -> dict[str, str]:
        """Stores the rendered files in git; returns the object id of each."""
        names = sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())
        paths = "\n".join(str(Path(name).resolve()) for name in names)
        store = ("hash-object", "-w", "--no-filters", "--stdin-paths")
        stored = git_in(self.service, *store, stdin=paths)
        return dict(zip(names, (stored or "").split(), strict=True))

    def _leave_out(self, base: dict[str, tuple[str, int]]) -> Iterator[str]:
        """Reverts the new version to the old one in files that cannot be merged."""
        new = self._blobs()
        listed = (git_in(self.service, "ls-files", "--stage", "-z") or "").split("\0")
        entries = (line.partition("\t") for line in listed if line)
        tracked = {name: entry.split() for entry, _, name in entries}  # mode, blob, stage
        for name in sorted({*base, *new}):
            old, mode = base.get(name, (None, 0))
            if old != new.get(name) and (
                reason := self._conflict(name, old, new, tracked.get(name))
            ):
                Path(name).unlink(missing_ok=True)
                if old:
                    command = ("git", "-C", str(self.service), "cat-file", "blob", old)
                    content = subprocess.run(command, check=True, capture_output=True).stdout
                    Path(name).parent.mkdir(parents=True, exist_ok=True)
                    Path(name).write_bytes(content)
                    Path(name).chmod(mode)
                yield f"Left unchanged: {name} {reason}"

    def _conflict(
        self, name: str, old: str | None, new: dict[str, str], tracked: list[str] | None
    ) -> str | None:
        """Returns why git cannot merge a file that differs between the two versions, or None."""
        path = self.service / name
        if tracked and tracked[0].startswith("100"):
            if old and name not in new and tracked[1] != old:
                return "was deleted in the template, but you have changed it"
        elif path.exists() or path.is_symlink():
            return "has changed in the template, but yours is not a file in git"
        elif not old and any(not folder.is_dir() for folder in self._folders_of(path)):
            return "is new in the template, but you have a file where its folder would be"
        return None

    def _folders_of(self, path: Path) -> Iterator[Path]:
        inside = (folder for folder in path.parents if folder.is_relative_to(self.service))
        return (folder for folder in inside if folder.exists() or folder.is_symlink())


class SetupError(Exception):
    """A step of the setup failed; the message has the command and its output."""


def run(*command: str) -> None:
    try:
        done = subprocess.run(
            command,
            check=False,
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


def step(name: str, *command: str) -> None:
    """Prints the name while the command runs, then its duration."""
    echo(f" {name}", end="")
    start = time.monotonic()
    run(*command)
    echo(f" {time.monotonic() - start:.1f}s,", end="")


def find_uv() -> str | None:
    # uvx sets UV; an installer may have put uv only beside this interpreter.
    beside = shutil.which("uv", path=sysconfig.get_path("scripts"))
    return shutil.which("uv") or os.environ.get("UV") or beside


def commit() -> str | None:
    """Makes the first commit; returns why not if it cannot."""
    if not shutil.which("git"):
        return "git is not installed"
    if output("git", "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT") is None:
        return "git has no user.name and user.email (git config --global)"
    try:
        run("git", "-c", "init.defaultBranch=main", "init", "--quiet")
        run("git", "add", ".")
        step("commit", "git", "commit", "--quiet", "--message", "First commit")
    except SetupError as error:
        return str(error)
    return None


def here() -> str:
    """Returns the folder relative to where cookiecutter was started, quoted for a shell."""
    start, folder = os.environ.get("PWD"), Path.cwd()
    if start and folder.is_relative_to(os.path.realpath(start)):
        folder = folder.relative_to(os.path.realpath(start))
    return shlex.quote(str(folder))


def recipe(target: str) -> list[str]:
    """Returns the commands of `target` in the service's Makefile."""
    makefile = Path("Makefile").read_text(encoding="utf-8")
    lines = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0].splitlines()
    return [line.strip() for line in lines if line.startswith("\t")]


def make(target: str) -> str:
    """Returns the command for a target, without make if that is not installed."""
    return f"make {target}" if shutil.which("make") else " && ".join(recipe(target))


def later(steps: Iterable[str]) -> str:
    """Returns the commands for the skipped steps."""
    commands = {
        "install": make("install"),
        "commit": "git init && git add . && git commit --message 'First commit'",
        "check": make("check"),
    }
    return " && ".join([f"later: cd {here()}", *(commands[name] for name in steps)])


def set_up(notes: list[str]) -> str:
    """Locks, installs, commits and checks; returns the failure, or "" if there is none.

    Adds skipped steps to `notes`, with the commands that do them later.
    """
    remaining = ["install", "commit", "check"]
    if "_commit" in ANSWERS:
        notes.append(
            f"Not set up: cruft writes .cruft.json only after the hooks; {later(remaining)}"
        )
        return ""
    if repository := output("git", "rev-parse", "--show-toplevel"):
        notes.append(f"Not committed: the folder belongs to the repository at {repository}")
        remaining.remove("commit")
    uv = find_uv()
    if uv is None:
        url = "https://docs.astral.sh/uv"
        notes.append(f"Not set up: uv is not installed ({url}); {later(remaining)}")
        return ""
    if not shutil.which("uv"):
        notes.append(f"make does not find uv: add {Path(uv).parent} to your PATH")
    try:
        echo("Setting up:", end="")
        step("lock", uv, "lock")
        step("install", uv, "sync", "--locked")
        remaining.remove("install")
        if "commit" in remaining:
            if reason := commit():
                notes.append(f"Not committed: {reason}; {later(['commit'])}")
            else:
                remaining.remove("commit")
        for line in recipe("check"):
            words = shlex.split(line.removeprefix("uv run "))
            step(" ".join(words[:2]), uv, "run", "--no-sync", *words)
        echo(" done.")
    except SetupError as error:
        echo("")
        return (
            f"Not ready: {error}\nThe files are complete, the setup is not; {later(remaining)}\n"
            f"If that fails too, report these lines: {versions(uv)}"
        )
    except KeyboardInterrupt:
        echo("")
        notes.append(f"Stopped: the files are complete, the setup is not; {later(remaining)}")
    return ""


def versions(uv: str) -> str:
    """Returns the versions that a bug report needs, in one line."""
    project = Path("pyproject.toml").read_text(encoding="utf-8")
    (template,) = re.findall(r"^\[tool\.cookie.*\nversion = \"(.+)\"", project, re.MULTILINE)
    python = platform.python_version()
    return f"template {template}, {output(uv, '--version')}, Python {python}, {platform.platform()}"


def main() -> None:
    # Git hooks set the first four, which would make git use another repository. An active virtual
    # environment is that of cookiecutter.
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    if sys.stdout:  # None if the parent process closed it
        sys.stdout.reconfigure(errors="replace")  # the terminal may not support all of a name

    kept = kept_files()
    if ANSWERS["concurrency"] == "sync":
        spell_sync(kept)
    remove_empty_folders()
    update = Update(Path(os.environ.get("PWD", "")))
    if update.is_running():
        keep_overwritten()
        for line in update.help():
            echo(line)
        return

    warnings = [*record_template(kept)]
    if overwritten := keep_overwritten():
        warnings.append(f"Files were overwritten; their old content is in {', '.join(overwritten)}")
    name = " ".join(ANSWERS["project_name"].split())
    echo(f"{name}: " + "{concurrency} on {database}, in {project_slug}".format(**ANSWERS))
    for line in warnings:
        echo(line)
    notes: list[str] = []
    failure = set_up(notes) if ANSWERS["setup"] == "full" else ""
    for line in notes:
        echo(line)
    needs = "; requires the database of DATABASE_URL" if ANSWERS["database"] == "postgres" else ""
    echo(f"""Next:
  cd {here()}
  {make("dev"):13} # serve on http://127.0.0.1:8000, with docs at /docs{needs}
  {make("check"):13} # format, lint, types, migrations and tests""")
    if failure:
        echo(f"\n{failure}")


main()
