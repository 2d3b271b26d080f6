"""`make resource`: what it refuses, and what it leaves alone."""

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

KEPT_BY_THE_DATABASE = {
    "sqlite": [("sqlite_zebra", FIELDS, "SQLite keeps those")],
    "psycopg": [
        ("zebra", "ctid:int", "is a word that the code needs itself"),
        ("zebra", "tableoid:int", "is a word that the code needs itself"),
    ],
}


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return copied(tmp_path)


def make(service: Path, name: str, fields: str) -> list[str]:
    """The files that are written."""
    return [path.as_posix() for path in write(service, parse(service, name, fields))]


def test_twice_is_as_good_as_once(service: Path) -> None:
    assert "app/api/routes/zebras.py" in make(service, "zebra", FIELDS)
    written = contents(service)
    assert make(service, "zebra", FIELDS) == []
    assert contents(service) == written
    assert "app/db/tables/foals.py" in make(service, "foal", "dam:ref(zebra)")
    assert make(service, "zebra", FIELDS) == []


def test_nothing_that_a_person_edited_is_overwritten(service: Path) -> None:
    make(service, "zebra", FIELDS)
    edited = service / "tests" / "fakes" / "zebras.py"
    edited.write_text(f"{edited.read_text(encoding='utf-8')}\n# Ours.\n", encoding="utf-8")
    (service / "app" / "schemas" / "zebras.py").unlink()
    before = contents(service)
    with pytest.raises(Refused, match=r"tests/fakes/zebras\.py is there already"):
        make(service, "zebra", FIELDS)
    assert contents(service) == before


def test_where_nothing_can_be_registered_nothing_is_written(service: Path) -> None:
    session = service / "app" / "db" / "session.py"
    session.write_text(session.read_text(encoding="utf-8").replace("Repositories(", "made("))
    before = contents(service)
    with pytest.raises(Refused, match=r"app/db/session\.py has no place for .* and `zebras="):
        make(service, "zebra", FIELDS)
    assert contents(service) == before


def test_two_newest_revisions_have_to_be_joined_first(service: Path) -> None:
    branch = service / "app" / "db" / "migrations" / "versions" / "branch.py"
    branch.write_text("revision, down_revision = 'branch', None\n", encoding="utf-8")
    with pytest.raises(Refused, match="2 newest revisions: join them with make migration-merge"):
        make(service, "zebra", FIELDS)


def test_a_resource_may_have_no_fake(service: Path) -> None:
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


def test_where_no_fakes_are_none_is_written(service: Path) -> None:
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


def test_an_answer_about_the_fake_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="fake=false means nothing: write fake=no, or leave it out"):
        parse(ROOT, "zebra", FIELDS, fake="false")


def test_what_is_no_python_any_more_is_named(service: Path) -> None:
    main = service / "app" / "main.py"
    main.write_text(f"{main.read_text(encoding='utf-8')}\n)\n", encoding="utf-8")
    before = contents(service)
    with pytest.raises(Refused, match=r"app/main\.py is not taken by ruff: .*\bparse"):
        make(service, "zebra", FIELDS)
    assert contents(service) == before


def test_lint_takes_as_many_fields_as_there_are(service: Path) -> None:
    fields = (f"is_{number}:bool word_{number}:str?" for number in range(1, 31))
    written = make(service, "zebra", " ".join(fields))
    subprocess.run([sys.executable, "-m", "ruff", "check", *written], cwd=service, check=True)


def test_a_text_is_a_default_in_any_script(service: Path) -> None:
    make(service, "zebra", "title:str=été")
    assert 'title: Title = "été"' in (service / "app/schemas/zebras.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", ["item", "items", "Item"])
def test_a_reference_may_be_written_in_any_way(given: str) -> None:
    ((field, target),) = parse(ROOT, "zebra", f"place:ref({given})").references
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
def test_a_foreign_key_says_what_a_removal_does(field: str, in_table: str) -> None:
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


def test_rows_of_a_user_are_unique_together_among_theirs(service: Path) -> None:
    fields = "name:str legs:int unique(name,legs)"
    write(service, parse(service, "zebra", fields, owner="user"))
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert 'UniqueConstraint("owner", "name", "legs"),' in table
    with pytest.raises(Refused, match="take 400 letters at most together"):
        parse(service, "zebra", "a:str(255) b:str(255) unique(a,b)", owner="user")


def test_a_list_is_a_table_of_its_own(service: Path) -> None:
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
    with pytest.raises(Refused, match="'zebra_legs' is a table that is there already: set"):
        make(service, "zebra_leg", FIELDS)


def test_the_rows_of_a_list_belong_to_the_user_of_theirs(service: Path) -> None:
    write(service, parse(service, "zebra", "name:str legs:list(a:int)", owner="user"))
    table = (service / "app" / "db" / "tables" / "zebras.py").read_text(encoding="utf-8")
    assert "class ZebraLegTable(OwnedRow):\n" in table
    with pytest.raises(Refused, match="'owner' and 'user' are words that the code needs"):
        parse(ROOT, "zebra", "name:str legs:list(owner:str)", owner="user")


def test_no_table_is_there_twice(service: Path) -> None:
    make(service, "zebra", "name:str items:many(item)")
    assert make(service, "zebra", "name:str items:many(item)") == []
    with pytest.raises(Refused, match="'zebra_items' is a table that is there already: set"):
        make(service, "zebra_item", FIELDS)
    make(service, "zebra_list", FIELDS)
    with pytest.raises(Refused, match="'zebra_lists' is a table that is there already: call"):
        parse(service, "zebra", "name:str lists:many(item)")


def test_a_resource_may_refer_to_itself(service: Path) -> None:
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
def test_what_is_a_plural_needs_to_be_told_another(name: str) -> None:
    with pytest.raises(Refused, match=f"{name!r} looks like a plural: .*plural={name}_list"):
        parse(ROOT, name, FIELDS)
    assert parse(ROOT, name, FIELDS, plural=f"{name}_list").plural == f"{name}_list"


@pytest.mark.parametrize(
    ("word", "told"), [("hour", "an"), ("item", "an"), ("unit", "a"), ("user", "a"), ("zebra", "a")]
)
def test_a_word_has_the_article_that_is_spoken(word: str, told: str) -> None:
    assert article(word) == told


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("", FIELDS, "cannot name a resource"),
        ("Zebra", FIELDS, "cannot name a resource"),
        ("ze-bra", FIELDS, "cannot name a resource"),
        ("../zebra", FIELDS, "cannot name a resource"),
        ("class", FIELDS, "is a word that the code needs itself"),
        ("response", FIELDS, "is a word that the code needs itself"),
        ("position", FIELDS, "is a class that the code needs"),
        ("problem", FIELDS, "is a word that the code needs itself"),
        ("page", FIELDS, "is a word that the code needs itself"),
        ("none", FIELDS, "is a word that the code needs itself"),
        ("true", FIELDS, "is a word that the code needs itself"),
        ("l", FIELDS, "is a word that the code needs itself"),
        ("if_match", FIELDS, "is a word that the code needs itself"),
        ("utc_datetime", FIELDS, "is a class that the code needs"),
        ("sql", FIELDS, "is a class that the code needs"),
        ("a" * 28, FIELDS, "the plural 'aaaaaaaaaaaaaaaaaaaaaaaaaaaas' cannot name a resource: "),
        ("a" * 28, FIELDS, "set another one with plural="),
        ("zebra", "", "there are no fields"),
        ("zebra", "name", "is no field"),
        ("zebra", "name:", "is no field"),
        ("zebra", "name:str(128", "is no field"),
        ("zebra", "name:str;drop", "is no field"),
        ("zebra", "name:varchar", "is no type"),
        ("zebra", "Name:str", "cannot name a field"),
        ("zebra", "class:str", "is a word that the code needs itself"),
        ("zebra", "id:uuid", "is a word that the code needs itself"),
        ("zebra", "none:bool", "is a word that the code needs itself"),
        ("zebra", "false:bool", "is a word that the code needs itself"),
        ("zebra", "mro:int", "is a word that the code needs itself"),
        ("zebra", "l:int", "is a word that the code needs itself"),
        ("zebra", "i:int", "is a word that the code needs itself"),
        *KEPT_BY_THE_DATABASE[DRIVER],
        ("zebra", "zebra_id:uuid", "is the id of the resource itself"),
        ("zebra", "zebra:ref(item)", "is the id of the resource itself"),
        ("zebra", "metadata:text", "is a word that the code needs itself"),
        ("zebra", "model_year:int", "is a word that the code needs itself"),
        ("zebra", "json:text", "is a word that the code needs itself"),
        ("zebra", "name:str name:text", "'name' would be there twice"),
        ("zebra", "name:str name_contains:bool", "'name_contains' would be there twice"),
        ("zebra", "name:str(0)", "is no length"),
        ("zebra", "name:text(100001)", "take 100000 at most"),
        ("zebra", "token:str=abc", "would write a secret into the code"),
        ("item_create", "name:str", "looks like a schema of another resource"),
        ("zebra", "name:str(99999)", "is too long"),
        ("zebra", "name:str(501):unique", "is too long for an index"),
        ("zebra", "leg_1:int leg1:int", "'Leg1' would be there twice"),
        ("setting", FIELDS, "is a word that the code needs itself"),
        ("zebra", "name:date(9)", "takes nothing in parentheses"),
        ("zebra", "note:text:unique", "cannot be unique"),
        ("zebra", "name:str:nocase", "is no text that is unique: write str:unique:nocase"),
        ("zebra", "legs:int:unique:nocase", "is no text that is unique"),
        ("zebra", "name:str:unique:index", "has an index already, as it is unique"),
        ("zebra", "home:ref(item):index", "has an index already, as every ref"),
        ("zebra", "note:text:index", "'text' of 'note:text:index' cannot have an index"),
        ("zebra", "name:str(501):index", "is too long for an index"),
        ("zebra", "legs:int:index:private", "would tell what it holds"),
        ("zebra", "legs:int:index legs_min:int", "'legs_min' would be there twice"),
        ("zebra", "name:str legs:list(a:int:index)", "has an index in the list 'legs': make"),
        ("zebra", "legs:int>=0>=1", "says something twice"),
        ("zebra", "legs:int=1=2", "says something twice"),
        ("zebra", "name:str??", "says something twice"),
        ("zebra", "name:str:unique:unique", "says something twice"),
        ("zebra", "legs:int=four", "is no int that fits"),
        ("zebra", "legs:int=٣", "is no int that fits"),
        ("zebra", "legs:int=2147483648", "take a whole number from -2147483647 to 2147483647"),
        ("zebra", "legs:int<=-2147483648", "take a whole number from -2147483647 to 2147483647"),
        ("zebra", "legs:int>=0=-1", "take one within its bounds"),
        ("zebra", "legs:int>=5<=4", "lets nothing in"),
        ("zebra", "legs:int>=0<=4:unique", "leaves less than 10 different values"),
        ("zebra", "price:decimal=0.00001", "is no decimal that fits"),
        (
            "zebra",
            "price:decimal(12,2)=0.001",
            "take at most 10 digits before the point and 2 after",
        ),
        ("zebra", "price:decimal(2,2)<=1", "take at most 0 digits before the point and 2 after it"),
        ("zebra", "price:decimal(19,2)", "take its digits, 18 at most, and how many of them are"),
        (
            "zebra",
            "price:decimal(2,3)",
            "'2,3' of 'price:decimal(2,3)' is nothing that a decimal has",
        ),
        ("zebra", "mail:email(99)", "takes nothing in parentheses"),
        ("zebra", "mail:email=ada", "no email has one, so leave it out"),
        ("zebra", "site:url(49)", "is no length: take 50 to 2083"),
        ("zebra", "site:url(2084)", "take 2083 at most"),
        ("zebra", "site:url=http", "no url has one, so leave it out"),
        ("zebra", "site:url:unique", "cannot be unique"),
        ("zebra", "extra:json=1", "take {}"),
        ("zebra", "extra:json(9)", "takes nothing in parentheses"),
        ("zebra", "extra:json:unique", "cannot be unique"),
        ("zebra", "name:str extra:json unique(name,extra)", "is a json, which cannot be unique"),
        ("zebra", "labels:array", "is an array of nothing: take array(str(30)) or array(int)"),
        ("zebra", "labels:array(date)", "is an array of nothing"),
        ("zebra", "labels:array(int(3))", "is an array of nothing"),
        ("zebra", "labels:array(str(0))", "is no length"),
        ("zebra", "labels:array(array(int))", "is an array of nothing"),
        ("zebra", "labels:array(str(30)", "is no field"),
        ("zebra", "labels:array(int)=1", "no array has one, so leave it out"),
        ("zebra", "labels:array(int)>=1", "has a bound"),
        ("zebra", "labels:array(int):unique", "cannot be unique"),
        ("zebra", "list:array(int)", "is a word that the code needs itself"),
        ("zebra", "a:email b:str(400) unique(a,b)", "take 600 letters at most"),
        ("zebra", "price:decimal(12)", "like decimal(12,2)"),
        ("zebra", "name:str>=1", "has a bound"),
        ("zebra", "name:str(3)=four", "take letters, digits and _ . , + - only, 3 at most"),
        ("zebra", "note:text='x'", "take letters, digits and _ . , + - only"),
        ("zebra", "is_wild:bool=yes", "take true or false"),
        ("zebra", "kind:enum", "needs two or more different words"),
        ("zebra", "kind:enum(a,a)", "needs two or more different words"),
        ("zebra", "kind:enum(in-progress,2nd)", "words of small letters, digits and single"),
        ("zebra", "kind:enum(a,b)=c", "take a or b"),
        ("zebra", "day:date=2026-01-31", "no date has one, so leave it out"),
        ("zebra", "owner:ref(nobody)", "refers to no resource: take one of ref("),
        ("zebra", "dam:ref(zebra)", "refers to the resource itself, which has no first one"),
        ("item", "above:ref(item)", "refers to the resource itself, which has no first one"),
        ("zebra", "dam:ref(zebra)?:unique", "cannot be unique"),
        ("zebra", "place:ref(item,drop)", "'drop' of 'place:ref(item,drop)' is nothing that a"),
        ("zebra", "place:ref(item,cascade,null)?", "take restrict, cascade, null, or leave it out"),
        ("zebra", "place:ref(item,null)", "cannot become null: add ?"),
        ("zebra", "items:many(item)", "needs a field beside its links"),
        ("zebra", "name:str herd:many(zebra)", "make a resource of the link, with two fields"),
        ("zebra", "name:str items:many", "refers to no resource"),
        ("zebra", "name:str items:many(gone)", "refers to no resource"),
        ("zebra", "name:str items:many(item)?", "is no link: write NAME:many(RESOURCE)"),
        ("zebra", "name:str zebras:many(item)", "'zebra_id' is the id of the resource itself"),
        ("zebra", "item:ref(item) items:many(item)", "'item_id' would be there twice"),
        ("zebra_of_the_savanna", f"name:str {'a' * 24}:many(item)", "is too long for a constraint"),
        ("zebra", f"name:str {'a' * 25}:many(item)", "cannot name a field"),
        ("zebra", "owner:ref", "refers to no resource"),
        ("zebra", "legs:list(name:str)", "needs a field beside its links"),
        ("zebra", "name:str legs:list", "is no list: write NAME:list(FIELDS), like lines:list("),
        ("zebra", "name:str legs:list()", "is no list: write NAME:list(FIELDS), like lines:list("),
        ("zebra", "name:str legs:list(name:str)?", "is no list: write NAME:list(FIELDS)"),
        ("zebra", "name:str legs:list(name:str", "is no list: write NAME:list(FIELDS)"),
        ("zebra", "name:str legs:list(name)", "'name' is no field: write NAME:TYPE"),
        ("zebra", "name:str Legs:list(name:str)", "cannot name a field"),
        ("zebra", "name:str id:list(name:str)", "is a word that the code needs itself"),
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
            "is a word that the code needs itself: call the list",
        ),
        ("zebra", "name:str zebra:list(a:int)", "'zebra' is the resource itself: call the list"),
        ("zebra", "name:str legs:list(name:str:private)", "is private in the list 'legs'"),
        (
            "zebra",
            "name:str legs:list(name:str herd:ref(zebra)?)",
            "has its zebra anyway: leave out",
        ),
        ("zebra", "name:str legs:list(home:ref(item,null)?)", "take cascade or restrict"),
        ("zebra", "name:str legs:list(home:ref(gone))", "refers to no resource"),
        ("zebra", "name:str legs:list(position:int)", "'position' would be there twice in 'legs'"),
        ("zebra", "name:str legs:list(zebra_id:int)", "'zebra_id' would be there twice in 'legs'"),
        ("zebra", "name:str legs:list(a:int a:str)", "'a' would be there twice in 'legs'"),
        ("zebra", "herd:str herd:list(a:int)", "'herd' would be there twice"),
        ("zebra", "legs:list(a:int) legs:list(a:int) name:str", "'legs' would be there twice"),
        ("zebra", "name:str creates:list(a:int)", "'ZebraCreate' would be there twice"),
        ("zebra", "zebra_leg:str legs:list(a:int)", "'ZebraLeg' would be there twice"),
        ("utc", "name:str datetimes:list(a:int)", "'UtcDatetime' is a class that the code needs"),
        ("zebra_of_the_savanna", f"name:str {'a' * 28}:list({'b' * 20}:int)", "is too long for a"),
        ("zebra", "unique(name,legs)", "needs a field beside its links"),
        ("zebra", "name:str legs:int unique(name,stripes)", "'stripes' of 'unique(name,stripes)'"),
        ("zebra", "name:str legs:int unique(name,stripes)", "take some of name, legs"),
        (
            "zebra",
            "name:str items:many(item) unique(name,items)",
            "'items' of 'unique(name,items)'",
        ),
        (
            "zebra",
            "name:str legs:int unique(name)",
            "names one field: add another, or write :unique",
        ),
        ("zebra", "name:str legs:list(a:int) unique(name,legs)", "'legs' of 'unique(name,legs)'"),
        ("zebra", "name:str legs:int unique()", "'' of 'unique()' is no field: take some of name"),
        ("zebra", "name:str legs:int unique(name,legs,name)", "names 'name' twice: say it once"),
        ("zebra", "home:ref(item) legs:int unique(home,home_id)", "names 'home' twice"),
        ("zebra", "name:str legs:int unique(name,legs)?", "is no rule: write it like unique("),
        ("zebra", "name:str legs:int unique(name,legs", "is no rule: write it like unique("),
        ("zebra", "name:str legs:int:private unique(name,legs)", "would tell what 'legs' holds"),
        ("zebra", "name:str legs:int:unique unique(name,legs)", "is unique alone: leave out one"),
        ("zebra", "name:str note:text unique(name,note)", "is a text, which cannot be unique"),
        ("zebra", "name:str(300) herd:str(301) unique(name,herd)", "take 600 letters at most"),
        ("zebra", "is_wild:bool kind:enum(a,b) unique(is_wild,kind)", "leaves few different rows"),
        ("zebra", "dam:ref(zebra)? legs:int>=1<=4 unique(dam,legs)", "leaves few different rows"),
        (
            "zebra",
            "name:str legs:int day:date unique(name,legs) unique(legs,day,name)",
            "and another rule say the same: leave the longer one out",
        ),
        (
            "zebra_of_the_savanna",
            f"{'a' * 20}:str {'b' * 20}:str unique({'a' * 20},{'b' * 20})",
            "is too long for a constraint: take shorter names",
        ),
    ],
)
def test_what_will_not_do_is_refused_in_a_sentence(name: str, fields: str, told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)) as caught:
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


def may_have(kind: str) -> dict[str, str]:
    """What a row of the page's table has to say."""
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


def test_the_readme_tells_what_each_type_may_have() -> None:
    text = (ROOT / "docs/resources.md").read_text(encoding="utf-8")
    table = text[text.index("| type | `=` |") :].partition("\n\n")[0].splitlines()
    columns, _, *rows = ([cell.strip() for cell in row.split("|")[1:-1]] for row in table)
    told = {
        kind: dict(zip(columns[1:], cells, strict=True))
        for names, *cells in rows
        for kind in re.findall(r"\w+", names)
    }
    assert told == {kind: may_have(kind) for kind in KINDS}
