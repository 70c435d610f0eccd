"""The image: what goes into it, who it runs as, and how it is asked for its health."""

import re

import pytest

from tests import containers
from tests.containers import ROOT, final, instructions

BUILT = [each for each in instructions() if each.word == "RUN"]


def test_everything_installed_is_locked_and_brings_no_code_that_runs_while_it_is() -> None:
    installs = [each.words for each in BUILT if "install" in each.words and "pip" in each.words]
    fetching = [words for words in installs if "--no-index" not in words]
    assert [word for words in fetching for word in words if word.startswith("--requirement=")] == [
        "--requirement=build.txt",
        "--requirement=run.txt",
    ]
    assert all({"--require-hashes", "--only-binary=:all:"} <= {*words} for words in fetching)
    assert [words[-1] for words in installs if "--no-index" in words] == ["cjstream"]
    wheels = [each.words for each in BUILT if "wheel" in each.words]
    assert all({"--no-deps", "--no-build-isolation"} <= {*words} for words in wheels)


def test_no_shell_is_used_and_nothing_is_fetched_by_other_means() -> None:
    for each in [*BUILT, *final("HEALTHCHECK"), *final("ENTRYPOINT"), *final("CMD")]:
        assert each.words
        assert not {"sh", "bash", "curl", "wget", "apt-get"} & {*each.words}
    assert {each.word for each in instructions()} <= {
        "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "VOLUME",
        "WORKDIR",
    }  # fmt: skip


def test_the_base_has_a_tag_that_is_not_the_latest_and_both_stages_share_it() -> None:
    [base] = [each.rest for each in instructions() if each.word == "ARG"]
    assert re.fullmatch(r"BASE=python:3\.\d+(\.\d+)?-slim-\w+", base)
    assert {each.rest.split()[0] for each in instructions() if each.word == "FROM"} == {"${BASE}"}


def test_it_runs_as_a_user_without_name_or_rights_and_writes_to_its_volume_alone() -> None:
    [volume] = final("VOLUME")
    assert volume.words == [containers.environment()["CJSTREAM_DATA_DIR"]]
    assert int(containers.user()) >= 10000
    owned = [each.rest for each in final("COPY") if "--chown" in each.rest]
    assert owned == [f"--from=build --chown={containers.user()}:{containers.user()} /data /data"]
    assert list(final("RUN")) == []


def test_the_build_sees_no_more_than_it_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    seen = {line[1:] for line in ignored if line.startswith("!")}
    copied = [each.rest.split()[:-1] for each in instructions() if each.word == "COPY" and "--from" not in each.rest]
    assert "*" in ignored
    assert {path.split("/")[0] for paths in copied for path in paths} == seen
    assert all((ROOT / path).exists() for paths in copied for path in paths)


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD", "HEALTHCHECK", "USER", "VOLUME"])
def test_each_is_said_once(word: str) -> None:
    assert len(list(final(word))) == 1
