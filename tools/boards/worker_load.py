"""Of the board *Worker*: what a process uses, and what it works on."""

from tools.boards.model import WARNING, Panel, Query

NAME = "{{instance}} {{worker}}"

MACHINE = [
    Panel(
        title="CPU",
        kind="graph",
        unit="percentunit",
        width=8,
        queries=[Query("rate(process_cpu_seconds_total{<worker>}[$__rate_interval])", NAME)],
        limits=[(0.9, WARNING)],
        means="Share of one core. A worker uses one core at most, and a little for metrics.",
        normal="Under 80 %.",
        do="At 100 % for long with touchpoints waiting: add workers, up to the number of partitions.",
        empty="No such worker",
        runbooks=["CjstreamLagGrowing"],
    ),
    Panel(
        title="Memory",
        kind="graph",
        unit="bytes",
        width=8,
        queries=[Query("process_resident_memory_bytes{<worker>}", NAME)],
        means="Memory that the process holds (RSS).",
        normal="Grows with the customers of the store in memory, and then stays.",
        do="Compare with the limit of its container or unit. `CJSTREAM_STORE=rocksdb` keeps the state on disk.",
        empty="No such worker",
        runbooks=["CjstreamDown"],
    ),
    Panel(
        title="Open files",
        kind="graph",
        unit="percentunit",
        width=8,
        queries=[Query("process_open_fds{<worker>} / process_max_fds{<worker>}", NAME)],
        limits=[(0.8, WARNING)],
        means="Files and connections that are open, of those allowed.",
        normal="A few percent.",
        do="Above 80 %: raise the limit (LimitNOFILE), and report it if it only grows.",
        empty="No such worker",
    ),
]

WORK = [
    Panel(
        title="Waiting, by partition",
        kind="graph",
        width=8,
        queries=[Query("cjstream_lag_records{<worker>}", NAME + " partition {{partition}}")],
        means="Input records that are not durable yet, by the worker that has the partition.",
        normal="Alike for all.",
        do="One worker with all of the lag: it is slow, or its machine is.",
        empty="It has no partition",
        runbooks=["CjstreamLagGrowing"],
    ),
    Panel(
        title="Read and not durable, by partition",
        kind="graph",
        width=8,
        queries=[Query("cjstream_pending_records{<worker>}", NAME + " partition {{partition}}")],
        means="Records in the hands of the worker. It reads no more when there are too many.",
        normal="Up to a few thousand, and often 0.",
        do="High without a change: Kafka does not acknowledge what is written.",
        empty="It has no partition",
        runbooks=["CjstreamPublishFailing"],
    ),
    Panel(
        title="Deadlines ahead, by partition",
        kind="graph",
        width=8,
        queries=[Query("cjstream_deadlines_waiting{<worker>}", NAME + " partition {{partition}}")],
        means="Customers with a stall, window or answer that will run out.",
        normal="Alike for all partitions.",
        do="Nothing.",
        empty="It has no partition",
    ),
    Panel(
        title="Records per batch",
        kind="graph",
        width=8,
        queries=[
            Query(
                "rate(cjstream_batch_records_sum{<worker>}[$__rate_interval])"
                " / (rate(cjstream_batch_records_count{<worker>}[$__rate_interval]) > 0)",
                NAME,
            )
        ],
        means="Mean number of records in a batch. It grows with the load: that is how cjstream gets fast.",
        normal="A few at little load, hundreds at full speed.",
        do="1 at a high load is a sign of slow reading: look at the network.",
        empty="Nothing was processed in this time range",
    ),
    Panel(
        title="Time per batch",
        kind="graph",
        unit="s",
        width=8,
        queries=[
            Query(
                "histogram_quantile(0.95, sum by (instance, worker, le) "
                "(rate(cjstream_batch_seconds_bucket{<worker>}[$__rate_interval])))",
                NAME + " 95 %",
            )
        ],
        means="Time to decode one batch and to advance its customers; 95 % of the batches at most.",
        normal="Under 100 ms.",
        do="One worker much slower than others: its machine is short of CPU.",
        empty="Nothing was processed in this time range",
    ),
    Panel(
        title="Garbage collections",
        kind="graph",
        unit="suffix:/s",
        width=8,
        queries=[
            Query(
                "sum by (instance, worker, generation) (rate(python_gc_collections_total{<worker>}[$__rate_interval]))",
                NAME + " generation {{generation}}",
            )
        ],
        means="Runs of Python's garbage collector per second; those of generation 2 look at all of the memory.",
        normal="Generation 2 less than once in 10 seconds.",
        do="More often: report it, with the number of customers.",
        empty="No such worker",
    ),
]
