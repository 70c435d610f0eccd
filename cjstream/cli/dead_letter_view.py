"""Dead letters for people: counts without a payload, and one letter with nothing that a terminal would obey."""

from base64 import b64encode
from collections import Counter
from contextlib import aclosing
from heapq import heappop, heappush
from typing import Any

from rich.console import Console

from cjstream.cli.dead_letter_read import Choice, Found, Record, Show, letters
from cjstream.cli.tables import note, seconds_of, table
from cjstream.core.times import format_time
from cjstream.ingest.letters import Letter, Origin
from cjstream.settings import Settings

SHOWN_CHARACTERS = 4_000


async def summary(config: Settings, choice: Choice, limit: int, show: Show) -> dict[str, Any]:
    """Return as plain data the counts of the chosen letters, and the latest `limit` by timestamp, newest first."""
    counts: Counter[str] = Counter()
    replayed: Counter[str] = Counter()
    latest = list[tuple[int, int, int, Found]]()  # a heap: the oldest is in front
    async with aclosing(letters(config, choice, show)) as found:
        async for each in found:
            counts[each.letter.reason] += 1
            replayed[each.letter.reason] += each.is_replayed
            heappush(latest, (each.record.timestamp, each.record.partition, each.record.offset, each))
            if len(latest) > limit:
                heappop(latest)
    return {
        "letters": counts.total(),
        "replayed": replayed.total(),
        "reasons": [
            {"reason": reason, "letters": count, "replayed": replayed[reason]} for reason, count in counts.most_common()
        ],
        "latest": [_line(each) for *_, each in sorted(latest, reverse=True)],
    }


def _line(found: Found) -> dict[str, Any]:
    record, letter = found.record, found.letter
    return {
        "letter": f"{record.partition}:{record.offset}",
        "reason": letter.reason,
        "message": letter.message,
        "read_at": letter.origin._asdict(),
        "first_read_at": letter.first._asdict(),
        "sent": _time(record.timestamp),
        "size_bytes": len(record.value or b""),
        "is_whole": letter.is_whole,
        "is_replayed": found.is_replayed,
    }


def _time(timestamp_ms: int) -> str | None:
    return format_time(timestamp_ms) if timestamp_ms >= 0 else None


def print_overview(console: Console, found: dict[str, Any], *, is_all: bool) -> None:
    """Print what `summary` returned, of all letters or of those chosen."""
    if not found["letters"]:
        console.print("no dead letters" if is_all else "no such letters")
        return
    reasons = table("reason", "letters", "replayed")
    for each in found["reasons"]:
        reasons.add_row(each["reason"], f"{each['letters']:,}", f"{each['replayed']:,}")
    console.print(reasons)
    if found["latest"]:
        latest = table("letter", "why", "read at", "sent", "bytes", "replayed", justify="left")
        for each in found["latest"]:
            read_at = _place(Origin(**each["read_at"]))
            size = f"{each['size_bytes']:,}" if each["is_whole"] else "hash only"
            yes = "yes" if each["is_replayed"] else ""
            latest.add_row(
                each["letter"], visible(each["message"]), read_at, seconds_of(each["sent"]) or "-", size, yes
            )
        console.print()
        console.print(latest)
        note(console, "`cjstream dead-letter show LETTER` shows one of them with its payload.")


def _place(origin: Origin) -> str:
    return visible(f"{origin.topic} {origin.partition}:{origin.offset}")


def as_text(record: Record, letter: Letter) -> str:
    """Return a letter for a terminal: every character is a visible one or a line's end."""
    value = "(none)" if record.value is None else _shown(record.value)
    lines = [
        f"why       {visible(letter.message)}",
        f"read at   {_place(letter.origin)}",
        *([f"at first  {_place(letter.first)}"] if letter.first != letter.origin else []),
        f"sent      {_time(record.timestamp) or '(no timestamp)'}",
        f"key       {'(none)' if record.key is None else _shown(record.key)}",
        *(f"header    {visible(name)} = {'(none)' if text is None else _shown(text)}" for name, text in letter.own),
        f"value     {len(record.value or b''):,} bytes{'' if letter.is_whole else ': hash and size of the real one'}",
        value,
    ]
    return "\n".join(lines)


def _shown(data: bytes) -> str:
    text = visible(data.decode(errors="backslashreplace"))
    rest = len(text) - SHOWN_CHARACTERS
    return text if rest <= 0 else f"{text[:SHOWN_CHARACTERS]}... ({rest:,} characters more; --value has all)"


def visible(text: str) -> str:
    """Return the text with everything that is no visible character or space escaped, as Python writes it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def as_object(record: Record, letter: Letter) -> dict[str, Any]:
    """Return a letter as plain data; bytes are a text, or under `base64` if they are no UTF-8."""
    return {
        "reason": letter.reason,
        "message": letter.message,
        "read_at": letter.origin._asdict(),
        "first_read_at": letter.first._asdict(),
        "sent": _time(record.timestamp),
        "key": _bytes(record.key),
        "headers": [[name, _bytes(text)] for name, text in letter.own],
        "is_whole": letter.is_whole,
        "value": _bytes(record.value),
    }


def _bytes(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}
