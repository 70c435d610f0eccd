"""Facts read for a report: those of a file, or of the topic of the settings; the last one per key wins."""

import asyncio
import gzip
import zlib
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import IO, cast

from cjstream import kafka, settings
from cjstream.cli.replay_plan import TOPIC
from cjstream.core.facts import Fact, Facts, Withdrawal
from cjstream.core.touchpoint import Rejection
from cjstream.errors import ConfigError
from cjstream.ingest.facts import decode_fact, read_fact


def read_facts(source: str | None) -> tuple[Facts, Counter[str]]:
    """Return the facts of a file of JSON lines (also .gz), of TOPIC or of nothing; and what was none, by reason."""
    facts, rejected = Facts(), Counter[str]()
    if source == TOPIC:
        asyncio.run(_read_topic(facts, rejected))
    elif source is not None:
        _read_file(source, facts, rejected)
    return facts, rejected


def _read_file(source: str, facts: Facts, rejected: Counter[str]) -> None:
    try:
        with Path(source).open("rb") as raw:
            lines = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if source.endswith(".gz") else raw
            for line in lines:
                if line.strip():
                    _take(read_fact(line.rstrip(b"\r\n")), facts, rejected)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError("--facts", source, f"cannot be read: {error}") from error


async def _read_topic(facts: Facts, rejected: Counter[str]) -> None:
    config = settings.load()
    async with aclosing(kafka.read_topic(config, config.facts)) as records:
        async for record in records:
            _take(decode_fact(record.key, record.value), facts, rejected)


def _take(found: Fact | Withdrawal | Rejection, facts: Facts, rejected: Counter[str]) -> None:
    if isinstance(found, Rejection):
        rejected[found.reason] += 1
    elif isinstance(found, Withdrawal):
        facts.forget(found.key)
    else:
        facts.take(found)
