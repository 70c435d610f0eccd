"""The index of deadlines gives what a plain dict would, and stays small."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core import dues
from cjstream.core.state import CustomerState
from cjstream.stream.deadlines import SLACK_ENTRIES, Deadlines

KEYS = st.sampled_from([b"anna", b"bert", b"cora", b"dora"])
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.one_of(st.none(), st.integers(0, 20))),
        st.tuples(st.just("take"), st.integers(0, 25), st.integers(1, 3)),
    ),
    max_size=40,
)


def index(*, has_deadlines: bool = True) -> Deadlines:
    journeys: Any = SimpleNamespace(has_deadlines=has_deadlines)
    return Deadlines(journeys)


@given(CHANGES)
def test_it_gives_what_a_plain_dict_would(changes: list[Any]) -> None:
    ours, plain = index(), dict[bytes, int]()
    for what, first, second in changes:
        if what == "put":
            ours.put(first, second)
            plain.pop(first, None)
            if second is not None:
                plain[first] = second
            continue
        due = sorted((ms, key) for key, ms in plain.items() if ms < first)
        assert ours.is_due(first) == bool(due)
        taken = ours.take(first, second)
        assert [plain[key] for key in taken] == [ms for ms, _ in due[:second]], "the earliest first"
        assert len(set(taken)) == len(taken)
        for key in taken:
            del plain[key]
        assert len(ours) == len(plain)


def test_a_deadline_is_due_right_after_it() -> None:
    ours = index()
    ours.put(b"anna", 10)
    assert not ours.is_due(10)
    assert ours.is_due(11)


def test_a_deadline_moved_on_again_and_again_costs_nothing() -> None:
    ours = index()
    for at_ms in range(10_000):
        ours.put(b"anna", at_ms)
    assert len(ours._heap) == 1
    assert ours.take(10_000, 5) == [b"anna"]


def test_what_stands_for_nothing_any_more_is_dropped() -> None:
    ours = index()
    for at_ms in range(20_000, 0, -1):
        ours.put(b"anna", at_ms)
    assert len(ours._heap) <= 2 + SLACK_ENTRIES
    assert ours.take(2, 5) == [b"anna"]


def test_a_customer_is_noted_by_the_engine_and_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr(dues, "next_due", lambda state, _: state.newest_ms + 5)
    ours = index()
    ours.note(b"anna", CustomerState(newest_ms=1))
    ours.note(b"bert", CustomerState(newest_ms=2))
    ours.note(b"anna", None)
    assert ours.take(100, 5) == [b"bert"]


def test_nobody_is_kept_if_no_definition_has_deadlines(monkeypatch: Any) -> None:
    monkeypatch.setattr(dues, "next_due", None)  # nor is it called
    ours = index(has_deadlines=False)
    ours.note(b"anna", CustomerState())
    assert len(ours) == 0
