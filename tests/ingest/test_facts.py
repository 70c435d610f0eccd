"""Records of the facts topic: a fact under its key, the withdrawal of one, or why neither."""

import pytest

from cjstream.core.facts import Fact, Withdrawal
from cjstream.core.touchpoint import Rejection
from cjstream.ingest.facts import decode_fact, read_fact

KEY = '["clicks","Süd","","2026-11-22"]'
VALUE = '{"name": "clicks", "channel": "Süd", "day": "2026-11-22", "value": 31}'.encode()
FACT = Fact("clicks", "Süd", "", "2026-11-22", 31, "")


def test_a_fact_lies_under_its_key() -> None:
    assert decode_fact(KEY.encode(), VALUE) == FACT
    assert decode_fact(None, VALUE) == Rejection("no_key")
    assert decode_fact(KEY.replace(",", ", ").encode(), VALUE) == Rejection("key_mismatch")


def test_a_line_of_a_file_needs_no_key() -> None:
    assert read_fact(VALUE) == FACT


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty"),
        (b"{", "not_json"),
        (b"[]", "not_object"),
        (b'{"name": 1}', "bad_type"),
        (b" " * 2**20 + b"{}", "too_large"),
    ],
)
def test_what_is_no_fact_has_its_reason_whatever_its_key(value: bytes, reason: str) -> None:
    for key in (None, b"any"):
        found = decode_fact(key, value)
        assert isinstance(found, Rejection)
        assert found.reason == reason


def test_a_null_value_withdraws_the_fact_of_its_key() -> None:
    assert decode_fact(KEY.encode(), None) == Withdrawal(KEY)


@pytest.mark.parametrize(
    "key",
    [
        b"clicks",
        b'"clicks"',
        b'["clicks","","2026-11-22"]',
        b'["clicks","",null,"2026-11-22"]',
        b'["","","","2026-11-22"]',
        b'["clicks","","","2026-11-31"]',
        b'["clicks","","", "2026-11-22"]',
        b'["clicks","","\\u0061","2026-11-22"]',
        b"[" * 2000,
        b"\xff",
    ],
)
def test_a_null_value_under_what_is_no_key_of_a_fact_withdraws_nothing(key: bytes) -> None:
    assert decode_fact(key, None) == Rejection("key_mismatch")


def test_a_null_value_without_a_key_withdraws_nothing() -> None:
    assert decode_fact(None, None) == Rejection("no_key")
