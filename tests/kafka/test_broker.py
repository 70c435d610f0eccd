"""`cjstream broker`: a real Kafka that comes back with its data and leaves no process behind."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cjstream import kafka, local, settings
from cjstream.errors import ConfigError
from cjstream.local import LocalBroker, LocalBrokerError
from cjstream.settings import Settings
from tests.command import COMMAND


@contextmanager
def broker_command(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str, psutil.Process]]:
    """Yield the process, HOST:PORT that it printed, and its JVM."""
    command = [*COMMAND, "broker", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        word, servers = process.stdout.readline().split()
        assert word == "ready"
        [java] = psutil.Process(process.pid).children()
        try:
            yield process, servers, java
        finally:
            process.kill()


def is_gone(process: psutil.Process, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def of(servers: str) -> Settings:
    return settings.load({}, kafka_bootstrap_servers=servers)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cluster's directory for all tests here: making one takes as long as a start."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    with LocalBroker(data_dir=tmp_path_factory.mktemp("running")) as broker:
        yield broker
    assert broker.pid is None


def test_a_killed_broker_takes_the_jvm_along_and_the_directory_resumes_the_cluster(home: Path) -> None:
    """Port 0 is the port that the directory had."""
    with broker_command(home) as (process, servers, java):
        asyncio.run(kafka.create_topics(of(servers), 2))
        process.kill()
        assert is_gone(java)
    with broker_command(home) as (process, again, java):
        assert again == servers
        assert asyncio.run(kafka.require_topics(of(servers))) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert is_gone(java)


def test_ctrl_c_ends_it_with_130(home: Path) -> None:
    with broker_command(home) as (process, _servers, java):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert is_gone(java)


def test_a_jvm_that_dies_ends_the_command_with_3(home: Path) -> None:
    with broker_command(home) as (process, _servers, java):
        java.kill()
        assert process.wait(20) == 3


def test_it_listens_on_loopback_only(running: LocalBroker) -> None:
    assert running.pid
    listening = [
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(running.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"] * 2  # for clients, and the controller


def test_a_directory_takes_one_broker_at_a_time(running: LocalBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOCK_SECONDS", 0.5)
    with pytest.raises(ConfigError, match="another broker"):
        LocalBroker(data_dir=running.data_dir).start()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            LocalBroker(port, data_dir=tmp_path).start()


def test_a_broker_that_ends_before_it_is_ready_says_why(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "meta.properties").write_text("version=1\nnode.id=77\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n")
    broker = LocalBroker(data_dir=tmp_path)
    with pytest.raises(LocalBrokerError, match=r"(?s)ended before it was ready.*77") as failure:
        broker.start()
    assert failure.value.exit_code == 3
    assert broker.pid is None
