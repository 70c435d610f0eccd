"""Why a partition takes no writes: no leader, or too few copies in sync."""

from cjstream.errors import StateMismatch
from cjstream.kafka.clients import admin_client
from cjstream.kafka.rights import CREATE_TOPICS
from cjstream.kafka.topics import topic_config
from cjstream.kafka.wire import TopicsRequest
from cjstream.settings import Settings

NO_LEADER = -1


async def why_not_written(settings: Settings, topic: str, partition: int) -> str | None:
    """Return what keeps a partition from being written, with what to do; None: nothing that Kafka tells of.

    Raises StateMismatch if there is no such partition, BrokerUnreachable, or NotAuthorised.
    """
    async with admin_client(settings) as admin:
        [(_code, _topic, _internal, partitions, _operations)] = (
            await admin._send_request(TopicsRequest([topic]))
        ).topics
        found = {number: (leader, copies, in_sync) for _, number, leader, _, copies, in_sync, _ in partitions}
        if partition not in found:
            what = f"no topic {topic}" if not found else f"topic {topic} has no partition {partition}"
            raise StateMismatch(what, CREATE_TOPICS)
        leader, copies, in_sync = found[partition]
        if leader == NO_LEADER:
            return f"partition {partition} of {topic} has no leader: start the brokers that hold it"
        # More than there are copies is never asked for.
        needed = min(len(copies), int(await topic_config(admin, topic, "min.insync.replicas")))
    if len(in_sync) < needed:
        return (
            f"partition {partition} of {topic} takes writes with {needed} copies in sync and has {len(in_sync)}: "
            "start the missing brokers, or lower its min.insync.replicas"
        )
    return None
