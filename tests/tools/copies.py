"""A copy of the service for tools to modify."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def copied(root: Path, *without: str) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", *without)
    for folder in ("app", "tests", "tools"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(service: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=service, check=False, capture_output=True, encoding="utf-8")


def contents(service: Path) -> dict[Path, str]:
    """Returns the sources, without the `.pyc` files that reading revisions leaves."""
    return {path: path.read_text(encoding="utf-8") for path in sorted(service.rglob("*.py"))}
