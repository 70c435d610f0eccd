"""Which packages cjstream needs, and what each of them says of its licence, read from what is installed here."""

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import pyproject

# A licence field may hold the whole text; what names the licence stands at its beginning.
LONGEST_NAME = 60


def required(extra: str = "") -> list[str]:
    """Return cjstream's own requirements: those of an extra, or of none."""
    project = pyproject()["project"]
    return list(project["optional-dependencies"][extra] if extra else project["dependencies"])


def closure(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Return the installed packages that these need, with all that those need, by normal name.

    Raises PackageNotFoundError if one is not installed.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, for_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": for_extra}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                found[name] = package = distribution(name)
                waiting += [(Requirement(text), extra) for text in package.requires or ()]
    return found


def needs(requirements: Iterable[str]) -> set[str]:
    """Return the names of those that count on this machine and without an extra."""
    parsed = map(Requirement, requirements)
    return {canonicalize_name(each.name) for each in parsed if not each.marker or each.marker.evaluate({"extra": ""})}


def licence_words(package: Distribution) -> Iterator[str]:
    """Yield what a package says of its licence: an SPDX expression if there is one, else whatever words it has."""
    said = package.metadata
    if "License-Expression" in said:
        yield said["License-Expression"]
        return
    for line in "".join(said.get_all("License") or ()).splitlines()[:1]:
        if 0 < len(line) <= LONGEST_NAME:
            yield line
    for classifier in said.get_all("Classifier") or ():
        if classifier.startswith("License :: "):
            yield classifier.rpartition(" :: ")[2]
