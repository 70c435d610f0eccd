"""What is measured: cjstream and its peers, each a process with settings of its own, doing the same work.

The settings of a peer, and what it does not promise, stand in its file in bench/peers/.
"""

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench import jvm
from bench.common import ROOT, WORKER
from cjstream.settings import Settings

MEASURED = ROOT / "bench" / "measured.yaml"
MEMORY, ROCKSDB, STREAMS, QUIX, FAUST, BARE = "memory", "rocksdb", "kafka-streams", "quix", "faust", "bare"
TUNED = f"{FAUST}-tuned"


class Cell(NamedTuple):
    """One line of the table: who, on which input. `command` says how it is started under an app's settings."""

    name: str
    title: str
    command: Callable[[Settings], Sequence[str]]
    overrides: tuple[tuple[str, str], ...] = ()
    profile: str = "even"
    is_measured: bool = False  # with every measure on


def _worker(_: Settings) -> Sequence[str]:
    return WORKER


def _peer(name: str, *arguments: str) -> Callable[[Settings], Sequence[str]]:
    return lambda _: (sys.executable, "-m", f"bench.peers.{name}", *arguments)


IN_MEMORY, ON_DISK = (("store", "memory"),), (("store", "rocksdb"),)
CELLS = (
    Cell(MEMORY, "cjstream, memory", _worker, IN_MEMORY),
    Cell(f"{MEMORY}-measured", "cjstream, memory, every measure on", _worker, IN_MEMORY, is_measured=True),
    Cell(ROCKSDB, "cjstream, RocksDB", _worker, ON_DISK),
    Cell(f"{ROCKSDB}-measured", "cjstream, RocksDB, every measure on", _worker, ON_DISK, is_measured=True),
    Cell(STREAMS, "Kafka Streams, 1 thread, RocksDB", jvm.streams),
    Cell(QUIX, "Quix Streams, RocksDB", _peer("quix")),
    Cell(FAUST, "stock Faust agent, as it comes", _peer("stock_faust")),
    Cell(TUNED, "stock Faust agent, tuned", _peer("stock_faust", "tuned")),
    Cell(BARE, "aiokafka getmany + orjson only: ceiling", _peer("ceiling")),
    Cell(f"{MEMORY}-hot", "hot keys: cjstream, memory", _worker, IN_MEMORY, "hot"),
    Cell(f"{STREAMS}-hot", "hot keys: Kafka Streams", jvm.streams, profile="hot"),
    Cell(f"{MEMORY}-rough", "5 % twice, 5 % late: cjstream, memory", _worker, IN_MEMORY, "rough"),
    Cell(f"{STREAMS}-rough", "5 % twice, 5 % late: Kafka Streams", jvm.streams, profile="rough"),
)
CHECKED = (MEMORY, ROCKSDB, STREAMS, QUIX, FAUST, TUNED)  # whose transitions are compared with those of the first
