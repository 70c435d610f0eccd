"""What a worker says of its partitions: their restore, what is new in their definitions, a slow write, a crash."""

from typing import Any

import pytest

from cjstream.definitions import parse
from cjstream.stream import publisher
from cjstream.stream.transport import ConsumerThread
from tests.stream.test_clock import World

PLAIN = "journey: quick\nstages: [{id: look, weight: 1}]\nrules: [{on: page_view, to: look}]\n"
STALLING = PLAIN.replace("weight: 1", "weight: 1, stall: {since_entered: 1s}")
TITLED = PLAIN.replace("weight: 1", "weight: 1, title: Look")

pytestmark = pytest.mark.asyncio


async def take_up(world: World) -> None:
    """Take the partition up with all that its changelog has."""
    if world.outbox.log:
        await world.reopen(len(world.outbox.log))
    else:
        await world.partitions.keep({0})
        await world.partitions.open([0])


async def test_definitions_are_told_once_when_they_are_new_or_say_something_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "cjstream")
    plain, titled, stalling = (parse(text, "quick") for text in (PLAIN, TITLED, STALLING))
    assert plain.hash == titled.hash != stalling.hash
    world, said = World(), list[list[str]]()
    for definition in (plain, plain, titled, titled, stalling):
        world.partitions.active = (definition,)
        caplog.clear()
        await take_up(world)
        await world.looked("anna")
        said.append([each for each in caplog.messages if "definition" in each])
    await world.partitions.close()
    new = "journey quick has the definition {}, which is new in partitions 0"
    changed = f"journey quick: titles or measures of definition {plain.hash} are new in partitions 0"
    assert said == [[new.format(plain.hash)], [], [changed], [], [new.format(stalling.hash)]]


async def test_a_restore_is_told_with_its_records_from_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cjstream")
    world = World()
    await take_up(world)
    await world.looked("anna", "bert")
    for _ in range(2):
        records = len(world.outbox.log)
        caplog.clear()
        await world.reopen(records)
        told = [each for each in caplog.messages if "restored" in each]
        assert [each.partition(" in ")[0] for each in told] == [
            "the state is being restored from cjstream-state-changelog",
            f"{records} records of the state were restored",
        ]
    await world.partitions.close()


async def test_an_assignment_is_told_only_if_it_changes_something(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cjstream")
    world = World()
    for numbers in ({0, 1}, {0, 1}, {1, 2}, set[int]()):
        await world.partitions.keep(numbers)
    assert caplog.messages == [
        "the group gave this worker partitions 0, 1; came: 0, 1; left: none",
        "the group gave this worker partitions 1, 2; came: 2; left: 0",
        "the group gave this worker partitions none; came: none; left: 1, 2",
    ]


@pytest.mark.parametrize(("seconds", "lines"), [(-1.0, 1), (publisher.SLOW_SECONDS, 0)])
async def test_a_slow_write_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, seconds: float, lines: int
) -> None:
    monkeypatch.setattr(publisher, "SLOW_SECONDS", seconds)
    world = World()
    await take_up(world)
    caplog.clear()
    await world.looked("anna", "bert")
    told = [each for each in caplog.messages if each.endswith("s to become durable")]
    assert told == ["partition 0: 2 records took 0 s to become durable"] * lines
    await world.partitions.close()


async def test_a_crash_of_the_consumers_thread_is_logged_and_not_printed(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    thread: Any = object.__new__(ConsumerThread)
    thread.on_crash("{0!r} crashed: {1!r}", "thread", KeyError("anna"))
    assert caplog.messages == ["an error that nobody took: KeyError"]
    assert (capsys.readouterr().err, capsys.readouterr().out) == ("", "")
