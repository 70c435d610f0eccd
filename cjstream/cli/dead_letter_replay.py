"""Rejected records sent to the input again: each once, however often the command is run or cut short."""

from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from typing import NamedTuple

from cjstream import kafka
from cjstream.cli.dead_letter_read import Choice, Found, Show, letters
from cjstream.ingest.letters import replay_headers, replay_note
from cjstream.kafka import AtomicSender, Row
from cjstream.settings import Settings

SENDER = "dead-letter-replay"
TOGETHER, TOGETHER_BYTES = 500, 4 << 20  # letters of one transaction, and the bytes of their values

SENT, BEFORE = "sent", "sent_before"
HASHED, ELSEWHERE, TOO_LARGE = "only_hash_kept", "topic_not_read", "too_large"
FAILED = {
    HASHED: "were too large to be kept; only hash and size are left",
    ELSEWHERE: "came from a topic or partition that this app does not read",
    TOO_LARGE: "do not fit with their coordinates: raise max.message.bytes of the input topic by some 500",
}
Pair = tuple[Row, Row]  # a record, and the note that it was sent


class _Input(NamedTuple):
    partitions: int
    limit_bytes: int  # of a record


async def replay(
    config: Settings, choice: Choice, limit: int | None, show: Show, sender: AtomicSender | None
) -> Counter[str]:
    """Send the chosen letters to the input, at most `limit`; return how many were sent, and how many not and why.

    Record and note are one transaction, and the sender was entered before any note is read: so none is sent twice.
    Without a sender it is only counted.
    """
    counts: Counter[str] = Counter()
    inputs = await _inputs(config)
    pairs = list[Pair]()
    async with aclosing(letters(config, choice, show)) as found:
        async for each in found:
            if limit is not None and counts[SENT] + len(pairs) >= limit:
                break
            pair = _pair(config, each)
            obstacle = _obstacle(each, pair[0], inputs)
            if obstacle is not None:
                counts[obstacle] += 1
                continue
            pairs.append(pair)
            if len(pairs) == TOGETHER or sum(len(row.value or b"") for row, _ in pairs) > TOGETHER_BYTES:
                counts += await _send(sender, pairs)
                pairs = []
    return counts + await _send(sender, pairs)


async def _inputs(config: Settings) -> dict[str, _Input]:
    names = (config.touchpoints, config.facts)
    limits = await kafka.record_limits(config, names)
    return {name: _Input(await kafka.partition_count(config, name), limits[name]) for name in names}


def _obstacle(found: Found, row: Row, inputs: Mapping[str, _Input]) -> str | None:
    if found.is_replayed:
        return BEFORE
    if not found.letter.is_whole:
        return HASHED
    place = inputs.get(row.topic)
    if place is None or row.partition >= place.partitions:
        return ELSEWHERE
    return TOO_LARGE if row.most_bytes() > place.limit_bytes else None


def _pair(config: Settings, found: Found) -> Pair:
    record, letter = found.record, found.letter
    topic, partition, _ = letter.origin
    return (
        Row(topic, partition, record.key, record.value, replay_headers(letter)),
        Row(config.dead_letter, record.partition, None, None, replay_note(found.identity)),
    )


async def _send(sender: AtomicSender | None, pairs: list[Pair]) -> Counter[str]:
    if pairs and sender is not None:
        await sender.send([row for pair in pairs for row in pair])
    return Counter({SENT: len(pairs)})
