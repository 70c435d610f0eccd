"""The files of Prometheus and Alertmanager, read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

MONITORING = Path(__file__).parents[1] / "monitoring"
PROMETHEUS = MONITORING / "prometheus"
RUNBOOKS = MONITORING / "runbooks"

Object = dict[str, Any]


def read(path: Path) -> Any:
    """Return a YAML file as plain values."""
    return YAML(typ="safe").load(path)


def _rules(folder: str) -> Iterator[Object]:
    for path in sorted((PROMETHEUS / folder).glob("*.yml")):
        for group in read(path)["groups"]:
            yield from ({**rule, "file": path.name} for rule in group["rules"])


RECORDINGS = {rule["record"]: rule for rule in _rules("rules")}
ALERTS = {rule["alert"]: rule for rule in _rules("alerts")}
UNIT_TESTS = [test for path in sorted((PROMETHEUS / "tests").glob("*.yml")) for test in read(path)["tests"]]
