"""`make resource`: what it refuses, and what it leaves alone."""

import re
import shutil
from pathlib import Path

import pytest

from tools.resource.names import Refused
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
        ("zebra", "", "there are no fields"),
        ("zebra", "name", "is no field"),
        ("zebra", "name:", "is no field"),
        ("zebra", "name:str(128", "is no field"),
        ("zebra", "name:str;drop", "is no field"),
        ("zebra", "name:varchar", "is no type"),
        ("zebra", "Name:str", "cannot name a field"),
        ("zebra", "class:str", "is a word that the code needs itself"),
        ("zebra", "id:uuid", "is a word that the code needs itself"),
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
        ("zebra", "legs:int=four", "is no int that fits"),
        ("zebra", "legs:int=2147483648", "is no int that fits"),
        ("zebra", "legs:int>=0=-1", "is no default that it may have"),
        ("zebra", "legs:int>=5<=4", "lets nothing in"),
        ("zebra", "legs:int>=0<=4:unique", "leaves less than 10 different values"),
        ("zebra", "price:decimal=0.00001", "is no decimal that fits"),
        ("zebra", "name:str>=1", "has a bound"),
        ("zebra", "name:str(3)=four", "is no default that it may have"),
        ("zebra", "is_wild:bool=yes", "is no default that it may have"),
        ("zebra", "kind:enum", "needs two or more different words"),
        ("zebra", "kind:enum(a,a)", "needs two or more different words"),
        ("zebra", "kind:enum(a,b)=c", "is no default that it may have"),
        ("zebra", "day:date=2026-01-31", "is no default that it may have"),
        ("zebra", "owner:ref(nobody)", "refers to no resource"),
        ("zebra", "owner:ref", "refers to no resource"),
    ],
)
def test_what_will_not_do_is_refused_in_a_sentence(name: str, fields: str, told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)) as caught:
        parse(ROOT, name, fields)
    assert "\n" not in str(caught.value)
