"""The future-state map: from each stage, what comes next, whether it converts in the end, and how long that takes.

Learnt from finished and unfinished runs: counts of what followed each visit, by persona and over all. A run counts up
to its conversion or drop; a run in progress counts with the visits that ended, and its last one as a visit that is
longer than it has been so far (chain.ways_out). A prediction is for the moment of entering a stage, and knows nothing
but the stage and the persona: neither how the customer came there nor how long ago.

One customer in five is held back: nothing is learnt from them, and the model is judged by them.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from cjstream.core.measures.chain import (
    CONVERTED,
    DROPPED,
    Next,
    Seen,
    Ways,
    absorbed,
    bin_of,
    smoothed,
    ways_out,
)
from cjstream.core.measures.run import Run

HELD_BACK = 5  # one customer of so many
PRIOR_VISITS = 1.0  # over all: as if so many more visits had gone evenly each way that is known, converted and dropped
PERSONA_VISITS = 20.0  # of a persona: as if so many more of its visits had gone as those of all personas do
NO_PERSONA = ""  # a group like the others, where there are others
MAX_PERSONAS = 50  # with most visits; for others the prediction over all stands
BINS = 10  # of the reliability table

Key = tuple[str, str, Next | None, int]  # persona, stage, what came next (None: nothing yet), bin of the dwell
Entry = tuple[bool, str, str, bool]  # whether held back, persona, stage, whether the run converted


class Forecast(msgspec.Struct, frozen=True):
    """What follows a stage: `visits` of it that ended were learnt from.

    `next`: probability of each next stage, `converts_next` and `drops_next` of neither; all together 1. A stage whose
    entry is the goal is no next stage: it is the conversion. `conversion` and `drop_off`: in the end, together 1.
    `seconds_to_conversion`: mean of the runs that convert, from entering the stage.
    """

    visits: int
    next: dict[str, float]
    converts_next: float
    drops_next: float
    conversion: float
    drop_off: float
    seconds_to_conversion: float


class Reliability(msgspec.Struct, frozen=True):
    """Entries of held-back customers whose predicted probability was at least `low` and below `high` (1 included).

    `predicted`: mean of the predictions; `observed`: share of the entries whose run converted.
    """

    low: float
    high: float
    entries: int
    predicted: float
    observed: float


class Calibration(msgspec.Struct, frozen=True):
    """How well conversion was predicted for customers that the model had not seen, at each entry into a stage.

    `brier`: mean of (predicted - converted)^2: 0 is perfect. `brier_of_base_rate`: that of who always says `base_rate`,
    the share of entries that converted among the others. `left_out`: entries of runs still in progress.
    """

    entries: int
    left_out: int
    brier: float
    base_rate: float
    brier_of_base_rate: float
    reliability: list[Reliability]


class Model(msgspec.Struct, frozen=True):
    """Forecasts by stage, over all and by persona, `""` for customers without one if others have one.

    `calibration` is None if nobody was held back, or nothing known.
    """

    overall: dict[str, Forecast]
    personas: dict[str, dict[str, Forecast]]
    calibration: Calibration | None = None

    def predict(self, stage: str, persona: str | None = None) -> Forecast | None:
        """Return what follows a stage for a persona (None: for customers without), or else for all.

        None: the stage was never seen.
        """
        return self.personas.get(persona or NO_PERSONA, self.overall).get(stage)

    def to_data(self) -> dict[str, Any]:
        """Return the model as JSON has it."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    @classmethod
    def from_data(cls, data: Any) -> "Model":
        """Return the model of `to_data`. Raises ValueError, which says where, if it is none."""
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None


class Transitions:
    """Takes runs, and counts what followed each visit: `run` after `run`, then `model`."""

    def __init__(self) -> None:
        self.visits = Counter[Key]()
        self.dwell_ms = Counter[Key]()
        self.entries = Counter[Entry]()  # of runs whose outcome is known
        self.left_out = 0  # entries of held-back customers whose runs are in progress

    def run(self, run: Run) -> None:
        """Take one run."""
        stages, entered_ms, end_ms, became = _way(run)
        is_held_back, persona = held_back(run.customer_id), run.persona or NO_PERSONA
        if became is not None:
            for stage in stages:
                self.entries[is_held_back, persona, stage, became == CONVERTED] += 1
        elif is_held_back:
            self.left_out += len(stages)
        if is_held_back:
            return
        ends = (*entered_ms[1:], end_ms)
        for stage, begin_ms, went, until_ms in zip(stages, entered_ms, (*stages[1:], became), ends, strict=False):
            key = persona, stage, went, bin_of(until_ms - begin_ms)
            self.visits[key] += 1
            self.dwell_ms[key] += until_ms - begin_ms

    def merge(self, other: "Transitions") -> None:
        """Add the runs of other customers."""
        self.visits.update(other.visits)
        self.dwell_ms.update(other.dwell_ms)
        self.entries.update(other.entries)
        self.left_out += other.left_out

    def model(self, order: Sequence[str] = ()) -> Model:
        """Return what the runs say. `order`: ids of stages, in which those that were seen are told; others behind."""
        seen = {stage for _, stage, _, _ in self.visits}
        stages = [stage for stage in order if stage in seen] + sorted(seen - {*order})
        overall = {stage: _evened(ways) for stage, ways in self._ways(stages).items()}
        personas = {}
        for persona in self._personas():
            own = self._ways(stages, persona)
            personas[persona] = {stage: smoothed(own[stage], overall[stage], PERSONA_VISITS) for stage in stages}
        model = Model(_forecasts(overall), {persona: _forecasts(ways) for persona, ways in personas.items()})
        return msgspec.structs.replace(model, calibration=_calibration(model, self.entries, self.left_out))

    def _personas(self) -> list[str]:
        """Return the personas with most visits, these first."""
        visits = Counter[str]()
        for (persona, _, _, _), n in self.visits.items():
            visits[persona] += n
        if set(visits) <= {NO_PERSONA}:
            return []
        return sorted(visits, key=lambda persona: (-visits[persona], persona))[:MAX_PERSONAS]

    def _ways(self, stages: Iterable[str], persona: str | None = None) -> dict[str, Ways]:
        """Return what follows each stage for a persona, None: for all."""
        seen: dict[str, list[Seen]] = {stage: [] for stage in stages}
        for key, n in self.visits.items():
            if persona in (None, key[0]):
                seen[key[1]].append(Seen(key[2], key[3], n, self.dwell_ms[key]))
        return {stage: ways_out(each) for stage, each in seen.items()}


def held_back(customer_id: str) -> bool:
    """Return whether a customer is one to judge by: the same always and everywhere."""
    return int.from_bytes(blake2b(customer_id.encode(), digest_size=8).digest(), "big") % HELD_BACK == 0


def _way(run: Run) -> tuple[tuple[str, ...], tuple[int, ...], int, int | None]:
    """Return the visits of a run up to what became of it: when that was, and CONVERTED, DROPPED or None."""
    stages, entered_ms = run.stages, run.entered_ms
    if run.outcome == "converted" and run.converted_ms is not None:
        last = bisect_left(entered_ms, run.converted_ms)
        return stages[:last], entered_ms[:last], run.converted_ms, CONVERTED
    if run.outcome == "dropped":
        dropped_ms = run.ended_ms if run.dropped_ms is None else run.dropped_ms
        last = bisect_right(entered_ms, dropped_ms)
        while last > 1 and run.left is not None and stages[last - 1] != run.left:
            last -= 1  # a timeout moved the customer in the moment of the drop
        return stages[:last], entered_ms[:last], dropped_ms, DROPPED
    return stages, entered_ms, run.ended_ms, None


def _evened(ways: Ways) -> Ways:
    """Return the ways out over all, with the prior visits, so that each stage leads out of the journey some day."""
    known = [*ways.probability, *[went for went in (CONVERTED, DROPPED) if went not in ways.probability]]
    mean_ms = sum(share * ways.dwell_ms[went] for went, share in ways.probability.items())
    even = Ways(0, dict.fromkeys(known, 1 / len(known)), {went: ways.dwell_ms.get(went, mean_ms) for went in known})
    return smoothed(ways, even, PRIOR_VISITS)


def _forecasts(ways: Mapping[str, Ways]) -> dict[str, Forecast]:
    fates = absorbed(ways)
    return {
        stage: Forecast(
            visits=each.visits,
            next={went: share for went, share in each.probability.items() if isinstance(went, str)},
            converts_next=each.probability[CONVERTED],
            drops_next=each.probability[DROPPED],
            conversion=fates[stage].conversion,
            drop_off=1 - fates[stage].conversion,
            seconds_to_conversion=fates[stage].ms_to_conversion / 1000,
        )
        for stage, each in ways.items()
    }


def _calibration(model: Model, entries: Mapping[Entry, int], left_out: int) -> Calibration | None:
    """Return how the model does on those held back; an entry into a stage that nobody else saw is not predicted."""
    fit = [(became, n) for (is_held_back, _, _, became), n in entries.items() if not is_held_back]
    told = Counter[tuple[float, bool]]()
    for (is_held_back, persona, stage, became), n in entries.items():
        forecast = model.predict(stage, persona) if is_held_back else None
        if forecast is not None:
            told[forecast.conversion, became] += n
    if not fit or not told:
        return None
    base_rate = sum(n for became, n in fit if became) / sum(n for _, n in fit)
    pairs = sorted(told.items())
    total = told.total()
    return Calibration(
        entries=total,
        left_out=left_out,
        brier=sum(n * (predicted - became) ** 2 for (predicted, became), n in pairs) / total,
        base_rate=base_rate,
        brier_of_base_rate=sum(n * (base_rate - became) ** 2 for (_, became), n in pairs) / total,
        reliability=_reliability(pairs),
    )


def _reliability(pairs: Iterable[tuple[tuple[float, bool], int]]) -> list[Reliability]:
    bins: list[list[tuple[float, bool, int]]] = [[] for _ in range(BINS)]
    for (predicted, became), n in pairs:
        bins[min(int(predicted * BINS), BINS - 1)].append((predicted, became, n))
    table = []
    for place, each in enumerate(bins):
        entries = sum(n for _, _, n in each)
        if entries:
            mean = sum(predicted * n for predicted, _, n in each) / entries
            observed = sum(n for _, became, n in each if became) / entries
            table.append(Reliability(place / BINS, (place + 1) / BINS, entries, mean, observed))
    return table
