"""Headless Chromium over its DevTools protocol: `with open_tab(folder) as tab`."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOST = "api.example.com"
OPTIONS = (
    "--headless",
    "--no-sandbox",  # the sandbox fails for root and in most containers
    "--no-startup-window",
    "--window-size=1280,1024",
    # Only this machine is reachable, under a name, because browsers relax rules for localhost.
    f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND",
    "--remote-debugging-port=0",
)
TIMEOUT = 30
SCALE = 1.5  # pixels of a screenshot for each of the page


class Tab:
    """A tab, and the events that the browser reports for it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._commands = 0
        self._events: list[tuple[str, dict[str, Any]]] = []
        for domain in ("Log", "Network", "Runtime"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: object) -> dict[str, Any]:
        self._commands += 1
        self._socket.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while "id" not in (message := json.loads(self._socket.recv(TIMEOUT))):
            self._events.append((message["method"], message["params"]))
        assert "result" in message, message
        result: dict[str, Any] = message["result"]
        return result

    def value(self, javascript: str) -> Any:
        """Returns the value of the expression once it is truthy."""

        def evaluate() -> Any:
            done = self.command("Runtime.evaluate", expression=javascript, returnByValue=True)
            return done["result"].get("value")

        try:
            return wait_for(evaluate)
        except TimeoutError:
            raise AssertionError(
                f"never: {javascript}\n{self.console()}\n{self.requests()}"
            ) from None

    def click(self, selector: str) -> None:
        self.value(f"(found => found && [found.click()])(document.querySelector({selector!r}))")

    def screenshot(self, width: int, last: str) -> bytes:
        """Returns a PNG of the page from its top to the end of the element `last`."""
        metrics = {"width": width, "height": 2000, "deviceScaleFactor": SCALE, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        bottom = self.value(f"document.querySelector({last!r})?.getBoundingClientRect().bottom")
        clip = {"x": 0, "y": 0, "width": width, "height": bottom, "scale": 1}
        taken = self.command("Page.captureScreenshot", clip=clip)
        return base64.b64decode(taken["data"])

    def console(self) -> list[dict[str, Any]]:
        """Returns messages and errors, including the browser's own, such as policy violations."""
        kinds = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        return [event for kind, event in self._events if kind in kinds]

    def requests(self) -> list[str]:
        sent = (event for kind, event in self._events if kind == "Network.requestWillBeSent")
        return [event["request"]["url"] for event in sent]


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + TIMEOUT
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)
    return found


def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.fail(
            f"Install Chromium or Chrome: none of {', '.join(NAMES)} is on the PATH.", False
        )
    return found


@contextmanager
def open_tab(folder: Path) -> Iterator[Tab]:
    """Opens an empty tab of a browser with its profile in `folder`."""
    command = [chromium(), *OPTIONS, f"--user-data-dir={folder}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as browser:
        try:
            file = folder / "DevToolsActivePort"
            port, _ = wait_for(lambda: file.exists() and file.read_text().splitlines())
            request = Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
            with urlopen(request) as response:  # noqa: S310 - our own
                tab = json.load(response)
            with connect(tab["webSocketDebuggerUrl"], max_size=None) as socket:
                yield Tab(socket)
        finally:
            browser.terminate()
