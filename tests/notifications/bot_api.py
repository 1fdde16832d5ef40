"""A small Bot API on the loopback, for tests: it answers as told and remembers what it was sent."""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

TOKEN = "123456:AAE-a_token_of_the_tests_35_chars_xx"


@dataclass(frozen=True)
class Sent:
    """A request that came in."""

    path: str
    payload: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.payload["text"])


class BotApi(ThreadingHTTPServer):
    """Answers `answers` in turn, then success.

    While `open` is cleared, requests after the first `held_after` wait for their answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: list[Sent] = []
        self.answers: deque[tuple[int, bytes]] = deque()
        self.open = threading.Event()
        self.open.set()
        self.held_after = 0
        self.numbers = count(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def refuse(self, code: int, description: str, **parameters: float) -> None:
        """Answer the next request with an error, in the provider's own form."""
        body = {"ok": False, "error_code": code, "description": description}
        self.answers.append((code, json.dumps({**body, "parameters": parameters}).encode()))

    def accepted(self, payload: Mapping[str, object]) -> bytes:
        result = {"message_id": next(self.numbers), "chat": {"id": payload["chat_id"]}}
        return json.dumps({"ok": True, "result": result}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: BotApi

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.sent.append(Sent(self.path, payload))
        if len(self.server.sent) > self.server.held_after:
            self.server.open.wait()
        given = self.server.answers
        status, body = given.popleft() if given else (200, self.server.accepted(payload))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client is gone

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[BotApi]:
    """A running server."""
    with BotApi() as api:
        thread = threading.Thread(target=api.serve_forever, args=(0.01,))
        thread.start()
        yield api
        api.open.set()
        api.shutdown()
        thread.join()
