"""Where the tools from outside PyPI are."""

from pathlib import Path

from tools.debian import NotFetchedError, will_do


def tool(name: str) -> Path:
    """Return the path of `promtool` or `prometheus`: of the environment (PROMTOOL=...), `make tools`, or PATH.

    Raises FileNotFoundError, whose text says what to do.
    """
    try:
        found, what = will_do(name), f"there is no {name} that is new enough"
    except NotFetchedError as error:
        found, what = None, str(error)
    if found is None:
        raise FileNotFoundError(f"{what}: run `make tools`, or set {name.upper()} to its path")
    return Path(found)
