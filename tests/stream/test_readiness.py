"""A worker tells when it begins to take input and when it ceases to."""

import pytest

from cjstream.stream.readiness import Readiness


def test_only_changes_are_told_and_nothing_once_it_stops(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cjstream")
    now, is_stopping = [(True, "")], False
    readiness = Readiness(lambda: now[0], lambda: is_stopping)
    restoring = [(False, f"restoring: {records} records to go") for records in (10, 5)]
    for now[0] in (*restoring, (True, "ok"), (True, "ok"), (False, "rebalancing")):
        readiness.look()
    assert caplog.messages == [
        "this worker takes no input: restoring: 10 records to go",
        "this worker takes input",
        "this worker takes no input: rebalancing",
    ]
    is_stopping = True
    now[0] = (True, "ok")
    readiness.look()
    assert len(caplog.messages) == 3
