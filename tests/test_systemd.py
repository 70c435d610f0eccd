"""deploy/systemd: its exit codes, settings and paths are those of their sources, and systemd has no complaint."""

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from cjstream import settings
from cjstream.supervisor import plan
from tests.deployed import ROOT, ROWS, STOP_SECONDS, command, documented_exit_codes, seconds

FOLDER = ROOT / "deploy" / "systemd"
PAGE = ROOT / "docs" / "how-to" / "run-under-systemd.md"
HOME = "/var/lib"  # what %S is for a system service
LARGEST_EXPOSURE = 12  # tenths, of systemd's own scale to 100; the network is open, as it must be


def read(name: str) -> dict[str, list[str]]:
    """Return the values of each key of a unit, in order."""
    found = defaultdict(list)
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found[match[1]].append(match[2])
    return dict(found)


UNIT, SECURED = read("cjstream.service"), read("secured.conf")


def environment(*lines: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines)


def example() -> list[str]:
    lines = (FOLDER / "cjstream.env").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"#( .*|CJSTREAM_\w+=\S+)|CJSTREAM_\w+=\S+", line) for line in lines)
    return [line.removeprefix("#") for line in lines if not line.startswith("# ")]


def test_what_needs_a_person_is_not_started_again_and_all_else_is() -> None:
    [stays_down] = UNIT["RestartPreventExitStatus"]
    assert {int(code) for code in stays_down.split()} == set(plan.HOPELESS)
    assert "a restart does not help" in documented_exit_codes()[4]
    assert UNIT["Restart"] == ["on-failure"]
    assert UNIT["StartLimitIntervalSec"] == ["0"]


def test_settings_are_known_and_load_with_the_files_of_a_secured_kafka(tmp_path: Path) -> None:
    given = environment(*UNIT["Environment"], *example())
    assert settings.load(given).data_dir == Path("%S", *UNIT["StateDirectory"])
    assert [row for row in given if ROWS[row].default == given[row]] == []
    secured = given | environment(*SECURED["Environment"])
    [credential] = SECURED["LoadCredential"]
    name, _, source = credential.partition(":")
    assert source.startswith("/etc/cjstream/")
    (tmp_path / name).write_text("sesame\n")
    (tmp_path / name).chmod(0o400)
    there = {key: value.replace("%d", str(tmp_path)) for key, value in secured.items()}
    assert settings.load(there).kafka_sasl_password.reveal() == "sesame"
    assert settings.load(there).kafka_security_protocol == "SASL_SSL"


def test_the_state_is_in_a_folder_for_the_service_alone() -> None:
    assert UNIT["StateDirectoryMode"] == ["0700"]
    assert UNIT["UMask"] == ["0077"]
    assert UNIT["DynamicUser"] == ["yes"]
    assert UNIT["WorkingDirectory"] == [f"%S/{UNIT['StateDirectory'][0]}"]


def test_a_stop_has_its_time_and_is_told_to_the_first_process_alone() -> None:
    [stop] = UNIT["TimeoutStopSec"]
    assert seconds(stop) > STOP_SECONDS
    assert UNIT["KillMode"] == ["mixed"]


def test_the_command_exists_where_the_page_installs_it() -> None:
    [line] = UNIT["ExecStart"]
    program, *words = line.split()
    command(words)
    page = PAGE.read_text("utf-8")
    assert f"python3 -m venv {Path(program).parents[1]}\n" in page
    for name in ("cjstream.service", "cjstream.env", "secured.conf"):
        assert f"deploy/systemd/{name}" in page
    assert UNIT["EnvironmentFile"][0] in page


if shutil.which("systemd-analyze"):

    def analyze(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it on the unit with its drop-in, with a program that is there."""
        text = (FOLDER / "cjstream.service").read_text("utf-8")
        unit = tmp_path / "cjstream.service"
        unit.write_text(re.sub(r"(?<=ExecStart=)\S+", sys.executable, text))
        extra = tmp_path / "cjstream.service.d"
        extra.mkdir(exist_ok=True)
        shutil.copy(FOLDER / "secured.conf", extra)
        line = ["systemd-analyze", *words, str(unit)]
        return subprocess.run(line, check=False, capture_output=True, text=True)

    def test_systemd_knows_every_key(tmp_path: Path) -> None:
        done = analyze(tmp_path, "verify", "--man=no")
        assert (done.returncode, done.stderr) == (0, "")

    def test_systemd_calls_it_hardened(tmp_path: Path) -> None:
        done = analyze(tmp_path, "security", "--no-pager", "--offline=true", f"--threshold={LARGEST_EXPOSURE}")
        assert done.returncode == 0, done.stdout
