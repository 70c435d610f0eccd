"""The settings of the connection to Kafka."""

from cjstream.settings import parsers
from cjstream.settings.row import Setting
from cjstream.settings.secret import Secret

_PLACE: tuple[Setting, ...] = (
    Setting(
        "kafka_bootstrap_servers",
        "CJSTREAM_KAFKA__BOOTSTRAP_SERVERS",
        "127.0.0.1:9092",
        parsers.servers,
        "Kafka brokers, host:port, several separated by commas.",
    ),
    Setting(
        "kafka_replication_factor",
        "CJSTREAM_KAFKA__REPLICATION_FACTOR",
        "-1",
        parsers.factor,
        "Copies of each topic that `topics create` makes; -1 takes the broker's default.",
    ),
    Setting(
        "kafka_session_timeout_seconds",
        "CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS",
        "10",
        parsers.number(6, 300),
        "Seconds without a heartbeat after which the group gives a worker's partitions away.",
    ),
)
SECURITY: tuple[Setting, ...] = (
    Setting(
        "kafka_security_protocol",
        "CJSTREAM_KAFKA__SECURITY_PROTOCOL",
        "PLAINTEXT",
        parsers.one_of("PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"),
        "How to connect: `PLAINTEXT`, `SSL` (TLS), `SASL_SSL` (TLS and a user) or `SASL_PLAINTEXT`.",
    ),
    Setting(
        "kafka_ssl_ca_location",
        "CJSTREAM_KAFKA__SSL_CA_LOCATION",
        "",
        parsers.any_text,
        "PEM file of the authorities that brokers' certificates are checked against; empty: those of the system.",
    ),
    Setting(
        "kafka_ssl_certificate_location",
        "CJSTREAM_KAFKA__SSL_CERTIFICATE_LOCATION",
        "",
        parsers.any_text,
        "PEM file of our own certificate, for brokers that ask for one (mTLS).",
    ),
    Setting(
        "kafka_ssl_key_location",
        "CJSTREAM_KAFKA__SSL_KEY_LOCATION",
        "",
        parsers.any_text,
        "PEM file of the key of our certificate.",
    ),
    Setting(
        "kafka_ssl_key_password",
        "CJSTREAM_KAFKA__SSL_KEY_PASSWORD",
        "",
        Secret,
        "Password of the key's file, if it is encrypted.",
    ),
    Setting(
        "kafka_ssl_key_password_file",
        "CJSTREAM_KAFKA__SSL_KEY_PASSWORD_FILE",
        "",
        parsers.any_text,
        "File that has it.",
    ),
    Setting(
        "kafka_sasl_mechanism",
        "CJSTREAM_KAFKA__SASL_MECHANISM",
        "",
        parsers.one_of("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        "How a user says who it is: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.",
    ),
    Setting("kafka_sasl_username", "CJSTREAM_KAFKA__SASL_USERNAME", "", parsers.any_text, "Name of the Kafka user."),
    Setting("kafka_sasl_password", "CJSTREAM_KAFKA__SASL_PASSWORD", "", Secret, "Password of the Kafka user."),
    Setting(
        "kafka_sasl_password_file",
        "CJSTREAM_KAFKA__SASL_PASSWORD_FILE",
        "",
        parsers.any_text,
        "File that has it.",
    ),
    Setting(
        "kafka_allow_sasl_plaintext",
        "CJSTREAM_KAFKA__ALLOW_SASL_PLAINTEXT",
        "no",
        parsers.one_of("no", "yes"),
        "`yes`: SASL_PLAINTEXT may be used, which sends passwords and records where others can read them.",
    ),
)
KAFKA = _PLACE + SECURITY
