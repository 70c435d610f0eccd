"""A log of touchpoints folded under several definitions, by several processes: each has some of the customers."""

import asyncio
import gc
import gzip
import multiprocessing
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any, cast
from zlib import crc32

from cjstream import sentiment
from cjstream.cli.send import key_of
from cjstream.core.analysis import Fold, Report
from cjstream.core.definition import compile_definition
from cjstream.core.gathering import Slicing
from cjstream.core.touchpoint import Erasure, Rejection, Touchpoint, parse
from cjstream.errors import CjstreamError, ConfigError
from cjstream.ingest.codec import decode, json_object
from cjstream.kafka import read_batches
from cjstream.settings import Settings

PLAIN_ID = re.compile(rb'"customer_id"\s*:\s*"([^"]*)"')
LINES = 2_000  # decoded at a time, between two reports of progress
Item = Touchpoint | Erasure | Rejection
Show = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """What one process folds: of a file the customers of its `share` of `shares`, of the input topic its partitions.

    `worlds`: sets of definitions that run together, as plain data, since compiled ones do not travel. A process without
    `settings` reads `file`. With a `slicing` the measures are gathered; `scorer` names what tells the sentiment of a
    text.
    """

    worlds: Sequence[Sequence[Mapping[str, Any]]]
    since_ms: int | None = None
    until_ms: int | None = None
    interval_ms: int | None = None
    file: str = ""
    share: int = 0
    shares: int = 1
    settings: Settings | None = None
    partitions: Sequence[int] = ()
    slicing: Slicing | None = None
    scorer: str = sentiment.NONE


@dataclass
class Replayed:
    """A report per world; what was no touchpoint, by reason; how many were taken, and the newest one's time."""

    reports: list[Report] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    touchpoints: int = 0

    def merge(self, other: "Replayed") -> None:
        """Add what another process has."""
        self.rejected.update(other.rejected)
        self.touchpoints += other.touchpoints
        for mine, theirs in zip(self.reports, other.reports, strict=True):
            mine.merge(theirs)


class Failed(CjstreamError):
    """A process that folds a part ended with an error; the text is that of the error."""


def replay(jobs: Sequence[Job], show: Show) -> Replayed:
    """Return what all jobs give together, as of the newest touchpoint of all; `show` takes what was read since.

    One job runs in this process, several each in one of its own.
    """
    if len(jobs) == 1:
        part = Part(jobs[0])
        return part.finish(part.run(show))
    with ExitStack() as stack:
        pipes = [stack.enter_context(_process(job)) for job in jobs]
        newest = [each for each in _gather(pipes, show) if each is not None]
        for pipe in pipes:
            pipe.send(max(newest, default=None))
        first, *others = _gather(pipes, show)
        for other in others:
            first.merge(other)
        return cast("Replayed", first)


class Part:
    """One job, in the process that does it: `run`, then `finish`."""

    def __init__(self, job: Job) -> None:
        self._job, self._replayed = job, Replayed()
        worlds = [[compile_definition(data) for data in world] for world in job.worlds]
        asks_sentiment = any(definition.asks_sentiment for world in worlds for definition in world)
        scorer = sentiment.load(job.scorer) if asks_sentiment else None
        self._folds = [
            Fold(
                world,
                since_ms=job.since_ms,
                until_ms=job.until_ms,
                interval_ms=job.interval_ms,
                slicing=job.slicing,
                scorer=scorer,
            )
            for world in worlds
        ]

    def run(self, show: Show) -> int | None:
        """Fold the whole log; return the time of the newest touchpoint taken."""
        with _without_collector():
            for items, read in _topic(self._job) if self._job.settings is not None else _file(self._job):
                self._feed(items)
                show(read)
        return self._folds[0].newest_ms

    def _feed(self, items: Iterable[Item]) -> None:
        feeds = [fold.feed for fold in self._folds]
        for item in items:
            if isinstance(item, Touchpoint):
                self._replayed.touchpoints += 1
                for feed in feeds:
                    feed(item)
            elif isinstance(item, Rejection):
                self._replayed.rejected[item.reason] += 1
            else:
                for fold in self._folds:
                    fold.forget(item)

    def finish(self, as_of_ms: int | None) -> Replayed:
        """Return what the job adds up to."""
        with _without_collector():
            self._replayed.reports = [fold.finish(as_of_ms) for fold in self._folds]
        return self._replayed


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.disable()  # what is kept holds no cycles, and the collector would look through it again and again
    try:
        yield
    finally:
        gc.enable()


def _file(job: Job) -> Iterator[tuple[list[Item], int]]:
    """Yield the touchpoints of the job's customers, and how many bytes of the file were read for them."""
    read = 0
    try:
        with Path(job.file).open("rb") as raw:
            lines = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if job.file.endswith(".gz") else raw
            while chunk := list(islice(lines, LINES)):
                now = raw.tell()
                yield list(_mine(chunk, job)), now - read
                read = now
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError("--from", job.file, f"cannot be read: {error}") from error


def _mine(lines: Iterable[bytes], job: Job) -> Iterator[Item]:
    for line in lines:
        value = line.rstrip(b"\r\n")
        if not value.strip():
            continue
        if job.shares == 1 or crc32(_customer_of(value)) % job.shares == job.share:
            fields = json_object(value)
            yield fields if isinstance(fields, Rejection) else parse(fields, crc32(value), None, 0)


def _customer_of(value: bytes) -> bytes:
    """Return the customer id in a line, without decoding the line where its one mention of a customer is plain."""
    found = PLAIN_ID.findall(value) if b"\\" not in value else ()
    return found[0] if len(found) == 1 else key_of(value) or b""


def _topic(job: Job) -> Iterator[tuple[list[Item], int]]:
    """Yield what the records of the job's partitions say, and how many there were."""
    settings = job.settings
    assert settings is not None
    skew_ms = int(settings.max_skew_seconds * 1000)
    batches = read_batches(settings, settings.touchpoints, partitions=job.partitions)

    async def following() -> list[Any] | None:
        return await anext(batches, None)

    with asyncio.Runner() as runner, ExitStack() as stack:
        stack.callback(lambda: runner.run(batches.aclose()))
        while (records := runner.run(following())) is not None:
            yield [decode(each.key, each.value, each.timestamp, skew_ms) for each in records], len(records)


@contextmanager
def _process(job: Job) -> Iterator[Connection]:
    """Yield the pipe to a process that does a job; it ends with this block."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with an event loop would share its sockets
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(job, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.terminate()
        process.join()


def _work(job: Job, pipe: Connection) -> None:
    """Do a job in a process of its own: numbers of progress go out, then what `run` and `finish` return, in a list."""
    try:
        part = Part(job)
        pipe.send([part.run(pipe.send)])
        pipe.send([part.finish(pipe.recv())])
    except CjstreamError as error:
        pipe.send((str(error), error.exit_code))
    except KeyboardInterrupt:
        pass  # the parent got it as well


def _gather(pipes: Sequence[Connection], show: Show) -> list[Any]:
    """Return the next result of each process; its progress is shown meanwhile."""
    results: dict[Any, Any] = {}
    while len(results) < len(pipes):
        for pipe in wait([pipe for pipe in pipes if pipe not in results]):
            assert isinstance(pipe, Connection)
            message = _received(pipe)
            if isinstance(message, int):
                show(message)
            else:
                [results[pipe]] = message
    return [results[pipe] for pipe in pipes]


def _received(pipe: Connection) -> Any:
    try:
        message = pipe.recv()
    except EOFError:
        raise Failed("a process that folded a part of the log died") from None
    if isinstance(message, tuple):
        text, code = message
        failed = Failed(text)
        failed.exit_code = code  # type: ignore[misc]  # that of the error over there
        raise failed
    return message
