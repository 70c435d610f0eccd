"""Write what users install as a CycloneDX document: `python -m tools.sbom FILE`.

All extras that users have, as locked in requirements/users.txt: names, versions, licences, who needs whom, and the
hashes that one of a package's files must have. Equal inputs give an equal document, but for its number and time.
"""

import json
import sys
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from cjstream import __version__
from tools.licences import USER_EXTRAS, Rules, licence_of
from tools.lock import Pin, pins, pyproject
from tools.packages import closure, needs, required

SCHEMA_VERSION = "1.6"


def document(packages: Mapping[str, Distribution], locked: Mapping[str, Pin]) -> dict[str, Any]:
    """Return the document of these packages. Raises KeyError if one is not locked."""
    rules = Rules.kept()
    direct = {name for extra in USER_EXTRAS for name in needs(required(extra))}
    edges = {_ref(name, package.version): needs(package.requires or ()) for name, package in packages.items()}
    itself = _ref("cjstream", __version__)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SCHEMA_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": _component("cjstream", __version__, pyproject()["project"]["license"]),
        },
        "components": [
            _component(name, package.version, _expression(package, rules), locked[name].hashes)
            for name, package in sorted(packages.items())
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(_ref(name, packages[name].version) for name in names if name in packages)}
            for ref, names in sorted({itself: direct, **edges}.items())
        ],
    }


def _ref(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _expression(package: Distribution, rules: Rules) -> str:
    licence = licence_of(package, rules)
    return "" if licence is None else str(licence)


def _component(name: str, version: str, licence: str, hashes: Iterable[str] = ()) -> dict[str, Any]:
    ref = _ref(name, version)
    component: dict[str, Any] = {"type": "library", "name": name, "version": version, "bom-ref": ref, "purl": ref}
    if licence:
        component["licenses"] = [{"expression": licence}]
    if hashes := sorted(hashes):
        files = [{"alg": "SHA-256", "content": each} for each in hashes]
        component["externalReferences"] = [
            {"type": "distribution", "url": ref, "comment": "a file has one of these", "hashes": files}
        ]
    return component


def users_document() -> dict[str, Any]:
    """Return the document of all that users can install, as it is installed here."""
    packages = closure(line for extra in USER_EXTRAS for line in required(extra))
    return document(packages, pins("users"))


def main(path: Path) -> None:
    """Write the document and say how much is in it."""
    made = users_document()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    print(f"{path}: {len(made['components'])} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
