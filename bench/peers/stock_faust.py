"""The peer: a stock Faust agent that does per touchpoint what a cjstream worker does, by the same codec and engine.

Configured by the same environment. No class of Faust is replaced and nothing private is touched. As it comes, only
what it needs is set; with the argument `tuned`, all settings that make it faster.
"""

import gc
import logging
import sys
from typing import Any

import faust

from bench.common import PARTITIONS
from cjstream import definitions, settings
from cjstream.core.engine import REPLAYED, Journeys, advance
from cjstream.core.outputs import StageTransition
from cjstream.core.state import decode_state
from cjstream.core.state import encode as encode_state
from cjstream.core.touchpoint import Touchpoint
from cjstream.ingest.codec import decode, encode
from cjstream.metrics import Metrics

config = settings.load()
TUNED = {
    "topic_disable_leader": True,  # else its idle topic holds up fetches for 1.5 s
    "stream_buffer_maxsize": 65_536,  # the default of 4,096 pauses the fetching for a second at a time
    "consumer_max_fetch_size": 4 << 20,
    "broker_max_poll_records": 16_000,
    "broker_commit_interval": 1.0,
    "broker_commit_every": None,  # a commit inside the fetch loop would stop the fetching
    "producer_max_batch_size": 1 << 20,  # the default of 16 KiB limits a partition to that per round trip
}
app = faust.App(
    config.app_id,
    broker=f"kafka://{config.kafka_bootstrap_servers}",
    store="memory://",
    datadir=config.data_dir,
    topic_partitions=PARTITIONS,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
    **(TUNED if sys.argv[1:] == ["tuned"] else {}),
)
touchpoints = app.topic(config.touchpoints, key_type=bytes, value_type=bytes, value_serializer="raw")
outputs = {
    "transitions": app.topic(config.transitions, value_serializer="raw"),
    "stage_current": app.topic(config.stage_current, value_serializer="raw"),
    "signals": app.topic(config.signals, value_serializer="raw"),
}
states = app.Table("states", key_type=bytes, value_type=bytes, partitions=PARTITIONS)
journeys = Journeys.of([definitions.find(config.journeys or definitions.DEFAULT)])
metrics = Metrics()
max_skew_ms = int(config.max_skew_seconds * 1000)


async def keep_stages(stream: Any) -> None:
    """Advance each touchpoint's customer and send what follows."""
    async for event in stream.events():
        message = event.message
        item = decode(message.key, message.value, int(message.timestamp * 1000), max_skew_ms)
        assert isinstance(item, Touchpoint), "the generated population has no bad touchpoint"
        held = states.get(message.key)
        step = advance(decode_state(held) if held else None, item, (0, message.offset), journeys)
        if step.verdict == REPLAYED:
            continue
        metrics.inc("cjstream_touchpoints_total", (step.verdict,))
        for output in step.outputs:
            record = encode(output, config.app_id)
            await outputs[record.topic].send(key=record.key, value=record.value, headers=list(record.headers))
            if isinstance(output, StageTransition):
                labels = (output.journey, output.from_stage or "none", output.to_stage or "none", output.kind)
                metrics.inc("cjstream_transitions_total", labels)
        if step.state is not None:
            states[message.key] = encode_state(step.state)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if sys.argv[1:] == ["tuned"]:
        gc.set_threshold(200_000, 50, 100)  # as a cjstream worker does
    app.agent(touchpoints, name="stock")(keep_stages)
    worker = faust.Worker(app, loglevel=None, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()
