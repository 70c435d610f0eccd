"""How `cjstream generate` runs: shop after shop, until there is a reason to stop."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import rich_click as click
from rich.console import Console

from cjstream import kafka, settings
from cjstream.cli.made_up import send_facts, send_touchpoints
from cjstream.ingest.codec import dumps
from cjstream.population import DAY, Touchpoint, advertising, population
from cjstream.settings import Settings

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 0}
NEW_SEEDS = 100_000  # a seed is part of every customer's id, so it stays short
SHOP_CUSTOMERS = 200  # few, so that first and last steps mix on a board at a slow rate too
FACTS_SECONDS = 60.0
HERE = ("localhost", "127.0.0.1")


class Plan(NamedTuple):
    """The options of the command, by name."""

    customers: int | None
    rate: int
    seconds: float | None
    days: int
    seed: int | None
    yes: bool
    as_json: bool


def main(plan: Plan) -> int:
    """Send until there is a reason to stop, tell what was sent, return the exit code; blocks.

    Raises CjstreamError, and click's Abort if it may not.
    """
    config = settings.load()
    if not plan.yes and not is_here(config.kafka_bootstrap_servers):
        where = f"{config.touchpoints} on {config.kafka_bootstrap_servers}"
        click.confirm(f"Send made-up customers to {where}? They stay there.", abort=True, err=True)
    run = _Run(plan, config)
    asyncio.run(run.send())
    click.echo(dumps(run.found()) if plan.as_json else run.sentence())
    return EXIT_CODES.get(run.stopped_by, 0)


def is_here(servers: str) -> bool:
    """Return whether all of these host:port, separated by commas, are this machine."""
    return all(server.rpartition(":")[0] in HERE for server in servers.split(","))


class _Run:
    """One run. `stopped_by` is `customers`, `seconds` or the name of a signal; empty while it goes on."""

    def __init__(self, plan: Plan, config: Settings) -> None:
        self.stopped_by = ""
        self._plan, self._config = plan, config
        self._seed = time.time_ns() % NEW_SEEDS if plan.seed is None else plan.seed
        self._sent = self._customers = self._facts = 0
        self._began = time.monotonic()
        self._took = 0.0

    async def send(self) -> None:
        """Return when there is a reason to stop, and all that was sent is durable."""
        partitions = await kafka.partition_count(self._config, self._config.touchpoints, "Write")
        start_ms, touchpoints = _now_ms() - self._plan.days * DAY, self._touchpoints()
        with self._signals(), self._progress() as show:
            while not self.stopped_by:
                customers = self._plan.customers or max(SHOP_CUSTOMERS, self._customers)
                facts = list(advertising(customers, self._seed, start_ms, self._plan.days))
                await send_facts(self._config, facts)
                self._facts += len(facts)
                some = self._for_a_while(touchpoints)
                await send_touchpoints(self._config, partitions, some, self._plan.rate, show)
        self._took = time.monotonic() - self._began

    def _touchpoints(self) -> Iterator[Touchpoint]:
        """Yield those of shop after shop; with a number of customers, those of one that has so many."""
        seed, days = self._seed, self._plan.days
        while True:
            yield from population(self._plan.customers or SHOP_CUSTOMERS, seed, _now_ms() - days * DAY, days)
            if self._plan.customers:
                self.stopped_by = self.stopped_by or "customers"
                return
            seed += 1

    def _for_a_while(self, touchpoints: Iterator[Touchpoint]) -> Iterator[Touchpoint]:
        """Yield on, and count, until there is a reason to stop or facts are due."""
        until = time.monotonic() + FACTS_SECONDS
        for touchpoint in touchpoints:
            self._sent += 1
            self._customers += touchpoint["id"] == f"{touchpoint['customer_id']}-1"  # the first of a customer
            yield touchpoint
            now = time.monotonic()
            if self._plan.seconds is not None and now - self._began >= self._plan.seconds:
                self.stopped_by = self.stopped_by or "seconds"
            if self.stopped_by or now >= until:
                return

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let the first signal be a reason to stop; a second one ends the process as usual."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

        def stop(number: signal.Signals) -> None:
            self.stopped_by = self.stopped_by or number.name
            for each in numbers:
                loop.remove_signal_handler(each)

        for number in numbers:
            loop.add_signal_handler(number, stop, number)
        yield

    @contextmanager
    def _progress(self) -> Iterator[Callable[[], None]]:
        """Yield what shows the counts on a terminal, and else does nothing."""
        console = Console(stderr=True)
        if not console.is_terminal:
            yield lambda: None
            return
        with console.status("sending ...") as status:
            yield lambda: status.update(f"sent {self._counts()} · Ctrl-C stops")

    def _counts(self) -> str:
        per_second = self._sent / max(self._took or time.monotonic() - self._began, 0.001)
        return f"{self._sent:,} touchpoints of {self._customers:,} customers, {per_second:,.0f} a second"

    def sentence(self) -> str:
        """Return what was sent, for people."""
        return f"sent {self._counts()}, and {self._facts:,} facts, in {self._took:.1f} s; seed {self._seed}"

    def found(self) -> dict[str, object]:
        """Return what was sent, for programs."""
        return {
            "touchpoints": self._sent,
            "customers": self._customers,
            "facts": self._facts,
            "seconds": round(self._took, 3),
            "seed": self._seed,
            "stopped_by": self.stopped_by,
        }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
