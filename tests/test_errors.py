"""Errors: each ends the process with its own code, and its text says what to do."""

import pytest

from cjstream.errors import (
    BrokerUnfit,
    BrokerUnreachable,
    CjstreamError,
    ConfigError,
    DefinitionError,
    NotAuthorised,
    Problem,
    StateMismatch,
)

EVERY = [
    (CjstreamError("a bug"), 70, False),
    (ConfigError("CJSTREAM_STORE", "disk", "use 'memory'"), 2, False),
    (BrokerUnreachable("127.0.0.1:9092", 60), 3, True),
    (BrokerUnfit("the certificate of the broker at kafka:9093 has expired; have it renewed"), 3, False),
    (NotAuthorised("Kafka does not let User:shop Write topic transitions; an administrator allows it"), 4, False),
    (StateMismatch("topic touchpoints is missing", "run `cjstream topics create`"), 4, False),
    (DefinitionError("shop.yaml", [Problem("goal", 2, "is wrong")]), 2, False),
]


@pytest.mark.parametrize(("error", "exit_code", "retry"), EVERY)
def test_an_error_knows_its_exit_code_and_whether_a_restart_may_help(
    error: CjstreamError, exit_code: int, retry: bool
) -> None:
    assert (error.exit_code, error.retry) == (exit_code, retry)


@pytest.mark.parametrize(("error", "exit_code", "retry"), EVERY)
def test_an_error_is_told_in_one_line(error: CjstreamError, exit_code: int, retry: bool) -> None:
    assert str(error)
    assert "\n" not in str(error)


def test_a_bad_setting_names_key_and_value() -> None:
    error = ConfigError("CJSTREAM_STORE", "disk", "use 'memory'")
    assert str(error) == "CJSTREAM_STORE='disk': use 'memory'"
    assert (error.key, error.value, error.why) == ("CJSTREAM_STORE", "disk", "use 'memory'")


def test_an_absent_broker_names_address_wait_and_two_ways_out() -> None:
    text = str(BrokerUnreachable("kafka:9092", 0.5))
    for part in ("kafka:9092", "0.5 s", "cjstream broker", "CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"):
        assert part in text


def test_a_mismatch_says_what_and_then_what_to_do() -> None:
    error = StateMismatch("topic touchpoints is missing", "run `cjstream topics create`")
    assert str(error) == "topic touchpoints is missing; run `cjstream topics create`"
    assert (error.what, error.todo) == ("topic touchpoints is missing", "run `cjstream topics create`")


def test_a_faulty_definition_tells_every_problem_with_its_line_if_known() -> None:
    error = DefinitionError("shop.yaml", [Problem("goal", 2, "is wrong"), Problem("", None, "is empty")])
    assert str(error) == "shop.yaml: line 2: goal: is wrong; definition: is empty"
    assert len(error.problems) == 2
