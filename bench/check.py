"""Whether all peers do the same work: what they make of the same input, record by record."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from cjstream.ingest.codec import loads
from cjstream.kafka import read_topic
from cjstream.settings import Settings

Told = dict[tuple[str, ...], dict[str, Any]]  # by kind, customer and what else tells records apart


def told(config: Settings) -> Told:
    """Return what an app sent, without ids, which Kafka Streams hashes by other means; of current stages the last one.

    Raises RuntimeError if a transition was sent twice.
    """
    found: Told = {}
    for value in asyncio.run(_values(config, config.transitions)):
        place = ("transition", value["customer_id"], str(value["sequence"]))
        if found.setdefault(place, value | {"transition_id": ""})["cause"] is not value["cause"]:
            raise RuntimeError(f"sequence {value['sequence']} of {value['customer_id']} was sent twice")
    for value in asyncio.run(_values(config, config.signals)):
        found["signal", value["customer_id"], value["kind"], value["since"]] = value | {"signal_id": ""}
    for value in asyncio.run(_values(config, config.stage_current)):
        found["current", value["customer_id"]] = value
    return found


def transitions(found: Told) -> int:
    """Return how many transitions there are."""
    return sum(kind == "transition" for kind, *_ in found)


def difference(own: Mapping[Any, Any], other: Mapping[Any, Any]) -> str:
    """Return how the records of two peers differ, empty if they do not."""
    unequal = [place for place in own.keys() | other.keys() if own.get(place) != other.get(place)]
    if not unequal:
        return ""
    first = min(unequal)
    return f"{len(unequal):,} differ, the first: {own.get(first)} and {other.get(first)}"


async def _values(config: Settings, topic: str) -> list[dict[str, Any]]:
    async with aclosing(read_topic(config, topic)) as records:
        return [loads(record.value) async for record in records if record.value is not None]
