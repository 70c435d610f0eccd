"""What `cjstream top` shows of the journeys. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cjstream.cli.top_series import Growth, Seen, rates, totals
from cjstream.core.outputs import OUTCOMES
from cjstream.core.totals import CONVERTED, NONE

CUSTOMERS = "cjstream_customers"


@dataclass(frozen=True)
class Stage:
    """One stage: who is there now, by outcome; who came as far or further; who comes and goes a second."""

    stage: str
    customers: Mapping[str, int]
    customers_came: int
    entered_per_second: float | None
    left_per_second: float | None

    @property
    def here(self) -> int:
        """All who are there now."""
        return sum(self.customers.values())


@dataclass(frozen=True)
class Journey:
    """One journey. Rates are means over the interval, None without one; the SLA is counted since the workers' start."""

    journey: str
    customers: Mapping[str, int]
    moves_per_second: float | None
    conversions_per_second: float | None
    waiting_customers: int | None
    sla: Mapping[str, int]
    sla_met_share: float | None
    stages: list[Stage]

    @property
    def all_customers(self) -> int:
        """All who have entered, and were not forgotten."""
        return sum(self.customers.values())


def journeys_of(seen: Sequence[Seen], growths: Sequence[Growth]) -> list[Journey]:
    """Return the journeys that these processes tell of, by name."""
    here = totals(seen, CUSTOMERS, "journey", "stage", "outcome")
    return [_journey(name, seen, growths) for name in sorted({journey for journey, _, _ in here})]


def _journey(name: str, seen: Sequence[Seen], growths: Sequence[Growth]) -> Journey:
    by_outcome = _of(name, totals(seen, CUSTOMERS, "journey", "outcome"))
    waiting = _of(name, totals(seen, "cjstream_waiting_customers", "journey"))
    answers = _of(name, totals(seen, "cjstream_sla_total", "journey", "result"))
    sla = {result: int(count) for (result,), count in answers.items()}
    due = sla.get("met", 0) + sla.get("breached", 0)
    signals = _of(name, rates(growths, "cjstream_signals_total", "journey", "kind"))
    moves = _of(name, rates(growths, "cjstream_transitions_total", "journey"))
    return Journey(
        journey=name,
        customers={outcome: int(by_outcome[outcome,]) for outcome in OUTCOMES},
        moves_per_second=moves[()] if growths else None,
        conversions_per_second=signals[CONVERTED,] if growths else None,
        waiting_customers=int(waiting[()]) if waiting else None,
        sla=sla,
        sla_met_share=sla.get("met", 0) / due if due else None,
        stages=_stages(name, seen, growths),
    )


def _stages(name: str, seen: Sequence[Seen], growths: Sequence[Growth]) -> list[Stage]:
    """Return the stages in the order of the page, which is that of the definition; who is outside comes last."""
    here = _of(name, totals(seen, CUSTOMERS, "journey", "stage", "outcome"))
    came = _of(name, totals(seen, "cjstream_reached_customers", "journey", "stage"))
    came_in = _of(name, rates(growths, "cjstream_transitions_total", "journey", "to"))
    went_on = _of(name, rates(growths, "cjstream_transitions_total", "journey", "from"))
    order = [stage for stage in dict.fromkeys(stage for stage, _ in here) if stage != NONE]
    stages = [
        Stage(
            stage=stage,
            customers={outcome: int(here[stage, outcome]) for outcome in OUTCOMES},
            customers_came=int(came[stage,]),
            entered_per_second=came_in[stage,] if growths else None,
            left_per_second=went_on[stage,] if growths else None,
        )
        for stage in [*order, NONE]
    ]
    return stages if stages[-1].here else stages[:-1]


def _of(journey: str, counts: Counter[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    """Return the counts of one journey, by their other labels."""
    return Counter({key[1:]: count for key, count in counts.items() if key[0] == journey})
