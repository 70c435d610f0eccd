"""With another input topic under the same app id, old fences took new touchpoints for replays: dropped in silence."""

from types import SimpleNamespace
from typing import Any

import pytest

from cjstream import definitions
from cjstream.core.state import POSITION_KEY, Position, encode, hash_of_secret
from cjstream.errors import StateMismatch
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream.partitions import Partitions


async def opened(topic: str) -> Partitions:
    outbox: Any = SimpleNamespace()
    settings = load({})
    partitions = Partitions(settings, Metrics(), outbox)
    partitions.active = (definitions.shipped(),)
    await partitions.keep({0})
    position = Position((0, 9), topic=topic, secret_hash=hash_of_secret(settings.erasure_secret))
    record: Any = SimpleNamespace(key=POSITION_KEY, value=encode(position), offset=3)
    partitions.restore(0, [record])
    await partitions.open([0])
    return partitions


@pytest.mark.asyncio
async def test_state_of_another_input_topic_is_refused() -> None:
    with pytest.raises(StateMismatch, match="made of topic elsewhere"):
        await opened("elsewhere")


@pytest.mark.asyncio
async def test_state_of_this_input_topic_is_taken() -> None:
    partitions = await opened("touchpoints")
    assert partitions.changelog_offset(0) == 3
    await partitions.keep(set())
