"""How touchpoints flow through: lag, throughput, latency, work and refusals."""

from tools.boards.model import BAD, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, Panel, Query

OUTCOMES = {"applied": GREEN, "ignored": GREY, "duplicate": SKY, "late": ORANGE, "rejected": RED, "erased": PURPLE}
THREE = {"half": GREEN, "95 %": ORANGE, "99 %": RED}


def quantiles(metric: str, name: str = "") -> list[Query]:
    """Return the queries of three quantiles of a histogram of all workers."""
    return [
        Query(
            f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{<job>}}[$__rate_interval])))",
            f"{name}{title}",
        )
        for share, title in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
    ]


FLOW = [
    Panel(
        title="Age of the oldest waiting touchpoint",
        kind="graph",
        unit="s",
        width=8,
        queries=[Query("max by (job, partition) (cjstream_lag_seconds{<job>})", "{{job}} {{partition}}")],
        limits=[(300, BAD)],
        means="By partition. For what is not read yet it is an upper bound.",
        normal="Seconds, alike for all partitions.",
        do="One partition alone: one customer, or one worker. All: too little work is done.",
        runbooks=["CjstreamLagGrowing"],
    ),
    Panel(
        title="Touchpoints waiting, by partition",
        kind="graph",
        width=8,
        queries=[Query("max by (job, partition) (cjstream_lag_records{<job>})", "{{job}} {{partition}}")],
        means="Records that are not processed for good, by partition.",
        normal="Small, and alike for all partitions.",
        do="If it grows for all, add workers; if for one, see whether one key has most records.",
        runbooks=["CjstreamLagGrowing"],
    ),
    Panel(
        title="Touchpoints by outcome",
        kind="graph",
        unit="suffix:/s",
        width=8,
        stacked=True,
        queries=[Query("sum by (outcome) (rate(cjstream_touchpoints_total{<job>}[$__rate_interval]))", "{{outcome}}")],
        colours=OUTCOMES,
        means="Touchpoints processed for good, per second. Ignored ones match no rule, late ones are older than the "
        "lateness, erased ones are of forgotten customers.",
        normal="Mostly applied or ignored.",
        do="Many late or duplicate ones: a sender repeats itself or sends old data. Rejected: see the dead letters.",
        runbooks=["CjstreamNoProgress", "CjstreamDeadLetters"],
    ),
    Panel(
        title="From Kafka to durable",
        kind="graph",
        unit="s",
        width=8,
        queries=quantiles("cjstream_end_to_end_seconds"),
        colours=THREE,
        means="Age of the oldest record of a group, by Kafka's timestamp, when the group was durable: of half of the "
        "groups, of 95 % and of 99 % at most.",
        normal="Under a second at usual load. After a backlog it is as high as the backlog was old.",
        do="If it is high and nothing waits, look at the writes and batches below.",
        empty="Nothing was processed in this time range",
        runbooks=["CjstreamLagGrowing"],
    ),
    Panel(
        title="From Kafka to durable, all groups",
        kind="heatmap",
        unit="s",
        width=8,
        queries=[
            Query("sum by (le) (increase(cjstream_end_to_end_seconds_bucket{<job>}[$__rate_interval]))", "{{le}}"),
        ],
        means="How many groups had which age. Two bands mean two kinds of work: live ones and a backlog.",
        normal="One dark band, low.",
        do="A band that climbs is a backlog that grows.",
        empty="Nothing was processed in this time range",
        runbooks=["CjstreamLagGrowing"],
    ),
    Panel(
        title="Newest touchpoint, behind the clock",
        kind="graph",
        unit="s",
        width=8,
        queries=[
            Query("time() - max by (job) (cjstream_newest_event_timestamp_seconds{<job>})", "{{job}}"),
        ],
        means="How old the newest touchpoint is by its own time.",
        normal="Seconds while customers are active; grows at night.",
        do="If it grows while nothing waits, the senders are late or silent, not cjstream.",
        empty="No touchpoint since the workers started",
        runbooks=["CjstreamChannelSilent"],
    ),
]

WRITES = [
    Panel(
        title="Writing to Kafka",
        kind="graph",
        unit="s",
        width=8,
        queries=[
            Query(
                "histogram_quantile(0.95, sum by (step, le) "
                "(rate(cjstream_publish_seconds_bucket{<job>}[$__rate_interval])))",
                "{{step}} 95 %",
            )
        ],
        colours={"outputs 95 %": BLUE, "changelog 95 %": ORANGE},
        limits=[(60, BAD)],
        means="Time from sending a group to its last acknowledgement: first the outputs, then the changelog.",
        normal="Under 100 ms.",
        do="High: Kafka is slow, or some in-sync replica is missing. At 120 s the worker ends, to stay safe.",
        empty="Nothing was written in this time range",
        runbooks=["CjstreamPublishFailing"],
    ),
    Panel(
        title="Work per batch",
        kind="graph",
        unit="s",
        width=8,
        queries=quantiles("cjstream_batch_seconds"),
        colours=THREE,
        means="Time to decode one batch and to advance its customers.",
        normal="Under 100 ms.",
        do="If it grows with the same batch size, a definition became costly, or the machine is short of CPU.",
        empty="Nothing was processed in this time range",
        links={"Board: Worker": "/d/cjstream-worker/"},
    ),
    Panel(
        title="Dead letters by reason",
        kind="columns",
        width=8,
        stacked=True,
        queries=[
            Query("sum by (reason) (increase(cjstream_dead_letters_total{<job>}[$__rate_interval])) > 0", "{{reason}}")
        ],
        means="Records that were refused, by reason, per step of time.",
        normal="None.",
        do="`cjstream dead-letter ls` shows which, `cjstream dead-letter replay` sends them again, once it is mended.",
        empty="✔ Nothing was refused",
        runbooks=["CjstreamDeadLetters", "CjstreamEngineErrors"],
    ),
]
