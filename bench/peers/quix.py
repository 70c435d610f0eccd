"""The peer: Quix Streams, doing per touchpoint what a cjstream worker does, by the same codec and engine.

State is in its RocksDB store with a changelog, at least once. It promises less: after a crash outputs repeat, and the
state goes back to the last commit only as far as compaction has left the older values in the changelog. And it writes
more: where a customer stands after each touchpoint that changes it, where a worker sends it once per batch. Its
settings are tuned.
"""

import gc
from collections.abc import Iterator
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models import Serializer

from cjstream import definitions, settings
from cjstream.core.engine import REPLAYED, Journeys, advance
from cjstream.core.outputs import StageTransition
from cjstream.core.state import decode_state
from cjstream.core.state import encode as encode_state
from cjstream.core.touchpoint import Touchpoint
from cjstream.ingest.codec import WireRecord, decode, encode
from cjstream.metrics import Metrics

CONSUMER = {
    "queued.min.messages": 200_000,  # keep the client's buffer full
    "fetch.message.max.bytes": 4 << 20,
}
PRODUCER = {
    "partitioner": "murmur2_random",  # the same partition as the input, as Java and aiokafka choose it
    "linger.ms": 100,  # the default of 5 sends many small batches
    "batch.size": 1 << 20,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 1_000_000,
}
config = settings.load()
app = Application(
    broker_address=config.kafka_bootstrap_servers,
    consumer_group=config.app_id,
    state_dir=config.data_dir,
    auto_offset_reset="earliest",
    processing_guarantee="at-least-once",
    commit_interval=1.0,  # the default of 5.0 holds more in memory; speed is read off the commits
    consumer_extra_config=CONSUMER,
    producer_extra_config=PRODUCER,
    loglevel="WARNING",
)
journeys = Journeys.of([definitions.find(config.journeys or definitions.DEFAULT)])
metrics = Metrics()
max_skew_ms = int(config.max_skew_seconds * 1000)


class RecordValue(Serializer):  # type: ignore[misc]
    """Takes the bytes out of a record that is encoded already."""

    def __call__(self, value: WireRecord, ctx: Any) -> bytes | None:  # noqa: ARG002 - as Quix calls it
        """Return the bytes."""
        return value.value


def keep_stages(value: bytes, key: bytes, timestamp: int, _: Any, state: Any) -> Iterator[WireRecord]:
    """Advance the touchpoint's customer and return what follows."""
    item = decode(key, value, timestamp, max_skew_ms)
    assert isinstance(item, Touchpoint), "the generated population has no bad touchpoint"
    held = state.get_bytes("state")
    step = advance(decode_state(held) if held else None, item, (0, message_context().offset), journeys)
    if step.verdict == REPLAYED:
        return
    metrics.inc("cjstream_touchpoints_total", (step.verdict,))
    if step.state is not None:
        state.set_bytes("state", encode_state(step.state))
    for output in step.outputs:
        if isinstance(output, StageTransition):
            labels = (output.journey, output.from_stage or "none", output.to_stage or "none", output.kind)
            metrics.inc("cjstream_transitions_total", labels)
        yield encode(output, config.app_id)


def main() -> None:
    """Run until a signal."""
    gc.set_threshold(200_000, 50, 100)  # as a cjstream worker does
    kinds = {"key_serializer": "bytes", "value_serializer": RecordValue()}
    outputs = {
        "transitions": app.topic(config.transitions, **kinds),
        "stage_current": app.topic(config.stage_current, **kinds),
        "signals": app.topic(config.signals, **kinds),
    }
    touchpoints = app.topic(config.touchpoints, key_deserializer="bytes", value_deserializer="bytes")
    records = app.dataframe(touchpoints).apply(keep_stages, stateful=True, expand=True, metadata=True)
    records = records.set_headers(lambda record, *_: record.headers)
    records.to_topic(lambda record, *_: outputs[record.topic])
    app.run()


if __name__ == "__main__":
    main()
