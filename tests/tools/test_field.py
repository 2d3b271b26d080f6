"""`make field`: what it writes, what it refuses, and what it leaves alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.field.merge import Unclear, merged

ROOT = Path(__file__).parent.parent.parent
FIRST = (
    "title:str(128):unique weight:decimal>=0<=100=1.5 day:date? kind:enum(big,small)=big "
    "secret:str?:private foals:many(item) unique(kind,day) "
    "stripes:list(width:int>=1=2 kind:enum(a,b)=a like:ref(item)? note:text? price:decimal<=9.5)"
)
NEW = (
    "note:text? code:int>=1?:unique at:datetime? shown:bool=true ratio:float=1.5 word:str(9)=red "
    "price:decimal=2.5 other:ref(item,null)? currency:enum(eur,usd)=eur ident:uuid?"
)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return copied(tmp_path / "service")


def copied(root: Path) -> Path:
    """A copy that may be written to."""
    for folder in ("app", "tests", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(service: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=service, check=False, capture_output=True, encoding="utf-8")


def make(service: Path, module: str, *arguments: str) -> str:
    done = run(service, module, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sources(service: Path) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in sorted(service.rglob("*.py"))}


def refusal(service: Path, *arguments: str) -> str:
    """Why nothing is written."""
    before = sources(service)
    done = run(service, "tools.field", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert sources(service) == before
    return done.stderr


@pytest.mark.parametrize("owner", ["", "user"])
def test_fields_that_come_later_are_written_as_those_from_the_start(
    service: Path, tmp_path: Path, owner: str
) -> None:
    new = NEW if not owner else NEW.replace("other:ref(item,null)? ", "")
    first = FIRST if not owner else FIRST.replace(" foals:many(item)", "")
    make(service, "tools.resource", "zebra", first, "", "", owner)
    make(service, "tools.field", "zebra", new)
    other = copied(tmp_path / "other")
    make(other, "tools.resource", "zebra", f"{first} {new}", "", "", owner)
    for path, text in sources(other).items():
        name = path.relative_to(other)
        if "versions" not in name.parts:
            assert (service / name).read_text(encoding="utf-8") == text, name


def test_what_a_person_has_written_stays(service: Path) -> None:
    make(service, "tools.resource", "zebra", FIRST)
    own = "\n\n@router.get('/stripes')\nasync def stripes() -> int:\n    return 1\n"
    added = {
        "app/api/routes/zebras.py": own,
        "app/db/tables/zebras.py": "    # Their stripes are theirs.\n",
        "tests/api/test_zebras.py": "\n\ndef test_stripes() -> None: ...\n",
    }
    for name, text in added.items():
        with (service / name).open("a", encoding="utf-8") as file:
            file.write(text)
    make(service, "tools.field", "zebra", "currency:enum(eur,usd)=eur")
    for name, text in added.items():
        written = (service / name).read_text(encoding="utf-8")
        assert text.strip().replace("'", '"') in written.replace("'", '"')
    assert "currency" in (service / "app/db/tables/zebras.py").read_text(encoding="utf-8")


def test_where_the_place_is_not_clear_the_lines_are_printed(service: Path) -> None:
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
    output = refusal(service, "zebra", "currency:enum(eur,usd)=eur")
    assert "app/schemas/zebras.py\n@@\n" in output
    assert '+    currency: Currency = "eur"\n' in output
    assert 'leave="app/schemas/zebras.py"' in output
    output = make(
        service, "tools.field", "zebra", "currency:enum(eur,usd)=eur", "app/schemas/zebras.py"
    )
    assert '+    currency: Currency = "eur"\n' in output
    assert "hm" in schemas.read_text(encoding="utf-8")
    assert "currency" in (service / "app/db/tables/zebras.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("zebra", "note:text?", "'zebra' is no resource: take one of item"),
        ("item", "code:int", "'code' needs a value for the rows that are there"),
        ("item", "place:ref(item)", "refers to the resource itself, which has no first one"),
        ("item", "code:int=1:unique", "'code' would be the same in all rows"),
        ("item", "quantity:int?", "'quantity' would be there twice"),
        ("item", "parts:many(item)", "leads to the resource itself"),
        ("item", "", "there are no fields"),
    ],
)
def test_what_cannot_be_added_is_refused(
    service: Path, name: str, fields: str, message: str
) -> None:
    assert message in refusal(service, name, fields)


def test_a_link_is_refused(service: Path) -> None:
    make(service, "tools.resource", "zebra", FIRST)
    assert "many() is for make resource alone" in refusal(service, "zebra", "x:many(item)")


def test_a_line_beside_one_that_was_changed_is_not_clear() -> None:
    before, after = "a\nb\nc\nd\n", "a\nb\nx\nc\nd\n"
    assert merged("0\na\nb\nc\nd\n1\n", before, after) == "0\na\nb\nx\nc\nd\n1\n"
    with pytest.raises(Unclear, match=r"(?m)^\+x$"):
        merged("a\nB\nc\nd\n", before, after)
    own = "import re\n\n\nre\na\nb\nc\nd\n"
    output = merged(own, f"import os\n\n\n{before}", f"import os\nimport sys\n\n\n{after}")
    assert output == "import re\nimport sys\n\n\nre\na\nb\nx\nc\nd\n"
