"""Why a customer is where it is, and the input topic compared under two journeys: both read what a worker left."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from cjstream import kafka
from cjstream.core.state import POSITION_KEY, CustomerState, Instance, JourneyState, Position, Visit, encode
from cjstream.settings import Settings
from tests.broker import Cli, Produce, StartWorker
from tests.faults.harness import wait_done
from tests.kafka.test_read_commands import SHOP, keep_definition

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
DAY = [
    {
        "id": "t1",
        "customer_id": "ana",
        "type": "page_view",
        "occurred_at": "2026-01-01T09:00:00Z",
        "channel": "website",
    },
    {"id": "t2", "customer_id": "ana", "type": "purchase", "occurred_at": "2026-01-01T09:05:00Z"},
    {"id": "t2", "customer_id": "ana", "type": "purchase", "occurred_at": "2026-01-01T09:05:00Z"},
    {"id": "t3", "customer_id": "ana", "type": "page_view", "occurred_at": "2026-01-01T10:00:00Z"},
    {"id": "t4", "customer_id": "ben", "type": "page_view", "occurred_at": "2026-01-01T09:06:00Z"},
]


def commands(page: str) -> list[list[str]]:
    """Return the commands of the console blocks of a how-to page, without the program's name."""
    blocks = re.findall(r"^```console\n(.*?)^```", (HOW_TO / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line.split()[1:] for block in blocks for line in block.splitlines()]


@pytest.fixture
def day(cli: Cli, settings: Settings, start_worker: StartWorker) -> None:
    """A day of touchpoints, processed."""
    worker = start_worker()
    cli("send", "-", stdin=b"".join(json.dumps(each).encode() + b"\n" for each in DAY))
    wait_done(settings, worker)


@pytest.mark.usefixtures("day")
def test_why_tells_stages_rules_refusals_and_repeats_and_the_topic_replays(cli: Cli, tmp_path: Path) -> None:
    shown = {tuple(words): cli(*words) for words in commands("explain-a-customer.md")}
    assert {done.returncode for done in shown.values()} == {0}
    text = shown["why", "ana"].stdout.decode()
    for due in (
        "shop: purchase",
        "converted: touchpoint t2 met the goal at 2026-01-01T09:05:00.000Z",
        "shop: outside -> awareness (entry, by rule-1)",
        "shop: awareness -> purchase (forward, by rule-3)",
        "a repeat: this id was seen before",
        "shop: rule-1 asks for awareness; refused, as it would lead back, and this journey only moves forward",
    ):
        assert due in text
    found = json.loads(shown["why", "ana", "--json"].stdout)
    [standing] = found["standings"]
    assert [(visit["stage"], visit["seconds"], visit["cause"]["rule"]) for visit in standing["visits"]] == [
        ("awareness", 300.0, "rule-1"), ("purchase", None, "rule-3"),
    ]  # fmt: skip
    assert found["log"]["is_complete"]
    assert [line["verdict"] for line in found["log"]["lines"]] == ["applied", "applied", "duplicate", "applied"]
    inspected = json.loads(cli("inspect", "ana", "--json").stdout)["why"]
    assert (inspected["standings"][0]["visits"], inspected["log"]) == (standing["visits"], found["log"])
    assert cli("why", "nobody").returncode == 1
    (tmp_path / "basket.yaml").write_text(basket())
    [words] = [words for words in commands("compare-journeys.md") if "topic" in words]
    line = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words]
    found = json.loads(cli(*line, "--json").stdout)
    assert (found["touchpoints"], found["rejected"]) == (5, {})
    assert found["a"]["runs"] == {"entered": 2, "in_progress": 1, "converted": 1, "dropped": 0}
    assert found["a"]["touchpoints"] == {"applied": 4, "duplicate": 1}
    one = json.loads(cli(*line, "--json", "--processes", "1").stdout)
    assert one == found


def basket() -> str:
    """Return the definition of the how-to page."""
    page = (HOW_TO / "compare-journeys.md").read_text("utf-8")
    [text] = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(text)


def kept(*ids: str) -> bytes:
    """Return the state of a customer whom touchpoints of these ids brought into stages; the first record is applied."""
    visits = tuple(Visit(stage, 5 + stage, 0, touchpoint_id) for stage, touchpoint_id in enumerate(ids))
    return encode(
        CustomerState((0, 0), 9, b"", {"shop": JourneyState(len(ids), (Instance(SHOP.hash, visits=visits),))})
    )


def purchase(touchpoint_id: str) -> tuple[bytes, bytes]:
    fields = {"id": touchpoint_id, "customer_id": "ana", "type": "purchase", "occurred_at": "2026-01-01T09:05:00Z"}
    return b"ana", json.dumps(fields).encode()


def test_a_log_that_does_not_reach_back_and_a_worker_that_is_behind_are_told(
    cli: Cli, settings: Settings, produce: Produce, topics: int
) -> None:
    produce(settings.touchpoints, [purchase("here"), purchase("waits"), (b"ana", b"no json")])
    asyncio.run(keep_definition(settings, topics))
    produce(settings.state_changelog, [(b"ana", kept("gone", "here"))])
    assert "no longer reaches back to this customer's beginning" in cli("why", "ana").stdout.decode()
    log = json.loads(cli("why", "ana", "--json").stdout)["log"]
    assert (log["is_complete"], log["missing"]) == (False, ["gone"])
    assert [line["verdict"] for line in log["lines"]] == ["applied", "rejected", "waiting"]


def test_what_a_forgotten_customer_did_does_not_wait(
    cli: Cli, settings: Settings, produce: Produce, topics: int
) -> None:
    """No state tells how far the worker has come: the position of the partition does."""
    produce(settings.touchpoints, [purchase("seen"), (b"ana", None), purchase("new")])
    asyncio.run(keep_definition(settings, topics))
    place = {kafka.partition_of(b"ana", topics): (POSITION_KEY, encode(Position((0, 1), topic=settings.touchpoints)))}
    asyncio.run(kafka.send_to(settings, settings.state_changelog, place))
    lines = json.loads(cli("why", "ana", "--json").stdout)["log"]["lines"]
    assert [line["verdict"] for line in lines] == ["applied", "forgotten", "waiting"]


def test_a_definition_that_the_changelog_lacks_is_named(cli: Cli, settings: Settings, produce: Produce) -> None:
    produce(settings.touchpoints, [purchase("here")])
    produce(settings.state_changelog, [(b"ana", kept("here"))])
    done = cli("why", "ana")
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"definition {SHOP.hash} is not in the changelog" in done.stdout.decode()
