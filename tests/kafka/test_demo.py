"""`cjstream demo` shows what the reference says, ends by itself or by a signal, and leaves nothing behind."""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cjstream import settings
from cjstream.population import population
from tests.reference import SHOP, reduce_touchpoints

CUSTOMERS, SEED = 300, 7
END_SECONDS = 40  # a worker drains for up to 10 s, Kafka takes 1 s, and CI machines are slow

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = settings.environment(settings.load()) | {
        "TMPDIR": str(tmp_path),
        "CJSTREAM_KAFKA__BOOTSTRAP_SERVERS": "",
    }
    command = [sys.executable, "-m", "cjstream.cli", "demo", "--metrics-port", "0", "--rate", "2000"]
    options = ["--customers", str(CUSTOMERS), "--seed", str(SEED)]
    with subprocess.Popen([*command, *options], env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_the_piped_demo_ends_by_itself_with_the_right_numbers(demo: subprocess.Popen[str]) -> None:
    output, _ = demo.communicate()
    last = output.splitlines()[-1]
    outcomes = reduce_touchpoints(population(CUSTOMERS, SEED, 0, 30), SHOP).values()
    expected = Counter(outcome.path[-1].stage for outcome in outcomes)
    for stage, count in expected.items():
        assert re.search(rf"  {stage} {count}\b", last)
    assert f"transitions {sum(len(outcome.path) for outcome in outcomes):,} " in last
    assert demo.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_stops_everything(demo: subprocess.Popen[str], tmp_path: Path, number: int, code: int) -> None:
    children = children_of_a_running(demo)
    demo.send_signal(number)
    demo.communicate()
    assert demo.wait(END_SECONDS) == code
    assert not [child for child in children if child.is_running()]
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a killed process's children")
def test_killed_it_leaves_no_process(demo: subprocess.Popen[str]) -> None:
    children = children_of_a_running(demo)
    demo.kill()
    _, alive = psutil.wait_procs(children, END_SECONDS)
    assert alive == []


def children_of_a_running(demo: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until touchpoints flow; return the broker's and the worker's processes."""
    assert demo.stdout
    while "day" not in demo.stdout.readline():
        assert demo.poll() is None
    children: list[psutil.Process] = psutil.Process(demo.pid).children(recursive=True)
    assert len(children) >= 2
    return children
