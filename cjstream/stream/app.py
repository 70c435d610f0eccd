"""Composition root: settings -> app, topics, table, agents. `faust -A cjstream.stream.app` works on it too.

Importing it opens no socket and reads no file but the environment: everything else waits for the worker's start.
"""

import asyncio
import gc
import logging
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import faust
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from cjstream import definitions, sentiment, settings
from cjstream.core.definition import JourneyDefinition
from cjstream.errors import CjstreamError, ConfigError, StateMismatch
from cjstream.kafka import require_topics, wait_for_broker
from cjstream.metrics import Metrics
from cjstream.ops import OpsServer
from cjstream.settings import Settings
from cjstream.stream import fact_gauges, gauges
from cjstream.stream.clock import Clock
from cjstream.stream.facts import FactTable
from cjstream.stream.fatal import RESTART, exit_code, give_up
from cjstream.stream.membership import Membership
from cjstream.stream.outbox import Outbox
from cjstream.stream.partitions import Partitions
from cjstream.stream.slot import Slot, take_slot
from cjstream.stream.stores import stores_of
from cjstream.stream.table import StageTable, StageTables
from cjstream.stream.transport import BatchSchema, BatchTransport
from cjstream.stream.watchdog import Watchdog

log = logging.getLogger("cjstream")

AGENTS = ("cjstream.agents.touchpoints", "cjstream.agents.facts")  # a package scan turns import errors into warnings
HEARTBEATS_PER_SESSION = 5
START_SECONDS = 60.0
BUFFERED_CHUNKS = 16  # of all partitions, between fetch and agent
FETCH_BYTES = 4 << 20  # per partition and fetch
POLL_RECORDS = 16_000
A_WEEK_SECONDS = 604_800.0


class JourneyApp(faust.App):  # type: ignore[misc]
    """A Faust app whose topics with our schema carry batches, and whose state is kept by our protocol."""

    slot: Slot | None = None
    partition_count = 0  # of each topic but that of facts, known from the start on
    first_slot = 0  # where the search for a free one begins
    announce: Callable[[int, int], None] | None = None  # told the port of metrics and the partition count

    def __init__(self, config: Settings, **options: Any) -> None:
        self.settings = config
        self.metrics = Metrics()
        self.batched_topics = {config.touchpoints, config.state_changelog, config.facts}
        self.membership = Membership(config.kafka_session_timeout_seconds, config.publish_timeout_seconds)
        super().__init__(config.app_id, **_faust_settings(config), **options)
        self.outbox = Outbox(config, self.membership.confirm)
        self.partitions = Partitions(config, self.metrics, self.outbox)
        self.partitions.pause = self._pause
        self.facts = FactTable(
            config,
            self.metrics,
            self.outbox,
            committed=lambda number: self.consumer.committed(TP(config.facts, number)),
            dead_letters=lambda: self.partition_count,
        )
        self.clock = Clock(self.partitions, config.touchpoints, lambda: self.consumer)
        self.watchdog = Watchdog(lambda: gauges.progress(self))
        self.ops = OpsServer(
            self.metrics,
            lambda: gauges.ready(self),
            lambda: gauges.alive(self),
            config.metrics_host,
            config.metrics_port,
        )

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _pause(self, number: int, is_full: bool) -> None:
        tp = TP(self.settings.touchpoints, number)
        (self.consumer.on_buffer_full if is_full else self.consumer.on_buffer_drop)(tp)

    async def on_first_start(self) -> None:
        """Check what must be right before any record is read, then start what is ours. A fault ends the process."""
        try:
            self.partitions.active = active = _definitions(self.settings.journey_files)
            if any(definition.asks_sentiment for definition in active):
                self.partitions.scorer = sentiment.load(self.settings.sentiment_scorer)
            self.slot = _take_slot(self.settings, self.first_slot)
            self.partitions.stores = stores_of(self.settings, self.metrics, self.slot.path)
            await wait_for_broker(self.settings.kafka_bootstrap_servers)
            self.partition_count = await require_topics(self.settings)
            self.conf.consumer_group_instance_id = f"{self.slot.member_id}-{self._topics_hash()}"
            port = self.ops.start()
        except CjstreamError as error:
            give_up(error.exit_code, str(error))
        gauges.register(self)
        fact_gauges.register(self)
        log.info("metrics and health at http://%s:%d/metrics", self.settings.metrics_host, port)
        if self.announce is not None:
            self.announce(port, self.partition_count)
        _calm_the_collector()
        await super().on_first_start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.add_runtime_dependency(self.outbox)
        except TimeoutError:
            give_up(RESTART, f"the producer did not start within {START_SECONDS:g} s; check the broker")
        await self.add_runtime_dependency(self.clock)
        await self.add_runtime_dependency(self.watchdog)

    def _topics_hash(self) -> str:
        """Name what is subscribed: a broker gives a static member its old assignment back, whatever it now asks for."""
        topics = {topic for agent in self.agents.values() for topic in agent.channel.topics}
        return blake2b(" ".join(sorted(topics | self.tables.changelog_topics)).encode(), digest_size=4).hexdigest()

    def require_same_counts(self) -> None:
        """Raise StateMismatch if input and changelog no longer have the same number of partitions."""
        counts = {
            topic: self.consumer.topic_partitions(topic)
            for topic in (self.settings.touchpoints, self.settings.state_changelog)
        }
        if len(set(counts.values())) > 1:
            raise StateMismatch(
                f"partition counts differ: {counts}",
                "take a new app id and run `cjstream topics create`, or restore the old count",
            )

    def on_rebalance_start(self) -> None:
        """Count the rebalance."""
        self.metrics.inc("cjstream_rebalances_total")
        super().on_rebalance_start()

    def _crash(self, reason: BaseException) -> None:
        """End at once: Faust would go on to a clean stop, with a code that tells nothing."""
        give_up(exit_code(reason), f"the worker failed: {reason!r}", reason)

    async def on_stop(self) -> None:
        """Drain, commit and leave; then let go of the port and the slot."""
        await super().on_stop()
        self.ops.stop()
        try:
            await self.partitions.close()
        except OSError as error:  # nothing is lost: the changelog has it all
            log.error("the local store could not be closed; the next start looks at it anew: %s", error)
        log.info("stopped: all work under way was finished and committed")


def _take_slot(config: Settings, first: int) -> Slot:
    try:
        return take_slot(config.data_dir, config.app_id, first)
    except OSError as error:
        raise ConfigError("CJSTREAM_DATA_DIR", str(config.data_dir), f"cannot be used: {error.strerror}") from None


def _calm_the_collector() -> None:
    """Collect cycles rarely: a batch makes some 20,000 objects, nearly all gone when it ends.

    With the default threshold of 700 the collector took 15 % of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def _definitions(names_or_paths: tuple[str, ...]) -> tuple[JourneyDefinition, ...]:
    loaded = [definitions.find(each) for each in names_or_paths] or [definitions.shipped()]
    names = [definition.journey for definition in loaded]
    for name, given in zip(names, names_or_paths, strict=False):
        if names.count(name) > 1:
            raise ConfigError("CJSTREAM_JOURNEYS", given, f"journey {name!r} is defined more than once")
    return tuple(loaded)


def _faust_settings(config: Settings) -> dict[str, Any]:
    session = config.kafka_session_timeout_seconds
    return {
        "broker": [f"kafka://{server}" for server in config.kafka_bootstrap_servers.split(",")],
        "store": "memory://",
        "TableManager": StageTables,
        "datadir": config.data_dir / config.app_id,
        "autodiscover": list(AGENTS),
        "agent_supervisor": CrashingSupervisor,  # fail-stop: a restarted agent would go on behind a gap
        "broker_session_timeout": session,
        "broker_heartbeat_interval": session / HEARTBEATS_PER_SESSION,
        "broker_commit_interval": 1.0,
        "broker_commit_every": None,  # a commit inside the fetch loop would stop the fetching
        "broker_max_poll_interval": A_WEEK_SECONDS,  # else a spare worker without partitions is expelled; see watchdog
        "broker_max_poll_records": POLL_RECORDS,
        "consumer_auto_offset_reset": "earliest",  # Faust's recovery seeks before the start with `latest`
        "consumer_max_fetch_size": FETCH_BYTES,
        "stream_buffer_maxsize": BUFFERED_CHUNKS,
        "stream_wait_empty": True,
        "table_standby_replicas": 0,  # a standby would read every changelog twice
        "topic_disable_leader": True,  # its idle topic would hold up every fetch
        "topic_allow_declare": False,  # `cjstream topics create` makes topics, with the right settings
        "web_enabled": False,
        "web_host": "127.0.0.1",
    }


app = JourneyApp(settings.load())
touchpoints = app.topic(app.settings.touchpoints, schema=BatchSchema(), internal=False)
facts = app.topic(app.settings.facts, schema=BatchSchema(), internal=False)
transitions = app.topic(app.settings.transitions, value_serializer="json", key_serializer="raw")
stages = app.tables.add(
    StageTable(
        app,
        name="stages",
        help="Current stages by customer id.",
        changelog_topic=app.topic(app.settings.state_changelog, schema=BatchSchema(), compacting=True),
        recovery_buffer_size=8,  # chunks; never 1: Faust then reads the changelog while running and puts old state back
    )
)
stages.partitions_held = app.partitions
