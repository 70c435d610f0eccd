"""What the input may be at most, in one place; docs/reference/topics-and-records.md has its table from here."""

from typing import NamedTuple

MAX_VALUE_BYTES = 1 << 20  # Kafka's own default limit of a record
MAX_DEPTH = 32
MAX_ID = MAX_LABEL = 128
MAX_TEXT = 10_000  # text and thought never reach an output
MAX_NUMBER = 1e15  # beyond it a JSON double no longer holds hundredths
MAX_SAFE_INTEGER = 2**53  # what every JSON reader agrees on
MAX_DOUBLE = 1.7976931348623157e308
MAX_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last moment RFC 3339 can write
DEAD_LETTER_BYTES = (1 << 20) + (60 << 10)  # its topic's limit, the input's + 64 KiB, less room for the reasons
DEAD_LETTER_KEY_BYTES = 1024  # of one that goes as hash and size


class Limit(NamedTuple):
    """One row: the most that is taken, its unit, what it is of, and the reason of what is beyond."""

    most: float
    unit: str
    of: str
    reason: str


LIMITS = (
    Limit(MAX_VALUE_BYTES, "bytes", "the value of a record, unpacked", "too_large"),
    Limit(MAX_DEPTH, "levels", "arrays and objects within each other, the record's own included", "too_deep"),
    Limit(MAX_ID, "characters", "an id", "bad_id"),
    Limit(MAX_LABEL, "characters", "`type` and every other short text", "too_large"),
    Limit(MAX_TEXT, "characters", "`text` and `thought`", "too_large"),
    Limit(MAX_NUMBER, "", "a number, also below zero", "bad_number"),
    Limit(MAX_SAFE_INTEGER, "", "`duration_ms` and `sequence`, which are whole and not below zero", "bad_number"),
    Limit(MAX_DOUBLE, "", "a number in an unknown field or in `properties`", "bad_number"),
    Limit(MAX_MS, "ms", "an event time, from 1970 on: the end of the year 9999", "bad_timestamp"),
    Limit(DEAD_LETTER_BYTES, "bytes", "a dead letter; of a larger one hash and size are kept", ""),
    Limit(DEAD_LETTER_KEY_BYTES, "bytes", "the key of such a larger one; a longer one is left out", ""),
)
