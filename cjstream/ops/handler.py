"""One request and its answer."""

import io
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any, NamedTuple

from cjstream.logs import tell
from cjstream.ops.access import Access

METRICS = "/metrics"
MAX_SECONDS = 5.0  # for a request to come, however slowly; and again for its answer to go
MAX_HEAD_BYTES = 8192  # request line and headers together
PLAIN = "text/plain; charset=utf-8"
# Of every answer: it is text for programs, not to be kept, framed, guessed at or used by pages from elsewhere.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Answer(NamedTuple):
    """What a path gives."""

    status: HTTPStatus
    content_type: str
    body: bytes


Page = Callable[[str], Answer]  # takes the Accept header


class Server(TCPServer):
    """The server, as a request sees it."""

    access: Access
    paths: Mapping[str, Page]

    def complete(self, request: Any) -> None:
        """Note that all of this request has come."""


class Handler(BaseHTTPRequestHandler):
    """One request, one answer, and the end. Neither echoes nor logs what the client sent."""

    server: Server
    timeout = MAX_SECONDS
    command = requestline = ""
    request_version = default_request_version = "HTTP/1.0"  # so even refused nonsense gets a status line
    error_content_type = PLAIN
    error_message_format = "%(message)s\n"

    def handle_one_request(self) -> None:
        """Read the head, nothing else of the request, and answer."""
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
        if self.server.access.is_misled(self.headers.get("Host", "")):
            return Answer(HTTPStatus.MISDIRECTED_REQUEST, PLAIN, b"use localhost or an address, not a name\n")
        if self.command not in {"GET", "HEAD"}:
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, b"use GET or HEAD\n")
        if give is None:
            return Answer(HTTPStatus.NOT_FOUND, PLAIN, b"use /metrics, /livez or /readyz\n")
        if path == METRICS and not self.server.access.may_read(self.headers.get("Authorization", "")):
            return Answer(HTTPStatus.UNAUTHORIZED, PLAIN, b"send the token: Authorization: Bearer ...\n")
        try:
            return give(self.headers.get("Accept", ""))
        except Exception as error:
            tell("page_failed", traced=error, page=path)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, b"internal error\n")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, *_: Any) -> None:
        """Refuse what is no request, without the words that come with the code: they repeat what the client sent."""
        super().send_error(code)

    def end_headers(self) -> None:
        """Add what every answer has."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """Return what the Server header says: no version of anything."""
        return "cjstream"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the overridden method's name
        """Write nothing: it would be what the client sent."""
