"""`cjstream report` on the topics: the log of touchpoints, the facts, and the current stages."""

import json

import pytest

from cjstream.settings import Settings
from tests.broker import Cli, StartWorker
from tests.faults.harness import wait_done

START_MS = 1_767_225_600_000  # 2026-01-01
TOUCHPOINTS = [
    ("ana", "page_view"), ("ana", "purchase"), ("ben", "page_view"), ("ben", "product_view"), ("cas", "review"),
]  # fmt: skip
FACTS = [{"name": "clicks", "day": "2026-01-01", "value": value} for value in (5, 7)]


@pytest.fixture
def day(cli: Cli, settings: Settings, start_worker: StartWorker) -> None:
    """Touchpoints and facts of a day, processed."""
    worker = start_worker()
    lines = [
        {"id": f"t{n}", "customer_id": customer, "type": kind, "occurred_at": START_MS + n}
        for n, (customer, kind) in enumerate(TOUCHPOINTS)
    ]
    cli("send", "-", stdin=b"".join(json.dumps(each).encode() + b"\n" for each in lines))
    cli("send", "--facts", "-", stdin=b"".join(json.dumps(each).encode() + b"\n" for each in FACTS))
    wait_done(settings, worker)


@pytest.mark.usefixtures("day")
def test_the_log_and_this_moment_tell_the_same(cli: Cli) -> None:
    done = cli("report", "--facts", "topic", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["log"], found["touchpoints"]) == ("topic", len(TOUCHPOINTS))
    shop = found["journeys"]["shop"]
    assert shop["runs"] == {"entered": 2, "in_progress": 1, "converted": 1, "dropped": 0}
    assert shop["metrics"]["advertising"]["clicks"] == 7
    live = cli("report", "--live", "--json")
    assert live.returncode == 0, live.stderr
    now = json.loads(live.stdout)["journeys"]["shop"]
    assert (now["customers"], now["outcomes"]) == (2, {"in_progress": 1, "converted": 1, "dropped": 0})
    stages = {stage["stage"]: (stage["here"], stage["came"]) for stage in now["stages"]}
    assert stages == {
        "awareness": (0, 2), "consideration": (1, 2), "purchase": (1, 1), "retention": (0, 0), "advocacy": (0, 0),
        None: (0, None),
    }  # fmt: skip
    for words in (["report", "--from", "topic"], ["report", "--live"]):
        shown = cli(*words)
        assert (shown.returncode, b"consideration" in shown.stdout) == (0, True)
