"""`cjstream report` on files: what it says, how it ends, and what others know of the data."""

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cjstream.cli import main
from cjstream.cli.report_live import count, print_live
from cjstream.cli.tables import matrix
from cjstream.definitions import load
from cjstream.population import population
from tests.command import run

Object = dict[str, Any]

ROOT = Path(__file__).parents[1]
HOW_TO = ROOT / "docs" / "how-to" / "read-a-report.md"
CHECKOUT = ROOT / "examples" / "checkout.yaml"
DATA = ROOT.parent / "shared" / "data"
RETE, CDNOW = (DATA / f"{name}.touchpoints.jsonl.gz" for name in ("rete_ecom", "cdnow"))
START_MS = 1_767_225_600_000  # 2026-01-01
HOUR_MS = 3_600_000
MEASURED = """
journey: measured
title: Measured
goal: {on: purchase}
lateness: 10m
window: 2d
stages:
  - {id: looking, weight: 10, group: before}
  - {id: buying, weight: 20, group: before}
  - {id: bought, weight: 30, group: after}
rules:
  - {on: page_view, to: looking}
  - {on: cart_add, to: buying}
  - {on: purchase, to: bought}
measures:
  sentiment: {}
  feedback: {targets: [{first_response: 1h}]}
  expected: {path: [looking, buying, bought], rules: [{id: pays-at-once, absence: payment_error}]}
  leaving: {}
  metrics: {}
  journey_score: {conversion: {target: 0.5}, satisfaction: {by: nps, target: 50}}
"""
STORY: list[tuple[str, str, float, Object]] = [
    ("ana", "page_view", 0, {"channel": "website", "device": "phone"}),
    ("ana", "question", 1, {"channel": "email", "sentiment": "neutral"}),
    ("ana", "reply", 1.5, {"initiator": "business", "reply_to": "t1"}),
    ("ana", "cart_add", 3, {"channel": "website"}),
    ("ana", "purchase", 4, {"value": 20, "currency": "USD", "persona": "loyal"}),
    ("ana", "review", 5, {"rating": 2, "expected_rating": 4}),
    ("budi", "cart_add", 0, {"channel": "marketplace"}),
    ("budi", "payment_error", 1, {}),
    ("budi", "complaint", 2, {"sentiment": "negative"}),
    ("citra", "ad_click", 99, {"cost": 0.5, "currency": "USD"}),
    ("citra", "page_view", 100, {}),
]
FACTS: list[Object] = [
    {"name": "impressions", "day": "2026-01-01", "value": 100},
    {"name": "impressions", "day": "2026-01-01", "value": 200},
    {"name": "clicks", "day": "2026-01-01", "value": 10},
    {"name": "spend", "day": "2026-01-02", "value": 5, "currency": "USD"},
    {"name": "spend", "day": "2026-02-01", "value": 500, "currency": "USD"},
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a definition, a log and facts."""
    found = tmp_path_factory.mktemp("report")
    (found / "measured.yaml").write_text(MEASURED)
    touchpoints = [
        {"id": f"t{n}", "customer_id": customer, "type": kind, "occurred_at": START_MS + round(hour * HOUR_MS), **more}
        for n, (customer, kind, hour, more) in enumerate(STORY)
    ]
    written(found / "log.jsonl", touchpoints)
    written(found / "facts.jsonl", FACTS)
    return found


def written(file: Path, lines: Iterable[Object]) -> Path:
    file.write_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in lines))
    return file


def invoke(*args: str, columns: int = 80) -> Result:
    """Run the command in this process, which takes a tenth of the time of one of its own."""
    return CliRunner().invoke(main, args, env={"COLUMNS": str(columns), "NO_COLOR": "1"})


def report(log: Path, *args: str) -> Object:
    done = invoke("report", *args, "--from", str(log), "--json")
    assert done.exit_code == 0, done.stderr
    found: Object = json.loads(done.stdout)
    return found


def shown(log: Path, *args: str, columns: int = 80) -> str:
    done = invoke("report", *args, "--from", str(log), columns=columns)
    assert done.exit_code == 0, done.stderr
    return done.stdout


# -- against what others know


@pytest.fixture(scope="module")
def weeks() -> Object:
    """Return the report of the example journey on rete_ecom, by device and week."""
    if not RETE.exists():
        pytest.skip(f"shared/data is absent: no {RETE.name}")
    return report(RETE, str(CHECKOUT), "--by", "device", "--every", "week")["journeys"]["checkout"]  # type: ignore[no-any-return]


def went_on(part: Object, to: str, weeks: Iterable[int], *, of_other_weeks: bool = False) -> float:
    """Return which share went on to a stage in these weeks of 2024, or in all others."""
    labels = {f"2024-W{week:02}" for week in weeks}
    periods = [each for each in part["every"]["periods"] if (each["label"] in labels) != of_other_weeks]
    steps = [step for each in periods for step in each["steps"] if step["to"] == to]
    came = sum(step["came"] for step in steps)
    return sum(step["went_on"] for step in steps) / came  # type: ignore[no-any-return]


def test_rete_ecom_shows_that_payments_failed_from_may_19_to_june_7(weeks: Object) -> None:
    during = range(21, 24)  # 05-20..06-09
    assert went_on(weeks, "purchase", during) < 0.45
    assert went_on(weeks, "purchase", during, of_other_weeks=True) > 0.8
    steps = {each["label"]: each["steps"][-1] for each in weeks["every"]["periods"]}
    worst = sorted((each for each in steps if steps[each]["came"] > 20), key=lambda each: steps[each]["rate"])
    assert sorted(worst[:3]) == ["2024-W21", "2024-W22", "2024-W23"]


def test_rete_ecom_shows_that_shipping_failed_on_mobiles_from_april_9_to_may_9(weeks: Object) -> None:
    parts = {each["value"]: each for each in weeks["by"]["values"]}
    during = range(16, 19)  # 04-15..05-05, the weeks that lie within
    assert went_on(parts["mobile"], "payment", during) < 0.4
    assert went_on(parts["mobile"], "payment", [15, *during, 19], of_other_weeks=True) > 0.75
    assert went_on(parts["desktop"], "payment", during) > 0.8


def test_rete_ecom_counts_every_shopping_trip(weeks: Object) -> None:
    assert weeks["runs"] == {"entered": 3605, "converted": 470, "in_progress": 1, "dropped": 3134}
    assert weeks["metrics"]["customers"]["sessions"] == 3605
    assert weeks["metrics"]["all"]["counts"]["sales"] == 470
    leaving = {each["stage"]: each for each in weeks["leaving"]["stages"]}
    assert leaving["payment"]["pains"]["payment_error"] > 50


@pytest.mark.skipif(not CDNOW.exists(), reason=f"shared/data is absent: no {CDNOW.name}")
def test_cdnow_gives_the_revenue_and_the_share_of_repeat_buyers_that_others_computed() -> None:
    expected = json.loads((DATA / "expected.json").read_bytes())["cdnow"]
    found = report(CDNOW, "shop")
    metrics = found["journeys"]["shop"]["metrics"]
    assert found["touchpoints"] == expected["touchpoints"]
    assert metrics["customers"]["customers"] == metrics["customers"]["buyers"] == expected["customers"]
    assert round(metrics["customers"]["repeat_purchase_rate"], 4) == 0.4948
    assert list(metrics["all"]["revenue"].values()) == [2_500_315.63]


# -- what it says


def test_a_definition_that_asks_for_all_has_every_section(place: Path) -> None:
    found = report(place / "log.jsonl", str(place / "measured.yaml"))
    assert (found["touchpoints"], found["as_of"]) == (len(STORY), "2026-01-05T04:00:00.000Z")
    [journey] = found["journeys"].values()
    assert journey["runs"] == {"entered": 3, "converted": 1, "in_progress": 1, "dropped": 1}
    assert (journey["most_leave_at"], journey["most_stop_at"]) == ("buying", "looking")
    assert [(step["stage"], step["reached"]) for step in journey["funnel"]] == [
        ("looking", 3),
        ("buying", 2),
        ("bought", 1),
    ]
    assert journey["metrics"]["all"]["revenue"] == {"USD": 20}
    assert journey["sentiment"]["all"] == {"positive": 0, "neutral": 1, "negative": 2, "net": -2 / 3}
    assert journey["feedback"]["all"]["breached"] == 2
    assert journey["expected"]["rules"] == [{"rule": "pays-at-once", "kind": "forbidden", "signals": 1}]
    assert journey["gaps"]["all"] == [{"scale": "stars", "ratings": 1, "mean": 2}]
    assert journey["leaving"]["all"]["pains"]["payment_error"] == 1
    assert set(journey["prediction"]["overall"]) <= {"looking", "buying", "bought"}
    [score] = found["scores"]
    assert [part["missing"] is None for part in score["parts"]] == [True, False]


def test_a_definition_without_measures_has_funnel_metrics_and_prediction_only(place: Path) -> None:
    plain = place / "plain.yaml"
    plain.write_text(MEASURED[: MEASURED.index("measures:")])
    found = report(place / "log.jsonl", str(plain))
    [journey] = found["journeys"].values()
    assert {"funnel", "metrics", "prediction"} <= journey.keys()
    assert not {"sentiment", "feedback", "expected", "gaps", "leaving", "by", "every"} & journey.keys()
    assert found["scores"] == []


@pytest.mark.parametrize("columns", [80, 120])
def test_people_read_the_same_in_any_width(place: Path, columns: int) -> None:
    journeys = [str(place / "measured.yaml"), "shop"]
    text = shown(place / "log.jsonl", *journeys, "--by", "channel", "--every", "day", columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    for title in (
        "Journeys side by side", "Journey scores, 0 to 100", "What became of the customers", "Sentiment",
        "Funnel, and time in each stage", "What they did, by stage", "What the customers came to",
        "Feedback: answered in time?", "Expected against actual journey", "Expected against received, by rating",
        "Why they leave", "What comes next: the future-state map", "By channel", "What they did, by channel", "By day",
        "What they did, by day",
        "By day, channel website",
    ):  # fmt: skip
        assert f"\n{title}\n" in text
    assert "Most were dropped at buying: 100.0% of the dropped." in " ".join(text.split())


def test_groups_of_stages_are_steps_too(place: Path) -> None:
    args = [str(place / "measured.yaml"), "--by", "group", "--every", "week"]
    [journey] = report(place / "log.jsonl", *args)["journeys"].values()
    groups = journey["by"]["groups"]
    assert [(step["stage"], step["reached"]) for step in groups["funnel"]] == [("before", 3), ("after", 1)]
    assert [each["label"] for each in groups["every"]["periods"]] == ["2026-W01", "2026-W02"]
    text = shown(place / "log.jsonl", *args)
    assert "\nBy group of stages\n" in text
    assert "\nBy week, groups\n" in text


def test_facts_of_the_time_asked_for_give_rates_and_costs(place: Path) -> None:
    args = [str(place / "measured.yaml"), "--facts", str(place / "facts.jsonl")]
    [journey] = report(place / "log.jsonl", *args, "--until", "2026-01-03")["journeys"].values()
    ads = journey["metrics"]["advertising"]
    assert (ads["impressions"], ads["clicks"], ads["click_through_rate"]) == (200, 10, 0.05)
    assert (ads["spend"], ads["cost_per_click"], ads["cost_per_conversion"]) == ({"USD": 5}, {"USD": 0.5}, {"USD": 5})
    assert "cost per click       0.50 USD" in shown(place / "log.jsonl", *args, "--until", "2026-01-03")
    assert report(place / "log.jsonl", *args)["journeys"]["measured"]["metrics"]["advertising"]["spend"] == {"USD": 505}


def test_facts_that_are_none_are_counted_and_left_out(place: Path) -> None:
    facts = place / "facts.jsonl.gz"
    facts.write_bytes(gzip.compress(b'{"name": "clicks", "day": "2026-01-01", "value": 3}\n\nno json\n'))
    done = invoke("report", "shop", "--from", str(place / "log.jsonl"), "--facts", str(facts), "--json")
    assert "1 records are no facts and were left out: not_json" in done.stderr
    assert json.loads(done.stdout)["journeys"]["shop"]["metrics"]["advertising"]["clicks"] == 3


def test_the_models_are_saved_as_they_are_told(place: Path) -> None:
    file = place / "model.json"
    found = report(place / "log.jsonl", str(place / "measured.yaml"), "--save-model", str(file))
    saved = json.loads(file.read_bytes())
    assert saved["as_of"] == found["as_of"]
    journey = found["journeys"]["measured"]
    assert saved["journeys"]["measured"] == {"definition": journey["definition"], "model": journey["prediction"]}


def test_any_number_of_processes_gives_the_same(tmp_path: Path) -> None:
    log = written(tmp_path / "log.jsonl", population(60, 7, START_MS, 10))
    (tmp_path / "measured.yaml").write_text(MEASURED)
    args = [str(tmp_path / "measured.yaml"), "shop", "--by", "persona", "--every", "day"]
    found = [report(log, *args, "--processes", str(count)) for count in (1, 3)]
    assert found[0] == found[1]


def test_an_id_is_found_in_a_line_however_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    one = '{"id": "1", "type": "page_view", "occurred_at": 0, "customer_id" : "an\\u0061"}'
    two = '{"properties": {"customer_id": "x"}, "id": "2", "type": "purchase", "occurred_at": 1, "customer_id":"ana"}'
    three = '{"id": "3", "type": "referral", "occurred_at": 2, "customer_id":"ana"}'
    log.write_text(f'{one}\n{two}\n{three}\n{{"customer_id": 5}}\n[]')
    found = report(log, "shop", "--processes", "4")
    assert found["journeys"]["shop"]["runs"]["entered"] == 1
    assert found["rejected"] == {"bad_type": 1, "not_object": 1}


def test_customers_of_this_moment_are_counted_by_stage_judgement_and_open_feedback() -> None:
    def current(stage: str | None, outcome: str, judgement: str | None, waiting: int | None) -> tuple[bytes, int]:
        journey: Object = dict.fromkeys(("group", "entered_at", "converted_at")) | {"sequence": 1, "instance": ""}
        journey |= {"stage": stage, "furthest_stage": "b", "round": 0, "outcome": outcome, "definition": "d"}
        customer: Object = dict.fromkeys(("account_id", "persona", "channel", "score", "score_at"))
        customer |= {"customer_id": "x", "journeys": {"shop": journey}}
        return json.dumps(customer | {"judgement": judgement, "open_feedback": waiting}).encode(), 3

    rows = [("a", "in_progress", None, None), ("b", "converted", "negative", 2), (None, "dropped", "positive", 0)]
    found, totals, partitions = count(current(*row) for row in rows)
    assert found["shop"].here == {("a", "in_progress"): 1, ("b", "converted"): 1, (None, "dropped"): 1}
    assert found["shop"].judgements == {("b", "negative"): 1, (None, "positive"): 1}
    assert found["shop"].open_feedback == {"b": 2}
    assert totals["open_feedback"] == {"customers": 1, "feedback": 2}
    assert partitions == {"d": 3}


def test_this_moment_is_shown_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    counts = dict.fromkeys(("in_progress", "converted", "dropped"), 0) | {"furthest": 0}
    mood: Object = {"judgements": {"positive": 1, "neutral": 0, "negative": 2}, "open_feedback": 3}
    stage: Object = {"stage": "buying", "here": 2, **counts, "in_progress": 2, "came": 2, **mood}
    outcomes = {"in_progress": 2, "converted": 0, "dropped": 0}
    shop: Object = {"definition": "d", "customers": 2, "outcomes": outcomes, "stages": [stage]}
    print_live({"customers": 2, "open_feedback": {"customers": 1, "feedback": 3}, "journeys": {"shop": shop}})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["buying", "2", "2", "0", "0", "100.0%"] in lines
    assert ["buying", "1", "0", "2", "3"] in lines
    assert ["3", "feedback", "of", "1", "customers", "waits", "in", "all."] in lines
    stage |= {"judgements": dict.fromkeys(mood["judgements"], 0), "open_feedback": 0}
    print_live({"customers": 2, "open_feedback": {"customers": 0, "feedback": 0}, "journeys": {"shop": shop}})
    assert "judgement" not in capsys.readouterr().out


def test_columns_that_do_not_fit_beside_each_other_stand_below() -> None:
    console = Console(width=40, color_system=None)
    with console.capture() as capture:
        matrix(console, "stage", [f"column {n}" for n in range(6)], [("awareness", ["1,000,000"] * 6)])
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 40
    assert sum(line.startswith("awareness") for line in lines) == 3
    assert capture.get().count("1,000,000") == 6


# -- how it ends


@pytest.mark.parametrize("text", ["", "no json\n"])
def test_a_log_without_a_touchpoint_exits_1(tmp_path: Path, text: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(text)
    done = invoke("report", "shop", "--from", str(log))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no touchpoint in" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing.yaml"], "is neither a file nor one of shop"),
        (["shop", "shop"], "two definitions are of the journey 'shop'"),
        (["shop", "--by", "country"], "is not one of 'channel', 'device', 'persona', 'group'"),
        (["shop", "--every", "hour"], "is not one of 'day', 'week', 'month'"),
        (["shop", "--facts", "nothing"], "'nothing' is no file"),
        (["shop", "--since", "yesterday"], "is no day or time"),
        (["shop", "--live"], "--live goes with JOURNEY and --json alone"),
    ],
)
def test_a_wrong_option_is_told(place: Path, args: list[str], said: str) -> None:
    done = invoke("report", *args, "--from", str(place / "log.jsonl"), columns=200)
    assert done.exit_code == 2
    assert said in " ".join(re.sub(r"[│\n]", " ", done.stderr).split())


def test_files_that_cannot_be_read_or_written_are_told(place: Path, tmp_path: Path) -> None:
    broken = tmp_path / "facts.gz"
    broken.write_bytes(b"no gzip")
    for option, file in (("--facts", str(broken)), ("--save-model", "/proc/model")):
        done = invoke("report", "shop", "--from", str(place / "log.jsonl"), option, file)
        assert done.exit_code == 2
        assert option in done.stderr or "cannot be" in done.stderr


def test_the_commands_of_the_how_to_page_run(tmp_path: Path) -> None:
    page = HOW_TO.read_text("utf-8")
    written(tmp_path / "touchpoints.jsonl", population(20, 3, START_MS, 5))
    written(tmp_path / "facts.jsonl", FACTS)
    lines = re.findall(r"^cjstream (.+)$", page, re.MULTILINE)
    for line in [line for line in lines if "topic" not in line and "--from" in line]:
        words = [str(tmp_path / word) if (tmp_path / word).exists() else word for word in line.split()]
        words = [str(tmp_path / word) if word == "model.json" else word for word in words]
        words = [str(ROOT / word) if word.startswith("examples/") else word for word in words]
        done = invoke(*words)
        assert (line, done.exit_code, bool(done.stdout)) == (line, 0, True)
    assert len(lines) >= 8


def test_it_is_a_command_of_the_program(place: Path) -> None:
    done = run("report", "shop", "--from", str(place / "log.jsonl"))
    assert done.returncode == 0
    assert b"touchpoints in " in done.stderr


def test_the_example_says_what_stands_behind_it_and_is_sound() -> None:
    assert load(CHECKOUT).journey == "checkout"
    assert [stage.id for stage in load(CHECKOUT).stages] == ["catalog", "cart", "shipping", "payment", "purchase"]
