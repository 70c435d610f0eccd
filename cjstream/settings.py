"""SETTINGS: what can be set, in one table, and the frozen object made of it. The only reader of the environment."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from cjstream.errors import ConfigError

Value = str | int | float | Path
LEGAL_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")  # Kafka's own rule for topics, less room for our suffixes


def _name(text: str) -> str:
    if not LEGAL_NAME.fullmatch(text):
        raise ValueError("use 1 to 200 letters, digits, '.', '_' or '-'")
    return text


def _prefix(text: str) -> str:
    return text and _name(text)


def _servers(text: str) -> str:
    ports = re.findall(r":(\d{1,5})(?:,|$)", text)
    if not re.fullmatch(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*", text) or max(map(int, ports)) > 65535:
        raise ValueError("use host:port, several separated by commas")
    return text


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"use a number from {low:g} to {high:g}")
        return value

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"use a whole number from {low} to {high}")
        return int(text)

    return parse


def _factor(text: str) -> int:
    value = _integer(-1, 9)(text)
    if value == 0:
        raise ValueError("use -1 or a whole number from 1 to 9")
    return value


def _text(text: str) -> str:
    return text


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError("use " + " or ".join(map(repr, words)))
        return text

    return parse


class Setting(NamedTuple):
    """One row: the field of `Settings`, its environment name, default text, parser and one line of help."""

    field: str
    env: str
    default: str
    parse: Callable[[str], Value]
    help: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "kafka_bootstrap_servers",
        "CJSTREAM_KAFKA__BOOTSTRAP_SERVERS",
        "127.0.0.1:9092",
        _servers,
        "Kafka brokers, host:port, several separated by commas.",
    ),
    Setting(
        "kafka_replication_factor",
        "CJSTREAM_KAFKA__REPLICATION_FACTOR",
        "-1",
        _factor,
        "Copies of each topic that `topics create` makes; -1 takes the broker's default.",
    ),
    Setting(
        "kafka_session_timeout_seconds",
        "CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS",
        "10",
        _number(6, 300),
        "Seconds without a heartbeat after which the group gives a worker's partitions away.",
    ),
    Setting(
        "app_id",
        "CJSTREAM_APP_ID",
        "cjstream",
        _name,
        "Name of the app: its consumer group, the source of its transitions, the prefix of its changelog.",
    ),
    Setting(
        "topics_prefix",
        "CJSTREAM_TOPICS__PREFIX",
        "",
        _prefix,
        "Put before the default topic names, such as `shop.`.",
    ),
    Setting(
        "topics_touchpoints",
        "CJSTREAM_TOPICS__TOUCHPOINTS",
        "",
        _prefix,
        "Input topic; empty: prefix + touchpoints.",
    ),
    Setting(
        "topics_transitions",
        "CJSTREAM_TOPICS__TRANSITIONS",
        "",
        _prefix,
        "Stage transitions; empty: prefix + transitions.",
    ),
    Setting(
        "topics_stage_current",
        "CJSTREAM_TOPICS__STAGE_CURRENT",
        "",
        _prefix,
        "Current stages, compacted; empty: prefix + stage.current.",
    ),
    Setting("topics_signals", "CJSTREAM_TOPICS__SIGNALS", "", _prefix, "Signals; empty: prefix + signals."),
    Setting(
        "topics_dead_letter",
        "CJSTREAM_TOPICS__DEAD_LETTER",
        "",
        _prefix,
        "Rejected input; empty: prefix + dead-letter.",
    ),
    Setting(
        "topics_facts",
        "CJSTREAM_TOPICS__FACTS",
        "",
        _prefix,
        "Numbers that belong to no customer, compacted; empty: prefix + facts.",
    ),
    Setting(
        "journeys",
        "CJSTREAM_JOURNEYS",
        "",
        _text,
        "Journey definitions, names of shipped ones or files, separated by ':'; empty: `shop`.",
    ),
    Setting(
        "sentiment_scorer",
        "CJSTREAM_SENTIMENT__SCORER",
        "builtin",
        _text,
        "What takes the sentiment from a text: `builtin` (English, Indonesian), an installed scorer's name, or `none`.",
    ),
    Setting(
        "data_dir",
        "CJSTREAM_DATA_DIR",
        "cjstream-data",
        Path,
        "Where a worker keeps its slot and local files, and `cjstream broker` its cluster.",
    ),
    Setting(
        "store",
        "CJSTREAM_STORE",
        "memory",
        _one_of("memory", "rocksdb"),
        "Where a worker keeps its own copy of the state: `memory`, or `rocksdb` (extra `rocksdb`) in its slot.",
    ),
    Setting(
        "rocksdb_cache_bytes",
        "CJSTREAM_ROCKSDB__CACHE_BYTES",
        "67108864",
        _integer(1 << 20, 1 << 40),
        "Memory for blocks read from the files, of all of a worker's partitions together.",
    ),
    Setting(
        "rocksdb_write_buffer_bytes",
        "CJSTREAM_ROCKSDB__WRITE_BUFFER_BYTES",
        "33554432",
        _integer(1 << 20, 1 << 40),
        "Memory for what is not in files yet, of all of a worker's partitions together.",
    ),
    Setting(
        "erasure_key",
        "CJSTREAM_ERASURE_KEY",
        "",
        _text,
        "Secret that hashes the ids of erased customers; empty: the app id. The same on every worker, for ever.",
    ),
    Setting(
        "max_skew_seconds",
        "CJSTREAM_MAX_SKEW_SECONDS",
        "300",
        _number(0, 86400 * 365),
        "How far an event time may lie beyond its record's Kafka timestamp.",
    ),
    Setting(
        "publish_timeout_seconds",
        "CJSTREAM_PUBLISH_TIMEOUT_SECONDS",
        "120",
        _number(1, 3600),
        "Longest wait for the acks of one write; then the worker exits with 75.",
    ),
    Setting(
        "drain_timeout_seconds",
        "CJSTREAM_DRAIN_TIMEOUT_SECONDS",
        "8",
        _number(1, 300),
        "Longest wait for work under way at a stop or rebalance; then the worker exits with 75.",
    ),
    Setting(
        "max_pending_records",
        "CJSTREAM_MAX_PENDING_RECORDS",
        "20000",
        _integer(1, 10_000_000),
        "Records of one partition waiting to be durable before its input is paused.",
    ),
    Setting(
        "max_pending_bytes",
        "CJSTREAM_MAX_PENDING_BYTES",
        "67108864",
        _integer(1 << 20, 1 << 40),
        "Bytes of a worker's records waiting to be durable; a partition with more than its equal share is paused.",
    ),
    Setting(
        "max_fetch_bytes",
        "CJSTREAM_MAX_FETCH_BYTES",
        "33554432",
        _integer(1 << 20, 1 << 40),
        "Bytes that a worker fetches ahead, in equal shares for its partitions, each of 4 MiB at most.",
    ),
    Setting(
        "on_internal_error",
        "CJSTREAM_ON_INTERNAL_ERROR",
        "dead-letter",
        _one_of("dead-letter", "stop"),
        "What a bug in the engine does with its touchpoint: `dead-letter` or `stop` (exit 70).",
    ),
    Setting(
        "metrics_host",
        "CJSTREAM_METRICS_HOST",
        "127.0.0.1",
        _text,
        "Address that /metrics and health listen on.",
    ),
    Setting("metrics_port", "CJSTREAM_METRICS_PORT", "9464", _integer(0, 65535), "Their port; 0: any free one."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, parsed and frozen. The fields are those of SETTINGS; topic names are ready to use."""

    kafka_bootstrap_servers: str
    kafka_replication_factor: int
    kafka_session_timeout_seconds: float
    app_id: str
    topics_prefix: str
    topics_touchpoints: str
    topics_transitions: str
    topics_stage_current: str
    topics_signals: str
    topics_dead_letter: str
    topics_facts: str
    journeys: str
    sentiment_scorer: str
    data_dir: Path
    store: str
    rocksdb_cache_bytes: int
    rocksdb_write_buffer_bytes: int
    erasure_key: str
    max_skew_seconds: float
    publish_timeout_seconds: float
    drain_timeout_seconds: float
    max_pending_records: int
    max_pending_bytes: int
    max_fetch_bytes: int
    on_internal_error: str
    metrics_host: str
    metrics_port: int

    @property
    def touchpoints(self) -> str:
        """Input topic."""
        return self.topics_touchpoints or self.topics_prefix + "touchpoints"

    @property
    def transitions(self) -> str:
        """Output topic of stage transitions."""
        return self.topics_transitions or self.topics_prefix + "transitions"

    @property
    def stage_current(self) -> str:
        """Compacted output topic: one record per customer, null = erased."""
        return self.topics_stage_current or self.topics_prefix + "stage.current"

    @property
    def signals(self) -> str:
        """Output topic of signals."""
        return self.topics_signals or self.topics_prefix + "signals"

    @property
    def dead_letter(self) -> str:
        """Output topic of rejected input."""
        return self.topics_dead_letter or self.topics_prefix + "dead-letter"

    @property
    def facts(self) -> str:
        """Compacted input topic of numbers that belong to no customer; may have another partition count."""
        return self.topics_facts or self.topics_prefix + "facts"

    @property
    def state_changelog(self) -> str:
        """Private compacted topic that holds the state."""
        return f"{self.app_id}-state-changelog"

    @property
    def journey_files(self) -> tuple[str, ...]:
        """Names or files of the definitions to load; empty means the shipped `shop`."""
        return tuple(filter(None, self.journeys.split(":")))


def load(environ: Mapping[str, str] | None = None, **overrides: str) -> Settings:
    """Return the settings of `environ` (default: the process's). `overrides` are texts by field name, and win.

    Raises ConfigError naming key and value. An unset or empty variable takes the default.
    """
    source = os.environ if environ is None else environ
    _refuse_unknown(source)
    found = Settings(**{row.field: _read(row, source, overrides) for row in SETTINGS})  # type: ignore[arg-type]
    _refuse_equal_topics(found)
    return found


def _refuse_unknown(source: Mapping[str, str]) -> None:
    """A misspelt setting would silently be the default: of the broker, say."""
    known = [row.env for row in SETTINGS]
    for name, value in source.items():
        if name.startswith("CJSTREAM_") and name not in known and not name.startswith("CJSTREAM_TEST_"):
            near = get_close_matches(name, known, 1)
            raise ConfigError(name, value, f"is no setting; did you mean {near[0]}?" if near else "is no setting")


def _refuse_equal_topics(settings: Settings) -> None:
    names = [settings.touchpoints, settings.transitions, settings.stage_current, settings.signals]
    names += [settings.dead_letter, settings.state_changelog, settings.facts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError("CJSTREAM_TOPICS__*", name, "two topics have this name; each needs its own")


def _read(row: Setting, source: Mapping[str, str], overrides: Mapping[str, str]) -> Value:
    text = overrides.get(row.field) or source.get(row.env) or row.default
    try:
        return row.parse(text)
    except ValueError as error:
        raise ConfigError(row.env, text, str(error)) from None


def environment(settings: Settings) -> dict[str, str]:
    """Return the process's environment with `settings` written into it, for a child process that reads them back."""
    return {**os.environ, **{row.env: str(getattr(settings, row.field)) for row in SETTINGS}}


def export(settings: Settings) -> None:
    """Write `settings` into this process's own environment, for parts that are configured by it."""
    os.environ.update(environment(settings))
