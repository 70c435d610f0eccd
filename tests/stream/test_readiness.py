"""A worker tells when it begins to take input and when it ceases to."""

import asyncio
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cjstream.logs import tell
from cjstream.logs.seldom import EVERY_SECONDS, Seldom
from cjstream.stream import run
from cjstream.stream.readiness import Readiness

WAIT_SECONDS = 30.0


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


class Written(logging.Handler):
    """What would be written, behind a filter whose clock is set."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.sentences = 1_000.0, list[str]()
        self.addFilter(Seldom(clock=lambda: self.now))

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


@pytest.fixture
def written() -> Iterator[Written]:
    """Records twice refused as not_json, of which the second is left out."""
    handler, root = Written(), logging.getLogger()
    root.addHandler(handler)
    for records in (1, 7):
        tell("records_rejected", topic="t", partition=0, records=records, reason="not_json", offset=7)
    assert len(handler.sentences) == 1
    yield handler
    root.removeHandler(handler)


@pytest.mark.asyncio
async def test_a_worker_tells_what_was_left_out_after_a_minute(written: Written) -> None:
    written.now += EVERY_SECONDS
    async with Readiness(lambda: (True, "ok"), lambda: True), asyncio.timeout(WAIT_SECONDS):
        while len(written.sentences) < 2:  # noqa: ASYNC110 - any thread may call a handler of logs
            await asyncio.sleep(0.01)
    assert written.sentences[1].startswith("7 records of t are refused")


def test_a_worker_tells_what_was_left_out_before_its_last_line(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cjstream")
    run._run(SimpleNamespace(execute_from_commandline=lambda: None, interrupted=False))
    assert [sentence[:9] for sentence in written.sentences[1:]] == ["7 records", "the proce"]
