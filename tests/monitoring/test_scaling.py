"""Times of rules are divided, and nothing else is."""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.monitoring.bundle import ALERTS, RULES
from tests.monitoring.scaling import duration, expression, hurried, scaled, unfiltered, without_waits

FILES = [*RULES, *ALERTS]


@pytest.mark.parametrize(
    ("text", "divided"), [("5m", "5000ms"), ("1h30m", "90000ms"), ("1w", "10080000ms"), ("10ms", "1ms"), ("0s", "0ms")]
)
def test_a_duration_is_divided(text: str, divided: str) -> None:
    assert duration(text, 60) == divided


@pytest.mark.parametrize(
    ("text", "divided"),
    [
        ("rate(a_total[5m]) > 300", "rate(a_total[5000ms]) > 300"),
        ("x:a:rate5m offset 1w", "x:a:rate5m offset 10080000ms"),
        ("max_over_time(x[1h:1m]) + y[1h:]", "max_over_time(x[60000ms:1000ms]) + y[60000ms:]"),
        ("cjstream_lag_seconds > 300 and x > 300", "cjstream_lag_seconds > 5 and x > 300"),
        ("max by (job) (cjstream_lag_seconds{a=~'b>c'}) >= 30", "max by (job) (cjstream_lag_seconds{a=~'b>c'}) >= 0.5"),
        ("job:cjstream_lag_seconds:max > 300", "job:cjstream_lag_seconds:max > 5"),
        ("rate(cjstream_publish_seconds_count[2m]) > 6", "rate(cjstream_publish_seconds_count[2000ms]) > 6"),
        ("changes(process_start_time_seconds[15m]) > 3", "changes(process_start_time_seconds[15000ms]) > 3"),
    ],
)
def test_times_in_an_expression_are_divided(text: str, divided: str) -> None:
    assert expression(text, 60) == divided


def test_only_looks_back_are_hurried() -> None:
    assert hurried("rate(x[5m]) / (y offset 1w)") == "rate(x[5m]) / (y offset 4s)"


def test_only_a_filter_at_the_end_is_left_out() -> None:
    assert unfiltered("a / (b > 0) > 0") == "a / (b > 0)"
    assert unfiltered("a > 0.5") == "a > 0.5"


@pytest.mark.parametrize("written", [partial(scaled, factor=20), without_waits], ids=["scaled", "without_waits"])
def test_what_is_written_is_valid(written: Callable[..., list[Path]], promtool: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [promtool, "check", "rules", *written(FILES, home=tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SUCCESS") == len(FILES) >= 3
