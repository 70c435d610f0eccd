"""Probes that came before the worker had a consumer made Faust bind one to their thread's loop: it never got ready."""

import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from cjstream.settings import Settings
from tests.faults.harness import READY_SECONDS, WORKER, Worker


def test_a_worker_probed_from_its_first_millisecond_becomes_ready(
    settings: Settings, topics: int, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    deadline = time.monotonic() + READY_SECONDS
    refusals = 0
    with Worker(settings, tmp_path / "worker.log", [*WORKER, "--metrics-port", str(port)]) as worker:
        while (status := get(port, "readyz")) != 200:
            refusals += status == 503
            get(port, "metrics")
            assert worker.process.poll() is None, worker.said()
            assert time.monotonic() < deadline, worker.said()
            time.sleep(0.001)
    assert refusals > 0  # it was asked before it was ready


def get(port: int, page: str) -> int:
    """Return the status; 0: nobody answers yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
