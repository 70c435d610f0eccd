"""Kafka for commands and tests: topics, positions, reading, bulk sending.

Beside stream/ the only importer of aiokafka. Every function closes its clients before it returns, and raises
BrokerUnreachable when it finds no broker.
"""

from cjstream.kafka.atomic import AtomicSender, Row
from cjstream.kafka.clients import wait_for_broker
from cjstream.kafka.copies import why_not_written
from cjstream.kafka.keeping import Keeping, keeping
from cjstream.kafka.placing import send_record, send_to
from cjstream.kafka.positions import (
    STOP_WORKERS,
    Position,
    commit_offsets,
    committed_offsets,
    group_members,
    group_positions,
    unowned_partitions,
)
from cjstream.kafka.reading import Found, Span, read_batches, read_topic, records_at, records_between, topic_spans
from cjstream.kafka.rights import DENIED, denied
from cjstream.kafka.sending import BulkSender, SendRefused
from cjstream.kafka.topics import (
    MAX_COMPACTION_LAG_MS,
    RECORD_LIMIT_BYTES,
    TopicSpec,
    alike,
    check_topics,
    create_topics,
    is_losing_facts,
    partition_count,
    partition_of,
    record_limits,
    require_rights,
    require_topics,
    small_topics,
    tombstone_retention_ms,
    topic_specs,
    unbounded_topics,
)

__all__ = [
    "DENIED",
    "MAX_COMPACTION_LAG_MS",
    "RECORD_LIMIT_BYTES",
    "STOP_WORKERS",
    "AtomicSender",
    "BulkSender",
    "Found",
    "Keeping",
    "Position",
    "Row",
    "SendRefused",
    "Span",
    "TopicSpec",
    "alike",
    "check_topics",
    "commit_offsets",
    "committed_offsets",
    "create_topics",
    "denied",
    "group_members",
    "group_positions",
    "is_losing_facts",
    "keeping",
    "partition_count",
    "partition_of",
    "read_batches",
    "read_topic",
    "record_limits",
    "records_at",
    "records_between",
    "require_rights",
    "require_topics",
    "send_record",
    "send_to",
    "small_topics",
    "tombstone_retention_ms",
    "topic_spans",
    "topic_specs",
    "unbounded_topics",
    "unowned_partitions",
    "wait_for_broker",
    "why_not_written",
]
