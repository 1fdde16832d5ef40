"""Answering on TCP: one thread for each connection, one line in, one line out."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from time import sleep
from typing import Any, Final

import structlog

from trading.brokers.venue.exchange import Exchange, Reply, code_of, refusal
from trading.brokers.venue.operations import reply_to, subscriber_of
from trading.brokers.venue.wire import ACK, line_of, message_of
from trading.engine.types import EngineError

LONGEST_LINE: Final = 65_536
STEP_SECONDS: Final = 0.01
KEEP_ALIVE: Final = 1.0
"""Seconds of silence after which a subscriber gets an empty message: so its end is noticed."""
log = structlog.get_logger(__name__)


class VenueServer(ThreadingTCPServer):
    """Serves an exchange until `stopping` is true."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, port: int, exchange: Exchange) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.exchange = exchange
        self.stopping = False
        """Set by a signal handler too: it takes no lock."""

    def run(self) -> None:
        """Serve and keep the market going."""
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        while not self.stopping:
            sleep(STEP_SECONDS)
            with self.exchange.lock:
                self.exchange.advance()
        self.shutdown()
        self.server_close()


class _Connection(StreamRequestHandler):
    server: VenueServer
    timeout = 60.0  # of every read and write: a stopped asker holds no thread for longer

    def handle(self) -> None:
        with suppress(OSError):  # the asker is gone; the ledger says whether it had its answer
            line = self.rfile.readline(LONGEST_LINE)
            if line.endswith(b"\n"):
                self._answer(line)

    def _answer(self, line: bytes) -> None:
        try:
            message = message_of(line)
            if message.get("op") == "subscribe":
                self._subscribe(message)
                return
            if message.get("op") == "stop":
                self.server.stopping = True
                reply = Reply({"result": None})
            else:
                reply = reply_to(self.server.exchange, message)
        except EngineError as e:
            reply = Reply(refusal(code_of(e), str(e)))
        except Exception as e:
            log.exception("request failed", line=line[:200])
            reply = Reply({"error": "ambiguous", "code": "INTERNAL", "message": repr(e)})
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        if reply.message is None:
            if reply.is_held:
                self.rfile.read(1)  # until the asker gives up
            return
        sleep(reply.delay)
        self.wfile.write(line_of(reply.message))
        if reply.received is not None and self.rfile.readline(len(ACK)) == ACK:
            with self.server.exchange.lock:
                reply.received.answered = True

    def _subscribe(self, message: dict[str, Any]) -> None:
        exchange = self.server.exchange
        subscriber = subscriber_of(exchange, message)
        try:
            while True:
                try:
                    pushed = subscriber.waiting.get(timeout=KEEP_ALIVE)
                except Empty:
                    pushed = {}
                if pushed is None:
                    return
                self.wfile.write(line_of(pushed))
        finally:
            with exchange.lock:
                exchange.subscribers.remove(subscriber)
