"""One customer's feedback, fed touchpoint after touchpoint as the engine feeds it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cjstream.core.measures.feedback import Spec, State, Thread, advance, dues, open_count, open_of, read
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import START_MS, touchpoint

HOUR_MS = 3_600_000
ALL_CLOCKS = {"targets": [{"first_response": "4h", "next_response": "2h", "resolution": "24h"}]}
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(tuple[Thread, ...])


def spec_of(block: dict[str, Any]) -> Spec:
    reader = Reader()
    spec = read(reader, block, "measures.feedback", ())
    assert not reader.problems, reader.problems
    return spec


def said(touchpoint_id: str, kind: str, hour: float, reply_to: str | None = None, **more: Any) -> Touchpoint:
    """Return a touchpoint of the customer; `hour` counts from START_MS on."""
    return touchpoint(touchpoint_id, kind, hour * 3600, reply_to=reply_to, **more)


def answered(touchpoint_id: str, hour: float, reply_to: str, kind: str = "answer", **more: Any) -> Touchpoint:
    """Return a touchpoint of the business."""
    return said(touchpoint_id, kind, hour, reply_to, initiator="business", **more)


@dataclass
class Desk:
    """What the business knows of one customer's feedback; checks at each step what holds at every step."""

    spec: Spec
    lateness_ms: int = HOUR_MS
    state: State = ()
    newest_ms: int = -1
    settled_ms: int = -1
    findings: list[Finding] = field(default_factory=list)

    def feed(self, *touchpoints: Touchpoint, key: str | None = "") -> Sequence[Finding]:
        """Take touchpoints in; return what the last one brought to light."""
        for each in touchpoints:
            assert each.at_ms >= self.newest_ms - self.lateness_ms, "too late, the engine drops it"
            self.newest_ms = max(self.newest_ms, each.at_ms) if each.by_customer else self.newest_ms
            found = self._step(each, max(self.settled_ms, each.at_ms), key)
        return found

    def wait(self, hour: float) -> Sequence[Finding]:
        """Let the clock pass every deadline before that hour."""
        return self._step(None, max(self.settled_ms, START_MS + round(hour * HOUR_MS)), None)

    def _step(self, each: Touchpoint | None, settled_ms: int, key: str | None) -> Sequence[Finding]:
        moment = Moment(self.newest_ms, self.settled_ms, settled_ms, self.lateness_ms, key)
        before = _encoder.encode(self.state)
        state, found = advance(self.spec, self.state, each, moment)
        assert _encoder.encode(self.state) == before
        assert (state is self.state) == (state == self.state), "another object for the same threads"
        assert _decoder.decode(_encoder.encode(state)) == state, "bytes do not hold the threads"
        assert open_count(state) == len(open_of(state))
        assert list(state) == sorted(state, key=lambda thread: thread.id)
        self.state, self.settled_ms = state, settled_ms
        self.findings += found
        return found

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """All findings: kind, clock, id of the feedback."""
        return [short(each) for each in self.findings]

    @property
    def dues(self) -> list[float]:
        """The deadlines, in hours from START_MS on."""
        return sorted((due_ms - START_MS) / HOUR_MS for due_ms in dues(self.spec, self.state))

    @property
    def open(self) -> list[tuple[str, float]]:
        """The feedback whose customer waits, and since which hour."""
        return [(each.id, (each.since_ms - START_MS) / HOUR_MS) for each in open_of(self.state)]


def short(finding: Finding) -> tuple[str, str, str]:
    clock, feedback_id, _ = finding.about
    return finding.kind, str(clock), str(feedback_id)


def desk(lateness_ms: int = HOUR_MS, **block: Any) -> Desk:
    """Return a desk without feedback; by default with a target for each clock."""
    return Desk(spec_of(block or ALL_CLOCKS), lateness_ms)


def kinds(findings: Iterable[Finding]) -> list[str]:
    return [finding.kind for finding in findings]
