"""What `cjstream top` remembers of each worker from one look to the next, as workers come and go. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cjstream.cli.top_data import Process
from cjstream.cli.top_series import OURS, Growth, Seen
from cjstream.supervisor.pages import OWN_LABEL

OF_WORKER = re.compile(r"worker (\d+): (.*?)(?=; worker \d+: |$)")
FOREIGN = "what answers there is no cjstream worker"

Key = tuple[str, str]  # address, and number under a supervisor


class Answer(NamedTuple):
    """What came of asking an address: what its processes said, or `fault`; and what /readyz holds against it."""

    address: str
    seen: Mapping[str, Seen]
    ready: str = ""
    fault: str = ""


class History:
    """All workers that were ever named at the addresses, less those that their supervisor no longer has."""

    def __init__(self) -> None:
        self._last: dict[Key, Seen] = {}
        self._first_asked: dict[Key, float] = {}

    def take(self, answers: Iterable[Answer], now_seconds: float) -> list[Process]:
        """Return the workers as they are now, in the order of the answers; `now_seconds` is monotonic."""
        return [process for answer in answers for process in self._of(answer, now_seconds)]

    def _of(self, answer: Answer, now_seconds: float) -> list[Process]:
        seen = {worker: each for worker, each in answer.seen.items() if worker != OWN_LABEL and _is_ours(each)}
        fault = answer.fault or ("" if seen else FOREIGN)
        if fault:
            known = [key for key in self._first_asked if key[0] == answer.address] or [(answer.address, "")]
            return [self._down(key, fault, now_seconds) for key in known]
        self._forget_others(answer.address, seen)
        why = _reasons(answer.ready)
        return [
            self._up((answer.address, worker), each, why.get(worker, ""))
            if each.value("cjstream_worker_up") != 0
            else self._down((answer.address, worker), why.get(worker, ""), now_seconds)
            for worker, each in sorted(seen.items(), key=_number)
        ]

    def _up(self, key: Key, seen: Seen, why: str) -> Process:
        before = self._last.get(key)
        self._first_asked.setdefault(key, seen.at_seconds)
        self._last[key] = seen
        growth = Growth(before, seen) if before and before.at_seconds < seen.at_seconds else None
        return Process(*key, seen, growth, None, why)

    def _down(self, key: Key, why: str, now_seconds: float) -> Process:
        first = self._first_asked.setdefault(key, now_seconds)
        last = self._last.get(key)
        return Process(*key, last, None, now_seconds - (last.at_seconds if last else first), why)

    def _forget_others(self, address: str, named: Mapping[str, Seen]) -> None:
        for key in list(self._first_asked):
            if key[0] == address and key[1] not in named:
                del self._first_asked[key]
                self._last.pop(key, None)


def _is_ours(seen: Seen) -> bool:
    return any(name.startswith(OURS) for name in seen.series)


def _number(item: tuple[str, Seen]) -> tuple[int, str]:
    return len(item[0]), item[0]


def _reasons(text: str) -> dict[str, str]:
    """Return why workers are not ready, by number, of what a worker or its supervisor says at /readyz."""
    found = OF_WORKER.findall(text)
    return dict(found) if found else {"": text}
