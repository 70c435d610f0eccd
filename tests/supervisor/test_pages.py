"""Pages: one answer made of several workers', also of those that do not answer."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from cjstream.metrics import SUPERVISOR_METRICS, Metrics
from cjstream.ops import NO_PARTITION, OpsServer
from cjstream.supervisor import pages
from cjstream.supervisor.pages import Pages, Standing

OK = (True, "")


@contextmanager
def worker(ready: tuple[bool, str] = OK, alive: tuple[bool, str] = OK) -> Iterator[Standing]:
    """A worker's own server, in a thread."""
    metrics = Metrics()
    metrics.set("cjstream_ready", ready[0])
    server = OpsServer(metrics, lambda: ready, lambda: alive, "127.0.0.1", 0)
    yield Standing(server.start())
    server.stop()


@pytest.fixture
def hung() -> Iterator[Standing]:
    """A worker that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Standing(listening.getsockname()[1])


@pytest.fixture
def gone() -> Standing:
    """A worker that died and is not missed yet."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return Standing(listening.getsockname()[1])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save time with workers that are hung; 5 s for those that answer would do as well."""
    monkeypatch.setattr(pages, "ANSWER_SECONDS", 0.5)


def of(standings: Sequence[Standing], partitions: int | None = 8) -> Pages:
    made = Pages(Metrics(SUPERVISOR_METRICS), lambda: standings)
    made.partitions = partitions
    return made


def not_ready(*reasons: str, partitions: int | None = 8) -> tuple[bool, str]:
    with ExitStack() as stack:
        standings = [stack.enter_context(worker((not reason, reason))) for reason in reasons]
        return of(standings, partitions).ready()


def test_ready_when_all_are() -> None:
    assert not_ready("", "") == (True, "")


def test_not_ready_says_which_and_why() -> None:
    assert not_ready("", "rebalancing", "restoring: 7 records to go") == (
        False,
        "worker 1: rebalancing; worker 2: restoring: 7 records to go",
    )


def test_workers_beyond_the_partitions_may_be_idle_but_no_others() -> None:
    assert not_ready("", NO_PARTITION, NO_PARTITION, partitions=1) == (True, "")
    assert not_ready("", NO_PARTITION, NO_PARTITION, partitions=2) == (False, f"worker 2: {NO_PARTITION}")
    assert not_ready(NO_PARTITION, "", "rebalancing", partitions=2) == (False, "worker 2: rebalancing")
    assert not_ready("", NO_PARTITION, partitions=None)[0] is False


def test_one_that_cannot_be_asked_is_not_ready_but_its_supervisor_is_alive() -> None:
    with worker() as fine:
        found = of([fine, Standing(None, "starting")])
        assert found.ready() == (False, "worker 1: starting")
        assert found.alive() == (True, "")


def test_one_that_does_not_answer_in_time_is_neither_ready_nor_alive(hung: Standing) -> None:
    with worker() as fine:
        found = of([hung, fine])
        assert found.ready() == found.alive() == (False, "worker 0: no answer within 0.5 s")


def test_one_whose_loop_stands_still_is_not_alive() -> None:
    with worker() as fine, worker(alive=(False, "the event loop last ran 61 s ago")) as stuck:
        assert of([fine, stuck]).alive() == (False, "worker 1: the event loop last ran 61 s ago")


def test_metrics_have_those_that_answer_and_say_who_does_not(hung: Standing, gone: Standing) -> None:
    with worker() as fine:
        content_type, body = of([fine, hung, gone, Standing(None, "starting")]).render()
    lines = body.decode().splitlines()
    assert content_type.startswith("text/plain")
    assert [line for line in lines if line.startswith("cjstream_worker_up{")] == [
        'cjstream_worker_up{worker="0"} 1.0',
        *(f'cjstream_worker_up{{worker="{number}"}} 0.0' for number in (1, 2, 3)),
    ]
    assert [line for line in lines if line.startswith("cjstream_ready{")] == ['cjstream_ready{worker="0"} 1.0']
    assert any(line.startswith('process_cpu_seconds_total{worker="supervisor"}') for line in lines)


def test_metrics_come_as_openmetrics_to_who_asks() -> None:
    with worker() as one, worker() as other:
        content_type, body = of([one, other]).render("application/openmetrics-text")
    assert content_type.startswith("application/openmetrics-text")
    assert body.count(b"# EOF\n") == 1
    assert body.endswith(b"# EOF\n")


def test_the_pages_are_served() -> None:
    with worker() as fine:
        found = of([fine])
        server = OpsServer(found, found.ready, found.alive, "127.0.0.1", 0)
        port = server.start()
        try:
            reply = pages._ask(port, "/readyz", {})
        finally:
            server.stop()
    assert reply == (200, "ok\n")
