"""A worker that clears away every second what one clears away within a day: `python -m tests.faults.sweepers`."""

import sys

from cjstream import settings
from cjstream.stream import sweep

if __name__ == "__main__":
    sweep.FIRST_SECONDS = sweep.EVERY_SECONDS = 1.0
    sweep.PURGE_AFTER_SECONDS = 0.0
    from cjstream.stream import run

    sys.exit(run.main(settings.load(metrics_port="0")))
