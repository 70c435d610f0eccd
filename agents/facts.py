"""The agent of facts: numbers that belong to no customer, the last one per key."""

from typing import Any

from cjstream.stream.app import app, facts


@app.agent(facts, name="facts")
async def keep_facts(stream: Any) -> None:
    """Take each fact into the table of facts; what is none goes to the dead-letter topic before it is acked."""
    async for batch in stream.noack().events():
        await app.facts.take(batch.message.partition, batch.value)
        batch.ack()
