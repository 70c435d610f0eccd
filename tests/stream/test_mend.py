"""What is written again after another writer, without a broker: the decision, and the loop around it."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cjstream.core.state import (
    POSITION_KEY,
    CustomerState,
    JourneyState,
    Marker,
    Position,
    definition_key,
    encode,
    marker_key,
)
from cjstream.ingest.codec import WireRecord
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream import changelog as module
from cjstream.stream.changelog import Changelog
from cjstream.stream.mend import is_behind, to_mend
from cjstream.stream.rows import Rows
from cjstream.stream.store import MemoryStore, Store
from tests.stream.stores import rocks

Log = list[tuple[bytes, bytes | None]]
OLD, NEW, LATER = (encode(CustomerState((0, offset))) for offset in (3, 7, 20))
AT = encode(Position((0, 9)))
MARKER = marker_key("cora", b"secret")
DEFINITION = definition_key("abc")
OURS: dict[bytes, bytes | None] = {b"anna": NEW, MARKER: encode(Marker((0, 5), 1)), POSITION_KEY: AT, DEFINITION: b"{}"}


def records(*rows: tuple[bytes, bytes | None], start: int = 0) -> list[Any]:
    return [SimpleNamespace(key=key, value=value, offset=start + at) for at, (key, value) in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        ([(b"anna", OLD)], {b"anna": NEW}),
        ([(b"anna", None)], {b"anna": NEW}),
        ([(b"anna", OLD), (b"anna", NEW)], {}),
        ([(b"zoe", OLD)], {b"zoe": None}),
        ([(b"zoe", None)], {}),
        ([(b"cora", OLD)], {b"cora": None}),
        ([(MARKER, encode(Marker((0, 1), 0)))], {MARKER: OURS[MARKER]}),
        ([(MARKER, None)], {MARKER: OURS[MARKER]}),
        ([(marker_key("zoe", b"secret"), OURS[MARKER])], {marker_key("zoe", b"secret"): None}),
        ([(POSITION_KEY, encode(Position((0, 2))))], {POSITION_KEY: AT}),
        ([(DEFINITION, b"[]")], {DEFINITION: b"{}"}),
        ([(definition_key("new"), b"{}")], {}),
        ([], {}),
    ],
    ids=[
        "an old value", "a deletion", "an old value under ours", "one who never was", "a deletion of nobody",
        "an erased one", "an old marker", "a marker's deletion", "a marker of nobody erased", "an old position",
        "another form of a definition", "a definition that we lack", "nothing to read",
    ],
)  # fmt: skip
def test_written_again_is_what_another_record_hides(rows: Log, again: dict[bytes, bytes | None]) -> None:
    found = to_mend(records(*rows), OURS.get)
    assert found == again
    assert not is_behind(records(*rows), OURS.get, (0, 9))


def test_markers_come_before_deletions_and_definitions_before_states() -> None:
    found = to_mend(records((b"anna", OLD), (b"cora", OLD), (MARKER, None), (DEFINITION, None)), OURS.get)
    assert list(found) == [DEFINITION, MARKER, b"anna", b"cora"]


@pytest.mark.parametrize(
    ("row", "behind"),
    [
        ((b"anna", LATER), True),
        ((POSITION_KEY, encode(Position((0, 10)))), True),
        ((POSITION_KEY, encode(Position((1, -1)))), True),
        ((MARKER, encode(Marker((0, 10), 1))), True),
        ((b"anna", encode(CustomerState((0, 9)))), False),
        ((DEFINITION, b"\xff"), False),
    ],
)
def test_who_has_read_on_where_we_are_not_yet_has_our_place(row: tuple[bytes, bytes], behind: bool) -> None:
    assert is_behind(records(row), OURS.get, (0, 9)) is behind


def test_a_value_of_ours_may_be_ahead_of_the_position() -> None:
    """A restore takes the newest states, also of a writer who was killed before it wrote their position."""
    assert not is_behind(records((b"anna", LATER)), {b"anna": LATER}.get, (0, 9))


# -- the loop


class Ended(BaseException):
    """In the place of the process's end."""


class Broker:
    """One partition of a changelog. `before` is what somebody else writes before each of our next batches."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.before: list[Log] = []
        self.batches = 0
        self.read = 0
        self.unreadable = set[int]()  # offsets of transaction markers

    async def send(self, _topic: str, _partition: int, rows: Sequence[WireRecord]) -> int:
        for row in rows:  # a batch each
            self.log += self.before.pop(0) if self.before else []
            self.log.append((row.key or b"", row.value))
        self.batches += 1
        return len(self.log) - 1

    async def between(self, _settings: Any, _topic: str, _partition: int, start: int, end: int) -> list[Any]:
        self.read += 1
        found = records(*self.log[start:end], start=start)
        return [record for record in found if record.offset not in self.unreadable]

    def newest(self) -> dict[bytes, bytes]:
        """Return what compaction leaves."""
        return {key: value for key, value in dict(self.log).items() if value is not None}


def restored(log: Log, store: Store | None = None) -> Rows:
    """Return rows with what the log has beyond the store."""
    rows = Rows(store or MemoryStore(), b"secret")
    after = rows.store.changelog_offset
    if log[after + 1 :]:
        rows.restore(records(*log[after + 1 :], start=after + 1))
    return rows


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker([(b"anna", OLD), (b"anna", NEW), (POSITION_KEY, AT)])
    monkeypatch.setattr(module, "records_between", made.between)

    def end(code: int, _message: str) -> None:
        raise Ended(code)

    monkeypatch.setattr(module, "give_up", end)
    return made


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else rocks(tmp_path / "0")


def changelog(rows: Rows, broker: Broker, metrics: Metrics | None = None) -> Changelog:
    outbox: Any = broker
    return Changelog(0, rows, outbox, load({}), metrics or Metrics())


GROUP: dict[bytes, bytes | None] = {b"bert": NEW, b"dora": None, POSITION_KEY: AT}
TRUTH = {b"anna": NEW, b"bert": NEW, POSITION_KEY: AT}


@pytest.mark.asyncio
async def test_without_a_gap_nothing_is_read(broker: Broker, store: Store) -> None:
    rows = restored(broker.log, store)
    assert await changelog(rows, broker).write(GROUP) == 5
    assert (broker.read, broker.batches, rows.store.changelog_offset) == (0, 1, 5)


@pytest.mark.asyncio
@pytest.mark.parametrize("place", range(3), ids=["before the group", "in it", "near its end"])
async def test_what_others_wrote_is_hidden_by_ours_in_the_end(broker: Broker, store: Store, place: int) -> None:
    rows, metrics = restored(broker.log, store), Metrics()
    foreign: Log = [(b"anna", None), (b"bert", OLD), (b"zoe", OLD), (POSITION_KEY, encode(Position((0, 1))))]
    broker.before = [*([[]] * place), foreign, [], [], [(b"anna", OLD)], []]
    last = await changelog(rows, broker, metrics).write(GROUP)
    assert broker.newest() == TRUTH
    assert last == rows.store.changelog_offset == len(broker.log) - 1
    assert dict(restored(broker.log).store.items()) == TRUTH == dict(rows.store.items())
    assert b"cjstream_foreign_records_total 5.0" in metrics.render()[1]


@pytest.mark.asyncio
async def test_a_gap_with_nothing_readable_in_it_needs_nothing(broker: Broker, store: Store) -> None:
    rows = restored(broker.log, store)
    broker.before, broker.unreadable = [[(b"anna", OLD)]], {3}
    assert await changelog(rows, broker).write(GROUP) == 6
    assert (broker.read, broker.batches) == (1, 1)


@pytest.mark.asyncio
async def test_a_foreign_record_of_later_input_ends_us(broker: Broker, store: Store) -> None:
    rows = restored(broker.log, store)
    broker.before = [[(b"anna", LATER)]]
    with pytest.raises(Ended, match="75"):
        await changelog(rows, broker).write(GROUP)
    assert rows.store.changelog_offset == 2, "nothing is durable, so nothing is committed"


@pytest.mark.asyncio
async def test_what_a_restore_finds_hidden_is_written_with_the_first_group(broker: Broker, store: Store) -> None:
    broker.log += [(b"anna", OLD)]
    rows = restored(broker.log, store)
    await changelog(rows, broker).write({POSITION_KEY: AT})
    assert broker.newest() == {b"anna": NEW, POSITION_KEY: AT}
    assert rows.hidden() == {}
    assert broker.read == 0, "the log has nothing that we do not know"


@pytest.mark.asyncio
async def test_a_store_that_lasts_remembers_what_is_hidden(broker: Broker, tmp_path: Path) -> None:
    broker.log += [(b"anna", OLD)]
    store = rocks(tmp_path / "0")
    restored(broker.log, store)
    store.close()
    rows = Rows(rocks(tmp_path / "0"), b"secret")
    assert rows.hidden() == {b"anna": NEW}
    await changelog(rows, broker).write({POSITION_KEY: AT})
    rows.store.close()
    assert Rows(rocks(tmp_path / "0"), b"secret").hidden() == {}


def test_what_ours_hides_is_not_hidden(store: Store) -> None:
    log: Log = [(b"anna", NEW), (b"anna", OLD), (b"anna", NEW), (b"bert", NEW), (b"bert", OLD)]
    assert restored(log, store).hidden() == {b"bert": NEW}


@pytest.mark.asyncio
@pytest.mark.parametrize("more", [0, 3], ids=["shorter", "as long as before"])
async def test_a_changelog_that_begins_anew_is_left_empty_and_ends_us(broker: Broker, store: Store, more: int) -> None:
    rows = restored(broker.log, store)
    broker.log.clear()
    group = {**dict.fromkeys((b"%d" % number for number in range(more)), NEW), **GROUP}
    with pytest.raises(Ended, match="4"):
        await changelog(rows, broker).write(group)
    assert broker.newest() == {}, "the next start must not take a part for the whole"


@pytest.mark.asyncio
async def test_a_changelog_that_lost_its_newest_records_keeps_its_customers(broker: Broker, store: Store) -> None:
    broker.log += [(b"cora", OLD), (POSITION_KEY, AT)]
    rows = restored(broker.log, store)
    del broker.log[3:]
    with pytest.raises(Ended, match="4"):
        await changelog(rows, broker).write({b"anna": NEW, POSITION_KEY: AT})
    assert broker.newest() == {b"anna": NEW}, "and no position: the next start refuses, too"


# -- what the clock did, which moves no fence


def state(sequence: int) -> bytes:
    return encode(CustomerState((0, 7), journeys={"shop": JourneyState(sequence)}))


def test_a_state_from_before_a_step_of_the_clock_does_not_undo_it(store: Store) -> None:
    rows = restored([(b"anna", state(1)), (b"anna", state(2)), (b"anna", state(1))], store)
    assert rows.store.get(b"anna") == state(2)
    assert rows.hidden() == {b"anna": state(2)}


def test_a_state_of_the_time_of_its_erasure_does_not_come_back(store: Store) -> None:
    marker = Rows(MemoryStore(), b"secret").marker_key("anna")
    rows = restored(
        [(b"anna", state(2)), (marker, encode(Marker((0, 7), 1))), (b"anna", None), (b"anna", state(2))], store
    )
    assert rows.store.get(b"anna") is None
    assert rows.hidden() == {b"anna": None}
