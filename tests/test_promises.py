"""Each promise of a service's tests/README.md is broken once, and the test that it names fails.

Slow: some forty times in each variant a line of the service is undone and a test of it is run.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Bake, Service, each_variant, execute
from tests.test_spelling import SPELLED, SPELLING

ITEMS, STORE = "app/api/routes/items.py", "app/db/session.py"
STATEMENTS = "app/db/statements.py"
SCHEMAS, FIELDS = "app/schemas/base.py", "app/schemas/items.py"
ERRORS, MIDDLEWARE, MAIN = "app/api/errors.py", "app/api/middleware.py", "app/main.py"
ENGINE, DRIVER, ENV = "app/db/engine.py", "app/db/errors.py", "app/db/migrations/env.py"
SETTINGS, BASE = "app/settings.py", "app/db/base.py"
BACKUP, DUMPS, COPY = "tools/backup.py", "tools/dumps.py", "tools/copy_data.py"
THREADS = "app/api/threads.py"
OBSERVATION, SERVER = "app/api/observation.py", "app/server.py"

UNIT = """            async with self.writer.begin() as connection:
                yield repositories(connection)
"""
COMMIT_ANYWAY = """            async with self.writer.begin() as connection:
                try:
                    yield repositories(connection)
                finally:
                    await connection.commit()
"""
CREATE = """@router.post("", status_code=201, responses=problems(409, 413))
async def create_item(new: ItemCreate, store: StoreDep, response: Response) -> Item:
    async with store.write() as repositories:
        item = await repositories.items.add(new)
"""
CREATE_IN_A_DEPENDENCY = """from fastapi import Depends
async def unit(store: StoreDep):
    async with store.write() as repositories:
        yield repositories
@router.post("", status_code=201)
async def create_item(new: ItemCreate, response: Response, repositories=Depends(unit)) -> Item:
    item = await repositories.items.add(new)
"""
LIMIT = "        Middleware(BodyLimit, limit=MAX_BODY_BYTES, timeout=30),\n"
ADMISSION = "        Middleware(Admission, settings),\n"

LISTEN = 'event.listen(writer.sync_engine, "begin", begin)'
WRITTEN = (
    '    _written(INSTANT, datetime, "an instant like 2026-01-31T12:00:00Z, with its timezone"),\n'
)

TIMEOUT = "            async with asyncio.timeout(self.timeout):\n"
LOOP = "                while"

# In a file, a text and its replacement; in the async spelling.
Edit = tuple[str, str, str]
UNDO: dict[str, list[Edit]] = {
    "No backup is overwritten": [(BACKUP, "if path.exists():", "if False:")],
    "A backup that fails leaves no file": [
        ("tools/files.py", "part.unlink(missing_ok=True)", "pass"),
    ],
    "A client is told of success after the COMMIT": [(ITEMS, CREATE, CREATE_IN_A_DEPENDENCY)],
    "An error rolls everything back": [(STORE, UNIT, COMMIT_ANYWAY)],
    "What was answered survives `kill -9`": [(STORE, "writer.begin()", "writer.connect()")],
    "A stale `If-Match` changes nothing": [
        (STATEMENTS, "yield columns.version", "columns.version")
    ],
    "Changes of different fields all stay": [
        (FIELDS, "quantity: Quantity | MISSING = MISSING", "quantity: Quantity = 0"),
        (FIELDS, "is_active: StrictBool | MISSING = MISSING", "is_active: bool = True"),
        (
            FIELDS,
            "description: Description | MISSING | None = MISSING",
            "description: Description | None = None",
        ),
    ],
    "The clock of an item never goes back": [
        (STATEMENTS, "case((before > now, before), else_=now)", "now"),
    ],
    "Rows of one instant have an order": [
        (STATEMENTS, "tuple_(*order), tuple_(*before)", "order[0], before[0]"),
    ],
    "An instant comes back in UTC": [
        (BASE, "{stored}+00:00", "{stored}"),
    ],
    "A decimal is exact": [
        (BASE, "int(value.scaleb(PLACES))", "int(float(value) * 10**PLACES)"),
    ],
    "A writer begins with the lock": [(ENGINE, '"BEGIN IMMEDIATE"', '"BEGIN DEFERRED"')],
    "A reader does not wait for the writer": [
        (ENGINE, LISTEN, f"{LISTEN}\n    {LISTEN.replace('writer', 'reader')}"),
    ],
    "A long read holds up nobody": [
        (
            "app/db/driver.py",
            "set_progress_handler(lambda: True, SHORT)",
            "set_progress_handler(None, 0)",
        ),
    ],
    "Writers wait for each other": [
        (ENGINE, '{"timeout": settings.database_timeout', '{"timeout": 0'),
        (ENGINE, "pool_timeout=settings.database_timeout", "pool_timeout=0.001"),
    ],
    "WAL": [(ENGINE, "journal_mode = WAL", "journal_mode = DELETE"), (ENV, "= WAL", "= DELETE")],
    "Foreign keys are enforced": [(ENGINE, "foreign_keys = ON", "foreign_keys = OFF")],
    "The setting decides what a power cut may take": [
        (ENGINE, "synchronous = {synchronous}", "synchronous = NORMAL"),
    ],
    "Unknown fields are refused": [(SCHEMAS, 'extra="forbid", ', "")],
    "NUL is refused": [(SCHEMAS, r'pattern=r"^[^\x00]*$"', "")],
    "A text is no number": [(FIELDS, "Annotated[StrictInt,", "Annotated[int,")],
    "A number is no instant": [(SCHEMAS, WRITTEN, "")],
    "Integers have 32 bits": [(FIELDS, ", le=MAX_INT", "")],
    "So have the versions of `If-Match`": [
        ("app/api/etags.py", "if number <= MAX_INT", ""),
    ],
    "A stored instant can be read again": [
        (SCHEMAS, "    AfterValidator(_in_utc),\n", ""),
    ],
    "A patch changes something": [(SCHEMAS, "if not self.model_fields_set:", "if False:")],
    "A cursor is one of this list": [
        ("app/schemas/pages.py", 'if cursor is not None and "sort" in info.data:', "if False:"),
    ],
    "Nothing that was sent is sent back": [
        (ERRORS, "    RequestValidationError: on_invalid_request,\n", ""),
    ],
    "Broken UTF-8 is a 422": [
        (ERRORS, "error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__", "False"),
    ],
    "A body has a limit": [(MIDDLEWARE, "too_large = len(body) > self.limit", "too_large = False")],
    "No redirect repeats the Host header": [
        (MAIN, "redirect_slashes=False", "redirect_slashes=True")
    ],
    "Who cannot be served is told within a second": [
        (MIDDLEWARE, "Semaphore(settings.max_connections)", "Semaphore(10_000)"),
    ],
    "`/livez` and `/readyz` are always let in": [
        (MIDDLEWARE, "for path in PATHS", "for path in ()"),
    ],
    "`/readyz` has a connection of its own": [(ENGINE, "max_overflow + 1", "max_overflow")],
    "Every request that is let in has a thread": [
        (THREADS, "if self._waiting and is_stuck:", "if self._waiting and not threads:")
    ],
    "A slow sender takes nobody's place": [(MAIN, LIMIT, ""), (MAIN, ADMISSION, ADMISSION + LIMIT)],
    "A slow reader takes nobody's place": [
        (MIDDLEWARE, "            leave.close()\n", ""),
    ],
    "An error gives its place back": [(MIDDLEWARE, "        with leave:\n", "        if leave:\n")],
    "A client that vanishes leaves nothing": [
        (MIDDLEWARE, 'if message["type"] == "http.disconnect":', "if False:"),
    ],
    "An unexpected error is a 500 and no more": [
        (OBSERVATION, "except Exception:", "except ValueError:"),
    ],
    "A file that was moved is not written to": [
        (ENGINE, "found != first", "False"),
    ],
    "A file that is missing is not made": [(ENGINE, '"mode": "rw"', '"mode": "rwc"')],
    "A column may change its type under the service": [
        (DRIVER, "context.is_disconnect = True", "pass"),
    ],
    "A dead connection is replaced unseen": [
        (ENGINE, "if selector.select(timeout=0):", "if False:"),
    ],
    "A server that vanishes is noticed": [
        (ENGINE, '        "tcp_user_timeout": seconds * 1000,\n', ""),
    ],
    "A statement ends": [(ENGINE, '"statement_timeout": seconds', '"statement_timeout": 0')],
    "A lock is not waited for without end": [
        (ENGINE, '"lock_timeout": settings.database_lock_timeout', '"lock_timeout": 0'),
    ],
    "A transaction that does nothing ends": [
        (ENGINE, '"idle_in_transaction_session_timeout": seconds,', ""),
    ],
    "The URL's own options count": [(ENGINE, ", options])}", "])}")],
    "PgBouncer may be in between": [
        (ENGINE, 'arguments | {"prepare_threshold": None}', "arguments"),
    ],
    "A migration does not hold up everybody": [
        (ENV, "set_lock_timeout(settings.database_lock_timeout)", "set_lock_timeout(3)"),
    ],
    "The settings do not show the password": [
        (SETTINGS, "database_url: SecretStr = SecretStr(DEFAULT_URL)", "database_url: str = '' # "),
    ],
    "Nor do their errors": [(SETTINGS, ", hide_input_in_errors=True", "")],
    "A token that is not valid is refused": [
        ("app/api/auth.py", '{"require": ["exp", "iss", "aud"]}', '{"verify_exp": False}'),
    ],
    "Production is not open by mistake": [
        (SETTINGS, 'if self.app_env == "production" and', "if False and"),
    ],
    "Another host is refused": [
        (MIDDLEWARE, 'known = scope.get("path") in PATHS', "known = True"),
    ],
    "Workers share the clients that come": [(SERVER, '{"backlog": 2}', '{"backlog": 100}')],
    "A head has a limit": [
        (SERVER, "if self.deadline and self.head_bytes > MAX_HEAD_BYTES:", "if False:"),
    ],
    "A head that does not end is not waited for": [
        (SERVER, " or self.loop.call_later(HEAD_SECONDS, self.transport.close)", ""),
    ],
    "A body that does not end is not waited for": [
        (MIDDLEWARE, f"{TIMEOUT}{LOOP}", f"            if True:\n{LOOP}"),
    ],
    "A page runs no script of others": [
        ("app/api/routes/docs.py", "script-src 'self'", "script-src 'unsafe-inline' 'self'"),
    ],
    "Who sends requests here learns first that it stops": [
        (SERVER, "        state.draining = True\n", ""),
    ],
    "A schema ahead of the code is ready": [
        (STORE, "if revision in self._outdated:", "if revision != self._head:"),
    ],
    "No log line tells what was asked for": [
        (OBSERVATION, 'getattr(scope.get("route"), "path", "")', 'str(scope["query_string"])'),
    ],
    "The metrics are those of all workers": [
        ("app/__main__.py", "several = settings.workers > 1", "several = False"),
    ],
}
# What is undone in another way on each database.
UNDO_ON = {
    "sqlite": {
        "Nothing is restored over what is there": [
            (DUMPS, "if _tables(connection):", "if False:"),
        ],
        "A restore is whole or nothing": [(DUMPS, "if _revision(path) is None:", "if False:")],
        "A damaged file is no backup": [(DUMPS, 'if told != "ok":', "if False:")],
        "An old `-wal` is applied to no other file": [(DUMPS, "if beside.exists():", "if False:")],
        "A taken name is a 409": [(DRIVER, "if code in UNIQUE:", "if False:")],
        "No error of the database tells a value": [(ENGINE, '"hide_parameters": True,', "")],
        "A reference to nothing is a 409": [
            (DRIVER, 'if str(error).startswith("FOREIGN KEY") and', "if False and"),
        ],
        "`%`, `_` and `\\` stand for themselves": [
            (BASE, "func.instr(column, part) > 0", "column.contains(part)"),
        ],
        "A database that is gone is a 503": [(DRIVER, "    sqlite3.SQLITE_CANTOPEN,\n", "")],
        "Replicas migrate one at a time": [(ENV, "BEGIN IMMEDIATE", "BEGIN")],
        "An upgrade is applied whole or not at all": [
            (ENV, "            transactional_ddl=True,\n", ""),
        ],
    },
    "postgres": {
        "Nothing is restored over what is there": [(DUMPS, "if tables:", "if False:")],
        "A restore is whole or nothing": [
            (DUMPS, '("--single-transaction", "--exit-on-error")', "()"),
        ],
        "The password is on no command line": [
            (
                DUMPS,
                '"--dbname=postgresql://"',
                'f"--dbname={url.render_as_string(hide_password=False)}"',
            ),
        ],
        "An instant is in UTC in each timezone": [
            (BASE, "value.tzinfo is UTC else value.astimezone(UTC)", "True else value"),
        ],
        "Copied rows are compared before the COMMIT": [(COPY, "if found != tally:", "if False:")],
        "Rows are copied into empty tables only": [
            ("tools/ends.py", "if target.scalar(select(exists(select(table)))):", "if False:"),
        ],
        "A copied instant is in UTC": [("tools/rows.py", ".replace(tzinfo=UTC)", "")],
        "A taken name is a 409": [
            (DRIVER, "if isinstance(error, errors.UniqueViolation):", "if False:"),
        ],
        "A reference to nothing is a 409": [
            (DRIVER, "errors.ForeignKeyViolation | errors.RestrictViolation", "()"),
        ],
        "`%`, `_` and `\\` stand for themselves": [(BASE, ", autoescape=True", "")],
        "No error of the database tells a value": [(ENGINE, "hide_parameters=True,", "")],
        "A database that is gone is a 503": [(DRIVER, "if lost or", "if")],
        "Replicas migrate one at a time": [
            (ENV, "            _wait_for_others(connection, settings)\n", ""),
        ],
        "An upgrade is applied whole or not at all": [
            (
                ENV,
                "            render_item=render_item,\n",
                "            transactional_ddl=False,\n",
            ),
        ],
    },
}

ROW = re.compile(r"^\| (.+) \| `((?:app|tools)/.+\.py)` \| `(.+\.py::\w+)` \|$", re.MULTILINE)


@pytest.mark.slower
@each_variant
def test_each_promise_is_kept_by_what_its_row_names(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("uv", "sync")
    undo = UNDO | UNDO_ON[answers["database"]]
    rows = ROW.findall(service.read("tests/README.md"))
    assert len(rows) > 35

    with server(service) as variables:
        service.run("make", "test", "test-system", **variables)
        kept = [
            promise
            for promise, file, test in rows
            if not fails(service, undo[promise], file, test, variables)
        ]
    assert kept == [], "these promises are kept without what their row names"


def test_every_promise_is_in_some_variant(rendered: Bake) -> None:
    listed = {
        promise
        for database in UNDO_ON
        for concurrency in ("async", "sync")
        for promise, _, _ in ROW.findall(
            rendered(database=database, concurrency=concurrency).read("tests/README.md")
        )
    }
    assert listed == UNDO.keys() | UNDO_ON["sqlite"].keys() | UNDO_ON["postgres"].keys()


@each_variant
def test_each_line_to_undo_is_there_once(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    undo = UNDO | UNDO_ON[answers["database"]]
    for promise, file, test in ROW.findall(service.read("tests/README.md")):
        assert file in undone(service, undo[promise])
        path, _, name = test.partition("::")
        assert f"def {name}(" in service.read(f"tests/{path}")


def undone(service: Service, edits: list[Edit]) -> dict[str, str]:
    """The files that `edits` change, as they make them."""
    files: dict[str, str] = {}
    for name, *texts in edits:
        is_sync = service.answers["concurrency"] == "sync" and name in SPELLED
        old, new = map(spelled, texts) if is_sync else texts
        text = files.get(name) or service.read(name)
        assert text.count(old) == 1, f"{name} of {service.path} has not one {old!r}"
        files[name] = text.replace(old, new)
    return files


def fails(
    service: Service, edits: list[Edit], file: str, test: str, variables: dict[str, str]
) -> bool:
    """Whether `test` fails while `edits` are made."""
    files = undone(service, edits)
    assert file in files
    before = {name: service.read(name) for name in files}
    for name, text in files.items():
        (service.path / name).write_text(text, encoding="utf-8")
    done = execute(
        *("uv", "run", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{test}"),
        folder=service.path,
        **variables,
    )
    for name, text in before.items():
        (service.path / name).write_text(text, encoding="utf-8")
    assert done.returncode in {0, 1}, f"{test} did not run:\n{done.stdout}"
    return done.returncode == 1


def spelled(text: str) -> str:
    for pattern, replacement in SPELLING:
        text = re.sub(pattern, replacement, text)
    return text


@contextmanager
def server(service: Service) -> Iterator[dict[str, str]]:
    """The variables by which all runs of the tests share a Postgres: to start one takes longer."""
    if service.answers["database"] != "postgres":
        yield {}
        return
    with service.lent("server") as url:
        yield {"TEST_DATABASE_URL": url}
