"""Runs cells of the table on a broker: new topics, one process, its speed or what it sends, and all of it gone."""

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from bench.cells import BARE, CELLS, CHECKED, MEASURED, Cell
from bench.check import Told, difference, told, transitions
from bench.common import PARTITIONS, ROOT, load, new_app, running
from bench.inputs import PROFILES, Rows, rough
from bench.progress import Speed, Window, follow, measure
from cjstream.errors import CjstreamError
from cjstream.settings import Settings, environment

CHECK_CUSTOMERS = 2000  # whose whole lives are compared
LOG_LINES = 8
NOTHING = Speed(0.0, 0.0)
Input = tuple[str, int]  # a topic and how many records it has
STEP = 10_000  # records after which the customers so far are counted


class Runs:
    """Runs cells on one broker. `failed` says by name what went wrong; a failed cell is not tried again."""

    def __init__(self, servers: str, work: Path, names: Sequence[str]) -> None:
        self.servers, self.work, self.names = servers, work, names
        self.failed: dict[str, str] = {}
        self.inputs: dict[str, Input] = {}
        self._customers: dict[str, list[int]] = {}  # after each STEP of an input
        self._unmeasured = work / "unmeasured.yaml"
        self._unmeasured.write_text(MEASURED.read_text().partition("\nmeasures:")[0] + "\n")

    def check(self) -> dict[str, int]:
        """Compare what peers make of a small rough input; return how many transitions each sent."""
        source = self._load("check", rough(CHECK_CUSTOMERS))
        counts: dict[str, int] = {}
        expected: Told | None = None
        for cell in CELLS:
            if cell.name not in CHECKED or (cell.name not in self.names and cell.name != CHECKED[0]):
                continue
            try:
                found = self._told(cell, source)
            except (CjstreamError, RuntimeError, OSError) as error:
                self._fail(cell, error)
                continue
            expected = found if expected is None else expected
            counts[cell.name] = transitions(found)
            if unlike := difference(expected, found):
                self.failed[cell.name] = f"it does not send what {CHECKED[0]} sends: {unlike}"
            print(
                f"check: {cell.title:40} {counts[cell.name]:,} transitions, {unlike or 'all as expected'}", flush=True
            )
        return counts

    def speed(self, cell: Cell, warm_up_seconds: float, seconds: float) -> Speed:
        """Return the speed of a cell; nothing if it fails."""
        if cell.name in self.failed:
            return NOTHING
        if cell.profile not in self.inputs:
            self.inputs[cell.profile] = self._load(cell.profile, PROFILES[cell.profile]())
        topic, total = self.inputs[cell.profile]
        try:
            config = self._app(cell, topic)
            try:
                if cell.name == BARE:
                    return _bare(cell, config, seconds)
                with running(cell.command(config), config, self._log(cell)) as process:
                    where = (self.servers, config.app_id, topic, PARTITIONS)
                    return asyncio.run(measure(*where, total, process.pid, Window(warm_up_seconds, seconds)))
            finally:
                self._drop(config)
        except (CjstreamError, RuntimeError, OSError) as error:
            self._fail(cell, error)
            return NOTHING

    def customers(self, cell: Cell, touchpoints: int) -> int:
        """Return about how many customers are in the first so many touchpoints of a cell's input."""
        counts = self._customers.get(cell.profile, [0])
        return counts[min(touchpoints // STEP, len(counts) - 1)]

    def _told(self, cell: Cell, source: Input) -> Told:
        topic, total = source
        config = self._app(cell, topic)
        try:
            with running(cell.command(config), config, self._log(cell)) as process:
                asyncio.run(follow(self.servers, config.app_id, topic, PARTITIONS, total, process.pid))
            return told(config)
        finally:
            self._drop(config)

    def _app(self, cell: Cell, topic: str) -> Settings:
        journeys = str(MEASURED if cell.is_measured else self._unmeasured)
        overrides = {**dict(cell.overrides), "topics_touchpoints": topic, "journeys": journeys}
        return new_app(self.servers, self.work, cell.name, **overrides)

    def _load(self, name: str, rows: Rows) -> Input:
        config = new_app(self.servers, self.work, f"input-{name}")
        counts = self._customers[name] = [0]
        total = asyncio.run(load(config, _counted(rows, counts)))
        print(f"input {name}: {total:,} touchpoints in {PARTITIONS} partitions", flush=True)
        return config.touchpoints, total

    def _log(self, cell: Cell) -> Path:
        return self.work / f"{cell.name}.log"

    def _fail(self, cell: Cell, error: Exception) -> None:
        log = self._log(cell)
        said = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        self.failed[cell.name] = "\n    ".join([str(error), *said])
        print(f"{cell.title}: FAILED: {self.failed[cell.name]}", flush=True)

    def _drop(self, config: Settings) -> None:
        asyncio.run(_delete_topics(self.servers, config.app_id))
        shutil.rmtree(config.data_dir, ignore_errors=True)


def _counted(rows: Rows, counts: list[int]) -> Rows:
    """Yield the rows, and add to `counts` how many customers there were after each STEP of them."""
    seen = set[bytes]()
    for number, row in enumerate(rows, 1):
        seen.add(row[0])
        if number % STEP == 0:
            counts.append(len(seen))
        yield row


def _bare(cell: Cell, config: Settings, seconds: float) -> Speed:
    """Return the speed of fetching and decoding alone, which it measures itself."""
    command = [*cell.command(config), str(seconds)]
    done = subprocess.run(command, env=environment(config), cwd=ROOT, stdout=subprocess.PIPE, check=True)
    per_second, cpu_us = map(float, done.stdout.split())
    return Speed(per_second, cpu_us, seconds)


async def _delete_topics(servers: str, app_id: str) -> None:
    """Delete what belongs to an app, by its name: its topics and those that a peer made. Else the disk would fill."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if app_id in name])
    finally:
        await admin.close()
