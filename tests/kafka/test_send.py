"""`cjstream send`: lines in, records out, nothing changed on the way."""

import asyncio
import gzip
import subprocess
import time
from pathlib import Path

from cjstream import kafka
from cjstream.settings import Settings, environment
from tests.broker import Cli
from tests.command import COMMAND

LINES = [
    b'{"customer_id": "c-1",  "n": 1}',
    b'{"customer_id": 5}',
    b"no json at all \xff",
    '{"customer_id": "Zoë"}'.encode(),
    b'["customer_id"]',
    b'{"n": 2, "customer_id": "c-1"}\r',
]


async def records_of(settings: Settings) -> list[tuple[bytes | None, bytes | None, int, int]]:
    return [
        (record.key, record.value, record.partition, record.timestamp)
        async for record in kafka.read_topic(settings, settings.touchpoints)
    ]


def test_a_lines_bytes_are_the_value_and_a_string_customer_id_the_key(
    cli: Cli, settings: Settings, topics: int, tmp_path: Path
) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"\n".join([*LINES[:3], b"", b"  ", *LINES[3:]]))
    before_ms = int(time.time() * 1000)
    done = cli("send", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"sent 6\n", b"")
    found = asyncio.run(records_of(settings))
    assert sorted(value or b"" for _, value, _, _ in found) == sorted(LINES)
    assert {value: key for key, value, _, _ in found} == dict(
        zip(LINES, [b"c-1", None, None, "Zoë".encode(), None, b"c-1"], strict=True)
    )
    assert all(key is None or number == kafka.partition_of(key, topics) for key, _, number, _ in found)
    assert all(before_ms <= timestamp <= time.time() * 1000 for *_, timestamp in found)


def test_one_customers_lines_keep_their_order_and_keyless_ones_are_spread(
    cli: Cli, settings: Settings, topics: int
) -> None:
    keyed = [b'{"customer_id":"c","n":%d}' % number for number in range(2000)]
    done = cli("send", "-", stdin=b"\n".join(keyed + [b"x"] * 40))
    assert done.stdout.splitlines()[-1] == b"sent 2040"
    found = asyncio.run(records_of(settings))
    assert [value for key, value, _, _ in found if key == b"c"] == keyed
    assert {number for key, _, number, _ in found if key is None} == set(range(topics))


def test_gz_files_are_unpacked(cli: Cli, settings: Settings, topics: int, tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"customer_id":"c"}\n' * 3))
    assert cli("send", str(file)).stdout == b"sent 3\n"
    assert len(asyncio.run(records_of(settings))) == 3


def test_a_damaged_gz_file_is_a_bad_argument(cli: Cli, topics: int, tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl.gz"
    file.write_bytes(gzip.compress(b"x" * 100)[:-4])
    done = cli("send", str(file))
    assert done.returncode == 2
    assert str(file) in done.stderr.decode()


def test_rate_spreads_the_records_over_time(cli: Cli, settings: Settings, topics: int) -> None:
    assert cli("send", "--rate", "200", "-", stdin=b'{"customer_id":"c"}\n' * 200).stdout == b"sent 200\n"
    times = [timestamp for *_, timestamp in asyncio.run(records_of(settings))]
    assert 800 <= times[-1] - times[0] <= 3000


def test_a_pipe_that_stays_open_is_sent_as_it_comes(settings: Settings, topics: int) -> None:
    with subprocess.Popen([*COMMAND, "send", "-"], env=environment(settings), stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b'{"customer_id":"c"}\n')
        process.stdin.flush()
        deadline = time.monotonic() + 20
        while not asyncio.run(records_of(settings)):
            assert time.monotonic() < deadline
        process.stdin.close()
        assert process.wait(20) == 0


def test_a_record_too_large_for_the_topic_is_refused(cli: Cli, topics: int) -> None:
    done = cli("send", "-", stdin=b"x" * 1_100_000)
    assert done.returncode == 1
    assert b"refused" in done.stderr
    assert b"sent" not in done.stdout


def test_without_the_input_topic_it_names_the_command(cli: Cli) -> None:
    done = cli("send", "-")
    assert done.returncode == 4
    assert b"cjstream topics create" in done.stderr
