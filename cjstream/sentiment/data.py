"""Word lists that come with this package: lines of a head, a tab, and entries separated by commas."""

from collections.abc import Iterator
from importlib.resources import files


def entries(name: str) -> Iterator[tuple[str, str]]:
    """Yield (entry, head of its line) of a word list, in the order of the file; `#` begins a comment."""
    for line in (files("cjstream.sentiment") / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, _, rest = line.partition("\t")
            for entry in rest.split(", "):
                yield entry, head
