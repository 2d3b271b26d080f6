"""`make resource` in each variant: its output passes the service's checks."""

import json
import re
import shutil
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

import pytest

from tests.conftest import (
    TEMPLATE,
    Bake,
    Service,
    all_is_covered,
    commit,
    default_choice,
    each_choice,
    execute,
    make_once,
)
from tests.items import ITEMS, for_both_databases, generated_files
from tests.test_services import request, serving

pytestmark = pytest.mark.slow

# Every type and option at least once; the second refers to the first, which refers to items.
EVENT = (
    "title:str(128) motto:str=été slogan:str? code:str:unique:nocase starts_at:datetime:index "
    "ends_at:datetime? day:date note:text? capacity:int>=0=0:index rating:float>=0.5<=9.5?:index "
    "price:decimal>=0.5=1.5:index fee:decimal(12,2)<=9.5=1:index share:decimal(2,2)? "
    "contact:email:unique:nocase cc:email? website:url? secret_url:url(60)?:private extra:json? "
    "facts:json={} labels:array(str(30)) sizes:array(int)? is_public:bool=false "
    "kind:enum(talk, party)=talk:index ticket:uuid:unique number:int:unique place:ref(item) "
    "other_place:ref(item,null)? sequel:ref(event)? props:many(item) "
    "talks:list(title:str(64) fee:decimal(9,0)>=0=9 words:array(str(9)) more:json? link:url? "
    "mail:email? prop:ref(item,cascade)? on:date) unique(place,day)"
)
LINE = (
    "order:int>=1=1 text:text? event:ref(event,cascade):unique part_of:ref(order_line,cascade)? "
    "on:date:unique short:str(2)?:unique:nocase:index items:many(item)"
)


@each_choice
def test_generated_resources_and_users_pass_all_checks(bake: Bake, answers: dict[str, str]) -> None:
    """One test for all of it, because the service's own checks take most of the time."""
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    the_items_equal_its_output(service)
    resource(service, "name=event", f"fields={EVENT}")
    resource(service, "name=order_line", "plural=order_entries", f"fields={LINE}")
    assert "'place:ref(gone)' does not reference an existing resource" in refused(
        service, "place:ref(gone)"
    )
    assert "is not a valid field" in refused(service, "a:str'; touch pwned; `touch pwned` '")
    assert "pwned" not in service.run("git", "ls-files", "--others")
    make_once(service, "users")
    assert all_is_covered(service, service.run("make", "check"))
    its_resources_work(service)
    its_users_log_in(service)


@pytest.mark.parametrize(("database", "concurrency"), [("sqlite", "async"), ("postgres", "sync")])
def test_a_resource_without_a_fake_is_tested_only_on_the_database(
    bake: Bake, database: str, concurrency: str
) -> None:
    service = bake(database=database, concurrency=concurrency)
    service.run("make", "install")
    commit(service, "First commit")
    resource(service, "name=zebra", "fields=name:str:unique place:ref(item)", "fake=no")
    resource(
        service, "name=foal", "fields=dam:ref(zebra)"
    )  # and so do the resources that refer to it
    tests = ("uv", "run", "pytest", "tests/api/test_zebras.py", "tests/api/test_foals.py")
    service.run(*tests)
    collected = service.run(*tests, "--collect-only", "-q")
    assert "[database" in collected
    assert "[memory" not in collected

    unmarked = service.path / "tests" / "api" / "test_zebras.py"
    text = unmarked.read_text(encoding="utf-8")
    unmarked.write_text(text.replace("\npytestmark = in_database", ""), encoding="utf-8")
    done = execute(*tests, "-k", "memory", folder=service.path)
    assert done.returncode == 1
    assert "zebras.add exists only in the database" in done.stdout


@default_choice
def test_a_service_without_fakes_passes_all_checks_and_takes_a_resource(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    shutil.rmtree(service.path / "tests" / "fakes")
    commit(service, "Database only")
    the_items_equal_its_output(service)
    resource(service, "name=event", f"fields={EVENT}")
    assert not (service.path / "tests" / "fakes").exists()
    output = service.run("make", "check")
    assert all_is_covered(service, output)
    assert re.search(r"\d skipped", output) is None


def the_items_equal_its_output(service: Service) -> None:
    for name, text in generated_files(service).items():
        assert service.read(name) == text, f"{name} is outdated: run make items"
    assert "Nothing to do" in service.run("make", "resource", "name=item", f"fields={ITEMS}")
    assert service.run("git", "status", "--porcelain") == ""


def resource(service: Service, *arguments: str) -> None:
    """Writes the resource, and asserts that a second run changes nothing."""
    make_once(service, "resource", *arguments, UV_OFFLINE="1")


def refused(service: Service, fields: str) -> str:
    """Returns the reason why nothing is written."""
    output = service.run("sh", "-c", '! make resource name=zebra "fields=$FIELDS"', FIELDS=fields)
    assert "Nothing was written: " in output
    assert service.run("git", "status", "--porcelain") == ""
    return output


def its_users_log_in(service: Service) -> None:
    password = "correct horse battery"  # noqa: S105 - of no account outside of this test
    with serving(service) as (url, _):
        assert request(f"{url}/v1/items")[0] == 401
        new = {"email": "ada@example.com", "password": password}
        assert request(f"{url}/v1/auth/register", "POST", new) == (202, "null")
        form = urlencode({"username": new["email"], "password": password}).encode()
        with urlopen(f"{url}/v1/auth/login", form) as response:  # noqa: S310 - our own
            token = json.load(response)["access_token"]
        for path in ("/v1/items", "/v1/users/me"):
            assert request(f"{url}{path}", token=token)[0] == 200


def its_resources_work(service: Service) -> None:
    with serving(service, AUTH="none") as (url, _):
        item = request(f"{url}/v1/items", "POST", {"name": "hall"})[1]
        new = {
            "title": "A",
            "code": "a",
            "starts_at": "2026-01-31T12:00:00Z",
            "day": "2026-01-31",
            "price": "9.99",
            "ticket": str(uuid4()),
            "contact": "ada@example.com",
            "number": 1,
            "place_id": item["id"],
        }
        status, event = request(f"{url}/v1/events", "POST", new)
        assert (status, event["place"], event["price"]) == (201, item, "9.9900")
        status, line = request(
            f"{url}/v1/order-entries", "POST", {"event_id": event["id"], "on": "2026-01-31"}
        )
        assert (status, line["event"]) == (201, event)
        dangling = new | {
            "code": "b",
            "contact": "eve@example.com",
            "place_id": str(uuid4()),
            "ticket": str(uuid4()),
            "number": 2,
        }
        status, problem = request(f"{url}/v1/events", "POST", dangling)
        assert (status, problem["errors"][0]["field"]) == (409, "place_id")
        assert request(f"{url}/v1/items/{item['id']}", "DELETE")[0] == 409
        assert request(f"{url}/v1/events?place_id={item['id']}")[1]["items"] == [event]


def test_the_templates_items_equal_the_generators_output() -> None:
    (revision,) = (TEMPLATE / "app" / "db" / "migrations" / "versions").glob("*_create_items_*.py")
    text = revision.read_text(encoding="utf-8")
    rendered = text.partition("{% if")[0] + text.partition("%}\n")[2]
    rendered = rendered.partition("{% else")[0] + rendered.partition("{% endif %}\n")[2]
    assert for_both_databases(rendered) == text
