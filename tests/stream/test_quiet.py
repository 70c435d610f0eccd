"""A library that says the same again and again is heard once a minute."""

import logging

from cjstream.stream.quiet import Seldom


def record(name: str, message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, values, None)


def test_a_message_comes_through_once_a_minute_whatever_its_values() -> None:
    now = [1_000.0]
    seldom = Seldom("aiokafka", clock=lambda: now[0])
    assert seldom.filter(record("aiokafka.conn", "no node %d", 1))
    assert not seldom.filter(record("aiokafka.conn", "no node %d", 2))
    assert seldom.filter(record("aiokafka.conn", "closed"))
    assert seldom.filter(record("aiokafka.client", "no node %d", 1))
    now[0] += 60.0
    assert seldom.filter(record("aiokafka.conn", "no node %d", 3))


def test_what_others_say_comes_through() -> None:
    seldom = Seldom("aiokafka")
    assert [seldom.filter(record(name, "same")) for name in ("cjstream", "cjstream", "aiokafkaesque")] == [True] * 3
