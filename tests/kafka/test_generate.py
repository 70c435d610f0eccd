"""`cjstream generate` sends what it says, at its rate, until it is told to stop; and says how it ended."""

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cjstream import settings as configuration
from cjstream.cli.generate_run import is_here
from cjstream.settings import Settings
from tests.broker import Cli
from tests.command import COMMAND
from tests.faults.harness import read_all

END_SECONDS = 30


def values(settings: Settings, topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in read_all(settings, topic)]


def test_it_sends_so_many_customers_and_tells_it(settings: Settings, topics: int, cli: Cli) -> None:
    before = datetime.now(UTC)
    done = cli("generate", "--customers", "30", "--rate", "5000", "--seed", "7", "--days", "3", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    told, sent = json.loads(done.stdout), values(settings, settings.touchpoints)
    assert (told["touchpoints"], told["customers"]) == (len(sent), 30)
    assert len({touchpoint["customer_id"] for touchpoint in sent}) == 30
    assert (told["seed"], told["stopped_by"]) == (7, "customers")
    assert {touchpoint["customer_id"][:3] for touchpoint in sent} == {"c7-"}
    times = [datetime.fromisoformat(touchpoint["occurred_at"]) for touchpoint in sent]
    assert before - timedelta(days=3) <= min(times) < max(times) <= datetime.now(UTC)
    facts = values(settings, settings.facts)
    assert told["facts"] == len(facts)
    assert {fact["name"] for fact in facts} == {"impressions", "clicks", "spend", "search_rank"}
    assert len({fact["day"] for fact in facts}) == 4


def test_without_a_number_of_customers_it_goes_on_for_its_seconds(settings: Settings, topics: int, cli: Cli) -> None:
    done = cli("generate", "--seconds", "1.5", "--rate", "3000")
    assert done.returncode == 0
    sent = values(settings, settings.touchpoints)
    assert done.stdout.startswith(f"sent {len(sent):,} touchpoints of ".encode())
    assert len({touchpoint["customer_id"] for touchpoint in sent}) > 200, "one shop followed the other"
    assert len({touchpoint["id"] for touchpoint in sent}) == len(sent)


def test_it_keeps_its_rate(settings: Settings, topics: int, cli: Cli) -> None:
    done = cli("generate", "--seconds", "3", "--rate", "40", "--json")
    told = json.loads(done.stdout)
    assert 1 <= told["touchpoints"] / told["seconds"] <= 44
    assert told["stopped_by"] == "seconds"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_and_all_it_sent_is_told(
    settings: Settings, topics: int, number: signal.Signals, code: int
) -> None:
    with start(settings, ["--rate", "200", "--json"]) as generate:
        while len(read_all(settings, settings.touchpoints)) < 100:
            assert generate.poll() is None
            time.sleep(0.1)
        generate.send_signal(number)
        told = json.loads(generate.communicate(timeout=END_SECONDS)[0])
    assert (generate.returncode, told["stopped_by"]) == (code, number.name)
    assert told["touchpoints"] == len(read_all(settings, settings.touchpoints))


def start(settings: Settings, options: Sequence[str]) -> subprocess.Popen[bytes]:
    words = [*COMMAND, "generate", *options]
    return subprocess.Popen(words, env=configuration.environment(settings), stdout=subprocess.PIPE)


@pytest.mark.parametrize(("answer", "code"), [(b"", 1), (b"n\n", 1), (b"y\n", 3)])
def test_it_asks_before_it_sends_to_another_machine(answer: bytes, code: int, settings: Settings) -> None:
    env = configuration.environment(settings) | {"CJSTREAM_KAFKA__BOOTSTRAP_SERVERS": "kafka.invalid:9092"}
    done = subprocess.run([*COMMAND, "generate"], check=False, env=env, input=answer, capture_output=True)
    assert (done.returncode, done.stdout.strip()) == (code, b"")
    asked = f"Send made-up customers to {settings.touchpoints} on kafka.invalid:9092? They stay there. [y/N]:"
    assert done.stderr.startswith(asked.encode())


@pytest.mark.parametrize(
    ("servers", "is_ours"),
    [
        ("127.0.0.1:9092", True),
        ("localhost:1,127.0.0.1:2", True),
        ("kafka:9092", False),
        ("127.0.0.1:1,kafka:2", False),
    ],
)
def test_here_is_this_machine_alone(servers: str, is_ours: bool) -> None:
    assert is_here(servers) is is_ours


def test_without_topics_it_says_what_to_do_and_exits_4(cli: Cli) -> None:
    done = cli("generate", "--seconds", "1")
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"cjstream topics create" in done.stderr
