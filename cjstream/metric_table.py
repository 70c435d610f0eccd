"""METRICS: every metric in one table, by what an operator looks for.

Label values come from definitions, settings and the closed lists of the core, never from a customer's data.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from cjstream.core.touchpoint import REASONS

Labels = tuple[str, ...]


class Metric(NamedTuple):
    """One row: kind, base unit (the name's suffix; empty for a plain count), label names and help.

    `buckets` are a histogram's upper bounds in its unit. `known` are values of a counter's only label that
    are there from the start, at 0, so that the first increase shows in a rate.
    """

    kind: Literal["counter", "gauge", "histogram"]
    unit: Literal["", "seconds", "records", "bytes"]
    labels: Labels
    help: str
    buckets: tuple[float, ...] = ()
    known: tuple[str, ...] = ()


OUTCOMES = ("applied", "ignored", "duplicate", "late", "rejected", "erased")
FACT_OUTCOMES = ("taken", "withdrawn", "rejected")
CHUNK_RECORDS = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
WORK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ACK_SECONDS = (*WORK_SECONDS, 10, 30, 60, 120)  # up to the default publish timeout, where the worker ends
REBALANCE_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)  # a restore may take its time
DWELL_SECONDS = (  # a minute, 10 minutes, 1, 6 hours, 1, 3, 7, 14, 30, 90, 180 days
    60, 600, 3600, 21600, 86400, 259200, 604800, 1209600, 2592000, 7776000, 15552000,
)  # fmt: skip
LOG_LEVELS = ("warning", "error", "critical")
AGE_SECONDS = (*WORK_SECONDS, 10, 30, 60, 300, 1800, 3600, 21600, 86400)  # a backlog is hours old

GROUPS: Mapping[str, Mapping[str, Metric]] = {
    "Pipeline: health": {
        "cjstream_ready": Metric(
            "gauge", "", (), "Whether the worker is assigned, restored and taking input, 1 or 0"),
        "cjstream_stalled_seconds": Metric(
            "gauge", "seconds", (),
            "How long what waits longest has not moved; from 60 on the worker ends; 0: no wait"),
        "cjstream_commit_age_seconds": Metric(
            "gauge", "seconds", (), "Time since the last commit while applied input waits for one; 0: none waits"),
        "cjstream_lag_records": Metric(
            "gauge", "records", ("partition",), "Input records that are not durable yet"),
        "cjstream_lag_seconds": Metric(
            "gauge", "seconds", ("partition",),
            "Age of the oldest input record not durable yet, at most if it is not read yet; 0: no lag"),
        "cjstream_newest_event_timestamp_seconds": Metric(
            "gauge", "seconds", ("partition",), "Newest event time of the touchpoints taken, as Unix time"),
        "cjstream_pending_records": Metric(
            "gauge", "records", ("partition",), "Records read that are not durable yet"),
        "cjstream_input_partitions": Metric(
            "gauge", "", (), "Partitions of the input topic, whoever has them: the same of every worker"),
        "cjstream_assigned_partitions": Metric(
            "gauge", "", (), "Input partitions open in this worker: restored, and their customers counted"),
        "cjstream_restoring_partitions": Metric(
            "gauge", "", (), "Input partitions assigned but not open yet: their customers are not counted"),
        "cjstream_facts_lag_records": Metric(
            "gauge", "records", (), "Records of the facts topic not read yet; until 0 the sums are short"),
        "cjstream_deadlines_waiting": Metric(
            "gauge", "", ("partition",), "Customers with a deadline ahead"),
        "cjstream_store_bytes": Metric(
            "gauge", "bytes", ("partition",), "Files of a partition's local store; 0 for the memory store"),
    },
    "Pipeline: work": {
        "cjstream_touchpoints_total": Metric(
            "counter", "", ("outcome",), "Touchpoints by outcome, counted when durable", known=OUTCOMES),
        "cjstream_channel_touchpoints_total": Metric(
            "counter", "", ("channel",),
            "Applied touchpoints by channel, as the journeys' count_by lists it, else other"),
        "cjstream_batch_records": Metric(
            "histogram", "records", (), "Records in one batch", CHUNK_RECORDS),
        "cjstream_batch_seconds": Metric(
            "histogram", "seconds", (), "Time to decode and advance one batch", WORK_SECONDS),
        "cjstream_publish_seconds": Metric(
            "histogram", "seconds", ("step",), "Time from sending a group to its last ack", ACK_SECONDS),
        "cjstream_end_to_end_seconds": Metric(
            "histogram", "seconds", (), "Age of a group's oldest record when durable", AGE_SECONDS),
        "cjstream_facts_read_total": Metric(
            "counter", "", ("outcome",), "Records of the facts topic by outcome, each counted once",
            known=FACT_OUTCOMES),
        "cjstream_customers_forgotten_total": Metric(
            "counter", "", ("why",), "Customers forgotten because it was asked for, or after a silence",
            known=("asked", "silent")),
        "cjstream_markers_expired_total": Metric(
            "counter", "", (), "Markers of forgotten customers deleted, as the input has expired up to them"),
    },
    "Pipeline: rebalance and restore": {
        "cjstream_rebalances_total": Metric(
            "counter", "", (), "Rebalances of the group that this worker took part in"),
        "cjstream_rebalance_seconds": Metric(
            "histogram", "seconds", (), "Time without input at a rebalance, with the restore in it", REBALANCE_SECONDS),
        "cjstream_restore_remaining_records": Metric(
            "gauge", "records", (), "Changelog records still to be restored; 0: no restore"),
        "cjstream_restored_records_total": Metric(
            "counter", "records", (), "Changelog records restored"),
        "cjstream_restore_seconds": Metric(
            "gauge", "seconds", (), "Duration of the last restore that ended"),
        "cjstream_stores_discarded_total": Metric(
            "counter", "", (), "Local stores that were damaged or stale, and made anew of the changelog"),
    },
    "Pipeline: faults": {
        "cjstream_dead_letters_total": Metric(
            "counter", "", ("reason",), "Records sent to the dead-letter topic", known=REASONS),
        "cjstream_duplicate_conflicts_total": Metric(
            "counter", "", (), "Duplicates whose payload differs from the first one's"),
        "cjstream_lost_records_total": Metric(
            "counter", "records", (), "Input records that were deleted before a worker had read them"),
        "cjstream_foreign_records_total": Metric(
            "counter", "records", (), "Records of another writer in changelog and stage.current: written over"),
        "cjstream_deadline_errors_total": Metric(
            "counter", "", (), "Errors of the engine when the clock let a deadline pass"),
        "cjstream_logs_total": Metric(
            "counter", "", ("level",), "Log lines of warning and above, with those held back", known=LOG_LEVELS),
        "cjstream_scrape_errors_total": Metric(
            "counter", "", ("source",), "Scrapes without the series of a source, because it failed"),
    },
    "Customers": {
        "cjstream_customers": Metric(
            "gauge", "", ("journey", "stage", "outcome"), "Customers by stage now, none is outside, and outcome"),
        "cjstream_reached_customers": Metric(
            "gauge", "", ("journey", "stage", "outcome"),
            "Customers who came to a stage or further, in the definition in force, and outcome"),
        "cjstream_furthest_customers": Metric(
            "gauge", "", ("journey", "stage", "outcome"), "Customers by the furthest stage they came to, and outcome"),
        "cjstream_stage_weight": Metric(
            "gauge", "", ("journey", "stage"), "Weight of a stage in the definition in force, to sort by"),
        "cjstream_dropped_customers": Metric(
            "gauge", "", ("journey", "stage"), "Dropped customers by the stage they were in then"),
        "cjstream_late_converted_customers": Metric(
            "gauge", "", ("journey",), "Dropped customers who met the goal afterwards"),
        "cjstream_customers_by_entry": Metric(
            "gauge", "", ("journey", "dimension", "value", "outcome"),
            "Customers by channel, device or persona of their first touchpoint, and outcome"),
        "cjstream_conversions_by_touch": Metric(
            "gauge", "", ("journey", "touch", "dimension", "value"),
            "Converted customers by channel, device or persona of their first or last touchpoint"),
        "cjstream_transitions_total": Metric(
            "counter", "", ("journey", "from", "to", "kind"), "Stage transitions sent; stage none is outside"),
        "cjstream_dwell_seconds": Metric(
            "histogram", "seconds", ("journey", "stage"),
            "Event time that customers had spent in a stage when they left it, by the stage left", DWELL_SECONDS),
        "cjstream_signals_total": Metric(
            "counter", "", ("journey", "kind"), "Signals sent"),
        "cjstream_late_conversions_total": Metric(
            "counter", "", ("journey",), "Goals met by customers who had been dropped"),
        "cjstream_drops_total": Metric(
            "counter", "", ("journey", "stage"), "Signals that a customer dropped out, by the stage they were in then"),
        "cjstream_refused_moves_total": Metric(
            "counter", "", ("journey", "reason"), "Moves that a journey did not allow"),
    },
    "Experience": {
        "cjstream_customers_by_judgement": Metric(
            "gauge", "", ("journey", "stage", "judgement"), "Customers by stage and how they judge the business"),
        "cjstream_waiting_customers": Metric(
            "gauge", "", ("journey",), "Customers with feedback that has no answer yet"),
        "cjstream_sla_total": Metric(
            "counter", "", ("journey", "clock", "result"), "Answers due: met, breached, or due soon, by clock"),
        "cjstream_deviations_total": Metric(
            "counter", "", ("journey", "deviation"), "Steps off the declared path or against declared rules"),
        "cjstream_score_thresholds_total": Metric(
            "counter", "", ("journey", "threshold"), "Times that a customer's score rose to a threshold"),
        "cjstream_sentiment_total": Metric(
            "counter", "", ("journey", "stage", "sentiment"), "Touchpoints with a sentiment, by the stage after them"),
        "cjstream_ratings_total": Metric(
            "counter", "", ("journey", "scale", "judgement"),
            "Ratings by customers, by what their place on the scale says"),
        "cjstream_stage_touchpoints_total": Metric(
            "counter", "", ("journey", "stage", "metric"),
            "Touchpoints that count for a metric, by the stage after them"),
        "cjstream_stage_value_total": Metric(
            "counter", "", ("journey", "stage", "currency"),
            "Value of sales, by the stage after them; none: no currency"),
    },
    "Facts": {
        "cjstream_facts": Metric(
            "gauge", "", ("name", "channel"), "Facts known by name and channel; both closed lists, else other"),
        "cjstream_fact_value": Metric(
            "gauge", "", ("name", "channel", "currency"),
            "Sum of the values known of a fact; of search_rank divide it by cjstream_facts"),
    },
    "Process": {
        "cjstream_build_info": Metric(
            "gauge", "", ("version", "python", "faust"), "Versions of what runs, always 1"),
        "cjstream_worker_up": Metric(
            "gauge", "", ("worker",), "Whether a worker under a supervisor answered this scrape, 1 or 0"),
        "cjstream_worker_restarts_total": Metric(
            "counter", "", ("worker",), "Starts of a worker by its supervisor after it had ended by itself"),
    },
}  # fmt: skip
METRICS: Mapping[str, Metric] = {name: row for rows in GROUPS.values() for name, row in rows.items()}
SUPERVISOR_METRICS = {
    name: METRICS[name] for name in ("cjstream_worker_up", "cjstream_worker_restarts_total", "cjstream_logs_total")
}
