"""The server that a worker or a supervisor starts and stops."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from cjstream.errors import ConfigError
from cjstream.logs import tell
from cjstream.ops.access import TOKEN
from cjstream.ops.connections import POLL_SECONDS, Connections
from cjstream.ops.handler import METRICS, PLAIN, Answer, Page
from cjstream.settings import Secret

NO_PARTITION = "no partition assigned"  # why a worker is not ready that may have nothing to do

Check = Callable[[], tuple[bool, str]]


class Exposition(Protocol):
    """What is shown at /metrics."""

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return content type and body, in the format that the Accept header asks for."""


class OpsServer:
    """Metrics and health, of a worker or of several. `ready` and `alive` give (ok, reason), on the server's threads."""

    def __init__(self, metrics: Exposition, ready: Check, alive: Check, host: str, port: int) -> None:
        self._paths: dict[str, Page] = {
            METRICS: lambda accept: Answer(HTTPStatus.OK, *metrics.render(accept)),
            "/livez": lambda _: _health(alive),
            "/readyz": lambda _: _health(ready),
        }
        self._host, self._port = host, port
        self._running: tuple[Connections, threading.Thread] | None = None

    def start(self, token: Secret | None = None) -> int:
        """Bind, begin to answer, return the port: any free one for 0. With a token, /metrics is for those who send it.

        Raises ConfigError if it cannot bind.
        """
        try:
            server = Connections(self._host, self._port, self._paths, token)
        except OSError as error:
            keys = "CJSTREAM_METRICS_HOST, CJSTREAM_METRICS_PORT"
            why = f"{error.strerror}; use an address of this machine; port 0 takes any"
            raise ConfigError(keys, f"{self._host}:{self._port}", why) from None
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="ops", daemon=True)
        thread.start()
        self._running = server, thread
        if not (server.access.is_local or token):
            tell("pages_open_to_all", host=self._host, setting=TOKEN)
        return int(server.server_address[1])

    def stop(self) -> None:
        """Close the port, cut incomplete requests and wait a little for the others. May be called again."""
        if self._running is not None:
            server, thread = self._running
            self._running = None
            server.shutdown()
            thread.join()
            server.server_close()
            server.drain()


def _health(check: Check) -> Answer:
    ok, reason = check()
    if ok:
        return Answer(HTTPStatus.OK, PLAIN, b"ok\n")
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, f"{reason}\n".encode())
