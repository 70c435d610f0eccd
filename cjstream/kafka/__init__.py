"""Kafka for commands and tests: topics, positions, reading, bulk sending.

Beside stream/ the only importer of aiokafka. Every function closes its clients before it returns, and raises
BrokerUnreachable when it finds no broker.
"""

from cjstream.kafka.clients import wait_for_broker
from cjstream.kafka.positions import Position, group_positions
from cjstream.kafka.reading import Found, Span, read_batches, read_topic, records_at, topic_spans
from cjstream.kafka.sending import BulkSender, SendRefused
from cjstream.kafka.topics import (
    RECORD_LIMIT_BYTES,
    TopicSpec,
    alike,
    check_topics,
    create_topics,
    is_losing_facts,
    partition_count,
    partition_of,
    require_topics,
    small_topics,
    tombstone_retention_ms,
    topic_specs,
)

__all__ = [
    "RECORD_LIMIT_BYTES",
    "BulkSender",
    "Found",
    "Position",
    "SendRefused",
    "Span",
    "TopicSpec",
    "alike",
    "check_topics",
    "create_topics",
    "group_positions",
    "is_losing_facts",
    "partition_count",
    "partition_of",
    "read_batches",
    "read_topic",
    "records_at",
    "require_topics",
    "small_topics",
    "tombstone_retention_ms",
    "topic_spans",
    "topic_specs",
    "wait_for_broker",
]
