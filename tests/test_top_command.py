"""`cjstream top` as a command: what it asks and how, how it ends, and what it does to a terminal."""

import json
import os
import pty
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner, Result

from cjstream.cli import main, top_fetch
from cjstream.metrics import Metrics
from cjstream.ops import OpsServer
from cjstream.settings import Secret
from tests.command import COMMAND
from tests.secured import Certificates
from tests.top_pages import fill, funnel, healthy, supervised

CUSTOMERS = {
    **funnel("b2b", (4, 1, 0), stages=("lead",)),
    **funnel("shop", (50, 0, 1), (12, 0, 3), (0, 8, 0), (0, 2, 0), (0, 1, 0)),
}
ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
TOKEN = "a-token-of-a-test"
HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n"
PATIENCE_SECONDS = 20.0

Serve = Callable[..., str]


class Working:
    """The metrics of a worker that takes 100 touchpoints between two looks."""

    def __init__(self, ready: float) -> None:
        self.metrics = fill(Metrics(), healthy(8) | CUSTOMERS | {"cjstream_ready": ready})

    def render(self, accept: str = "") -> tuple[str, bytes]:
        self.metrics.inc("cjstream_touchpoints_total", ("applied",), 100)
        return self.metrics.render(accept)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves pages as a worker does, and returns their address: `serve(token=None, why_not="", ready=1)`."""
    with ExitStack() as stack:

        def start(token: str | None = None, why_not: str = "", ready: float = 1) -> str:
            server = OpsServer(Working(ready), lambda: (not why_not, why_not), lambda: (True, "ok"), "127.0.0.1", 0)
            port = server.start(Secret(token) if token else None)
            stack.callback(server.stop)
            return f"http://127.0.0.1:{port}"

        yield start


@pytest.fixture
def says() -> Iterator[Callable[[bytes], str]]:
    """Answers whatever is asked with these bytes, and then closes or, after nothing, waits; returns the address."""
    with ExitStack() as stack:

        def start(reply: bytes) -> str:
            server = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))

            def run() -> None:
                kept = []
                while True:
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    kept.append(connection)
                    if reply:
                        connection.recv(65536)
                        connection.sendall(reply)
                        connection.close()

            threading.Thread(target=run, daemon=True).start()
            return f"http://127.0.0.1:{server.getsockname()[1]}"

        yield start


def top(*args: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(
        main, ["top", "--interval", "0.5", *args], env={"COLUMNS": "120", "FORCE_COLOR": None, **(env or {})}
    )


def objects(*args: str) -> list[dict[str, Any]]:
    done = top("--json", *args)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_once_prints_one_report_with_rates_and_no_codes(serve: Serve) -> None:
    done = top("--once", serve())
    assert (done.exit_code, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.count("cjstream top") == 1
    assert "● ok    nothing to do" in done.stdout
    assert "touchpoints/s   0" not in done.stdout
    assert "applied" in done.stdout
    assert "consideration" in done.stdout


def test_json_has_rates_by_the_clock_and_units_in_its_keys(serve: Serve) -> None:
    [found] = objects("--once", serve())
    assert found["interval_seconds"] >= 0.5
    rate = found["pipeline"]["touchpoints_per_second"]["applied"]
    assert rate == pytest.approx(100 / found["interval_seconds"], rel=0.5)
    assert found["pipeline"]["lag_records"] == 800
    assert found["workers"][0]["state"] == "ready"
    assert found["journeys"][1]["stages"][1]["customers"] == {"in_progress": 12, "converted": 0, "dropped": 3}
    assert found["problems"] == []


def test_the_settings_name_the_worker_of_this_machine(serve: Serve) -> None:
    port = serve().rpartition(":")[2]
    for host in ("127.0.0.1", "0.0.0.0", "localhost"):
        done = top("--once", env={"CJSTREAM_METRICS_PORT": port, "CJSTREAM_METRICS_HOST": host})
        assert done.exit_code == 0, done.stderr
    for host, name in (("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("app-1.invalid", "app-1.invalid")):
        away = top("--once", env={"CJSTREAM_METRICS_PORT": "1", "CJSTREAM_METRICS_HOST": host})
        assert f" http://{name}:1/metrics: " in away.stderr
    unknown = top("--once", env={"CJSTREAM_METRICS_PORT": "0"})
    assert unknown.exit_code == 2
    assert "give the URL that its log names" in unknown.stderr


def test_several_addresses_are_one_pipeline_and_one_that_is_silent_is_told_of(serve: Serve) -> None:
    first, second = serve(), serve(why_not="restoring: 12 records to go")
    [found] = objects("--once", first, f"{second}/metrics", first, "127.0.0.1:1")
    rows = [(row["state"], row["why"]) for row in found["workers"]]
    assert rows == [("ready", ""), ("ready", ""), ("down", "connection refused")]
    assert found["pipeline"]["lag_records"] == 1600
    assert found["problems"][0]["text"].startswith("127.0.0.1:1 down")


def test_a_reason_is_taken_only_from_who_is_not_ready(serve: Serve) -> None:
    rows = objects("--once", serve(ready=0), serve(ready=0, why_not="rebalancing"))[0]["workers"]
    assert [(row["state"], row["why"]) for row in rows] == [("not ready", ""), ("not ready", "rebalancing")]


def test_no_answer_ends_with_1_and_says_what_to_do() -> None:
    done = top("--once", "127.0.0.1:1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: no worker answers at http://127.0.0.1:1/metrics: connection refused. Start one"
    )


def test_a_supervisor_whose_workers_are_still_starting_is_an_answer(says: Callable[[bytes], str]) -> None:
    text = supervised({}, 2).encode()
    done = top("--once", says(HEAD % len(text) + text))
    assert done.exit_code == 0
    assert "✖ act   worker 0 down" in done.stdout


@pytest.mark.parametrize("args", [[], ["--token-file"]])
def test_a_token_is_sent_and_a_missing_one_is_told_of(serve: Serve, tmp_path: Path, args: list[str]) -> None:
    url, file = serve(TOKEN), tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    without = top("--once", url)
    assert without.exit_code == 1
    assert "see --token-file" in without.stderr
    env = {} if args else {"CJSTREAM_METRICS_TOKEN_FILE": str(file)}
    done = top("--once", url, *args, *([str(file)] if args else []), env=env)
    assert done.exit_code == 0, done.stderr
    assert TOKEN not in done.output + without.output


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "http://",
        "http://a:99999",
        "http://a:0",
        "a b",
        "http://u:secret@a",
        "http://a\x1b[2J",
        "http://a\x1bc",
    ],
)
def test_a_wrong_address_is_refused_without_what_is_secret_in_it(url: str) -> None:
    done = top("--once", url)
    assert done.exit_code == 2
    assert "secret" not in done.stderr
    assert "\x1b" not in done.stderr


def test_an_unknown_journey_names_those_there_are(serve: Serve) -> None:
    url = serve()
    done = top("--once", "--journey", "nowhere", url)
    assert done.exit_code == 2
    assert "the workers have b2b, shop" in done.stderr
    assert [each["journey"] for each in objects("--once", "--journey", "shop", url)[0]["journeys"]] == ["shop"]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "no answer within 0.4 s"),
        (b"SSH-2.0-x\r\n", "the answer breaks off, or is no HTTP"),
        (HEAD % 5000 + b"cjstream_ready 1\n", "the answer breaks off, or is no HTTP"),
        (HEAD % 18 + b'cjstream_ready{a="', "what it answers is no text of metrics"),
        (HEAD % 4 + b"\xff\xfe\xfd\n", "what it answers is no text of metrics"),
        (HEAD % 9000 + b"#" * 9000, "what it answers is no text of metrics"),
        (HEAD % 6 + b"load 1", "what answers there is no cjstream worker"),
        (b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "it answers 302"),
        (b"HTTP/1.0 599 \x1b[2J\r\n\r\n", "it answers 599"),
    ],
)
def test_whatever_else_answers_is_told_of_in_our_own_words(
    says: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch, reply: bytes, why: str
) -> None:
    monkeypatch.setattr(top_fetch, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(top_fetch, "MAX_BYTES", 8192)
    done = top("--once", says(reply))
    assert done.exit_code == 1
    assert why in done.stderr
    assert "\x1b" not in done.stderr


def test_a_page_that_comes_byte_by_byte_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_fetch, "ANSWER_SECONDS", 0.4)
    began = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(HEAD % 9000)
        with closing(connection), suppress(OSError):
            while True:
                connection.sendall(b"#")
                began.set()
                time.sleep(0.05)

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        done = top("--once", f"127.0.0.1:{server.getsockname()[1]}")
        dripping.join(PATIENCE_SECONDS)  # it ends when its client is gone
    assert (done.exit_code, began.is_set(), dripping.is_alive()) == (1, True, False)
    assert "no answer within 0.4 s" in done.stderr
    asking = [thread for thread in threading.enumerate() if thread.name == "top-ask"]
    for thread in asking:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in asking)


@pytest.fixture
def behind_tls(serve: Serve, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A worker's pages behind something that speaks TLS: the address, and the file of the authority."""
    port = int(serve().rpartition(":")[2])
    certificates = Certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.issue("proxy", "localhost"))
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                    with context.wrap_socket(connection, server_side=True) as safe:
                        head = safe.recv(65536).replace(b"Host: localhost", b"Host: 127.0.0.1")
                        with socket.create_connection(("127.0.0.1", port)) as worker:
                            worker.sendall(head)
                            while part := worker.recv(65536):
                                safe.sendall(part)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=run, daemon=True).start()
        yield f"https://localhost:{server.getsockname()[1]}", certificates.ca


def test_https_behind_a_proxy_needs_an_authority_that_is_trusted(behind_tls: tuple[str, Path]) -> None:
    url, authority = behind_tls
    trusted = top("--once", url, env={"SSL_CERT_FILE": str(authority)})
    assert trusted.exit_code == 0, trusted.stderr
    stranger = top("--once", url)
    assert stranger.exit_code == 1
    assert "certificate is not trusted" in stranger.stderr


class Terminal:
    """A process in a terminal of 80 columns and 24 lines. A context manager that leaves no process behind."""

    def __init__(self, *args: str) -> None:
        self.ours, theirs = pty.openpty()
        env = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"}
        self.process = subprocess.Popen([*COMMAND, "top", *args], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        self.said = b""

    def read_until(self, is_there: Callable[[bytes], bool]) -> None:
        """Read what the process writes until that holds of all it wrote."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_there(self.said):
            assert time.monotonic() < deadline, self.said[-2000:]
            if select.select([self.ours], [], [], 0.1)[0]:
                self.said += os.read(self.ours, 65536)

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def last_screen(said: bytes) -> bytes:
    """Return the last one that is complete."""
    return said.rpartition(b"q leaves")[0].rpartition(b"cjstream top")[2]


@pytest.mark.skipif(sys.platform != "linux", reason="a terminal that is gone reads differently elsewhere")
@pytest.mark.parametrize(("way_out", "code"), [("q", 0), ("SIGINT", 130), ("SIGTERM", 0)])
def test_a_terminal_gets_a_screen_of_its_own_and_has_its_old_one_back(serve: Serve, way_out: str, code: int) -> None:
    with Terminal("--interval", "0.5", serve()) as terminal:
        terminal.read_until(lambda said: b"rates over" in said.partition(ENTER_SCREEN)[2])
        assert b"consideration" in terminal.said
        if way_out == "q":
            terminal.press(b"1\x1b[5~")  # the second is page up, which is no key of ours, and has a 5 in it
            terminal.read_until(lambda said: b"consideration" not in last_screen(said))
            painted = terminal.said.count(b"q leaves")
            terminal.read_until(lambda said: said.count(b"q leaves") >= painted + 2)
            assert b"consideration" not in last_screen(terminal.said)
            assert b"lead" in last_screen(terminal.said)
            terminal.press(b"q")
        else:
            terminal.process.send_signal(signal.Signals[way_out])
        terminal.read_until(lambda said: LEAVE_SCREEN in said)
        assert terminal.process.wait(PATIENCE_SECONDS) == code
    before, after = terminal.said.partition(ENTER_SCREEN)[0], terminal.said.rpartition(LEAVE_SCREEN)[2]
    assert b"cjstream top" not in before + after
    assert b"Traceback" not in terminal.said


def test_without_a_terminal_it_prints_a_report_each_interval(serve: Serve) -> None:
    command = [*COMMAND, "top", "--interval", "0.5", serve()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        reports = 0
        while reports < 2:
            reports += process.stdout.readline().startswith("cjstream top")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, errors) == (130, "")
