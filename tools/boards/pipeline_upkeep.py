"""Restore, rebalances, storage, and what should not happen."""

from tools.boards.model import BAD, GREY, ORANGE, PURPLE, RED, SKY, WARNING, YELLOW, Panel, Query

LEVELS = {"warning": ORANGE, "error": RED, "critical": PURPLE}

RESTORE = [
    Panel(
        title="Restore: records to go",
        kind="graph",
        width=8,
        queries=[
            Query("sum by (instance, worker) (cjstream_restore_remaining_records{<job>})", "{{instance}} {{worker}}")
        ],
        means="Records of the changelog that a worker still reads before it takes touchpoints.",
        normal="0. After a start it falls without a stop.",
        do="If it stands still, see the runbook.",
        empty="No worker tells",
        runbooks=["CjstreamRestoreStuck"],
    ),
    Panel(
        title="Restore: records per second",
        kind="graph",
        unit="suffix:/s",
        width=8,
        queries=[
            Query(
                "sum by (instance, worker) (rate(cjstream_restored_records_total{<job>}[$__rate_interval]))",
                "{{instance}} {{worker}}",
            )
        ],
        means="How fast state comes back.",
        normal="0, but after a start some 10,000 per second.",
        do="Records to go, by this rate, is how long it still takes.",
        empty="No worker tells",
        runbooks=["CjstreamRestoreStuck"],
    ),
    Panel(
        title="Rebalances",
        kind="columns",
        width=8,
        queries=[
            Query("sum by (instance) (increase(cjstream_rebalances_total{<job>}[$__rate_interval]))", "{{instance}}")
        ],
        means="How often a worker got its partitions anew.",
        normal="None between starts and stops of workers.",
        do="One every few minutes: a worker loses its session, mostly for want of CPU or network.",
        empty="No worker tells",
        runbooks=["CjstreamRestarts"],
    ),
    Panel(
        title="Without input at rebalance (bad: 5 min)",
        kind="stat",
        unit="s",
        width=8,
        limits=[(60, WARNING), (300, BAD)],
        queries=[
            Query(
                "histogram_quantile(0.95, sum by (job, le) "
                "(increase(cjstream_rebalance_seconds_bucket{<job>}[$__range]))) >= 0",
                "{{job}} 95 %",
            )
        ],
        means="From losing partitions until input is taken again, restore included; of 95 % of the rebalances in the "
        "time range shown.",
        normal="Seconds.",
        do="Minutes: state is read back from Kafka. With CJSTREAM_STORE=rocksdb a restart reads only what it missed.",
        empty="No rebalance in this time range",
        runbooks=["CjstreamRestoreStuck"],
    ),
    Panel(
        title="State on disk",
        kind="graph",
        unit="bytes",
        width=8,
        stacked=True,
        queries=[Query("sum by (instance, worker) (cjstream_store_bytes{<job>})", "{{instance}} {{worker}}")],
        means="Tables of the local stores, without the log of their newest writes; 0 with the store in memory.",
        normal="Grows with the number of customers.",
        do="See that the volume has twice as much room.",
        empty="No worker tells",
    ),
    Panel(
        title="What should not happen",
        kind="columns",
        unit="none",
        width=8,
        stacked=True,
        queries=[
            Query(f"sum(increase({metric}{{<job>}}[$__rate_interval])) > 0", name)
            for metric, name in (
                ("cjstream_lost_records_total", "lost before they were read"),
                ("cjstream_foreign_records_total", "written by another"),
                ("cjstream_duplicate_conflicts_total", "same id, other content"),
                ("cjstream_stores_discarded_total", "stores made anew"),
                ("cjstream_scrape_errors_total", "errors of metrics"),
            )
        ],
        colours={
            "lost before they were read": RED,
            "written by another": ORANGE,
            "same id, other content": SKY,
            "stores made anew": YELLOW,
            "errors of metrics": GREY,
        },
        means="Input that Kafka deleted before it was read, records of another writer in our topics, "
        "touchpoints that share an id, damaged stores, metrics that failed.",
        normal="None.",
        do="Lost: the input's retention is too short for your stops. Another writer: two apps share an app id. Same "
        "id: a sender reuses ids. The log has one line for each.",
        empty="✔ None of it happened",
        runbooks=["CjstreamLostRecords", "CjstreamScrapeErrors"],
    ),
    Panel(
        title="Log lines by level",
        kind="columns",
        unit="none",
        width=8,
        stacked=True,
        queries=[Query("sum by (level) (increase(cjstream_logs_total{<job>}[$__rate_interval]))", "{{level}}")],
        colours=LEVELS,
        means="Log lines of warning and above, those held back included.",
        normal="None in quiet operation.",
        do="Read them: each says what to do.",
        empty="No worker tells",
    ),
    Panel(
        title="Facts not read yet",
        kind="graph",
        width=8,
        queries=[Query("sum by (job) (cjstream_facts_lag_records{<job>})", "{{job}}")],
        means="Records of the facts topic that wait; until it is 0 the costs and rates of channels are short.",
        normal="0.",
        do="If it stays above 0, look at the logs of the worker that has the facts.",
        empty="No worker reads facts",
    ),
    Panel(
        title="Deadlines ahead",
        kind="graph",
        width=8,
        queries=[Query("sum by (job) (cjstream_deadlines_waiting{<job>})", "{{job}}")],
        means="Customers with a stall, window or answer that will run out.",
        normal="Grows with the number of customers; 0 if no journey sets any.",
        do="Nothing. A sudden 0 is a restore.",
        empty="No worker tells",
    ),
]
