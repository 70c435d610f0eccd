"""What leaves: stage transitions, current stages, signals. Field by field the contracts in schemas/, tested equal.

Times are RFC 3339 texts. Each is a pure function of state and cause, so a repeat is the same bytes.
"""

from hashlib import blake2b
from typing import Any

import msgspec

TRANSITION_KINDS = ("entry", "forward", "backward", "reentry", "exit", "timeout", "merge", "correction")
SIGNAL_KINDS = (
    "converted", "conversion_withdrawn", "stalled", "dropped", "sla_due_soon", "sla_met", "sla_breached", "deviation",
    "score_threshold", "at_risk",
)  # fmt: skip
SEVERITIES = ("info", "warning", "critical")
OUTCOMES = ("in_progress", "converted", "dropped")


class StageTransition(msgspec.Struct, frozen=True, gc=False):
    """StageTransition v1: a customer entered, left or was corrected in a journey."""

    transition_id: str
    journey: str
    definition: str
    instance: str
    round: int
    sequence: int
    customer_id: str
    account_id: str | None
    from_stage: str | None
    to_stage: str | None
    from_group: str | None
    to_group: str | None
    kind: str
    cause: dict[str, Any]
    occurred_at: str
    seconds_in_previous: float | None
    inferred: bool
    path_from: int | None
    path: list[dict[str, Any]] | None
    channel: str | None
    device: str | None
    persona: str | None
    campaign: str | None


class JourneyCurrent(msgspec.Struct, frozen=True, gc=False):
    """One journey inside StageCurrent v1."""

    stage: str | None
    furthest_stage: str | None
    group: str | None
    entered_at: str | None
    sequence: int
    instance: str
    round: int
    outcome: str
    converted_at: str | None
    definition: str


class StageCurrent(msgspec.Struct, frozen=True, gc=False):
    """StageCurrent v1: where one customer stands in every journey entered."""

    customer_id: str
    account_id: str | None
    journeys: dict[str, JourneyCurrent]
    persona: str | None
    channel: str | None
    judgement: str | None
    open_feedback: int | None
    score: float | None
    score_at: str | None


class Signal(msgspec.Struct, frozen=True, gc=False):
    """Signal v1: something a person or service may want to act on."""

    signal_id: str
    kind: str
    severity: str
    journey: str
    instance: str
    stage: str | None
    customer_id: str
    since: str
    due: str | None
    cause: dict[str, Any] | None
    owner: str | None
    detail: dict[str, Any] | None


class Forgotten(msgspec.Struct, frozen=True, gc=False):
    """The customer was erased: a null record under the id on the topic of current stages."""

    customer_id: str


Output = StageTransition | StageCurrent | Signal | Forgotten


def stable_id(*parts: str | int) -> str:
    """Return 32 hex digits that are the same for the same parts, on every machine and release.

    128 bits of BLAKE2b over the parts joined by a zero byte, which no part can hold.
    """
    return id_of("\0".join(map(str, parts)))


def id_of(joined: str) -> str:
    """Return the `stable_id` of parts that are joined already."""
    return blake2b(joined.encode(), digest_size=16).hexdigest()
