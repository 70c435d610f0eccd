"""The supervisor with processes that are no workers, so without a broker; with workers: kafka/test_processes.py."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cjstream import settings as configuration
from cjstream.supervisor import child, plan, run
from cjstream.supervisor.link import Announcement
from cjstream.supervisor.run import Supervisor

HEAD = """
import os, signal, sys, time
from pathlib import Path
number, folder = sys.argv[1], Path(os.environ["CJSTREAM_DATA_DIR"])
starts = len(list(folder.glob(f"worker-{number}-*")))
(folder / f"worker-{number}-{starts}-{os.getpid()}").touch()

def work(code=0):
    signal.signal(signal.SIGTERM, signal.SIG_IGN if code is None else lambda *_: os._exit(code))
    os.write(0, b"9465 4\\n")
    while True:
        time.sleep(60)

"""

Start = Callable[..., Supervisor]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Makes a supervisor of processes that run a script; afterwards none of them is left."""
    monkeypatch.setattr(plan, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(plan, "LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(run, "POLL_SECONDS", 0.01)

    def make(script: str, processes: int = 2) -> Supervisor:
        monkeypatch.setattr(child, "COMMAND", (sys.executable, "-S", "-E", "-c", HEAD + script))
        settings = configuration.load({}, data_dir=str(tmp_path), metrics_port="0", drain_timeout_seconds="1")
        return Supervisor(settings, processes)

    yield make
    assert [pid for pid in pids(tmp_path) if psutil.pid_exists(pid)] == []


def pids(folder: Path) -> list[int]:
    return [int(file.name.rpartition("-")[2]) for file in folder.glob("worker-*")]


def when_all_are_well(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let `act` be called once, from the supervisor's own loop, when all workers have announced themselves."""
    look, todo = supervisor._look_after, [act]

    def then_act(worker: child.Child) -> None:
        look(worker)
        if todo and all(standing.port for standing in supervisor.standings()):
            todo.pop()()

    monkeypatch.setattr(supervisor, "_look_after", then_act)


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_all(start: Start, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    supervisor = start("work()", 3)
    when_all_are_well(supervisor, monkeypatch, send(number))
    assert supervisor.run() == code
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("code", plan.HOPELESS)
def test_a_code_that_no_restart_mends_ends_all_with_it(start: Start, tmp_path: Path, code: int) -> None:
    supervisor = start(f"if number == '1': sys.exit({code})\nwork()")
    assert supervisor.run() == code
    assert len(pids(tmp_path)) <= 2  # none was started again


def test_one_that_ends_is_started_again_and_that_is_counted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = start("if number == '1' and starts < 2: sys.exit(75)\nwork()")
    when_all_are_well(supervisor, monkeypatch, send(signal.SIGTERM))
    assert supervisor.run() == 0
    text = supervisor.metrics.render()[1].decode()
    assert 'cjstream_worker_restarts_total{worker="0"} 0.0\n' in text
    assert 'cjstream_worker_restarts_total{worker="1"} 2.0\n' in text


def test_one_that_always_fails_ends_all_with_its_code(start: Start) -> None:
    supervisor = start("if number == '1': sys.exit(70)\nwork()")
    assert supervisor.run() == 70
    text = supervisor.metrics.render()[1].decode()
    assert f'cjstream_worker_restarts_total{{worker="1"}} {plan.MAX_FAILURES - 1}.0\n' in text


def test_the_first_bad_end_after_a_signal_is_the_code(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = start("work(75 if number == '1' else 0)")
    when_all_are_well(supervisor, monkeypatch, send(signal.SIGTERM))
    assert supervisor.run() == 75


def test_one_that_does_not_end_is_killed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "STOP_MARGIN_SECONDS", 0.0)
    supervisor = start("work(None)", 1)
    when_all_are_well(supervisor, monkeypatch, send(signal.SIGTERM))
    assert supervisor.run() == 137


ANSWERING = """
import http.server, threading
class Alive(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Alive)
threading.Thread(target=server.serve_forever, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
os.write(0, b"%d 4\\n" % server.server_port)
"""
FOR_EVER = "while True: time.sleep(60)"


@pytest.mark.parametrize("before", [True, False])
def test_one_that_is_stopped_is_killed_and_started_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, before: bool
) -> None:
    """Stopped before it could be asked for its health, or after."""
    monkeypatch.setattr(run, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(run, "HUNG_SECONDS", 3.0)
    monkeypatch.setattr(run, "START_SECONDS", 3.0)
    stop = "if number == '1' and starts == 0: os.kill(os.getpid(), signal.SIGSTOP)\n"
    supervisor = start(f"{stop}{ANSWERING}{FOR_EVER}" if before else f"{ANSWERING}{stop}{FOR_EVER}")
    look = supervisor._look_after

    def end_when_it_is_back(worker: child.Child) -> None:
        look(worker)
        if supervisor._last_status and all(standing.port for standing in supervisor.standings()):
            send(signal.SIGTERM)()

    monkeypatch.setattr(supervisor, "_look_after", end_when_it_is_back)
    assert supervisor.run() == 0
    assert supervisor._last_status == {1: 137}
    assert any("worker=1 did not say for" in record.getMessage() for record in caplog.records)


def test_none_is_left_when_the_supervisor_fails_itself(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    supervisor = start("work()")
    when_all_are_well(supervisor, monkeypatch, fail)
    with pytest.raises(RuntimeError, match="a bug"):
        supervisor.run()


def test_a_system_without_room_for_a_process_is_tried_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = start("work()", 1)
    monkeypatch.setattr(child, "COMMAND", ("/does/not/exist",))
    assert supervisor.run() == 75


def test_more_workers_than_partitions_is_warned_of_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = start("work()", 6)  # they announce 4 partitions
    when_all_are_well(supervisor, monkeypatch, send(signal.SIGTERM))
    with caplog.at_level("WARNING", "cjstream"):
        supervisor.run()
    assert [record.getMessage() for record in caplog.records] == [
        "6 workers, but the input has 4 partition(s): the rest waits"
    ]


LINKED = "from cjstream.supervisor import link; import time; link.{}; time.sleep(60)"


def linked(call: str, line: socket.socket) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", LINKED.format(call)], stdin=line.fileno())


def test_a_worker_ends_when_the_line_to_its_supervisor_does() -> None:
    ours, its_end = socket.socketpair()
    with its_end, ours:
        process = linked("end_with_supervisor()", its_end)
        ours.sendall(b"still there")
    assert process.wait(30) == 75


def test_what_a_worker_announces_is_what_its_supervisor_hears() -> None:
    ours, its_end = socket.socketpair()
    with ours, its_end:
        process = linked("announce(9465, 24)", its_end)
        try:
            assert Announcement.read(ours.recv(64)) == Announcement(9465, 24)
        finally:
            process.kill()
            process.wait()
