"""A local store that is full, damaged, gone or old: the worker ends with 75 or builds it anew, and nothing is lost."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, lag, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Seen, Topics, make_input
from tests.faults.scenario import finish

PARTITIONS, TOUCHPOINTS = 6, 24_000
DISK, LARGER_DISK, ROOM_BYTES = "64m", "512m", 200_000
STARTS = 8  # each damage may be found by another start
WAIT_SECONDS = 60

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(240)]


def files(store: Path, *patterns: str) -> list[Path]:
    return sorted(file for pattern in patterns for file in store.glob(pattern) if file.stat().st_size)


def flip(file: Path, dice: random.Random) -> None:
    """Turn over some bytes in the middle, in place: a process that has the file open sees them."""
    size = file.stat().st_size
    start = dice.randrange(size // 2)
    with file.open("r+b") as opened:
        opened.seek(start)
        data = opened.read(max(1, size // 4))
        opened.seek(start)
        opened.write(bytes(byte ^ 0xFF for byte in data))


def flip_values(store: Path, dice: random.Random) -> None:
    for file in files(store, "*.sst"):
        flip(file, dice)


def flip_log(store: Path, dice: random.Random) -> None:
    for file in files(store, "*.log"):
        flip(file, dice)


def flip_manifest(store: Path, dice: random.Random) -> None:
    flip(files(store, "MANIFEST-*")[-1], dice)


def truncate(store: Path, dice: random.Random) -> None:
    for file in files(store, "*.sst", "*.log"):
        os.truncate(file, dice.randrange(file.stat().st_size))


def delete_a_file(store: Path, dice: random.Random) -> None:
    dice.choice(files(store, "*.sst", "CURRENT", "MANIFEST-*")).unlink()


def delete(store: Path, _dice: random.Random) -> None:
    shutil.rmtree(store)


HARMS: tuple[Callable[[Path, random.Random], None], ...] = (
    flip_values,
    flip_log,
    flip_manifest,
    truncate,
    delete_a_file,
    delete,
)


def stores(settings: Settings) -> Path:
    return settings.data_dir / settings.app_id / "0" / "rocksdb"


def finish_in_spite(settings: Settings, log: Path) -> int:
    """Let workers run until all input is done; each that ends before must end with 75. Return how many did."""
    for ended in range(STARTS):
        with Worker(settings, log) as worker:
            wait_until(lambda: worker.process.poll() is not None or lag(settings) == 0, WAIT_SECONDS, "done, or ended")
            if worker.process.poll() is None:
                wait_done(settings, worker)
                assert worker.end()[0] == 0, worker.said()[-2000:]
                return ended
            assert worker.process.returncode == 75, worker.said()[-3000:]
    raise AssertionError(f"{STARTS} workers did not do it")


def judge(
    settings: Settings,
    topics: Topics,
    seen: Seen,
    kind: str,
    injected: int,
    fault: NoteFault,
    resumed_seconds: Sequence[float] = (),
) -> None:
    """Hold against the input what could be read at the fault, and what is there in the end."""
    topics.ledger = Ledger(read_all(settings, settings.touchpoints))
    lost, verdict = seen.lost(topics.ledger), topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault(kind, injected=injected, resumed_seconds=resumed_seconds, **counts)
    assert lost[:5] == [], "committed and not readable"
    verdict.require()


@pytest.mark.parametrize("is_clean", [True, False])
def test_stores_damaged_while_the_worker_is_away(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault, note: Callable[[str], None], is_clean: bool
) -> None:
    """After a clean stop all is in files of values; after kill -9 much of it is in the log."""
    dice = random.Random(seed)
    settings = new_app(servers, "damaged", tmp_path, PARTITIONS, store="rocksdb")
    topics, log, (lines, _) = Topics(settings), tmp_path / "worker.log", make_input(TOUCHPOINTS, seed)
    for start, end in ((0, TOUCHPOINTS // 3), (TOUCHPOINTS // 3, 2 * TOUCHPOINTS // 3)):
        send(settings, lines[start:end], PARTITIONS)
        with Worker(settings, log) as worker:
            wait_done(settings, worker)
            worker.end() if is_clean else worker.kill()
        if not start:
            shutil.copytree(stores(settings) / "5", tmp_path / "old")
    seen = topics.see(committed(settings))
    for number, harm in enumerate(HARMS[:5]):
        harm(stores(settings) / str(number), dice)
    shutil.rmtree(stores(settings) / "5")
    (tmp_path / "old").rename(stores(settings) / "5")
    send(settings, lines[2 * TOUCHPOINTS // 3 :], PARTITIONS)
    ended = finish_in_spite(settings, log)
    note(f"{ended} workers ended with 75 before one did the rest")
    judge(settings, topics, seen, "store damaged while stopped", PARTITIONS, fault)


def test_stores_damaged_under_a_running_worker(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault, note: Callable[[str], None]
) -> None:
    dice = random.Random(seed)
    settings = new_app(
        servers, "under", tmp_path, PARTITIONS, store="rocksdb", rocksdb_cache_mib="1", rocksdb_write_buffer_mib="1"
    )
    topics, log, (lines, _) = Topics(settings), tmp_path / "worker.log", make_input(TOUCHPOINTS, seed)
    with Feed(settings, lines, PARTITIONS, TOUCHPOINTS / 12) as feed:
        with Worker(settings, log) as worker:
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > TOUCHPOINTS // 4, WAIT_SECONDS, "at work")
            for number, harm in enumerate((flip_values, flip_log, truncate, delete, flip_manifest)):
                harm(stores(settings) / str(number), dice)
            wait_until(lambda: worker.process.poll() is not None or feed.is_over(), WAIT_SECONDS, "it saw all input")
            if worker.process.poll() is None:
                worker.kill()
            assert worker.process.returncode in {75, -9}, worker.said()[-3000:]
        seen = topics.see(committed(settings))
        wait_until(feed.is_over, WAIT_SECONDS, "all is sent")
        feed.stop()
    ended = finish_in_spite(settings, log)
    note(f"the worker ended with {worker.process.returncode}, {ended} more with 75 before one did the rest")
    judge(settings, topics, seen, "store damaged while running", 5, fault)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, without much room."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount a small file system")
    mount(path, DISK)
    yield path
    subprocess.run(["umount", path], check=True)


def mount(path: Path, size: str, *options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={size}"]), "tmpfs", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")


def test_a_full_disk_ends_the_worker_before_it_commits_and_room_lets_it_go_on(
    servers: str, tmp_path: Path, small_disk: Path, seed: int, fault: NoteFault
) -> None:
    settings = new_app(servers, "full", small_disk, PARTITIONS, store="rocksdb")
    topics, log = Topics(settings), tmp_path / "worker.log"
    with Worker(settings, log) as worker:
        worker.wait_ready()
        (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - ROOM_BYTES))
        send(settings, make_input(TOUCHPOINTS, seed)[0], PARTITIONS)
        require_full(worker)
    with Worker(settings, log) as worker:  # a restart does not help, and does no harm
        require_full(worker)
    seen, left = topics.see(committed(settings)), lag(settings)
    mount(small_disk, LARGER_DISK, "remount")
    resumed = finish(settings, log)
    assert left > 0, "there was room for all"
    judge(settings, topics, seen, "disk full", 2, fault, [resumed])


def require_full(worker: Worker) -> None:
    """Wait until a worker ends by itself, and check that it is for want of room."""
    wait_until(lambda: worker.process.poll() is not None, WAIT_SECONDS, "it ends")
    assert (worker.process.returncode, "No space left on device" in worker.said()) == (75, True), worker.said()
