"""At each limit a record is taken, and one beyond it has the reason that the table gives."""

from collections.abc import Callable
from typing import Any

import pytest

from cjstream.core import limits
from cjstream.core.limits import LIMITS, Limit
from cjstream.core.touchpoint import Rejection, Touchpoint
from cjstream.ingest.codec import decode, dumps
from cjstream.ingest.letters import dead_letter, read_letter
from tests.core.builders import fields

TEXT = dumps(fields("t1", "page_view", 0))
Make = Callable[[Any], bytes]


def more(name: str, json_text: str) -> bytes:
    return TEXT[:-1] + f',"{name}":{json_text}}}'.encode()


def other(name: str, value: Any) -> bytes:
    return dumps({**fields("t1", "page_view", 0), name: value})


def nested(levels: int) -> bytes:
    return more("colour", "[" * (levels - 1) + "]" * (levels - 1))


def text(name: str) -> Make:
    return lambda size: other(name, "\u4e2d" * size)


def number(name: str) -> Make:
    return lambda value: more(name, repr(value))


# The values of one limit, as many as it has uses: what makes a record of the amount, and the amount one beyond.
OF_INPUT: dict[float, list[tuple[Make, Any]]] = {
    limits.MAX_VALUE_BYTES: [(TEXT.ljust, limits.MAX_VALUE_BYTES + 1)],
    limits.MAX_DEPTH: [(nested, limits.MAX_DEPTH + 1)],
    limits.MAX_TEXT: [(text(name), limits.MAX_TEXT + 1) for name in ("text", "thought")],
    limits.MAX_NUMBER: [
        (number("value"), 1_000_000_000_000_000.1),
        (number("cost"), 10**15 + 1),
        (lambda value: more("rating", repr(-value)), 10**15 + 1),
    ],
    limits.MAX_SAFE_INTEGER: [(number(name), limits.MAX_SAFE_INTEGER + 1) for name in ("sequence", "duration_ms")],
    limits.MAX_DOUBLE: [
        (number("colour"), 10**309),
        (lambda value: more("properties", f'{{"a": {value!r}}}'), 10**309),
    ],
    limits.MAX_MS: [(lambda value: other("occurred_at", value), limits.MAX_MS + 1)],
}
IDS = ("id", "session_id", "account_id", "anonymous_id", "previous_id", "reply_to", "referred_by")
LABELS = ("type", "channel", "device", "persona", "campaign", "emotion", "topic", "language", "currency", "exit_reason")
OF_NAMES = {"bad_id": IDS, "too_large": LABELS}


def uses(limit: Limit) -> list[tuple[Make, Any]]:
    if limit.most == limits.MAX_ID and limit.unit == "characters":
        names = OF_NAMES[limit.reason]
        return [(text(name), limits.MAX_ID + 1) for name in names]
    return OF_INPUT[limit.most]


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit.reason], ids=lambda limit: limit.of)
def test_the_limit_is_taken_and_one_beyond_is_not(limit: Limit) -> None:
    assert uses(limit)
    for make, beyond in uses(limit):
        most = int(limit.most) if limit.most == int(limit.most) and limit.most < 1e300 else limit.most
        assert isinstance(decode(b"ani", make(most), None, 0), Touchpoint)
        found = decode(b"ani", make(beyond), None, 0)
        assert isinstance(found, Rejection)
        assert found.reason == limit.reason


def test_an_id_of_the_customer_has_the_limit_of_any_id() -> None:
    for size, is_taken in ((limits.MAX_ID, True), (limits.MAX_ID + 1, False)):
        key = b"x" * size
        found = decode(key, other("customer_id", key.decode()), None, 0)
        assert isinstance(found, Touchpoint) == is_taken
        assert isinstance(decode(key, None, 0, 0), Rejection) != is_taken


def test_a_dead_letter_is_whole_up_to_its_limit_and_its_key_is_kept_up_to_another() -> None:
    for beyond, key, is_whole, has_key in (
        (0, b"k" * limits.DEAD_LETTER_KEY_BYTES, True, True),
        (1, b"k" * limits.DEAD_LETTER_KEY_BYTES, False, True),
        (1, b"k" * (limits.DEAD_LETTER_KEY_BYTES + 1), False, False),
    ):
        value = b"x" * (limits.DEAD_LETTER_BYTES - len(key) + beyond)
        made = dead_letter(Rejection("not_json"), ("t", 0, 0), key, value, (), None)
        letter = read_letter(made.headers)
        assert letter is not None
        assert (letter.is_whole, made.key == key) == (is_whole, has_key)
