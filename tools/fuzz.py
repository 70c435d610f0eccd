"""Feed damaged records to the decoder and the engine, by coverage, from the corpus on: `python tools/fuzz.py SECONDS`.

A finding ends it with the bytes in .cache/fuzz/, and `python tools/fuzz.py 0 FILE` repeats it. What covers something
new is kept there too, so that the next run goes on. Not part of the package; needs atheris of the extra `dev`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.corpus.cases import cases  # noqa: E402 - the path comes first
from tests.fuzz.framing import framed  # noqa: E402

WORK = ROOT / ".cache" / "fuzz"
MAX_SEED_BYTES = 20_000
WORDS = (
    "id", "customer_id", "type", "occurred_at", "initiator", "rating", "scale", "sentiment", "text", "properties",
    "sequence", "value", "duration_ms", "reply_to", "persona", "purchase", "page_view", "review", "business", "csat",
    "\\\\ud800", "1e400", "2026-01-01T00:00:00Z", "NaN", "null", "true",
)  # fmt: skip


def seeds() -> None:
    """Write the records of the corpus, and words to mix into them."""
    (WORK / "corpus").mkdir(parents=True, exist_ok=True)
    for case in cases():
        if len(case.record.value or b"") <= MAX_SEED_BYTES:
            (WORK / "corpus" / f"{case.name}.{case.outcome}").write_bytes(framed(case))
    (WORK / "words").write_text("".join(f'"{word}"\n' for word in WORDS))


def main(arguments: list[str]) -> int:
    """Fuzz for so many seconds, or repeat a file."""
    seconds, *files = arguments
    try:
        import atheris  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
    except ImportError:
        print("error: atheris is not installed; it comes with the extra `dev`, for CPython on Linux x86-64")
        return 2
    with atheris.instrument_imports(include=["cjstream"]):
        from tests.fuzz.target import check  # noqa: PLC0415 - with all of cjstream that it needs
    seeds()
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={WORK}/", f"-dict={WORK}/words", "-max_len=32768"]
    what = files or [str(WORK / "corpus")]
    atheris.Setup([sys.argv[0], *([] if files else options), "-timeout=5", "-rss_limit_mb=2048", *what], check)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
