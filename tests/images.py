"""Executes a Dockerfile in folders, without an engine: `image = build(service.path, folder)`.

It really copies files and runs commands. Unlike with an engine, a stage starts with this machine's
programs instead of an image's, and its `/` is a folder. Every stage is built in the same folder,
because installed programs contain their own paths.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import environment

# An engine's default PATH; it contains none of the tests' programs.
PATH = "/usr/local/bin:/usr/bin:/bin"
# Where a path of the image starts: not inside a name or a URL.
ABSOLUTE = re.compile(r"(?<![\w.~])(?<!:/)/(?=\w)")


@dataclass
class Image:
    """A stage, finished or in progress."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    exposed: list[str] = field(default_factory=list)
    folder: str = "/"
    user: str = "0"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """Returns the location of an image's path on this machine."""
        return self.root / os.path.normpath(f"{self.folder}/{name}" if name[0] != "/" else name)[1:]

    def localized(self, text: str) -> str:
        """Replaces the image's absolute paths with those on this machine."""
        return ABSOLUTE.sub(f"{self.root}/", text)

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Runs a command as the image's user, with only the image's variables and these."""
        return subprocess.Popen(
            command,
            cwd=self.path("."),
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **identity(self.user),
        )

    def execute(self, *command: str, **variables: str) -> tuple[int, str]:
        """Returns the exit status of the command and its output."""
        with self.start(*command, **variables) as process:
            try:
                output = process.communicate(timeout=60)[0]
            finally:
                process.kill()
        return process.returncode, output

    def run(self, *command: str, **variables: str) -> None:
        """Runs a command; fails the test and shows the output if it fails."""
        status, output = self.execute(*command, **variables)
        assert status == 0, f"{shlex.join(command)}\n{output}"


def identity(user: str) -> dict[str, Any]:
    """Returns the command prefix that switches to the image's user, if this user is root."""
    if os.geteuid() != 0:
        return {}
    uid, _, gid = user.partition(":")
    return {"user": int(uid), "group": int(gid or uid), "extra_groups": ()}


def instructions(dockerfile: str) -> Iterator[tuple[str, list[str], str]]:
    """Yields each instruction's name, flags and arguments: `COPY`, `["--from=build"]`, `/a /b`."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        name, _, rest = line.strip().partition(" ")
        flags = []
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            flags.append(flag)
            rest = rest.lstrip()
        if name:
            yield name, flags, rest


def words(text: str, variables: dict[str, str]) -> list[str]:
    """https://docs.docker.com/reference/dockerfile/#environment-replacement"""

    def value(reference: re.Match[str]) -> str:
        return reference[0] if reference[1] else variables.get(reference[2], "")

    expanded = re.sub(r"(\\.)|\$\{?(\w+)\}?", value, text)
    return [word.replace("\\$", "$") for word in shlex.split(expanded)]


def build(context: Path, folder: Path, **arguments: str) -> Image:
    """Builds the last stage of the context's Dockerfile in the folder."""
    return Build(context, folder, arguments).last_stage()


@dataclass
class Build:
    """The stages built so far."""

    context: Path
    folder: Path
    arguments: dict[str, str]
    stages: dict[str, Image] = field(default_factory=dict)

    def last_stage(self) -> Image:
        image = Image(self.folder)
        dockerfile = (self.context / "Dockerfile").read_text(encoding="utf-8")
        for name, flags, rest in instructions(dockerfile):
            if name == "FROM":
                image = self.stage(*rest.split(" AS "))
            else:
                self.perform(image, name, flags, rest)
        return image

    def stage(self, base: str, name: str = "") -> Image:
        root = self.folder / "root"
        for earlier in self.stages.values():
            if earlier.root == root:
                earlier.root = root.rename(self.folder / f"stage-{len(self.stages)}")
        image = deepcopy(self.stages.get(base, Image(root)))
        if image.root != root:
            shutil.copytree(image.root, root, symlinks=True)
        image.root = self.stages.setdefault(name, image).root = root
        root.mkdir(exist_ok=True)
        return image

    def perform(self, image: Image, name: str, flags: list[str], rest: str) -> None:
        variables = image.environment | image.arguments
        match name:
            case "ENV":
                image.environment |= pairs(image.localized(rest), variables)
            case "LABEL":
                image.labels |= pairs(rest, variables)
            case "ARG":
                values = {word: self.arguments.get(word, "") for word in rest.split()}
                image.arguments |= values
            case "WORKDIR":
                image.folder = rest
                image.path(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                options = dict(flag.removeprefix("--").split("=") for flag in flags)
                self.copy(image, options, *rest.split())
            case "RUN":
                run_in(image, rest)
            case "USER":
                image.user = rest
            case "VOLUME":
                image.volumes.append(rest)
            case "EXPOSE":
                image.exposed.append(rest)
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.health = json.loads(rest.removeprefix("CMD "))
            case _:
                raise AssertionError(f"{name} is not performed here")

    def copy(self, image: Image, options: dict[str, str], *names: str) -> None:
        *sources, target = names
        for source in sources:
            source_path, files = self.source_files(source, options.get("from"))
            to = image.path(target)
            if source_path.is_dir():
                to.mkdir(parents=True, exist_ok=True)
            elif target.endswith("/"):
                to /= source_path.name
            for file in files:
                copied = to / file.relative_to(source_path)
                copied.parent.mkdir(parents=True, exist_ok=True)
                if options.get("from") in self.stages and not file.is_symlink():
                    os.link(file, copied)  # a finished stage does not change
                else:
                    shutil.copy2(file, copied, follow_symlinks=False)
            if owner := identity(options.get("chown", "0")):
                os.chown(to, owner["user"], owner["group"])

    def source_files(self, source: str, origin: str | None) -> tuple[Path, list[Path]]:
        """Returns the source of a COPY and its files."""
        if origin in self.stages:
            source_path = self.stages[origin].path(source)
            return source_path, [path for path in source_path.rglob("*") if not path.is_dir()]
        if origin:
            program = shutil.which(Path(source).name, path=environment()["PATH"])
            assert program, f"{source} of {origin} is not installed"
            return Path(program), [Path(program)]
        source_path = self.context / source
        files = [path for path in context_files(self.context) if path.is_relative_to(source_path)]
        assert files, f"{source} does not exist, or .dockerignore excludes it"
        return source_path, files


def pairs(text: str, variables: dict[str, str]) -> dict[str, str]:
    parts = (word.partition("=") for word in words(text, variables))
    return {name: value for name, _, value in parts}


def run_in(image: Image, command: str) -> None:
    variables = environment(UV_PYTHON=python()) | image.environment
    variables["PATH"] = os.pathsep.join(
        [str(image.path("/usr/local/bin")), image.environment["PATH"]]
    )
    done = subprocess.run(
        ["sh", "-e", "-c", image.localized(command)],
        cwd=image.path("."),
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}"


def python() -> str:
    """An interpreter that other users can run: root's own may be in a private home."""
    folders = [Path(sys.base_prefix, "bin"), *map(Path, PATH.split(":"))]
    probe = "import sys; sys.exit(sys.version_info < (3, 11))"
    for path in filter(None, (shutil.which("python3", path=folder) for folder in folders)):
        try:
            subprocess.run([path, "-c", probe], check=True, **identity("10001"))
        except (PermissionError, subprocess.CalledProcessError):
            continue
        return path
    raise AssertionError("no Python of this machine can be run by another user than root")


def context_files(context: Path) -> Iterator[Path]:
    """https://docs.docker.com/build/concepts/context/#dockerignore-files"""
    rules = [
        (line.startswith("!"), pattern(line.lstrip("!").strip("/")))
        for line in (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    for path in sorted(context.rglob("*")):
        name = path.relative_to(context).as_posix()
        with_parents = [name, *(folder.as_posix() for folder in Path(name).parents)]
        matched = [
            included for included, rule in rules if any(map(rule.fullmatch, with_parents[:-1]))
        ]
        if path.is_file() and [True, *matched][-1]:
            yield path


def pattern(rule: str) -> re.Pattern[str]:
    escaped = re.escape(rule).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    return re.compile(escaped)
