"""What listens, and what it answers: on loopback alone, at the documented ports and paths alone."""

import http.client
import ipaddress
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cjstream import settings as configuration
from cjstream.settings import Settings
from tests.command import COMMAND
from tests.faults.harness import WORKER, Worker, wait_until

ROUTES = {"/metrics", "/livez", "/readyz"}
FAUSTS_PORT = 6066
FAUSTS_ROUTES = ["/", "/stats/", "/graph/", "/router/", "/table/", "/table/stages/", "/table/stages/c1/",
                 "/production/", "/index/", "/health/"]  # fmt: skip
READY_SECONDS = 60
TOKEN = "sesame-0123456789"

pytestmark = pytest.mark.timeout(180)


def listening(pid: int) -> set[tuple[str, int]]:
    """Return address and port of all that can be reached of a process and those below it."""
    first = psutil.Process(pid)
    found = set()
    for process in [first, *first.children(recursive=True)]:
        for each in process.net_connections("inet"):
            if each.status == psutil.CONN_LISTEN or (each.type == socket.SOCK_DGRAM and not each.raddr):
                address = ipaddress.ip_address(each.laddr.ip)
                found.add((str(getattr(address, "ipv4_mapped", None) or address), each.laddr.port))
    return found


def port_of(worker: Worker) -> int:
    address = worker.address()
    assert address
    return int(address.rpartition(":")[2])


def status(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_worker_listens_on_loopback_alone_with_three_routes_and_none_of_fausts(
    settings: Settings, topics: int, tmp_path: Path
) -> None:
    with Worker(settings, tmp_path / "log") as worker:
        worker.wait_ready()
        assert listening(worker.process.pid) == {("127.0.0.1", port_of(worker))}
        assert {path: status(port_of(worker), path) for path in ROUTES} == dict.fromkeys(ROUTES, 200)
        assert {status(port_of(worker), path) for path in FAUSTS_ROUTES} == {404}
        assert not {port for _, port in listening(worker.process.pid)} & {FAUSTS_PORT}


def test_under_a_supervisor_too_and_all_ask_for_its_token(settings: Settings, topics: int, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    env = {"CJSTREAM_METRICS_TOKEN_FILE": str(token)}
    with Worker(settings, tmp_path / "log", [*WORKER, "--processes", "2"], env) as supervisor:
        wait_until(supervisor.is_ready, READY_SECONDS, "both are ready")
        found = listening(supervisor.process.pid)
        assert {address for address, _ in found} == {"127.0.0.1"}
        assert len(found) == 3
        assert port_of(supervisor) in {port for _, port in found}
        for _, port in found:
            assert {path: status(port, path) for path in ROUTES} == dict.fromkeys(ROUTES, 200) | {"/metrics": 401}
            assert {status(port, path) for path in FAUSTS_ROUTES} == {404}
            assert status(port, "/metrics", Authorization=f"Bearer {TOKEN}") == 200
        assert 'cjstream_worker_up{worker="1"} 1.0' in told(port_of(supervisor))
        assert TOKEN not in supervisor.said()


def told(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@contextmanager
def running(*args: str, until: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a command that has said a line with `until` in it, and the line. It runs with the most careless umask."""
    environment = configuration.environment(configuration.load({})) | {"CJSTREAM_KAFKA__BOOTSTRAP_SERVERS": ""}
    command = [*COMMAND, *args]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, umask=0) as process:
        assert process.stdout
        try:
            line = next(line for line in process.stdout if until in line)
            yield process, line
        finally:
            process.terminate()
            process.communicate()


def test_a_local_broker_listens_on_loopback_alone_and_its_files_are_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    with running("broker", "--port", "0", "--data-dir", str(folder), until="ready") as (process, line):
        found = listening(process.pid)
        assert {address for address, _ in found} == {"127.0.0.1"}
        assert len(found) == 2  # the broker's and the controller's
        assert int(line.rpartition(":")[2]) in {port for _, port in found}
        files = list(folder.rglob("*"))
        assert any(path.name == "meta.properties" for path in files)
        assert [path for path in (folder, *files) if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere other processes' sockets cannot be listed")
def test_a_demo_listens_on_loopback_alone() -> None:
    options = ["--metrics-port", "0", "--customers", "2000", "--rate", "500"]
    with running("demo", *options, until="day") as (process, _):
        found = listening(process.pid)
        assert {address for address, _ in found} == {"127.0.0.1"}
        assert len(found) == 3  # the broker's two, the worker's


def test_the_documented_ports_are_those() -> None:
    page = (Path(__file__).parents[1] / "docs" / "explanation" / "supply-chain.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(/\w+)` ", page, re.MULTILINE)) == ROUTES
