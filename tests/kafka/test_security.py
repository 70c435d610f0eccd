"""TLS, users and access control on a real broker that has all three."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cjstream import kafka
from cjstream.errors import BrokerUnfit, CjstreamError, ConfigError, NotAuthorised
from cjstream.settings import Settings
from tests.command import run as command
from tests.faults.harness import Worker, wait_until
from tests.secured import DENY, PASSWORD, SCRAM_USER, Certificates, SecuredBroker, run

PARTITIONS = 2
SOON_SECONDS = 20.0  # far less than the minute that a start waits for a broker; a refusal takes well under one
APP = "secured"
NAMES = {"app_id": APP, "topics_prefix": f"{APP}."}
INPUT, OUTPUT, CHANGELOG = f"{APP}.touchpoints", f"{APP}.transitions", f"{APP}-state-changelog"
WORKER_RIGHTS = [
    ("Read", "topic", INPUT),
    ("Read", "topic", f"{APP}.facts"),
    ("Read", "topic", CHANGELOG),
    ("Write", "topic", OUTPUT),
    ("Write", "topic", f"{APP}.stage.current"),
    ("Write", "topic", f"{APP}.signals"),
    ("Write", "topic", f"{APP}.dead-letter"),
    ("Write", "topic", CHANGELOG),
    ("Read", "group", APP),
    ("Read", "topic", f"{APP}.stage.current"),
]
ALL = [INPUT, OUTPUT, CHANGELOG, *(f"{APP}.{name}" for name in ("stage.current", "signals", "dead-letter", "facts"))]
# As docs/how-to/secure-kafka.md has them.
ANALYST_RIGHTS = [(operation, "topic", name) for name in ALL for operation in ("Read", "DescribeConfigs")]
ANALYST_RIGHTS += [("Describe", "group", APP)]
OPERATOR_RIGHTS = [
    *ANALYST_RIGHTS,
    *(("Create", "topic", name) for name in ALL),
    ("Write", "topic", INPUT),
    ("Write", "topic", f"{APP}.facts"),
    ("Write", "topic", f"{APP}.dead-letter"),
    ("Write", "topic", CHANGELOG),
    ("Read", "group", APP),
    ("Write", "transactional-id", f"{APP}-dead-letter-replay"),
]
TOUCHPOINT = {"id": "t1", "customer_id": "customer-canary", "type": "page_view", "occurred_at": 1_767_225_600_000}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """The broker, with the topics of an app that its administrator made, and users who may do what is minimal."""
    with SecuredBroker(tmp_path_factory.mktemp("secured")) as broker:
        run(kafka.create_topics(broker.settings("PLAINTEXT", **NAMES), PARTITIONS))
        lacking = {
            f"lacks{number}": [r for r in WORKER_RIGHTS if r != right] for number, right in enumerate(WORKER_RIGHTS)
        }
        simple = {"sender": [("Write", "topic", INPUT)], "reader": [("Read", "topic", OUTPUT)]}
        roles = {"analyst": ANALYST_RIGHTS, "operator": OPERATOR_RIGHTS}
        broker.grant({**lacking, **simple, **roles, "worker": WORKER_RIGHTS, "loser": WORKER_RIGHTS})
        wait_until(lambda: may_work(broker.user("loser", **NAMES)), 10, "the rights are known")
        yield broker


@pytest.fixture(scope="module")
def client(secured: SecuredBroker) -> dict[str, str]:
    """Settings for the certificate of `client`."""
    certificate, key = secured.certificates.issue("client", "client@example.com")
    return {"kafka_ssl_certificate_location": str(certificate), "kafka_ssl_key_location": str(key)}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Another authority, which the broker does not know."""
    return Certificates(tmp_path_factory.mktemp("strangers"))


def may_work(settings: Settings) -> bool:
    try:
        run(kafka.require_rights(settings))
    except NotAuthorised:
        return False
    return True


def fault(settings: Settings) -> str:
    """Return what waiting for a broker ends with; it must be told soon, with no secret in it."""
    started = time.monotonic()
    with pytest.raises(CjstreamError) as caught:
        run(kafka.wait_for_broker(settings))
    assert time.monotonic() - started < SOON_SECONDS
    assert isinstance(caught.value, ConfigError | BrokerUnfit)
    assert PASSWORD not in str(caught.value)
    return f"{caught.value.exit_code} {caught.value}"


# -- ways in


def test_tls_lets_us_in_by_address_and_by_name(secured: SecuredBroker) -> None:
    run(kafka.wait_for_broker(secured.settings("TLS")))
    run(kafka.wait_for_broker(secured.settings("TLS", kafka_bootstrap_servers=secured.server("TLS", "localhost"))))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_users_of_scram_are_let_in(secured: SecuredBroker, mechanism: str) -> None:
    found = run(kafka.check_topics(secured.user(SCRAM_USER, mechanism, **NAMES)))
    assert set(found.values()) == {PARTITIONS}


def test_sasl_without_tls_works_where_it_is_asked_for(secured: SecuredBroker) -> None:
    who = {"kafka_sasl_username": SCRAM_USER, "kafka_sasl_password": PASSWORD, "kafka_sasl_mechanism": "SCRAM-SHA-256"}
    run(kafka.wait_for_broker(secured.settings("CLEAR", **who, kafka_allow_sasl_plaintext="yes")))
    with pytest.raises(ConfigError, match="ALLOW_SASL_PLAINTEXT=yes"):
        secured.settings("CLEAR", **who)


def test_a_worker_with_the_least_rights_works_from_end_to_end(secured: SecuredBroker, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    who = {"kafka_sasl_password": "", "kafka_sasl_password_file": str(password), "data_dir": str(tmp_path / "data")}
    settings = secured.user("worker", **NAMES, **who)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        sent = command("send", "-", settings=secured.user("sender", **NAMES), stdin=json.dumps(TOUCHPOINT).encode())
        assert sent.returncode == 0, sent.stderr
        read = wait_for_transition(secured.user("reader", **NAMES))
        wait_until(lambda: committed(secured) == 1, 20, "the touchpoint is committed")
        said = worker.said()
        environment = Path(f"/proc/{worker.process.pid}/environ").read_bytes().decode()
    assert "customer-canary" in read.decode()
    assert PASSWORD not in said
    assert PASSWORD not in environment


def wait_for_transition(settings: Settings) -> bytes:
    deadline = time.monotonic() + 30
    while not (found := command("transitions", settings=settings)).stdout:
        assert found.returncode == 0, found.stderr
        assert time.monotonic() < deadline, "no transition came"
    return found.stdout


def committed(secured: SecuredBroker) -> int:
    positions = run(kafka.group_positions(secured.settings("PLAINTEXT", **NAMES)))
    return sum(position.committed or 0 for position in positions)


def test_a_worker_comes_in_by_certificate(secured: SecuredBroker, client: dict[str, str], tmp_path: Path) -> None:
    names = {"app_id": "by-certificate", "topics_prefix": "by-certificate."}
    settings = secured.settings("MTLS", **names, **client, data_dir=str(tmp_path / "data"))
    run(kafka.create_topics(settings, 1))
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        sent = command("send", "-", settings=settings, stdin=json.dumps(TOUCHPOINT).encode())
        assert sent.returncode == 0, sent.stderr
        assert wait_for_transition(settings)


# -- faults of the connection, each told at once


def test_a_wrong_authority(secured: SecuredBroker, strangers: Certificates) -> None:
    said = fault(secured.settings("TLS", kafka_ssl_ca_location=str(strangers.ca)))
    assert said.startswith(f"2 CJSTREAM_KAFKA__SSL_CA_LOCATION='{strangers.ca}'")


def test_the_authorities_of_the_system_are_the_default(secured: SecuredBroker) -> None:
    assert fault(secured.settings("TLS", kafka_ssl_ca_location="")).startswith("2 CJSTREAM_KAFKA__SSL_CA_LOCATION=''")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_another_name(secured: SecuredBroker, host: str) -> None:
    """By `localhost` the first connection is right, but the broker gives out its address."""
    said = fault(secured.settings("OTHER", kafka_bootstrap_servers=secured.server("OTHER", host)))
    assert said.startswith("2 CJSTREAM_KAFKA__BOOTSTRAP_SERVERS=")
    assert f"the broker at {secured.server('OTHER')} is not made for that name" in said


def test_an_expired_certificate(secured: SecuredBroker) -> None:
    assert fault(secured.settings("EXPIRED")) == (
        f"3 the certificate of the broker at {secured.server('EXPIRED')} has expired; have it renewed"
    )


def test_a_broker_that_asks_for_a_certificate(secured: SecuredBroker) -> None:
    said = fault(secured.settings("MTLS"))
    assert said.startswith("2 CJSTREAM_KAFKA__SSL_CERTIFICATE_LOCATION=''")
    assert "asks for a certificate" in said


def test_a_certificate_that_the_broker_does_not_trust(secured: SecuredBroker, strangers: Certificates) -> None:
    certificate, key = strangers.issue("client", "client@example.com")
    given = {"kafka_ssl_certificate_location": str(certificate), "kafka_ssl_key_location": str(key)}
    said = fault(secured.settings("MTLS", **given))
    assert said.startswith(f"2 CJSTREAM_KAFKA__SSL_CERTIFICATE_LOCATION='{certificate}'")
    assert "does not take it" in said


@pytest.mark.parametrize(("user", "mechanism"), [("worker", "PLAIN"), (SCRAM_USER, "SCRAM-SHA-512"), ("who", "PLAIN")])
def test_a_wrong_password_or_user(secured: SecuredBroker, user: str, mechanism: str) -> None:
    said = fault(secured.user(user, mechanism, kafka_sasl_password="wrong-canary"))
    assert said.startswith(f"2 CJSTREAM_KAFKA__SASL_USERNAME='{user}'")
    assert "CJSTREAM_KAFKA__SASL_PASSWORD" in said
    assert "canary" not in said


def test_a_mechanism_that_the_broker_does_not_offer(secured: SecuredBroker) -> None:
    who = {"kafka_sasl_username": SCRAM_USER, "kafka_sasl_password": PASSWORD, "kafka_sasl_mechanism": "PLAIN"}
    said = fault(secured.settings("CLEAR", **who, kafka_allow_sasl_plaintext="yes"))
    assert said.startswith("2 CJSTREAM_KAFKA__SASL_MECHANISM='PLAIN'")
    assert said.endswith("does not offer it, but SCRAM-SHA-256")


@pytest.mark.parametrize(
    ("ours", "theirs", "hint"),
    [
        ("TLS", "PLAINTEXT", "speaks no TLS"),
        ("PLAINTEXT", "TLS", "speaks TLS; use SSL"),
        ("PLAINTEXT", "CLEAR", "use SASL_PLAINTEXT"),
        ("TLS", "USERS", "use SASL_SSL"),
        ("USERS", "TLS", "use SSL"),
    ],
)
def test_a_port_that_speaks_otherwise(secured: SecuredBroker, ours: str, theirs: str, hint: str) -> None:
    where = {"kafka_bootstrap_servers": secured.server(theirs)}
    settings = secured.user("worker", **where) if ours == "USERS" else secured.settings(ours, **where)
    said = fault(settings)
    assert said.startswith("2 CJSTREAM_KAFKA__SECURITY_PROTOCOL=")
    assert hint in said


def test_a_worker_tells_a_wrong_password_and_ends(secured: SecuredBroker, tmp_path: Path) -> None:
    settings = secured.user("worker", **NAMES, kafka_sasl_password="wrong-canary", data_dir=str(tmp_path / "data"))
    with Worker(settings, tmp_path / "worker.log") as worker:
        assert worker.process.wait(SOON_SECONDS * 2) == 2
        assert "CJSTREAM_KAFKA__SASL_USERNAME='worker'" in worker.said()
        assert "canary" not in worker.said()


# -- access control


@pytest.mark.parametrize("number", range(len(WORKER_RIGHTS)), ids=[" ".join(right) for right in WORKER_RIGHTS])
def test_each_right_that_a_worker_lacks_is_told(secured: SecuredBroker, number: int) -> None:
    operation, kind, name = WORKER_RIGHTS[number]
    user = f"lacks{number}"
    settings = secured.user(user, **NAMES)
    with pytest.raises(NotAuthorised) as caught:
        run(kafka.require_rights(settings))
    assert str(caught.value) == (
        f"Kafka does not let User:{user} {operation} {kind} {name}; an administrator allows it with: "
        f"kafka-acls.sh --bootstrap-server {settings.kafka_bootstrap_servers} --add "
        f"--allow-principal 'User:{user}' --operation {operation} --{kind} {name}"
    )


def test_a_worker_without_a_right_ends_with_4(secured: SecuredBroker, tmp_path: Path) -> None:
    settings = secured.user("lacks4", **NAMES, data_dir=str(tmp_path / "data"))
    with Worker(settings, tmp_path / "worker.log") as worker:
        assert worker.process.wait(SOON_SECONDS * 2) == 4
        [told] = worker.faults()
    assert "Kafka does not let User:lacks4 Write topic secured.stage.current" in told
    assert told.endswith("(exit 4)")


def test_a_right_that_is_taken_away_ends_the_worker_with_4(secured: SecuredBroker, tmp_path: Path) -> None:
    with Worker(secured.user("loser", **NAMES, data_dir=str(tmp_path / "data")), tmp_path / "worker.log") as worker:
        worker.wait_ready()
        secured.grant({"loser": [("Write", "topic", OUTPUT)]}, DENY)
        late = {**TOUCHPOINT, "id": "t2", "customer_id": "customer-2"}
        sent = command("send", "-", settings=secured.user("sender", **NAMES), stdin=json.dumps(late).encode())
        assert sent.returncode == 0, sent.stderr
        assert worker.process.wait(SOON_SECONDS * 2) == 4
        assert f"Kafka does not let User:loser Write topic {OUTPUT}; an administrator" in worker.said()


@pytest.mark.parametrize(
    ("arguments", "lacks"),
    [
        (("send", "-"), f"Write topic {INPUT}"),
        (("transitions",), f"Read topic {OUTPUT}"),
        (("stages",), f"Read topic {APP}.stage.current"),
        (("topics", "check"), f"Describe topic {INPUT}"),
        (("topics", "create"), f"Describe topic {INPUT}"),
        (("status",), f"Describe topic {INPUT}"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_tells_what_its_user_lacks(secured: SecuredBroker, arguments: tuple[str, ...], lacks: str) -> None:
    ended = command(*arguments, settings=secured.user("nobody", **NAMES), stdin=json.dumps(TOUCHPOINT).encode())
    said = ended.stderr.decode()
    assert ended.returncode == 4, said
    assert said.startswith(f"error: Kafka does not let User:nobody {lacks}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("line", ["transitions", "stages", "status", "topics check", "why nobody", "dead-letter ls"])
def test_an_analyst_may_look_at_all(secured: SecuredBroker, line: str) -> None:
    ended = command(*line.split(), settings=secured.user("analyst", **NAMES))
    assert ended.returncode == (1 if line.startswith("why") else 0), ended.stderr.decode()
