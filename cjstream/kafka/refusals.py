"""What a broker or TLS refused, as one sentence that names the setting to look at."""

import ssl
from collections.abc import Iterator
from typing import NamedTuple, Self

from aiokafka.errors import IllegalSaslStateError, SaslAuthenticationFailed

from cjstream.errors import BrokerUnfit, CjstreamError, ConfigError
from cjstream.kafka.options import PREFIX
from cjstream.settings import Settings

# OpenSSL's codes for a certificate that is not trusted, as ssl.SSLCertVerificationError.verify_code has them.
NOT_YET_VALID, EXPIRED, OTHER_NAME, OTHER_IP = 9, 10, 62, 64
TLS_VERSIONS = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "HANDSHAKE_FAILURE")  # in what OpenSSL calls the reason


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, server: str) -> Self:
        """Return the address of `host:port`."""
        host, _, port = server.rpartition(":")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def refusal(address: Address, error: BaseException, settings: Settings) -> CjstreamError | None:
    """Return the error to end with; None where `error` is no refusal that we know."""
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return _untrusted(address, each, settings)
        if isinstance(each, ssl.SSLError) and (each.reason or "").find("ALERT") >= 0:
            return _alerted(address, each.reason, settings)
        if isinstance(each, SaslAuthenticationFailed):
            why = f"the broker at {address} takes no such user with this password; look at {PREFIX}SASL_PASSWORD too"
            return ConfigError(f"{PREFIX}SASL_USERNAME", settings.kafka_sasl_username, why)
        if isinstance(each, IllegalSaslStateError):
            other = settings.kafka_security_protocol.removeprefix("SASL_")
            why = f"the broker at {address} asks for no user on this port; use {other}, or its port for users"
            return ConfigError(f"{PREFIX}SECURITY_PROTOCOL", settings.kafka_security_protocol, why)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _untrusted(address: Address, error: ssl.SSLCertVerificationError, settings: Settings) -> CjstreamError:
    if error.verify_code == EXPIRED:
        return BrokerUnfit(f"the certificate of the broker at {address} has expired; have it renewed")
    if error.verify_code == NOT_YET_VALID:
        return BrokerUnfit(f"the certificate of the broker at {address} is not valid yet; check the clocks")
    if error.verify_code in (OTHER_NAME, OTHER_IP):
        why = (
            f"the certificate of the broker at {address} is not made for that name; use one that it has, also in the "
            "broker's advertised.listeners, or have a certificate made for this one"
        )
        return ConfigError(f"{PREFIX}BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers, why)
    ca = settings.kafka_ssl_ca_location
    where = "in it" if ca else "that this system knows"
    why = f"no authority {where} vouches for the broker at {address} ({error.verify_message}); set the right file"
    return ConfigError(f"{PREFIX}SSL_CA_LOCATION", ca, why)


def _alerted(address: Address, reason: str, settings: Settings) -> CjstreamError:
    """Return what a broker means that ends the handshake; it does not say more than a word."""
    if any(part in reason for part in TLS_VERSIONS):
        return BrokerUnfit(f"the broker at {address} and we have no TLS version or cipher in common; it needs TLS 1.2")
    certificate = settings.kafka_ssl_certificate_location
    why = f"the broker at {address} does not take it; use one from an authority that it trusts, in its time"
    if not certificate:
        why = f"the broker at {address} asks for a certificate; set it and {PREFIX}SSL_KEY_LOCATION"
    return ConfigError(f"{PREFIX}SSL_CERTIFICATE_LOCATION", certificate, why)
