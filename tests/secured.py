"""A real broker with TLS, users and access control, on loopback: one listener for each way in."""

import asyncio
import datetime as dt
import socket
import subprocess
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from cjstream import settings as configuration
from cjstream.local import HOST, LocalBroker
from cjstream.settings import Settings

PASSWORD = "pw-canary-7f3a"
SCRAM_USER = "scram"
CLUSTER = "Y2pzdHJlYW0tc2VjdXJlZA"
# The users of PLAIN; what each may do, a test grants it.
USERS = (
    "worker",
    "sender",
    "reader",
    "nobody",
    "loser",
    "analyst",
    "operator",
    *(f"lacks{number}" for number in range(10)),
)
LISTENERS = {  # name: protocol; PLAINTEXT is the administrator's, who may do anything
    "PLAINTEXT": "PLAINTEXT",
    "TLS": "SSL",
    "MTLS": "SSL",
    "EXPIRED": "SSL",
    "OTHER": "SSL",  # its certificate has the name localhost, not the address that it gives out
    "USERS": "SASL_SSL",
    "CLEAR": "SASL_PLAINTEXT",
}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
KINDS = {"topic": 2, "group": 3, "transactional-id": 5}
LITERAL, DENY, ALLOW = 3, 2, 3
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"

Right = tuple[str, str, str]  # operation, kind, name
T = TypeVar("T")


class Certificates:
    """An authority, and PEM files from it. Kafka takes keys only in PKCS 8."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._authority = folder, trustme.CA()
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *identities: str, expired: bool = False) -> tuple[Path, Path]:
        """Return the files of a certificate and of its key; a file `NAME-store.pem` has both."""
        ended = dt.datetime.now(dt.UTC) - dt.timedelta(days=1) if expired else None
        begun = ended - dt.timedelta(days=2) if ended else None
        issued = self._authority.issue_cert(*identities, common_name=name, not_before=begun, not_after=ended)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        paths = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        paths[0].write_bytes(chain)
        paths[1].write_bytes(pem)
        (self._folder / f"{name}-store.pem").write_bytes(pem + chain)
        return paths


class _Formatted(LocalBroker):
    """A broker that knows users of SCRAM from the beginning."""

    def _format(self, java: list[str], config: Path) -> None:
        users = (f"SCRAM-SHA-{bits}=[name={SCRAM_USER},password={PASSWORD}]" for bits in (256, 512))
        added = [argument for user in users for argument in ("--add-scram", user)]
        command = [
            *java,
            "kafka.tools.StorageTool",
            "format",
            f"--config={config}",
            "--cluster-id=Y2pzdHJlYW0tc2VjdXJlZA",
        ]
        subprocess.run([*command, *added], check=True, capture_output=True)


class SecuredBroker:
    """The broker, its certificates, and settings for its listeners. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = Certificates(folder)
        self.certificates.issue("broker", "localhost", HOST)
        self.certificates.issue("other", "localhost")
        self.certificates.issue("expired", "localhost", HOST, expired=True)
        self._ports = {name: free_port() for name in [*LISTENERS, "CONTROLLER"]}
        self._broker = _Formatted(self._ports["PLAINTEXT"], data_dir=folder / "kafka", properties=self._properties())

    def settings(self, listener: str, **values: str) -> Settings:
        """Return settings for a listener; values win."""
        return configuration.load(
            {},
            **{
                "kafka_bootstrap_servers": self.server(listener),
                "kafka_security_protocol": LISTENERS[listener],
                **({"kafka_ssl_ca_location": str(self.certificates.ca)} if "SSL" in LISTENERS[listener] else {}),
                "kafka_session_timeout_seconds": "6",
                "metrics_port": "0",
                **values,
            },
        )

    def user(self, name: str, mechanism: str = "PLAIN", **values: str) -> Settings:
        """Return settings of a user behind TLS; values win."""
        given = {"kafka_sasl_mechanism": mechanism, "kafka_sasl_username": name, "kafka_sasl_password": PASSWORD}
        return self.settings("USERS", **{**given, **values})

    def server(self, listener: str, host: str = HOST) -> str:
        """Return host:port of a listener."""
        return f"{host}:{self._ports[listener]}"

    def grant(self, rights: Mapping[str, Iterable[Right]], permission: int = ALLOW) -> None:
        """Allow (or DENY) each user these rights, in this order."""
        asyncio.run(self._grant(rights, permission))

    async def _grant(self, rights: Mapping[str, Iterable[Right]], permission: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.server("PLAINTEXT"))
        await admin.start()
        try:
            acls = [_acl(user, right, permission) for user, each in rights.items() for right in each]
            await asyncio.gather(*(_created(admin, acl) for acl in acls[:-1]))
            await _created(admin, acls[-1])  # what is seen of it holds for the others
        finally:
            await admin.close()

    def __enter__(self) -> Self:
        self._broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._broker.stop()

    def _properties(self) -> dict[str, str]:
        ports = self._ports
        store = f"{self.folder}/{{}}-store.pem"
        listeners = ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())
        return {
            "listeners": listeners,
            "advertised.listeners": listeners.rpartition(",CONTROLLER")[0],
            "controller.quorum.voters": f"1@{HOST}:{ports['CONTROLLER']}",
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in [*LISTENERS.items(), ("CONTROLLER", "PLAINTEXT")]
            ),
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store.format("broker"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca),
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "listener.name.other.ssl.keystore.type": "PEM",
            "listener.name.other.ssl.keystore.location": store.format("other"),
            "listener.name.expired.ssl.keystore.type": "PEM",
            "listener.name.expired.ssl.keystore.location": store.format("expired"),
            "listener.name.users.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.clear.sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "listener.name.users.plain.sasl.jaas.config": _plain_users(),
            "listener.name.users.scram-sha-256.sasl.jaas.config": f"{SCRAM};",
            "listener.name.users.scram-sha-512.sasl.jaas.config": f"{SCRAM};",
            "listener.name.clear.scram-sha-256.sasl.jaas.config": f"{SCRAM};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{SCRAM_USER};User:client",
        }


def _acl(user: str, right: Right, permission: int) -> CreateAclsRequest:
    operation, kind, name = right
    return CreateAclsRequest(KINDS[kind], name, LITERAL, f"User:{user}", "*", OPERATIONS[operation], permission)


async def _created(admin: AIOKafkaAdminClient, acl: CreateAclsRequest) -> None:
    response = await admin._send_to_controller(acl)
    assert response.creation_responses[0][0] == 0, response


def _plain_users() -> str:
    return " ".join([PLAIN, *(f'user_{name}="{PASSWORD}"' for name in USERS)]) + ";"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, and wait for the end of its connections: aiokafka leaves some, and to end TLS takes a moment."""

    async def whole() -> T:
        loop: Any = asyncio.get_running_loop()
        own = len(loop._selector.get_map())
        try:
            return await work
        finally:
            async with asyncio.timeout(5):
                while len(loop._selector.get_map()) > own:  # noqa: ASYNC110 - nothing tells when a socket is closed
                    await asyncio.sleep(0.01)

    return asyncio.run(whole())
