"""Journey definitions: the shipped ones, and how a YAML file becomes one."""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from cjstream.core.advice import advise
from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.errors import DefinitionError, Problem

DEFAULT = "shop"


def load(path: Path | str) -> JourneyDefinition:
    """Return the definition of a YAML 1.2 file. Raises DefinitionError with every fault and its line; reads a file."""
    return parse(_read(path), str(path))


def names() -> list[str]:
    """Return the names of the definitions that come with cjstream, the default first."""
    found = [Path(file.name).stem for file in files(__name__).iterdir() if file.name.endswith(".yaml")]
    return sorted(found, key=lambda name: (name != DEFAULT, name))


def find(name_or_path: str) -> JourneyDefinition:
    """Return the shipped definition of this name, or else that of the file; as `load`."""
    return parse(text_of(name_or_path), name_or_path)


def text_of(name_or_path: str) -> str:
    """Return the YAML of the shipped definition of this name, or else that of the file.

    Raises DefinitionError if it is neither, or cannot be read.
    """
    if name_or_path in names():
        return _shipped_text(name_or_path)
    if not Path(name_or_path).exists():
        problem = Problem("", None, f"is neither a file nor one of the shipped {', '.join(names())}")
        raise DefinitionError(name_or_path, [problem])
    return _read(name_or_path)


def shipped(name: str = DEFAULT) -> JourneyDefinition:
    """Return a definition that comes with cjstream, such as `shop`."""
    return parse(_shipped_text(name), name)


def parse(text: str, source: str) -> JourneyDefinition:
    """Return the definition of a YAML text; as `load`."""
    try:
        tree = _yaml().load(text)
        data = _plain(tree)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DefinitionError(source, [Problem("", line, f"is no YAML: {error.problem}")]) from None
    except (YAMLError, ValueError, RecursionError) as error:  # a control character, a number of 5,000 digits, `&a [*a]`
        raise DefinitionError(source, [Problem("", None, f"is no YAML: {str(error).splitlines()[0]}")]) from None
    try:
        return compile_definition(data, source)
    except DefinitionError as error:
        raise DefinitionError(source, _with_lines(tree, error.problems)) from None


def advice(definition: JourneyDefinition, text: str) -> list[Problem]:
    """Return what is legal in a definition, and yet hardly what was meant, with lines in its YAML (core/advice.py)."""
    found = advise(definition)
    return _with_lines(_yaml().load(text), found) if found else []


def _shipped_text(name: str) -> str:
    return (files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")


def _read(path: Path | str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise DefinitionError(str(path), [Problem("", None, f"cannot be read: {reason}")]) from None


class _Constructor(RoundTripConstructor):
    """Leaves dates as they are written: what is no date is then told as a fault of the definition, with its line."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.Constructor = _Constructor
    return yaml


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, ScalarBoolean):  # an int, to Python
        return bool(node)
    for kind in (bool, int, float, str):  # ruamel's scalars are subclasses that remember their spelling
        if isinstance(node, kind):
            return kind(node)
    return node


def _with_lines(tree: Any, problems: Iterable[Problem]) -> list[Problem]:
    lines = dict(_lines(tree, ""))
    return [problem._replace(line=_line(problem.path, lines)) for problem in problems]


def _lines(node: Any, path: str) -> Iterator[tuple[str, int]]:
    if not isinstance(node, CommentedMap | CommentedSeq):
        return
    yield path, node.lc.line + 1
    pairs: Any = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        where = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else str(key)
        yield where, (node.lc.item(key) if isinstance(key, int) else node.lc.key(key))[0] + 1
        yield from _lines(value, where)


def _line(path: str, lines: dict[str, int]) -> int | None:
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)
