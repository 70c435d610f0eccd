"""A scrape is answered by a thread of its own, whatever the event loop does: work without a pause, or a restore."""

import asyncio
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cjstream.definitions import find
from cjstream.ops import OpsServer
from tests.stream.scraped import Scraped
from tests.stream.test_series import honest

PATIENCE_SECONDS = 20.0  # far more than an answer takes; the claim of a second is bench/scrape.py's


def scraped_while(worker: Scraped, work: Callable[[], object]) -> str:
    """Return a scrape that came while the loop did nothing but `work`, again and again, by another thread."""
    server = OpsServer(worker.metrics, lambda: (True, ""), lambda: (True, ""), "127.0.0.1", 0)
    port, answered, threads = server.start(), threading.Event(), set[int]()

    def note_thread() -> tuple[()]:
        threads.add(threading.get_ident())
        return ()

    worker.metrics.add_source(note_thread)

    def ask() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as answer:
            page = answer.read().decode()
        answered.set()
        return str(page)

    try:
        with ThreadPoolExecutor(1) as pool:
            page = pool.submit(ask)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not answered.is_set() and time.monotonic() < deadline:
                work()
            assert answered.is_set(), "the loop had to pause for an answer"
            assert threads
            assert threading.get_ident() not in threads
            return page.result()
    finally:
        server.stop()


def test_a_scrape_is_answered_while_the_loop_works_without_a_pause(tmp_path: Path) -> None:
    async def main() -> None:
        worker = Scraped(tmp_path, find("loyal_customers"))
        await worker.own(0, 1)
        await worker.take(honest(10))
        page = scraped_while(worker, lambda: sum(range(10_000)))
        assert "\ncjstream_assigned_partitions 2.0\n" in page
        await worker.partitions.close()

    asyncio.run(main())


def test_a_scrape_is_answered_while_a_partition_is_restored(tmp_path: Path) -> None:
    async def main() -> None:
        first, second = (Scraped(tmp_path, find("loyal_customers")) for _ in range(2))
        await first.own(0, 1, 2, 3)
        await first.take(honest(40))
        records = first.changelog(0)
        assert len(records) > 10
        await second.own(1)
        await second.partitions.keep({0, 1})
        second.partitions.restore(0, records[:5])  # something is restored before anybody asks
        page = scraped_while(second, lambda: second.partitions.restore(0, records))
        assert "\ncjstream_restoring_partitions 1.0\n" in page
        assert "\ncjstream_assigned_partitions 1.0\n" in page
        assert "\ncjstream_restored_records_total 0.0\n" not in page
        assert 'cjstream_lag_records{partition="1"}' in page
        assert 'cjstream_lag_records{partition="0"}' not in page
        for worker in (first, second):
            await worker.partitions.close()

    asyncio.run(main())
