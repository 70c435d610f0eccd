"""State: its bytes. What each version wrote stays readable for ever: states/ holds some of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures.feedback_threads import Message, Opening, Running, Thread
from cjstream.core.measures.score_state import Mark, ScoreState
from cjstream.core.measures.tally import Tally
from cjstream.core.measures.watches import Watch
from cjstream.core.state import (
    ENTRY_BYTES,
    RECENT_IDS,
    CustomerState,
    Entry,
    Experience,
    Fence,
    Instance,
    JourneyState,
    Latest,
    Marker,
    Measured,
    Past,
    PendingRecord,
    Position,
    Reached,
    StageTotal,
    Visit,
    decode_marker,
    decode_position,
    decode_state,
    definition_key,
    encode,
    fence_of,
    find_entry,
    has_pending,
    id_entry,
    is_reserved,
    marker_key,
    remember,
)
from cjstream.errors import StateMismatch
from tests.core.builders import LATENESS_MS, SHOP, START_MS, Customer, touchpoint

STATES = Path(__file__).parent / "states"

FULL = CustomerState(
    fence=(1, 123_456_789_012),
    newest_ms=START_MS + 5_000,
    recent=bytes(range(20)),
    journeys={
        "b2b": JourneyState(2),
        "shop": JourneyState(
            7,
            (
                Instance(
                    "0123456789abcdef", "cart-1", 3,
                    (Visit(0, START_MS, 0, "t1"), Visit(2, START_MS + 1, 2**53, "zoë-中", inferred=True)),
                    Reached(START_MS + 2, 1, "t9"),
                ),
            ),
        ),
    },
    account_id=Latest(START_MS, 0, "acme"),
    persona=Latest(START_MS, 1, "hunter"),
    channel=Latest(START_MS, 2, "website"),
    erased_at_ms=START_MS - 1,
    pending=(PendingRecord("signals", b"{}", (("ce_id", b"1"),)), PendingRecord("stage_current", None)),
)  # fmt: skip

PAST = Past(
    (3, 0), START_MS + 2, 3, START_MS + 4, START_MS, 1,
    (Entry(START_MS + 2, 1, "zoë-中", (0, 3, 5), 1, False, 6, (START_MS + 3, -1)), Entry(START_MS + 9, 0, "t3")),
    1, Instance("", past=Past((2, 0), furthest=1)), START_MS - 5, 40, 0,
    (StageTotal(0, 20, 86_400_000, START_MS - 9, START_MS - 8), StageTotal(1, 20, 0, START_MS, START_MS)),
)  # fmt: skip
LEFT = (
    Visit(1, START_MS, 3, "t1", rule=4), Visit(0, START_MS + 7, 0, "", rule=-3), Visit(-1, START_MS + 9, 0, "t3"),
)  # fmt: skip
RUN = Instance(
    "0123456789abcdef", "cart-1", 2, LEFT, Reached(START_MS + 1, 2**53, "t2", 7), 5, START_MS + 8, PAST
)  # fmt: skip
LOGGED = CustomerState(
    (1, 5), START_MS, b"0123456789",
    {"cart": JourneyState(9, (Instance("0123456789abcdef", "cart-0"), RUN), START_MS + 10)},
    heard_ms=START_MS + 6,
)  # fmt: skip

OPENING = Opening(START_MS, "cart-1", "review", "website", "negative", "delivery", 2, (3_600_000, 0, 86_400_000))
THREADS = (
    Thread("r1", OPENING, (Running(0, START_MS, 3_600_000), Running(2, START_MS, 86_400_000)), START_MS),
    Thread("zoë-中", messages=(Message(START_MS, 2**53, 4), Message(START_MS + 1, 0, 2, "r1", OPENING)), alias="r1"),
)  # fmt: skip
SCORE = ScoreState(
    1, 86_400_000, ("buys", "looks"),
    Tally((3, 4), tick=19, amounts=(1.5, 2.25)), Tally((2, 3), (17, 19), ((17, 0, 2),)),
    ((START_MS, 1, 0), (START_MS + 1, 0, 1)), START_MS + 1, (Mark("hot", 3, 2, ((START_MS, 1, 3),)),),
)  # fmt: skip
MEASURED = CustomerState(
    (1, 5), START_MS, b"0123456789", {},
    measured=Measured(
        Latest(START_MS, 1, "negative"), Latest(START_MS + 1, 0, "review"),
        {"shop": Experience(THREADS, SCORE, (Watch("cart-1", "in-time", (START_MS,), (START_MS + 1,), START_MS),))},
    ),
)  # fmt: skip

# Written once by `encode` of each version, never again: a test that fails here is a release that cannot read its past.
WRITTEN: dict[str, CustomerState | Marker | Position] = {
    "v3-customer-measured.bin": MEASURED,
    "v2-customer-logged.bin": LOGGED,
    "v1-customer-full.bin": FULL,
    "v1-customer-new.bin": CustomerState(),
    "v1-customer-entered.bin": CustomerState(
        (0, 41), START_MS, b"0123456789",
        {"shop": JourneyState(1, (Instance("feedbeeffeedbeef", visits=(Visit(0, START_MS, 0, "t1"),)),))},
    ),
    "v1-marker.bin": Marker((0, 77), START_MS, {"shop": 4, "b2b": 0}),
    "v3-position.bin": Position(
        (1, 99), START_MS, b"\xff" * 8, 12, "touchpoints", 4, bytes.fromhex("5ecc7ea1600dfade")
    ),
    "v1-position.bin": Position((2, 99), START_MS, b"\xff" * 16, 12, "touchpoints"),
}  # fmt: skip
DECODE: dict[type, Any] = {CustomerState: decode_state, Marker: decode_marker, Position: decode_position}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_bytes_of_every_version_stay_readable(name: str) -> None:
    expected = WRITTEN[name]
    data = (STATES / name).read_bytes()
    assert DECODE[type(expected)](data) == expected
    assert fence_of(data) == expected.fence
    assert has_pending(data) == (expected is FULL)


def test_every_stored_state_is_read_by_a_test() -> None:
    assert {path.name for path in STATES.iterdir()} == set(WRITTEN)


small = st.integers(0, 2**53)
short = st.text(max_size=5)
fences: st.SearchStrategy[Fence] = st.tuples(st.integers(0, 2**31), st.integers(-1, 2**62))
latest = st.none() | st.builds(Latest, small, small, short)
numbers = st.integers(-1, 2**53)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


visit = st.builds(Visit, st.integers(-1, 63), small, small, short, st.booleans(), st.integers(-3, 999))
points = st.floats(allow_nan=False, allow_infinity=False)
entry = st.builds(Entry, small, small, short, some(small), numbers, st.booleans(), small, some(numbers), points)
totals = st.builds(StageTotal, small, small, small, small, small)


def instances(past: st.SearchStrategy[Past | None]) -> st.SearchStrategy[Instance]:
    reached = st.builds(Reached, small, small, short, small)
    return st.builds(
        Instance, short, short, small, some(visit), st.none() | reached, small, st.none() | small, st.none() | past
    )


def pasts(base: st.SearchStrategy[Instance | None]) -> st.SearchStrategy[Past]:
    return st.builds(
        Past, some(small), numbers, st.integers(0, 3), numbers, numbers, numbers, some(entry), small, base, numbers,
        small, numbers, some(totals),
    )  # fmt: skip


instance = instances(pasts(st.none() | instances(pasts(st.none()))))
journey = st.builds(JourneyState, small, st.lists(instance, max_size=2).map(tuple), numbers)
pending = st.builds(
    PendingRecord, short, st.none() | st.binary(), st.lists(st.tuples(short, st.binary()), max_size=2).map(tuple)
)
opening = st.builds(
    Opening, small, st.none() | short, short, st.none() | short, st.none() | short, st.none() | short,
    st.none() | small | points, some(small),
)  # fmt: skip
message = st.builds(Message, small, small, st.integers(0, 6), short, st.none() | opening)
thread = st.builds(
    Thread, short, st.none() | opening, some(st.builds(Running, st.integers(0, 2), small, small)), numbers, short,
    some(message),
)  # fmt: skip
tally = st.builds(Tally, some(small), some(small), some(st.tuples(small, small, small)), small, some(points))
score = st.builds(
    ScoreState, numbers, small, some(short), tally, tally, some(st.tuples(small, small, small)), numbers,
    some(st.builds(Mark, short, small, small, some(st.tuples(small, small, small)))),
)  # fmt: skip
watch = st.builds(Watch, short, short, some(small), some(small), numbers)
experience = st.builds(Experience, some(thread), st.none() | score, some(watch))
measured = st.none() | st.builds(Measured, latest, latest, st.dictionaries(short, experience, max_size=2))
customers = st.builds(
    CustomerState, fences, st.integers(-1, 2**53), st.binary(), st.dictionaries(short, journey, max_size=2),
    latest, latest, latest, st.none() | small, st.lists(pending, max_size=2).map(tuple), numbers,
    measured,
)  # fmt: skip
markers = st.builds(Marker, fences, small, st.dictionaries(short, small, max_size=3))
positions = st.builds(Position, fences, st.integers(-1, 2**53), st.binary(max_size=32), st.integers(-1, 2**62))


@given(customers | markers | positions)
def test_what_is_encoded_is_decoded(value: CustomerState | Marker | Position) -> None:
    data = encode(value)
    assert DECODE[type(value)](data) == value
    assert fence_of(data) == value.fence
    assert has_pending(data) == bool(getattr(value, "pending", ()))


@pytest.mark.parametrize("decode", DECODE.values())
@pytest.mark.parametrize("data", [b"", b"\x00", b"\x04\x00", b"\x04" + encode(FULL)[1:], b"{}"])
def test_bytes_of_an_unknown_version_are_refused(decode: Any, data: bytes) -> None:
    with pytest.raises(StateMismatch, match="upgrade cjstream"):
        decode(data)


@given(st.binary())
def test_damaged_bytes_are_refused(data: bytes) -> None:
    for decode in DECODE.values():
        try:
            decode(b"\x01\x00" + data)
        except StateMismatch as error:
            assert error.exit_code == 4  # noqa: PT017, some bytes are a state by chance


def test_damage_inside_a_customer_is_refused() -> None:
    data = encode(FULL)
    for damaged in (data[:-1], data + b"x", data.replace("zoë".encode(), b"zo\xff\xff")):
        with pytest.raises(StateMismatch, match="damaged"):
            decode_state(damaged)


def test_a_release_that_adds_a_field_at_the_end_is_read_without_it() -> None:
    data = encode(CustomerState((0, 5), 7))
    later = data[:2] + msgspec.msgpack.encode([*msgspec.msgpack.decode(data[2:]), "new"])
    assert decode_state(later) == CustomerState((0, 5), 7)


def test_a_forward_only_customer_with_36_character_ids_takes_at_most_640_bytes() -> None:
    """Every stage of the shop, the goal, a full window, all attributes, an erasure before: 631 bytes today."""
    customer = Customer.of(SHOP)
    customer.forget(START_MS - 1)
    customer.offset = 2**40
    kinds = ["page_view", "product_view", "purchase", "delivered", "referral", *["search"] * 12]
    attributes = {"account_id": "f" * 36, "persona": "bargain-hunter", "channel": "social-media"}
    for n, kind in enumerate(kinds):
        customer.feed(touchpoint(f"{n:036d}", kind, n, customer_id="c" * 36, **attributes))
    state = customer.state
    assert state is not None
    assert len(customer.path()) == 5
    assert len(state.recent) == RECENT_IDS * ENTRY_BYTES
    assert customer.instance().goal is not None
    assert len(encode(state)) <= 640


def test_no_number_of_touchpoints_makes_a_state_grow() -> None:
    customer = Customer.of(SHOP)
    sizes = set()
    for n in range(200):
        customer.feed(touchpoint(f"t{n:03}", ["search", "product_view"][n % 2], n * LATENESS_MS))
        assert customer.state is not None
        sizes.add(len(encode(customer.state)))
    assert max(sizes) < 300


def test_no_customers_key_is_reserved_and_all_of_ours_are() -> None:
    assert not is_reserved(b"ani")
    assert not is_reserved(b"")
    assert is_reserved(marker_key("ani", b"secret"))
    assert is_reserved(definition_key("0123456789abcdef"))


def test_a_marker_key_hides_the_customer_and_needs_the_secret() -> None:
    keys = {marker_key("ani", b"one"), marker_key("ani", b"two"), marker_key("budi", b"one")}
    assert len(keys) == 3
    assert not any(b"ani" in key for key in keys)
    assert marker_key("ani", b"x" * 64) == marker_key("ani", b"x" * 64 + b"more")


def test_an_id_is_found_with_the_fingerprint_it_came_with() -> None:
    window = remember(remember(b"", id_entry("t1", 1)), id_entry("t2", 2))
    assert find_entry(window, id_entry("t1", 9)) == id_entry("t1", 1)
    assert find_entry(window, id_entry("t2", 2)) == id_entry("t2", 2)
    assert find_entry(window, id_entry("t3", 1)) is None


def test_an_id_is_not_found_across_two_entries() -> None:
    entry = id_entry("t1", 1)
    assert find_entry(b"xx" + entry[:8] + b"y" * 10, entry) is None
    assert find_entry(b"xx" + entry[:8] + entry + b"z" * 10, entry) == entry
    assert find_entry(entry[:7] + b"?" * 3, entry) is None


@given(st.lists(st.integers(0, 30), max_size=60))
def test_the_window_holds_the_newest_ids(numbers: list[int]) -> None:
    window = b""
    for number in numbers:
        window = remember(window, id_entry(str(number), number))
    newest = numbers[-RECENT_IDS:]
    assert len(window) == len(newest) * ENTRY_BYTES
    for number in range(31):
        assert (find_entry(window, id_entry(str(number), number)) is not None) == (number in newest)
