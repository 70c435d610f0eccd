"""Tables and values for people, as all reports show them."""

from collections.abc import Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table

from cjstream.core.comparison import COUNT, SHARE, Number

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
MAX_LABEL = 40
MISSING = "-"  # where there is no value
OUTSIDE = "(outside)"  # of the journey


def table(first: str, *others: str, justify: JustifyMethod = "right") -> Table:
    """Return a table without lines: the first column is for labels, the others are for values."""
    is_titled = any((first, *others))
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=is_titled)
    found.add_column(first, overflow="fold", vertical="bottom")
    for name in others:
        found.add_column(name, justify=justify, overflow="fold", vertical="bottom")
    return found


def value(number: Number | None, unit: str = COUNT) -> str:
    """Return a figure of one of the units of core.comparison; `-` if there is none."""
    if number is None:
        return MISSING
    if unit == COUNT:
        return f"{number:,}"
    return f"{number:.1%}" if unit == SHARE else duration(number)


def share(number: Number | None) -> str:
    """Return a share in percent; `-` if there is none."""
    return value(number, SHARE)


def duration(seconds: Number) -> str:
    """Return a time for people, in its two largest units: `30 d 13 h`, `4 min 6 s`, `0.5 s`."""
    if seconds < 1:
        return f"{seconds:g} s"
    rest, told = round(seconds), list[str]()
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if count or told:
            told.append(f"{count} {unit}" if count else "")
    return " ".join(filter(None, told[:2]))


def seconds_of(time: str | None) -> str | None:
    """Return an RFC 3339 time without its milliseconds, for tables."""
    return time and f"{time[:19]}Z"


def title(console: Console, text: str) -> None:
    """Print the title of a section."""
    console.print(f"\n{text}", style="bold", highlight=False)


def note(console: Console, text: str) -> None:
    """Print what has to be known to read a table."""
    console.print(text, style="bright_black", highlight=False)


def number(amount: float | None) -> str:
    """Return an amount, whole from a thousand on; `-` if there is none."""
    if amount is None:
        return MISSING
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:.2f}".rstrip("0").rstrip(".")


def money(amount: float | None) -> str:
    """Return an amount of money, with hundredths if it has any; `-` if there is none."""
    return MISSING if amount is None else f"{amount:,.2f}".removesuffix(".00")


def matrix(
    console: Console,
    first: str,
    headings: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
    *,
    justify: JustifyMethod = "right",
) -> None:
    """Print rows of a label and texts. Columns that do not fit beside each other go to a table of their own below."""
    labels = max((len(label) for label in (first, *(label for label, _ in rows))), default=0)
    room = max(console.width - min(labels, MAX_LABEL) - 2, 20)
    columns = [[heading, *(texts[place] for _, texts in rows)] for place, heading in enumerate(headings)]
    widths = [_width(column, lines=1) for column in columns]
    if sum(widths) > room:
        widths = [_width(column, lines=2) for column in columns]
    for part in _parts(widths, room):
        shown = table(first, *(headings[place] for place in part), justify=justify)
        shown.columns[0].no_wrap = labels <= MAX_LABEL
        for column, place in zip(shown.columns[1:], part, strict=True):
            column.width = min(widths[place], room) - 2
        for label, texts in rows:
            shown.add_row(label, *(texts[place] for place in part))
        console.print(shown)


def _width(column: Sequence[str], lines: int) -> int:
    """Return how wide a column is whose heading may take so many lines, one or two, with the space to the next."""
    heading, *texts = column
    words = heading.split(" ")
    breaks = range(1, len(words)) if lines > 1 else ()
    ways = [max(len(" ".join(words[:at])), len(" ".join(words[at:]))) for at in breaks]
    return max(min(ways, default=len(heading)), *map(len, texts), 0) + 2


def _parts(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return which columns stand beside each other."""
    parts, left = list[list[int]](), 0
    for place, width in enumerate(widths):
        if not parts or width > left:
            parts.append([])
            left = room
        parts[-1].append(place)
        left -= width
    return parts
