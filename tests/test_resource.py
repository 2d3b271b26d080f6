"""`make resource` in each variant: what it writes is complete, and passes the service's checks."""

from uuid import uuid4

import pytest

from tests.conftest import TEMPLATE, Bake, Service, commit, each_variant
from tests.items import ITEMS, for_both_databases, written
from tests.test_services import request, serving

pytestmark = pytest.mark.slow

# Each type and each option at least once; the second refers to the first, which refers to items.
EVENT = (
    "title:str(128) motto:str=été slogan:str? code:str:unique starts_at:datetime "
    "ends_at:datetime? day:date note:text? capacity:int>=0=0 rating:float>=0.5<=9.5? "
    "price:decimal>=0.5=1.5 is_public:bool=false kind:enum(talk, party)=talk ticket:uuid:unique "
    "number:int:unique place:ref(item) other_place:ref(item)?"
)
LINE = "order:int>=1=1 text:text? event:ref(event):unique on:date:unique short:str(2)?:unique"


@each_variant
def test_a_resource_is_complete_and_green_at_once(bake: Bake, answers: dict[str, str]) -> None:
    """One test for all of it: what takes time is the service's own checks."""
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    the_items_are_what_it_writes(service)
    resource(service, "name=event", f"fields={EVENT}")
    resource(service, "name=order_line", "plural=order_entries", f"fields={LINE}")
    assert "'place:ref(gone)' refers to no resource" in refused(service, "place:ref(gone)")
    assert "is no field" in refused(service, "a:str'; touch pwned; `touch pwned` '")
    assert "pwned" not in service.run("git", "ls-files", "--others")
    assert "Total coverage: 100.00%" in service.run("make", "check")
    it_answers(service)


def the_items_are_what_it_writes(service: Service) -> None:
    for name, text in written(service).items():
        assert service.read(name) == text, f"{name}: make items"
    assert "Nothing to do" in service.run("make", "resource", "name=item", f"fields={ITEMS}")
    assert service.run("git", "status", "--porcelain") == ""


def resource(service: Service, *arguments: str) -> None:
    """Writes it; to do so again changes nothing."""
    service.run("make", "resource", *arguments, UV_OFFLINE="1")
    commit(service, " ".join(arguments))
    assert "Nothing to do" in service.run("make", "resource", *arguments)
    assert service.run("git", "status", "--porcelain") == ""


def refused(service: Service, fields: str) -> str:
    """Why nothing is written."""
    told = service.run("sh", "-c", '! make resource name=zebra "fields=$FIELDS"', FIELDS=fields)
    assert "Nothing is written: " in told
    assert service.run("git", "status", "--porcelain") == ""
    return told


def it_answers(service: Service) -> None:
    with serving(service) as (url, _):
        item = request(f"{url}/v1/items", "POST", {"name": "hall"})[1]
        new = {
            "title": "A",
            "code": "a",
            "starts_at": "2026-01-31T12:00:00Z",
            "day": "2026-01-31",
            "price": "9.99",
            "ticket": str(uuid4()),
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
            "place_id": str(uuid4()),
            "ticket": str(uuid4()),
            "number": 2,
        }
        status, problem = request(f"{url}/v1/events", "POST", dangling)
        assert (status, problem["errors"][0]["field"]) == (409, "place_id")
        assert request(f"{url}/v1/items/{item['id']}", "DELETE")[0] == 409
        assert request(f"{url}/v1/events?place_id={item['id']}")[1]["items"] == [event]


def test_the_items_of_the_template_are_written_for_both_databases() -> None:
    (revision,) = (TEMPLATE / "app" / "db" / "migrations" / "versions").glob("*_create_items_*.py")
    text = revision.read_text(encoding="utf-8")
    rendered = text.partition("{% if")[0] + text.partition("%}\n")[2]
    rendered = rendered.partition("{% else")[0] + rendered.partition("{% endif %}\n")[2]
    assert for_both_databases(rendered) == text
