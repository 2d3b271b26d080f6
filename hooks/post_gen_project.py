"""Runs in the rendered service: spells the chosen variant and, if asked to, sets it up.

It may run again in the same folder, so every step can be repeated.
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

# The answers come as JSON in a string literal, so that none of them can end it and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

# The template is written in async Python; these rows, in this order, make it blocking.
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

# Only the template's own files are respelled: with --overwrite-if-exists there may be others.
SPELLED = (
    "app/api/routes/items.py",
    "app/db/engine.py",
    "app/db/places.py",
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

# Starlette awaits what these files hand it, so they stay async but for the words named here.
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
        now = path.read_bytes() if path.exists() else b""
        if now != copy.read_bytes() and not is_committed(path, copy):
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
    manifests = Path("tools/jobs/templates/deploy")
    for folder in (Path(".github/workflows"), Path(".github"), Path("deploy"), manifests):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def tell(text: str, end: str = "\n") -> None:
    """Prints; where nobody listens any more, a service must not fail for it."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        sys.stdout = None  # print() does nothing from now on


def output(*command: str, given: str = "") -> str | None:
    """What `command` prints, or None if it fails or is not installed."""
    try:
        done = subprocess.run(
            command, check=False, input=given, capture_output=True, encoding="utf-8"
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def git_in(folder: Path, *arguments: str, given: str = "") -> str | None:
    return output("git", "-C", str(folder), *arguments, given=given)


def record_template(kept: set[str]) -> Iterator[str]:
    """Writes .cruft.json, by which cruft finds the template; yields what is not right with it."""
    if "_commit" in ANSWERS or "pyproject.toml" in kept:
        return  # cruft writes its own; and files that were skipped are of an older version
    template = find_template()
    commit = template and git_in(template, "rev-parse", "--verify", "HEAD")
    if not template or not commit or git_in(template, "rev-parse", "--show-prefix"):
        Path(".cruft.json").unlink(missing_ok=True)  # of the render before, and wrong now
        yield (
            "No .cruft.json, for it is not known from which commit the template came; "
            f"later: cd {here()} && uvx cruft link URL-OF-THE-TEMPLATE"
        )
        return
    is_path = ANSWERS["_repo_dir"] == ANSWERS["_template"]
    if is_path and git_in(template, "status", "--porcelain"):
        yield f".cruft.json names the last commit of {template}, which has changes since"
    url = source(template, is_path)
    answers = {name: answer for name, answer in ANSWERS.items() if not name.startswith("_")}
    # The setup is done once: no update shall lock, install and commit anew.
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
    """The folder of the template, which may have been given from where cookiecutter was started."""
    for folder in (
        Path(f"/proc/{os.getppid()}/cwd"),  # cookiecutter is there, where the system tells
        Path(ANSWERS["_output_dir"], ANSWERS["_repo_dir"]),
        Path(os.environ.get("PWD", ""), ANSWERS["_repo_dir"]),
    ):
        hook = folder / "hooks" / "post_gen_project.py"
        if hook.is_file() and hook.read_text(encoding="utf-8").startswith(f'"""{__doc__}"""'):
            return hook.parent.parent.resolve()
    return None


def source(template: Path, is_path: bool) -> str:
    """Where colleagues find the template, without a password that its URL may have."""
    origin = git_in(template, "config", "remote.origin.url")
    pushed = ("branch", "--remotes", "--contains", "HEAD", "--list", "origin/*")
    is_pushed = not is_path or git_in(template, *pushed)
    if not origin or not is_pushed:
        return str(template)
    if origin.startswith("."):
        return str((template / origin).resolve())
    parts = urlsplit(origin)
    who, _, host = parts.netloc.rpartition("@")
    # A name that git logs in with belongs to an SSH URL; in all others it may be a token.
    user = who.partition(":")[0] + "@" if who and parts.scheme == "ssh" else ""
    return parts._replace(netloc=user + host, query="").geturl() if parts.scheme else origin


class Update:
    """Helps `cruft update`, which renders the old version and the new one, to merge the two.

    What git cannot merge makes cruft drop the merge of all else, so it is kept out of it. The old
    version is rendered with its own hook, so what one tells the other must not change its form.
    """

    def __init__(self, service: Path) -> None:
        self.service = service
        self.record = service / ".cruft.json"

    def is_running(self) -> bool:
        return "_commit" in ANSWERS and self.record.is_file()

    def help(self) -> Iterator[str]:
        """Yields what a person should know."""
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
        """The old version, in git now: after the first update no clone has it any more."""
        return {name: (blob, Path(name).stat().st_mode) for name, blob in self._blobs().items()}

    def _blobs(self) -> dict[str, str]:
        """What is rendered here, as objects of git."""
        names = sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())
        paths = "\n".join(str(Path(name).resolve()) for name in names)
        store = ("hash-object", "-w", "--no-filters", "--stdin-paths")
        stored = git_in(self.service, *store, given=paths)
        return dict(zip(names, (stored or "").split(), strict=True))

    def _leave_out(self, base: dict[str, tuple[str, int]]) -> Iterator[str]:
        """Makes the new version the same as the old in those files that cannot be merged."""
        new = self._blobs()
        listed = (git_in(self.service, "ls-files", "--stage", "-z") or "").split("\0")
        entries = (line.partition("\t") for line in listed if line)
        known = {name: entry.split() for entry, _, name in entries}  # mode, blob, stage
        for name in sorted({*base, *new}):
            old, mode = base.get(name, (None, 0))
            if old != new.get(name) and (reason := self._why_not(name, old, new, known.get(name))):
                Path(name).unlink(missing_ok=True)
                if old:
                    command = ("git", "-C", str(self.service), "cat-file", "blob", old)
                    content = subprocess.run(command, check=True, capture_output=True).stdout
                    Path(name).parent.mkdir(parents=True, exist_ok=True)
                    Path(name).write_bytes(content)
                    Path(name).chmod(mode)
                yield f"Left as it is: {name} {reason}"

    def _why_not(
        self, name: str, old: str | None, new: dict[str, str], known: list[str] | None
    ) -> str | None:
        """Why git cannot merge a file that differs between the old version and the new one."""
        theirs = self.service / name
        if known and known[0].startswith("100"):
            if old and name not in new and known[1] != old:
                return "is no longer in the template, and you have changed it"
        elif theirs.exists() or theirs.is_symlink():
            return "has changed in the template, and yours is not a file that git knows"
        elif not old and any(not folder.is_dir() for folder in self._folders_of(theirs)):
            return "is new in the template, and you have a file where its folder would be"
        return None

    def _folders_of(self, path: Path) -> Iterator[Path]:
        inside = (folder for folder in path.parents if folder.is_relative_to(self.service))
        return (folder for folder in inside if folder.exists() or folder.is_symlink())


class SetupError(Exception):
    """A step of the setup failed; the message shows the command and what it said."""


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
    """Shows what is running while it runs, then how long it took."""
    tell(f" {name}", end="")
    began = time.monotonic()
    run(*command)
    tell(f" {time.monotonic() - began:.1f}s,", end="")


def find_uv() -> str | None:
    # uvx tells its own path; an installer may have put uv beside this interpreter only.
    beside = shutil.which("uv", path=sysconfig.get_path("scripts"))
    return shutil.which("uv") or os.environ.get("UV") or beside


def commit() -> str | None:
    """Returns why there is no first commit, if there is none."""
    if not shutil.which("git"):
        return "git is not installed"
    if output("git", "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT") is None:
        return "git does not know your name (git config --global user.name, user.email)"
    try:
        run("git", "-c", "init.defaultBranch=main", "init", "--quiet")
        run("git", "add", ".")
        step("commit", "git", "commit", "--quiet", "--message", "First commit")
    except SetupError as error:
        return str(error)
    return None


def here() -> str:
    """The folder, as it is called where cookiecutter was started."""
    start, folder = os.environ.get("PWD"), Path.cwd()
    if start and folder.is_relative_to(os.path.realpath(start)):
        folder = folder.relative_to(os.path.realpath(start))
    return shlex.quote(str(folder))


def recipe(target: str) -> list[str]:
    """The lines of `target` in the service's Makefile."""
    makefile = Path("Makefile").read_text(encoding="utf-8")
    lines = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0].splitlines()
    return [line.strip() for line in lines if line.startswith("\t")]


def make(target: str) -> str:
    """What to type for `make target`, also where make is not installed."""
    return f"make {target}" if shutil.which("make") else " && ".join(recipe(target))


def later(steps: Iterable[str]) -> str:
    """What to type for the steps that were left out."""
    commands = {
        "install": make("install"),
        "commit": "git init && git add . && git commit --message 'First commit'",
        "check": make("check"),
    }
    return " && ".join([f"later: cd {here()}", *(commands[name] for name in steps)])


def set_up(notes: list[str]) -> str:
    """Locks, installs, commits and checks; returns what failed, or "" if nothing did.

    Adds to `notes` what was left out, and how to do it later.
    """
    left = ["install", "commit", "check"]
    if "_commit" in ANSWERS:
        notes.append(
            f"cruft writes .cruft.json after this, so nothing is set up yet; {later(left)}"
        )
        return ""
    if around := output("git", "rev-parse", "--show-toplevel"):
        notes.append(f"Not committed: it belongs to the repository at {around}")
        left.remove("commit")
    uv = find_uv()
    if uv is None:
        notes.append(
            "uv is not installed (https://docs.astral.sh/uv), so nothing else is; " + later(left)
        )
        return ""
    if not shutil.which("uv"):
        notes.append(f"uv is not on your PATH, where make looks for it; it is in {Path(uv).parent}")
    try:
        tell("Setting up:", end="")
        step("lock", uv, "lock")
        step("install", uv, "sync", "--locked")
        left.remove("install")
        if "commit" in left:
            if reason := commit():
                notes.append(f"Not committed: {reason}; {later(['commit'])}")
            else:
                left.remove("commit")
        for line in recipe("check"):
            words = shlex.split(line.removeprefix("uv run "))
            step(" ".join(words[:2]), uv, "run", "--no-sync", *words)
        tell(" done.")
    except SetupError as error:
        tell("")
        return (
            f"Not ready: {error}\nThe files are complete, their setup is not; {later(left)}\n"
            f"If that fails too, report these lines: {versions(uv)}"
        )
    except KeyboardInterrupt:
        tell("")
        notes.append(f"Stopped: the files are complete, their setup is not; {later(left)}")
    return ""


def versions(uv: str) -> str:
    """What a failure may depend on, in one line."""
    project = Path("pyproject.toml").read_text(encoding="utf-8")
    (template,) = re.findall(r"^\[tool\.cookie.*\nversion = \"(.+)\"", project, re.MULTILINE)
    python = platform.python_version()
    return f"template {template}, {output(uv, '--version')}, Python {python}, {platform.platform()}"


def main() -> None:
    # Set in hooks of git, they would lead it to another repository; and an activated environment
    # is that of cookiecutter.
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    if sys.stdout:  # else it was closed by who started this
        sys.stdout.reconfigure(errors="replace")  # a name may not fit the terminal's encoding

    kept = kept_files()
    if ANSWERS["concurrency"] == "sync":
        spell_sync(kept)
    remove_empty_folders()
    update = Update(Path(os.environ.get("PWD", "")))
    if update.is_running():
        keep_overwritten()
        for line in update.help():
            tell(line)
        return

    told = [*record_template(kept)]
    if overwritten := keep_overwritten():
        told.append(f"Overwritten, their old content is in {', '.join(overwritten)}")
    name = " ".join(ANSWERS["project_name"].split())
    tell(f"{name}: " + "{concurrency} on {database}, in {project_slug}".format(**ANSWERS))
    for line in told:
        tell(line)
    notes: list[str] = []
    failure = set_up(notes) if ANSWERS["setup"] == "full" else ""
    for line in notes:
        tell(line)
    needs = "; needs the database of DATABASE_URL" if ANSWERS["database"] == "postgres" else ""
    tell(f"""Next:
  cd {here()}
  {make("dev"):13} # serve on http://127.0.0.1:8000, with docs at /docs{needs}
  {make("check"):13} # format, lint, types, migrations and tests""")
    if failure:
        tell(f"\n{failure}")


main()
