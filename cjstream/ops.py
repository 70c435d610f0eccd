"""/metrics, /livez and /readyz over HTTP, in threads of their own: they answer while the loop is busy."""

import io
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any, NamedTuple, Protocol

from cjstream.errors import ConfigError

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 8  # Prometheus, the probes, a person or two
MAX_SECONDS = 5.0  # for a request to come, however slowly; and again for its answer to go
MAX_HEAD_BYTES = 8192  # request line and headers together
POLL_SECONDS = 0.1  # how late a stop or a deadline may be noticed
GRACE_SECONDS = 0.3  # an honest client's request is complete by then, also on a busy machine
HANDOVER_SECONDS = 0.5  # a thread whose connection was cut ends within this, unless a check or source hangs
PLAIN = "text/plain; charset=utf-8"
NO_PARTITION = "no partition assigned"  # why a worker is not ready that may have nothing to do

Check = Callable[[], tuple[bool, str]]


class Exposition(Protocol):
    """What is shown at /metrics."""

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return content type and body, in the format that the Accept header asks for."""


class Answer(NamedTuple):
    """What a path gives."""

    status: HTTPStatus
    content_type: str
    body: bytes


class OpsServer:
    """Metrics and health, of a worker or of several. `ready` and `alive` give (ok, reason), on the server's threads."""

    def __init__(self, metrics: Exposition, ready: Check, alive: Check, host: str, port: int) -> None:
        self._paths: dict[str, Callable[[str], Answer]] = {
            "/metrics": lambda accept: Answer(HTTPStatus.OK, *metrics.render(accept)),
            "/livez": lambda _: _health(alive),
            "/readyz": lambda _: _health(ready),
        }
        self._host, self._port = host, port
        self._running: tuple[_Server, threading.Thread] | None = None

    def start(self) -> int:
        """Bind, begin to answer, return the port: any free one for 0. ConfigError if it cannot bind."""
        try:
            server = _Server(self._host, self._port, self._paths)
        except OSError as error:
            keys = "CJSTREAM_METRICS_HOST, CJSTREAM_METRICS_PORT"
            raise ConfigError(keys, f"{self._host}:{self._port}", f"{error.strerror}; port 0 takes any") from None
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="ops", daemon=True)
        thread.start()
        self._running = server, thread
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


class _Server(TCPServer):
    """A thread per connection, at most MAX_CONNECTIONS; one more cuts the oldest that stays incomplete.

    So clients that send nothing, or a byte now and then, keep nobody else waiting.
    """

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, paths: dict[str, Callable[[str], Answer]]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.paths = paths
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()  # a socket is cut, or closed by its thread, never both at once
        self._incomplete: dict[socket.socket, float] = {}  # since when; oldest first
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        deadline = time.monotonic() + GRACE_SECONDS + HANDOVER_SECONDS
        while not self._slots.acquire(timeout=POLL_SECONDS):
            self._cut(at_most=1, before=time.monotonic() - GRACE_SECONDS)
            if time.monotonic() > deadline:
                self.shutdown_request(request)
                return
        self._incomplete[request] = time.monotonic()
        threading.Thread(target=self._serve, args=(request, client_address), name="ops-request", daemon=True).start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client went away, or was cut
        except Exception:
            log.exception("a request for metrics or health failed")
        finally:
            self.complete(request)
            self.shutdown_request(request)
            self._slots.release()

    def complete(self, request: Any) -> None:
        """Note that all of this request has come: from now on it is not cut."""
        with self._lock:
            self._incomplete.pop(request, None)

    def service_actions(self) -> None:
        self._cut(before=time.monotonic() - MAX_SECONDS)

    def _cut(self, at_most: int = MAX_CONNECTIONS, before: float = float("inf")) -> None:
        with self._lock:
            late = [request for request, since in self._incomplete.items() if since < before]
            for request in late[:at_most]:
                del self._incomplete[request]
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def drain(self) -> None:
        """Cut requests that are not complete and wait a little for the threads of the others."""
        self._cut()
        deadline = time.monotonic() + HANDOVER_SECONDS
        for _ in range(MAX_CONNECTIONS):
            self._slots.acquire(timeout=max(0.0, deadline - time.monotonic()))


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer, and the end. Neither echoes nor logs what the client sent."""

    server: _Server
    timeout = MAX_SECONDS
    command = requestline = ""
    request_version = default_request_version = "HTTP/1.0"  # so even refused nonsense gets a status line
    error_content_type = PLAIN
    error_message_format = "%(message)s\n"

    def handle_one_request(self) -> None:
        head = self._head()
        self.server.complete(self.request)
        self.rfile = io.BytesIO(head)
        self.raw_requestline = self.rfile.readline()
        if len(head) > MAX_HEAD_BYTES:
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif head and self.parse_request():
            self._send(self._answer())

    def _head(self) -> bytes:
        head = line = self.rfile.readline(MAX_HEAD_BYTES + 1)
        while line.strip() and len(head) <= MAX_HEAD_BYTES:
            line = self.rfile.readline(MAX_HEAD_BYTES + 1 - len(head))
            head += line
        return head

    def _answer(self) -> Answer:
        path = self.path.partition("?")[0]
        give = self.server.paths.get(path)
        if self.command not in {"GET", "HEAD"}:
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, b"use GET or HEAD\n")
        if give is None:
            return Answer(HTTPStatus.NOT_FOUND, PLAIN, b"use /metrics, /livez or /readyz\n")
        try:
            return give(self.headers.get("Accept", ""))
        except Exception:
            log.exception("%s failed", path)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, b"internal error\n")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, *_: Any) -> None:
        super().send_error(code)  # the rest repeats what the client sent

    def version_string(self) -> str:
        return "cjstream"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the overridden method's name
        pass
