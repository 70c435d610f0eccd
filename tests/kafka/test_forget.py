"""`cjstream forget` with a worker, without one, and with nothing to forget."""

import asyncio
import json
from typing import Any

import pytest

from cjstream.core.state import hashed_id
from cjstream.kafka import Span, partition_of, topic_spans
from cjstream.settings import Settings
from tests.broker import Cli, Produce, StartWorker

LOOK = {"id": "t1", "customer_id": "ani", "type": "page_view", "occurred_at": 1_000}


def sent(**more: Any) -> bytes:
    return json.dumps({**LOOK, **more}).encode()


@pytest.fixture
def known(settings: Settings, produce: Produce, topics: int) -> None:
    """A customer with two touchpoints and three dead letters, one of them under the key of somebody else."""
    bad = sent(id="t2", type=7)
    other = [(b"budi", sent(id="b1", customer_id="budi")), (b"cora", sent(id="t9"))]
    produce(settings.touchpoints, [(b"ani", sent()), (b"ani", sent(id="t3", type="purchase")), *other])
    produce(settings.touchpoints, [(b"ani", bad), (b"ani", b"no json")])


def topics_of(settings: Settings, found: dict[str, Any]) -> dict[str, int]:
    names = {
        settings.touchpoints: "touchpoints", settings.transitions: "transitions", settings.signals: "signals",
        settings.stage_current: "stage.current", settings.state_changelog: "changelog",
        settings.dead_letter: "dead-letter",
    }  # fmt: skip
    return {names[each["topic"]]: each["records"] for each in found["left"]}


@pytest.mark.usefixtures("known")
def test_it_waits_for_the_worker_and_says_what_is_left_until_when(
    cli: Cli, settings: Settings, start_worker: StartWorker
) -> None:
    start_worker()
    while json.loads(cli("forget", "ani", "--dry-run", "--json").stdout)["left"][-1]["records"] < 3:
        pass
    done = cli("forget", "ani", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert (found["event"], found["had_state"], found["had_marker"]) == ("forget", True, False)
    assert found["customer"] == hashed_id("ani", settings.app_id.encode())
    assert found["sent"]["topic"] == settings.touchpoints
    assert found["applied_after_seconds"] >= 0
    counts = topics_of(settings, found)
    assert (counts["touchpoints"], counts["transitions"], counts["signals"], counts["dead-letter"]) == (5, 2, 1, 3), (
        "with the null"
    )
    until = {each["topic"]: each["gone_by"] for each in found["left"]}
    assert until[settings.dead_letter] is None, "as `topics create` makes it, it is kept for ever"
    assert all(until[name] for name in (settings.touchpoints, settings.state_changelog, settings.stage_current))
    assert b"ani" not in done.stdout.replace(b"transitions", b"")
    assert cli("inspect", "ani").returncode == 1
    again = json.loads(cli("forget", "ani", "--json").stdout)
    assert (again["had_state"], again["had_marker"]) == (False, True)
    told = cli("forget", "ani").stdout.decode()
    assert "no state was kept, and a marker of an earlier erasure" in told
    assert "never" in told
    assert cli("inspect", "budi").returncode == 0, "nobody else is forgotten"


@pytest.mark.usefixtures("known")
def test_without_a_worker_the_null_stands_in_the_input_and_the_exit_code_is_1(cli: Cli, settings: Settings) -> None:
    done = cli("forget", "ani", "--wait", "0.1", "--json")
    assert done.returncode == 1
    assert b"no worker has applied it yet" in done.stderr
    assert json.loads(done.stdout)["applied_after_seconds"] is None


def test_with_another_erasure_key_nothing_is_sent_and_no_worker_starts(
    cli: Cli, settings: Settings, start_worker: StartWorker
) -> None:
    def ends() -> dict[int, Span]:
        return asyncio.run(topic_spans(settings, settings.touchpoints))

    worker, other = start_worker(), {"CJSTREAM_ERASURE_KEY": "another"}
    assert cli("forget", "ani").returncode == 0
    sent, said = ends(), b"the state was made with another CJSTREAM_ERASURE_KEY, under which forgotten customers are"
    for more in ((), ("--dry-run",)):
        done = cli("forget", "ani", "--json", *more, env=other)
        assert (done.returncode, done.stdout) == (4, b"")
        assert said in done.stderr
    assert ends() == sent
    unread = next(f"c{at}" for at in range(100) if sent[partition_of(b"c%d" % at, len(sent))].end == 0)
    done = cli("forget", unread, "--json", env=other)  # before the first record of its partition nobody can tell
    assert (done.returncode, done.stdout) == (4, b"")
    assert worker.end()[0] == 0
    refused = cli("worker", env=other)
    assert refused.returncode == 4
    assert said in refused.stdout + refused.stderr


def test_a_dry_run_sends_nothing_and_tells_of_nobody_by_1(cli: Cli, settings: Settings, topics: int) -> None:
    done = cli("forget", "ani", "--dry-run")
    assert (done.returncode, done.stderr) == (1, b"there is nothing of this customer\n")
    assert json.loads(cli("forget", "ani", "--dry-run", "--json").stdout)["left"] == []


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_without_the_topics_it_names_the_command_that_makes_them(more: tuple[str, ...], cli: Cli) -> None:
    done = cli("forget", "ani", *more)
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"touchpoints; run `cjstream topics create`" in done.stderr


def test_what_is_no_id_is_a_wrong_argument(cli: Cli) -> None:
    done = cli("forget", "a b")
    assert done.returncode == 2
    assert b"is no id" in done.stderr
