"""Logs tell of errors without what the errors say: that may be a customer's."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest
from aiokafka.errors import KafkaTimeoutError

from cjstream.core.touchpoint import Touchpoint
from cjstream.discretion import discreet_record, said, trace
from cjstream.errors import StateMismatch
from cjstream.stream.store import StoreError

CANARY = "canary-5e1f"
log = logging.getLogger("tests.discretion")


@pytest.fixture(autouse=True)
def discreet() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(discreet_record)
    yield
    logging.setLogRecordFactory(before)


def fails(error: BaseException) -> None:
    raise error


def written(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(logging.Formatter("%(levelname)s %(message)s").format(each) for each in caplog.records)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError(CANARY), "KeyError"),
        (ValueError(f"no {CANARY}"), "ValueError"),
        (UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY), "UnicodeDecodeError"),
        (msgspec.ValidationError(CANARY), "ValidationError"),
        (FileNotFoundError(2, "No such file", CANARY), "FileNotFoundError: No such file"),
        (OSError(CANARY), "OSError"),
        (ImportError("no module named x"), "ImportError: no module named x"),
        (StateMismatch("two counts", "mend it"), "two counts; mend it"),
        (StoreError("the store at x failed"), "the store at x failed"),
        (KafkaTimeoutError(), "KafkaTimeoutError: KafkaTimeoutError"),
    ],
)
def test_only_errors_made_of_names_and_numbers_say_what_they_say(error: BaseException, text: str) -> None:
    assert said(error) == text


def test_a_trace_has_every_place_and_kind_and_no_value() -> None:
    try:
        try:
            fails(KeyError(CANARY))
        except KeyError as error:
            raise RuntimeError(f"while {CANARY}") from error
    except RuntimeError as error:
        text = trace(error)
    assert text.index("KeyError") < text.index("RuntimeError")
    assert "raise error" in text
    assert CANARY not in text


def test_whoever_logs_an_error_tells_its_kind_and_place_only(caplog: pytest.LogCaptureFixture) -> None:
    try:
        fails(KeyError(CANARY))
    except KeyError as error:
        log.exception("Crashed reason=%r", error)
        log.error("failed: %s", error)
        log.error(f"failed: {error!r}", exc_info=error)  # noqa: G004 - as asyncio does
        log.warning("failed %(why)s", {"why": error})
    text = written(caplog)
    assert CANARY not in text
    assert text.count("KeyError") >= 4
    assert "in fails" in text


def test_asyncio_does_not_tell_it_either(caplog: pytest.LogCaptureFixture) -> None:
    async def lose() -> None:
        async def fail() -> None:
            fails(KeyError(CANARY))

        task = asyncio.create_task(fail())
        await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": task.exception(), "future": task}
        )

    asyncio.run(lose())
    text = written(caplog)
    assert "Task exception was never retrieved" in text
    assert CANARY not in text


def test_a_record_of_no_error_is_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    log.warning("%d of %s", 3, "four")
    assert caplog.records[-1].getMessage() == "3 of four"
    assert caplog.records[-1].args == (3, "four")


def test_a_touchpoint_in_the_text_of_an_error_is_not_told() -> None:
    fields = msgspec.json.decode(b'{"id":"%s","customer_id":"c","type":"t","occurred_at":1}' % CANARY.encode())
    assert CANARY not in said(TypeError(f"{Touchpoint} {fields}"))


def test_python_does_not_tell_it_either_when_nobody_takes_the_error() -> None:
    code = (
        "import threading; from cjstream import discretion; discretion.install();"
        "thread = threading.Thread(target=lambda: {}['canary-1']); thread.start(); thread.join(); {}['canary-2']"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count(b"KeyError") == 2
    assert b"canary" not in ended.stderr.replace(code.encode(), b"")
