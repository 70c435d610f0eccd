"""Several workers on one machine, kept running, with one port for metrics and health, and one exit code."""

from cjstream.supervisor.run import main

__all__ = ["main"]
