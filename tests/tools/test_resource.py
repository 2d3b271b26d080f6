"""`make resource`: rejected arguments, and files that it does not change."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database import DRIVER
from tests.tools.copies import ROOT, contents, copied
from tools.resource.columns import mapped
from tools.resource.fields import Field
from tools.resource.kinds import KINDS
from tools.resource.names import Refused, article
from tools.resource.parse import parse
from tools.resource.write import write

FIELDS = "title:str(128):unique weight:decimal>=0=1.5 day:date? kind:enum(big,small)=big note:text?"

RESERVED_BY_THE_DATABASE = {
    "sqlite": [("sqlite_zebra", FIELDS, "is reserved by SQLite")],
    "psycopg": [
        ("zebra", "ctid:int", "is reserved by Python or the generated code"),
        ("zebra", "tableoid:int", "is reserved by Python or the generated code"),
    ],
}


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return copied(tmp_path)


def make(service: Path, name: str, fields: str) -> list[str]:
    """Returns the names of the written files."""
    return [path.as_posix() for path in write(service, parse(service, name, fields))]


def test_make_resource_is_idempotent(service: Path) -> None:
    assert "app/api/routes/zebras.py" in make(service, "zebra", FIELDS)
    written = contents(service)
    assert make(service, "zebra", FIELDS) == []
    assert contents(service) == written
    assert "app/db/tables/foals.py" in make(service, "foal", "dam:ref(zebra)")
    assert make(service, "zebra", FIELDS) == []


def test_an_edited_file_is_not_overwritten(service: Path) -> None:
    make(service, "zebra", FIELDS)
    edited = service / "tests" / "fakes" / "zebras.py"
    edited.write_text(f"{edited.read_text(encoding='utf-8')}\n# Ours.\n", encoding="utf-8")
    (service / "app" / "schemas" / "zebras.py").unlink()
    before = contents(service)
    with pytest.raises(Refused, match=r"tests/fakes/zebras\.py already exists"):
        make(service, "zebra", FIELDS)
    assert contents(service) == before


def test_nothing_is_written_if_the_resource_cannot_be_registered(service: Path) -> None:
    session = service / "app" / "db" / "session.py"
    session.write_text(session.read_text(encoding="utf-8").replace("Repositories(", "created("))
    before = contents(service)
    with pytest.raises(Refused, match=r"app/db/session\.py has changed, so .* and `zebras="):
        make(service, "zebra", FIELDS)
    assert contents(service) == before


def test_two_newest_revisions_are_rejected(service: Path) -> None:
    branch = service / "app" / "db" / "migrations" / "versions" / "branch.py"
    branch.write_text("revision, down_revision = 'branch', None\n", encoding="utf-8")
    with pytest.raises(Refused, match="2 newest revisions: join them with make migration-merge"):
        make(service, "zebra", FIELDS)


def test_fake_no_writes_no_fake(service: Path) -> None:
    registered = contents(service)[service / "tests" / "fakes" / "store.py"]
    written = [*write(service, parse(service, "zebra", FIELDS, fake="no"))]
    written += write(service, parse(service, "foal", "dam:ref(zebra)"))
    assert not [path for path in written if "fakes" in path.parts]
    texts = contents(service)
    assert texts[service / "tests" / "fakes" / "store.py"] == registered
    for name in ("zebras", "foals"):
        test = texts[service / "tests" / "api" / f"test_{name}.py"]
        assert "\npytestmark = in_database\n" in test
        assert "@in_" not in test


def test_no_fake_is_written_without_the_folder_of_fakes(service: Path) -> None:
    shutil.rmtree(service / "tests" / "fakes")
    assert "tests/api/test_zebras.py" in make(service, "zebra", FIELDS)
    assert not (service / "tests" / "fakes").exists()
    assert make(service, "zebra", FIELDS) == []


def test_the_first_fake_can_be_registered(service: Path) -> None:
    store = service / "tests" / "fakes" / "store.py"
    text = store.read_text(encoding="utf-8")
    start, end = text.index("with_fakes(\n"), text.index("    )\n\n\nclass InMemoryStore")
    store.write_text(f"{text[:start]}with_fakes({text[end:].lstrip()}", encoding="utf-8")
    make(service, "zebra", FIELDS)
    line = '    return with_fakes(\n        zebras=InMemoryZebraRepository(tables["zebras"]),\n'
    assert line in store.read_text(encoding="utf-8")


def test_an_invalid_fake_option_is_rejected() -> None:
    with pytest.raises(Refused, match="fake=false is not valid: use fake=no, or omit it"):
        parse(ROOT, "zebra", FIELDS, fake="false")


def test_a_syntax_error_is_reported(service: Path) -> None:
    main = service / "app" / "main.py"
    main.write_text(f"{main.read_text(encoding='utf-8')}\n)\n", encoding="utf-8")
    before = contents(service)
    with pytest.raises(Refused, match=r"ruff rejects app/main\.py: .*\bparse"):
        make(service, "zebra", FIELDS)
    assert contents(service) == before


def test_a_resource_with_many_fields_passes_ruff(service: Path) -> None:
    fields = (f"is_{number}:bool word_{number}:str?" for number in range(1, 31))
    written = make(service, "zebra", " ".join(fields))
    subprocess.run([sys.executable, "-m", "ruff", "check", *written], cwd=service, check=True)


def test_a_default_may_contain_non_ascii_letters(service: Path) -> None:
    make(service, "zebra", "title:str=été")
    assert 'title: Title = "été"' in (service / "app/schemas/zebras.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["item", "items", "Item"])
def test_a_reference_accepts_name_plural_and_class(name: str) -> None:
    ((field, target),) = parse(ROOT, "zebra", f"place:ref({name})").references
    assert (field.key, target.name, target.plural) == ("place_id", "item", "items")


DOCUMENTED = 'Field(json_schema_extra={"default": "0.0000000"})'


@pytest.mark.parametrize(
    ("spec", "in_create"),
    [
        ("fee:decimal(9,7)=0", f'Annotated[Fee, {DOCUMENTED}] = Decimal("0.0000000")'),
        (
            "fee:decimal(9,7)?=0:private",
            f'Annotated[Annotated[Fee | None, PRIVATE], {DOCUMENTED}] = Decimal("0.0000000")',
        ),
        ("fee:decimal(9,7)=1", 'Fee = Decimal("1.0000000")'),
        ("fee:decimal=0", 'Fee = Decimal("0.0000")'),
    ],
)
def test_a_small_default_is_documented_in_full(spec: str, in_create: str) -> None:
    (field,) = parse(ROOT, "zebra", spec).fields
    assert field.in_create == in_create


def test_a_float_has_one_zero() -> None:
    (field,) = parse(ROOT, "zebra", "ratio:float>=0").fields
    assert field.definition("") == "Annotated[StrictFloat, Field(ge=0.0), OneZero]"


@pytest.mark.parametrize(
    ("field", "in_table"),
    [
        ("place:ref(item)", 'ForeignKey("items.id", ondelete="RESTRICT")'),
        ("place:ref(item,restrict)", 'ForeignKey("items.id", ondelete="RESTRICT")'),
        ("place:ref(item, cascade)", 'ForeignKey("items.id", ondelete="CASCADE")'),
        ("place:ref(item,null)?", 'ForeignKey("items.id", ondelete="SET NULL")'),
        ("dam:ref(zebra)?", 'ForeignKey("zebras.id")'),
        ("dam:ref(zebra,null)?", 'ForeignKey("zebras.id", ondelete="SET NULL")'),
    ],
)
def test_a_foreign_key_has_its_delete_rule(field: str, in_table: str) -> None:
    ((reference, _),) = parse(ROOT, "zebra", field).keys
    assert in_table in mapped(reference)


@pytest.mark.parametrize(
    ("link", "key"),
    [
        ("items:many(item)", "item_ids"),
        ("entries:many(item)", "entry_ids"),
        ("boxes:many(item)", "box_ids"),
        ("related:many(Item)", "related_ids"),
        ("people:many(items)", "people_ids"),
    ],
)
def test_a_link_is_sent_as_ids(link: str, key: str) -> None:
    assert [each.keys for each in parse(ROOT, "zebra", f"name:str {link}").links] == [key]


def test_fields_may_be_unique_together(service: Path) -> None:
    fields = "home:ref(item) name:str legs:int>=1<=4 unique(home,name) unique( legs , home_id )"
    make(service, "zebra", fields)
    assert make(service, "zebra", fields) == []
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert '        UniqueConstraint("home_id", "name"),\n' in table
    assert '        UniqueConstraint("legs", "home_id"),\n' in table
    (revision,) = (service / "app/db/migrations/versions").glob("*_create_zebras_*.py")
    assert 'name=op.f("uq_zebras_home_id_name")' in revision.read_text(encoding="utf-8")
    fake = (service / "tests" / "fakes" / "zebras.py").read_text(encoding="utf-8")
    assert '("home_id", "name")' in fake


def test_owned_rows_are_unique_together_per_owner(service: Path) -> None:
    fields = "name:str legs:int unique(name,legs)"
    write(service, parse(service, "zebra", fields, owner="user"))
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert 'UniqueConstraint("owner", "name", "legs"),' in table
    with pytest.raises(Refused, match="use at most 400 characters in total"):
        parse(service, "zebra", "a:str(255) b:str(255) unique(a,b)", owner="user")


def test_a_list_has_its_own_table(service: Path) -> None:
    fields = "name:str legs:list(home:ref(item)\n name:str(9) length:int>=0 toes:int?)"
    make(service, "zebra", fields)
    assert make(service, "zebra", fields) == []
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert 'class ZebraLegTable(Base):\n    __tablename__ = "zebra_legs"\n' in table
    assert "    legs: Mapped[list[ZebraLegTable]] = relationship(\n" in table
    schemas = (service / "app" / "schemas" / "zebras.py").read_text(encoding="utf-8")
    assert "    name: ZebraLegName\n    length: Length\n    toes: Toes | None = None\n" in schemas
    assert "Legs = Annotated[tuple[ZebraLeg, ...], Field(max_length=MAX_LINKS)]\n" in schemas
    (revision,) = (service / "app/db/migrations/versions").glob("*_create_zebras_*.py")
    text = revision.read_text(encoding="utf-8")
    assert 'name=op.f("pk_zebra_legs")' in text
    assert text.index('op.drop_table("zebra_legs")') < text.index('op.drop_table("zebras")')
    with pytest.raises(Refused, match="the table 'zebra_legs' already exists: set"):
        make(service, "zebra_leg", FIELDS)


def test_the_rows_of_a_list_have_the_owner_of_their_resource(service: Path) -> None:
    write(service, parse(service, "zebra", "name:str legs:list(a:int)", owner="user"))
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert "class ZebraLegTable(OwnedRow):\n" in table
    with pytest.raises(Refused, match="'owner' and 'user' are reserved"):
        parse(ROOT, "zebra", "name:str legs:list(owner:str)", owner="user")


def test_an_existing_table_is_rejected(service: Path) -> None:
    make(service, "zebra", "name:str items:many(item)")
    assert make(service, "zebra", "name:str items:many(item)") == []
    with pytest.raises(Refused, match="the table 'zebra_items' already exists: set"):
        make(service, "zebra_item", FIELDS)
    make(service, "zebra_list", FIELDS)
    with pytest.raises(Refused, match="the table 'zebra_lists' already exists: rename"):
        parse(service, "zebra", "name:str lists:many(item)")


def test_a_resource_may_reference_itself(service: Path) -> None:
    make(service, "zebra", "dam:ref(zebra)? sire:ref(zebras,null)?")
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert 'dam: Mapped["ZebraTable | None"] = relationship(' in table
    assert make(service, "zebra", "dam:ref(zebra)? sire:ref(Zebra,null)?") == []


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("zebra", "zebras"),
        ("category", "categories"),
        ("toy", "toys"),
        ("box", "boxes"),
        ("address", "addresses"),
        ("status", "statuses"),
    ],
)
def test_a_plural_follows_from_the_singular(name: str, plural: str) -> None:
    assert parse(ROOT, name, FIELDS).plural == plural


@pytest.mark.parametrize("name", ["news", "series", "metrics", "people", "data"])
def test_a_plural_name_requires_an_explicit_plural(name: str) -> None:
    with pytest.raises(Refused, match=f"{name!r} looks like a plural: .*plural={name}_list"):
        parse(ROOT, name, FIELDS)
    assert parse(ROOT, name, FIELDS, plural=f"{name}_list").plural == f"{name}_list"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("hour", "an"), ("item", "an"), ("unit", "a"), ("user", "a"), ("zebra", "a")],
)
def test_a_word_has_its_spoken_article(word: str, expected: str) -> None:
    assert article(word) == expected


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("", FIELDS, "is not a valid name for a resource"),
        ("Zebra", FIELDS, "is not a valid name for a resource"),
        ("ze-bra", FIELDS, "is not a valid name for a resource"),
        ("../zebra", FIELDS, "is not a valid name for a resource"),
        ("class", FIELDS, "is reserved by Python or the generated code"),
        ("response", FIELDS, "is reserved by Python or the generated code"),
        ("position", FIELDS, "is reserved: choose another name"),
        ("problem", FIELDS, "is reserved by Python or the generated code"),
        ("page", FIELDS, "is reserved by Python or the generated code"),
        ("none", FIELDS, "is reserved by Python or the generated code"),
        ("true", FIELDS, "is reserved by Python or the generated code"),
        ("l", FIELDS, "is reserved by Python or the generated code"),
        ("if_match", FIELDS, "is reserved by Python or the generated code"),
        ("utc_datetime", FIELDS, "is reserved: choose another name"),
        ("sql", FIELDS, "is reserved: choose another name"),
        (
            "a" * 28,
            FIELDS,
            "the plural 'aaaaaaaaaaaaaaaaaaaaaaaaaaaas' is not a valid name for a resource: ",
        ),
        ("a" * 28, FIELDS, "set another one with plural="),
        ("zebra", "", "there are no fields"),
        ("zebra", "name", "is not a valid field"),
        ("zebra", "name:", "is not a valid field"),
        ("zebra", "name:str(128", "is not a valid field"),
        ("zebra", "name:str;drop", "is not a valid field"),
        ("zebra", "name:varchar", "is not a type"),
        ("zebra", "Name:str", "is not a valid name for a field"),
        ("zebra", "class:str", "is reserved by Python or the generated code"),
        ("zebra", "id:uuid", "is reserved by Python or the generated code"),
        ("zebra", "none:bool", "is reserved by Python or the generated code"),
        ("zebra", "false:bool", "is reserved by Python or the generated code"),
        ("zebra", "mro:int", "is reserved by Python or the generated code"),
        ("zebra", "l:int", "is reserved by Python or the generated code"),
        ("zebra", "i:int", "is reserved by Python or the generated code"),
        *RESERVED_BY_THE_DATABASE[DRIVER],
        ("zebra", "zebra_id:uuid", "is the id of the resource itself"),
        ("zebra", "zebra:ref(item)", "is the id of the resource itself"),
        ("zebra", "metadata:text", "is reserved by Python or the generated code"),
        ("zebra", "model_year:int", "is reserved by Python or the generated code"),
        ("zebra", "json:text", "is reserved by Python or the generated code"),
        ("zebra", "name:str name:text", "'name' would be defined twice"),
        ("zebra", "name:str name_contains:bool", "'name_contains' would be defined twice"),
        ("zebra", "name:str(0)", "is not a length"),
        ("zebra", "name:text(100001)", "use at most 100000"),
        ("zebra", "token:str=abc", "would write a secret into the code"),
        ("item_create", "name:str", "looks like a schema of another resource"),
        ("zebra", "name:str(99999)", "is too long"),
        ("zebra", "name:str(501):unique", "is too long for an index"),
        ("zebra", "leg_1:int leg1:int", "'Leg1' would be defined twice"),
        ("setting", FIELDS, "is reserved by Python or the generated code"),
        ("zebra", "name:date(9)", "takes no argument: remove the parentheses"),
        ("zebra", "note:text:unique", "cannot be unique"),
        (
            "zebra",
            "name:str:nocase",
            "has :nocase but is not a unique text: write str:unique:nocase",
        ),
        ("zebra", "legs:int:unique:nocase", "has :nocase but is not a unique text"),
        ("zebra", "name:str:unique:index", "already has an index, because it is unique"),
        ("zebra", "home:ref(item):index", "already has an index, as every ref does"),
        ("zebra", "note:text:index", "'text' in 'note:text:index' cannot have an index"),
        ("zebra", "name:str(501):index", "is too long for an index"),
        ("zebra", "legs:int:index:private", "would reveal private values"),
        ("zebra", "legs:int:index legs_min:int", "'legs_min' would be defined twice"),
        ("zebra", "name:str legs:list(a:int:index)", "has an index in the list 'legs': make"),
        ("zebra", "legs:int>=0>=1", "has the same option twice"),
        ("zebra", "legs:int=1=2", "has the same option twice"),
        ("zebra", "name:str??", "has the same option twice"),
        ("zebra", "name:str:unique:unique", "has the same option twice"),
        ("zebra", "legs:int=four", "is not a valid int"),
        ("zebra", "legs:int=٣", "is not a valid int"),
        ("zebra", "legs:int=2147483648", "use a whole number from -2147483647 to 2147483647"),
        ("zebra", "legs:int<=-2147483648", "use a whole number from -2147483647 to 2147483647"),
        ("zebra", "legs:int>=0=-1", "use one within its bounds"),
        ("zebra", "legs:int>=5<=4", "allows no value"),
        ("zebra", "legs:int>=0<=4:unique", "allows fewer than 10 different values"),
        ("zebra", "price:decimal=0.00001", "is not a valid decimal"),
        (
            "zebra",
            "price:decimal(12,2)=0.001",
            "use at most 10 digits before the decimal point and 2 after",
        ),
        (
            "zebra",
            "price:decimal(2,2)<=1",
            "use at most 0 digits before the decimal point and 2 after it",
        ),
        (
            "zebra",
            "price:decimal(19,2)",
            "use the number of digits, at most 18, and how many of them are",
        ),
        (
            "zebra",
            "price:decimal(2,3)",
            "'2,3' in 'price:decimal(2,3)' is not a precision",
        ),
        ("zebra", "mail:email(99)", "takes no argument: remove the parentheses"),
        ("zebra", "mail:email=ada", "the type email cannot have one, so remove it"),
        ("zebra", "site:url(49)", "is not a length: use 50 to 2083"),
        ("zebra", "site:url(2084)", "use at most 2083"),
        ("zebra", "site:url=http", "the type url cannot have one, so remove it"),
        ("zebra", "site:url:unique", "cannot be unique"),
        ("zebra", "extra:json=1", "use {}"),
        ("zebra", "extra:json(9)", "takes no argument: remove the parentheses"),
        ("zebra", "extra:json:unique", "cannot be unique"),
        ("zebra", "name:str extra:json unique(name,extra)", "is a json, which cannot be unique"),
        ("zebra", "labels:array", "has no valid element type: use array(str(30)) or array(int)"),
        ("zebra", "labels:array(date)", "has no valid element type"),
        ("zebra", "labels:array(int(3))", "has no valid element type"),
        ("zebra", "labels:array(str(0))", "is not a length"),
        ("zebra", "labels:array(array(int))", "has no valid element type"),
        ("zebra", "labels:array(str(30)", "is not a valid field"),
        ("zebra", "labels:array(int)=1", "the type array cannot have one, so remove it"),
        ("zebra", "labels:array(int)>=1", "has a bound"),
        ("zebra", "labels:array(int):unique", "cannot be unique"),
        ("zebra", "list:array(int)", "is reserved by Python or the generated code"),
        ("zebra", "a:email b:str(400) unique(a,b)", "use at most 600 characters"),
        ("zebra", "price:decimal(12)", "like decimal(12,2)"),
        ("zebra", "name:str>=1", "has a bound"),
        ("zebra", "name:str(3)=four", "use up to 3 letters, digits and _ . , + -"),
        ("zebra", "note:text='x'", "use up to 2000 letters, digits and _ . , + -"),
        ("zebra", "is_wild:bool=yes", "use true or false"),
        ("zebra", "kind:enum", "needs two or more different values"),
        ("zebra", "kind:enum(a,a)", "needs two or more different values"),
        ("zebra", "kind:enum(in-progress,2nd)", "values of lowercase letters, digits and single"),
        ("zebra", "kind:enum(a,b)=c", "use a or b"),
        ("zebra", "day:date=2026-01-31", "the type date cannot have one, so remove it"),
        ("zebra", "owner:ref(nobody)", "does not reference an existing resource: use one of ref("),
        (
            "zebra",
            "dam:ref(zebra)",
            "references its own resource, so nobody could create the first row",
        ),
        (
            "item",
            "above:ref(item)",
            "references its own resource, so nobody could create the first row",
        ),
        ("zebra", "dam:ref(zebra)?:unique", "cannot be unique"),
        ("zebra", "place:ref(item,drop)", "'drop' in 'place:ref(item,drop)' is not a delete rule"),
        ("zebra", "place:ref(item,cascade,null)?", "use restrict, cascade, null, or omit it"),
        ("zebra", "place:ref(item,null)", "cannot be set to null: add ?"),
        ("zebra", "items:many(item)", "needs a field besides its links"),
        ("zebra", "name:str herd:many(zebra)", "create a resource for the link, with two fields"),
        ("zebra", "name:str items:many", "does not reference an existing resource"),
        ("zebra", "name:str items:many(gone)", "does not reference an existing resource"),
        ("zebra", "name:str items:many(item)?", "is not a valid link: write NAME:many(RESOURCE)"),
        ("zebra", "name:str zebras:many(item)", "'zebra_id' is the id of the resource itself"),
        ("zebra", "item:ref(item) items:many(item)", "'item_id' would be defined twice"),
        ("zebra_of_the_savanna", f"name:str {'a' * 24}:many(item)", "is too long for a constraint"),
        ("zebra", f"name:str {'a' * 25}:many(item)", "is not a valid name for a field"),
        ("zebra", "owner:ref", "does not reference an existing resource"),
        ("zebra", "legs:list(name:str)", "needs a field besides its links"),
        (
            "zebra",
            "name:str legs:list",
            "is not a valid list: write NAME:list(FIELDS), like lines:list(",
        ),
        (
            "zebra",
            "name:str legs:list()",
            "is not a valid list: write NAME:list(FIELDS), like lines:list(",
        ),
        ("zebra", "name:str legs:list(name:str)?", "is not a valid list: write NAME:list(FIELDS)"),
        ("zebra", "name:str legs:list(name:str", "is not a valid list: write NAME:list(FIELDS)"),
        ("zebra", "name:str legs:list(name)", "'name' is not a valid field: write NAME:TYPE"),
        ("zebra", "name:str Legs:list(name:str)", "is not a valid name for a field"),
        ("zebra", "name:str id:list(name:str)", "is reserved by Python or the generated code"),
        ("zebra", "name:str legs:list(toes:list(name:str))", "is a list in the list 'legs': make"),
        (
            "zebra",
            "name:str legs:list(a:int toes:list(b:int c:str))",
            "is a list in the list 'legs'",
        ),
        ("zebra", "name:str legs:list(items:many(item))", "is a link in the list 'legs': make"),
        ("zebra", "name:str legs:list(name:str:unique)", "is unique in the list 'legs': make"),
        (
            "zebra",
            "name:str legs:list(a:int b:int unique(a,b))",
            "is unique in the list 'legs': make",
        ),
        (
            "zebra",
            "name:str url:list(a:int)",
            "is reserved by Python or the generated code: choose another name for the list",
        ),
        (
            "zebra",
            "name:str zebra:list(a:int)",
            "'zebra' is the resource itself: choose another name",
        ),
        ("zebra", "name:str legs:list(name:str:private)", "is private in the list 'legs'"),
        (
            "zebra",
            "name:str legs:list(name:str herd:ref(zebra)?)",
            "already references its zebra: remove",
        ),
        ("zebra", "name:str legs:list(home:ref(item,null)?)", "use cascade or restrict"),
        ("zebra", "name:str legs:list(home:ref(gone))", "does not reference an existing resource"),
        (
            "zebra",
            "name:str legs:list(position:int)",
            "'position' would be defined twice in 'legs'",
        ),
        (
            "zebra",
            "name:str legs:list(zebra_id:int)",
            "'zebra_id' would be defined twice in 'legs'",
        ),
        ("zebra", "name:str legs:list(a:int a:str)", "'a' would be defined twice in 'legs'"),
        ("zebra", "herd:str herd:list(a:int)", "'herd' would be defined twice"),
        ("zebra", "legs:list(a:int) legs:list(a:int) name:str", "'legs' would be defined twice"),
        ("zebra", "name:str creates:list(a:int)", "'ZebraCreate' would be defined twice"),
        ("zebra", "zebra_leg:str legs:list(a:int)", "'ZebraLeg' would be defined twice"),
        ("utc", "name:str datetimes:list(a:int)", "the class name 'UtcDatetime' is reserved"),
        ("zebra_of_the_savanna", f"name:str {'a' * 28}:list({'b' * 20}:int)", "is too long for a"),
        ("zebra", "unique(name,legs)", "needs a field besides its links"),
        ("zebra", "name:str legs:int unique(name,stripes)", "'stripes' in 'unique(name,stripes)'"),
        ("zebra", "name:str legs:int unique(name,stripes)", "use some of name, legs"),
        (
            "zebra",
            "name:str items:many(item) unique(name,items)",
            "'items' in 'unique(name,items)'",
        ),
        (
            "zebra",
            "name:str legs:int unique(name)",
            "names one field: add another, or add :unique",
        ),
        ("zebra", "name:str legs:list(a:int) unique(name,legs)", "'legs' in 'unique(name,legs)'"),
        (
            "zebra",
            "name:str legs:int unique()",
            "'' in 'unique()' is not a field: use some of name",
        ),
        ("zebra", "name:str legs:int unique(name,legs,name)", "names 'name' twice: remove one"),
        ("zebra", "home:ref(item) legs:int unique(home,home_id)", "names 'home' twice"),
        (
            "zebra",
            "name:str legs:int unique(name,legs)?",
            "is not a valid rule: write it like unique(",
        ),
        (
            "zebra",
            "name:str legs:int unique(name,legs",
            "is not a valid rule: write it like unique(",
        ),
        ("zebra", "name:str legs:int:private unique(name,legs)", "would reveal values of 'legs'"),
        ("zebra", "name:str legs:int:unique unique(name,legs)", "is already unique: remove one"),
        ("zebra", "name:str note:text unique(name,note)", "is a text, which cannot be unique"),
        ("zebra", "name:str(300) herd:str(301) unique(name,herd)", "use at most 600 characters"),
        (
            "zebra",
            "is_wild:bool kind:enum(a,b) unique(is_wild,kind)",
            "allows too few different rows",
        ),
        (
            "zebra",
            "dam:ref(zebra)? legs:int>=1<=4 unique(dam,legs)",
            "allows too few different rows",
        ),
        (
            "zebra",
            "name:str legs:int day:date unique(name,legs) unique(legs,day,name)",
            "and another rule are redundant: remove the longer one",
        ),
        (
            "zebra_of_the_savanna",
            f"{'a' * 20}:str {'b' * 20}:str unique({'a' * 20},{'b' * 20})",
            "is too long for a constraint: use shorter names",
        ),
    ],
)
def test_invalid_arguments_are_rejected_with_one_line(name: str, fields: str, message: str) -> None:
    with pytest.raises(Refused, match=re.escape(message)) as caught:
        parse(ROOT, name, fields)
    assert "\n" not in str(caught.value)


WITH_PARENTHESES = {"enum": "enum(a,b)", "array": "array(int)", "ref": "ref(item)"}
MODIFIERS = {
    "`=`": ("=1", "=true", "=a", "={}"),
    "`>=` `<=`": (">=1<=9",),
    "`:unique`": (":unique",),
    "`:nocase`": (":unique:nocase",),
    "`unique(...)`": (" other:int unique(field,other)",),
    "`:index`": (":index",),
    "`:private`": (":private",),
}


def parsed(kind: str, modifier: str = "") -> Field | None:
    spec = f"field:{WITH_PARENTHESES.get(kind, kind)}{modifier}"
    try:
        return parse(ROOT, "zebra", spec).fields[0]
    except Refused:
        return None


def options_of(kind: str) -> dict[str, str]:
    """Returns the expected row of the table in docs/resources.md."""
    plain = parsed(kind)
    assert plain
    known = {name: [parsed(kind, one) for one in ones] for name, ones in MODIFIERS.items()}
    fields = [field for name in ("`:unique`", "`:index`") for field in known[name] if field]
    ranges = [name.removeprefix("field") for field in fields for name, _ in field.ranges]
    filters = {"array": "has it", "str": "`_contains`"}
    one = filters.get(kind, "one or more" if plain.is_one_of_several else "equal")
    return {
        **{name: "yes" if any(found) else "" for name, found in known.items()},
        "`sort=`": "yes" if any(field.is_sorted for field in fields) else "",
        "range": ", ".join(f"`{name}`" for name in ranges),
        "filter": one if plain.filter else "",
    }


def test_the_documentation_lists_the_options_of_each_type() -> None:
    text = (ROOT / "docs/resources.md").read_text(encoding="utf-8")
    table = text[text.index("| type | `=` |") :].partition("\n\n")[0].splitlines()
    columns, _, *rows = ([cell.strip() for cell in row.split("|")[1:-1]] for row in table)
    documented = {
        kind: dict(zip(columns[1:], cells, strict=True))
        for names, *cells in rows
        for kind in re.findall(r"\w+", names)
    }
    assert documented == {kind: options_of(kind) for kind in KINDS}
