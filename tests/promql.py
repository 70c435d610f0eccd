"""What an expression of PromQL reads, and which labels its result has, without a Prometheus."""

import re
from collections.abc import Iterable, Iterator, Mapping

import promql_parser as promql

from cjstream.metrics import METRICS
from tests.rule_files import RECORDINGS

TARGET = {"job", "instance", "worker"}  # that Prometheus and the supervisor add
OTHERS: Mapping[str, set[str]] = {  # series that are not ours, and their labels beside those of the target
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity"},
    "process_cpu_seconds_total": set(),
    "process_max_fds": set(),
    "process_open_fds": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    "python_gc_collections_total": {"generation"},
}
SUFFIX = re.compile(r"_(bucket|sum|count)$")
CHOOSING = {"topk", "bottomk"}  # aggregations that keep the labels of what they choose


def labels_of(name: str) -> set[str]:
    """Return the labels of a metric's or recording rule's series. Raises KeyError if there is no such series."""
    if name in OTHERS:
        return TARGET | OTHERS[name]
    if ":" in name and name in RECORDINGS:
        return {*name.partition(":")[0].split("_")}
    base = SUFFIX.sub("", name)
    if base in METRICS and METRICS[base].kind == "histogram" and base != name:
        return TARGET | {*METRICS[base].labels} | ({"le"} if name.endswith("_bucket") else set())
    if name in METRICS and METRICS[name].kind != "histogram":
        return TARGET | {*METRICS[name].labels}
    raise KeyError(f"{name} is neither in METRICS nor recorded by a rule")


def selectors(expr: promql.Expr) -> list[promql.VectorSelector]:
    """Return all selectors of series in an expression."""
    found: list[promql.VectorSelector] = []

    def look(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        elif isinstance(node, promql.MatrixSelector):
            found.append(node.vector_selector)

    promql.walk(expr, look)
    return list({id(each): each for each in found}.values())


def result(expr: promql.Expr) -> set[str]:
    """Return the labels that the result may have. Raises ValueError if it groups by a label that is not there."""
    match expr:
        case promql.VectorSelector():
            return labels_of(str(expr.name))
        case promql.MatrixSelector():
            return labels_of(str(expr.vector_selector.name))
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            return result(expr.expr)
        case promql.AggregateExpr():
            return _aggregated(expr)
        case promql.BinaryExpr():
            return _joined(expr)
        case promql.Call():
            return _called(expr)
    return set()


def _aggregated(expr: promql.AggregateExpr) -> set[str]:
    inner = result(expr.expr)
    if str(expr.op) in CHOOSING:
        return inner
    by = {*expr.modifier.labels} if expr.modifier else set()
    if by - inner:
        raise ValueError(f"{expr} groups by {by - inner}, which its series do not have")
    return by


def _called(expr: promql.Call) -> set[str]:
    labels = set[str]().union(*map(result, expr.args))
    if expr.func.name == "label_replace":
        return labels | {str(expr.args[1].val)}
    return labels - {"le"} if expr.func.name == "histogram_quantile" else labels


def _joined(expr: promql.BinaryExpr) -> set[str]:
    left, right = result(expr.lhs), result(expr.rhs)
    if str(expr.op) == "or":
        return left | right
    return left or right


def placeholders(legend: str) -> set[str]:
    """Return the labels that a legend shows."""
    return {*re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)}


def matchers(selector: promql.VectorSelector) -> Iterator[tuple[str, str]]:
    """Yield name and value of each matcher."""
    yield from ((each.name, each.value) for each in selector.matchers.matchers)


def known(names: Iterable[str]) -> bool:
    """Return whether a series of each name exists; KeyError names the first that does not."""
    return all(labels_of(name) is not None for name in names)
