"""Follows docs/tour.md: runs each command and makes each change, in order."""

import re
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.conftest import IDENTITY, ROOT, Service, Template, start_process
from tests.images import Image, build
from tests.test_ci import stand_ins
from tests.test_deployment import compose, serving, variables_of

PAGE = ROOT / "docs" / "tour.md"
# Replaced in the commands: the template's location, and the service's address, because port 8000
# may be in use.
TEMPLATE, ADDRESS = "gh:<org>/<repo>", "localhost:8000"
KINDS = {"sh", "console", "json", "python", "diff"}
SECOND_TERMINAL = "# in a second terminal"
DONE = "--- done ---"
# Without a terminal, uv repeats a Ctrl+C for its child, and uvicorn does not wait for the second.
IN_TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])"


def steps() -> Iterator[tuple[str, str, str]]:
    """Yields the language and the text of each block, and the paragraph before it."""
    paragraph = ""
    for token in MarkdownIt().parse(PAGE.read_text(encoding="utf-8")):
        if token.type == "inline":
            paragraph = token.content
        elif token.type in {"fence", "code_block"}:
            yield token.info, token.content, paragraph


def test_every_block_has_a_known_language() -> None:
    """The test would skip a block without a language."""
    assert {kind for kind, _, _ in steps()} == KINDS


@pytest.mark.slower
def test_the_tour_works_as_written(tmp_path: Path, template: Template) -> None:
    with ExitStack() as stack:
        reader = Reader(tmp_path, template, stack)
        for kind, text, paragraph in steps():
            match kind:
                case "sh":
                    reader.type_block(text)
                case "console" | "json":
                    assert matches(text, reader.output), (
                        f"{text}\ndiffers from the output:\n{reader.output}"
                    )
                case "python":
                    reader.write_file(text, paragraph)
                case "diff":
                    reader.apply_diff(text, paragraph)


def matches(text: str, output: str) -> bool:
    """Whether the output matches `text`: `...` matches the rest of a word, or alone any lines."""
    parts = [
        r"(?:.*\n)*" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", r"\S*") + "\n"
        for line in text.splitlines()
    ]
    return re.fullmatch("".join(parts), f"{output.strip()}\n") is not None


class Reader:
    """A reader with two terminals, an editor, and a stand-in for docker that logs its calls."""

    def __init__(self, folder: Path, template: Template, stack: ExitStack) -> None:
        self.service = Service(folder / "my-service", {"database": "sqlite"})
        self.template = str(template.path)
        self.output = ""
        self.image: Image | None = None
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = str(listener.getsockname()[1])
        # Like `system-certs` in pyproject.toml: a proxy may replace the index's certificate.
        self.variables = IDENTITY | stand_ins(folder / "programs") | {"UV_SYSTEM_CERTS": "1"}
        self.calls = Path(self.variables["CALLS"])
        self.images = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        self.images.chmod(0o755)  # unlike pytest's own folders, the image's user can enter it
        self.shell = stack.enter_context(
            start_process("bash", "-eo", "pipefail", folder=folder, **self.variables)
        )
        self.server = stack.enter_context(ExitStack())

    def type_block(self, block: str) -> None:
        commands = block.replace(TEMPLATE, self.template).replace(ADDRESS, f"localhost:{self.port}")
        if commands.rstrip().endswith(SECOND_TERMINAL):
            self.server.close()
            self.server.enter_context(self.serving(commands))
            return
        self.output = self.run(commands)
        calls = self.calls.read_text().splitlines()
        self.calls.write_text("")
        for call in calls:
            self.handle_docker_call(call)

    def run(self, commands: str) -> str:
        """Runs commands in the first terminal and returns the output; a failure ends the shell."""
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write(f"{{ {commands}\n}} < /dev/null; printf '\\n%s\\n' '{DONE}'\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line == f"{DONE}\n":
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"{commands}\n{''.join(lines)}")

    @contextmanager
    def serving(self, commands: str) -> Iterator[None]:
        """Runs the service in the second terminal, from ready until Ctrl+C has ended it."""
        variables = self.variables | {"PORT": self.port}
        command = (sys.executable, "-c", IN_TERMINAL, "bash", "-ec", commands)
        with start_process(*command, folder=self.service.path, **variables) as terminal:
            for _ in range(300):
                time.sleep(0.1)
                try:
                    urllib.request.urlopen(f"http://localhost:{self.port}/readyz")
                except OSError:
                    continue
                break
            yield
            output = terminal.communicate("\x03", timeout=30)[0]
        assert "Application shutdown complete" in output, output

    def handle_docker_call(self, call: str) -> None:
        """Does what an engine would: builds the image and serves as in compose.yaml."""
        match call.split()[1:3]:
            case ["build", _]:
                self.image = build(self.service.path, self.images)
            case ["compose", "up"]:
                assert self.image
                self.server.close()
                changes = {"HOST": "127.0.0.1", "PORT": self.port, "DRAIN_SECONDS": "0"}
                variables = variables_of(self.service) | changes
                self.image.run(*compose(self.service)["migrate"]["command"], **variables)
                self.server.enter_context(serving(self.image, variables))
            case ["compose", "down"]:
                self.server.close()
            case _:
                raise AssertionError(f"{call} is not performed here")

    def write_file(self, text: str, paragraph: str) -> None:
        """Appends to the file, or replaces it."""
        path = self.file(paragraph)
        if paragraph.startswith("Add"):
            text = f"{path.read_text(encoding='utf-8')}\n\n{text}"
        path.write_text(text, encoding="utf-8")

    def apply_diff(self, block: str, paragraph: str) -> None:
        """Applies a diff."""
        path = self.file(paragraph)
        text = path.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@\n", block, flags=re.MULTILINE):
            old, new = (
                "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] != excluded)
                for excluded in "+-"
            )
            assert text.count(old) == 1, f"{path} does not contain exactly once:\n{old}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def file(self, paragraph: str) -> Path:
        """Returns the last file in the paragraph; `*` matches text that differs each time."""
        *_, name = re.findall(r"`([\w/*]+\.py)`", paragraph)
        (path,) = self.service.path.glob(name)
        return path
