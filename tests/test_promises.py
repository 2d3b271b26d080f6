"""Breaks each promise of a service's tests/README.md; the test that it names must fail."""

import functools
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jinja2 import Template
from pytest_cookies.plugin import Cookies

from tests.conftest import (
    ROOT,
    TEMPLATE,
    VARIANTS,
    Bake,
    Service,
    baker,
    each_variant,
    execute,
    variant_id,
)
from tests.test_spelling import SPELLED, SPELLING

STORE = "app/db/session.py"
STATEMENTS, REPOSITORY = "app/db/sql/statements.py", "app/db/sql/base.py"
SCHEMAS = "app/schemas/base.py"
ERRORS, MIDDLEWARE, MAIN = "app/api/errors.py", "app/api/middleware.py", "app/main.py"
ENGINE, DRIVER, ENV = "app/db/engine.py", "app/db/errors.py", "app/db/migrations/env.py"
SETTINGS, BASE, DECIMALS = "app/settings.py", "app/db/base.py", "app/db/decimals.py"
BACKUP, DUMPS, COPY = "tools/backup.py", "tools/dumps.py", "tools/copy_data.py"
THREADS = "app/api/threads.py"
OBSERVATION, SERVER = "app/api/observation.py", "app/server.py"

UNIT = """                async with session.begin():
                    yield self.repositories(session)
                    if not session.is_active:
                        raise RolledBack  # otherwise the block would end without an error
"""
COMMIT_ANYWAY = """                try:
                    yield self.repositories(session)
                finally:
                    await session.commit()
"""
UNHEARD = """                yield self.repositories(session)
                try:
                    await session.commit()
                except Exception:
                    await session.rollback()
"""
NEVER = """                yield self.repositories(session)
"""
UNLIMITED = 'connection.execute(text("SET lock_timeout = 0; SET statement_timeout = 1000"))'
LIMIT = "        Middleware(BodyLimit, settings),\n"
ADMISSION = "        Middleware(Admission, settings),\n"
TIMEOUT = "asyncio.timeout(self.timeout) as timeout"

# File, text, replacement, in terms of the async variant.
Edit = tuple[str, str, str]
UNDO: dict[str, list[Edit]] = {
    "No backup is overwritten": [(BACKUP, "if path.exists():", "if False:")],
    "A backup that fails leaves no file": [
        ("tools/files.py", "part.unlink(missing_ok=True)", "pass"),
    ],
    "Success is reported only after the COMMIT": [(STORE, UNIT, UNHEARD)],
    "An error rolls the transaction back": [(STORE, UNIT, COMMIT_ANYWAY)],
    "Acknowledged writes survive `kill -9`": [(STORE, UNIT, NEVER)],
    "Hanging requests time out": [
        ("app/api/middleware.py", "call_later(self.timeout, ", "call_later(60, "),
    ],
    "A stale `If-Match` changes nothing": [
        (REPOSITORY, "yield self.table.version", "self.table.version")
    ],
    "`updated_at` never goes back": [
        (REPOSITORY, "case((before > now, before), else_=now)", "now"),
    ],
    "Rows created at the same time have a stable order": [
        (STATEMENTS, "for field, descending in order]", "for field, descending in order[:1]]"),
    ],
    "Instants are read back in UTC": [
        (BASE, "{stored}+00:00", "{stored}+01:00"),
    ],
    "Decimals are exact": [
        (
            DECIMALS,
            "divmod(numerator * self.units, denominator)",
            "int(float(value) * self.units), 0",
        ),
    ],
    "SQL computes decimals exactly or raises an error": [
        (DECIMALS, "_check(element.operator, operands)", "pass"),
    ],
    "Writers take the lock first": [(ENGINE, '"BEGIN IMMEDIATE"', '"BEGIN DEFERRED"')],
    "Readers do not wait for the writer": [
        (ENGINE, '"begin", begin)', '"begin", begin_immediate)'),
        (ENGINE, "query_only=True", "query_only=False"),
    ],
    "Long reads do not block the event loop": [
        (
            "app/db/driver.py",
            "set_progress_handler(lambda: True, MAX_STEPS)",
            "set_progress_handler(None, 0)",
        ),
    ],
    "A slow disk blocks the event loop once": [
        ("app/db/driver.py", "ended - started > SLOW", "False")
    ],
    "Writers wait for each other": [
        (ENGINE, '{"timeout": settings.database_timeout', '{"timeout": 0'),
        (ENGINE, "pool_timeout=settings.database_timeout", "pool_timeout=0.001"),
    ],
    "WAL": [(ENGINE, "journal_mode = WAL", "journal_mode = DELETE"), (ENV, "= WAL", "= DELETE")],
    "Foreign keys are enforced": [(ENGINE, "foreign_keys = ON", "foreign_keys = OFF")],
    "`DATABASE_SYNCHRONOUS` sets what a power failure may lose": [
        (ENGINE, "synchronous = {synchronous}", "synchronous = NORMAL"),
    ],
    "Unknown fields are rejected": [(SCHEMAS, 'extra="forbid", ', "")],
    "NUL is rejected": [(SCHEMAS, r'pattern=r"^[^\x00]*$"', "")],
    "Stored instants can be read back": [
        (SCHEMAS, "    AfterValidator(_in_utc),\n", ""),
    ],
    "Error responses do not echo input": [
        (ERRORS, "    RequestValidationError: on_invalid_request,\n", ""),
    ],
    "Body size is limited": [(MIDDLEWARE, "                    check(size)\n", "")],
    "No redirect echoes the Host header": [
        (MAIN, "redirect_slashes=False", "redirect_slashes=True")
    ],
    "Requests beyond capacity get a 503 within a second": [
        ("app/db/slots.py", "Semaphore(number)", "Semaphore(10_000)"),
    ],
    "Concurrent requests are limited": [
        (MIDDLEWARE, "Semaphore(settings.max_concurrent_requests)", "Semaphore(10_000)"),
    ],
    "A read sees one snapshot": [
        (STORE, "AsyncSession(self.snapshot,", "AsyncSession(self.reader,")
    ],
    "A caught error still fails the block": [
        (STORE, "if not session.is_active:", "if False:"),
    ],
    "Nested writes are rejected": [(STORE, "            raise Nested", "            pass")],
    "Probes have reserved slots": [
        (MIDDLEWARE, "for path in PROBES", "for path in ()"),
    ],
    "`/readyz` has a reserved connection": [(ENGINE, "max_overflow + 1", "max_overflow")],
    "Blocked handlers do not starve others of threads": [
        (THREADS, "few + 2 * len(running & before)", "few")
    ],
    "Every admitted request gets a thread": [(THREADS, "few + 2 * len(running & before)", "few")],
    "Slow senders hold no slots": [(MAIN, LIMIT, ""), (MAIN, ADMISSION, ADMISSION + LIMIT)],
    "Slow readers hold no slots": [
        (MIDDLEWARE, "            release.close()\n", ""),
    ],
    "An error releases its slot": [
        (MIDDLEWARE, "        with release:\n", "        if release:\n")
    ],
    "A disconnect during the body reaches no route": [
        (MIDDLEWARE, 'if message["type"] == "http.disconnect":', "if False:"),
    ],
    "Unexpected errors reveal no details": [
        (OBSERVATION, "except Exception:", "except Exception as error:"),
        (OBSERVATION, '"An unexpected error occurred."', "str(error)"),
    ],
    "A moved database file is not written to": [
        (ENGINE, "found != first", "False"),
    ],
    "A missing database file is not created": [(ENGINE, '"mode": "rw"', '"mode": "rwc"')],
    "A database restart while idle fails no request": [
        (ENGINE, "raise exc.InvalidatePoolError from error", "return"),
    ],
    "A vanished server is detected": [
        (ENGINE, '"tcp_user_timeout": seconds * 1000', '"tcp_user_timeout": 0'),
    ],
    "Statements time out": [(ENGINE, '"statement_timeout": seconds', '"statement_timeout": 0')],
    "Waiting for a lock times out": [
        (ENGINE, '"lock_timeout": settings.database_lock_timeout', '"lock_timeout": 0'),
    ],
    "Idle transactions time out": [
        (ENGINE, '"idle_in_transaction_session_timeout": seconds,', ""),
    ],
    "PgBouncer is supported": [
        (ENGINE, 'arguments | {"prepare_threshold": None}', "arguments"),
    ],
    "Migrations time out waiting for a lock": [
        (ENV, "set_lock_timeout(settings.database_lock_timeout)", UNLIMITED),
    ],
    "The settings do not reveal the password": [
        (SETTINGS, "        return url\n", "        return url.get_secret_value()\n"),
    ],
    "Errors in settings do not reveal the password": [
        (SETTINGS, ", hide_input_in_errors=True", "")
    ],
    "Invalid tokens are rejected": [
        ("app/api/issuer.py", '["exp", "iss", "sub", self.audience_claim]', "[]"),
    ],
    "Requests time out while the issuer hangs": [
        ("app/api/issuer.py", "min(FETCH_SECONDS, settings.request_timeout)", "10"),
    ],
    "Every route requires a token unless listed": [
        ("app/api/auth.py", "or not is_open(path)", 'or path.startswith("/v1/")'),
    ],
    "Production without authentication requires AUTH=none": [
        (SETTINGS, 'if self.app_env == "production" and', "if False and"),
    ],
    "Unknown hosts are rejected": [
        (
            MIDDLEWARE,
            'is_probe = scope["type"] == "http" and route_path(scope) in PROBES',
            "is_probe = True",
        ),
    ],
    "Workers share new connections": [(SERVER, '{"backlog": 2}', '{"backlog": 100}')],
    "The body of a response does not wait for its headers": [
        (SERVER, "socket.TCP_NODELAY, 1", "socket.TCP_NODELAY, 0"),
    ],
    "Slow bodies time out": [
        (MIDDLEWARE, TIMEOUT, "asyncio.timeout(None) as timeout"),
    ],
    "Documentation pages run only their own scripts": [
        ("app/api/routes/docs.py", "script-src 'self'", "script-src 'unsafe-inline' 'self'"),
    ],
    "Shutdown fails readiness first": [
        (SERVER, "        state.draining = True\n", ""),
    ],
    "A newer schema is ready": [
        (STORE, "if revision in self._outdated:", "if revision != self._head:"),
    ],
    "Proxies do not cache responses": [(OBSERVATION, 'b"private, no-cache" if', 'b"no-cache" if')],
    "Logs contain no request parameters": [
        (
            OBSERVATION,
            'getattr(scope.get("route"), "path_format", "")',
            'str(scope["query_string"])',
        ),
    ],
}
# Edits that differ by database.
UNDO_ON = {
    "sqlite": {
        "A read cannot write": [(ENGINE, "query_only=True", "query_only=False")],
        "Restore requires an empty database": [
            (DUMPS, "if _tables(connection):", "if False:"),
        ],
        "Restore is atomic": [(DUMPS, "if _revision(path) is None:", "if False:")],
        "A damaged backup is rejected": [(DUMPS, 'if result != "ok":', "if False:")],
        "Old `-wal` files are not applied to a restored database": [
            (DUMPS, "if leftover.exists():", "if False:")
        ],
        "A duplicate name is a 409": [(DRIVER, "if code in UNIQUE:", "if False:")],
        "Database errors contain no values": [(ENGINE, '"hide_parameters": True,', "")],
        "An unavailable database is a 503": [(DRIVER, "    sqlite3.SQLITE_CANTOPEN,\n", "")],
        "Replicas migrate one at a time": [(ENV, "BEGIN IMMEDIATE", "BEGIN")],
        "Upgrades are atomic": [
            (ENV, "            transactional_ddl=True,\n", ""),
        ],
    },
    "postgres": {
        "A read cannot write": [
            (ENGINE, '"postgresql_readonly": True', '"postgresql_readonly": False')
        ],
        "Restore requires an empty database": [(DUMPS, "if tables:", "if False:")],
        "Restore is atomic": [
            (DUMPS, '("--single-transaction", "--exit-on-error")', "()"),
        ],
        "The password is not on the command line": [
            (
                DUMPS,
                '"--dbname=postgresql://"',
                'f"--dbname={url.render_as_string(hide_password=False)}"',
            ),
        ],
        "Instants are in UTC in any session timezone": [
            (BASE, "value.tzinfo is UTC else value.astimezone(UTC)", "True else value"),
        ],
        "A duplicate name is a 409": [
            (DRIVER, "errors.UniqueViolation | errors.ExclusionViolation", "()"),
        ],
        "Database errors contain no values": [(ENGINE, "hide_parameters=True,", "")],
        "An unavailable database is a 503": [(DRIVER, "if lost or", "if")],
        "Replicas migrate one at a time": [
            (ENV, "            _wait_for_lock(connection, settings)\n", ""),
        ],
        "Upgrades are atomic": [
            (
                ENV,
                "            render_item=render_item,\n",
                "            transactional_ddl=False,\n",
            ),
        ],
    },
}

# Promises proved by tests/tools, which services do not contain: edits, and the test.
UNDO_IN_TOOLS: dict[str, tuple[list[Edit], str]] = {
    "Copied rows are compared before the COMMIT": (
        [(COPY, "if found != tally:", "if False:")],
        "test_changed_rows_are_detected_before_commit",
    ),
    "Rows are copied into empty tables only": (
        [("tools/ends.py", "if target.scalar(select(exists(select(table)))):", "if False:")],
        "test_a_target_with_rows_is_rejected",
    ),
    "A copied instant is in UTC": (
        [("tools/rows.py", ".replace(tzinfo=UTC)", ".replace(tzinfo=UTC, hour=0)")],
        "test_every_row_is_copied_unchanged",
    ),
}

ROW = re.compile(r"^\| (.+) \| `((?:app|tools)/.+\.py)` \| `(.+\.py::\w+)` \|$", re.MULTILINE)
PROMISES = "tests/README.md"


def rows(answers: dict[str, str]) -> list[tuple[str, str, str]]:
    """Returns each promise of this variant with the file that keeps it and its test."""
    page = (TEMPLATE / PROMISES).read_text(encoding="utf-8")
    return ROW.findall(Template(page).render(cookiecutter=answers))


# Rows on Postgres whose tests services do not contain.
COPY_TEST = Path("tests/tools/test_copy_data.py")
IN_TOOLS = [
    (promise, edits[0][0], f"tools/{COPY_TEST.name}::{test}")
    for promise, (edits, test) in UNDO_IN_TOOLS.items()
]
ROWS = [
    (answers, *row)
    for answers in VARIANTS
    for row in rows(answers) + (IN_TOOLS if answers["database"] == "postgres" else [])
]


def row_id(answers: dict[str, str], promise: str) -> str:
    return f"{variant_id(answers)}-{promise}"


def selected_rows() -> Iterator[str]:
    """Selects rows so that each way to break a promise runs on one of the variants in turn."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for answers, promise, _, _ in ROWS:
        kind = answers["database"] if promise in UNDO_ON[answers["database"]] else ""
        kinds.setdefault((promise, kind), []).append(row_id(answers, promise))
    for number, variants in enumerate(kinds.values()):
        yield variants[number % len(variants)]


SELECTED = set(selected_rows())
exhaustive = pytest.mark.exhaustive


@dataclass(frozen=True)
class Installed:
    """An installed service, with variables that make its tests share a Postgres."""

    service: Service
    variables: dict[str, str]


@pytest.fixture(scope="session")
def install(cookies_session: Cookies) -> Iterator[Callable[..., Installed]]:
    """Renders and installs each variant once; starting a Postgres takes longer than a test."""
    with ExitStack() as stack:

        @functools.cache
        def installed(**answers: str) -> Installed:
            service = baker(cookies_session)(**answers)
            service.run("uv", "sync", "--compile-bytecode")
            if answers["database"] == "sqlite":
                return Installed(service, {})
            shutil.copy(ROOT / COPY_TEST, service.path / COPY_TEST)
            return Installed(
                service, {"TEST_DATABASE_URL": stack.enter_context(service.throwaway("server"))}
            )

        yield installed


@pytest.mark.slower
@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("answers", "promise", "file", "test"),
    [
        pytest.param(
            *row, id=row_id(*row[:2]), marks=() if row_id(*row[:2]) in SELECTED else exhaustive
        )
        for row in ROWS
    ],
)
def test_a_promise_fails_without_its_code(
    install: Callable[..., Installed], answers: dict[str, str], promise: str, file: str, test: str
) -> None:
    installed = install(**answers)
    service = installed.service
    files = edited_files(service, edits(answers, promise))
    assert file in files
    assert_test_fails(installed, files, test)


def assert_test_fails(installed: Installed, files: dict[str, str], test: str) -> None:
    """Asserts that the test fails with these files, each time by an assertion."""
    service = installed.service
    before = {name: service.read(name) for name in files}
    try:
        write(service, files)
        reasons = failures(installed, test)
    finally:
        write(service, before)
    assert reasons, f"{test} passes without the code in {', '.join(files)}"
    assert [reason for reason in reasons if not PROOF.match(reason)] == []


# A failed assertion shows that the promise is broken; any other exception may be an accident.
PROOF = re.compile(r"assert |AssertionError|Failed: DID NOT RAISE|TimeoutError")


def failures(installed: Installed, test: str) -> list[str]:
    """Returns the reason of each failed case."""
    service = installed.service
    report = service.path.with_suffix(".xml")
    report.unlink(missing_ok=True)
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", f"--junit-xml={report}")
    done = execute(
        *(".venv/bin/python", "-m", "pytest", *options, f"tests/{test}"),
        folder=service.path,
        **installed.variables,
        # A quick edit may keep the size and the time of a file, and Python would not recompile it.
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert report.exists(), done.stdout
    root = ElementTree.parse(report).getroot()  # noqa: S314 - ours
    messages = [
        node.get("message", "") for kind in ("failure", "error") for node in root.iter(kind)
    ]
    return [message for message in messages if not message.startswith("failed on teardown")]


def test_every_promise_exists_in_a_variant() -> None:
    promises = {promise for _, promise, _, _ in ROWS}
    assert (
        promises
        == UNDO.keys()
        | UNDO_IN_TOOLS.keys()
        | UNDO_ON["sqlite"].keys()
        | UNDO_ON["postgres"].keys()
    )


@each_variant
def test_each_line_to_undo_exists_once(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    assert ROW.findall(service.read(PROMISES)) == rows(answers)
    for variant, promise, file, test in ROWS:
        if variant == answers:
            assert file in edited_files(service, edits(answers, promise))
            path, _, name = test.partition("::")
            owner = ROOT if (promise, file, test) in IN_TOOLS else service.path
            assert f"def {name}(" in (owner / "tests" / path).read_text(encoding="utf-8")


def edits(answers: dict[str, str], promise: str) -> list[Edit]:
    in_tools = {promise: edits for promise, (edits, _) in UNDO_IN_TOOLS.items()}
    return (UNDO | UNDO_ON[answers["database"]] | in_tools)[promise]


def edited_files(service: Service, edits: list[Edit]) -> dict[str, str]:
    """Returns the changed files after `edits`."""
    files: dict[str, str] = {}
    for name, *texts in edits:
        is_sync = service.answers["concurrency"] == "sync" and name in SPELLED
        old, new = map(as_rendered, texts) if is_sync else texts
        text = files.get(name) or service.read(name)
        assert text.count(old) == 1, (
            f"{name} of {service.path} does not contain {old!r} exactly once"
        )
        files[name] = text.replace(old, new)
    return files


def write(service: Service, files: dict[str, str]) -> None:
    for name, text in files.items():
        (service.path / name).write_text(text, encoding="utf-8")


def as_rendered(text: str) -> str:
    for pattern, replacement in SPELLING:
        text = re.sub(pattern, replacement, text)
    return text
