"""The quick way to take a touchpoint in takes what the way field by field takes, and gives the same."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core import touchpoint
from cjstream.core.fields import Fields
from cjstream.core.touchpoint import FIELDS, REQUIRED, Rejection, Touchpoint, parse
from tests.core.builders import START_MS, fields

GOOD = fields("t1", "page_view", 0)
WORDS = ["customer", "business", "stars", "csat", "ces", "nps", "positive", "neutral", "negative"]
ODD: list[Any] = [
    "", "a", " ", "a b", "a\x7f", "\u00ad", "é", "\ud800", "2026-01-01T00:00:00.000Z", 0, 1, -1, 1.0, 2**53, 2**53 + 1,
    10**15, 10**15 + 1, 1e15, 1.1e15, 2**63, 2**64, -(2**64), 1e300, float("nan"), float("inf"), True, False, None,
    [], {}, [1], {"a": 2**64}, {"a": {"b": {"c": {"d": 1}}}}, {"a": [[[[]]]]}, {"a": [{"b": ["c", None, True, 1.5]}]},
    *("x" * length for length in (128, 129, 10_000, 10_001)), *WORDS,
]  # fmt: skip
values = st.sampled_from(ODD) | st.text(max_size=3) | st.integers() | st.floats()


def at_length(told: dict[str, Any]) -> Touchpoint | Rejection:
    """Return what is found field by field."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(touchpoint, "_typed", lambda known: None)
        return parse(told, 7, START_MS, 300_000)


def test_the_types_have_the_fields_of_the_contract_in_order() -> None:
    assert Fields.__struct_fields__ == tuple(FIELDS)
    assert len(Fields.__struct_defaults__) == len(FIELDS) - len(REQUIRED)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_takes_both_ways_what_it_takes_one_way(name: str) -> None:
    for value in ODD:
        told = {**GOOD, name: value}
        assert parse(told, 7, START_MS, 300_000) == at_length(told)


@given(st.dictionaries(st.sampled_from([*FIELDS]) | st.text(max_size=3), values))
def test_any_object_gives_the_same_both_ways(changes: dict[str, Any]) -> None:
    told = {**GOOD, **changes}
    assert parse(told, 7, START_MS, 300_000) == at_length(told)


def test_words_are_those_that_the_types_list() -> None:
    listed = {word for hint in get_type_hints(Fields).values() for each in get_args(hint) for word in get_args(each)}
    assert {word for word in listed if isinstance(word, str)} == set(WORDS)


def test_a_touchpoint_may_be_given_a_field_more() -> None:
    found = parse(GOOD, 7, None, 0)
    assert isinstance(found, Touchpoint)
    assert found.with_field("persona", "hunter") == msgspec.structs.replace(
        found, fields=Fields(**GOOD, persona="hunter")
    )
