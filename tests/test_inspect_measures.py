"""What `inspect` says of measures, from states that the engine made; and the how-to pages that tell of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cjstream import definitions
from cjstream.cli.inspect_measures import measured, read_models
from cjstream.cli.inspect_view import print_measured
from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import Journeys, advance
from cjstream.core.measures.prediction import Model, Transitions
from cjstream.core.measures.run import Run
from cjstream.core.state import CustomerState
from cjstream.errors import ConfigError
from cjstream.population import population
from tests.command import run
from tests.core.builders import START_MS, touchpoint

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"
DAY_MS = 86_400_000
HOUR = 3600


def blocks(page: str, kind: str) -> list[str]:
    """Return the code blocks of a kind on a how-to page."""
    return re.findall(rf"^```{kind}\n(.*?)^```", (HOW_TO / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    return [line.split()[1:] for block in blocks(page, "console") for line in block.splitlines()]


@pytest.fixture(scope="module")
def scored() -> JourneyDefinition:
    """The journey of the page on scores, with feedback and judgement kept too."""
    more = "  feedback: {targets: [{first_response: 4h}]}\n  sentiment: {}\n"
    return definitions.parse(blocks("score-customers.md", "yaml")[0] + more, "scored.yaml")


def state_of(definition: JourneyDefinition, *touchpoints: tuple[str, float, dict[str, Any]]) -> CustomerState:
    """Return the state of a customer after touchpoints of (type, second, fields)."""
    state: CustomerState | None = None
    for n, (kind, second, fields) in enumerate(touchpoints):
        state = advance(state, touchpoint(f"t{n}", kind, second, **fields), (0, n), Journeys.of([definition])).state
    assert state is not None
    return state


def told(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    print_measured(Console(width=200), found)
    return capsys.readouterr().out


DAY_OF_ANA: list[tuple[str, float, dict[str, Any]]] = [
    *[("page_view", 60.0 * n, {}) for n in range(6)],
    ("purchase", HOUR, {}),
]


def test_scores_are_those_of_the_how_to_page(scored: JourneyDefinition, capsys: pytest.CaptureFixture[str]) -> None:
    state = state_of(scored, *DAY_OF_ANA)
    at_once = measured(state, [scored], START_MS + HOUR * 1000, {})["journeys"]["shop"]["score"]
    assert at_once["value"] == 60
    later = measured(state, [scored], START_MS + HOUR * 1000 + 30 * DAY_MS, {})
    assert later["journeys"]["shop"]["score"] == {
        "value": 35,
        "at": "2026-01-31T01:00:00.000Z",
        "contributions": [{"rule": "buys", "count": 1, "points": 20}, {"rule": "looks", "count": 6, "points": 15}],
    }
    [example] = blocks("score-customers.md", "text")
    shown = told(later, capsys).splitlines()
    assert [line.split() for line in shown[-3:]] == [line.split() for line in example.splitlines()[1:]]


def test_judgement_and_feedback_that_waits_are_shown(
    scored: JourneyDefinition, capsys: pytest.CaptureFixture[str]
) -> None:
    question = ("question", 60, {"topic": "delivery"})
    state = state_of(scored, ("page_view", 0, {}), question, ("review", 90, {"sentiment": "negative"}))
    found = measured(state, [scored], START_MS + HOUR * 1000, {})
    assert found["judgement"] == {"sentiment": "negative", "at": "2026-01-01T00:01:30.000Z"}
    assert found["journeys"]["shop"]["open_feedback"][0] == {
        "id": "t1",
        "type": "question",
        "topic": "delivery",
        "since": "2026-01-01T00:01:00.000Z",
        "waiting_seconds": 3540.0,
    }
    text = told(found, capsys)
    assert "judgement: negative" in text
    assert "question t1 about delivery, since 2026-01-01T00:01:00.000Z (59 min)" in text
    assert "review t2, since" in text


def test_a_journey_without_measures_and_a_definition_that_is_not_known_say_nothing(
    scored: JourneyDefinition, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing: dict[str, Any] = {
        "judgement": None,
        "journeys": {"shop": {"open_feedback": [], "score": None, "predictions": []}},
    }
    state = state_of(definitions.shipped("shop"), ("page_view", 0, {}))
    assert measured(state, [definitions.shipped("shop")], START_MS, {}) == nothing
    assert told(nothing, capsys) == ""
    without = measured(state_of(scored, *DAY_OF_ANA), [], START_MS, {"shop": model()})["journeys"]["shop"]
    assert (without["score"], without["predictions"]) == (None, [])


def model() -> Model:
    """Return a model in which half of those aware go on to buy, most of the eager do, and stages else are unknown."""
    transitions = Transitions()
    for n in range(400):
        is_sold, persona = n % 2 == 0, "eager" if n % 20 == 0 else None
        became = "converted" if is_sold else "dropped"
        end_ms = (1 if is_sold else 9) * DAY_MS
        sold_ms, lost_ms, left = (end_ms, None, None) if is_sold else (None, end_ms, "awareness")
        transitions.run(
            Run(("awareness",), (0,), end_ms, True, became, sold_ms, lost_ms, left, persona, f"customer-{n}", 1)
        )
    return transitions.model()


def test_what_is_ahead_of_a_run_in_progress_is_predicted_by_persona(
    scored: JourneyDefinition, capsys: pytest.CaptureFixture[str]
) -> None:
    ana = state_of(scored, ("page_view", 0, {}))
    found = measured(ana, [scored], START_MS, {"shop": model()})
    [one] = found["journeys"]["shop"]["predictions"]
    assert (one["instance"], one["stage"], one["persona"]) == ("", "awareness", None)
    assert one["converts_next"] + one["drops_next"] == pytest.approx(1)
    eager = state_of(scored, ("page_view", 0, {"persona": "eager"}))
    [other] = measured(eager, [scored], START_MS, {"shop": model()})["journeys"]["shop"]["predictions"]
    assert other["conversion"] > one["conversion"] + 0.1
    text = told(measured(eager, [scored], START_MS, {"shop": model()}), capsys)
    for due in ("ahead, from entering awareness, persona eager", "(converted)", "if it converts: after 1 d on average"):
        assert due in text


def test_nothing_is_predicted_of_runs_that_are_over_and_stages_never_seen(scored: JourneyDefinition) -> None:
    over = measured(state_of(scored, *DAY_OF_ANA), [scored], START_MS, {"shop": model()})
    assert over["journeys"]["shop"]["predictions"] == []
    state = state_of(scored, ("page_view", 0, {}))
    assert measured(state, [scored], START_MS, {"other": model()})["journeys"]["shop"]["predictions"] == []
    assert measured(state, [scored], START_MS, {"shop": Model({}, {})})["journeys"]["shop"]["predictions"] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ("[]", "holds no models"),
        ("{}", "holds no models"),
        ('{"journeys": {"shop": {"model": {"overall": 1}}}}', "holds no models"),
    ],
)
def test_a_file_that_holds_no_models_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "model.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        read_models(str(file))


def test_the_commands_of_the_pages_that_need_no_broker_do_as_they_say(tmp_path: Path) -> None:
    (tmp_path / "scored.yaml").write_text(blocks("score-customers.md", "yaml")[0])
    rows = [json.dumps(each) for each in population(80, 5, START_MS, 10)]
    (tmp_path / "touchpoints.jsonl").write_text("\n".join(rows))
    needed = [words for page in ("score-customers.md", "predict.md") for words in commands(page)]
    for words in [words for words in needed if words[0] != "inspect"]:
        done = run(*[str(tmp_path / word) if "." in word else word for word in words])
        assert done.returncode == 0, done.stderr
    shop = read_models(str(tmp_path / "model.json"))["shop"]
    awareness = shop.predict("awareness")
    assert awareness is not None
    assert awareness.visits > 10
