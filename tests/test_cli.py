"""The command line without a broker: help, exit codes, settings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cjstream import __version__
from cjstream.cli import COMMANDS
from cjstream.core.state import VERSION
from tests.command import COMMAND, run

NOWHERE = {"CJSTREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
GOOD = "journey: shop\nstages:\n  - {id: a, weight: 1, group: g}\nrules:\n  - {on: x, to: a}\n"
BAD = "journey: shop\nstages:\n  - {id: a, weight: 1, group: g}\nrules:\n  - {on: x, to: nowhere}\nwhat: 1\n"


def test_help_names_every_command() -> None:
    shown = run("--help").stdout.decode()
    assert all(f"│ {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, f"cjstream {name}".encode() in done.stdout) == (0, True)


def test_commands_do_not_wait_for_faust() -> None:
    imported = "import sys, cjstream.cli as c; [c.main.get_command(None, name) for name in c.COMMANDS]"
    code = f"{imported}; print('faust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


def test_the_version_is_told_with_that_of_the_state() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.decode()) == (0, f"cjstream, version {__version__}, state version {VERSION}\n")


@pytest.mark.parametrize("args", [["nonsense"], ["send"], ["send", "no-such-file"], ["validate", "no-such-file"]])
def test_wrong_usage_exits_2(args: list[str]) -> None:
    assert run(*args).returncode == 2


def test_a_bad_setting_names_key_and_value_and_exits_2() -> None:
    done = run("status", env={"CJSTREAM_APP_ID": "a b"})
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: CJSTREAM_APP_ID='a b'")


@pytest.mark.parametrize("args", [["transitions"], ["send", "-"]])
def test_without_a_broker_they_exit_3_in_one_line(args: list[str]) -> None:
    done = run(*args, env=NOWHERE)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"error: no Kafka broker answers at 127.0.0.1:1")
    assert done.stderr.count(b"\n") == 1


def test_a_bug_shows_its_traceback_and_exits_70() -> None:
    code = "import cjstream.cli.stages as s, cjstream.cli as c\ns.settings = None\nc.main(['stages'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 70
    assert b"Traceback" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_output_to_a_full_disk_is_no_bug(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    with Path("/dev/full").open("wb") as full:
        words = [*COMMAND, "validate", str(file), "--json"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    said = b"error: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (74, said)


def test_validate_accepts_a_good_definition(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    assert run("validate", str(file)).returncode == 0
    told = json.loads(run("validate", str(file), "--json").stdout)
    assert len(told.pop("definition")) == 16
    assert told == {"file": str(file), "valid": True, "problems": [], "warnings": []}


def test_validate_lists_every_problem_and_exits_1(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    done = run("validate", str(file))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert b"line 5: rules[0].to: " in done.stdout
    found = json.loads(run("validate", str(file), "--json").stdout)
    assert not found["valid"]
    assert {(problem["path"], problem["line"]) for problem in found["problems"]} == {("rules[0].to", 5), ("what", 6)}
