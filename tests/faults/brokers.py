"""Brokers that a test may stop, kill and start again, and a way to one that leads through a proxy."""

import contextlib
import os
import random
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cjstream.local import HOST, LocalBroker
from cjstream.settings import Settings
from tests.faults.harness import new_app
from tests.faults.proxy import Proxy

FIRST_PORT, LAST_PORT = 20_000, 32_000  # below those that the kernel gives to clients, which a client may try while
# the broker is away: it would meet itself, or find its port taken


class MortalBroker(LocalBroker):
    """A LocalBroker on a port that stays its own while it is away."""

    def __init__(self, data_dir: Path, properties: Mapping[str, str] | None = None, port: int = 0) -> None:
        super().__init__(port or free_port(), data_dir=data_dir, properties=properties)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone; `start` brings the same broker back, with what it had acknowledged."""
        assert self.pid is not None, "it does not run"
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.stop()


def free_port() -> int:
    """Return a loopback port that nobody listens on and no client is given by chance."""
    dice = random.Random()
    while True:
        port = dice.randrange(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port


class Far(NamedTuple):
    """A broker with two ways to it: `servers` leads through `proxy`, `near` does not."""

    broker: MortalBroker
    proxy: Proxy

    @property
    def servers(self) -> str:
        """Bootstrap servers of the way through the proxy."""
        return f"{HOST}:{self.proxy.port}"

    @property
    def near(self) -> str:
        """Bootstrap servers of the way past the proxy, for those who judge."""
        return self.broker.servers

    def app(self, name: str, path: Path, partitions: int, **overrides: str) -> tuple[Settings, Settings]:
        """Make the topics of an app; return the settings of those who judge, and of a worker behind the proxy."""
        judge = new_app(self.near, name, path / "data", partitions, **overrides)
        return judge, replace(judge, kafka_bootstrap_servers=self.servers)


@contextmanager
def far_broker(data_dir: Path, seed: int) -> Iterator[Far]:
    """Start a broker that tells those who come through the proxy to come so again."""
    port, behind, controller = (free_port() for _ in range(3))
    with Proxy(behind, seed) as proxy:
        properties = {
            "listeners": f"PLAINTEXT://{HOST}:{port},FAR://{HOST}:{behind},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{port},FAR://{HOST}:{proxy.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
        }
        with MortalBroker(data_dir, properties, port) as broker:
            yield Far(broker, proxy)
