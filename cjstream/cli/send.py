"""`cjstream send`."""

import asyncio
import gzip
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from cjstream import kafka, settings
from cjstream.core.facts import key_of as facts_key_of
from cjstream.core.touchpoint import Rejection
from cjstream.errors import ConfigError
from cjstream.ingest.codec import loads
from cjstream.ingest.facts import read_fact
from cjstream.settings import Settings

Key = Callable[[bytes], bytes | None]

CHUNK_BYTES = 1 << 19
CHUNKS_AHEAD = 4
SHOWN_BYTES = 200  # of a line at fault
NAP_SECONDS = 0.002  # with --rate: pacing every record would cost more than a nap this short


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=None,
              help="Records a second; default: as fast as the broker takes them.")  # fmt: skip
@click.option("--facts", is_flag=True, help="The lines are facts: send them to the topic of facts.")
def command(file: str, rate: float | None, facts: bool) -> None:
    """Send JSON lines to the input topic. FILE may end in `.gz`; `-` is standard input.

    The bytes of a line are the value, unchanged and unchecked. Its `customer_id` is the key, if it is a
    string; other lines are spread over the partitions. Blank lines are skipped. Prints `sent N` when all
    are durable.

    With --facts the key is made of the fact's name, channel, campaign and day, and the first line that is
    no fact ends the command with 2; what was sent before it may be sent again.
    """
    config = settings.load()
    if facts:
        sent = asyncio.run(_send(file, rate, config, config.facts, fact_key))
    else:
        sent = asyncio.run(_send(file, rate, config, config.touchpoints, key_of))
    click.echo(f"sent {sent}")


def key_of(line: bytes) -> bytes | None:
    """Return the key of a touchpoint's JSON: its customer id in UTF-8; None if it has none that is a string."""
    try:
        found = loads(line)
    except ValueError:
        return None
    customer_id = found.get("customer_id") if isinstance(found, dict) else None
    return customer_id.encode() if isinstance(customer_id, str) else None


def fact_key(line: bytes) -> bytes:
    """Return the key of a fact's JSON. Raises ConfigError if it is no fact."""
    found = read_fact(line)
    if isinstance(found, Rejection):
        why = f"{found.reason}: {found.field}" if found.field else found.reason
        raise ConfigError("FILE", line[:SHOWN_BYTES].decode(errors="replace"), f"is no fact: {why}")
    return facts_key_of(found).encode()


async def _send(file: str, rate: float | None, config: Settings, topic: str, key: Key) -> int:
    partitions = await kafka.partition_count(config, topic, "Write")
    sent, started = 0, time.monotonic()
    with _progress(file) as show:
        async with kafka.BulkSender(config, topic, partitions) as sender:
            async for lines in _lines(file):
                for line in lines:
                    if rate and (ahead := started + sent / rate - time.monotonic()) > NAP_SECONDS:
                        await sender.hand_over()
                        await asyncio.sleep(ahead)
                    await sender.add(key(line), line)
                    sent += 1
                await sender.hand_over()  # a pipe may be silent for long now
                show(sum(map(len, lines)) + len(lines))
    return sent


async def _lines(file: str) -> AsyncIterator[list[bytes]]:
    """Yield the lines that are not blank, without their newline, some at a time."""
    rest = b""
    async for chunk in _chunks(file):
        *lines, rest = (rest + chunk).split(b"\n")
        yield [line for line in lines if line.strip()]
    if rest.strip():
        yield [rest]


async def _chunks(file: str) -> AsyncIterator[bytes]:
    """Yield the content as it comes, read in a thread: a silent pipe then holds up neither sends nor Ctrl-C."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | Exception] = asyncio.Queue(CHUNKS_AHEAD)

    def put(item: bytes | Exception) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def pump() -> None:
        try:
            with _open(file) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    put(chunk)
            put(b"")
        except (OSError, EOFError, zlib.error) as error:
            put(error)

    threading.Thread(target=pump, daemon=True).start()
    while item := await queue.get():
        if isinstance(item, Exception):
            raise ConfigError("FILE", file, f"cannot be read: {item}") from item
        yield item


def _open(file: str) -> IO[bytes]:
    if file == "-":  # unbuffered: a read returns what the pipe has
        return open(0, "rb", buffering=0, closefd=False)
    return cast("IO[bytes]", gzip.open(file)) if file.endswith(".gz") else Path(file).open("rb")


@contextmanager
def _progress(file: str) -> Iterator[Callable[[int], None]]:
    """Yield what takes the count of bytes sent: a bar on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    total = None if file == "-" or file.endswith(".gz") else Path(file).stat().st_size
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("sending", total=total)
        yield lambda count: bar.advance(task, count)
