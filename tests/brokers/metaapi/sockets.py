"""A small HTTP server on real sockets that answers as badly as it is told."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from tests.brokers.metaapi import payloads

Behaviour = Callable[[socket.socket], None]
REGION = {"_id": "a", "region": "vint-hill", "state": "DEPLOYED"}


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer; the connection ends with it."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


DONE = http(json.dumps(payloads.done()).encode())


def sending(answer: bytes) -> Behaviour:
    """Send this and hang up."""
    return lambda connection: connection.sendall(answer)


def dripping(answer: bytes, pause: float) -> Behaviour:
    """Send a byte at a time."""

    def drip(connection: socket.socket) -> None:
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return drip


def silent(connection: socket.socket) -> None:
    """Never answer while the other side waits."""
    connection.recv(1)


class Server:
    """Answers a path that ends with "trade" or "positions" as told, and all else with REGION."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def count(self, end: str) -> int:
        """How many requests came for a path with this end."""
        return sum(1 for path in self.requests if path.endswith(end))

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                return
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(h[15:]) for h in head.lower().split(b"\r\n") if h[:15] == b"content-length:"), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        path = head.split(b" ")[1].decode()
        self.requests.append(path)
        if path.endswith(("trade", "positions")):
            self.behaviour(connection)
        else:
            connection.sendall(http(json.dumps(REGION).encode()))


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Server]:
    """A server for the time of a test."""
    server = Server(behaviour)
    thread = Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()
