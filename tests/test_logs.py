"""All logs of a worker's process come out in one form, and say nothing of a customer."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
from typing import Any

import pytest

from cjstream import settings
from cjstream.errors import ConfigError
from cjstream.logs import tell
from cjstream.logs.form import formatter
from cjstream.logs.seldom import EVERY_SECONDS, MOST_KINDS, Seldom
from cjstream.logs.telling import ATTRIBUTE, Told

CANARY = "canary-5e1f"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# What a process says that has everything go wrong; {style} and {worker} are put in.
SPEAKER = """
import logging, sys, threading, warnings
from cjstream import discretion
from cjstream.logs import tell
from cjstream.logs.setup import hold, setup
hold()
tell("secret_readable", setting="A", path="/x")
setup("{style}", "debug", {worker})
discretion.install(lambda error: tell("uncaught", traced=error, why=error))
tell("partitions_open", partitions=[1, 2])
tell("broker_asked_in_vain", why=KeyError("canary-5e1f"))
logging.getLogger("faust.app").warning("it is %s", "late")
logging.getLogger("faust.app").info("a step")
logging.getLogger("faust.app").error("with more", extra={{"customer": "canary-5e1f"}})
logging.getLogger("aiokafka.conn").error("closed\\nin two lines")
warnings.warn("old")
try:
    dict()["canary-5e1f"]
except KeyError as error:
    logging.getLogger("asyncio").error("lost %r", error, exc_info=True)
    tell("page_failed", page="/metrics", traced=error)
logging.getLogger("asyncio").error("no error here", exc_info=True)
thread = threading.Thread(target=lambda: dict()["canary-5e1f"]); thread.start(); thread.join()
"""


def speak(style: str, worker: int | None = None, stderr: int = subprocess.PIPE) -> bytes:
    code = SPEAKER.format(style=style, worker=worker)
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, check=True)
    assert ended.stdout == b""
    return ended.stderr or b""


def lines(said: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def test_each_line_is_one_json_object_whoever_writes_it() -> None:
    said = lines(speak("json", worker=3))
    assert [each["event"] for each in said] == [
        "A: every user of this machine may read /x; run: chmod o-r /x",
        "partitions 1, 2 are open",
        "Kafka was asked in vain: KeyError",
        "it is late",
        "with more",
        "closed\nin two lines",
        "<string>:16: UserWarning: old\n",
        "lost KeyError",
        "/metrics failed",
        "no error here",
        "an error that nobody took: KeyError",
    ]
    assert all(STAMP.fullmatch(each["timestamp"]) for each in said)
    assert [list(each)[:5] for each in said] == [["timestamp", "level", "event", "logger", "worker"]] * len(said)
    assert {each["worker"] for each in said} == {3}
    assert (said[1]["name"], said[1]["partitions"], said[1]["level"]) == ("partitions_open", [1, 2], "info")
    assert [each["logger"] for each in said[4:8]] == ["faust.app", "aiokafka.conn", "py.warnings", "asyncio"]


def test_a_traceback_is_inside_its_line_and_no_line_tells_what_an_error_says() -> None:
    said = speak("json")
    assert CANARY.encode() not in re.sub(rb"dict\(\)\[[^]]*\]", b"", said)  # a line of the code itself
    traces = [each["exception"] for each in lines(said) if "exception" in each]
    assert len(traces) == 3
    assert all("Traceback" in each and each.endswith("KeyError") for each in traces)


def test_the_end_by_a_bug_is_one_line_with_its_traceback() -> None:
    code = (
        "from cjstream.logs.setup import setup; from cjstream.stream.fatal import BUG, give_up; setup('json', 'info')\n"
        "try:\n    dict()[repr(1)]\nexcept KeyError as error:\n    give_up(BUG, 'it failed', error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    [line] = lines(ended.stderr)
    assert (ended.returncode, line["event"], line["exit_code"]) == (70, "it failed (exit 70)", 70)
    assert line["exception"].endswith("\nKeyError")


def test_a_long_traceback_is_cut_to_its_newest_part_so_that_its_line_goes_into_a_pipe_at_once() -> None:
    error: Exception = KeyError(CANARY)
    for number in range(100):
        try:
            raise ValueError(number) from error
        except ValueError as failed:
            error = failed
    record = logging.LogRecord("cjstream", logging.ERROR, __file__, 1, "it failed", (), (type(error), error, None))
    line = formatter(is_console=False, worker=1).format(record)
    assert len(line.encode()) < 4096
    assert json.loads(line)["exception"].endswith("\nValueError")


def test_a_worker_without_a_number_has_no_such_key() -> None:
    assert not any("worker" in each for each in lines(speak("json")))


def test_the_form_for_people() -> None:
    said = speak("console", worker=3).decode().splitlines()
    assert [line.partition(" ")[2] for line in said if STAMP.match(line)][1:6] == [
        "INFO     [partitions_open] worker=3 partitions 1, 2 are open",
        "DEBUG    [broker_asked_in_vain] worker=3 Kafka was asked in vain: KeyError",
        "WARNING  [faust.app] worker=3 it is late",
        "ERROR    [faust.app] worker=3 with more",
        "ERROR    [aiokafka.conn] worker=3 closed",
    ]
    assert CANARY not in re.sub(r"dict\(\)\[[^]]*\]", "", "\n".join(said))


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere() -> None:
    assert lines(speak("auto"))
    ours, theirs = pty.openpty()
    try:
        speak("auto", stderr=theirs)
        assert b"[partitions_open] partitions 1, 2 are open" in os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_line_whose_values_do_not_fit_comes_without_them(style: str) -> None:
    code = (
        "import logging; from cjstream.logs.setup import setup; setup('{}', 'info');"
        "log = logging.getLogger('asyncio');"
        "log.error('%d lost', 'canary-5e1f'); log.error('%s and %s', 'canary-5e1f');"
        "log.error('%(no)s', {{'customer': 'canary-5e1f'}})"
    )
    said = subprocess.run([sys.executable, "-c", code.format(style)], capture_output=True, check=True).stderr
    assert CANARY.encode() not in said
    assert [len(said.splitlines()), *(said.count(text) for text in (b"%d lost", b"%s and %s", b"%(no)s"))] == [
        3,
        1,
        1,
        1,
    ]


def test_a_process_without_standard_error_begins() -> None:
    code = "import sys; sys.stderr = None; from cjstream.logs.setup import setup; setup('auto', 'info'); print('begun')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"begun\n"


@pytest.mark.parametrize(("key", "value"), [("CJSTREAM_LOG_FORMAT", "xml"), ("CJSTREAM_LOG_LEVEL", "loud")])
def test_a_bad_setting_is_refused_with_key_and_value(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}='{value}': use '"):
        settings.load({key: value})


def test_the_level_holds_for_libraries_too_but_they_are_never_heard_below_info() -> None:
    code = (
        "import logging; from cjstream.logs import tell; from cjstream.logs.setup import setup; setup('json', '{}');"
        "tell('ready'); tell('broker_asked_in_vain', why='x');"
        "[logging.getLogger(name).log(level, str(level)) for name in ('faust', 'aiokafka', 'asyncio')"
        " for level in (10, 20, 30, 40)]"
    )
    heard = {}
    for level in ("debug", "info", "warning", "error"):
        ended = subprocess.run([sys.executable, "-c", code.format(level)], capture_output=True, check=True)
        heard[level] = [f"{each.get('name', each['logger'])} {each['level']}" for each in lines(ended.stderr)]
    errors = ["faust error", "aiokafka error", "asyncio error"]
    assert heard["error"] == errors
    assert heard["warning"] == ["faust warning", *errors[:2], "asyncio warning", errors[2]]
    assert heard["info"] == ["ready info", "faust warning", *errors[:2], "asyncio info", "asyncio warning", errors[2]]
    assert heard["debug"] == [heard["info"][0], "broker_asked_in_vain debug", *heard["info"][1:]]


def test_commands_do_not_wait_for_structlog() -> None:
    code = "import sys; from cjstream.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"cjstream.logs.telling" in ended.stdout
    assert b"structlog" not in ended.stdout
    assert b"logging.handlers" not in ended.stdout


def test_a_field_that_is_an_error_is_told_by_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    tell("look_refused", why=KeyError(CANARY))
    assert caplog.messages == ["a look at Kafka was refused, work goes on: KeyError"]


# -- what comes often


class Clocked:
    """A filter with a clock that is set, and what it counted."""

    def __init__(self) -> None:
        self.now, self.counted = 1_000.0, list[str]()
        self.seldom = Seldom(self.counted.append, lambda: self.now)

    def ours(self, name: str, **fields: object) -> logging.LogRecord | None:
        told = Told(name, fields)
        record = logging.makeLogRecord({"name": "cjstream", "levelno": 30, "levelname": "WARNING", ATTRIBUTE: told})
        record.msg = told.sentence
        return record if self.seldom.filter(record) else None

    def rejected(self, reason: str, records: int, topic: str = "t") -> logging.LogRecord | None:
        return self.ours("records_rejected", topic=topic, reason=reason, records=records, partition=0, offset=7)

    def theirs(self, message: str, *values: object, level: int = logging.ERROR) -> bool:
        return self.seldom.filter(logging.LogRecord("aiokafka", level, __file__, 1, message, values, None))


def test_a_line_of_a_kind_comes_once_a_minute_with_what_was_left_out() -> None:
    clocked = Clocked()
    assert clocked.rejected("not_json", 5)
    assert [clocked.rejected("not_json", 2), clocked.rejected("not_json", 3)] == [None, None]
    assert clocked.rejected("no_id", 1), "another reason is another kind"
    assert clocked.rejected("not_json", 1, topic="u"), "and another topic"
    clocked.now += EVERY_SECONDS
    record = clocked.rejected("not_json", 4)
    assert record is not None
    assert record.getMessage() == "9 records of t are refused as not_json, such as partition 0 offset 7"
    assert (getattr(record, ATTRIBUTE).fields["records"], record.suppressed) == (9, 2)  # type: ignore[attr-defined]
    clocked.now += EVERY_SECONDS
    record = clocked.rejected("not_json", 6)
    assert record is not None
    assert (record.getMessage()[:9], hasattr(record, "suppressed")) == ("6 records", False)


def test_what_was_left_out_is_told_after_a_minute_also_if_nothing_more_comes() -> None:
    clocked = Clocked()
    clocked.rejected("not_json", 1)
    assert clocked.seldom.rest(is_all=True) == [], "nothing was left out"
    clocked.rejected("not_json", 2)
    clocked.rejected("not_json", 3)
    clocked.now += EVERY_SECONDS - 1
    assert clocked.seldom.rest() == []
    clocked.now += 1
    (record,) = clocked.seldom.rest()
    assert (record.getMessage()[:9], record.suppressed) == ("5 records", 1)  # type: ignore[attr-defined]
    assert clocked.seldom.rest(is_all=True) == [], "it is told once"
    assert clocked.rejected("not_json", 1) is None, "and counts as a line of its kind"


def test_at_the_end_all_that_was_left_out_is_told_even_if_it_is_one_line() -> None:
    clocked = Clocked()
    assert (clocked.theirs("no node"), clocked.theirs("no node")) == (True, False)
    assert clocked.rejected("not_json", 1)
    clocked.rejected("not_json", 7)
    told = [(record.getMessage()[:9], hasattr(record, "suppressed")) for record in clocked.seldom.rest(is_all=True)]
    assert told == [("no node", False), ("7 records", False)]


def test_the_sums_are_written_in_the_form_of_all_lines() -> None:
    code = """
from cjstream.logs import tell
from cjstream.logs.setup import setup, tell_rest
setup("json", "info")
for _ in range(3):
    tell("records_rejected", topic="t", partition=0, records=2, reason="not_json", offset=7)
tell_rest()
tell_rest(is_all=True)
"""
    ended = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=True)
    assert [(line["records"], line.get("suppressed")) for line in lines(ended.stderr)] == [(2, None), (4, 1)]


def test_a_line_amid_another_does_not_hang() -> None:
    """Python may collect garbage anywhere, and what asyncio and aiokafka finalize says that it was not closed."""
    amid = list[bool]()

    def now() -> float:
        if not amid:
            amid.append(True)
            amid.append(
                seldom.filter(
                    logging.makeLogRecord({"name": "asyncio", "msg": "not closed", "levelno": 40, "levelname": "ERROR"})
                )
            )
        return 1_000.0

    seldom, passed = Seldom(clock=now), list[bool]()
    record = logging.makeLogRecord({"name": "aiokafka", "msg": "no node", "levelno": 40, "levelname": "ERROR"})
    thread = threading.Thread(target=lambda: passed.append(seldom.filter(record)), daemon=True)
    thread.start()
    thread.join(20)
    assert (amid, passed) == ([True, True], [True])


def test_what_matters_each_time_comes_each_time() -> None:
    clocked = Clocked()
    assert all(clocked.ours("worker_restarts", worker=1, why="x", wait_seconds=1, exit_code=75) for _ in range(3))


def test_a_message_of_a_library_comes_once_a_minute_whatever_its_values() -> None:
    clocked = Clocked()
    assert [clocked.theirs("no node %d", number) for number in range(3)] == [True, False, False]
    assert clocked.theirs("closed")
    clocked.now += EVERY_SECONDS
    assert clocked.theirs("no node %d", 4)


def test_lines_left_out_are_counted_and_lines_of_no_concern_are_not() -> None:
    clocked = Clocked()
    for _ in range(3):
        clocked.theirs("no node", level=logging.CRITICAL)
        clocked.rejected("not_json", 1)
    clocked.theirs("fine", level=logging.INFO)
    assert clocked.counted == ["critical", "warning"] * 3


def test_few_kinds_are_remembered_and_the_one_told_longest_ago_is_forgotten() -> None:
    clocked = Clocked()
    for number in range(3 * MOST_KINDS):
        assert clocked.theirs(f"message {number}")
    assert len(clocked.seldom._kinds) == MOST_KINDS
    assert not clocked.theirs(f"message {3 * MOST_KINDS - 1}")
    clocked.now += EVERY_SECONDS
    assert clocked.theirs(oldest := f"message {2 * MOST_KINDS}")
    assert clocked.theirs("another")
    assert not clocked.theirs(oldest), "it was told again, so it is not forgotten"
    assert clocked.theirs("message 0")
