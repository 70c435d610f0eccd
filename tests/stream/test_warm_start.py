"""A store that lasts: what is kept beside the customers is what a look at all of them finds, after anything."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core import dues
from cjstream.core.kept import DEFINITION, DUE, decode_booking
from cjstream.core.state import has_pending, is_reserved
from cjstream.core.totals import Totals
from cjstream.definitions import parse
from cjstream.errors import StateMismatch
from cjstream.stream import marks, stamps
from cjstream.stream.due import DUE_PREFIX, ENTRY_PREFIX, KEY_AT
from cjstream.stream.marks import LAST, MADE_MARK, TOTALS_PREFIX
from cjstream.stream.partition import Partition
from cjstream.stream.stamps import Record, content_of, record_of
from tests.stream.stores import KeptStores
from tests.stream.test_clock import CHANGELOG, SETTINGS, SIGNALS, World

QUICK = parse(
    """
journey: quick
lateness: 2s
stages:
  - {id: look, weight: 1, stall: {since_entered: 1s}}
  - {id: buy, weight: 2}
rules: [{on: page_view, to: look}, {on: purchase, to: buy}]
""",
    "quick",
)
BOTH_CLOCKS = parse(  # who stalls is due once more
    """
journey: quick
lateness: 2s
goal: {on: purchase}
window: 4s
stages:
  - {id: look, weight: 1, stall: {since_entered: 1s}}
  - {id: buy, weight: 2}
rules: [{on: page_view, to: look}, {on: purchase, to: buy}]
""",
    "both clocks",
)
OTHER = parse(
    """
journey: quick
lateness: 0s
stages: [{id: look, weight: 1}, {id: buy, weight: 2}]
rules: [{on: page_view, to: look}, {on: purchase, to: buy}]
""",
    "other",
)
MADE_ANEW = "totals and deadlines are made anew"
CUSTOMERS = ("anna", "bert", "cora", "dora")
ACTS = st.one_of(
    st.tuples(
        st.sampled_from(["page_view", "purchase", "visit", "erase"]), st.sampled_from(CUSTOMERS), st.integers(0, 2_000)
    ),
    st.tuples(st.sampled_from(["fire", "moment", "durable", "restart", "crash", "edit"]), st.just(""), st.just(0)),
)
Act = tuple[str, str, int]


class Kept(World):
    """A world whose partition has a store that lasts."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.partitions.stores = KeptStores(root)
        self.partitions.active = (QUICK,)
        self.now_ms, self.wrong = 1_000, list[AssertionError]()

    async def start(self, *, since: int | None = None) -> None:
        """Take the partition up, and restore what the changelog has after the store's offset."""
        await self.partitions.keep({0})
        await self.partitions.reopen()
        held = self.partitions.changelog_offset(0)
        after = (-1 if held is None else held) if since is None else since
        log: Any = [
            ConsumerRecord(CHANGELOG, 0, at, 0, 0, key, value, None, 0, 0, ())
            for at, (key, value) in enumerate(self.outbox.log)
            if at > after
        ]
        if log:
            self.partitions.restore(0, log)
        await self.partitions.open([0])
        self.require_it_after_each_write()

    def require_it_after_each_write(self) -> None:
        """Compare whenever something gets durable: any such moment may be the last one of the process."""
        store: Any = self.partitions[0].rows.store
        write = store.write

        def checked(*what: Any) -> None:
            write(*what)
            try:
                self.require_what_a_recount_finds()
            except AssertionError as error:  # a publisher that fails would end the process
                self.wrong.append(error)

        store.write = checked

    async def stop(self) -> None:
        if self.wrong:
            raise self.wrong[0]
        await self.partitions.close()
        self.partitions.stores = KeptStores(self.partitions.stores.root)  # type: ignore[attr-defined]

    def act(self, what: str, customer: str, ago_ms: int = 0) -> Partition:
        """Apply one record."""
        self.offset += 1
        self.now_ms += 400
        fields = {"id": f"t{self.offset}", "customer_id": customer, "type": what, "occurred_at": self.now_ms - ago_ms}
        value = None if what == "erase" else json.dumps(fields).encode()
        record = ConsumerRecord(
            SETTINGS.touchpoints, 0, self.offset, self.now_ms, 0, customer.encode(), value, None, 0, 0, ()
        )
        partition = self.partitions[0]
        partition.advance(partition.decode([record]), [record])
        partition.publish([record], lambda: None)
        return partition

    async def fire(self) -> None:
        partition = self.partitions[0]
        now_ms = self.now_ms + 1_500
        if partition.deadlines.is_due(now_ms):
            partition.fire(now_ms, lambda: True)
        await asyncio.sleep(0)

    def require_what_a_recount_finds(self) -> None:
        """Compare the marks in the store with the customers there."""
        partition = self.partitions[0]
        store, journeys = partition.rows.store, partition.journeys
        recounted, due = Totals(), dict[bytes, bytes]()
        states = dict(partition.rows.customers())
        recounted.recount(states.values(), journeys.by_hash)
        definitions = Counter(
            instance.definition
            for state in states.values()
            for journey in state.journeys.values()
            for instance in journey.instances
        )
        for key, state in states.items():
            due_ms = dues.next_due(state, journeys) if journeys.has_deadlines else None
            if due_ms is not None:
                due[key] = due_ms.to_bytes(8, "big")
        counts = {
            decode_booking(key[1:]): int.from_bytes(value)
            for key, value in store.marks(TOTALS_PREFIX, TOTALS_PREFIX + LAST)
        }
        entries = [entry for entry, _ in store.marks(DUE_PREFIX, DUE_PREFIX + LAST)]
        by_customer = {key[1:]: at for key, at in store.marks(ENTRY_PREFIX, ENTRY_PREFIX + LAST)}
        assert {each[1]: count for each, count in counts.items() if each[0] == DEFINITION} == definitions
        assert counts.get((DUE,), 0) == len(due)
        assert {each: count for each, count in counts.items() if each[0] not in {DEFINITION, DUE}} == recounted.counts
        assert {entry[KEY_AT:]: entry[1:KEY_AT] for entry in entries} == by_customer, "one entry for each"
        assert len(entries) == len(by_customer)
        assert by_customer.keys() == due.keys()
        assert all(at <= due[key] for key, at in by_customer.items()), "no deadline is missed"

    def require_all_sent(self) -> None:
        """Compare what the clock's steps had to send with what was sent; repeats are allowed."""
        owed = Counter(key.decode() for key, value in set(self.outbox.log) if _owes(key, value))
        sent = Counter(self.outbox.keys(SIGNALS))
        assert not owed - sent


def _owes(key: bytes, value: bytes | None) -> bool:
    return value is not None and not is_reserved(key) and has_pending(value)


async def live(world: Kept, acts: list[Act]) -> None:
    await world.start()
    for what, customer, ago_ms in acts:
        if what == "fire":
            await world.fire()
        elif what == "moment":
            await asyncio.sleep(0.0015)
        elif what == "durable":
            await world.partitions[0].publisher.drained()
        elif what in {"restart", "crash", "edit"}:
            if what != "crash":
                await world.partitions[0].publisher.drained()
            if what == "edit":
                world.partitions.active = (OTHER if world.partitions.active == (BOTH_CLOCKS,) else BOTH_CLOCKS,)
            await world.stop()
            await world.start()
            world.require_what_a_recount_finds()
        else:
            world.act(what, customer, ago_ms)
            await asyncio.sleep(0)
    await world.partitions[0].publisher.drained()
    world.require_what_a_recount_finds()
    await world.stop()
    await world.start()
    world.require_what_a_recount_finds()
    world.require_all_sent()
    await world.stop()


@given(st.lists(ACTS, max_size=30))
def test_after_any_groups_turns_of_the_clock_and_restarts_the_marks_are_those_of_a_recount(
    acts: list[Act],
) -> None:
    with TemporaryDirectory() as path:
        world = Kept(Path(path))
        world.partitions.active = (BOTH_CLOCKS,)
        asyncio.run(live(world, acts))


@pytest.fixture
def world(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


async def looked(world: Kept) -> None:
    """Let customers look and erase one, durably, and stop."""
    await world.start()
    for name in CUSTOMERS:
        world.act("page_view", name)
    world.act("erase", "dora")
    await world.partitions[0].publisher.drained()
    await world.stop()


@pytest.mark.asyncio
async def test_a_turn_of_the_clock_writes_the_marks_of_its_own_customers_only(world: Kept) -> None:
    await world.start()
    world.act("page_view", "anna")
    await world.partitions[0].publisher.drained()
    world.now_ms += 10_000
    world.act("page_view", "bert")
    await world.fire()
    world.act("purchase", "cora")
    await world.partitions[0].publisher.drained()
    assert world.outbox.turns() == ["input", "clock", "input"]
    await world.stop()


@pytest.mark.asyncio
async def test_a_deadline_that_comes_earlier_moves_its_entry_and_one_that_comes_later_does_not(world: Kept) -> None:
    await world.start()
    writes = []
    for ago_ms in (0, 800, 400):
        world.act("page_view", "anna", ago_ms)
        await world.partitions[0].publisher.drained()
        writes.append([entry for entry, _ in world.partitions[0].rows.store.marks(DUE_PREFIX, DUE_PREFIX + LAST)])
    assert writes[0] > writes[1] == writes[2]
    assert [len(each) for each in writes] == [1, 1, 1]
    await world.stop()


@pytest.mark.asyncio
async def test_what_the_clock_had_still_to_send_is_sent_after_a_restart_that_restores_nothing(
    world: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    world.act("page_view", "anna")
    await world.partitions[0].publisher.drained()
    world.now_ms += 10_000
    send, is_asked = world.outbox.send, asyncio.Event()

    async def no_signals(topic: str, number: int, records: Any) -> int:
        if topic == SIGNALS:
            is_asked.set()
            await asyncio.sleep(60)
        return await send(topic, number, records)

    monkeypatch.setattr(world.outbox, "send", no_signals)
    await world.fire()
    await is_asked.wait()
    await world.stop()
    monkeypatch.undo()
    await world.start()
    assert (world.partitions.restored_records, world.outbox.keys(SIGNALS)) == (0, ["anna"])
    await world.stop()
    await world.start()
    assert world.outbox.keys(SIGNALS) == ["anna"]
    assert world.stored("anna").pending == ()
    await world.stop()


def nobody(*_: Any) -> Any:
    raise AssertionError("nobody is to be looked at")


@pytest.mark.asyncio
async def test_after_a_clean_stop_nothing_is_restored_and_nobody_is_looked_at(
    world: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looked(world)
    monkeypatch.setattr(marks.Ledger, "_make", nobody)
    monkeypatch.setattr("cjstream.stream.marks.decode_state", nobody)
    await world.start()
    monkeypatch.undo()
    assert world.partitions.restored_records == 0
    assert world.partitions.changelog_offset(0) == len(world.outbox.log) - 1
    assert len(world.partitions[0].deadlines) == 3
    world.require_what_a_recount_finds()
    await world.stop()


@pytest.mark.asyncio
async def test_a_few_customers_restored_are_booked_one_by_one(world: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    await looked(world)
    known = len(world.outbox.log) - 1
    await world.start()
    for name in ("anna", "dora", "elsa"):
        world.act("purchase", name)
    world.act("erase", "bert")
    await world.partitions[0].publisher.drained()
    log = world.outbox.log
    world.outbox.log = []
    await world.stop()
    again = Kept(world.partitions.stores.root.parent / "again")  # type: ignore[attr-defined]
    again.outbox.log = log[: known + 1]
    await again.start()
    await again.stop()
    again.outbox.log = log
    monkeypatch.setattr(marks.Ledger, "_make", nobody)
    await again.start()
    assert again.partitions.restored_records == len(log)
    again.require_what_a_recount_finds()
    await again.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [0, 2])
async def test_many_restored_customers_or_a_restore_cut_short_make_the_marks_anew(
    world: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, limit: int
) -> None:
    caplog.set_level("INFO", "cjstream")
    await looked(world)
    monkeypatch.setattr(marks, "REPLAYED_CUSTOMERS", limit)
    caplog.clear()
    await world.start(since=-1)
    assert MADE_ANEW in caplog.text
    world.require_what_a_recount_finds()
    await world.stop()


@pytest.mark.asyncio
async def test_a_restore_that_was_cut_short_makes_the_marks_anew(world: Kept, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cjstream")
    await looked(world)
    await world.partitions.keep({0})
    await world.partitions.reopen()
    record: Any = ConsumerRecord(CHANGELOG, 0, 99, 0, 0, *world.outbox.log[-2], None, 0, 0, ())
    world.partitions.restore(0, [record])
    await world.stop()
    caplog.clear()
    world.outbox.log = []
    await world.start()
    assert MADE_ANEW in caplog.text
    world.require_what_a_recount_finds()
    await world.stop()


@pytest.mark.asyncio
async def test_other_definitions_make_the_marks_anew_and_say_so(world: Kept, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cjstream")
    await looked(world)
    caplog.clear()
    world.partitions.active = (OTHER,)
    await world.start()
    assert MADE_ANEW in caplog.text
    await world.stop()
    caplog.clear()
    await world.start()
    assert MADE_ANEW not in caplog.text
    await world.stop()


@pytest.mark.asyncio
async def test_customers_of_a_definition_that_nobody_kept_are_a_mismatch_also_when_nobody_is_looked_at(
    world: Kept,
) -> None:
    await looked(world)
    await world.partitions.keep({0})
    await world.partitions.reopen()
    rows = world.partitions._rows_of(0)
    gone = {key: None for key, _ in rows.store.items(b"\x00d")}
    world.partitions.active = (OTHER,)
    made = marks._made_of(world.partitions._journeys(0, rows))
    rows.store.write(gone, rows.store.changelog_offset, {MADE_MARK: made})
    await world.stop()
    with pytest.raises(StateMismatch, match=QUICK.hash):
        await world.start()
    await world.stop()


@pytest.mark.asyncio
async def test_a_restore_does_not_make_a_store_younger_before_a_group_is_written(
    world: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "now_ms", lambda: 5)
    await looked(world)
    monkeypatch.setattr(stamps, "now_ms", lambda: 9)
    await world.start(since=2)
    store = world.partitions[0].rows.store
    record = record_of(store)
    assert record is not None
    assert (record.used_ms, record.content) == (5, content_of(*world.outbox.log[-1]))
    world.act("purchase", "anna")
    await world.partitions[0].publisher.drained()
    assert record_of(store) == Record(content_of(*world.outbox.log[-1]), 9)
    await world.stop()
