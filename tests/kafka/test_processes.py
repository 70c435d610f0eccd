"""`cjstream worker --processes N`: several workers under one supervisor, on a real broker."""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cjstream.kafka import group_positions
from cjstream.settings import Settings
from tests.broker import Broker, Cli
from tests.faults.harness import WORKER, Worker, committed, new_app, read_all, run, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

SEED, TOUCHPOINTS, PARTITIONS = 23, 30_000, 4
PATIENT = {"kafka_session_timeout_seconds": "20"}  # enough for a busy machine to bring a member back within it
READY_SECONDS = 60.0

pytestmark = pytest.mark.timeout(240)


class Several(Worker):
    """Workers under a supervisor, which is the process of this object."""

    def __init__(self, settings: Settings, log: Path, processes: int) -> None:
        super().__init__(settings, log, [*WORKER, "--processes", str(processes)])

    def pids(self) -> list[int]:
        """Return the process ids of the workers by number, of each the newest."""
        started = dict(re.findall(r"worker=(\d+) started, pid (\d+)", self.said()))
        return [int(started[number]) for number in sorted(started)]

    def of(self, number: int, name: str) -> float:
        """Return the sum of a metric of one worker."""
        label = f'worker="{number}"'
        return sum(value for (metric, labels), value in self.metrics().items() if metric == name and label in labels)

    def __exit__(self, *error: object) -> None:
        pids = self.pids()
        self.kill()
        wait_until(lambda: not alive(pids), READY_SECONDS, "no worker outlives its supervisor")


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def owners(settings: Settings) -> dict[int, str | None]:
    return {each.partition: each.owner for each in run(group_positions(settings))}


@pytest.fixture
def app(broker: Broker, tmp_path: Path) -> Settings:
    return new_app(broker.servers, "processes", tmp_path / "data", PARTITIONS, **PATIENT)


@pytest.fixture
def two(app: Settings, tmp_path: Path) -> Iterator[Several]:
    """Two workers that share the partitions."""
    with Several(app, tmp_path / "workers.log", 2) as workers:
        share(workers)
        yield workers


def share(workers: Several) -> None:
    """Wait until each has half of the partitions and all are ready."""
    each = PARTITIONS / 2

    def is_shared() -> bool:
        return workers.is_ready() and all(workers.of(n, "cjstream_assigned_partitions") == each for n in (0, 1))

    wait_until(is_shared, READY_SECONDS, "both are ready, each with half of the partitions")


def test_a_killed_worker_comes_back_to_its_place_and_nothing_is_lost(app: Settings, two: Several) -> None:
    lines, _ = make_input(TOUCHPOINTS, SEED)
    places, rebalances = owners(app), two.of(0, "cjstream_rebalances_total")
    for number, share_of_input in ((1, 0.3), (0, 0.6)):  # one of them leads the group
        send(app, lines[: int(len(lines) * share_of_input)], PARTITIONS)
        lines = lines[int(len(lines) * share_of_input) :]
        before = sum(committed(app).values())
        wait_until(lambda least=before: sum(committed(app).values()) > least, READY_SECONDS, "work is under way")  # type: ignore[misc]
        killed = psutil.Process(two.pids()[number])
        killed.kill()
        wait_until(lambda gone=killed.pid: gone not in two.pids(), READY_SECONDS, "it is started again")  # type: ignore[misc]
        share(two)
        assert owners(app) == places
        if number == 1:
            assert two.of(0, "cjstream_rebalances_total") == rebalances, "the other was left alone"
    send(app, lines, PARTITIONS)
    wait_done(app, two)
    assert [two.of(number, "cjstream_worker_restarts_total") for number in (0, 1)] == [1, 1]
    differences, _ = _judge(app)
    assert differences[:5] == []


def _judge(settings: Settings) -> tuple[list[str], Topics]:
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    differences, _ = topics.differences()
    assert topics.regressed == 0
    return differences, topics


def test_sums_over_workers_count_every_customer_once_and_sigterm_leaves_nobody(app: Settings, two: Several) -> None:
    lines, _ = make_input(TOUCHPOINTS // 3, SEED)
    send(app, lines, PARTITIONS)
    wait_done(app, two)
    customers = [two.of(number, "cjstream_customers") for number in (0, 1)]
    _, topics = _judge(app)
    assert all(customers)
    assert sum(customers) == sum(bool(outcome.path) for outcome in topics.ledger.outcomes.values())
    pids = two.pids()
    assert two.end()[0] == 0
    assert alive(pids) == []
    assert sorted(line["worker"] for line in two.lines() if line.get("name") == "stopped") == [0, 1]


def test_no_worker_outlives_a_killed_supervisor_and_the_next_one_finds_all_places_free(
    app: Settings, two: Several, tmp_path: Path
) -> None:
    places, pids = owners(app), two.pids()
    two.kill()
    wait_until(lambda: not alive(pids), READY_SECONDS, "the workers ended")
    with Several(app, tmp_path / "next.log", 2) as following:
        share(following)
        assert owners(app) == places


def test_a_worker_that_hangs_is_told_of_and_holds_up_nobody(two: Several) -> None:
    hung = psutil.Process(two.pids()[1])
    hung.suspend()
    try:
        assert two.get("readyz") == (503, "worker 1: no answer within 0.8 s\n")
        assert two.get("livez")[0] == 503
        assert [two.of(number, "cjstream_worker_up") for number in (0, 1)] == [1, 0]
        assert two.of(0, "cjstream_assigned_partitions") == PARTITIONS / 2
    finally:
        hung.resume()
    wait_until(two.is_ready, READY_SECONDS, "it is ready again")


def test_more_workers_than_partitions_are_warned_of_and_no_fault(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "spare", tmp_path / "data", 1)
    with Several(settings, tmp_path / "workers.log", 2) as workers:
        wait_until(workers.is_ready, READY_SECONDS, "one has the partition, the other waits")
        assert "2 workers, but the input has 1 partition(s)" in workers.said()
        assert workers.metric("cjstream_assigned_partitions") == 1
        assert workers.end()[0] == 0


def test_what_a_person_must_mend_ends_all_with_its_code(cli: Cli, settings: Settings, tmp_path: Path) -> None:
    done = cli("worker", "--processes", "2")
    assert done.returncode == 4
    assert b"run `cjstream topics create`" in done.stderr
    file = tmp_path / "bad.yaml"
    file.write_text("journey: x\nstages:\n  - {id: a, weight: 1}\nrules:\n  - {on: x, to: b}\n")
    done = cli("worker", "--processes", "2", "--journey", str(file))
    assert done.returncode == 2
    assert f"{file}: line 5: rules[0].to".encode() in done.stderr
    done = cli("worker", "--processes", "2", env={"CJSTREAM_METRICS_HOST": "192.0.2.1"})
    assert done.returncode == 2
    assert b"error: CJSTREAM_METRICS_HOST" in done.stderr
