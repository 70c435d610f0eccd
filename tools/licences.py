"""Check the licence of every package that cjstream needs against tools/licences.toml. Exit code 1 if one fails."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, NamedTuple

from license_expression import ExpressionError, LicenseExpression, get_spdx_licensing

from tools.packages import closure, licence_words, required

TABLE = Path(__file__).with_suffix(".toml")
USER_EXTRAS = ("", "local", "rocksdb")
DEVELOPER_EXTRAS = ("dev",)

spdx = cache(get_spdx_licensing)


class Rules(NamedTuple):
    """The table. `read` is by package: what it says, what it is. `exceptions` are by extra, package and licence."""

    allowed: frozenset[str]
    for_developers: frozenset[str]
    vague: frozenset[str]
    words: Mapping[str, str]
    read: Mapping[str, tuple[list[str], str]]
    exceptions: Mapping[tuple[str, str, str], str]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Rules":
        """Return the rules of what licences.toml holds."""
        return cls(
            frozenset(table["allowed"]),
            frozenset(table["allowed"]) | frozenset(table["allowed_for_developers"]),
            frozenset(table["vague"]),
            table["words"],
            {row["package"]: (row["says"], row["is"]) for row in table["read"]},
            {
                (extra, row["package"], row["licence"]): row["why"]
                for row in table["exception"]
                for extra in row["extras"]
            },
        )

    @classmethod
    def kept(cls) -> "Rules":
        """Return the rules of the project."""
        return cls.of(tomllib.loads(TABLE.read_text("utf-8")))


def licence_of(package: Distribution, rules: Rules) -> LicenseExpression | None:
    """Return the SPDX expression of a package, None if its words do not tell. All that it says holds together."""
    said = list(licence_words(package))
    noted, is_ = rules.read.get(package.name, (None, ""))
    if said == noted:
        return spdx().parse(is_)
    clear = [rules.words.get(words, words) for words in said if words not in rules.vague]
    try:
        known = {str(spdx().parse(words, validate=True)) for words in clear}
    except ExpressionError:
        return None
    return spdx().parse(" AND ".join(f"({each})" for each in sorted(known))) if known else None


def refused(licence: LicenseExpression, allowed: frozenset[str]) -> set[str]:
    """Return what stands in the way: of AND every refused part, of OR nothing if one alternative is allowed."""
    operator = getattr(licence, "operator", "").strip()
    if not operator:
        return {str(licence)} - allowed
    parts = [refused(part, allowed) for part in licence.args]
    if operator == "OR" and not all(parts):
        return set()
    return set().union(*parts)


def faults(extra: str, packages: Mapping[str, Distribution], rules: Rules) -> Iterator[str]:
    """Yield a sentence for each package of an extra that may not be there."""
    allowed = rules.for_developers if extra in DEVELOPER_EXTRAS else rules.allowed
    for name, package in sorted(packages.items()):
        licence = licence_of(package, rules)
        if licence is None:
            yield f"{name} {package.version}: no licence known; it says {list(licence_words(package))}"
            continue
        excepted = frozenset(what for where, who, what in rules.exceptions if (where, who) == (extra, name))
        for what in sorted(refused(licence, allowed | excepted)):
            yield f"{name} {package.version}: {what} is not allowed in {f'the extra {extra}' if extra else 'cjstream'}"


def idle(packages: Mapping[str, Mapping[str, Distribution]], rules: Rules) -> Iterator[str]:
    """Yield a sentence for each exception that no package needs: it would let a later one in unseen."""
    for extra, name, what in rules.exceptions:
        package = packages[extra].get(name)
        licence = licence_of(package, rules) if package else None
        if licence is None or what not in refused(licence, rules.allowed):
            yield f"{name}: the exception for {what} in {extra or 'cjstream'} is not needed"


def main() -> int:
    """Print what is wrong, or what there is; return the exit code."""
    rules = Rules.kept()
    own = closure(required())
    packages = {extra: own if not extra else closure(required(extra)) for extra in (*USER_EXTRAS, *DEVELOPER_EXTRAS)}
    wrong = [line for extra, each in packages.items() for line in faults(extra, each, rules)]
    wrong += idle(packages, rules)
    for line in wrong:
        print(line)
    if wrong:
        print("choose another package, or add it to tools/licences.toml with the reason")
        return 1
    for (extra, name, what), why in rules.exceptions.items():
        print(f"exception: {name}, {what}, in {extra or 'cjstream'}: {why}")
    users = {name for extra in USER_EXTRAS for name in packages[extra]}
    developers = set(packages["dev"]) - users
    print(f"licences: {len(users)} packages of users and {len(developers)} more of developers are allowed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
