"""What the settings of the connection must fit together in, so that none is silently of no effect."""

from cjstream.errors import ConfigError
from cjstream.settings.values import Settings

PREFIX = "CJSTREAM_KAFKA__"
TLS = ("SSL", "SASL_SSL")
SASL = ("SASL_PLAINTEXT", "SASL_SSL")
OF_TLS = ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location", "ssl_key_password")
OF_SASL = ("sasl_mechanism", "sasl_username", "sasl_password")


def refuse_misfits(settings: Settings) -> None:
    """Raise ConfigError if a setting of the connection lacks another, or would do nothing."""
    protocol = settings.kafka_security_protocol
    if protocol == "SASL_PLAINTEXT" and settings.kafka_allow_sasl_plaintext != "yes":
        why = (
            f"passwords and records would be sent in the clear; use 'SASL_SSL', or set {PREFIX}ALLOW_SASL_PLAINTEXT=yes"
        )
        raise ConfigError(f"{PREFIX}SECURITY_PROTOCOL", protocol, why)
    _refuse_idle(settings, OF_TLS, TLS)
    _refuse_idle(settings, OF_SASL, SASL)
    if protocol in SASL:
        for name in OF_SASL:
            _require(settings, name, f"{PREFIX}SECURITY_PROTOCOL={protocol} needs it")
    if settings.kafka_ssl_certificate_location:
        _require(settings, "ssl_key_location", "a certificate needs its key")
    if settings.kafka_ssl_key_location or settings.kafka_ssl_key_password:
        _require(settings, "ssl_certificate_location", "a key needs its certificate")


def _refuse_idle(settings: Settings, names: tuple[str, ...], protocols: tuple[str, ...]) -> None:
    protocol = settings.kafka_security_protocol
    for name in names:
        value = getattr(settings, f"kafka_{name}")
        if value and protocol not in protocols:
            use = " or ".join(protocols)
            why = f"{PREFIX}SECURITY_PROTOCOL={protocol} makes no use of it; set that to {use}"
            raise ConfigError(PREFIX + name.upper(), value, why)


def _require(settings: Settings, name: str, why: str) -> None:
    value = getattr(settings, f"kafka_{name}")
    if not value:
        raise ConfigError(PREFIX + name.upper(), value, f"is not set; {why}")
