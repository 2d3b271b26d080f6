"""`make resource`: what it refuses, and what it leaves alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.resource.names import Refused, article
from tools.resource.parse import parse
from tools.resource.write import write

ROOT = Path(__file__).parent.parent.parent
FIELDS = "title:str(128):unique weight:decimal>=0=1.5 day:date? kind:enum(big,small)=big note:text?"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A copy that may be written to."""
    for folder in ("app", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def make(service: Path, name: str, fields: str) -> list[str]:
    """The files that are written."""
    return [path.as_posix() for path in write(service, parse(service, name, fields))]


def contents(service: Path) -> dict[Path, str]:
    files = (path for path in sorted(service.rglob("*")) if path.is_file())
    return {path: path.read_text(encoding="utf-8") for path in files}


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
    assert parse(ROOT, name, FIELDS, f"{name}_list").plural == f"{name}_list"


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
{% if cookiecutter.database == "sqlite" %}
        ("sqlite_zebra", FIELDS, "SQLite keeps those"),
{% endif %}
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
{% if cookiecutter.database == "postgres" %}
        ("zebra", "ctid:int", "is a word that the code needs itself"),
        ("zebra", "tableoid:int", "is a word that the code needs itself"),
{% endif %}
        ("zebra", "zebra_id:uuid", "is the id of the resource itself"),
        ("zebra", "zebra:ref(item)", "is the id of the resource itself"),
        ("zebra", "metadata:text", "is a word that the code needs itself"),
        ("zebra", "model_year:int", "is a word that the code needs itself"),
        ("zebra", "json:text", "is a word that the code needs itself"),
        ("zebra", "name:str name:text", "'name' would be there twice"),
        ("zebra", "name:str name_contains:bool", "'name_contains' would be there twice"),
        ("zebra", "name:str(0)", "is no length"),
        ("zebra", "name:str(99999)", "is too long"),
        ("zebra", "name:str(501):unique", "is too long for an index"),
        ("zebra", "leg_1:int leg1:int", "'Leg1' would be there twice"),
        ("setting", FIELDS, "is a word that the code needs itself"),
        ("zebra", "name:text(9)", "takes nothing in parentheses"),
        ("zebra", "note:text:unique", "cannot be unique"),
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
        ("zebra", "dam:ref(zebra)", "refers to the resource itself"),
        ("item", "above:ref(item)", "refers to the resource itself"),
        ("zebra", "owner:ref", "refers to no resource"),
    ],
)
def test_what_will_not_do_is_refused_in_a_sentence(name: str, fields: str, told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)) as caught:
        parse(ROOT, name, fields)
    assert "\n" not in str(caught.value)
