"""A client that a public generator writes from openapi.json compiles, has types, and works."""

from pathlib import Path

import pytest

from tests.conftest import Bake, Service, each_choice, execute
from tests.test_services import serving

pytestmark = pytest.mark.slower

FIELDS = (
    "title:str(128) status:enum(draft,published)=draft starts_at:datetime price:decimal>=0 "
    "note:text? place:ref(place)"
)
RUN = ("uv", "run", "--no-project", "--with", "./client")

# In an environment that has the client and not the service.
SCRIPT = """
import sys
from datetime import UTC, datetime
from uuid import UUID

from my_service_client import Client
from my_service_client.api.events import (
    create_event,
    delete_event,
    list_events,
    read_event,
    update_event,
)
from my_service_client.api.places import create_place
from my_service_client.models import (
    Event,
    EventCreate,
    EventCreateStatus,
    EventStatus,
    EventUpdate,
    ListEventsSortItem,
    ListEventsStatusItem,
    PageEvent,
    Place,
    PlaceCreate,
    Problem,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ULM = PlaceCreate(name="Ulm")


def fields(problem: object, status: int) -> list[str]:
    assert isinstance(problem, Problem), problem
    assert problem.status == status
    return [error.field for error in problem.errors]


client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)

place = create_place.sync(client=client, body=ULM)
assert isinstance(place, Place)
assert fields(create_place.sync(client=client, body=ULM), 409) == ["name"]
assert fields(create_place.sync(client=client, body=PlaceCreate(name="")), 422) == ["name"]

new = EventCreate(
    title="Fair",
    status=EventCreateStatus.PUBLISHED,
    starts_at=NOON,
    price="9.99",
    place_id=place.id,
)
created = create_event.sync_detailed(client=client, body=new)
event, tag = created.parsed, created.headers["ETag"]
assert isinstance(event, Event)
assert event.place == place
assert event.status is EventStatus.PUBLISHED
assert (event.starts_at, event.price, event.note) == (NOON, "9.9900", None)
new.place_id = UUID(int=0)
assert fields(create_event.sync(client=client, body=new), 409) == ["place_id"]

assert read_event.sync(event.id, client=client) == event
known = read_event.sync_detailed(event.id, client=client, if_none_match=tag)
assert (known.status_code, known.parsed) == (304, None)
published = ListEventsStatusItem.PUBLISHED
newest = ListEventsSortItem.VALUE_1
page = list_events.sync(client=client, status=[published], place_id=[place.id], sort=[newest])
assert page == PageEvent(items=[event], next_cursor=None)

changes = EventUpdate(note="Bring chairs.")
updated = update_event.sync(event.id, client=client, body=changes, if_match=tag)
assert isinstance(updated, Event)
assert (updated.note, updated.price) == ("Bring chairs.", event.price)
assert fields(update_event.sync(event.id, client=client, body=changes, if_match=tag), 412) == []
updated = update_event.sync(event.id, client=client, body=EventUpdate(note=None))
assert isinstance(updated, Event)
assert updated.note is None

assert delete_event.sync_detailed(event.id, client=client).status_code == 204
assert fields(read_event.sync(event.id, client=client), 404) == []
"""

# One function of two methods, with the name of another.
SAME_NAME = """

@router.api_route("/again", methods=["PUT", "POST"])
def read_event() -> None: ...
"""


@each_choice
def test_a_generated_client_drives_the_service(
    bake: Bake, tmp_path: Path, answers: dict[str, str]
) -> None:
    service = bake(project_name="My Service", **answers)
    service.run("make", "install")
    service.run("make", "resource", "name=place", "fields=name:str(128):unique")
    service.run("make", "resource", "name=event", f"fields={FIELDS}")
    generate(service, tmp_path / "client")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    run(tmp_path, "python", "-m", "compileall", "-q", "client")
    run(tmp_path, "--with", "mypy>=2.4,<3", "mypy", "--strict", "client", "script.py")
    with serving(service) as (url, _):
        run(tmp_path, "python", "script.py", url)
    a_name_of_two_functions_is_refused(service)


def generate(service: Service, folder: Path) -> None:
    """Runs the command of the service's README, which no part of the document makes warn."""
    (command,) = (
        line for line in service.read("README.md").splitlines() if "openapi-python-client" in line
    )
    more = ("--meta", "uv", "--output-path", str(folder), "--fail-on-warning")
    service.run("bash", "-ec", f'{command} "$@"', "bash", *more, UV_SYSTEM_CERTS="1")


def run(folder: Path, *command: str) -> None:
    done = execute(*RUN, *command, folder=folder, UV_SYSTEM_CERTS="1")
    assert done.returncode == 0, done.stdout


def a_name_of_two_functions_is_refused(service: Service) -> None:
    with (service.path / "app" / "api" / "routes" / "events.py").open("a") as file:
        file.write(SAME_NAME)
    done = execute("uv", "run", "pytest", "tests/api", "-k", "operation_ids", folder=service.path)
    assert done.returncode == 1
    three = "GET /v1/events/{event_id}, PUT /v1/events/again, POST /v1/events/again share"
    assert three in done.stdout
