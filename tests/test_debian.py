"""`make tools`: what is there is taken, what is not comes by apt without root, and a failure says what to do."""

from pathlib import Path

import pytest

from tools import debian

PROMTOOL = "#!/bin/sh\necho 'promtool, version {} (branch: x)'\n"
AMTOOL = "#!/bin/sh\necho 'amtool, version 0.25.0'\n"
# A deb of this apt is a file; what dpkg-deb makes of it is the programs in it.
APT_GET = '#!/bin/sh\n[ "$1" = -o ] && exit 9\n[ "$1" = download ] && : > "$2_1_all.deb"\n'
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/bin"
for name in promtool prometheus amtool; do
    printf '#!/bin/sh\\necho version 2.42.0\\n' > "$3/usr/bin/$name"
    chmod +x "$3/usr/bin/$name"
done
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs, but for the shell's own; tools are unpacked beside it."""
    for name in debian.TOOLS:
        monkeypatch.delenv(name.upper(), raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mkdir", "chmod"):
        (folder / name).symlink_to(Path("/bin") / name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(debian, "FETCHED", tmp_path / "fetched")
    return folder


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def test_what_is_on_the_path_is_taken_and_nothing_is_fetched(path: Path) -> None:
    for name in ("promtool", "prometheus"):
        put(path, name, PROMTOOL.format("3.1.0"))
    put(path, "amtool", AMTOOL)
    said: list[str] = []
    assert debian.main(said.append) == 0
    assert said == [f"{name}: {path / name}" for name in debian.TOOLS]
    assert not debian.FETCHED.exists()


def test_what_is_missing_or_old_is_fetched_and_then_taken(path: Path) -> None:
    put(path, "promtool", PROMTOOL.format("2.41.9"))
    put(path, "apt-get", APT_GET)
    put(path, "dpkg-deb", DPKG_DEB)
    said: list[str] = []
    assert debian.main(said.append) == 0
    assert said == [f"{name}: {debian.FETCHED / 'usr' / 'bin' / name}" for name in debian.TOOLS]
    assert sorted(each.name for each in debian.FETCHED.iterdir()) == ["apt", "usr"]  # no package is left


def test_lists_of_our_own_are_made_where_the_systems_do_not_have_the_package(path: Path) -> None:
    log = path.parent / "log"
    put(path, "dpkg-deb", DPKG_DEB)
    put(path, "apt-get", f'#!/bin/sh\necho "$*" >> {log}\n[ "$1" = -o ] || exit 100\n: > prometheus_1_all.deb\n')
    debian.fetch("prometheus")
    first, update, download = log.read_text().splitlines()
    assert first == "download prometheus"
    own = f"-o Dir::State::Lists={debian.FETCHED / 'apt' / 'lists'} "
    assert update.startswith(own)
    assert update.endswith(" update")
    assert download.startswith(own)
    assert download.endswith(" download prometheus")


@pytest.mark.parametrize(
    ("programs", "fault"),
    [
        ({}, "this is no Debian (apt-get is missing)"),
        ({"apt-get": APT_GET}, "this is no Debian (dpkg-deb is missing)"),
        ({"apt-get": "#!/bin/sh\necho no net >&2; exit 100\n", "dpkg-deb": DPKG_DEB}, "apt-get gives no package"),
        ({"apt-get": APT_GET, "dpkg-deb": "#!/bin/sh\nexit 2\n"}, "apt-get gives no package prometheus"),
        ({"apt-get": APT_GET, "dpkg-deb": DPKG_DEB.replace("2.42", "2.31")}, "no promtool of version 2.42 or newer"),
    ],
)  # fmt: skip
def test_a_failure_says_what_to_do(
    path: Path, programs: dict[str, str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in programs.items():
        put(path, name, text)
    assert debian.main() == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {fault}")
    assert "set PROMTOOL, PROMETHEUS and AMTOOL" in said
    assert ("no net" in said) == ("no net" in str(programs))


def test_a_wrong_path_in_the_environment_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROMTOOL", "/nowhere/promtool")
    assert debian.main() == 2
    assert capsys.readouterr().err == "error: PROMTOOL=/nowhere/promtool is no program\n"


def test_the_path_in_the_environment_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, "promtool", PROMTOOL.format("3.1.0"))
    own = put(path.parent / "own", "promtool", PROMTOOL.format("2.50.0"))
    monkeypatch.setenv("PROMTOOL", str(own))
    assert debian.will_do("promtool") == str(own)
