"""Touchpoint v1: what is taken, and the reason for each refusal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.fields import Fields
from cjstream.core.limits import MAX_DEPTH
from cjstream.core.touchpoint import FIELDS, REASONS, Rejection, Touchpoint, depth_exceeds, parse
from tests.core.builders import START_MS, fields

GOOD = fields("t1", "page_view", 0)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def parsed(recorded_ms: int | None = None, **change: Any) -> Touchpoint | Rejection:
    return parse({**GOOD, **change}, 7, recorded_ms, 300_000)


def test_the_required_fields_are_enough() -> None:
    assert parsed() == Touchpoint("t1", "ani", "page_view", START_MS, 0, True, Fields(**GOOD), 7)


def test_the_producers_sequence_and_the_initiator_are_read() -> None:
    found = parsed(sequence=5, initiator="business")
    assert isinstance(found, Touchpoint)
    assert (found.sequence, found.by_customer) == (5, False)


def test_unknown_fields_are_ignored() -> None:
    assert isinstance(parsed(colour="red", __faust={"ns": "x"}), Touchpoint)


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"id", "customer_id", "type", "occurred_at"}))
def test_a_null_optional_field_counts_as_absent(name: str) -> None:
    assert isinstance(parsed(**{name: None}), Touchpoint)


@pytest.mark.parametrize("name", ["id", "customer_id", "type", "occurred_at"])
def test_a_required_field_must_be_there_and_not_null(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    assert parse(without, 7, None, 0) == parsed(**{name: None}) == Rejection("missing_field", name)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("id", 1, "bad_type"),
        ("id", "", "bad_id"),
        ("id", "x" * 129, "bad_id"),
        *[("id", f"a{odd}b", "bad_id") for odd in " \t\n\x00\x1b\x7f\u00a0\u200b\u202e\u2028\ufeff\ue000\U000e0001"],
        ("customer_id", "a b", "bad_id"),
        ("account_id", "", "bad_id"),
        ("session_id", [], "bad_type"),
        ("reply_to", "x" * 129, "bad_id"),
        ("type", "", "bad_type"),
        ("type", "x" * 129, "too_large"),
        ("type", 1, "bad_type"),
        ("channel", "x" * 129, "too_large"),
        ("channel", {"a": 1}, "bad_type"),
        ("text", "x" * 10_001, "too_large"),
        ("thought", 5, "bad_type"),
        ("initiator", "Customer", "bad_type"),
        ("initiator", ["customer"], "bad_type"),
        ("scale", "stars ", "bad_type"),
        ("sentiment", 1, "bad_type"),
        ("rating", "5", "bad_type"),
        ("rating", True, "bad_type"),
        ("value", 1.1e15, "bad_number"),
        ("cost", float("nan"), "bad_number"),
        ("cost", float("-inf"), "bad_number"),
        ("duration_ms", -1, "bad_number"),
        ("duration_ms", 1.0, "bad_type"),
        ("sequence", 2**53 + 1, "bad_number"),
        ("sequence", 1e300, "bad_number"),
        ("sequence", True, "bad_type"),
        ("properties", [], "bad_type"),
        ("occurred_at", "yesterday", "bad_timestamp"),
        ("occurred_at", True, "bad_timestamp"),
        ("occurred_at", 1e308, "bad_timestamp"),
        ("occurred_at", -1, "bad_timestamp"),
        ("occurred_at", {}, "bad_timestamp"),
    ],
)
def test_a_bad_field_is_refused_with_its_name(name: str, value: Any, reason: str) -> None:
    assert parsed(**{name: value}) == Rejection(reason, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "x" * 128),
        ("id", "zoë-Ω-中-😀-é"),
        ("account_id", "a|b=c'd\"e"),
        ("channel", ""),
        ("channel", "x" * 128),
        ("text", "<script>alert(1)</script>\u2028=1+1\x1b[31m" + "x" * 9_000),
        ("rating", 4.5),
        ("value", -1e15),
        ("sequence", 2**53),
        ("duration_ms", 0),
        ("properties", {}),
        ("occurred_at", 0),
    ],
)
def test_what_is_legal_is_taken_as_it_is(name: str, value: Any) -> None:
    found = parsed(**{name: value})
    assert isinstance(found, Touchpoint)
    assert getattr(found.fields, name) == value


def test_ids_are_not_folded_together() -> None:
    ids = [
        found.id for found in (parsed(id="é"), parsed(id="e\u0301"), parsed(id="É")) if isinstance(found, Touchpoint)
    ]
    assert len(set(ids)) == 3


def test_an_event_time_may_lie_beyond_the_records_own_by_the_skew_and_no_more() -> None:
    assert isinstance(parsed(recorded_ms=START_MS - 300_000), Touchpoint)
    assert parsed(recorded_ms=START_MS - 300_001) == Rejection("future", "occurred_at")
    assert isinstance(parsed(recorded_ms=None), Touchpoint)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(), json_values))
def test_any_object_is_a_touchpoint_or_refused_with_a_listed_reason(value: dict[str, Any]) -> None:
    found = parse({**GOOD, **value}, 0, None, 0)
    assert isinstance(found, Touchpoint) or found.reason in REASONS


def nested(levels: int, empty: Any) -> Any:
    for level in range(levels - 1):
        empty = [empty] if level % 2 else {"x": empty}
    return empty


@pytest.mark.parametrize("empty", [{}, []])
def test_depth_is_counted_in_arrays_and_objects(empty: Any) -> None:
    assert not depth_exceeds(nested(MAX_DEPTH, empty))
    assert depth_exceeds(nested(MAX_DEPTH + 1, empty))


def test_a_plain_value_has_no_depth() -> None:
    assert not depth_exceeds("x", 0)
