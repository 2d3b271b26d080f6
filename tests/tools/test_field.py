"""`make field`: what it writes, rejects, and leaves unchanged."""

import re
from pathlib import Path

import pytest

from tests.tools.copies import ROOT, contents, copied, run
from tools.field.merge import merged
from tools.remove.revision import DIALECT
from tools.resource.options import some_default
from tools.resource.parse import parse

FIRST = (
    "title:str(128):unique:nocase weight:decimal>=0<=100=1.5:index day:date? kind:enum(big,small)=big "
    "fee:decimal(12,2)>=0=1.5 mail:email site:url?:private extra:json tags:array(str(9)) secret:str?:private foals:many(item) unique(kind,day) "
    "stripes:list(width:int>=1=2 kind:enum(a,b)=a like:ref(item)? note:text? price:decimal<=9.5 "
    "words:array(str(3)) map:json? at:url(99))"
)
NEW = (
    "note:text? code:int>=1?:unique:index at:datetime?:index shown:bool=true ratio:float=1.5 word:str(9)=red:index tag:str(9)?:unique:nocase "
    "price:decimal=2.5 share:decimal(2,2)=0.5:index pieces:decimal(9,0)? contact:email?:unique:nocase link:url(99)? map:json={} facts:json? words:array(str) numbers:array(int)? other:ref(item,null)? currency:enum(eur,usd)=eur ident:uuid?"
)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return copied(tmp_path / "service")


def make(service: Path, module: str, *arguments: str) -> str:
    done = run(service, module, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def field(service: Path, name: str, **options: str) -> str:
    return make(service, "tools.field", *arguments(name, **options))


def arguments(name: str, **options: str) -> list[str]:
    return [name, *(options.get(key, "") for key in ("add", "rename", "change", "drop", "leave"))]


def refusal(service: Path, name: str, **options: str) -> str:
    """Returns the error message of a command that changes nothing."""
    before = contents(service)
    done = run(service, "tools.field", *arguments(name, **options))
    assert (done.returncode, done.stdout) == (1, "")
    assert contents(service) == before
    return done.stderr


@pytest.mark.parametrize("owner", ["", "user"])
def test_added_fields_are_written_like_initial_ones(
    service: Path, tmp_path: Path, owner: str
) -> None:
    new = NEW if not owner else NEW.replace("other:ref(item,null)? ", "")
    first = FIRST if not owner else FIRST.replace(" foals:many(item)", "")
    make(service, "tools.resource", "zebra", first, "", "", owner)
    field(service, "zebra", add=new)
    other = copied(tmp_path / "other")
    make(other, "tools.resource", "zebra", f"{first} {new}", "", "", owner)
    for path, text in contents(other).items():
        name = path.relative_to(other)
        if "versions" not in name.parts:
            assert (service / name).read_text(encoding="utf-8") == text, name


def test_handwritten_code_stays(service: Path) -> None:
    make(service, "tools.resource", "zebra", FIRST)
    own = "\n\n@router.get('/stripes')\nasync def stripes() -> int:\n    return 1\n"
    added = {
        "app/api/routes/zebras.py": own,
        "app/db/tables/zebras.py": "    # Our own comment.\n",
        "tests/api/test_zebras.py": "\n\ndef test_stripes() -> None: ...\n",
    }
    for name, text in added.items():
        with (service / name).open("a", encoding="utf-8") as file:
            file.write(text)
    field(service, "zebra", add="currency:enum(eur,usd)=eur")
    for name, text in added.items():
        written = (service / name).read_text(encoding="utf-8")
        assert text.strip().replace("'", '"') in written.replace("'", '"')
    assert "currency" in (service / "app/db/tables/zebras.py").read_text(encoding="utf-8")


def test_conflicting_lines_are_printed(service: Path) -> None:
    make(service, "tools.resource", "zebra", FIRST)
    schemas = service / "app" / "schemas" / "zebras.py"
    text = schemas.read_text(encoding="utf-8")
    schemas.write_text(
        text.replace(
            "    secret: Annotated[Secret | None, PRIVATE] = None\n",
            "    secret: Annotated[Secret | None, PRIVATE] = None  # hm\n",
        ),
        encoding="utf-8",
    )
    output = refusal(service, "zebra", add="currency:enum(eur,usd)=eur")
    assert "app/schemas/zebras.py\n@@\n" in output
    assert '+    currency: Currency = "eur"\n' in output
    assert 'leave="app/schemas/zebras.py"' in output
    output = field(
        service, "zebra", add="currency:enum(eur,usd)=eur", leave="app/schemas/zebras.py"
    )
    assert '+    currency: Currency = "eur"\n' in output
    written = schemas.read_text(encoding="utf-8")
    assert "hm" in written
    assert 'Currency = Literal["eur", "usd"]' in written
    assert "currency" in (service / "app/db/tables/zebras.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("zebra", "note:text?", "'zebra' is not a resource: use one of item"),
        ("item", "code:int", "'code' needs a value for existing rows"),
        ("item", "place:ref(item)", "references its own resource"),
        ("item", "code:int=1:unique", "'code' would be the same in all existing rows"),
        ("item", "code:int?=1:unique", 'write add="code:int?:unique"'),
        ("item", "quantity:int?", "'quantity' would be defined twice"),
        ("item", "parts:many(item)", "links the resource to itself"),
        ("item", "", "nothing would change"),
    ],
)
def test_an_invalid_new_field_is_rejected(
    service: Path, name: str, fields: str, message: str
) -> None:
    assert message in refusal(service, name, add=fields)


def test_existing_imports_stay_unchanged(service: Path) -> None:
    table = service / "app" / "db" / "tables" / "items.py"
    own = "from app.db.base import (\n    BY_CODE_POINT,  # as in the cursor\n    EntityTable,\n)\n"
    text = table.read_text(encoding="utf-8")
    table.write_text(
        text.replace("from app.db.base import BY_CODE_POINT, EntityTable\n", own), encoding="utf-8"
    )
    field(service, "item", add="place:uuid?")
    written = table.read_text(encoding="utf-8")
    assert own in written
    assert "from uuid import UUID\n" in written


def test_a_handwritten_column_is_not_added_again(service: Path) -> None:
    table = service / "app" / "db" / "tables" / "items.py"
    with table.open("a", encoding="utf-8") as file:
        file.write("    deleted_at: Mapped[datetime | None]\n")
    assert "'deleted_at' is already in the table" in refusal(
        service, "item", add="deleted_at:datetime?"
    )


def test_a_cycle_of_references_is_rejected(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) herd:ref(item)")
    assert "would create a cycle" in refusal(service, "item", add="best:ref(zebra,null)?")


def test_a_field_can_be_changed_twice(service: Path) -> None:
    field(service, "item", change="name:str(200):unique")
    field(service, "item", change="name:str(250):unique")


def test_an_existing_column_is_not_added(service: Path) -> None:
    field(service, "item", rename="name:title", drop="description")
    for options in (
        {"add": "name:str?"},
        {"add": "description:text?"},
        {"rename": "title:description"},
    ):
        assert "is still in the database" in refusal(service, "item", **options)


def test_the_same_revision_is_not_written_twice(service: Path) -> None:
    before = contents(service)
    field(service, "item", add="note:text?")
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")
    assert "already does this" in refusal(service, "item", add="note:text?")


def test_a_schema_that_cannot_be_imported_is_reported(service: Path) -> None:
    (service / "app" / "schemas" / "items.py").write_text("class Item(Entity): ...\n")
    assert "(NameError: name 'Entity'" in refusal(service, "item", add="note:text?")


def test_links_are_rejected(service: Path) -> None:
    make(service, "tools.resource", "zebra", FIRST)
    for options in ({"add": "x:many(item)"}, {"drop": "foals"}, {"rename": "foals:young"}):
        assert "see docs/fields.md for what to do instead" in refusal(service, "zebra", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rename": "colour:color"}, "'colour' is not a field that make resource wrote"),
        ({"rename": "name"}, "'name' is not a valid rename: write OLD:NEW"),
        ({"rename": "name:quantity"}, "'quantity' already exists"),
        ({"rename": "name:version"}, "'version'"),
        ({"drop": "colour"}, "'colour' is not a field that make resource wrote"),
        ({"drop": "name"}, 'change="name:str(128)?:unique"'),
        ({"change": "colour:int"}, "'colour' is not a field that make resource wrote"),
        ({"change": "quantity:date?"}, "'quantity' is int and cannot become date"),
        ({"change": "description:text"}, "release it with a default first"),
        ({"change": "quantity:int>=0=0"}, "nothing would change"),
        ({"change": "quantity"}, "'quantity' is not a valid field: write NAME:TYPE"),
    ],
)
def test_an_invalid_change_is_rejected(
    service: Path, options: dict[str, str], message: str
) -> None:
    assert message in refusal(service, "item", **options)


# A field that needs a value, the default that the error message proposes, and the optional field.
NEEDS = (
    ("born:date", "", "born:date?"),
    ("site:url(99):private", "", "site:url(99)?:private"),
    ("mark:email:unique", "", "mark:email?:unique"),
    ("code:int>=2<=9:index", "2", "code:int?>=2<=9:index"),
    ("kind:enum(big,small)", "big", "kind:enum(big,small)?"),
)


@pytest.mark.parametrize(
    ("spec", "proposed"),
    [
        ("herd:ref(item)", ""),
        ("token:str(9)", ""),
        ("born:datetime", ""),
        ("code:int>=2<=9", "2"),
        ("code:int<=-3", "-3"),
        ("debt:float<=-0.5", "-0.5"),
        ("share:decimal(2,2)>=0.25", "0.25"),
        ("price:decimal", "0"),
        ("word:str(3)", "unk"),
        ("note:text", "unknown"),
        ("extra:json", "{}"),
        ("shown:bool", "false"),
    ],
)
def test_a_proposed_default_is_valid(spec: str, proposed: str) -> None:
    (field,) = parse(ROOT, "zebra", spec).fields
    assert some_default(field) == proposed
    if proposed:
        assert parse(ROOT, "zebra", f"{spec}={proposed}").fields[0].default


def proposed_arguments(message: str) -> dict[str, str]:
    """Returns the arguments that an error message proposes."""
    return dict(re.findall(r'(add|change|drop)="([^"]+)"', message))


def test_the_proposed_arguments_of_a_new_field_are_valid(service: Path) -> None:
    make(service, "tools.resource", "zebra", "title:str")
    new = []
    for spec, value, optional in NEEDS:
        message = refusal(service, "zebra", add=spec)
        assert proposed_arguments(message) == {"add": optional}, spec
        new.append(f"{spec}={value}" if value else optional)
        assert f'write add="{new[-1]}"' in message
    field(service, "zebra", add=" ".join(new))


def test_the_proposed_arguments_of_a_drop_are_valid(service: Path) -> None:
    make(service, "tools.resource", "zebra", " ".join(["title:str", *(one[0] for one in NEEDS)]))
    options: dict[str, list[str]] = {"drop": [], "change": []}
    for spec, value, optional in NEEDS:
        name = spec.partition(":")[0]
        proposed = proposed_arguments(refusal(service, "zebra", drop=name))
        assert proposed == {"change": optional} | ({"drop": f"{name}={value}"} if value else {}), (
            spec
        )
        kind = "drop" if value else "change"
        options[kind].append(proposed[kind])
    assert proposed_arguments(refusal(service, "zebra", drop="born=2026-01-31")) == {
        "change": "born:date?"
    }
    field(service, "zebra", **{kind: " ".join(words) for kind, words in options.items()})
    field(service, "zebra", drop=" ".join(word.partition(":")[0] for word in options["change"]))


def test_the_proposed_arguments_of_a_required_field_are_valid(service: Path) -> None:
    make(service, "tools.resource", "zebra", " ".join(["title:str", *(one[2] for one in NEEDS)]))
    first, then = [], []
    for spec, value, optional in NEEDS:
        message = refusal(service, "zebra", change=spec)
        if value:
            assert f'change="{optional}={value}", then in a later release use ' in message
            first.append(f"{optional}={value}")
            then.append(proposed_arguments(message)["change"])
            assert then[-1] == f"{spec}={value}"
        else:
            assert "has no default: keep the ?" in message, spec
    assert "write `born: Day` in ZebraCreate of app/schemas/zebras.py" in refusal(
        service, "zebra", change="born:date"
    )
    field(service, "zebra", change=" ".join(first))
    assert (
        proposed_arguments(refusal(service, "zebra", change="code:int>=2<=9:index"))["change"]
        == then[0]
    )
    field(service, "zebra", change=" ".join(then))


def test_a_field_required_by_hand_stays_required(service: Path) -> None:
    make(service, "tools.resource", "zebra", "title:str born:date? legs:int=4")
    schemas = service / "app" / "schemas" / "zebras.py"
    text = schemas.read_text(encoding="utf-8")
    schemas.write_text(text.replace("    born: Day | None = None\n", "    born: Day\n"))
    field(service, "zebra", add="note:text?")
    assert "    born: Day\n" in schemas.read_text(encoding="utf-8")


def test_the_element_type_of_an_array_cannot_change(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) labels:array(int)")
    message = "'labels' is an array of int and cannot become one of str"
    assert message in refusal(service, "zebra", change="labels:array(str)")


def test_json_with_its_own_class_stays_unchanged(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) extra:json size:int")
    schemas = service / "app" / "schemas" / "zebras.py"
    text = schemas.read_text(encoding="utf-8").replace("dict[str, JsonValue]", "JsonObject")
    own = "class Extra(Schema):\n    a: int\n\n\nclass ZebraCreate"
    text = text.replace("class ZebraCreate", own).replace(": JsonObject", ": Extra")
    schemas.write_text(text, encoding="utf-8")
    field(service, "zebra", add="note:text?")
    assert "\n    extra: Extra\n" in schemas.read_text(encoding="utf-8")
    assert "'extra' is not a field that make resource wrote" in refusal(
        service, "zebra", drop="extra"
    )


def test_the_places_of_a_decimal_cannot_change(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) fee:decimal(12,2)")
    for fee in ("fee:decimal(12,3)", "fee:decimal"):
        assert "'fee' has 2 decimal places" in refusal(service, "zebra", change=fee)
    field(service, "zebra", change="fee:decimal(15,2)")
    schemas = (service / "app" / "schemas" / "zebras.py").read_text(encoding="utf-8")
    assert "Fee = Annotated[Decimal, Digits(15, 2), " in schemas


LATER = (
    "name:str(128):unique:nocase weight:decimal>=0<=50=1.5 since:date? kind:enum(big,small,huge)=big "
    "fee:decimal(15,2)>=0=1.5 mail:email page:url?:private more:json labels:array(str(99)) herd:ref(item,null)? foals:many(item) unique(kind,since) "
    "stripes:list(width:int>=1=2 kind:enum(a,b)=a like:ref(item)? note:text? price:decimal<=9.5 "
    "words:array(str(3)) map:json? at:url(99))"
)
CHANGES = {
    "rename": "title:name day:since site:page extra:more tags:labels place:herd",
    "change": "kind:enum(big,small,huge)=big labels:array(str(99)) fee:decimal(15,2)>=0=1.5 weight:decimal>=0<=50=1.5 herd:ref(item,null)?",
    "drop": "secret",
}


@pytest.mark.parametrize("owner", ["", "user"])
def test_changed_fields_are_written_like_initial_ones(
    service: Path, tmp_path: Path, owner: str
) -> None:
    first, later = FIRST.replace("foals:", "place:ref(item)? foals:"), LATER
    if owner:
        first, later = (text.replace(" foals:many(item)", "") for text in (first, later))
        first = first.replace(" place:ref(item)?", "")
        later = later.replace(" herd:ref(item,null)?", "")
    options = {key: _without_references(text) if owner else text for key, text in CHANGES.items()}
    make(service, "tools.resource", "zebra", first, "", "", owner)
    output = field(service, "zebra", **options)
    assert output.count("Columns that keep their names") == 1
    assert ": zebras.title, zebras.day, " in output
    assert (
        "Columns that stay, so that the previous release can run next to this one: zebras.s"
        in output
    )
    assert 'make field resource=zebra drop="secret"' in output
    table = service / "app" / "db" / "tables" / "zebras.py"
    assert re.search(r'mapped_column\(\s*"title", String', table.read_text(encoding="utf-8"))
    kept = service / "app" / "db" / "autogenerate.py"
    assert 'KEPT: frozenset[str] = frozenset({"zebras.secret"})' in kept.read_text(encoding="utf-8")
    again = {key: text for key, text in options.items() if key != "change"}
    output = field(service, "zebra", **again)
    assert output.count("stop the service") == 1
    assert 'make migration m="drop secret of zebras"' in output
    other = copied(tmp_path / "other")
    make(other, "tools.resource", "zebra", later, "", "", owner)
    for path, text in contents(other).items():
        name = path.relative_to(other)
        if "versions" not in name.parts:
            assert (service / name).read_text(encoding="utf-8") == text, name


def _without_references(text: str) -> str:
    return text.replace(" place:herd", "").replace(" herd:ref(item,null)?", "")


def test_a_dropped_field_gets_a_default_for_the_previous_release(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) word:str(9) code:int=7 at:datetime?")
    assert 'drop="word=unknown"' in refusal(service, "zebra", drop="word")
    assert "is not a valid default" in refusal(service, "zebra", drop="word=aaaaaaaaaa")
    field(service, "zebra", drop="word=none code at")
    (revision,) = (service / "app/db/migrations/versions").glob("*zebras_stop_using*.py")
    text = revision.read_text(encoding="utf-8")
    assert 'batch.alter_column("word", server_default="none")' in text
    assert 'batch.alter_column("code", server_default=sa.text("7"))' in text
    assert '"at"' not in text


DROPPED = "code:int?>=0:index day:date?:unique:index mail:email?:unique:nocase at:uuid?:unique"


@pytest.mark.parametrize("owner", ["", "user"])
def test_handwritten_names_stay_in_kept(service: Path, owner: str) -> None:
    make(service, "tools.resource", "zebra", f"name:str(9) {DROPPED}", "", "", owner)
    path = service / "app" / "db" / "autogenerate.py"
    written = 'KEPT: frozenset[str] = frozenset({"items.search", "ix_items_search"})'
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("KEPT: frozenset[str] = frozenset()", written), encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    field(service, "zebra", drop="code day mail at")
    there = path.read_text(encoding="utf-8")
    by = "owner_" * bool(owner)
    columns = [f"zebras.{name}" for name in ("code", "day", "mail", "at")]
    indexes = [f"ix_zebras_{by}{name}_id" for name in ("code", "day")]
    unique = [f"uq_zebras_{by}{name}" for name in ("day", "mail", "at")]
    for name in (*columns, *indexes, *unique, "ck_zebras_code", "items.search", "ix_items_search"):
        assert f'"{name}"' in there
    field(service, "zebra", drop="at mail day code")
    assert path.read_text(encoding="utf-8") == before


def test_names_of_a_dropped_reference_are_removed_from_kept(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) at:ref(item)?")
    path = service / "app" / "db" / "autogenerate.py"
    before = path.read_text(encoding="utf-8")
    field(service, "zebra", drop="at")
    there = path.read_text(encoding="utf-8")
    for name in ("zebras.at_id", "fk_zebras_at_id", "ix_zebras_at_id"):
        assert f'"{name}"' in there
    field(service, "zebra", drop="at_id")
    assert path.read_text(encoding="utf-8") == before


def test_names_on_several_lines_are_removed_from_kept(service: Path) -> None:
    make(service, "tools.resource", "zebra", f"name:str(9) {DROPPED}")
    path = service / "app" / "db" / "autogenerate.py"
    before = path.read_text(encoding="utf-8")
    field(service, "zebra", drop="code day mail at")
    assert "frozenset(\n    {\n" in path.read_text(encoding="utf-8")
    field(service, "zebra", drop="code day mail at")
    assert path.read_text(encoding="utf-8") == before


def test_a_renamed_field_is_dropped_by_its_column(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9) at:ref(item)? code:int?")
    field(service, "zebra", rename="at:house code:number")
    output = field(service, "zebra", drop="house number")
    proposed = proposed_arguments(output)["drop"]
    assert proposed == "at_id code"
    assert "use one of name, at_id, code" in refusal(service, "zebra", drop="house")
    assert 'make migration m="drop at_id, code of zebras"' in field(service, "zebra", drop=proposed)


@pytest.mark.skipif(DIALECT != "sqlite", reason="Postgres never recreates a table")
@pytest.mark.parametrize("owner", ["", "user"])
def test_a_recreated_table_keeps_the_index_of_a_dropped_field(service: Path, owner: str) -> None:
    make(
        service,
        "tools.resource",
        "zebra",
        "name:str(9) code:int=0 mail:email?:unique:nocase",
        "",
        "",
        owner,
    )
    field(service, "zebra", drop="code mail")
    by = "owner_" * bool(owner)
    upgrade = _newest(service, "zebras_stop_using").partition("def downgrade")
    for steps in (upgrade[0], upgrade[2]):
        assert f'op.f("uq_zebras_{by}mail")' in steps.partition("if_not_exists=True")[0]


def test_the_last_field_cannot_be_dropped(service: Path) -> None:
    make(service, "tools.resource", "zebra", "name:str(9)? code:int?")
    assert "a resource needs at least one field" in refusal(service, "zebra", drop="name code")


def test_a_change_next_to_an_edited_line_conflicts() -> None:
    before, after = "a\nb\nc\nd\n", "a\nb\nx\nc\nd\n"
    assert merged("0\na\nb\nc\nd\n1\n", before, after) == ("0\na\nb\nx\nc\nd\n1\n", "")
    text, conflicts = merged("a\nB\nc\nd\n", before, after)
    assert (text, "\n+x\n" in conflicts) == ("a\nB\nc\nd\n", True)
    own = "import re  # hm\n\n\nre\na\nb\nc\nd\n"
    output = merged(own, f"import os\n\n\n{before}", f"import os\nimport sys\n\n\n{after}")
    assert output == ("import re  # hm\nimport sys\n\n\nre\na\nb\nx\nc\nd\n", "")


def test_a_change_of_lines_that_occur_in_two_classes_conflicts() -> None:
    fields = "    a: int\n    b: int\n"
    before, after = f"class A:\n{fields}", f"class A:\n{fields}    c: int\n"
    own = f"class A:\n    # one\n    a: int\n    # two\n    b: int\n\nclass B:\n{fields}"
    text, conflicts = merged(own, before, after)
    assert text == own
    assert "+    c: int\n" in conflicts


def test_unique_rules_follow_their_fields(service: Path) -> None:
    make(
        service, "tools.resource", "zebra", "name:str(9) herd:ref(item) code:int? unique(herd,code)"
    )
    table = service / "app" / "db" / "tables" / "zebras.py"
    field(service, "zebra", rename="herd:group", add="unique(name,group)")
    assert 'UniqueConstraint("group_id", "code")' in table.read_text(encoding="utf-8")
    assert 'UniqueConstraint("name", "group_id")' in table.read_text(encoding="utf-8")
    assert _newest(service, "zebras_add_unique").count("batch.create_") == 1
    field(service, "zebra", rename="herd:group")
    renamed = _newest(service, "zebras_rename_column")
    for name in ("herd_id_code", "name_herd_id"):
        assert f'batch.drop_constraint(op.f("uq_zebras_{name}"), type_="unique")' in renamed
    assert 'op.f("uq_zebras_group_id_code"), ["group_id", "code"]' in renamed
    field(service, "zebra", drop="code")
    assert "unique" not in table.read_text(encoding="utf-8").partition("group_id")[2]
    kept = (service / "app" / "db" / "autogenerate.py").read_text(encoding="utf-8")
    assert '"uq_zebras_group_id_code"' in kept
    refused = refusal(service, "zebra", drop="name=none")
    assert "and a default would violate unique(name,group): make it optional first" in refused


def _newest(service: Path, slug: str) -> str:
    (revision,) = (service / "app" / "db" / "migrations" / "versions").glob(f"*_{slug}*.py")
    return revision.read_text(encoding="utf-8")
