"""What docker-compose.yml puts together, run together as processes: Kafka, topics, worker, generator, Prometheus.

Names of containers become loopback addresses, and published ports free ones; all else is as the file says.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cjstream import settings
from cjstream.local import LocalBroker
from tests import containers
from tests.command import run
from tests.deployed import ROOT, ours, yaml
from tests.faults.brokers import free_port
from tests.faults.harness import WORKER, Worker, wait_until
from tests.monitoring.prometheus import Prometheus

SERVICES = yaml(ROOT / "docker-compose.yml")["services"]
CONFIG = ROOT / "monitoring" / "prometheus"
KAFKA: Mapping[str, str] = {
    name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)  # as the image's own script does it
    for name, value in SERVICES["kafka"]["environment"].items()
    if name.startswith("KAFKA_") and name not in {"KAFKA_HEAP_OPTS", "KAFKA_LOG_DIRS"}
}
SCRAPE_SECONDS = 60


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    """What stands for an address of the file here: `kafka:19092` for one."""
    found = {port: free_port() for port in re.findall(r"://:(\d+)", KAFKA["listeners"])}
    return {f"kafka:{port}": f"127.0.0.1:{here}" for port, here in found.items()}


@pytest.fixture(scope="module")
def kafka(addresses: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """The file's Kafka; started only by the tests of this file, which have its topics to themselves."""

    def here(text: str) -> str:
        for name, address in addresses.items():
            port = name.partition(":")[2]
            text = re.sub(rf"(kafka|127\.0\.0\.1|(?<=//)):{port}\b", address, text)
        return text

    properties = {name: here(value) for name, value in KAFKA.items()}
    with LocalBroker(data_dir=tmp_path_factory.mktemp("kafka"), properties=properties) as broker:
        yield broker


def environment(service: str, addresses: Mapping[str, str], data: Path) -> dict[str, str]:
    """Return what the image and the file give a service, for here."""
    given = containers.environment() | ours(SERVICES[service]["environment"])
    given = {name: addresses.get(value, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)) for name, value in given.items()}
    return given | {"CJSTREAM_DATA_DIR": str(data), "CJSTREAM_METRICS_HOST": "127.0.0.1"}


def test_kafka_takes_every_property(kafka: LocalBroker) -> None:
    """It prints what it took; a name that it does not know is not among that."""
    said = (kafka.data_dir / "broker.log").read_text("utf-8")
    for name in KAFKA:
        assert re.search(rf"^\t{re.escape(name)} = \S", said, re.MULTILINE), name
    for name in ("share.coordinator.state.topic.replication.factor", "share.coordinator.state.topic.min.isr"):
        assert f"\t{name} = 1\n" in said
    assert "\tauto.create.topics.enable = false\n" in said


@pytest.mark.timeout(240)
def test_the_whole_works_together(
    kafka: LocalBroker, addresses: Mapping[str, str], prometheus: Path, tmp_path: Path
) -> None:
    for said in (b"created touchpoints\n", b""):  # the job may be repeated
        made = run(*SERVICES["topics"]["command"], env=environment("topics", addresses, tmp_path / "topics"))
        assert made.returncode == 0, made.stderr
        assert made.stdout.startswith(said)
        assert bool(made.stdout) == bool(said)
    config = settings.load(environment("worker", addresses, tmp_path / "data"))
    with Worker(config, tmp_path / "log", WORKER) as worker:
        worker.wait_ready()
        address = worker.address()
        assert address
        assert healthy(config, address)
        sent = run(
            *SERVICES["generate"]["command"], "--customers", "20", "--rate", "1000",
            env=environment("generate", addresses, tmp_path / "generate"),
        )  # fmt: skip
        assert sent.returncode == 0, sent.stderr
        with watching(prometheus, tmp_path / "prometheus", address.removeprefix("http://")) as watch:
            wait_until(lambda: bool(watch.query("sum(cjstream_customers) > 0")), SCRAPE_SECONDS, "customers are seen")
            rules = watch.rules()
            assert {rule["name"] for rule in rules} == names_of_rules()
            assert [rule for rule in rules if rule["health"] == "err"] == []


def healthy(config: settings.Settings, address: str) -> bool:
    """Ask as the file's health check does."""
    _, program, *words = SERVICES["worker"]["healthcheck"]["test"]
    assert program == "python"
    env = settings.environment(config) | {"CJSTREAM_METRICS_PORT": address.rpartition(":")[2]}
    return subprocess.run([sys.executable, *words], env=env, check=False, timeout=30).returncode == 0


def watching(program: Path, home: Path, target: str) -> Prometheus:
    """Return a Prometheus with the configuration of the file's, which looks at `target` more often."""
    watch = Prometheus(program, home)
    for folder in ("rules", "alerts"):
        shutil.copytree(CONFIG / folder, home / folder)
    text = (CONFIG / "prometheus.yml").read_text("utf-8")
    text = text.replace("worker:9464", target).replace("alertmanager:9093", "127.0.0.1:9")
    (home / "prometheus.yml").write_text(text.replace("interval: 15s", "interval: 500ms"), "utf-8")
    return watch


def names_of_rules() -> set[str]:
    files = [path for folder in ("rules", "alerts") for path in (CONFIG / folder).glob("*.yml")]
    groups = [group for path in files for group in yaml(path)["groups"]]
    return {rule.get("alert") or rule["record"] for group in groups for rule in group["rules"]}
