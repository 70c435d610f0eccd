"""A worker as the image runs it: no name, no rights, and a root where nothing can be written but the volume."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests import containers
from tests.containers import final
from tests.faults.harness import Line, Worker, send, wait_done

# An image is for Linux, and to be like it takes root. CI has both, and counts a skipped test as a failure.
pytestmark = pytest.mark.skipif(bool(containers.missing()), reason=containers.missing())

VISIT = {"type": "page_view", "occurred_at": "2026-01-01T09:00:00Z"}
CUSTOMERS = 200


@pytest.fixture
def worker(settings: Settings, topics: int, tmp_path: Path) -> Iterator[Worker]:
    """What the image starts, with the store that writes most."""
    root = tmp_path / "root"
    root.mkdir()
    [entry], [command] = final("ENTRYPOINT"), final("CMD")
    environment = containers.environment() | {
        "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "HOME": "/",
        "CJSTREAM_METRICS_HOST": "127.0.0.1",  # a container has a network of its own, this has not
        "CJSTREAM_STORE": "rocksdb",
    }
    line = containers.within(root, [*entry.words, *command.words])
    with Worker(settings, tmp_path / "worker.log", line, environment) as running:
        running.wait_ready()
        yield running


def test_a_worker_needs_no_rights_and_no_root_to_write_to(worker: Worker, settings: Settings, topics: int) -> None:
    lines = [
        Line(f"c{n}".encode(), json.dumps({"id": f"t{n}", "customer_id": f"c{n}", **VISIT}).encode())
        for n in range(CUSTOMERS)
    ]
    send(settings, lines, topics)
    wait_done(settings, worker)
    assert worker.metric("cjstream_customers") == CUSTOMERS
    process = Path("/proc") / str(worker.process.pid)
    has_no_rights(process)
    mounts = [line.split()[4:6] for line in (process / "mountinfo").read_text().splitlines()]
    writable = {path for path, options in mounts if "rw" in options.split(",") and not path.startswith("/proc")}
    [volume] = final("VOLUME")
    assert writable == {*volume.words}
    for_its_user_alone(process / "root" / volume.words[0].strip("/"))
    assert health(worker).stdout == "ok\n"
    assert health(worker, "readyz").returncode == 0
    assert worker.end()[0] == 0, worker.said()


def has_no_rights(process: Path) -> None:
    status = dict(re.findall(r"^(\w+):[ \t]*(.*)$", (process / "status").read_text(), re.MULTILINE))
    assert status["Uid"].split() == status["Gid"].split() == [containers.user()] * 4
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"] == "1"
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}


def for_its_user_alone(folder: Path) -> None:
    """Customers are in these files. Fails also if there are none."""
    found = list(folder.rglob("*"))
    assert any(path.suffix == ".log" for path in found)  # RocksDB's write-ahead log
    assert [path for path in (folder, *found) if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


def health(worker: Worker, *page: str) -> subprocess.CompletedProcess[str]:
    """Ask as the image's HEALTHCHECK does, from within."""
    address = worker.address()
    assert address
    [check] = final("HEALTHCHECK")
    enter = ["nsenter", f"--target={worker.process.pid}", "--mount", "--root", "--wd"]
    environment = os.environ | {
        "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "CJSTREAM_METRICS_PORT": address.rpartition(":")[2],
    }
    return subprocess.run([*enter, *check.words, *page], env=environment, check=False, capture_output=True, text=True)
