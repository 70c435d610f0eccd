"""What monitoring/ has for Prometheus: its files, the first commands of runbooks, and the names of metrics."""

import re
import shlex

import promql_parser as promql

from tests.promql import selectors
from tests.rule_files import PROMETHEUS, RUNBOOKS
from tools.boards.runbooks import file_of

RULES = sorted(PROMETHEUS.glob("rules/*.yml"))
ALERTS = sorted(PROMETHEUS.glob("alerts/*.yml"))


def first_command(alert: str) -> list[str]:
    """Return the words of the first command in the runbook of an alert."""
    text = (RUNBOOKS / file_of(alert)).read_text("utf-8")
    found = re.search(r"^## First look\n.*?^```console\n(.+?)\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the runbook of {alert} has no command under First look"
    return shlex.split(found[1])


def names_in(expr: str) -> set[str]:
    """Return the names of the metrics that a PromQL expression reads."""
    return {str(selector.name) for selector in selectors(promql.parse(expr))}
