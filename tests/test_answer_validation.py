"""Validation of answers, and where valid answers appear in the service."""

import ast
import json
import re
import tomllib
import unicodedata
from pathlib import Path

import pytest
from cookiecutter.exceptions import CookiecutterException, FailedHookException
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import (
    QUESTIONS,
    Bake,
    Service,
    constant,
    cookiecutter,
    escaped,
)

RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
DEPENDENCIES = constant("pre_gen_project.py", "DEPENDENCIES").split()
TEXTS = ("project_name", "description", "author_name", "author_email")

# test_services.py also installs and runs each of these, on one of the variants.
ODD_ANSWERS = [
    {
        "project_name": "Straße 'n' \"Co\" \\ 😀 {{ 7*7 }}",
        "project_slug": "class",
        "description": 'It says "C:\\new" & <more> #1, for $5 or 10%. ' + "Really! " * 625,
        "author_name": "Conan O'Brien",
        "author_email": '"c o"@example.com',
    },
    {
        "project_name": "طلبات 注文 Заказы {% raw %}",
        "project_slug": "My-Service",
        "description": "One line.\n\nAnd another,\twith a tab.\n",
        "author_name": "Łukasz Þór",
        "author_email": "no address at all",
    },
    {
        "project_name": '"" `rm -rf ~` $(id) ${HOME} %(here)s {0} #',
        "project_slug": "json",
        "description": "# 1. *not* a _heading_ &amp; [no](link) <script>alert(1)</script>",
        "author_name": "a'b\"c`d",
        "author_email": "a+b@münchen.example",
    },
    {
        "project_name": "👩\u200d💻 می\u200cخواهم 5\u00a0€ " + "x" * 300,
        "project_slug": "x" * 63,
        "description": "--- {# no comment #} {% endraw %} '''\"\"\" \\",
        "author_name": "名前",
        "author_email": "名前@例え.jp",
    },
]

ABSOLUTE = (
    "/absolute"  # stands for the test's folder: cookiecutter creates it before it runs the hook
)

REJECTED = [
    ("project_slug", "../x", "not a valid name for a folder"),
    ("project_slug", "..", "not a valid name for a folder"),
    ("project_slug", f"{ABSOLUTE}/x", "not a valid name for a folder"),
    ("project_slug", ".hidden", "not a valid name for a folder"),
    ("project_slug", "a b", "not a valid name for a folder"),
    ("project_slug", "1st", "not a valid name for a folder"),
    ("project_slug", "a_b", "not a valid name for a folder"),
    ("project_slug", "a.b", "not a valid name for a folder"),
    ("project_slug", "a-", "not a valid name for a folder"),
    ("project_slug", "a--b", "not a valid name for a folder"),
    ("project_slug", "straße", "not a valid name for a folder"),
    ("project_slug", "a\n", "not a valid name for a folder"),
    ("project_slug", "x" * 64, "up to 63 letters"),
    ("project_slug", "x" * 200, "up to 63 letters"),
    ("project_slug", "NUL", "device name on Windows"),
    ("project_slug", "com1", "device name on Windows"),
    ("project_slug", "fastapi", "a package that the service depends on"),
    ("project_slug", "Starlette", "a package that the service depends on"),
    ("project_name", " ", "has no visible character"),
    ("description", "\u2060", "has no visible character"),
    ("author_name", "\u2060", "has no visible character"),
    ("author_name", "\udcc3", "cannot be decoded in this locale"),
    ("author_email", "a\x07b", "invisible character"),
    ("author_name", "a\u202eb", "invisible character"),
    ("project_name", "a\u200bb", "invisible character"),
]

ACCEPTED_SLUGS = [
    "a", "x1", "class", "none", "true", "null", "yes", "json", "os", "app", "tests", "site",
    "My-Service", "API", "a-1-b", "con-man", "x" * 63,
]  # fmt: skip


def line(text: str) -> str:
    """Returns the answer on one line, as the template renders it."""
    return " ".join(filter(None, map(str.strip, text.replace("\t", " ").splitlines())))


def assert_answers_appear(service: Service, answers: dict[str, str]) -> None:
    """Asserts that each file, parsed in its own language, has the answers."""
    expected = {question: line(answers[question]) for question in TEXTS}
    project = tomllib.loads(service.read("pyproject.toml"))["project"]
    assert project["description"] == expected["description"]
    author = {
        key: expected[f"author_{key}"] for key in ("name", "email") if expected[f"author_{key}"]
    }
    assert project.get("authors", [{}]) == [author]
    titles = [
        ast.literal_eval(keyword.value)
        for node in ast.walk(ast.parse(service.read("app/main.py")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "title"
    ]
    assert titles == [expected["project_name"]]
    assert json.loads(service.read("grafana.json"))["title"] == expected["project_name"]
    readme = MarkdownIt("commonmark").enable("strikethrough").parse(service.read("README.md"))
    heading, name, _, paragraph, description, _ = readme[:6]
    assert (heading.type, visible_text(name)) == ("heading_open", expected["project_name"])
    if expected["description"]:
        assert (paragraph.type, visible_text(description)) == (
            "paragraph_open",
            expected["description"],
        )


def visible_text(block: Token) -> str:
    """Returns the visible text of a block; fails if it has any markup."""
    assert {part.type for part in block.children or []} <= {"text", "text_special"}
    return "".join(part.content for part in block.children or [])


@pytest.mark.parametrize(("question", "answer", "output"), REJECTED, ids=ascii)
def test_an_invalid_answer_is_rejected_in_one_sentence(
    tmp_path: Path, question: str, answer: str, output: str
) -> None:
    out = tmp_path / "a" / "out"
    options = ("--no-input", "--output-dir", str(out))
    answer = answer.replace(ABSOLUTE, str(tmp_path))
    done = cookiecutter(*options, "setup=files", f"{question}={answer}")
    assert done.returncode == 1
    (sentence,) = (line for line in done.stdout.splitlines() if line.startswith("Not rendered: "))
    assert question in sentence
    assert output in sentence
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("question", [q for q, a in QUESTIONS.items() if isinstance(a, list)])
def test_an_unknown_choice_is_rejected_with_the_list_of_choices(
    tmp_path: Path, question: str
) -> None:
    done = cookiecutter("--no-input", "--output-dir", str(tmp_path / "out"), f"{question}=other")
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert "other" in last
    assert question in last
    assert all(choice in last for choice in QUESTIONS[question])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answers", ODD_ANSWERS, ids=lambda answers: answers["project_slug"][:12])
def test_unusual_answers_appear_in_every_file(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    assert service.path.name == answers["project_slug"]
    assert_answers_appear(service, answers)


@pytest.mark.parametrize("slug", ACCEPTED_SLUGS)
def test_a_slug_of_letters_digits_and_hyphens_is_accepted(rendered: Bake, slug: str) -> None:
    service = rendered(project_slug=slug)
    project = tomllib.loads(service.read("pyproject.toml"))["project"]
    assert service.path.name == project["name"] == slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Order Desk", "order-desk"),
        ("3D printing", "service-3d-printing"),
        ("Straße", "strasse"),
        ("😀", "my-service"),
        ("x" * 62 + " y", "x" * 62),
    ],
)
def test_every_name_has_a_valid_default_slug(rendered: Bake, name: str, slug: str) -> None:
    assert rendered(project_name=name).path.name == slug


def test_text_typed_at_a_prompt_is_not_rendered(tmp_path: Path) -> None:
    typed = {
        "project_name": '{{ 7*7 }} {% raw %} it\'s "$HOME"',
        "project_slug": "typed",
        "description": "{{ cookiecutter }} {# gone? #} {% endif %}",
        "author_name": "O'Brien",
        "author_email": "{{",
    }
    lines = "\n".join([*typed.values(), "2", "2", "3", "2", ""])
    done = cookiecutter("--output-dir", str(tmp_path), stdin=lines)
    assert done.returncode == 0, done.stdout
    prompts = QUESTIONS["__prompts__"]
    assert prompts.keys() == {name for name in QUESTIONS if not name.startswith("_")}
    for question, choices in prompts.items():
        labelled = {*choices} - {"__prompt__"} if isinstance(choices, dict) else {*()}
        assert not labelled or labelled == {*QUESTIONS[question]}
        texts = choices.values() if isinstance(choices, dict) else [choices]
        assert all(text.split("(")[0] in " ".join(done.stdout.split()) for text in texts), question
    service = Service(tmp_path / "typed", typed)
    assert "psycopg" in service.read("pyproject.toml")
    assert_answers_appear(service, typed)


def test_every_text_but_the_name_may_be_blank(bake: Bake) -> None:
    service = bake(description=" ", author_name="", author_email="\n")
    project = tomllib.loads(service.read("pyproject.toml"))["project"]
    assert project["description"] == ""
    assert "authors" not in project
    assert service.read("README.md").startswith("# My Service\n\n```sh\n")
    assert "image.authors" not in service.read("Dockerfile")
    only_name = bake(author_name="A", author_email="")
    project = tomllib.loads(only_name.read("pyproject.toml"))["project"]
    assert project["authors"] == [{"name": "A"}]
    assert 'image.authors="A"' in only_name.read("Dockerfile")


def test_newlines_in_a_config_file_become_spaces(tmp_path: Path) -> None:
    config = tmp_path / "team.yaml"
    config.write_text(
        "default_context:\n"
        "  description: |\n    First.\n\n    Second.\n"
        "  author_name: >\n    A\n    B\n"
    )
    options = ("--config-file", str(config), "--output-dir", str(tmp_path))
    assert cookiecutter("--no-input", *options, "setup=files").returncode == 0
    project = tomllib.loads((tmp_path / "my-service" / "pyproject.toml").read_text())["project"]
    assert project["description"] == "First. Second."
    assert project["authors"][0]["name"] == "A B"


def test_a_config_file_with_an_answer_that_is_not_a_string_is_rejected(tmp_path: Path) -> None:
    config = tmp_path / "team.yaml"
    config.write_text("default_context:\n  author_name: null\n  project_name: true\n")
    options = ("--config-file", str(config), "--output-dir", str(tmp_path / "out"))
    done = cookiecutter("--no-input", *options, "setup=files")
    assert done.returncode == 1
    assert "Not rendered: author_name=None is not a string: put it in quotes.\n" in done.stdout


def is_rejected(text: str) -> bool:
    """Whether the documentation says that this text is rejected."""
    invisible = {
        *"\u200b\ufeff",
        *map(chr, range(0x202A, 0x202F)),
        *map(chr, range(0x2066, 0x206A)),
    }
    characters = {*line(text)}
    is_invisible = all(
        unicodedata.category(character) in {"Cf", "Mc", "Me", "Mn", "Zs"}
        for character in characters
    )
    return is_invisible or any(
        character in invisible or unicodedata.category(character) in {"Cc", "Cs"}
        for character in characters
    )


# Characters with a special meaning somewhere come up more often.
CHARACTERS = st.sampled_from("'\"\\`$%#<>&;{}[]()*_~|=+-!@:.,/ \n\t\u2028\u00a0aA1é😀")
ANY_TEXT = st.text(CHARACTERS | st.characters(), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(texts=st.tuples(*[ANY_TEXT] * len(TEXTS)))
def test_any_text_is_rejected_or_appears_in_every_file(
    rendered: Bake, texts: tuple[str, ...]
) -> None:
    answers = dict(zip(TEXTS, texts, strict=True))
    name, *optional = texts
    if is_rejected(name) or any(line(text) and is_rejected(text) for text in optional):
        with pytest.raises(FailedHookException):
            rendered(**answers, project_slug="fuzz")
    else:
        assert_answers_appear(rendered(**answers, project_slug="fuzz"), answers)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(slug=st.text(st.sampled_from("aZ09-_. é😀$'\"") | st.characters(exclude_characters="/\\")))
def test_any_slug_is_rejected_or_names_the_folder(rendered: Bake, slug: str) -> None:
    try:
        service = rendered(project_slug=slug)
    except (CookiecutterException, OSError, ValueError):
        is_reserved = RESERVED.fullmatch(slug) or slug.lower() in DEPENDENCIES
        assert is_reserved or not re.fullmatch(r"[a-zA-Z]([a-zA-Z0-9]{0,62})", slug)
    else:
        assert service.path.name == slug


def test_answers_reach_the_hooks_as_data(tmp_path: Path) -> None:
    marker = tmp_path / "mark"
    attack = f"'); __import__('pathlib').Path({str(marker)!r}).touch(); (\""
    arguments = [f"{question}={escaped(question, attack)}" for question in TEXTS]
    folder = str(tmp_path / "out")
    done = cookiecutter(
        "--no-input", "--output-dir", folder, *arguments, "project_slug=a", "setup=files"
    )
    assert done.returncode == 0, done.stdout
    assert not marker.exists()
    assert json.dumps(attack) in (tmp_path / "out" / "a" / "pyproject.toml").read_text()
