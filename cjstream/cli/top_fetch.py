"""Asks all addresses of `cjstream top` at once, each within a deadline."""

import asyncio
import http.client
import os
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from cjstream.cli.top_history import Answer
from cjstream.cli.top_series import by_worker, plain
from cjstream.metrics import read_samples
from cjstream.ops import METRICS

ANSWER_SECONDS = 3.0  # a worker answers within one, also while it restores
POLL_SECONDS = 0.02
MAX_BYTES = 32 << 20  # a page of 256 workers has a tenth of it
MAX_REASON = 200
READY_PAGE = "/readyz"
REFUSALS: Mapping[int, str] = {
    http.client.UNAUTHORIZED: "it asks for a token, or for another one: see --token-file",
    http.client.FORBIDDEN: "it does not let us in",
    http.client.MISDIRECTED_REQUEST: "it is to be asked by localhost or its address, not by a name",
}


async def ask_all(addresses: Sequence[str], headers: Mapping[str, str]) -> list[Answer]:
    """Return what came of each address, in order. Waits ANSWER_SECONDS at most; a request under way is cut then."""
    questions = [_Question(address, headers) for address in addresses]
    deadline = monotonic() + ANSWER_SECONDS
    for question in questions:
        question.start()
    try:
        # no event: a thread that is late would set it on a loop that is gone
        while any(question.is_alive() for question in questions) and monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
    finally:
        answers = [question.end() for question in questions]
    return answers


class _Question(threading.Thread):
    """A request for metrics, and one for the reason of not being ready."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        super().__init__(name="top-ask", daemon=True)
        self._url, self._headers = urlsplit(address), headers
        self._page = f"{self._url.path}?{self._url.query}" if self._url.query else self._url.path
        self._socket: socket.socket | None = None
        self._answer = Answer(address, {}, fault=f"no answer within {ANSWER_SECONDS:g} s")

    def end(self) -> Answer:
        """Return the answer; what is still under way is cut."""
        answer = self._answer  # as it is now: the cut gives the thread another one
        if self.is_alive() and self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        return answer

    def run(self) -> None:
        """Ask."""
        self._answer = self._asked()

    def _asked(self) -> Answer:
        address = self._url.geturl()
        try:
            status, text = self._get(self._page, {**self._headers, "Accept": "text/plain; version=0.0.4"})
            if status != http.client.OK:
                return Answer(address, {}, fault=REFUSALS.get(status, f"it answers {status}"))
            seen = by_worker(read_samples(text), monotonic())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(address, {}, fault=_fault(error))
        return Answer(address, seen, ready=self._ready())

    def _ready(self) -> str:
        if not self._url.path.endswith(METRICS):
            return ""
        try:
            status, text = self._get(self._url.path.removesuffix(METRICS) + READY_PAGE, {})
        except (OSError, http.client.HTTPException, ValueError):
            return ""
        return plain(text.strip())[:MAX_REASON] if status == http.client.SERVICE_UNAVAILABLE else ""

    def _get(self, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        connection = _connection(self._url)
        try:
            connection.connect()
            self._socket = connection.sock  # the connection itself forgets it as soon as it has the head of the answer
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read(MAX_BYTES + 1)
            if len(body) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES >> 20} MiB")
            if answer.length:
                raise http.client.IncompleteRead(body)
            return answer.status, body.decode()
        finally:
            connection.close()


def _connection(url: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return kind(url.hostname or "", url.port, timeout=ANSWER_SECONDS)


def _fault(error: Exception) -> str:
    """Return what went wrong, in words for people and without what the other side has sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE names the authorities"
    if isinstance(error, ssl.SSLError):
        return "no TLS there: try http://"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWER_SECONDS:g} s"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    if isinstance(error, ConnectionError | http.client.HTTPException):
        return "the answer breaks off, or is no HTTP"
    return "what it answers is no text of metrics"
