"""Where the tools from outside PyPI are."""

import os
import shutil
from pathlib import Path

FETCHED = Path(__file__).parents[2] / ".cache" / "tools" / "usr" / "bin"  # where `make tools` puts them


def tool(name: str) -> Path:
    """Return the path of `promtool` or `prometheus`: of the environment (PROMTOOL=...), `make tools`, or PATH.

    Raises FileNotFoundError, whose text says what to do.
    """
    given = os.environ.get(name.upper())
    found = shutil.which(given) if given else shutil.which(name, path=str(FETCHED)) or shutil.which(name)
    if found is None:
        what = f"{name.upper()}={given} is no program" if given else f"there is no {name}"
        raise FileNotFoundError(f"{what}: run `make tools`, or set {name.upper()} to its path")
    return Path(found)
