"""A real Prometheus for one test: on a free loopback port, with rules and targets of its own."""

import json
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.faults.brokers import free_port
from tests.faults.harness import wait_until

HOST = "127.0.0.1"
JOB = "cjstream"
START_SECONDS = 60
STOP_SECONDS = 20
HTTP_SECONDS = 20


class Series(NamedTuple):
    """One series of an answer: its labels, `__name__` among them, and its value now."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """A context manager: started and ready inside, stopped by its pid after. All calls block.

    It scrapes `targets` (host:port) as job `cjstream` every `scrape`, and evaluates the files of `rules`, or those that
    match it, every `evaluation`, but for groups with intervals of their own. Its folder is `home`, with a file `log`.
    """

    def __init__(
        self,
        program: Path,
        home: Path,
        rules: Sequence[Path] = (),
        targets: Sequence[str] = (),
        scrape: str = "250ms",
        evaluation: str = "250ms",
        options: Sequence[str] = (),
    ) -> None:
        self.home = home
        self.url = f"http://{HOST}:{free_port()}"
        home.mkdir(parents=True, exist_ok=True)
        self.watch(targets)
        config = {
            "global": {"scrape_interval": scrape, "scrape_timeout": scrape, "evaluation_interval": evaluation},
            "rule_files": [str(path.resolve()) for path in rules],
            "scrape_configs": [{"job_name": JOB, "file_sd_configs": [{"files": [str(self._targets)]}]}],
        }
        (home / "prometheus.yml").write_text(json.dumps(config), "utf-8")  # JSON is YAML
        self._command = [
            str(program),
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            *options,
        ]

    @property
    def _targets(self) -> Path:
        return self.home / "targets.json"

    def watch(self, targets: Sequence[str]) -> None:
        """Scrape these (host:port) from now on; it is noticed within seconds."""
        fresh = self.home / "targets.fresh"
        fresh.write_text(json.dumps([{"targets": list(targets)}]), "utf-8")
        fresh.replace(self._targets)

    def query(self, expr: str) -> list[Series]:
        """Return what an expression gives now; a scalar is one series without labels. Raises AssertionError on 4xx."""
        found = self._get("query", query=expr)
        if found["resultType"] == "scalar":
            return [Series({}, float(found["result"][1]))]
        return [Series(each["metric"], float(each["value"][1])) for each in found["result"]]

    def alerts(self, state: str = "firing") -> list[Mapping[str, str]]:
        """Return the labels of the alerts in a state, `firing` or `pending`."""
        return [alert["labels"] for alert in self._get("alerts")["alerts"] if alert["state"] == state]

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with health, lastError and the name of their group, as Prometheus tells them."""
        groups = self._get("rules")["groups"]
        return [{**rule, "group": group["name"]} for group in groups for rule in group["rules"]]

    def up(self) -> list[str]:
        """Return the instances (host:port) whose last scrape worked."""
        return [series.labels["instance"] for series in self.query(f'up{{job="{JOB}"}} == 1')]

    def reload(self) -> None:
        """Read rules anew, also files that were not there before; return when there are rules."""
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: bool(self.rules()), START_SECONDS, "Prometheus has rules")

    def said(self) -> str:
        """Return the end of its log."""
        return (self.home / "log").read_text("utf-8", "replace")[-3000:]

    def __enter__(self) -> Self:
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._is_ready, START_SECONDS, "Prometheus is ready")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, and wait until it is gone."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"Prometheus ended with {self.process.returncode}:\n{self.said()}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=HTTP_SECONDS) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _get(self, page: str, **parameters: str) -> Any:
        address = f"{self.url}/api/v1/{page}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=HTTP_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{page} {parameters}: {error.read().decode()}") from None
