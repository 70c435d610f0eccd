"""How `cjstream demo` runs: a broker, a worker, a sender and a view, started in this order and stopped in the other."""

import asyncio
import http.client
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import rich_click as click
from rich.console import Console
from rich.live import Live

from cjstream import kafka, settings
from cjstream.cli.demo_view import Tally, line, screen, stages_panel
from cjstream.cli.made_up import send_facts, send_touchpoints
from cjstream.definitions import find, shipped
from cjstream.errors import CjstreamError
from cjstream.ingest.codec import loads
from cjstream.local import LocalBroker, die_with_parent
from cjstream.ops import headers_of, read_token
from cjstream.population import DAY, Touchpoint, advertising, population
from cjstream.settings import Settings

DAYS = 30
PARTITIONS = 8
START_SECONDS = 60  # a second or two on an idle machine
STOP_SECONDS = 15  # a worker takes up to 10 for what is under way
HTTP_SECONDS = 2
REFRESH_SECONDS = 0.25
TAIL_LINES = 15
NEW_SEEDS = 100_000  # a seed is part of every customer's id, so it stays short


class Plan(NamedTuple):
    """The options of the command, by name."""

    customers: int
    rate: int
    seed: int | None
    seconds: float | None
    servers: str | None
    port: int
    metrics_port: int


class WorkerFailed(CjstreamError):
    """The demo's worker ended by itself or never got ready; the text ends with what it said last."""

    def __init__(self, what: str, log: Path) -> None:
        last = "\n".join(log.read_text(errors="replace").rstrip().splitlines()[-TAIL_LINES:])
        super().__init__(f"the worker {what}; the end of what it said:\n{last}")


def main(plan: Plan) -> int:
    """Run the demo and return its exit code; blocks. Leaves no process, and no file outside a kept broker's topics.

    Raises KeyboardInterrupt at Ctrl-C, after stopping everything, and CjstreamError.
    """
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    with _directory() as home, _broker(plan, home) as servers:
        config = (settings.load if plan.servers else settings.load_local)(
            kafka_bootstrap_servers=servers,
            data_dir=str(home / "worker"),
            metrics_port=str(plan.metrics_port or _free_port()),
            log_format="console",  # what the worker said last is shown if it fails
        )
        try:
            return asyncio.run(_run(plan, config, home / "worker.log"))
        except asyncio.CancelledError:  # SIGTERM
            return 0


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cjstream-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _broker(plan: Plan, home: Path) -> Iterator[str]:
    if plan.servers:
        yield plan.servers
        return
    click.echo("starting a local Kafka (the first time this fetches some 45 MB) ...")
    with LocalBroker(plan.port, data_dir=home / "kafka") as broker:
        yield broker.servers


async def _run(plan: Plan, config: Settings, log: Path) -> int:
    """Run everything until a job gives the exit code; SIGINT and SIGTERM cancel it."""
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    definition = next(map(find, config.journey_files), None) or shipped()
    tally = Tally(definition.journey, [stage.id for stage in definition.stages], DAYS)
    partitions = (await kafka.check_topics(config))[config.touchpoints] or PARTITIONS
    await kafka.create_topics(config, partitions)
    url = f"http://{config.metrics_host}:{config.metrics_port}/metrics"
    async with _worker(config, log) as worker:
        return await _first_code(
            _send(plan, config, partitions, tally),
            _follow(config, tally),
            _measure(config, tally),
            _show(tally, url),
            _ended(worker, log),
            _wait(plan.seconds),
        )


async def _first_code(*jobs: Coroutine[Any, Any, int | None]) -> int:
    """Run `jobs` until one returns an exit code or fails; one that returns None just ends. Cancels the others."""
    pending = tasks = {asyncio.create_task(job) for job in jobs}
    try:
        while True:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for code in [task.result() for task in done]:
                if code is not None:
                    return code
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _worker(config: Settings, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a worker and wait until it is ready; on leaving, stop it."""
    click.echo("starting a worker ...")
    with log.open("wb") as output:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cjstream.cli", "worker", "--metrics-port", str(config.metrics_port)),
            env=settings.environment(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,  # Ctrl-C reaches us alone: the worker stops before its broker does
            preexec_fn=die_with_parent(),
        )
    try:
        await _first_code(_ended(worker, log), _ready(config, log))
        yield worker
    finally:
        await _stop(worker)


async def _stop(worker: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        worker.terminate()
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(worker.wait(), STOP_SECONDS)
    finally:  # it may have been too slow, or a second Ctrl-C came
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


async def _ended(worker: asyncio.subprocess.Process, log: Path) -> None:
    code = await worker.wait()
    raise WorkerFailed(f"ended with exit code {code}", log)


async def _ready(config: Settings, log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        status, _ = await asyncio.to_thread(_get, config, "/readyz")
        if status == http.client.OK:
            return 0
        await asyncio.sleep(0.2)
    raise WorkerFailed(f"was not ready within {START_SECONDS} s", log)


async def _send(plan: Plan, config: Settings, partitions: int, tally: Tally) -> None:
    """Send the month's advertising, then the population at its rate, with event times of the month that ends now."""
    start_ms = int(time.time() * 1000) - DAYS * DAY
    seed = int(time.time()) % NEW_SEEDS if plan.seed is None else plan.seed
    await send_facts(config, list(advertising(plan.customers, seed, start_ms, DAYS)))
    newest = ""

    def counted() -> Iterator[Touchpoint]:
        nonlocal newest
        for touchpoint in population(plan.customers, seed, start_ms, DAYS):
            tally.sent, newest = tally.sent + 1, touchpoint["occurred_at"]
            yield touchpoint

    def show() -> None:
        tally.share_sent = (datetime.fromisoformat(newest).timestamp() * 1000 - start_ms) / (DAYS * DAY)

    await send_touchpoints(config, partitions, counted(), plan.rate, show)
    tally.share_sent = 1.0


async def _follow(config: Settings, tally: Tally) -> None:
    async with aclosing(kafka.read_topic(config, config.transitions, follow=True, from_end=True)) as records:
        async for record in records:
            if record.value is not None:
                tally.saw(loads(record.value))


async def _measure(config: Settings, tally: Tally) -> None:
    while True:
        status, text = await asyncio.to_thread(_get, config, "/metrics")
        if status == http.client.OK:
            tally.measured(time.monotonic(), text)
        await asyncio.sleep(0.5)


async def _show(tally: Tally, url: str) -> int:
    """Show the tally until cancelled; if nobody watches a terminal, return when all work is done."""
    click.echo(f"metrics {url}")
    if sys.stdout.isatty():
        await _show_screen(tally, url)
    while not tally.done:
        await asyncio.sleep(1)
        click.echo(line(tally))
    return 0


async def _show_screen(tally: Tally, url: str) -> NoReturn:
    console = Console()
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(screen(tally, url, console.width), refresh=True)
                await asyncio.sleep(REFRESH_SECONDS)
    finally:
        console.print(stages_panel(tally))
        click.echo("stopping ...")


async def _wait(seconds: float | None) -> int | None:
    if seconds is None:
        return None
    await asyncio.sleep(seconds)
    return 0


def _get(config: Settings, path: str) -> tuple[int, str]:
    """Return status and text of the worker's answer; status 0: there is none (yet)."""
    connection = http.client.HTTPConnection(config.metrics_host, config.metrics_port, timeout=HTTP_SECONDS)
    try:
        connection.request("GET", path, headers=headers_of(read_token(config)))
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
