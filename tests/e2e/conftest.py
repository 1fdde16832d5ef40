"""A real web process and a real browser.

Playwright's synchronous API runs an event loop in the test's thread, where Django refuses the
database: rows are read and written through `in_thread` while a page is open.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import ROOT
from tests.processes import wait_for

T = TypeVar("T")
PORTS = range(20_000, 30_000)  # below those the system hands out: free again after a restart
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CUT_LINE = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "403")
"""What a browser itself reports when a test stops the server or ends the session."""
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=LocalNetworkAccessChecks",  # a page given by a route has no address
]


def in_thread(work: Callable[[], T]) -> T:
    """The result of work done in a thread of its own, with database connections of its own."""

    def closing() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(closing).result()


class WebServer:
    """The web process on a port of its own; can be stopped and started again."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.port = next(filter(_is_free, random.sample(PORTS, 100)))
        self._env = env
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "tradebot.asgi:application"],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=log,
            )
        assert wait_for(self._listens, seconds=60), self._log.read_text()[-2000:]

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        return not _is_free(self.port)


def _is_free(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def server(child_env: dict[str, str], tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(child_env, tmp_path / "web.log")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail("Expected a Chromium, found none on the path")
    if path is None:
        pytest.skip("no Chromium on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(server: WebServer, browser: Browser) -> Iterator[Page]:
    """A page that must stay without errors and ask nobody but the server."""
    page = browser.new_page(viewport={"width": 1400, "height": 900}, base_url=server.url)
    page.set_default_timeout(15_000)
    errors: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("websocket", lambda line: hosts.add(urlsplit(line.url).hostname))
    yield page
    page.close()
    assert [error for error in errors if not any(word in error for word in CUT_LINE)] == []
    assert hosts == {"127.0.0.1"}
