"""Composition root: settings -> app, topics, table, agents. `faust -A cjstream.stream.app` works on it too.

Importing it opens no socket and reads no file but those of secrets and certificates: all else waits for the start.
"""

import gc
import os
from collections.abc import Callable, Iterable
from hashlib import blake2b
from time import monotonic
from typing import Any

import faust
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from cjstream import __version__, definitions, discretion, sentiment, settings
from cjstream.core.definition import JourneyDefinition
from cjstream.discretion import said
from cjstream.errors import CjstreamError, ConfigError
from cjstream.kafka import require_rights, require_topics, wait_for_broker
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.ops import OpsServer, read_token
from cjstream.settings import Settings
from cjstream.stream import fact_gauges, gauges, liveness
from cjstream.stream.clock import Clock
from cjstream.stream.credentials import credentials
from cjstream.stream.facts import FactTable
from cjstream.stream.fatal import exit_code, give_up
from cjstream.stream.intake import Intake
from cjstream.stream.lookout import Lookout, count_changed
from cjstream.stream.membership import Membership
from cjstream.stream.outbox import REQUEST_SECONDS, Outbox
from cjstream.stream.partitions import Partitions
from cjstream.stream.readiness import Readiness
from cjstream.stream.slot import Slot, take_slot
from cjstream.stream.stores import stores_of
from cjstream.stream.sweep import Sweep
from cjstream.stream.table import StageTable, StageTables
from cjstream.stream.transport import BatchSchema, BatchTransport
from cjstream.stream.watchdog import Watchdog

AGENTS = ("cjstream.agents.touchpoints", "cjstream.agents.facts")  # a package scan turns import errors into warnings
HEARTBEATS_PER_SESSION = 5
START_SECONDS = 60.0  # for each step of the start
KAFKA_SECONDS = 120.0  # for the broker to answer, which it has 60 s for, and to tell of its topics
STOP_MARGIN_SECONDS = 10.0  # beyond the drain: a last commit, leaving the group, closing the stores
BUFFERED_CHUNKS = 16  # of all partitions, between fetch and agent
FETCH_BYTES = 4 << 20  # per partition and fetch
POLL_RECORDS = 16_000
A_WEEK_SECONDS = 604_800.0


class JourneyApp(faust.App):  # type: ignore[misc]
    """A Faust app whose topics with our schema carry batches, and whose state is kept by our protocol."""

    slot: Slot | None = None
    partition_count = 0  # of each topic but that of facts, known from the start on
    first_slot = 0  # where the search for a free one begins
    _rebalancing_since: float | None = None
    announce: Callable[[int, int], None] | None = None  # told the port of metrics and the partition count

    def __init__(self, config: Settings, **options: Any) -> None:
        self.settings = config
        self.metrics = Metrics()
        self.batched_topics = {config.touchpoints, config.state_changelog, config.facts}
        self.membership = Membership(config.kafka_session_timeout_seconds, config.publish_timeout_seconds)
        super().__init__(config.app_id, **_faust_settings(config), **options)
        self.outbox = Outbox(config, self.membership.confirm)
        self.membership.on_silence = self.outbox.reconnect
        self.partitions = Partitions(config, self.metrics, self.outbox)
        self.partitions.pause = self._pause
        self.partitions.check_input = Intake(config, self.metrics, self._committed).check
        self.partitions.current_ends = self._current_ends
        self.facts = FactTable(
            config,
            self.metrics,
            self.outbox,
            committed=lambda number: self.consumer.committed(TP(config.facts, number)),
            dead_letters=lambda: self.partition_count,
        )
        self.clock = Clock(self.partitions, config.touchpoints, lambda: self.consumer)
        self.sweep = Sweep(self.partitions, config, lambda: self.consumer)
        self.lookout = Lookout(self)
        self.watchdog = Watchdog(lambda: liveness.waits(self))
        self.readiness = Readiness(lambda: gauges.ready(self), lambda: self.should_stop)
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

    async def _committed(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return the committed offsets of input partitions, of those that have one."""
        asked = [TP(self.settings.touchpoints, number) for number in numbers]
        return {tp.partition: offset for tp, offset in (await self.consumer.committed_offsets(asked)).items()}

    async def _current_ends(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return where partitions of the current stages end."""
        asked = [TP(self.settings.stage_current, number) for number in numbers]
        return {tp.partition: end for tp, end in (await self.consumer.stable_ends(asked)).items()}

    async def on_first_start(self) -> None:
        """Check what must be right before any record is read, then start what is ours. A fault ends the process."""
        discretion.install(lambda error: tell("uncaught", traced=error, why=error))
        try:
            with self.watchdog.limit("loading journeys, scorer and stores", START_SECONDS):
                self.slot = self._load()
            with self.watchdog.limit("asking Kafka for its topics", KAFKA_SECONDS):
                await wait_for_broker(self.settings)
                await require_rights(self.settings)
                self.partition_count = self.partitions.count = await require_topics(self.settings)
            self.conf.consumer_group_instance_id = f"{self.slot.member_id}-{self._topics_hash()}"
            port = self.ops.start(read_token(self.settings))
        except CjstreamError as error:
            give_up(error.exit_code, str(error))
        gauges.register(self)
        fact_gauges.register(self)
        self._tell_start()
        tell("pages_open", host=self.settings.metrics_host, port=port)
        if self.announce is not None:
            self.announce(port, self.partition_count)
        _calm_the_collector()
        with self.watchdog.limit("loading the agents", START_SECONDS):
            await super().on_first_start()
        with self.watchdog.limit("connecting to Kafka for writing", START_SECONDS):
            await self.add_runtime_dependency(self.outbox)
        for service in (self.clock, self.sweep, self.lookout, self.watchdog, self.readiness):
            await self.add_runtime_dependency(service)

    def _load(self) -> Slot:
        """Take what is on this machine: definitions, scorer, stores, and the slot, which is returned."""
        self.partitions.active = active = _definitions(self.settings.journey_files)
        if any(definition.asks_sentiment for definition in active):
            self.partitions.scorer = sentiment.load(self.settings.sentiment_scorer)
        slot = _take_slot(self.settings, self.first_slot)
        self.partitions.stores = stores_of(self.settings, self.metrics, slot.path)
        return slot

    def _tell_start(self) -> None:
        config = self.settings
        tell(
            "started",
            version=__version__,
            app_id=config.app_id,
            journeys={each.journey: each.hash for each in self.partitions.active},
            partitions=self.partition_count,
            store=config.store,
            brokers=config.kafka_bootstrap_servers,
            security=config.kafka_security_protocol,
            topics=config.topic_names,
            data_dir=str(config.data_dir),
        )

    def _topics_hash(self) -> str:
        """Name what is subscribed: a broker gives a static member its old assignment back, whatever it now asks for."""
        topics = {topic for agent in self.agents.values() for topic in agent.channel.topics}
        return blake2b(" ".join(sorted(topics | self.tables.changelog_topics)).encode(), digest_size=4).hexdigest()

    def require_same_counts(self) -> None:
        """Raise StateMismatch if input or changelog no longer has the partition count of the start."""
        for topic in (self.settings.touchpoints, self.settings.state_changelog):
            count = self.consumer.topic_partitions(topic)
            if count not in {None, self.partition_count}:  # None: not known yet
                raise count_changed(topic, self.partition_count, count)

    def on_rebalance_start(self) -> None:
        """Count the rebalance. Called on the consumer's thread."""
        self.metrics.inc("cjstream_rebalances_total")
        self._rebalancing_since = self._rebalancing_since or monotonic()  # one within another is one time without input
        super().on_rebalance_start()

    def on_rebalance_end(self) -> None:
        """Note how long there was no input."""
        super().on_rebalance_end()
        since, self._rebalancing_since = self._rebalancing_since, None
        if since is not None:
            self.metrics.observe("cjstream_rebalance_seconds", monotonic() - since)

    def _crash(self, reason: BaseException) -> None:
        """End at once: Faust would go on to a clean stop, with a code that tells nothing."""
        give_up(exit_code(reason), f"the worker failed: {said(reason)}", reason)

    async def on_stop(self) -> None:
        """Drain, commit and leave; then let go of the port and the slot. From here on the process must end in time."""
        self.watchdog.begin("the stop", self.settings.drain_timeout_seconds + STOP_MARGIN_SECONDS)
        await super().on_stop()
        self.ops.stop()
        try:
            await self.partitions.close()
        except OSError as error:  # nothing is lost: the changelog has it all
            tell("store_not_closed", why=error)
        tell("stopped")


def _take_slot(config: Settings, first: int) -> Slot:
    os.umask(0o077)  # from here on, what this process writes is for its user alone: the stores hold customers
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
        "broker_credentials": credentials(config),
        "store": "memory://",
        "TableManager": StageTables,
        "datadir": config.data_dir / config.app_id,
        "autodiscover": list(AGENTS),
        "agent_supervisor": CrashingSupervisor,  # fail-stop: a restarted agent would go on behind a gap
        "broker_session_timeout": session,
        "broker_request_timeout": max(session, REQUEST_SECONDS),
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
