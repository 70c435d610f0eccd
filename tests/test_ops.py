"""OpsServer: metrics and health, answered whatever clients, the event loop or the checks do."""

import asyncio
import http.client
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from cjstream.errors import ConfigError
from cjstream.metrics import Metrics
from cjstream.ops import OpsServer, connections
from cjstream.ops.connections import MAX_CONNECTIONS
from cjstream.ops.handler import MAX_HEAD_BYTES


@dataclass
class Worker:
    """A worker as OpsServer sees it; tests change what its checks give."""

    metrics: Metrics = field(default_factory=Metrics)
    ready: Callable[[], tuple[bool, str]] = lambda: (True, "")
    alive: Callable[[], tuple[bool, str]] = lambda: (True, "")

    def server(self, host: str = "127.0.0.1", port: int = 0) -> OpsServer:
        return OpsServer(self.metrics, self._ready, self._alive, host, port)

    def _ready(self) -> tuple[bool, str]:
        return self.ready()

    def _alive(self) -> tuple[bool, str]:
        return self.alive()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def port(worker: Worker) -> Iterator[int]:
    server = worker.server()
    yield server.start()
    server.stop()


def ask(
    port: int, path: str, method: str = "GET", accept: str = "*/*", host: str = "127.0.0.1"
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request(method, path, headers={"Accept": accept})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def send_raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
        return answer


def test_port_0_takes_any_free_port_and_loopback_only(worker: Worker) -> None:
    first, second = worker.server(), worker.server()
    try:
        ports = first.start(), second.start()
        assert len({*ports} - {0}) == 2
        assert ask(ports[0], "/livez")[0].status == ask(ports[1], "/livez")[0].status == 200
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", ports[0]), timeout=5):
            pass
    finally:
        first.stop()
        second.stop()


def test_another_address_may_be_asked_for(worker: Worker) -> None:
    server = worker.server(host="0.0.0.0")
    try:
        assert ask(server.start(), "/livez", host="127.0.0.2")[0].status == 200
    finally:
        server.stop()


def test_a_port_in_use_is_a_config_error_that_names_it(worker: Worker, port: int) -> None:
    with pytest.raises(ConfigError, match=rf"CJSTREAM_METRICS_PORT='127\.0\.0\.1:{port}'.*port 0"):
        worker.server(port=port).start()


def test_a_host_that_is_not_there_is_a_config_error(worker: Worker) -> None:
    with pytest.raises(ConfigError, match=r"CJSTREAM_METRICS_HOST.*'192\.0\.2\.1:0'"):
        worker.server(host="192.0.2.1").start()


def test_metrics_come_in_plain_text(worker: Worker, port: int) -> None:
    worker.metrics.set("cjstream_ready", 1)
    response, body = ask(port, "/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"\ncjstream_ready 1.0\n" in body


def test_metrics_come_as_openmetrics_to_who_asks(port: int) -> None:
    response, body = ask(port, "/metrics?collect=all", accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_that_is_good_is_ok(port: int, path: str) -> None:
    response, body = ask(port, path)
    assert (response.status, body) == (200, b"ok\n")


def test_health_that_is_bad_is_503_with_the_reason(worker: Worker, port: int) -> None:
    worker.ready = lambda: (False, "restoring: 1200 records to go")
    response, body = ask(port, "/readyz")
    assert (response.status, body) == (503, b"restoring: 1200 records to go\n")
    assert ask(port, "/livez")[0].status == 200
    worker.alive = lambda: (False, "no progress for 61 s")
    assert ask(port, "/livez")[1] == b"no progress for 61 s\n"


def test_a_check_that_raises_is_500_and_tells_the_client_nothing(worker: Worker, port: int) -> None:
    def broken() -> tuple[bool, str]:
        raise RuntimeError("secret")

    worker.ready = broken
    response, body = ask(port, "/readyz")
    assert (response.status, body) == (500, b"internal error\n")
    assert ask(port, "/metrics")[0].status == 200


@pytest.mark.parametrize("path", ["/", "/metrics/", "/table", "/readyz/../metrics", "/%6divez", "/METRICS"])
def test_any_other_path_is_404(port: int, path: str) -> None:
    assert ask(port, path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_any_other_method_is_405_and_names_what_is_allowed(port: int, method: str) -> None:
    response, _ = ask(port, "/metrics", method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"


def test_head_is_get_without_a_body(port: int) -> None:
    response, body = ask(port, "/livez", "HEAD")
    assert (response.status, response.headers["Content-Length"], body) == (200, "3", b"")


def test_every_answer_says_little_about_the_server_and_is_of_no_use_to_pages_from_elsewhere(port: int) -> None:
    long_line = send_raw(port, b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n")
    heads = [long_line, *(send_raw(port, f"GET {path} HTTP/1.1\r\n\r\n".encode()) for path in ("/livez", "/nonsense"))]
    for head in heads:
        headers = http.client.parse_headers(io.BytesIO(head.partition(b"\r\n")[2]))
        assert headers["Server"] == "cjstream"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name in headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6) + b"\r\n", b"431"),
        (b"<script> nonsense here today HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET /livez HTTP/9.9\r\n\r\n", b"505"),
        (b"POST /livez\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"GET /livez HTTP/1.1\r\n" + b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n", b"431"),
    ],
    ids=["long line", "many headers", "nonsense", "TLS", "version", "old POST", "word", "HTTP/2", "long header"],
)
def test_a_request_that_is_none_is_refused_without_an_echo(port: int, request_bytes: bytes, status: bytes) -> None:
    answer = send_raw(port, request_bytes)
    assert answer.startswith(b"HTTP/1.0 " + status)
    assert b"script" not in answer
    assert b"Python" not in answer
    assert ask(port, "/livez")[0].status == 200


def test_a_client_of_1991_gets_the_body_alone(port: int) -> None:
    assert send_raw(port, b"GET /livez HTTP/0.9\r\n\r\n") == b"ok\n"


def test_nothing_is_written_to_the_console(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    ask(port, "/livez")
    send_raw(port, b"nonsense\r\n\r\n")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("said", [b"", b"GET /metr"])
def test_200_clients_that_send_nothing_or_half_of_it_hold_up_nobody_for_long(port: int, said: bytes) -> None:
    idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(200)]
    try:
        for connection in idle:
            with suppress(ConnectionError):  # it may be cut already
                connection.sendall(said)
        started = time.monotonic()
        for _ in range(5):
            assert ask(port, "/livez")[0].status == 200
        assert time.monotonic() - started < 6  # 2 s when nothing else runs
        assert sum(thread.name == "ops-request" for thread in threading.enumerate()) <= MAX_CONNECTIONS
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_body_of_10_mb_is_not_read(port: int, method: str) -> None:
    head = f"{method} /livez HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head)
        answer = connection.recv(4096)
        sent = 0
        with suppress(ConnectionError):
            while sent < 10_000_000:
                sent += connection.send(bytes(65536))
    assert answer.startswith(b"HTTP/1.0 405" if method == "POST" else b"HTTP/1.0 200")
    assert sent < 10_000_000
    assert ask(port, "/livez")[0].status == 200


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        started = time.monotonic()
        with pytest.raises(ConnectionError):
            drip(connection, seconds=5)
        assert time.monotonic() - started < 2


def drip(connection: socket.socket, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection.sendall(b"G")
        time.sleep(0.05)


def test_many_honest_clients_at_once_are_all_answered(port: int) -> None:
    with ThreadPoolExecutor(4 * MAX_CONNECTIONS) as pool:
        answers = list(pool.map(lambda _: ask(port, "/metrics")[0].status, range(8 * MAX_CONNECTIONS)))
    assert {*answers} == {200}


def test_answers_come_while_the_event_loop_is_busy(port: int) -> None:
    async def busy(until: threading.Event) -> None:
        deadline = time.monotonic() + 5
        while not until.is_set() and time.monotonic() < deadline:
            sum(range(1000))
        assert until.is_set()

    answered = threading.Event()

    def client() -> int:
        status = ask(port, "/livez")[0].status
        answered.set()
        return status

    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(client)
        asyncio.run(busy(answered))
    assert status.result() == 200


def test_a_container_asks_for_its_health_without_curl(worker: Worker, port: int) -> None:
    def asked(port: int, *page: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "cjstream.ops", *page]
        environment = os.environ | {"CJSTREAM_METRICS_PORT": str(port), "CJSTREAM_METRICS_HOST": "0.0.0.0"}
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout

    worker.ready = lambda: (False, "starting")
    assert asked(port) == asked(port, "livez") == (0, "ok\n")
    assert asked(port, "readyz") == (1, "starting\n")
    code, said = asked(1)
    assert code == 1
    assert "no answer at 127.0.0.1:1" in said


def test_stop_closes_the_port_and_leaves_no_thread_and_may_be_repeated(worker: Worker) -> None:
    server = worker.server()
    server.stop()
    port = server.start()
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        ask(port, "/livez")
        started = time.monotonic()
        server.stop()
        server.stop()
        assert time.monotonic() - started < 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ops")]
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/livez")


def test_stop_waits_for_an_answer_that_is_on_its_way_but_not_for_ever(worker: Worker) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow() -> tuple[bool, str]:
        entered.set()
        release.wait(5)
        return True, ""

    worker.alive = slow
    server = worker.server()
    port = server.start()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, port, "/livez")
        assert entered.wait(5)
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 2
        release.set()
        assert answer.result()[0].status == 200
