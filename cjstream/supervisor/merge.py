"""Several texts of metrics made one: each series gets a `worker` label, each family its head once."""

import re
from collections.abc import Iterable
from typing import NamedTuple

HAS_WORKER = re.compile(r'(?:\w+="(?:[^"\\]|\\.)*",)*worker="')  # label by label: a value may look like one
EOF = "# EOF"  # of OpenMetrics; the plain format has no end mark


class _Family(NamedTuple):
    head: dict[str, str]  # the lines of HELP, TYPE and UNIT by this word
    samples: list[str]


def merge(texts: Iterable[tuple[str, str]]) -> str:
    """Return one text of (worker, text) pairs, all of one format: Prometheus's plain one or OpenMetrics.

    A series that has a `worker` label keeps it. What stands before the first head is left out. Families come in the
    order of their first appearance.
    """
    families: dict[str, _Family] = {}
    ends = False
    for worker, text in texts:
        family = _Family({}, [])
        for line in text.splitlines():
            if line == EOF:
                ends = True
            elif line.startswith("# "):
                _, word, name, *_ = line.split(" ", 3)
                family = families.setdefault(name, _Family({}, []))
                family.head.setdefault(word, line)
            elif line:
                family.samples.append(_labelled(line, worker))
    lines = [line for family in families.values() for line in (*family.head.values(), *family.samples)]
    return "".join(f"{line}\n" for line in (*lines, *[EOF] * ends))


def _labelled(sample: str, worker: str) -> str:
    name, brace, labels = sample.partition("{")
    if not brace or " " in name:  # a brace after a blank is part of an exemplar
        name, _, value = sample.partition(" ")
        return f'{name}{{worker="{worker}"}} {value}'
    if HAS_WORKER.match(labels):
        return sample
    return f'{name}{{worker="{worker}",{labels}'
