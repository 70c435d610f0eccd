"""Kafka through Faust: batches in, acks out. The only importer of faust."""
