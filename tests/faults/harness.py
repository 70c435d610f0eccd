"""Workers as processes, topics as lists: what the fault tests are made of."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from cjstream import settings as configuration
from cjstream.kafka import create_topics, group_positions, partition_count, partition_of
from cjstream.settings import Settings

T = TypeVar("T")
Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
Acked = dict[tuple[int, int], tuple[bytes | None, bytes | None]]  # (partition, offset) -> key, value
Sample = Mapping[tuple[str, str], float]  # (metric, labels as they stand in the text) -> value

READY_SECONDS = 40  # the session of a worker killed before has to end first
IDLE_SECONDS = 60
WORKER = (sys.executable, "-m", "cjstream.cli", "worker", "--metrics-port", "0")
ADDRESS = re.compile(r"health at (http://\S+)/metrics")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of the project in a test that has no event loop."""
    return asyncio.run(work)


def new_app(servers: str, name: str, data_dir: Path, partitions: int, **overrides: str) -> Settings:
    """Return settings with topics and a group of their own, and make the topics."""
    values = {
        "kafka_bootstrap_servers": servers,
        "kafka_session_timeout_seconds": "6",
        "app_id": f"{name}-{os.getpid()}-{time.monotonic_ns()}",
        "data_dir": str(data_dir),
        **overrides,
    }
    values.setdefault("topics_prefix", f"{values['app_id']}.")
    settings = configuration.load({}, **values)
    run(create_topics(settings, partitions))
    return settings


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Return the seconds it took until `holds()`; an AssertionError names `what` did not come true."""
    started = time.monotonic()
    while not holds():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)
    return time.monotonic() - started


class Worker:
    """A worker process. A context manager that leaves no process behind; its log stays in `log`."""

    def __init__(
        self, settings: Settings, log: Path, command: Sequence[str] = WORKER, env: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.log_start = output.tell()
            self.process = subprocess.Popen(
                command,
                env={**configuration.environment(settings), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def said(self) -> str:
        """Return what the process wrote."""
        return self.log.read_bytes()[self.log_start :].decode(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of its logs; what else it wrote, as by `print`, is left out."""
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    def faults(self) -> list[str]:
        """Return the sentences of its critical lines."""
        return [line["event"] for line in self.lines() if line["level"] == "critical"]

    def address(self) -> str | None:
        """Return the URL of the health pages, once there are any."""
        found = ADDRESS.search(self.said())
        return found[1] if found else None

    def get(self, page: str) -> tuple[int, str]:
        """Return status and text of a health page; status 0: nobody answers."""
        address = self.address()
        if address is None:
            return 0, ""
        try:
            with urllib.request.urlopen(f"{address}/{page}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_ready(self) -> bool:
        """Tell whether the worker takes input. Fails if it has ended."""
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.said()[-3000:]}"
        return self.get("readyz")[0] == 200

    def wait_ready(self, seconds: float = READY_SECONDS) -> float:
        """Return the seconds until the worker takes input."""
        try:
            return wait_until(self.is_ready, seconds, f"worker {self.process.pid} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.get('readyz')}:\n{self.said()[-3000:]}") from None

    def metrics(self) -> Sample:
        """Return all samples of /metrics; empty while nobody answers."""
        samples = {}
        for line in self.get("metrics")[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name and not line.startswith("#"):
                metric, _, labels = name.partition("{")
                samples[metric, labels.rstrip("}")] = float(value)
        return samples

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels; 0 for one without samples."""
        return sum(value for (metric, _), value in self.metrics().items() if metric == name)

    def outcomes(self) -> dict[str, float]:
        """Return how many touchpoints the worker counted by outcome."""
        found = {
            labels: value for (name, labels), value in self.metrics().items() if name == "cjstream_touchpoints_total"
        }
        return {labels.partition('"')[2].rstrip('"'): value for labels, value in found.items()}

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, and wait until the process is gone."""
        self.process.kill()
        self.process.wait()

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not ended {seconds:g} s after {number.name}:\n{self.said()[-3000:]}") from None
        return code, time.monotonic() - started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        self.kill()


class TopicLog:
    """All records of a topic so far; `read_on` reads what came since, up to the end as it is then."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.records: list[Record] = []
        self._settings, self._topic = settings, topic
        self._next: dict[int, int] = {}

    def read_on(self) -> list[Record]:
        """Return the new records, in order within a partition."""
        fresh = run(self._read())
        self.records += fresh
        return fresh

    async def _read(self) -> list[Record]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=4 << 20,
        )
        await consumer.start()
        try:
            numbers = range(await partition_count(self._settings, self._topic))
            ends = await consumer.end_offsets([TopicPartition(self._topic, number) for number in numbers])
            behind = {tp: end for tp, end in ends.items() if self._next.get(tp.partition, 0) < end}
            consumer.assign(list(behind))
            for tp in behind:
                consumer.seek(tp, self._next.get(tp.partition, 0))
            return await self._collect(consumer, behind)
        finally:
            await consumer.stop()

    async def _collect(self, consumer: Any, ends: dict[TopicPartition, int]) -> list[Record]:
        found: list[Record] = []
        while ends:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                if tp in ends:
                    found += [record for record in records if record.offset < ends[tp]]
            for tp in list(ends):
                if await consumer.position(tp) >= ends[tp]:
                    self._next[tp.partition] = ends.pop(tp)
        return found


def read_all(settings: Settings, topic: str) -> list[Record]:
    """Return all records of a topic as it is now."""
    return TopicLog(settings, topic).read_on()


def committed(settings: Settings) -> dict[int, int]:
    """Return the group's committed offset of each input partition, 0 for none."""
    return {each.partition: each.committed or 0 for each in run(group_positions(settings))}


def lag(settings: Settings) -> int:
    """Return how many input records are not committed."""
    return sum(each.lag_records for each in run(group_positions(settings)))


def wait_done(settings: Settings, *workers: Worker, seconds: float = IDLE_SECONDS) -> float:
    """Return the seconds until all input is committed. Fails if one of the workers ends before."""

    def is_done() -> bool:
        for worker in workers:
            assert worker.process.poll() is None, f"a worker ended:\n{worker.said()[-3000:]}"
        return lag(settings) == 0

    return wait_until(is_done, seconds, "lag is 0")


class Line:
    """One record to send: where to (None: by the key), and what."""

    __slots__ = ("headers", "key", "partition", "timestamp_ms", "value")

    def __init__(
        self,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
    ) -> None:
        self.key, self.value, self.partition = key, value, partition
        self.headers, self.timestamp_ms = headers, timestamp_ms


def send(
    settings: Settings,
    lines: Iterable[Line],
    partitions: int,
    per_second: float | None = None,
    acked: Acked | None = None,
) -> int:
    """Send records to the input in order, wait until all are durable, return how many; at most so many a second.

    `acked` is filled with what Kafka has acknowledged, as it does.
    """
    return run(_send(settings, lines, partitions, per_second, {} if acked is None else acked))


async def _send(
    settings: Settings, lines: Iterable[Line], partitions: int, per_second: float | None, acked: Acked
) -> int:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        enable_idempotence=True,
        acks="all",
        max_batch_size=256 << 10,
    )
    await producer.start()
    batches = Batches(producer, settings.touchpoints, acked)
    sent, started = 0, time.monotonic()
    try:
        for line in lines:
            number = partition_of(line.key or b"", partitions) if line.partition is None else line.partition
            await batches.add(number, line)
            sent += 1
            if per_second is not None and sent % max(1, int(per_second / 20)) == 0:
                await batches.hand_over_all()
                await asyncio.sleep(max(0.0, started + sent / per_second - time.monotonic()))
        await batches.finish()
    finally:
        await producer.stop()
    return sent


class Batches:
    """Batches of a producer, one open for each partition; notes in `acked` what is durable."""

    def __init__(self, producer: Any, topic: str, acked: Acked) -> None:
        self._producer, self._topic, self._acked = producer, topic, acked
        self._open: dict[int, tuple[Any, list[Line]]] = {}
        self._waiting: set[asyncio.Task[None]] = set()

    async def add(self, number: int, line: Line) -> None:
        """Put a line into the open batch of its partition; a full one is handed over before."""
        stamp = int(time.time() * 1000) if line.timestamp_ms is None else line.timestamp_ms
        row = {"key": line.key, "value": line.value, "timestamp": stamp, "headers": list(line.headers)}
        if number not in self._open or self._open[number][0].append(**row) is None:
            if number in self._open:
                await self._hand_over(number)
            batch = self._producer.create_batch()
            batch.append(**row)
            self._open[number] = batch, []
        self._open[number][1].append(line)

    async def hand_over_all(self) -> None:
        """Give the producer what is open. Raises the error of a batch that was not delivered."""
        for number in list(self._open):
            await self._hand_over(number)
        for task in [task for task in self._waiting if task.done()]:
            self._waiting.discard(task)
            task.result()

    async def finish(self) -> None:
        """Return when all is durable; raises as `hand_over_all`."""
        await self.hand_over_all()
        await asyncio.gather(*self._waiting)

    async def _hand_over(self, number: int) -> None:
        batch, lines = self._open.pop(number)
        batch.close()
        future = await self._producer.send_batch(batch, self._topic, partition=number)
        self._waiting.add(asyncio.create_task(self._note(future, number, lines)))

    async def _note(self, future: Any, number: int, lines: list[Line]) -> None:
        first = (await future).offset
        for at, line in enumerate(lines, start=first):
            self._acked[number, at] = line.key, line.value


class Feed:
    """Sends lines in the background, so many a second, until they end or `stop`. A context manager that stops it."""

    def __init__(self, settings: Settings, lines: Iterable[Line], partitions: int, per_second: float) -> None:
        self.acked: Acked = {}
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        wanted = takewhile(lambda _: not self._stopped.is_set(), lines)
        self._sending = self._pool.submit(send, settings, wanted, partitions, per_second, self.acked)

    def is_over(self) -> bool:
        """Return whether all lines are sent, or sending failed."""
        return self._sending.done()

    def stop(self) -> int:
        """End it, and return how many lines were sent; all of them are durable. Raises what sending raised."""
        self._stopped.set()
        sent = self._sending.result()
        self._pool.shutdown()
        return sent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._pool.shutdown()
