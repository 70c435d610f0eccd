"""EVENTS: all that a worker and its supervisor say of themselves, in one table."""

from collections.abc import Mapping
from string import Formatter
from typing import Literal, NamedTuple

Level = Literal["debug", "info", "warning", "error", "critical"]


class Event(NamedTuple):
    """One row. `text` is the sentence, with fields in braces; `more` are fields that it does not show.

    `kind`: None: each line is written; else one line a minute for each combination of values of these fields. `sums`:
    the field of a line that has, besides its own, what the lines left out since the one before had.
    """

    level: Level
    text: str
    help: str  # what it means and what to do
    more: tuple[str, ...] = ()
    kind: tuple[str, ...] | None = None
    sums: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The names of all fields, those in the sentence and those beside it."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name) | {*self.more}


FINE = "Nothing to do."
ALONE = "See that no other worker or tool writes there"

EVENTS: Mapping[str, Event] = {
    # a worker's start and end
    "started": Event(
        "info",
        "cjstream {version} starts as app {app_id}: journeys {journeys}, {partitions} partitions, store {store}",
        "What this worker runs with: each journey with the hash of its definition. No secret is among it.",
        ("brokers", "security", "topics", "data_dir")),
    "pages_open": Event(
        "info", "metrics and health at http://{host}:{port}/metrics", "Where this worker answers."),
    "pages_open_to_all": Event(
        "info", "anybody who can reach {host} may read /metrics; {setting} would ask for a token",
        "Set the token, or see that only your own network reaches the port."),
    "ready": Event("info", "this worker takes input", FINE),
    "not_ready": Event(
        "info", "this worker takes no input: {why}",
        "Normal at a start, a rebalance and a restore. If no `ready` follows, look at what the sentence names."),
    "stop_begun": Event(
        "info", "{signal}: the worker finishes what is under way, commits and ends", "Somebody asked for it."),
    "stopped": Event("info", "stopped: all work under way was finished and committed", FINE),
    "ended": Event(
        "info", "the process ends (exit {exit_code})", "The last line of a worker that was asked to stop."),
    "gave_up": Event(
        "critical", "{why} (exit {exit_code})",
        "The last line of a worker that ends by itself: [exit codes](exit-codes.md) has each sentence and what to do."),
    "uncaught": Event(
        "critical", "an error that nobody took: {why}", "A bug: report it with the log."),
    # partitions
    "partitions_assigned": Event(
        "info", "the group gave this worker partitions {partitions}; came: {came}; left: {left}",
        "A rebalance. Many of them in an hour: see whether workers start again and again."),
    "restore_begun": Event(
        "info", "the state is being restored from {topic}", "Until `partitions_open` some partitions take no input."),
    "restore_ended": Event("info", "{records} records of the state were restored in {seconds:.1f} s", FINE),
    "partitions_open": Event("info", "partitions {partitions} are open", "Input of these is taken now."),
    "totals_made_anew": Event(
        "info", "partition {partition}: totals and deadlines are made anew of all customers",
        "A start after a change of the definitions, or after a stop that was cut short, takes longer."),
    "definition_new": Event(
        "info", "journey {journey} has the definition {definition}, which is new in partitions {partitions}",
        "The first start, or a definition was changed: customers who enter from now on are under it."),
    "definition_changed": Event(
        "info", "journey {journey}: titles or measures of definition {definition} are new in partitions {partitions}",
        "Stages are decided as before; the measures count as they now say."),
    # Kafka
    "broker_away": Event(
        "warning", "Kafka does not answer: this worker waits, and goes on by itself; check the brokers {brokers}",
        "See to the brokers and the network; the worker needs nothing."),
    "broker_back": Event("info", "Kafka answers again", FINE),
    "broker_silent": Event(
        "warning", "Kafka does not answer ({why}); it is asked again",
        "While partitions are opened; after 60 s the worker ends. See to the brokers.", kind=()),
    "broker_asked_in_vain": Event("debug", "Kafka was asked in vain: {why}", FINE),
    "look_refused": Event(
        "warning", "a look at Kafka was refused, work goes on: {why}",
        "A right or a password was changed, say: do what the sentence names before the next start."),
    "publish_slow": Event(
        "warning", "partition {partition}: {records} records took {seconds:.0f} s to become durable",
        "Kafka acknowledges slowly: see to the brokers' disks, and whether replicas are out of sync.", kind=()),
    "deadlines_wait": Event("debug", "deadlines wait: the end of the input is not known: {why}", FINE),
    # records
    "records_rejected": Event(
        "warning",
        "{records} records of {topic} are refused as {reason}, such as partition {partition} offset {offset}",
        "They go to the dead-letter topic: [handle dead letters](../how-to/handle-dead-letters.md).",
        kind=("topic", "reason"), sums="records"),
    "duplicate_conflicts": Event(
        "warning", "{records} records of {topic} repeat an id with another content, such as partition {partition} "
        "offset {offset}",
        "The first one counts. A sender gives one id to two events: mend the sender.", kind=(), sums="records"),
    "records_lost": Event(
        "error",
        "{topic} partition {partition}: {records} input records up to offset {offset} were deleted before they were "
        "read; give the topic a longer retention than a worker may be away or behind, and send them again if there is "
        "a copy", "What the sentence says."),
    "engine_failed": Event(
        "error", "{topic} partition {partition} offset {offset}: the engine failed ({kind}); sent to dead-letter",
        "A bug: report it. `cjstream dead-letter replay` sends the record again after the upgrade.", kind=("kind",)),
    "deadline_failed": Event(
        "error", "partition {partition}: the engine failed on a deadline ({kind}) of {customer_hash}",
        "A bug: report it. The deadline waits for the customer's next touchpoint.", kind=("kind",)),
    "customers_forgotten": Event(
        "info", "{customers} customers are forgotten ({why})",
        "`asked`: by `cjstream forget`; `silent`: by `CJSTREAM_EXPIRE_INACTIVE_SECONDS`.",
        kind=("why",), sums="customers"),
    "foreign_records": Event(
        "error",
        "partition {partition}: somebody else wrote {records} records to {topic} between offsets {first_offset} and "
        "{last_offset}; {hidden_values} values were hidden and are written again. " + ALONE, ALONE + ".",
        kind=("topic", "partition")),
    "scorer_failed": Event(
        "warning", "scorer {scorer} {why}: no score; further failures are only counted",
        "Mend the scorer, or set `CJSTREAM_SENTIMENT__SCORER` to another one."),
    # files
    "secret_readable": Event(
        "warning", "{setting}: every user of this machine may read {path}; run: chmod o-r {path}", "What it says."),
    "store_discarded": Event(
        "warning", "partition {partition}: its store is discarded and made anew of the changelog: {why}",
        "Nothing is lost, the start takes longer. Again and again: see to the disk."),
    "store_not_closed": Event(
        "error", "the local store could not be closed; the next start looks at it anew: {why}", "See to the disk."),
    "files_deleted": Event("info", "files of partitions {partitions}, which left long ago, are deleted", FINE),
    "files_not_deleted": Event(
        "error", "files of partitions that have left cannot be deleted: {why}",
        "See to the disk: they may hold customers who are forgotten."),
    "files_not_purged": Event(
        "error", "partition {partition}: its files still hold what was deleted: {why}",
        "See to the disk: room, rights, health. It is tried again every hour."),
    "markers_stay": Event(
        "warning", "markers of forgotten customers stay for now: {why}", "They are looked at again in an hour."),
    # metrics and health
    "page_failed": Event("error", "{page} failed", "A bug: report it with the log.", kind=("page",)),
    "request_failed": Event(
        "error", "a request for metrics or health failed", "A bug: report it with the log.", kind=()),
    "scrape_failed": Event(
        "error", "no metrics from source {source}", "A bug: report it. The other series are there.", kind=("source",)),
    # the supervisor of `cjstream worker --processes`
    "supervisor_started": Event(
        "info", "metrics and health at http://{host}:{port}/metrics, of {workers} workers", "Where all answer."),
    "worker_started": Event("info", "worker={worker} started, pid {pid}", FINE),
    "worker_not_started": Event(
        "error", "worker={worker} cannot be started: {why}", "The machine has no room for a process: see to it."),
    "worker_silent": Event(
        "error", "worker={worker} did not say for {seconds:.0f} s that it is alive: killed",
        "It is started again. Again and again: see to memory, CPU and agents that block."),
    "worker_restarts": Event(
        "warning", "worker={worker} {why}; starts again in {wait_seconds:g} s", "Its own last line says why.",
        ("exit_code",)),
    "worker_ended": Event(
        "error", "worker={worker} {why}; ending all workers", "A person must act: see the worker's own last line.",
        ("exit_code",)),
    "worker_killed": Event(
        "error", "worker={worker} did not end in time: killed", "It begins anew from its last commit."),
    "workers_spare": Event(
        "warning", "{workers} workers, but the input has {partitions} partition(s): the rest waits",
        "Take fewer processes, or a topic with more partitions."),
    "supervisor_stopping": Event("info", "{signal}: ending all workers", "Somebody asked for it."),
    "supervisor_stopped": Event(
        "info", "stopped: all workers ended (exit {exit_code})", "Not 0 or 130: see [exit codes](exit-codes.md)."),
}  # fmt: skip
