"""cjstream: an event-driven stream processor for customer journeys."""

__version__ = "0.1.0"
