"""Bytes to touchpoints, outputs to bytes."""
