"""What was there before a render is there after it, whatever happens in between."""

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
    begin_to_render,
    constant,
    contents,
    cookiecutter,
    each_render,
    execute,
    render,
)

BEFORE = ".before-rendering"
NAMES = ["README.md", "app/main.py", "app/mine.py", "tests/test_mine.py", "notes.txt"]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder where a service would go, with files of its own, some called like a service's."""
    for name in NAMES:
        path = tmp_path / "out" / "my-service" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine: {name}\n")
    (tmp_path / "out" / "beside.txt").write_text("mine too")
    return tmp_path / "out" / "my-service"


def refused(folder: Path, *arguments: str) -> str:
    """What a render that fails prints."""
    done = cookiecutter("--no-input", "--output-dir", str(folder), "setup=files", *arguments)
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_a_folder_that_is_there_already_is_not_touched(mine: Path) -> None:
    before = contents(mine.parent)
    assert "already exists" in refused(mine.parent)
    assert contents(mine.parent) == before


def test_what_is_overwritten_is_kept_beside_its_file(mine: Path) -> None:
    before = contents(mine)
    told = render(mine.parent, "setup=files", "concurrency=sync", "--overwrite-if-exists")
    assert "README.md.orig, app/main.py.orig\n" in told
    after = contents(mine)
    for name, content in before.items():
        assert after[f"{name}.orig" if name in {"README.md", "app/main.py"} else name] == content
    assert f"{BEFORE}/README.md" not in after
    assert not (mine / BEFORE).exists()
    # Once more: what is now the same as the template's is not kept again, and no copy is replaced.
    (mine / "README.md").write_text("mine again\n")
    told = render(mine.parent, "setup=files", "concurrency=sync", "--overwrite-if-exists")
    assert "in README.md.orig2\n" in told
    assert contents(mine) == after | {"README.md.orig2": b"mine again\n"}


def test_what_git_has_is_not_kept_beside_its_file(mine: Path) -> None:
    for command in ("init", "add .", "commit -m mine"):
        done = execute("git", *command.split(), folder=mine, **IDENTITY)
        assert done.returncode == 0, done.stdout
    (mine / "app" / "main.py").write_text("not committed\n")
    told = render(mine.parent, "setup=files", "--overwrite-if-exists")
    assert "in app/main.py.orig\n" in told
    assert (mine / "app" / "main.py.orig").read_text() == "not committed\n"
    assert not (mine / "README.md.orig").exists()


def test_files_that_are_to_be_skipped_stay_as_they_are(mine: Path) -> None:
    skip = ("setup=files", "concurrency=sync", "--overwrite-if-exists", "--skip-if-file-exists")
    before = contents(mine)
    assert ".orig" not in render(mine.parent, *skip)
    # A service now; its team edits a file, and deletes another.
    edited = mine / "app" / "api" / "routes" / "items.py"
    edited.write_text(edited.read_text() + "\n\nasync def export() -> None:\n    await all()\n")
    (mine / "app" / "db" / "session.py").unlink()
    before |= contents(mine)
    assert ".orig" not in render(mine.parent, *skip)
    after = contents(mine)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"app/db/session.py"}
    assert b"async" not in after["app/db/session.py"]


def test_rendering_over_a_service_can_change_its_answers(tmp_path: Path) -> None:
    render(tmp_path, "setup=files", "concurrency=async")
    render(tmp_path, "setup=files", "concurrency=sync", "--overwrite-if-exists")
    render(tmp_path / "fresh", "setup=files", "concurrency=sync")
    fresh = contents(tmp_path / "fresh" / "my-service")
    assert fresh.items() <= contents(tmp_path / "my-service").items()


def test_a_link_that_leads_out_of_the_folder_is_not_written_through(mine: Path) -> None:
    outside = mine.parent / "outside"
    outside.mkdir()
    (outside / "main.py").write_text("outside\n")
    shutil.rmtree(mine / "app")
    (mine / "app").symlink_to(outside)
    before = contents(mine.parent)
    told = refused(mine.parent, "--overwrite-if-exists")
    assert f"{mine / 'app'} is a link to {outside}" in told
    assert contents(mine.parent) == before


def test_what_is_in_the_place_of_a_file_or_a_folder_is_not_rendered_around(mine: Path) -> None:
    (mine / "Makefile").mkdir()
    (mine / "app" / "settings.py").mkdir()
    shutil.rmtree(mine / "tests")
    (mine / "tests").write_text("mine\n")
    before = contents(mine.parent)
    told = refused(mine.parent, "--overwrite-if-exists")
    assert f"{mine / 'Makefile'} is in the place of a file" in told
    assert f"{mine / 'app' / 'settings.py'} is in the place of a file" in told
    assert f"{mine / 'tests'} is in the place of a folder" in told
    assert contents(mine.parent) == before


def test_a_folder_may_be_called_as_one_at_the_top(mine: Path) -> None:
    for name in ("tests/app", "app/tests", "tests/Makefile"):
        (mine / name).mkdir()
        (mine / name / "mine.txt").write_text("mine\n")
    render(mine.parent, "setup=files", "--overwrite-if-exists")
    assert (mine / "tests" / "app" / "mine.txt").read_text() == "mine\n"


@pytest.mark.parametrize("target", ["mine.py", "loop.py", "nothing", "../notes.txt"])
def test_a_link_is_not_written_through_wherever_it_leads(mine: Path, target: str) -> None:
    (mine / "app" / "loop.py").symlink_to(target)
    before = contents(mine)
    told = refused(mine.parent, "--overwrite-if-exists")
    assert f"{mine / 'app' / 'loop.py'} is a link to {target}: rendering might" in told
    assert contents(mine) == before


def test_a_record_of_another_render_does_not_stay(mine: Path, template: Template) -> None:
    (mine / ".cruft.json").write_text("{}\n")
    shutil.rmtree(template.path / ".git")
    told = render(mine.parent, "setup=files", "--overwrite-if-exists", template=template.path)
    assert "No .cruft.json" in told
    assert not (mine / ".cruft.json").exists()
    assert (mine / ".cruft.json.orig").read_text() == "{}\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write all files")
def test_a_file_that_cannot_be_written_is_told_before_any_is_written(mine: Path) -> None:
    (mine / "README.md").chmod(0o400)
    before = contents(mine.parent)
    told = refused(mine.parent, "--overwrite-if-exists")
    assert f"{mine / 'README.md'} cannot be read and written" in told
    assert contents(mine.parent) == before


def test_nothing_is_written_but_the_new_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    out = tmp_path / "some where" / "else"
    render(out, "setup=files", HOME=str(home), TMPDIR=str(home))
    (new,) = out.iterdir()
    assert [path for path in out.parent.iterdir() if path != out] == []
    assert new.name == "my-service"
    # cookiecutter leaves its copies of the hooks where temporary files go.
    assert all(re.fullmatch(r"tmp\w+\.py", name) for name in contents(home))


def test_no_folder_of_the_template_has_a_condition_as_its_name() -> None:
    """Where it renders empty, cookiecutter writes into the root: cookiecutter#1518."""
    assert [path for path in TEMPLATE.rglob("*") if path.is_dir() and "{" in path.name] == []


@each_render
def test_the_hook_knows_all_that_rendering_may_write_to(
    rendered: Bake, answers: dict[str, str]
) -> None:
    folders, files = (constant("pre_gen_project.py", name) for name in ("FOLDERS", "FILES"))
    for path in rendered(**answers).path.iterdir():
        assert path.name in (folders if path.is_dir() else files)


def stopped(mine: Path, told: str) -> None:
    """What holds after a render over `mine` was stopped in its middle, by whatever it was."""
    assert "Next:" not in told
    now = contents(mine)
    for name in NAMES:
        assert f"mine: {name}\n".encode() in (now[name], now.get(f"{BEFORE}/{name}"))
    assert (mine.parent / "beside.txt").read_text() == "mine too"
    assert "was stopped in its middle" in refused(mine.parent, "--overwrite-if-exists")
    assert contents(mine) == now


def test_a_render_that_is_interrupted_loses_nothing(mine: Path) -> None:
    os.mkfifo(mine / "pyproject.toml")  # whoever opens it to write waits for a reader
    options = ("setup=files", "--overwrite-if-exists", "--output-dir", str(mine.parent))
    with begin_to_render(*options) as process:
        while (mine / "README.md").read_text() == "mine: README.md\n":
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        told = process.communicate()[0]
    assert process.returncode == 1, told
    (mine / "pyproject.toml").unlink()
    stopped(mine, told)


# No file may grow beyond this many bytes: room for the first hook, not for the README.
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


def test_a_full_disk_loses_nothing(mine: Path) -> None:
    stopped(mine, render_on_a_full_disk(mine.parent, "--overwrite-if-exists"))


def test_a_full_disk_touches_nothing_beside_a_new_folder(mine: Path) -> None:
    before = contents(mine.parent)
    render_on_a_full_disk(mine.parent, "project_slug=new")
    after = contents(mine.parent)
    assert {name: after[name] for name in after if not name.startswith("new/")} == before


def test_a_hook_that_fails_loses_nothing(mine: Path, template: Template) -> None:
    hook = template.path / "hooks" / "post_gen_project.py"
    hook.write_text("import sys\n\nsys.exit('it fails')\n")
    options = ("--no-input", "setup=files", "--output-dir", str(mine.parent))
    done = cookiecutter(*options, "--overwrite-if-exists", template=template.path)
    assert done.returncode == 1
    assert "it fails" in done.stdout
    stopped(mine, done.stdout)
    assert cookiecutter(*options, "project_slug=new", template=template.path).returncode == 1
    assert not (mine.parent / "new").exists()


def test_a_folder_that_cannot_be_written_to_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o500)
    if os.geteuid() == 0:
        folder = Path("/proc/self")  # root may write to all folders but those of the kernel
    done = cookiecutter("--no-input", "setup=files", "--output-dir", str(folder))
    assert done.returncode == 1
    assert "my-service" in done.stdout
    assert not (folder / "my-service").exists()
