"""The pages for operators run as written: from nothing to production; the state built anew; newer state."""

import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from cjstream import definitions
from cjstream import settings as configuration
from cjstream.core.state import POSITION_KEY, VERSION, CustomerState, Position, decode_state, encode
from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.anew import END_SECONDS, NOW_MS, lines
from tests.faults.harness import Line, Worker, committed, new_app, read_all, send
from tests.faults.stalls import touchpoint
from tests.faults.tampering import Compacted, write
from tests.kafka.shell import Shell, blocks

pytestmark = pytest.mark.timeout(400)
PARTITIONS = 2
KINDS = ("page_view", "product_view", "purchase", "delivered", "referral")
UNTIL_DONE = "until cjstream status | grep ' 0 records behind'; do sleep 0.2; done"


@pytest.fixture
def app(broker: Broker, tmp_path: Path) -> Settings:
    """An app with topics of its own, and a port that it may take."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    return new_app(broker.servers, "how-to", tmp_path / "data", PARTITIONS, metrics_port=port, store="rocksdb")


@pytest.fixture
def shell(app: Settings, tmp_path: Path) -> Iterator[Shell]:
    """The shell of an operator of `app`."""
    own = {
        "journeys": app.app_id, "=shop.": f"={app.topics_prefix}", "=shop-2.": f"=second.{app.topics_prefix}",
        "9464": str(app.metrics_port), "--partitions 24": f"--partitions {PARTITIONS}",
    }  # fmt: skip
    with Shell(tmp_path, configuration.environment(app), own) as opened:
        yield opened


def test_the_way_to_production_runs_as_written(shell: Shell, app: Settings, tmp_path: Path) -> None:
    touchpoints = [line.value or b"" for line in lines(NOW_MS)]
    (tmp_path / "day.jsonl").write_bytes(b"\n".join([*touchpoints, b'{"customer_id": "bad"}']))
    make, start, kill = blocks("run-in-production")
    assert "all topics exist" not in shell.run(make)
    first = shell.run(start)
    assert f"sent {len(touchpoints) + 1}" in first
    shell.run(UNTIL_DONE)
    killed = shell.run(kill)
    assert killed.count(" 0 records behind") == 2
    assert len(read_all(app, app.transitions)) == len(touchpoints)
    for name in ("shop.yaml", "new.yaml"):
        (tmp_path / name).write_text(definitions.text_of("shop"))
    definition, after = blocks("upgrade-it")
    said = shell.run(definition)
    assert said.count(definitions.shipped("shop").hash) >= 2
    assert f"{len(touchpoints)} " in said, "customers under it"
    assert "cjstream_build_info{" in shell.run(after)
    [secured] = blocks("secure-it")
    told = shell.run(secured)
    assert told.startswith("401\n")
    assert "cjstream_build_info{" in told


def test_state_that_is_built_anew_beside_and_in_place_is_the_state_before(shell: Shell, app: Settings) -> None:
    beside, in_place = blocks("back-up-and-rebuild-state")
    send(app, story(), PARTITIONS)
    shell.run(f"systemctl start cjstream\n{UNTIL_DONE}")
    before, sent = states(app), told(app)
    assert len(before) == 119, "one of 120 was forgotten"
    assert len(sent) > 200
    shell.run(f"{beside}\nsystemctl stop cjstream", "export CJSTREAM_METRICS_PORT=0")
    second = configuration.load(
        {}, kafka_bootstrap_servers=app.kafka_bootstrap_servers, app_id=f"{app.app_id}-2",
        topics_prefix=f"second.{app.topics_prefix}",
    )  # fmt: skip
    assert states(second) == before
    assert told(second) == sent
    ran = shell.run(in_place)
    assert ran.count("offset 0 and later will count") == 2 * PARTITIONS
    shell.run(UNTIL_DONE)
    assert states(app) == before, "the same customers, whatever the epoch of their fences"
    assert told(app) == sent, "repeats, the same to the byte"
    assert len(read_all(app, app.transitions)) == 2 * len(sent)


def story() -> Iterator[Line]:
    """Yield touchpoints of 120 customers, some late, some twice, and a null that forgets one."""
    draw = Random(8)
    for step, kind in enumerate(KINDS):
        for number in draw.sample(range(120), 120 - 15 * step):
            line = touchpoint(f"c{number}", NOW_MS + 600_000 * step - draw.randrange(900_000), kind)
            yield line
            if number % 9 == 0:
                yield line
    yield Line(b"c5", None)


def states(app: Settings) -> dict[bytes, CustomerState]:
    """Return the state of each customer; of the fence only the offset counts."""
    read = {key: decode_state(value) for key, value in Compacted(app).customers().items()}
    return {key: replace(state, fence=(0, state.fence[1])) for key, state in read.items()}


def told(app: Settings) -> set[bytes]:
    """Return the transitions sent, each once."""
    return {record.value or b"" for record in read_all(app, app.transitions)}


def test_a_worker_ends_at_newer_state_and_commits_nothing(broker: Broker, tmp_path: Path) -> None:
    app = new_app(broker.servers, "newer", tmp_path / "data", 1)
    send(app, lines(NOW_MS), 1)
    write(app, [(POSITION_KEY, bytes([VERSION + 1]) + encode(Position())[1:])])
    with Worker(app, tmp_path / "older.log") as worker:
        assert worker.process.wait(END_SECONDS) == 4, worker.said()
        assert f"state of version {VERSION + 1} is newer than this cjstream" in worker.said()
    assert (committed(app), read_all(app, app.transitions)) == ({0: 0}, [])
