"""What every Kafka client of ours is made with: where the brokers are, and how to be safe on the way to them."""

import logging
import ssl
from typing import Any

from cjstream.errors import ConfigError
from cjstream.settings import Settings

PREFIX = "CJSTREAM_KAFKA__"


def _has_no_secret(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


logging.getLogger("aiokafka.conn").addFilter(_has_no_secret)  # it logs requests whole: with PLAIN, the password


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the options that an aiokafka consumer, producer or admin client takes. Reads the files of certificates.

    Raises ConfigError if one cannot be used.
    """
    return {"bootstrap_servers": settings.kafka_bootstrap_servers, **security_options(settings)}


def security_options(settings: Settings) -> dict[str, Any]:
    """Return those of `client_options` that concern security."""
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol in ("SSL", "SASL_SSL"):
        options["ssl_context"] = tls_context(settings)
    if protocol in ("SASL_SSL", "SASL_PLAINTEXT"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password.reveal()
    return options


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return a context that trusts the set authorities, checks names, and speaks TLS 1.2 or newer."""
    ca = settings.kafka_ssl_ca_location
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:  # ssl.SSLError is one
        raise _unusable("SSL_CA_LOCATION", ca, error, "PEM certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.kafka_ssl_certificate_location:
        _add_certificate(context, settings)
    return context


def _add_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    certificate, key = settings.kafka_ssl_certificate_location, settings.kafka_ssl_key_location
    for name, path in (("SSL_CERTIFICATE_LOCATION", certificate), ("SSL_KEY_LOCATION", key)):
        _require_readable(name, path)
    try:
        # By a function, without which OpenSSL would ask for the password on the terminal.
        context.load_cert_chain(certificate, key, settings.kafka_ssl_key_password.reveal)
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            why = f"is not the key of the certificate in {certificate}"
        else:
            why = f"cannot be used with {certificate}; check that both are PEM, and {PREFIX}SSL_KEY_PASSWORD"
        raise ConfigError(f"{PREFIX}SSL_KEY_LOCATION", key, why) from None


def _require_readable(name: str, path: str) -> None:
    try:
        with open(path, "rb"):  # noqa: PTH123 - a path of the user's, as it is
            pass
    except OSError as error:
        raise _unusable(name, path, error, "PEM") from None


def _unusable(name: str, path: str, error: OSError, what: str) -> ConfigError:
    why = f"the file has no {what}" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
    return ConfigError(PREFIX + name, path, why)
