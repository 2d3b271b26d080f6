"""A render into an existing folder loses no file, whatever happens."""

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import (
    IDENTITY,
    ROOT,
    TEMPLATE,
    Bake,
    Template,
    constant,
    contents,
    cookiecutter,
    each_render,
    execute,
    render,
    start_render,
)

BEFORE = ".before-rendering"
NAMES = ["README.md", "app/main.py", "app/mine.py", "tests/test_mine.py", "notes.txt"]


@pytest.fixture
def existing_folder(tmp_path: Path) -> Path:
    """A folder at the path of a service; some of its files have the names of a service's."""
    for name in NAMES:
        path = tmp_path / "out" / "my-service" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine: {name}\n")
    (tmp_path / "out" / "beside.txt").write_text("mine too")
    return tmp_path / "out" / "my-service"


def rejected(folder: Path, *arguments: str) -> str:
    """Returns the output of a render that fails."""
    done = cookiecutter("--no-input", "--output-dir", str(folder), "setup=files", *arguments)
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_an_existing_folder_is_not_touched(existing_folder: Path) -> None:
    before = contents(existing_folder.parent)
    assert "already exists" in rejected(existing_folder.parent)
    assert contents(existing_folder.parent) == before


def test_overwritten_content_is_kept_beside_its_file(existing_folder: Path) -> None:
    before = contents(existing_folder)
    output = render(
        existing_folder.parent, "setup=files", "concurrency=sync", "--overwrite-if-exists"
    )
    assert "README.md.orig, app/main.py.orig\n" in output
    after = contents(existing_folder)
    for name, content in before.items():
        assert after[f"{name}.orig" if name in {"README.md", "app/main.py"} else name] == content
    assert f"{BEFORE}/README.md" not in after
    assert not (existing_folder / BEFORE).exists()
    # Again: files that equal the template's are not kept again, and no copy is replaced.
    (existing_folder / "README.md").write_text("mine again\n")
    output = render(
        existing_folder.parent, "setup=files", "concurrency=sync", "--overwrite-if-exists"
    )
    assert "in README.md.orig2\n" in output
    assert contents(existing_folder) == after | {"README.md.orig2": b"mine again\n"}


def test_committed_content_is_not_kept_beside_its_file(existing_folder: Path) -> None:
    for command in ("init", "add .", "commit -m mine"):
        done = execute("git", *command.split(), folder=existing_folder, **IDENTITY)
        assert done.returncode == 0, done.stdout
    (existing_folder / "app" / "main.py").write_text("not committed\n")
    output = render(existing_folder.parent, "setup=files", "--overwrite-if-exists")
    assert "in app/main.py.orig\n" in output
    assert (existing_folder / "app" / "main.py.orig").read_text() == "not committed\n"
    assert not (existing_folder / "README.md.orig").exists()


def test_skipped_files_do_not_change(existing_folder: Path) -> None:
    skip = ("setup=files", "concurrency=sync", "--overwrite-if-exists", "--skip-if-file-exists")
    before = contents(existing_folder)
    assert ".orig" not in render(existing_folder.parent, *skip)
    # It is a service now; its team edits one file and deletes another.
    edited = existing_folder / "app" / "api" / "routes" / "items.py"
    edited.write_text(edited.read_text() + "\n\nasync def export() -> None:\n    await all()\n")
    (existing_folder / "app" / "db" / "session.py").unlink()
    before |= contents(existing_folder)
    assert ".orig" not in render(existing_folder.parent, *skip)
    after = contents(existing_folder)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"app/db/session.py"}
    assert b"async" not in after["app/db/session.py"]


def test_rendering_over_a_service_can_change_its_answers(tmp_path: Path) -> None:
    render(tmp_path, "setup=files", "concurrency=async")
    render(tmp_path, "setup=files", "concurrency=sync", "--overwrite-if-exists")
    render(tmp_path / "fresh", "setup=files", "concurrency=sync")
    fresh = contents(tmp_path / "fresh" / "my-service")
    assert fresh.items() <= contents(tmp_path / "my-service").items()


def test_a_link_out_of_the_folder_is_rejected(existing_folder: Path) -> None:
    outside = existing_folder.parent / "outside"
    outside.mkdir()
    (outside / "main.py").write_text("outside\n")
    shutil.rmtree(existing_folder / "app")
    (existing_folder / "app").symlink_to(outside)
    before = contents(existing_folder.parent)
    output = rejected(existing_folder.parent, "--overwrite-if-exists")
    assert f"{existing_folder / 'app'} is a symbolic link to {outside}" in output
    assert contents(existing_folder.parent) == before


def test_a_folder_at_the_path_of_a_file_is_rejected_and_vice_versa(existing_folder: Path) -> None:
    (existing_folder / "Makefile").mkdir()
    (existing_folder / "app" / "settings.py").mkdir()
    shutil.rmtree(existing_folder / "tests")
    (existing_folder / "tests").write_text("mine\n")
    before = contents(existing_folder.parent)
    output = rejected(existing_folder.parent, "--overwrite-if-exists")
    assert f"{existing_folder / 'Makefile'} is a folder where the service has a file" in output
    assert (
        f"{existing_folder / 'app' / 'settings.py'} is a folder where the service has a file"
        in output
    )
    assert f"{existing_folder / 'tests'} is a file where the service has a folder" in output
    assert contents(existing_folder.parent) == before


def test_a_subfolder_may_have_the_name_of_a_top_level_entry(existing_folder: Path) -> None:
    for name in ("tests/app", "app/tests", "tests/Makefile"):
        (existing_folder / name).mkdir()
        (existing_folder / name / "mine.txt").write_text("mine\n")
    render(existing_folder.parent, "setup=files", "--overwrite-if-exists")
    assert (existing_folder / "tests" / "app" / "mine.txt").read_text() == "mine\n"


@pytest.mark.parametrize("target", ["mine.py", "loop.py", "nothing", "../notes.txt"])
def test_any_link_is_rejected(existing_folder: Path, target: str) -> None:
    (existing_folder / "app" / "loop.py").symlink_to(target)
    before = contents(existing_folder)
    output = rejected(existing_folder.parent, "--overwrite-if-exists")
    assert (
        f"{existing_folder / 'app' / 'loop.py'} is a symbolic link to {target}: rendering might"
        in output
    )
    assert contents(existing_folder) == before


def test_the_cruft_record_of_another_render_is_removed(
    existing_folder: Path, template: Template
) -> None:
    (existing_folder / ".cruft.json").write_text("{}\n")
    shutil.rmtree(template.path / ".git")
    output = render(
        existing_folder.parent, "setup=files", "--overwrite-if-exists", template=template.path
    )
    assert "No .cruft.json" in output
    assert not (existing_folder / ".cruft.json").exists()
    assert (existing_folder / ".cruft.json.orig").read_text() == "{}\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write all files")
def test_an_unwritable_file_is_rejected_before_any_write(existing_folder: Path) -> None:
    (existing_folder / "README.md").chmod(0o400)
    before = contents(existing_folder.parent)
    output = rejected(existing_folder.parent, "--overwrite-if-exists")
    assert f"{existing_folder / 'README.md'} is not readable and writable" in output
    assert contents(existing_folder.parent) == before


def test_only_the_new_folder_is_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    out = tmp_path / "some where" / "else"
    render(out, "setup=files", HOME=str(home), TMPDIR=str(home))
    (new,) = out.iterdir()
    assert [path for path in out.parent.iterdir() if path != out] == []
    assert new.name == "my-service"
    # cookiecutter leaves copies of the hooks in the temporary folder.
    assert all(re.fullmatch(r"tmp\w+\.py", name) for name in contents(home))


def test_no_folder_of_the_template_has_a_conditional_name() -> None:
    """If it renders empty, cookiecutter writes into the root: cookiecutter#1518."""
    assert [path for path in TEMPLATE.rglob("*") if path.is_dir() and "{" in path.name] == []


@each_render
def test_the_hook_lists_every_path_that_rendering_writes_to(
    rendered: Bake, answers: dict[str, str]
) -> None:
    folders, files = (constant("pre_gen_project.py", name) for name in ("FOLDERS", "FILES"))
    for path in rendered(**answers).path.iterdir():
        assert path.name in (folders if path.is_dir() else files)


def assert_nothing_lost(existing_folder: Path, output: str) -> None:
    """Asserts what holds after an interrupted render over `mine`."""
    assert "Next:" not in output
    now = contents(existing_folder)
    for name in NAMES:
        assert f"mine: {name}\n".encode() in (now[name], now.get(f"{BEFORE}/{name}"))
    assert (existing_folder.parent / "beside.txt").read_text() == "mine too"
    assert "was interrupted" in rejected(existing_folder.parent, "--overwrite-if-exists")
    assert contents(existing_folder) == now


def test_an_interrupted_render_loses_nothing(existing_folder: Path) -> None:
    os.mkfifo(existing_folder / "pyproject.toml")  # opening it for writing waits for a reader
    options = ("setup=files", "--overwrite-if-exists", "--output-dir", str(existing_folder.parent))
    with start_render(*options) as process:
        while (existing_folder / "README.md").read_text() == "mine: README.md\n":
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate()[0]
    assert process.returncode == 1, output
    (existing_folder / "pyproject.toml").unlink()
    assert_nothing_lost(existing_folder, output)


# Limits the size of files: enough for the first hook, not for the README.
FULL_DISK = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
sys.argv = ["cookiecutter", *sys.argv[1:]]
runpy.run_module("cookiecutter", run_name="__main__")
"""


def render_on_a_full_disk(folder: Path, *options: str) -> str:
    command = (sys.executable, "-c", FULL_DISK, str(ROOT), "--no-input", "setup=files", *options)
    done = execute(*command, "--output-dir", str(folder), folder=folder)
    assert done.returncode == 1, done.stdout
    assert "File too large" in done.stdout
    return done.stdout


def test_a_full_disk_loses_nothing(existing_folder: Path) -> None:
    assert_nothing_lost(
        existing_folder, render_on_a_full_disk(existing_folder.parent, "--overwrite-if-exists")
    )


def test_a_full_disk_changes_nothing_outside_the_new_folder(existing_folder: Path) -> None:
    before = contents(existing_folder.parent)
    render_on_a_full_disk(existing_folder.parent, "project_slug=new")
    after = contents(existing_folder.parent)
    assert {name: after[name] for name in after if not name.startswith("new/")} == before


def test_a_failing_hook_loses_nothing(existing_folder: Path, template: Template) -> None:
    hook = template.path / "hooks" / "post_gen_project.py"
    hook.write_text("import sys\n\nsys.exit('it fails')\n")
    options = ("--no-input", "setup=files", "--output-dir", str(existing_folder.parent))
    done = cookiecutter(*options, "--overwrite-if-exists", template=template.path)
    assert done.returncode == 1
    assert "it fails" in done.stdout
    assert_nothing_lost(existing_folder, done.stdout)
    assert cookiecutter(*options, "project_slug=new", template=template.path).returncode == 1
    assert not (existing_folder.parent / "new").exists()


def test_an_unwritable_folder_does_not_change(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o500)
    if os.geteuid() == 0:
        folder = Path("/proc/self")  # root may write to every folder except the kernel's
    done = cookiecutter("--no-input", "setup=files", "--output-dir", str(folder))
    assert done.returncode == 1
    assert "my-service" in done.stdout
    assert not (folder / "my-service").exists()
