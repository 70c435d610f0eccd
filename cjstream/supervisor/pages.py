"""What a supervisor answers at /metrics, /livez and /readyz: the answers of its workers, made one."""

import http.client
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

from cjstream.metrics import Metrics
from cjstream.ops import METRICS, NO_PARTITION, headers_of
from cjstream.settings import Secret
from cjstream.supervisor.merge import merge

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 0.8  # for all workers together, so that a scrape takes less than a second
OWN_LABEL = "supervisor"


class Standing(NamedTuple):
    """One worker: the port to ask it at, or why it cannot be asked."""

    port: int | None
    why_not: str = ""


class Reply(NamedTuple):
    """What a worker answered."""

    status: int
    text: str


class Pages:
    """The three pages. `standings` gives the workers by number, `partitions` of the input is None until known.

    The workers ask for the same `token` as the supervisor.

    The methods run on the server's threads. None waits longer than ANSWER_SECONDS for the workers.
    """

    def __init__(
        self, metrics: Metrics, standings: Callable[[], Sequence[Standing]], token: Secret | None = None
    ) -> None:
        self.partitions: int | None = None
        self._metrics, self._standings, self._token = metrics, standings, token

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return content type and body of a scrape, in the format that the Accept header asks for."""
        standings = self._standings()
        replies = _ask_all(standings, METRICS, {"Accept": accept, **headers_of(self._token)})
        texts = {number: reply.text for number, reply in replies.items() if reply.status == http.client.OK}
        for number in range(len(standings)):
            self._metrics.set("cjstream_worker_up", number in texts, (str(number),))
        content_type, own = self._metrics.render(accept)
        merged = merge([*((str(number), texts[number]) for number in sorted(texts)), (OWN_LABEL, own.decode())])
        return content_type, merged.encode()

    def ready(self) -> tuple[bool, str]:
        """Return whether all take input. Workers beyond the partition count have nothing to take, and are no fault."""
        standings = self._standings()
        faults = _faults(standings, "/readyz")
        idle = [number for number, why in faults.items() if why == NO_PARTITION]
        spare = max(0, len(standings) - self.partitions) if self.partitions else 0
        for number in idle[:spare]:
            del faults[number]
        return _verdict(faults)

    def alive(self) -> tuple[bool, str]:
        """Return whether all that run are alive. One that starts or waits to be started is in good hands."""
        standings = self._standings()
        running = [each if each.port else Standing(None) for each in standings]
        return _verdict({number: why for number, why in _faults(running, "/livez").items() if why})


def living(standings: Sequence[Standing]) -> list[int]:
    """Return the numbers of the workers that say that they are alive. Waits ANSWER_SECONDS if one says nothing."""
    replies = _ask_all(standings, "/livez", {})
    return [number for number, reply in replies.items() if reply.status == http.client.OK]


def _verdict(faults: Mapping[int, str]) -> tuple[bool, str]:
    return not faults, "; ".join(f"worker {number}: {why}" for number, why in sorted(faults.items()))


def _faults(standings: Sequence[Standing], page: str) -> dict[int, str]:
    """Return what is wrong, by number, of those with which something is."""
    replies = _ask_all(standings, page, {})
    faults = {}
    for number, standing in enumerate(standings):
        reply = replies.get(number)
        if standing.port is None:
            faults[number] = standing.why_not
        elif reply is None:
            faults[number] = f"no answer within {ANSWER_SECONDS:g} s"
        elif reply.status != http.client.OK:
            faults[number] = reply.text.strip()
    return faults


def _ask_all(standings: Sequence[Standing], page: str, headers: Mapping[str, str]) -> dict[int, Reply]:
    """Ask all at once and return what came in time, by number."""
    replies: dict[int, Reply] = {}

    def ask(number: int, port: int) -> None:
        reply = _ask(port, page, headers)
        if reply is not None:
            replies[number] = reply

    deadline = monotonic() + ANSWER_SECONDS
    threads = [
        threading.Thread(target=ask, args=(number, standing.port), name="ask-worker", daemon=True)
        for number, standing in enumerate(standings)
        if standing.port is not None
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    return replies.copy()  # a thread that is late may still add to the other


def _ask(port: int, page: str, headers: Mapping[str, str]) -> Reply | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", page, headers=headers)
        response = connection.getresponse()
        return Reply(response.status, response.read().decode())
    except (OSError, http.client.HTTPException, UnicodeDecodeError):
        return None
    finally:
        connection.close()
