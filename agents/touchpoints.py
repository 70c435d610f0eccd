"""The main agent: touchpoints in, stages kept, transitions out."""

from typing import Any

from cjstream.stream.app import app, touchpoints


@app.agent(touchpoints, name="touchpoints")
async def keep_stages(stream: Any) -> None:
    """Advance each touchpoint's customer, in the order of the partition, and let what follows become durable.

    A batch is a chunk of one partition's records. It is acked by the publisher, when nothing of it can be lost.
    """
    async for batch in stream.noack().events():
        partition = app.partitions[batch.message.partition]
        items = partition.decode(batch.value)  # consume
        partition.advance(items, batch.value)  # read and change the customers' rows of the table
        partition.publish(batch.value, done=batch.ack)
        app.partitions.weigh(partition.number)
