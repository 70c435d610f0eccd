"""The frozen object that holds all settings."""

from dataclasses import dataclass
from pathlib import Path

from cjstream.settings.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, parsed and frozen. The fields are those of SETTINGS; topic names are ready to use."""

    kafka_bootstrap_servers: str
    kafka_replication_factor: int
    kafka_session_timeout_seconds: float
    kafka_security_protocol: str
    kafka_ssl_ca_location: str
    kafka_ssl_certificate_location: str
    kafka_ssl_key_location: str
    kafka_ssl_key_password: Secret
    kafka_ssl_key_password_file: str
    kafka_sasl_mechanism: str
    kafka_sasl_username: str
    kafka_sasl_password: Secret
    kafka_sasl_password_file: str
    kafka_allow_sasl_plaintext: str
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
    erasure_key: Secret
    erasure_key_file: str
    expire_inactive_seconds: int
    max_skew_seconds: float
    publish_timeout_seconds: float
    drain_timeout_seconds: float
    max_pending_records: int
    max_pending_bytes: int
    max_fetch_bytes: int
    on_internal_error: str
    metrics_host: str
    metrics_port: int
    metrics_token_file: str
    log_format: str
    log_level: str

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
    def topic_names(self) -> dict[str, str]:
        """Name of each topic of the app, the private one too, by what it is for."""
        uses = ("touchpoints", "facts", "transitions", "stage_current", "signals", "dead_letter", "state_changelog")
        return {use: getattr(self, use) for use in uses}

    @property
    def erasure_secret(self) -> bytes:
        """What hashes the ids of forgotten customers."""
        return (self.erasure_key.reveal() or self.app_id).encode()

    @property
    def state_changelog(self) -> str:
        """Private compacted topic that holds the state."""
        return f"{self.app_id}-state-changelog"

    @property
    def journey_files(self) -> tuple[str, ...]:
        """Names or files of the definitions to load; empty means the shipped `shop`."""
        return tuple(filter(None, self.journeys.split(":")))
