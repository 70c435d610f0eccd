"""What clients are made with, without any broker: TLS as it must be, certificates that can be used, Faust's too."""

import logging
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from cjstream.errors import ConfigError
from cjstream.kafka.options import client_options, security_options
from cjstream.settings import Settings, load
from cjstream.stream.credentials import credentials
from tests.secured import Certificates

USER = {"kafka_sasl_username": "shop", "kafka_sasl_password": "pw", "kafka_sasl_mechanism": "SCRAM-SHA-512"}
KEY, CERTIFICATE = "CJSTREAM_KAFKA__SSL_KEY_LOCATION", "CJSTREAM_KAFKA__SSL_CERTIFICATE_LOCATION"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def tls(certificate: Path | str, key: Path | str, **values: str) -> Settings:
    given = {"kafka_ssl_certificate_location": str(certificate), "kafka_ssl_key_location": str(key)}
    return load({}, kafka_security_protocol="SSL", **given, **values)


def test_without_security_a_client_gets_its_servers_only() -> None:
    assert client_options(load({})) == {"bootstrap_servers": "127.0.0.1:9092", "security_protocol": "PLAINTEXT"}
    assert credentials(load({})) is None


def test_tls_checks_the_certificate_and_the_name_and_is_new_enough(certificates: Certificates) -> None:
    context = security_options(load({}, kafka_security_protocol="SSL", kafka_ssl_ca_location=str(certificates.ca)))[
        "ssl_context"
    ]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1


def test_faust_never_drops_tls_from_sasl() -> None:
    made = credentials(load({}, kafka_security_protocol="SASL_SSL", **USER))
    assert (made.protocol.value, made.mechanism.value, made.password) == ("SASL_SSL", "SCRAM-SHA-512", "pw")
    assert made.ssl_context.check_hostname
    assert "pw" not in repr(made)
    assert credentials(load({}, kafka_security_protocol="SSL")).context.check_hostname


def test_a_key_with_a_password(certificates: Certificates, tmp_path: Path) -> None:
    certificate, bare = certificates.issue("client", "client@example.com")
    key = load_pem_private_key(bare.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"key-canary")))
    assert security_options(tls(certificate, locked, kafka_ssl_key_password="key-canary"))["ssl_context"]
    for password in ("wrong-canary", ""):  # without one OpenSSL would ask on the terminal, and wait
        with pytest.raises(ConfigError, match="SSL_KEY_PASSWORD") as caught:
            security_options(tls(certificate, locked, kafka_ssl_key_password=password))
        assert caught.value.key == KEY
        assert "canary" not in str(caught.value)


def test_a_key_of_another_certificate(certificates: Certificates) -> None:
    (certificate, _), (_, key) = (certificates.issue(name, "client@example.com") for name in ("one", "two"))
    with pytest.raises(ConfigError, match="is not the key of the certificate") as caught:
        security_options(tls(certificate, key))
    assert (caught.value.key, caught.value.value) == (KEY, str(key))


@pytest.mark.parametrize("missing", [CERTIFICATE, KEY])
def test_a_file_that_is_not_there_is_named(certificates: Certificates, tmp_path: Path, missing: str) -> None:
    paths = dict(zip((CERTIFICATE, KEY), certificates.issue("client", "client@example.com"), strict=True))
    paths[missing] = tmp_path / "none.pem"
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        security_options(tls(paths[CERTIFICATE], paths[KEY]))
    assert (caught.value.key, caught.value.value) == (missing, str(paths[missing]))


@pytest.mark.parametrize(("content", "why"), [(None, "cannot be read"), ("no PEM", "has no PEM certificates")])
def test_an_authority_that_cannot_be_used(tmp_path: Path, content: str | None, why: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=why) as caught:
        security_options(load({}, kafka_security_protocol="SSL", kafka_ssl_ca_location=str(file)))
    assert (caught.value.key, caught.value.value) == ("CJSTREAM_KAFKA__SSL_CA_LOCATION", str(file))


def test_requests_with_a_password_in_them_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("aiokafka.conn").debug("Request: SaslAuthenticateRequest(canary)")
        logging.getLogger("aiokafka.conn").warning("told")
    assert [record.getMessage() for record in caplog.records] == ["told"]
