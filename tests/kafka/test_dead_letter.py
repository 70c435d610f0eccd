"""`cjstream dead-letter`: what was rejected is counted, shown without harm, and sent again once."""

import asyncio
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream import kafka
from cjstream.core.touchpoint import Rejection
from cjstream.ingest.letters import Letter, dead_letter, read_letter
from cjstream.settings import Settings, environment
from tests.broker import Cli
from tests.command import COMMAND
from tests.corpus.cases import Sent
from tests.corpus.producing import produce
from tests.faults.harness import Record, Worker, read_all, wait_until

START_MS = 1_767_225_600_000
NASTY = b'{"text": "\x1b[2J\xe2\x80\xae", "id": "a\xff'
pytestmark = pytest.mark.timeout(120)


def put_letters(
    settings: Settings, letters: Sequence[tuple[int, str, bytes | None, bytes | None]], start_ms: int = START_MS
) -> None:
    """Write dead letters of records that were read at (partition 0, offset): offset, reason, key, value."""
    asyncio.run(_put(settings, letters, start_ms))


async def _put(
    settings: Settings, letters: Sequence[tuple[int, str, bytes | None, bytes | None]], start_ms: int
) -> None:
    rows = []
    for offset, reason, key, value in letters:
        place = (settings.touchpoints, 0, offset)
        made = dead_letter(Rejection(reason), place, key, value, [("source", b"shop")], start_ms + offset)
        rows.append(Sent(made.key, made.value, made.headers, made.timestamp_ms))
    await produce(settings, settings.dead_letter, rows)


def again(settings: Settings) -> list[Record]:
    return [record for record in read_all(settings, settings.touchpoints) if record.partition == 0]


def test_ls_counts_and_filters_and_shows_neither_keys_nor_payloads(cli: Cli, settings: Settings, topics: int) -> None:
    assert cli("dead-letter", "ls").stdout == b"no dead letters\n"
    put_letters(
        settings,
        [(number, "not_json", b"anna", NASTY) for number in range(3)]
        + [(3, "future", b"budi", b"{}"), (2, "not_json", b"anna", NASTY)],  # the last one is a repeat after a crash
    )
    shown = cli("dead-letter", "ls").stdout
    assert b"not_json" in shown
    assert not any(secret in shown for secret in (b"anna", b"budi", b"text", b"\x1b"))
    found = json.loads(cli("dead-letter", "ls", "--json", "--limit", "2").stdout)
    assert (found["letters"], found["replayed"]) == (4, 0)
    assert found["reasons"][0] == {"reason": "not_json", "letters": 3, "replayed": 0}
    assert [each["letter"] for each in found["latest"]] == ["0:3", "0:2"]
    for options, count in (
        (["--reason", "future"], 1),
        (["--key", "anna"], 3),
        (["--key", "anna", "--reason", "future"], 0),
        (["--since", "2026-01-01T00:00:00.002Z"], 2),
        (["--since", "5m"], 0),
        (["--since", "2026-01-01"], 4),
        (["--since", "2026-01-02"], 0),
        (["--partition", "0", "--offset", "1"], 1),
        (["--partition", "1"], 0),
    ):
        assert json.loads(cli("dead-letter", "ls", "--json", *options).stdout)["letters"] == count, options


@pytest.mark.parametrize("words", [("ls",), ("replay", "--dry-run")])
def test_a_partition_or_a_topic_that_is_not_there_is_named(
    words: tuple[str, ...], cli: Cli, settings: Settings
) -> None:
    done = cli("dead-letter", *words, "--partition", "0")
    assert (done.returncode, b"run `cjstream topics create`" in done.stderr) == (4, True)
    asyncio.run(kafka.create_topics(settings, 2))
    done = cli("dead-letter", *words, "--partition", "44")
    assert (done.returncode, f"{settings.dead_letter} has partitions 0 to 1" in done.stderr.decode()) == (2, True)


def test_show_escapes_what_a_terminal_would_obey(cli: Cli, settings: Settings, topics: int) -> None:
    put_letters(settings, [(7, "not_json", b"an\x07na", NASTY)])
    shown = cli("dead-letter", "show", "0:0").stdout
    assert shown.decode().replace("\n", "").isprintable()
    assert rb'{"text": "\x1b[2J\u202e", "id": "a\xff' in shown
    assert cli("dead-letter", "show", "0:0", "--value").stdout == NASTY
    told = json.loads(cli("dead-letter", "show", "0:0", "--json").stdout)
    assert (told["reason"], told["read_at"]["offset"], told["headers"]) == ("not_json", 7, [["source", "shop"]])
    for place in ("0:1", "9:0"):
        done = cli("dead-letter", "show", place)
        assert (done.returncode, done.stdout) == (1, b"")
    assert cli("dead-letter", "show", "seven").returncode == 2
    assert cli("dead-letter", "show", "0:0", "--value", "--json").returncode == 2
    assert cli("dead-letter", "ls", "--key", "nobody").stdout == b"no such letters\n"


def test_a_value_can_be_mended_by_hand_and_sent(cli: Cli, settings: Settings, topics: int) -> None:
    put_letters(settings, [(0, "bad_type", b"anna", b'{"customer_id": "anna", "scale": "STARS"}')])
    mended = cli("dead-letter", "show", "0:0", "--value").stdout.replace(b"STARS", b"stars")
    assert cli("send", "-", stdin=mended).stdout == b"sent 1\n"
    [record] = read_all(settings, settings.touchpoints)
    assert (record.key, record.value) == (b"anna", b'{"customer_id": "anna", "scale": "stars"}')


def test_a_replay_sends_each_record_once_however_often_it_is_run(cli: Cli, settings: Settings, topics: int) -> None:
    too_large = b"x" * 1_200_000
    put_letters(
        settings,
        [
            (0, "future", b"anna", b"{}"),
            (1, "not_json", b"anna", b"{"),
            (2, "no_key", None, None),
            (3, "too_large", b"a", too_large),
        ],
    )
    assert cli("dead-letter", "replay").returncode == 2, "nothing was chosen"
    dry = cli("dead-letter", "replay", "--all", "--dry-run")
    assert (dry.stdout, dry.returncode) == (b"3 would be sent\n", 1)
    assert b"1 were too large to be kept" in dry.stderr
    assert again(settings) == []
    one = cli("dead-letter", "replay", "--reason", "future")
    assert (one.returncode, one.stdout) == (0, b"1 sent\n")
    two = cli("dead-letter", "replay", "--partition", "0")
    assert (two.returncode, two.stdout) == (1, b"2 sent\n")
    assert b"1 had been sent before" in two.stderr
    assert cli("dead-letter", "replay", "--all").stdout == b"0 sent\n"
    place = [("__streams.errors.topic", settings.touchpoints.encode()), ("__streams.errors.partition", b"0")]
    assert [(each.key, each.value, list(each.headers)) for each in again(settings)] == [
        (key, value, [("source", b"shop"), *place, ("__streams.errors.offset", b"%d" % offset)])
        for offset, key, value in ((0, b"anna", b"{}"), (1, b"anna", b"{"), (2, None, None))
    ]
    found = json.loads(cli("dead-letter", "ls", "--json").stdout)
    assert (found["letters"], found["replayed"]) == (4, 3)


def test_letters_of_an_input_that_was_made_anew_are_others(cli: Cli, settings: Settings, topics: int) -> None:
    put_letters(settings, [(0, "future", b"anna", b"before")])
    assert cli("dead-letter", "replay", "--all").stdout == b"1 sent\n"
    put_letters(settings, [(0, "future", b"anna", b"after")], START_MS + 1)
    assert json.loads(cli("dead-letter", "ls", "--json").stdout)["letters"] == 2
    assert cli("dead-letter", "replay", "--all").stdout == b"1 sent\n"
    assert [each.value for each in again(settings)] == [b"before", b"after"]


def test_a_replay_that_is_killed_leaves_nothing_to_be_sent_twice(cli: Cli, settings: Settings, topics: int) -> None:
    count = 6_000
    put_letters(settings, [(number, "future", b"anna", b"%d" % number) for number in range(count)])
    command = [*COMMAND, "dead-letter", "replay", "--all"]
    with subprocess.Popen(command, env=environment(settings), stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: len(again(settings)) > 0, 30, "some were sent")
        process.kill()
    done = cli("dead-letter", "replay", "--all")
    assert done.returncode == 0
    assert 0 < int(done.stdout.split()[0]) < count
    assert sorted(int(each.value or b"-1") for each in again(settings)) == list(range(count))


def test_a_second_replay_at_the_same_time_ends_the_first(settings: Settings, topics: int) -> None:
    async def race() -> None:
        row = kafka.Row(settings.touchpoints, 0, None, b"x", ())
        async with kafka.AtomicSender(settings, "race") as first:
            await first.send([row])
            async with kafka.AtomicSender(settings, "race") as second:
                with pytest.raises(kafka.SendRefused, match="another process"):
                    await first.send([row])
                await second.send([row])

    asyncio.run(race())
    assert len(again(settings)) == 2


def test_rows_that_do_not_fit_are_found_and_the_others_go(cli: Cli, settings: Settings, topics: int) -> None:
    large = b"x" * 1_048_400  # fits without the coordinates
    put_letters(settings, [(0, "future", b"a", b"1"), (1, "future", b"a", large), (2, "future", b"a", b"3")])
    done = cli("dead-letter", "replay", "--all")
    assert (done.returncode, done.stdout) == (1, b"2 sent\n")
    assert [each.value for each in again(settings)] == [b"1", b"3"]
    assert json.loads(cli("dead-letter", "replay", "--all", "--json").stdout)["too_large"] == 1


def letters_of(settings: Settings) -> list[tuple[Record, Letter]]:
    records = [(each, read_letter(each.headers)) for each in read_all(settings, settings.dead_letter)]
    return [(record, letter) for record, letter in records if letter]


def test_what_was_mended_lands_and_what_was_not_says_where_it_was_at_first(
    cli: Cli, settings: Settings, topics: int, tmp_path: Path
) -> None:
    """A touchpoint of the next hour, until a setting lets it in."""
    in_an_hour_ms = int(time.time() * 1000) + 3_600_000
    fields = {"id": "t1", "customer_id": "anna", "type": "purchase", "occurred_at": in_an_hour_ms}
    cli("send", "-", stdin=json.dumps(fields).encode() + b"\n")
    with Worker(settings, tmp_path / "strict.log") as worker:
        wait_until(lambda: len(letters_of(settings)) == 1, 60, "it is rejected")
        assert cli("dead-letter", "replay", "--reason", "future").stdout == b"1 sent\n"
        wait_until(lambda: len(letters_of(settings)) == 2, 60, "it is rejected again")
        worker.end()
    (was_record, was), (now_record, now) = letters_of(settings)
    assert now.first == was.origin != now.origin
    assert (now_record.key, now_record.value) == (was_record.key, was_record.value)
    lenient = replace(settings, max_skew_seconds=7200.0)
    with Worker(lenient, tmp_path / "lenient.log") as worker:
        done = cli("dead-letter", "replay", "--reason", "future")
        assert (done.stdout, done.stderr) == (b"1 sent\n", b"1 had been sent before\n")
        wait_until(lambda: len(read_all(settings, settings.transitions)) == 1, 60, "it lands")
        worker.end()
    assert [json.loads(each.value or b"")["to_stage"] for each in read_all(settings, settings.transitions)] == [
        "purchase"
    ]
    assert cli("dead-letter", "replay", "--all").stdout == b"0 sent\n"
