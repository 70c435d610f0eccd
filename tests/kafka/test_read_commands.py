"""Commands that read: transitions, stages, inspect, status."""

import asyncio
import json
import select
import subprocess
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from cjstream.core.state import CustomerState, JourneyState, definition_key, encode
from cjstream.definitions import shipped
from cjstream.ingest.codec import dumps
from cjstream.settings import Settings, environment
from tests.broker import Cli, Produce
from tests.command import COMMAND

FOLLOW_SECONDS = 20
SHOP = shipped()


def transition(customer: str, sequence: int) -> bytes:
    fields = {
        "transition_id": f"{sequence:032x}", "journey": "shop", "sequence": sequence, "customer_id": customer,
        "from_stage": None, "to_stage": "awareness", "kind": "entry", "occurred_at": "2026-01-01T00:00:00.000Z",
        "cause": {"touchpoint_id": "t", "type": "page_view", "rule": "r"},
    }  # fmt: skip
    return json.dumps(fields).encode()


def current(customer: str, stage: str | None, furthest: str, outcome: str = "in_progress") -> bytes:
    journey = {
        "stage": stage, "furthest_stage": furthest, "outcome": outcome, "sequence": 1, "definition": SHOP.hash,
    }  # fmt: skip
    return json.dumps({"customer_id": customer, "journeys": {"shop": journey}}).encode()


def test_with_nothing_to_print_they_exit_0(cli: Cli, topics: int) -> None:
    for args in (["transitions"], ["transitions", "--json"], ["stages"], ["stages", "--json"]):
        done = cli(*args)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_transitions_json_is_the_records_values_repeats_and_all(cli: Cli, settings: Settings, produce: Produce) -> None:
    values = [transition("c", 1), transition("c", 2), transition("c", 2)]
    produce(settings.transitions, [(b"c", value) for value in values])
    assert cli("transitions", "--json").stdout == b"".join(value + b"\n" for value in values)


def test_transitions_for_people_say_who_moved_where_and_why(cli: Cli, settings: Settings, produce: Produce) -> None:
    produce(settings.transitions, [(b"c", transition("c", 1))])
    line = "2026-01-01T00:00:00.000Z  c  shop  - -> awareness  entry  (page_view)\n"
    assert cli("transitions").stdout.decode() == line


def test_transitions_follow_shows_only_what_comes_from_now_on(settings: Settings, produce: Produce) -> None:
    produce(settings.transitions, [(b"c", transition("c", 1))])
    command = [*COMMAND, "transitions", "--follow", "--json"]
    with subprocess.Popen(command, env=environment(settings), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            sequence = 2
            deadline = time.monotonic() + FOLLOW_SECONDS
            while not _readable(process):  # when it begins to listen is its own business
                assert time.monotonic() < deadline
                produce(settings.transitions, [(b"c", transition("c", sequence))])
                sequence += 1
            assert 1 < json.loads(process.stdout.readline())["sequence"] <= sequence
        finally:
            process.terminate()


def _readable(process: subprocess.Popen[bytes]) -> bool:
    assert process.stdout
    return bool(select.select([process.stdout], [], [], 0.3)[0])


def test_stages_json_is_the_newest_of_each_customer_without_the_erased(
    cli: Cli, settings: Settings, produce: Produce
) -> None:
    newest = current("a", "purchase", "purchase")
    records = [(b"a", current("a", "awareness", "awareness")), (b"b", current("b", None, "awareness"))]
    produce(settings.stage_current, [*records, (b"a", newest), (b"b", None)])
    assert cli("stages", "--json").stdout == newest + b"\n"


def test_stages_is_a_funnel_of_all_stages_in_their_order(
    cli: Cli, settings: Settings, produce: Produce, topics: int
) -> None:
    customers = {
        b"a": current("a", "awareness", "awareness"),
        b"b": current("b", "consideration", "purchase", "converted"),
        b"c": current("c", "purchase", "purchase", "converted"),
        b"d": current("d", None, "awareness", "dropped"),
    }
    produce(settings.stage_current, list(customers.items()))
    asyncio.run(keep_definition(settings, topics))
    shown = cli("stages").stdout.decode()
    assert "shop: 4 customers, 2 converted, 1 dropped, 1 in progress" in shown
    funnel, dropped = ([line.split() for line in table.splitlines()] for table in shown.split("\n\n"))
    assert funnel[3:] == [  # here now, in progress, converted, dropped, furthest, got here
        ["awareness", "1", "1", "0", "0", "2", "4", "100.0%"],
        ["consideration", "1", "0", "1", "0", "0", "2", "50.0%"],
        ["purchase", "1", "0", "1", "0", "2", "2", "50.0%"],
        ["retention", "0", "0", "0", "0", "0", "0", "0.0%"],
        ["advocacy", "0", "0", "0", "0", "0", "0", "0.0%"],
        ["(outside)", "1", "0", "0", "1", "0"],
    ]
    assert dropped[2:] == [["awareness", "0", "0.0%", "1", "100.0%"], ["(outside)", "1", "100.0%", "0", "0.0%"]]


async def keep_definition(settings: Settings, partitions: int) -> None:
    """Write the shop's definition where workers keep it: in each partition of the changelog."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for number in range(partitions):
            row = {"key": definition_key(SHOP.hash), "value": dumps(SHOP.data), "partition": number}
            await producer.send_and_wait(settings.state_changelog, **row)


def test_inspect_shows_stages_and_state(cli: Cli, settings: Settings, produce: Produce) -> None:
    value = current("c", "awareness", "awareness")
    produce(settings.stage_current, [(b"c", b"{}"), (b"other", b"{}"), (b"c", value)])
    produce(settings.state_changelog, [(b"c", encode(CustomerState((0, 7), 5, b"\1\2", {"shop": JourneyState(3)})))])
    found = json.loads(cli("inspect", "c", "--json").stdout)
    assert found["customer_id"] == "c"
    assert found["stage_current"] == json.loads(value)
    assert (found["state"]["fence"], found["state"]["recent"]) == ([0, 7], "0102")
    assert found["state"]["journeys"]["shop"]["sequence"] == 3
    assert b"awareness" in cli("inspect", "c").stdout


def test_inspect_of_an_unknown_customer_is_a_no(cli: Cli, settings: Settings, produce: Produce) -> None:
    produce(settings.stage_current, [(b"gone", current("gone", None, "awareness")), (b"gone", None)])
    for customer in ("gone", "nobody"):
        done = cli("inspect", customer)
        assert (done.returncode, done.stdout) == (1, b"")


def status(cli: Cli) -> Any:
    return json.loads(cli("status", "--json").stdout)


def test_status_without_workers_counts_from_the_start(
    cli: Cli, settings: Settings, produce: Produce, topics: int
) -> None:
    produce(settings.touchpoints, [(b"c", b"x")] * 5)
    found = status(cli)
    assert (found["group"], found["topic"], found["lag_records"]) == (settings.app_id, settings.touchpoints, 5)
    assert len(found["partitions"]) == topics
    assert {row["owner"] for row in found["partitions"]} == {None}
    assert b"5 records behind" in cli("status").stdout


def test_status_knows_owner_commit_and_age(cli: Cli, settings: Settings, produce: Produce, topics: int) -> None:
    produce(settings.touchpoints, [(None, b"x")] * 4 * topics)
    produce(settings.state_changelog, [(f"c-{number}".encode(), b"x") for number in range(10 * topics)])

    async def look_while_a_member_runs() -> Any:
        consumer = AIOKafkaConsumer(
            settings.touchpoints,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group_id=settings.app_id,
            client_id="member",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            await consumer.commit(dict.fromkeys(consumer.assignment(), 3))
            return await asyncio.to_thread(status, cli)
        finally:
            await consumer.stop()

    found = asyncio.run(look_while_a_member_runs())
    for row in found["partitions"]:
        assert (row["committed"], row["end"], row["lag_records"]) == (3, 4, 1)
        assert row["owner"].startswith("member@")
        assert 0 <= row["commit_age_seconds"] < 60
