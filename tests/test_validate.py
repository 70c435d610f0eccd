"""`cjstream validate`: files and names, one or several, what it prints and how it ends."""

import json
from pathlib import Path

import pytest

from cjstream.definitions import names, shipped
from tests.command import run

GOOD = "journey: good\nstages:\n  - {id: a, weight: 1}\nrules:\n  - {on: x, to: a}\n"
BAD = GOOD.replace("to: a", "to: b").replace("weight: 1", "weight: one")
ODD = GOOD + "  - {on: x, when: {value: {gt: 1}}, to: a}\n"
WARNING = "line 6: rules[1]: is never asked: an earlier entry without a condition takes x"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return file


def test_several_are_checked_each_problem_is_told_with_its_file_and_line(good: Path, bad: Path) -> None:
    done = run("validate", str(good), str(bad), "shop")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        f"{good} is valid",
        f"{bad}: line 3: stages[0].weight: must be a number; higher is further on",
        f"{bad}: line 5: rules[0].to: must be one of the stages a, not 'b'",
        "shop is valid",
    ]


def test_json_is_one_object_for_one_and_a_list_for_several(good: Path, bad: Path) -> None:
    one = json.loads(run("validate", "shop", "--json").stdout)
    assert one == {"file": "shop", "valid": True, "definition": shipped("shop").hash, "problems": [], "warnings": []}
    done = run("validate", str(good), str(bad), "--json")
    assert done.returncode == 1
    assert [(each["file"], each["valid"], len(each["problems"])) for each in json.loads(done.stdout)] == [
        (str(good), True, 0),
        (str(bad), False, 2),
    ]
    assert json.loads(done.stdout)[1]["definition"] is None


def test_every_shipped_journey_is_valid_and_listed_with_title_and_stages() -> None:
    assert run("validate", *names()).returncode == 0
    done = run("validate", "--list")
    assert (done.returncode, done.stdout.decode().splitlines()[:2]) == (
        0,
        ["shop: Shop", "  awareness, consideration, purchase, retention, advocacy"],
    )
    listed = json.loads(run("validate", "--list", "--json").stdout)
    assert [each["journey"] for each in listed] == names()
    assert all(each["title"] and len(each["stages"]) == 5 for each in listed)


@pytest.mark.parametrize(("day", "is_told"), [("2020-02-29", True), ("2999-12-31", False)])
def test_a_review_that_is_due_is_told_and_is_no_fault(good: Path, day: str, is_told: bool) -> None:
    good.write_text(f"{GOOD}review_by: {day}\n")
    for args in ([], ["--json"]):
        done = run("validate", str(good), *args)
        assert done.returncode == 0
        assert (f"note: {good}: was to be reviewed by {day}".encode() in done.stderr) == is_told
        assert b"note" not in done.stdout


def test_what_is_hardly_meant_is_a_warning_with_its_line_and_no_fault(good: Path) -> None:
    good.write_text(ODD)
    done = run("validate", str(good))
    assert (done.returncode, done.stdout.decode().splitlines()) == (0, [f"{good} is valid", f"warning: {WARNING}"])
    several = run("validate", str(good), "shop").stdout.decode().splitlines()
    assert several == [f"{good} is valid", f"{good}: warning: {WARNING}", "shop is valid"]
    told = json.loads(run("validate", str(good), "--json").stdout)
    assert (told["valid"], told["problems"]) == (True, [])
    path, message = WARNING.removeprefix("line 6: ").split(": ", 1)
    assert told["warnings"] == [{"path": path, "line": 6, "message": message}]


def test_a_file_that_can_be_read_once_is_enough() -> None:
    done = run("validate", "/dev/stdin", stdin=ODD.encode())
    assert done.stdout.decode().splitlines() == ["/dev/stdin is valid", f"warning: {WARNING}"]


@pytest.mark.parametrize("args", [[], ["--json"], ["shop", "--list"], ["shop", "no-such-file"], ["."]])
def test_what_is_no_journey_is_wrong_usage(args: list[str]) -> None:
    done = run("validate", *args)
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_name_that_is_neither_tells_the_names_that_are() -> None:
    assert b"shop, b2b_cooperation, customer_experience, five_phases" in run("validate", "loyal").stderr
