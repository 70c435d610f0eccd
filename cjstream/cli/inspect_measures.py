"""What the measures say of one customer, as data: judgement, open feedback, score with contributions, what is ahead."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cjstream.core.definition import JourneyDefinition
from cjstream.core.explain import standings
from cjstream.core.figures import IN_PROGRESS
from cjstream.core.measures import score
from cjstream.core.measures.feedback import open_of
from cjstream.core.measures.prediction import Model
from cjstream.core.state import CustomerState, Experience, Latest, experience_of
from cjstream.core.times import format_time
from cjstream.errors import ConfigError
from cjstream.ingest.codec import loads

Models = Mapping[str, Model]  # by journey
DIGITS = 6  # of points


def read_models(file: str) -> dict[str, Model]:
    """Return the models that `cjstream report --save-model` wrote, by journey. Raises ConfigError if it did not."""
    try:
        data = loads(Path(file).read_bytes())
    except OSError as error:
        raise ConfigError("--model", file, f"cannot be read: {error.strerror}") from error
    except ValueError:
        raise ConfigError("--model", file, "is no JSON; write it with `cjstream report --save-model`") from None
    try:
        return {name: Model.from_data(each["model"]) for name, each in data["journeys"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"holds no models ({error}); write it with `cjstream report --save-model`"
        raise ConfigError("--model", file, why) from error


def measured(
    state: CustomerState, definitions: Iterable[JourneyDefinition], now_ms: int, models: Models
) -> dict[str, Any]:
    """Return `judgement`, and by journey `open_feedback`, `score` and `predictions`, as of `now_ms`.

    Measures are those of the definition that came into use last, as workers have it.
    """
    by_hash = {definition.hash: definition for definition in definitions}
    newest = {definition.journey: definition for definition in by_hash.values()}
    kept = state.measured.journeys if state.measured is not None else {}
    return {
        "judgement": _judgement(state.measured.judgement if state.measured is not None else None),
        "journeys": {
            name: {
                "open_feedback": _open_feedback(experience_of(state.measured, name), now_ms),
                "score": _score(experience_of(state.measured, name), newest.get(name), now_ms),
                "predictions": _predictions(state, name, by_hash, models),
            }
            for name in sorted({*state.journeys, *kept})
        },
    }


def _judgement(latest: Latest | None) -> dict[str, str] | None:
    return None if latest is None else {"sentiment": latest.value, "at": format_time(latest.at_ms)}


def _open_feedback(kept: Experience, now_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "id": each.id,
            "type": each.type,
            "topic": each.topic,
            "since": format_time(each.since_ms),
            "waiting_seconds": (now_ms - each.since_ms) / 1000,
        }
        for each in open_of(kept.threads)
    ]


def _score(kept: Experience, definition: JourneyDefinition | None, now_ms: int) -> dict[str, Any] | None:
    spec = definition.measures.score if definition is not None and definition.measures is not None else None
    if spec is None or kept.score is None:
        return None
    return {
        "value": round(score.value(spec, kept.score, now_ms), DIGITS),
        "at": format_time(now_ms),
        "contributions": [
            {"rule": rule, "count": times, "points": round(points, DIGITS)}
            for rule, times, points in score.contributions(spec, kept.score, now_ms)
        ],
    }


def _predictions(
    state: CustomerState, name: str, by_hash: Mapping[str, JourneyDefinition], models: Models
) -> list[dict[str, Any]]:
    """Return what is ahead of each run in progress, as from the moment in which it entered its stage."""
    persona, found = state.persona.value if state.persona is not None else None, list[dict[str, Any]]()
    for one in standings(state, by_hash, 0):
        if one.journey == name and name in models and one.stage is not None and one.outcome == IN_PROGRESS:
            forecast = models[name].predict(one.stage, persona)
            if forecast is not None:
                told = {"instance": one.instance, "stage": one.stage, "persona": persona}
                found.append(told | msgspec.to_builtins(forecast))
    return found
