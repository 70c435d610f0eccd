"""promtool's lint of a full scrape: three journeys with every measure on, of one worker and of a supervisor."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from cjstream.metrics import METRICS, SUPERVISOR_METRICS, Metrics
from cjstream.supervisor.merge import merge
from tests.stream.scraped import PARTITIONS, Scraped
from tests.stream.test_series import JOURNEYS, flood_of_facts, honest


@pytest.fixture
def page(tmp_path: Path) -> str:
    """A scrape that has every metric of a worker."""

    async def main() -> str:
        worker = Scraped(tmp_path, *JOURNEYS)
        await worker.own(*range(PARTITIONS))
        await worker.take(honest(12))
        await worker.take_facts(flood_of_facts(0, 3))
        await worker.partitions.close()
        return worker.metrics.render()[1].decode()

    return asyncio.run(main())


def lint(promtool: Path, text: str) -> str:
    """Return what promtool finds, empty if nothing."""
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 3}, done.stderr
    return done.stdout + done.stderr


def test_the_lint_of_a_full_scrape_is_clean(promtool: Path, page: str) -> None:
    assert all(f"# HELP {name} " in page for name in METRICS)
    assert lint(promtool, page) == ""


def test_the_lint_of_a_supervisors_page_is_clean(promtool: Path, page: str) -> None:
    own = Metrics(SUPERVISOR_METRICS)
    own.set("cjstream_worker_up", 1, ("0",))
    own.inc("cjstream_worker_restarts_total", ("0",))
    assert lint(promtool, merge([("0", page), ("1", page), ("supervisor", own.render()[1].decode())])) == ""


def test_the_lint_sees_what_is_wrong(promtool: Path, page: str) -> None:
    assert "cjstream_ready" in lint(promtool, page.replace("# HELP cjstream_ready ", "# HELLO cjstream_ready "))
