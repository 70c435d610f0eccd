"""What a batch had that is odd is told once, with a count and one example."""

import pytest

from cjstream.stream.oddities import Oddities


def test_a_batch_is_told_by_reason_and_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cjstream")
    oddities = Oddities("t", 3)
    oddities.say()
    for offset in (7, 8, 9):
        oddities.rejected("not_json", offset)
        oddities.conflict(offset + 10)
        oddities.forgotten("silent")
    oddities.rejected("no_id", 10)
    oddities.say()
    oddities.say()
    assert caplog.messages == [
        "3 records of t are refused as not_json, such as partition 3 offset 7",
        "1 records of t are refused as no_id, such as partition 3 offset 10",
        "3 records of t repeat an id with another content, such as partition 3 offset 17",
        "3 customers are forgotten (silent)",
    ]
