"""`cjstream replay-diff` on files: what it says, how it ends, and the numbers that others computed."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cjstream.cli.tables import duration
from cjstream.population import population
from tests.command import run
from tests.reference import SHOP as REFERENCE
from tests.reference import reduce_touchpoints

Object = dict[str, Any]

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to" / "compare-journeys.md"
DATA = Path(__file__).parents[2] / "shared" / "data"
RETE = DATA / "rete_ecom.touchpoints.jsonl.gz"
START_MS = 1_767_225_600_000  # 2026-01-01
OTHER = """
journey: shop
goal: {on: purchase}
window: 2d
stages:
  - {id: awareness, weight: 10}
  - {id: basket, weight: 20}
  - {id: purchase, weight: 30}
rules:
  - {on: [page_view, search, ad_click, social_view], to: awareness}
  - {on: [cart_add, checkout], to: basket}
  - {on: purchase, to: purchase}
"""


@pytest.fixture
def other(tmp_path: Path) -> str:
    file = tmp_path / "other.yaml"
    file.write_text(OTHER)
    return str(file)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A day of touchpoints of a generated population."""
    return written(tmp_path / "log.jsonl", population(60, 7, START_MS, 10))


def written(file: Path, touchpoints: Iterable[Object]) -> Path:
    file.write_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in touchpoints))
    return file


def touchpoint(number: int, kind: str, hour: float, customer: str = "ana") -> Object:
    at_ms = START_MS + round(hour * 3_600_000)
    return {"id": f"t{number}", "customer_id": customer, "type": kind, "occurred_at": at_ms}


def replay_diff(log: Path, a: str, b: str, *options: str) -> Object:
    done = run("replay-diff", "--from", str(log), "--journey", a, "--against", b, "--json", *options)
    assert done.returncode == 0, done.stderr
    found: Object = json.loads(done.stdout)
    return found


# -- against what others computed


@pytest.mark.skipif(not RETE.exists(), reason=f"shared/data is absent: no {RETE.name}")
def test_rete_ecom_gives_the_population_moves_and_dwell_times_that_others_computed(tmp_path: Path) -> None:
    expected = json.loads((DATA / "expected.json").read_bytes())["rete_ecom"]
    stages = expected["stages_by_type"]
    data = {
        "journey": "rete",
        "goal": {"on": "purchase"},
        "stages": [{"id": stage, "weight": 10 * number} for number, stage in enumerate(stages, 1)],
        "rules": [{"on": types, "to": stage} for stage, types in stages.items() if types],
    }
    file = tmp_path / "rete.yaml"
    file.write_text(json.dumps(data))
    found = replay_diff(RETE, str(file), str(file))
    assert found["a"] == found["b"]
    assert (found["touchpoints"], found["rejected"]) == (expected["touchpoints"], {})
    side = found["a"]
    moves = {f"{move['from'] or '(new)'}->{move['to']}": move["count"] for move in side["moves"]}
    assert moves == expected["transitions"]
    furthest = Counter[str]()
    for row in side["population"]:
        furthest[row["stage"]] += row["count"] * (row["customers"] == "furthest")
    assert furthest == Counter(expected["customers_by_furthest_stage"])
    dwell = {step["stage"]: step["dwell"]["median_seconds"] for step in side["funnel"]}
    assert {stage: median for stage, median in dwell.items() if median} == expected["dwell_median_seconds"]
    assert side["runs"] == {"entered": 600, "in_progress": 272, "converted": 328, "dropped": 0}


def test_a_generated_population_ends_as_the_reference_says(log: Path) -> None:
    touchpoints = [json.loads(line) for line in log.read_bytes().splitlines()]
    due = reduce_touchpoints(touchpoints, REFERENCE)
    side = replay_diff(log, "shop", "shop")["a"]
    moves = Counter[Any]()
    for outcome in due.values():
        stages = [None, *(visit.stage for visit in outcome.path)]
        moves.update(pairwise(stages))
    assert {(move["from"], move["to"]): move["count"] for move in side["moves"]} == moves
    assert side["runs"]["converted"] == sum(outcome.converted_at_ms is not None for outcome in due.values())


# -- the two sides


def test_two_definitions_are_shown_side_by_side(log: Path, other: str) -> None:
    done = run("replay-diff", "--from", str(log), "--journey", "shop", "--against", other, "--interval", "7d")
    assert done.returncode == 0
    shown = done.stdout.decode()
    rows = [line.split() for line in shown.splitlines()]
    assert ["stage", "A", "B", "difference"] in rows
    assert any(row[:1] == ["consideration"] and row[2:] == ["-"] for row in rows)
    assert any(row[:1] == ["basket"] and row[1] == "-" for row in rows)
    assert "What became of the customers" in shown
    assert "A: nobody was dropped: the definition has no window and no exits" in shown
    assert "B: most customers leave at " in shown
    assert "Customers by interval, A and B" in shown
    assert "touchpoints in " in done.stderr.decode()


def test_any_number_of_processes_gives_the_same(log: Path, other: str) -> None:
    found = [replay_diff(log, "shop", other, "--processes", str(count), "--interval", "1d") for count in (1, 3)]
    assert found[0] == found[1]
    assert found[0]["a"]["lifecycle"]


def test_the_difference_is_b_less_a(tmp_path: Path, other: str) -> None:
    log = written(tmp_path / "log", [touchpoint(1, "page_view", 0), touchpoint(2, "purchase", 72)])
    found = replay_diff(log, "shop", other)
    [outcomes] = [section["rows"] for section in found["comparison"] if section["name"] == "outcomes"]
    rows = {row["label"]: (row["a"], row["b"], row["difference"]) for row in outcomes}
    assert rows["converted"] == (1, 0, -1)
    assert rows["goal met after the drop"] == (0, 1, 1)
    assert found["as_of"] == "2026-01-04T00:00:00.000Z"
    assert (found["a"]["most_leave_at"], found["b"]["most_leave_at"]) == (None, "awareness")


def test_a_time_range_and_gzip(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl.gz"
    touchpoints = [touchpoint(n, "page_view", 24 * n, f"c{n}") for n in range(4)]
    log.write_bytes(gzip.compress(b"\n".join(json.dumps(each).encode() for each in touchpoints)))
    found = replay_diff(log, "shop", "shop", "--since", "2026-01-02", "--until", "2026-01-03T00:00:00Z")
    assert (found["a"]["touchpoints"], found["outside_of_the_time_asked_for"]) == ({"applied": 1}, 3)


def test_what_is_no_touchpoint_is_counted_by_reason(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [json.dumps(touchpoint(1, "page_view", 0)), "", "no json", "[]", '{"id": "t"}', '{"customer_id": 5}', "  "]
    log.write_text("\r\n".join(lines))
    for processes in ("1", "2"):
        found = replay_diff(log, "shop", "shop", "--processes", processes)
        assert found["rejected"] == {"bad_type": 1, "missing_field": 1, "not_json": 1, "not_object": 1}
    done = run("replay-diff", "--from", str(log), "--journey", "shop", "--against", "shop")
    assert b"1 records are no touchpoint and were left out: not_json" in done.stderr


def test_the_commands_of_the_how_to_page_run(tmp_path: Path) -> None:
    page = HOW_TO.read_text("utf-8")
    [basket] = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "basket.yaml").write_text(basket)
    written(tmp_path / "touchpoints.jsonl", population(20, 3, START_MS, 5))
    lines = [line for line in re.findall(r"^cjstream (.+)$", page, re.MULTILINE) if "--from topic" not in line]
    for line in lines:
        words = [str(tmp_path / word) if (tmp_path / word).exists() else word for word in line.split()]
        done = run(*words)
        assert (line, done.returncode, bool(done.stdout)) == (line, 0, True)
    assert len(lines) == 4


# -- how it ends


@pytest.mark.parametrize("text", ["", "no json\n"])
def test_a_log_without_a_touchpoint_exits_1(tmp_path: Path, text: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(text)
    done = run("replay-diff", "--from", str(log), "--journey", "shop", "--against", "shop")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no touchpoint in" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--from", "no-such-file"],
        ["--journey", "no-such-journey"],
        ["--since", "yesterday"],
        ["--interval", "1h"],
        ["--interval", "often"],
        ["--processes", "0"],
    ],
)
def test_wrong_usage_exits_2_and_says_what_to_write(log: Path, wrong: list[str]) -> None:
    right = {"--from": str(log), "--journey": "shop", "--against": "shop"} | dict([wrong])
    done = run("replay-diff", *(word for pair in right.items() for word in pair))
    assert (done.returncode, done.stdout) == (2, b"")
    assert wrong[1].encode() in done.stderr


def test_a_definition_with_faults_exits_2_and_names_them(log: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("journey: x\n")
    done = run("replay-diff", "--from", str(log), "--journey", "shop", "--against", str(bad))
    assert done.returncode == 2
    assert b"stages: must be a list" in done.stderr


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_file_that_cannot_be_read_to_its_end_exits_2(tmp_path: Path, processes: str) -> None:
    log = tmp_path / "cut.jsonl.gz"
    log.write_bytes(gzip.compress(b"x" * 100_000)[:-20])
    done = run("replay-diff", "--from", str(log), "--journey", "shop", "--against", "shop", "--processes", processes)
    assert done.returncode == 2
    assert b"cannot be read" in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_a_broker_the_topic_exits_3() -> None:
    nowhere = {"CJSTREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = run("replay-diff", "--from", "topic", "--journey", "shop", "--against", "shop", env=nowhere)
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.25, "0.25 s"), (59.6, "1 min"), (246.0, "4 min 6 s"), (2_640_708, "30 d 13 h"), (86_400, "1 d")],
)
def test_times_are_told_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
