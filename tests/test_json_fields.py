"""Follows a service's docs/json.md: a typed JSON field, and queries by its keys."""

import re

import pytest

from tests.conftest import Bake, Service, each_choice
from tests.test_business_rules import created, refused
from tests.test_services import request, serving

pytestmark = pytest.mark.slower

COMMAND = re.compile(r'^make resource name=(\w+) fields="(.+)"$', re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^(    settings: .+?)(?:  # of (\w+))$", re.MULTILINE)
CONDITION = "    def _conditions(self, query: SiteFilter) -> Iterator[ColumnElement[bool]]:\n"


@each_choice
def test_a_json_field_has_a_typed_schema(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    page = service.read("docs/json.md")
    ((name, fields),) = COMMAND.findall(page)
    service.run("make", "resource", f"name={name}", f"fields={fields}")
    class_, in_classes, condition = BLOCK.findall(page)
    schemas = service.read("app/schemas/sites.py")
    schemas = schemas.replace("import Changes,", "import Schema, Changes,", 1)
    schemas = schemas.replace("class SiteCreate", f"{class_}\n\nclass SiteCreate", 1)
    for line, of in FIELD.findall(in_classes):
        before = re.compile(rf"(class {of}\(.*?\n)    settings: .*?\n", re.DOTALL)
        schemas = before.sub(rf"\1{line}\n", schemas, count=1)
    parameter = re.search(r"with `(theme: .+?)` in", page)
    assert parameter
    entity = "    entity = Site\n\n"
    schemas = schemas.replace(entity, f"{entity}    {parameter[1]}\n", 1)
    write(service, "app/schemas/sites.py", schemas)
    repository = service.read("app/db/sql/sites.py")
    assert CONDITION in repository
    write(service, "app/db/sql/sites.py", repository.replace(CONDITION, CONDITION + condition))
    for check in (("ruff", "check", "--fix", "--exit-zero"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    with service.throwaway("database") as url, serving(service, DATABASE_URL=url) as (served, _):
        sites = f"{served}/v1/sites"
        assert created(sites, title="a")["settings"] == {"theme": "light", "columns": 1}
        dark = created(sites, title="b", settings={"theme": "dark"}, labels=["new", "b"])
        assert request(f"{sites}?theme=dark")[1]["items"] == [dark]
        assert request(f"{sites}?labels=new")[1]["items"] == [dark]
        assert refused(sites, "POST", title="c", settings={"columns": 5}) == (
            422,
            ["settings.columns"],
        )
        status, changed = request(f"{sites}/{dark['id']}", "PATCH", {"settings": {"columns": 2}})
        assert (status, changed["settings"]) == (200, {"theme": "light", "columns": 2})


def write(service: Service, name: str, text: str) -> None:
    (service.path / name).write_text(text, encoding="utf-8")
