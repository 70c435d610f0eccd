"""How long Kafka keeps what a topic holds, by the settings of the topic."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from cjstream.kafka.clients import admin_client
from cjstream.kafka.topics import topic_configs
from cjstream.settings import Settings

FOREVER_MS = (1 << 63) - 1
# With Kafka's defaults, for brokers that do not tell all of them.
DEFAULTS = {
    "cleanup.policy": "delete", "retention.ms": "604800000", "segment.ms": "604800000",
    "max.compaction.lag.ms": str(FOREVER_MS), "delete.retention.ms": "86400000",
}  # fmt: skip


class Keeping(NamedTuple):
    """What becomes of a topic's records, all times in milliseconds.

    `retention_ms`: the age at which they are deleted, None: never. `segment_ms`: how much older one may get, as files
    are deleted as a whole. `lag_ms`: how long a value may stay that a newer one of its key has replaced, None: there is
    no bound, or the topic is not compacted. `tombstone_ms`: how long a null stays after that.
    """

    is_compacted: bool
    retention_ms: int | None
    segment_ms: int
    lag_ms: int | None
    tombstone_ms: int


async def keeping(settings: Settings, topics: Iterable[str]) -> dict[str, Keeping]:
    """Return how each of these topics keeps its records. Needs the right to describe their settings."""
    async with admin_client(settings) as admin:
        return {topic: _keeping(await _configs(admin, topic)) for topic in topics}


async def _configs(admin: Any, topic: str) -> dict[str, str]:
    told = await topic_configs(admin, topic, DEFAULTS)
    return DEFAULTS | {key: value for key, value in told.items() if value is not None}


def _keeping(configs: dict[str, str]) -> Keeping:
    policies = configs["cleanup.policy"].split(",")
    retention_ms, lag_ms = int(configs["retention.ms"]), int(configs["max.compaction.lag.ms"])
    return Keeping(
        "compact" in policies,
        retention_ms if retention_ms >= 0 and "delete" in policies else None,
        int(configs["segment.ms"]),
        lag_ms if lag_ms < FOREVER_MS and "compact" in policies else None,
        int(configs["delete.retention.ms"]),
    )
