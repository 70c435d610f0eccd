"""Secrets: from a variable or a file, refused in both, and never shown."""

import copy
import dataclasses
import logging
import os
import pickle
import traceback
import uuid
from pathlib import Path

import pytest

from cjstream.errors import ConfigError
from cjstream.settings import SETTINGS, Secret, environment, load, load_local
from tests.command import run

CANARY = "canary-5d1c"
SECRETS = [row for row in SETTINGS if row.is_secret]
TLS = {"CJSTREAM_KAFKA__SECURITY_PROTOCOL": "SSL"}
USER = {
    "CJSTREAM_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "CJSTREAM_KAFKA__SASL_MECHANISM": "PLAIN",
    "CJSTREAM_KAFKA__SASL_USERNAME": "shop",
}
PASSWORD, PASSWORD_FILE = "CJSTREAM_KAFKA__SASL_PASSWORD", "CJSTREAM_KAFKA__SASL_PASSWORD_FILE"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{CANARY}\n")
    file.chmod(0o600)
    return file


def test_every_secret_has_a_setting_for_its_file_right_behind_it() -> None:
    assert [row.env for row in SECRETS] == ["CJSTREAM_KAFKA__SSL_KEY_PASSWORD", PASSWORD, "CJSTREAM_ERASURE_KEY"]
    for row in SECRETS:
        behind = SETTINGS[SETTINGS.index(row) + 1]
        assert (behind.field, behind.env) == (f"{row.field}_file", f"{row.env}_FILE")


def test_a_secret_is_the_same_from_a_variable_and_from_a_file(secret_file: Path) -> None:
    by_variable = load({**USER, PASSWORD: CANARY})
    by_file = load({**USER, PASSWORD_FILE: str(secret_file)})
    assert by_variable.kafka_sasl_password == by_file.kafka_sasl_password
    assert by_file.kafka_sasl_password.reveal() == CANARY


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b" a \n", " a "), (b"a\n\n", "a\n"), (b"\xc3\xa4", "\u00e4")],
    ids=["bare", "line", "windows", "blanks", "two lines", "utf-8"],
)
def test_one_line_break_at_the_end_is_no_part_of_a_secret(tmp_path: Path, content: bytes, secret: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    assert load({"CJSTREAM_ERASURE_KEY_FILE": str(file)}).erasure_key.reveal() == secret


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"\n", "is empty"),
        (b"\xff" * 9, "UTF-8"),
        (b"a" * 65_537, "is no secret: it has more than 65536 bytes"),
    ],
    ids=["none", "empty", "bytes", "long"],
)
def test_a_file_without_a_secret_is_refused_by_key_and_path(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=why) as caught:
        load({"CJSTREAM_ERASURE_KEY_FILE": str(file)})
    assert str(caught.value).startswith(f"CJSTREAM_ERASURE_KEY_FILE={str(file)!r}: ")


@pytest.mark.timeout(30)
def test_a_pipe_is_refused_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(ConfigError, match="it is no file"):
        load({"CJSTREAM_ERASURE_KEY_FILE": str(tmp_path / "key")})


def test_both_forms_at_once_are_refused(secret_file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({**USER, PASSWORD: CANARY, PASSWORD_FILE: str(secret_file)})
    assert str(caught.value) == f"{PASSWORD}=***: {PASSWORD_FILE} is set too; keep one of them"


def test_a_file_that_all_may_read_is_taken_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / uuid.uuid4().hex
    file.write_text(CANARY)
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert load({**USER, PASSWORD_FILE: str(file)}).kafka_sasl_password
        load({**USER, PASSWORD_FILE: str(file)})
    [record] = caplog.records
    assert record.getMessage() == f"{PASSWORD_FILE}: every user of this machine may read {file}; run: chmod o-r {file}"


def test_nothing_shows_a_secret(secret_file: Path) -> None:
    settings = load({**USER, PASSWORD_FILE: str(secret_file), "CJSTREAM_ERASURE_KEY": CANARY})
    shown = [repr(settings), str(settings), str(dataclasses.asdict(settings)), f"{settings.erasure_key}"]
    assert not [text for text in shown if CANARY in text]
    assert "erasure_key=***" in repr(settings)


def test_a_secret_can_be_copied_and_handed_to_a_process() -> None:
    secret = Secret(CANARY)
    assert copy.deepcopy(secret) == secret == pickle.loads(pickle.dumps(secret))
    assert secret != Secret("other")
    assert len({secret, Secret(CANARY)}) == 1
    assert not Secret("")


@pytest.mark.parametrize(
    "environ",
    [
        {PASSWORD: CANARY},
        {**TLS, PASSWORD: CANARY},
        {"CJSTREAM_KAFKA__SASL_PASWORD": CANARY},
        {"CJSTREAM_WHATEVER": CANARY},
        {**TLS, "CJSTREAM_KAFKA__SSL_KEY_PASSWORD": CANARY},
        {**USER, PASSWORD: CANARY, "CJSTREAM_METRICS_PORT": "x"},
    ],
    ids=["idle", "idle beside TLS", "misspelt", "unknown", "key without certificate", "another fault"],
)
def test_no_fault_of_the_settings_shows_a_secret(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_child_is_told_the_file_and_not_the_secret(secret_file: Path) -> None:
    settings = load({**USER, PASSWORD_FILE: str(secret_file)})
    handed = environment(settings)
    assert CANARY not in handed.values()
    assert handed[PASSWORD_FILE] == str(secret_file)
    assert load(handed) == settings


def test_a_child_is_handed_a_secret_that_came_in_a_variable() -> None:
    settings = load({**USER, PASSWORD: CANARY})
    assert load(environment(settings)) == settings


@pytest.mark.parametrize("arguments", [("--help",), ("worker", "--help"), ("topics", "check", "--help")])
def test_no_help_shows_a_secret(arguments: tuple[str, ...]) -> None:
    shown = run(*arguments, env={PASSWORD: CANARY, "CJSTREAM_ERASURE_KEY": CANARY})
    assert shown.returncode == 0
    assert CANARY.encode() not in shown.stdout + shown.stderr


# -- what must fit together


@pytest.mark.parametrize(
    ("environ", "key", "why"),
    [
        ({"CJSTREAM_KAFKA__SECURITY_PROTOCOL": "ssl"}, "SECURITY_PROTOCOL", "use 'PLAINTEXT' or 'SSL'"),
        ({**USER, PASSWORD: "p", "CJSTREAM_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "SECURITY_PROTOCOL", "ALLOW"),
        ({**USER, PASSWORD: "p", "CJSTREAM_KAFKA__SASL_MECHANISM": "GSSAPI"}, "SASL_MECHANISM", "use 'PLAIN' or"),
        ({**USER, PASSWORD: "p", "CJSTREAM_KAFKA__SASL_MECHANISM": ""}, "SASL_MECHANISM", "SASL_SSL needs it"),
        ({**USER, PASSWORD: "p", "CJSTREAM_KAFKA__SASL_USERNAME": ""}, "SASL_USERNAME", "SASL_SSL needs it"),
        (USER, "SASL_PASSWORD", "SASL_SSL needs it"),
        ({"CJSTREAM_KAFKA__SASL_USERNAME": "u"}, "SASL_USERNAME", "set that to SASL_PLAINTEXT or SASL_SSL"),
        ({"CJSTREAM_KAFKA__SSL_CA_LOCATION": "ca"}, "SSL_CA_LOCATION", "set that to SSL or SASL_SSL"),
        ({**TLS, "CJSTREAM_KAFKA__SSL_CERTIFICATE_LOCATION": "c"}, "SSL_KEY_LOCATION", "needs its key"),
        ({**TLS, "CJSTREAM_KAFKA__SSL_KEY_LOCATION": "k"}, "SSL_CERTIFICATE_LOCATION", "needs its certificate"),
        ({"CJSTREAM_KAFKA__ALLOW_SASL_PLAINTEXT": "true"}, "ALLOW_SASL_PLAINTEXT", "use 'no' or 'yes'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(environ: dict[str, str], key: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        load(environ)
    assert caught.value.key == f"CJSTREAM_KAFKA__{key}"


def test_sasl_without_tls_has_to_be_asked_for() -> None:
    environ = {**USER, PASSWORD: "p", "CJSTREAM_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    allowed = load({**environ, "CJSTREAM_KAFKA__ALLOW_SASL_PLAINTEXT": "yes"})
    assert allowed.kafka_security_protocol == "SASL_PLAINTEXT"


def test_a_broker_of_our_own_needs_none_of_the_security_set_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**USER, PASSWORD: CANARY, "CJSTREAM_APP_ID": "kept"}.items():
        monkeypatch.setenv(name, value)
    settings = load_local(kafka_bootstrap_servers="127.0.0.1:1")
    assert (settings.kafka_security_protocol, settings.app_id) == ("PLAINTEXT", "kept")
    assert load(environment(settings)) == settings
